"""Which features of a random batch are on: how often, and how independently of each other."""

import numpy as np

from .batch_law import Law, explain_dependence, place, row_pairs, worst_pair
from .outcome import Failure
from .statistics import ROUNDING, Ledger, count_excess, sum_excess


def check_frequencies(is_on: np.ndarray, law: Law, ledger: Ledger) -> None:
    n_rows, counts, p = len(is_on), is_on.sum(0), law.probability
    excess = count_excess(counts, n_rows, p)
    ledger.spend(excess.size + 1)
    if excess.max() <= 1 and _total_excess(counts, n_rows, law) <= 1:
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


def _total_excess(counts: np.ndarray, n_rows: int, law: Law) -> float:
    """All counts in one sum: it shows a small fault that every feature has."""
    p = law.probability.ravel()
    variance = n_rows * (law.joint() - np.outer(p, p)).sum()
    # The independent terms are pairs and single features: at most 2 features in each.
    return float(sum_excess(np.asarray(counts.sum() - n_rows * p.sum()), np.asarray(variance), 2.0))


def _worst_frequency(counts: np.ndarray, n_rows: int, p: np.ndarray, excess: np.ndarray) -> str:
    inst, feat = (int(i) for i in np.unravel_index(np.argmax(excess), excess.shape))
    share = counts[inst, feat] / n_rows
    return f"{place(inst, feat)}: on in {share:.3f} of {n_rows} rows, expected {p[inst, feat]:.3f}"


def check_mates(is_on: np.ndarray, law: Law, ledger: Ledger) -> None:
    """The two of a pair: always on together, or never."""
    n_rows = len(is_on)
    for pair in range(law.n_pairs):
        one, other = is_on[:, :, 2 * pair], is_on[:, :, 2 * pair + 1]
        p = law.probability[:, 2 * pair]
        if pair < law.n_correlated:
            broken = (one ^ other).sum(0)
            excess = count_excess(broken, n_rows, 2 * ROUNDING)
        else:
            broken = (one & other).sum(0)
            excess = np.where(broken > 0, np.inf, 0.0)
        ledger.spend(excess.size)
        if excess.max() > 1:
            inst = int(np.argmax(broken))
            raise _explain_mates(is_on, law, pair, f"instance {inst} (p = {p[inst]:.2f})", broken[inst] / n_rows)


def _explain_mates(is_on: np.ndarray, law: Law, pair: int, where: str, share: float) -> Failure:
    columns = f"features {2 * pair} and {2 * pair + 1}"
    found = _kinds(is_on, law)
    wanted = ["together"] * law.n_correlated + ["apart"] * law.n_anticorrelated
    here = found.get((2 * pair, 2 * pair + 1), "")
    if _in_halves([pair_of for pair_of, kind in found.items() if kind == wanted[pair]], law, wanted[pair]):
        advice = "Pair k is columns 2k and 2k + 1: [a0 b0 a1 b1 ...], not [a0 a1 ... b0 b1 ...]."
        return Failure("pairs-in-halves", "the two of a pair are not next to each other.", advice)
    if sorted(found.values()) == sorted(wanted):
        text = ", ".join(f"{a} and {b} {kind}" for (a, b), kind in sorted(found.items()))
        order = "Correlated pairs come first, then anticorrelated ones, then the rest."
        return Failure("pair-order", "the pairs stand in the wrong columns.", order, f"found: {text}")
    if pair < law.n_correlated:
        headline = f"{columns} are a correlated pair, and one is on without the other in {share:.3f} of rows."
        advice = "One draw decides for both: they are on together or off together."
        key = "pairs-apart" if here == "apart" else "pairs-independent"
    else:
        headline = f"{columns} are an anticorrelated pair, and both are on in {share:.3f} of rows."
        advice = "Draw whether the pair is on (probability 2p), then which of the two (one half each)."
        key = "pairs-together" if here == "together" else "pairs-independent"
    return Failure(key, headline, advice, where)


def _in_halves(places: list[tuple[int, int]], law: Law, kind: str) -> bool:
    """Whether the pairs of a kind stand as [a0 a1 ... b0 b1 ...] in their block of columns."""
    first, n = (0, law.n_correlated) if kind == "together" else (2 * law.n_correlated, law.n_anticorrelated)
    return n > 1 and sorted(places) == [(first + k, first + k + n) for k in range(n)]


def _kinds(is_on: np.ndarray, law: Law) -> dict[tuple[int, int], str]:
    """Columns that are on together, or never together, in all instances where chance would do otherwise."""
    p = law.probability
    chosen = (p > 0.1).all(1) & (p < 0.9).all(1)
    kinds = {}
    for a in range(p.shape[1]):
        for b in range(a + 1, p.shape[1]):
            one, other = is_on[:, chosen, a], is_on[:, chosen, b]
            if chosen.any() and (one ^ other).sum() <= 2 and one.any():
                kinds[a, b] = "together"
            elif chosen.any() and not (one & other).any() and one.any() and other.any():
                kinds[a, b] = "apart"
    return kinds


def check_rows(is_on: np.ndarray, law: Law, ledger: Ledger) -> None:
    for what, one, other in row_pairs(len(is_on)):
        excess = count_excess((is_on[one] & is_on[other]).sum(0), len(is_on) // 2, law.probability**2)
        ledger.spend(excess.size)
        if excess.max() > 1:
            raise Failure(
                "rows-dependent",
                f"{what} are not independent: a feature that is on in one is on in the other too often or too seldom.",
                "Draw every entry of [batch inst feats] by itself.",
            )


def check_pairs_of_features(is_on: np.ndarray, law: Law, ledger: Ledger) -> None:
    """Each two features, of one instance or of two, are on together as often as the law says."""
    n_rows, (n_inst, n_feats) = len(is_on), law.probability.shape
    flat = is_on.reshape(n_rows, -1).astype(np.float64)
    together, joint = flat.T @ flat, law.joint()
    excess = np.triu(count_excess(together, n_rows, joint), 1)
    ledger.spend(n_inst * n_feats * (n_inst * n_feats - 1) // 2)
    if excess.max() <= 1:
        return
    a, b, names = worst_pair(excess, n_feats)
    detail = f"{names} are on together in {together[a, b] / n_rows:.3f} of rows, expected {joint[a, b]:.3f}"
    raise explain_dependence(excess > 1, law, "mask", "which features are on is drawn once and shared", detail)
