"""Answers to `forward`."""

import einops
import torch as t
from part31_superposition_and_saes.solutions import ToyModel
from torch import nn
from torch.nn import functional as F

from . import right, wrong

DOWN = "... inst feats, inst d_hidden feats -> ... inst d_hidden"
UP = "... inst d_hidden, inst d_hidden feats -> ... inst feats"


def restored(model, features):
    """W^T W x."""
    return einops.einsum(einops.einsum(features, model.W, DOWN), model.W, UP)


@wrong("forward", "bias-after-relu")
class BiasAfterRelu(ToyModel):
    def forward(self, features):
        return F.relu(restored(self, features)) + self.b_final


@wrong("forward", "no-bias")
class NoBias(ToyModel):
    def forward(self, features):
        return F.relu(restored(self, features))


@wrong("forward", "no-relu")
class NoRelu(ToyModel):
    def forward(self, features):
        return restored(self, features) + self.b_final


@wrong("forward", "no-relu-no-bias")
class OnlyProducts(ToyModel):
    def forward(self, features):
        return restored(self, features)


@wrong("forward", "bias-subtracted")
class BiasSubtracted(ToyModel):
    def forward(self, features):
        return F.relu(restored(self, features) - self.b_final)


@wrong("forward", "relu-in-hidden")
class ReluInHidden(ToyModel):
    def forward(self, features):
        hidden = F.relu(einops.einsum(features, self.W, DOWN))
        return F.relu(einops.einsum(hidden, self.W, UP) + self.b_final)


@wrong("forward", "relu-only-in-hidden")
class ReluOnlyInHidden(ToyModel):
    def forward(self, features):
        hidden = F.relu(einops.einsum(features, self.W, DOWN))
        return einops.einsum(hidden, self.W, UP) + self.b_final


@wrong("forward", "first-instance-weights")
class FirstInstanceOnly(ToyModel):
    def forward(self, features):
        return F.relu(features @ self.W[0].T @ self.W[0] + self.b_final)


@wrong("forward", "first-instance-bias")
class FirstInstanceBias(ToyModel):
    def forward(self, features):
        return F.relu(restored(self, features) + self.b_final[0])


@wrong("forward", "instances-mixed")
class InstancesMixed(ToyModel):
    def forward(self, features):
        hidden = einops.einsum(features, self.W, "... inst feats, inst d_hidden feats -> ... d_hidden")
        restored = einops.einsum(hidden, self.W, "... d_hidden, inst d_hidden feats -> ... inst feats")
        return F.relu(restored + self.b_final)


@wrong("forward", "abs-for-relu")
class AbsoluteValue(ToyModel):
    def forward(self, features):
        return (restored(self, features) + self.b_final).abs()


@wrong("forward", "gelu")
class Gelu(ToyModel):
    def forward(self, features):
        return F.gelu(restored(self, features) + self.b_final)


@wrong("forward", "leaky-relu")
class LeakyRelu(ToyModel):
    def forward(self, features):
        return F.leaky_relu(restored(self, features) + self.b_final)


@wrong("forward", "columns-normalized")
class ColumnsNormalized(ToyModel):
    def forward(self, features):
        W = self.W / self.W.norm(dim=1, keepdim=True)
        hidden = einops.einsum(features, W, DOWN)
        return F.relu(einops.einsum(hidden, W, UP) + self.b_final)


@wrong("forward", "hidden-returned")
class HiddenReturned(ToyModel):
    def forward(self, features):
        return einops.einsum(features, self.W, DOWN)


@wrong("forward", "leading-axes")
class OneBatchAxis(ToyModel):
    def forward(self, features):
        hidden = einops.einsum(features, self.W, DOWN.replace("...", "batch"))
        return F.relu(einops.einsum(hidden, self.W, UP.replace("...", "batch")) + self.b_final)


@wrong("forward", "transposed")
class InstancesFirst(ToyModel):
    def forward(self, features):
        return super().forward(features).transpose(0, 1)


