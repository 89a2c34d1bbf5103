"""Random batches of sparse features against the law that they should follow.

A batch is `[rows inst feats]`, a feature is on where it is not 0. `check_batch` looks at how often each feature is on,
at whether rows, instances and features are independent, and at the magnitudes; each finding is a `Failure` in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtr

from .outcome import Failure
from .statistics import (
    Cdf,
    Ledger,
    count_excess,
    distribution_excess,
    sum_excess,
    total_excess,
    uniform_cdf,
)

MIN_COUNT = 40  # below so many common rows a pair of magnitudes says nothing
WITHIN = 1 + 1e-6  # rounding may carry a draw on [0, 1] this far


@dataclass(frozen=True)
class WrongProbability:
    """A known mistake about how often features are on."""

    key: str
    text: str
    probability: np.ndarray


@dataclass(frozen=True)
class Law:
    """What a right batch follows: features on with `probability` [inst feats], magnitudes uniform on [0, 1].

    Attributes:
        together: `[inst feats feats]`, how often two features of an instance are on together; independent if None.
        wrong_probabilities: known mistakes, tried in order.
    """

    probability: np.ndarray
    together: np.ndarray | None = None
    wrong_probabilities: Sequence[WrongProbability] = field(default=())

    def joint(self) -> np.ndarray:
        """How often each two of all inst * feats features are on together; the diagonal means nothing."""
        p = self.probability.ravel()
        joint = np.outer(p, p)
        if self.together is not None:
            n_feats = self.probability.shape[1]
            for i, block in enumerate(self.together):
                here = slice(i * n_feats, (i + 1) * n_feats)
                joint[here, here] = block
        return joint


def check_batch(batch: np.ndarray, law: Law, ledger: Ledger | None = None) -> None:
    """Raise `Failure` if the batch does not follow the law.

    Args:
        batch: `[rows inst feats]`, float64, an even number of rows.
        ledger: where comparisons are counted.
    """
    ledger = ledger or Ledger()
    is_on = batch != 0
    _check_constant(batch[is_on])
    _check_shared_by_rows(batch, is_on, law.probability)
    _check_repeated_rows(batch, is_on)
    _check_frequencies(is_on, law, ledger)
    _check_row_masks(is_on, law, ledger)
    _check_pairs_of_features(is_on, law, ledger)
    _check_range(batch[is_on])
    _check_magnitudes(batch, is_on, law.probability, ledger)
    _check_row_magnitudes(batch, is_on, ledger)
    _check_shared_magnitudes(batch, is_on, ledger)
    _check_pooled_magnitudes(batch[is_on], ledger)


def _place(inst: int, feat: int) -> str:
    return f"feature {feat} of instance {inst}"


def _check_constant(on: np.ndarray) -> None:
    if on.size > 1 and np.ptp(on) == 0:
        raise Failure(
            "magnitude-constant",
            f"every feature that is on has magnitude {on[0]:.3g}.",
            "Being on is one draw, the magnitude another: uniform on [0, 1].",
        )


def _check_repeated_rows(batch: np.ndarray, is_on: np.ndarray) -> None:
    """Rows that are copies of each other: two magnitudes agree in two rows once in 2^48 pairs of rows."""
    rows = np.ascontiguousarray(batch.reshape(len(batch), -1)[is_on.sum((1, 2)) >= 2])
    copies = len(rows) - len(np.unique(rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))))
    if copies > 2:
        raise Failure(
            "rows-repeated",
            f"{copies} of {len(batch)} rows are copies of another row.",
            "Every row is a new draw: give the draw a batch axis, and do not repeat or expand rows.",
        )


def _check_shared_by_rows(batch: np.ndarray, is_on: np.ndarray, probability: np.ndarray) -> None:
    """What was drawn once for all rows of a call (each of the two halves is one)."""
    chance = (probability > 0.1) & (probability < 0.9)
    if chance.sum() < 2 or is_on.all() or not is_on.any():
        return
    halves = [(rows, on, on.any(0)) for rows, on in zip(np.split(batch, 2), np.split(is_on, 2), strict=True)]
    same_mask = all(np.asarray(on.all(0) | ~ever)[chance].all() for _, on, ever in halves)
    # The largest magnitude of a feature in a call is also its smallest one.
    highest = [rows.max(0)[ever] for rows, _, ever in halves]
    lowest = [np.where(on, rows, np.inf).min(0)[ever] for rows, on, ever in halves]
    same_magnitude = all((high == low).all() for high, low in zip(highest, lowest, strict=True))
    advice = "is drawn anew for every row: the draw needs the batch axis."
    if same_mask and same_magnitude:
        raise Failure("rows-repeated", "all rows of a batch are the same.", f"A row {advice}")
    if same_mask:
        headline = "a feature is on in every row of a batch or in none."
        raise Failure("mask-shared-rows", headline, f"Which features are on {advice}")
    if same_magnitude:
        headline = "a feature has the same magnitude in every row of a batch."
        raise Failure("magnitude-shared-rows", headline, f"A magnitude {advice}")


def _check_frequencies(is_on: np.ndarray, law: Law, ledger: Ledger) -> None:
    n_rows, counts, p = len(is_on), is_on.sum(0), law.probability
    excess = count_excess(counts, n_rows, p)
    ledger.spend(excess.size + 1)
    overall = total_excess(float(counts.sum()), float(n_rows * p.sum()), n_rows * _variance_of_row(law))
    if excess.max() <= 1 and overall <= 1:
        return
    misfits = [count_excess(counts, n_rows, wrong.probability).max() for wrong in law.wrong_probabilities]
    if misfits and min(misfits) <= 1:
        wrong = law.wrong_probabilities[int(np.argmin(misfits))]
        headline, *rest = wrong.text.split("\n")
        raise Failure(wrong.key, headline, *rest, _worst_frequency(counts, n_rows, p, excess))
    ratio = counts.sum() / (n_rows * p.sum())
    if (count_excess(counts, n_rows, np.clip(ratio * p, 0, 1)) <= 1).all():
        headline = f"features are on {ratio:.2f} times as often as they should be."
    else:
        headline = "features are not on as often as feature_probability says."
    raise Failure("probability", headline, _worst_frequency(counts, n_rows, p, excess))


def _variance_of_row(law: Law) -> float:
    """An upper bound of the variance of the number of features that are on in a row."""
    p, joint = law.probability.ravel(), law.joint()
    covariance = joint - np.outer(p, p)
    np.fill_diagonal(covariance, p * (1 - p))
    return float(np.maximum(covariance, 0).sum())


def _worst_frequency(counts: np.ndarray, n_rows: int, p: np.ndarray, excess: np.ndarray) -> str:
    inst, feat = (int(i) for i in np.unravel_index(np.argmax(excess), excess.shape))
    share = counts[inst, feat] / n_rows
    return f"{_place(inst, feat)}: on in {share:.3f} of {n_rows} rows, expected {p[inst, feat]:.3f}"


def _check_range(on: np.ndarray) -> None:
    if not on.size:
        return
    low, high = on.min(), on.max()
    if low >= 0 and high <= WITHIN:
        return
    span = f"magnitudes run from {low:.3f} to {high:.3f}, expected 0 to 1."
    if low < 0 and low >= -WITHIN and high <= WITHIN:
        raise Failure(
            "magnitude-signed", span, "They are uniform on [0, 1], not on [-1, 1]: a feature is never negative."
        )
    if low < 0 and distribution_excess((on - on.mean()) / on.std(), _normal_cdf) <= 1:
        raise Failure("magnitude-normal", span, "They look normal: use t.rand (uniform on [0, 1]), not t.randn.")
    if low >= 0 and distribution_excess(on, lambda x: 2 * _normal_cdf(x) - 1) <= 1:
        raise Failure("magnitude-normal", span, "They look like |t.randn|: use t.rand, uniform on [0, 1].")
    raise Failure("magnitude-range", span, "A feature that is on has a magnitude uniform on [0, 1].")


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    return np.asarray(ndtr(x))


def _row_pairs(n_rows: int) -> tuple[tuple[str, slice, slice], ...]:
    """Rows to compare, each in one pair only: neighbours, and the two halves (two calls) row by row."""
    half = n_rows // 2
    return (
        ("neighbouring rows", slice(0, None, 2), slice(1, None, 2)),
        ("rows of two batches", slice(0, half), slice(half, None)),
    )


def _check_row_masks(is_on: np.ndarray, law: Law, ledger: Ledger) -> None:
    for what, one, other in _row_pairs(len(is_on)):
        excess = count_excess((is_on[one] & is_on[other]).sum(0), len(is_on) // 2, law.probability**2)
        ledger.spend(excess.size)
        if excess.max() > 1:
            raise Failure(
                "rows-dependent",
                f"{what} are not independent: a feature that is on in one is on in the other too often or too seldom.",
                "Draw every entry of [batch inst feats] by itself.",
            )


def _check_row_magnitudes(batch: np.ndarray, is_on: np.ndarray, ledger: Ledger) -> None:
    for what, one, other in _row_pairs(len(batch)):
        both = is_on[one] & is_on[other]
        excess = _magnitude_excess(((batch[one] - 0.5) * (batch[other] - 0.5) * both).sum(0), both.sum(0))
        ledger.spend(excess.size)
        if excess.max() > 1:
            raise Failure(
                "magnitude-shared-rows",
                f"{what} share their magnitudes.",
                "A magnitude is drawn anew for every row: the draw needs the batch axis.",
            )


def _magnitude_excess(products: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Excess of sums of `n` products of two independent centred magnitudes: variance 1/144 each, at most 1/4."""
    return np.where(n >= MIN_COUNT, sum_excess(products, n / 144, 0.25), 0.0)


