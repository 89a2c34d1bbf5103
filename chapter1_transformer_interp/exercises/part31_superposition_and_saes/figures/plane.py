"""The hidden plane: square panels, and features drawn into them as labelled lines."""

from typing import TypeAlias

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from .style import CARD, FAINT_INK, INK, RULE, depth_colors, finish, panels

Plane: TypeAlias = Float[np.ndarray, "2 feats"]
MOST_LABELS = 40  # with more features in a panel than this, labels would hide them
SHORT = 15  # pixels; a feature that is shorter is named in the corner, its label would cover the origin
APART = 15  # pixels between two tips below which they share a label
ROW_GAP = 34  # pixels between two rows of panels, room for a heading


def square_panels(names: list[str], rows: int, columns: int, gap: int = 8) -> tuple[go.Figure, float]:
    """Empty panels and the length of their sides in pixels: all figures of three columns and more are 800 wide."""
    side = {1: 340.0, 2: 310.0}.get(columns, max((720 - gap * (columns - 1)) / columns, 118))
    across, down = columns * side + (columns - 1) * gap, rows * side + (rows - 1) * ROW_GAP
    fig = panels(rows, columns, names, horizontal_spacing=gap / across, vertical_spacing=ROW_GAP / down)
    width = max(across + 80, 470)
    return fig.update_layout(width=width, showlegend=False, margin=dict(l=66, r=width - 66 - across, b=64)), side


def finish_square(fig: go.Figure, rows: int, side: float, title: str, alt: str) -> go.Figure:
    """`finish`, and the height at which the panels are square."""
    finish(fig, title, alt)
    return fig.update_layout(height=rows * side + (rows - 1) * ROW_GAP + fig.layout.margin.t + fig.layout.margin.b)


def square_axes(fig: go.Figure, place: dict[str, int], limit: float, bottom: bool, left: bool) -> None:
    """A square frame with three ticks where it is outermost, the axes through the origin, the circle of norm 1."""
    step = 10 ** np.floor(np.log10(0.8 * limit))
    step *= max(factor for factor in (1, 2, 5) if factor * step <= 0.8 * limit)
    common = dict(
        range=[-limit, limit], tickvals=[-step, 0, step], showgrid=False, mirror=True, linecolor=RULE,
        constrain="domain", tickfont=dict(size=11),
    )  # fmt: skip
    fig.update_xaxes(**common, **place, showticklabels=bottom, ticks="outside" if bottom else "")
    anchor = next(fig.select_traces(**place)).xaxis
    outer = dict(showticklabels=left, ticks="outside" if left else "")
    fig.update_yaxes(**common, **outer, **place, scaleanchor=anchor, constraintoward="top")
    if limit > 1:
        line = dict(color="#9a9fa9", dash="dot", width=1)
        fig.add_shape(type="circle", x0=-1, x1=1, y0=-1, y1=1, line=line, layer="below", **place)


def name_axes(fig: go.Figure, smallest: float) -> None:
    """Name the hidden dimensions once for all panels, and say what the circle is."""
    common = dict(xref="paper", yref="paper", showarrow=False, font=dict(size=12, color=FAINT_INK))
    circle = " · dotted circle: norm 1" if smallest > 1 else ""
    fig.add_annotation(x=0.5, y=0, yshift=-24, yanchor="top", text=f"hidden dimension 0{circle}", **common)
    fig.add_annotation(x=0, y=0.5, xshift=-36, xanchor="right", text="hidden dimension 1", textangle=-90, **common)


def draw_plane(
    fig: go.Figure,
    plane: Plane,
    place: dict[str, int],
    limit: float,
    side: float | int,
    shades: list[str] | None = None,
    name: str = "",
    thin: bool = False,
) -> None:
    """Draw features into a panel: lines, tips, labels, and the list of those too short to label.

    Args:
        fig: gets the traces.
        plane: the features.
        place: row and column of the panel.
        limit: half the width of the panel, in units of the plane.
        side: width of the panel in pixels.
        shades: a colour for each feature.
        name: heading of the panel, for hovering.
        thin: whether the lines are only a frame for something else.
    """
    shades = shades or depth_colors(np.linspace(0, 1, plane.shape[1]))
    for trace in _traces(plane, shades, name, limit, 2 * limit / side, thin or plane.shape[1] > MOST_LABELS):
        fig.add_trace(trace, **place)


