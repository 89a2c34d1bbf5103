"""Tensors to plotly figures, all in one look.

`imshow`, `line`, `scatter`, `bar` and `hist` are plotly express on tensors: any device, any number type, with or
without gradient, and lists of them. Every keyword of the plotly express function works, and so does every property
of the layout. Each returns the figure, which a notebook shows when it is a cell's last value.

The look: dark ink on a light card of its own. No grey has a contrast of 4.5 with white and with #111 alike (4.35 is
the best that one colour can have), so a transparent figure is hard to read in one of the two themes; a figure that
brings its background is the same in both. Colours differ in lightness as well as in hue, so they survive a greyscale
print and colour blindness, and where lines or bars are told apart their dash or pattern differs too.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
import torch as t
from plotly.colors import sample_colorscale
from torch import Tensor

Data: TypeAlias = Tensor | np.ndarray | pd.Series | Sequence[Any] | float

CARD, INK, FAINT_INK, RULE = "#fbfaf7", "#1d2230", "#555b66", "#d3d6dc"
PALETTE = ("#1a2250", "#d66d26", "#73246f", "#2a79b3", "#a3313f")  # lightness 15, 57, 30, 48, 38 of 100
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
SYMBOLS = ("circle", "diamond-open", "square", "triangle-up-open", "x", "star", "cross-open")
PATTERNS = ("", "/", ".", "x", "-", "|", "+")
# Dark to light, every step legible on the card (contrast of 3 and more).
DEPTH = ("#15173f", "#472173", "#85216b", "#b4314f", "#cf4b33", "#d66d26")
# Lighter is larger, with grey at zero: in greyscale the sign is still there, which it is not in a scale that is
# equally dark at both ends.
SIGNED = ("#0b1f4b", "#2b4a8b", "#6684bb", "#a8a8a8", "#e2b264", "#f5d185", "#fff4cc")
MAGNITUDE = "Viridis"

FONT = 'system-ui, "Segoe UI", "Helvetica Neue", Arial, "Liberation Sans", "DejaVu Sans", sans-serif'
TITLE_SIZE = 16
_AXIS = dict(
    gridcolor=RULE, linecolor=FAINT_INK, zerolinecolor="#a9adb6", zerolinewidth=1, showline=True, ticks="outside",
    tickcolor=FAINT_INK, ticklen=4, automargin=True, title=dict(standoff=8, font=dict(size=13)),
)  # fmt: skip
TEMPLATE = go.layout.Template(
    layout=dict(
        font=dict(family=FONT, size=13, color=INK),
        paper_bgcolor=CARD,
        plot_bgcolor=CARD,
        colorway=PALETTE,
        colorscale=dict(sequential="Viridis", diverging=[[i / 6, c] for i, c in enumerate(SIGNED)]),
        xaxis=_AXIS,
        yaxis=_AXIS,
        hoverlabel=dict(bgcolor="#ffffff", font=dict(family=FONT, color=INK)),
        legend=dict(bgcolor="rgba(0,0,0,0)"),
        margin=dict(l=60, r=24, b=48),
    )
)


def to_numpy(data: Data, name: str = "data") -> np.ndarray:
    """Numbers of any kind as an array that plotly can draw: whole numbers, float32 or float64.

    Args:
        data: tensor (any device, dtype, layout, with or without gradient), array, number or nested list of these.
        name: what the caller calls it; used in error messages.
    Raises:
        TypeError: if it holds anything but real numbers.
        ValueError: if it is a list whose entries differ in shape.
    """
    if isinstance(data, Tensor):
        if data.is_complex():
            raise TypeError(f"{name} has dtype {data.dtype}; plot its real part, imaginary part or absolute value")
        dense = data.detach().to_dense() if data.layout != t.strided else data.detach()
        dense = dense.float() if dense.dtype in (t.float16, t.bfloat16) else dense
        array = dense.cpu().numpy()
    elif isinstance(data, (list, tuple)):
        parts = [to_numpy(part, name) for part in data]
        if len({part.shape for part in parts}) > 1:
            shapes = ", ".join(str(list(part.shape)) for part in parts[:5])
            raise ValueError(f"{name} holds entries of different shapes ({shapes}); they must have one shape")
        array = np.array(parts)
    else:
        array = np.asarray(data)
    if array.dtype == bool:
        array = array.astype(int)
    if not np.issubdtype(array.dtype, np.integer) and not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"{name} holds {array.dtype} ({_brief(data)}); it must hold real numbers")
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _brief(value: object) -> str:
    return textwrap.shorten(repr(value), 60, placeholder="...")


def finish(fig: go.Figure, title: str | None, alt: str) -> go.Figure:
    """Give a figure its look, its title and its alt text; the last step of every figure.

    Args:
        fig: changed in place.
        title: says what to see; wrapped to the width of the figure. None for none.
        alt: what the figure shows, for those who cannot see it; kept in `fig.layout.meta["alt"]`.
    Raises:
        ValueError: if `alt` is empty.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt={alt!r}: say in a sentence what the figure shows")
    meta = fig.layout.meta if isinstance(fig.layout.meta, dict) else {}
    fig.update_layout(template=TEMPLATE, meta=meta | {"alt": alt.strip()})
    rows = wrap(title, fig.layout.width or 760, TITLE_SIZE) if title else []
    heads = [note.text for note in fig.layout.annotations if note.yref == "paper" and (note.y or 0) >= 0.97]
    if fig.layout.margin.t is None:
        fig.layout.margin.t = (
            26 + 21 * len(rows) + max((5 + 17 * (text.count("<br>") + 1) for text in heads), default=0)
        )
    if rows:
        fig.layout.title = dict(
            text="<br>".join(rows), font=dict(size=TITLE_SIZE), pad=dict(t=5 + 11 * len(rows), l=16),
            x=0, xanchor="left", xref="container", y=1, yanchor="top", yref="container",
        )  # fmt: skip
    return fig


