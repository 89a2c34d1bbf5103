"""Features in a hidden space of any size: norms and interference, and weights neuron by neuron."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from torch import Tensor, from_numpy

from .style import CARD, DEPTH, INK, depth_colors, finish, instances, panel_titles, panels, signed_scale

NORMS = "How long each feature is (bars), and what else its direction picks up (light bars, cells off the diagonal)"
NEURONS = "Which features each neuron holds: one bar a neuron, one segment a feature"
DISCRETE = "What goes into each neuron (W1) and what comes out of it (W2), feature by feature"
MOST_SEGMENTS = 12  # of a neuron's stack; the features beyond them are drawn as one
MOST_SHARED = 6  # and more than this many features look alike


class Segments(NamedTuple):
    """The pieces of stacked bars: one entry a piece."""

    neuron: Int[np.ndarray, " pieces"]
    feature: Int[np.ndarray, " pieces"]
    base: Float[np.ndarray, " pieces"]
    value: Float[np.ndarray, " pieces"]


def plot_features_in_Nd(
    W: Float[Tensor, "inst d_hidden feats"],
    height: int,
    width: int,
    title: str | None = None,
    subplot_titles: Sequence[str] | None = None,
    neuron_plot: bool = False,
) -> go.Figure:
    """One column an instance: above, the norm of every feature as a bar; below, WᵀW as a heat map.

    A bar's colour is the interference the feature suffers, Σ_{j≠i} (Ŵ_i · W_j)², from dark at 0 to light at 1 and
    above. With `neuron_plot` the figure looks at neurons: above, the weights of each stacked, its colour the number
    of features whose weight is over 0.3 of the neuron's largest; below, W itself.

    Args:
        W: `[inst d_hidden feats]`.
        height, width: of the figure in pixels.
        title: says what to see.
        subplot_titles: one an instance.
        neuron_plot: whether to draw neurons instead of features.
    Raises:
        ValueError: if `W` has another shape, or the titles another number.
    """
    weights = instances(W, "[inst d_hidden feats]")
    heads = panel_titles(subplot_titles, len(weights))
    n, gap = len(weights), 64
    across, down = width - 62 - 92, height - 54 - 70 - gap
    side = min(across / n * 0.86, down / 2)  # of a square map, in pixels
    fig = panels(
        2, n, heads, row_heights=[0.5, 0.5] if neuron_plot else [1 - side / down, side / down],
        vertical_spacing=gap / (down + gap), horizontal_spacing=0.14 / (n - 1) if n > 1 else 0,
    )  # fmt: skip
    fig.update_layout(width=width, height=height, showlegend=False, margin=dict(l=62, r=92, b=54), barmode="overlay")
    drawn = _neuron_columns(fig, weights, heads) if neuron_plot else _norm_columns(fig, weights, heads)
    shown = title or (NEURONS if neuron_plot else NORMS)
    return finish(fig, shown, f"{shown}. {drawn}")


def interference(W: Float[np.ndarray, "inst d_hidden feats"]) -> Float[np.ndarray, "inst feats"]:
    """What each feature's direction picks up of the others: Σ_{j≠i} (Ŵ_i · W_j)²; 0 for a feature of norm 0."""
    norms = np.linalg.norm(W, axis=1)
    gram = np.einsum("nhi,nhj->nij", W, W) ** 2
    others = gram.sum(axis=2) - np.einsum("nii->ni", gram)
    return np.divide(others, norms**2, out=np.zeros_like(norms), where=norms > 1e-12)


