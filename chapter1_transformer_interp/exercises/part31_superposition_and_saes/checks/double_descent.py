"""Tests of section 4: loss per instance, and dimensionality."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch as t
from torch import Tensor

from .. import solutions
from ..checking.compare import (
    Mistake,
    compare,
    compare_gradients,
    no_mistakes,
)
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from .models import FIXED_BATCH, FIXED_SIZE, NOTEBOOK, ONE, TALL, WIDE, Sizes, set_parameters
from .toy_models import loss_mistakes

THIS = "these are the values that you get"


def make_models(trial: Trial, model_class: Any, sizes: Sizes) -> tuple[Any, solutions.DoubleDescentModel]:
    """A learner's model and the reference, with importances that differ in every place."""
    importance = trial.uniform(sizes.inst, sizes.feats, low=0.2, high=2.0)
    arguments: dict[str, Any] = {"feature_probability": 0.5, "importance": importance}
    model = trial.build(model_class, sizes.cfg(), feature_probability=0.5, importance=importance.clone())
    return model, solutions.DoubleDescentModel(sizes.cfg(), **arguments, device=trial.device)


def reference_model(trial: Trial, sizes: Sizes) -> solutions.DoubleDescentModel:
    """A reference model with weights large enough that everything shows."""
    model = solutions.DoubleDescentModel(sizes.cfg(), 0.5, device=trial.device)
    set_parameters(trial, model, model)
    return model


# ---- the loss


def per_instance_mistakes(model: solutions.ToyModel, out: Tensor, batch: Tensor) -> list[Mistake]:
    """What the loss per instance gives with one thing wrong."""
    weight, error = model.importance, out - batch
    weighted = weight * error**2
    losses = weighted.mean((0, 2))
    one = "With per_inst=True: one number an instance, a mean over batch and features."
    return [
        Mistake("not-per-instance", f"with per_inst=True the losses are still summed.\n{one}", losses.sum()),
        Mistake("mean-over-instances", f"with per_inst=True this is a mean over instances.\n{one}", losses.mean()),
        Mistake("sum-over-features", f"{THIS} with a sum over features.\n{one}", weighted.sum(2).mean(0)),
        Mistake("sum-over-batch", f"{THIS} with a sum over the batch.\n{one}", weighted.mean(2).sum(0)),
        Mistake("sum-over-everything", f"{THIS} with a sum over batch and features.\n{one}", weighted.sum((0, 2))),
        Mistake("per-row", f"these are the losses of single rows.\n{one}", weighted.mean(2)),
        Mistake("per-row", f"these are the losses of rows, summed over instances.\n{one}", weighted.mean(2).sum(1)),
        Mistake("per-feature", f"these are the losses of single features.\n{one}", weighted.mean(0)),
        Mistake("not-reduced", f"nothing is averaged.\n{one}", weighted),
        Mistake("no-importance", f"{THIS} without the importance, with per_inst=True.", (error**2).mean((0, 2))),
        Mistake("over-instances", f"{THIS} when the losses are divided by their number.\n{one}", losses / len(losses)),
        Mistake("root", f"{THIS} with a root of each loss.\nLeave it out.", losses.sqrt()),
        Mistake("same-for-all", f"every instance gets the sum of all losses.\n{one}", losses.sum().expand_as(losses)),
        Mistake("same-for-all", f"every instance gets the mean of all losses.\n{one}", losses.mean().expand_as(losses)),
    ]  # fmt: skip


@learner_test("double_descent_calculate_loss", "DoubleDescentModel.calculate_loss")
def test_double_descent_calculate_loss(trial: Trial, model_class: Any) -> str:
    """Test `DoubleDescentModel.calculate_loss`: `tests.test_double_descent_calculate_loss(DoubleDescentModel)`."""
    cases = (
        ("a batch of 64", NOTEBOOK, 64, None),
        ("a batch of 6", NOTEBOOK, 6, FIXED_BATCH),
        (str(WIDE), WIDE, 11, FIXED_SIZE),
        (str(TALL), TALL, 4, FIXED_SIZE),
        (str(ONE), ONE, 9, ("one-instance", "With per_inst=True one instance gives [1], without it a number.")),
    )
    for text, sizes, rows, suspect in cases:
        model, reference = make_models(trial, model_class, sizes)
        batch = trial.uniform(rows, sizes.inst, sizes.feats)
        out = trial.uniform(*batch.shape, high=1.5)
        with trial.case(text, suspect):
            _check_loss(trial, model, reference, out, batch, per_inst=False)
            _check_loss(trial, model, reference, out, batch, per_inst=True)
    return "sum and losses per instance for 4 models and 5 batch sizes, gradient to out"


