"""Section 5's reference: the autoencoder, resampling, matching and recovery, on worked cases."""

from typing import Any

import pytest
import torch as t
from part31_superposition_and_saes.solutions import (
    ToyModel,
    ToyModelConfig,
    ToySAE,
    ToySAEConfig,
    copies_of_first,
    feature_cosines,
    kaiming_uniform,
    match_latents,
    recovery,
    short_warmup_lr,
)


def generator(seed: int = 0) -> t.Generator:
    return t.Generator().manual_seed(seed)


def make(inst: int = 3, d_in: int = 2, d_sae: int = 5, feats: int = 5, p: float = 0.3, **cfg: Any) -> ToySAE:
    toy = ToyModel(ToyModelConfig(inst, feats, d_in), feature_probability=p, device="cpu", generator=generator(1))
    return ToySAE(ToySAEConfig(inst, d_in, d_sae, **cfg), toy, generator=generator(2))


def worked() -> ToySAE:
    """One instance, d_in 2, two latents along the axes, numbers that can be followed."""
    sae = make(1, 2, 2, sparsity_coeff=0.5)
    with t.no_grad():
        sae.W_enc.copy_(t.tensor([[[2.0, 0.0], [0.0, 1.0]]]))
        sae._W_dec.copy_(t.tensor([[[3.0, 0.0], [0.0, 0.5]]]))  # type: ignore[union-attr]
        sae.b_enc.copy_(t.tensor([[-1.0, -1.0]]))
        sae.b_dec.copy_(t.tensor([[1.0, 0.0]]))
    return sae


# ---- the start


def test_the_model_is_a_frozen_copy_of_instance_0() -> None:
    probability = t.tensor([[0.1], [0.2], [0.3]])
    toy = ToyModel(ToyModelConfig(3), feature_probability=probability, device="cpu", generator=generator())
    before = toy.W.detach().clone()
    copied = copies_of_first(toy, ToySAEConfig(3, 2, 4))
    assert t.equal(copied.W, before[:1].expand(3, -1, -1)) and t.equal(toy.W, before)
    assert toy.W.requires_grad and not any(p.requires_grad for p in copied.parameters())
    assert t.equal(copied.feature_probability, probability.expand(3, 5))


