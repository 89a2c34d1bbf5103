"""The probe takes batches for what they are: of a known law, or the model's own affair."""

from typing import Any

import pytest
import torch as t
from part31_superposition_and_saes.solutions import ToyModel, ToyModelConfig
from part31_superposition_and_saes.training.probe import recognise
from torch.nn import functional as F

from tests.bank import Entry, answers
from tests.test_training_probe import SEEDS, Cached, make

# ---- another law


def batches_of(draw: Any) -> type:
    class Other(ToyModel):
        def generate_batch(self, batch_size):
            return draw(self, batch_size, self.feature_probability, t.rand(batch_size, *self.b_final.shape))

    return Other


def uniform(*shape: int) -> t.Tensor:
    return t.rand(shape)


def first_two_correlated(model: ToyModel, n: int, p: t.Tensor, magnitude: t.Tensor) -> t.Tensor:
    is_on = t.rand_like(magnitude) < p
    is_on[..., 1] = is_on[..., 0]
    return is_on * magnitude


def first_two_exclusive(model: ToyModel, n: int, p: t.Tensor, magnitude: t.Tensor) -> t.Tensor:
    """The right marginals: the second is on where the first's number is above its probability, by as much."""
    u = t.rand_like(magnitude)
    is_on = u < p
    is_on[..., 1] = (u[..., 0] - p[:, 0]).remainder(1) < p[:, 1]
    return is_on * magnitude


def pool(model: ToyModel, n: int, p: t.Tensor, magnitude: t.Tensor) -> t.Tensor:
    fixed = t.rand(2, 5000, *p.shape, generator=t.Generator().manual_seed(3))
    return ((fixed[0] < p) * fixed[1])[t.randint(5000, (n,))]


