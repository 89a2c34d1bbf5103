"""Our metrics against SAELens's, on the same weights and data; runs where the extra "saelens" is installed."""

from typing import Any

import pytest
import torch as t

try:
    from sae_lens.evals import ExplainedVarianceCalculator
    from sae_lens.synthetic import evals
except ImportError:
    pytest.skip('sae-lens is not installed: pip install -e ".[saelens]"', allow_module_level=True)

from part31_superposition_and_saes.sae_metrics import (
    detectors,
    explained_variance,
    live_latents,
    mean_l0,
    relative_shrinkage,
)
from part31_superposition_and_saes.solutions import (
    ToyModel,
    ToyModelConfig,
    ToySAE,
    ToySAEConfig,
    feature_cosines,
    recovery,
)

SAME: Any = dict(abs=1e-5, rel=1e-5)


@pytest.fixture(scope="module", params=[(5, 2, 5), (30, 8, 40)])
def trained(request):
    """Features, hidden activations, latents, reconstructions, and the autoencoder, part of whose latents are dead."""
    feats, d_in, d_sae = request.param
    generator = t.Generator().manual_seed(0)
    toy = ToyModel(ToyModelConfig(3, feats, d_in), feature_probability=0.05, generator=generator)
    sae = ToySAE(ToySAEConfig(3, d_in, d_sae, sparsity_coeff=0.4 / d_in), toy, generator=generator)
    sae.optimize(batch_size=256, steps=300, lr=1e-2, generator=generator)
    with t.no_grad():
        sae.b_enc[:, 0] = -100
        x = sae.model.generate_batch(20_000, generator=generator)
        h = t.einsum("bif,idf->bid", x, sae.model.W)
        _, _, acts, h_r = sae(h)
    return x, h, acts, h_r, sae


def test_matching_over_all_latents_without_sign(trained) -> None:
    sae = trained[-1]
    ours = recovery(sae.W_dec, sae.model.W, signed=False).matched_cosine
    if sae.cfg.d_sae < sae.model.cfg.n_features:
        pytest.skip("SAELens takes the mean over matched pairs, ours is over features")
    for i in range(3):
        theirs = evals.mean_correlation_coefficient(sae.W_dec[i].detach(), sae.model.W[i].T)
        assert ours[i].item() == pytest.approx(theirs, **SAME)


def test_explained_variance(trained) -> None:
    _, h, _, h_r, _ = trained
    for i, ours in enumerate(explained_variance(h, h_r)):
        theirs = ExplainedVarianceCalculator()
        theirs.add_batch(h_r[:, i], h[:, i])
        assert ours.item() == pytest.approx(theirs.compute(), **SAME)


def test_sparsity_and_dead_latents(trained) -> None:
    acts = trained[2]
    for i in range(3):
        l0, dead = evals.L0Calculator(), evals.DeadLatentsCalculator(acts.shape[2])
        l0.add_batch(acts[:, i])
        dead.add_batch(acts[:, i])
        assert mean_l0(acts)[i].item() == pytest.approx(l0.compute(), **SAME)
        assert (~live_latents(acts))[i].sum().item() == dead.compute() >= 1


def test_detectors_in_saelens_pairing(trained) -> None:
    x, _, acts, _, sae = trained
    best = feature_cosines(sae.W_dec.detach(), sae.model.W).abs().argmax(1)  # [inst d_sae]
    every = t.arange(sae.cfg.d_sae).expand(3, -1)
    ours = detectors(acts, x, every, best)
    for i in range(3):
        theirs = evals.compute_classification_metrics(acts[:, i], x[:, i], sae.W_dec[i].detach(), sae.model.W[i].T)
        assert ours.precision[i].mean().item() == pytest.approx(theirs.precision, **SAME)
        assert ours.recall[i].mean().item() == pytest.approx(theirs.recall, **SAME)
        assert ours.f1[i].mean().item() == pytest.approx(theirs.f1_score, **SAME)


def test_shrinkage_without_a_decoder_bias(trained) -> None:
    """`relative_reconstruction_bias` lives in a loop over a language model: its three lines, from sae_lens.evals."""
    _, h, _, h_r, _ = trained
    for i, ours in enumerate(relative_shrinkage(h, h_r)):
        x, x_hat = h[:, i], h_r[:, i]
        theirs = (t.norm(x_hat, dim=-1) ** 2).mean() / (x * x_hat).sum(dim=-1).mean()
        assert ours.item() == pytest.approx(theirs.item(), **SAME)
