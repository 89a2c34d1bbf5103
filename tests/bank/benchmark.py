"""Answers to `at_equal_l0`."""

import math

import numpy as np
import torch as t

from . import right, wrong

AT = "at_equal_l0"


def one_by_one(l0, values, target, interpolate):
    """Instance by instance, sorted by L0: what `interpolate(x, y, target)` makes of its arrays."""
    found = []
    for x, y in zip(l0.T.tolist(), values.T.tolist(), strict=True):
        pairs = sorted(zip(x, y, strict=True))
        found.append(interpolate([one for one, _ in pairs], [other for _, other in pairs], target))
    return t.tensor(found, dtype=values.dtype, device=values.device)


def between(x, y, target):
    for i in range(len(x) - 1):
        if x[i] <= target <= x[i + 1]:
            share = (math.log(target) - math.log(x[i])) / (math.log(x[i + 1]) - math.log(x[i]))
            return y[i] + share * (y[i + 1] - y[i])
    return math.nan


def vectorised(x, y, target):
    """x sorted along the settings; on the line between neighbours."""
    end = (x < target).sum(0).clamp(1, len(x) - 1)[None]
    x0, x1, y0, y1 = x.gather(0, end - 1)[0], x.gather(0, end)[0], y.gather(0, end - 1)[0], y.gather(0, end)[0]
    share = (target - x0) / (x1 - x0)
    return share, y0, y1


@wrong(AT, "linear")
def without_logarithm(l0, values, target):
    order = l0.argsort(0)
    share, y0, y1 = vectorised(l0.gather(0, order), values.gather(0, order), target)
    return t.where((share >= 0) & (share <= 1), y0 + share * (y1 - y0), math.nan)


@wrong(AT, "nearest")
def nearest_setting(l0, values, target):
    return values.gather(0, (l0.log() - math.log(target)).abs().argmin(0, keepdim=True))[0]


@wrong(AT, "two-nearest")
def two_nearest(l0, values, target):
    x = l0.log() - math.log(target)
    order = x.abs().argsort(0)[:2]
    (x0, x1), (y0, y1) = x.gather(0, order), values.gather(0, order)
    return t.where(x0 * x1 <= 0, y0 - x0 * (y1 - y0) / (x1 - x0), math.nan)


@right(AT)
def by_numpy(l0, values, target):
    def interpolate(x, y, target):
        return np.interp(np.log(target), np.log(x), y, left=math.nan, right=math.nan)

    return one_by_one(l0, values, target, interpolate)


@right(AT)
def by_numpy_from_torch_logarithms(l0, values, target):
    found = []
    for x, y in zip(l0.log().T.cpu().numpy(), values.T.cpu().numpy(), strict=True):
        order = x.argsort()
        found.append(np.interp(np.log(target), x[order], y[order], left=math.nan, right=math.nan))
    return t.tensor(found, dtype=values.dtype, device=values.device)


@wrong(AT, "swapped-share")
def wrong_way_round(l0, values, target):
    def swapped(x, y, target):
        for i in range(len(x) - 1):
            if x[i] <= target <= x[i + 1]:
                share = (math.log(target) - math.log(x[i])) / (math.log(x[i + 1]) - math.log(x[i]))
                return share * y[i] + (1 - share) * y[i + 1]
        return math.nan

    return one_by_one(l0, values, target, swapped)


@wrong(AT, "middle")
def half_way(l0, values, target):
    order = l0.argsort(0)
    share, y0, y1 = vectorised(l0.gather(0, order), values.gather(0, order), target)
    return t.where((share >= 0) & (share <= 1), (y0 + y1) / 2, math.nan)


@wrong(AT, "upper")
def first_above(l0, values, target):
    return one_by_one(l0, values, target, lambda x, y, goal: y[min(sum(one < goal for one in x), len(x) - 1)])


@wrong(AT, "lower")
def last_below(l0, values, target):
    return one_by_one(l0, values, target, lambda x, y, goal: y[max(sum(one < goal for one in x) - 1, 0)])


@wrong(AT, "not-sorted")
def in_the_order_of_settings(l0, values, target):
    share, y0, y1 = vectorised(l0.log(), values, math.log(target))
    return t.where((share >= 0) & (share <= 1), y0 + share * (y1 - y0), math.nan)


@wrong(AT, "values-not-sorted")
def only_l0_sorted(l0, values, target):
    share, y0, y1 = vectorised(l0.sort(0).values.log(), values, math.log(target))
    return t.where((share >= 0) & (share <= 1), y0 + share * (y1 - y0), math.nan)


@wrong(AT, "sorted-apart")
def both_sorted_apart(l0, values, target):
    share, y0, y1 = vectorised(l0.sort(0).values.log(), values.sort(0).values, math.log(target))
    return t.where((share >= 0) & (share <= 1), y0 + share * (y1 - y0), math.nan)


@wrong(AT, "extrapolated")
def extrapolates(l0, values, target):
    order = l0.argsort(0)
    share, y0, y1 = vectorised(l0.gather(0, order).log(), values.gather(0, order), math.log(target))
    return y0 + share * (y1 - y0)


