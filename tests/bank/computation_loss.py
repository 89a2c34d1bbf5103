"""Answers to `computation_calculate_loss`."""

import einops
import torch as t
from part31_superposition_and_saes.solutions import NeuronComputationModel, ToyModel
from torch.nn import functional as F

from . import right, wrong

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
