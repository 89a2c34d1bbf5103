"""What all figures of this subject share: the look of `plotly_utils`, panels, colours, checks of arguments."""

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots
from torch import Tensor

from plotly_utils import (
    CARD,
    DEPTH,
    FAINT_INK,
    INK,
    MAGNITUDE,
    PALETTE,
    RULE,
    SIGNED,
    SYMBOLS,
    Data,
    finish,
    to_numpy,
)

__all__ = [
    "CARD",
    "DEPTH",
    "FAINT_INK",
    "INK",
    "MAGNITUDE",
    "PALETTE",
    "RULE",
    "SIGNED",
    "SYMBOLS",
    "Data",
    "depth_colors",
    "finish",
    "ink_on",
    "instances",
    "numbers_heatmap",
    "panel_grid",
    "panel_titles",
    "panels",
    "signed_scale",
]


def depth_colors(values: Float[np.ndarray, " n"] | Sequence[float]) -> list[str]:
    """A colour for each value between 0 (darkest) and 1 (lightest that is legible on the card)."""
    clipped = [min(max(float(value), 0.0), 1.0) for value in values]
    return sample_colorscale(list(DEPTH), clipped) if clipped else []


def signed_scale() -> list[list[object]]:
    """The scale for values of both signs as plotly's graph objects take it: from -limit to limit, grey at zero."""
    return [[i / (len(SIGNED) - 1), color] for i, color in enumerate(SIGNED)]


def ink_on(value: float, limit: float) -> str:
    """Colour of a number that is written on a cell of the signed scale."""
    return "#ffffff" if value < -0.42 * limit else "#14161c"


def instances(
    W: Tensor | np.ndarray, axes: str, name: str = "W", d_hidden: int | None = None
) -> Float[np.ndarray, "inst rows columns"]:
    """Check `[inst rows columns]` and move it to NumPy.

    Args:
        W: the argument as the caller got it.
        axes: its shape in words, e.g. "[inst d_hidden feats]".
        name: what the caller calls it.
        d_hidden: what the second axis must be, where it matters.
    Raises:
        ValueError: if it has another number of axes, an axis of length 0, another d_hidden, NaN or infinity.
    """
    array = to_numpy(W, name).astype(float)
    if array.ndim != 3 or 0 in array.shape:
        raise ValueError(f"{name} has shape {list(array.shape)}; it must be {axes}, no axis empty")
    if d_hidden is not None and array.shape[1] != d_hidden:
        raise ValueError(f"{name} has shape {list(array.shape)}, {axes}; the second axis must be {d_hidden}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity; a figure needs finite numbers")
    return array


def panel_titles(titles: Sequence[str] | None, n: int, name: str = "subplot_titles") -> list[str]:
    """Headings of `n` panels: the ones given, or "instance 0", "instance 1"... (none for a single panel).

    Args:
        titles: one a panel, or None.
        n: number of panels.
        name: what the caller calls the titles; used in the error message.
    Raises:
        ValueError: if the number of titles is not `n`.
    """
    if titles is None:
        return [f"instance {i}" for i in range(n)] if n > 1 else [""]
    if isinstance(titles, str) or len(titles) != n:
        raise ValueError(f"{name}={titles!r} must be a list of {n}, one a panel")
    return [str(title) for title in titles]


def panel_grid(n: int, n_rows: int | None = None) -> tuple[int, int]:
    """Rows and columns for `n` panels: at most five a row, with as few empty places as possible.

    Raises:
        ValueError: if `n_rows` is no number from 1 to `n`.
    """
    if n_rows is not None:
        if not isinstance(n_rows, int) or not 1 <= n_rows <= n:
            raise ValueError(f"n_rows={n_rows!r} must be a whole number from 1 to the number of panels, {n}")
        return n_rows, math.ceil(n / n_rows)
    if n <= 4:
        return 1, n
    columns = min((5, 4, 3) if n <= 12 else (5, 4), key=lambda width: (-n % width, -width))
    return math.ceil(n / columns), columns


def panels(rows: int, columns: int, titles: Sequence[str], **options: object) -> go.Figure:
    """Panels in a grid, headings in the size of the axis labels."""
    fig = make_subplots(rows, columns, subplot_titles=list(titles), **options)
    fig.update_annotations(font=dict(size=13, color=INK))
    return fig


def numbers_heatmap(
    values: Float[np.ndarray, "rows columns"], limit: float, digits: int = 2, size: int = 12, **options: object
) -> tuple[go.Heatmap, go.Scatter]:
    """A small matrix on the signed scale from `-limit` to `limit`, with its numbers written in the cells.

    Returns:
        The cells and the numbers: two traces for the same axes.
    """
    rows, columns = np.indices(values.shape).reshape(2, -1)
    gap = 1 if len(values) <= 20 else 0
    cells = go.Heatmap(z=values, zmin=-limit, zmax=limit, colorscale=signed_scale(), xgap=gap, ygap=gap, **options)
    words = [f"{value:.{digits}f}".replace("-", "−") for value in values.ravel()]
    shown = [word.lstrip("−") if float(word.replace("−", "-")) == 0 else word for word in words]
    colors = [ink_on(value, limit) for value in values.ravel()]
    text = go.Scatter(
        x=columns, y=rows, mode="text", text=shown, textfont=dict(size=size, color=colors),
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    return cells, text
