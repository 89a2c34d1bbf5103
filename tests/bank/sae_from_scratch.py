"""Whole autoencoders as learners write them, without ours as their base: right for every exercise of the class."""

import copy

import einops
import torch as t
from torch import nn
from torch.nn import functional as F

from . import right

ALL = (
    "sae_init",
    "sae_W_dec_normalized",
    "sae_generate_batch",
    "sae_forward",
    "resample_simple",
    "resample_advanced",
)


def start(shape, device):
    return nn.Parameter(nn.init.kaiming_uniform_(t.empty(shape, device=device)))


@right(*ALL)
class ModelKept(nn.Module):
    """Freezes and evens out the model that it is given; latents are replaced one instance after the other."""

    def __init__(self, cfg, model):
        nn.Module.__init__(self)
        assert cfg.d_in == model.cfg.d_hidden, "d_in"
        assert cfg.n_inst == model.cfg.n_inst, "n_inst"
        self.cfg = cfg
        self.model = model.requires_grad_(False)
        self.model.W.data[1:] = self.model.W.data[0]
        self.model.b_final.data[1:] = self.model.b_final.data[0]
        device = model.W.device
        self.W_enc = start((cfg.n_inst, cfg.d_in, cfg.d_sae), device)
        if cfg.tied_weights:
            self._W_dec = None
        else:
            self._W_dec = start((cfg.n_inst, cfg.d_sae, cfg.d_in), device)
            if cfg.decoder_init == "encoder":
                self._W_dec.data = self.W_enc.data.transpose(1, 2).clone()
        self.b_enc = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_sae, device=device))
        self.b_dec = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_in, device=device))

    @property
    def W_dec(self):
        return self.W_enc.transpose(-1, -2) if self._W_dec is None else self._W_dec

    @property
    def W_dec_normalized(self):
        return self.W_dec / (self.W_dec.norm(dim=-1, keepdim=True) + self.cfg.weight_normalize_eps)

    def generate_batch(self, batch_size):
        x = self.model.generate_batch(batch_size)
        return einops.einsum(x, self.model.W, "batch inst feats, inst d feats -> batch inst d")

    def forward(self, h):
        pre = einops.einsum(h - self.b_dec, self.W_enc, "batch inst d, inst d sae -> batch inst sae")
        acts = F.relu(pre + self.b_enc)
        out = einops.einsum(acts, self.W_dec_normalized, "batch inst sae, inst sae d -> batch inst d") + self.b_dec
        terms = {"L_reconstruction": (h - out).pow(2).mean(-1), "L_sparsity": acts.abs().sum(-1)}
        return terms, terms["L_reconstruction"] + self.cfg.sparsity_coeff * terms["L_sparsity"], acts, out

    @t.no_grad()
    def resample_simple(self, frac_active_in_window, resample_scale):
        dead = (frac_active_in_window < 1e-8).all(dim=0)
        replacement = t.randn(int(dead.sum()), self.cfg.d_in, device=dead.device)
        replacement = replacement / replacement.norm(dim=-1, keepdim=True)
        self.W_enc.data.transpose(-1, -2)[dead] = resample_scale * replacement
        if self._W_dec is not None:
            self._W_dec.data[dead] = replacement
        self.b_enc.data[dead] = 0.0

    @t.no_grad()
    def resample_advanced(self, frac_active_in_window, resample_scale, batch_size):
        h = self.generate_batch(batch_size)
        weights = self.forward(h)[0]["L_reconstruction"].pow(2)
        for inst in range(self.cfg.n_inst):
            dead = (frac_active_in_window[:, inst] < 1e-8).all(dim=0).nonzero().flatten()
            live = (frac_active_in_window[:, inst] >= 1e-8).any(dim=0)
            offset = h[:, inst] - self.b_dec[inst]
            w = t.where(offset.norm(dim=-1) > 0, weights[:, inst], 0.0)
            if len(dead) == 0 or w.max() <= 0:
                continue
            rows = t.distributions.Categorical(probs=w / w.sum()).sample((len(dead),))
            new = offset[rows] / offset[rows].norm(dim=-1, keepdim=True)
            norm = self.W_enc[inst, :, live].norm(dim=0).mean() if live.any() else 1.0
            self.W_enc.data[inst, :, dead] = (resample_scale * norm * new).T
            if self._W_dec is not None:
                self._W_dec.data[inst, dead] = new
            self.b_enc.data[inst, dead] = 0


