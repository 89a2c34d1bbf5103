"""Tests of section 4: learning-rate schedules."""

import math
from collections.abc import Callable
from typing import Any

import torch as t

from .. import solutions
from ..checking.compare import Mistake, check_number, compare_values
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test

Schedule = Callable[..., Any]
# Of a formula for (step, steps): diagnosis, lines of the message, what it gives.
Wrong = tuple[str, str, Callable[..., float | int]]
THIS = "these are the values that you get"


def _number(trial: Trial, call: str, function: Schedule, arguments: dict[str, int]) -> float:
    """What a learner's schedule gives, as a float."""
    value = trial.call(call, lambda: function(**arguments))
    return check_number(value, call, "Return one number.", "Look for a division by zero.")


def _check_schedule(
    trial: Trial, function: Schedule, right: Schedule, calls: list[dict[str, int]], wrong: list[Wrong]
) -> None:
    """Compare at all calls at once, so that a mistake is named by all of its values."""
    texts = ["{}({})".format(trial.exercise, ", ".join(f"{k}={v}" for k, v in call.items())) for call in calls]
    got = [_number(trial, text, function, call) for text, call in zip(texts, calls, strict=True)]
    expected = [right(**call) for call in calls]
    off = [k for k in range(len(calls)) if abs(got[k] - expected[k]) > 1e-6]
    if not off:
        return
    values = t.tensor(got, dtype=t.float64, device="cpu")
    mistakes = [
        Mistake(key, text, t.tensor([rule(**call) for call in calls], dtype=t.float64, device="cpu"))
        for key, text, rule in wrong
    ]
    example = f"{texts[off[0]]}: expected {expected[off[0]]:.4g}, got {got[off[0]]:.4g}"
    try:
        compare_values(values, t.tensor(expected, dtype=t.float64, device="cpu"), "call", mistakes=lambda: mistakes)
    except Failure as failure:
        if failure.diagnosis == "values":
            raise Failure("values", f"{len(off)} of {len(calls)} values are wrong.", example) from None
        raise Failure(failure.diagnosis, failure.headline, *failure.details[:-1], example) from None
    raise Failure("values", f"{len(off)} of {len(calls)} values are wrong.", example)


