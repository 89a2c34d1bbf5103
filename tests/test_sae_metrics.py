"""The metrics of autoencoders on data whose answer is known."""

import math

import pytest
import torch as t
from part31_superposition_and_saes.sae_metrics import (
    detectors,
    explained_variance,
    live_latents,
    mean_l0,
    relative_shrinkage,
)
from part31_superposition_and_saes.solutions import feature_cosines, match_latents, recovery


def normal(*shape: int) -> t.Tensor:
    return t.randn(shape, generator=t.Generator().manual_seed(0))


def test_explained_variance_is_one_for_a_copy_and_zero_for_the_mean() -> None:
    h = normal(50, 3, 4) + 2
    assert t.allclose(explained_variance(h, h), t.ones(3))
    assert t.allclose(explained_variance(h, h.mean(0).expand_as(h)), t.zeros(3), atol=1e-5)
    half = h.mean(0) + 0.5 * (h - h.mean(0))
    assert t.allclose(explained_variance(h, half), t.full((3,), 0.75), atol=1e-5)


def test_shrinkage_is_the_factor_by_which_reconstructions_are_short() -> None:
    h, b_dec = normal(50, 3, 4), normal(3, 4)
    assert t.allclose(relative_shrinkage(h, b_dec + 0.7 * (h - b_dec), b_dec), t.full((3,), 0.7), atol=1e-5)
    assert not t.allclose(relative_shrinkage(h, b_dec + 0.7 * (h - b_dec)), t.full((3,), 0.7), atol=1e-2)
    # An error at a right angle to the truth is no shrinkage: gamma is above 1 then.
    off = t.stack([-h[..., 1], h[..., 0], -h[..., 3], h[..., 2]], -1)
    assert t.allclose(relative_shrinkage(h, h + 0.5 * off), t.full((3,), 1.25), atol=1e-5)


def test_l0_counts_and_dead_latents_never_fire() -> None:
    acts = t.tensor([[[0.0, 2.0, 1.0]], [[0.0, 0.5, 0.0]]])
    assert mean_l0(acts).tolist() == [1.5]
    assert live_latents(acts).tolist() == [[False, True, True]]


def test_detectors_count_hits_and_misses() -> None:
    is_on = t.tensor([1, 1, 1, 1, 0, 0, 0, 0.0])
    fires = t.tensor([1, 1, 1, 0, 1, 0, 0, 0.0])
    features = t.stack([is_on, is_on, 0 * is_on], -1)[:, None]
    acts = t.stack([0 * fires, 3 * fires], -1)[:, None]
    found = detectors(acts, features, t.tensor([[1, -1, 0]]))
    assert found.precision.tolist() == [[0.75, 0.0, 0.0]]
    assert found.recall.tolist() == [[0.75, 0.0, 0.0]]
    assert found.f1[0, 0] == pytest.approx(0.75)
    swapped = detectors(acts, features, t.tensor([[1]]), t.tensor([[2]]))
    assert swapped.precision.item() == swapped.recall.item() == swapped.f1.item() == 0


def test_cosines_do_not_depend_on_lengths_and_are_zero_for_a_zero_vector() -> None:
    W, W_dec = normal(2, 3, 5), normal(2, 7, 3)
    W_dec[1, 4] = 0
    cosines = feature_cosines(W_dec, W)
    assert t.allclose(cosines, feature_cosines(5 * W_dec, 0.1 * W), atol=1e-6)
    assert (cosines[1, :, 4] == 0).all()
    assert cosines[0, 1, 2] == pytest.approx(t.cosine_similarity(W_dec[0, 2], W[0, :, 1], dim=0).item(), abs=1e-6)


def test_matching_prefers_the_best_sum_to_the_best_single() -> None:
    cosines = t.tensor([[[0.9, 0.8], [0.85, 0.1]]])
    latents, matched = match_latents(cosines, t.ones(1, 2, dtype=t.bool))
    assert latents.tolist() == [[1, 0]]
    assert matched[0].tolist() == pytest.approx([0.8, 0.85])


def test_recovery_of_a_permuted_dictionary_is_perfect_and_of_its_negative_is_not() -> None:
    W = normal(2, 4, 4)
    order = t.tensor([2, 0, 3, 1])
    found = recovery(3 * W.mT[:, order], W)
    assert t.allclose(found.matched_cosine, t.ones(2)) and found.recovered.all() and (found.dead == 0).all()
    turned = recovery(-W.mT, W)
    assert not turned.recovered.any() and (turned.matched_cosine < 0.9).all()
    unsigned = recovery(-W.mT, W, signed=False)
    assert unsigned.recovered.all() and t.allclose(unsigned.mean_max_cosine, t.ones(2))


def test_recovery_counts_live_latents_alone() -> None:
    W = normal(1, 4, 3)
    live = t.tensor([[True, True, False]])
    found = recovery(W.mT, W, live)
    assert found.dead.tolist() == [1] and not found.recovered.any()
    assert found.matched_cosine.item() == pytest.approx(2 / 3, abs=1e-5)
    nothing = recovery(W.mT, W, t.zeros(1, 3, dtype=t.bool))
    assert nothing.matched_cosine.item() == nothing.mean_max_cosine.item() == 0


def test_a_random_decoder_in_the_plane_looks_good_by_absolute_cosine() -> None:
    angles = 2 * math.pi * t.arange(5) / 5
    pentagon = t.stack([angles.cos(), angles.sin()]).expand(4_000, 2, 5)
    found = recovery(normal(4_000, 5, 2), pentagon, signed=False)
    assert found.mean_max_cosine.mean().item() == pytest.approx(0.944, abs=0.003)
    assert recovery(normal(4_000, 5, 2), pentagon).mean_max_cosine.mean().item() == pytest.approx(0.796, abs=0.006)