@wrong(AT, "clamped")
def numpy_interp(l0, values, target):
    return one_by_one(l0, values, target, lambda x, y, goal: np.interp(np.log(goal), np.log(x), y))


@wrong(AT, "clamped")
def share_clamped(l0, values, target):
    order = l0.argsort(0)
    share, y0, y1 = vectorised(l0.gather(0, order).log(), values.gather(0, order), math.log(target))
    return y0 + share.clamp(0, 1) * (y1 - y0)


@wrong(AT, "ends")
def lowest_and_highest(l0, values, target):
    def interpolate(x, y, goal):
        share = math.log(goal / x[0]) / math.log(x[-1] / x[0])
        return y[0] + share * (y[-1] - y[0]) if 0 <= share <= 1 else math.nan

    return one_by_one(l0, values, target, interpolate)


@wrong(AT, "fitted")
def line_fitted(l0, values, target):
    def fit(x, y, goal):
        slope, intercept = np.polyfit(np.log(x), y, 1)
        return slope * math.log(goal) + intercept

    return one_by_one(l0, values, target, fit)


@wrong(AT, "returns-l0")
def interpolates_l0(l0, values, target):
    return one_by_one(l0, l0, target, between)


@wrong(AT, "mean")
def averaged(l0, values, target):
    return one_by_one(l0, values, target, between).nanmean()


@wrong(AT, "mean-l0")
def one_l0_for_all(l0, values, target):
    x = l0.mean(1, keepdim=True).log().expand_as(l0)
    order = x.argsort(0)
    share, y0, y1 = vectorised(x.gather(0, order), values.gather(0, order), math.log(target))
    return t.where((share >= 0) & (share <= 1), y0 + share * (y1 - y0), math.nan)


@wrong(AT, "fixed-target")
def always_at_two(l0, values, target):
    return one_by_one(l0, values, 2.0, between)


@wrong(AT, "one-instance")
def squeezes(l0, values, target):
    return one_by_one(l0, values, target, between).squeeze()


@wrong(AT, "on-a-point")
def strictly_between(l0, values, target):
    def strict(x, y, goal):
        return math.nan if goal in x else between(x, y, goal)

    return one_by_one(l0, values, target, strict)


@wrong(AT, "outside")
def zero_outside(l0, values, target):
    return one_by_one(l0, values, target, between).nan_to_num(0.0)


@wrong(AT, "input-changed")
def logarithm_in_place(l0, values, target):
    found = one_by_one(l0, values, target, between)
    l0.log_()
    return found


@wrong(AT, "kept-axis-first")
def keeps_the_setting_axis(l0, values, target):
    return one_by_one(l0, values, target, between)[None]


@right(AT)
def with_a_loop(l0, values, target):
    return one_by_one(l0, values, target, between)


@right(AT)
def with_numpy(l0, values, target):
    def interpolate(x, y, goal):
        return np.interp(np.log(goal), np.log(x), y, left=np.nan, right=np.nan)

    return one_by_one(l0, values, target, interpolate)


@right(AT)
def by_neighbours(l0, values, target):
    """The largest L0 up to the target, and the smallest from it on."""
    below = t.where(l0 <= t.as_tensor(target, dtype=l0.dtype), l0, -math.inf).max(0)
    above = t.where(l0 >= t.as_tensor(target, dtype=l0.dtype), l0, math.inf).min(0)
    y0, y1 = values.gather(0, below.indices[None])[0], values.gather(0, above.indices[None])[0]
    gap = (above.values / below.values).log()
    share = t.where(gap > 0, (target / below.values).log() / gap, 0.0)
    return t.where(below.values.isfinite() & above.values.isfinite(), y0 + share * (y1 - y0), math.nan)


@right(AT)
def over_pairs(l0, values, target):
    """Every piece between neighbours; the one that holds the target counts."""
    order = l0.argsort(0)
    x, y = l0.gather(0, order).log(), values.gather(0, order)
    goal = t.as_tensor(target, dtype=x.dtype).log()
    share = (goal - x[:-1]) / (x[1:] - x[:-1])
    inside = (share >= 0) & (share <= 1)
    pieces = y[:-1] + share * (y[1:] - y[:-1])
    found = t.where(inside, pieces, math.nan).nanmean(0)
    return t.where(inside.any(0), found, math.nan)


@right(AT)
def with_searchsorted(l0, values, target):
    x, order = l0.T.contiguous().log().sort(-1)
    y = values.T.gather(1, order)
    goal = t.full((len(x), 1), target, dtype=x.dtype).log()
    end = t.searchsorted(x, goal).clamp(1, x.shape[1] - 1)
    x0, x1, y0, y1 = x.gather(1, end - 1), x.gather(1, end), y.gather(1, end - 1), y.gather(1, end)
    share = (goal - x0) / (x1 - x0)
    return t.where((share >= 0) & (share <= 1), y0 * (1 - share) + y1 * share, math.nan)[:, 0]
