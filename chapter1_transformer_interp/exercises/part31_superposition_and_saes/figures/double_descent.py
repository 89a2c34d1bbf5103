"""Data sets of growing size: hidden vectors, dimensionality and loss, each against the number of data points."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from .plane import finish_square, square_panels
from .style import CARD, FAINT_INK, INK, PALETTE, RULE, SYMBOLS, Data, finish, panels, to_numpy

SPOKES = 60  # vectors of a panel up to which each gets a line from the origin
POINTS, FEATURES = PALETTE[1], PALETTE[0]  # colours of data points and of features
SIZE_AXIS = "data points in the training set"
Vectors = Float[np.ndarray, "n 2"]


def plot_hidden_vectors(
    W: Sequence[Float[Tensor, "2 feats"]],
    hidden: Sequence[Float[Tensor, "_rows 2"]],
    sizes: Sequence[int],
    title: str,
) -> go.Figure:
    """Two rows of square panels, one column a data set: features above, data points below.

    Args:
        W: of one model for each data set; a column is the hidden vector of a feature.
        hidden: hidden vectors of its data points.
        sizes: number of data points, for the headings.
        title: says what to see.
    Raises:
        ValueError: if the three are not of one length, or vectors are not in the plane.
    """
    rows = [[_plane(one, "W").T for one in W], [_plane(one, "hidden").T for one in hidden]]
    if not len(rows[0]) == len(rows[1]) == len(sizes) or any(v.shape[1] != 2 for row in rows for v in row):
        raise ValueError("W, hidden and sizes must hold one entry a data set, of shapes [2 feats] and [rows 2]")
    n = len(sizes)
    fig, side = square_panels([f"T = {size:,}" for size in sizes] + [""] * n, 2, n)
    for r, (row, color) in enumerate(zip(rows, (FEATURES, POINTS), strict=True)):
        for c, vectors in enumerate(row):
            _draw_vectors(fig, vectors, color, dict(row=r + 1, col=c + 1), "feature" if r == 0 else "data point")
    for text, axis in (("features", fig.layout.yaxis), ("data points", fig.layout[f"yaxis{n + 1}"])):
        y = sum(axis.domain) / 2
        fig.add_annotation(
            x=0, y=y, xref="paper", yref="paper", xshift=-14, xanchor="right", text=text, textangle=-90,
            showarrow=False, font=dict(size=13, color=INK),
        )  # fmt: skip
    fig.add_annotation(
        x=0.5, y=0, xref="paper", yref="paper", yshift=-8, yanchor="top", showarrow=False,
        text="the hidden plane, each panel scaled to its longest vector", font=dict(size=12, color=FAINT_INK),
    )  # fmt: skip
    fig.update_layout(margin_b=40)
    return finish_square(fig, 2, side, title, f"{title}. Panels for {', '.join(map(str, sizes))} data points.")


def _plane(vectors: Data, name: str) -> np.ndarray:
    array = to_numpy(vectors, name).astype(float)
    if array.ndim != 2 or 0 in array.shape or not np.isfinite(array).all():
        raise ValueError(f"{name} holds an array of shape {list(array.shape)}; each must be finite, with two axes")
    return array if name == "W" else array.T


def _draw_vectors(fig: go.Figure, vectors: Vectors, color: str, place: dict[str, int], what: str) -> None:
    norms = np.linalg.norm(vectors, axis=1)
    limit = 1.15 * max(float(norms.max()), 1e-9)
    longest = np.argsort(-norms)[:SPOKES]
    ends = [value for x, y in vectors[longest] for value in ((0.0, 0.0), (x, y), (None, None))]
    lines = dict(color=color, width=1.6 if len(vectors) <= 15 else 0.8)
    few = len(vectors) <= 15
    fig.add_trace(
        go.Scatter(x=[x for x, _ in ends], y=[y for _, y in ends], mode="lines", line=lines, hoverinfo="skip",
                   opacity=1 if few else 0.55),
        **place,
    )  # fmt: skip
    fig.add_trace(
        go.Scatter(
            x=vectors[:, 0], y=vectors[:, 1], mode="markers", customdata=norms,
            marker=dict(color=color, size=7 if few else 3.5, line=dict(color=CARD, width=1 if few else 0)),
            hovertemplate=f"{what} %{{pointNumber}}<br>norm %{{customdata:.3f}}<extra></extra>",
        ),
        **place,
    )  # fmt: skip
    common = dict(
        range=[-limit, limit], showgrid=False, showticklabels=False, ticks="", mirror=True, linecolor=RULE,
        constrain="domain", **place,
    )  # fmt: skip
    fig.update_xaxes(**common)
    fig.update_yaxes(**common, scaleanchor=next(fig.select_traces(**place)).xaxis)


def plot_dimensionality_by_size(
    sizes: Sequence[int],
    data: Sequence[Float[Tensor, "inst _rows"]],
    features: Sequence[Float[Tensor, "inst feats"]],
    title: str,
    d_hidden: int = 2,
) -> go.Figure:
    """Left: the dimensionality of every data point and every feature. Right: how many of each share the hidden space.

    The number on the right is (Σ D)² / Σ D²: n equal dimensionalities count as n, one alone as 1.

    Args:
        sizes: number of data points.
        data, features: dimensionalities for each size.
        title: says what to see.
        d_hidden: hidden dimensions; the dashed lines are what T equal shares of them would be.
    """
    arrays = [
        [to_numpy(one, name).astype(float) for one in part] for part, name in ((data, "data"), (features, "features"))
    ]
    fig = panels(1, 2, ["dimensionality of each", "how many share the plane"], horizontal_spacing=0.12)
    for part, color, symbol, name, shift in (
        (arrays[0], POINTS, SYMBOLS[1], "data points", 1.07),
        (arrays[1], FEATURES, SYMBOLS[0], "features", 1 / 1.07),
    ):
        shown = [np.unique(np.round(one, 3)) for one in part]  # thousands lie on top of each other near 0
        x = np.concatenate([np.full(len(one), size * shift) for size, one in zip(sizes, shown, strict=True)])
        marker = dict(color=color, symbol=symbol, size=5, opacity=0.55, line=dict(width=1))
        fig.add_scatter(
            x=x, y=np.concatenate(shown), mode="markers", marker=marker, name=name, legendgroup=name, row=1, col=1,
            showlegend=False, hovertemplate="D = %{y:.3f}<extra>" + name + "</extra>",
        )  # fmt: skip
        effective = [(one.sum(1) ** 2 / np.maximum((one**2).sum(1), 1e-30)).mean() for one in part]
        fig.add_scatter(
            x=list(sizes), y=effective, mode="lines+markers", name=name, legendgroup=name, row=1, col=2,
            line=dict(color=color, dash="dash" if part is arrays[0] else "solid"), marker=dict(symbol=symbol, size=8),
            hovertemplate="%{y:.1f}<extra>" + name + "</extra>",
        )  # fmt: skip
    dotted = dict(color=FAINT_INK, dash="dot", width=1.5)
    equal = [min(1.0, d_hidden / size) for size in sizes]
    fig.add_scatter(x=list(sizes), y=equal, mode="lines", line=dotted, name="all data points alike", row=1, col=1)
    fig.add_scatter(x=list(sizes), y=list(sizes), mode="lines", line=dotted, showlegend=False, row=1, col=2)
    fig.update_xaxes(type="log", title_text=SIZE_AXIS, dtick=1)
    fig.update_yaxes(title_text="dimensionality D", range=[-0.03, 1.0], row=1, col=1)
    fig.update_yaxes(title_text="effective number", type="log", dtick=1, row=1, col=2)
    fig.update_layout(width=860, height=420, legend=dict(orientation="h", x=0.5, xanchor="center", y=-0.2), margin_b=84)
    return finish(fig, title, f"{title}. For {len(sizes)} sizes from {sizes[0]} to {sizes[-1]:,} data points.")


def plot_loss_by_size(
    sizes: Sequence[int],
    curves: Mapping[str, Data],
    title: str,
    regimes: tuple[float, float] | None = None,
    lowest: float | None = None,
    lines: Mapping[str, Data] | None = None,
) -> go.Figure:
    """Loss against the size of the data set: a line of medians, a band from the least to the largest.

    Args:
        sizes: number of data points.
        curves: by name, `[repeats sizes]`.
        title: says what to see.
        regimes: sizes at which the middle regime begins and ends; the three are named above the curves.
        lowest: where the vertical axis begins; by default all is shown.
        lines: by name, `[sizes]`, drawn thin on top.
    Raises:
        ValueError: if a curve does not have one column a size.
    """
    fig = go.Figure()
    x = list(sizes)
    for k, (name, values) in enumerate(curves.items()):
        runs = np.atleast_2d(to_numpy(values, name).astype(float))
        if runs.shape[-1] != len(x) or runs.ndim != 2:
            raise ValueError(f"{name} has shape {list(runs.shape)}; it must be [repeats {len(x)}], a column a size")
        color, symbol = PALETTE[k % len(PALETTE)], SYMBOLS[k % len(SYMBOLS)]
        low, high = runs.min(0), runs.max(0)
        fig.add_scatter(
            x=x + x[::-1], y=[*high, *low[::-1]], fill="toself", mode="none", fillcolor=color, opacity=0.18,
            hoverinfo="skip", showlegend=False, legendgroup=name,
        )  # fmt: skip
        fig.add_scatter(
            x=x, y=np.median(runs, axis=0), mode="lines+markers", name=name, legendgroup=name,
            line=dict(color=color, width=2.5, dash=("solid", "dash", "dot", "dashdot")[k % 4]),
            marker=dict(symbol=symbol, size=8), hovertemplate="T = %{x:,}: %{y:.3f}<extra>" + name + "</extra>",
        )  # fmt: skip
    for name, one in (lines or {}).items():
        fig.add_scatter(
            x=x, y=to_numpy(one, name), mode="lines+markers", name=name,
            line=dict(color=INK, width=1), marker=dict(symbol="x-thin-open", size=9),
        )  # fmt: skip
    if regimes:
        _name_regimes(fig, x, regimes)
    fig.add_hline(y=1, line=dict(color=FAINT_INK, dash="dot", width=1))
    fig.update_xaxes(type="log", title_text=SIZE_AXIS, dtick=1)
    fig.update_yaxes(
        type="log",
        title_text="squared error of a row (1: answering 0)",
        tickvals=[0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100],
    )
    if lowest is not None:
        highest = max(float(np.nanmax(to_numpy(values, name))) for name, values in curves.items())
        fig.update_yaxes(range=[np.log10(lowest), np.log10(1.7 * highest)])
    fig.update_layout(
        width=800, height=460, legend=dict(orientation="h", x=0.5, xanchor="center", y=-0.18), margin_b=84
    )
    spans = "; ".join(
        f"{name}: {np.nanmin(to_numpy(v, name)):.2g} to {np.nanmax(to_numpy(v, name)):.3g}"
        for name, v in curves.items()
    )
    return finish(fig, title, f"{title}. {spans}.")


def _name_regimes(fig: go.Figure, sizes: Sequence[int], middle: tuple[float, float]) -> None:
    edges = (min(sizes) / 1.15, *middle, max(sizes) * 1.15)
    names = ("remembers data points", "in between", "learns features")
    for k, name in enumerate(names):
        shade = dict(fillcolor=RULE, opacity=0.45 if k == 1 else 0.0, layer="below", line_width=0)
        fig.add_vrect(x0=edges[k], x1=edges[k + 1], **shade)
        fig.add_annotation(
            x=np.log10(edges[k] * edges[k + 1]) / 2, y=1, yref="paper", yanchor="top", text=name, showarrow=False,
            font=dict(size=12, color=FAINT_INK),
        )  # fmt: skip
