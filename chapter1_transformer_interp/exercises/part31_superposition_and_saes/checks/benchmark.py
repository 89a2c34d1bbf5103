"""Test of section 6: a measure at an equal L0."""

import math
from collections.abc import Callable
from typing import Any

import torch as t
from torch import Tensor

from .. import solutions
from ..checking.compare import Mistake, compare, no_mistakes
from ..checking.runner import Trial, learner_test
from .models import FIXED_SIZE


@learner_test("at_equal_l0", "at_equal_l0")
def test_at_equal_l0(trial: Trial, function: Callable[..., Tensor]) -> str:
    """Test the function: `tests.test_at_equal_l0(at_equal_l0)`."""
    rising = ("4 settings of 8 instances, in rising order of L0", _inputs(trial, 4, 8, shuffled=False), 2.0, None)
    cases: tuple[tuple[str, tuple[Tensor, Tensor], float, Any], ...] = (
        rising,
        (
            "settings in any order",
            _inputs(trial, 7, 8, below=5),
            2.0,
            ("not-sorted", "Sort each instance's settings by its L0."),
        ),
        ("another target", _inputs(trial, 4, 8, scale=1.7), 3.4, ("fixed-target", "Use the argument target.")),
        ("[2 5]", _inputs(trial, 2, 5), 2.0, FIXED_SIZE),
        ("a single instance", _inputs(trial, 4, 1), 2.0, ("one-instance", "Do not squeeze the inst axis.")),
    )
    for text, (l0, values), target, suspect in cases:
        with trial.case(text, suspect):
            _check(trial, function, l0, values, target, l0.shape[1] > 1)
    l0, values = _inputs(trial, 4, 9)
    l0[:, 1] *= 2.1 / l0[:, 1].amin()  # above the target
    l0[:, 2] *= 1.9 / l0[:, 2].amax()  # below it
    with trial.case("instances that do not reach the target", ("outside", "Give NaN there: extrapolating invents.")):
        _check(trial, function, l0, values, 2.0)
    _check_neighbours(trial, function)
    return "6 shapes, settings in any order, targets outside and on a measured point"


def _check_neighbours(trial: Trial, function: Callable[..., Tensor]) -> None:
    """Check L0s that crowd on one side of the target, and targets that were measured.

    The L0s are powers of 2, whose logarithms are the same in every precision: the ends belong to what was measured.
    """
    values = trial.uniform(4, 3, low=0.3, high=1.0)
    crowded = t.tensor([1.7, 5.0, 1.8, 1.9], device=trial.device)[:, None].repeat(1, 3)
    advice = "Take one neighbour below the target and one above, not the two nearest."
    with trial.case("L0s that crowd below the target", ("two-nearest", advice)):
        _check(trial, function, crowded, values, 2.0, told=False)
    powers = t.tensor([2.0, 8.0, 1.0, 4.0], device=trial.device)[:, None].repeat(1, 3)
    for text, target in (
        ("a target that was measured", 4.0),
        ("a target that is the largest L0", 8.0),
        ("a target that is the smallest L0", 1.0),
    ):
        with trial.case(text, ("on-a-point", "There the answer is what was measured.")):
            _check(trial, function, powers, values, target, told=False)


def _inputs(
    trial: Trial, n_settings: int, n_inst: int, scale: float = 1.0, shuffled: bool = True, below: int = 0
) -> tuple[Tensor, Tensor]:
    """L0s well apart, `below` of each instance under 2 times `scale`, and values that rise and fall."""
    below = below or n_settings // 2
    steps = trial.uniform(n_settings, n_inst, low=0.25, high=0.6)
    logs = steps.cumsum(dim=0)
    places = logs[below - 1] + trial.uniform(n_inst, low=0.35, high=0.65) * (logs[below] - logs[below - 1])
    l0 = 2.0 * scale * (logs - places).exp()
    values = trial.uniform(n_settings, n_inst, low=0.3, high=1.0)
    if shuffled:
        order = trial.uniform(n_settings, n_inst).argsort(dim=0)
        l0, values = l0.gather(0, order), values.gather(0, order)
    return l0, values


def _check(
    trial: Trial, function: Callable[..., Tensor], l0: Tensor, values: Tensor, target: float, told: bool = True
) -> None:
    watch = {"l0": l0, "values": values}
    got = trial.call("at_equal_l0(l0, values, target)", function, l0, values, target, watch=watch)
    expected = solutions.at_equal_l0(l0, values, target)
    compare(got, expected, "inst", mistakes=(lambda: _mistakes(l0, values, target)) if told else no_mistakes)


