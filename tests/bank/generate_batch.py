"""Answers to `generate_batch`."""

import random

import numpy as np
import torch as t
from part31_superposition_and_saes.solutions import ToyModel

from . import right, wrong


def sizes(model, batch_size):
    return batch_size, model.cfg.n_inst, model.cfg.n_features


def draw(model, batch_size, p=None, magnitude=None):
    """A right batch, with probability or magnitude replaced."""
    p = model.feature_probability if p is None else p
    is_on = t.rand(sizes(model, batch_size), device=model.W.device) < p
    magnitude = t.rand(sizes(model, batch_size), device=model.W.device) if magnitude is None else magnitude
    return t.where(is_on, magnitude, 0.0)


def uniform(model, *shape):
    return t.rand(shape, device=model.W.device)


@wrong("generate_batch", "probability-inverted")
class Inverted(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, 1 - self.feature_probability)


@wrong("generate_batch", "first-feature-probability")
class FirstFeature(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, self.feature_probability[:, :1])


@wrong("generate_batch", "first-instance-probability")
class FirstInstance(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, self.feature_probability[0])


@wrong("generate_batch", "first-probability")
class FirstProbability(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, self.feature_probability[0, 0].item())


@wrong("generate_batch", "mean-probability")
class MeanProbability(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, self.feature_probability.mean())


@wrong("generate_batch", "probability-squared")
class MaskedTwice(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size) * (draw(self, batch_size) > 0)


@wrong("generate_batch", "probability-unused")
class DefaultProbability(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, 0.01)


@wrong("generate_batch", "probability-unused")
class CoinFlip(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, 0.5)


@wrong("generate_batch", "probability")
class TenPercentLess(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, 0.9 * self.feature_probability)


@wrong("generate_batch", "probability")
class TenPercentMore(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, (1.1 * self.feature_probability).clamp(max=1))


@wrong("generate_batch", "probability")
class OneFeatureTooSeldom(ToyModel):
    def generate_batch(self, batch_size):
        p = self.feature_probability.clone()
        p[p == p[p < 1].max()] *= 0.9
        return draw(self, batch_size, p)


@wrong("generate_batch", "always-on")
class MagnitudeTimesProbability(ToyModel):
    def generate_batch(self, batch_size):
        return uniform(self, *sizes(self, batch_size)) * self.feature_probability.clamp(min=0.1)


@wrong("generate_batch", "never-on")
class AllZero(ToyModel):
    def generate_batch(self, batch_size):
        return t.zeros(sizes(self, batch_size), device=self.W.device)


@wrong("generate_batch", "magnitude-constant")
class Ones(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, magnitude=t.ones(1, device=self.W.device))


@wrong("generate_batch", "magnitude-normal")
class Normal(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, magnitude=t.randn(sizes(self, batch_size), device=self.W.device))


@wrong("generate_batch", "magnitude-normal")
class HalfNormal(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, magnitude=t.randn(sizes(self, batch_size), device=self.W.device).abs())


@wrong("generate_batch", "magnitude-signed")
class Signed(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, magnitude=2 * uniform(self, *sizes(self, batch_size)) - 1)


@wrong("generate_batch", "magnitude-range")
class UpToNineTenths(ToyModel):
    def generate_batch(self, batch_size):
        return 0.9 * draw(self, batch_size)


@wrong("generate_batch", "magnitude-range")
class UpToTwo(ToyModel):
    def generate_batch(self, batch_size):
        return 2 * draw(self, batch_size)


@wrong("generate_batch", "magnitude")
class Squared(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size) ** 2


@wrong("generate_batch", "magnitude-below-probability")
class OneDraw(ToyModel):
    def generate_batch(self, batch_size):
        values = uniform(self, *sizes(self, batch_size))
        return t.where(values < self.feature_probability, values, 0.0)


@wrong("generate_batch", "magnitude-above-probability")
class OneDrawFromAbove(ToyModel):
    def generate_batch(self, batch_size):
        values = uniform(self, *sizes(self, batch_size))
        return t.where(values > 1 - self.feature_probability, values, 0.0)


@wrong("generate_batch", "mask-shared-instances")
class MaskSharedByInstances(ToyModel):
    def generate_batch(self, batch_size):
        is_on = uniform(self, batch_size, 1, self.cfg.n_features) < self.feature_probability
        return is_on * uniform(self, *sizes(self, batch_size))


@wrong("generate_batch", "mask-shared-features")
class MaskSharedByFeatures(ToyModel):
    def generate_batch(self, batch_size):
        is_on = uniform(self, batch_size, self.cfg.n_inst, 1) < self.feature_probability
        return is_on * uniform(self, *sizes(self, batch_size))


@wrong("generate_batch", "mask-shared-instances-and-features")
class MaskSharedByAll(ToyModel):
    def generate_batch(self, batch_size):
        is_on = uniform(self, batch_size, 1, 1) < self.feature_probability
        return is_on * uniform(self, *sizes(self, batch_size))


