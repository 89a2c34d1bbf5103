"""Tests of the bonus section: the losses of three strategies, and the border between them."""

from collections.abc import Callable
from functools import partial

import torch as t
from torch import Tensor

from .. import solutions
from ..checking.compare import Mistake, compare
from ..checking.runner import Trial, learner_test

THIS = "these are the values that you get"
GRIDS = ("", "settings", "rows columns")  # axes of a grid of 0, 1 and 2
GRID = ("grid-shape", "Write it for grids of any shape: use operations on whole tensors.")

# ---- the losses of three strategies


def strategy_mistakes(r: Tensor, p: Tensor) -> list[Mistake]:
    """What `strategy_losses` gives with one thing wrong."""
    both = p**2
    right = solutions.strategy_losses(r, p)
    ignored, antipodal, dedicated = right
    dropped = "A dropped feature is answered by its mean, p / 2:"

    def with_variance(v: Tensor) -> Tensor:
        return t.stack([r * v, antipodal, v])

    def with_antipodal(loss: Tensor) -> Tensor:
        return t.stack([ignored, loss, dedicated])

    return [
        Mistake(
            "mean-square",
            f"{THIS} when a dropped feature is answered by 0.\n{dropped} the variance remains.",
            with_variance(p / 3),
        ),
        Mistake(
            "variance-when-on",
            f"{THIS} with the variance of a feature that is on, 1/12.\n{dropped} off rows count too.",
            with_variance(p / 12),
        ),
        Mistake(
            "mean-not-halved",
            f"{THIS} with p² in place of p² / 4.\nThe mean is p / 2: its square is p² / 4.",
            with_variance(p / 3 - both),
        ),
        Mistake(
            "mean-not-squared",
            f"{THIS} with p / 2 in place of p² / 4.\nThe variance subtracts the square of the mean.",
            with_variance(p / 3 - p / 2),
        ),
        Mistake(
            "antipodal-always-on",
            f"{THIS} without p² in the antipodal loss.\nIt errs only where both are on.",
            with_antipodal((1 + r) / 6 + 0 * p),
        ),
        Mistake(
            "p-not-squared",
            f"{THIS} with p in place of p² in the antipodal loss.\nIt errs only where both are on.",
            with_antipodal(p * (1 + r) / 6),
        ),
        Mistake(
            "one-feature-only",
            f"{THIS} when only one feature of the pair errs.\nBoth are off by min(x1, x2): 1 + r.",
            with_antipodal(both / 6),
        ),
        Mistake(
            "one-feature-only",
            f"{THIS} when only the second feature of the pair errs.\nBoth are off by min(x1, x2): 1 + r.",
            with_antipodal(both * r / 6),
        ),
        Mistake(
            "not-the-smaller",
            f"{THIS} with 1/3, the mean square of one feature.\nThe error is the smaller of two: 1/6.",
            with_antipodal(both * (1 + r) / 3),
        ),
        Mistake(
            "mean-of-the-smaller",
            f"{THIS} with 1/9, the square of the mean of min(x1, x2).\nThe mean of its square is 1/6.",
            with_antipodal(both * (1 + r) / 9),
        ),
        Mistake(
            "only-one-on",
            f"{THIS} when the pair errs where exactly one is on.\nIt errs where both are: p².",
            with_antipodal(2 * p * (1 - p) * (1 + r) / 6),
        ),
        Mistake(
            "sparsity",
            f"{THIS} with 1 - p in place of p.\np is how often a feature is on.",
            solutions.strategy_losses(r, 1 - p),
        ),
        Mistake("mean-for-sum", f"{THIS} with the mean over the two features.\nSum over them.", right / 2),
        Mistake(
            "importance-squared",
            f"{THIS} with r².\nThe importance stands outside the square.",
            solutions.strategy_losses(r**2, p),
        ),
        Mistake(
            "no-importance",
            f"{THIS} without r.\nThe second feature's error counts r times.",
            solutions.strategy_losses(t.ones_like(r), p),
        ),
        Mistake(
            "swapped-features",
            f"{THIS} when r belongs to the first feature.\nIgnored: the second is dropped, at r times the variance.",
            t.stack([dedicated, antipodal, ignored]),
        ),
        Mistake(
            "order", "the antipodal loss stands last.\nThe order is ignored, antipodal, dedicated.", right[[0, 2, 1]]
        ),
        Mistake(
            "order", "the antipodal loss stands first.\nThe order is ignored, antipodal, dedicated.", right[[1, 0, 2]]
        ),
        Mistake("last-axis", "the phases are the last axis.\nStack along a new first one.", right.movedim(0, -1)),
        Mistake("least-only", "this is the least of the three.\nReturn all three.", right.amin(0)),
        Mistake(
            "winner", "this is the number of the phase that wins.\nReturn the three losses.", right.argmin(0).to(p)
        ),
    ]