def wrap(text: str, width: float, size: float) -> list[str]:
    """Lines of `text` that fit into `width` pixels at `size` pixels a letter; `<br>` breaks where it stands."""
    letters = max(12, int((width - 40) / (0.53 * size)))
    return [row for part in text.split("<br>") for row in (textwrap.wrap(part, letters) or [""])]


def _draw(name: str, frame: Any, title: str | None, alt: str | None, shown: str, options: dict[str, Any]) -> go.Figure:
    """Call plotly.express.`name` with the options it knows, and hand the rest to the layout."""
    function: Callable[..., go.Figure] = getattr(px, name)
    known = inspect.signature(function).parameters
    fig = function(frame, **{key: value for key, value in options.items() if key in known})
    for key, value in options.items():
        if key not in known:
            try:
                fig.update_layout({key: value})
            except ValueError as error:
                raise TypeError(
                    f"{name}() got {key}={_brief(value)}: no keyword of plotly.express.{name}, nor a layout property"
                ) from error
    for note in fig.layout.annotations:  # plotly express writes facets as "variable=name"
        note.text = note.text.split("=", 1)[-1] if note.text else note.text
    return finish(fig, title, alt or (f"{title}. {shown}" if title else shown))


def imshow(
    tensor: Data,
    *,
    labels: dict[str, str] | None = None,
    title: str | None = None,
    facet_col: int | None = None,
    facet_labels: Sequence[str] | None = None,
    alt: str | None = None,
    **options: Any,
) -> go.Figure:
    """Heat map of a tensor; lighter is larger.

    Data with a negative value get a scale with grey at zero (dark blue below, light yellow above), equal on both
    sides; data without get viridis.

    Args:
        tensor: `[y x]`; with `facet_col` (or `animation_frame`) one axis more.
        labels: `{"x": ..., "y": ..., "color": ...}`.
        title: says what to see.
        facet_col: the axis to spread over panels.
        facet_labels: a heading for each panel.
        alt: alt text; made from the title and the sizes if None.
        **options: keywords of `plotly.express.imshow` (`x`, `y`, `zmin`, `facet_col_wrap`, `text_auto`, `width`...)
            or properties of the layout (`margin`, `xaxis_title`...).
    Raises:
        TypeError: if `tensor` does not hold real numbers or an option is unknown.
        ValueError: if the number of axes or of labels is wrong.
    """
    array = to_numpy(tensor, "tensor")
    spread = [axis for axis in (facet_col, options.get("animation_frame")) if axis is not None]
    if array.ndim != 2 + len(spread):
        raise ValueError(
            f"tensor has shape {list(array.shape)}; with facet_col={facet_col} it must have {2 + len(spread)} axes. "
            "A third axis becomes panels with facet_col=0 (or the number of that axis)"
        )
    if array.size == 0:
        raise ValueError(f"tensor has shape {list(array.shape)}: there is nothing to show")
    for axis in spread:
        if not isinstance(axis, int) or not -array.ndim <= axis < array.ndim:
            raise ValueError(f"facet_col={axis!r} is no axis of a tensor of shape {list(array.shape)}")
    if facet_labels is not None and (facet_col is None or len(facet_labels) != array.shape[facet_col]):
        panels = "no facet_col" if facet_col is None else f"{array.shape[facet_col]} panels"
        raise ValueError(f"facet_labels has {len(facet_labels)} entries for {panels}; give one a panel")
    options = {key: _numbers(value, key) if key in ("x", "y") else value for key, value in options.items()}
    if facet_col is not None:
        options["facet_col"] = facet_col % array.ndim
        options = {"facet_row_spacing": 0.12} | options
    shown = f"Heat map of {' x '.join(map(str, array.shape))} numbers{_span(array)}."
    fig = _draw("imshow", array, title, alt, shown, {"labels": labels or {}} | _scale(array, options))
    for note, text in zip(_facets(fig), facet_labels or (), strict=False):
        note.text = text
    return fig


