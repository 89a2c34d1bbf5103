"""Answers to `neuron_forward`, and to the three exercises of `NeuronComputationModel`."""

import einops
import torch as t
from part31_superposition_and_saes.solutions import NeuronComputationModel, NeuronModel, ToyModel
from torch import nn
from torch.nn import functional as F

from . import right, wrong

DOWN = "... inst feats, inst d_hidden feats -> ... inst d_hidden"
UP = "... inst d_hidden, inst d_hidden feats -> ... inst feats"
WRITE = "... inst d_hidden, inst feats d_hidden -> ... inst feats"


def hidden(model, features):
    return F.relu(einops.einsum(features, model.W, DOWN))


# ---- neuron_forward


@wrong("neuron_forward", "no-hidden-relu")
class SectionOne(NeuronModel):
    def forward(self, features):
        return ToyModel.forward(self, features)


@wrong("neuron_forward", "no-output-relu")
class OnlyHidden(NeuronModel):
    def forward(self, features):
        return einops.einsum(hidden(self, features), self.W, UP) + self.b_final


@wrong("neuron_forward", "no-relu")
class Linear(NeuronModel):
    def forward(self, features):
        return einops.einsum(einops.einsum(features, self.W, DOWN), self.W, UP) + self.b_final


@wrong("neuron_forward", "no-bias")
class NoBias(NeuronModel):
    def forward(self, features):
        return F.relu(einops.einsum(hidden(self, features), self.W, UP))


@wrong("neuron_forward", "bias-after-relu")
class BiasAfter(NeuronModel):
    def forward(self, features):
        return F.relu(einops.einsum(hidden(self, features), self.W, UP)) + self.b_final


@wrong("neuron_forward", "bias-subtracted")
class BiasSubtracted(NeuronModel):
    def forward(self, features):
        return F.relu(einops.einsum(hidden(self, features), self.W, UP) - self.b_final)


@wrong("neuron_forward", "abs-in-hidden")
class AbsoluteNeurons(NeuronModel):
    def forward(self, features):
        neurons = einops.einsum(features, self.W, DOWN).abs()
        return F.relu(einops.einsum(neurons, self.W, UP) + self.b_final)


@wrong("neuron_forward", "gelu")
class Gelu(NeuronModel):
    def forward(self, features):
        neurons = F.gelu(einops.einsum(features, self.W, DOWN))
        return F.gelu(einops.einsum(neurons, self.W, UP) + self.b_final)


@wrong("neuron_forward", "leaky-relu")
class Leaky(NeuronModel):
    def forward(self, features):
        neurons = F.leaky_relu(einops.einsum(features, self.W, DOWN))
        return F.relu(einops.einsum(neurons, self.W, UP) + self.b_final)


@wrong("neuron_forward", "first-instance-weights")
class FirstInstance(NeuronModel):
    def forward(self, features):
        return F.relu(F.relu(features @ self.W[0].T) @ self.W[0] + self.b_final)


@wrong("neuron_forward", "first-instance-bias")
class FirstBias(NeuronModel):
    def forward(self, features):
        return F.relu(einops.einsum(hidden(self, features), self.W, UP) + self.b_final[0])


@wrong("neuron_forward", "instances-mixed")
class Mixed(NeuronModel):
    def forward(self, features):
        neurons = F.relu(einops.einsum(features, self.W, "... inst feats, inst d_hidden feats -> ... d_hidden"))
        out = einops.einsum(neurons, self.W, "... d_hidden, inst d_hidden feats -> ... inst feats")
        return F.relu(out + self.b_final)


@wrong("neuron_forward", "hidden-returned")
class Neurons(NeuronModel):
    def forward(self, features):
        return hidden(self, features)


@wrong("neuron_forward", "columns-normalized")
class UnitColumns(NeuronModel):
    def forward(self, features):
        W = self.W / self.W.norm(dim=1, keepdim=True)
        return F.relu(einops.einsum(F.relu(einops.einsum(features, W, DOWN)), W, UP) + self.b_final)


@wrong("neuron_forward", "leading-axes")
class OneBatchAxis(NeuronModel):
    def forward(self, features):
        neurons = F.relu(einops.einsum(features, self.W, DOWN.replace("...", "batch")))
        return F.relu(einops.einsum(neurons, self.W, UP.replace("...", "batch")) + self.b_final)


@wrong("neuron_forward", "encoder-detached")
class EncoderDetached(NeuronModel):
    def forward(self, features):
        neurons = F.relu(einops.einsum(features, self.W.detach(), DOWN))
        return F.relu(einops.einsum(neurons, self.W, UP) + self.b_final)


@wrong("neuron_forward", "decoder-detached")
class DecoderDetached(NeuronModel):
    def forward(self, features):
        return F.relu(einops.einsum(hidden(self, features), self.W.data, UP) + self.b_final)


@wrong("neuron_forward", "one-instance")
class Squeezed(NeuronModel):
    def forward(self, features):
        return super().forward(features).squeeze(-2)


@wrong("neuron_forward", "input-changed")
class InPlace(NeuronModel):
    def forward(self, features):
        out = super().forward(features)
        features.data.mul_(2)
        return out


