"""One line of the benchmark, and the file with the lines of our own kinds that the repo ships."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..shipped import DATA

STORED = DATA / "bench.json"


@dataclass
class Line:
    """One class on one kind of data.

    Attributes:
        data: kind of data.
        sae: name of the class.
        target: the L0 that all are compared at.
        settings: of its sparsity setting, that were trained on the reported models.
        l0: of each setting, L0 over models.
        measured: by measure, its values at the target over models; NaN for a model that was not enclosed.
        note: why it could not be ranked; empty where it was.
    """

    data: str
    sae: str
    target: float
    settings: list[float] = field(default_factory=list)
    l0: list[list[float]] = field(default_factory=list)
    measured: dict[str, list[float]] = field(default_factory=dict)
    note: str = ""


def stored_lines(kinds: Sequence[str], target: float, path: Path = STORED) -> list[Line]:
    """The stored lines of these kinds of data.

    Raises:
        ValueError: if they were made at another L0.
    """
    lines = [_read(one) for one in json.loads(path.read_text(encoding="utf-8"))["lines"]]
    made_at = sorted({line.target for line in lines})
    if any(not math.isclose(one, target) for one in made_at):
        raise ValueError(
            f"target_l0={target:g}: our own results are stored at L0 {made_at[0]:g}; "
            "take that, or ours='train' to train ours at yours"
        )
    return [line for line in lines if line.data in kinds]


def made_by(path: Path = STORED) -> dict[str, Any]:
    """Who made the stored lines: command, seed, versions, machine, seconds."""
    return dict(json.loads(path.read_text(encoding="utf-8"))["made_by"])


def store(lines: Sequence[Line], made_by: dict[str, Any], path: Path = STORED) -> None:
    """Write lines as the file that is shipped; NaN becomes null."""
    rows = ",\n".join(json.dumps(_written(line), ensure_ascii=False) for line in lines)
    path.write_text(f'{{"made_by": {json.dumps(made_by)},\n"lines": [\n{rows}\n]}}\n', encoding="utf-8")


def _written(line: Line) -> dict[str, Any]:
    measured = {name: [None if math.isnan(one) else one for one in values] for name, values in line.measured.items()}
    return asdict(line) | {"measured": measured}


def _read(content: dict[str, Any]) -> Line:
    measured = {
        name: [math.nan if one is None else one for one in values] for name, values in content["measured"].items()
    }
    return Line(**{**content, "measured": measured})
