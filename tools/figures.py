"""Draw the expected figures: the picture of every named figure of the solution notebooks, and its alt text.

Run as `python -m tools.figures`. It executes the solution notebooks from seed 0; `--from-build` takes the ones that
`make run` left in build/. `make notebooks` embeds what it writes to data/expected/.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from . import outputs, pictures
from .console import ToolError, exit_status
from .execute import BUILD, select
from .paths import ALT_TEXTS, EXPECTED, PART
from .run import execute_shown, status

MOST = 40_000  # bytes of one picture
WIDTH = 800  # px of one picture
SEED = 0


class FigureError(ToolError):
    """An expected figure is missing or cannot be written; the message names it."""


def named(path: Path) -> list[str]:
    """Names of the figures that a notebook draws, in order."""
    cells = nbformat.read(path, as_version=4).cells
    return [name for cell in cells if cell.cell_type == "code" and (name := outputs.part31(cell).get("figure"))]


def expected(notebook: Any, path: Path) -> dict[str, outputs.Figure]:
    """The last figure of every cell that has a name for it.

    Raises:
        FigureError: if such a cell shows no figure, or one without alt text.
    """
    last = {figure.name: figure for figure in outputs.figures(notebook, path.stem) if figure.name}
    for name in named(path):
        if name not in last:
            raise FigureError(f"{path.name}: the cell of figure {name!r} shows no plotly figure")
        if not last[name].alt:
            raise FigureError(f"{last[name].where}: figure {name!r} has no alt text (layout.meta['alt'])")
    return last


def executed(path: Path, from_build: Path | None) -> Any:
    """The notebook with its outputs, run now or taken from a folder of executed ones.

    Raises:
        FigureError: if it failed, or the executed one is missing, of another version of the notebook or another seed.
    """
    if from_build is None:
        one = execute_shown(path, SEED, path.parent)
        if status(one) != "ok":
            raise FigureError(f"{path.name} failed: {'; '.join(map(str, one.problems))}")
        return one.notebook
    there = from_build / path.name
    if not there.exists():
        raise FigureError(f"{there} does not exist; run `make run` first")
    notebook = nbformat.read(there, as_version=4)
    if notebook.metadata.get("part31_run", {}) | {"seconds": 0} != {"seed": SEED, "status": "ok", "seconds": 0}:
        raise FigureError(f"{there} failed or ran from another seed; run `make run` first")
    source = nbformat.read(path, as_version=4)
    if [cell.source for cell in source.cells] != [cell.source for cell in notebook.cells]:
        raise FigureError(f"{there} was made from another version of {path.name}; run `make run` first")
    return notebook


def write(figures: Sequence[outputs.Figure], folder: Path) -> None:
    """Write each figure as `<name>.png`.

    Raises:
        FigureError: if one cannot be drawn, or not in `MOST` bytes; or if there is no browser to draw with.
    """
    browser, reason = pictures.find_browser()
    if not browser:
        raise FigureError(f"figures cannot be drawn: {reason}")
    drawn = pictures.draw([figure.spec for figure in figures], browser, [_scale(figure) for figure in figures])
    for figure, png in zip(figures, drawn, strict=True):
        if isinstance(png, Exception):
            raise FigureError(f"{figure.where}: figure {figure.name!r} could not be drawn: {png}")
        small = pictures.shrink(png, MOST)
        if small is None:
            raise FigureError(f"{figure.where}: figure {figure.name!r} does not fit into {MOST:,} bytes; simplify it")
        (folder / f"{figure.name}.png").write_bytes(small)
        print(f"{figure.name}.png  {len(small):,} bytes")


def _scale(figure: outputs.Figure) -> float:
    """Wider figures are drawn `WIDTH` px wide; narrower ones as they are."""
    return min(1.0, WIDTH / pictures.size(figure.spec)["width"])


def update(paths: Sequence[Path], every: Sequence[Path], folder: Path, from_build: Path | None) -> int:
    """Draw the figures of `paths`, keep those of the other notebooks, remove those of none; returns the exit status.

    Args:
        paths: notebooks to draw; every: all there are.
    Raises:
        FigureError: see `expected`, `executed` and `write`; also if two cells have the same name for their figure.
    """
    names = [name for path in every for name in named(path)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FigureError(f"more than one cell draws figure {', '.join(twice)}")
    folder.mkdir(parents=True, exist_ok=True)
    figures: dict[str, outputs.Figure] = {}
    for path in paths:
        figures |= expected(executed(path, from_build), path)
    write(list(figures.values()), folder)
    alt_file = folder / ALT_TEXTS.name
    known = json.loads(alt_file.read_text(encoding="utf-8")) if alt_file.exists() else {}
    alts = known | {name: figure.alt for name, figure in figures.items()}
    alts = {name: alts[name] for name in sorted(names) if name in alts}
    alt_file.write_text(json.dumps(alts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for picture in sorted(folder.glob("*.png")):
        if picture.stem not in names:
            picture.unlink()
            print(f"removed {picture.name}: no notebook draws it any more")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and draw; returns the exit status."""
    parser = argparse.ArgumentParser(prog="tools.figures", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--notebook", default="", help="number of one notebook (all of them)")
    parser.add_argument("--from-build", action="store_true", help="take the executed notebooks in build/")
    parser.add_argument("--folder", type=Path, default=PART, help=argparse.SUPPRESS)
    parser.add_argument("--build", type=Path, default=BUILD, help=argparse.SUPPRESS)
    parser.add_argument("--expected", type=Path, default=EXPECTED, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    from_build = options.build if options.from_build else None
    return exit_status(
        lambda: update(
            select(options.folder, options.notebook), select(options.folder, ""), options.expected, from_build
        )
    )


if __name__ == "__main__":
    sys.exit(main())
