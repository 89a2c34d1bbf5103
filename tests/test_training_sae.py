"""Training of autoencoders: closed-form gradients, which path runs, the log, resampling, Adam's restarted moments."""

from typing import Any

import pytest
import torch as t
from jaxtyping import config
from part31_superposition_and_saes.solutions import ToyModel, ToyModelConfig, ToySAE, ToySAEConfig, constant_lr
from part31_superposition_and_saes.training import sae_log
from part31_superposition_and_saes.training.sae import Resampling, optimize_sae
from part31_superposition_and_saes.training.sae_adam import RestartingAdam
from part31_superposition_and_saes.training.sae_kernel import SAEKernel
from part31_superposition_and_saes.training.sources import draw_batch
from torch import nn

NEVER = Resampling()
SIZES = [(1, 2, 5), (3, 4, 7), (2, 3, 1)]


def generator(seed: int = 0) -> t.Generator:
    return t.Generator().manual_seed(seed)


def make(kind: type = ToySAE, inst: int = 3, d_in: int = 2, d_sae: int = 5, feats: int = 5, **cfg: Any) -> Any:
    toy = ToyModel(ToyModelConfig(inst, feats, d_in), feature_probability=0.3, device="cpu", generator=generator(1))
    return kind(ToySAEConfig(inst, d_in, d_sae, **cfg), toy, generator=generator(2))


def train(sae: Any, steps: int = 40, resampling: Resampling = NEVER, **options: Any) -> Any:
    log_freq = options.pop("log_freq", 10)
    return optimize_sae(
        sae, 64, steps, log_freq, 1e-2, constant_lr, resampling, 8, options.pop("generator", generator()), **options
    )


def trained(sae: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in sae.named_parameters() if p.requires_grad}


# ---- gradients


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_closed_form_gives_the_gradients_of_autograd(size: tuple[int, int, int], tied: bool) -> None:
    sae = make(inst=size[0], d_in=size[1], d_sae=size[2], tied_weights=tied, weight_normalize_eps=1e-2).double()
    with t.no_grad():
        for p in trained(sae).values():
            p.copy_(t.randn(p.shape, generator=generator(3), dtype=p.dtype))
    h = t.randn(11, size[0], size[1], generator=generator(4), dtype=t.float64)
    parameters = trained(sae)
    loss_dict, loss, acts, h_r = sae(h)
    right = t.autograd.grad(loss.mean(0).sum(), list(parameters.values()))
    into = {name: t.full_like(p, t.nan) for name, p in parameters.items()}
    kernel = SAEKernel(parameters, into, sae.cfg.sparsity_coeff, sae.cfg.weight_normalize_eps, len(h))
    kernel.h.copy_(h.permute(1, 2, 0))
    for _ in range(2):  # a second call starts anew
        kernel.compute_gradients()
    close = lambda a, b: t.testing.assert_close(a, b.detach(), rtol=1e-9, atol=1e-12)  # noqa: E731
    for (name, mine), gradient in zip(into.items(), right, strict=True):
        t.testing.assert_close(mine, gradient, rtol=1e-9, atol=1e-12, msg=name)
    terms = kernel.loss_terms()
    close(terms["loss"], loss.mean(0))
    close(terms["L_reconstruction"], loss_dict["L_reconstruction"].mean(0))
    close(terms["L_sparsity"], loss_dict["L_sparsity"].mean(0))
    close(kernel.acts.permute(2, 0, 1), acts)
    close(kernel.reconstruction.permute(2, 0, 1), h_r)
    close(kernel.frac_active(), (acts > 0).double().mean(0))


# ---- which path, and that both go the same way


class OtherActivation(ToySAE):
    """Not the standard autoencoder by a hair: its activations are a thousandth larger."""

    def forward(self, h: t.Tensor) -> Any:
        loss_dict, loss, acts, h_r = super().forward(h)
        return loss_dict, loss, 1.001 * acts, h_r


class OtherLoss(ToySAE):
    def forward(self, h: t.Tensor) -> Any:
        loss_dict, loss, acts, h_r = super().forward(h)
        return loss_dict, loss * 1.001, acts, h_r


