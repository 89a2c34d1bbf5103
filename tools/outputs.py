"""What lies in the outputs of an executed notebook: figures and claims."""

import re
from dataclasses import dataclass
from typing import Any

from .execute import first_line

PLOTLY_MIME = "application/vnd.plotly.v1+json"
CLAIM_MIME = "application/vnd.part31.claim+json"
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Figure:
    """One plotly figure of an executed notebook.

    Attributes:
        notebook: name without the ending.
        cell: position in the notebook, from 1; first_line: of that cell.
        name: the one it has in the cell's metadata, for expected figures; else empty.
        spec: `data` and `layout` (and `frames`), as plotly's JSON has them.
        output: the notebook's output that holds it, for what is to be added there.
    """

    notebook: str
    cell: int
    first_line: str
    name: str
    spec: dict[str, Any]
    output: Any

    @property
    def title(self) -> str:
        """Title without its markup; empty where the figure has none."""
        title = self.spec.get("layout", {}).get("title") or ""
        text = title if isinstance(title, str) else title.get("text") or ""
        return " ".join(_TAG.sub(" ", text).split())

    @property
    def alt(self) -> str:
        """Alt text from `layout.meta["alt"]`; empty where the figure has none."""
        meta = self.spec.get("layout", {}).get("meta")
        alt = meta.get("alt") if isinstance(meta, dict) else None
        return alt.strip() if isinstance(alt, str) else ""

    @property
    def where(self) -> str:
        return f"{self.notebook}, cell {self.cell} ({self.first_line})"


def part31(cell: Any) -> dict[str, Any]:
    """What the build wrote about a cell: section, role, exercise, figure."""
    return dict(cell.metadata.get("part31", {}))


def figures(notebook: Any, name: str) -> list[Figure]:
    """Figures in the order in which the notebook shows them."""
    found = []
    for number, cell in enumerate(notebook.cells, start=1):
        label = part31(cell).get("figure") or ""
        for output in cell.get("outputs", []):
            if PLOTLY_MIME in output.get("data", {}):
                found.append(Figure(name, number, first_line(cell), label, output.data[PLOTLY_MIME], output))
    return found


def claims(notebook: Any) -> list[dict[str, Any]]:
    """Claims in the order in which they were shown, whether they held or not."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [dict(output.data[CLAIM_MIME]) for output in outputs if CLAIM_MIME in output.get("data", {})]


def claims_not_reached(notebook: Any, reached: int) -> int:
    """Cells marked as claims that did not run because the notebook stopped before them.

    Args:
        reached: position, from 1, of the last cell that was begun.
    """
    return sum("claim" in cell.metadata.get("tags", []) for cell in notebook.cells[reached:])
