"""Figures for the four questions of the introduction: small examples with exact numbers, nothing trained."""

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from .plane import Plane, draw_plane, square_axes
from .style import INK, PALETTE, finish, numbers_heatmap, panels, to_numpy

Point: TypeAlias = tuple[float | int, float | int] | Float[np.ndarray, "2"]
NOTE = dict(showarrow=False, font=dict(size=12, color=INK))
TURN = np.array([[1, 1], [1, -1]]) / math.sqrt(2)  # x' = (x + y)/√2, y' = (x - y)/√2; its own inverse


def polygon(n: int, start: float | int = 90) -> Plane:
    """`n` unit vectors at equal angles, the first at `start` degrees, going round with the clock."""
    angles = np.radians(start - 360 * np.arange(n) / n)
    return np.stack([np.cos(angles), np.sin(angles)])


def plot_relu_in_two_bases() -> go.Figure:
    """ReLU on the plane, described in the standard basis and in x' = (x + y)/√2, y' = (x - y)/√2.

    Above: the unit circle and its image. Below: the first component of the result against the first component of the
    input, for three values of the second; one curve in the standard basis, three in the turned one.
    """
    key = "dotted: before ReLU, thick: after"
    above = [f"standard basis (x, y)<br>{key}", f"turned basis (x′, y′)<br>{key}"]
    titles = [*above, "x after ReLU needs x alone", "x′ after ReLU needs y′ too"]
    fig = panels(2, 2, titles, horizontal_spacing=0.14, vertical_spacing=0.16)
    for column, (basis, prime) in enumerate([(np.eye(2), ""), (TURN, "′")], start=1):
        _circle_and_image(fig, basis, column)
        square_axes(fig, dict(row=1, col=column), 1.3, bottom=True, left=True)
        _component_curves(fig, basis, prime, column)
        fig.update_xaxes(title_text=f"x{prime}", row=1, col=column)
        fig.update_yaxes(title_text=f"y{prime}", row=1, col=column)
    fig.update_layout(width=800, height=760, showlegend=False)
    return finish(
        fig,
        "ReLU treats x and y apart. Turn the basis and it mixes the components",
        "Four panels. In the standard basis ReLU sends the unit circle onto a quarter circle and parts of both axes, "
        "and the new x depends on the old x alone. In the turned basis the image is a wedge around the x′ axis, and "
        "the new x′ runs along a different curve for each value of y′: the components interfere.",
    )


def _circle_and_image(fig: go.Figure, basis: Float[np.ndarray, "2 2"], column: int) -> None:
    place = dict(row=1, col=column)
    circle = np.concatenate([polygon(96), polygon(1)], axis=1)
    points = polygon(12, start=75)
    after, ends = basis @ np.maximum(basis @ circle, 0), basis @ np.maximum(basis @ points, 0)
    fig.add_scatter(
        x=after[0], y=after[1], mode="lines", line=dict(color=PALETTE[0], width=4), hoverinfo="skip", **place
    )
    for (x, y), (x_end, y_end) in zip(points.T, ends.T, strict=True):
        if math.hypot(x - x_end, y - y_end) > 1e-9:
            _arrow(fig, (x, y), (x_end, y_end), place, PALETTE[1], 1.5)
    for spots, name, color in ((points, "before ReLU", PALETTE[1]), (ends, "after ReLU", PALETTE[0])):
        fig.add_scatter(
            x=spots[0], y=spots[1], mode="markers", name=name, marker=dict(color=color, size=6),
            hovertemplate="%{x:.2f}, %{y:.2f}", **place,
        )  # fmt: skip


