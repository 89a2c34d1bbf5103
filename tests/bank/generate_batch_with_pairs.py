"""Answers to `generate_batch` with pairs."""

import einops
import torch as t
from part31_superposition_and_saes.solutions import ToyModel

from . import right, wrong
from ._draws import anticorrelated, correlated, equal_probability, parts, rand, twice, uncorrelated

PAIRS = "generate_batch_with_pairs"


@wrong(PAIRS, "pairs-independent")
class PairsIgnored(ToyModel):
    def generate_batch(self, batch_size):
        return uncorrelated(self, batch_size, self.cfg.n_features)


@wrong(PAIRS, "pair-order")
class RestFirst(ToyModel):
    def generate_batch(self, batch_size):
        return t.cat(parts(self, batch_size)[::-1], dim=-1)


@wrong(PAIRS, "pair-order")
class AnticorrelatedFirst(ToyModel):
    def generate_batch(self, batch_size):
        found = parts(self, batch_size)
        if self.cfg.n_correlated_pairs and self.cfg.n_anticorrelated_pairs:
            found[:2] = found[1::-1]
        return t.cat(found, dim=-1)


@wrong(PAIRS, "raised")
class CatAlongInstances(ToyModel):
    def generate_batch(self, batch_size):
        return t.cat(parts(self, batch_size), dim=1)


@wrong(PAIRS, "type")
class Parts(ToyModel):
    def generate_batch(self, batch_size):
        return parts(self, batch_size)


@wrong(PAIRS, "shape")
class RestForgotten(ToyModel):
    def generate_batch(self, batch_size):
        found = parts(self, batch_size)
        pairs = bool(self.cfg.n_correlated_pairs) + bool(self.cfg.n_anticorrelated_pairs)
        return t.cat(found[:pairs] or found, dim=-1)


@wrong(PAIRS, "shape")
class PairsCountedOnce(ToyModel):
    def generate_batch(self, batch_size):
        rest = self.cfg.n_features - self.cfg.n_correlated_pairs - self.cfg.n_anticorrelated_pairs
        pairs = bool(self.cfg.n_correlated_pairs) + bool(self.cfg.n_anticorrelated_pairs)
        return t.cat([*parts(self, batch_size)[:pairs], uncorrelated(self, batch_size, rest)], dim=-1)


@wrong(PAIRS, "shape")
class AnticorrelatedForgotten(ToyModel):
    def generate_batch(self, batch_size):
        found = parts(self, batch_size)
        if self.cfg.n_anticorrelated_pairs:
            del found[bool(self.cfg.n_correlated_pairs)]
        return t.cat(found, dim=-1) if found else t.zeros(batch_size, self.cfg.n_inst, 0)


@wrong(PAIRS, "pairs-together")
class OnlyCorrelated(ToyModel):
    def generate_batch(self, batch_size):
        n = self.cfg.n_correlated_pairs + self.cfg.n_anticorrelated_pairs
        rest = uncorrelated(self, batch_size, self.cfg.n_features - 2 * n)
        return t.cat([correlated(self, batch_size, n), rest], dim=-1) if n else rest


@wrong(PAIRS, "pairs-apart")
class OnlyAnticorrelated(ToyModel):
    def generate_batch(self, batch_size):
        n = self.cfg.n_correlated_pairs + self.cfg.n_anticorrelated_pairs
        rest = uncorrelated(self, batch_size, self.cfg.n_features - 2 * n)
        return t.cat([anticorrelated(self, batch_size, n), rest], dim=-1) if n else rest


@wrong(PAIRS, "raised")
class EqualEvenWithoutPairs(ToyModel):
    def generate_batch(self, batch_size):
        equal_probability(self)
        return t.cat(parts(self, batch_size), dim=-1)


@wrong(PAIRS, "mask-shared-features")
class PairsShareTheirDraw(ToyModel):
    def generate_batch(self, batch_size):
        cfg = self.cfg
        if not (cfg.n_correlated_pairs and cfg.n_anticorrelated_pairs):
            return t.cat(parts(self, batch_size), dim=-1)
        draw, p = rand(self, batch_size, cfg.n_inst, 1), equal_probability(self)
        anti = t.stack([draw < p, (draw >= p) & (draw < 2 * p)], dim=-1).flatten(-2)
        is_on = t.cat([twice(draw < p)] * cfg.n_correlated_pairs + [anti] * cfg.n_anticorrelated_pairs, dim=-1)
        rest = uncorrelated(self, batch_size, cfg.n_features - is_on.shape[-1])
        return t.cat([is_on * rand(self, batch_size, *is_on.shape[1:]), rest], dim=-1)


@wrong(PAIRS, "pairs-in-halves")
class HalvesInBatch(ToyModel):
    def generate_batch(self, batch_size):
        found = parts(self, batch_size)
        if self.cfg.n_correlated_pairs:
            found[0] = einops.rearrange(found[0], "b i (pairs two) -> b i (two pairs)", two=2)
        return t.cat(found, dim=-1)


@right(PAIRS)
class Joined(ToyModel):
    def generate_batch(self, batch_size):
        return t.cat(parts(self, batch_size), dim=-1)


@right(PAIRS)
class EmptyPartsToo(ToyModel):
    def generate_batch(self, batch_size):
        cfg = self.cfg
        if not cfg.n_correlated_pairs and not cfg.n_anticorrelated_pairs:
            return uncorrelated(self, batch_size, cfg.n_features)
        pairs = [
            correlated(self, batch_size, cfg.n_correlated_pairs),
            anticorrelated(self, batch_size, cfg.n_anticorrelated_pairs),
        ]
        n_rest = cfg.n_features - sum(part.shape[-1] for part in pairs)
        return t.cat([*pairs, uncorrelated(self, batch_size, n_rest)], dim=-1)


@right(PAIRS)
class FilledIn(ToyModel):
    def generate_batch(self, batch_size):
        batch = uncorrelated(self, batch_size, self.cfg.n_features)
        a, b = 2 * self.cfg.n_correlated_pairs, 2 * self.cfg.n_anticorrelated_pairs
        if a:
            batch[..., :a] = correlated(self, batch_size, a // 2)
        if b:
            batch[..., a : a + b] = anticorrelated(self, batch_size, b // 2)
        return batch


@right(PAIRS)
class OneMask(ToyModel):
    def generate_batch(self, batch_size):
        cfg, p = self.cfg, self.feature_probability
        draw = rand(self, batch_size, cfg.n_inst, cfg.n_features)
        is_on = draw < p
        for pair in range(cfg.n_correlated_pairs + cfg.n_anticorrelated_pairs):
            a, b = 2 * pair, 2 * pair + 1
            if pair < cfg.n_correlated_pairs:
                is_on[..., b] = is_on[..., a]
            else:
                is_on[..., b] = draw[..., a] >= 1 - p[:, a]
        return is_on * rand(self, *draw.shape)