@wrong("generate_batch", "mask-shared-rows")
class MaskSharedByRows(ToyModel):
    def generate_batch(self, batch_size):
        is_on = t.rand_like(self.feature_probability) < self.feature_probability
        return is_on * uniform(self, *sizes(self, batch_size))


@wrong("generate_batch", "magnitude-shared-instances")
class MagnitudeSharedByInstances(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, magnitude=uniform(self, batch_size, 1, self.cfg.n_features))


@wrong("generate_batch", "magnitude-shared-features")
class MagnitudeSharedByFeatures(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, magnitude=uniform(self, batch_size, self.cfg.n_inst, 1))


@wrong("generate_batch", "magnitude-shared-rows")
class MagnitudeSharedByRows(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, magnitude=uniform(self, self.cfg.n_inst, self.cfg.n_features))


@wrong("generate_batch", "rows-repeated")
class OneRowRepeated(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, 1).repeat(batch_size, 1, 1)


@wrong("generate_batch", "rows-repeated")
class HalfRepeated(ToyModel):
    def generate_batch(self, batch_size):
        half = draw(self, (batch_size + 1) // 2)
        return t.cat([half, half])[:batch_size]


@wrong("generate_batch", "same-batch-twice")
class SeedInside(ToyModel):
    def generate_batch(self, batch_size):
        t.manual_seed(0)
        return draw(self, batch_size)


@wrong("generate_batch", "same-batch-twice")
class Kept(ToyModel):
    def generate_batch(self, batch_size):
        if getattr(self, "kept", None) is None or len(self.kept) != batch_size:
            self.kept = draw(self, batch_size)
        return self.kept.clone()


@wrong("generate_batch", "transposed")
class InstancesFirst(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size).transpose(0, 1)


@wrong("generate_batch", "missing-axis")
class WithoutInstances(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size)[:, 0]


@wrong("generate_batch", "shape")
class DefaultBatchSize(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, 1024)


@wrong("generate_batch", "fixed-size")
class NotebookSizes(ToyModel):
    def generate_batch(self, batch_size):
        is_on = uniform(self, batch_size, 8, 5) < self.feature_probability
        return is_on * uniform(self, batch_size, 8, 5)


@wrong("generate_batch", "dtype")
class MaskReturned(ToyModel):
    def generate_batch(self, batch_size):
        return uniform(self, *sizes(self, batch_size)) < self.feature_probability


@wrong("generate_batch", "requires-grad")
class RequiresGrad(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size).requires_grad_()


@wrong("generate_batch", "type")
class NumpyDraws(ToyModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size).cpu().numpy()


@right("generate_batch")
class MagnitudeFirst(ToyModel):
    def generate_batch(self, batch_size):
        magnitude = uniform(self, *sizes(self, batch_size))
        magnitude[uniform(self, *sizes(self, batch_size)) >= self.feature_probability] = 0
        return magnitude


@right("generate_batch")
class Bernoulli(ToyModel):
    def generate_batch(self, batch_size):
        is_on = t.bernoulli(self.feature_probability.expand(sizes(self, batch_size)))
        return is_on * t.rand_like(is_on)


@right("generate_batch")
class OneDrawDivided(ToyModel):
    def generate_batch(self, batch_size):
        values = uniform(self, *sizes(self, batch_size))
        return t.where(values < self.feature_probability, values / self.feature_probability, 0.0)


@right("generate_batch")
class LoopOverFeatures(ToyModel):
    def generate_batch(self, batch_size):
        batch = t.zeros(sizes(self, batch_size), device=self.W.device)
        for i in range(self.cfg.n_inst):
            for f in range(self.cfg.n_features):
                rows = uniform(self, batch_size) < self.feature_probability[i, f]
                batch[rows, i, f] = uniform(self, int(rows.sum()))
        return batch


@right("generate_batch")
class LoopOverRows(ToyModel):
    def generate_batch(self, batch_size):
        return t.cat([draw(self, 1) for _ in range(batch_size)])


@right("generate_batch")
class NumpyAndPython(ToyModel):
    def generate_batch(self, batch_size):
        is_on = np.random.rand(*sizes(self, batch_size)) < self.feature_probability.cpu().numpy()
        magnitude = [random.random() for _ in range(is_on.size)]
        batch = np.where(is_on, np.array(magnitude).reshape(is_on.shape), 0)
        return t.tensor(batch, dtype=t.float32, device=self.W.device)


@right("generate_batch")
class OffMask(ToyModel):
    def generate_batch(self, batch_size):
        is_off = uniform(self, *sizes(self, batch_size)) > self.feature_probability
        return (1 - uniform(self, *sizes(self, batch_size))).masked_fill(is_off, 0)
