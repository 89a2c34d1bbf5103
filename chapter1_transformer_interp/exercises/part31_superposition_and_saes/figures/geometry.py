"""Feature geometry: how many dimensions a feature gets, and the polytopes that features form."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .style import FAINT_INK, INK, PALETTE, depth_colors, finish, instances, to_numpy

CURVE = "Dimensions per feature: the rarer the features, the more of them share one"
POINTS = "Each feature's share of a dimension beside the shares in regular polytopes"
POLYTOPES = {  # name and height of a line; where two lines are close, their labels move apart by so many pixels
    "a dimension each: 1": (1.0, 0),
    "tetrahedron: 3/4": (3 / 4, 0),
    "triangle: 2/3": (2 / 3, 0),
    "digon: 1/2": (1 / 2, 0),
    "pentagon: 2/5": (2 / 5, 5),
    "square antiprism: 3/8": (3 / 8, -6),
}
REPRESENTED = 0.5  # a feature counts as represented when its norm is over this
GROUPS = (  # how a feature is drawn that has this many features or fewer in its group: name, colour, symbol
    (1, "alone in its group", PALETTE[4], "x-thin-open"),
    (2, "in a group of 2", PALETTE[1], "circle"),
    (4, "of 3 or 4", PALETTE[2], "triangle-up-open"),
    (5, "of 5", PALETTE[3], "diamond"),
    (8, "of 6 to 8", PALETTE[4], "square-open"),
    (10**9, "of more", FAINT_INK, "circle-open"),
)
NEIGHBOUR = 1.25  # an edge joins two features no further apart than this times the distance to the nearest


def plot_feature_geometry(
    model: Any,
    dim_fracs: Float[Tensor, "inst feats"] | None = None,
    filename: str | Path | None = None,
    *,
    groups: Int[Tensor, "inst feats"] | None = None,
    title: str | None = None,
) -> go.Figure:
    """Dimensions per feature, d_hidden / ‖W‖²_F, against 1 / (1 - S) = 1 / p, one point an instance.

    With `dim_fracs` every represented feature (norm over 0.5) is a point too, spread a little to the sides, and
    lines mark the dimensionality of a feature in regular polytopes.

    Args:
        model: has `W [inst d_hidden feats]` and `feature_probability [inst feats]`; an instance is placed at the
            mean of its probabilities.
        dim_fracs: dimensionality of every feature.
        filename: where to write the figure as a web page of its own, which needs no network.
        groups: number of the group that a feature belongs to, shown when hovering over it; colour and symbol of a
            point then say how many features of its instance are in the group.
        title: says what to see.
    Returns:
        The figure, also when it was written.
    Raises:
        ValueError: if the shapes do not fit each other, or an instance never has a feature on.
    """
    W = instances(model.W, "[inst d_hidden feats]", "model.W")
    shape = (W.shape[0], W.shape[2])
    p = _fitting(model.feature_probability, "model.feature_probability", shape).mean(axis=1)
    if not (p > 0).all():
        raise ValueError(
            "model.feature_probability is 0 throughout an instance; 1 / p needs a feature that is on at times"
        )
    norms = np.linalg.norm(W, axis=1)
    total = (norms**2).sum(axis=1)
    share = np.divide(W.shape[1], total, out=np.full_like(total, np.nan), where=total > 1e-12)
    fig = go.Figure()
    said = f"From {share[np.argmax(p)]:.2f} at p = {p.max():.3g} to {share[np.argmin(p)]:.2f} at p = {p.min():.3g}."
    if dim_fracs is not None:
        fractions = _fitting(dim_fracs, "dim_fracs", shape)
        group = None if groups is None else _fitting(groups, "groups", shape)
        _feature_points(fig, p, fractions, norms, group)
        _polytope_lines(fig)
        said += " " + _sticking(fractions[norms > REPRESENTED])
    _curve(fig, p, share, alone=dim_fracs is None)
    shown = title or (CURVE if dim_fracs is None else POINTS)
    finish(fig, shown, f"{shown}. {said}")
    if filename is not None:
        fig.write_html(filename, include_plotlyjs=True, include_mathjax=False, config={"displaylogo": False})
    return fig


def _curve(fig: go.Figure, p: Float[np.ndarray, " inst"], share: Float[np.ndarray, " inst"], alone: bool) -> None:
    """Dimensions per feature of the instances, in order of 1 / p, and the axes; `alone` where no features are shown."""
    order = np.argsort(1 / p)
    fig.add_scatter(
        x=1 / p[order], y=share[order], mode="lines+markers", name="d_hidden / ‖W‖²", customdata=p[order],
        line=dict(color=PALETTE[0], width=2.5), marker=dict(size=7, symbol="diamond"),
        hovertemplate="p = %{customdata:.3g}<br>d_hidden / ‖W‖² = %{y:.3f}<extra></extra>",
    )  # fmt: skip
    fig.update_xaxes(title_text="1 / (1 − S) = 1 / p", type="log", tickvals=_ticks(1 / p), showgrid=False)
    top = 1.1 * max(1.0, float(np.nanmax(share, initial=1.0)))
    label = "dimensions per feature" + (", d_hidden / ‖W‖²" if alone else "")
    fig.update_yaxes(title_text=label, range=[0, top], showgrid=alone)
    if alone:
        fig.update_layout(width=800, height=440, margin_r=30)
    else:
        legend = dict(orientation="h", x=0.5, xanchor="center", y=-0.13, yanchor="top")
        fig.update_layout(width=800, height=600, margin_r=165, margin_b=86, legend=legend)


def _fitting(value: Any, name: str, shape: tuple[int, int]) -> Float[np.ndarray, "inst feats"]:
    array = to_numpy(value, name).astype(float)
    if array.shape != shape:
        raise ValueError(
            f"{name} has shape {list(array.shape)}; it must be [inst feats] = {list(shape)}, as model.W says"
        )
    return array


def _feature_points(
    fig: go.Figure,
    p: Float[np.ndarray, " inst"],
    fractions: Float[np.ndarray, "inst feats"],
    norms: Float[np.ndarray, "inst feats"],
    groups: Float[np.ndarray, "inst feats"] | None,
) -> None:
    """One point a represented feature. Neighbouring indices are spread evenly to the sides, by the golden ratio."""
    represented = norms > REPRESENTED
    inst, feature = np.nonzero(represented & np.isfinite(fractions))
    places = np.unique(np.log(1 / p))
    room = np.diff(places).min() if len(places) > 1 else 0.3
    aside = ((feature * (math.sqrt(5) - 1) / 2) % 1 - 0.5) * 0.7 * room
    told = [feature, inst, p[inst], norms[inst, feature]]
    hover = "feature %{customdata[0]}, instance %{customdata[1]}<br>p = %{customdata[2]:.3g}<br>dimensionality %{y:.3f}"
    hover += "<br>norm %{customdata[3]:.2f}"
    everything = np.ones(len(inst), dtype=bool)
    kinds: list[tuple[Bool[np.ndarray, " n"], str, str, str]] = [(everything, "a feature", PALETTE[1], "circle")]
    if groups is not None:
        size = _group_sizes(groups, represented)[inst, feature]
        told += [groups[inst, feature], size]
        hover += "<br>group %{customdata[4]}, of %{customdata[5]} features"
        below = [0, *(most for most, *_ in GROUPS)]
        kinds = [
            ((size > low) & (size <= most), name, color, symbol)
            for low, (most, name, color, symbol) in zip(below, GROUPS, strict=False)
        ]
    x, about = np.exp(np.log(1 / p[inst]) + aside), np.stack(told, axis=1)
    rim = dict(width=0 if groups is None else 1)
    for chosen, name, color, symbol in kinds:
        if chosen.any() or groups is None:
            fig.add_scatter(
                x=x[chosen], y=fractions[inst, feature][chosen], mode="markers", name=name,
                marker=dict(color=color, size=5, symbol=symbol, opacity=0.6, line=rim),
                customdata=about[chosen], hovertemplate=hover + "<extra></extra>",
            )  # fmt: skip


def _group_sizes(
    groups: Float[np.ndarray, "inst feats"], represented: Bool[np.ndarray, "inst feats"]
) -> Int[np.ndarray, "inst feats"]:
    """How many represented features of the same instance have the group of each."""
    same = (groups[:, :, None] == groups[:, None, :]) & represented[:, None, :]
    return same.sum(axis=2)


def _polytope_lines(fig: go.Figure) -> None:
    for name, (height, shift) in POLYTOPES.items():
        fig.add_hline(y=height, line=dict(color="#9a9fa9", width=1, dash="dot"), layer="below")
        fig.add_annotation(
            x=1, xref="paper", xanchor="left", xshift=6, y=height, yshift=shift, text=name, showarrow=False,
            font=dict(size=12, color=INK),
        )  # fmt: skip


def _ticks(values: Float[np.ndarray, " inst"]) -> list[float]:
    """1, 2, 5, 10, 20... as far as the values reach."""
    top = math.ceil(math.log10(max(values.max(), 10)))
    return [
        factor * 10.0**power
        for power in range(top + 1)
        for factor in (1, 2, 5)
        if factor * 10**power <= 1.5 * values.max()
    ]


def _sticking(fractions: Float[np.ndarray, " n"]) -> str:
    """How many features sit at each polytope's line, in words."""
    near = {name.split(":")[0]: int((abs(fractions - height) < 0.012).sum()) for name, (height, _) in POLYTOPES.items()}
    listed = ", ".join(f"{count} of {name}" for name, count in near.items() if count)
    return (
        f"Of {len(fractions)} represented features these have the share of a polytope within 0.012: {listed or 'none'}."
    )


