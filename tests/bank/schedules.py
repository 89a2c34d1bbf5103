"""Answers to `linear_warmup_lr` and `anthropic_lr`."""

import math

import numpy as np
import torch as t
from part31_superposition_and_saes.solutions import cosine_decay_lr

from . import right, wrong

WARMUP, SCHEDULE = "linear_warmup_lr", "anthropic_lr"


def warm(step, steps):
    return min(1.0, step / steps)


@wrong(WARMUP, "no-cap")
def goes_on(step, steps):
    return step / steps


@wrong(WARMUP, "falls")
def falls(step, steps):
    return 1 - step / steps


@wrong(WARMUP, "falls")
def falls_to_zero(step, steps):
    return max(0, 1 - step / steps)


@wrong(WARMUP, "starts-late")
def one_ahead(step, steps):
    return min((step + 1) / steps, 1)


@wrong(WARMUP, "ends-early")
def last_step_is_one(step, steps):
    return min(step / (steps - 1), 1)


@wrong(WARMUP, "whole-numbers")
def whole(step, steps):
    return min(step // steps, 1)


@wrong(WARMUP, "constant")
def constant(step, steps):
    return 1.0


@wrong(WARMUP, "zero-after")
def off_afterwards(step, steps):
    return step / steps * (step <= steps)


@wrong(WARMUP, "maximum")
def largest(step, steps):
    return max(step / steps, 1)


@wrong(WARMUP, "upside-down")
def inverted(step, steps):
    return min(steps / max(step, 1e-9), 1.0)


@wrong(WARMUP, "squared")
def squared(step, steps):
    return warm(step, steps) ** 2


@wrong(WARMUP, "cosine")
def sine(step, steps):
    return np.sin(np.pi / 2 * warm(step, steps))


@wrong(WARMUP, "values")
def half_cosine(step, steps):
    return (1 - math.cos(math.pi * warm(step, steps))) / 2


@wrong(WARMUP, "raised")
def divides_by_step(step, steps):
    return min(1.0, 1 / (steps / step))


@wrong(WARMUP, "type")
def prints(step, steps):
    print(min(1.0, step / steps))


@right(WARMUP)
def branches(step, steps):
    if step >= steps:
        return 1
    return step / steps


@right(WARMUP)
def numpy_minimum(step, steps):
    return np.minimum(step / steps, 1)


@right(WARMUP)
def clamped(step, steps):
    return t.tensor(step / steps).clamp(max=1)


@right(WARMUP)
def capped_step(step, steps):
    return min(step, steps) / steps


@wrong(SCHEDULE, "cosine-from-start")
def cosine_of_whole_run(step, steps, warmup=2500):
    return warm(step, warmup) if step < warmup else cosine_decay_lr(step, steps)


@wrong(SCHEDULE, "step-not-shifted")
def step_as_it_is(step, steps, warmup=2500):
    return warm(step, warmup) if step < warmup else cosine_decay_lr(step, steps - warmup)


@wrong(SCHEDULE, "steps-not-shortened")
def steps_as_they_are(step, steps, warmup=2500):
    return warm(step, warmup) if step < warmup else cosine_decay_lr(step - warmup, steps)


@wrong(SCHEDULE, "half-cosine")
def usual_cosine(step, steps, warmup=2500):
    if step < warmup:
        return step / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup - 1)))


@wrong(SCHEDULE, "linear-decay")
def linear(step, steps, warmup=2500):
    return warm(step, warmup) if step < warmup else 1 - (step - warmup) / (steps - warmup)


@wrong(SCHEDULE, "no-decay")
def only_warm(step, steps, warmup=2500):
    return warm(step, warmup)


@wrong(SCHEDULE, "no-warmup")
def only_cosine(step, steps, warmup=2500):
    return cosine_decay_lr(step, steps)


@wrong(SCHEDULE, "flat-before")
def flat(step, steps, warmup=2500):
    return 1.0 if step < warmup else cosine_decay_lr(step - warmup, steps - warmup)


@wrong(SCHEDULE, "warmup-over-all")
def warms_all_along(step, steps, warmup=2500):
    return warm(step, steps)


@wrong(SCHEDULE, "warmup-over-all")
def wrong_second_argument(step, steps, warmup=2500):
    return warm(step, steps) if step < warmup else cosine_decay_lr(step - warmup, steps - warmup)


@wrong(SCHEDULE, "fixed-warmup")
def papers_warmup(step, steps, warmup=2500):
    if step < 2500 or steps <= 2500:
        return step / 2500
    return cosine_decay_lr(step - 2500, steps - 2500)


@wrong(SCHEDULE, "product")
def multiplied(step, steps, warmup=2500):
    return warm(step, warmup) * cosine_decay_lr(step, steps)


@wrong(SCHEDULE, "one-step-late")
def includes_last(step, steps, warmup=2500):
    return step / warmup if step <= warmup else cosine_decay_lr(step - warmup - 1, steps - warmup)


@wrong(SCHEDULE, "default-warmup")
def other_default(step, steps, warmup=1000):
    return warm(step, warmup) if step < warmup else cosine_decay_lr(step - warmup, steps - warmup)


@wrong(SCHEDULE, "short-run")
def shortens_warmup(step, steps, warmup=2500):
    if steps <= warmup:
        return warm(step, steps)
    return warm(step, warmup) if step < warmup else cosine_decay_lr(step - warmup, steps - warmup)


@wrong(SCHEDULE, "one-step-decay")
def own_cosine(step, steps, warmup=2500):
    if step < warmup:
        return step / warmup
    return math.cos(math.pi / 2 * (step - warmup) / (steps - warmup - 1))


@wrong(SCHEDULE, "default-warmup")
def no_default(step, steps, warmup):
    return warm(step, warmup) if step < warmup else cosine_decay_lr(step - warmup, steps - warmup)


@right(SCHEDULE)
def guarded(step, steps, warmup=2500):
    if steps <= warmup or step < warmup:
        return step / warmup
    return cosine_decay_lr(step - warmup, steps - warmup)


@right(SCHEDULE)
def unguarded(step, steps, warmup=2500):
    return warm(step, warmup) if step < warmup else cosine_decay_lr(step - warmup, steps - warmup)


@right(SCHEDULE)
def own_formula(step, steps, warmup=2500):
    if step < warmup:
        return step / warmup
    last = steps - warmup - 1
    return np.cos(np.pi / 2 * (step - warmup) / last) if last > 0 else 1.0


@right(SCHEDULE)
def smaller_of_both(step, steps, warmup=2500):
    decay = cosine_decay_lr(step - warmup, steps - warmup) if step >= warmup else 1.0
    return t.tensor(min(warm(step, warmup), decay))