def _traces(plane: Plane, shades: list[str], name: str, limit: float, unit: float, thin: bool) -> list[go.Scatter]:
    """The traces of `draw_plane`; `unit` is the length of a pixel."""
    norms = np.linalg.norm(plane, axis=0)
    angles = np.degrees(np.arctan2(plane[1], plane[0]))
    lines = [
        go.Scatter(
            x=_from_origin(plane[0, chosen]), y=_from_origin(plane[1, chosen]), mode="lines", hoverinfo="skip",
            line=dict(color=shade, width=1 if thin else 2.5),
        )
        for shade, chosen in _by_color(shades)
    ]  # fmt: skip
    tips = go.Scatter(
        x=plane[0], y=plane[1], mode="markers", customdata=np.stack([np.arange(len(norms)), norms, angles], axis=1),
        marker=dict(color=shades, size=4 if thin else 8, line=dict(color=CARD, width=1)),
        hovertemplate="feature %{customdata[0]}<br>norm %{customdata[1]:.3f}<br>angle %{customdata[2]:.1f}°"
        f"<extra>{name}</extra>",
    )  # fmt: skip
    if plane.shape[1] > MOST_LABELS:
        return [*lines, tips]
    labels = _labels(plane, norms, unit)
    texts = go.Scatter(
        x=[x for x, _, _ in labels], y=[y for _, y, _ in labels], text=[text for _, _, text in labels],
        mode="text", textfont=dict(size=13, color=INK), hoverinfo="skip",
    )  # fmt: skip
    short = [str(i) for i in np.flatnonzero(norms < SHORT * unit)]
    listed = f"short: {', '.join(short)}" if len(short) <= 6 else f"{len(short)} short ones"
    corner = go.Scatter(
        x=[-0.95 * limit], y=[-0.9 * limit], text=[listed], mode="text", textposition="middle right",
        textfont=dict(size=11, color=FAINT_INK), hoverinfo="skip",
    )  # fmt: skip
    return [*lines, tips, texts] + ([corner] if short else [])


def _from_origin(ends: Float[np.ndarray, " n"]) -> list[float | None]:
    return [value for end in ends for value in (0.0, float(end), None)]


def _by_color(shades: list[str]) -> list[tuple[str, list[int]]]:
    """Features that share a colour share a trace; with more colours than can be labelled, all lines are grey."""
    groups: dict[str, list[int]] = {}
    for i, shade in enumerate(shades):
        groups.setdefault(shade, []).append(i)
    return list(groups.items()) if len(groups) <= MOST_LABELS else [("#a9adb6", list(range(len(shades))))]


def _labels(plane: Plane, norms: Float[np.ndarray, " feats"], unit: float) -> list[tuple[float, float, str]]:
    """Place and text of the labels just beyond the tips; tips that lie together share one."""
    groups: list[list[int]] = []
    for i in np.argsort(-norms, kind="stable"):
        if norms[i] < SHORT * unit:
            continue
        near = [g for g in groups if np.linalg.norm(plane[:, g[0]] - plane[:, i]) < APART * unit]
        if near:
            near[0].append(int(i))
        else:
            groups.append([int(i)])
    labels = []
    for group in groups:
        text = ",".join(map(str, sorted(group)))
        tip, norm = plane[:, group[0]], norms[group[0]]
        beyond = (13 + 3.2 * (len(text) - 1) * abs(tip[0]) / norm) * unit
        x, y = tip * (1 + beyond / norm)
        labels.append((float(x), float(y), text))
    return labels