def _component_curves(fig: go.Figure, basis: Float[np.ndarray, "2 2"], prime: str, column: int) -> None:
    place = dict(row=2, col=column)
    first = np.linspace(-2, 2, 81)
    for second, dash, width in ((0, "solid", 5), (1, "dash", 2.5), (2, "dot", 2.5)):
        inputs = np.stack([first, np.full_like(first, second)])
        result = (basis @ np.maximum(basis @ inputs, 0))[0]
        color = PALETTE[{0: 0, 1: 1, 2: 4}[second]]
        fig.add_scatter(
            x=first, y=result, mode="lines", line=dict(color=color, dash=dash, width=width),
            name=f"y{prime} = {second}", hovertemplate="%{x:.2f} → %{y:.2f}", **place,
        )  # fmt: skip
        if prime:
            note = dict(text=f"y{prime} = {second}", xanchor="right", yanchor="bottom", xshift=-6, yshift=5)
            fig.add_annotation(x=-0.1, y=second / 2, **note, **NOTE, **place)
    if not prime:
        fig.add_annotation(x=-0.1, y=0, text="y = 0, 1, 2: one curve", xanchor="right", yshift=14, **NOTE, **place)
    fig.update_xaxes(title_text=f"x{prime} before ReLU", range=[-2, 2], tickvals=[-2, -1, 0, 1, 2], **place)
    fig.update_yaxes(title_text=f"x{prime} after ReLU", range=[-0.25, 2.1], tickvals=[0, 1, 2], **place)


def _arrow(fig: go.Figure, start: Point, end: Point, place: dict[str, int], color: str, width: float | int) -> None:
    """An arrow between two points of a panel."""
    axes = next(fig.select_traces(**place))
    fig.add_annotation(
        x=end[0], y=end[1], ax=start[0], ay=start[1], xref=axes.xaxis, yref=axes.yaxis, axref=axes.xaxis,
        ayref=axes.yaxis, text="", showarrow=True, arrowhead=2, arrowsize=0.9, arrowwidth=width, arrowcolor=color,
    )  # fmt: skip


def plot_polysemanticity_and_superposition() -> go.Figure:
    """Three layers of two neurons: one feature a neuron, the same turned by 30 degrees, and five features.

    Under the directions stand the weights (a row with several entries is a polysemantic neuron) and WᵀW, what each
    feature reads off when one is on (an entry off the diagonal is interference, the mark of superposition).
    """
    turn = np.array([[math.cos(math.pi / 6), -math.sin(math.pi / 6)], [math.sin(math.pi / 6), math.cos(math.pi / 6)]])
    layers = [np.eye(2), turn, polygon(5)]
    heads = ["monosemantic,<br>no superposition", "polysemantic,<br>no superposition", "polysemantic,<br>superposition"]
    fig = panels(
        3, 3, heads, horizontal_spacing=0.07, vertical_spacing=0.085, row_heights=[0.42, 0.2, 0.38],
    )  # fmt: skip
    for column, W in enumerate(layers, start=1):
        draw_plane(fig, W, dict(row=1, col=column), limit=1.4, side=215)
        square_axes(fig, dict(row=1, col=column), 1.4, bottom=True, left=column == 1)
        for row, matrix in ((2, W), (3, W.T @ W)):
            cells, words = numbers_heatmap(matrix, limit=1.0, size=11, showscale=False, hoverinfo="skip")
            fig.add_trace(cells, row=row, col=column)
            fig.add_trace(words, row=row, col=column)
            for update, size in ((fig.update_xaxes, matrix.shape[1]), (fig.update_yaxes, matrix.shape[0])):
                update(tickvals=list(range(size)), ticks="", showgrid=False, zeroline=False, row=row, col=column)
            fig.update_yaxes(autorange="reversed", row=row, col=column)
        fig.update_xaxes(title_text="neuron 0", title_standoff=2, row=1, col=column)
        fig.update_xaxes(title_text="feature", title_standoff=2, row=3, col=column)
    for row, text in ((1, "neuron 1"), (2, "W: neuron"), (3, "WᵀW: feature")):
        fig.update_yaxes(title_text=text, row=row, col=1)
    fig.update_layout(width=800, height=760, showlegend=False)
    return finish(
        fig,
        "Polysemantic is not yet superposition: only the last layer's features interfere",
        "Three layers of two neurons. Left: two features along the neurons, one entry in each row of W, WᵀW is the "
        "identity. Middle: the same turned by 30 degrees, every row of W has two entries, WᵀW is still the identity. "
        "Right: five features in a pentagon, every row of W has several entries and WᵀW has entries of 0.31 and −0.81 "
        "off its diagonal.",
    )


