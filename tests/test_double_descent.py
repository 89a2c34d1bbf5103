"""Section 4's reference: what the exercises' tests do not look at."""

import math

import pytest
import torch as t
from part31_superposition_and_saes import solutions
from part31_superposition_and_saes.solutions import DoubleDescentModel, ToyModelConfig, anthropic_lr, best_instance
from part31_superposition_and_saes.training.loop import TrainingReport


def generator(seed: int = 0) -> t.Generator:
    return t.Generator().manual_seed(seed)


def polygon(corners: int) -> t.Tensor:
    angles = 2 * math.pi * t.arange(corners) / corners
    return t.stack([angles.cos(), angles.sin()], dim=1)


@pytest.mark.parametrize("corners", [3, 5, 8, 200])
def test_corners_of_a_polygon_share_the_plane_evenly(corners: int) -> None:
    D = DoubleDescentModel.dimensionality(3 * polygon(corners))
    t.testing.assert_close(D, t.full((corners,), 2 / corners))


def test_dimensionality_does_not_depend_on_scale_and_sums_to_the_rank() -> None:
    data = t.randn(4, 50, 3, generator=generator())
    D = DoubleDescentModel.dimensionality(data)
    t.testing.assert_close(DoubleDescentModel.dimensionality(1e-6 * data), D)
    assert (D > 0).all() and (D <= 1).all() and (D.sum(-1) <= 3 + 1e-4).all()
    assert (DoubleDescentModel.dimensionality(t.zeros(2, 3, 2)) == 0).all()


def test_optimize_trains_each_instance_on_a_batch_of_its_own_and_returns_the_best() -> None:
    source = generator()
    model = DoubleDescentModel(ToyModelConfig(3, 30, 2), 0.2, device="cpu", generator=source)
    batch, W = model.optimize(4, steps=300, lr=0.02, lr_scale=lambda s, n: anthropic_lr(s, n, 30), generator=source)
    assert model.data_set.shape == (4, 3, 30) and not t.equal(model.data_set[:, 0], model.data_set[:, 1])
    losses = model.calculate_loss(model(model.data_set), model.data_set, per_inst=True)
    k = losses.argmin()
    assert t.equal(batch, model.data_set[:, k]) and t.equal(W, model.W[k]) and not W.requires_grad
    assert isinstance(model.training_report, TrainingReport) and model.training_report.path == "fused"
    assert all(t.equal(a, b) for a, b in zip(best_instance(model, model.data_set), (batch, W), strict=True))
    again = DoubleDescentModel(ToyModelConfig(3, 30, 2), 0.2, device="cpu", generator=(source := generator()))
    again.optimize(4, steps=300, lr=0.02, lr_scale=lambda s, n: anthropic_lr(s, n, 30), generator=source)
    assert t.equal(again.W, model.W)


def test_what_is_measured_of_a_run() -> None:
    model = DoubleDescentModel(ToyModelConfig(2, 5, 2), 0.5, device="cpu", generator=generator())
    with t.no_grad():
        model.W.copy_(polygon(5).T)
    hidden = t.stack([polygon(4), 2 * polygon(4)])
    hidden[1, 0] *= 3
    got = solutions.measure_run(model, hidden)
    assert got["gap_deviation"].tolist() == pytest.approx([0, 0], abs=1e-3)
    assert got["norm_ratio"].tolist() == pytest.approx([1, 3])
    assert got["data_median"][0].item() == pytest.approx(0.5)
    assert got["data_effective"][0].item() == pytest.approx(4) and got["data_effective"][1] < 4
    assert got["feature_effective"].tolist() == pytest.approx([5, 5])
    assert got["feature_largest"].tolist() == pytest.approx([0.4, 0.4])
    assert got["weight_norm"].tolist() == pytest.approx([5**0.5] * 2)
    turned = solutions.measure_run(model, t.stack([polygon(4)[[0, 1, 2, 2]]] * 2))
    assert turned["gap_deviation"].tolist() == pytest.approx([90, 90], abs=1e-3)


def test_loss_per_row_of_a_model_that_answers_zero_is_one() -> None:
    model = DoubleDescentModel(ToyModelConfig(2, 40, 2), 0.3, device="cpu", generator=generator())
    with t.no_grad():
        model.W.zero_()
    batch = model.generate_batch(50, generator=generator())
    assert solutions.loss_per_row(model, batch).tolist() == pytest.approx([1, 1], rel=1e-5)
    assert solutions.hidden_vectors(model, batch).shape == (2, 50, 2)


@pytest.mark.parametrize("corners", [2, 3, 8])
def test_gaps_between_neighbours_of_a_polygon_are_equal_in_any_order_and_at_any_distance(corners: int) -> None:
    order = t.randperm(corners, generator=generator())
    lengths = t.rand(6, corners, 1, generator=generator()) + 0.1
    gaps = solutions.gaps_between_neighbours(lengths * polygon(corners)[order])
    t.testing.assert_close(gaps, t.full((6, corners), 360 / corners), atol=1e-3, rtol=0)


def test_gaps_between_neighbours_add_up_to_a_turn() -> None:
    gaps = solutions.gaps_between_neighbours(t.tensor([[1.0, 0.0], [0.0, -1.0], [1.0, 1.0]]))
    assert sorted(gaps.tolist()) == pytest.approx([45, 90, 225], abs=1e-3)


def stored(corners: int, radius: float) -> DoubleDescentModel:
    """A model that has stored as many data points, which share no feature, as a regular polygon of that radius."""
    model = DoubleDescentModel(ToyModelConfig(1, 2 * corners, 2), 0.5, device="cpu", generator=generator())
    values = t.tensor([0.6, 0.8]).repeat(corners)  # two features a row
    model.data_set = (t.eye(corners).repeat_interleave(2, dim=1) * values)[:, None]
    with t.no_grad():
        model.W[0] = radius * polygon(corners).repeat_interleave(2, dim=0).T * values
        model.b_final[0] = values * (1 - radius**2)
    return model


@pytest.mark.parametrize("corners", [3, 4, 5, 8])
def test_the_smallest_polygon_without_error_has_no_room_left_and_the_weights_derived_in_the_text(corners: int) -> None:
    radius = (1 - math.cos(2 * math.pi / corners)) ** -0.5
    model = stored(corners, radius)
    hidden = solutions.hidden_vectors(model, model.data_set)
    assert solutions.loss_per_row(model, model.data_set).item() == pytest.approx(0, abs=1e-9)
    assert solutions.least_room(hidden, model.data_set).item() == pytest.approx(0, abs=1e-5)
    assert model.W.norm().item() == pytest.approx((corners / (1 - math.cos(2 * math.pi / corners))) ** 0.5)
    for factor, fits in ((0.9, False), (1.1, True)):
        model = stored(corners, factor * radius)
        hidden = solutions.hidden_vectors(model, model.data_set)
        assert (solutions.loss_per_row(model, model.data_set).item() < 1e-9) == fits
        assert (solutions.least_room(hidden, model.data_set).item() > 0) == fits


def test_data_points_that_share_a_feature_have_as_much_more_room() -> None:
    hidden = t.stack([polygon(4)] * 2)
    rows = t.zeros(4, 2, 8)
    rows[range(4), :, range(4)] = 1
    rows[0, 1, [0, 1]] = t.tensor([0.8, 0.6])  # in instance 1 the first row has a feature of the second
    assert solutions.least_room(hidden[:, :2], rows[:2]).tolist() == pytest.approx([0, 0.6], abs=1e-6)