def plot_polytope_3d(W: Float[Tensor, "d_hidden feats"], title: str | None = None) -> go.Figure:
    """Features of a three-dimensional hidden space, to turn with the mouse: labelled corners, edges to the nearest.

    Args:
        W: `[3 feats]`; features shorter than half the longest are left out.
        title: says what to see.
    Raises:
        ValueError: if `W` is not `[3 feats]`.
    """
    vectors = to_numpy(W, "W").astype(float)
    if vectors.ndim != 2 or vectors.shape[0] != 3 or vectors.shape[1] == 0:
        raise ValueError(f"W has shape {list(vectors.shape)}; it must be [3 feats]: one instance with d_hidden = 3")
    norms = np.linalg.norm(vectors, axis=0)
    if not (np.isfinite(norms).all() and norms.any()):
        raise ValueError("W holds NaN, infinity or nothing but zeros; there is no polytope to show")
    kept = np.flatnonzero(norms > 0.5 * norms.max())
    corners, edges = vectors[:, kept], polytope_edges(vectors[:, kept])
    fig = go.Figure()
    _wireframe(fig, corners, edges)
    fig.add_scatter3d(
        x=corners[0], y=corners[1], z=corners[2], mode="markers", text=[str(i) for i in kept], customdata=norms[kept],
        marker=dict(size=6, color=depth_colors(np.linspace(0, 1, len(kept)))),
        hovertemplate="feature %{text}<br>norm %{customdata:.3f}<extra></extra>",
    )  # fmt: skip
    eye = _open_view(corners)
    x, y, z = _label_places(corners, eye)
    fig.add_scatter3d(
        x=x, y=y, z=z, mode="text", text=[str(i) for i in kept], textposition="middle center",
        textfont=dict(size=14, color=INK), hoverinfo="skip",
    )  # fmt: skip
    # No axes: the basis of this space means nothing, only the angles between the features do.
    hidden = dict(visible=False, range=[-1.2 * norms.max(), 1.2 * norms.max()])
    camera = dict(eye=dict(zip("xyz", 1.4 * eye, strict=True)))
    scene = dict(aspectmode="cube", camera=camera, xaxis=hidden, yaxis=hidden, zaxis=hidden)
    fig.update_layout(scene=scene, showlegend=False, width=560, height=560, margin=dict(l=10, r=10, b=10))
    shown = title or "The features of one instance in three hidden dimensions (turn it with the mouse)"
    said = f"{len(kept)} features as corners around the origin, {len(edges)} edges between nearest neighbours"
    left = f"; {len(norms) - len(kept)} short ones left out" if len(kept) < len(norms) else ""
    return finish(fig, shown, f"{shown}. {said}{left}.")


