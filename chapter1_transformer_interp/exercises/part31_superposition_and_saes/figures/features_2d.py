"""Features as directions in a hidden plane: d_hidden = 2."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from .style import CARD, FAINT_INK, INK, RULE, depth_colors, finish, panel_grid, panel_titles, panels, to_numpy

Plane: TypeAlias = Float[np.ndarray, "2 feats"]
Planes: TypeAlias = list[Float[np.ndarray, "2 _feats"]]  # their numbers of features may differ
TITLE = "Where each feature points in the hidden plane: one line a feature, its length the norm"
MOST_LABELS = 40  # with more features in a panel than this, labels would hide them
SHORT = 15  # pixels; a feature that is shorter is named in the corner, its label would cover the origin
APART = 15  # pixels between two tips below which they share a label
ROW_GAP = 34  # pixels between two rows of panels, room for a heading


def plot_features_in_2d(
    W: Float[Tensor, "*inst d_hidden feats"] | Sequence[Float[Tensor, "d_hidden _feats"]],
    colors: Any = None,
    title: str | None = None,
    subplot_titles: Sequence[str] | None = None,
    allow_different_limits_across_subplots: bool = False,
    n_rows: int | None = None,
) -> go.Figure:
    """One square panel an instance; in it every feature is a line from the origin, labelled with its index.

    Args:
        W: `[*inst 2 feats]`, column i of an instance being feature i; or a list of `[2 feats]`, which may differ in
            their number of features.
        colors: one a feature, the same in all panels, or one list a panel. Names of colours, or numbers, drawn from
            dark (smallest) to light. By default feature 0 is the darkest.
        title: says what to see.
        subplot_titles: one a panel; "instance 0"... by default.
        allow_different_limits_across_subplots: whether each panel has a scale of its own.
        n_rows: rows of panels; chosen if None.
    Returns:
        The figure. Hovering over a tip shows feature, norm and angle.
    Raises:
        ValueError: if a matrix is not `[2 feats]`, or if the numbers of colours, titles or rows do not fit.
    """
    planes = _planes(W)
    names = panel_titles(subplot_titles, len(planes))
    rows, columns = panel_grid(len(planes), n_rows)
    shades = _colors(colors, [plane.shape[1] for plane in planes])
    own = allow_different_limits_across_subplots
    fig, side = _grid(names, rows, columns, gap=34 if own else 8)
    limits = [1.34 * float(np.linalg.norm(plane, axis=0).max(initial=0)) or 1.0 for plane in planes]
    for i, plane in enumerate(planes):
        limit = limits[i] if own else max(limits)
        place = dict(row=i // columns + 1, col=i % columns + 1)
        draw_plane(fig, plane, place, limit, side, shades[i], names[i])
        square_axes(fig, place, limit, bottom=own or i + columns >= len(planes), left=own or i % columns == 0)
    _name_axes(fig, min(limits))
    shown = title or TITLE
    finish(fig, shown, f"{shown}. {_describe(planes, names)}")
    return fig.update_layout(height=rows * side + (rows - 1) * ROW_GAP + fig.layout.margin.t + fig.layout.margin.b)


def _grid(names: list[str], rows: int, columns: int, gap: int) -> tuple[go.Figure, float]:
    """Empty panels and the length of their sides in pixels: all figures of three columns and more are 800 wide."""
    side = {1: 340.0, 2: 310.0}.get(columns, max((720 - gap * (columns - 1)) / columns, 118))
    across, down = columns * side + (columns - 1) * gap, rows * side + (rows - 1) * ROW_GAP
    fig = panels(rows, columns, names, horizontal_spacing=gap / across, vertical_spacing=ROW_GAP / down)
    width = max(across + 80, 470)
    return fig.update_layout(width=width, showlegend=False, margin=dict(l=66, r=width - 66 - across, b=64)), side


def _planes(W: Any) -> Planes:
    """The instances as a list, each checked to be `[2 feats]`."""
    if isinstance(W, (list, tuple)):
        planes = [to_numpy(part, f"W[{i}]") for i, part in enumerate(W)]
    else:
        array = to_numpy(W, "W")
        planes = list(array.reshape(-1, *array.shape[-2:])) if array.ndim > 2 and array.size else [array]
    if not planes:
        raise ValueError("W is an empty list; give [*inst 2 feats] or a list of [2 feats]")
    for plane in planes:
        if plane.ndim != 2 or plane.shape[0] != 2:
            raise ValueError(
                f"W has an instance of shape {list(plane.shape)}; each must be [2 feats], since this figure draws "
                "d_hidden = 2 (plot_features_in_Nd draws any other)"
            )
        if not np.isfinite(plane).all():
            raise ValueError("W holds NaN or infinity; a figure needs finite numbers")
    return [plane.astype(float) for plane in planes]


def _colors(colors: Any, counts: list[int]) -> list[list[str]]:
    """Colours of the features of each panel."""
    if colors is None:
        return [depth_colors(np.linspace(0, 1, count)) for count in counts]
    nested = len(colors) > 0 and (isinstance(colors[0], (list, tuple)) or getattr(colors[0], "ndim", 0) > 0)
    lists = [_css(part) for part in colors] if nested else [_css(colors)] * len(counts)
    needed = counts if nested else [max(counts)] * len(counts)
    if len(lists) != len(counts) or any(len(part) != need for part, need in zip(lists, needed, strict=True)):
        found = [len(part) for part in lists] if nested else len(lists[0])
        raise ValueError(f"colors has {found} entries for panels of {counts} features; give one a feature")
    return [part[:count] for part, count in zip(lists, counts, strict=True)]


def _css(colors: Any) -> list[str]:
    if all(isinstance(color, str) for color in colors):
        return list(colors)
    values = to_numpy(colors, "colors").astype(float)
    span = np.ptp(values) if values.size else 0
    return depth_colors((values - values.min()) / span if span else np.zeros(values.shape))


def draw_plane(
    fig: go.Figure,
    plane: Plane,
    place: dict[str, int],
    limit: float,
    side: float | int,
    shades: list[str] | None = None,
    name: str = "",
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
    """
    shades = shades or depth_colors(np.linspace(0, 1, plane.shape[1]))
    for trace in _traces(plane, shades, name, limit, 2 * limit / side):
        fig.add_trace(trace, **place)


