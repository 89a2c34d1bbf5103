"""Answers to `nested_reconstruction_loss`."""

import einops
import torch as t
from torch.nn import functional as F

from . import right, wrong

NESTED = "nested_reconstruction_loss"


def errors(h, acts, W_dec, b_dec, group_sizes):
    """Squared errors of every group, [groups batch inst d_in]."""
    outs = [t.einsum("bis,isd->bid", acts[..., :g], W_dec[:, :g]) + b_dec for g in group_sizes]
    return t.stack([(out - h) ** 2 for out in outs])


@wrong(NESTED, "only-all")
def all_latents_alone(h, acts, W_dec, b_dec, group_sizes):
    return errors(h, acts, W_dec, b_dec, group_sizes[-1:]).mean(-1).sum(0)


@wrong(NESTED, "only-first")
def first_group_alone(h, acts, W_dec, b_dec, group_sizes):
    return errors(h, acts, W_dec, b_dec, group_sizes[:1]).mean(-1).sum(0)


@wrong(NESTED, "mean-over-groups")
def mean_over_groups(h, acts, W_dec, b_dec, group_sizes):
    return errors(h, acts, W_dec, b_dec, group_sizes).mean(-1).mean(0)


@wrong(NESTED, "last-left-out")
def without_the_last(h, acts, W_dec, b_dec, group_sizes):
    return errors(h, acts, W_dec, b_dec, group_sizes).mean(-1)[:-1].sum(0)


@wrong(NESTED, "first-left-out")
def without_the_first(h, acts, W_dec, b_dec, group_sizes):
    return errors(h, acts, W_dec, b_dec, group_sizes).mean(-1)[1:].sum(0)


@wrong(NESTED, "groups-apart")
def every_group_for_itself(h, acts, W_dec, b_dec, group_sizes):
    total, start = 0, 0
    for end in group_sizes:
        out = t.einsum("bis,isd->bid", acts[..., start:end], W_dec[:, start:end]) + b_dec
        total, start = total + ((out - h) ** 2).mean(-1), end
    return total


@wrong(NESTED, "last-latents")
def from_the_back(h, acts, W_dec, b_dec, group_sizes):
    total = 0
    for start in (0, *group_sizes[:-1]):
        end = group_sizes[-1]
        out = t.einsum("bis,isd->bid", acts[..., start:end], W_dec[:, start:end]) + b_dec
        total = total + ((out - h) ** 2).mean(-1)
    return total


@wrong(NESTED, "no-bias")
def nested_without_bias(h, acts, W_dec, b_dec, group_sizes):
    return errors(h, acts, W_dec, t.zeros_like(b_dec), group_sizes).mean(-1).sum(0)


@wrong(NESTED, "bias-added-up")
def bias_before_the_cumsum(h, acts, W_dec, b_dec, group_sizes):
    sizes = [b - a for a, b in zip((0, *group_sizes[:-1]), group_sizes, strict=True)]
    used = group_sizes[-1]
    pieces = zip(acts[..., :used].split(sizes, dim=-1), W_dec[:, :used].split(sizes, dim=1), strict=True)
    outs = t.stack([t.einsum("bis,isd->bid", a, W) + b_dec for a, W in pieces]).cumsum(0)
    return ((outs - h) ** 2).mean(-1).sum(0)


@wrong(NESTED, "sum-over-d_in")
def nested_sum_over_d_in(h, acts, W_dec, b_dec, group_sizes):
    return errors(h, acts, W_dec, b_dec, group_sizes).sum(-1).sum(0)


@wrong(NESTED, "outputs-added")
def one_error_of_all_outputs(h, acts, W_dec, b_dec, group_sizes):
    outs = [t.einsum("bis,isd->bid", acts[..., :g], W_dec[:, :g]) + b_dec for g in group_sizes]
    return (sum(outs) - h).pow(2).mean(-1)


@wrong(NESTED, "absolute-error")
def nested_absolute(h, acts, W_dec, b_dec, group_sizes):
    return errors(h, acts, W_dec, b_dec, group_sizes).sqrt().mean(-1).sum(0)


@wrong(NESTED, "largest")
def worst_group(h, acts, W_dec, b_dec, group_sizes):
    return errors(h, acts, W_dec, b_dec, group_sizes).mean(-1).amax(0)


@wrong(NESTED, "batch-mean")
def nested_batch_mean(h, acts, W_dec, b_dec, group_sizes):
    return errors(h, acts, W_dec, b_dec, group_sizes).mean(-1).sum(0).mean(0)


@wrong(NESTED, "sizes-added")
def sizes_taken_for_steps(h, acts, W_dec, b_dec, group_sizes):
    ends = [min(sum(group_sizes[: i + 1]), group_sizes[-1]) for i in range(len(group_sizes))]
    return errors(h, acts, W_dec, b_dec, ends).mean(-1).sum(0)


@right(NESTED)
def group_by_group(h, acts, W_dec, b_dec, group_sizes):
    total = t.zeros_like(h[..., 0])
    for g in group_sizes:
        out = einops.einsum(acts[..., :g], W_dec[:, :g], "b i s, i s d -> b i d") + b_dec
        total = total + (out - h).pow(2).mean(-1)
    return total


@right(NESTED)
def by_masks(h, acts, W_dec, b_dec, group_sizes):
    places = t.arange(acts.shape[-1], device=acts.device)
    masks = t.stack([(places < g).to(acts.dtype) for g in group_sizes])
    outs = t.einsum("bis,gs,isd->gbid", acts, masks, W_dec) + b_dec
    return ((outs - h) ** 2).mean(dim=-1).sum(dim=0)


@right(NESTED)
def by_running_sum(h, acts, W_dec, b_dec, group_sizes):
    out, start, total = b_dec - h, 0, 0.0
    for end in group_sizes:
        out = out + t.einsum("bis,isd->bid", acts[:, :, start:end], W_dec[:, start:end])
        total, start = total + out.square().sum(-1) / h.shape[-1], end
    return total


@right(NESTED)
def by_matrix_products(h, acts, W_dec, b_dec, group_sizes):
    losses = []
    for g in group_sizes:
        out = (acts[..., None, :g] @ W_dec[:, :g]).squeeze(-2)
        losses.append(F.mse_loss(out + b_dec, h, reduction="none").mean(-1))
    return t.stack(losses).sum(0)