def _wireframe(fig: go.Figure, corners: Float[np.ndarray, "3 corners"], edges: list[tuple[int, int]]) -> None:
    """Lines from the origin, edges, and see-through faces where the corners span a body."""
    spokes = [(np.zeros(3), corner) for corner in corners.T]
    sides = [(corners[:, i], corners[:, j]) for i, j in edges]
    for lines, style in ((spokes, dict(color="#9a9fa9", width=2)), (sides, dict(color=PALETTE[0], width=5))):
        x, y, z = ([None if end is None else end[axis] for a, b in lines for end in (a, b, None)] for axis in range(3))
        fig.add_scatter3d(x=x, y=y, z=z, mode="lines", line=style, hoverinfo="skip")
    if corners.shape[1] > 3 and np.linalg.svd(corners, compute_uv=False)[2] > 0.05 * abs(corners).max():
        x, y, z = corners
        faces = dict(alphahull=0, color=PALETTE[3], opacity=0.14, flatshading=True, hoverinfo="skip")
        fig.add_mesh3d(x=x, y=y, z=z, **faces)


def _label_places(
    corners: Float[np.ndarray, "3 corners"], eye: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "3 corners"]:
    """Beyond each corner, as seen from `eye`; above one that lies before or behind the middle."""
    longest = np.linalg.norm(corners, axis=0).max(initial=0)
    seen = corners - np.outer(eye, eye @ corners)
    apart = np.linalg.norm(seen, axis=0)
    up = np.array([0, 0, 1]) - eye[2] * eye
    away = np.where(apart > 0.35 * longest, seen / np.maximum(apart, 1e-9), up[:, None])
    return corners + 0.15 * longest * away