def _check_pairs_of_features(is_on: np.ndarray, law: Law, ledger: Ledger) -> None:
    n_rows, (n_inst, n_feats) = len(is_on), law.probability.shape
    flat = is_on.reshape(n_rows, -1).astype(np.float64)
    together, joint = flat.T @ flat, law.joint()
    excess = np.triu(count_excess(together, n_rows, joint), 1)
    ledger.spend(n_inst * n_feats * (n_inst * n_feats - 1) // 2)
    if excess.max() <= 1:
        return
    raise _explain_dependence(
        excess > 1,
        n_feats,
        "mask",
        _worst_pair(excess, together / n_rows, joint, n_feats),
    )


def _worst_pair(excess: np.ndarray, share: np.ndarray, joint: np.ndarray, n_feats: int) -> str:
    a, b = (int(i) for i in np.unravel_index(np.argmax(excess), excess.shape))
    names = f"{_place(*divmod(a, n_feats))} and {_place(*divmod(b, n_feats))}"
    return f"{names} are on together in {share[a, b]:.3f} of rows, expected {joint[a, b]:.3f}"


_SHARED = {
    "mask": "which features are on is drawn once and shared",
    "magnitude": "magnitudes are drawn once and shared",
}


def _explain_dependence(dependent: np.ndarray, n_feats: int, what: str, detail: str) -> Failure:
    """Name the axis along which a draw was shared, from the pairs (upper triangle) that depend on each other."""
    a, b = np.nonzero(dependent)
    same_inst, same_feat = a // n_feats == b // n_feats, a % n_feats == b % n_feats
    if same_feat.all():
        axis, advice = "instances", "Give the draw an inst axis of its own: size n_inst, not 1."
    elif same_inst.all():
        axis, advice = "features", "Give the draw a feats axis of its own: size n_features, not 1."
    else:
        axis, advice = "instances and features", "Draw every entry of [batch inst feats] by itself."
    return Failure(f"{what}-shared-{axis.replace(' ', '-')}", f"{_SHARED[what]} by {axis}.", advice, detail)


def _check_magnitudes(batch: np.ndarray, is_on: np.ndarray, p: np.ndarray, ledger: Ledger) -> None:
    """The magnitudes of each feature by itself."""
    cells = [(inst, feat, batch[:, inst, feat][is_on[:, inst, feat]]) for inst, feat in np.ndindex(*p.shape)]
    excess = [distribution_excess(values, uniform_cdf()) for *_, values in cells]
    ledger.spend(len(cells))
    if max(excess) <= 1:
        return
    _name_magnitudes(batch[is_on], cells, p)
    inst, feat, values = cells[int(np.argmax(excess))]
    raise _not_uniform(values, _place(inst, feat))


def _check_pooled_magnitudes(on: np.ndarray, ledger: Ledger) -> None:
    """All magnitudes together, which shows smaller faults; valid once they are known to be independent."""
    ledger.spend(1)
    if distribution_excess(on, uniform_cdf()) > 1:
        raise _not_uniform(on, "all features")


def _not_uniform(values: np.ndarray, where: str) -> Failure:
    return Failure(
        "magnitude",
        "magnitudes of features that are on are not uniform on [0, 1].",
        f"{where}: mean {values.mean():.3f}, expected 0.500; from {values.min():.3f} to {values.max():.3f}",
    )


def _name_magnitudes(on: np.ndarray, cells: list[tuple[int, int, np.ndarray]], p: np.ndarray) -> None:
    """Known mistakes about magnitudes."""

    def all_follow(cdf_of: dict[tuple[int, int], Cdf]) -> bool:
        return all(distribution_excess(values, cdf_of[inst, feat]) <= 1 for inst, feat, values in cells if values.size)

    def per_cell(low: np.ndarray, high: np.ndarray) -> dict[tuple[int, int], Cdf]:
        return {(i, f): uniform_cdf(low[i, f], max(high[i, f], low[i, f] + 1e-9)) for i, f, _ in cells}

    zero, one = np.zeros_like(p), np.ones_like(p)
    if all_follow(per_cell(zero, p)):
        raise Failure(
            "magnitude-below-probability",
            "magnitudes are uniform on [0, p] for a feature of probability p.",
            "The draw that decided whether a feature is on was used as its magnitude: draw again (or divide by p).",
        )
    if all_follow(per_cell(1 - p, one)):
        raise Failure(
            "magnitude-above-probability",
            "magnitudes are uniform on [1 - p, 1] for a feature of probability p.",
            "The draw that decided whether a feature is on was used as its magnitude: draw again.",
        )
    top = float(on.max())
    if top < 1 and distribution_excess(on, uniform_cdf(0.0, top)) <= 1:
        raise Failure("magnitude-range", f"magnitudes are uniform on [0, {top:.2f}], expected [0, 1].")


def _check_shared_magnitudes(batch: np.ndarray, is_on: np.ndarray, ledger: Ledger) -> None:
    n_rows, n_inst, n_feats = batch.shape
    flat_on = is_on.reshape(n_rows, -1).astype(np.float64)
    centred = (batch.reshape(n_rows, -1) - 0.5) * flat_on
    excess = np.triu(_magnitude_excess(centred.T @ centred, flat_on.T @ flat_on), 1)
    ledger.spend(n_inst * n_feats * (n_inst * n_feats - 1) // 2)
    if excess.max() <= 1:
        return
    a, b = (int(i) for i in np.unravel_index(np.argmax(excess), excess.shape))
    detail = f"{_place(*divmod(a, n_feats))} and {_place(*divmod(b, n_feats))} move together"
    raise _explain_dependence(excess > 1, n_feats, "magnitude", detail)
