"""Tests of section 1: a feature's norm, and the interference it suffers."""

from collections.abc import Callable, Sequence
from functools import partial

import torch as t
from torch import Tensor

from .. import solutions
from ..checking.compare import Mistake, compare, no_mistakes
from ..checking.runner import Trial, learner_test
from .models import FEATS, FIXED_SIZE

Metric = Callable[[Tensor], Tensor]
ZERO_COLUMN = ("zero-column", "A feature that is not represented has W_i = 0: its value is 0.")
SHAPES = (
    ("[8 2 5], as in the notebook", (8, 2, 5), None),
    ("[3 4 7]", (3, 4, 7), FIXED_SIZE),
    ("[2 6 3], more dimensions than features", (2, 6, 3), FIXED_SIZE),
    ("a single instance", (1, 2, 4), ("one-instance", "Do not squeeze the inst axis.")),
    ("a single dimension", (3, 1, 4), ("one-dimension", "Name the axes that you sum over: do not squeeze.")),
    ("a single feature", (3, 2, 1), ("one-feature", "Name the axes that you sum over: do not squeeze.")),
)


def check_metric(
    trial: Trial,
    metric: Metric,
    reference: Metric,
    mistakes_of: Callable[[Tensor], Sequence[Mistake]],
    axes: str = FEATS,
    zero: tuple[str, str] = ZERO_COLUMN,
) -> None:
    """Compare a function of the weights with the reference, for 6 shapes and for columns of zeros.

    Args:
        mistakes_of: known mistakes and what they give for a `W`.
        axes: of the result.
        zero: diagnosis and line for an answer that is wrong only where there are zeros.
    """
    call = f"{trial.exercise}(W)"
    for text, shape, suspect in SHAPES:
        W = trial.normal(*shape)
        with trial.case(text, suspect):
            got = trial.call(call, metric, W, watch={"W": W})
            # With an axis of size 1 different mistakes look the same: those were named before.
            mistakes = no_mistakes if 1 in shape else partial(mistakes_of, W)
            compare(got, reference(W), axes, mistakes=mistakes)
    W = trial.normal(3, 4, 7)
    W[1, :, 2] = 0
    W[2] = 0
    with trial.case("a W with columns of zeros", zero):
        compare(trial.call(call, metric, W, watch={"W": W}), reference(W), axes, mistakes=partial(mistakes_of, W))


def norm_mistakes(W: Tensor) -> list[Mistake]:
    """What `feature_norms` gives with one thing wrong."""
    this, norm = "these are the values that you get", W.norm(dim=1)
    column = "The norm of feature i is that of column i, W[inst, :, i]: sum over d_hidden."
    return [
        Mistake("squared", "these are the squared norms.\nTake the square root.", norm**2),
        Mistake("other-axis", f"{this} when you sum over features.\n{column}", W.norm(dim=2)),
        Mistake("over-instances", f"{this} when you sum over instances.\n{column}", W.norm(dim=0)),
        Mistake("absolute-sum", f"{this} when you add up absolute values.\nSquare, sum, root.", W.abs().sum(1)),
        Mistake("plain-sum", f"{this} when you sum W itself.\nSquare, sum, root.", W.sum(1)),
        Mistake(
            "largest-entry",
            "these are the largest absolute values of the columns.\nSquare, sum, root.",
            W.abs().amax(1),
        ),
        Mistake("mean-for-sum", f"{this} with a mean in place of the sum.", W.square().mean(1).sqrt()),
        Mistake("whole-instance", f"this is the norm of each instance's whole W.\n{column}", W.norm(dim=(1, 2))),
        Mistake(
            "one-for-all",
            f"every feature has the norm of its instance's whole W.\n{column}",
            W.norm(dim=(1, 2))[:, None].expand_as(norm),
        ),
        Mistake(
            "normalized",
            "the norms are scaled so that the largest of each instance is 1.",
            norm / norm.amax(1, keepdim=True),
        ),
    ]


@learner_test("feature_norms", "feature_norms")
def test_feature_norms(trial: Trial, metric: Metric) -> str:
    """Test the function: `tests.test_feature_norms(feature_norms)`."""
    check_metric(trial, metric, solutions.feature_norms, norm_mistakes)
    return "values for 6 shapes, features that are not represented"


def interference_mistakes(W: Tensor) -> list[Mistake]:
    """What `feature_interference` gives with one thing wrong."""
    this = "these are the values that you get"
    lengths = W.norm(dim=1, keepdim=True)
    unit = t.where(lengths > 0, W / lengths, 0.0)
    others = 1 - t.eye(W.shape[2], device=W.device)
    dots = t.einsum("idf,idg->ifg", unit, W)  # [inst i j]: unit vector of i, vector of j
    raw, cosines = t.einsum("idf,idg->ifg", W, W), t.einsum("idf,idg->ifg", unit, unit)
    own = "Interference is what the others do to it: leave out j = i."
    n_others = max(1, W.shape[2] - 1)
    nan = t.einsum("idf,idg->ifg", W / lengths, W)
    return [
        Mistake("own-feature", f"{this} when j = i is in the sum.\n{own}", (dots**2).sum(2)),
        Mistake(
            "not-normalized",
            f"{this} with W_i in place of its unit vector.\nDivide W_i by its norm, W_j not.",
            (raw**2 * others).sum(2),
        ),
        Mistake(
            "both-normalized",
            f"{this} when W_j is divided by its norm too.\nOnly W_i is a unit vector: long ones interfere more.",
            (cosines**2 * others).sum(2),
        ),
        Mistake(
            "other-normalized",
            f"{this} when W_j is the unit vector and W_i is not.\nDivide W_i by its norm.",
            (dots**2 * others).sum(1),
        ),
        Mistake("not-squared", f"{this} without the square: both signs cancel.", (dots * others).sum(2)),
        Mistake("absolute-value", f"{this} with absolute values in place of squares.", (dots.abs() * others).sum(2)),
        Mistake(
            "root",
            f"{this} with a square root at the end.\nThe sum of squares is asked for.",
            (dots**2 * others).sum(2).sqrt(),
        ),
        Mistake(
            "mean-for-sum",
            f"{this} with a mean over the other features.\nSum them.",
            (dots**2 * others).sum(2) / n_others,
        ),
        Mistake("mean-for-sum", f"{this} with a mean over all features.\nSum them.", (dots**2 * others).mean(2)),
        Mistake("largest", f"{this} with the largest term in place of the sum.", (dots**2 * others).amax(2)),
        Mistake("not-summed", "these are the terms of the sum, for every i and j.\nSum over j.", dots**2 * others),
        Mistake(
            "summed-over-features",
            "this is the sum over all features.\nKeep one value a feature.",
            (dots**2 * others).sum((1, 2)),
        ),
        Mistake("square-after-sum", f"{this} when the sum is squared, not its terms.", (dots * others).sum(2) ** 2),
        Mistake(
            "zero-column",
            "NaN where a feature has norm 0: that is 0 / 0.\nDivide only where the norm is above 0.",
            (nan**2 * others).sum(2),
        ),
    ]


@learner_test("feature_interference", "feature_interference")
def test_feature_interference(trial: Trial, metric: Metric) -> str:
    """Test the function: `tests.test_feature_interference(feature_interference)`."""
    check_metric(trial, metric, solutions.feature_interference, interference_mistakes)
    return "values for 6 shapes, features that are not represented"
