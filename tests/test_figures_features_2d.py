"""plot_features_in_2d: the numbers in the figure, the labels, and what is refused."""

import math

import numpy as np
import pytest
import torch as t
from jaxtyping import config
from part31_superposition_and_saes.figures.features_2d import plot_features_in_2d
from part31_superposition_and_saes.figures.style import panel_grid


def tips(fig):
    return [trace for trace in fig.data if trace.mode == "markers"]


def labels(fig, panel=0):
    """Text and place of the labels of one panel."""
    axis = tips(fig)[panel].xaxis
    texts = [trace for trace in fig.data if trace.mode == "text" and trace.xaxis == axis]
    return {text: (x, y) for trace in texts for text, x, y in zip(trace.text, trace.x, trace.y, strict=True)}


def pentagon(n=5, scale=1.0):
    angles = 2 * math.pi * t.arange(n) / n + 0.3
    return scale * t.stack([angles.cos(), angles.sin()])


@pytest.mark.parametrize("shape", [(2, 5), (1, 2, 5), (8, 2, 5), (2, 3, 2, 4), (20, 2, 3)])
def test_every_feature_of_every_instance_is_a_tip(shape):
    W = t.randn(shape, generator=t.Generator().manual_seed(0), requires_grad=True)
    fig = plot_features_in_2d(W)
    planes = W.detach().reshape(-1, *shape[-2:])
    assert len(tips(fig)) == len(planes)
    for tip, plane in zip(tips(fig), planes, strict=True):
        np.testing.assert_allclose([tip.x, tip.y], plane, rtol=1e-6)
        np.testing.assert_allclose([row[0] for row in tip.customdata], range(shape[-1]))
        np.testing.assert_allclose([row[1] for row in tip.customdata], plane.norm(dim=0), rtol=1e-6)
        np.testing.assert_allclose(
            [row[2] for row in tip.customdata], t.rad2deg(t.atan2(plane[1], plane[0])), rtol=1e-4, atol=1e-4
        )


def test_lines_run_from_the_origin_to_the_tips():
    W = pentagon()
    lines = [trace for trace in plot_features_in_2d(W).data if trace.mode == "lines"]
    ends = {(trace.x[1], trace.y[1]) for trace in lines}
    assert all((trace.x[0], trace.y[0], trace.x[2]) == (0, 0, None) for trace in lines)
    np.testing.assert_allclose(sorted(ends), sorted(map(tuple, W.T.tolist())), rtol=1e-6)


def test_each_feature_is_labelled_beyond_its_tip():
    W = pentagon()
    found = labels(plot_features_in_2d(W))
    assert set(found) == {"0", "1", "2", "3", "4"}
    for i in range(5):
        at = t.tensor(found[str(i)])
        assert t.cosine_similarity(at, W[:, i], dim=0) > 0.999 and 1.02 < at.norm() < 1.34


def test_features_at_one_place_share_a_label_and_short_ones_are_listed():
    W = t.tensor([[1.0, 0.999, 0.0, 0.0, -0.01], [0.0, 0.01, 1.0, 0.0, 0.01]])
    assert set(labels(plot_features_in_2d(W))) == {"0,1", "2", "short: 3, 4"}


def test_a_list_may_mix_numbers_of_features_and_dtypes():
    fig = plot_features_in_2d([pentagon(5), pentagon(3).half(), pentagon(8).double()], subplot_titles=["a", "b", "c"])
    assert [len(tip.x) for tip in tips(fig)] == [5, 3, 8]
    assert [note.text for note in fig.layout.annotations[:3]] == ["a", "b", "c"]


def test_limits_are_shared_unless_asked():
    planes = [pentagon(), pentagon(scale=0.1)]
    ranges = [axis.range for axis in plot_features_in_2d(planes).select_xaxes()]
    assert ranges[0] == ranges[1]
    own = plot_features_in_2d(planes, allow_different_limits_across_subplots=True)
    ranges = [axis.range[1] for axis in own.select_xaxes()]
    assert ranges[0] == pytest.approx(10 * ranges[1])


