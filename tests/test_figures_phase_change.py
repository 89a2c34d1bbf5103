"""Figures of the bonus section's first part: what they draw, what they say of it, and what they refuse."""

import math
from typing import Any

import plotly.graph_objects as go
import pytest
import torch as t
from part31_superposition_and_saes import utils

R, P = 10 ** t.linspace(-1, 1, 4), 10 ** -t.linspace(0, 2, 5)
PHASE = t.tensor([[0, 1, 1, 1, 1], [0, 0, 1, 1, 1], [2, 2, 1, 1, 1], [2, 2, 3, 1, 1]])


def map_of(phase: t.Tensor, **options: Any) -> go.Figure:
    return utils.plot_phase_diagram({"a map": phase, "another": phase}, R, P, 0.3 + 0 * R, "Where it pays", **options)


def test_a_map_has_importance_to_the_right_and_density_upwards() -> None:
    fig = map_of(PHASE)
    maps = [trace for trace in fig.data if trace.type == "heatmap"]
    assert len(maps) == 2 and t.equal(t.tensor(maps[0].z), PHASE.T)
    assert maps[0].x[0] == pytest.approx(-1) and maps[0].y[-1] == pytest.approx(-2)
    assert maps[0].text[2][3] == "same side" and maps[0].text[0][0] == "ignored"


def test_every_phase_has_a_colour_of_its_own_lightness() -> None:
    scale = next(trace for trace in map_of(PHASE).data if trace.type == "heatmap").colorscale
    colors = list(dict.fromkeys(color for _, color in scale))
    grey = sorted(sum(w * int(c[k : k + 2], 16) for w, k in ((0.3, 1), (0.59, 3), (0.11, 5))) for c in colors[:3])
    assert len(colors) == 4 and min(b - a for a, b in zip(grey, grey[1:], strict=False)) > 60


def test_the_alt_text_counts_the_pairs() -> None:
    assert "a map: 60% of the cells antipodal" in map_of(PHASE).layout.meta["alt"]


def test_a_map_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'a map' has shape \[5, 4\]; it must be \[4 5\]"):
        map_of(PHASE.T)


def test_the_share_of_each_number_of_runs_is_written_beside_its_point() -> None:
    fig = utils.plot_restarts(t.tensor([0.7, 0.95]), PHASE, R, P, 0.3 + 0 * R, "More runs are better")
    line = next(trace for trace in fig.data if trace.type == "scatter" and trace.mode == "lines+markers+text")
    assert list(line.x) == [1, 2] and list(line.text) == ["70.0%", "95.0%"]


def test_jumps_are_named_with_their_place() -> None:
    smaller = t.tensor([[0, 0, 0.8, 0.9, 1], [0, 0.7, 0.9, 1, 1]])
    fig = utils.plot_jump(smaller, P, ["r = 1", "r = 2"], t.tensor([0.2, 0.5]), "It jumps")
    assert "r = 1: from 0.00 to 0.80 at p of about 0.10" in fig.layout.meta["alt"]
    assert fig.layout.xaxis.type == "log" and fig.layout.xaxis.autorange == "reversed"
    with pytest.raises(ValueError, match="2 lines, 1 names, 2 borders"):
        utils.plot_jump(smaller, P, ["r = 1"], t.tensor([0.2, 0.5]), "It jumps")


def test_attacks_are_drawn_as_means_with_the_bound_above() -> None:
    change = t.tensor([[1.0, 2.0, 3.0], [1.2, 2.2, 3.4]])
    fig = utils.plot_vulnerability(
        t.tensor([1.0, 1.05, 4.0]), change, t.tensor([1.0, 0.9, 0.1]), t.tensor([1.5, 2.5, 4.0]), "Attacks move outputs"
    )
    points = next(trace for trace in fig.data if trace.mode == "markers")
    assert all(math.isclose(a, b, rel_tol=1e-5) for a, b in zip(points.y, (1.1, 2.1, 3.2), strict=True))
    named = next(trace for trace in fig.data if trace.mode == "text")
    assert list(named.text) == ["p = 1", "p = 0.1"]  # the second point is too near the first for a word