def _check_loss(
    trial: Trial, model: Any, reference: solutions.DoubleDescentModel, out: Tensor, batch: Tensor, per_inst: bool
) -> None:
    mine, right = out.clone().requires_grad_(), out.clone().requires_grad_()
    call = f"calculate_loss(out, batch{', per_inst=True' if per_inst else ''})"
    keywords = {"per_inst": True} if per_inst else {}
    watch = {"out": mine, "batch": batch}
    loss = trial.call(call, trial.method(model, "calculate_loss"), mine, batch, watch=watch, **keywords)
    expected = reference.calculate_loss(right, batch, per_inst=per_inst)
    known = per_instance_mistakes if per_inst else loss_mistakes
    mistakes = no_mistakes if per_inst and len(expected) == 1 else partial(known, reference, out, batch)
    answer = compare(loss, expected, "inst" if per_inst else "", mistakes=mistakes, what="the loss", grad=True)
    weights = trial.uniform(*expected.shape, low=0.5, high=2)
    total, total_right = (answer * weights).sum(), (expected * weights).sum()
    (got,) = trial.call(f"the backward pass of {call}", t.autograd.grad, total, mine, allow_unused=True)
    (wanted,) = t.autograd.grad(total_right, right)
    compare_gradients({"out": got}, {"out": wanted})


# ---- dimensionality


def dimensionality_mistakes(data: Tensor) -> list[Mistake]:
    """What `dimensionality` gives with one thing wrong."""
    norm = data.norm(dim=-1)
    unit = t.where(norm[..., None] > 0, data / norm[..., None], 0.0)
    products = t.einsum("...id,...jd->...ij", unit, data)
    raw, cosines = t.einsum("...id,...jd->...ij", data, data), t.einsum("...id,...jd->...ij", unit, unit)
    shared = (products**2).sum(-1)
    squared = norm**2
    others = shared - squared

    def over(top: Tensor, bottom: Tensor) -> Tensor:
        return t.where(bottom.abs() > 0, top / bottom, 0.0)

    nan = "NaN where a vector is zero: that is 0 / 0.\nThere the dimensionality is 0."
    columns = t.einsum("...ni,...nj->...ij", data / data.norm(dim=-2, keepdim=True), data)
    return [
        Mistake("zero-row", nan, squared / shared),
        Mistake("zero-row", nan, squared / (t.einsum("...id,...jd->...ij", data / norm[..., None], data) ** 2).sum(-1)),
        Mistake("own-left-out", f"{THIS} without j = i in the sum.\nThe vector's own part belongs to it.",
                over(squared, others)),
        Mistake("not-normalized", f"{THIS} with v_i for its unit vector.\nBelow, divide v_i by its norm, v_j not.",
                over(squared, (raw**2).sum(-1))),
        Mistake("both-normalized", f"{THIS} when v_j is a unit vector too.\nOnly v_i is: long ones take more room.",
                over(squared, (cosines**2).sum(-1))),
        Mistake("other-normalized", f"{THIS} when v_j is the unit vector and v_i is not.\nDivide v_i by its norm.",
                over(squared, (products**2).sum(-2))),
        Mistake("not-squared", f"{THIS} with the norm, not squared, on top.", over(norm, shared)),
        Mistake("products-not-squared", f"{THIS} when the products are not squared: both signs cancel.",
                over(squared, products.sum(-1))),
        Mistake("absolute-value", f"{THIS} with absolute values in place of squares.",
                over(squared, products.abs().sum(-1))),
        Mistake("square-after-sum", f"{THIS} when the sum is squared, not its terms.",
                over(squared, products.sum(-1) ** 2)),
        Mistake("upside-down", f"{THIS} with the fraction upside down.\nThe squared norm is on top.",
                over(shared, squared)),
        Mistake("denominator", "this is the sum below the fraction.\nDivide the squared norm by it.", shared),
        Mistake("squared-norm", "these are the squared norms.\nDivide them by the sum over j.", squared),
        Mistake("root", f"{THIS} with a root of the sum.\nThe sum of squares itself is below the fraction.",
                over(squared, shared.sqrt())),
        Mistake("mean-for-sum", f"{THIS} with a mean over j.\nSum.", over(squared, (products**2).mean(-1))),
        Mistake("columns", "the vectors are taken to be columns.\nIn [... n d_hidden] they are rows.",
                over(data.pow(2).sum(-2), (columns**2).sum(-1))),
        Mistake("mean-of-all", "the mean over vectors is returned.\nKeep one value a vector.",
                over(squared, shared).mean(-1)),
    ]  # fmt: skip


