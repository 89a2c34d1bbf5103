"""Figures of section 4: what is drawn where, and what is refused."""

import numpy as np
import pytest
import torch as t
from jaxtyping import config
from part31_superposition_and_saes.figures.double_descent import (
    SPOKES,
    plot_dimensionality_by_size,
    plot_hidden_vectors,
    plot_loss_by_size,
)


def rand(*shape: int) -> t.Tensor:
    return t.rand(*shape, generator=t.Generator().manual_seed(0))


def test_features_stand_above_data_points(monkeypatch: pytest.MonkeyPatch) -> None:
    W, hidden = [rand(2, 100), rand(2, 100)], [rand(3, 2), rand(7, 2)]
    fig = plot_hidden_vectors([W[0].requires_grad_(), W[1]], hidden, [3, 7], "Title")
    points = [trace for trace in fig.data if trace.mode == "markers"]
    for trace, wanted in zip(points, (W[0].T, W[1].T, *hidden), strict=True):
        np.testing.assert_allclose(np.stack([trace.x, trace.y], 1), wanted.detach(), rtol=1e-6)
    lines = [trace for trace in fig.data if trace.mode == "lines"]
    assert [len(trace.x) // 3 for trace in lines] == [SPOKES, SPOKES, 3, 7]
    assert fig.layout.yaxis.domain[0] > fig.layout.yaxis3.domain[1]
    headings = [note.text for note in fig.layout.annotations]
    assert {"T = 3", "T = 7", "features", "data points"} <= set(headings)
    assert "3, 7 data points" in fig.layout.meta["alt"]
    monkeypatch.setattr(config, "jaxtyping_disable", True)  # as in a notebook, where nothing else checks
    for wrong in (([W[0]], hidden, [3, 7]), (W, hidden, [3]), (W, [rand(3, 3), rand(3, 3)], [3, 7])):
        with pytest.raises(ValueError, match="one entry a data set"):
            plot_hidden_vectors(*wrong, "Title")
    with pytest.raises(ValueError, match="finite"):
        plot_hidden_vectors([W[0] * t.inf], hidden[:1], [3], "Title")


def test_dimensionality_counts_who_shares_the_plane() -> None:
    data = [t.full((2, 3), 2 / 3), t.full((2, 4), 0.5)]
    features = [t.tensor([[1.0, 1.0, 0.0]] * 2), t.tensor([[1.0, 0.0, 0.0]] * 2)]
    fig = plot_dimensionality_by_size([3, 4], data, features, "Title")
    counts = {trace.name: list(trace.y) for trace in fig.data if trace.mode == "lines+markers"}
    assert counts["data points"] == pytest.approx([3, 4])
    assert counts["features"] == pytest.approx([2, 1])
    line = next(trace for trace in fig.data if trace.name == "all data points alike")
    assert list(line.y) == pytest.approx([2 / 3, 1 / 2])


def test_loss_has_a_median_and_a_band() -> None:
    runs = t.tensor([[1.0, 5.0], [2.0, 7.0], [4.0, 6.0]])
    fig = plot_loss_by_size(
        [10, 100], {"test": runs}, "Title", regimes=(20.0, 50.0), lowest=0.5, lines={"live": [1, 2]}
    )
    band, median, live = fig.data
    assert list(band.y) == [4, 7, 5, 1] and list(band.x) == [10, 100, 100, 10]
    assert list(median.y) == [2, 6] and list(live.y) == [1, 2]
    assert fig.layout.yaxis.range[0] == pytest.approx(np.log10(0.5))
    assert "in between" in [note.text for note in fig.layout.annotations]
    assert "test: 1 to 7" in fig.layout.meta["alt"]
    with pytest.raises(ValueError, match=r"\[repeats 3\]"):
        plot_loss_by_size([1, 2, 3], {"test": runs}, "Title")
