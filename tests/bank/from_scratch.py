"""Whole classes as learners write them, without ours as their base: right for every exercise of the class."""

from typing import Any

import einops
import torch as t
from torch import nn
from torch.nn import functional as F

from . import right


@right("forward", "generate_batch", "calculate_loss")
class Expanded(nn.Module):
    """Probabilities as expanded views and plain attributes, another start, other names inside."""

    def __init__(self, cfg, feature_probability=0.01, importance=1.0, device="cpu"):
        super().__init__()
        self.cfg = cfg
        sizes = (cfg.n_inst, cfg.n_features)
        self.feature_probability = t.as_tensor(feature_probability, device=device).broadcast_to(sizes)
        self.importance = t.as_tensor(importance, device=device).broadcast_to(sizes)
        self.W = nn.Parameter(
            nn.init.xavier_normal_(t.empty((cfg.n_inst, cfg.d_hidden, cfg.n_features), device=device))
        )
        self.b_final = nn.Parameter(t.zeros(sizes, device=device))

    def forward(self, features: t.Tensor) -> t.Tensor:
        h = einops.einsum(features, self.W, "... i f, i d f -> ... i d")
        return F.relu(einops.einsum(h, self.W, "... i d, i d f -> ... i f") + self.b_final)

    def generate_batch(self, batch_size: int) -> t.Tensor:
        size = (batch_size, self.cfg.n_inst, self.cfg.n_features)
        seeds = t.rand(size, device=self.W.device)
        values = t.rand(size, device=self.W.device)
        return t.where(seeds <= self.feature_probability, values, 0.0)

    def calculate_loss(self, out: t.Tensor, batch: t.Tensor) -> t.Tensor:
        weighted = self.importance * (batch - out).pow(2)
        return weighted.mean(dim=(0, 2)).sum()


@right("forward", "generate_batch", "calculate_loss")
class Buffers(nn.Module):
    """Parameters in another order, buffers, numpy-like bookkeeping, one draw for mask and magnitude."""

    def __init__(self, cfg, feature_probability: Any = 0.01, importance: Any = 1.0, device: Any = "cpu"):
        super().__init__()
        self.cfg = cfg
        ones = t.ones(cfg.n_inst, cfg.n_features, device=device)
        self.b_final = nn.Parameter(0 * ones)
        self.W = nn.Parameter(t.randn(cfg.n_inst, cfg.d_hidden, cfg.n_features, device=device))
        self.register_buffer("feature_probability", ones * feature_probability)
        self.register_buffer("importance", ones * importance)

    def forward(self, features):
        hidden = t.einsum("idf,...if->...id", self.W, features)
        return t.relu(t.einsum("idf,...id->...if", self.W, hidden).add(self.b_final))

    def generate_batch(self, batch_size):
        p = self.feature_probability
        draw = t.rand(batch_size, *p.shape, device=p.device)
        return t.where(draw < p, draw / p.clamp(min=1e-30), t.zeros_like(draw))

    def calculate_loss(self, out, batch):
        total = (self.importance * F.mse_loss(out, batch, reduction="none")).sum()
        return total / (out.shape[0] * out.shape[2])
