"""Tests of section 4: a training step on all data at once, and the choice of the best instance."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch as t
from torch import Tensor

from .. import solutions
from ..checking.compare import (
    Mistake,
    compare,
    compare_values,
    is_tensor,
    no_mistakes,
    plain,
)
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from .double_descent import reference_model
from .models import ONE, WIDE, Sizes

LR = 0.5


class Descent(t.optim.Optimizer):
    """Gradient descent with momentum. (The first step of torch's own imports two seconds of libraries.)"""

    def __init__(self, model: t.nn.Module, momentum: float):
        self.parameters = list(model.parameters())
        self.param_groups = [{"params": self.parameters, "lr": LR}]
        self.momentum = momentum
        self.velocities = [t.zeros_like(p) for p in self.parameters]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for p in self.parameters:
            p.grad = None if set_to_none or p.grad is None else t.zeros_like(p.grad)

    @t.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for p, velocity in zip(self.parameters, self.velocities, strict=True):
            if p.grad is not None:
                velocity.mul_(self.momentum).add_(p.grad)
                p.add_(velocity, alpha=-LR)


@learner_test("full_batch_step", "full_batch_step")
def test_full_batch_step(trial: Trial, step: Callable[..., Any]) -> str:
    """Test the function: `tests.test_full_batch_step(full_batch_step)`."""
    for text, sizes, rows, momentum in (
        ("gradient descent", WIDE, 9, 0.0),
        ("gradient descent, one instance", ONE, 4, 0.0),
        ("gradient descent with momentum", WIDE, 6, 0.9),
    ):
        with trial.case(text, named=True):
            _check_steps(trial, step, sizes, rows, momentum)
    return "losses and parameters over 3 steps of gradient descent, without momentum and with it"


def _check_steps(trial: Trial, step: Callable[..., Any], sizes: Sizes, rows: int, momentum: float) -> None:
    mine, right = reference_model(trial, sizes), solutions.DoubleDescentModel(sizes.cfg(), 0.5, device=trial.device)
    right.load_state_dict(mine.state_dict())
    batch = trial.uniform(rows, sizes.inst, sizes.feats)
    optimizer, optimizer_right = (Descent(model, momentum) for model in (mine, right))
    history: list[dict[str, Tensor]] = []
    for number in range(3):
        before = {name: p.detach().clone() for name, p in right.named_parameters()}
        got = trial.call(f"step {number + 1}", step, mine, optimizer, batch, watch={"batch": batch})
        expected = solutions.full_batch_step(right, optimizer_right, batch)
        history.append({name: p.grad.clone() for name, p in right.named_parameters() if p.grad is not None})
        after = right.calculate_loss(right(batch), batch, per_inst=True).detach()
        mistakes = partial(_step_loss_mistakes, expected, after, sizes.feats)
        if is_tensor(got) and plain(got).requires_grad and plain(got).shape == expected.shape:
            raise Failure("graph-kept", "the losses still hold the graph of the step.", "Return loss.detach().")
        compare(got, expected, "inst", mistakes=mistakes if sizes.inst > 1 else no_mistakes, what="the loss")
        _check_moved(mine, right, before, history, momentum == 0)


def _step_loss_mistakes(loss: Tensor, after: Tensor, feats: int) -> list[Mistake]:
    before = "The loss is that of the forward pass, before the step changes anything."
    return [
        Mistake("loss-after", f"these are the losses after the step.\n{before}", after),
        Mistake("loss-summed", "the sum over instances is returned.\nReturn one loss an instance.", loss.sum()),
        Mistake("loss-mean", "the mean over instances is returned.\nReturn one loss an instance.", loss.mean()),
        Mistake("loss-summed", "the loss after the step is returned, summed.\nReturn one an instance.", after.sum()),
        Mistake(
            "sum-over-features", "these are the losses summed over features.\nReturn them as they are.", loss * feats
        ),
    ]


def _check_moved(
    mine: t.nn.Module,
    right: t.nn.Module,
    before: dict[str, Tensor],
    history: list[dict[str, Tensor]],
    plain_descent: bool,
) -> None:
    """The parameters after a step, against the reference's; where they stood before, and what gradients there were."""
    theirs = dict(mine.named_parameters())
    n_inst = len(before["W"])
    step = "the step"

    def moved(name: str, by: Tensor) -> Tensor:
        return before[name] - LR * by

    for name, expected in right.named_parameters():
        gradient = history[-1][name]
        mistakes = [
            Mistake(
                "no-step",
                f"{name} has not moved.\nCall backward on the loss, then optimizer.step(), and no zero_grad() between.",
                before[name],
            )
        ]
        if plain_descent:
            total = sum((past[name] for past in history), t.zeros_like(gradient))
            mistakes += [
                Mistake("not-zeroed", f"{step} has gradients of earlier ones in it.\nCall optimizer.zero_grad() first.",
                        moved(name, total)),
                Mistake("mean-over-instances", f"{step} follows the mean over instances.\nSum the losses for backward.",
                        moved(name, gradient / n_inst)),
                Mistake("uphill", f"{step} goes uphill.\nCall backward on the loss itself, not on minus it.",
                        moved(name, -gradient)),
                Mistake("sum-over-features", f"{step} follows a loss summed over features.\nUse calculate_loss.",
                        moved(name, gradient * before["W"].shape[-1])),
            ]  # fmt: skip
            if len(history) > 1:
                late = history[-2][name]
                text = "the step uses the gradients of the step before.\nCall backward before optimizer.step()."
                mistakes.append(Mistake("step-first", text, moved(name, late)))
        try:
            compare_values(theirs[name].detach(), expected.detach(), "", mistakes=lambda m=mistakes: m, what=name)  # type: ignore[misc]
        except Failure as failure:
            if failure.diagnosis != "values":
                raise
            headline = f"after the step {name} is not where it should be."
            raise Failure("parameters", headline, *failure.details) from None


# ---- the best instance


@learner_test("best_instance", "best_instance")
def test_best_instance(trial: Trial, choose: Callable[..., Any]) -> str:
    """Test the function: `tests.test_best_instance(best_instance)`."""
    for text, sizes, rows, best in (
        ("5 instances, the best is the third", Sizes(5, 6, 2), 9, 2),
        ("3 instances, the best is the first", Sizes(3, 8, 4), 7, 0),
        ("2 instances, the best is the second", Sizes(2, 4, 3), 1, 1),
        ("1 instance", ONE, 5, 0),
    ):
        with trial.case(text, named=True):
            _check_choice(trial, choose, sizes, rows, best)
    return "batch and W for 4 models"


def _check_choice(trial: Trial, choose: Callable[..., Any], sizes: Sizes, rows: int, best: int) -> None:
    model = reference_model(trial, sizes)
    batch = trial.uniform(rows, sizes.inst, sizes.feats, low=0.1)
    with t.no_grad():
        model.b_final.zero_()
        order = [best, *(k for k in range(sizes.inst) if k != best)]
        for size, k in enumerate(order):
            model.W[k].mul_(0.05 if size == 0 else 1.0 + size)
        # Without bias a loss grows with the square of its batch: scale batches, and the order of the losses is certain.
        wanted = t.empty(sizes.inst, device=batch.device)
        wanted[order] = t.tensor([0.02, *(0.3 * 1.5**k for k in range(sizes.inst - 1))], device=batch.device)
        losses = model.calculate_loss(model(batch), batch, per_inst=True)
        batch = batch * (wanted / losses).sqrt()[:, None]
    watch = {"batch": batch, "model.W": model.W}
    got = trial.call("best_instance(model, batch)", choose, model, batch, watch=watch)
    if not issubclass(type(got), tuple | list) or len(got) != 2:
        kind = "None" if got is None else f"of type {type(got).__name__}"
        raise Failure(
            "type", f"the answer is {kind}, expected two tensors: batch, W.", "Return batch[...], model.W[...]."
        )
    W = model.W.detach()
    shapes = [tuple(plain(part).shape) if is_tensor(part) else () for part in got]
    if shapes == [tuple(W[best].shape), tuple(batch[:, best].shape)] and shapes[0] != shapes[1]:
        headline = f"the answer is W {list(shapes[0])}, then the batch {list(shapes[1])}; expected the batch first."
        raise Failure("swapped", headline, "Return batch[...], model.W[...].")
    losses = model.calculate_loss(model(batch), batch, per_inst=True).detach()
    worst = int(losses.argmax())
    _check_part(
        got[0],
        batch[:, best],
        "batch feats",
        "the batch",
        [batch[:, k] for k in range(sizes.inst)],
        best,
        worst,
        ("row-for-instance", "this is a row of the batch, for all instances.\nThe instances are axis 1.", list(batch)),
    )
    _check_part(got[1], W[best], "d_hidden feats", "W", list(W), best, worst,
                ("column-for-instance", "this is one hidden dimension of all instances.\nThe instances are axis 0.",
                 list(W.unbind(1))))  # fmt: skip


def _check_part(
    got: Any,
    expected: Tensor,
    axes: str,
    what: str,
    parts: list[Tensor],
    best: int,
    worst: int,
    other_axis: tuple[str, str, list[Tensor]],
) -> None:
    """One of the two results: the right part, or the part of which instance."""  # fmt: skip
    mistakes = [] if worst == best else [
        Mistake("largest-loss", f"{what} is that of the instance with the largest loss.\nTake argmin.", parts[worst])
    ]  # fmt: skip
    mistakes += [
        Mistake("wrong-instance", f"{what} is that of instance {k}; the least loss has instance {best}.", part)
        for k, part in enumerate(parts)
        if k not in (best, worst)
    ]
    key, text, rest = other_axis
    mistakes += [Mistake(key, text, one) for one in rest]
    mistakes += [
        Mistake("transposed", f"{what} is transposed.", expected.mT),
        Mistake("kept-axis", f"{what} still has the inst axis.\nIndex it with the number itself.", expected[None]),
        Mistake("kept-axis", f"{what} still has the inst axis.\nIndex it with the number itself.", expected[:, None]),
        Mistake("all-instances", f"{what} is that of all instances.", t.stack(parts)),
        Mistake("all-instances", f"{what} is that of all instances.", t.stack(parts, dim=1)),
    ]
    compare(got, expected, axes, mistakes=lambda: mistakes, what=what)