def _norm_columns(fig: go.Figure, W: Float[np.ndarray, "inst d_hidden feats"], heads: list[str]) -> str:
    norms, suffered = np.linalg.norm(W, axis=1), interference(W)
    feats = np.arange(W.shape[2])
    limit = _usual_limit(np.einsum("nhi,nhj->nij", W, W))
    fig.update_layout(bargap=0)  # and no width: plotly then draws bars of whole pixels, without seams
    for i, head in enumerate(heads):
        place = dict(row=1, col=i + 1)
        fig.add_bar(
            x=norms[i], y=feats, orientation="h", customdata=suffered[i],
            marker=dict(color=suffered[i], coloraxis="coloraxis", line=dict(width=0)),
            hovertemplate="feature %{y}<br>norm %{x:.3f}<br>interference %{customdata:.3f}" + _extra(head), **place,
        )  # fmt: skip
        fig.update_xaxes(title_text="norm", range=[0, 1.05 * max(float(norms.max()), 1.0)], nticks=4, **place)
        gram = W[i].T @ W[i]
        _map(fig, gram, i, "feature %{y}, %{x}<br>WᵀW %{z:.3f}" + _extra(head))
        fig.update_xaxes(title_text="feature", **dict(row=2, col=i + 1))
    for row in (1, 2):
        fig.update_yaxes(range=[W.shape[2] - 0.5, -0.5], showgrid=False, nticks=6, row=row)
        fig.update_yaxes(showticklabels=False, ticks="", row=row, col=None)
        fig.update_yaxes(title_text="feature", showticklabels=True, ticks="outside", row=row, col=1)
    _color_bars(fig, "interference", (0.0, 1.0), "WᵀW", limit, ["0", "½", "≥ 1"])
    parts = [
        f"{head + ': ' if head else ''}{int((norms[i] > 0.5).sum())} of {len(feats)} features have a norm over 0.5, "
        f"mean interference {suffered[i].mean():.2f}"
        for i, head in enumerate(heads)
    ]
    return "; ".join(parts) + "."


def _neuron_columns(fig: go.Figure, W: Float[np.ndarray, "inst d_hidden feats"], heads: list[str]) -> str:
    shared = _features_per_neuron(W)
    limit = _usual_limit(W)
    tops, bottoms = np.maximum(W, 0).sum(axis=2), np.minimum(W, 0).sum(axis=2)
    high, low = 1.2 * max(float(tops.max()), 1e-12), 1.05 * float(bottoms.min())
    for i, head in enumerate(heads):
        place = dict(row=1, col=i + 1)
        parts = _segments(W[i], MOST_SEGMENTS)
        held = [f"feature {feature}" if feature >= 0 else "all the others" for feature in parts.feature]
        counts = shared[i][parts.neuron]
        fig.add_bar(
            x=parts.neuron, y=parts.value, base=parts.base, width=0.86, customdata=list(zip(held, counts, strict=True)),
            marker=dict(color=counts, coloraxis="coloraxis", line=dict(color=CARD, width=0.7)),
            hovertemplate="neuron %{x}, %{customdata[0]}<br>weight %{y:.3f}<br>"
            "features on this neuron: %{customdata[1]}" + _extra(head), **place,
        )  # fmt: skip
        if W.shape[1] * len(heads) <= 45:
            fig.add_scatter(
                x=np.arange(W.shape[1]), y=tops[i], mode="text", text=[str(n) for n in shared[i]],
                textposition="top center", textfont=dict(size=11, color=INK), hoverinfo="skip", **place,
            )  # fmt: skip
        _map(fig, W[i].T, i, "feature %{y}, neuron %{x}<br>weight %{z:.3f}" + _extra(head), square=False)
        for row in (1, 2):
            fig.update_xaxes(range=[-0.5, W.shape[1] - 0.5], showgrid=False, title_text="neuron", row=row, col=i + 1)
    fig.update_yaxes(range=[low, high], row=1)
    fig.update_yaxes(range=[W.shape[2] - 0.5, -0.5], showgrid=False, nticks=6, row=2)
    for row, text in ((1, "weights, stacked"), (2, "feature")):
        fig.update_yaxes(showticklabels=False, ticks="", row=row)
        fig.update_yaxes(title_text=text, showticklabels=True, ticks="outside", row=row, col=1)
    words = ["1", "", f"≥ {MOST_SHARED}"]
    _color_bars(fig, "features on<br>the neuron", (1.0, float(MOST_SHARED)), "weight", limit, words)
    said = [
        f"{head + ': ' if head else ''}{int((shared[i] == 1).sum())} of {W.shape[1]} neurons hold one feature, "
        f"{int((shared[i] > 1).sum())} several, {int((shared[i] == 0).sum())} none"
        for i, head in enumerate(heads)
    ]
    return "; ".join(said) + "."