def _traces(plane: Plane, shades: list[str], name: str, limit: float, unit: float) -> list[go.Scatter]:
    """The traces of `draw_plane`; `unit` is the length of a pixel."""
    norms = np.linalg.norm(plane, axis=0)
    angles = np.degrees(np.arctan2(plane[1], plane[0]))
    lines = [
        go.Scatter(
            x=_from_origin(plane[0, chosen]), y=_from_origin(plane[1, chosen]), mode="lines", hoverinfo="skip",
            line=dict(color=shade, width=2.5 if plane.shape[1] <= MOST_LABELS else 1),
        )
        for shade, chosen in _by_color(shades)
    ]  # fmt: skip
    tips = go.Scatter(
        x=plane[0], y=plane[1], mode="markers", customdata=np.stack([np.arange(len(norms)), norms, angles], axis=1),
        marker=dict(color=shades, size=8 if plane.shape[1] <= MOST_LABELS else 4, line=dict(color=CARD, width=1)),
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


def _name_axes(fig: go.Figure, smallest: float) -> None:
    """Name the hidden dimensions once for all panels, and say what the circle is."""
    common = dict(xref="paper", yref="paper", showarrow=False, font=dict(size=12, color=FAINT_INK))
    circle = " · dotted circle: norm 1" if smallest > 1 else ""
    fig.add_annotation(x=0.5, y=0, yshift=-24, yanchor="top", text=f"hidden dimension 0{circle}", **common)
    fig.add_annotation(x=0, y=0.5, xshift=-36, xanchor="right", text="hidden dimension 1", textangle=-90, **common)


def _describe(planes: Planes, names: list[str]) -> str:
    """Alt text: how many features each panel shows at full length, and the angles between neighbours."""
    parts = []
    for plane, name in list(zip(planes, names, strict=True))[:12]:
        norms = np.linalg.norm(plane, axis=0)
        count = int((norms > 0.5 * max(norms.max(initial=0), 1e-9)).sum())
        parts.append(f"{name + ': ' if name else ''}{count} of {len(norms)} features longer than half the longest")
    return "; ".join(parts) + ("; and so on." if len(planes) > 12 else ".")