@learner_test("strategy_losses", "strategy_losses")
def test_strategy_losses(trial: Trial, losses: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Test the function: `tests.test_strategy_losses(strategy_losses)`."""
    for text, shape, suspect in (
        ("a grid of 5 by 7", (5, 7), None),
        ("a list of 6 settings", (6,), GRID),
        ("a single setting", (), GRID),
    ):
        r, p = _importances(trial, shape), trial.uniform(*shape, low=0.05, high=0.95)
        with trial.case(text, suspect):
            watch = {"importance": r, "probability": p}
            got = trial.call("strategy_losses(importance, probability)", losses, r, p, watch=watch)
            known = partial(strategy_mistakes, r, p)
            compare(
                got,
                solutions.strategy_losses(r, p),
                f"phase {GRIDS[len(shape)]}",
                mistakes=known if len(shape) == 2 else list,
            )
    return "values for 3 shapes, importances from 0.1 to 10"


def _importances(trial: Trial, shape: tuple[int, ...]) -> Tensor:
    """Importances from 0.1 to 10, below and above 1; none within 7 % of it."""
    exponent = trial.uniform(*shape, low=0.03, high=1.0)
    sign = 1 - 2 * (t.arange(exponent.numel(), device=exponent.device) % 2).reshape(shape)
    return 10 ** (sign * exponent)


# ---- the border


def border_mistakes(r: Tensor) -> list[Mistake]:
    """What `critical_density` gives with one thing wrong."""
    low, high = 4 * r / (2 + 5 * r), 4 / (2 * r + 5)
    right = t.minimum(low, high)
    return [
        Mistake("only-ignoring", f"{THIS} against ignoring alone.\nAbove r = 1 dedicating is the cheaper rival.", low),
        Mistake(
            "only-dedicating", f"{THIS} against dedicating alone.\nBelow r = 1 ignoring is the cheaper rival.", high
        ),
        Mistake("larger", f"{THIS} with the larger of two borders.\nIt must beat both rivals.", t.maximum(low, high)),
        Mistake(
            "mean-square",
            f"{THIS} when a dropped feature costs p / 3.\nIt is answered by its mean: p/3 - p²/4.",
            t.minimum(2 * r / (1 + r), 2 / (1 + r)),
        ),
        Mistake(
            "mean-square",
            f"{THIS} when a dropped feature costs p / 3, at most 1.\nIt is answered by its mean: p/3 - p²/4.",
            t.minimum(2 * r / (1 + r), 2 / (1 + r)).clamp(max=1),
        ),
        Mistake("sparsity", "this is the sparsity, 1 - p*.\nReturn the density p*.", 1 - right),
        Mistake("inverted", "this is 1 / p*.\nReturn p*.", 1 / right),
        Mistake(
            "one-feature-only",
            f"{THIS} when only one feature of the pair errs.\nIts loss is p² (1 + r) / 6.",
            t.minimum(4 * r / (2 + 3 * r), t.full_like(r, 4 / 5)),
        ),
        Mistake("factor", f"{THIS} without the 4.\nMultiply both sides by 12 and look again.", right / 4),
        Mistake("factor", f"{THIS} with 2 in place of 4.\nMultiply both sides by 12 and look again.", right / 2),
        Mistake(
            "sign",
            f"{THIS} with the wrong sign before p²/4.\nIt goes to the other side with a plus.",
            t.minimum(4 * r / (2 - r), 4 / (2 * r - 1)),
        ),
        Mistake(
            "equal-importance", "this is 4/7 everywhere.\nThat is the border at r = 1 only.", t.full_like(r, 4 / 7)
        ),
        Mistake("sum", f"{THIS} with the sum of the two rivals' losses.", 8 * (1 + r) / (5 * (1 + r))),
        Mistake("loss", "this is the loss at the border.\nReturn the density.", right**2 * (1 + r) / 6),
    ]


@learner_test("critical_density", "critical_density")
def test_critical_density(trial: Trial, border: Callable[[Tensor], Tensor]) -> str:
    """Test the function: `tests.test_critical_density(critical_density)`."""
    for text, shape, suspect in (
        ("30 importances", (30,), None),
        ("a grid of 4 by 3", (4, 3), GRID),
        ("a single importance", (), GRID),
    ):
        r = _importances(trial, shape)
        with trial.case(text, suspect):
            got = trial.call("critical_density(importance)", border, r, watch={"importance": r})
            known = partial(border_mistakes, r)
            compare(got, solutions.critical_density(r), GRIDS[len(shape)], mistakes=known if len(shape) == 1 else list)
    return "values for 3 shapes, importances below and above 1"
