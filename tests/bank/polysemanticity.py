"""Answers to the measures of polysemanticity."""

import einops
import torch as t

from . import right, wrong

COUNT, SHARE = "features_per_neuron", "largest_share"


def counted(W, limit, axis=-1):
    return (W.abs() > limit).sum(axis)


def largest(W, axis=-1):
    return W.abs().amax(axis, keepdim=True)


@wrong(COUNT, "other-axis")
def neurons_per_feature(W):
    return counted(W, 0.3 * largest(W, 1), 1)


@wrong(COUNT, "transposed-count")
def largest_of_feature(W):
    return counted(W, 0.3 * largest(W, 1))


@wrong(COUNT, "sign-ignored")
def no_absolute(W):
    return (0.3 * W.amax(-1, keepdim=True) < W).sum(-1)


@wrong(COUNT, "sign-ignored")
def positive_only(W):
    return (0.3 * largest(W) < W).sum(-1)


@wrong(COUNT, "fixed-threshold")
def fixed(W):
    return counted(W, 0.3)


@wrong(COUNT, "one-threshold")
def largest_of_instance(W):
    return counted(W, 0.3 * W.abs().amax((1, 2), keepdim=True))


@wrong(COUNT, "one-threshold")
def largest_of_all(W):
    return counted(W, 0.3 * W.abs().max())


@wrong(COUNT, "squares-compared")
def squares(W):
    return (0.3 * (W**2).amax(-1, keepdim=True) < W**2).sum(-1)


@wrong(COUNT, "off-by-one")
def others_only(W):
    return counted(W, 0.3 * largest(W)) - 1


@wrong(COUNT, "not-above")
def below(W):
    return (W.abs() <= 0.3 * largest(W)).sum(-1)


@wrong(COUNT, "not-counted")
def booleans(W):
    return W.abs() > 0.3 * largest(W)


@wrong(COUNT, "mean-for-sum")
def share_of_features(W):
    return (W.abs() > 0.3 * largest(W)).float().mean(-1)


@wrong(COUNT, "not-zero")
def at_least(W):
    return (W.abs() >= 0.3 * largest(W)).sum(-1)


@wrong(COUNT, "other-threshold")
def half(W):
    return counted(W, 0.5 * largest(W))


@wrong(COUNT, "other-threshold")
def non_zero(W):
    return counted(W, 0 * largest(W))


@wrong(COUNT, "dtype")
def as_floats(W):
    return (W.abs() > 0.3 * largest(W)).float().sum(-1)


@wrong(COUNT, "scale")
def ignores_small_ones(W):
    return ((W.abs() > 0.3 * largest(W)) & (W.abs() > 1e-2)).sum(-1)


@wrong(COUNT, "all-reduced")
def everything(W):
    return counted(W, 0.3 * largest(W)).sum()


@wrong(COUNT, "one-instance")
def squeezed(W):
    return counted(W, 0.3 * largest(W)).squeeze(0)


@right(COUNT)
def relative(W):
    ratio = W.abs() / W.abs().max(dim=-1, keepdim=True).values
    return (ratio > 0.3).sum(dim=-1)  # 0 / 0 is NaN, and NaN is not above 0.3


@right(COUNT)
def counted_non_zero(W):
    return t.count_nonzero(W.abs() > 0.3 * largest(W), dim=-1)


@right(COUNT)
def loops(W):
    result = t.zeros(W.shape[:2], dtype=t.int64, device=W.device)
    for i, instance in enumerate(W):
        for k, row in enumerate(instance):
            result[i, k] = sum(abs(weight) > 0.3 * row.abs().max() for weight in row)
    return result


@right(COUNT)
def reduced(W):
    size = W.abs()
    threshold = 0.3 * einops.reduce(size, "inst d_hidden feats -> inst d_hidden 1", "max")
    return einops.reduce((size > threshold).long(), "inst d_hidden feats -> inst d_hidden", "sum")


@right(COUNT)
def sorted_first(W):
    ordered = W.abs().sort(dim=-1, descending=True).values
    return (ordered > 0.3 * ordered[..., :1]).sum(-1)


def top(W):
    return (W**2).amax(-1)


def total(W):
    return (W**2).sum(-1)


def safe(W):
    return total(W).clamp(min=1e-30)


@wrong(SHARE, "other-axis")
def of_features(W):
    return (W**2).amax(1) / (W**2).sum(1)


@wrong(SHARE, "not-squared")
def of_sizes(W):
    return W.abs().amax(-1) / W.abs().sum(-1).clamp(min=1e-30)


@wrong(SHARE, "sign-ignored")
def largest_weight(W):
    return W.amax(-1) ** 2 / safe(W)


@wrong(SHARE, "root")
def root(W):
    return W.abs().amax(-1) / safe(W).sqrt()


@wrong(SHARE, "half-squared")
def norm_below(W):
    return top(W) / W.norm(dim=-1).clamp(min=1e-30)


@wrong(SHARE, "half-squared")
def size_above(W):
    return W.abs().amax(-1) / safe(W)


@wrong(SHARE, "not-divided")
def only_top(W):
    return top(W)


@wrong(SHARE, "mean-for-sum")
def over_mean(W):
    return top(W) / (W**2).mean(-1).clamp(min=1e-30)


@wrong(SHARE, "whole-instance")
def of_instance(W):
    return top(W) / (W**2).sum((1, 2))[:, None].clamp(min=1e-30)


@wrong(SHARE, "not-reduced")
def all_shares(W):
    return W**2 / safe(W)[..., None]


@wrong(SHARE, "smallest")
def smallest(W):
    return (W**2).amin(-1) / safe(W)


@wrong(SHARE, "rest")
def rest(W):
    return 1 - top(W) / safe(W)


@wrong(SHARE, "zero-row")
def nan_for_zero(W):
    return top(W) / total(W)


@wrong(SHARE, "zero-row")
def one_for_zero(W):
    return (top(W) / total(W)).nan_to_num(1.0)


@wrong(SHARE, "scale")
def large_epsilon(W):
    return top(W) / (total(W) + 1e-6)


@wrong(SHARE, "kept-axis")
def kept_axis(W):
    return (top(W) / safe(W))[..., None]


@wrong(SHARE, "one-neuron")
def squeezed_share(W):
    return (top(W) / safe(W)).squeeze(1)


@wrong(SHARE, "type")
def values_and_indices(W):
    return ((W**2) / safe(W)[..., None]).max(dim=-1)


@right(SHARE)
def shares_first(W):
    return (W**2 / safe(W)[..., None]).max(dim=-1).values


@right(SHARE)
def unit_rows(W):
    return t.nn.functional.normalize(W, dim=-1).abs().amax(-1) ** 2


@right(SHARE)
def nan_to_zero(W):
    return (top(W) / total(W)).nan_to_num(0.0)


@right(SHARE)
def tiny_epsilon(W):
    return W.abs().max(-1)[0].pow(2) / (W.norm(dim=-1).pow(2) + 1e-20)


@right(SHARE)
def looped(W):
    rows = [[(row**2).max() / (row**2).sum() if row.any() else row.sum() for row in instance] for instance in W]
    return t.stack([t.stack(instance) for instance in rows])
