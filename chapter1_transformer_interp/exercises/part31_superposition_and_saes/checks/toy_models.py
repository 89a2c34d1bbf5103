"""Tests of section 1: the toy model's forward pass and its loss."""

from functools import partial
from typing import Any

import torch as t
from torch import Tensor
from torch.nn import functional as F

from .. import solutions
from ..checking.compare import Mistake
from ..checking.runner import Trial, learner_test
from .passes import ForwardPass, LossRule, check_forward, check_loss, half_detached


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


FORWARD = ForwardPass(
    reference_class=solutions.ToyModel,
    mistakes=lambda model, x: forward_mistakes(model.W, model.b_final, x),
    gradient_mistakes=lambda model, x, weights: {"W": partial(_half_detached, model, x, weights)},
)


@learner_test("forward", "ToyModel.forward")
def test_model(trial: Trial, model_class: Any) -> str:
    """Test `ToyModel.forward`, and that `W` and `b_final` are parameters: `tests.test_model(ToyModel)`."""
    return check_forward(trial, model_class, FORWARD)


def _half_detached(reference: Any, x: Tensor, weights: Tensor) -> list[Mistake]:
    """The gradient to W when it is cut off in one of its two places."""
    return half_detached(
        reference.W,
        lambda down, up: F.relu(
            t.einsum("...id,idf->...if", t.einsum("...if,idf->...id", x, down), up) + reference.b_final
        ),
        weights,
    )


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
    return check_loss(trial, model_class, LossRule(solutions.ToyModel, loss_mistakes))