def plot_sparsity_and_importance(
    n_features: Sequence[int] = (5, 20, 100), importance: Float[Tensor, " feats"] | None = None, d_hidden: int = 2
) -> go.Figure:
    """How often features meet, as a function of how often each is on, beside an importance curve.

    Args:
        n_features: numbers of features, one curve each; the value is 1 - (1 - p)^(n - 1), the probability that one
            of the others is on too.
        importance: of each feature; 0.9^i for 20 features if None. The first `d_hidden` are marked.
        d_hidden: dimensions of the model.
    Raises:
        ValueError: if `importance` is not `[feats]`.
    """
    weights = 0.9 ** np.arange(20) if importance is None else to_numpy(importance, "importance")
    if weights.ndim != 1 or weights.size == 0:
        raise ValueError(f"importance has shape {list(weights.shape)}; it must be [feats]")
    heads = ["how often features meet", "how much each is worth to the loss"]
    fig = panels(1, 2, heads, horizontal_spacing=0.13)
    _meeting_curves(fig, n_features)
    _importance_bars(fig, weights, d_hidden)
    fig.update_layout(width=800, height=400, showlegend=False)
    return finish(
        fig,
        "Rare features seldom meet, and not every feature is worth the same",
        f"Left: the probability that another feature is on too rises with the feature probability, and does so earlier "
        f"the more features there are ({', '.join(map(str, n_features))}). Right: importance falls from "
        f"{weights[0]:.2g} for feature 0 to {weights[-1]:.2g} for feature {len(weights) - 1}.",
    )


def _meeting_curves(fig: go.Figure, n_features: Sequence[int]) -> None:
    p = np.geomspace(0.001, 1, 121)
    for i, n in enumerate(n_features):
        meet = 1 - (1 - p) ** (n - 1)
        style = dict(
            color=PALETTE[i % len(PALETTE)], dash=("solid", "dash", "dot", "dashdot", "longdash")[i % 5], width=2.5
        )
        hover = "p = %{x:.3f}: %{y:.1%}"
        fig.add_scatter(x=p, y=meet, mode="lines", name=f"{n} features", line=style, hovertemplate=hover, row=1, col=1)
        at = int(np.abs(meet - 0.5).argmin())
        fig.add_annotation(
            x=math.log10(p[at]), y=0.5, text=f"{n} features", textangle=-62, xshift=-9, yshift=9, **NOTE, row=1, col=1
        )
    fig.update_xaxes(
        title_text="feature probability p = 1 − S", type="log", tickvals=[0.001, 0.01, 0.1, 1], row=1, col=1
    )
    fig.update_yaxes(title_text="P(another is on too)", tickformat=".0%", range=[0, 1.02], row=1, col=1)


def _importance_bars(fig: go.Figure, weights: Float[np.ndarray, " feats"], d_hidden: int) -> None:
    kept = np.arange(len(weights)) < d_hidden
    for chosen, name, pattern in ((kept, f"first {d_hidden}", ""), (~kept, "the others", "/")):
        fig.add_bar(
            x=np.flatnonzero(chosen), y=weights[chosen], name=name, width=0.75, hovertemplate="feature %{x}: %{y:.3f}",
            marker=dict(color=PALETTE[0], pattern=dict(shape=pattern, solidity=0.35)), row=1, col=2,
        )  # fmt: skip
    words = f"solid: all that a dense model<br>of {d_hidden} dimensions keeps"
    corner = dict(xref="x2 domain", yref="y2 domain", xanchor="right", yanchor="top", align="right")
    fig.add_annotation(x=1, y=0.98, text=words, **corner, **NOTE)
    fig.update_xaxes(title_text="feature", showgrid=False, row=1, col=2)
    fig.update_yaxes(title_text="importance", rangemode="tozero", row=1, col=2)


