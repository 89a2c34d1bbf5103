"""Answers to `keep_top_k` and `keep_batch_top_k`."""

import einops
import torch as t
from torch.nn import functional as F

from . import right, wrong

TOP_K, BATCH_TOP_K = "keep_top_k", "keep_batch_top_k"


# ---- the k largest of a row


def kept(acts, k, dim=-1, largest=True):
    """The k largest along an axis; zero elsewhere."""
    chosen = acts.topk(min(k, acts.shape[dim]), dim=dim, largest=largest)
    return t.zeros_like(acts).scatter(dim, chosen.indices, chosen.values)


@wrong(TOP_K, "nothing-dropped")
def all_kept(acts, k):
    return acts.clone()


@wrong(TOP_K, "smallest")
def smallest_kept(acts, k):
    return kept(acts, k, largest=False)


@wrong(TOP_K, "dropped-kept")
def largest_dropped(acts, k):
    return acts - kept(acts, k)


@wrong(TOP_K, "mask")
def ones_kept(acts, k):
    return (kept(acts, k) > 0).to(acts.dtype) + 0 * acts


@wrong(TOP_K, "one-too-many")
def above_the_next(acts, k):
    return kept(acts, k + 1)


@wrong(TOP_K, "one-too-few")
def strictly_above_the_kth(acts, k):
    return acts * (acts > acts.topk(k, dim=-1).values[..., -1:])


@wrong(TOP_K, "over-batch")
def over_the_batch(acts, k):
    return kept(acts, k, dim=0)


@wrong(TOP_K, "over-instances")
def over_instances_too(acts, k):
    return kept(acts.flatten(1), k).view_as(acts)


@wrong(TOP_K, "shifted")
def shifted_down(acts, k):
    on = kept(acts, k)
    smallest = t.where(on > 0, on, float("inf")).amin(-1, keepdim=True)
    return (on - smallest).relu()


@wrong(TOP_K, "softmax")
def sums_to_one(acts, k):
    on = kept(acts, k)
    return on / on.sum(-1, keepdim=True).clamp_min(1e-9)


@wrong(TOP_K, "whole-batch")
def rationed_as_a_batch(acts, k):
    pooled = acts.transpose(0, 1).flatten(1)
    return kept(pooled, k * len(acts)).view(acts.shape[1], len(acts), -1).transpose(0, 1)


@wrong(TOP_K, "shape")
def values_alone(acts, k):
    return acts.topk(k, dim=-1).values


@wrong(TOP_K, "detached")
def no_gradient(acts, k):
    return kept(acts.detach(), k)


@wrong(TOP_K, "one-too-few")
def two_written_in(acts, k):
    return kept(acts, 2)


@wrong(TOP_K, "input-changed")
def in_place(acts, k):
    with t.no_grad():
        acts *= kept(acts, k) > 0
    return acts * 1


@right(TOP_K)
def by_the_kth_largest(acts, k):
    return acts * (acts >= acts.topk(k, dim=-1).values[..., -1:])


@right(TOP_K)
def by_mask(acts, k):
    mask = t.zeros_like(acts)
    mask.scatter_(-1, acts.topk(k, dim=-1).indices, 1.0)
    return acts * mask


@right(TOP_K)
def by_sorting(acts, k):
    rank = acts.argsort(dim=-1, descending=True).argsort(dim=-1)
    return t.where(rank < k, acts, 0.0)


@right(TOP_K)
def row_by_row(acts, k):
    out = t.zeros_like(acts)
    for row in range(acts.shape[0]):
        for inst in range(acts.shape[1]):
            best = acts[row, inst].topk(k).indices
            out[row, inst, best] = acts[row, inst, best]
    return out


# ---- the k largest of a batch


def pool_and_keep(acts, n):
    """The n largest of each instance's batch."""
    pooled = einops.rearrange(acts, "batch inst d_sae -> inst (batch d_sae)")
    return einops.rearrange(kept(pooled, n), "inst (batch d_sae) -> batch inst d_sae", batch=len(acts))


@wrong(BATCH_TOP_K, "nothing-dropped")
def everything_kept(acts, k):
    return acts * 1


