"""Properties of section 1's reference that no learner's test asks for."""

import math
from typing import Any

import pytest
import torch as t
from part31_superposition_and_saes.solutions import (
    ToyModel,
    ToyModelConfig,
    constant_lr,
    cosine_decay_lr,
    linear_lr,
)


def generator(seed: int = 0) -> t.Generator:
    return t.Generator().manual_seed(seed)


@pytest.mark.parametrize("n_inst", [1, 40])
@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_the_starting_scale_is_that_of_one_instance(n_inst: int, scale: float) -> None:
    model = ToyModel(ToyModelConfig(n_inst, 60, 40, init_scale=scale), device="cpu", generator=generator())
    assert model.W.std().item() == pytest.approx(scale * math.sqrt(2 / 100), rel=0.06)
    assert not model.b_final.any()


def test_its_parameters_are_exactly_W_and_b_final() -> None:
    model = ToyModel(ToyModelConfig(3, 5, 2), device="cpu")
    assert {name: list(p.shape) for name, p in model.named_parameters()} == {"W": [3, 2, 5], "b_final": [3, 5]}


def test_probability_and_importance_broadcast_and_are_kept_under_their_names() -> None:
    model = ToyModel(ToyModelConfig(3, 5, 2), t.rand(3, 1), 0.9 ** t.arange(5), "cpu")
    assert model.feature_probability.shape == model.importance.shape == (3, 5)
    assert t.equal(model.importance[1], 0.9 ** t.arange(5))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"feature_probability": 1.01}, "feature_probability"),
        ({"feature_probability": t.rand(4)}, "feature_probability"),
        ({"importance": -1}, "importance"),
        ({"importance": float("nan")}, "importance"),
    ],
)
def test_a_wrong_value_is_refused_by_name(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ToyModel(ToyModelConfig(3, 5, 2), device="cpu", **arguments)


def test_a_generator_decides_everything_and_the_global_state_stays() -> None:
    def run() -> t.Tensor:
        source = generator(5)
        model = ToyModel(ToyModelConfig(2), 0.3, device="cpu", generator=source)
        model.optimize(batch_size=16, steps=3, generator=source)
        return model.W.detach()

    before = t.get_rng_state()
    assert t.equal(run(), run())
    assert t.equal(t.get_rng_state(), before)


def test_magnitudes_follow_the_config() -> None:
    normal = ToyModel(ToyModelConfig(1, 1, feat_mag_distn="normal"), 1.0, device="cpu")
    batch = normal.generate_batch(20_000, generator=generator())
    assert batch.min() >= 0 and batch.max() > 2
    assert batch.pow(2).mean().item() == pytest.approx(1, abs=0.06)
    uniform = ToyModel(ToyModelConfig(1, 1), 1.0, device="cpu").generate_batch(20_000, generator=generator())
    assert 0.999 < uniform.max() <= 1 and uniform.mean().item() == pytest.approx(0.5, abs=0.02)


def test_the_variance_of_the_data_is_that_of_the_text() -> None:
    """p/3 - p²/4, with its peak at p = 2/3."""
    p = t.tensor([0.1, 0.5, 2 / 3, 0.9, 1.0])
    batch = ToyModel(ToyModelConfig(1, 5), p, device="cpu").generate_batch(200_000, generator=generator())
    expected = p / 3 - p**2 / 4
    assert t.allclose(batch.var(dim=0)[0], expected, atol=2e-3)
    assert expected.argmax() == 2


def test_schedules_start_at_one_and_end_as_their_docstrings_say() -> None:
    assert constant_lr(0, 10) == constant_lr(9, 10) == 1
    assert linear_lr(0, 10) == 1 and linear_lr(9, 10) == pytest.approx(0.1)
    assert cosine_decay_lr(0, 10) == 1 and cosine_decay_lr(9, 10) == pytest.approx(0, abs=1e-12)
    assert cosine_decay_lr(3, 7) == pytest.approx(math.cos(math.pi / 4))
    assert cosine_decay_lr(0, 1) == 1


def test_no_method_changes_its_inputs() -> None:
    model = ToyModel(ToyModelConfig(2), 0.3, device="cpu", generator=generator())
    batch = model.generate_batch(8, generator=generator())
    out = model(batch)
    copies = batch.clone(), out.clone()
    model.calculate_loss(out, batch)
    assert t.equal(batch, copies[0]) and t.equal(out, copies[1])


def test_in_training_the_loss_falls() -> None:
    source = generator()
    model = ToyModel(ToyModelConfig(4), 0.2, device="cpu", generator=source)
    batch = model.generate_batch(4_000, generator=source)
    before = model.calculate_loss(model(batch), batch).item()
    model.optimize(batch_size=256, steps=200, lr=1e-2, generator=source)
    assert model.calculate_loss(model(batch), batch).item() < 0.7 * before
