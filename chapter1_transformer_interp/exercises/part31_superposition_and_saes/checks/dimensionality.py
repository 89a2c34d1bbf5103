"""Tests of section 3: dimensions per feature, and the dimensionality of each feature."""

from collections.abc import Callable, Sequence
from functools import partial

import torch as t
from torch import Tensor

from .. import solutions
from ..checking.compare import Mistake, compare, is_tensor, plain
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from .feature_metrics import Metric, check_metric
from .models import FEATS

INST = "inst"
NOT_IN_ORDER = ("memory-order", "The numbers of W need not lie in order in memory: use .reshape or einops, not .view.")
HALF_TOLERANCE = 0.02  # half precision has three digits, and loses some in the sums
Known = Callable[[Tensor], Sequence[Mistake]]


def _check_memory_and_precision(trial: Trial, metric: Metric, reference: Metric, axes: str, known: Known) -> str:
    """A W that is a view, and one in half precision. Returns a remark for an answer that cannot do the latter."""
    call = f"{trial.exercise}(W)"
    W = trial.normal(3, 7, 4).mT
    with trial.case("a W that is a view of another tensor", NOT_IN_ORDER):
        compare(trial.call(call, metric, W, watch={"W": W}), reference(W), axes, mistakes=partial(known, W))
    half = trial.normal(3, 4, 7).half()
    expected = reference(half.float())
    try:
        got = trial.call(call, metric, half, watch={"W": half})
    except Failure as failure:
        if failure.diagnosis != "raised":
            raise
        return "; it does not take half precision (float16)"
    if not is_tensor(got) or plain(got).shape != expected.shape or not plain(got).is_floating_point():
        raise Failure("half-precision", "right in float32, no tensor of that shape in half precision (W.half()).")
    wrong = (plain(got).detach().float() - expected).abs() > HALF_TOLERANCE * expected.abs().clamp(min=1)
    if wrong.any() or not plain(got).isfinite().all():
        advice = "Is there a constant in the code that is 0 or infinite in float16? t.finfo(W.dtype) knows the limits."
        raise Failure("half-precision", "right in float32, wrong in half precision (W.half()).", advice)
    half[1, :, 2] = 0
    if not plain(trial.call(call, metric, half)).isfinite().all():
        return "; in half precision a zero column gives NaN (there 1e-8 is 0)"
    return ""


def per_feature_mistakes(W: Tensor) -> list[Mistake]:
    """What `dimensions_per_feature` gives with one thing wrong."""
    d_hidden, n_features = W.shape[1:]
    this, total, norms = "these are the values that you get", W.square().sum((1, 2)), W.norm(dim=1)
    infinite = "An instance that represents nothing has infinitely many dimensions a feature: divide, and add nothing."
    is_zero, safe = total == 0, total.clamp_min(1e-30)
    finite = t.where(is_zero, 1.0, d_hidden / safe)
    spectral = t.linalg.matrix_norm(W.cpu(), ord=2).to(W.device)
    nuclear = t.linalg.matrix_norm(W.cpu(), ord="nuc").to(W.device)
    return [
        Mistake("upside-down", "this is ‖W‖² / d_hidden, features per dimension.\nTurn it over.", total / d_hidden),
        Mistake("not-squared", f"{this} with ‖W‖ in place of ‖W‖².", d_hidden / total.sqrt()),
        Mistake(
            "features-for-dimensions",
            f"{this} with the number of features above the line.\nd_hidden is the second axis of W.",
            n_features / total,
        ),
        Mistake(
            "no-dimensions", "this is 1 / ‖W‖².\nd_hidden, the second axis of W, stands above the line.", 1 / total
        ),
        Mistake(
            "all-instances",
            "every instance has the value of all weights together.\nSum over d_hidden and feats, not over inst.",
            (d_hidden / total.sum()).expand_as(total),
        ),
        Mistake("all-instances", "this is one value for all instances.\nKeep the inst axis.", d_hidden / total.sum()),
        Mistake(
            "per-feature",
            f"{this} for every feature: d_hidden / ‖W_i‖².\nSum over the features, too.",
            d_hidden / norms**2,
        ),
        Mistake(
            "per-dimension", f"{this} for every hidden dimension.\nSum over both axes.", d_hidden / W.square().sum(2)
        ),
        Mistake("absolute-sum", f"{this} with absolute values in place of squares.", d_hidden / W.abs().sum((1, 2))),
        Mistake("plain-sum", f"{this} when you sum W itself.\nSquare the entries.", d_hidden / W.sum((1, 2))),
        Mistake(
            "norms-not-squared", f"{this} with the sum of the norms, not of their squares.", d_hidden / norms.sum(1)
        ),
        Mistake("mean-for-sum", f"{this} with a mean in place of the sum.", d_hidden / W.square().mean((1, 2))),
        Mistake(
            "spectral-norm",
            f"{this} with the largest singular value in place of the Frobenius norm.\nSum the squares of all entries.",
            d_hidden / spectral**2,
        ),
        Mistake(
            "nuclear-norm", f"{this} with the nuclear norm.\nSum the squares of all entries.", d_hidden / nuclear**2
        ),
        Mistake(
            "counted",
            "this is d_hidden over the number of features with a norm above 1/2.\nUse ‖W‖² as it is.",
            d_hidden / (norms > 0.5).sum(1),
        ),
        Mistake("zero-instance", f"0 for an instance of zeros.\n{infinite}", t.where(is_zero, 0.0, finite)),
        Mistake("zero-instance", f"NaN for an instance of zeros.\n{infinite}", t.where(is_zero, float("nan"), finite)),
    ]


