"""Answers to the exercises on shrinkage and on rations: TopK, BatchTopK and nested reconstructions."""

import einops
import torch as t
from torch.nn import functional as F

from . import right, wrong

SHRINKAGE, TOP_K, BATCH_TOP_K, NESTED = "shrinkage", "keep_top_k", "keep_batch_top_k", "nested_reconstruction_loss"


# ---- shrinkage


def parts(h, out, b_dec):
    """E‖ŷ‖², E[ŷ·y] and E‖y‖² of each instance, up to the number of rows."""
    answer, truth = out - b_dec, h - b_dec
    return (answer**2).sum((0, 2)), (answer * truth).sum((0, 2)), (truth**2).sum((0, 2))


@wrong(SHRINKAGE, "no-bias")
def bias_forgotten(h, h_reconstructed, b_dec):
    return (h_reconstructed**2).sum((0, 2)) / (h_reconstructed * h).sum((0, 2))


@wrong(SHRINKAGE, "bias-once")
def bias_of_the_answer_alone(h, h_reconstructed, b_dec):
    answer = h_reconstructed - b_dec
    return (answer**2).sum((0, 2)) / (answer * h).sum((0, 2))


@wrong(SHRINKAGE, "bias-once")
def bias_of_the_truth_alone(h, h_reconstructed, b_dec):
    return (h_reconstructed**2).sum((0, 2)) / (h_reconstructed * (h - b_dec)).sum((0, 2))


@wrong(SHRINKAGE, "upside-down")
def the_factor_itself(h, h_reconstructed, b_dec):
    squared, product, _ = parts(h, h_reconstructed, b_dec)
    return product / squared


@wrong(SHRINKAGE, "regression-slope")
def slope_through_the_origin(h, h_reconstructed, b_dec):
    _, product, truth = parts(h, h_reconstructed, b_dec)
    return product / truth


@wrong(SHRINKAGE, "ratio-of-squares")
def ratio_of_squares(h, h_reconstructed, b_dec):
    squared, _, truth = parts(h, h_reconstructed, b_dec)
    return squared / truth


@wrong(SHRINKAGE, "ratio-of-norms")
def ratio_of_mean_norms(h, h_reconstructed, b_dec):
    return (h_reconstructed - b_dec).norm(dim=-1).mean(0) / (h - b_dec).norm(dim=-1).mean(0)


@wrong(SHRINKAGE, "mean-of-ratios")
def ratio_of_each_row(h, h_reconstructed, b_dec):
    answer, truth = h_reconstructed - b_dec, h - b_dec
    return ((answer**2).sum(-1) / (answer * truth).sum(-1)).mean(0)


@wrong(SHRINKAGE, "one-number")
def one_number_for_all(h, h_reconstructed, b_dec):
    squared, product, _ = parts(h, h_reconstructed, b_dec)
    return (squared.sum() / product.sum()).expand(h.shape[1])


@wrong(SHRINKAGE, "cosine")
def cosine_of_the_two(h, h_reconstructed, b_dec):
    squared, product, truth = parts(h, h_reconstructed, b_dec)
    return product / (squared * truth).sqrt()


@wrong(SHRINKAGE, "root")
def root_of_it(h, h_reconstructed, b_dec):
    squared, product, _ = parts(h, h_reconstructed, b_dec)
    return (squared / product).sqrt()


@wrong(SHRINKAGE, "explained-variance")
def share_explained(h, h_reconstructed, b_dec):
    return 1 - ((h_reconstructed - h) ** 2).sum((0, 2)) / ((h - b_dec) ** 2).sum((0, 2))


@wrong(SHRINKAGE, "per-dimension")
def of_each_dimension(h, h_reconstructed, b_dec):
    answer, truth = h_reconstructed - b_dec, h - b_dec
    return (answer**2).mean(0) / (answer * truth).mean(0)


@wrong(SHRINKAGE, "per-row")
def of_each_row(h, h_reconstructed, b_dec):
    answer, truth = h_reconstructed - b_dec, h - b_dec
    return (answer**2).sum(-1) / (answer * truth).sum(-1)


@wrong(SHRINKAGE, "pooled")
def instances_pooled(h, h_reconstructed, b_dec):
    squared, product, _ = parts(h, h_reconstructed, b_dec)
    return squared.sum() / product.sum()


@wrong(SHRINKAGE, "one-minus")
def what_is_missing(h, h_reconstructed, b_dec):
    squared, product, _ = parts(h, h_reconstructed, b_dec)
    return 1 - squared / product


@wrong(SHRINKAGE, "one-instance")
def squeezed(h, h_reconstructed, b_dec):
    squared, product, _ = parts(h, h_reconstructed, b_dec)
    return (squared / product).squeeze()


@wrong(SHRINKAGE, "input-changed")
def bias_subtracted_in_place(h, h_reconstructed, b_dec):
    h -= b_dec
    h_reconstructed -= b_dec
    return (h_reconstructed**2).sum((0, 2)) / (h_reconstructed * h).sum((0, 2))


@right(SHRINKAGE)
def by_means(h, h_reconstructed, b_dec):
    y_hat, y = h_reconstructed - b_dec, h - b_dec
    return y_hat.pow(2).sum(-1).mean(0) / (y_hat * y).sum(-1).mean(0)


@right(SHRINKAGE)
def by_norms(h, h_reconstructed, b_dec):
    y_hat, y = h_reconstructed - b_dec[None], h - b_dec[None]
    return y_hat.norm(dim=-1).square().mean(0) / t.einsum("bid,bid->bi", y_hat, y).mean(0)


@right(SHRINKAGE)
def instance_by_instance(h, h_reconstructed, b_dec):
    found = []
    for i in range(h.shape[1]):
        y_hat, y = (h_reconstructed[:, i] - b_dec[i]).flatten(), (h[:, i] - b_dec[i]).flatten()
        found.append(y_hat.dot(y_hat) / y_hat.dot(y))
    return t.stack(found)


@right(SHRINKAGE)
def one_over_the_best_factor(h, h_reconstructed, b_dec):
    y_hat = einops.rearrange(h_reconstructed - b_dec, "batch inst d_in -> inst (batch d_in) 1")
    y = einops.rearrange(h - b_dec, "batch inst d_in -> inst (batch d_in) 1")
    return 1 / ((y_hat.mT @ y) / (y_hat.mT @ y_hat)).flatten()


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


# ---- nested reconstructions


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
