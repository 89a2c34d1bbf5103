"""Tests of section 1: the toy model's forward pass and its loss."""

from functools import partial
from typing import Any

import torch as t
from torch import Tensor
from torch.nn import functional as F

from .. import solutions
from ..checking.compare import Mistake, compare, compare_gradients
from ..checking.runner import Trial, learner_test
from .models import (
    FEATS,
    FIXED_BATCH,
    FIXED_SIZE,
    LEADING_AXES,
    NOTEBOOK,
    ONE,
    TALL,
    WIDE,
    Sizes,
    make_pair,
    set_parameters,
)


def forward_mistakes(W: Tensor, b: Tensor, x: Tensor) -> list[Mistake]:
    """What a forward pass gives with one thing wrong."""
    W, b, x = W.detach(), b.detach(), x.detach()
    hidden = t.einsum("...if,idf->...id", x, W)
    restored = t.einsum("...id,idf->...if", hidden, W)
    decoded_relu = t.einsum("...id,idf->...if", F.relu(hidden), W)
    first = t.einsum("...id,df->...if", t.einsum("...if,df->...id", x, W[0]), W[0])
    mixed = t.einsum("...d,idf->...if", t.einsum("...if,idf->...d", x, W), W)
    unit = W / W.norm(dim=1, keepdim=True)
    normalized = t.einsum("...id,idf->...if", t.einsum("...if,idf->...id", x, unit), unit)
    this = "these are the values that you get"
    return [
        Mistake(
            "bias-after-relu",
            f"{this} when the bias is added after the ReLU.\nAdd b_final first, then apply the ReLU to the sum.",
            F.relu(restored) + b,
        ),
        Mistake("no-bias", f"{this} without the bias.\nAdd b_final before the ReLU.", F.relu(restored)),
        Mistake("no-relu", f"{this} without the ReLU.\nApply F.relu to the sum.", restored + b),
        Mistake("no-relu-no-bias", f"{this} without bias and ReLU: only W^T W x is there.", restored),
        Mistake("bias-subtracted", f"{this} when b_final is subtracted. Add it.", F.relu(restored - b)),
        Mistake(
            "relu-in-hidden",
            f"{this} with a ReLU in the hidden layer too.\nLeave the hidden vector W x as it is.",
            F.relu(decoded_relu + b),
        ),
        Mistake(
            "relu-only-in-hidden",
            f"{this} with the ReLU in the hidden layer.\nIt belongs to the output: ReLU(W^T W x + b_final).",
            decoded_relu + b,
        ),
        Mistake(
            "first-instance-weights",
            f"{this} when every instance uses the W of instance 0.\nKeep the inst axis of W in both products.",
            F.relu(first + b),
        ),
        Mistake(
            "instances-mixed",
            f"{this} when the hidden vectors of all instances are summed.\nKeep inst in the result of W x.",
            F.relu(mixed + b),
        ),
        Mistake(
            "first-instance-bias",
            f"{this} when every instance uses the bias of instance 0.",
            F.relu(restored + b[0]),
        ),
        Mistake("abs-for-relu", f"{this} with an absolute value in place of the ReLU.", (restored + b).abs()),
        Mistake("leaky-relu", f"{this} with a leaky ReLU.", F.leaky_relu(restored + b)),
        Mistake("gelu", f"{this} with a GELU in place of the ReLU.", F.gelu(restored + b)),
        Mistake("sigmoid", f"{this} with a sigmoid in place of the ReLU.", t.sigmoid(restored + b)),
        Mistake("negative-relu", f"{this} when the ReLU keeps the negative part.", -F.relu(-(restored + b))),
        Mistake(
            "columns-normalized",
            f"{this} when the columns of W are scaled to length 1 first.\nUse W as it is: its lengths are learned.",
            F.relu(normalized + b),
        ),
        Mistake("hidden-returned", "this is the hidden vector W x.\nMap it back: ReLU(W^T (W x) + b_final).", hidden),
        Mistake("input-returned", "these are the features themselves: nothing is computed from them.", x),
        Mistake("input-added", f"{this} when the input is added to the output.", F.relu(restored + b) + x),
    ]


