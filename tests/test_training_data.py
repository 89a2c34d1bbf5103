"""Fast draws follow their law: what the probe looks for in a model's batches is looked for in the trainer's own."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch as t
from part31_superposition_and_saes.training import data
from part31_superposition_and_saes.training.data import SPARSE_BELOW, DataLaw, Draws
from part31_superposition_and_saes.training.samples import Sample

MAGNITUDES: Any = ("uniform", "half-normal", "signed")
ROWS = 2048


def draw(law: DataLaw, seed: int = 0, rows: int = ROWS, calls: int = 1, **like: Any) -> list[t.Tensor]:
    x = t.full((*law.probability.shape, rows), math.nan, **like)
    draws = Draws(law, x, t.Generator().manual_seed(seed))
    batches = []
    for _ in range(calls):
        draws.fill()
        batches.append(x.permute(2, 0, 1).clone())
    return batches


def near_half(inst: int = 3, feats: int = 6) -> t.Tensor:
    return 0.3 + 0.4 * t.rand(inst, feats, generator=t.Generator().manual_seed(1))


@pytest.mark.parametrize("magnitude", MAGNITUDES)
@pytest.mark.parametrize("seed", range(3))
def test_dense_draws_follow_the_law(magnitude: Any, seed: int) -> None:
    law = DataLaw(near_half(), magnitude)
    sample = Sample(draw(law, seed, calls=2), law)
    assert sample.departure() is None
    assert sample.dependence() is None


@pytest.mark.parametrize("magnitude", MAGNITUDES)
@pytest.mark.parametrize("dtype", [t.float32, t.float64])
def test_sparse_draws_follow_the_law(magnitude: Any, dtype: t.dtype) -> None:
    probability = SPARSE_BELOW * t.tensor([[0.99, 0.5, 0.0, 0.1], [0.9, 0.9, 0.9, 0.9], [0.2, 0.01, 0.99, 0.4]])
    law = DataLaw(probability, magnitude)
    assert Sample(draw(law, calls=40, dtype=dtype), law).departure() is None


@pytest.mark.parametrize("magnitude", MAGNITUDES)
def test_the_sparse_way_draws_independent_entries(magnitude: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "SPARSE_BELOW", 1.0)  # dependence shows where features are on often
    law = DataLaw(near_half(), magnitude)
    sample = Sample(draw(law, calls=2), law)
    assert sample.departure() is None
    assert sample.dependence() is None


def test_instances_may_be_sparse_and_dense_in_any_order() -> None:
    probability = t.tensor([0.5, 0.01, 0.02, 1.0, 0.0, 0.3])[:, None].expand(6, 4)
    law = DataLaw(probability)
    batches = draw(law, calls=10)
    assert Sample(batches, law).departure() is None
    assert (batches[0][:, 3] > 0).all()
    assert not batches[0][:, 4].any()


@pytest.mark.parametrize("magnitude", MAGNITUDES)
@pytest.mark.parametrize("pairs", [(1, 0), (0, 1), (2, 1), (0, 3)])
def test_pairs_follow_the_law(magnitude: Any, pairs: tuple[int, int]) -> None:
    probability = t.tensor([0.3, 0.45, 0.5])[:, None].expand(3, 6)
    law = DataLaw(probability, magnitude, *pairs)
    batches = draw(law, calls=2)
    sample = Sample(batches, law)
    assert sample.departure() is None
    assert sample.dependence() is None
    is_on = t.cat(batches) != 0
    first, second = (is_on[..., columns] for columns in law.correlated)
    assert t.equal(first, second)
    first, second = (is_on[..., columns] for columns in law.anticorrelated)
    assert not (first & second).any()
    assert Sample(batches, replace(law, n_correlated_pairs=0, n_anticorrelated_pairs=0)).dependence()


@pytest.mark.parametrize("probability", [0.2, 0.004])
def test_a_generator_decides_the_numbers_and_the_global_state_stays(probability: float) -> None:
    law = DataLaw(t.full((2, 3), probability))
    before = t.get_rng_state()
    first, again, other = draw(law, 5, calls=3), draw(law, 5, calls=3), draw(law, 6, calls=3)
    assert t.equal(before, t.get_rng_state())
    assert all(map(t.equal, first, again))
    assert not t.equal(first[0], other[0]) and not t.equal(first[0], first[1])


def test_without_a_generator_torchs_own_is_the_source() -> None:
    law = DataLaw(t.full((2, 3), 0.5))
    x = t.empty(2, 3, 64)
    with t.random.fork_rng():
        t.manual_seed(3)
        Draws(law, x, None).fill()
        first = x.clone()
        t.manual_seed(3)
        Draws(law, x, None).fill()
        assert t.equal(first, x)


def test_rare_features_have_finely_graded_magnitudes() -> None:
    """Beside a frequent feature a rare one is drawn densely, from bits that reach far below its probability."""
    law = DataLaw(t.tensor([[0.9, 0.001]]))
    values = t.cat(draw(law, rows=2**16, calls=40))[:, 0, 1]
    values = values[values > 0]
    assert len(values) > 2000
    assert len(values.unique()) > 0.99 * len(values)
