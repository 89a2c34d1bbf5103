"""Which features overlap with which: the matrix of cosines, sorted by group."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from torch import Tensor

from .geometry import REPRESENTED
from .style import MAGNITUDE, finish, instances, panel_titles, panels, to_numpy

TITLE = "Sorted by group: features overlap inside a block, hardly between blocks"


def plot_feature_groups(
    W: Float[Tensor, "inst d_hidden feats"],
    groups: Int[Tensor, "inst feats"],
    title: str | None = None,
    subplot_titles: Sequence[str] | None = None,
) -> go.Figure:
    """|cosine| between every two represented features (norm over 0.5), one panel an instance, groups side by side.

    Small groups come first; a frame is drawn around each.

    Args:
        W: weights.
        groups: number of the group of each feature; those of features that are not represented do not matter.
        title: says what to see.
        subplot_titles: one a panel; "instance 0"... by default.
    Returns:
        The figure. Hovering over a place shows both features and the cosine.
    Raises:
        ValueError: if shapes do not fit, or an instance represents no feature.
    """
    weights = instances(W, "[inst d_hidden feats]")
    labels = to_numpy(groups, "groups")
    if labels.shape != (weights.shape[0], weights.shape[2]):
        raise ValueError(f"groups has shape {list(labels.shape)}; it must be [inst feats], as W {list(weights.shape)}")
    names = panel_titles(subplot_titles, len(weights))
    sorted_by_group = [_sorted(one, own, i) for i, (one, own) in enumerate(zip(weights, labels, strict=True))]
    counts = [_counted(sizes) for _, sizes in sorted_by_group]
    heads = [f"{name}<br>{count}" for name, count in zip(names, counts, strict=True)]
    fig = panels(1, len(weights), heads, horizontal_spacing=0.04)
    for i, (order, sizes) in enumerate(sorted_by_group):
        unit = weights[i][:, order] / np.linalg.norm(weights[i][:, order], axis=0)
        index = np.stack(np.broadcast_arrays(order[:, None], order[None, :]), axis=-1)
        fig.add_heatmap(
            z=abs(unit.T @ unit), customdata=index, coloraxis="coloraxis", row=1, col=i + 1,
            hovertemplate="features %{customdata[0]} and %{customdata[1]}<br>|cosine| %{z:.2f}<extra></extra>",
        )  # fmt: skip
        _frames(fig, sizes, i + 1)
        ends = [-0.5, len(order) - 0.5]
        axis = dict(showticklabels=False, ticks="", showgrid=False, zeroline=False, showline=False, constrain="domain")
        fig.update_xaxes(row=1, col=i + 1, title_text="feature, by group", range=ends, **axis)
        side = dict(scaleanchor=f"x{i + 1 if i else ''}", range=ends[::-1], title_text="" if i else "feature, by group")
        fig.update_yaxes(row=1, col=i + 1, **side, **axis)
    bar = dict(title=dict(text="|cosine|", side="top"), thickness=14, len=0.8)
    fig.update_layout(coloraxis=dict(colorscale=MAGNITUDE, cmin=0, cmax=1, colorbar=bar))
    fig.update_layout(width=max(420, 90 + 290 * len(weights)), height=420)
    shown = title or TITLE
    said = "; ".join(f"{name}: {count}" for name, count in zip(names, counts, strict=True))
    return finish(fig, shown, f"{shown}. Matrices of |cosine| between features. {said}.")


def _sorted(
    W: Float[np.ndarray, "d_hidden feats"], groups: Int[np.ndarray, " feats"], inst: int
) -> tuple[Int[np.ndarray, " kept"], list[int]]:
    """Represented features with the members of a group side by side, small groups first; and the groups' sizes."""
    kept = np.flatnonzero(np.linalg.norm(W, axis=0) > REPRESENTED)
    if not len(kept):
        raise ValueError(f"W represents no feature in instance {inst}: none has a norm over {REPRESENTED}")
    names, member, sizes = np.unique(groups[kept], return_inverse=True, return_counts=True)
    order = np.lexsort((member, sizes[member]))
    return kept[order], sorted(sizes.tolist())


def _counted(sizes: list[int]) -> str:
    low, high = sizes[0], sizes[-1]
    groups = "1 group" if len(sizes) == 1 else f"{len(sizes)} groups"
    return f"{groups} of {high if low == high else f'{low} to {high}'} features"


def _frames(fig: go.Figure, sizes: list[int], column: int) -> None:
    """A square around each group's block, as one line with gaps."""
    ends = np.cumsum(sizes) - 0.5
    x: list[float | None] = []
    y: list[float | None] = []
    for size, high in zip(sizes, ends, strict=True):
        low = high - size
        x += [low, high, high, low, low, None]
        y += [low, low, high, high, low, None]
    line = dict(color="#ffffff", width=1.2)
    fig.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False, row=1, col=column)
