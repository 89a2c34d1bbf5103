"""Answers to `generate_uncorrelated_features`."""

import torch as t

from . import right, wrong
from ._draws import equal_probability, one_draw, rand, twice, uncorrelated

UNCORRELATED = "generate_uncorrelated_features"


@wrong(UNCORRELATED, "first-feature-probability")
def always_first_feature(self, batch_size, n):
    if n < self.cfg.n_features:
        equal_probability(self)
    return uncorrelated(self, batch_size, n, self.feature_probability[:, :1])


@right(UNCORRELATED)
def first_columns(self, batch_size, n):
    return uncorrelated(self, batch_size, n, self.feature_probability[:, :n])


@wrong(UNCORRELATED, "unequal-refused")
def always_equal(self, batch_size, n):
    return uncorrelated(self, batch_size, n, equal_probability(self))


@wrong(UNCORRELATED, "fixed-size")
def all_features(self, batch_size, n):
    return uncorrelated(self, batch_size, self.cfg.n_features, equal_probability(self))[..., : max(n, 2)]


@wrong(UNCORRELATED, "shape")
def two_columns_each(self, batch_size, n):
    return uncorrelated(self, batch_size, 2 * n, equal_probability(self))


@wrong(UNCORRELATED, "probability-inverted")
def uncorrelated_inverted(self, batch_size, n):
    uncorrelated(self, 1, n)
    return uncorrelated(self, batch_size, n, 1 - self.feature_probability[:, :n])


@wrong(UNCORRELATED, "mask-shared-features")
def on_together(self, batch_size, n):
    p = self.feature_probability if n == self.cfg.n_features else equal_probability(self)
    return (rand(self, batch_size, self.cfg.n_inst, 1) < p) * rand(self, batch_size, self.cfg.n_inst, n)


@wrong(UNCORRELATED, "mask-shared-instances")
def instances_together(self, batch_size, n):
    p = self.feature_probability if n == self.cfg.n_features else equal_probability(self)
    return (rand(self, batch_size, 1, n) < p) * rand(self, batch_size, self.cfg.n_inst, n)


@wrong(UNCORRELATED, "magnitude-shared-features")
def one_magnitude(self, batch_size, n):
    return (uncorrelated(self, batch_size, n) != 0) * rand(self, batch_size, self.cfg.n_inst, 1)


@wrong(UNCORRELATED, "magnitude-below-probability")
def one_draw_undivided(self, batch_size, n):
    p = self.feature_probability if n == self.cfg.n_features else equal_probability(self)
    values = rand(self, batch_size, self.cfg.n_inst, n)
    return values * (values < p)


@wrong(UNCORRELATED, "mask-shared-features")
def uncorrelated_as_pairs(self, batch_size, n):
    p = self.feature_probability if n == self.cfg.n_features else equal_probability(self)
    draws = twice(rand(self, batch_size, self.cfg.n_inst, (n + 1) // 2))[..., :n]
    return (draws < p) * rand(self, batch_size, self.cfg.n_inst, n)


@wrong(UNCORRELATED, "probability")
def ten_percent_less(self, batch_size, n):
    p = self.feature_probability if n == self.cfg.n_features else equal_probability(self)
    return uncorrelated(self, batch_size, n, 0.9 * p)


@right(UNCORRELATED)
def reference_like(self, batch_size, n_uncorrelated):
    return uncorrelated(self, batch_size, n_uncorrelated)


@right(UNCORRELATED)
def slice_when_equal(self, batch_size, n):
    p = self.feature_probability[:, :n]
    assert n == self.cfg.n_features or bool((self.feature_probability == p[:, :1]).all())
    return one_draw(self, (batch_size, self.cfg.n_inst, n), p)


@right(UNCORRELATED)
def magnitude_masked(self, batch_size, n):
    p = self.feature_probability if n == self.cfg.n_features else equal_probability(self)
    batch = rand(self, batch_size, self.cfg.n_inst, n)
    return batch.masked_fill(t.rand_like(batch) >= p, 0.0)


@right(UNCORRELATED)
def loop_over_features(self, batch_size, n):
    p = self.feature_probability if n == self.cfg.n_features else equal_probability(self).expand(-1, n)
    columns = [t.bernoulli(p[:, f].expand(batch_size, -1)) * rand(self, batch_size, self.cfg.n_inst) for f in range(n)]
    return t.stack(columns, dim=-1)