@learner_test("dimensions_per_feature", "dimensions_per_feature")
def test_dimensions_per_feature(trial: Trial, metric: Metric) -> str:
    """Test the function: `tests.test_dimensions_per_feature(dimensions_per_feature)`."""
    zero = (
        "zero-instance",
        "An instance of zeros has infinitely many dimensions a feature: divide, and add nothing below the line.",
    )
    reference = solutions.dimensions_per_feature
    check_metric(trial, metric, reference, per_feature_mistakes, INST, zero)
    remark = _check_memory_and_precision(trial, metric, reference, INST, per_feature_mistakes)
    return f"values for 7 shapes, an instance of zeros{remark}"


def dimensionality_mistakes(W: Tensor) -> list[Mistake]:
    """What `compute_dimensionality` gives with one thing wrong."""
    this, own = (
        "these are the values that you get",
        "The sum below the line has j = i in it: a feature is on its own line.",
    )
    lengths = W.norm(dim=1, keepdim=True)
    squares = lengths.squeeze(1) ** 2
    unit = t.where(lengths > 0, W / lengths, 0.0)
    dots = t.einsum("idf,idg->ifg", unit, W)  # [inst i j]: unit vector of i, vector of j
    raw, cosines = t.einsum("idf,idg->ifg", W, W), t.einsum("idf,idg->ifg", unit, unit)
    sums, alone = (dots**2).sum(2), t.eye(W.shape[2], device=W.device)
    right = t.where(sums > 0, squares / sums, 0.0)
    nan = squares / (t.einsum("idf,idg->ifg", W / lengths, W) ** 2).sum(2)
    rows = W.mT
    row_sums = (t.einsum("ifd,ife->ide", rows / rows.norm(dim=1, keepdim=True), rows) ** 2).sum(2)
    everyone = t.einsum("idf,kdg->ifkg", unit, W).square().sum((2, 3))
    return [
        Mistake("own-left-out", f"{this} when j = i is left out of the sum.\n{own}", squares / (sums - squares)),
        Mistake(
            "not-normalized",
            f"{this} with W_i in place of its unit vector below the line, or with 1 above it.\n"
            "‖W_i‖² stands above; below, W_i is divided by its norm and W_j is not.",
            squares / (raw**2).sum(2),
        ),
        Mistake(
            "both-normalized",
            f"{this} when W_j is a unit vector too.\nOnly W_i is: long ones take up more of its line.",
            squares / (cosines**2).sum(2),
        ),
        Mistake(
            "cosines-only",
            "this is 1 over the sum of squared cosines, as if every column had length 1.\n"
            "Below the line only W_i is normalized, and the sum runs over the other one, j.",
            1 / (cosines**2).sum(2),
        ),
        Mistake("not-squared", f"{this} without the square below the line.", squares / dots.sum(2)),
        Mistake("absolute-value", f"{this} with absolute values in place of squares.", squares / dots.abs().sum(2)),
        Mistake("square-after-sum", f"{this} when the sum is squared, not its terms.", squares / dots.sum(2) ** 2),
        Mistake("norm-not-squared", f"{this} with ‖W_i‖ above the line.\nSquare it.", squares.sqrt() / sums),
        Mistake("upside-down", "this is the sum over ‖W_i‖², features per dimension.\nTurn it over.", sums / squares),
        Mistake("root", f"{this} with a square root at the end.", right.sqrt()),
        Mistake("denominator-only", "this is the sum below the line.\nDivide ‖W_i‖² by it.", sums),
        Mistake(
            "interference", "this is the interference of a feature.\nDivide ‖W_i‖² by it plus ‖W_i‖².", sums - squares
        ),
        Mistake("mean-for-sum", f"{this} with a mean below the line.\nSum over j.", squares / (dots**2).mean(2)),
        Mistake("largest", f"{this} with the largest term in place of the sum.", squares / (dots**2).amax(2)),
        Mistake("not-summed", "these are the terms for every i and j.\nSum over j below the line.", dots**2),
        Mistake("summed-over-features", "this is the sum over all features.\nKeep one value a feature.", right.sum(1)),
        Mistake(
            "rows-for-columns",
            f"{this} for hidden dimensions.\nFeature i is column i, W[inst, :, i].",
            rows.norm(dim=1) ** 2 / row_sums,
        ),
        Mistake(
            "instances-mixed",
            f"{this} when j runs over the features of all instances.\nKeep to one.",
            squares / everyone,
        ),
        Mistake(
            "only-diagonal",
            f"{this} with only j = i in the sum.\nSum over all j.",
            squares / ((dots * alone) ** 2).sum(2),
        ),
        Mistake(
            "zero-column", "NaN where a feature has norm 0: that is 0 / 0.\nDivide only where the norm is above 0.", nan
        ),
    ]


@learner_test("compute_dimensionality", "compute_dimensionality")
def test_compute_dimensionality(trial: Trial, metric: Metric) -> str:
    """Test the function: `tests.test_compute_dimensionality(compute_dimensionality)`."""
    reference = solutions.compute_dimensionality
    check_metric(trial, metric, reference, dimensionality_mistakes)
    remark = _check_memory_and_precision(trial, metric, reference, FEATS, dimensionality_mistakes)
    return f"values for 7 shapes, features that are not represented{remark}"