@pytest.mark.parametrize(("cfg", "says"), [((2, 2, 4), "cfg.n_inst=2"), ((3, 4, 4), "cfg.d_in=4")])
def test_sizes_that_do_not_fit_the_model_are_named(cfg: tuple[int, int, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ToySAE(ToySAEConfig(*cfg), ToyModel(ToyModelConfig(3), device="cpu"))


def test_weights_start_as_those_of_one_instance_alone() -> None:
    weights = kaiming_uniform(ToySAEConfig(200, 20, 100, init_scale=0.5), 20, 100, t.device("cpu"), generator())
    bound = 0.5 * (6 / 100) ** 0.5
    assert weights.shape == (200, 20, 100) and bound * 0.999 < weights.abs().max() <= bound
    assert weights.std() == pytest.approx(bound / 3**0.5, rel=0.01) and abs(weights.mean()) < 0.001
    alone = t.nn.init.kaiming_uniform_(t.empty(2_000, 100), generator=generator())
    assert alone.std() == pytest.approx(2 * weights.std().item(), rel=0.01)


def test_kinds_of_decoder() -> None:
    started = make(decoder_init="encoder")
    assert started._W_dec is not None and t.equal(started._W_dec, started.W_enc.mT)
    with t.no_grad():
        started.W_enc.zero_()
    assert started._W_dec.norm() > 0
    tied = make(tied_weights=True)
    assert tied._W_dec is None and t.equal(tied.W_dec, tied.W_enc.mT)
    assert {name for name, _ in tied.named_parameters() if "model" not in name} == {"W_enc", "b_enc", "b_dec"}


def test_a_row_of_zeros_is_normalized_to_zeros() -> None:
    sae = worked()
    with t.no_grad():
        sae._W_dec[0, 1] = 0  # type: ignore[index]
    assert sae.W_dec_normalized.tolist() == [[[1.0, 0.0], [0.0, 0.0]]]


# ---- forward


def test_forward_on_a_worked_case() -> None:
    sae = worked()
    h = t.tensor([[[3.0, 2.0]], [[1.0, 0.5]]])
    loss_dict, loss, acts, h_r = sae(h)
    # h - b_dec = (2, 2) and (0, .5); pre-activations (3, 1) and (-1, -.5)
    assert acts.tolist() == [[[3.0, 1.0]], [[0.0, 0.0]]]
    assert t.allclose(h_r, t.tensor([[[4.0, 1.0]], [[1.0, 0.0]]]))
    assert t.allclose(loss_dict["L_reconstruction"], t.tensor([[1.0], [0.125]]))
    assert t.allclose(loss_dict["L_sparsity"], t.tensor([[4.0], [0.0]]))
    assert t.allclose(loss, t.tensor([[3.0], [0.125]]))


def test_batches_are_hidden_activations_of_the_model() -> None:
    sae = make()
    h = sae.generate_batch(64, generator=generator(5))
    x = sae.model.generate_batch(64, generator=generator(5))
    assert t.allclose(h, t.einsum("bif,idf->bid", x, sae.model.W)) and not h.requires_grad


# ---- resampling


def window(dead: Any) -> t.Tensor:
    """Activity in which the latents of a boolean `[inst d_sae]` never fire and the others did once."""
    activity = t.zeros(4, *dead.shape)
    activity[2] = t.where(dead, 0.0, 1e-3)
    return activity


def state(sae: ToySAE) -> dict[str, t.Tensor]:
    return {name: p.detach().clone() for name, p in sae.named_parameters()}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("method", ["simple", "advanced"])
def test_resampling_touches_dead_latents_only(method: str, tied: bool) -> None:
    sae = make(tied_weights=tied)
    dead = t.zeros(3, 5, dtype=t.bool)
    dead[0, 1] = dead[2, 3] = True
    before = state(sae)
    extra = (200,) if method == "advanced" else ()
    getattr(sae, f"resample_{method}")(window(dead), 0.7, *extra, generator=generator(3))
    after = state(sae)
    moved = (after["W_enc"] != before["W_enc"]).any(1)
    assert t.equal(moved, dead) and t.equal(after["b_dec"], before["b_dec"])
    norms, live = before["W_enc"].norm(dim=1), ~dead
    for inst, latent in dead.nonzero().tolist():
        scale = 0.7 if method == "simple" else 0.7 * norms[inst][live[inst]].mean().item()
        column = after["W_enc"][inst, :, latent]
        assert column.norm().item() == pytest.approx(scale, rel=1e-5) and after["b_enc"][inst, latent] == 0
        if not tied:
            row = after["_W_dec"][inst, latent]
            t.testing.assert_close(row, column / column.norm())
    if not tied:
        assert t.equal((after["_W_dec"] != before["_W_dec"]).any(2), dead)


@pytest.mark.parametrize("method", ["simple", "advanced"])
def test_nothing_dead_changes_nothing_and_all_dead_works(method: str) -> None:
    extra = (200,) if method == "advanced" else ()
    sae = make()
    before = state(sae)
    getattr(sae, f"resample_{method}")(window(t.zeros(3, 5, dtype=t.bool)), 0.7, *extra)
    assert all(t.equal(value, before[name]) for name, value in state(sae).items())
    getattr(sae, f"resample_{method}")(t.zeros(4, 3, 5), 0.7, *extra, generator=generator())
    t.testing.assert_close(sae.W_enc.norm(dim=1), t.full((3, 5), 0.7))  # no live latent: the mean length is 1
    assert all(p.isfinite().all() for p in sae.parameters())


def test_random_directions_are_uniform_on_the_sphere() -> None:
    sae = make(500, 3, 8)
    sae.resample_simple(t.zeros(1, 500, 8), 1.0, generator=generator())
    rows = sae.W_dec.detach().flatten(0, 1)
    # On the sphere in 3 dimensions every coordinate is uniform on [-1, 1].
    for values in rows.T:
        assert abs(values.sort().values - t.linspace(-1, 1, len(values))).max() < 0.06


def fixed_batch(sae: ToySAE, h: t.Tensor) -> None:
    sae.generate_batch = lambda batch_size, *, generator=None: h[:batch_size]  # type: ignore[method-assign, assignment]


def test_inputs_are_chosen_by_their_squared_loss_along_their_offset() -> None:
    sae = make(400, 2, 5)
    with t.no_grad():
        sae.b_enc.fill_(-100)  # nothing fires: the loss of a row is |h - b_dec|² / 2
        sae.b_dec.copy_(t.tensor([1.0, 0.0]).expand(400, 2))
    rows = t.tensor([[2.0, 0.0], [1.0, 2**0.5], [1.0, 0.0], [0.0, 0.0]])  # losses 1/2, 1, 0, 1/2
    fixed_batch(sae, rows[:, None].expand(4, 400, 2))
    sae.resample_advanced(t.zeros(1, 400, 5), 0.5, 4, generator=generator())
    directions = sae.W_dec.detach().flatten(0, 1)
    shares = [(directions - t.tensor(d)).norm(dim=1).lt(1e-5).float().mean().item() for d in ((1, 0), (0, 1), (-1, 0))]
    assert shares == pytest.approx([1 / 6, 2 / 3, 1 / 6], abs=0.04) and sum(shares) == pytest.approx(1)


def test_a_row_without_direction_is_never_chosen_and_an_instance_without_choice_stays() -> None:
    sae = make(2, 2, 5)
    with t.no_grad():
        sae.b_enc.fill_(-100)
    h = t.zeros(50, 2, 2)
    h[7, 1] = t.tensor([1e-20, 0.0])  # its squared loss is 0 in single precision
    h[8, 1] = t.tensor([0.0, 1e-15])
    before = state(sae)
    fixed_batch(sae, h)
    sae.resample_advanced(t.zeros(1, 2, 5), 0.5, 50, generator=generator())
    after = state(sae)
    assert t.equal(after["W_enc"][0], before["W_enc"][0]) and t.equal(after["b_enc"][0], before["b_enc"][0])
    t.testing.assert_close(after["_W_dec"][1], t.tensor([[0.0, 1.0]]).expand(5, 2))


# ---- matching and recovery


def test_cosines_have_their_sign_and_zero_vectors_none() -> None:
    W = t.tensor([[[1.0, 0.0], [0.0, 2.0]]])  # features (1, 0) and (0, 2)
    W_dec = t.tensor([[[-3.0, 0.0], [1.0, 1.0], [0.0, 0.0]]])
    expected = t.tensor([[[-1.0, 0.5**0.5, 0.0], [0.0, 0.5**0.5, 0.0]]])
    t.testing.assert_close(feature_cosines(W_dec, W), expected)


def test_matching_takes_the_best_sum_among_live_latents() -> None:
    cosines = t.tensor([[[0.9, 0.8, 1.0], [0.85, 0.1, 1.0]]])
    latents, matched = match_latents(cosines, t.tensor([[True, True, False]]))
    assert latents.tolist() == [[1, 0]] and t.allclose(matched, t.tensor([[0.8, 0.85]]))
    latents, matched = match_latents(cosines, t.tensor([[True, False, False]]))
    assert latents.tolist() == [[0, -1]] and t.allclose(matched, t.tensor([[0.9, 0.0]]))
    latents, matched = match_latents(cosines, t.zeros(1, 3, dtype=t.bool))
    assert latents.tolist() == [[-1, -1]] and matched.tolist() == [[0.0, 0.0]]


def test_recovery_counts_live_latents_with_their_sign_once_each() -> None:
    W = t.eye(2).expand(4, 2, 2)
    right, flipped, shared = t.eye(2), -t.eye(2), t.tensor([[1.0, 1.0], [1.0, 1.0]])
    W_dec = t.stack([right, flipped, shared, right])
    live = t.tensor([[True, True], [True, True], [True, True], [True, False]])
    found = recovery(W_dec, W, live)
    t.testing.assert_close(found.mean_max_cosine, t.tensor([1.0, 0.0, 0.5**0.5, 0.5]))
    t.testing.assert_close(found.matched_cosine, t.tensor([1.0, 0.0, 0.5**0.5, 0.5]))
    assert found.recovered.tolist() == [True, False, False, False] and found.dead.tolist() == [0, 0, 0, 1]
    assert recovery(W_dec, W, live, signed=False).recovered.tolist() == [True, True, False, False]
    assert recovery(W_dec, W, live, threshold=0.7).recovered.tolist() == [True, False, True, False]
    assert recovery(W_dec, W).recovered.tolist() == [True, False, False, True]
    nobody = recovery(W_dec, W, t.zeros(4, 2, dtype=t.bool))
    assert nobody.mean_max_cosine.tolist() == [0.0] * 4 and nobody.dead.tolist() == [2] * 4


def test_the_warm_up_is_short_and_the_rate_falls_to_zero() -> None:
    factors = [short_warmup_lr(step, 2_000) for step in (0, 9, 19, 1_000, 2_000)]
    assert factors == pytest.approx([0.05, 0.5 * (1 - 9 / 2_000), 1 - 19 / 2_000, 0.5, 0.0])