def plot_feature_as_direction(
    W: Float[Tensor, "d_hidden feats"] | None = None, x: Float[Tensor, " feats"] | None = None
) -> go.Figure:
    """One input as a sum of feature directions in the plane, and what reading each feature off gives back.

    Args:
        W: directions, `[2 feats]`; a pentagon of unit vectors if None.
        x: how strongly each feature is on; 0.9 and 0.5 for the first two, else 0, if None.
    Raises:
        ValueError: if `W` is not `[2 feats]` or `x` does not have a number for each feature.
    """
    plane = polygon(5, start=54) if W is None else to_numpy(W, "W").astype(float)
    if plane.ndim != 2 or plane.shape[0] != 2:
        raise ValueError(f"W has shape {list(plane.shape)}; it must be [2 feats]")
    values = np.array([0.9, 0.5] + [0] * (plane.shape[1] - 2)) if x is None else to_numpy(x, "x").astype(float)
    if values.shape != plane.shape[1:]:
        raise ValueError(f"x has shape {list(values.shape)}; it must be [feats] = {list(plane.shape[1:])}, as W says")
    hidden, read = plane @ values, plane.T @ plane @ values
    terms = " + ".join(f"{values[i]:.3g} × feature {i}" for i in np.flatnonzero(values)) or "0"
    heads = [f"h = {terms}", "what a projection onto each direction reads"]
    fig = panels(1, 2, heads, horizontal_spacing=0.12)
    _vector_sum(fig, plane, values, hidden)
    bars = ((values, "put in: x", PALETTE[0], ""), (read, "read off: WᵀW x", PALETTE[1], "/"))
    for heights, name, color, pattern in bars:
        fig.add_bar(
            x=np.arange(len(values)), y=heights, name=name, hovertemplate="feature %{x}: %{y:.2f}",
            marker=dict(color=color, pattern=dict(shape=pattern, solidity=0.4)), row=1, col=2,
        )  # fmt: skip
    fig.update_xaxes(title_text="feature", tickvals=list(range(len(values))), showgrid=False, row=1, col=2)
    fig.update_yaxes(title_text="strength", row=1, col=2)
    fig.update_layout(width=800, height=470, barmode="group", bargap=0.25, bargroupgap=0.05)
    fig.update_layout(legend=dict(orientation="h", x=0.56, y=-0.14, yanchor="top"), margin=dict(b=70))
    put, got = (", ".join(f"{value:.2f}" for value in row) for row in (values, read))
    return finish(
        fig,
        "Features add up as directions, and reading one off picks up the others too",
        f"Left: {len(values)} directions in the plane; those that are on, scaled by their strength, add up to h. "
        f"Right: strengths put in ({put}) beside strengths read off by projection ({got}); the rest is interference.",
    )


def _vector_sum(
    fig: go.Figure, plane: Plane, values: Float[np.ndarray, " feats"], hidden: Float[np.ndarray, "2"]
) -> None:
    """The directions, the scaled ones head to tail, their sum, and its projection onto the first that is on."""
    place = dict(row=1, col=1)
    tails = np.concatenate([np.zeros((2, 1)), (plane * values).cumsum(axis=1)], axis=1)
    limit = 1.42 * max(1.0, float(np.abs(tails).max()), float(np.linalg.norm(plane, axis=0).max()))
    draw_plane(fig, plane, place, limit, side=330, shades=["#9a9fa9"] * plane.shape[1])
    square_axes(fig, place, limit, bottom=True, left=True)
    on = np.flatnonzero(values)
    for i in on:
        _arrow(fig, tails[:, i], tails[:, i + 1], place, PALETTE[1], 3)
    _arrow(fig, (0, 0), hidden, place, PALETTE[0], 4)
    fig.add_annotation(x=hidden[0], y=hidden[1], text="<b>h</b>", xshift=12, yshift=6, **NOTE, **place)
    if len(on):
        axis = plane[:, on[0]]
        foot = axis * (axis @ hidden) / max(axis @ axis, 1e-12)
        fig.add_scatter(
            x=[hidden[0], foot[0]], y=[hidden[1], foot[1]], mode="lines", showlegend=False, hoverinfo="skip",
            line=dict(color=INK, dash="dot", width=1.5), **place,
        )  # fmt: skip
    fig.update_traces(showlegend=False, **place)
