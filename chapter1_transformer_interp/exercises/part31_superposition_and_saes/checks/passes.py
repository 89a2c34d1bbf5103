"""What the checks of every model's forward pass and loss share: the cases, values and gradients."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch as t
from torch import Tensor

from ..checking.compare import Mistake, Mistakes, compare, compare_gradients
from ..checking.runner import Trial
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

Cases = list[tuple[str, tuple[int, ...], tuple[str, str] | None]]


@dataclass(frozen=True)
class ForwardPass:
    """How to check one kind of model.

    Attributes:
        reference_class: the right one; its parameters are those that the answer must have.
        mistakes: `(reference, features)` -> what a forward pass gives with one thing wrong.
        gradient_mistakes: `(reference, features, weights)` -> by parameter, what the gradient of the sum of
            outputs times weights is with one thing wrong.
        lowest: features are uniform between this and 1.
    """

    reference_class: type
    mistakes: Callable[[Any, Tensor], list[Mistake]]
    gradient_mistakes: Callable[[Any, Tensor, Tensor], Mapping[str, Mistakes]]
    lowest: float | int = 0


def check_forward(trial: Trial, model_class: Any, rule: ForwardPass) -> str:
    """Values for several sizes and batch axes, and gradients; returns what was checked."""
    notebook: Cases = [("a batch of 64", (64,), None), ("a batch of 6", (6,), FIXED_BATCH)]
    _check_forward(trial, model_class, rule, NOTEBOOK, notebook)
    several_axes: Cases = [("two batch axes", (2, 5), LEADING_AXES), ("no batch axis", (), LEADING_AXES)]
    _check_forward(trial, model_class, rule, WIDE, [(str(WIDE), (11,), FIXED_SIZE), *several_axes])
    _check_forward(trial, model_class, rule, TALL, [(str(TALL), (5,), FIXED_SIZE)])
    one: Cases = [(str(ONE), (7,), ("one-instance", "Do not squeeze the inst axis."))]
    _check_forward(trial, model_class, rule, ONE, one)
    names = [name for name, _ in rule.reference_class(ONE.cfg(), device=trial.device).named_parameters()]
    return f"values for 4 models, 0 to 2 batch axes; gradient to {', '.join(sorted(names))} and features"


def _check_forward(trial: Trial, model_class: Any, rule: ForwardPass, sizes: Sizes, cases: Cases) -> None:
    model, reference = make_pair(trial, model_class, sizes, rule.reference_class)
    set_parameters(trial, model, reference)
    names = [name for name, _ in reference.named_parameters()]
    forward = trial.method(model, "forward")
    for text, leading, suspect in cases:
        features = trial.uniform(*leading, sizes.inst, sizes.feats, low=float(rule.lowest))
        mine, right = features.clone().requires_grad_(), features.clone().requires_grad_()
        watch = {"features": mine, **{name: getattr(model, name) for name in names}}
        with trial.case(text, suspect):
            out = trial.call("forward(features)", forward, mine, watch=watch)
            expected = reference(right)
            answer = compare(out, expected, FEATS, mistakes=partial(rule.mistakes, reference, features), grad=True)
            weights = trial.normal(*expected.shape)
            wrong = rule.gradient_mistakes(reference, features, weights)
            _check_gradients(trial, (model, mine, answer), (reference, right, expected), weights, wrong)


def _check_gradients(
    trial: Trial,
    mine: tuple[Any, Tensor, Tensor],
    right: tuple[Any, Tensor, Tensor],
    weights: Tensor,
    mistakes: Mapping[str, Mistakes],
) -> None:
    """Compare gradients of (model, features, output)."""
    (model, x, out), (reference, x_right, out_right) = mine, right
    names = [name for name, _ in reference.named_parameters()]
    # One number at the end: given weights of its own, torch.autograd.grad imports a second of libraries.
    total, total_right = (out * weights).sum(), (out_right * weights).sum()
    inputs = (*(getattr(model, name) for name in names), x)
    got = trial.call("the backward pass of forward", t.autograd.grad, total, inputs, allow_unused=True)
    wanted = t.autograd.grad(total_right, (*(getattr(reference, name) for name in names), x_right))
    keys = (*names, "features")
    compare_gradients(dict(zip(keys, got, strict=True)), dict(zip(keys, wanted, strict=True)), mistakes=dict(mistakes))


def half_detached(W: Tensor, out_of: Callable[[Tensor, Tensor], Tensor], weights: Tensor) -> list[Mistake]:
    """The gradient to a W that is used twice, when it is cut off in one of its two places.

    Args:
        W: the parameter.
        out_of: the output, from the W of the first product and the W of the second.
        weights: of the outputs in the sum whose gradient is taken.
    """
    found = []
    for key, place in (("encoder-detached", "first"), ("decoder-detached", "second")):
        used = W.detach().clone().requires_grad_()
        down, up = (used.detach(), used) if place == "first" else (used, used.detach())
        (gradient,) = t.autograd.grad((out_of(down, up) * weights).sum(), used)
        text = f"the values are right, and W gets no gradient from the {place} of its two products."
        found.append(Mistake(key, f"{text}\nUse self.W itself in both: the loss trains it through both.", gradient))
    return found


@dataclass(frozen=True)
class LossRule:
    """How to check one kind of loss.

    Attributes:
        reference_class: the right one.
        mistakes: `(reference, out, batch)` -> what a loss gives with one thing wrong.
        lowest: batches are uniform between this and 1.
    """

    reference_class: type
    mistakes: Callable[[Any, Tensor, Tensor], Sequence[Mistake]]
    lowest: float | int = 0


def check_loss(trial: Trial, model_class: Any, rule: LossRule) -> str:
    """Values for several sizes, and the gradient to the output; returns what was checked."""
    cases = (
        ("a batch of 64", NOTEBOOK, 64, None),
        ("a batch of 6", NOTEBOOK, 6, FIXED_BATCH),
        (str(WIDE), WIDE, 11, FIXED_SIZE),
        (str(TALL), TALL, 4, FIXED_SIZE),
        (str(ONE), ONE, 9, FIXED_SIZE),
    )
    for text, sizes, batch_size, suspect in cases:
        model, reference = make_pair(trial, model_class, sizes, rule.reference_class)
        with trial.case(text, suspect):
            _check_loss(trial, model, reference, batch_size, rule)
    return "value for 4 models and 5 batch sizes, importance, gradient to out"


def _check_loss(trial: Trial, model: Any, reference: Any, batch_size: int, rule: LossRule) -> None:
    batch = trial.uniform(batch_size, reference.cfg.n_inst, reference.cfg.n_features, low=float(rule.lowest))
    out = trial.uniform(*batch.shape, high=1.5)
    mine, right = out.clone().requires_grad_(), out.clone().requires_grad_()
    method = trial.method(model, "calculate_loss")
    loss = trial.call("calculate_loss(out, batch)", method, mine, batch, watch={"out": mine, "batch": batch})
    expected = reference.calculate_loss(right, batch)
    mistakes = partial(rule.mistakes, reference, out, batch)
    answer = compare(loss, expected, "", mistakes=mistakes, what="the loss", grad=True)
    (got,) = trial.call("the backward pass of calculate_loss", t.autograd.grad, answer, mine, allow_unused=True)
    (wanted,) = t.autograd.grad(expected, right)
    compare_gradients({"out": got}, {"out": wanted})
