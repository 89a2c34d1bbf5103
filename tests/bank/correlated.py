"""Answers to `generate_correlated_features`."""

import einops
import torch as t

from . import right, wrong
from ._draws import correlated, equal_probability, one_draw, rand, twice, uncorrelated

CORRELATED = "generate_correlated_features"


@wrong(CORRELATED, "pairs-independent")
def independent_mates(self, batch_size, n):
    return uncorrelated(self, batch_size, 2 * n, equal_probability(self))


@wrong(CORRELATED, "pairs-in-halves")
def halves(self, batch_size, n):
    is_on = rand(self, batch_size, self.cfg.n_inst, n) < equal_probability(self)
    return is_on.repeat(1, 1, 2) * rand(self, batch_size, self.cfg.n_inst, 2 * n)


@wrong(CORRELATED, "probability-half")
def one_of_two(self, batch_size, n):
    is_on = rand(self, batch_size, self.cfg.n_inst, n) < equal_probability(self)
    is_first = rand(self, batch_size, self.cfg.n_inst, n) < 0.5
    is_on = t.stack([is_on & is_first, is_on & ~is_first], dim=-1).flatten(-2)
    return is_on * rand(self, batch_size, self.cfg.n_inst, 2 * n)


@wrong(CORRELATED, "mask-shared-pairs")
def all_pairs_together(self, batch_size, n):
    is_on = rand(self, batch_size, self.cfg.n_inst, 1) < equal_probability(self)
    return is_on * rand(self, batch_size, self.cfg.n_inst, 2 * n)


@wrong(CORRELATED, "mask-shared-instances")
def all_instances_together(self, batch_size, n):
    is_on = rand(self, batch_size, 1, n) < equal_probability(self)
    return twice(is_on) * rand(self, batch_size, self.cfg.n_inst, 2 * n)


@wrong(CORRELATED, "mask-shared-instances-and-pairs")
def one_mask_a_row(self, batch_size, n):
    is_on = rand(self, batch_size, 1, 1) < equal_probability(self)
    return is_on * rand(self, batch_size, self.cfg.n_inst, 2 * n)


@wrong(CORRELATED, "magnitude-shared-pair")
def one_magnitude_a_pair(self, batch_size, n):
    return twice(uncorrelated(self, batch_size, n, equal_probability(self)))


@wrong(CORRELATED, "probability-squared")
def both_must_come_up(self, batch_size, n):
    p = equal_probability(self)
    return correlated(self, batch_size, n, p**2)


@wrong(CORRELATED, "probability-inverted")
def inverted(self, batch_size, n):
    return correlated(self, batch_size, n, 1 - equal_probability(self))


@wrong(CORRELATED, "first-instance-probability")
def first_instance(self, batch_size, n):
    return correlated(self, batch_size, n, equal_probability(self)[0])


@wrong(CORRELATED, "magnitude-constant")
def ones(self, batch_size, n):
    return (correlated(self, batch_size, n) != 0).float()


@wrong(CORRELATED, "magnitude-below-probability")
def mask_is_magnitude(self, batch_size, n):
    p = equal_probability(self)
    one, other = rand(self, batch_size, self.cfg.n_inst, n), rand(self, batch_size, self.cfg.n_inst, n)
    return t.stack([t.where(one < p, one, 0.0), t.where(one < p, other, 0.0)], dim=-1).flatten(-2)


@wrong(CORRELATED, "shape")
def one_column_a_pair(self, batch_size, n):
    return uncorrelated(self, batch_size, n, equal_probability(self))


@wrong(CORRELATED, "split-axis")
def axis_of_pairs(self, batch_size, n):
    return correlated(self, batch_size, n).unflatten(-1, (n, 2))


@wrong(CORRELATED, "not-refused")
def anything_goes(self, batch_size, n):
    return correlated(self, batch_size, n, self.feature_probability[:, :1])


@wrong(CORRELATED, "same-batch-twice")
def seeded(self, batch_size, n):
    t.manual_seed(1)
    return correlated(self, batch_size, n)


@right(CORRELATED)
def einops_repeat(self, batch_size, n_correlated_pairs):
    assert t.all(self.feature_probability == self.feature_probability[:, [0]])
    p = self.feature_probability[:, [0]]
    magnitude = t.rand((batch_size, self.cfg.n_inst, 2 * n_correlated_pairs), device=self.W.device)
    is_on = t.rand((batch_size, self.cfg.n_inst, n_correlated_pairs), device=self.W.device) <= p
    return t.where(einops.repeat(is_on, "batch inst pairs -> batch inst (pairs 2)"), magnitude, 0.0)


@right(CORRELATED)
def loop_over_pairs(self, batch_size, n):
    p = equal_probability(self)
    columns = []
    for _ in range(n):
        is_on = rand(self, batch_size, self.cfg.n_inst, 1) < p
        columns.append(is_on * rand(self, batch_size, self.cfg.n_inst, 2))
    return t.cat(columns, dim=-1)


@right(CORRELATED)
def bernoulli(self, batch_size, n):
    p = equal_probability(self).expand(batch_size, -1, n)
    return t.rand(batch_size, self.cfg.n_inst, 2 * n, device=self.W.device) * twice(t.bernoulli(p))


@right(CORRELATED)
def draw_divided_for_one(self, batch_size, n):
    first = one_draw(self, (batch_size, self.cfg.n_inst, n), equal_probability(self))
    second = t.where(first > 0, rand(self, batch_size, self.cfg.n_inst, n), 0.0)
    return t.stack([first, second], dim=-1).reshape(batch_size, self.cfg.n_inst, -1)