@learner_test("double_descent_dimensionality", "DoubleDescentModel.dimensionality")
def test_double_descent_dimensionality(trial: Trial, model_class: Any) -> str:
    """Test `DoubleDescentModel.dimensionality`: `tests.test_double_descent_dimensionality(DoubleDescentModel)`."""
    model = trial.build(model_class, NOTEBOOK.cfg())
    method = trial.method(model, "dimensionality")
    if inspect.isfunction(inspect.getattr_static(type(model), "dimensionality")):
        _check_stub(trial, method)
        raise Failure(
            "not-static", "dimensionality is not a static method.", "Write @staticmethod above it, and leave self out."
        )
    leading = ("leading-axes", "In [... n d_hidden] the dots are any number of axes, also none.")
    cases = (
        ("4 models of 6 points in the plane", (4, 6, 2), None),
        ("[2 5 3]", (2, 5, 3), FIXED_SIZE),
        ("no axis before n", (7, 2), leading),
        ("two axes before n", (2, 3, 5, 4), leading),
        ("more dimensions than vectors", (2, 3, 6), FIXED_SIZE),
        ("a single vector", (3, 1, 2), ("one-vector", "Name the axes that you sum over: do not squeeze.")),
        ("a single dimension", (3, 4, 1), ("one-dimension", "Name the axes that you sum over: do not squeeze.")),
    )
    for text, shape, suspect in cases:
        with trial.case(text, suspect):
            _check_dimensionality(trial, method, trial.normal(*shape))
    zeros = trial.normal(3, 6, 2)
    zeros[1, 2] = 0
    zeros[2] = 0
    with trial.case("vectors that are zero", ("zero-row", "A zero vector has dimensionality 0.")):
        _check_dimensionality(trial, method, zeros)
    small = 1e-3 * trial.normal(2, 6, 2)
    with trial.case(
        "short vectors", ("epsilon", "A number added below the fraction must be far smaller, or use t.where.")
    ):
        _check_dimensionality(trial, method, small)
    with trial.case("called on the class"):
        _check_dimensionality(trial, model_class.dimensionality, trial.normal(4, 6, 2))
    return "values for 8 shapes, zero and short vectors, on the class and on a model"


def _check_stub(trial: Trial, method: Callable[[Tensor], Any]) -> None:
    """An unsolved stub is unsolved first of all."""
    try:
        trial.call("dimensionality(data)", method, trial.normal(3, 2))
    except Failure as failure:
        if failure.diagnosis == "unsolved":
            raise


def _check_dimensionality(trial: Trial, method: Callable[[Tensor], Any], data: Tensor) -> None:
    got = trial.call("dimensionality(data)", method, data, watch={"data": data})
    expected = solutions.DoubleDescentModel.dimensionality(data)
    mistakes = no_mistakes if 1 in data.shape[-2:] else partial(dimensionality_mistakes, data)
    compare(got, expected, "n", mistakes=mistakes)
