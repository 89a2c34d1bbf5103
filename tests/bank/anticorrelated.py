"""Answers to `generate_anticorrelated_features`."""

import einops
import torch as t

from . import right, wrong
from ._draws import anticorrelated, correlated, equal_probability, rand, uncorrelated

ANTICORRELATED = "generate_anticorrelated_features"


@wrong(ANTICORRELATED, "pairs-independent")
def independent(self, batch_size, n):
    return uncorrelated(self, batch_size, 2 * n, equal_probability(self, 0.5))


@wrong(ANTICORRELATED, "pairs-together")
def together(self, batch_size, n):
    return correlated(self, batch_size, n, equal_probability(self, 0.5))


@wrong(ANTICORRELATED, "probability-half")
def half_as_often(self, batch_size, n):
    on = rand(self, batch_size, self.cfg.n_inst, n) < equal_probability(self, 0.5)
    return anticorrelated(self, batch_size, n, on)


@wrong(ANTICORRELATED, "second-too-seldom")
def second_where_first_is_off(self, batch_size, n):
    p = equal_probability(self, 0.5)
    first, second = (rand(self, batch_size, self.cfg.n_inst, n) < p for _ in range(2))
    is_on = t.stack([first, second & ~first], dim=-1).flatten(-2)
    return is_on * rand(self, batch_size, self.cfg.n_inst, 2 * n)


@wrong(ANTICORRELATED, "both-too-seldom")
def rows_with_both_cleared(self, batch_size, n):
    p = equal_probability(self, 0.5)
    first, second = (rand(self, batch_size, self.cfg.n_inst, n) < p for _ in range(2))
    is_on = t.stack([first & ~second, second & ~first], dim=-1).flatten(-2)
    return is_on * rand(self, batch_size, self.cfg.n_inst, 2 * n)


@wrong(ANTICORRELATED, "probability-unused")
def always_one_of_two(self, batch_size, n):
    equal_probability(self, 0.5)
    on = t.ones(batch_size, self.cfg.n_inst, n, dtype=t.bool, device=self.W.device)
    return anticorrelated(self, batch_size, n, on)


@wrong(ANTICORRELATED, "choice-by-probability")
def choice_by_probability(self, batch_size, n):
    first = rand(self, batch_size, self.cfg.n_inst, n) < equal_probability(self, 0.5)
    return anticorrelated(self, batch_size, n, first=first)


@wrong(ANTICORRELATED, "probability")
def choice_once_for_all_rows(self, batch_size, n):
    return anticorrelated(self, batch_size, n, first=rand(self, 1, self.cfg.n_inst, n) < 0.5)


@wrong(ANTICORRELATED, "mask-shared-instances")
def choice_shared_by_instances(self, batch_size, n):
    return anticorrelated(self, batch_size, n, first=rand(self, batch_size, 1, n) < 0.5)


@wrong(ANTICORRELATED, "mask-shared-pairs")
def choice_shared_by_pairs(self, batch_size, n):
    return anticorrelated(self, batch_size, n, first=rand(self, batch_size, self.cfg.n_inst, 1) < 0.5)


@wrong(ANTICORRELATED, "pairs-in-halves")
def anticorrelated_halves(self, batch_size, n):
    return einops.rearrange(anticorrelated(self, batch_size, n), "b i (pairs two) -> b i (two pairs)", two=2)


@wrong(ANTICORRELATED, "magnitude-signed")
def signed(self, batch_size, n):
    batch = anticorrelated(self, batch_size, n)
    return t.where(batch != 0, 2 * batch - 1, 0.0)


@wrong(ANTICORRELATED, "not-refused")
def above_one_half(self, batch_size, n):
    p = equal_probability(self)
    is_first = rand(self, batch_size, self.cfg.n_inst, n) < 0.5
    on = rand(self, batch_size, self.cfg.n_inst, n) < 2 * p
    is_on = t.stack([on & is_first, on & ~is_first], dim=-1).flatten(-2)
    return is_on * rand(self, batch_size, self.cfg.n_inst, 2 * n)


@wrong(ANTICORRELATED, "not-refused")
def unequal(self, batch_size, n):
    assert self.feature_probability.max() <= 0.5
    on = rand(self, batch_size, self.cfg.n_inst, n) < 2 * self.feature_probability[:, :1]
    first = rand(self, batch_size, self.cfg.n_inst, n) < 0.5
    is_on = t.stack([on & first, on & ~first], dim=-1).flatten(-2)
    return is_on * rand(self, batch_size, self.cfg.n_inst, 2 * n)


@wrong(ANTICORRELATED, "half-refused")
def half_refused(self, batch_size, n):
    assert (self.feature_probability < 0.5).all()
    return anticorrelated(self, batch_size, n)


@right(ANTICORRELATED)
def one_draw_for_both(self, batch_size, n):
    p = equal_probability(self, 0.5)
    u = rand(self, batch_size, self.cfg.n_inst, n)
    is_on = t.stack([u < p, (u >= p) & (u < 2 * p)], dim=-1).flatten(-2)
    return is_on * rand(self, batch_size, self.cfg.n_inst, 2 * n)


@right(ANTICORRELATED)
def from_both_ends(self, batch_size, n):
    p = self.feature_probability[:, :1]
    assert (self.feature_probability == p).all() and p.max() <= 0.5, "not possible"
    u = rand(self, batch_size, self.cfg.n_inst, n)
    result = t.zeros(batch_size, self.cfg.n_inst, 2 * n, device=self.W.device)
    result[..., 0::2] = (u < p) * rand(self, *u.shape)
    result[..., 1::2] = (u >= 1 - p) * rand(self, *u.shape)
    return result


@right(ANTICORRELATED)
def second_given_first_is_off(self, batch_size, n):
    p = equal_probability(self, 0.5)
    first = rand(self, batch_size, self.cfg.n_inst, n) < p
    second = ~first & (rand(self, batch_size, self.cfg.n_inst, n) < p / (1 - p))
    is_on = einops.rearrange([first, second], "two b i n -> b i (n two)")
    return is_on * rand(self, batch_size, self.cfg.n_inst, 2 * n)


@right(ANTICORRELATED)
def categorical(self, batch_size, n):
    p = equal_probability(self, 0.5)
    which = t.multinomial(t.cat([p, p, 1 - 2 * p], dim=1), batch_size * n, replacement=True)
    which = einops.rearrange(which, "i (b n) -> b i n", b=batch_size)
    is_on = t.stack([which == 0, which == 1], dim=-1).flatten(-2)
    return is_on * rand(self, batch_size, self.cfg.n_inst, 2 * n)
