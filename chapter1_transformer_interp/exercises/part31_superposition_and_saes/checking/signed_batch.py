"""Random batches of sparse features of both signs: uniform on [-1, 1] when on.

A signed batch becomes an unsigned one by (x + 1) / 2 where a feature is on, and is then held against the usual law,
which sees every dependence. What is particular to signs is looked for before, and named in the learner's own numbers.
"""

import numpy as np
from scipy.special import ndtr

from .batch_law import Law
from .outcome import Failure
from .sparse_batch import check_batch
from .statistics import Ledger, count_excess, distribution_excess, uniform_cdf

WITHIN = 1 + 1e-6  # rounding may carry a draw on [-1, 1] this far
WANTED = "A feature that is on is uniform on [-1, 1]: 2 * t.rand(...) - 1."
_OF_VALUES = ("magnitude", "magnitude-range", "magnitude-normal", "magnitude-signed")


def check_signed_batch(batch: np.ndarray, law: Law, ledger: Ledger) -> None:
    """Raise `Failure` if the batch does not follow the law with sizes uniform on [-1, 1].

    Args:
        batch: `[rows inst feats]`, float64: the rows of two calls, equally many of each.
        law: how often features are on, and with whom.
        ledger: where comparisons are counted.
    """
    is_on = batch != 0
    on = batch[is_on]
    _check_range(on)
    if not _one_size(on):
        _check_shared_signs(batch, is_on, ledger)
    _check_signs(on, ledger)
    unsigned = np.where(is_on, np.maximum((batch + 1) / 2, 1e-12), 0.0)  # exactly -1 is on as well
    try:
        check_batch(unsigned, law, ledger)
    except Failure as failure:
        raise _in_signed_numbers(failure, batch, is_on, law) from None


def _one_size(on: np.ndarray) -> bool:
    return on.size > 0 and bool(np.ptp(np.abs(on)) < 1e-6)


def _check_range(on: np.ndarray) -> None:
    if on.size < 2:
        return
    low, high = on.min(), on.max()
    span = f"inputs that are on run from {low:.3f} to {high:.3f}, expected -1 to 1."
    if _one_size(on):
        raise Failure("size-constant", f"every input that is on has size {abs(on[0]):.3g}.", WANTED)
    if low >= 0:
        advice = "Inputs have both signs here: uniform on [-1, 1] when on. The target is |x|, not the input."
        raise Failure("never-negative", "no input is ever negative.", advice, span)
    if high <= 0:
        raise Failure("never-positive", "no input is ever positive.", WANTED, span)
    if max(-low, high) <= WITHIN:
        return
    looks_normal = distribution_excess((on - on.mean()) / on.std(), _normal_cdf) <= 1
    raise Failure("normal" if looks_normal else "range", span, "They look normal." if looks_normal else "", WANTED)


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    return np.asarray(ndtr(x))


def _check_signs(on: np.ndarray, ledger: Ledger) -> None:
    """Both signs equally often, in all features together; meant for signs that do not depend on each other."""
    ledger.spend(1)
    share = float((on > 0).mean()) if on.size else 0.5
    if count_excess(np.asarray((on > 0).sum()), on.size, 0.5) > 1:
        text = f"{share:.0%} of the inputs that are on are positive, expected half."
        raise Failure("signs-unequal", text, WANTED)


def _check_shared_signs(batch: np.ndarray, is_on: np.ndarray, ledger: Ledger) -> None:
    """One sign for many entries: every row, every instance or every feature of one sign."""
    sign = np.sign(batch)
    for axis, key, words in (
        ((1, 2), "row", "all inputs of a row have the same sign"),
        (2, "features", "the features of an instance all have the same sign"),
        (1, "instances", "a feature has the same sign in every instance"),
    ):
        count = is_on.sum(axis)
        several = count >= 2
        ledger.spend(1)
        # By chance at most half of the groups of two and more agree.
        same = np.abs(sign.sum(axis)) == count
        if several.sum() > 100 and same[several].all():
            advice = "Draw a sign for every entry of [batch inst feats] by itself."
            raise Failure(f"sign-shared-{key}", f"{words}.", advice)
    half = len(batch) // 2
    for rows in (slice(0, half), slice(half, None)):
        count = is_on[rows].sum(0)
        fixed = (np.abs(sign[rows].sum(0)) == count) & (count >= 40)
        if not fixed.any() or fixed.sum() < (count >= 40).sum():
            return
    raise Failure(
        "sign-shared-rows",
        "a feature has the same sign in every row of a batch.",
        "Draw a sign for every entry of [batch inst feats] by itself.",
    )


def _in_signed_numbers(failure: Failure, batch: np.ndarray, is_on: np.ndarray, law: Law) -> Failure:
    """The finding about (x + 1) / 2 said about x."""
    on = batch[is_on]
    if failure.diagnosis == "magnitude-below-probability":
        headline = "inputs of a feature of probability p are uniform on [-1, 2p - 1]."
        advice = "The draw that decided whether a feature is on was used again for its value: draw anew."
        return Failure("value-from-mask", headline, advice)
    if failure.diagnosis == "magnitude-above-probability":
        headline = "inputs of a feature of probability p are uniform on [1 - 2p, 1]."
        advice = "The draw that decided whether a feature is on was used again for its value: draw anew."
        return Failure("value-from-mask", headline, advice)
    if failure.diagnosis not in _OF_VALUES:
        details = [line.replace("magnitude", "value") for line in failure.details]
        return Failure(failure.diagnosis, failure.headline.replace("magnitude", "value"), *details)
    top = float(np.abs(on).max())
    if top < 0.999 and distribution_excess(on, uniform_cdf(-top, top)) <= 1:
        text = f"inputs that are on are uniform on [-{top:.2f}, {top:.2f}], expected [-1, 1]."
        return Failure("range", text, WANTED)
    below = [np.abs(batch[..., i, f][is_on[..., i, f]]) for i, f in np.ndindex(*law.probability.shape)]
    levels = law.probability.ravel()
    if all(distribution_excess(v, uniform_cdf(0, p)) <= 1 for v, p in zip(below, levels, strict=True) if 0 < p < 1):
        headline = "sizes are uniform on [0, p] for a feature of probability p."
        advice = "The draw that decided whether a feature is on was used again for its size: draw anew."
        return Failure("value-from-mask", headline, advice)
    found = f"mean size {np.abs(on).mean():.3f}, expected 0.500; from {on.min():.3f} to {on.max():.3f}"
    return Failure("values-not-uniform", "inputs that are on are not uniform on [-1, 1].", WANTED, found)
