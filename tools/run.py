"""Execute every solution notebook, all cells, full length; draw every figure on one page; say what held.

Run as `python -m tools.run [--seed 7] [--notebook 1]`. Executed notebooks and figures.html lie in build/ afterwards.
The exit status is 1 if a cell or claim failed, a cell took too long or a kernel died, and 2 if the call was wrong.
"""

import argparse
import base64
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from . import gallery, outputs, pictures
from .console import exit_status, print_table
from .execute import BUILD, CELL_SECONDS, Execution, execute, seed_number, select
from .paths import PART
from .ticker import Ticker

HEADER = ("notebook", "cells", "seconds", "figures", "claims held", "status")
SCALE = 2.0  # pixels of a picture per pixel of its figure


def run(paths: Sequence[Path], seed: int, build: Path = BUILD, cell_seconds: int = CELL_SECONDS) -> int:
    """Execute the notebooks one after the other, whatever happens to each; returns the exit status."""
    build.mkdir(parents=True, exist_ok=True)
    for path in paths:
        (build / path.name).unlink(missing_ok=True)  # a result of an earlier run must not be taken for one of this
    print(f"seed {seed}: {', '.join(path.stem for path in paths)}", flush=True)
    executions = []
    for path in paths:
        executions.append(execute_shown(path, seed, path.parent, cell_seconds))
        write(executions[-1], seed, build)
    figures = [figure for one in executions for figure in outputs.figures(one.notebook, _stem(one))]
    note, undrawn = show_figures(figures, build)
    for one in executions:
        write(one, seed, build)  # again, with the pictures
    print_table(HEADER, [row(one) for one in executions])
    return report(executions, figures, undrawn, note)


def execute_shown(path: Path, seed: int, folder: Path, cell_seconds: int = CELL_SECONDS) -> Execution:
    """Execute a notebook and show how far it is."""
    count = len(nbformat.read(path, as_version=4).cells)
    with Ticker(path.stem) as ticker:
        one = execute(
            path, seed, cell_seconds, folder,
            on_cell=lambda number, line: ticker.show(f"cell {number} of {count}: {line}"),
        )  # fmt: skip
    print(f"{path.stem}  {one.seconds:6.1f} s  {status(one)}", flush=True)
    return one


def write(one: Execution, seed: int, build: Path) -> None:
    """Write an executed notebook, with how its run ended in its metadata."""
    one.notebook.metadata["part31_run"] = {"seed": seed, "status": status(one), "seconds": round(one.seconds, 1)}
    nbformat.write(one.notebook, build / one.name)


def show_figures(figures: Sequence[outputs.Figure], build: Path) -> tuple[str, list[str]]:
    """Write figures.html, and put each picture beside its figure in the notebook's outputs.

    Returns:
        A line on how they are shown, and one for each figure that could not be drawn.
    """
    target = build / "figures.html"
    browser, reason = pictures.find_browser()
    drawn = None
    if browser and figures:
        try:
            drawn = pictures.draw([figure.spec for figure in figures], browser, [SCALE] * len(figures))
        except pictures.PictureError as error:
            reason = str(error)
    note = f"They are interactive, drawn by plotly.js in this page, because {reason}." if reason else ""
    target.write_text(gallery.page(figures, None if reason else drawn or [], note), encoding="utf-8")
    undrawn = []
    for figure, png in zip(figures, drawn or [], strict=False):
        if isinstance(png, Exception):
            undrawn.append(f"{figure.where}: the figure could not be drawn: {png}")
        else:
            figure.output.data["image/png"] = base64.b64encode(png).decode()
    return f"figures: {target}{' (interactive: ' + reason + ')' if reason else ''}", undrawn


def _stem(one: Execution) -> str:
    return one.name.removesuffix(".ipynb")


def failed_claims(one: Execution) -> list[dict[str, Any]]:
    return [claim for claim in outputs.claims(one.notebook) if not claim["holds"]]


def status(one: Execution) -> str:
    return "failed" if one.problems or failed_claims(one) else "ok"


def row(one: Execution) -> tuple[str, ...]:
    """The notebook's line of the table."""
    code = [number for number, cell in enumerate(one.notebook.cells, start=1) if cell.cell_type == "code"]
    ran = sum(number <= one.reached for number in code)
    cells = str(ran) if ran == len(code) else f"{ran} of {len(code)}"
    claims = outputs.claims(one.notebook)
    total = len(claims) + outputs.claims_not_reached(one.notebook, one.reached)
    figures = outputs.figures(one.notebook, _stem(one))
    mute = sum(not figure.alt for figure in figures)
    shown = f"{len(figures)} ({mute} without alt text)" if mute else str(len(figures))
    return _stem(one), cells, f"{one.seconds:.1f}", shown, f"{sum(c['holds'] for c in claims)}/{total}", status(one)


def report(
    executions: Sequence[Execution], figures: Sequence[outputs.Figure], undrawn: Sequence[str], note: str
) -> int:
    """Say what is wrong and where; returns the exit status."""
    print(note)
    for figure in figures:
        if not figure.alt:
            print(f"warning: {figure.where}: the figure has no alt text")
    for line in undrawn:
        print(f"FAILED {line}")
    for one in executions:
        for problem in one.problems:
            print(f"FAILED {_stem(one)}, {problem}")
            if problem.traceback:
                print("    " + "\n    ".join(problem.traceback.splitlines()[-12:]))
        known = "\n".join(problem.error for problem in one.problems)
        for claim in failed_claims(one):
            if f"claim {claim['number']}:" not in known:
                print(f"FAILED {_stem(one)}: claim {claim['number']} does not hold: {claim['statement']}")
    good = not undrawn and all(status(one) == "ok" for one in executions)
    print("every cell ran and every claim held" if good else "FAILED: see above", flush=True)
    return 0 if good else 1


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and run; returns the exit status."""
    parser = argparse.ArgumentParser(prog="tools.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", default="", help="whole number from 0 up; the experiments start from it (0)")
    parser.add_argument("--notebook", default="", help="number of one notebook (all of them)")
    parser.add_argument("--cell-seconds", type=int, default=CELL_SECONDS, help=f"time-out of a cell ({CELL_SECONDS})")
    parser.add_argument("--folder", type=Path, default=PART, help=argparse.SUPPRESS)
    parser.add_argument("--build", type=Path, default=BUILD, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    return exit_status(
        lambda: run(
            select(options.folder, options.notebook), seed_number(options.seed), options.build, options.cell_seconds
        )
    )


if __name__ == "__main__":
    sys.exit(main())