class OwnBatches(ToySAE):
    def generate_batch(self, batch_size: int) -> t.Tensor:  # type: ignore[override]
        return t.randn(batch_size, self.cfg.n_inst, self.cfg.d_in)


class TwoBatches(ToySAE):
    """Reads a fresh batch and adds another one to it."""

    def generate_batch(self, batch_size: int) -> t.Tensor:  # type: ignore[override]
        return super().generate_batch(batch_size) + super().generate_batch(batch_size)


class Observing(ToySAE):
    seen = 0

    def observe(self, acts: t.Tensor) -> None:
        type(self).seen += 1
        assert acts.shape == (64, 3, 5)


@pytest.mark.parametrize("tied", [False, True])
def test_the_standard_autoencoder_takes_the_fast_path(tied: bool) -> None:
    sae = make(tied_weights=tied)
    train(sae)
    assert (sae.training_report.path, sae.training_report.data) == ("fused", "fused"), sae.training_report.reason


@pytest.mark.parametrize(
    ("kind", "path", "says"),
    [
        (OtherActivation, "autograd", "activations"),
        (OtherLoss, "autograd", "loss"),
        (Observing, "autograd", "activations"),
        (OwnBatches, "fused", "not W x"),
        (TwoBatches, "fused", "not W x"),
    ],
)
def test_others_go_their_own_way(kind: type, path: str, says: str) -> None:
    sae = make(kind)
    train(sae, steps=5)
    report = sae.training_report
    assert (report.path, report.data) == (path, "own") and says in report.reason, report
    assert kind is not Observing or Observing.seen == 5


def test_both_paths_give_the_same_parameters_on_the_same_batches() -> None:
    class Normal(ToySAE):
        def generate_batch(self, batch_size: int, *, generator: Any = None) -> t.Tensor:
            return t.randn(batch_size, 3, 2, generator=generator, dtype=self.W_enc.dtype)

    ends = []
    for fast in (True, False):
        sae = make(Normal).double()
        train(sae, fast=fast, generator=generator(7))
        assert sae.training_report.path == ("fused" if fast else "autograd")
        ends.append({name: p.detach().clone() for name, p in trained(sae).items()})
    assert ends[0].keys() == ends[1].keys()
    for name in ends[0]:
        t.testing.assert_close(ends[0][name], ends[1][name], rtol=1e-6, atol=1e-8)


def test_what_changes_in_training_is_noticed_and_the_training_begins_again() -> None:
    class Fickle(ToySAE):
        def forward(self, h: t.Tensor) -> Any:
            loss_dict, loss, acts, h_r = super().forward(h)
            return loss_dict, loss * (2.0 if len(h) == 64 else 1.0), acts, h_r

    sae = make(Fickle)
    train(sae, steps=5)
    assert sae.training_report.path == "autograd" and "began again" in sae.training_report.reason


def test_the_toy_model_and_the_global_random_state_are_left_alone() -> None:
    sae = make()
    before, state = sae.model.W.clone(), t.get_rng_state()
    train(sae, resampling=Resampling("simple", 10, 5))
    assert t.equal(sae.model.W, before) and t.equal(t.get_rng_state(), state)


def test_the_same_generator_gives_the_same_training_and_another_another() -> None:
    ends = []
    for seed in (0, 0, 1):
        sae = make()
        train(sae, generator=generator(seed), resampling=Resampling("advanced", 10, 10))
        ends.append(sae.W_enc.detach().clone())
    assert t.equal(ends[0], ends[1]) and not t.equal(ends[0], ends[2])


# ---- the log


@pytest.mark.parametrize(
    ("steps", "log_freq", "entries"), [(40, 10, [0, 10, 20, 30, 39]), (41, 10, [0, 10, 20, 30, 40])]
)
def test_the_log_has_the_entries_that_the_docstring_tells_of(steps: int, log_freq: int, entries: list[int]) -> None:
    sae = make()
    log = train(sae, steps=steps, log_freq=log_freq)
    assert [entry["steps"] for entry in log] == entries
    wanted = {"steps", "frac_active", "resampled", "loss", "L_reconstruction", "L_sparsity", "h", "h_r"}
    assert set(log[0]) == wanted | {"W_dec_normalized", "features", *trained(sae)}
    assert log[0]["h_r"].shape == (8, 3, 2) and log[0]["frac_active"].shape == (3, 5) and log[0]["loss"].shape == (3,)


