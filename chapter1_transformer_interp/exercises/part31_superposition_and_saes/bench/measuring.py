"""What the benchmark looks at, and its values at one common L0."""

import math
from typing import Any

import torch as t
from jaxtyping import Float
from torch import Tensor

from ..sae_metrics import detectors, explained_variance, live_latents, mean_l0
from ..solutions import ToyModel, at_equal_l0, feature_cosines, match_latents
from .training import look

NEAR_ENOUGH = 1.02  # as a factor on L0
MEASURES = ("matching", "F1", "explained", "dead")


def measure(
    sae: Any, models: ToyModel, x: Float[Tensor, "batch inst feats"], h: Float[Tensor, "batch inst d_in"]
) -> dict[str, Float[Tensor, " inst"]]:
    """Numbers of an autoencoder, one an instance.

    Args:
        sae: trained, one instance on each model.
        models: whose features are the truth; those of norm above 1/2 count.
        x, h: features and hidden activations of the rows to measure on.
    Returns:
        `L0`; `matching`, the mean signed cosine of one-to-one matching of live latents; `F1`, how well the matched
        latents tell when their features are on, in the mean over features; `explained`, the share of the variance;
        `dead`, latents that never fired.
    Raises:
        Refused: see `look`.
    """
    acts, h_reconstructed, W_dec = look(sae, h)
    live, kept = live_latents(acts), models.W.norm(dim=1) > 0.5
    cosines = feature_cosines(W_dec, models.W)
    latents, matched = match_latents(t.where(kept[:, :, None], cosines, -1.0), live)
    f1 = detectors(acts, x, latents).f1
    n_kept = kept.sum(dim=1)
    return {
        "L0": mean_l0(acts),
        "matching": (matched * kept).sum(dim=1) / n_kept,
        "F1": (f1 * kept).sum(dim=1) / n_kept,
        "explained": explained_variance(h, h_reconstructed),
        "dead": (~live).sum(dim=1).to(h.dtype),
    }


def at_target(runs: list[dict[str, Float[Tensor, " inst"]]], target: float) -> dict[str, Float[Tensor, " inst"]]:
    """Every measure at one L0, interpolated between settings; NaN for instances that the settings do not enclose.

    The first two settings decide wherever they enclose an instance's L0; the others help out elsewhere. So a setting
    far off, where L0 may have turned round, changes nothing for an instance that does not need it. An instance that no
    two enclose has its nearest setting's values if that L0 is within `NEAR_ENOUGH` of the target.
    """
    found = {}
    off = t.stack([(run["L0"] / target).log().abs() for run in runs])
    is_near, nearest = off.amin(dim=0) <= math.log(NEAR_ENOUGH), off.argmin(dim=0, keepdim=True)
    for name in MEASURES:
        value = t.full_like(runs[0]["L0"], float("nan"))
        for n in range(2, len(runs) + 1):
            l0, values = (t.stack([run[one] for run in runs[:n]]) for one in ("L0", name))
            value = t.where(value.isnan(), at_equal_l0(l0, values, target), value)
        at_nearest = t.stack([run[name] for run in runs]).gather(0, nearest)[0]
        found[name] = t.where(value.isnan() & is_near, at_nearest, value)
    return found
