"""Answers to `absorbing_dictionary` and `absorption_rate`."""

import einops
import numpy as np
import torch as t
from torch.nn import functional as F

from . import right, wrong

DICTIONARY, RATE = "absorbing_dictionary", "absorption_rate"


# ---- the absorbing dictionary


def split(W, n_parents, n_children):
    """Directions of the parents, of the children, and of each child's parent."""
    rows = W.transpose(1, 2)
    parents = rows[:, :n_parents]
    return parents, rows[:, n_parents : n_parents * (1 + n_children)], parents.repeat_interleave(n_children, dim=1)


def unit(rows):
    return rows / rows.norm(dim=-1, keepdim=True)


def joined(*parts):
    return unit(t.cat(parts, dim=1))


@wrong(DICTIONARY, "honest")
def own_directions(W, n_parents, n_children):
    parents, children, _ = split(W, n_parents, n_children)
    return joined(parents, children)


@wrong(DICTIONARY, "not-unit")
def never_scaled(W, n_parents, n_children):
    parents, children, own = split(W, n_parents, n_children)
    return t.cat([parents, children + own], dim=1)


@wrong(DICTIONARY, "not-unit")
def children_scaled_only(W, n_parents, n_children):
    parents, children, own = split(W, n_parents, n_children)
    return t.cat([parents, unit(children + own)], dim=1)


@wrong(DICTIONARY, "root-two")
def by_root_two(W, n_parents, n_children):
    parents, children, own = split(W, n_parents, n_children)
    return t.cat([unit(parents), (children + own) / 2**0.5], dim=1)


@wrong(DICTIONARY, "root-two")
def units_by_root_two(W, n_parents, n_children):
    parents, children, own = split(F.normalize(W, dim=1), n_parents, n_children)
    return t.cat([parents, (children + own) / 2**0.5], dim=1)


@wrong(DICTIONARY, "scaled-first")
def scaled_before_adding(W, n_parents, n_children):
    parents, children, own = split(F.normalize(W, dim=1), n_parents, n_children)
    return joined(parents, children + own)


@wrong(DICTIONARY, "siblings-dealt")
def repeated_in_turn(W, n_parents, n_children):
    parents, children, _ = split(W, n_parents, n_children)
    return joined(parents, children + parents.repeat(1, n_children, 1))


@wrong(DICTIONARY, "subtracted")
def difference(W, n_parents, n_children):
    parents, children, own = split(W, n_parents, n_children)
    return joined(parents, children - own)


@wrong(DICTIONARY, "parent-only")
def replaced(W, n_parents, n_children):
    parents, _, own = split(W, n_parents, n_children)
    return joined(parents, own)


@wrong(DICTIONARY, "parents-too")
def parents_absorb_as_well(W, n_parents, n_children):
    parents, children, own = split(W, n_parents, n_children)
    return joined(parents + children.unflatten(1, (n_parents, n_children)).sum(2), children + own)


@wrong(DICTIONARY, "parents-doubled")
def parent_twice(W, n_parents, n_children):
    parents, children, own = split(W, n_parents, n_children)
    return joined(parents, children + own + own)


@wrong(DICTIONARY, "family-order")
def family_by_family(W, n_parents, n_children):
    parents, children, own = split(W, n_parents, n_children)
    merged = (children + own).unflatten(1, (n_parents, n_children))
    return unit(t.cat([parents[:, :, None], merged], dim=2)).flatten(1, 2)


@wrong(DICTIONARY, "children-first")
def children_before_parents(W, n_parents, n_children):
    parents, children, own = split(W, n_parents, n_children)
    return joined(children + own, parents)


@wrong(DICTIONARY, "transposed")
def columns(W, n_parents, n_children):
    parents, children, own = split(W, n_parents, n_children)
    return joined(parents, children + own).transpose(1, 2)


@wrong(DICTIONARY, "wrong-axis")
def scaled_over_latents(W, n_parents, n_children):
    parents, children, own = split(W, n_parents, n_children)
    return F.normalize(t.cat([parents, children + own], dim=1), dim=1)


@wrong(DICTIONARY, "squared-length")
def by_squared_length(W, n_parents, n_children):
    parents, children, own = split(W, n_parents, n_children)
    rows = t.cat([parents, children + own], dim=1)
    return rows / (rows**2).sum(-1, keepdim=True)


@wrong(DICTIONARY, "merged-only")
def without_parents(W, n_parents, n_children):
    _, children, own = split(W, n_parents, n_children)
    return unit(children + own)


@wrong(DICTIONARY, "fixed-size")
def four_of_four(W, n_parents, n_children):
    parents, children, own = split(W, 4, 4)
    return joined(parents, children + own)


@wrong(DICTIONARY, "others-counted")
def to_the_end(W, n_parents, n_children):
    rows = W.mT
    parents, children = rows[:, :n_parents], rows[:, n_parents:]
    return joined(parents, children + parents.repeat_interleave(n_children, dim=1))


@wrong(DICTIONARY, "one-instance")
def squeezed(W, n_parents, n_children):
    parents, children, own = split(W, n_parents, n_children)
    return joined(parents, children + own).squeeze(0)


