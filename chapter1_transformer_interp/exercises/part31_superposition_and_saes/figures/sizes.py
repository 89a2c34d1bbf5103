"""What a latent reads and what it says: projections with a feature on and off, true against reconstructed sizes."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float
from torch import Tensor

from .style import FAINT_INK, INK, PALETTE, finish, panels, to_numpy

MOST_POINTS = 400  # of a kind and a panel; the first ones are as good as any others
BINS = 60

Panel = tuple[Float[Tensor, " rows"], Bool[Tensor, " rows"], Sequence[tuple[float, str]]]
Sizes = tuple[Float[Tensor, "rows feats"], Float[Tensor, "rows feats"], float, float, float]


def plot_projections(shown: Mapping[str, Panel], title: str) -> go.Figure:
    """One panel a detector: how the projections that it reads are distributed, with its feature off and on.

    Args:
        shown: by name: projections, whether the feature is on in the same rows, and marked places with a word for
            each. The two histograms of a panel each have area 1.
        title: says what to see.
    Raises:
        ValueError: if there is no panel, or a panel has no row of one kind.
    """
    if not shown:
        raise ValueError("shown is empty; give at least one panel")
    arrays = {
        name: (to_numpy(z, name), to_numpy(on, name).astype(bool), marks) for name, (z, on, marks) in shown.items()
    }
    low = min(float(z.min()) for z, _, _ in arrays.values())
    high = max(float(z.max()) for z, _, _ in arrays.values())
    edges = np.linspace(low, high, BINS + 1)
    fig = panels(1, len(arrays), list(arrays), shared_yaxes=True, horizontal_spacing=0.04)
    words = []
    for column, (name, (z, on, marks)) in enumerate(arrays.items(), start=1):
        if not on.any() or on.all():
            raise ValueError(f"{name!r} needs rows with its feature on and rows with it off")
        place = dict(row=1, col=column)
        for kind, rows, color, pattern in (("off", ~on, PALETTE[1], ""), ("on", on, PALETTE[0], "/")):
            heights = np.histogram(z[rows], edges, density=True)[0]
            fig.add_bar(
                x=(edges[1:] + edges[:-1]) / 2, y=heights, width=np.diff(edges), name=f"feature {kind}", opacity=0.72,
                marker=dict(color=color, line=dict(width=0), pattern=dict(shape=pattern, size=5, solidity=0.35)),
                legendgroup=kind, showlegend=column == 1, **place,
                hovertemplate=f"feature {kind}<br>projection %{{x:.2f}}<br>density %{{y:.2f}}<extra></extra>",
            )  # fmt: skip
        for at, word in marks:
            fig.add_vline(
                x=at, line=dict(color=INK, width=2, dash="dash"), annotation_text=f"{word}: {at:.2f}",
                annotation_position="top right", annotation_font=dict(size=12, color=INK), **place,
            )  # fmt: skip
        share = float((z[~on] > max(0.0, *(at for at, _ in marks)) if marks else z[~on] > 0).mean())
        marked = ", ".join(f"{word} at {at:.2f}" for at, word in marks)
        words.append(f"{name}: {marked}; beyond it lie {share:.0%} of the rows with the feature off.")
    fig.update_xaxes(title_text="projection (units of the hidden space)", range=[low, high])
    fig.update_yaxes(title_text="density of rows", col=1)
    fig.update_layout(
        barmode="overlay", bargap=0, width=max(620, 330 * len(arrays)), height=390, margin_b=84,
        legend=dict(orientation="h", x=0.5, xanchor="center", y=-0.24, yanchor="top"),
    )  # fmt: skip
    return finish(fig, title, f"{title}. {' '.join(words)}")


def plot_true_against_found(shown: Mapping[str, Sizes], title: str) -> go.Figure:
    """One panel an autoencoder: what its latents say against the true sizes of their features.

    Args:
        shown: by name: true sizes, activations of the matched latents (0 where one is off), gamma, and slope and
            intercept of the line fitted through rows with both on. Only features that are on are drawn.
        title: says what to see.
    Raises:
        ValueError: if there is no panel.
    """
    if not shown:
        raise ValueError("shown is empty; give at least one panel")
    arrays = {
        name: (to_numpy(true, name), to_numpy(found, name), gamma, slope, intercept)
        for name, (true, found, gamma, slope, intercept) in shown.items()
    }
    top = 1.1 * max(_largest_alone(true) for true, *_ in arrays.values())
    heads = [
        f"{name}<br>γ = {gamma:.2f}; fit: {slope:.2f} × size {'−' if intercept < 0 else '+'} {abs(intercept):.2f}"
        for name, (_, _, gamma, slope, intercept) in arrays.items()
    ]
    fig = panels(1, len(arrays), heads, shared_yaxes=True, horizontal_spacing=0.04)
    for column, (true, found, _, slope, intercept) in enumerate(arrays.values(), start=1):
        place = dict(row=1, col=column)
        alone = (true > 0) & ((true > 0).sum(axis=1, keepdims=True) == 1)
        several = (true > 0) & ~alone
        for kind, rows, color, symbol in (
            ("with another one", several, PALETTE[1], "diamond-open"),
            ("feature on alone", alone, PALETTE[3], "circle"),
        ):
            x, y = true[rows][:MOST_POINTS], found[rows][:MOST_POINTS]
            fig.add_scattergl(
                x=x, y=y, mode="markers", name=kind, legendgroup=kind, showlegend=column == 1, **place,
                marker=dict(color=color, symbol=symbol, size=4, opacity=0.6),
                hovertemplate="true %{x:.2f}<br>reconstructed %{y:.2f}<extra></extra>",
            )  # fmt: skip
        for kind, ends, dash in (
            ("nothing lost", [0.0, top], "dash"),
            ("fitted line", [intercept, intercept + slope * top], "solid"),
        ):
            fig.add_scatter(
                x=[0, top], y=ends, mode="lines", name=kind, legendgroup=kind, showlegend=column == 1, **place,
                line=dict(color=INK if dash == "solid" else FAINT_INK, dash=dash, width=1.8), hoverinfo="skip",
            )  # fmt: skip
    fig.update_xaxes(title_text="true size x‖W‖", range=[0, top])
    fig.update_yaxes(range=[-0.03 * top, top])
    fig.update_yaxes(title_text="activation of its latent", col=1)
    fig.update_layout(
        width=max(620, 330 * len(arrays)), height=440, margin_b=84,
        legend=dict(orientation="h", x=0.5, xanchor="center", y=-0.2, yanchor="top", itemsizing="constant"),
    )  # fmt: skip
    said = "; ".join(head.replace("<br>", ": ") for head in heads)
    return finish(fig, title, f"{title}. {said}.")


def _largest_alone(true: Float[np.ndarray, "rows feats"]) -> float:
    """The largest size of a feature that is on without others; of any feature if none is."""
    alone = true[(true > 0).sum(axis=1) == 1]
    return float((alone if alone.size else true).max(initial=1e-9))