@right(*ALL)
class ModelCopied(nn.Module):
    """A copy of the model; tensors throughout, no loops; other names inside."""

    def __init__(self, cfg, model):
        nn.Module.__init__(self)
        if (cfg.n_inst, cfg.d_in) != (model.cfg.n_inst, model.cfg.d_hidden):
            raise ValueError("sizes")
        self.cfg, self.model = cfg, copy.deepcopy(model)
        for p in self.model.parameters():
            p.data = p.data[:1].repeat(cfg.n_inst, *[1] * (p.ndim - 1))
            p.requires_grad = False
        device = model.W.device
        encoder = t.randn(cfg.n_inst, cfg.d_in, cfg.d_sae, device=device) * cfg.init_scale
        decoder = encoder.mT if cfg.decoder_init == "encoder" else t.randn_like(encoder.mT)
        self.W_enc = nn.Parameter(encoder)
        self._W_dec = None if cfg.tied_weights else nn.Parameter(decoder.clone())
        self.b_enc = nn.Parameter(encoder.new_zeros(cfg.n_inst, cfg.d_sae))
        self.b_dec = nn.Parameter(encoder.new_zeros(cfg.n_inst, cfg.d_in))

    @property
    def W_dec(self):
        return self._W_dec if self._W_dec is not None else self.W_enc.mT

    @property
    def W_dec_normalized(self):
        return F.normalize(self.W_dec, dim=-1, eps=self.cfg.weight_normalize_eps)

    def generate_batch(self, batch_size):
        return t.einsum("bif,idf->bid", self.model.generate_batch(batch_size), self.model.W)

    def forward(self, h):
        acts = (t.einsum("bid,ids->bis", h - self.b_dec, self.W_enc) + self.b_enc).clamp(min=0)
        out = t.einsum("bis,isd->bid", acts, self.W_dec_normalized) + self.b_dec
        first, second = F.mse_loss(out, h, reduction="none").mean(2), acts.sum(2)
        return {"L_reconstruction": first, "L_sparsity": second}, first + second * self.cfg.sparsity_coeff, acts, out

    def _replace(self, dead, unit, norm):
        with t.no_grad():
            self.W_enc.mul_(~dead[:, None]).add_((dead[..., None] * norm * unit).mT)
            if self._W_dec is not None:
                self._W_dec.mul_(~dead[..., None]).add_(dead[..., None] * unit)
            self.b_enc[dead] = 0

    def resample_simple(self, frac_active_in_window, resample_scale):
        dead = frac_active_in_window.sum(0) == 0
        unit = F.normalize(t.randn(*dead.shape, self.cfg.d_in, device=dead.device), dim=-1)
        self._replace(dead, unit, resample_scale)

    def resample_advanced(self, frac_active_in_window, resample_scale, batch_size):
        dead = frac_active_in_window.amax(0) == 0
        h = self.generate_batch(batch_size)
        with t.no_grad():
            weights = self(h)[0]["L_reconstruction"].square()
            offset = h - self.b_dec
            weights = weights * (offset != 0).any(-1)
            possible = weights.sum(0) > 0
            rows = t.multinomial((weights + ~possible).T, self.cfg.d_sae, replacement=True)
            unit = F.normalize(offset.permute(1, 0, 2)[t.arange(len(rows))[:, None], rows], dim=-1)
            norms = self.W_enc.norm(dim=1)
            mean = t.where(dead, 0, norms).sum(1) / (~dead).sum(1)
            mean = mean.nan_to_num(1.0)
        self._replace(dead & possible[:, None], unit, (resample_scale * mean)[:, None, None])
