"""Figures of section 5's second half: what is drawn where, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch as t
from part31_superposition_and_saes.figures.frontier import confidence_interval, plot_sparsity_fidelity
from part31_superposition_and_saes.figures.sizes import MOST_POINTS, plot_projections, plot_true_against_found
from part31_superposition_and_saes.figures.straight_through import plot_straight_through
from scipy import stats


def rand(*shape: int) -> t.Tensor:
    return t.rand(*shape, generator=t.Generator().manual_seed(0))


def test_histograms_of_a_feature_on_and_off_have_area_one() -> None:
    z, on = 4 * rand(3_000) - 2, rand(3_000) > 0.9
    fig = plot_projections({"a": (z, on, [(0.5, "edge")]), "b": (z.requires_grad_(), on, [])}, "Title")
    assert len(fig.data) == 4
    for trace in fig.data:
        assert float(np.sum(np.asarray(trace.y) * np.asarray(trace.width))) == pytest.approx(1)
    assert len(fig.layout.shapes) == 1 and fig.layout.shapes[0].x0 == 0.5
    beyond = (z[~on] > 0.5).float().mean()
    assert f"edge at 0.50; beyond it lie {beyond:.0%}" in fig.layout.meta["alt"]
    with pytest.raises(ValueError, match="empty"):
        plot_projections({}, "Title")
    with pytest.raises(ValueError, match="feature on and rows with it off"):
        plot_projections({"a": (z, on & False, [])}, "Title")


def test_dots_are_features_that_are_on_alone_or_with_others() -> None:
    true = t.tensor([[0.5, 0.0], [0.0, 0.25], [0.5, 0.75], [0.0, 0.0]])
    fig = plot_true_against_found({"a": (true, 0.9 * true, 0.9, 0.8, -0.1)}, "Title")
    by_name = {trace.name: trace for trace in fig.data}
    assert list(by_name["feature on alone"].x) == pytest.approx([0.5, 0.25])
    assert list(by_name["feature on alone"].y) == pytest.approx([0.45, 0.225])
    assert list(by_name["with another one"].x) == pytest.approx([0.5, 0.75])
    line = by_name["fitted line"]
    assert (line.y[1] - line.y[0]) / (line.x[1] - line.x[0]) == pytest.approx(0.8) and line.y[0] == -0.1
    assert "γ = 0.90; fit: 0.80 × size − 0.10" in fig.layout.meta["alt"]
    assert (
        len(plot_true_against_found({"a": (rand(9_999, 1), rand(9_999, 1), 1.0, 1.0, 0.0)}, "T").data[1].x)
        == MOST_POINTS
    )
    with pytest.raises(ValueError, match="empty"):
        plot_true_against_found({}, "Title")


def test_straight_through_shows_slope_estimates_and_errors() -> None:
    thetas, widths = t.tensor([0.1, 0.2, 0.3]), [0.01, 0.1]
    loss, slope = t.tensor([3.0, 1.0, 2.0]), t.tensor([-1.0, 0.0, 1.0])
    errors = [t.tensor(0.001), t.tensor(0.01)], [t.tensor(0.05), t.tensor(0.02)]
    fig = plot_straight_through(thetas, loss, slope, {0.05: slope + 0.1}, widths, *errors, "Title")
    by_name = {trace.name: trace for trace in fig.data}
    assert list(by_name["exact slope"].y) == [-1, 0, 1]
    assert list(by_name["one batch, ε = 0.05"].y) == pytest.approx([-0.9, 0.1, 1.1])
    assert list(by_name["bias of the slope"].y) == pytest.approx([0.001, 0.01])
    assert list(by_name["spread of the slope"].x) == [0.01, 0.1]
    alt = fig.layout.meta["alt"]
    assert "least near a threshold of 0.20" in alt and "bias grows from 0.001 to 0.01" in alt


def runs() -> pd.DataFrame:
    """Two kinds of data, two autoencoders, two settings, three models each."""
    lines = []
    for data in ("iid", "Zipf"):
        for variant in ("A", "B"):
            for value in (1.0, 2.0):
                for model in range(3):
                    matching = 0.8 + 0.05 * value * (variant == "A") + 0.01 * model
                    lines.append(
                        {"data": data, "variant": variant, "value": value, "L0": value + 0.1 * model}
                        | {"explained": 0.5 + 0.1 * value, "matching": matching}
                    )
    return pd.DataFrame(lines)


def test_a_point_is_the_mean_over_models_with_its_interval() -> None:
    fig = plot_sparsity_fidelity(runs(), "Title", {("iid", "A"): 2.0})
    assert len(fig.data) == 8
    first = fig.data[1]  # matching of A on iid, under its explained variance
    assert list(first.x) == pytest.approx([1.1, 2.1]) and list(first.y) == pytest.approx([0.86, 0.91])
    half = stats.t.ppf(0.975, 2) * 0.01 / 3**0.5
    assert list(first.error_y.array) == pytest.approx([half, half])
    assert first.marker.size[1] > first.marker.size[0]
    assert len({trace.marker.symbol for trace in fig.data}) == 2  # told apart without colour
    assert "iid: from A (0.91) down to B (0.81)" in fig.layout.meta["alt"]
    with pytest.raises(ValueError, match="no column matching"):
        plot_sparsity_fidelity(runs().drop(columns="matching"), "Title")


def test_the_interval_of_a_single_value_is_0() -> None:
    assert confidence_interval(pd.Series([3.0])) == 0
    values = pd.Series([1.0, 2.0, 4.0])
    low, high = stats.t.interval(0.95, 2, values.mean(), values.std() / 3**0.5)
    assert confidence_interval(values) == pytest.approx((high - low) / 2)
