"""Random batches of sparse features of both signs: uniform on [-1, 1] when on.

The sizes |x| are held against the usual law, and then (x + 1) / 2 where a feature is on, in which a dependence of
signs shows. What is particular to signs is looked for before, and all is named in the learner's own numbers.
"""

import numpy as np
from scipy.special import ndtr

from .batch_law import Law
from .outcome import Failure
from .sparse_batch import check_batch
from .statistics import Ledger, count_excess, distribution_excess, uniform_cdf

WITHIN = 1 + 1e-6  # rounding may carry a draw on [-1, 1] this far
WANTED = "A feature that is on is uniform on [-1, 1]: 2 * t.rand(...) - 1."


def check_signed_batch(batch: np.ndarray, law: Law, ledger: Ledger) -> None:
    """Raise `Failure` if the batch does not follow the law with values uniform on [-1, 1].

    Args:
        batch: `[rows inst feats]`, float64: the rows of two calls, equally many of each.
        law: how often features are on, and with whom.
        ledger: where comparisons are counted.
    """
    is_on = batch != 0
    _check_range(batch[is_on])
    _check_shared_signs(batch, is_on)
    try:
        check_batch(np.abs(batch), law, ledger)
        # Exactly -1 is on as well.
        check_batch(np.where(is_on, np.maximum((batch + 1) / 2, 1e-12), 0.0), law, ledger)
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
    if looks_normal:
        raise Failure("normal", span, "They look normal: use t.rand, not t.randn.", WANTED)
    raise Failure("range", span, WANTED)


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    return np.asarray(ndtr(x))


def _check_shared_signs(batch: np.ndarray, is_on: np.ndarray) -> None:
    """One sign for many entries: all groups of rows, features or instances of one sign, which chance never does."""
    sign, advice = np.sign(batch), "Draw a sign for every entry of [batch inst feats] by itself."
    for axis, key, words in (
        ((1, 2), "row", "all inputs of a row have the same sign"),
        (2, "features", "the features of an instance all have the same sign"),
        (1, "instances", "a feature has the same sign in every instance"),
    ):
        count = is_on.sum(axis)
        of_one_sign = np.abs(sign.sum(axis)) == count
        if (count >= 2).sum() > 100 and of_one_sign[count >= 2].all():
            raise Failure(f"sign-shared-{key}", f"{words}.", advice)
    halves = [(np.abs(s.sum(0)), on.sum(0)) for s, on in zip(np.split(sign, 2), np.split(is_on, 2), strict=True)]
    if all((count >= 40).any() and (total == count)[count >= 40].all() for total, count in halves):
        raise Failure("sign-shared-rows", "a feature has the same sign in every row of a batch.", advice)


def _in_signed_numbers(failure: Failure, batch: np.ndarray, is_on: np.ndarray, law: Law) -> Failure:
    """A finding about |x| or (x + 1) / 2, said about x."""
    if not failure.diagnosis.startswith("magnitude") or "shared" in failure.diagnosis:
        details = [line.replace("magnitude", "value") for line in failure.details]
        return Failure(failure.diagnosis, failure.headline.replace("magnitude", "value"), *details)
    cells = [(p, batch[:, i, f][is_on[:, i, f]]) for (i, f), p in np.ndenumerate(law.probability) if 0 < p < 1]
    anew = "The draw that decided whether a feature is on was used again for its value: draw anew."
    for low, high, signed, words in (
        (
            lambda p: -1.0,
            lambda p: 2 * p - 1,
            True,
            "inputs of a feature of probability p are uniform on [-1, 2p - 1].",
        ),
        (lambda p: 1 - 2 * p, lambda p: 1.0, True, "inputs of a feature of probability p are uniform on [1 - 2p, 1]."),
        (lambda p: 0.0, lambda p: p, False, "inputs of a feature of probability p are between -p and p."),
    ):
        if all(distribution_excess(x if signed else np.abs(x), uniform_cdf(low(p), high(p))) <= 1 for p, x in cells):
            return Failure("value-from-mask", words, anew)
    on = batch[is_on]
    top = float(np.abs(on).max())
    if top < 0.999 and distribution_excess(on, uniform_cdf(-top, top)) <= 1:
        text = f"inputs that are on are uniform on [-{top:.2f}, {top:.2f}], expected [-1, 1]."
        return Failure("range", text, WANTED)
    if count_excess(np.asarray((on > 0).sum()), on.size, 0.5) > 1:
        text = f"{(on > 0).mean():.0%} of the inputs that are on are positive, expected half."
        return Failure("signs-unequal", text, WANTED)
    found = f"mean size {np.abs(on).mean():.3f}, expected 0.500; from {on.min():.3f} to {on.max():.3f}"
    return Failure("values-not-uniform", "inputs that are on are not uniform on [-1, 1].", WANTED, found)
