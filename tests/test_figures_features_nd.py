"""plot_features_in_Nd and its discrete sister: the numbers in the figure, and what is refused."""

import math

import numpy as np
import pytest
import torch as t
from jaxtyping import config
from part31_superposition_and_saes.figures.features_nd import (
    MOST_SEGMENTS,
    interference,
    plot_features_in_Nd,
    plot_features_in_Nd_discrete,
)


def randn(*shape):
    return t.randn(*shape, generator=t.Generator().manual_seed(0)).requires_grad_()


def of_type(fig, kind):
    return [trace for trace in fig.data if trace.type == kind]


def test_interference_by_hand():
    angles = 2 * math.pi * np.arange(5) / 5
    pentagon = np.stack([np.cos(angles), np.sin(angles)])
    np.testing.assert_allclose(interference(pentagon[None]), 1.5)  # 2 cos² 72 + 2 cos² 144
    np.testing.assert_allclose(interference(3 * pentagon[None]), 9 * 1.5)
    np.testing.assert_allclose(interference(np.eye(4)[None]), 0)
    digon = np.array([[[2.0, -1.0, 0.0]]])
    np.testing.assert_allclose(interference(digon), [[1, 4, 0]])


@pytest.mark.parametrize("shape", [(1, 3, 7), (4, 20, 30), (2, 1, 1), (2, 6, 3)])
def test_norms_interference_and_products_are_in_the_figure(shape):
    W = randn(*shape)
    fig = plot_features_in_Nd(W, height=600, width=800)
    assert (fig.layout.height, fig.layout.width) == (600, 800)
    bars, maps = of_type(fig, "bar"), of_type(fig, "heatmap")
    assert len(bars) == len(maps) == shape[0]
    for plane, norms, gram in zip(W.detach(), bars, maps, strict=True):
        np.testing.assert_allclose(norms.x, plane.norm(dim=0), rtol=1e-5)
        np.testing.assert_allclose(norms.marker.color, interference(plane[None].double().numpy())[0], rtol=1e-6)
        np.testing.assert_allclose(gram.z, plane.T @ plane, rtol=1e-4, atol=1e-4)
    assert (fig.layout.coloraxis.cmin, fig.layout.coloraxis.cmax) == (0, 1)
    assert fig.layout.coloraxis2.cmin == -fig.layout.coloraxis2.cmax


def test_headings():
    fig = plot_features_in_Nd(
        randn(2, 3, 5), 500, 700, title="A title that says what to see", subplot_titles=["a", "b"]
    )
    assert [note.text for note in fig.layout.annotations] == ["a", "b"]
    assert "A title that says what to see" in fig.layout.title.text


@pytest.mark.parametrize("feats", [4, MOST_SEGMENTS, 40])
def test_a_neurons_stack_adds_up_to_its_weights(feats):
    W = randn(2, 6, feats)
    fig = plot_features_in_Nd(W, height=600, width=800, neuron_plot=True)
    for matrix, bars, weights in zip(W.detach().double(), of_type(fig, "bar"), of_type(fig, "heatmap"), strict=True):
        neuron, value, base = (np.array(part, dtype=float) for part in (bars.x, bars.y, bars.base))
        for j, row in enumerate(matrix):
            ups, downs = value[(neuron == j) & (value > 0)], value[(neuron == j) & (value < 0)]
            assert ups.sum() == pytest.approx(row.clamp(min=0).sum().item())
            assert downs.sum() == pytest.approx(row.clamp(max=0).sum().item())
            assert len(ups) + len(downs) == min(feats, MOST_SEGMENTS + 2)
            first = base[(neuron == j) & (value > 0)]
            np.testing.assert_allclose(first, np.concatenate([[0], ups.cumsum()[:-1]])[: len(first)], atol=1e-12)
        np.testing.assert_allclose(weights.z, matrix.T.numpy(), rtol=1e-5)


def test_neurons_say_how_many_features_they_hold_in_words_too():
    W = t.eye(3)[None].repeat(1, 1, 2)
    fig = plot_features_in_Nd(W, height=500, width=500, neuron_plot=True)
    assert list(of_type(fig, "scatter")[0].text) == ["2", "2", "2"]
    assert set(of_type(fig, "bar")[0].marker.color) == {2}


def test_a_model_without_weights_is_drawn():
    for neuron_plot in (False, True):
        fig = plot_features_in_Nd(t.zeros(1, 3, 5), height=500, width=500, neuron_plot=neuron_plot)
        assert np.isfinite(fig.layout.coloraxis2.cmax)


def test_every_weight_is_a_labelled_segment():
    W1, W2 = randn(2, 4, 3), randn(2, 3, 4)
    fig = plot_features_in_Nd_discrete(W1, W2, ["a", "b", "c"], height=500)
    bars = of_type(fig, "bar")
    matrices = [W1[0], W2[0].T, W1[1], W2[1].T]
    assert (fig.layout.height, fig.layout.width, len(bars)) == (500, 800, 4)
    for trace, matrix in zip(bars, matrices, strict=True):
        drawn = {(x, word): y for x, word, y in zip(trace.x, trace.text, trace.y, strict=True)}
        expected = {(j, name): matrix[j, i].item() for j in range(4) for i, name in enumerate("abc")}
        assert drawn == pytest.approx(expected)
        assert all(b * y >= 0 for b, y in zip(trace.base, trace.y, strict=True))  # positive up, negative down


def test_rows_of_the_discrete_plot_have_their_names():
    W1, W2 = randn(2, 4, 3), randn(2, 3, 4)
    fig = plot_features_in_Nd_discrete(W1, W2, ["a", "b", "c"], row_titles=["dense", "sparse"])
    heads = [note.text for note in fig.layout.annotations]
    assert heads == ["W1: in, dense", "W2: out, dense", "W1: in, sparse", "W2: out, sparse"]
    assert "W1: in, instance 1" in [n.text for n in plot_features_in_Nd_discrete(W1, W2, ["a"] * 3).layout.annotations]
    assert [n.text for n in plot_features_in_Nd_discrete(W1[:1], W2[:1], ["a"] * 3).layout.annotations] == [
        "W1: in",
        "W2: out",
    ]
    with pytest.raises(ValueError, match="row_titles=.* must be a list of 2"):
        plot_features_in_Nd_discrete(W1, W2, ["a"] * 3, row_titles=["dense"])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: plot_features_in_Nd(t.rand(3, 5), 500, 500),
            r"W has shape \[3, 5\]; it must be \[inst d_hidden feats\]",
        ),
        (lambda: plot_features_in_Nd(t.rand(1, 0, 5), 500, 500), "no axis empty"),
        (lambda: plot_features_in_Nd(t.rand(2, 3, 5), 500, 500, subplot_titles=["a"]), "must be a list of 2"),
        (lambda: plot_features_in_Nd(t.full((1, 2, 2), float("inf")), 500, 500), "NaN or infinity"),
        (
            lambda: plot_features_in_Nd_discrete(t.rand(2, 4, 3), t.rand(2, 4, 3), ["a"] * 3),
            r"W2 has shape \[2, 4, 3\]; it must be \[inst feats d_hidden\] = \[2, 3, 4\]",
        ),
        (
            lambda: plot_features_in_Nd_discrete(t.rand(2, 4, 3), t.rand(2, 3, 4), ["a"]),
            "legend_names has 1 entries for 3 features",
        ),
    ],
)
def test_what_does_not_fit_is_named(call, said, monkeypatch):
    monkeypatch.setattr(config, "jaxtyping_disable", True)  # as in a notebook, where nothing else checks
    with pytest.raises(ValueError, match=said):
        call()
