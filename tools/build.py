"""Build the notebooks from the sections: one exercise and one solution notebook for each entry of `NOTEBOOKS`.

Run as `python -m tools.build`; `--check` builds in memory and fails if a committed notebook differs.
The same sources give the same bytes.
"""

import argparse
import base64
import hashlib
import html
import json
import sys
from pathlib import Path
from typing import Any

import nbformat

from .paths import ALT_TEXTS, EXPECTED, NOTEBOOKS, PART, ROOT, SECTIONS
from .source import Cell, SourceError, read_section, solution_text, split_solutions

KINDS = ("exercises", "solutions")
MAX_BYTES = 1_000_000  # of one notebook
SETUP = (Path(__file__).parent / "setup_cell.txt").read_text(encoding="utf-8").strip()
DEVICE = "device = utils.device  # mps, cuda or cpu; the environment variable PART31_DEVICE overrides the choice"
UNSOLVED = "utils.continue_past_unsolved()  # an unsolved exercise shows one line, and `Run all` goes on"


def version() -> str:
    """Version of the course, from pyproject.toml."""
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("version = "))


class Notebook:
    """A notebook under construction: cells are added in order, ids and metadata follow from their content."""

    def __init__(self, name: str, kind: str):
        self.name, self.kind = name, kind
        self.cells: list[Any] = []
        self.ids: set[str] = set()

    def add(self, kind: str, text: str, section: str, role: str, identity: str = "", **about: Any) -> None:
        new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        cell = new(text.strip("\n"))
        cell["id"] = self._unique(identity or f"{section}-{hashlib.sha256(text.encode()).hexdigest()[:10]}")
        meta = {"section": section, "role": role} | {key: value for key, value in about.items() if value}
        cell["metadata"] = {"part31": meta}
        if "claim" in about.get("tags", []):
            cell["metadata"]["tags"] = ["claim"]
            del meta["tags"]
        self.cells.append(cell)

    def _unique(self, wanted: str) -> str:
        wanted, count = wanted.replace("_", "-")[:56], 2
        unique = wanted
        while unique in self.ids:
            unique, count = f"{wanted}-{count}", count + 1
        self.ids.add(unique)
        return unique

    def to_bytes(self) -> bytes:
        notebook = nbformat.v4.new_notebook(cells=self.cells)
        notebook["metadata"] = {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "part31": {"notebook": self.name, "kind": self.kind, "version": version(), "digest": self._digest()},
        }
        nbformat.validate(notebook)
        text = nbformat.writes(notebook, version=4, indent=1, sort_keys=True, ensure_ascii=False)
        data = (text.rstrip("\n") + "\n").encode()
        if len(data) > MAX_BYTES:
            raise SourceError(f"{self.name}_{self.kind}.ipynb has {len(data):,} bytes; at most {MAX_BYTES:,} may be")
        return data

    def _digest(self) -> str:
        content = json.dumps([[cell["id"], cell["source"]] for cell in self.cells])
        return hashlib.sha256(content.encode()).hexdigest()[:12]


def fold(summary: str, text: str) -> str:
    """Markdown that a reader opens by a click."""
    return f"<details>\n<summary>{summary}</summary>\n\n{text.strip()}\n\n</details>"


def picture(figure: str, alts: dict[str, str]) -> str:
    """The expected figure as markdown with a data URI, or a line that says that it is missing."""
    path = EXPECTED / f"{figure}.png"
    if not path.exists():
        print(f"warning: {path.relative_to(ROOT)} is missing; run `make figures`", file=sys.stderr)
        return "*(The expected figure has not been drawn yet.)*"
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(alts.get(figure, figure))}" src="data:image/png;base64,{data}">'


