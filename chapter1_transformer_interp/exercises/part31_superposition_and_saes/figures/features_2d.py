"""Features as directions in a hidden plane: d_hidden = 2."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from .plane import draw_plane, finish_square, name_axes, square_axes, square_panels
from .style import depth_colors, panel_grid, panel_titles, to_numpy

Planes: TypeAlias = list[Float[np.ndarray, "2 _feats"]]  # their numbers of features may differ
TITLE = "Where each feature points in the hidden plane: one line a feature, its length the norm"


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
    fig, side = square_panels(names, rows, columns, gap=34 if own else 8)
    limits = [1.34 * float(np.linalg.norm(plane, axis=0).max(initial=0)) or 1.0 for plane in planes]
    for i, plane in enumerate(planes):
        limit = limits[i] if own else max(limits)
        place = dict(row=i // columns + 1, col=i % columns + 1)
        draw_plane(fig, plane, place, limit, side, shades[i], names[i])
        square_axes(fig, place, limit, bottom=own or i + columns >= len(planes), left=own or i % columns == 0)
    name_axes(fig, min(limits) if own else max(limits))
    shown = title or TITLE
    return finish_square(fig, rows, side, shown, f"{shown}. {_describe(planes, names)}")


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


def _describe(planes: Planes, names: list[str]) -> str:
    """Alt text: how many features each panel shows at full length, and the angles between neighbours."""
    parts = []
    for plane, name in list(zip(planes, names, strict=True))[:12]:
        norms = np.linalg.norm(plane, axis=0)
        count = int((norms > 0.5 * max(norms.max(initial=0), 1e-9)).sum())
        parts.append(f"{name + ': ' if name else ''}{count} of {len(norms)} features longer than half the longest")
    return "; ".join(parts) + ("; and so on." if len(planes) > 12 else ".")
