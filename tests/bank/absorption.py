"""Answers to `absorbing_dictionary`."""

import einops
import torch as t
from torch.nn import functional as F

from . import right, wrong

DICTIONARY = "absorbing_dictionary"


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