def _mistakes(l0: Tensor, values: Tensor, target: float) -> list[Mistake]:
    """What comes out with one thing wrong."""
    this = "these are the values that you get"
    order = l0.argsort(dim=0)
    x, y = l0.gather(0, order), values.gather(0, order)
    goal = math.log(target)
    nearest = (l0.log() - goal).abs().argmin(dim=0, keepdim=True)
    end = (x < target).sum(dim=0, keepdim=True).clamp(1, len(x) - 1)
    low, high = y.gather(0, end - 1)[0], y.gather(0, end)[0]
    right = solutions.at_equal_l0(l0, values, target)
    clamped = t.where(right.isnan(), t.where(x[0] > target, y[0], y[-1]), right)
    x_low, x_high = x.gather(0, end - 1)[0].log(), x.gather(0, end)[0].log()
    share = (goal - x_low) / (x_high - x_low)
    return [
        Mistake("linear", f"{this} without the logarithm.\nInterpolate over log L0.", _line(x, y, target)),
        Mistake("nearest", f"{this} at the nearest setting.\nGo in between.", values.gather(0, nearest)[0]),
        Mistake("swapped-share", f"{this} with the two neighbours swapped.", high.lerp(low, share)),
        Mistake("middle", f"{this} half way between the neighbours.\nWeigh them by log L0.", (low + high) / 2),
        Mistake("lower", f"{this} at the neighbour below.\nGo in between.", low),
        Mistake("upper", f"{this} at the neighbour above.\nGo in between.", high),
        Mistake(
            "not-sorted", f"{this} in the order of the settings.\nSort by L0 first.", _line(l0.log(), values, goal)
        ),
        Mistake(
            "values-not-sorted",
            f"{this} when L0 is sorted and the values are not.\nGive both the same order.",
            _line(x.log(), values, goal),
        ),
        Mistake(
            "sorted-apart",
            f"{this} when the values are sorted on their own.\nGive both the order of L0.",
            _line(x.log(), y.sort(dim=0).values, goal),
        ),
        Mistake("extrapolated", f"{this} by extrapolating.\nOutside of what was measured: NaN.", low.lerp(high, share)),
        Mistake("clamped", f"{this} with the last value repeated outside.\nThere it is NaN.", clamped),
        Mistake(
            "ends", f"{this} on the line between the lowest and the highest L0.\nTake neighbours.", _ends(x, y, goal)
        ),
        Mistake("fitted", f"{this} on a line fitted through all settings.\nTake the two neighbours.", _fit(x, y, goal)),
        Mistake(
            "mean-l0",
            f"{this} when instances share the mean L0.\nEach has L0s of its own.",
            _line(*_shared(l0, values), goal),
        ),
        Mistake("returns-l0", "these are L0s, not the measure.\nInterpolate `values`.", _line(x.log(), x, goal)),
        Mistake("mean", "this is the mean over instances.\nKeep inst.", right.nanmean()),
        Mistake("mean", "this is the mean over instances.\nKeep inst.", right.nanmean().expand_as(right)),
        Mistake("kept-axis-first", "the setting axis was kept.\nReturn [inst].", right[None]),
    ]


def _line(x: Tensor, y: Tensor, goal: float) -> Tensor:
    """On the line between the neighbours of `goal` in the order given; NaN outside."""
    end = (x < goal).sum(dim=0, keepdim=True).clamp(1, len(x) - 1)
    x_low, x_high = x.gather(0, end - 1), x.gather(0, end)
    share = (goal - x_low) / (x_high - x_low)
    between = y.gather(0, end - 1).lerp(y.gather(0, end), share)
    return t.where((share >= 0) & (share <= 1), between, float("nan"))[0]


def _ends(x: Tensor, y: Tensor, goal: float) -> Tensor:
    logs = x.log()
    share = (goal - logs[0]) / (logs[-1] - logs[0])
    return t.where((share >= 0) & (share <= 1), y[0].lerp(y[-1], share), float("nan"))


def _fit(x: Tensor, y: Tensor, goal: float) -> Tensor:
    logs = x.log()
    offset = logs - logs.mean(dim=0)
    slope = (offset * y).sum(dim=0) / offset.square().sum(dim=0)
    return y.mean(dim=0) + slope * (goal - logs.mean(dim=0))


def _shared(l0: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """The mean L0 of each setting for all instances, sorted."""
    mean = l0.mean(dim=1, keepdim=True).log().expand_as(l0)
    order = mean.argsort(dim=0)
    return mean.gather(0, order), values.gather(0, order)
