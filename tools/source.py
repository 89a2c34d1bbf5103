"""A section's source as cells: reads the percent format and checks that nothing a learner needs is missing."""

import ast
import textwrap
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jupytext

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
ROLES = {"", "hint", "test", "solution", "see", "answer", "answer-figure"}
MAIN_LINE = "if MAIN:\n"


class SourceError(ValueError):
    """A section's source breaks a rule of the build; the message names file, cell and rule."""


@dataclass(frozen=True)
class Block:
    """One solution cut out of a stub: which exercise, and the code as a reader should see it."""

    exercise: str
    code: str


@dataclass
class Cell:
    """One cell of a source file, with what its header line says about it."""

    file: str
    number: int
    kind: str  # "code" or "markdown"
    text: str
    tags: list[str] = field(default_factory=list)
    role: str = ""
    exercise: str = ""
    exercises: list[str] = field(default_factory=list)
    figure: str = ""

    def error(self, rule: str) -> SourceError:
        first = next(iter(self.text.strip().splitlines()), "(empty)")
        return SourceError(f"{self.file}, cell {self.number} ({first[:60]!r}): {rule}")


def read_section(path: Path) -> list[Cell]:
    """Cells of a section, experiments dedented.

    Raises:
        SourceError: if a header is not understood, or an exercise lacks its heading, stub, test, hint or solution.
    """
    cells = [_cell(path.name, number, raw) for number, raw in enumerate(jupytext.read(path).cells, start=1)]
    _check_exercises(path.name, cells)
    _check_figures(path.name, cells)
    return cells


def _cell(file: str, number: int, raw: Any) -> Cell:
    meta = {key: value for key, value in raw.metadata.items() if key != "lines_to_next_cell"}  # jupytext's own
    known = {name: meta.pop(name) for name in ("tags", "role", "exercise", "exercises", "figure") if name in meta}
    cell = Cell(file, number, raw.cell_type, raw.source, **known)
    if meta:
        raise cell.error(f"unknown keys in the header: {', '.join(sorted(meta))}")
    if cell.role not in ROLES:
        raise cell.error(f"unknown role {cell.role!r}; known are {', '.join(sorted(ROLES - {''}))}")
    if cell.kind == "code" and cell.text.startswith(MAIN_LINE):
        cell.text = textwrap.dedent(cell.text[len(MAIN_LINE) :])
    elif "claim" in cell.tags or cell.role == "test" or cell.figure and cell.kind == "code":
        raise cell.error("a cell that runs something must stand under `if MAIN:`")
    return cell


def _check_exercises(file: str, cells: list[Cell]) -> None:
    stubs = Counter(name for cell in cells for name in cell.exercises)
    found: dict[str, set[str]] = {}
    for cell in cells:
        if cell.exercise:
            found.setdefault(cell.exercise, set()).add(cell.role or "heading")
        if cell.exercises:
            split_solutions(cell)
    for name in sorted(set(stubs) | set(found)):
        missing = {"heading", "test", "hint", "solution"} - found.get(name, set())
        if stubs[name] != 1:
            raise SourceError(f"{file}: exercise {name!r} has {stubs[name]} stub cells, not one")
        if missing:
            raise SourceError(f"{file}: exercise {name!r} has no {', '.join(sorted(missing))} cell")


def _check_figures(file: str, cells: list[Cell]) -> None:
    drawn = Counter(cell.figure for cell in cells if cell.figure and cell.kind == "code")
    shown = Counter(cell.figure for cell in cells if cell.figure and cell.kind == "markdown")
    for name in sorted(set(drawn) | set(shown)):
        if drawn[name] != 1 or shown[name] != 1:
            raise SourceError(
                f"{file}: figure {name!r} is drawn by {drawn[name]} cells and explained by {shown[name]}; "
                "it needs one code cell and one markdown cell (role 'see' or 'answer')"
            )


def split_solutions(cell: Cell) -> tuple[str, list[Block]]:
    """The stub of an exercise cell, and the solutions that were cut out of it.

    Returns:
        The cell's code with each marked block replaced by `raise NotImplementedError("<exercise>")`, and the blocks.
    Raises:
        SourceError: if blocks and exercises do not match in number, or a marker has no partner.
    """
    stub: list[str] = []
    blocks: list[Block] = []
    lines = cell.text.splitlines()
    begun = None
    for number, line in enumerate(lines):
        if line.strip() == BEGIN:
            if begun is not None:
                raise cell.error(f"{BEGIN} inside a solution")
            begun = number
            if len(blocks) < len(cell.exercises):
                name = cell.exercises[len(blocks)]
                stub.append(line.replace(BEGIN, f'raise NotImplementedError("{name}")'))
                blocks.append(Block(name, ""))
            else:
                raise cell.error(f"more solutions than exercises ({len(cell.exercises)})")
        elif line.strip() == END:
            if begun is None:
                raise cell.error(f"{END} without {BEGIN}")
            blocks[-1] = Block(blocks[-1].exercise, _with_signature(cell, lines, begun, number))
            begun = None
        elif begun is None:
            stub.append(line)
    if begun is not None:
        raise cell.error(f"{BEGIN} without {END}")
    if len(blocks) != len(cell.exercises):
        raise cell.error(f"{len(blocks)} solutions for {len(cell.exercises)} exercises")
    return "\n".join(stub), blocks


def _with_signature(cell: Cell, lines: list[str], begin: int, end: int) -> str:
    """The solution between two markers under the line(s) of the function that holds it."""
    functions = [
        node
        for node in ast.walk(ast.parse(cell.text))
        if isinstance(node, ast.FunctionDef) and node.lineno <= begin + 1 and end + 1 <= _last_line(lines, node)
    ]
    body = lines[begin + 1 : end]
    if not functions:
        return textwrap.dedent("\n".join(body))
    function = max(functions, key=lambda node: node.lineno)
    first = min([function.lineno] + [decorator.lineno for decorator in function.decorator_list])
    head = lines[first - 1 : function.body[0].lineno - 1]
    given = _given_lines(lines, function, begin)
    return textwrap.dedent("\n".join(head + given + body))


def _given_lines(lines: list[str], function: ast.FunctionDef, begin: int) -> list[str]:
    """Code that the exercise gives between the docstring and the solution."""
    after = function.body[0]
    start = (after.end_lineno or after.lineno) if ast.get_docstring(function) else after.lineno - 1
    return [line for line in lines[start:begin] if line.strip()]


def _last_line(lines: list[str], node: ast.FunctionDef) -> int:
    """Last line of a function, the closing marker (a comment, which ast does not see) included."""
    last = node.end_lineno or node.lineno
    while last < len(lines) and (not lines[last].strip() or lines[last].strip() == END):
        last += 1
    return last


def solution_text(cell: Cell) -> str:
    """The cell's code with its solutions in place and the markers taken out."""
    return "\n".join(line for line in cell.text.splitlines() if line.strip() not in (BEGIN, END))
