"""Answers to `double_descent_generate_batch`."""

import einops
import torch as t
from part31_superposition_and_saes.solutions import DoubleDescentModel, ToyModel
from torch.nn import functional as F

from . import right, wrong

EXERCISE = "double_descent_generate_batch"


def drawn(model, rows):
    return ToyModel.generate_batch(model, rows)


def unit(batch):
    return F.normalize(batch, dim=-1)


@wrong(EXERCISE, "zero-row")
class PlainQuotient(DoubleDescentModel):
    def generate_batch(self, batch_size):
        batch = drawn(self, batch_size)
        return batch / batch.norm(dim=-1, keepdim=True)


@wrong(EXERCISE, "not-normalized")
class NotNormalized(DoubleDescentModel):
    def generate_batch(self, batch_size):
        return drawn(self, batch_size)


@wrong(EXERCISE, "absolute-sum")
class SumsToOne(DoubleDescentModel):
    def generate_batch(self, batch_size):
        return F.normalize(drawn(self, batch_size), p=1, dim=-1)


@wrong(EXERCISE, "largest-entry")
class LargestIsOne(DoubleDescentModel):
    def generate_batch(self, batch_size):
        batch = drawn(self, batch_size)
        return batch / batch.amax(-1, keepdim=True).clamp_min(1e-9)


@wrong(EXERCISE, "instances-together")
class OverInstancesToo(DoubleDescentModel):
    def generate_batch(self, batch_size):
        batch = drawn(self, batch_size)
        return batch / batch.norm(dim=(1, 2), keepdim=True).clamp_min(1e-9)


@wrong(EXERCISE, "batch-axis")
class OverBatch(DoubleDescentModel):
    def generate_batch(self, batch_size):
        return F.normalize(drawn(self, batch_size), dim=0)


@wrong(EXERCISE, "batch-and-features")
class OverBatchAndFeatures(DoubleDescentModel):
    def generate_batch(self, batch_size):
        batch = drawn(self, batch_size)
        return batch / batch.norm(dim=(0, 2), keepdim=True)


@wrong(EXERCISE, "whole-batch")
class Whole(DoubleDescentModel):
    def generate_batch(self, batch_size):
        batch = drawn(self, batch_size)
        return batch / batch.norm()


@wrong(EXERCISE, "mean-for-sum")
class RootMeanSquare(DoubleDescentModel):
    def generate_batch(self, batch_size):
        batch = drawn(self, batch_size)
        return batch / batch.pow(2).mean(-1, keepdim=True).sqrt().clamp_min(1e-9)


@wrong(EXERCISE, "squared-norm")
class SquaredNorm(DoubleDescentModel):
    def generate_batch(self, batch_size):
        batch = drawn(self, batch_size)
        return batch / batch.pow(2).sum(-1, keepdim=True).clamp_min(1e-12)


@wrong(EXERCISE, "epsilon")
class LargeEpsilon(DoubleDescentModel):
    def generate_batch(self, batch_size):
        batch = drawn(self, batch_size)
        return batch / (batch.norm(dim=-1, keepdim=True) + 0.01)


@wrong(EXERCISE, "length")
class OverInstances(DoubleDescentModel):
    def generate_batch(self, batch_size):
        return F.normalize(drawn(self, batch_size), dim=1)


@wrong(EXERCISE, "length")
class ThriceAsLong(DoubleDescentModel):
    def generate_batch(self, batch_size):
        return 3 * unit(drawn(self, batch_size))


@wrong(EXERCISE, "zero-row-filled")
class FillsEmptyRows(DoubleDescentModel):
    def generate_batch(self, batch_size):
        batch = drawn(self, batch_size)
        empty = batch.sum(-1, keepdim=True) == 0
        return unit(t.where(empty, 1.0, batch))


@wrong(EXERCISE, "zero-row-filled")
class DrawsUntilFilled(DoubleDescentModel):
    def generate_batch(self, batch_size):
        batch = drawn(self, batch_size)
        while (empty := batch.sum(-1, keepdim=True) == 0).any():
            batch = t.where(empty, drawn(self, batch_size), batch)
        return unit(batch)


@wrong(EXERCISE, "always-on")
class Dense(DoubleDescentModel):
    def generate_batch(self, batch_size):
        return unit(t.rand(batch_size, self.cfg.n_inst, self.cfg.n_features, device=self.W.device))


@wrong(EXERCISE, "probability-inverted")
class Inverted(DoubleDescentModel):
    def generate_batch(self, batch_size):
        shape = (batch_size, self.cfg.n_inst, self.cfg.n_features)
        on = t.rand(shape, device=self.W.device) > self.feature_probability
        return unit(on * t.rand(shape, device=self.W.device))


@wrong(EXERCISE, "magnitude-constant")
class AllAlike(DoubleDescentModel):
    def generate_batch(self, batch_size):
        return unit((drawn(self, batch_size) > 0).float())


@wrong(EXERCISE, "magnitude")
class HalfNormal(DoubleDescentModel):
    def generate_batch(self, batch_size):
        batch = drawn(self, batch_size)
        return unit((batch > 0) * t.randn_like(batch).abs())


@wrong(EXERCISE, "magnitude-signed")
class Signed(DoubleDescentModel):
    def generate_batch(self, batch_size):
        batch = drawn(self, batch_size)
        return unit(t.where(t.rand_like(batch) < 0.5, batch, -batch))


@wrong(EXERCISE, "same-batch-twice")
class Seeded(DoubleDescentModel):
    def generate_batch(self, batch_size):
        t.manual_seed(0)
        return unit(drawn(self, batch_size))


@wrong(EXERCISE, "missing-axis")
class OneInstance(DoubleDescentModel):
    def generate_batch(self, batch_size):
        return unit(drawn(self, batch_size)[:, 0])


@right(EXERCISE)
class Normalized(DoubleDescentModel):
    def generate_batch(self, batch_size):
        return F.normalize(super().generate_batch(batch_size), dim=-1)


@right(EXERCISE)
class AddsLittle(DoubleDescentModel):
    def generate_batch(self, batch_size):
        batch = drawn(self, batch_size)
        return batch / (batch.norm(dim=-1, keepdim=True) + 1e-8)


@right(EXERCISE)
class NanToNum(DoubleDescentModel):
    def generate_batch(self, batch_size):
        batch = drawn(self, batch_size)
        length = einops.reduce(batch**2, "batch inst feats -> batch inst 1", "sum").sqrt()
        return (batch / length).nan_to_num(0.0)


@right(EXERCISE)
class OwnDraw(DoubleDescentModel):
    def generate_batch(self, batch_size):
        shape = (batch_size, *self.feature_probability.shape)
        batch = t.rand(shape, device=self.W.device) * t.bernoulli(self.feature_probability.expand(shape))
        return batch / batch.norm(dim=-1, keepdim=True).clamp(min=1e-6)