@learner_test("forward", "ToyModel.forward")
def test_model(trial: Trial, model_class: Any) -> str:
    """Test `ToyModel.forward`, and that `W` and `b_final` are parameters: `tests.test_model(ToyModel)`."""
    _check_forward(trial, model_class, NOTEBOOK, [("a batch of 64", (64,), None), ("a batch of 6", (6,), FIXED_BATCH)])
    several_axes = [("two batch axes", (2, 5), LEADING_AXES), ("no batch axis", (), LEADING_AXES)]
    _check_forward(trial, model_class, WIDE, [(str(WIDE), (11,), FIXED_SIZE), *several_axes])
    _check_forward(trial, model_class, TALL, [(str(TALL), (5,), FIXED_SIZE)])
    _check_forward(trial, model_class, ONE, [(str(ONE), (7,), ("one-instance", "Do not squeeze the inst axis."))])
    return "values for 4 models, 0 to 2 batch axes; gradient to W, b_final and features"


def _check_forward(
    trial: Trial, model_class: Any, sizes: Sizes, cases: list[tuple[str, tuple[int, ...], tuple[str, str] | None]]
) -> None:
    model, reference = make_pair(trial, model_class, sizes)
    set_parameters(trial, model, reference, sizes)
    forward = trial.method(model, "forward")
    for text, leading, suspect in cases:
        features = trial.uniform(*leading, sizes.inst, sizes.feats)
        mine, right = features.clone().requires_grad_(), features.clone().requires_grad_()
        watch = {"features": mine, "W": model.W, "b_final": model.b_final}
        with trial.case(text, suspect):
            out = trial.call("forward(features)", forward, mine, watch=watch)
            expected = reference(right)
            mistakes = partial(forward_mistakes, reference.W, reference.b_final, features)
            answer = compare(out, expected, FEATS, mistakes=mistakes, grad=True)
            _check_forward_gradients(trial, model, reference, (mine, answer), (right, expected))


def _check_forward_gradients(
    trial: Trial,
    model: Any,
    reference: solutions.ToyModel,
    mine: tuple[Tensor, Tensor],
    right: tuple[Tensor, Tensor],
) -> None:
    (x, out), (x_right, out_right) = mine, right
    weights = trial.normal(*out_right.shape)
    names = ("W", "b_final", "features")
    # One number at the end: given weights of its own, torch.autograd.grad imports a second of libraries.
    total, total_right = (out * weights).sum(), (out_right * weights).sum()
    inputs = (model.W, model.b_final, x)
    got = trial.call("the backward pass of forward", t.autograd.grad, total, inputs, allow_unused=True)
    wanted = t.autograd.grad(total_right, (reference.W, reference.b_final, x_right))
    compare_gradients(
        dict(zip(names, got, strict=True)),
        dict(zip(names, wanted, strict=True)),
        mistakes={"W": partial(_half_detached, reference, x_right.detach(), weights)},
    )


def _half_detached(reference: solutions.ToyModel, x: Tensor, weights: Tensor) -> list[Mistake]:
    """The gradient to W when it is cut off in one of its two places."""
    b = reference.b_final.detach()
    found = []
    for key, place in (("encoder-detached", "first"), ("decoder-detached", "second")):
        W = reference.W.detach().clone().requires_grad_()
        down, up = (W.detach(), W) if place == "first" else (W, W.detach())
        out = F.relu(t.einsum("...id,idf->...if", t.einsum("...if,idf->...id", x, down), up) + b)
        (gradient,) = t.autograd.grad((out * weights).sum(), W)
        text = f"the values are right, and W gets no gradient from the {place} of its two products."
        found.append(Mistake(key, f"{text}\nUse self.W itself in both: the loss trains it through both.", gradient))
    return found


