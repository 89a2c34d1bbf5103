"""`per_feature` takes numbers of any kind and refuses the rest by name."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch as t
from part31_superposition_and_saes.arguments import per_feature

SHAPE = (3, 5)


@pytest.mark.parametrize(
    "value",
    [
        0.25,
        Fraction(1, 4),
        np.float64(0.25),
        np.float32(0.25),
        t.tensor(0.25),
        [0.25] * 5,
        np.full(5, 0.25),
        t.full((3, 1), 0.25, dtype=t.float16),
    ],
)
def test_every_kind_of_number_broadcasts(value: Any) -> None:
    result = per_feature(value, "importance", SHAPE, "cpu")
    assert result.shape == SHAPE and result.dtype == t.float32
    assert t.equal(result, t.full(SHAPE, 0.25))


def test_whole_numbers_are_numbers() -> None:
    assert t.equal(per_feature(1, "importance", SHAPE, "cpu"), t.ones(SHAPE))
    assert t.equal(per_feature(True, "importance", SHAPE, "cpu"), t.ones(SHAPE))


def test_the_result_is_no_view_of_the_argument() -> None:
    value = t.ones(SHAPE)
    per_feature(value, "importance", SHAPE, "cpu").zero_()
    assert t.equal(value, t.ones(SHAPE))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (t.ones(4), r"importance has shape \[4\].*\[3, 5\]"),
        (t.ones(2, 3, 5), r"importance has shape \[2, 3, 5\]"),
        (-0.1, "importance must be between 0 and 1; got -0.1"),
        (1.5, "importance must be between 0 and 1; got 1.5"),
        (float("nan"), "importance holds NaN or infinity"),
        (float("inf"), "importance holds NaN or infinity"),
        ("often", "importance='often' is not a number"),
        (None, "importance=None is not a number"),
    ],
)
def test_a_wrong_value_is_refused_by_name(value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        per_feature(value, "importance", SHAPE, "cpu", 1.0)
