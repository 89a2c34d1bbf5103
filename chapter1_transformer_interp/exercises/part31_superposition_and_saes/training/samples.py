"""Does a sample of batches follow a law? Statistics with next to no false alarms.

A false alarm costs time alone (the model's own `generate_batch` is used); a miss would train on the wrong data. So
every sample is drawn where these tests are strong (see `probe.py`), and each looks for something a person may write.
"""

import math
from dataclasses import replace
from itertools import combinations_with_replacement

import torch as t
from jaxtyping import Float
from torch import Tensor

from .data import DataLaw

Scores = Float[Tensor, "batch inst feats"]

# Each statistic is bounded so that chance exceeds it with a probability of about e^-RARE, 1e-11.
RARE = 25.0
# Fewer expected events than this are no normal distribution yet; such columns are judged by their sums alone.
ENOUGH = 25.0
# `torch.rand` returns exactly 0 once in 2^24: a feature that is on may then look off.
ACCIDENTS = 3
# Magnitudes whose distribution is looked at.
SORTED = 2**14
# Rows among which copies are looked for: among many more, rows of one or two features agree by chance.
ROWS = 2**12

MEAN = {"uniform": 0.5, "half-normal": math.sqrt(2 / math.pi), "signed": 0.0}
VARIANCE = {"uniform": 1 / 12, "half-normal": 1 - 2 / math.pi, "signed": 1 / 3}


class Sample:
    """Batches that were drawn one after the other, beside the law that they should follow."""

    def __init__(self, calls: list[Tensor], law: DataLaw):
        self.law = law = replace(law, probability=law.probability.cpu())  # mps has no double precision
        self.batch = t.cat([call.detach().cpu() for call in calls])
        self.is_on = self.batch != 0
        self.chance = law.chance_of_on(self.is_on).to(self.batch.dtype)
        self.on = self.is_on.to(self.chance.dtype) - self.chance
        magnitude = self.batch - MEAN[law.magnitude] if MEAN[law.magnitude] else self.batch
        self.magnitude = magnitude * (self.is_on / math.sqrt(VARIANCE[law.magnitude]))
        # Signs that are independent hide sizes that are not.
        self.size = (self.batch.abs() - 0.5) * (self.is_on * math.sqrt(12)) if law.magnitude == "signed" else None

    def departure(self) -> str | None:
        """How single entries differ from the law, in words; None where they do not."""
        if not self.batch.isfinite().all():
            return "values that are NaN or infinite"
        impossible = t.where(self.is_on, self.chance <= 0, self.chance >= 1)
        if impossible.sum() > ACCIDENTS:
            return "features that are on where they cannot be, or off where they must be on"
        on_variance = (self.chance * (1 - self.chance)).sum(0, dtype=t.float64)
        return (
            _mean_departs(self.on, on_variance, "how often features are on")
            or _mean_departs(self.magnitude, self.is_on.sum(0, dtype=t.float64), "the mean magnitude")
            or _magnitudes_depart(self.batch[self.is_on], self.law)
        )

    def dependence(self) -> str | None:
        """How entries depend on each other though the law says that they do not, in words; else None.

        Strong only where features are on neither rarely nor nearly always.
        """
        if _repeated_rows(self.batch) > ACCIDENTS:
            return "rows that come more than once"
        on = _unit(self.on, (self.chance * (1 - self.chance)).mean(0))
        magnitude = _unit(self.magnitude, self.law.probability.to(on.dtype))
        scores = [on, magnitude]
        if self.size is not None:
            scores.append(_unit(self.size, self.law.probability.to(on.dtype)))
        for first, second in combinations_with_replacement(scores, 2):
            if _correlated(first.transpose(0, 1), second.transpose(0, 1), symmetric=first is second):
                return "features of one instance that depend on each other"
        for score in scores:
            same_feature = score.permute(2, 0, 1)
            if _correlated(same_feature, same_feature, symmetric=True):
                return "instances that depend on each other"
        return "rows that depend on each other" if any(_rows_depend(on + score) for score in scores[1:]) else None


def _unit(score: Scores, variance: Float[Tensor, "inst feats"]) -> Scores:
    """Scores of variance 1; columns that cannot vary become 0."""
    return score * t.where(variance > 0, variance, t.inf).rsqrt()


