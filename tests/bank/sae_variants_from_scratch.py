"""Gated and JumpReLU autoencoders from scratch: no class of ours below them."""

import math

import einops
import torch as t
from part31_superposition_and_saes.solutions import Heaviside, JumpReLU, copies_of_first
from torch import nn
from torch.nn import functional as F

from . import right


def weights(cfg, rows, columns, like):
    """A start that is not ours."""
    return nn.Parameter(cfg.init_scale * t.randn(cfg.n_inst, rows, columns, device=like.device) / math.sqrt(rows))


@right("gated_sae")
class GatedFromScratch(nn.Module):
    """A gate and a magnitude, each with a product of its own."""

    def __init__(self, cfg, model):
        super().__init__()
        self.cfg, self.model = cfg, copies_of_first(model, cfg)
        self.W_gate = weights(cfg, cfg.d_in, cfg.d_sae, model.W)
        self._W_dec = None if cfg.tied_weights else weights(cfg, cfg.d_sae, cfg.d_in, model.W)
        self.b_gate, self.r_mag, self.b_mag = (
            nn.Parameter(t.zeros(cfg.n_inst, cfg.d_sae, device=model.W.device)) for _ in range(3)
        )
        self.b_dec = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_in, device=model.W.device))

    @property
    def W_dec(self):
        return self.W_gate.transpose(1, 2) if self._W_dec is None else self._W_dec

    @property
    def W_dec_normalized(self):
        return self.W_dec / (self.W_dec.norm(dim=2, keepdim=True) + self.cfg.weight_normalize_eps)

    @property
    def W_mag(self):
        return self.W_gate * t.exp(self.r_mag).unsqueeze(1)

    def forward(self, h):
        reads, writes = "batch inst d_in, inst d_in d_sae -> batch inst d_sae", "b i s, i s d -> b i d"
        offset = h - self.b_dec
        pi = einops.einsum(offset, self.W_gate, reads) + self.b_gate
        magnitude = F.relu(einops.einsum(offset, self.W_mag, reads) + self.b_mag)
        acts_post = (pi > 0).float() * magnitude
        h_reconstructed = einops.einsum(acts_post, self.W_dec_normalized, writes) + self.b_dec
        gate_acts = F.relu(pi)
        frozen = einops.einsum(gate_acts, self.W_dec_normalized.detach(), writes) + self.b_dec.detach()
        loss_dict = {
            "L_reconstruction": (h_reconstructed - h).pow(2).mean(-1),
            "L_sparsity": gate_acts.sum(-1),
            "L_aux": (frozen - h).pow(2).sum(-1),
        }
        loss = loss_dict["L_reconstruction"] + loss_dict["L_aux"] + self.cfg.sparsity_coeff * loss_dict["L_sparsity"]
        return loss_dict, loss, acts_post, h_reconstructed


@right("jumprelu_sae")
class JumpReLUFromScratch(nn.Module):
    """A threshold for each latent; everything by matrix products."""

    def __init__(self, cfg, model):
        super().__init__()
        self.cfg, self.model = cfg, copies_of_first(model, cfg)
        self.W_enc = weights(cfg, cfg.d_in, cfg.d_sae, model.W)
        self._W_dec = None if cfg.tied_weights else weights(cfg, cfg.d_sae, cfg.d_in, model.W)
        self.b_enc = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_sae, device=model.W.device))
        self.b_dec = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_in, device=model.W.device))
        start = t.full((cfg.n_inst, cfg.d_sae), cfg.theta_init, device=model.W.device)
        self.log_theta = nn.Parameter(start.log())

    @property
    def theta(self):
        return t.exp(self.log_theta)

    @property
    def W_dec(self):
        return self.W_enc.mT if self._W_dec is None else self._W_dec

    @property
    def W_dec_normalized(self):
        return F.normalize(self.W_dec, dim=-1)

    def forward(self, h):
        z = t.einsum("bid,ids->bis", h - self.b_dec, self.W_enc) + self.b_enc
        acts_post = JumpReLU.apply(z, self.theta, self.cfg.ste_epsilon)
        h_reconstructed = t.einsum("bis,isd->bid", acts_post, self.W_dec_normalized) + self.b_dec
        L_reconstruction = F.mse_loss(h_reconstructed, h, reduction="none").mean(-1)
        L_sparsity = Heaviside.apply(z, self.theta, self.cfg.ste_epsilon).sum(-1)
        loss_dict = {"L_reconstruction": L_reconstruction, "L_sparsity": L_sparsity}
        return loss_dict, L_reconstruction + self.cfg.sparsity_coeff * L_sparsity, acts_post, h_reconstructed