def _facets(fig: go.Figure) -> list[go.layout.Annotation]:
    """Headings of the panels in reading order: plotly express lists them row by row from the bottom."""
    return sorted(fig.layout.annotations, key=lambda note: (-round(note.y, 6), note.x))


def _scale(array: np.ndarray, options: dict[str, Any]) -> dict[str, Any]:
    """The options with a colour scale that suits the data, unless they bring one."""
    if options.get("color_continuous_scale") is not None:
        return options
    finite = array[np.isfinite(array)]
    if finite.size == 0 or finite.min() >= 0:
        return options | {"color_continuous_scale": MAGNITUDE}
    options = options | {"color_continuous_scale": list(SIGNED)}
    given = {"zmin", "zmax", "range_color", "color_continuous_midpoint"} & options.keys()
    limit = float(np.abs(finite).max())
    return options if given else options | {"zmin": -limit, "zmax": limit}


def _span(array: np.ndarray) -> str:
    finite = array[np.isfinite(array)]
    return f", values from {finite.min():.3g} to {finite.max():.3g}" if finite.size else ""


def _numbers(value: Any, name: str) -> Any:
    """Tensors as arrays; anything else (labels, names of columns) as it is."""
    is_tensors = isinstance(value, (list, tuple)) and any(isinstance(part, Tensor) for part in value)
    return to_numpy(value, name) if isinstance(value, Tensor) or is_tensors else value


def line(
    y: Data,
    x: Data | None = None,
    *,
    names: Sequence[str] | None = None,
    labels: dict[str, str] | None = None,
    title: str | None = None,
    alt: str | None = None,
    **options: Any,
) -> go.Figure:
    """Lines through points.

    Args:
        y: `[points]`, `[lines points]`, or a list of lines, which may differ in length.
        x: `[points]` for all lines or one row a line; 0, 1, 2... if None.
        names: one a line, for the legend.
        labels: `{"x": ..., "y": ..., "variable": ...}`; the last heads the legend.
        title: says what to see.
        alt: alt text; made from the title and the sizes if None.
        **options: keywords of `plotly.express.line` (`log_x`, `markers`, `facet_col`, `hover_name`...) or properties
            of the layout. Where plotly express takes a column, give one value a line, or one a point.
    Raises:
        TypeError: if the data are no real numbers or an option is unknown.
        ValueError: if numbers of lines, points or names do not fit together.
    """
    styles = {"line_dash": ("line_dash_sequence", DASHES)}
    return _lines("line", "Line plot", y, x, names, labels, title, alt, styles, options)


def scatter(
    x: Data,
    y: Data,
    *,
    names: Sequence[str] | None = None,
    labels: dict[str, str] | None = None,
    title: str | None = None,
    alt: str | None = None,
    **options: Any,
) -> go.Figure:
    """Points in the plane; groups differ in colour and in shape. Arguments as for `line`, but `x` comes first."""
    styles = {"symbol": ("symbol_sequence", SYMBOLS)}
    return _lines("scatter", "Scatter plot", y, x, names, labels, title, alt, styles, options)


def bar(
    y: Data,
    x: Data | Sequence[str] | None = None,
    *,
    names: Sequence[str] | None = None,
    labels: dict[str, str] | None = None,
    title: str | None = None,
    alt: str | None = None,
    **options: Any,
) -> go.Figure:
    """Bars; groups stand side by side (`barmode="relative"` stacks them). Arguments as for `line`; `x` may be words."""
    styles = {"pattern_shape": ("pattern_shape_sequence", PATTERNS)}
    return _lines("bar", "Bar chart", y, x, names, labels, title, alt, styles, {"barmode": "group"} | options)


def hist(
    data: Data,
    *,
    names: Sequence[str] | None = None,
    labels: dict[str, str] | None = None,
    title: str | None = None,
    alt: str | None = None,
    **options: Any,
) -> go.Figure:
    """Histogram of `[values]`, or of each row of `[groups values]` or list; other arguments as for `line`.

    `labels={"x": ...}` names the values. Groups lie over each other, see-through and patterned, unless `barmode`
    says otherwise.
    """
    styles = {"pattern_shape": ("pattern_shape_sequence", PATTERNS)}
    groups = _rows(data, "data")
    if len(groups) > 1:  # the darkest colour goes on top of the palest: its pattern shows on it in greyscale too
        pale_first = [PALETTE[1], PALETTE[0], *PALETTE[2:]]
        overlay = {"barmode": "overlay", "opacity": 0.7, "color_discrete_sequence": pale_first}
        options = overlay | options
    return _lines("histogram", "Histogram", None, groups, names, labels, title, alt, styles, options)