def test_panels_are_square():
    for n in (1, 2, 3, 8, 20):
        fig = plot_features_in_2d(pentagon().expand(n, 2, 5))
        margin = fig.layout.margin
        across, down = fig.layout.width - margin.l - margin.r, fig.layout.height - margin.t - margin.b
        x, y = fig.layout.xaxis.domain, fig.layout.yaxis.domain
        assert (x[1] - x[0]) * across == pytest.approx((y[1] - y[0]) * down, rel=0.01)
        assert fig.layout.yaxis.scaleanchor == "x"


def test_colours():
    W = pentagon().expand(2, 2, 5)
    by_name = plot_features_in_2d(W, colors=["red", "red", "blue", "blue", "blue"])
    assert list(tips(by_name)[1].marker.color) == ["red", "red", "blue", "blue", "blue"]
    assert len([trace for trace in by_name.data if trace.mode == "lines"]) == 2 * 2
    by_number = plot_features_in_2d(W, colors=t.tensor([3.0, 3, 3, 3, 7]))
    assert len(set(tips(by_number)[0].marker.color)) == 2
    per_panel = plot_features_in_2d(W, colors=[["red"] * 5, ["blue"] * 5])
    assert [tip.marker.color[0] for tip in tips(per_panel)] == ["red", "blue"]
    assert len(set(tips(plot_features_in_2d(W))[0].marker.color)) == 5


def test_hundreds_of_features_are_points_without_labels():
    fig = plot_features_in_2d(t.randn(2, 300, generator=t.Generator().manual_seed(0)))
    assert len(fig.data) == 2 and len(fig.data[0].x) == 900


def test_zero_weights_are_drawn():
    assert set(labels(plot_features_in_2d(t.zeros(2, 3)))) == {"short: 0, 1, 2"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(W=t.rand(8, 3, 5)), r"\[3, 5\].*d_hidden = 2"),
        (dict(W=t.rand(5)), r"shape \[5\]"),
        (dict(W=[]), "empty list"),
        (dict(W=t.rand(0, 2, 5)), r"shape \[0, 2, 5\]"),
        (dict(W=t.full((2, 5), float("nan"))), "NaN"),
        (dict(W=t.rand(2, 5), colors=["red"]), r"colors has 1 entries for panels of \[5\]"),
        (dict(W=t.rand(3, 2, 5), colors=[["red"] * 5]), r"colors has \[5\] entries"),
        (dict(W=t.rand(3, 2, 5), subplot_titles=["a"]), r"subplot_titles=\['a'\] must be a list of 3"),
        (dict(W=t.rand(3, 2, 5), n_rows=4), "n_rows=4"),
    ],
)
def test_what_does_not_fit_is_named(arguments, said, monkeypatch):
    monkeypatch.setattr(config, "jaxtyping_disable", True)  # as in a notebook, where nothing else checks
    with pytest.raises(ValueError, match=said):
        plot_features_in_2d(**arguments)


def test_wrapping_leaves_few_empty_places():
    expected = {1: (1, 1), 4: (1, 4), 5: (1, 5), 6: (2, 3), 8: (2, 4), 10: (2, 5), 12: (3, 4), 20: (4, 5)}
    assert {n: panel_grid(n) for n in expected} == expected
    assert panel_grid(8, 1) == (1, 8) and panel_grid(5, 2) == (2, 3)


def test_the_circle_is_explained_wherever_it_is_drawn():
    fig = plot_features_in_2d([pentagon(), pentagon(scale=0.1)])
    assert len(fig.layout.shapes) == 2
    assert any("dotted circle: norm 1" in note.text for note in fig.layout.annotations)
    small = plot_features_in_2d(pentagon(scale=0.1))
    assert not small.layout.shapes and not any("circle" in note.text for note in small.layout.annotations)
