"""Answers to `computation_generate_batch`."""

import torch as t
from part31_superposition_and_saes.solutions import NeuronComputationModel, ToyModel

from . import right, wrong

DATA = "computation_generate_batch"


def rand(model, *shape):
    return t.rand(shape, device=model.W1.device)


def sizes(model, batch_size):
    return batch_size, model.cfg.n_inst, model.cfg.n_features


def draw(model, batch_size, p=None, value=None):
    """A right batch, with probability or value replaced."""
    is_on = rand(model, *sizes(model, batch_size)) < (model.feature_probability if p is None else p)
    value = 2 * rand(model, *sizes(model, batch_size)) - 1 if value is None else value
    return t.where(is_on, value, 0.0)


@wrong(DATA, "never-negative")
class Unsigned(NeuronComputationModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, value=rand(self, *sizes(self, batch_size)))


@wrong(DATA, "never-positive")
class Negative(NeuronComputationModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, value=rand(self, *sizes(self, batch_size)) - 1)


@wrong(DATA, "range")
class HalfRange(NeuronComputationModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, value=rand(self, *sizes(self, batch_size)) - 0.5)


@wrong(DATA, "range")
class DoubleRange(NeuronComputationModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, value=4 * rand(self, *sizes(self, batch_size)) - 2)


@wrong(DATA, "normal")
class Normal(NeuronComputationModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, value=t.randn(sizes(self, batch_size), device=self.W1.device))


@wrong(DATA, "size-constant")
class Signs(NeuronComputationModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size).sign()


@wrong(DATA, "signs-unequal")
class MostlyPositive(NeuronComputationModel):
    def generate_batch(self, batch_size):
        values = rand(self, *sizes(self, batch_size))
        negative = rand(self, *sizes(self, batch_size)) < self.feature_probability / 2
        return draw(self, batch_size, value=t.where(negative, -values, values))


@wrong(DATA, "sign-shared-row")
class OneSignARow(NeuronComputationModel):
    def generate_batch(self, batch_size):
        sign = t.where(rand(self, batch_size, 1, 1) < 0.5, -1.0, 1.0)
        return draw(self, batch_size).abs() * sign


@wrong(DATA, "sign-shared-features")
class OneSignAnInstance(NeuronComputationModel):
    def generate_batch(self, batch_size):
        sign = t.where(rand(self, batch_size, self.cfg.n_inst, 1) < 0.5, -1.0, 1.0)
        return draw(self, batch_size).abs() * sign


@wrong(DATA, "sign-shared-instances")
class OneSignAFeature(NeuronComputationModel):
    def generate_batch(self, batch_size):
        sign = t.where(rand(self, batch_size, 1, self.cfg.n_features) < 0.5, -1.0, 1.0)
        return draw(self, batch_size).abs() * sign


@wrong(DATA, "value-from-mask")
class OneDraw(NeuronComputationModel):
    def generate_batch(self, batch_size):
        seeds = rand(self, *sizes(self, batch_size))
        return t.where(seeds < self.feature_probability, 2 * seeds - 1, 0.0)


@wrong(DATA, "value-from-mask")
class OneDrawSigned(NeuronComputationModel):
    def generate_batch(self, batch_size):
        seeds = rand(self, *sizes(self, batch_size))
        sign = t.where(rand(self, *sizes(self, batch_size)) < 0.5, -1.0, 1.0)
        return t.where(seeds < self.feature_probability, seeds * sign, 0.0)


@wrong(DATA, "values-not-uniform")
class Squared(NeuronComputationModel):
    def generate_batch(self, batch_size):
        values = draw(self, batch_size)
        return values * values.abs()


@wrong(DATA, "never-negative")
class AbsoluteValues(NeuronComputationModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size).abs()


@wrong(DATA, "probability-inverted")
class Inverted(NeuronComputationModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, 1 - self.feature_probability)


@wrong(DATA, "first-instance-probability")
class FirstInstanceData(NeuronComputationModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size, self.feature_probability[0])


@wrong(DATA, "always-on")
class AlwaysOn(NeuronComputationModel):
    def generate_batch(self, batch_size):
        return 2 * rand(self, *sizes(self, batch_size)) - 1


@wrong(DATA, "probability")
class MaskedOnceMore(NeuronComputationModel):
    def generate_batch(self, batch_size):
        values = draw(self, batch_size)
        return t.where(rand(self, *values.shape) < 0.9, values, 0.0)


@wrong(DATA, "mask-shared-features")
class OneMask(NeuronComputationModel):
    def generate_batch(self, batch_size):
        is_on = rand(self, batch_size, self.cfg.n_inst, 1) < self.feature_probability
        return is_on * (2 * rand(self, *sizes(self, batch_size)) - 1)


@wrong(DATA, "magnitude-shared-features")
class OneValue(NeuronComputationModel):
    def generate_batch(self, batch_size):
        sign = t.where(rand(self, *sizes(self, batch_size)) < 0.5, -1.0, 1.0)
        return draw(self, batch_size, value=sign * rand(self, batch_size, self.cfg.n_inst, 1))


@wrong(DATA, "same-batch-twice")
class SeedInside(NeuronComputationModel):
    def generate_batch(self, batch_size):
        t.manual_seed(0)
        return draw(self, batch_size)


@wrong(DATA, "raised")
class OldDevice(NeuronComputationModel):
    def generate_batch(self, batch_size):
        return ToyModel.generate_batch(self, batch_size) * 2 - 1


@wrong(DATA, "fixed-size")
class SectionOneSizes(NeuronComputationModel):
    def generate_batch(self, batch_size):
        return (2 * rand(self, batch_size, 8, 5) - 1) * (rand(self, batch_size, 8, 5) < self.feature_probability)


@right(DATA)
class SignDrawn(NeuronComputationModel):
    def generate_batch(self, batch_size):
        size = rand(self, *sizes(self, batch_size))
        sign = 2.0 * t.randint(0, 2, size.shape, device=size.device) - 1
        return t.where(rand(self, *size.shape) < self.feature_probability, sign * size, 0.0)


@right(DATA)
class Bernoulli(NeuronComputationModel):
    def generate_batch(self, batch_size):
        is_on = t.bernoulli(self.feature_probability.expand(sizes(self, batch_size)))
        return is_on * t.empty_like(is_on).uniform_(-1, 1)


@right(DATA)
class OneDrawCentred(NeuronComputationModel):
    def generate_batch(self, batch_size):
        values = 2 * rand(self, *sizes(self, batch_size)) - 1
        p = self.feature_probability
        return t.where(values.abs() < p, values / p.clamp(min=1e-9), 0.0)


@right(DATA)
class Masked(NeuronComputationModel):
    def generate_batch(self, batch_size):
        batch = t.rand(sizes(self, batch_size), device=self.b_final.device) * 2 - 1
        batch[t.rand_like(batch) > self.feature_probability] = 0
        return batch


@right(DATA)
class DifferenceOfSides(NeuronComputationModel):
    def generate_batch(self, batch_size):
        sides = rand(self, 2, *sizes(self, batch_size))
        positive = sides[1] < 0.5
        value = t.where(positive, sides[0], -sides[0])
        return value * (rand(self, *value.shape) < self.feature_probability)