def antithetic(model: ToyModel, n: int, p: t.Tensor, magnitude: t.Tensor) -> t.Tensor:
    u = t.rand(n // 2 + 1, *p.shape)
    return (t.cat([u, 1 - u])[:n] < p) * magnitude


OTHER_BATCHES = {
    "other probability": lambda m, n, p, v: (t.rand_like(v) < 0.95 * p) * v,
    "probability of the first feature": lambda m, n, p, v: (t.rand_like(v) < p[:, :1]) * v,
    "probability by instance and feature swapped": lambda m, n, p, v: (t.rand_like(v) < p.flip(0)) * v,
    "probability bounded": lambda m, n, p, v: (t.rand_like(v) < p.clamp(min=0.1)) * v,
    "smaller magnitudes": lambda m, n, p, v: (t.rand_like(v) < p) * v * 0.97,
    "magnitudes from .1 on": lambda m, n, p, v: (t.rand_like(v) < p) * (0.1 + 0.9 * v),
    "squared magnitudes": lambda m, n, p, v: (t.rand_like(v) < p) * v**2,
    "triangular magnitudes": lambda m, n, p, v: (t.rand_like(v) < p) * (v + t.rand_like(v)) / 2,
    "normal magnitudes, signed": lambda m, n, p, v: (t.rand_like(v) < p) * t.randn_like(v),
    "magnitudes by feature": lambda m, n, p, v: (t.rand_like(v) < p) * v ** t.linspace(0.7, 1.4, 6),
    "a small number for off": lambda m, n, p, v: t.where(t.rand_like(v) < p, v, 1e-6),
    "correlated pair": first_two_correlated,
    "anticorrelated pair": first_two_exclusive,
    "mask shared by features": lambda m, n, p, v: (uniform(n, 3, 1) < p) * v,
    "mask shared by instances": lambda m, n, p, v: (uniform(n, 1, 6) < p) * v,
    "magnitude shared by features": lambda m, n, p, v: (t.rand_like(v) < p) * uniform(n, 3, 1),
    "magnitude shared by instances": lambda m, n, p, v: (t.rand_like(v) < p) * uniform(n, 1, 6),
    "a common size for a row": lambda m, n, p, v: (t.rand_like(v) < p) * (v * 0.9 + 0.1 * uniform(n, 3, 1)),
    "rows twice": lambda m, n, p, v: ((t.rand_like(v) < p) * v)[t.arange(n) // 2],
    "half the rows again": lambda m, n, p, v: ((t.rand_like(v) < p) * v)[t.arange(n) % ((n + 1) // 2)],
    "antithetic rows": antithetic,
    "a pool of rows": pool,
    "a share of rows empty": lambda m, n, p, v: (t.rand_like(v) < p) * v * (uniform(n, 1, 1) < 0.97),
    "rows of unit norm": lambda m, n, p, v: F.normalize((t.rand_like(v) < p) * v, dim=-1),
}


# What these do is right where all probabilities are 0.3.
SAME_AT_03 = ("probability of the first feature", "probability by instance and feature swapped", "probability bounded")


@pytest.mark.parametrize("name", OTHER_BATCHES)
def test_batches_of_another_law_come_from_the_model(name: str) -> None:
    for seed in SEEDS:
        found = recognise(make(batches_of(OTHER_BATCHES[name])), seed)
        assert found.law is None, found.reason
        assert found.architecture is not None, found.reason


@pytest.mark.parametrize("probability", [0.003, 0.3])
@pytest.mark.parametrize("name", [name for name in OTHER_BATCHES if name not in SAME_AT_03])
def test_another_law_shows_where_features_are_rare_and_where_often(name: str, probability: float) -> None:
    found = recognise(make(batches_of(OTHER_BATCHES[name]), probability))
    assert found.law is None, found.reason


class Annealed(ToyModel):
    calls = 0

    def generate_batch(self, batch_size):
        self.calls += 1
        return super().generate_batch(batch_size)


class Seeded(ToyModel):
    def generate_batch(self, batch_size):
        return super().generate_batch(batch_size, generator=t.Generator().manual_seed(0))


class DependsOnTheWeights(ToyModel):
    def generate_batch(self, batch_size):
        return super().generate_batch(batch_size) + 0 * self.W.sum()


class WrongShape(ToyModel):
    def generate_batch(self, batch_size):
        return super().generate_batch(batch_size).transpose(0, 1)


class InDouble(ToyModel):
    def generate_batch(self, batch_size):
        return super().generate_batch(batch_size).double()


@pytest.mark.parametrize("kind", [Cached, Annealed, Seeded, DependsOnTheWeights, WrongShape, InDouble])
def test_batches_that_remember_are_not_the_trainers_business(kind: type) -> None:
    assert recognise(make(kind)).law is None


def test_a_generate_batch_that_raises_is_left_to_raise() -> None:
    class Unwritten(ToyModel):
        def generate_batch(self, batch_size):
            raise NotImplementedError("generate_batch")

    assert "NotImplementedError" in recognise(make(Unwritten)).reason


# ---- the bank of answers


def entries(*exercises: str, right: bool) -> list[Entry]:
    """What learners write; answers that set out to deceive a test are another matter."""
    honest = [e for e in answers() if not e.name.startswith(("hostile", "harmless"))]
    return [e for e in honest if e.exercise in exercises and (e.diagnosis is None) == right]


@pytest.mark.parametrize("entry", entries("forward", "generate_batch", "calculate_loss", right=True), ids=str)
def test_right_answers_of_the_bank_are_fast(entry: Entry) -> None:
    found = recognise(make(entry.answer))
    assert found.law is not None, found.reason


@pytest.mark.parametrize("entry", entries("generate_batch_with_pairs", right=True), ids=str)
def test_right_answers_with_pairs_are_fast(entry: Entry) -> None:
    found = recognise(make(entry.answer, 0.2, ToyModelConfig(3, 7, 2, 1, 2)))
    assert found.law is not None and found.law.n_anticorrelated_pairs == 2, found.reason


@pytest.mark.parametrize("entry", entries("generate_batch", right=False), ids=str)
def test_no_wrong_batches_of_the_bank_are_taken_for_right_ones(entry: Entry) -> None:
    probability = 0.05 + 0.5 * t.rand(3, 6, generator=t.Generator().manual_seed(0))
    law = recognise(make(entry.answer, probability)).law
    assert law is None or law.magnitude != "uniform"  # normal and signed ones are known, as what they are


@pytest.mark.parametrize("entry", entries("generate_batch_with_pairs", right=False), ids=str)
def test_no_wrong_pairs_of_the_bank_are_taken_for_right_ones(entry: Entry) -> None:
    law = recognise(make(entry.answer, 0.3, ToyModelConfig(3, 7, 2, 2, 1))).law
    only_refuses_too_much = entry.diagnosis == "raised"
    assert law is None or not law.n_correlated_pairs or only_refuses_too_much
