"""Closed-form loss and gradients of the standard sparse autoencoder, tied or not.

acts = ReLU(W_encᵀ (h - b_dec) + b_enc) and reconstruction = Dᵀ acts + b_dec, where D has rows w / (‖w‖ + eps). The loss
is the squared error (mean over d_in) + coefficient · (sum of acts), mean over the batch, summed over instances.

Tensors lie as [inst place batch] in here, as in `kernels`. Each of h, acts and error has one more row that is always 1:
its weight is the bias, or the constant part of a gradient, so that one matrix product does both.
"""

from collections.abc import Mapping

import torch as t
from jaxtyping import Float
from torch import Tensor

from .kernels import zero_where_off


class SAEKernel:
    """Loss and gradients in buffers that are made once: fill `h`, then call `compute_gradients`.

    What the attributes and methods tell is of the batch of the last call.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
        coefficient: float,
        eps: float,
        batch_size: int,
    ):
        """Make the buffers.

        Args:
            parameters: `W_enc`, `b_enc`, `b_dec` and, unless tied, `_W_dec`; read afresh at every call.
            gradients: where the gradients are written, in the parameters' shapes.
            coefficient: of the sparsity term.
            eps: added to the norms of the decoder's rows.
            batch_size: rows.
        """
        self.parameters, self.gradients, self.coefficient, self.eps = parameters, gradients, coefficient, eps
        W_enc = parameters["W_enc"]
        inst, self.d_in, self.d_sae = W_enc.shape
        self.batch_size = batch_size

        def with_ones(places: int) -> Tensor:
            shape = (inst, places + 1, batch_size)
            return t.empty(shape, dtype=W_enc.dtype, device=W_enc.device).fill_(1)

        self.h_and_one, self.acts_and_one, self.error_and_one = map(with_ones, (self.d_in, self.d_sae, self.d_in))
        self.h, self.error = self.h_and_one[:, : self.d_in], self.error_and_one[:, : self.d_in]
        self.acts = self.acts_and_one[:, : self.d_sae]
        self.reconstruction = t.empty_like(self.h, memory_format=t.contiguous_format)
        self.acts_gradient = t.empty_like(self.acts, memory_format=t.contiguous_format)
        self.is_on = t.empty_like(self.acts_gradient)

    def _decoder(self) -> tuple[Tensor, Tensor, Tensor]:
        """Decoder `[inst d_sae d_in]`, the norms of its rows, and the normalized decoder."""
        W_dec = self.parameters.get("_W_dec")
        W_dec = self.parameters["W_enc"].mT if W_dec is None else W_dec
        norms = W_dec.norm(dim=-1, keepdim=True)
        return W_dec, norms, W_dec / (norms + self.eps)

    @t.no_grad()
    def compute_gradients(self) -> None:
        """Write the gradients of the loss on `h` at the parameters of this moment."""
        W_enc, b_enc, b_dec = (self.parameters[name] for name in ("W_enc", "b_enc", "b_dec"))
        W_dec, norms, unit = self._decoder()
        centred_bias = b_enc.unsqueeze(-1) - W_enc.mT @ b_dec.unsqueeze(-1)
        t.bmm(t.cat((W_enc.mT, centred_bias), dim=-1), self.h_and_one, out=self.acts)
        self.acts.relu_()
        t.bmm(t.cat((unit.mT, b_dec.unsqueeze(-1)), dim=-1), self.acts_and_one, out=self.reconstruction)
        t.sub(self.reconstruction, self.h, out=self.error)

        of_error = 2 / (self.batch_size * self.d_in)
        decoder_gradient = t.bmm(self.error, self.acts_and_one.mT).mul_(of_error)  # [inst d_in d_sae + 1]
        of_sparsity = t.full_like(norms, self.coefficient / self.batch_size)
        t.bmm(t.cat((unit * of_error, of_sparsity), dim=-1), self.error_and_one, out=self.acts_gradient)
        zero_where_off(self.acts_gradient, self.acts)
        encoder_gradient = t.bmm(self.acts_gradient, self.h_and_one.mT)  # [inst d_sae d_in + 1]
        self._write(encoder_gradient, decoder_gradient, W_dec, norms, unit)

    def _write(
        self, encoder_gradient: Tensor, decoder_gradient: Tensor, W_dec: Tensor, norms: Tensor, unit: Tensor
    ) -> None:
        into, b_dec = self.gradients, self.parameters["b_dec"]
        to_bias = encoder_gradient[..., self.d_in :]  # [inst d_sae 1]
        into["b_enc"].copy_(to_bias.squeeze(-1))
        through_encoder = self.parameters["W_enc"] @ to_bias
        into["b_dec"].copy_((decoder_gradient[..., self.d_sae :] - through_encoder).squeeze(-1))
        to_encoder = encoder_gradient[..., : self.d_in].mT - b_dec.unsqueeze(-1) @ to_bias.mT
        # w / (‖w‖ + eps): what is along w shrinks by eps / ‖w‖, the rest passes, all over the length.
        to_unit = decoder_gradient[..., : self.d_sae].mT
        along = (to_unit * unit).sum(-1, keepdim=True)
        to_decoder = (to_unit - along * W_dec / norms.clamp_min(t.finfo(norms.dtype).tiny)) / (norms + self.eps)
        if "_W_dec" in into:
            into["W_enc"].copy_(to_encoder)
            into["_W_dec"].copy_(to_decoder)
        else:
            into["W_enc"].copy_(to_encoder.add_(to_decoder.mT))

    @t.no_grad()
    def frac_active(self) -> Float[Tensor, "inst d_sae"]:
        """Share of the rows in which each latent fired."""
        return t.sign(self.acts, out=self.is_on).mean(-1)

    @t.no_grad()
    def loss_terms(self) -> dict[str, Float[Tensor, " inst"]]:
        """`loss` and its two terms, mean over the batch."""
        error = self.error.square().mean((1, 2))
        sparsity = self.acts.sum(1).mean(-1)
        return {"loss": error + self.coefficient * sparsity, "L_reconstruction": error, "L_sparsity": sparsity}
