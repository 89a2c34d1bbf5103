"""Whole classes of section 2 as learners write them, without ours as their base."""

from typing import Any

import torch as t
from torch import nn
from torch.nn import functional as F

from . import right


@right("computation_generate_batch", "computation_calculate_loss", "computation_forward")
class Computes(nn.Module):
    """Loops nowhere, names of its own, a start of its own, no generator."""

    def __init__(self, cfg, feature_probability: Any = 1.0, importance: Any = 1.0, device: Any = "cpu"):
        super().__init__()
        self.cfg = cfg
        ones = t.ones(cfg.n_inst, cfg.n_features, device=device)
        self.feature_probability = ones * feature_probability
        self.importance = ones * importance
        self.W1 = nn.Parameter(0.1 * t.randn(cfg.n_inst, cfg.d_hidden, cfg.n_features, device=device))
        self.W2 = nn.Parameter(0.1 * t.randn(cfg.n_inst, cfg.n_features, cfg.d_hidden, device=device))
        self.b_final = nn.Parameter(0 * ones)

    def forward(self, x):
        act = F.relu(t.einsum("... i f, i d f -> ... i d", x, self.W1))
        return F.relu(t.einsum("... i d, i f d -> ... i f", act, self.W2) + self.b_final)

    def generate_batch(self, n):
        shape = (n, self.cfg.n_inst, self.cfg.n_features)
        mask = t.rand(shape, device=self.b_final.device) <= self.feature_probability
        return mask * (t.rand(shape, device=self.b_final.device) * 2 - 1)

    def calculate_loss(self, out, batch):
        return (self.importance * (out - batch.abs()) ** 2).mean(dim=(0, 2)).sum()


@right("neuron_forward")
class Neurons(nn.Module):
    """The first model of section 2 without ToyModel as its base."""

    def __init__(self, cfg, feature_probability: Any = 0.01, importance: Any = 1.0, device: Any = "cpu"):
        super().__init__()
        self.cfg = cfg
        ones = t.ones(cfg.n_inst, cfg.n_features, device=device)
        self.feature_probability = ones * feature_probability
        self.importance = ones * importance
        self.W = nn.Parameter(t.randn(cfg.n_inst, cfg.d_hidden, cfg.n_features, device=device))
        self.b_final = nn.Parameter(0 * ones)

    def forward(self, x):
        act = t.relu(t.einsum("...if,idf->...id", x, self.W))
        return t.relu(t.einsum("...id,idf->...if", act, self.W) + self.b_final)

    def generate_batch(self, n):
        shape = (n, self.cfg.n_inst, self.cfg.n_features)
        mask = t.rand(shape, device=self.W.device) < self.feature_probability
        return mask * t.rand(shape, device=self.W.device)

    def calculate_loss(self, out, batch):
        return (self.importance * (out - batch) ** 2).mean(dim=(0, 2)).sum()