def _open_view(corners: Float[np.ndarray, "3 corners"]) -> Float[np.ndarray, "3"]:
    """The first direction to look from in which no two corners hide each other; the best one if all do."""
    enough = 0.38 * np.linalg.norm(corners, axis=0).min(initial=1)
    best, widest = np.zeros(3), -1.0
    for rise, turn in itertools.product((20, 12, 28), range(25, 385, 10)):
        around, up = math.radians(turn), math.radians(rise)
        eye = np.array([math.cos(up) * math.cos(around), math.cos(up) * math.sin(around), math.sin(up)])
        seen = corners - np.outer(eye, eye @ corners)
        apart = np.linalg.norm(seen[:, :, None] - seen[:, None, :], axis=0) + 9 * np.eye(corners.shape[1])
        if apart.min(initial=9) > widest:
            best, widest = eye, float(apart.min(initial=9))
        if widest > enough:
            break
    return best


def polytope_edges(corners: Float[np.ndarray, "3 corners"]) -> list[tuple[int, int]]:
    """Pairs of corners no further apart than 1.25 times the distance of either to its nearest."""
    apart = np.linalg.norm(corners[:, :, None] - corners[:, None, :], axis=0)
    np.fill_diagonal(apart, np.inf)
    reach = NEIGHBOUR * apart.min(axis=1, initial=np.inf)
    pairs = itertools.combinations(range(corners.shape[1]), 2)
    return [(i, j) for i, j in pairs if apart[i, j] <= max(reach[i], reach[j])]
