"""Batches of both signs: right ones pass, whatever the probabilities; what is wrong with signs is named."""

import numpy as np
import pytest
from part31_superposition_and_saes.checking.batch_law import Law
from part31_superposition_and_saes.checking.outcome import Failure
from part31_superposition_and_saes.checking.signed_batch import check_signed_batch
from part31_superposition_and_saes.checking.statistics import MAX_COMPARISONS, Ledger

P = np.array([[0.6, 1.0, 0.5, 0.3], [1.0, 0.0, 0.45, 0.7], [0.2, 0.55, 1.0, 0.85]])
ROWS = 4_800


def draw(numbers: np.random.Generator, p: np.ndarray = P) -> np.ndarray:
    return np.where(numbers.random((ROWS, *p.shape)) < p, numbers.uniform(-1, 1, (ROWS, *p.shape)), 0.0)


def diagnosis(batch: np.ndarray, p: np.ndarray = P) -> str:
    try:
        check_signed_batch(batch, Law(p), Ledger())
    except Failure as failure:
        return failure.diagnosis
    return "passed"


@pytest.mark.parametrize("p", [P, np.ones((1, 1)), np.zeros((2, 3)), np.full((1, 8), 0.01)], ids=lambda p: str(p.shape))
def test_right_batches_pass(p: np.ndarray) -> None:
    for seed in range(20):
        assert diagnosis(draw(np.random.default_rng(seed), p), p) == "passed"


def test_the_promise_of_the_ledger_is_kept() -> None:
    ledger = Ledger()
    check_signed_batch(draw(np.random.default_rng(0)), Law(P), ledger)
    assert 0 < ledger.comparisons <= MAX_COMPARISONS // 2


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((ROWS, 1, 1), "sign-shared-row"),
        ((ROWS, 3, 1), "sign-shared-features"),
        ((ROWS, 1, 4), "sign-shared-instances"),
    ],
)
def test_shared_signs_are_named(shape: tuple[int, ...], found: str) -> None:
    numbers = np.random.default_rng(0)
    sign = np.where(numbers.random(shape) < 0.5, -1, 1)
    assert diagnosis(np.abs(draw(numbers)) * sign) == found


def test_signs_shared_by_rows_of_each_call_are_named() -> None:
    numbers = np.random.default_rng(0)
    signs = np.where(numbers.random((2, 1, 3, 4)) < 0.5, -1, 1)
    batch = np.abs(draw(numbers)).reshape(2, ROWS // 2, 3, 4) * signs
    assert diagnosis(batch.reshape(ROWS, 3, 4)) == "sign-shared-rows"


def test_signs_that_two_features_share_are_seen() -> None:
    numbers = np.random.default_rng(0)
    batch = draw(numbers)
    sign = np.sign(np.where(batch[..., 0] != 0, batch[..., 0], numbers.uniform(-1, 1, batch[..., 0].shape)))
    batch[..., 3] = np.abs(batch[..., 3]) * sign
    assert "shared" in diagnosis(batch)


def test_more_positive_than_negative_is_seen() -> None:
    numbers = np.random.default_rng(0)
    batch = draw(numbers)
    flip = (batch < 0) & (numbers.random(batch.shape) < 0.2)
    assert diagnosis(np.where(flip, -batch, batch)) == "signs-unequal"
