"""What a learner's test finds: one value with a text, an HTML and a JSON face, the same in notebooks and graders.

To change how all outcomes look, change this file.
"""

import html
import json
from dataclasses import dataclass
from typing import Any

from IPython import get_ipython
from IPython.display import display

MIME = "application/vnd.part31.outcome+json"
MAX_CHARACTERS = 600
MAX_LINES = 12
PASSED, UNSOLVED = "passed", "unsolved"
_COLOURS = {"✓": "#2e8b57", "✗": "#d03050", "○": "#808080"}


class Failure(Exception):
    """Ends a check: what is wrong with the answer, before it becomes an outcome.

    Attributes:
        diagnosis: short stable key, such as "bias-after-relu" or "shape".
        headline: what is wrong, one line.
        details: further lines; what to do about it first.
    """

    def __init__(self, diagnosis: str, headline: str, *details: str):
        super().__init__(diagnosis, headline, *details)
        self.diagnosis = diagnosis
        self.headline = headline
        self.details = details


@dataclass
class Outcome:
    """What a test found.

    Attributes:
        exercise: name of the exercise.
        passed: whether the answer is right.
        diagnosis: "passed", "unsolved", or the key of what is wrong.
        message: what the learner reads; at most 600 characters in 12 lines.
        seconds: how long the test ran.
    """

    exercise: str
    passed: bool
    diagnosis: str
    message: str
    seconds: float

    def __post_init__(self) -> None:
        self.message = fit(self.message)
        self._shown_in: int | None = None  # number of the cell that shows it already

    def __str__(self) -> str:
        return self.message

    def to_json(self) -> str:
        fields = ("exercise", "passed", "diagnosis", "message", "seconds")
        return json.dumps({name: getattr(self, name) for name in fields}, ensure_ascii=False)

    def show(self) -> None:
        """Show it at once: in a notebook in the cell's output, elsewhere as a printed line."""
        shell = get_ipython()
        if shell is None:
            print(self.message)
            return
        self._shown_in = shell.execution_count
        faces = {"text/plain": self.message, "text/html": self._repr_html_(), MIME: json.loads(self.to_json())}
        display(faces, raw=True)

    def _repr_html_(self) -> str:
        mark, text = self.message[:1], html.escape(self.message[1:])
        coloured = f'<span style="color: {_COLOURS.get(mark, "inherit")}">{html.escape(mark)}</span>'
        return f'<pre style="margin: 0; white-space: pre-wrap">{coloured}{text}</pre>'

    def _ipython_display_(self) -> None:
        """Called when it is the last value of a cell: show it, unless that same cell has shown it already."""
        shell = get_ipython()
        if shell is None or shell.execution_count != self._shown_in:
            self.show()


class TestFailed(AssertionError):
    """An answer is wrong, or not written yet. Carries the outcome as `.outcome`."""

    __test__ = False  # pytest would take it for a class of tests

    def __init__(self, outcome: Outcome):
        super().__init__(outcome)
        self.outcome = outcome

    def __str__(self) -> str:
        return self.outcome.message

    def _render_traceback_(self) -> list[Any]:
        """What IPython shows in place of a traceback."""
        return self.outcome.message.split("\n")


def passed_message(exercise: str, checked: str) -> str:
    return f"✓ {exercise}: {checked}"


def failed_message(exercise: str, failure: Failure) -> str:
    """The mark, the exercise and the headline; details follow, one a line, indented."""
    mark = "○" if failure.diagnosis == UNSOLVED else "✗"
    return "\n  ".join([f"{mark} {exercise}: {failure.headline}", *failure.details])


def fit(message: str) -> str:
    """Cut a message to `MAX_LINES` lines and `MAX_CHARACTERS` characters; a cut shows as an ellipsis."""
    lines = message.split("\n")
    if len(lines) > MAX_LINES:
        message = "\n".join([*lines[: MAX_LINES - 1], "  …"])
    return message if len(message) <= MAX_CHARACTERS else message[: MAX_CHARACTERS - 1] + "…"
