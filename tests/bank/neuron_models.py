"""Answers to `neuron_forward`."""

import einops
import torch as t
from part31_superposition_and_saes.solutions import NeuronModel, ToyModel
from torch import nn
from torch.nn import functional as F

from . import right, wrong

DOWN = "... inst feats, inst d_hidden feats -> ... inst d_hidden"
UP = "... inst d_hidden, inst d_hidden feats -> ... inst feats"


def hidden(model, features):
    return F.relu(einops.einsum(features, model.W, DOWN))


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
