# %% tags=["module-only"]
"""Section 4, superposition and deep double descent: what a model stores when its data set is small."""

from collections.abc import Callable

import einops
import torch as t
from jaxtyping import Float
from torch import Tensor

import part31_superposition_and_saes.utils as utils
from part31_superposition_and_saes.sections.s1_toy_models import ToyModel, cosine_decay_lr

MAIN = __name__ == "__main__"
if MAIN:
    import part31_superposition_and_saes.tests as tests


# %% exercises=["linear_warmup_lr", "anthropic_lr"]
def linear_warmup_lr(step: int, steps: int) -> float:
    """Factor on the learning rate that rises evenly from 0 at step 0 to 1 at step `steps`, and stays 1 after it."""
    ### BEGIN SOLUTION
    return min(1.0, step / steps)
    ### END SOLUTION


def anthropic_lr(step: int, steps: int, warmup: int = 2500) -> float:
    """Factor on the learning rate: `linear_warmup_lr` over the first `warmup` steps, `cosine_decay_lr` over the rest.

    A run of no more than `warmup` steps ends before the warm-up does (Henighan et al. 2023).
    """
    ### BEGIN SOLUTION
    if step < warmup or steps <= warmup:
        return linear_warmup_lr(step, warmup)
    return cosine_decay_lr(step - warmup, steps - warmup)
    ### END SOLUTION


# %% exercises=["double_descent_generate_batch", "double_descent_calculate_loss", "double_descent_dimensionality"]
class DoubleDescentModel(ToyModel):
    """Toy models that are trained on a data set: one batch for each instance, the same at every step.

    Attributes:
        data_set: the batch that `optimize` trained on, `[batch inst feats]`; None before.
    """

    data_set: Float[Tensor, "batch inst feats"] | None = None

    def generate_batch(
        self, batch_size: int, *, generator: t.Generator | None = None
    ) -> Float[Tensor, "batch inst feats"]:
        """Draw a batch as a `ToyModel` does, and scale every row of every instance to length 1.

        Args:
            batch_size: rows.
            generator: source of the numbers, on the model's device; torch's own if None.
        Returns:
            Rows of unit norm; a row with no feature on stays zero.
        """
        ### BEGIN SOLUTION
        batch = super().generate_batch(batch_size, generator=generator)
        norm = batch.norm(dim=-1, keepdim=True)
        return t.where(norm > 0, batch / norm, 0.0)
        ### END SOLUTION

    def calculate_loss(
        self,
        out: Float[Tensor, "batch inst feats"],
        batch: Float[Tensor, "batch inst feats"],
        per_inst: bool = False,
    ) -> Float[Tensor, "*inst"]:
        """Importance-weighted squared error, mean over batch and features.

        Args:
            out: what the models answered.
            batch: what they should have answered.
            per_inst: whether to return the loss of each instance, `[inst]`, and not their sum.
        """
        ### BEGIN SOLUTION
        error = self.importance * (out - batch) ** 2
        loss = einops.reduce(error, "batch inst feats -> inst", "mean")
        return loss if per_inst else loss.sum()
        ### END SOLUTION

    @staticmethod
    def dimensionality(data: Float[Tensor, "... n d_hidden"]) -> Float[Tensor, "... n"]:
        """Share of a hidden dimension that each of n vectors has to itself: ‖v_i‖² / Σ_j (v̂_i · v_j)².

        Args:
            data: hidden vectors, one a row: of features (columns of W) or of data points (W x).
        Returns:
            Between 0 and 1; 0 for a zero vector (Elhage et al. 2022, of features; Henighan et al. 2023, of both).
        """
        ### BEGIN SOLUTION
        squared_norm = data.pow(2).sum(dim=-1)
        unit = data / squared_norm.sqrt().clamp_min(t.finfo(data.dtype).tiny)[..., None]
        # Σ_j (v̂_i · v_j)² = v̂_i · (Σ_j v_j v_jᵀ) v̂_i: a small matrix in place of all pairs
        spread = einops.einsum(data, data, "... n a, ... n b -> ... a b")
        shared = einops.einsum(unit, spread, unit, "... n a, ... a b, ... n b -> ... n")
        return t.where(squared_norm > 0, squared_norm / shared, 0.0)
        ### END SOLUTION

    def optimize(  # type: ignore[override]
        self,
        batch_size: int,
        steps: int = 50_000,
        log_freq: int = 100,
        lr: float = 1e-3,
        lr_scale: Callable[[int, int], float] = anthropic_lr,
        weight_decay: float = 1e-2,
        *,
        generator: t.Generator | None = None,
    ) -> tuple[Float[Tensor, "batch feats"], Float[Tensor, "d_hidden feats"]]:
        """Train in place with AdamW, each instance on one batch of its own (see `utils.optimize_full_batch`).

        Returns:
            Batch and `W` of the instance with the least training loss.
        """
        self.data_set = self.generate_batch(batch_size, generator=generator)
        utils.optimize_full_batch(self, self.data_set, steps, log_freq, lr, lr_scale, weight_decay)
        return best_instance(self, self.data_set)


