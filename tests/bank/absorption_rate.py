"""Answers to `absorption_rate`."""

import numpy as np
import torch as t

from . import right, wrong

RATE = "absorption_rate"


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
