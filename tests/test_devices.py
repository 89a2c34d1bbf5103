"""No reference, fast path, figure or learner's test makes a tensor where nobody asked for it."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import pytest
import torch as t
from part31_superposition_and_saes import solutions, utils
from part31_superposition_and_saes import tests as learners_tests

from tests.needs_device import NeedsDevice, NoDevice

CPU = t.device("cpu")
TESTS = {test.exercise: test for test in learners_tests.REGISTRY.values()}


@pytest.mark.parametrize(
    "make",
    [
        lambda: t.rand(3),
        lambda: t.tensor([1.0]),
        lambda: t.as_tensor([1.0]),
        lambda: t.zeros((2, 2), dtype=t.float64),
        lambda: t.arange(3),
    ],
)
def test_the_guard_refuses_a_factory_without_device(make: Callable[[], Any]) -> None:
    with pytest.raises(NoDevice), NeedsDevice():
        make()


def test_the_guard_lets_pass_what_knows_its_device() -> None:
    with NeedsDevice():
        x = t.rand(3, device="cpu")
        t.as_tensor(x), t.zeros_like(x), x.new_zeros(2), x + 1, t.cat([x, x]), t.eye(2, device=x.device)


# Its answer is made from nothing but a name: it lies on the CPU, wherever the models are.
FROM_NOTHING = {"ideal_polytope"}


@pytest.mark.parametrize("exercise", sorted(set(TESTS) - FROM_NOTHING))
def test_a_learners_test_with_our_answer(exercise: str) -> None:
    test = TESTS[exercise]
    with NeedsDevice():
        outcome = test.judge(getattr(solutions, test.takes))
    assert outcome.passed, outcome.message


MODELS = [
    one
    for one in vars(solutions).values()
    if isinstance(one, type) and issubclass(one, solutions.ToyModel)
    # The one trains on one fixed batch, the others do not take any probability: tested with their sections.
    if not issubclass(one, (solutions.DoubleDescentModel, solutions.HierarchicalToyModel))
]


@pytest.mark.parametrize("model_class", MODELS)
@pytest.mark.parametrize("fast", [True, False])
def test_a_training(model_class: type, fast: bool) -> None:
    with NeedsDevice():
        generator = t.Generator("cpu").manual_seed(0)
        model = model_class(solutions.ToyModelConfig(2), 0.3, device=CPU, generator=generator)
        report = utils.optimize(model, 16, 3, 1, 1e-3, solutions.constant_lr, generator, fast=fast)
    assert report.path == ("fused" if fast else "autograd"), report.reason


def test_a_training_with_pairs() -> None:
    with NeedsDevice():
        cfg = solutions.ToyModelConfig(2, 6, n_correlated_pairs=1, n_anticorrelated_pairs=1)
        solutions.ToyModel(cfg, 0.3, device=CPU).optimize(16, 3)


W = t.randn(3, 2, 5, generator=t.Generator().manual_seed(0))
FIGURES: dict[str, Callable[[], Any]] = {
    "features_in_2d": lambda: utils.plot_features_in_2d(W),
    "features_in_Nd": lambda: utils.plot_features_in_Nd(W, 600, 800),
    "neurons": lambda: utils.plot_features_in_Nd(W, 600, 800, neuron_plot=True),
    "features_in_Nd_discrete": lambda: utils.plot_features_in_Nd_discrete(W, W.mT, list("abcde")),
    "correlated_features": lambda: utils.plot_correlated_features(W[0], "title"),
    "cosine_similarities": lambda: utils.plot_cosine_similarities(W),
    "batch_in_hidden_plane": lambda: utils.plot_batch_in_hidden_plane(W.mT, (W[:, 0] > 0).int(), W),
    "feature_geometry": lambda: utils.plot_feature_geometry(
        solutions.ToyModel(solutions.ToyModelConfig(3), device=CPU)
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure(name: str) -> None:
    with NeedsDevice():
        assert isinstance(FIGURES[name](), go.Figure)


def test_a_training_on_one_fixed_batch() -> None:
    with NeedsDevice():
        model = solutions.DoubleDescentModel(solutions.ToyModelConfig(2), 0.3, device=CPU)
        model.optimize(batch_size=8, steps=3)
