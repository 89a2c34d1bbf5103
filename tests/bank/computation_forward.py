"""Answers to `computation_forward`."""

import einops
import torch as t
from part31_superposition_and_saes.solutions import NeuronComputationModel, NeuronModel, ToyModel
from torch import nn
from torch.nn import functional as F

from . import right, wrong
from .computation_data import draw

DOWN = "... inst feats, inst d_hidden feats -> ... inst d_hidden"
WRITE = "... inst d_hidden, inst feats d_hidden -> ... inst feats"


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