def _lines(
    kind: str, shown: str, y: Any, x: Any, names: Any, labels: Any, title: Any, alt: Any, styles: Any, options: Any
) -> go.Figure:
    """A plotly express figure of one or several rows of numbers, told apart by colour and by `styles`."""
    values = "x" if y is None else "y"
    rows = _rows(x if y is None else y, values)
    frame, columns = _table(rows, values, None if y is None else x, names, options)
    if len(rows) > 1 and "color" not in options:
        marks = {"color": "variable"}
        for style, (sequence, members) in styles.items():
            marks |= {style: "variable", sequence: list(members)}
        enough = len(rows) <= len(PALETTE)
        colors = PALETTE if enough else sample_colorscale(list(DEPTH), len(rows))
        options = marks | {"color_discrete_sequence": list(colors)} | options
    elif "color_discrete_sequence" not in options:
        options = options | {"color_discrete_sequence": list(PALETTE)}
    titles = {"variable": ""} | (labels or {})
    options = options | columns | {"x": "x", "labels": titles} | ({} if y is None else {"y": "y"})
    listed = f" ({', '.join(map(str, names))})" if names else ""
    groups = f", {len(rows)} groups{listed}" if len(rows) > 1 else ""
    return _draw(kind, frame, title, alt, f"{shown}{groups}{_span(np.concatenate(rows))}.", options)


def _rows(data: Any, name: str) -> list[np.ndarray]:
    """`[points]` as one row, `[rows points]` or a list of lines as several."""
    if isinstance(data, (list, tuple)) and data and any(np.ndim(_numbers(part, name)) for part in data):
        rows = [to_numpy(part, name) for part in data]
    else:
        array = to_numpy(data, name)
        rows = list(array) if array.ndim == 2 else [array]
    for row in rows:
        if row.ndim != 1 or row.size == 0:
            raise ValueError(
                f"{name} has a row of shape {list(row.shape)}; give [points], [lines points] or a list of [points]"
            )
    return rows


def _table(
    rows: list[np.ndarray], values: str, x: Any, names: Sequence[str] | None, options: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Rows of numbers as a long table with a column for x, for the name and for every option that is a column."""
    sizes = [len(row) for row in rows]
    if names is not None and len(names) != len(rows):
        raise ValueError(f"names has {len(names)} entries for {len(rows)} rows of {values}; give one a row")
    columns: dict[str, Any] = {values: np.concatenate(rows)}
    columns["variable"] = np.repeat([str(name) for name in names or range(len(rows))], sizes)
    if values == "y":
        columns["x"] = np.concatenate(_positions(x, sizes))
    used = {}
    for key in _COLUMNS & options.keys():
        value = _numbers(options[key], key)
        if value is not None and not isinstance(value, str):
            columns[key] = _column(value, key, sizes)
            used[key] = key
    return pd.DataFrame(columns), used


_COLUMNS = {
    "animation_frame", "animation_group", "color", "error_x", "error_y", "facet_col", "facet_row", "hover_name",
    "line_dash", "line_group", "pattern_shape", "size", "symbol", "text",
}  # fmt: skip


def _positions(x: Any, sizes: list[int]) -> list[np.ndarray]:
    if x is None:
        return [np.arange(size) for size in sizes]
    words = not isinstance(x, Tensor) and np.asarray(_numbers(x, "x") if _is_flat(x) else 0).dtype.kind in "USOM"
    rows = [np.asarray(x)] if words else _rows(x, "x")
    rows = rows * len(sizes) if len(rows) == 1 else rows
    found = [len(row) for row in rows]
    if found != sizes:
        raise ValueError(f"x has {found} points for y with {sizes}; give [points] for all lines, or one row a line")
    return rows


def _is_flat(x: Any) -> bool:
    return not isinstance(x, (list, tuple)) or not any(isinstance(part, (list, tuple, Tensor)) for part in x)


def _column(value: Iterable[Any], key: str, sizes: list[int]) -> np.ndarray:
    """One entry a point: from one a point, or from one a row."""
    array = np.asarray(value)
    if array.size == sum(sizes):
        return array.reshape(-1)
    if array.shape == (len(sizes),):
        return np.repeat(array, sizes)
    raise ValueError(
        f"{key} has shape {list(array.shape)} for {len(sizes)} rows of {sizes} points; give one value a row or a point"
    )
