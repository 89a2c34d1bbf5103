"""The law that a random batch of sparse features follows, and what the checks of masks and magnitudes share."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .outcome import Failure


@dataclass(frozen=True)
class WrongProbability:
    """A known mistake about how often features are on.

    Attributes:
        key: the diagnosis.
        text: headline, and further lines where they help.
        probability: how often each feature is then on, `[inst feats]`.
    """

    key: str
    text: str
    probability: np.ndarray


@dataclass(frozen=True)
class Law:
    """What a right batch follows: features on with `probability`, magnitudes uniform on [0, 1], all independent.

    Only the two features of a pair depend on each other. Pair k is columns 2k and 2k + 1; correlated pairs come first.

    Attributes:
        probability: `[inst feats]`; equal for the two of a pair.
        n_correlated: pairs that are on together.
        n_anticorrelated: pairs that are never on together.
        wrong_probabilities: known mistakes; the one that fits best is named.
    """

    probability: np.ndarray
    n_correlated: int = 0
    n_anticorrelated: int = 0
    wrong_probabilities: Sequence[WrongProbability] = field(default=())

    @property
    def n_pairs(self) -> int:
        return self.n_correlated + self.n_anticorrelated

    def joint(self) -> np.ndarray:
        """How often each two of all inst * feats features are on together; its diagonal is `probability`."""
        p = self.probability.ravel()
        joint = np.outer(p, p)
        np.fill_diagonal(joint, p)
        for pair in range(self.n_pairs):
            a = np.arange(self.probability.shape[0]) * self.probability.shape[1] + 2 * pair
            joint[a, a + 1] = joint[a + 1, a] = p[a] if pair < self.n_correlated else 0.0
        return joint

    def units(self) -> np.ndarray:
        """Number of the pair, or of the single feature, that each of all inst * feats features belongs to."""
        feats = np.arange(self.probability.shape[1])
        return np.tile(
            np.minimum(feats // 2, self.n_pairs) + np.maximum(feats - 2 * self.n_pairs, 0), len(self.probability)
        )

    def kind_of_unit(self) -> str:
        return "pairs" if 2 * self.n_pairs == self.probability.shape[1] else "features"


def place(inst: int, feat: int) -> str:
    return f"feature {feat} of instance {inst}"


def worst_pair(excess: np.ndarray, n_feats: int) -> tuple[int, int, str]:
    """The two of all inst * feats features that break the law most, and their names."""
    a, b = (int(i) for i in np.unravel_index(np.argmax(excess), excess.shape))
    return a, b, f"{place(*divmod(a, n_feats))} and {place(*divmod(b, n_feats))}"


def explain_dependence(dependent: np.ndarray, law: Law, what: str, shared: str, detail: str) -> Failure:
    """Name the axis along which a draw was shared, from the pairs (upper triangle) that depend on each other."""
    a, b = np.nonzero(dependent)
    units, n_feats = law.units(), law.probability.shape[1]
    same_inst, same_unit = a // n_feats == b // n_feats, units[a] == units[b]
    kind = law.kind_of_unit()
    if (same_inst & same_unit).all():
        axis, advice = "the two of a pair", "Give the draw 2 * pairs entries, not one a pair."
    elif same_unit.all():
        axis, advice = "instances", "Give the draw an inst axis of its own: size n_inst, not 1."
    elif same_inst.all():
        axis, advice = kind, f"Give the draw an axis of its own for {kind}, not one of size 1."
    else:
        axis, advice = f"instances and {kind}", f"Give the draw axes for batch, inst and {kind}, none of size 1."
    key = "pair" if axis == "the two of a pair" else axis.replace(" ", "-")
    return Failure(f"{what}-shared-{key}", f"{shared} by {axis}.", advice, detail)


def row_pairs(n_rows: int) -> tuple[tuple[str, slice, slice], ...]:
    """Rows to compare, each in one pair only: neighbours, and the two halves (two calls) row by row."""
    half = n_rows // 2
    return (
        ("neighbouring rows", slice(0, None, 2), slice(1, None, 2)),
        ("rows of two batches", slice(0, half), slice(half, None)),
    )