class Builder:
    """Turns the cells of one section into cells of one notebook."""

    def __init__(self, notebook: Notebook, section: str, cells: list[Cell], alts: dict[str, str]):
        self.notebook, self.section, self.alts = notebook, section, alts
        self.cells = [cell for cell in cells if "module-only" not in cell.tags]
        self.exercises_kind = notebook.kind == "exercises"
        self.hints: dict[str, int] = {}
        self.blocks = {
            block.exercise: block.code for cell in cells if cell.exercises for block in split_solutions(cell)[1]
        }

    def add(self, cell: Cell) -> None:
        if cell.kind == "code":
            self._add_code(cell)
        else:
            self._add_markdown(cell)

    def _put(self, cell: Cell, text: str, identity: str = "") -> None:
        role = cell.role or ("stub" if cell.exercises else "heading" if cell.exercise else "text")
        if cell.kind == "code" and role == "text":
            role = "experiment" if cell.figure else "claim" if "claim" in cell.tags else "code"
        about = {"exercise": cell.exercise, "exercises": cell.exercises, "figure": cell.figure, "tags": cell.tags}
        if cell.exercise:
            identity = identity or f"{cell.exercise}-{role}"
        elif cell.exercises:
            identity = f"{cell.exercises[0]}-stub"
        self.notebook.add(cell.kind, text, self.section, role, identity, **about)

    def _add_code(self, cell: Cell) -> None:
        if self.exercises_kind and ("claim" in cell.tags or cell.role == "answer-figure"):
            return
        if cell.exercises:
            self._put(cell, split_solutions(cell)[0] if self.exercises_kind else solution_text(cell))
        else:
            self._put(cell, cell.text)

    def _add_markdown(self, cell: Cell) -> None:
        if cell.role == "hint":
            if self.exercises_kind:
                self.hints[cell.exercise] = number = self.hints.get(cell.exercise, 0) + 1
                self._put(cell, fold(f"Hint {number}", cell.text), f"{cell.exercise}-hint-{number}")
        elif cell.role == "solution":
            code = f"```python\n{self.blocks[cell.exercise]}\n```\n\n"
            self._put(cell, fold("Solution", code + cell.text) if self.exercises_kind else f"**Why.** {cell.text}")
        elif cell.role == "see":
            text = f"{picture(cell.figure, self.alts)}\n\n{cell.text}" if self.exercises_kind else cell.text
            self._put(cell, fold("What you should see", text) if self.exercises_kind else f"**What to see.** {text}")
        elif cell.role == "answer":
            with_picture = self.exercises_kind and cell.figure
            text = f"{cell.text}\n\n{picture(cell.figure, self.alts)}" if with_picture else cell.text
            self._put(cell, fold("Answer", text))
        else:
            self._put(cell, cell.text)


def build(name: str, kind: str) -> bytes:
    """One notebook as the bytes of its file."""
    alts = json.loads(ALT_TEXTS.read_text(encoding="utf-8")) if ALT_TEXTS.exists() else {}
    notebook = Notebook(name, kind)
    builders = [Builder(notebook, stem, read_section(SECTIONS / f"{stem}.py"), alts) for stem in NOTEBOOKS[name]]
    first = builders[0].cells[0]
    if first.kind != "markdown":
        raise first.error("a notebook opens with its title, a markdown cell")
    builders[0].add(first)
    notebook.add("markdown", "## Set-up\n\nRun these two cells; there is nothing to read in them.", name, "text")
    notebook.add("code", SETUP, name, "setup", "setup")
    notebook.add("code", DEVICE if kind == "solutions" else f"{DEVICE}\n{UNSOLVED}", name, "setup", "device")
    for number, builder in enumerate(builders):
        for cell in builder.cells[1 if number == 0 else 0 :]:
            builder.add(cell)
    return notebook.to_bytes()


def build_all() -> dict[Path, bytes]:
    """Every notebook's path and the bytes that belong there."""
    return {PART / f"{name}_{kind}.ipynb": build(name, kind) for name in NOTEBOOKS for kind in KINDS}


def difference(path: Path, wanted: bytes) -> str | None:
    """Where the file at `path` departs from what the sources give, in one line; None where it does not."""
    if not path.exists():
        return f"{path.name} is missing: run `make notebooks`"
    found = path.read_bytes()
    if found == wanted:
        return None
    try:
        ours, theirs = json.loads(wanted)["cells"], json.loads(found)["cells"]
    except (ValueError, KeyError):
        return f"{path.name} is not a notebook any more: run `make notebooks`"
    for number, (our, their) in enumerate(zip(ours, theirs, strict=False), start=1):
        if our != their:
            text = "".join(their.get("source", "")).strip() or "(empty)"
            what = "has outputs" if their.get("outputs") else "differs from its source"
            first = text.splitlines()[0][:60]
            return f"{path.name}, cell {number} ({first!r}) {what}: edit the section, run `make notebooks`"
    differs = "its metadata differs" if len(theirs) == len(ours) else f"it has {len(theirs)} cells, not {len(ours)}"
    return f"{path.name}: {differs} from what its source gives; run `make notebooks`"


def main(arguments: list[str] | None = None) -> int:
    """Write, or with --check compare, every notebook; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a notebook is stale")
    check = parser.parse_args(arguments).check
    try:
        notebooks = build_all()
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    stale = {path: problem for path, data in notebooks.items() if (problem := difference(path, data))}
    for path, problem in stale.items():
        if check:
            print(problem, file=sys.stderr)
        else:
            path.write_bytes(notebooks[path])
            print(f"wrote {path.relative_to(ROOT)} ({len(notebooks[path]):,} bytes)")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
