# %% tags=["module-only"]
"""Section 1, toy models: superposition in a basis that is not privileged."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import einops
import torch as t
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

import part31_superposition_and_saes.utils as utils
from part31_superposition_and_saes.utils import device

MAIN = __name__ == "__main__"
if MAIN:
    import part31_superposition_and_saes.tests as tests


# %%
def constant_lr(step: int, steps: int) -> float:
    """Factor on the learning rate that never changes: 1."""
    return 1.0


def linear_lr(step: int, steps: int) -> float:
    """Factor on the learning rate that falls evenly from 1 at step 0 towards 0 at step `steps`."""
    return 1 - step / steps


def cosine_decay_lr(step: int, steps: int) -> float:
    """Factor on the learning rate along a quarter of a cosine: 1 at step 0, 0 at the last step, `steps - 1`."""
    return math.cos(0.5 * math.pi * step / (steps - 1)) if steps > 1 else 1.0


@dataclass
class ToyModelConfig:
    """Sizes of a batch of toy models that are trained side by side.

    Attributes:
        n_inst: independent models.
        n_features: features of the data (`feats` in shapes).
        d_hidden: dimensions of the bottleneck.
        n_correlated_pairs: pairs of features that are on together; they come first.
        n_anticorrelated_pairs: pairs that are never on together; they come next.
        feat_mag_distn: magnitude of a feature that is on: "unif" on [0, 1], or "normal" (absolute value of one).
        init_scale: factor on the starting weights.
    """

    n_inst: int
    n_features: int = 5
    d_hidden: int = 2
    n_correlated_pairs: int = 0
    n_anticorrelated_pairs: int = 0
    feat_mag_distn: str = "unif"
    init_scale: float = 1.0


# %% exercises=["forward", "generate_batch", "calculate_loss"]
class ToyModel(nn.Module):
    """`n_inst` toy models side by side: squeeze the features through `d_hidden` dimensions and restore them.

    Each instance computes x' = ReLU(W^T W x + b_final) (Elhage et al. 2022, Toy Models of Superposition).
    """

    W: Float[Tensor, "inst d_hidden feats"]
    b_final: Float[Tensor, "inst feats"]
    feature_probability: Float[Tensor, "inst feats"]
    importance: Float[Tensor, "inst feats"]

    def __init__(
        self,
        cfg: ToyModelConfig,
        feature_probability: utils.PerFeature = 0.01,
        importance: utils.PerFeature = 1.0,
        device: t.device | str = device,
        *,
        generator: t.Generator | None = None,
    ):
        """Start `W` Xavier-normal with the fans of one instance, and `b_final` at zero.

        Args:
            cfg: sizes.
            feature_probability: how often each feature is on; broadcasts to `[inst feats]`, between 0 and 1.
            importance: weight of each feature in the loss; broadcasts likewise, 0 or more.
            device: where the model lives.
            generator: source of the starting weights, on `device`; torch's own if None.
        Raises:
            ValueError: if a probability or an importance does not broadcast or is out of range.
        """
        super().__init__()
        self.cfg = cfg
        shape = (cfg.n_inst, cfg.n_features)
        probability = utils.per_feature(feature_probability, "feature_probability", shape, device, at_most=1.0)
        self.register_buffer("feature_probability", probability)
        self.register_buffer("importance", utils.per_feature(importance, "importance", shape, device))

        std = cfg.init_scale * math.sqrt(2 / (cfg.n_features + cfg.d_hidden))
        W = t.randn(cfg.n_inst, cfg.d_hidden, cfg.n_features, device=device, generator=generator)
        self.W = nn.Parameter(std * W)
        self.b_final = nn.Parameter(t.zeros(shape, device=device))

    def forward(self, features: Float[Tensor, "... inst feats"]) -> Float[Tensor, "... inst feats"]:
        """Reconstruct the features from their picture in the hidden space: ReLU(W^T W x + b_final)."""
        ### BEGIN SOLUTION
        hidden = einops.einsum(features, self.W, "... inst feats, inst d_hidden feats -> ... inst d_hidden")
        restored = einops.einsum(hidden, self.W, "... inst d_hidden, inst d_hidden feats -> ... inst feats")
        return F.relu(restored + self.b_final)
        ### END SOLUTION

    def generate_batch(
        self, batch_size: int, *, generator: t.Generator | None = None
    ) -> Float[Tensor, "batch inst feats"]:
        """Draw a batch of data: each feature on with its own probability, its magnitude uniform on [0, 1] when on.

        Args:
            batch_size: rows.
            generator: source of the numbers, on the model's device; torch's own if None.
        Returns:
            Magnitudes, 0 where a feature is off. Features, rows and instances are independent of each other.
        """
        ### BEGIN SOLUTION
        shape = (batch_size, self.cfg.n_inst, self.cfg.n_features)
        is_on = t.rand(shape, device=self.W.device, generator=generator) < self.feature_probability
        magnitude = t.rand(shape, device=self.W.device, generator=generator)
        return t.where(is_on, magnitude, 0.0)
        ### END SOLUTION

    def calculate_loss(
        self, out: Float[Tensor, "batch inst feats"], batch: Float[Tensor, "batch inst feats"]
    ) -> Float[Tensor, ""]:
        """Importance-weighted squared error: mean over batch and features, summed over instances."""
        ### BEGIN SOLUTION
        error = self.importance * (out - batch) ** 2
        return einops.reduce(error, "batch inst feats -> inst", "mean").sum()
        ### END SOLUTION

    def optimize(
        self,
        batch_size: int = 1024,
        steps: int = 5_000,
        log_freq: int = 50,
        lr: float = 1e-3,
        lr_scale: Callable[[int, int], float] = constant_lr,
        *,
        generator: t.Generator | None = None,
    ) -> None:
        """Train in place with Adam on fresh batches (see `utils.optimize`)."""
        utils.optimize(self, batch_size, steps, log_freq, lr, lr_scale, generator)
