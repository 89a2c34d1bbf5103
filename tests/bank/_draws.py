"""Right draws of features and pairs, from which the answers to the generators are made."""

import torch as t


def rand(self, *shape):
    return t.rand(shape, device=self.W.device)


def equal_probability(self, at_most=1.0):
    """`[inst 1]`, after the refusals that are asked for."""
    p = self.feature_probability
    if (p != p[:, :1]).any():
        raise ValueError("unequal")
    if (p > at_most).any():
        raise ValueError("too often")
    return p[:, :1]


def twice(is_on):
    """Each entry for both columns of its pair."""
    return is_on.repeat_interleave(2, dim=-1)


def correlated(self, batch_size, n, p=None):
    p = equal_probability(self) if p is None else p
    is_on = rand(self, batch_size, self.cfg.n_inst, n) < p
    return twice(is_on) * rand(self, batch_size, self.cfg.n_inst, 2 * n)


def anticorrelated(self, batch_size, n, on=None, first=None):
    p = equal_probability(self, 0.5)
    shape = (batch_size, self.cfg.n_inst, n)
    on = rand(self, *shape) < 2 * p if on is None else on
    first = rand(self, *shape) < 0.5 if first is None else first
    is_on = t.stack([on & first, on & ~first], dim=-1).flatten(-2)
    return is_on * rand(self, batch_size, self.cfg.n_inst, 2 * n)


def uncorrelated(self, batch_size, n, p=None):
    if p is None:
        p = self.feature_probability if n == self.cfg.n_features else equal_probability(self)
    is_on = rand(self, batch_size, self.cfg.n_inst, n) < p
    return is_on * rand(self, batch_size, self.cfg.n_inst, n)


def one_draw(self, shape, p):
    """Magnitudes of features that are on with probability p, from a single draw."""
    values = rand(self, *shape)
    return t.where(values < p, values / p, 0.0)


def parts(self, batch_size):
    cfg = self.cfg
    n_rest = cfg.n_features - 2 * cfg.n_correlated_pairs - 2 * cfg.n_anticorrelated_pairs
    return [
        make(self, batch_size, n)
        for make, n in (
            (correlated, cfg.n_correlated_pairs),
            (anticorrelated, cfg.n_anticorrelated_pairs),
            (uncorrelated, n_rest),
        )
        if n
    ]
