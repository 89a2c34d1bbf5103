"""Answers to `calculate_loss`."""

import einops
import torch as t
from part31_superposition_and_saes.solutions import ToyModel
from torch.nn import functional as F

from . import right, wrong


def weighted(model, out, batch):
    return model.importance * (out - batch) ** 2


@wrong("calculate_loss", "mean-over-instances")
class MeanOverAll(ToyModel):
    def calculate_loss(self, out, batch):
        return weighted(self, out, batch).mean()


@wrong("calculate_loss", "sum-over-everything")
class SumOverAll(ToyModel):
    def calculate_loss(self, out, batch):
        return weighted(self, out, batch).sum()


@wrong("calculate_loss", "sum-over-features")
class SumOverFeatures(ToyModel):
    def calculate_loss(self, out, batch):
        return weighted(self, out, batch).sum((1, 2)).mean()


@wrong("calculate_loss", "sum-over-batch")
class SumOverBatch(ToyModel):
    def calculate_loss(self, out, batch):
        return weighted(self, out, batch).mean(-1).sum()


@wrong("calculate_loss", "one-instance")
class OneInstance(ToyModel):
    def calculate_loss(self, out, batch):
        return weighted(self, out, batch)[:, 0].mean()


@wrong("calculate_loss", "not-summed")
class NotSummed(ToyModel):
    def calculate_loss(self, out, batch):
        return einops.reduce(weighted(self, out, batch), "batch inst feats -> inst", "mean")


@wrong("calculate_loss", "not-reduced")
class NotReduced(ToyModel):
    def calculate_loss(self, out, batch):
        return weighted(self, out, batch)


@wrong("calculate_loss", "no-importance")
class NoImportance(ToyModel):
    def calculate_loss(self, out, batch):
        return ((out - batch) ** 2).mean((0, 2)).sum()


@wrong("calculate_loss", "no-importance-mean")
class MseLoss(ToyModel):
    def calculate_loss(self, out, batch):
        return F.mse_loss(out, batch)


@wrong("calculate_loss", "importance-squared")
class ImportanceSquared(ToyModel):
    def calculate_loss(self, out, batch):
        return ((self.importance * (out - batch)) ** 2).mean((0, 2)).sum()


@wrong("calculate_loss", "first-instance-importance")
class FirstInstanceImportance(ToyModel):
    def calculate_loss(self, out, batch):
        return (self.importance[0] * (out - batch) ** 2).mean((0, 2)).sum()


@wrong("calculate_loss", "absolute-error")
class AbsoluteError(ToyModel):
    def calculate_loss(self, out, batch):
        return (self.importance * (out - batch).abs()).mean((0, 2)).sum()


@wrong("calculate_loss", "not-squared")
class NotSquared(ToyModel):
    def calculate_loss(self, out, batch):
        return (self.importance * (out - batch)).mean((0, 2)).sum()


@wrong("calculate_loss", "root")
class Root(ToyModel):
    def calculate_loss(self, out, batch):
        return weighted(self, out, batch).mean((0, 2)).sqrt().sum()


@wrong("calculate_loss", "halved")
class Halved(ToyModel):
    def calculate_loss(self, out, batch):
        return 0.5 * weighted(self, out, batch).mean((0, 2)).sum()


@wrong("calculate_loss", "negated")
class Negated(ToyModel):
    def calculate_loss(self, out, batch):
        return -weighted(self, out, batch).mean((0, 2)).sum()


@wrong("calculate_loss", "weighted-target")
class OutputWeighted(ToyModel):
    def calculate_loss(self, out, batch):
        return ((self.importance * out - batch) ** 2).mean((0, 2)).sum()


@wrong("calculate_loss", "values")
class SmoothError(ToyModel):
    def calculate_loss(self, out, batch):
        return (self.importance * F.smooth_l1_loss(out, batch, reduction="none")).mean((0, 2)).sum()


@wrong("calculate_loss", "detached")
class Detached(ToyModel):
    def calculate_loss(self, out, batch):
        return super().calculate_loss(out.detach(), batch)


@wrong("calculate_loss", "detached")
class NewTensor(ToyModel):
    def calculate_loss(self, out, batch):
        return t.tensor(super().calculate_loss(out, batch).item(), device=out.device)


@wrong("calculate_loss", "type")
class PythonNumber(ToyModel):
    def calculate_loss(self, out, batch):
        return super().calculate_loss(out, batch).item()


@wrong("calculate_loss", "gradient")
class GradientTwice(ToyModel):
    def calculate_loss(self, out, batch):
        loss = super().calculate_loss(out, batch)
        return 2 * loss - loss.detach()


@wrong("calculate_loss", "fixed-batch")
class NotebookBatch(ToyModel):
    def calculate_loss(self, out, batch):
        return weighted(self, out, batch).sum() / (64 * self.cfg.n_features)


@wrong("calculate_loss", "fixed-size")
class NotebookFeatures(ToyModel):
    def calculate_loss(self, out, batch):
        return weighted(self, out, batch).sum() / (len(batch) * 5)


@wrong("calculate_loss", "input-changed")
class InPlace(ToyModel):
    def calculate_loss(self, out, batch):
        batch -= out.detach()
        return (self.importance * (batch + out - out.detach()) ** 2).mean((0, 2)).sum()


@wrong("calculate_loss", "kept-axis")
class KeptAxis(ToyModel):
    def calculate_loss(self, out, batch):
        return super().calculate_loss(out, batch).unsqueeze(0)


@wrong("calculate_loss", "raised")
class WrongPattern(ToyModel):
    def calculate_loss(self, out, batch):
        return einops.reduce(weighted(self, out, batch), "batch feats -> ", "mean")


@right("calculate_loss")
class Einsum(ToyModel):
    def calculate_loss(self, out, batch):
        error = out - batch
        return t.einsum("if,bif,bif->", self.importance, error, error) / (error.shape[0] * error.shape[2])


@right("calculate_loss")
class LoopOverInstances(ToyModel):
    def calculate_loss(self, out, batch):
        losses = [(self.importance[i] * (out[:, i] - batch[:, i]) ** 2).mean() for i in range(out.shape[1])]
        return sum(losses)


@right("calculate_loss")
class MeanTimesInstances(ToyModel):
    def calculate_loss(self, out, batch):
        return out.shape[1] * (self.importance * F.mse_loss(out, batch, reduction="none")).mean()


@right("calculate_loss")
class WeightsInside(ToyModel):
    def calculate_loss(self, out, batch):
        return (self.importance.sqrt() * (batch - out)).square().mean(2).mean(0).sum(0)
