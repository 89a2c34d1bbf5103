"""The bounds behind the tests of random batches: never over their promise, and sharp."""

from collections.abc import Callable

import numpy as np
import pytest
from part31_superposition_and_saes.checking.batch_law import Law
from part31_superposition_and_saes.checking.outcome import Failure
from part31_superposition_and_saes.checking.sparse_batch import check_batch
from part31_superposition_and_saes.checking.statistics import (
    ALPHA,
    FALSE_ALARM,
    LIMIT,
    MAX_COMPARISONS,
    ROUNDING,
    Ledger,
    count_excess,
    distribution_excess,
    sum_excess,
    uniform_cdf,
)
from part31_superposition_and_saes.checks.batches import PROBABILITIES, ROWS
from scipy import stats

P = np.array(PROBABILITIES)
N = 2 * ROWS


@pytest.mark.parametrize("p", [ROUNDING, 1e-3, 0.05, 0.3, 0.5, 0.9, 1 - 1e-3, 1 - ROUNDING])
@pytest.mark.parametrize("n", [10, 300, N, 50_000])
def test_counts_keep_their_promise_exactly(n: int, p: float) -> None:
    """Against the binomial distribution itself: the refused counts together are rarer than ALPHA."""
    counts = np.arange(n + 1)
    refused = count_excess(counts, n, p) > 1
    assert stats.binom.pmf(counts[refused], n, p).sum() <= ALPHA


@pytest.mark.parametrize("n", [5, 100, N, 50_000])
def test_distributions_keep_their_promise_exactly(n: int) -> None:
    """Against the exact law of the Kolmogorov-Smirnov statistic."""
    gap = np.sqrt(LIMIT / (2 * n))
    assert stats.kstwo.sf(gap, n) <= ALPHA
    shifted = (np.arange(n) + 0.5) / n  # the sample closest to uniform
    assert distribution_excess(shifted, uniform_cdf()) < 1


@pytest.mark.parametrize("n", [50, 500, 5_000])
def test_sums_keep_their_promise_exactly(n: int) -> None:
    """Against the binomial distribution, whose sums are as heavy-tailed as bounded terms get."""
    for p in (0.01, 0.1, 0.5):
        counts = np.arange(n + 1)
        refused = sum_excess(counts - n * p, np.asarray(n * p * (1 - p)), 1.0) > 1
        assert stats.binom.pmf(counts[refused], n, p).sum() <= ALPHA


def test_ledger_keeps_the_total() -> None:
    assert MAX_COMPARISONS * ALPHA <= FALSE_ALARM
    ledger = Ledger()
    ledger.spend(MAX_COMPARISONS)
    with pytest.raises(RuntimeError, match="more than 1e-06 in total"):
        ledger.spend(1)


def test_a_whole_check_stays_below_one_in_a_million() -> None:
    ledger = Ledger()
    check_batch(batch(0), Law(P), ledger)
    assert 0 < ledger.false_alarm <= FALSE_ALARM
    assert ledger.comparisons >= 2 * (P.size * (P.size - 1) // 2)


def batch(seed: int, p: np.ndarray = P, n_rows: int = N) -> np.ndarray:
    """A right batch, drawn with NumPy."""
    random = np.random.default_rng(seed)
    return np.where(random.random((n_rows, *P.shape)) < p, random.random((n_rows, *P.shape), dtype=np.float32), 0.0)


def coupled(seed: int, share: float) -> np.ndarray:
    """Two features that are on together in `share` of the rows and independent in the others."""
    random = np.random.default_rng(seed)
    draws = random.random((N, *P.shape))
    together = random.random(N) < share
    draws[together, 0, 3] = draws[together, 0, 2]
    return np.where(draws < P, random.random((N, *P.shape)), 0.0)


def shifted(seed: int, by: float) -> np.ndarray:
    """Magnitudes on [by, 1]."""
    right = batch(seed)
    return np.where(right != 0, by + (1 - by) * right, 0.0)


SHARP: list[tuple[str, Callable[[int], np.ndarray], str]] = [
    ("10 % more often", lambda seed: batch(seed, np.minimum(1.1 * P, 1)), "probability"),
    ("5 % less often", lambda seed: batch(seed, 0.95 * P), "probability"),
    ("one feature of 0.9 on in 0.85", lambda seed: batch(seed, np.where(P == 0.9, 0.85, P)), "probability"),
    ("never quite certain", lambda seed: batch(seed, np.where(P == 1, 0.99, P)), "probability"),
    ("never quite impossible", lambda seed: batch(seed, np.where(P == 0, 0.01, P)), "probability"),
    ("half of the rows coupled", lambda seed: coupled(seed, 0.5), "mask-shared-features"),
    ("magnitudes on [0, 0.95]", lambda seed: 0.95 * batch(seed), "magnitude"),
    ("magnitudes on [0.05, 1]", lambda seed: shifted(seed, 0.05), "magnitude"),
    ("magnitudes squared", lambda seed: batch(seed) ** 2, "magnitude"),
]


@pytest.mark.parametrize(("what", "sample", "diagnosis"), SHARP, ids=[name for name, *_ in SHARP])
def test_small_faults_are_seen_on_every_seed(what: str, sample: Callable[[int], np.ndarray], diagnosis: str) -> None:
    for seed in range(20):
        with pytest.raises(Failure) as caught:
            check_batch(sample(seed), Law(P), Ledger())
        assert caught.value.diagnosis.startswith(diagnosis)


def test_right_batches_pass_on_many_seeds_with_room() -> None:
    for seed in range(50):
        check_batch(batch(seed), Law(P), Ledger())


@pytest.mark.parametrize("p", [0.0, 1.0, 1e-4])
def test_extreme_laws_are_no_special_case(p: float) -> None:
    check_batch(batch(0, np.full_like(P, p)), Law(np.full_like(P, p)), Ledger())
