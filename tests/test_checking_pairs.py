"""Pairs in the law of a batch: what a right batch is, and each way to be wrong by its name."""

import numpy as np
import pytest
from part31_superposition_and_saes.checking.batch_law import Law
from part31_superposition_and_saes.checking.outcome import Failure
from part31_superposition_and_saes.checking.sparse_batch import check_batch
from part31_superposition_and_saes.checking.statistics import FALSE_ALARM, Ledger

P = np.repeat([[0.4], [0.15], [0.3]], 9, axis=1)
LAW = Law(P, n_correlated=2, n_anticorrelated=1)
N = 4_800


def masks(seed: int, n_rows: int = N) -> np.ndarray:
    """Two correlated pairs, one anticorrelated pair and three single features, drawn with NumPy."""
    draws = np.random.default_rng(seed).random((n_rows, *P.shape))
    is_on = draws < P
    is_on[:, :, 1], is_on[:, :, 3] = is_on[:, :, 0], is_on[:, :, 2]
    is_on[:, :, 5] = draws[:, :, 4] >= 1 - P[:, 4]
    return is_on


def with_magnitudes(is_on: np.ndarray, seed: int = 1) -> np.ndarray:
    return np.where(is_on, np.random.default_rng(seed).random(is_on.shape), 0.0)


def diagnosis_of(batch: np.ndarray) -> str:
    with pytest.raises(Failure) as caught:
        check_batch(batch, LAW, Ledger())
    return caught.value.diagnosis


def test_the_law_says_how_often_two_are_on_together() -> None:
    joint = LAW.joint()
    assert np.allclose(joint, joint.T) and np.allclose(np.diag(joint), P.ravel())
    assert (joint[0, 1], joint[2, 3], joint[4, 5]) == (0.4, 0.4, 0.0)
    assert np.isclose(joint[0, 2], 0.16) and np.isclose(joint[0, 10], 0.4 * 0.15) and np.isclose(joint[6, 7], 0.16)
    assert LAW.units().tolist() == [0, 0, 1, 1, 2, 2, 3, 4, 5] * 3
    measured = np.einsum("ra,rb->ab", *[masks(0, 100_000).reshape(100_000, -1).astype(float)] * 2) / 100_000
    assert np.abs(measured - joint).max() < 0.01


def test_right_batches_pass_below_the_promised_false_alarm() -> None:
    for seed in range(30):
        ledger = Ledger()
        check_batch(with_magnitudes(masks(seed), seed + 1_000), LAW, ledger)
        assert ledger.false_alarm <= FALSE_ALARM


@pytest.mark.parametrize("seed", range(5))
def test_each_fault_has_its_name(seed: int) -> None:
    is_on = masks(seed)
    batch = with_magnitudes(is_on, seed + 1_000)
    independent = np.random.default_rng(seed).random(is_on.shape) < P

    def spoilt(columns: slice | list[int], source: np.ndarray) -> np.ndarray:
        changed = is_on.copy()
        changed[:, :, columns] = source
        return with_magnitudes(changed, seed + 1_000)

    assert diagnosis_of(with_magnitudes(independent)) == "pairs-independent"
    assert diagnosis_of(spoilt([5], is_on[:, :, [4]])) == "pairs-together"
    assert diagnosis_of(spoilt([1], is_on[:, :, [5]])) in ("pairs-apart", "pairs-independent")
    assert diagnosis_of(batch[:, :, [0, 2, 1, 3, 4, 5, 6, 7, 8]]) == "pairs-in-halves"
    assert diagnosis_of(batch[:, :, [4, 5, 0, 1, 2, 3, 6, 7, 8]]) == "pair-order"
    assert diagnosis_of(batch[:, :, [6, 7, 8, 0, 1, 2, 3, 4, 5]]) == "pair-order"
    assert diagnosis_of(spoilt([2, 3], is_on[:, :, [0, 1]])) == "mask-shared-features"
    one_magnitude = batch.copy()
    one_magnitude[:, :, 1] = one_magnitude[:, :, 0]
    assert diagnosis_of(one_magnitude) == "magnitude-shared-pair"


def test_a_pair_that_breaks_once_in_a_hundred_rows_is_seen() -> None:
    for seed in range(20):
        lone = with_magnitudes(masks(seed))
        lone[::100, 0, 1] = 0
        assert diagnosis_of(lone) == "pairs-independent"
        both = with_magnitudes(masks(seed))
        both[5, 2, 4:6] = 0.5, 0.25
        assert diagnosis_of(both) == "pairs-independent"
