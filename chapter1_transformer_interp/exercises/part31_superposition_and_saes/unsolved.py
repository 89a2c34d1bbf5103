"""In an exercise notebook, an unsolved exercise shows one line instead of a traceback, and `Run all` goes on."""

import ast
import re
import weakref
from types import TracebackType
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

_INSTALLED: "weakref.WeakSet[InteractiveShell]" = weakref.WeakSet()
_EXERCISE = re.compile(r"[A-Za-z_]\w*")


def missing_exercise(error: BaseException) -> str | None:
    """The exercise that `error` says is unsolved, or None if it says something else.

    A stub raises NotImplementedError with the exercise's bare name; torch's own NotImplementedErrors are sentences.
    """
    outcome = getattr(error, "outcome", None)
    if outcome is not None:
        return outcome.exercise if outcome.diagnosis == "unsolved" else None
    if type(error) is NotImplementedError and len(error.args) == 1:
        name = error.args[0]
        return name if isinstance(name, str) and _EXERCISE.fullmatch(name) else None
    return None


def assigned_names(source: str) -> set[str]:
    """Names that a cell binds at its top level by assignment, loops, `with` or `:=`; not its functions and classes."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # magics
        return set()
    names: set[str] = set()
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))
    return names


class _Handler:
    """Remembers which names are missing because of which unsolved exercise.

    What an interrupted cell had already bound is taken away again: a model that was made but could not be trained
    would otherwise be drawn by the next cell as if it were a result.
    """

    def __init__(self, shell: InteractiveShell):
        self.shell = shell
        self.waiting: dict[str, str] = {}  # name -> exercise it waits for
        self.handled: BaseException | None = None

    def on_error(
        self,
        shell: InteractiveShell,
        kind: type[BaseException],
        error: BaseException,
        traceback: TracebackType,
        tb_offset: int | None = None,
    ) -> None:
        exercise = missing_exercise(error)
        if exercise is None and isinstance(error, NameError) and error.name not in shell.user_ns:
            exercise = self.waiting.get(error.name or "")
        if exercise is None:
            shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
            return
        outcome = getattr(error, "outcome", None)
        print(
            " ".join(outcome.message.split())
            if outcome
            else f"○ needs: {exercise}. This cell runs once you have solved it."
        )
        self.handled = error

    def after_cell(self, result: Any) -> None:
        source = result.info.raw_cell or ""
        names = assigned_names(source)
        if result.error_in_exec is None or result.error_in_exec is not self.handled:
            for name in names & self.waiting.keys():
                del self.waiting[name]
            return
        exercise = missing_exercise(self.handled) or self.waiting.get(getattr(self.handled, "name", ""), "")
        for name in names:
            self.waiting[name] = exercise
            self.shell.user_ns.pop(name, None)
        result.error_in_exec = None
        self.handled = None


def continue_past_unsolved() -> None:
    """Install the handler in the running notebook. Every other error stays an error. Does nothing outside IPython."""
    shell = get_ipython()
    if shell is None or shell in _INSTALLED:
        return
    handler = _Handler(shell)
    _INSTALLED.add(shell)
    shell.set_custom_exc((NotImplementedError, NameError, AssertionError), handler.on_error)
    shell.events.register("post_run_cell", handler.after_cell)