@wrong("forward", "one-instance")
class Squeezed(ToyModel):
    def forward(self, features):
        return super().forward(features).squeeze(-2)


@wrong("forward", "raised")
class WrongProduct(ToyModel):
    def forward(self, features):
        return F.relu(features @ self.W.mT @ self.W + self.b_final)


@wrong("forward", "fixed-size")
class NotebookSizes(ToyModel):
    def forward(self, features):
        return super().forward(features.reshape(*features.shape[:-2], 8, 5))


@wrong("forward", "fixed-batch")
class NotebookBatch(ToyModel):
    def forward(self, features):
        return super().forward(features).broadcast_to(64, *features.shape[1:])


@wrong("forward", "encoder-detached")
class EncoderDetached(ToyModel):
    def forward(self, features):
        hidden = einops.einsum(features, self.W.detach(), DOWN)
        return F.relu(einops.einsum(hidden, self.W, UP) + self.b_final)


@wrong("forward", "decoder-detached")
class DecoderDetached(ToyModel):
    def forward(self, features):
        hidden = einops.einsum(features, self.W, DOWN)
        return F.relu(einops.einsum(hidden, self.W.data, UP) + self.b_final)


@wrong("forward", "detached")
class BiasDetached(ToyModel):
    def forward(self, features):
        return F.relu(restored(self, features) + self.b_final.data)


@wrong("forward", "detached")
class NoGrad(ToyModel):
    @t.no_grad()
    def forward(self, features):
        return super().forward(features)


@wrong("forward", "gradient")
class InstanceZeroTrained(ToyModel):
    def forward(self, features):
        W = t.cat([self.W[:1], self.W[1:].detach()])
        hidden = einops.einsum(features, W, DOWN)
        return F.relu(einops.einsum(hidden, W, UP) + self.b_final)


@wrong("forward", "input-changed")
class InputChanged(ToyModel):
    def forward(self, features):
        out = super().forward(features)
        features.data.mul_(2)
        return out


@wrong("forward", "not-a-parameter")
class PlainTensor(ToyModel):
    def __init__(self, cfg, **arguments):
        super().__init__(cfg, **arguments)
        W = self.W.data
        del self.W
        self.W = W


@wrong("forward", "parameter-shape")
class FeaturesFirst(ToyModel):
    def __init__(self, cfg, **arguments):
        super().__init__(cfg, **arguments)
        self.W = nn.Parameter(self.W.data.transpose(1, 2).contiguous())


@wrong("forward", "missing-parameter")
class BiasOfAnotherName(ToyModel):
    def __init__(self, cfg, **arguments):
        super().__init__(cfg, **arguments)
        del self.b_final
        self.bias = nn.Parameter(t.zeros(cfg.n_inst, cfg.n_features))


@wrong("forward", "frozen")
class FrozenBias(ToyModel):
    def __init__(self, cfg, **arguments):
        super().__init__(cfg, **arguments)
        self.b_final.requires_grad_(False)


@right("forward")
class GramMatrix(ToyModel):
    def forward(self, features):
        gram = self.W.mT @ self.W
        return (t.einsum("...if,ifg->...ig", features, gram) + self.b_final).clamp(min=0)


@right("forward")
class Matmul(ToyModel):
    def forward(self, features):
        column = features.unsqueeze(-1)
        return t.relu((self.W.mT @ (self.W @ column)).squeeze(-1) + self.b_final)


@right("forward")
class LoopOverInstances(ToyModel):
    def forward(self, features):
        outs = []
        for i in range(self.cfg.n_inst):
            hidden = features[..., i, :] @ self.W[i].T
            outs.append(F.relu(F.linear(hidden, self.W[i].T, self.b_final[i])))
        return t.stack(outs, dim=-2)


@right("forward")
class BroadcastAndSum(ToyModel):
    def forward(self, features):
        hidden = (features.unsqueeze(-2) * self.W).sum(-1)
        return t.maximum((hidden.unsqueeze(-1) * self.W).sum(-2) + self.b_final, t.tensor(0.0))
