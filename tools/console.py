"""What the tools share on the command line: exit statuses and tables."""

import sys
from collections.abc import Callable, Sequence


class UsageError(ValueError):
    """What the user asked for cannot be done; the message says what can."""


class ToolError(RuntimeError):
    """A tool could not do its work; the message says what is wrong and where."""


class Interrupted(Exception):
    """Somebody pressed Ctrl-C while a notebook ran."""


def exit_status(action: Callable[[], int]) -> int:
    """Do `action`; its status, or 2 if the call was wrong, 1 if the tool failed, 130 after Ctrl-C, with a line why."""
    try:
        return action()
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except ToolError as error:
        print(f"FAILED {error}", file=sys.stderr)
        return 1
    except (Interrupted, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return 130


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they need to be, between two empty lines."""
    widths = [max(len(line[column]) for line in (header, *rows)) for column in range(len(header))]
    print()
    for line in (header, tuple("-" * width for width in widths), *rows):
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    print(flush=True)