# %%
def best_instance(
    model: DoubleDescentModel, batch: Float[Tensor, "batch inst feats"]
) -> tuple[Float[Tensor, "batch feats"], Float[Tensor, "d_hidden feats"]]:
    with t.no_grad():
        best = model.calculate_loss(model(batch), batch, per_inst=True).argmin()
    return batch[:, best], model.W.detach()[best].clone()


# %%
@t.no_grad()
def loss_per_row(model: DoubleDescentModel, batch: Float[Tensor, "batch inst feats"]) -> Float[Tensor, " inst"]:
    """Squared error of a row, added up over its features, mean over rows: a model that answers 0 scores 1."""
    return model.calculate_loss(model(batch), batch, per_inst=True) * model.cfg.n_features


@t.no_grad()
def hidden_vectors(
    model: DoubleDescentModel, batch: Float[Tensor, "batch inst feats"]
) -> Float[Tensor, "inst batch d_hidden"]:
    """Where each data point lands: h = W x."""
    return einops.einsum(batch, model.W, "batch inst feats, inst d_hidden feats -> inst batch d_hidden")


@t.no_grad()
def measure_run(
    model: DoubleDescentModel,
    hidden: Float[Tensor, "inst batch d_hidden"],
    train_loss: Float[Tensor, " inst"],
    test_loss: Float[Tensor, " inst"],
) -> dict[str, Float[Tensor, " inst"]]:
    """What is kept of a trained model, one number an instance.

    Args:
        model: trained.
        hidden: hidden vectors of its data points.
        train_loss, test_loss: by `loss_per_row`, on its data points and on fresh rows.
    """
    data, features = model.dimensionality(hidden), model.dimensionality(model.W.mT)
    angles = t.atan2(hidden[..., 1], hidden[..., 0]).sort(dim=-1).values.rad2deg()
    gaps = t.cat([angles[:, 1:], angles[:, :1] + 360], dim=1) - angles
    norms = hidden.norm(dim=-1)
    return {
        "train_loss": train_loss,
        "test_loss": test_loss,
        "data_median": data.median(dim=-1).values,
        "data_largest": data.amax(dim=-1),
        "data_effective": data.sum(dim=-1).square() / data.square().sum(dim=-1),
        "feature_median": features.median(dim=-1).values,
        "feature_largest": features.amax(dim=-1),
        "feature_effective": features.sum(dim=-1).square() / features.square().sum(dim=-1),
        "weight_norm": model.W.norm(dim=(1, 2)),
        "bias_mean": model.b_final.mean(dim=-1),
        "gap_deviation": (gaps - 360 / gaps.shape[1]).abs().amax(dim=-1),
        "norm_ratio": norms.amax(dim=-1) / norms.amin(dim=-1).clamp_min(1e-9),
    }
