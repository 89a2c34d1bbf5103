"""Feature absorption: rates with their intervals, latents of a family beside the truth, cosines of related features."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from .frontier import confidence_interval
from .style import FAINT_INK, INK, PALETTE, finish, numbers_heatmap, panels, to_numpy

Shown = TypeVar("Shown")

BIN = 0.1  # width of a bar of cosines


def plot_absorption(rates: Mapping[str, Float[Tensor, "inst parents"]], title: str) -> go.Figure:
    """One column a kind of autoencoder: the mean rate of each instance, and their mean with its 95 % interval.

    Args:
        rates: by name, which may hold `<br>`: absorption rates.
        title: says what to see.
    Raises:
        ValueError: if there is no name, or rates are not [inst parents].
    """
    means = {name: _matrix(rate, f"rates[{name!r}]", "[inst parents]").mean(axis=1) for name, rate in _some(rates)}
    fig = go.Figure()
    said = []
    for place, (name, values) in enumerate(means.items()):
        half, plain = confidence_interval(pd.Series(values)), name.replace("<br>", ", ")
        spread = np.linspace(-0.16, 0.16, len(values)) if len(values) > 1 else np.zeros(1)
        fig.add_scatter(
            x=place + spread, y=values, mode="markers", name="one autoencoder", showlegend=place == 0,
            legendgroup="one", marker=dict(color=PALETTE[3], size=7, opacity=0.75),
            hovertemplate=f"{plain}<br>absorption %{{y:.2f}}<extra></extra>",
        )  # fmt: skip
        fig.add_scatter(
            x=[place + 0.28], y=[values.mean()], error_y=dict(array=[half], thickness=1.6, width=5, color=INK),
            mode="markers+text", text=[f" {values.mean():.2f}".replace("-", "−")], textposition="middle right",
            name="mean and 95 % interval", showlegend=place == 0, legendgroup="mean",
            marker=dict(color=INK, size=10, symbol="diamond"),
            hovertemplate=f"{plain}<br>mean %{{y:.3f}} ± {half:.3f}<extra></extra>",
        )  # fmt: skip
        said.append(f"{plain}: {values.mean():.2f} ± {half:.2f}")
    lowest, highest = (float(end) for end in np.percentile(np.concatenate(list(means.values())), (0, 100)))
    fig.add_hline(y=0, line=dict(color=FAINT_INK, width=1))
    fig.update_xaxes(
        tickvals=[place + 0.1 for place in range(len(means))], ticktext=list(means), showgrid=False, zeroline=False,
        range=[-0.5, len(means) - 0.2], title_text="autoencoders",
    )  # fmt: skip
    fig.update_yaxes(title_text="absorption (difference of shares)", range=[min(-0.05, lowest - 0.06), highest + 0.06])
    legend = dict(orientation="h", x=0.5, xanchor="center", y=1.0, yanchor="bottom", itemsizing="constant")
    fig.update_layout(width=max(640, 130 * len(means)), height=430, legend=legend)
    finish(fig, title, f"{title}. {'; '.join(said)}.")
    fig.layout.margin.t += 26
    return fig


def _some(shown: Mapping[str, Shown]) -> Iterable[tuple[str, Shown]]:
    """The entries of an argument that must not be empty."""
    if not shown:
        raise ValueError("there is nothing to show; give at least one entry")
    return shown.items()


def _matrix(values: Tensor, name: str, axes: str) -> Float[np.ndarray, "rows columns"]:
    """A matrix with at least one row and column, as an array."""
    array = to_numpy(values, name).astype(float)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} has shape {list(array.shape)}; it must be {axes}, no axis empty")
    return array


def plot_family_cosines(cosines: Mapping[str, Float[Tensor, "members latents"]], title: str) -> go.Figure:
    """One panel a decoder: the cosine of a parent and its children (rows) with the latents of the same (columns).

    Args:
        cosines: by name: the parent first, then its children, in both axes.
        title: says what to see.
    Raises:
        ValueError: if there is no panel, or a panel is not square.
    """
    arrays = {name: _matrix(c, f"cosines[{name!r}]", "[members latents]") for name, c in _some(cosines)}
    for name, array in arrays.items():
        if array.shape[0] != array.shape[1]:
            raise ValueError(f"cosines[{name!r}] has shape {list(array.shape)}; it must be square")
    fig = panels(1, len(arrays), list(arrays), horizontal_spacing=0.03)
    said = []
    for column, (name, array) in enumerate(arrays.items(), start=1):
        words = ["parent", *(f"child {i}" for i in range(1, len(array)))]
        cells, numbers = numbers_heatmap(array, 1.0, showscale=False, hoverinfo="skip")
        fig.add_trace(cells, row=1, col=column)
        fig.add_trace(numbers, row=1, col=column)
        ticks = dict(tickvals=list(range(len(words))), showgrid=False, zeroline=False)
        fig.update_xaxes(ticktext=words, tickangle=-45, title_text="latent of", row=1, col=column, **ticks)
        fig.update_yaxes(ticktext=words, autorange="reversed", row=1, col=column, **ticks)
        fig.update_yaxes(showticklabels=column == 1, row=1, col=column)
        own, shared = np.diag(array)[1:], array[0, 1:]
        said.append(
            f"{name}: children's latents have a mean cosine of {own.mean():.2f} with their own direction "
            f"and {shared.mean():.2f} with their parent's"
        )
    fig.update_yaxes(title_text="cosine with the direction of", col=1)
    fig.update_layout(width=80 + 245 * len(arrays), height=400)
    return finish(fig, title, f"{title}. {'; '.join(said)}.")


def plot_pair_cosines(shown: Mapping[str, Mapping[str, Float[Tensor, " pairs"]]], title: str) -> go.Figure:
    """One panel a relation: how the cosines of pairs of features are distributed, one colour a kind of data.

    Args:
        shown: by relation, then by kind of data (at most three): cosines. A dashed line marks each mean.
        title: says what to see.
    Raises:
        ValueError: if there is no panel, or no pair in one.
    """
    fig = panels(1, len(shown), list(dict(_some(shown))), shared_yaxes=True, horizontal_spacing=0.05)
    edges = np.linspace(-1 - BIN / 2, 1 + BIN / 2, round(2 / BIN) + 2)
    said = []
    for column, (relation, kinds) in enumerate(shown.items(), start=1):
        looks = zip((PALETTE[0], PALETTE[1], PALETTE[3]), ("/", "", "x"), strict=True)
        for (kind, values), (color, pattern) in zip(kinds.items(), looks, strict=False):
            array = to_numpy(values, f"shown[{relation!r}][{kind!r}]").astype(float)
            if array.size == 0:
                raise ValueError(f"shown[{relation!r}][{kind!r}] holds no pair")
            share = np.histogram(array, edges)[0] / array.size
            fig.add_bar(
                x=(edges[1:] + edges[:-1]) / 2, y=share, name=kind, legendgroup=kind, showlegend=column == 1,
                marker=dict(color=color, pattern=dict(shape=pattern, size=5, solidity=0.35)), row=1, col=column,
                hovertemplate=f"{kind}<br>cosine %{{x:.1f}}<br>share %{{y:.2f}}<extra></extra>",
            )  # fmt: skip
            fig.add_vline(x=array.mean(), line=dict(color=color, width=2, dash="dash"), row=1, col=column)
            said.append(f"{relation}, {kind}: mean {array.mean():.2f}, {(array < -0.9).mean():.0%} below -0.9")
    fig.update_xaxes(title_text="cosine of the two directions", range=[-1.08, 1.08])
    fig.update_yaxes(title_text="share of the pairs", col=1)
    legend = dict(orientation="h", x=0.5, xanchor="center", y=-0.2, yanchor="top")
    fig.update_layout(width=max(620, 420 * len(shown)), height=400, margin_b=84, bargap=0.06, legend=legend)
    return finish(fig, title, f"{title}. {'; '.join(said)}.")