def test_entries_are_copies_of_the_state_before_the_update() -> None:
    sae = make()
    start = sae.W_enc.detach().clone()
    log = train(sae)
    assert t.equal(log[0]["W_enc"], start) and not t.equal(log[0]["W_enc"], log[1]["W_enc"])
    assert t.equal(log[1]["h"], log[0]["h"])
    early = make()
    t.testing.assert_close(log[0]["h_r"], early(log[0]["h"])[3].detach())
    unit = log[-1]["_W_dec"] / log[-1]["_W_dec"].norm(dim=-1, keepdim=True)
    t.testing.assert_close(log[-1]["W_dec_normalized"], unit)
    assert not any(v.requires_grad for entry in log for v in entry.values() if isinstance(v, t.Tensor))


def test_a_log_that_would_be_too_large_is_thinned_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    sae = make()
    size = sum(p.numel() for p in trained(sae).values()) + sae.W_dec_normalized.numel() + 8 * 3 * 2
    monkeypatch.setattr(sae_log, "MOST_BYTES", 15 * 4 * size)
    with pytest.warns(UserWarning, match="one in 3 is kept"):
        log = train(sae, steps=400)
    assert [entry["steps"] for entry in log] == [*range(0, 400, 30), 399]


# ---- resampling


def silence(sae: Any, *latents: tuple[int, int]) -> None:
    with t.no_grad():
        for inst, latent in latents:
            sae.b_enc[inst, latent] = -100


@pytest.mark.parametrize("method", ["simple", "advanced"])
@pytest.mark.parametrize("fast", [True, False])
def test_dead_latents_are_replaced_and_live_ones_are_not(method: Any, fast: bool) -> None:
    sae = make()
    silence(sae, (0, 1), (2, 4))
    log = train(sae, resampling=Resampling(method, freq=20, window=20), log_freq=20, fast=fast)
    resampled = t.stack([entry["resampled"] for entry in log]).any(0)
    assert resampled[0, 1] and resampled[2, 4] and resampled.sum() <= 4
    assert sae.b_enc.min() > -50 and all(p.isfinite().all() for p in sae.parameters())


def test_nothing_is_replaced_without_a_method_after_its_share_or_where_nothing_is_dead() -> None:
    for resampling in (Resampling(None, 10, 10), Resampling("simple", 10, 10, until=0.0)):
        sae = make()
        silence(sae, (0, 1))
        assert not any(entry["resampled"].any() for entry in train(sae, resampling=resampling))
        assert sae.b_enc[0, 1] == -100
    ends = []
    for method in (None, "simple"):
        sae = make(decoder_init="encoder", sparsity_coeff=0.0)
        with t.no_grad():
            sae.b_enc.fill_(1.0)
        train(sae, resampling=Resampling(method, 10, 10))
        ends.append(sae.W_enc.detach().clone())
    assert t.equal(*ends)


@pytest.mark.parametrize("method", ["simple", "advanced"])
def test_all_latents_may_be_dead(method: Any) -> None:
    sae = make()
    silence(sae, *((i, j) for i in range(3) for j in range(5)))
    train(sae, steps=21, resampling=Resampling(method, 20, 20, until=1.0))
    assert (sae.b_enc > -1).all() and all(p.isfinite().all() for p in sae.parameters())


def test_only_the_last_steps_of_the_window_count() -> None:
    """A latent that fires until step 10 is dead at step 20 over a window of 5, and alive over one of 20."""
    dead = []
    for window in (5, 20):
        sae = make(OwnBatches)
        calls = 0

        def batch(rows: int, sae: Any = sae) -> t.Tensor:
            nonlocal calls
            calls += 1
            if calls == 11:
                silence(sae, (0, 1))
            return t.randn(rows, 3, 2, generator=generator(calls))

        sae.generate_batch = batch
        log = train(sae, 21, Resampling("simple", 20, window, until=1.0), log_freq=20, fast=False)
        dead.append(bool(log[-1]["resampled"][0, 1]))
    assert dead == [True, False]