@wrong(BATCH_TOP_K, "smallest")
def smallest_of_the_batch(acts, k):
    pooled = acts.transpose(0, 1).flatten(1)
    found = kept(pooled, round(k * len(acts)), largest=False)
    return found.view(acts.shape[1], len(acts), -1).transpose(0, 1)


@wrong(BATCH_TOP_K, "dropped-kept")
def largest_of_the_batch_dropped(acts, k):
    return acts - pool_and_keep(acts, round(k * len(acts)))


@wrong(BATCH_TOP_K, "mask")
def ones_in_the_batch(acts, k):
    return (pool_and_keep(acts, round(k * len(acts))) > 0).to(acts.dtype) + 0 * acts


@wrong(BATCH_TOP_K, "row-by-row")
def every_row_alike(acts, k):
    return kept(acts, max(1, round(k)))


@wrong(BATCH_TOP_K, "all-instances-share")
def one_ration_for_all_instances(acts, k):
    return kept(acts.flatten(), round(k * acts.shape[0] * acts.shape[1])).view_as(acts)


@wrong(BATCH_TOP_K, "over-instances")
def one_row_s_ration_for_all_instances(acts, k):
    return kept(acts.flatten(), round(k * len(acts))).view_as(acts)


@wrong(BATCH_TOP_K, "k-in-all")
def k_of_the_whole_batch(acts, k):
    return pool_and_keep(acts, max(1, round(k)))


@wrong(BATCH_TOP_K, "rounded-k")
def fraction_cut_off(acts, k):
    return pool_and_keep(acts, max(1, int(k) * len(acts)))


@wrong(BATCH_TOP_K, "one-too-few")
def strictly_above_the_last(acts, k):
    pooled = acts.transpose(0, 1).flatten(1)
    last = pooled.topk(round(k * len(acts)), dim=-1).values[:, -1]
    return acts * (acts > last[:, None])


@wrong(BATCH_TOP_K, "one-too-many")
def rounded_up_and_one(acts, k):
    return pool_and_keep(acts, round(k * len(acts)) + 1)


@wrong(BATCH_TOP_K, "shifted")
def soft_threshold(acts, k):
    pooled = acts.transpose(0, 1).flatten(1)
    last = pooled.topk(round(k * len(acts)), dim=-1).values[:, -1]
    return F.relu(acts - last[:, None])


@wrong(BATCH_TOP_K, "softmax")
def batch_sums_to_one(acts, k):
    on = pool_and_keep(acts, round(k * len(acts)))
    return on / on.sum((0, 2), keepdim=True).clamp_min(1e-9)


@wrong(BATCH_TOP_K, "detached")
def batch_without_gradient(acts, k):
    return pool_and_keep(acts.detach(), round(k * len(acts)))


@wrong(BATCH_TOP_K, "shape")
def batch_left_pooled(acts, k):
    return kept(einops.rearrange(acts, "batch inst d_sae -> inst (batch d_sae)"), round(k * len(acts)))


@right(BATCH_TOP_K)
def by_the_last_of_the_batch(acts, k):
    pooled = acts.permute(1, 0, 2).flatten(1)
    last = pooled.topk(round(k * len(acts)), dim=1).values[:, -1]
    return t.where(acts >= last[None, :, None], acts, 0.0)


@right(BATCH_TOP_K)
def batch_by_mask(acts, k):
    pooled = acts.permute(1, 0, 2).reshape(acts.shape[1], -1)
    mask = t.zeros_like(pooled).scatter(1, pooled.topk(round(k * len(acts)), dim=1).indices, 1.0)
    return acts * mask.reshape(acts.shape[1], len(acts), -1).permute(1, 0, 2)


@right(BATCH_TOP_K)
def batch_instance_by_instance(acts, k):
    n, found = round(k * acts.shape[0]), []
    for one in acts.unbind(1):
        mask = t.zeros(one.numel(), device=one.device, dtype=one.dtype)
        mask[one.flatten().topk(n).indices] = 1
        found.append(one * mask.view_as(one))
    return t.stack(found, dim=1)


@right(BATCH_TOP_K)
def batch_by_sorting(acts, k):
    pooled = einops.rearrange(acts, "b i s -> i (b s)")
    ranks = pooled.argsort(dim=1, descending=True).argsort(dim=1)
    keep = einops.rearrange(ranks < round(k * len(acts)), "i (b s) -> b i s", b=len(acts))
    return acts * keep
