"""A whole class for section 4 as a learner writes it, without ours as its base."""

import einops
import torch as t
from torch import nn

from . import right


@right("double_descent_generate_batch", "double_descent_calculate_loss", "double_descent_dimensionality")
class Own(nn.Module):
    """Other names inside, an importance that is a number, all pairs at once."""

    def __init__(self, cfg, feature_probability=0.01, importance=1.0, device="cpu"):
        super().__init__()
        self.cfg = cfg
        self.p = t.as_tensor(feature_probability, device=device)
        self.importance = t.as_tensor(importance, device=device)
        self.W = nn.Parameter(t.randn(cfg.n_inst, cfg.d_hidden, cfg.n_features, device=device) * 0.05)
        self.b_final = nn.Parameter(t.zeros(cfg.n_inst, cfg.n_features, device=device))

    @property
    def feature_probability(self):
        return self.p.broadcast_to(self.b_final.shape)

    def forward(self, x):
        return t.relu(t.einsum("...id,idf->...if", t.einsum("...if,idf->...id", x, self.W), self.W) + self.b_final)

    def generate_batch(self, batch_size):
        size = (batch_size, *self.b_final.shape)
        x = t.rand(size, device=self.W.device)
        x = x * (t.rand(size, device=self.W.device) < self.feature_probability)
        return x / (x.pow(2).sum(-1, keepdim=True).sqrt() + 1e-10)

    def calculate_loss(self, out, batch, per_inst=False):
        each = einops.reduce((out - batch) ** 2 * self.importance, "batch inst feats -> inst", "mean")
        return each if per_inst else t.sum(each)

    @staticmethod
    def dimensionality(data):
        norms = data.norm(dim=-1, keepdim=True)
        dots = (data / (norms + 1e-12)) @ data.transpose(-1, -2)
        return norms.squeeze(-1) ** 2 / (dots.square().sum(-1) + 1e-12)
