"""How good a sparse autoencoder is, in numbers: fidelity, sparsity, shrinkage, and its latents as detectors.

Whether its latents are the true features is measured in section 5 (`recovery`). Where SAELens has the same metric, ours
agrees with it to 1e-5 on the same data (`tests/test_saelens.py`).
"""

from dataclasses import dataclass

import torch as t
from jaxtyping import Bool, Float, Int
from torch import Tensor


def explained_variance(
    h: Float[Tensor, "batch inst d_in"], h_reconstructed: Float[Tensor, "batch inst d_in"]
) -> Float[Tensor, " inst"]:
    """1 - E‖h - ĥ‖² / E‖h - E h‖²: 1 is perfect, 0 is what answering the mean gives.

    As in SAELens (`ExplainedVarianceCalculator`); the expectation is over the batch before the ratio is taken.
    """
    residual = (h - h_reconstructed).pow(2).sum(-1).mean(0)
    return 1 - residual / (h - h.mean(0)).pow(2).sum(-1).mean(0)


def relative_shrinkage(
    h: Float[Tensor, "batch inst d_in"],
    h_reconstructed: Float[Tensor, "batch inst d_in"],
    b_dec: Float[Tensor, "inst d_in"] | float = 0.0,
) -> Float[Tensor, " inst"]:
    """gamma = E‖ĥ - b_dec‖² / E[(ĥ - b_dec)·(h - b_dec)]: below 1 where reconstructions are too short.

    1 / gamma is the factor by which scaling all reconstructions would lower the error most (Rajamanoharan et al. 2024,
    Improving Dictionary Learning with Gated Sparse Autoencoders, eq. 9 and 10). With `b_dec` 0 it is SAELens's
    `relative_reconstruction_bias`.
    """
    from . import solutions  # the answer to an exercise; solutions import utils, which import this

    bias = t.as_tensor(b_dec, dtype=h.dtype, device=h.device).expand(h.shape[1:])
    return solutions.shrinkage(h, h_reconstructed, bias)


def mean_l0(acts: Float[Tensor, "batch inst d_sae"]) -> Float[Tensor, " inst"]:
    """L0: how many latents fire in a row, on average (SAELens: `L0Calculator`); of features, their true L0."""
    return (acts != 0).to(acts.dtype).sum(-1).mean(0)


def live_latents(acts: Float[Tensor, "batch inst d_sae"]) -> Bool[Tensor, "inst d_sae"]:
    """Which latents fired in any row; the others are dead on this batch (SAELens: `DeadLatentsCalculator`)."""
    return (acts != 0).any(0)


@dataclass(frozen=True)
class Detectors:
    """Latents as detectors of features: "it fires" stands for "the feature is on".

    Attributes:
        precision: share of the rows in which the latent fires that have the feature on; 0 where it never fires.
        recall: share of the rows with the feature on in which it fires; 0 where the feature is never on.
        f1: harmonic mean of the two; 0 where both are 0.
    """

    precision: Float[Tensor, "inst pairs"]
    recall: Float[Tensor, "inst pairs"]
    f1: Float[Tensor, "inst pairs"]


def detectors(
    acts: Float[Tensor, "batch inst d_sae"],
    features: Float[Tensor, "batch inst feats"],
    latents: Int[Tensor, "inst pairs"],
    feature_of: Int[Tensor, "inst pairs"] | None = None,
) -> Detectors:
    """Precision, recall and F1 of pairs of a latent and a feature.

    SAELens (`ClassificationMetricsCalculator`) pairs every latent with the feature of largest |cosine|; pass that
    pairing in both arguments for its numbers, whose mean it takes over latents.

    Args:
        acts: activations of the latents.
        features: sizes of the true features in the same rows.
        latents: a latent for each pair; -1 for none, which detects nothing.
        feature_of: the feature of each pair; feature 0, 1, 2 ... if None.
    """
    if feature_of is None:
        feature_of = t.arange(latents.shape[1], device=latents.device).expand_as(latents)
    fires = _columns(acts != 0, latents.clamp_min(0)) & (latents >= 0)
    is_on = _columns(features > 0, feature_of)
    hits = (fires & is_on).sum(0).to(acts.dtype)
    precision, recall = (_ratio(hits, n.sum(0).to(acts.dtype)) for n in (fires, is_on))
    return Detectors(precision, recall, _ratio(2 * precision * recall, precision + recall))


def _columns(
    values: Bool[Tensor, "batch inst n"], which: Int[Tensor, "inst pairs"]
) -> Bool[Tensor, "batch inst pairs"]:
    return values.gather(2, which.expand(len(values), *which.shape))


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    return t.where(below > 0, above / below.clamp_min(t.finfo(below.dtype).tiny), 0.0)
