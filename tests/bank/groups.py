"""Answers to `orthogonal_groups`."""

import torch as t
from scipy.sparse.csgraph import connected_components

from . import right, wrong

GROUPS = "orthogonal_groups"


def links(W, threshold, least=0.5):
    """[inst feats], [inst feats feats]: which are represented, and which of them overlap."""
    norms = W.norm(dim=1)
    unit = W / norms[:, None].clamp(min=1e-12)
    represented = norms > least
    both = represented[:, :, None] & represented[:, None, :]
    return represented, ((unit.mT @ unit).abs() > threshold) & both


def spread(linked, rounds=None):
    """Smallest number that can be reached in some rounds, or at all."""
    n = linked.shape[-1]
    labels = t.arange(n, device=linked.device).expand(linked.shape[:2])
    for _ in range(n if rounds is None else rounds):
        labels = t.where(linked, labels[:, None, :], n).amin(-1)
    return labels


def labelled(W, threshold):
    represented, linked = links(W, threshold)
    return t.where(represented, spread(linked), -1)


@wrong(GROUPS, "sign")
def with_its_sign(W, threshold=0.2):
    unit = W / W.norm(dim=1, keepdim=True).clamp(min=1e-12)
    represented, linked = links(W, threshold)
    return t.where(represented, spread(linked & (unit.mT @ unit > 0)), -1)


@wrong(GROUPS, "not-normalized")
def products_of_weights(W, threshold=0.2):
    represented = W.norm(dim=1) > 0.5
    linked = ((W.mT @ W).abs() > threshold) & represented[:, :, None] & represented[:, None, :]
    return t.where(represented, spread(linked), -1)


@wrong(GROUPS, "one-step")
def first_neighbour(W, threshold=0.2):
    represented, linked = links(W, threshold)
    return t.where(represented, linked.long().argmax(dim=-1), -1)


@wrong(GROUPS, "few-steps")
def two_rounds(W, threshold=0.2):
    represented, linked = links(W, threshold)
    return t.where(represented, spread(linked, rounds=2), -1)


@wrong(GROUPS, "threshold-ignored")
def always_a_fifth(W, threshold=0.2):
    return labelled(W, 0.2)


@wrong(GROUPS, "threshold-squared")
def squared_cosines(W, threshold=0.2):
    return labelled(W, threshold**0.5)


@wrong(GROUPS, "threshold-squared")
def squared_threshold(W, threshold=0.2):
    return labelled(W, threshold**2)


@wrong(GROUPS, "over-short")
def links_over_short_ones(W, threshold=0.2):
    _, linked = links(W, threshold, least=-1)
    return t.where(W.norm(dim=1) > 0.5, spread(linked), -1)


@wrong(GROUPS, "short-grouped")
def everybody_counts(W, threshold=0.2):
    represented, linked = links(W, threshold, least=0.01)
    return t.where(represented, spread(linked), -1)


@wrong(GROUPS, "norm-squared")
def squared_norm_over_a_half(W, threshold=0.2):
    represented, linked = links(W, threshold, least=0.5**0.5)
    return t.where(represented, spread(linked), -1)


@wrong(GROUPS, "all-alone")
def everybody_alone(W, threshold=0.2):
    return t.where(W.norm(dim=1) > 0.5, t.arange(W.shape[2], device=W.device), -1)


@wrong(GROUPS, "all-in-one")
def one_group(W, threshold=0.2):
    return t.where(W.norm(dim=1) > 0.5, 0, -1)


@wrong(GROUPS, "first-for-all")
def groups_of_the_first(W, threshold=0.2):
    return labelled(W[:1], threshold).expand(len(W), -1)


@wrong(GROUPS, "group-sizes")
def sizes(W, threshold=0.2):
    labels = labelled(W, threshold)
    return t.where(labels >= 0, (labels[:, :, None] == labels[:, None, :]).sum(-1), -1)


@wrong(GROUPS, "short-numbered")
def zero_for_short_ones(W, threshold=0.2):
    return labelled(W, threshold) + 1