def _exceeds(z: Tensor) -> bool:
    """Whether numbers that should be independent standard normals are too large, too small, or off centre together."""
    count = z.numel()
    if count == 0:
        return False
    squares = z.square().sum().item()
    spread = 2 * math.sqrt(count * RARE)  # Laurent and Massart 2000, lemma 1, for both tails of chi squared
    return (
        not count - spread <= squares <= count + spread + 2 * RARE
        or z.abs().max().item() > math.sqrt(2 * (RARE + math.log(count)))
        or abs(z.sum().item()) > math.sqrt(2 * RARE * count)
    )


def _mean_departs(score: Scores, variance: Float[Tensor, "inst feats"], what: str) -> str | None:
    """Whether scores of mean zero have another mean: altogether, by instance, by feature, or in single columns."""
    total = score.sum(0, dtype=t.float64)
    # With few events in all, Bernstein's inequality in place of the normal distribution.
    if total.sum().abs() > t.sqrt(2 * RARE * variance.sum()) + 2 * RARE / 3:
        return what
    for over in ((1,), (0,), ()):
        sums, spread = (x.sum(over) if over else x for x in (total, variance))
        enough = spread > ENOUGH
        if _exceeds(sums[enough] / spread[enough].sqrt()):
            return what
    return None


def _magnitudes_depart(values: Float[Tensor, " on"], law: DataLaw) -> str | None:
    """Range, and the test of Kolmogorov and Smirnov on some of the values."""
    low, high = (-1.0 if law.magnitude == "signed" else 0.0), (math.inf if law.magnitude == "half-normal" else 1.0)
    if values.numel() == 0:
        return None
    if values.min() < low or values.max() > high:
        return "the range of magnitudes"
    # Of many uniform numbers one lies near either end.
    margin = (high - low) * RARE / len(values)
    if law.magnitude != "half-normal" and (values.min() > low + margin or values.max() < high - margin):
        return "the range of magnitudes"
    some = values[:: 1 + len(values) // SORTED]
    ordered = some.double().sort().values
    expected = t.erf(ordered / math.sqrt(2)) if law.magnitude == "half-normal" else (ordered - low) / (high - low)
    found = t.arange(1, len(ordered) + 1, dtype=t.float64, device="cpu") / len(ordered)
    gap = t.maximum((found - expected).max(), (expected - found).max() + 1 / len(ordered))
    return "the distribution of magnitudes" if gap * math.sqrt(len(ordered)) > math.sqrt(RARE / 2) else None


def _correlated(
    left: Float[Tensor, "many batch place"], right: Float[Tensor, "many batch place"], symmetric: bool
) -> bool:
    """Whether any scores that stand at different places are correlated."""
    products = t.bmm(left.mT, right) / math.sqrt(left.shape[1])
    above = t.ones(products.shape[1:], device=products.device).triu(1).bool()
    z = products[:, above] if symmetric else t.cat([products[:, above], products.mT[:, above]])
    return _exceeds(z[z != 0])  # exactly 0: a column that cannot vary


def _repeated_rows(batch: Tensor) -> int:
    """How many of some thousand rows, in which anything is on, are copies of others."""
    batch = batch[:: 1 + len(batch) // ROWS]
    columns = t.arange(1, batch[0].numel() + 1, dtype=t.float64, device="cpu")
    fingerprints = batch.flatten(1).double() @ columns.sqrt()
    return int((fingerprints[fingerprints != 0].sort().values.diff() == 0).sum())


def _rows_depend(score: Scores) -> bool:
    """Whether rows are correlated with the rows any number of places further on (by a Fourier transform)."""
    rows = len(score)
    columns = score.flatten(1).T
    power = t.view_as_real(t.fft.rfft(columns, n=2 * rows)).square().sum((0, 2))
    pairs = t.arange(rows - 1, 0, -1, device="cpu")
    z = t.fft.irfft(power)[1:rows] / (pairs * columns.square().mean(1).square().sum()).sqrt()
    return _exceeds(z[pairs * len(columns) > 16 * ENOUGH])