@right("neuron_forward")
class Matmul(NeuronModel):
    def forward(self, features):
        column = features.unsqueeze(-1)
        neurons = (self.W @ column).relu()
        return ((self.W.mT @ neurons).squeeze(-1) + self.b_final).relu()


@right("neuron_forward")
class Loop(NeuronModel):
    def forward(self, features):
        outs = []
        for i in range(self.cfg.n_inst):
            neurons = t.relu(features[..., i, :] @ self.W[i].T)
            outs.append(t.relu(neurons @ self.W[i] + self.b_final[i]))
        return t.stack(outs, dim=-2)


@right("neuron_forward")
class Masks(NeuronModel):
    def forward(self, features):
        raw = t.einsum("...if,idf->...id", features, self.W)
        out = t.einsum("...id,idf->...if", raw * (raw > 0), self.W) + self.b_final
        return out * (out > 0)


@right("neuron_forward")
class Layers(NeuronModel):
    def forward(self, features):
        relu = nn.ReLU()
        neurons = relu((features.unsqueeze(-2) * self.W).sum(-1))
        return relu((neurons.unsqueeze(-1) * self.W).sum(-2) + self.b_final)


# ---- computation_generate_batch

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


# ---- computation_calculate_loss

LOSS = "computation_calculate_loss"


def loss(model, error):
    return (model.importance * error**2).mean((0, 2)).sum()


