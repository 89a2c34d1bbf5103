"""The figures of the introduction: the numbers they show are right."""

import math

import numpy as np
import pytest
import torch as t
from jaxtyping import config
from part31_superposition_and_saes.figures.introduction import (
    plot_feature_as_direction,
    plot_polysemanticity_and_superposition,
    plot_relu_in_two_bases,
    plot_sparsity_and_importance,
    polygon,
)


def test_polygon_has_unit_vectors_at_equal_angles():
    corners = polygon(5)
    np.testing.assert_allclose(np.linalg.norm(corners, axis=0), 1)
    np.testing.assert_allclose(corners[:, 0], [0, 1], atol=1e-12)
    products = np.unique(np.round(corners.T @ corners, 6))
    np.testing.assert_allclose(products, [math.cos(math.radians(144)), math.cos(math.radians(72)), 1], atol=1e-6)


def test_relu_curves_coincide_in_the_standard_basis_and_fan_out_in_the_turned_one():
    fig = plot_relu_in_two_bases()
    curves = {(prime, second): curve(fig, prime, second) for prime in ("", "′") for second in (0, 1, 2)}
    for second in (0, 1, 2):
        x, y = curves["", second]
        np.testing.assert_allclose(y, np.maximum(x, 0))
        x, y = curves["′", second]  # (relu(x' + y') + relu(x' - y')) / 2
        np.testing.assert_allclose(y, (np.maximum(x + second, 0) + np.maximum(x - second, 0)) / 2, atol=1e-12)


def curve(fig, prime, second):
    (trace,) = [trace for trace in fig.data if trace.name == f"y{prime} = {second}"]
    return np.array(trace.x), np.array(trace.y)


def test_points_after_relu_are_the_relu_of_the_points_before():
    fig = plot_relu_in_two_bases()
    before, after = (
        [np.array([trace.x, trace.y]) for trace in fig.data if trace.name == name]
        for name in ("before ReLU", "after ReLU")
    )
    turn = np.array([[1, 1], [1, -1]]) / math.sqrt(2)
    np.testing.assert_allclose(after[0], np.maximum(before[0], 0), atol=1e-12)
    np.testing.assert_allclose(after[1], turn @ np.maximum(turn @ before[1], 0), atol=1e-12)


def test_only_the_pentagon_interferes():
    maps = [np.array(trace.z) for trace in plot_polysemanticity_and_superposition().data if trace.type == "heatmap"]
    weights, grams = maps[0::2], maps[1::2]
    entries = [(abs(W) > 0.01).sum(axis=1).tolist() for W in weights]
    assert entries == [[1, 1], [2, 2], [4, 5]]
    np.testing.assert_allclose(grams[0], np.eye(2), atol=1e-12)
    np.testing.assert_allclose(grams[1], np.eye(2), atol=1e-12)
    assert abs(grams[2] - np.eye(5)).max() > 0.8


def test_features_meet_as_often_as_they_do():
    fig = plot_sparsity_and_importance(n_features=(5, 20), importance=t.tensor([1.0, 0.5, 0.25]))
    for trace, n in zip(fig.data[:2], (5, 20), strict=True):
        p = np.array(trace.x)
        np.testing.assert_allclose(trace.y, 1 - (1 - p) ** (n - 1))
    bars = {x: y for trace in fig.data if trace.type == "bar" for x, y in zip(trace.x, trace.y, strict=True)}
    assert bars == {0: 1, 1: 0.5, 2: 0.25}


def test_what_is_put_in_and_what_is_read_off():
    W = t.tensor([[1.0, 0.6], [0.0, 0.8]], requires_grad=True)
    fig = plot_feature_as_direction(W, t.tensor([1.0, 0.5]))
    put, read = (trace for trace in fig.data if trace.type == "bar")
    assert list(put.y) == [1, 0.5]
    np.testing.assert_allclose(read.y, [1.3, 1.1], rtol=1e-6)
    ends = {(round(note.x, 6), round(note.y, 6)) for note in fig.layout.annotations if note.showarrow}
    assert (1.3, 0.4) in ends


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: plot_feature_as_direction(t.rand(3, 5)), r"W has shape \[3, 5\]"),
        (
            lambda: plot_feature_as_direction(t.rand(2, 5), t.rand(4)),
            r"x has shape \[4\]; it must be \[feats\] = \[5\]",
        ),
        (lambda: plot_sparsity_and_importance(importance=t.rand(2, 2)), r"importance has shape \[2, 2\]"),
    ],
)
def test_what_does_not_fit_is_named(call, said, monkeypatch):
    monkeypatch.setattr(config, "jaxtyping_disable", True)  # as in a notebook, where nothing else checks
    with pytest.raises(ValueError, match=said):
        call()