def _features_per_neuron(W: Float[np.ndarray, "inst d_hidden feats"]) -> Int[np.ndarray, "inst d_hidden"]:
    """How many features each neuron answers to, as section 2 counts them."""
    from ..sections.s2_privileged_basis import features_per_neuron

    return features_per_neuron(from_numpy(W)).numpy()


def _segments(W: Float[np.ndarray, "d_hidden feats"], most: int) -> Segments:
    """Stacks, one a neuron, the largest weight next to zero, positive ones up and negative ones down.

    Each stack has at most `most` features; what they leave becomes one segment a sign, of feature -1. Weights of 0
    have none.
    """
    rows: list[tuple[int, int, float, float]] = []
    for neuron, row in enumerate(W):
        order = np.argsort(-abs(row), kind="stable")
        rest = row[order[most:]]
        pieces = [(int(i), float(row[i])) for i in order[:most]]
        pieces += [(-1, float(rest[rest > 0].sum())), (-1, float(rest[rest < 0].sum()))]
        up = down = 0.0
        for feature, value in pieces:
            if abs(value) > 1e-9:
                rows.append((neuron, feature, up if value > 0 else down, value))
                up, down = up + max(value, 0.0), down + min(value, 0.0)
    table = np.array(rows, dtype=float).reshape(-1, 4).T
    return Segments(table[0].astype(int), table[1].astype(int), table[2], table[3])


def _map(fig: go.Figure, values: Float[np.ndarray, "rows columns"], i: int, hover: str, square: bool = True) -> None:
    """A heat map in the lower row; square cells where both axes are features."""
    place = dict(row=2, col=i + 1)
    fig.add_heatmap(z=values.astype(np.float32), coloraxis="coloraxis2", hovertemplate=hover, **place)
    if square:
        anchor = list(fig.select_traces(**place))[-1].xaxis
        fig.update_yaxes(scaleanchor=anchor, constrain="domain", constraintoward="top", **place)
        fig.update_xaxes(constrain="domain", range=[-0.5, values.shape[1] - 0.5], nticks=4, showgrid=False, **place)


def _usual_limit(values: Float[np.ndarray, "inst rows columns"]) -> float:
    """Where the colours end: what most rows reach, so that a few outliers do not wash out the rest."""
    largest = abs(values).max(axis=2)
    used = largest[largest > 0.1 * largest.max()]
    return max(float(np.quantile(used, 0.8)), 1e-12) if used.size else 1.0


def _color_bars(
    fig: go.Figure, above: str, span: tuple[float, float], below: str, limit: float, words: list[str]
) -> None:
    """The keys to the colours, each beside its row."""
    depth = [[i / (len(DEPTH) - 1), color] for i, color in enumerate(DEPTH)]
    top = dict(tickvals=[span[0], sum(span) / 2, span[1]], ticktext=words, title=dict(text=above, font=dict(size=12)))
    ends = [f"≤ −{limit:.2g}", "0", f"≥ {limit:.2g}"]
    bottom = dict(tickvals=[-limit, 0, limit], ticktext=ends, title=dict(text=below, font=dict(size=12)))
    common = dict(x=1.01, xanchor="left", thickness=12, len=0.4, tickfont=dict(size=11))
    fig.update_layout(
        coloraxis=dict(cmin=span[0], cmax=span[1], colorscale=depth, colorbar=dict(y=0.78, **top, **common)),
        coloraxis2=dict(cmin=-limit, cmax=limit, colorscale=signed_scale(), colorbar=dict(y=0.22, **bottom, **common)),
    )


def _extra(head: str) -> str:
    return f"<extra>{head}</extra>"


