"""Claims: what a paper says, checked against what this run measured.

A claim is one call in a solution notebook. It shows what was measured beside what is needed and how much room is
left, and raises when it does not hold. The outcome travels in the cell's output under `MIME`, where `make run` counts
it and `make claims` collects it.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, SupportsFloat

from IPython.display import display

from .shipped import repeated_claims

MIME = "application/vnd.part31.claim+json"


class ClaimFailed(AssertionError):
    """What was measured lies outside the bounds of the claim."""

    def _render_traceback_(self) -> list[str]:
        return [f"ClaimFailed: {self}"]


@dataclass(frozen=True)
class Measured:
    """One number of a claim with the bounds it must keep (both inclusive).

    Attributes:
        label: what was measured, with its unit where it has one.
        value: what came out.
        at_least, at_most: the bounds; None where there is none.
    """

    label: str
    value: SupportsFloat  # kept as a float
    at_least: float | int | None = None
    at_most: float | int | None = None

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"Measured({self.label!r}) needs at_least, at_most or both")
        object.__setattr__(self, "value", float(self.value))

    @property
    def margin(self) -> float:
        """Distance to the nearest bound; negative outside, NaN where the value is NaN."""
        value, rooms = float(self.value), []
        if self.at_least is not None:
            rooms.append(value - self.at_least)
        if self.at_most is not None:
            rooms.append(self.at_most - value)
        return min(rooms)

    @property
    def holds(self) -> bool:
        return math.isfinite(float(self.value)) and self.margin >= 0

    def __str__(self) -> str:
        needed = {
            (True, False): f"at least {_short(self.at_least)}",
            (False, True): f"at most {_short(self.at_most)}",
            (True, True): f"{_short(self.at_least)} to {_short(self.at_most)}",
        }[self.at_least is not None, self.at_most is not None]
        return f"{self.label}: {_short(float(self.value))} (needed: {needed}; margin {_short(self.margin)})"


def _short(number: float | int | None) -> str:
    return "none" if number is None else f"{number:.4g}"


@dataclass(frozen=True)
class Claim:
    """A claim as it was shown, ready to be counted (`to_json`) or read (`str`)."""

    number: int
    statement: str
    source: str
    measured: tuple[Measured, ...]

    @property
    def holds(self) -> bool:
        return all(one.holds for one in self.measured)

    def __str__(self) -> str:
        mark = "✓" if self.holds else "✗"
        lines = [f"{mark} claim {self.number}: {self.statement} ({self.source})"]
        lines += [f"  {'' if one.holds else '✗ '}{one}" for one in self.measured]
        if (self.number, self.statement) in (repeated := repeated_claims()):
            held, tried = repeated[self.number, self.statement]
            lines.append(f"  repeated over {tried} other seeds by `make claims`: held on {held}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        measured = [asdict(one) | {"margin": one.margin, "holds": one.holds} for one in self.measured]
        return {
            "number": self.number,
            "statement": self.statement,
            "source": self.source,
            "holds": self.holds,
            "measured": measured,
        }

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": str(self), MIME: self.to_json()}


def claim(number: int, statement: str, measured: list[Measured], source: str) -> None:
    """Show a claim with its measurements, and fail the cell if one of them is out of bounds.

    Args:
        number: the claim's number in the list of claims.
        statement: what the source says, in one line.
        measured: the numbers that decide it; at least one.
        source: paper and place.
    Raises:
        ClaimFailed: if a measurement is outside its bounds or not finite. It is shown, and counted, before that.
        ValueError: if `measured` is empty.
    """
    if not measured:
        raise ValueError(f"claim {number} measures nothing; give at least one Measured")
    shown = Claim(number, statement, source, tuple(measured))
    display(shown)
    if not shown.holds:
        raise ClaimFailed(str(shown))