@wrong(DICTIONARY, "input-changed")
def in_place(W, n_parents, n_children):
    rows = W.mT
    parents = rows[:, :n_parents]
    for child in range(n_parents * n_children):
        rows[:, n_parents + child] += parents[:, child // n_children]
    return unit(rows[:, : n_parents * (1 + n_children)])


@right(DICTIONARY)
def in_loops(W, n_parents, n_children):
    rows = [W[:, :, parent] for parent in range(n_parents)]
    for parent in range(n_parents):
        for child in range(n_children):
            rows.append(W[:, :, parent] + W[:, :, n_parents + parent * n_children + child])
    return t.stack([row / row.norm(dim=1, keepdim=True) for row in rows], dim=1)


@right(DICTIONARY)
def with_an_axis_for_children(W, n_parents, n_children):
    W = W[..., : n_parents * (1 + n_children)]
    parents, children = W[..., :n_parents], W[..., n_parents:]
    children = einops.rearrange(children, "i d (p c) -> i d p c", p=n_parents)
    merged = einops.rearrange(children + parents[..., None], "i d p c -> i (p c) d")
    return F.normalize(t.cat([parents.transpose(1, 2), merged], 1), dim=2)


@right(DICTIONARY)
def with_indices(W, n_parents, n_children):
    n = n_parents * (1 + n_children)
    parent_of = (t.arange(n, device=W.device) - n_parents) // n_children
    is_child = t.arange(n, device=W.device) >= n_parents
    sums = W[..., :n] + W[..., parent_of.clamp(min=0)] * is_child
    return (sums / sums.norm(dim=1, keepdim=True)).permute(0, 2, 1)


@right(DICTIONARY)
def as_a_matrix(W, n_parents, n_children):
    n = n_parents * (1 + n_children)
    mix = t.eye(n, device=W.device)
    for child in range(n_parents, n):
        mix[child, (child - n_parents) // n_children] = 1.0
    return F.normalize(mix @ W[..., :n].mT, dim=-1)


# ---- the rate


def masks(true, n_parents, n_children):
    """Parent on, and any of its children on, `[batch inst parents]`."""
    on = true[..., :n_parents] > 0
    children = true[..., n_parents : n_parents * (1 + n_children)] > 0
    return on, children.unflatten(-1, (n_parents, n_children)).any(-1)


def share(what, rows):
    return t.nan_to_num((what & rows).sum(0) / rows.sum(0))


def off(found, n_parents):
    return found[..., :n_parents] == 0


def difference_of(silent, with_child, without):
    """The two shares subtracted, 0 where one has no rows."""
    rate = (silent & with_child).sum(0) / with_child.sum(0) - (silent & without).sum(0) / without.sum(0)
    return t.nan_to_num(rate)


@wrong(RATE, "no-baseline")
def first_term(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    return share(off(found, n_parents), on & child)


@wrong(RATE, "sign")
def share_that_fires(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    return difference_of(~off(found, n_parents), on & child, on & ~child)


@wrong(RATE, "sign")
def without_first(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    return difference_of(off(found, n_parents), on & ~child, on & child)


@wrong(RATE, "added")
def sum_of_shares(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    silent = off(found, n_parents)
    return share(silent, on & child) + share(silent, on & ~child)


@wrong(RATE, "ratio")
def ratio(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    silent = off(found, n_parents)
    return t.nan_to_num(share(silent, on & child) / share(silent, on & ~child))


@wrong(RATE, "parent-off-counted")
def any_row_without_child(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    return difference_of(off(found, n_parents), on & child, ~child)


@wrong(RATE, "all-rows-as-baseline")
def against_all_rows(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    return difference_of(off(found, n_parents), on & child, on)


@wrong(RATE, "joint")
def over_the_batch(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    silent = off(found, n_parents)
    return (silent & on & child).float().mean(0) - (silent & on & ~child).float().mean(0)


@wrong(RATE, "joint")
def over_rows_with_the_parent(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    silent = off(found, n_parents)
    return t.nan_to_num(((silent & on & child).sum(0) - (silent & on & ~child).sum(0)) / on.sum(0))


@wrong(RATE, "siblings-dealt")
def interleaved(found, true, n_parents, n_children):
    on, _ = masks(true, n_parents, n_children)
    children = true[..., n_parents : n_parents * (1 + n_children)] > 0
    child = children.unflatten(-1, (n_children, n_parents)).any(-2)
    return difference_of(off(found, n_parents), on & child, on & ~child)


@wrong(RATE, "one-child")
def first_child_only(found, true, n_parents, n_children):
    on, _ = masks(true, n_parents, n_children)
    child = true[..., n_parents : n_parents * (1 + n_children) : n_children] > 0
    return difference_of(off(found, n_parents), on & child, on & ~child)


@wrong(RATE, "any-family")
def any_child_at_all(found, true, n_parents, n_children):
    on, _ = masks(true, n_parents, n_children)
    child = (true[..., n_parents : n_parents * (1 + n_children)] > 0).any(-1, keepdim=True)
    return difference_of(off(found, n_parents), on & child, on & ~child)


@wrong(RATE, "all-children")
def all_children(found, true, n_parents, n_children):
    on, _ = masks(true, n_parents, n_children)
    children = true[..., n_parents : n_parents * (1 + n_children)] > 0
    child = children.unflatten(-1, (n_parents, n_children)).all(-1)
    silent = off(found, n_parents)
    return share(silent, on & child) - share(silent, on & ~child)


@wrong(RATE, "exchanged")
def exchanged(found, true, n_parents, n_children):
    on, child = masks(found, n_parents, n_children)
    return difference_of(off(true, n_parents), on & child, on & ~child)


@wrong(RATE, "children-found")
def children_by_their_latents(found, true, n_parents, n_children):
    on, _ = masks(true, n_parents, n_children)
    _, child = masks(found, n_parents, n_children)
    return difference_of(off(found, n_parents), on & child, on & ~child)


@wrong(RATE, "pooled-instances")
def pooled(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    flat = [x.flatten(0, 1) for x in (off(found, n_parents), on & child, on & ~child)]
    return difference_of(*flat).expand(true.shape[1], -1).clone()


@wrong(RATE, "mean")
def mean_over_parents(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    return difference_of(off(found, n_parents), on & child, on & ~child).mean(-1)


@wrong(RATE, "absolute")
def absolute(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    return difference_of(off(found, n_parents), on & child, on & ~child).abs()


@wrong(RATE, "clamped")
def never_negative(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    return difference_of(off(found, n_parents), on & child, on & ~child).clamp(min=0)


@wrong(RATE, "transposed")
def parents_first(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    return difference_of(off(found, n_parents), on & child, on & ~child).T


@wrong(RATE, "no-rows")
def nan_without_rows(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    silent, without = off(found, n_parents), on & ~child
    return (silent & on & child).sum(0) / (on & child).sum(0) - (silent & without).sum(0) / without.sum(0)


@wrong(RATE, "no-rows")
def each_share_filled(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    silent = off(found, n_parents)
    return share(silent, on & child) - share(silent, on & ~child)


@wrong(RATE, "fixed-size")
def sixteen_children(found, true, n_parents, n_children):
    on = true[..., :n_parents] > 0
    child = (true[..., 4:20].unflatten(-1, (4, 4)) > 0).any(-1)
    return difference_of(off(found, n_parents), on & child, on & ~child)


@wrong(RATE, "others-counted")
def children_to_the_end(found, true, n_parents, n_children):
    on = true[..., :n_parents] > 0
    child = (true[..., n_parents:] > 0).unflatten(-1, (n_parents, -1)).any(-1)
    return difference_of(off(found, n_parents), on & child, on & ~child)


@wrong(RATE, "one-instance")
def squeezed_rate(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    return difference_of(off(found, n_parents), on & child, on & ~child).squeeze(0)


@wrong(RATE, "input-changed")
def made_binary(found, true, n_parents, n_children):
    on, child = masks(true.clamp_(max=1.0), n_parents, n_children)
    return difference_of(off(found, n_parents), on & child, on & ~child)


@right(RATE)
def with_means(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    silent = off(found, n_parents).float()
    terms = [t.where(rows, silent, t.nan).nanmean(0) for rows in (on & child, on & ~child)]
    return t.nan_to_num(terms[0] - terms[1])


@right(RATE)
def child_implies_parent(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    return difference_of(found[..., :n_parents] <= 0, child, on & ~child)


@right(RATE)
def in_loops_over_parents(found, true, n_parents, n_children):
    rate = t.zeros(true.shape[1], n_parents, device=true.device)
    for inst in range(true.shape[1]):
        for parent in range(n_parents):
            first = n_parents + parent * n_children
            on = true[:, inst, parent] != 0
            child = true[:, inst, first : first + n_children].sum(-1) != 0
            silent = found[:, inst, parent] == 0
            with_child, without = silent[on & child], silent[on & ~child]
            if len(with_child) and len(without):
                rate[inst, parent] = with_child.float().mean() - without.float().mean()
    return rate


@right(RATE)
def by_firing(found, true, n_parents, n_children):
    on, child = masks(true, n_parents, n_children)
    return difference_of(found[..., :n_parents] > 0, on & ~child, on & child)


@right(RATE)
def in_numpy_and_back(found, true, n_parents, n_children):
    x, a = true.cpu().numpy(), found.cpu().numpy()
    on, silent = x[..., :n_parents] > 0, a[..., :n_parents] == 0
    children = x[..., n_parents : n_parents * (1 + n_children)]
    child = children.reshape(*x.shape[:2], n_parents, n_children).max(-1) > 0
    counts = [np.maximum(rows.sum(0), 1) for rows in (on & child, on & ~child)]
    shares = [(silent & rows).sum(0) / n for rows, n in zip((on & child, on & ~child), counts, strict=True)]
    known = (on & child).any(0) & (on & ~child).any(0)
    return t.tensor(np.where(known, shares[0] - shares[1], 0.0), dtype=true.dtype, device=true.device)
