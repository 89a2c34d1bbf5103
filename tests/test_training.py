"""What `optimize` promises: which path runs, what it leaves behind, and that both paths do the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch as t
from part31_superposition_and_saes.solutions import ToyModel, ToyModelConfig, constant_lr, linear_lr
from part31_superposition_and_saes.training.loop import TrainingReport, checked_arguments
from part31_superposition_and_saes.training.optimize import optimize
from part31_superposition_and_saes.training.steps import FusedStepper

BOTH_PATHS = pytest.mark.parametrize("fast", [True, False], ids=["fused", "autograd"])


def generator(seed: int = 0) -> t.Generator:
    return t.Generator().manual_seed(seed)


def make(kind: type = ToyModel, n_inst: int = 3, feats: int = 5) -> Any:
    return kind(ToyModelConfig(n_inst, feats, 2), 0.2, 0.9 ** t.arange(feats), "cpu", generator=generator(1))


def train(model: Any, steps: int = 20, **changed: Any) -> TrainingReport:
    arguments: dict[str, Any] = {
        "batch_size": 64,
        "log_freq": 5,
        "lr": 1e-2,
        "lr_scale": constant_lr,
        "generator": generator(2),
    }
    return optimize(model, steps=steps, **{**arguments, **changed})


def weights(model: Any) -> list[t.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


def equal(left: list[t.Tensor], right: list[t.Tensor]) -> bool:
    return all(map(t.equal, left, right))


class Shifted(ToyModel):
    """The known model on batches of its own: off is 0.1, not 0."""

    def generate_batch(self, batch_size, *, generator=None):
        return super().generate_batch(batch_size, generator=generator).clamp(min=0.1)


class ShiftedWithoutGenerator(Shifted):
    def generate_batch(self, batch_size):
        return super().generate_batch(batch_size)


class Leaky(ToyModel):
    def forward(self, features):
        return t.nn.functional.leaky_relu(super().forward(features) - 0.1)


# ---- which path


def test_the_report_tells_the_path_and_why() -> None:
    for kind, path, data, word in (
        (ToyModel, "fused", "fused", "known law"),
        (Shifted, "fused", "own", "own generate_batch"),
        (Leaky, "autograd", "own", "output"),
    ):
        model = make(kind)
        report = train(model)
        assert (report.path, report.data) == (path, data)
        assert word in report.reason and word in str(report)
        assert report.steps == 20 and report.seconds > 0 and report.loss > 0
        assert model.training_report is report
    assert train(make(), fast=False).path == "autograd"


@pytest.mark.parametrize("kind", [Shifted, ShiftedWithoutGenerator])
def test_on_the_same_batches_both_paths_lead_to_the_same_weights(kind: type) -> None:
    fused, plain = make(kind), make(kind)
    assert train(fused, 40, lr_scale=linear_lr).path == "fused"
    assert train(plain, 40, lr_scale=linear_lr, fast=False).path == "autograd"
    for ours, theirs in zip(weights(fused), weights(plain), strict=True):
        t.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_both_paths_reach_the_same_loss() -> None:
    losses = []
    for fast in (True, False):
        model = make(n_inst=8)
        train(model, steps=300, batch_size=512, lr=3e-2, lr_scale=linear_lr, fast=fast)
        batch = model.generate_batch(50_000, generator=generator(9))
        losses.append(model.calculate_loss(model(batch), batch).item())
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_a_model_that_changes_its_ways_is_trained_again_by_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    class Turncoat(ToyModel):
        turned = False

        def calculate_loss(self, out, batch):
            return super().calculate_loss(out, batch) * (10 if Turncoat.turned else 1)

    def schedule(step: int, steps: int) -> float:
        Turncoat.turned = step > 3
        return 1.0

    model, plain = make(Turncoat), make(Turncoat)
    report = train(model, lr_scale=schedule)
    assert report.path == "autograd" and report.steps == 20 and "began again" in report.reason
    Turncoat.turned = False
    train(plain, lr_scale=schedule, fast=False)
    assert all(t.isfinite(w).all() for w in weights(model))
    assert t.allclose(model.W.norm(), plain.W.norm(), rtol=0.2)


def anneal_probability(model: ToyModel) -> None:
    model.feature_probability.mul_(0.9)


def exchange_importance(model: ToyModel) -> None:
    model.importance = 1 + model.importance


def freeze_bias(model: ToyModel) -> None:
    model.b_final.requires_grad_(False)


@pytest.mark.parametrize("change", [anneal_probability, exchange_importance, freeze_bias])
def test_a_schedule_that_changes_the_model_is_obeyed(change: Callable[[ToyModel], None]) -> None:
    model = make()

    def schedule(step: int, steps: int) -> float:
        if step == 11:
            change(model)
        return 1.0

    report = train(model, lr_scale=schedule)
    assert report.path == "autograd" and "exchanged" in report.reason


def test_parameters_stay_leaves_that_can_be_trained() -> None:
    model = make()
    train(model)
    assert all(p.requires_grad and p.is_leaf and p.grad_fn is None for p in model.parameters())


# ---- numbers


@BOTH_PATHS
@pytest.mark.parametrize("kind", [ToyModel, Shifted, ShiftedWithoutGenerator])
def test_a_generator_decides_everything_and_the_world_stays(kind: type, fast: bool) -> None:
    def run(seed: int) -> list[t.Tensor]:
        model = make(kind)
        train(model, generator=generator(seed), fast=fast)
        return weights(model)

    state, threads = t.get_rng_state(), t.get_num_threads()
    first = run(3)
    assert t.equal(state, t.get_rng_state()) and t.get_num_threads() == threads
    t.rand(7)
    assert equal(first, run(3))
    assert not equal(first, run(4))


def test_a_generator_decides_what_forward_and_schedule_draw() -> None:
    class Noisy(ToyModel):
        def forward(self, features):
            out = super().forward(features)
            return out + 0.1 * t.randn_like(out)

    def run(kind: type) -> list[t.Tensor]:
        model = make(kind)
        train(model, lr_scale=lambda step, steps: t.rand(1).item())
        return weights(model)

    state = t.get_rng_state()
    assert equal(run(Noisy), run(Noisy)) and equal(run(ToyModel), run(ToyModel))
    assert t.equal(state, t.get_rng_state())


@BOTH_PATHS
def test_without_a_generator_the_global_state_decides(fast: bool) -> None:
    with t.random.fork_rng():
        results = []
        for seed in (0, 0, 1):
            t.manual_seed(seed)
            model = make()
            train(model, generator=None, fast=fast)
            results.append(weights(model))
    assert equal(results[0], results[1]) and not equal(results[0], results[2])


@BOTH_PATHS
def test_every_step_asks_the_schedule_and_obeys_it(fast: bool) -> None:
    asked = []

    def schedule(step: int, steps: int) -> t.Tensor:
        asked.append((step, steps))
        return t.tensor(1.0 if step < 7 else 0.0)

    model, shorter = make(), make()
    train(model, steps=15, lr_scale=schedule, fast=fast)
    train(shorter, steps=7, fast=fast)
    assert asked == [(step, 15) for step in range(15)]
    assert equal(weights(model), weights(shorter))


@BOTH_PATHS
def test_the_log_comes_at_its_steps_with_the_loss_before_them(fast: bool) -> None:
    log, model = [], make()
    start = weights(model)

    def on_log(step: int, loss: float) -> None:
        log.append((step, loss))
        assert step or equal(start, weights(model))

    report = train(model, steps=13, on_log=on_log, fast=fast)
    assert [step for step, _ in log] == [0, 5, 10, 12]
    assert report.loss == log[-1][1]


@BOTH_PATHS
@pytest.mark.parametrize("at", [0, 6])
def test_an_interrupt_leaves_the_last_whole_step(at: int, fast: bool) -> None:
    def schedule(step: int, steps: int) -> float:
        if step == at:
            raise KeyboardInterrupt
        return 1.0

    threads = t.get_num_threads()
    model, shorter = make(), make()
    with pytest.raises(KeyboardInterrupt):
        train(model, lr_scale=schedule, fast=fast)
    train(shorter, steps=at, fast=fast)
    assert equal(weights(model), weights(shorter))
    assert model.training_report.steps == at
    assert t.get_num_threads() == threads


def test_an_interrupt_between_gradient_and_step_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = FusedStepper.compute_gradients
    calls = []

    def compute_gradients(stepper: FusedStepper) -> None:
        whole(stepper)
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt

    model, shorter = make(), make()
    train(shorter, steps=3)
    monkeypatch.setattr(FusedStepper, "compute_gradients", compute_gradients)
    with pytest.raises(KeyboardInterrupt):
        train(model)
    assert equal(weights(model), weights(shorter))


def test_threads_follow_the_size_of_the_batch() -> None:
    seen: list[int] = []

    def schedule(step: int, steps: int) -> float:
        seen.append(t.get_num_threads())
        return 1.0

    before = t.get_num_threads()
    try:
        t.set_num_threads(2)
        train(make(), steps=1, lr_scale=schedule, fast=False)
        train(make(n_inst=64, feats=64), steps=1, batch_size=256, lr_scale=schedule, fast=False)
        assert seen == [1, 2]
        assert t.get_num_threads() == 2
    finally:
        t.set_num_threads(before)


# ---- mistakes


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"steps": -1}, "steps=-1"),
        ({"log_freq": 0}, "log_freq=0"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"lr": -1.0}, "lr=-1"),
        ({"lr_scale": lambda step, steps: float("inf")}, "lr_scale"),
    ],
)
def test_a_wrong_argument_is_named(changed: dict[str, Any], named: str) -> None:
    model = make()
    before = weights(model)
    with pytest.raises(ValueError, match=named):
        train(model, **changed)
    assert equal(before, weights(model))


def test_a_count_must_be_whole() -> None:
    with pytest.raises(TypeError, match="batch_size=10.5"):
        checked_arguments(10.5, 1, 1, 1.0)
    assert checked_arguments(np.int64(8), t.tensor(3), True, 1) == (8, 3, 1, 1.0)


def test_no_steps_train_nothing() -> None:
    model = make()
    before = weights(model)
    assert train(model, steps=0).steps == 0
    assert equal(before, weights(model))


@BOTH_PATHS
def test_a_diverging_loss_is_told_with_its_step(fast: bool) -> None:
    explode: Callable[[int, int], float] = lambda step, steps: 1e30 if step == 7 else 1.0  # noqa: E731
    with pytest.raises(RuntimeError, match=r"by step 10; 5 steps before it was .* Lower lr"):
        train(make(), lr_scale=explode, fast=fast)


def test_a_model_with_nothing_to_train_is_refused() -> None:
    model = make().requires_grad_(False)
    with pytest.raises(ValueError, match="nothing to train"):
        train(model)


def test_an_error_of_the_learners_code_comes_through() -> None:
    class Unwritten(ToyModel):
        def calculate_loss(self, out, batch):
            raise NotImplementedError("calculate_loss")

    with pytest.raises(NotImplementedError, match="calculate_loss"):
        train(make(Unwritten))