@wrong(LOSS, "target-not-absolute")
class Inherited(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return ToyModel.calculate_loss(self, out, batch)


@wrong(LOSS, "target-not-absolute")
class AbsoluteError(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return loss(self, (out - batch).abs())


@wrong(LOSS, "target-not-absolute")
class AbsoluteOutput(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return loss(self, out.abs() - batch)


@wrong(LOSS, "target-relu")
class Rectified(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return loss(self, out - F.relu(batch))


@wrong(LOSS, "target-squared")
class SquaredTarget(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return loss(self, out - batch**2)


@wrong(LOSS, "target-negated")
class NegatedTarget(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return loss(self, out + batch)


@wrong(LOSS, "mean-over-instances")
class MeanOverAll(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return (self.importance * (out - batch.abs()) ** 2).mean()


@wrong(LOSS, "sum-over-everything")
class SumOverAll(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return (self.importance * (out - batch.abs()) ** 2).sum()


@wrong(LOSS, "sum-over-features")
class SumOverFeatures(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return (self.importance * (out - batch.abs()) ** 2).mean(0).sum()


@wrong(LOSS, "no-importance")
class NoImportance(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return ((out - batch.abs()) ** 2).mean((0, 2)).sum()


@wrong(LOSS, "importance-squared")
class ImportanceSquared(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return loss(self, self.importance.sqrt() * (out - batch.abs()))


@wrong(LOSS, "absolute-error")
class L1(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return (self.importance * (out - batch.abs()).abs()).mean((0, 2)).sum()


@wrong(LOSS, "halved")
class Halved(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return 0.5 * loss(self, out - batch.abs())


@wrong(LOSS, "not-summed")
class NotSummed(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return (self.importance * (out - batch.abs()) ** 2).mean((0, 2))


@wrong(LOSS, "input-changed")
class BatchMadeAbsolute(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return loss(self, out - batch.abs_())


@wrong(LOSS, "detached")
class DetachedOut(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return super().calculate_loss(out.detach(), batch)


@right(LOSS)
class Written(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return einops.reduce(self.importance * (out - batch.abs()) ** 2, "b inst f -> inst", "mean").sum()


@right(LOSS)
class ByClass(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return ToyModel.calculate_loss(self, out, t.abs(batch))


@right(LOSS)
class BySides(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        target = F.relu(batch) + F.relu(-batch)
        return sum((self.importance[i] * (out[:, i] - target[:, i]) ** 2).mean() for i in range(out.shape[1]))


@right(LOSS)
class BySign(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        error = out - batch * batch.sign()
        return t.einsum("if,bif,bif->", self.importance, error, error) / (out.shape[0] * out.shape[2])


# ---- computation_forward

FORWARD = "computation_forward"


def read(model, features, W=None):
    return einops.einsum(features, model.W1 if W is None else W, DOWN)


def write(model, neurons, W=None):
    return einops.einsum(neurons, model.W2 if W is None else W, WRITE)


@wrong(FORWARD, "no-hidden-relu")
class NoHidden(NeuronComputationModel):
    def forward(self, features):
        return F.relu(write(self, read(self, features)) + self.b_final)


@wrong(FORWARD, "no-output-relu")
class NoOutput(NeuronComputationModel):
    def forward(self, features):
        return write(self, F.relu(read(self, features))) + self.b_final


@wrong(FORWARD, "no-bias")
class WithoutBias(NeuronComputationModel):
    def forward(self, features):
        return F.relu(write(self, F.relu(read(self, features))))


@wrong(FORWARD, "bias-after-relu")
class BiasLast(NeuronComputationModel):
    def forward(self, features):
        return F.relu(write(self, F.relu(read(self, features)))) + self.b_final


@wrong(FORWARD, "only-W1")
class OnlyW1(NeuronComputationModel):
    def forward(self, features):
        return F.relu(write(self, F.relu(read(self, features)), self.W1.mT) + self.b_final)


@wrong(FORWARD, "only-W2")
class OnlyW2(NeuronComputationModel):
    def forward(self, features):
        return F.relu(write(self, F.relu(read(self, features, self.W2.mT))) + self.b_final)


@wrong(FORWARD, "weights-exchanged")
class Exchanged(NeuronComputationModel):
    def forward(self, features):
        return F.relu(write(self, F.relu(read(self, features, self.W2.mT)), self.W1.mT) + self.b_final)


@wrong(FORWARD, "absolute-returned")
class Cheat(NeuronComputationModel):
    def forward(self, features):
        return features.abs() + 0 * (self.W1.sum() + self.W2.sum() + self.b_final.sum())


@wrong(FORWARD, "absolute-input")
class AbsoluteInput(NeuronComputationModel):
    def forward(self, features):
        return super().forward(features.abs())


@wrong(FORWARD, "rectified-input")
class ReluFirst(NeuronComputationModel):
    def forward(self, features):
        return F.relu(write(self, F.relu(read(self, F.relu(features)))) + self.b_final)


@wrong(FORWARD, "abs-in-hidden")
class AbsInHidden(NeuronComputationModel):
    def forward(self, features):
        return F.relu(write(self, read(self, features).abs()) + self.b_final)


@wrong(FORWARD, "first-instance-weights")
class InstanceZero(NeuronComputationModel):
    def forward(self, features):
        return F.relu(F.relu(features @ self.W1[0].T) @ self.W2[0].T + self.b_final)


@wrong(FORWARD, "hidden-returned")
class ReturnsNeurons(NeuronComputationModel):
    def forward(self, features):
        return F.relu(read(self, features))


@wrong(FORWARD, "detached")
class W1Detached(NeuronComputationModel):
    def forward(self, features):
        return F.relu(write(self, F.relu(read(self, features.detach(), self.W1.data))) + self.b_final)


@wrong(FORWARD, "leading-axes")
class BatchAxis(NeuronComputationModel):
    def forward(self, features):
        neurons = F.relu(einops.einsum(features, self.W1, DOWN.replace("...", "b")))
        return F.relu(einops.einsum(neurons, self.W2, WRITE.replace("...", "b")) + self.b_final)


@wrong(FORWARD, "raised")
class OldForward(NeuronComputationModel):
    def forward(self, features):
        return NeuronModel.forward(self, features)


@wrong(FORWARD, "extra-parameter")
class KeepsW(NeuronComputationModel):
    def __init__(self, cfg, **arguments):
        super().__init__(cfg, **arguments)
        self.W = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_hidden, cfg.n_features, device=self.W1.device))


@wrong(FORWARD, "parameter-shape")
class W2Transposed(NeuronComputationModel):
    def __init__(self, cfg, **arguments):
        super().__init__(cfg, **arguments)
        self.W2 = nn.Parameter(self.W2.data.mT.contiguous())


@wrong(FORWARD, "missing-parameter")
class NoW2(NeuronComputationModel):
    def __init__(self, cfg, **arguments):
        super().__init__(cfg, **arguments)
        del self.W2


@wrong(FORWARD, "not-a-parameter")
class PlainW1(NeuronComputationModel):
    def __init__(self, cfg, **arguments):
        super().__init__(cfg, **arguments)
        W1 = self.W1.data
        del self.W1
        self.W1 = W1


@wrong(FORWARD, "target-not-absolute")
class WrongLoss(NeuronComputationModel):
    def calculate_loss(self, out, batch):
        return ToyModel.calculate_loss(self, out, batch)


@wrong(FORWARD, "never-negative")
class WrongData(NeuronComputationModel):
    def generate_batch(self, batch_size):
        return draw(self, batch_size).abs()


@right(FORWARD)
class MatrixProducts(NeuronComputationModel):
    def forward(self, features):
        neurons = (self.W1 @ features.unsqueeze(-1)).clamp(min=0)
        return ((self.W2 @ neurons).squeeze(-1) + self.b_final).clamp(min=0)


@right(FORWARD)
class LoopOverInstances(NeuronComputationModel):
    def forward(self, features):
        outs = []
        for i in range(self.cfg.n_inst):
            neurons = F.relu(F.linear(features[..., i, :], self.W1[i]))
            outs.append(F.relu(F.linear(neurons, self.W2[i], self.b_final[i])))
        return t.stack(outs, dim=-2)


@right(FORWARD)
class TorchEinsum(NeuronComputationModel):
    def forward(self, features):
        neurons = t.relu(t.einsum("idf,...if->...id", self.W1, features))
        return t.relu(t.einsum("ifd,...id->...if", self.W2, neurons) + self.b_final)


@right(FORWARD)
class Maximum(NeuronComputationModel):
    def forward(self, features):
        zero = t.zeros((), device=features.device)
        neurons = t.maximum((features.unsqueeze(-2) * self.W1).sum(-1), zero)
        return t.maximum((neurons.unsqueeze(-2) * self.W2).sum(-1) + self.b_final, zero)
