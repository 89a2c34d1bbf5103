"""Closed-form gradients of the models that the trainer knows: one description a model, one kernel for all.

Every model here is a network of two layers, out = g(decoder · f(encoder · x) + b_final) with f and g either ReLU or
nothing, and a squared error to x or to |x|. Adding such a model takes one more `Architecture` in `KNOWN`.

Tensors lie as [inst feats batch] in here, not as [batch inst feats]: the long axis is last, so biases spread
along contiguous memory and every matrix product is a batched one without a copy.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch as t
from jaxtyping import Float
from torch import Tensor

Sizes = tuple[int, int, int]  # inst, feats, d_hidden


@dataclass(frozen=True)
class Architecture:
    """What a model computes, and what its parameters are called.

    Attributes:
        formula: for people.
        encoder: name of the parameter `[inst d_hidden feats]`.
        decoder: name of the parameter `[inst feats d_hidden]`, or None where it is the encoder transposed.
        relu_hidden: whether the hidden layer has a ReLU.
        relu_out: whether the output has one.
        absolute_target: whether the loss compares the output with |x|, not with x.
    """

    formula: str
    encoder: str = "W"
    decoder: str | None = None
    relu_hidden: bool = False
    relu_out: bool = True
    absolute_target: bool = False
    bias: str = "b_final"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all parameters: encoder, decoder if it has one, bias."""
        return tuple(name for name in (self.encoder, self.decoder, self.bias) if name)

    def shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """Shape of every parameter."""
        inst, feats, d_hidden = sizes
        shapes: dict[str, tuple[int, ...]] = {self.encoder: (inst, d_hidden, feats), self.bias: (inst, feats)}
        if self.decoder:
            shapes[self.decoder] = (inst, feats, d_hidden)
        return shapes


KNOWN = (
    Architecture("ReLU(Wᵀ W x + b_final)"),
    Architecture("Wᵀ W x + b_final", relu_out=False),
    Architecture("ReLU(Wᵀ ReLU(W x) + b_final)", relu_hidden=True),
    Architecture(
        "ReLU(W2 ReLU(W1 x) + b_final) against |x|",
        encoder="W1",
        decoder="W2",
        relu_hidden=True,
        absolute_target=True,
    ),
)


def zero_where_off(gradient: Tensor, activation: Tensor) -> None:
    """Backward of a ReLU, in place and in one pass: `gradient` becomes 0 where `activation` is not above 0."""
    t.ops.aten.threshold_backward.grad_input(gradient, activation, 0.0, grad_input=gradient)


class Kernel:
    """Loss and gradients of one architecture, in buffers that are made once.

    Fill `x`, then call `compute_gradients`; `out` and `loss` tell of the same batch until the next call.
    """

    def __init__(
        self,
        architecture: Architecture,
        parameters: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
        importance: Float[Tensor, "inst feats"],
        batch_size: int,
    ):
        """Make the buffers.

        Args:
            architecture: what to compute.
            parameters: read afresh at every call.
            gradients: where the gradients are written, in the parameters' shapes.
            importance: weight of every feature in the loss.
            batch_size: rows.
        """
        self.architecture, self.parameters, self.gradients = architecture, parameters, gradients
        encoder = parameters[architecture.encoder]
        inst, self.d_hidden, feats = encoder.shape

        def empty(*shape: int) -> Tensor:
            return t.empty(shape, dtype=encoder.dtype, device=encoder.device)

        self.x = empty(inst, feats, batch_size).zero_()
        self.target = t.empty_like(self.x) if architecture.absolute_target else self.x
        # One more hidden row, always 1: its weight in the decoder is the bias, so that one product adds the
        # bias on the way forward, and one product sums the bias's gradient on the way back.
        self.hidden_and_one = empty(inst, self.d_hidden + 1, batch_size).fill_(1)
        self.hidden = self.hidden_and_one[:, : self.d_hidden]
        self.decoder_and_bias = empty(inst, feats, self.d_hidden + 1)
        self.pre_activation, self.error = t.empty_like(self.x), t.empty_like(self.x)
        self.hidden_gradient = empty(inst, self.d_hidden, batch_size)
        self.weight = (importance.to(encoder) / (batch_size * feats)).unsqueeze(-1)

    @t.no_grad()
    def compute_gradients(self) -> None:
        """Write the gradients of the loss on `x` at the parameters of this moment."""
        self._forward()
        t.sub(self.pre_activation, self.target, out=self.error)
        if self.architecture.relu_out:
            zero_where_off(self.error, self.pre_activation)
        # The factor 2 · weight belongs on the error; on the small matrices it costs nothing.
        decoder_gradient = t.bmm(self.error, self.hidden_and_one.mT).mul_(2 * self.weight)
        decoder = (self.decoder_and_bias[..., : self.d_hidden] * (2 * self.weight)).mT
        t.bmm(decoder, self.error, out=self.hidden_gradient)
        if self.architecture.relu_hidden:
            zero_where_off(self.hidden_gradient, self.hidden)
        # x · gradientᵀ and not gradient · xᵀ: the product with more rows than columns is twice as fast on a CPU.
        encoder_gradient = t.bmm(self.x, self.hidden_gradient.mT)
        self._write(encoder_gradient, decoder_gradient)

    def _forward(self) -> None:
        encoder = self.parameters[self.architecture.encoder]
        decoder = self.parameters[self.architecture.decoder] if self.architecture.decoder else encoder.mT
        bias = self.parameters[self.architecture.bias].unsqueeze(-1)
        t.bmm(encoder, self.x, out=self.hidden)
        if self.architecture.relu_hidden:
            self.hidden.relu_()
        t.cat((decoder, bias), dim=-1, out=self.decoder_and_bias)
        t.bmm(self.decoder_and_bias, self.hidden_and_one, out=self.pre_activation)
        if self.architecture.absolute_target:
            t.abs(self.x, out=self.target)

    def _write(self, encoder_gradient: Tensor, decoder_gradient: Tensor) -> None:
        into = self.gradients
        weights, bias = decoder_gradient[..., : self.d_hidden], decoder_gradient[..., self.d_hidden]
        into[self.architecture.bias].copy_(bias)
        if self.architecture.decoder:
            into[self.architecture.encoder].copy_(encoder_gradient.mT)
            into[self.architecture.decoder].copy_(weights)
        else:
            into[self.architecture.encoder].copy_(encoder_gradient.add_(weights).mT)

    @property
    def batch(self) -> Float[Tensor, "batch inst feats"]:
        """The batch as the models see it: a view of `x`."""
        return self.x.permute(2, 0, 1)

    @t.no_grad()
    def out(self) -> Float[Tensor, "batch inst feats"]:
        """What the model makes of the batch that the last gradients were computed on."""
        out = self.pre_activation.relu() if self.architecture.relu_out else self.pre_activation
        return out.permute(2, 0, 1)

    @t.no_grad()
    def loss(self) -> Float[Tensor, ""]:
        """Importance-weighted squared error, mean over batch and features, summed over instances."""
        out = self.pre_activation.relu() if self.architecture.relu_out else self.pre_activation
        return out.sub(self.target).square_().mul_(self.weight).sum()

    @t.no_grad()
    def power(self) -> Float[Tensor, ""]:
        """Loss of an output that is 0 everywhere: the scale of a loss."""
        return self.target.square().mul_(self.weight).sum()
