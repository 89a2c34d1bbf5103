"""Batches of data: which features are on together, and where rows land in the hidden plane."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from torch import Tensor

from .plane import draw_plane, finish_square, name_axes, square_axes, square_panels
from .style import (
    FAINT_INK,
    PALETTE,
    RULE,
    finish,
    instances,
    numbers_heatmap,
    panel_grid,
    panel_titles,
    panels,
    to_numpy,
)

MOST_ROWS = 40
MOST_POINTS = 1500  # a panel; the first rows of the batch are as good as any others
LANDING = "Where a batch lands in the hidden plane: rows with one feature on lie along its line"
HOVER = "vectors %{y}, %{x}<br>cosine %{z:.3f}<extra></extra>"
COSINES = "How much every two directions share: the cosine of their angle, 1 along the diagonal"


def plot_correlated_features(batch: Float[Tensor, "batch feats"], title: str) -> go.Figure:
    """One strip a feature, one bar a row of the batch: features that are on together have bars above each other.

    Args:
        batch: magnitudes, 0 where a feature is off; the first 40 rows are shown.
        title: says what to see.
    Raises:
        ValueError: if `batch` is not `[batch feats]` or an axis is empty.
    """
    rows = to_numpy(batch, "batch").astype(float)
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(f"batch has shape {list(rows.shape)}; it must be [batch feats], no axis empty")
    shown = rows[:MOST_ROWS]
    n, feats = shown.shape
    fig = panels(feats, 1, [], shared_xaxes=True, vertical_spacing=min(0.25 / feats, 0.03))
    top = max(float(np.nanmax(shown)), 1e-9)
    for i in range(feats):
        place = dict(row=i + 1, col=1)
        fig.add_bar(
            x=np.arange(n), y=shown[:, i], width=0.62, marker=dict(color=PALETTE[i % 2], line=dict(width=0)),
            hovertemplate=f"feature {i}, row %{{x}}<br>magnitude %{{y:.3f}}<extra></extra>", **place,
        )  # fmt: skip
        fig.update_yaxes(title=dict(text=f"feature {i}", standoff=6), range=[0, 1.05 * top], nticks=3, **place)
    fig.update_xaxes(range=[-0.7, n - 0.3], showgrid=True, dtick=5, gridcolor=RULE)
    fig.update_xaxes(title_text="row of the batch", row=feats, col=1)
    fig.update_layout(width=800, height=110 + min(92, 520 // feats + 24) * feats, showlegend=False, bargap=0)
    return finish(fig, title, f"{title}. {_together(rows)}")


def _together(rows: Float[np.ndarray, "batch feats"]) -> str:
    """How often each two neighbouring features are on together, in words."""
    on = rows != 0
    parts = []
    for i in range(0, min(rows.shape[1] - 1, 12), 2):
        either, both = (on[:, i] | on[:, i + 1]).sum(), (on[:, i] & on[:, i + 1]).sum()
        parts.append(f"features {i} and {i + 1} are on together in {both} of the {either} rows where either is on")
    return "; ".join(parts or [f"feature 0 is on in {on.sum()} of {len(rows)} rows"]) + "."


def plot_batch_in_hidden_plane(
    hidden: Float[Tensor, "inst batch 2"],
    n_active: Int[Tensor, "inst batch"],
    W: Float[Tensor, "inst 2 feats"],
    subplot_titles: Sequence[str] | None = None,
    title: str | None = None,
) -> go.Figure:
    """One panel an instance: each row of a batch as a point, its shape and colour the number of features that are on.

    Args:
        hidden: where the rows land; the first 1,500 are drawn.
        n_active: how many features are on in each row.
        W: directions of the features, drawn as labelled lines.
        subplot_titles: one a panel.
        title: says what to see.
    Raises:
        ValueError: if the shapes do not fit each other.
    """
    points, counts, weights = _fitting(hidden, n_active, W)
    names = panel_titles(subplot_titles, len(points))
    rows, columns = panel_grid(len(points))
    limit = 1.34 * max(float(np.abs(points).max()) / 1.2, float(np.linalg.norm(weights, axis=1).max()), 1e-6)
    fig, side = square_panels(names, rows, columns)
    for i, plane in enumerate(weights):
        place = dict(row=i // columns + 1, col=i % columns + 1)
        draw_plane(fig, plane, place, limit, side, [FAINT_INK] * plane.shape[1], names[i], thin=True)
        square_axes(fig, place, limit, bottom=i + columns >= len(points), left=i % columns == 0)
    fig.update_traces(showlegend=False)
    kinds = [kind for kind in KINDS if (np.minimum(counts, 3) == kind.number).any()]
    for i in range(len(points)):
        _landed(fig, kinds, points[i], counts[i], dict(row=i // columns + 1, col=i % columns + 1), named=i == 0)
    name_axes(fig, limit)
    shown = title or LANDING
    shares = [float((counts == number).mean()) for number in (0, 1)]
    alt = f"{shares[0]:.0%} of the rows have no feature on and land at the origin, {shares[1]:.0%} have one."
    finish_square(fig, rows, side, shown, f"{shown}. {alt}")
    down = fig.layout.height - fig.layout.margin.t - fig.layout.margin.b
    legend = dict(orientation="h", x=0.5, xanchor="center", y=-48 / down, yanchor="top", itemsizing="constant")
    return fig.update_layout(showlegend=True, legend=legend, margin_b=92, height=fig.layout.height + 28)


def _fitting(
    hidden: Tensor, n_active: Tensor, W: Tensor
) -> tuple[Float[np.ndarray, "inst batch 2"], Int[np.ndarray, "inst batch"], Float[np.ndarray, "inst 2 feats"]]:
    """The arguments as arrays that fit each other, no more rows than are drawn."""
    points = instances(hidden, "[inst batch 2]", "hidden")
    weights = instances(W, "[inst 2 feats]", "W", d_hidden=2)
    counts = to_numpy(n_active, "n_active").astype(int)
    if points.shape[2] != 2 or counts.shape != points.shape[:2] or len(weights) != len(points):
        raise ValueError(
            f"hidden {list(points.shape)}, n_active {list(counts.shape)} and W {list(weights.shape)} do not fit; "
            "they must be [inst batch 2], [inst batch] and [inst 2 feats]"
        )
    return points[:, :MOST_POINTS], counts[:, :MOST_POINTS], weights


class Kind(NamedTuple):
    """How points with as many features on are drawn."""

    number: int
    name: str
    symbol: str
    color: str
    size: float


KINDS = (
    Kind(0, "none on", "x-thin-open", PALETTE[4], 10.0),
    Kind(1, "one on", "circle", PALETTE[1], 4.5),
    Kind(2, "two on", "diamond-open", PALETTE[3], 6.5),
    Kind(3, "three or more on", "square", PALETTE[0], 4.0),
)


def _landed(
    fig: go.Figure,
    kinds: Sequence[Kind],
    points: Float[np.ndarray, "batch 2"],
    counts: Int[np.ndarray, " batch"],
    place: dict[str, int],
    named: bool,
) -> None:
    """The points of a panel, one trace a kind, most features first so that the rest lie on top of them."""
    for kind in reversed(kinds):
        chosen = np.minimum(counts, 3) == kind.number
        marker = dict(symbol=kind.symbol, color=kind.color, size=kind.size, opacity=0.7)
        marker["line"] = dict(width=1, color=kind.color)
        if named:  # a key even where this panel has none
            key = dict(x=[None], y=[None], mode="markers", name=kind.name, legendrank=kind.number)
            fig.add_scatter(marker=marker | dict(opacity=1), **key, **place)
        fig.add_scatter(
            x=points[chosen, 0], y=points[chosen, 1], mode="markers", name=kind.name, marker=marker, showlegend=False,
            customdata=counts[chosen], hovertemplate="%{x:.2f}, %{y:.2f}<br>features on: %{customdata}<extra></extra>",
            **place,
        )  # fmt: skip


def plot_cosine_similarities(
    W: Float[Tensor, "inst d_hidden feats"], subplot_titles: Sequence[str] | None = None, title: str | None = None
) -> go.Figure:
    """One heat map an instance: the cosine of the angle between every two of its columns, as colour and as number.

    Args:
        W: vectors in columns; a column of zeros gets cosines of 0.
        subplot_titles: one a panel.
        title: says what to see.
    Raises:
        ValueError: if `W` has another shape, or the titles another number.
    """
    weights = instances(W, "[inst d_hidden feats]")
    names = panel_titles(subplot_titles, len(weights))
    norms = np.linalg.norm(weights, axis=1, keepdims=True)
    units = np.divide(weights, norms, out=np.zeros_like(weights), where=norms > 1e-12)
    cosines = np.clip(np.einsum("nhi,nhj->nij", units, units), -1, 1)
    rows, columns = panel_grid(len(weights))
    fig, side = square_panels(names, rows, columns, gap=30)
    feats = weights.shape[2]
    for i, values in enumerate(cosines):
        place = dict(row=i // columns + 1, col=i % columns + 1)
        size = min(13, int(side / feats / 2.6))  # of the numbers, in pixels
        key = size < 8 and i == 0
        cells, words = numbers_heatmap(values, 1.0, size=max(size, 8), showscale=key, hovertemplate=HOVER)
        fig.add_trace(cells.update(colorbar=dict(thickness=12, tickvals=[-1, 0, 1], x=1.01)), **place)
        if size >= 8:
            fig.add_trace(words, **place)
        elif key:  # colours without numbers need a key, and it needs room
            fig.update_layout(width=fig.layout.width + 30, margin_r=fig.layout.margin.r + 30)
        ticks = dict(tickvals=list(range(feats)) if feats <= 10 else None, ticks="", showgrid=False, zeroline=False)
        fig.update_xaxes(range=[-0.5, feats - 0.5], constrain="domain", showline=False, **ticks, **place)
        anchor = next(fig.select_traces(**place)).xaxis
        fig.update_yaxes(range=[feats - 0.5, -0.5], scaleanchor=anchor, showline=False, **ticks, **place)
    fig.update_xaxes(title_text="vector", row=rows)
    fig.update_yaxes(title_text="vector", col=1)
    off = np.abs(cosines[:, ~np.eye(feats, dtype=bool)])
    told = (
        f"Largest |cosine| of two different vectors: {off.max():.2f}, mean {off.mean():.2f}."
        if feats > 1
        else "One vector."
    )
    shown = title or COSINES
    return finish_square(fig, rows, side, shown, f"{shown}. {told}")
