"""Figures of batches: the numbers in them, and what is refused."""

import math

import numpy as np
import pytest
import torch as t
from jaxtyping import config
from part31_superposition_and_saes.figures.data import (
    MOST_POINTS,
    MOST_ROWS,
    plot_batch_in_hidden_plane,
    plot_correlated_features,
    plot_cosine_similarities,
)


def rand(*shape):
    return t.rand(*shape, generator=t.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(12, 1), (40, 4), (200, 8)])
def test_every_row_is_a_bar_of_its_feature(shape):
    batch = rand(*shape) * (rand(*shape) < 0.5)
    fig = plot_correlated_features(batch.requires_grad_(), title="Independent features")
    assert len(fig.data) == shape[1]
    for i, trace in enumerate(fig.data):
        np.testing.assert_allclose(trace.y, batch[:MOST_ROWS, i].detach(), rtol=1e-6)
        assert list(trace.x) == list(range(min(shape[0], MOST_ROWS)))
    assert [axis.title.text for axis in fig.select_yaxes()] == [f"feature {i}" for i in range(shape[1])]


def test_alt_text_counts_who_is_on_together():
    batch = t.tensor([[1.0, 0.5, 0, 0], [0, 0, 0.3, 0], [0.2, 0.2, 0, 0.1], [0, 0, 0, 0]])
    alt = plot_correlated_features(batch, title="Pairs").layout.meta["alt"]
    assert "features 0 and 1 are on together in 2 of the 2 rows" in alt
    assert "features 2 and 3 are on together in 0 of the 2 rows" in alt


def test_rows_land_by_how_many_features_are_on():
    W = t.eye(2).repeat(2, 1, 1).requires_grad_()
    hidden, n_active = rand(2, 30, 2), t.arange(60).reshape(2, 30) % 5
    fig = plot_batch_in_hidden_plane(hidden, n_active, W, subplot_titles=["dense", "sparse"])
    for i, axis in enumerate(("x", "x2")):
        for name, chosen in (
            ("none on", n_active[i] == 0),
            ("one on", n_active[i] == 1),
            ("two on", n_active[i] == 2),
            ("three or more on", n_active[i] >= 3),
        ):
            (trace,) = [
                trace for trace in fig.data if trace.name == name and trace.xaxis == axis and trace.x[0] is not None
            ]
            np.testing.assert_allclose(np.stack([trace.x, trace.y], 1), hidden[i][chosen])
    keys = [trace for trace in fig.data if trace.showlegend is not False]
    assert {trace.name for trace in keys} == {"none on", "one on", "two on", "three or more on"}
    assert len({trace.marker.symbol for trace in keys}) == 4
    assert "20% of the rows have no feature on" in fig.layout.meta["alt"]


def test_kinds_that_do_not_occur_have_no_key_and_long_batches_are_cut():
    n_active = t.ones(1, 2 * MOST_POINTS, dtype=t.int64)
    fig = plot_batch_in_hidden_plane(rand(1, 2 * MOST_POINTS, 2), n_active, rand(1, 2, 3))
    assert [trace.name for trace in fig.data if trace.showlegend is not False] == ["one on"]
    assert max(len(trace.x) for trace in fig.data) == MOST_POINTS


def test_cosines_by_hand_and_written_out():
    angles = 2 * math.pi * t.arange(3) / 3
    W = t.stack([2 * angles.cos(), 2 * angles.sin()])[None]
    fig = plot_cosine_similarities(W)
    expected = [[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1]]
    np.testing.assert_allclose(fig.data[0].z, expected, atol=1e-6)
    assert list(fig.data[1].text)[:3] == ["1.00", "−0.50", "−0.50"]


def test_a_column_of_zeros_has_no_angle_and_many_vectors_no_numbers():
    W = rand(2, 4, 60)
    W[:, :, 7] = 0
    fig = plot_cosine_similarities(W)
    assert not np.any(np.array(fig.data[0].z)[7]) and np.isfinite(fig.data[0].z).all()
    assert [trace.type for trace in fig.data] == ["heatmap", "heatmap"] and fig.data[0].showscale


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: plot_correlated_features(rand(3), "a title"), r"batch has shape \[3\]; it must be \[batch feats\]"),
        (lambda: plot_correlated_features(rand(0, 3), "a title"), r"batch has shape \[0, 3\]"),
        (
            lambda: plot_batch_in_hidden_plane(rand(2, 9, 2), t.ones(2, 8), rand(2, 2, 5)),
            r"hidden \[2, 9, 2\], n_active \[2, 8\] and W \[2, 2, 5\] do not fit",
        ),
        (lambda: plot_batch_in_hidden_plane(rand(2, 9, 3), t.ones(2, 9), rand(2, 3, 5)), "second axis must be 2"),
        (lambda: plot_batch_in_hidden_plane(rand(2, 9, 3), t.ones(2, 9), rand(2, 2, 5)), r"hidden \[2, 9, 3\]"),
        (lambda: plot_cosine_similarities(rand(2, 5)), r"W has shape \[2, 5\]"),
    ],
)
def test_what_does_not_fit_is_named(call, said, monkeypatch):
    monkeypatch.setattr(config, "jaxtyping_disable", True)  # as in a notebook, where nothing else checks
    with pytest.raises(ValueError, match=said):
        call()