def test_a_method_that_makes_new_parameters_is_refused() -> None:
    class Replacing(ToySAE):
        def resample_simple(self, *arguments: Any, **_: Any) -> None:  # type: ignore[override]
            self.b_enc = nn.Parameter(t.zeros_like(self.b_enc))

    sae = make(Replacing)
    silence(sae, (0, 1))
    with pytest.raises(RuntimeError, match="in place"):
        train(sae, resampling=Resampling("simple", 10, 10))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (dict(method="random"), "resample_method='random'"),
        (dict(moments="half"), "moments='half'"),
        (dict(freq=0), "resample_freq=0"),
        (dict(window=2.5), "resample_window=2.5"),
        (dict(until=1.5), "resample_until=1.5"),
    ],
)
def test_wrong_arguments_are_named(arguments: Any, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "jaxtyping_disable", True)  # as in a notebook, where nothing else checks
    with pytest.raises(ValueError, match=says):
        Resampling(**arguments)


def test_nothing_to_train_is_said() -> None:
    with pytest.raises(ValueError, match="nothing to train"):
        train(make().requires_grad_(False))


# ---- Adam


def adam_of(*starts: float, factors: Any = None) -> tuple[RestartingAdam, list[nn.Parameter]]:
    parameters = {f"p{i}": nn.Parameter(t.tensor([start], dtype=t.float64)) for i, start in enumerate(starts)}
    return RestartingAdam(parameters, factors), list(parameters.values())


def push(adam: RestartingAdam, step: int, lr: float = 0.1) -> None:
    for i, gradient in enumerate(adam.gradients.values()):
        gradient.fill_(1 + (step * 7 + 3 * i) % 5)
    adam.step(lr)


def test_adam_is_torchs_and_a_restarted_entry_moves_like_a_new_one() -> None:
    adam, (kept, restarted) = adam_of(0.0, 0.0)
    theirs = nn.Parameter(t.zeros(1, dtype=t.float64))
    torchs = t.optim.Adam([theirs], lr=0.1)
    for step in range(200):
        push(adam, step)
        theirs.grad = t.full_like(theirs, 1 + (step * 7) % 5)
        torchs.step()
    t.testing.assert_close(kept, theirs)

    with t.no_grad():
        restarted.fill_(0.0)
    adam.restart([t.tensor([False]), t.tensor([True])])
    fresh = nn.Parameter(t.zeros(1, dtype=t.float64))
    of_fresh = t.optim.Adam([fresh], lr=0.1)
    for step in range(200, 250):
        push(adam, step)
        theirs.grad, fresh.grad = (t.full_like(theirs, 1 + (step * 7 + 3 * i) % 5) for i in (0, 1))
        torchs.step()
        of_fresh.step()
        t.testing.assert_close(kept, theirs)
        t.testing.assert_close(restarted, fresh)


def test_moments_that_are_zeroed_late_make_a_step_of_3_times_the_rate() -> None:
    for with_correction, expected in ((False, 3.16), (True, 1.0)):
        adam, (only,) = adam_of(0.0)
        for step in range(20_000):
            push(adam, step)
        adam.restart([t.tensor([True])], with_correction)
        before = only.item()
        push(adam, 0)
        assert (before - only.item()) / 0.1 == pytest.approx(expected, rel=0.01)


def test_learning_rates_by_parameter() -> None:
    adam, (first, second) = adam_of(0.0, 0.0, factors={"p1": 5.0})
    push(adam, 0)
    assert first.item() == pytest.approx(-0.1) and second.item() == pytest.approx(-0.5)
    with pytest.raises(ValueError, match="names p9"):
        adam_of(0.0, factors={"p9": 2.0})


def test_draw_batch_hands_the_generator_to_those_who_take_one() -> None:
    class Takes:
        def generate_batch(self, batch_size: int, *, generator: Any = None) -> Any:
            return batch_size, generator

    class TakesNone:
        def generate_batch(self, batch_size: int) -> Any:
            return batch_size

    ours = generator()
    assert draw_batch(Takes(), 3, ours) == (3, ours) and draw_batch(Takes(), 3) == (3, None)
    assert draw_batch(TakesNone(), 3, ours) == 3