def plot_features_in_Nd_discrete(
    W1: Float[Tensor, "inst d_hidden feats"],
    W2: Float[Tensor, "inst feats d_hidden"],
    legend_names: Sequence[str],
    height: int = 600,
    width: int | None = None,
    title: str | None = None,
    row_titles: Sequence[str] | None = None,
) -> go.Figure:
    """Every weight as a labelled segment, stacked by neuron: W1 on the left, W2 on the right, one row an instance.

    Positive weights stand above the line, negative ones hang below it; the largest is next to the line.

    Args:
        W1: `[inst d_hidden feats]`, from features to neurons.
        W2: `[inst feats d_hidden]`, from neurons to features.
        legend_names: a short name for each feature, written on its segments.
        height, width: of the figure in pixels.
        title: says what to see.
        row_titles: one an instance; "instance 0"... by default.
    Raises:
        ValueError: if the shapes do not fit each other, or there is not one name a feature or one title an instance.
    """
    first = instances(W1, "[inst d_hidden feats]", "W1")
    second = instances(W2, "[inst feats d_hidden]", "W2")
    n, d_hidden, feats = first.shape
    if second.shape != (n, feats, d_hidden):
        raise ValueError(
            f"W2 has shape {list(second.shape)}; it must be [inst feats d_hidden] = {[n, feats, d_hidden]}, as W1 says"
        )
    names = [str(name) for name in legend_names]
    if len(names) != feats:
        raise ValueError(f"legend_names has {len(names)} entries for {feats} features; give one a feature")
    rows = panel_titles(row_titles, n, "row_titles")
    heads = [f"{name}{f', {row}' if row else ''}" for row in rows for name in ("W1: in", "W2: out")]
    fig = panels(n, 2, heads, horizontal_spacing=0.09, vertical_spacing=62 / height if n > 1 else 0)
    shades = depth_colors(np.arange(feats) / max(feats - 1, 1))
    for i in range(n):
        for column, matrix in enumerate((first[i], second[i].T), start=1):
            _labelled_stacks(fig, matrix, names, shades, dict(row=i + 1, col=column))
            fig.update_yaxes(title_text="weights, stacked" if column == 1 else "", row=i + 1, col=column)
    for column in (1, 2):
        fig.update_xaxes(title_text="neuron", row=n, col=column)
    fig.update_layout(
        height=height, width=width or 800, barmode="overlay", showlegend=False, margin=dict(l=60, r=20, b=50),
        uniformtext=dict(minsize=9, mode="hide"),
    )  # fmt: skip
    shown = title or DISCRETE
    both = [
        f"neuron {j} reads {_largest(first[0][j], names)} and writes {_largest(second[0][:, j], names)}"
        for j in range(min(d_hidden, 6))
    ]
    return finish(fig, shown, f"{shown}. {'; '.join(both)}{'; and so on' if d_hidden > 6 or n > 1 else ''}.")


def _labelled_stacks(
    fig: go.Figure, W: Float[np.ndarray, "d_hidden feats"], names: list[str], shades: list[str], place: dict[str, int]
) -> None:
    parts = _segments(W, most=W.shape[1])
    words = [names[index] for index in parts.feature]
    inks = ["#14161c" if index > 0.62 * (len(names) - 1) else "#ffffff" for index in parts.feature]
    fig.add_bar(
        x=parts.neuron, y=parts.value, base=parts.base, width=0.88, text=words, textposition="inside",
        insidetextanchor="middle", textangle=0, insidetextfont=dict(color=inks, size=12), customdata=words,
        marker=dict(color=[shades[index] for index in parts.feature], line=dict(color=CARD, width=1)),
        hovertemplate="neuron %{x}, feature %{customdata}<br>weight %{y:.3f}<extra></extra>", **place,
    )  # fmt: skip
    fig.update_xaxes(tickvals=list(range(len(W))), range=[-0.6, len(W) - 0.4], showgrid=False, showline=False, **place)
    fig.update_yaxes(zerolinecolor=INK, zerolinewidth=1.5, **place)


def _largest(weights: Float[np.ndarray, " feats"], names: list[str]) -> str:
    order = np.argsort(-abs(weights), kind="stable")[:2]
    return " and ".join(f"{names[i]} ({weights[i]:.2f})" for i in order)