@wrong(GROUPS, "short-numbered")
def minus_two_for_short_ones(W, threshold=0.2):
    labels = labelled(W, threshold)
    return t.where(labels < 0, -2, labels)


@wrong(GROUPS, "negative-number")
def counted_downwards(W, threshold=0.2):
    labels = labelled(W, threshold)
    return t.where(labels < 0, -1, -labels - 2)


@wrong(GROUPS, "links")
def the_links(W, threshold=0.2):
    return links(W, threshold)[1]


@wrong(GROUPS, "dtype")
def zeros_filled_in(W, threshold=0.2):
    result = t.zeros(W.shape[0], W.shape[2], device=W.device)
    result[:] = labelled(W, threshold)
    return result


@wrong(GROUPS, "missing-axis")
def how_many(W, threshold=0.2):
    labels = labelled(W, threshold)
    return t.tensor([len(one[one >= 0].unique()) for one in labels], device=W.device)


@wrong(GROUPS, "type")
def sets_of_features(W, threshold=0.2):
    return [[int(label) for label in one] for one in labelled(W, threshold)]


@wrong(GROUPS, "one-instance")
def squeezed(W, threshold=0.2):
    return labelled(W, threshold).squeeze(0)


@wrong(GROUPS, "threshold-ignored")
def without_threshold(W):
    return labelled(W, 0.2)


@wrong(GROUPS, "memory-order")
def viewed(W, threshold=0.2):
    return labelled(W.view(-1).view(W.shape), threshold)


@wrong(GROUPS, "zero-column")
def nan_spreads(W, threshold=0.2):
    unit = W / W.norm(dim=1, keepdim=True)
    cosines = unit.mT @ unit
    represented = ~(W.norm(dim=1) <= 0.5)
    both = represented[:, :, None] & represented[:, None, :]
    linked = ~(cosines.abs() <= threshold) & (both | cosines.isnan())
    return t.where(represented, spread(linked), -1)


@wrong(GROUPS, "values")
def wrong_by_one_feature(W, threshold=0.2):
    labels = labelled(W, threshold).clone()
    in_company = (labels[0] >= 0) & ((labels[0][:, None] == labels[0]).sum(-1) > 1)
    labels[0, in_company.nonzero()[0]] = 10_000
    return labels


@right(GROUPS)
def with_scipy(W, threshold=0.2):
    represented, linked = links(W, threshold)
    found = [connected_components(one.cpu().numpy(), directed=False)[1] for one in linked]
    labels = t.stack([t.from_numpy(one) for one in found]).to(W.device)
    return t.where(represented, labels, -1)


@right(GROUPS)
def by_search(W, threshold=0.2):
    represented, linked = links(W, threshold)
    labels = t.full(represented.shape, -1, dtype=t.long, device=W.device)
    for inst in range(len(W)):
        group = 0
        for start in range(W.shape[2]):
            if not represented[inst, start] or labels[inst, start] >= 0:
                continue
            waiting = [start]
            while waiting:
                feature = waiting.pop()
                if labels[inst, feature] < 0:
                    labels[inst, feature] = group
                    waiting += linked[inst, feature].nonzero().flatten().tolist()
            group += 1
    return labels


@right(GROUPS)
def powers_of_the_links(W, threshold=0.2):
    represented, linked = links(W, threshold)
    reach = linked.float()
    for _ in range(W.shape[2].bit_length()):
        reach = ((reach @ reach) > 0).float()
    return t.where(represented, reach.argmax(dim=-1), -1)


@right(GROUPS)
def small_whole_numbers(W, threshold=0.2):
    return labelled(W, threshold).to(t.int32)


@right(GROUPS)
def largest_instead_of_smallest(W, threshold=0.2):
    represented, linked = links(W, threshold)
    labels = t.arange(W.shape[2], device=W.device).expand(represented.shape)
    for _ in range(W.shape[2]):
        labels = t.where(linked, labels[:, None, :], -1).amax(-1)
    return labels


@right(GROUPS)
def numbered_over_all_instances(W, threshold=0.2):
    labels = labelled(W, threshold)
    offset = 1_000 * t.arange(len(W), device=W.device)[:, None]
    return t.where(labels >= 0, labels + offset, -1)
