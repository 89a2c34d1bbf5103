"""Answers to `match_latents`."""

import itertools

import numpy as np
import torch as t
from scipy.optimize import linear_sum_assignment

from . import right, wrong

MATCH = "match_latents"


def assign(cosines, live, cost=lambda c: -c, value=lambda c: c, among_live=False):
    """Hungarian matching with the given cost; dead latents taken out."""
    latents = t.full(cosines.shape[:2], -1)
    matched = t.zeros(cosines.shape[:2])
    for i, (c, alive) in enumerate(zip(cosines, live, strict=True)):
        columns = alive.nonzero().flatten()
        rows, chosen = linear_sum_assignment(cost(c[:, columns]).numpy())
        latents[i, rows] = t.as_tensor(chosen) if among_live else columns[chosen]
        matched[i, rows] = value(c[:, columns])[rows, chosen]
    return latents, matched


@wrong(MATCH, "best-for-each")
def best_for_each(cosines, live):
    best = cosines.masked_fill(~live[:, None], -1e9).max(-1)
    return best.indices, t.where(live.any(-1, keepdim=True), best.values, 0.0)


@wrong(MATCH, "best-for-each")
def argmax(cosines, live):
    best = cosines.max(-1)
    return best.indices, best.values


@wrong(MATCH, "greedy")
def in_turn(cosines, live):
    free, latents, matched = live.clone(), t.full(cosines.shape[:2], -1), t.zeros(cosines.shape[:2])
    for i in range(len(cosines)):
        for feature in range(cosines.shape[1]):
            if free[i].any():
                latent = cosines[i, feature].masked_fill(~free[i], -1e9).argmax()
                latents[i, feature], matched[i, feature] = latent, cosines[i, feature, latent]
                free[i, latent] = False
    return latents, matched


@wrong(MATCH, "minimized")
def minimized(cosines, live):
    return assign(cosines, live, cost=lambda c: c)


@wrong(MATCH, "unsigned")
def unsigned(cosines, live):
    return assign(cosines, live, cost=lambda c: -c.abs(), value=lambda c: c.abs())


@wrong(MATCH, "unsigned-choice")
def unsigned_choice(cosines, live):
    return assign(cosines, live, cost=lambda c: -c.abs())


@wrong(MATCH, "dead-matched")
def dead_too(cosines, live):
    return assign(cosines, t.ones_like(live))


@wrong(MATCH, "dead-as-zero")
def dead_as_zero(cosines, live):
    return assign(cosines * live[:, None], t.ones_like(live))


@wrong(MATCH, "index-among-live")
def index_among_live(cosines, live):
    return assign(cosines, live, among_live=True)


@wrong(MATCH, "diagonal")
def by_index(cosines, live):
    n = min(cosines.shape[1:])
    matched = t.zeros(cosines.shape[:2])
    matched[:, :n] = cosines.diagonal(dim1=1, dim2=2)
    return t.arange(cosines.shape[1]).expand(cosines.shape[:2]), matched


@wrong(MATCH, "missing-not-marked")
def zero_for_none(cosines, live):
    latents, matched = assign(cosines, live)
    return latents.clamp(min=0), matched


@wrong(MATCH, "mean")
def mean(cosines, live):
    latents, matched = assign(cosines, live)
    return latents, matched.mean(1)


@wrong(MATCH, "order")
def swapped(cosines, live):
    return assign(cosines, live)[::-1]


@wrong(MATCH, "type")
def cosines_only(cosines, live):
    return assign(cosines, live)[1]


@wrong(MATCH, "dtype")
def float_indices(cosines, live):
    latents, matched = assign(cosines, live)
    return latents.float(), matched


@wrong(MATCH, "one-instance")
def squeezed(cosines, live):
    latents, matched = assign(cosines, live)
    return latents.squeeze(0), matched.squeeze(0)


@wrong(MATCH, "input-changed")
def in_place(cosines, live):
    result = assign(cosines, live)
    cosines.masked_fill_(~live[:, None], -1.0)
    live.zero_()
    return result


@right(MATCH)
def with_cost(cosines, live):
    return assign(cosines, live)


@right(MATCH)
def with_one_minus(cosines, live):
    latents, matched = assign(cosines, live, cost=lambda c: 1 - c)
    return latents.int(), matched


@right(MATCH)
def masked(cosines, live):
    """Dead latents stay in, at a cosine that nobody takes unless nothing is left."""
    cost = np.where(live[:, None].numpy(), -cosines.double().numpy(), 1e6)
    latents, matched = np.full(cosines.shape[:2], -1), np.zeros(cosines.shape[:2], dtype=np.float32)
    for i, one in enumerate(cost):
        for feature, latent in zip(*linear_sum_assignment(one), strict=True):
            if live[i, latent]:
                latents[i, feature], matched[i, feature] = latent, cosines[i, feature, latent]
    return t.from_numpy(latents), t.from_numpy(matched)


@right(MATCH)
def transposed(cosines, live):
    latents, matched = t.full(cosines.shape[:2], -1), t.zeros(cosines.shape[:2])
    for i, instance in enumerate(cosines):
        alive = [j for j in range(cosines.shape[2]) if live[i, j]]
        chosen, features = linear_sum_assignment(instance.T[alive].numpy(), maximize=True)
        for row, feature in zip(chosen, features, strict=True):
            latents[i, feature] = alive[row]
            matched[i, feature] = instance[feature, alive[row]]
    return latents, matched


@right(MATCH)
def tuples_to_list(cosines, live):
    return list(itertools.chain(assign(cosines, live)))