def _warmup_mistakes() -> list[Wrong]:
    return [
        ("no-cap", f"{THIS} when the factor goes on rising after the warm-up.\nIt is 1 at most: take a minimum.",
         lambda step, steps: step / steps),
        ("falls", f"{THIS} when the factor falls.\nIt rises, from 0 to 1.", lambda step, steps: 1 - step / steps),
        ("falls", f"{THIS} when the factor falls.\nIt rises, from 0 to 1.",
         lambda step, steps: max(0.0, 1 - step / steps)),
        ("starts-late", f"{THIS} with step + 1.\nThe factor is 0 at step 0 and 1 at step `steps`.",
         lambda step, steps: min(1.0, (step + 1) / steps)),
        ("ends-early", f"{THIS} with steps - 1.\nThe factor is 1 at step `steps`, not at the one before.",
         lambda step, steps: min(1.0, step / max(1, steps - 1))),
        ("whole-numbers", f"{THIS} with a division of whole numbers.\nUse /, not //.",
         lambda step, steps: min(1, step // steps)),
        ("constant", "the factor is 1 at every step.\nIt rises from 0 to 1.", lambda step, steps: 1.0),
        ("zero-after", "the factor drops to 0 after the warm-up.\nIt stays 1.",
         lambda step, steps: step / steps if step <= steps else 0.0),
        ("maximum", f"{THIS} with a maximum in place of the minimum.", lambda step, steps: max(1.0, step / steps)),
        ("upside-down", f"{THIS} with steps over step.\nDivide step by steps.",
         lambda step, steps: min(1.0, steps / step) if step else 1.0),
        ("squared", "the factor rises with the square of the step.\nIt rises evenly.",
         lambda step, steps: min(1.0, step / steps) ** 2),
        ("cosine", "the factor rises along a cosine.\nIt rises evenly.",
         lambda step, steps: math.sin(math.pi / 2 * min(1.0, step / steps))),
    ]  # fmt: skip


@learner_test("linear_warmup_lr", "linear_warmup_lr")
def test_linear_warmup_lr(trial: Trial, schedule: Schedule) -> str:
    """Test the function: `tests.test_linear_warmup_lr(linear_warmup_lr)`."""
    calls = [
        {"step": step, "steps": steps} for steps in (4, 10, 2500) for step in (0, 1, 3, 4, 5, 9, 10, 11, 2500, 3000)
    ]
    _check_schedule(trial, schedule, solutions.linear_warmup_lr, calls, _warmup_mistakes())
    return "values before, at and after the end of 3 warm-ups"


def _cosine(step: float | int, steps: float | int) -> float:
    return math.cos(math.pi / 2 * step / max(1, steps - 1))


def _anthropic(
    after: Callable[[int, int, int], float | int], before: Callable[[int, int], float | int] = lambda s, w: s / w
) -> Schedule:
    """A schedule with its two parts."""
    return lambda step, steps, warmup=2500: before(step, warmup) if step < warmup else after(step, steps, warmup)


def _late(step: int, steps: int, warmup: int) -> float | int:
    return step / warmup if step <= warmup else _cosine(step - warmup - 1, steps - warmup)


def _anthropic_mistakes() -> list[Wrong]:
    shifted = "The decay starts at step `warmup` and has `steps - warmup` steps."
    fixed = "Use the argument: the notebook's runs warm up for 800 steps."
    right = solutions.anthropic_lr
    return [
        ("cosine-from-start", f"{THIS} when the cosine is that of the whole run.\n{shifted}",
         _anthropic(lambda s, n, w: _cosine(s, n))),
        ("step-not-shifted", f"{THIS} when the decay counts its steps from the start of the run.\n{shifted}",
         _anthropic(lambda s, n, w: _cosine(s, n - w))),
        ("steps-not-shortened", f"{THIS} when the decay takes all steps for its own: it does not reach 0.\n{shifted}",
         _anthropic(lambda s, n, w: _cosine(s - w, n))),
        ("half-cosine", f"{THIS} with half of a cosine wave, (1 + cos) / 2.\nUse cosine_decay_lr: it is a quarter.",
         _anthropic(lambda s, n, w: (1 + math.cos(math.pi * (s - w) / max(1, n - w - 1))) / 2)),
        ("linear-decay", f"{THIS} with an even fall.\nUse cosine_decay_lr after the warm-up.",
         _anthropic(lambda s, n, w: 1 - (s - w) / (n - w))),
        ("no-decay", f"{THIS} when the factor stays 1 after the warm-up.\n{shifted}", _anthropic(lambda s, n, w: 1.0)),
        ("no-warmup", f"{THIS} without a warm-up.\nBefore step `warmup` it is linear_warmup_lr(step, warmup).",
         lambda step, steps, warmup=2500: _cosine(step, steps)),
        ("flat-before", "the factor is 1 before the decay begins.\nThere it is linear_warmup_lr(step, warmup).",
         _anthropic(lambda s, n, w: right(s, n, w), lambda s, w: 1.0)),
        ("warmup-over-all", f"{THIS} when the warm-up takes all steps.\nIt takes `warmup` of them.",
         lambda step, steps, warmup=2500: min(1.0, step / steps)),
        ("warmup-over-all", f"{THIS} with linear_warmup_lr(step, steps).\nIts second argument is `warmup`.",
         lambda step, steps, warmup=2500: step / steps if step < warmup else right(step, steps, warmup)),
        ("fixed-warmup", f"{THIS} with a warm-up of 2,500 steps whatever `warmup` says.\n{fixed}",
         lambda step, steps, warmup=2500: right(step, steps)),
        ("product", f"{THIS} when the two schedules are multiplied.\nOnly one holds at a time.",
         lambda step, steps, warmup=2500: min(1.0, step / warmup) * _cosine(step, steps)),
        ("one-step-late", f"{THIS} when step `warmup` is the last of the warm-up, and the decay is one step behind.",
         lambda step, steps, warmup=2500: _late(step, steps, warmup)),
    ]  # fmt: skip


@learner_test("anthropic_lr", "anthropic_lr")
def test_anthropic_lr(trial: Trial, schedule: Schedule) -> str:
    """Test the function: `tests.test_anthropic_lr(anthropic_lr)`."""
    wrong = _anthropic_mistakes()
    right = solutions.anthropic_lr
    given = [
        {"step": step, "steps": steps, "warmup": warmup}
        for steps, warmup in ((100, 10), (8_000, 800), (5_000, 2_500))
        for step in (0, 1, warmup // 2, warmup - 1, warmup, warmup + 1, (steps + warmup) // 2, steps - 2, steps - 1)
    ]
    with trial.case("a warm-up shorter than the run"):
        _check_schedule(trial, schedule, right, given, wrong)
    default = [{"step": step, "steps": 50_000} for step in (0, 100, 2_499, 2_500, 2_501, 20_000, 49_999)]
    with trial.case("the default warm-up", ("default-warmup", "Without `warmup` it is 2,500 steps.")):
        _check_schedule(trial, schedule, right, default, [])
    short = [{"step": step, "steps": steps, "warmup": 100} for steps in (1, 60, 100) for step in range(0, steps, 7)]
    with trial.case("a run no longer than its warm-up", ("short-run", "Such a run ends before the warm-up does.")):
        _check_schedule(trial, schedule, right, short, [])
    last = [{"step": step, "steps": 11, "warmup": 10} for step in (0, 5, 10)]
    decay = ("one-step-decay", "cosine_decay_lr is 1 for a decay of one step, not 0 / 0.")
    with trial.case("a decay of a single step", decay):
        _check_schedule(trial, schedule, right, last, [])
    return "values for 8 runs, shorter and longer than their warm-up"