def loss_mistakes(model: solutions.ToyModel, out: Tensor, batch: Tensor) -> list[Mistake]:
    """What a loss gives with one thing wrong."""
    weight, error = model.importance, out - batch
    weighted = weight * error**2
    this = "this is the value that you get"
    mean_sum = "The loss is a mean over batch and features, and a sum over instances."
    return [
        Mistake("mean-over-instances", f"{this} with a mean over instances.\n{mean_sum}", weighted.mean()),
        Mistake("sum-over-everything", f"{this} with a sum over everything.\n{mean_sum}", weighted.sum()),
        Mistake("sum-over-features", f"{this} with a sum over features.\n{mean_sum}", weighted.mean(0).sum()),
        Mistake("sum-over-batch", f"{this} with a sum over the batch.\n{mean_sum}", weighted.mean(2).sum()),
        Mistake(
            "mean-over-batch-and-instances",
            f"{this} with a sum over features and a mean over instances.\n{mean_sum}",
            weighted.sum(2).mean(),
        ),
        Mistake("one-instance", f"this is the loss of instance 0 alone.\n{mean_sum}", weighted[:, 0].mean()),
        Mistake(
            "not-summed", "the losses of the instances are not summed.\nAdd them up: one number.", weighted.mean((0, 2))
        ),
        Mistake("not-reduced", f"nothing is averaged or summed.\n{mean_sum}", weighted),
        Mistake(
            "no-importance",
            f"{this} without the importance.\nMultiply the squared error by self.importance.",
            (error**2).mean((0, 2)).sum(),
        ),
        Mistake(
            "no-importance-mean",
            f"{this} without the importance and with a mean over instances.\n{mean_sum}",
            (error**2).mean(),
        ),
        Mistake(
            "importance-squared",
            f"{this} when the importance is squared too.\nSquare the error, then multiply.",
            ((weight * error) ** 2).mean((0, 2)).sum(),
        ),
        Mistake(
            "importance-root", f"{this} with the root of the importance.", (weight.sqrt() * error**2).mean((0, 2)).sum()
        ),
        Mistake(
            "first-instance-importance",
            f"{this} when every instance uses the importance of instance 0.",
            (weight[0] * error**2).mean((0, 2)).sum(),
        ),
        Mistake(
            "importance-normalized",
            f"{this} when the importance is divided by its sum.\nUse it as it is.",
            (weighted / weight.sum(1, keepdim=True)).sum(2).mean(0).sum(),
        ),
        Mistake(
            "absolute-error",
            f"{this} with the absolute error.\nSquare the error.",
            (weight * error.abs()).mean((0, 2)).sum(),
        ),
        Mistake(
            "not-squared",
            f"{this} without the square: errors of both signs cancel.",
            (weight * error).mean((0, 2)).sum(),
        ),
        Mistake(
            "root",
            f"{this} when a root is taken of each instance's loss.\nLeave it out.",
            weighted.mean((0, 2)).sqrt().sum(),
        ),
        Mistake("halved", "this is half of the loss.\nThere is no factor 1/2 in it.", weighted.mean((0, 2)).sum() / 2),
        Mistake(
            "negated",
            "this is minus the loss.\nAdam makes it as small as it can: leave out the minus.",
            -weighted.mean((0, 2)).sum(),
        ),
        Mistake(
            "weighted-target",
            f"{this} when the importance multiplies the output alone.",
            ((weight * out - batch) ** 2).mean((0, 2)).sum(),
        ),
        Mistake("maximum", f"{this} with a maximum in place of the mean.", weighted.amax((0, 2)).sum()),
    ]


@learner_test("calculate_loss", "ToyModel.calculate_loss")
def test_calculate_loss(trial: Trial, model_class: Any) -> str:
    """Test `ToyModel.calculate_loss`: `tests.test_calculate_loss(ToyModel)`."""
    cases = (
        ("a batch of 64", NOTEBOOK, 64, None),
        ("a batch of 6", NOTEBOOK, 6, FIXED_BATCH),
        (str(WIDE), WIDE, 11, FIXED_SIZE),
        (str(TALL), TALL, 4, FIXED_SIZE),
        (str(ONE), ONE, 9, FIXED_SIZE),
    )
    for text, sizes, batch_size, suspect in cases:
        model, reference = make_pair(trial, model_class, sizes)
        with trial.case(text, suspect):
            _check_loss(trial, model, reference, batch_size)
    return "value for 4 models and 5 batch sizes, importance, gradient to out"


def _check_loss(trial: Trial, model: Any, reference: solutions.ToyModel, batch_size: int) -> None:
    batch = trial.uniform(batch_size, reference.cfg.n_inst, reference.cfg.n_features)
    out = trial.uniform(*batch.shape, high=1.5)
    mine, right = out.clone().requires_grad_(), out.clone().requires_grad_()
    method = trial.method(model, "calculate_loss")
    loss = trial.call("calculate_loss(out, batch)", method, mine, batch, watch={"out": mine, "batch": batch})
    expected = reference.calculate_loss(right, batch)
    mistakes = partial(loss_mistakes, reference, out, batch)
    answer = compare(loss, expected, "", mistakes=mistakes, what="the loss", grad=True)
    (got,) = trial.call("the backward pass of calculate_loss", t.autograd.grad, answer, mine, allow_unused=True)
    (wanted,) = t.autograd.grad(expected, right)
    compare_gradients({"out": got}, {"out": wanted})
