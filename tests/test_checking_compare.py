"""An answer against the right one: each way to be wrong gets its own key and a line that says what to do."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch as t
from part31_superposition_and_saes.checking.compare import (
    Mistake,
    compare,
    compare_gradients,
    find_mistake,
    is_tensor,
)
from part31_superposition_and_saes.checking.outcome import Failure

RIGHT = t.arange(24.0).reshape(2, 3, 4)
AXES = "batch inst feats"


def failure_of(got: object, expected: t.Tensor = RIGHT, axes: str = AXES, **options: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        compare(got, expected, axes, **options)
    return caught.value


def said(failure: Failure) -> str:
    return "\n".join([failure.headline, *failure.details])


@pytest.mark.parametrize(
    ("got", "diagnosis", "text"),
    [
        (None, "type", "is None"),
        (RIGHT.numpy(), "type", "NumPy ndarray"),
        (np.float64(1), "type", "NumPy float64"),
        ((RIGHT, 1), "type", "Return one tensor, without a comma"),
        (iter([1]), "type", "a list_iterator, expected a tensor"),
        ((i for i in "ab"), "type", "return in place of yield"),
        (RIGHT.to_sparse(), "layout", "sparse_coo"),
        (RIGHT.double(), "dtype", "dtype float64, expected float32"),
        (RIGHT.long(), "dtype", "dtype int64"),
        (RIGHT.to("meta"), "device", "lies on meta, expected cpu"),
        (RIGHT[:, :, :1], "shape", "feats axis has 1 entries"),
        (RIGHT.unsqueeze(1), "kept-axis", "keepdim=True"),
        (RIGHT.transpose(0, 2), "transposed", "feats inst batch"),
        (RIGHT.sum(), "all-reduced", "Keep the batch axis, the inst axis and the feats axis"),
        (RIGHT.sum(1), "missing-axis", "The inst axis is missing"),
        (RIGHT.expand(5, 2, 3, 4), "extra-axis", "axis of 5 too many, number 0"),
        (RIGHT.unflatten(2, (2, 2)), "split-axis", "The feats axis is split in two, [2, 2]"),
        (t.zeros(7, 7), "shape", "shape [7, 7], expected [2, 3, 4] (batch inst feats)"),
        (RIGHT + float("nan"), "nan", "NaN in 24 of 24"),
        (RIGHT - float("inf"), "inf", "infinite in 24 of 24"),
        (RIGHT.clone().requires_grad_(), "requires-grad", "requires a gradient"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_kinds_of_wrong_answers(got: object, diagnosis: str, text: str) -> None:
    failure = failure_of(got, grad=False)
    assert failure.diagnosis == diagnosis
    assert text in said(failure)


def test_right_answers_of_every_layout_pass() -> None:
    column = t.arange(3.0)[:, None]
    for got, expected in (
        (RIGHT.clone(), RIGHT),
        (RIGHT.permute(2, 1, 0).contiguous().permute(2, 1, 0), RIGHT),
        (column.expand(3, 4), column.repeat(1, 4)),
        (t.nn.Parameter(RIGHT), RIGHT),
        (t.tensor(float("nan")), t.tensor(float("nan"))),
        (t.tensor(float("inf")), t.tensor(float("inf"))),
        (RIGHT * (1 + 1e-6), RIGHT),
    ):
        compare(got, expected, "")


def test_first_difference_and_largest_difference_are_shown() -> None:
    got = RIGHT.clone()
    got[0, 1, 2] += 0.5
    got[1, 2, 3] -= 7
    failure = failure_of(got)
    assert failure.diagnosis == "values" and "wrong values in 2 of 24 places" in failure.headline
    assert failure.details == ("first difference at [0, 1, 2]: expected 6, got 6.5; largest: 7",)


def test_small_errors_are_seen() -> None:
    assert failure_of(RIGHT * 1.001).diagnosis == "values"
    assert failure_of(t.tensor(1.001), t.tensor(1.0), "").details == ("expected 1, got 1.001",)


def test_known_mistakes_are_named_whatever_their_shape() -> None:
    def mistakes() -> list[Mistake]:
        return [
            Mistake("same", "not to be told from the right answer here", RIGHT),
            Mistake("doubled", "twice too much.\nLeave out the 2.", 2 * RIGHT),
            Mistake("summed", "summed over instances.", RIGHT.sum(1)),
            Mistake("undefined", "divided by zero.", RIGHT / 0),
        ]

    doubled = failure_of(2 * RIGHT, mistakes=mistakes)
    assert (doubled.diagnosis, doubled.headline, doubled.details[0]) == (
        "doubled",
        "twice too much.",
        "Leave out the 2.",
    )
    summed = failure_of(RIGHT.sum(1), mistakes=mistakes)
    assert summed.diagnosis == "summed" and "shape [2, 4], expected [2, 3, 4]" in said(summed)
    assert failure_of(RIGHT / 0, mistakes=mistakes).diagnosis == "undefined"
    assert failure_of(2 * RIGHT.double(), mistakes=mistakes).diagnosis == "dtype"
    assert failure_of(RIGHT + 1, mistakes=mistakes).diagnosis == "values"
    assert find_mistake(RIGHT, mistakes, RIGHT) is None


def test_a_missing_graph_and_wrong_gradients() -> None:
    assert failure_of(RIGHT.clone(), grad=True).diagnosis == "detached"
    right = {"W": t.ones(3), "b": t.ones(2)}
    compare_gradients({"W": t.ones(3), "b": t.ones(2)}, right)
    wrong: tuple[tuple[dict[str, t.Tensor | None], str, str], ...] = (
        ({"W": None, "b": t.ones(2)}, "detached", "no gradient reaches W"),
        ({"W": t.ones(3), "b": t.zeros(2)}, "gradient", "the gradient to b is not"),
        ({"W": t.ones(3) * float("nan"), "b": t.ones(2)}, "nan", "the gradient to W"),
    )
    for got, diagnosis, text in wrong:
        with pytest.raises(Failure) as caught:
            compare_gradients(got, right)
        assert caught.value.diagnosis == diagnosis and text in caught.value.headline
    with pytest.raises(Failure) as caught:
        known: dict[str, Callable[[], Sequence[Mistake]]] = {
            "W": lambda: [Mistake("halved", "half of the gradient.", t.full((3,), 0.5))]
        }
        compare_gradients({"W": t.full((3,), 0.5), "b": t.ones(2)}, right, mistakes=known)
    assert caught.value.diagnosis == "halved"


def test_what_only_pretends_to_be_a_tensor_is_none() -> None:
    class Pretender:
        @property
        def __class__(self) -> type:
            return t.Tensor

    assert isinstance(Pretender(), t.Tensor) and not is_tensor(Pretender())
    assert failure_of(Pretender()).diagnosis == "type"
