"""An exercise notebook that a learner has filled in is nearly as fast as ours: `python -m benchmarks.notebooks`.

Each exercise notebook is filled with right answers of the bank that none of us wrote for speed, and runs in turn with
its solution notebook, in kernels of their own. The exit status is 1 where it takes more than 1.5 times as long. Beside
that it says which path every training took. Takes as long as all notebooks twice.
"""

import argparse
import ast
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat

from tools.execute import execute
from tools.paths import PART, ROOT

ALLOWED = 1.5
REPORTS = "part31 trainings:"

# Runs first: the bank is found, and every training's report is kept.
BEGIN = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from benchmarks.answers import call_answer
import part31_superposition_and_saes.utils as _utils
_optimize, _reports = _utils.optimize, []
def _kept(*args, **kwargs):
    _reports.append(_optimize(*args, **kwargs))
    return _reports[-1]
_utils.optimize = _kept
_optimize_sae = _utils.optimize_sae
def _kept_sae(model, *args, **kwargs):
    log = _optimize_sae(model, *args, **kwargs)
    _reports.append(model.training_report)
    return log
_utils.optimize_sae = _kept_sae
"""
# Runs last: tells the reports.
END = f"""
import json
print({REPORTS!r} + json.dumps([[r.path, r.data, r.steps, r.seconds, r.reason] for r in _reports]))
"""


def filled(stub: str) -> str:
    """The source of a stub cell with every `raise NotImplementedError("exercise")` replaced by a call of an answer."""
    lines = stub.split("\n")
    for function in ast.walk(ast.parse(stub)):
        if not isinstance(function, ast.FunctionDef):
            continue
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        takes_generator = any(argument.arg == "generator" for argument in function.args.kwonlyargs)
        for statement in function.body:
            exercise = _exercise(statement)
            if exercise:
                arguments = ", ".join([repr(exercise), "generator" if takes_generator else "None", *names])
                lines[statement.lineno - 1] = f"{' ' * statement.col_offset}return call_answer({arguments})"
    return "\n".join(lines)


def _exercise(statement: ast.stmt) -> str | None:
    """The exercise that a `raise NotImplementedError("exercise")` stands for."""
    call = statement.exc if isinstance(statement, ast.Raise) else None
    if isinstance(call, ast.Call) and ast.unparse(call.func) == "NotImplementedError" and call.args:
        return str(ast.literal_eval(call.args[0]))
    return None


def fill(path: Path, folder: Path) -> Path:
    """A copy of an exercise notebook with its stubs filled."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("part31", {}).get("role") == "stub":
            cell.source = filled(cell.source)
    setup = 1 + max(i for i, c in enumerate(notebook.cells) if c.metadata.get("part31", {}).get("role") == "setup")
    notebook.cells.insert(setup, nbformat.v4.new_code_cell(BEGIN))
    notebook.cells.append(nbformat.v4.new_code_cell(END))
    target = folder / path.name
    nbformat.write(notebook, target)
    return target


def trainings(notebook: Any) -> list[list[Any]]:
    """What the last cell of a filled notebook told."""
    for cell in reversed(notebook.cells):
        for output in cell.get("outputs", []):
            text = output.get("text", "")
            if text.startswith(REPORTS):
                return json.loads(text.removeprefix(REPORTS))
    return []


def compare(exercises: Path, turns: int, folder: Path) -> bool:
    """Run both notebooks in turn, print a row and the slow trainings; returns whether the learner's was fast enough."""
    solutions = exercises.with_name(exercises.name.replace("_exercises", "_solutions"))
    copy = fill(exercises, folder)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(turns):
        for path, seconds in ((solutions, ours), (copy, theirs)):
            done = execute(path, folder=PART)
            if done.problems:
                raise SystemExit(f"{path.name} failed: {done.problems[0]}")
            seconds.append(done.seconds)
    reports = trainings(done.notebook)
    ratio = min(theirs) / min(ours)
    fused = sum(path == "fused" for path, *_ in reports)
    print(
        f"| {exercises.stem} | {min(ours):.1f} | {min(theirs):.1f} | {ratio:.2f} | {fused} of {len(reports)} |",
        flush=True,
    )
    for path, data, steps, seconds, reason in reports:
        if (path, data) != ("fused", "fused"):
            print(f"  {path}, batches {data}: {steps} steps in {seconds:.1f} s, because {reason}", file=sys.stderr)
    return ratio <= ALLOWED


def main() -> int:
    """Compare all notebooks, or those whose names begin with what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notebook", default="", help="beginning of a notebook's name, for example 1")
    parser.add_argument("--turns", type=int, default=1, help="runs of each; the fastest counts")
    arguments = parser.parse_args()
    print("| notebook | solutions, s | exercises, filled in, s | ratio | fused trainings |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        paths = sorted(PART.glob(f"{arguments.notebook}*_exercises.ipynb"))
        fast = [compare(path, arguments.turns, Path(folder)) for path in paths]
    return 0 if fast and all(fast) else 1


if __name__ == "__main__":
    sys.exit(main())
