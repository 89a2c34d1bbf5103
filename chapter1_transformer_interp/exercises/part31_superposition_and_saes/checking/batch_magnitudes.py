"""The magnitudes of a random batch of sparse features: uniform on [0, 1] and independent of each other."""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

from .batch_law import Law, explain_dependence, place, row_pairs, worst_pair
from .outcome import Failure
from .statistics import Ledger, distribution_excess, sum_excess, uniform_cdf

MIN_COUNT = 40  # below so many common rows a pair of magnitudes says nothing
WITHIN = 1 + 1e-6  # rounding may carry a draw on [0, 1] this far


def check_constant(on: np.ndarray) -> None:
    if on.size > 1 and np.ptp(on) == 0:
        raise Failure(
            "magnitude-constant",
            f"every feature that is on has magnitude {on[0]:.3g}.",
            "Being on is one draw, the magnitude another: uniform on [0, 1].",
        )


def check_range(on: np.ndarray) -> None:
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


def check_each_feature(batch: np.ndarray, is_on: np.ndarray, law: Law, ledger: Ledger) -> None:
    """The magnitudes of each feature by itself."""
    cells = list(np.ndindex(*law.probability.shape))
    samples = [batch[:, inst, feat][is_on[:, inst, feat]] for inst, feat in cells]
    excess = [distribution_excess(values, uniform_cdf()) for values in samples]
    ledger.spend(len(cells))
    wrong = [i for i, size in enumerate(excess) if size > 1]
    if not wrong:
        return
    _name_magnitudes([(float(law.probability[cells[i]]), samples[i]) for i in wrong])
    worst = int(np.argmax(excess))
    raise _not_uniform(samples[worst], place(*cells[worst]))


def _name_magnitudes(wrong: list[tuple[float, np.ndarray]]) -> None:
    """Known mistakes, from the features with wrong magnitudes: probability and sample of each."""

    def uniform_between(ends: Callable[[float], tuple[float, float]]) -> bool:
        return all(distribution_excess(values, uniform_cdf(*ends(p))) <= 1 for p, values in wrong if 0 < p < 1)

    top = float(max(values.max() for _, values in wrong))
    if uniform_between(lambda p: (0.0, p)):
        raise Failure(
            "magnitude-below-probability",
            "magnitudes are uniform on [0, p] for a feature of probability p.",
            "The draw that decided whether a feature is on was used as its magnitude: draw again (or divide by p).",
        )
    if uniform_between(lambda p: (1 - p, 1.0)):
        raise Failure(
            "magnitude-above-probability",
            "magnitudes are uniform on [1 - p, 1] for a feature of probability p.",
            "The draw that decided whether a feature is on was used as its magnitude: draw again.",
        )
    if top < 1 and uniform_between(lambda p: (0.0, top)):
        raise Failure(
            "magnitude-range",
            f"magnitudes are uniform on [0, {top:.2f}], expected [0, 1].",
            "Is there a factor too many?",
        )


def check_rows(batch: np.ndarray, is_on: np.ndarray, ledger: Ledger) -> None:
    for what, one, other in row_pairs(len(batch)):
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


def check_pairs_of_features(batch: np.ndarray, is_on: np.ndarray, law: Law, ledger: Ledger) -> None:
    """Each two features, of one instance or of two, have magnitudes that do not move together."""
    n_rows, n_inst, n_feats = batch.shape
    flat_on = is_on.reshape(n_rows, -1).astype(np.float64)
    centred = (batch.reshape(n_rows, -1) - 0.5) * flat_on
    excess = np.triu(_magnitude_excess(centred.T @ centred, flat_on.T @ flat_on), 1)
    ledger.spend(n_inst * n_feats * (n_inst * n_feats - 1) // 2)
    if excess.max() > 1:
        detail = f"{worst_pair(excess, n_feats)[2]} move together"
        raise explain_dependence(excess > 1, law, "magnitude", "magnitudes are drawn once and shared", detail)


def check_all_features(on: np.ndarray, ledger: Ledger) -> None:
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
