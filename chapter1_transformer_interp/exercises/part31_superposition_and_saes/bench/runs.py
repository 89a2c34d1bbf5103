"""The benchmark itself: every class on every kind of data, at one L0, ranked among ours."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import torch as t
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from .. import runtime, solutions
from ..figures.benchmark import plot_benchmark
from ..solutions import ToyModel
from .entries import KINDS, OURS, Entry, Refused, entries_of
from .measuring import MEASURES, at_target, measure
from .search import two_settings
from .stored import Line, stored_lines
from .table import table_of
from .training import hidden_rows, train

TARGET_L0 = 2.0  # as many latents as features are on in the mean row
N_MODELS, N_TUNING = 5, 2  # models that are reported, and other ones on which settings are searched
STEPS = 1_000  # of each training
SEED = 3_000  # of the models that are reported; those of the search have the next one
ROWS = 4_000  # to measure on
MOST_SETTINGS = 4  # that are trained on the reported models


@dataclass(repr=False)
class Benchmark:
    """What `bench_saes` found.

    Attributes:
        lines: one for each kind of data and class, its numbers as lists over models.
        by: the measure that ranks.
        seconds: how long it took.
    """

    lines: list[Line] = field(default_factory=list)
    by: str = "matching"
    seconds: float = 0.0

    @property
    def table(self) -> pd.DataFrame:
        """Ranked: one row for each kind of data and class, means with the half widths of their 95 % intervals."""
        return table_of(self.lines, self.by)

    @property
    def refused(self) -> list[str]:
        """One line for each class that could not be ranked on a kind of data."""
        return [f"{line.sae} on {line.data} features: {line.note}" for line in self.lines if line.note]

    def plot(self, title: str | None = None) -> go.Figure:
        """Every class on every kind of data, with intervals; without a title it says who comes first where."""
        return plot_benchmark(self.table, self.by, title)

    def values(self, data: str, sae: str, measure: str = "matching") -> Float[Tensor, " inst"]:
        """One measure, model by model.

        Raises:
            KeyError: if there is no such line, or it was not ranked.
        """
        for line in self.lines:
            if (line.data, line.sae) == (data, sae) and not line.note:
                return t.tensor(line.measured[measure])
        raise KeyError(f"{sae} was not ranked on {data} features")

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>✗ {line}</p>" for line in self.refused)
        return f"{self._shown().to_html()}{notes}"

    def __repr__(self) -> str:
        return "\n".join([self._shown().to_string(), *(f"✗ {line}" for line in self.refused)])

    def _shown(self) -> pd.DataFrame:
        """The table without what is the same in every row, or is said below it."""
        return self.table.drop(columns=["whose", "L0", "note"], errors="ignore").round(3)


@dataclass(frozen=True)
class Ground:
    """One kind of data: models to search settings on, models to report, and rows to measure on."""

    kind: str
    tuning: ToyModel
    reported: ToyModel
    seed: int

    @classmethod
    def make(cls, kind: str, n_models: int, steps: int, seed: int) -> "Ground":
        tuning, reported = (
            solutions.model_for(kind, n, t.Generator(runtime.device).manual_seed(one), steps)
            for n, one in ((N_TUNING, seed + 1), (n_models, seed))
        )
        return cls(kind, tuning, reported, seed)

    def run(self, entry: Entry, value: float, steps: int, tuning: bool) -> dict[str, Float[Tensor, " inst"]]:
        """Train on one of the two sets of models, and measure. Every class draws the same random numbers."""
        models = self.tuning if tuning else self.reported
        generator = t.Generator(runtime.device).manual_seed(self.seed + 10 + tuning)
        sae = train(entry, value, models, generator, steps)
        rows = hidden_rows(models, ROWS, t.Generator(runtime.device).manual_seed(self.seed + 20 + tuning))
        return measure(sae, models, *rows)


def bench_saes(
    classes: Any = None,
    kinds: Sequence[str] = KINDS,
    *,
    target_l0: float = TARGET_L0,
    n_models: int = N_MODELS,
    steps: int = STEPS,
    ours: str = "stored",
    by: str = "matching",
    seed: int = SEED,
    progress: bool = True,
) -> Benchmark:
    """Rank autoencoders, yours among ours, on toy models of 100 features in 20 dimensions, all at the same L0.

    For each class and kind of data a short search on two models of their own finds two settings whose L0s lie around
    `target_l0`. At both, an autoencoder is trained on each of `n_models` other models, and every measure of every
    model is interpolated to `target_l0` (`at_equal_l0`). Where two settings do not enclose a model's L0, up to two
    more are trained; in the end an L0 within 2 % will do, else the model is left out. A class that cannot be trained,
    gives wrong shapes or NaN, or cannot reach that L0 is told so in one line; all others are ranked.

    Args:
        classes: yours, a dict by name: a class with the interface of `ToySAE`, or an `Entry` where it needs another
            setting than `cfg.sparsity_coeff`, or values of its own to start from. None for ours alone.
        kinds: of data, from "independent", "paired", "hierarchical" and "Zipf".
        target_l0: latents on in the mean row, for all.
        n_models: models that are reported, at least 2.
        steps: of every training.
        ours: "stored" for our kinds from the file that the repo ships (made with the defaults of this function),
            "train" to train them here, which takes minutes, "none" to leave them out.
        by: what ranks: "matching", "F1", "explained" or "dead".
        seed: of the models.
        progress: whether to show a bar.
    Returns:
        A `Benchmark`: `.table`, `.plot()`, `.refused`.
    Raises:
        TypeError, ValueError: if an argument is out of range. What a class does wrong is in `.refused`.
    """
    entries = entries_of({} if classes is None else classes)
    _check(kinds, target_l0, n_models, steps, ours, by)
    started = time.perf_counter()
    result = Benchmark(by=by)
    if ours == "stored":
        result.lines += stored_lines(kinds, target_l0)
    elif ours == "train":
        entries = {**OURS, **entries}
    with tqdm(total=len(kinds) * len(entries), disable=not (progress and entries), desc="bench", unit="class") as bar:
        for line in _lines(entries, kinds, target_l0, n_models, steps, seed, bar):
            result.lines.append(line)
    result.lines.sort(key=lambda line: list(kinds).index(line.data))
    result.seconds = time.perf_counter() - started
    return result


def _check(kinds: Sequence[str], target_l0: float, n_models: int, steps: int, ours: str, by: str) -> None:
    if isinstance(kinds, str) or not kinds or set(kinds) - set(KINDS):
        raise ValueError(f"kinds={kinds!r} must be a list of some of {', '.join(KINDS)}")
    if not 0 < target_l0 <= 100:
        raise ValueError(f"target_l0={target_l0!r} must be above 0 and at most 100, the number of latents")
    for name, value, least in (("n_models", n_models, 2), ("steps", steps, 1)):
        if not (isinstance(value, int) and value >= least):
            raise ValueError(f"{name}={value!r} must be a whole number, {least} or more")
    if ours not in ("stored", "train", "none"):
        raise ValueError(f"ours={ours!r} must be 'stored', 'train' or 'none'")
    if by not in MEASURES:
        raise ValueError(f"by={by!r} must be one of {', '.join(MEASURES)}")


def _lines(
    entries: Mapping[str, Entry], kinds: Sequence[str], target: float, n_models: int, steps: int, seed: int, bar: Any
) -> Iterator[Line]:
    """A line as soon as it is there: what fails later takes nothing away."""
    for kind in kinds if entries else ():
        ground = Ground.make(kind, n_models, STEPS, seed)
        for name, entry in entries.items():
            bar.set_description(f"{name} on {kind} features")
            try:
                yield run_entry(ground, entry, target, steps)
            except Refused as refusal:
                yield Line(kind, name, target, note=str(refusal))
            bar.update()


def run_entry(ground: Ground, entry: Entry, target: float, steps: int) -> Line:
    """One class on one kind of data, at the target L0.

    Raises:
        Refused: if it cannot be ranked.
    """
    whole = entry.takes_whole_numbers

    def on_tuning_models(value: float) -> tuple[float, float]:
        measured = ground.run(entry, value, steps, tuning=True)
        return measured["L0"].mean().item(), measured["matching"].mean().item()

    low, high = two_settings(on_tuning_models, entry.values_for(ground.kind), target, whole, entry.knob)
    settings = [low, high]
    runs = [ground.run(entry, value, steps, tuning=False) for value in settings]
    while len(settings) < MOST_SETTINGS:
        l0s = t.stack([run["L0"] for run in runs])
        too_high, too_low = bool((l0s > target).all(dim=0).any()), bool((l0s < target).all(dim=0).any())
        if not (too_high or too_low):
            break
        further = _further(settings, low, high, too_high, whole)
        if further in settings:
            break
        settings.append(further)
        runs.append(ground.run(entry, settings[-1], steps, tuning=False))
    measured = at_target(runs, target)
    if measured["matching"].isnan().all():
        l0s = t.stack([run["L0"] for run in runs])
        raise Refused(
            f"L0 is {l0s.min().item():.2g} to {l0s.max().item():.2g} on the reported models with the settings that fit "
            f"the others; it must reach {target:g}"
        )
    lists = {name: [round(one, 5) for one in numbers.tolist()] for name, numbers in measured.items()}
    l0_lists = [[round(one, 4) for one in run["L0"].tolist()] for run in runs]
    return Line(ground.kind, entry.name, target, [float(f"{one:.5g}") for one in settings], l0_lists, lists)


def _further(settings: list[float], low: float, high: float, too_high: bool, whole: bool) -> float:
    """A setting beyond those tried: towards a lower L0 if some model's is too high, else towards a higher one."""
    end, other = (low, high) if too_high else (high, low)
    upwards = end > other
    if whole:
        return max(settings) + 1 if upwards else max(1.0, min(settings) - 1)
    factor = max(end / other, other / end, 1.05)
    return max(settings) * factor if upwards else min(settings) / factor
