"""The bonus section's first part: maps of phases, single runs, the jump at the border, and attacks."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from torch import Tensor

from .style import CARD, DEPTH, FAINT_INK, INK, PALETTE, SYMBOLS, finish, panels, to_numpy

PHASES = ("ignored", "antipodal", "dedicated", "same side")
PHASE_COLORS = ("#1a2250", "#f0d9a8", "#5f7fae", "#a3313f")  # lightness 15, 88, 52, 38 of 100
LABEL_INKS = ("#ffffff", "#14161c", "#ffffff", "#ffffff")
R_AXIS, P_AXIS = "relative importance r", "feature probability p"
R_TICKS, P_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10), (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)


def plot_phase_diagram(
    phases: Mapping[str, Int[Tensor, "_r _p"]],
    importances: Float[Tensor, " r"],
    densities: Float[Tensor, " p"],
    border: Float[Tensor, " r"],
    title: str,
) -> go.Figure:
    """One map a panel: which phase holds at each importance (to the right) and density (upwards), both on log axes.

    Args:
        phases: by the name of the panel: 0 second feature ignored, 1 antipodal, 2 dedicated to it, 3 same side.
        importances, densities: of the rows and the columns of `phases`.
        border: density at which superposition should begin, for each importance; drawn as a dashed line.
        title: says what to see.
    Raises:
        ValueError: if a map does not fit `importances` and `densities`.
    """
    fig = panels(1, len(phases), list(phases), shared_yaxes=True, horizontal_spacing=0.03)
    r, p = to_numpy(importances, "importances"), to_numpy(densities, "densities")
    shares = []
    for column, (name, phase) in enumerate(phases.items(), start=1):
        _draw_map(fig, to_numpy(phase, name), r, p, to_numpy(border, "border"), name, dict(row=1, col=column))
        shares.append(f"{name}: {np.mean(to_numpy(phase, name) == 1):.0%} of the cells antipodal")
    _name_phases(fig, p)
    fig.update_yaxes(title_text=P_AXIS, row=1, col=1)
    fig.update_layout(width=max(430, 340 * len(phases)), height=420)
    regions = "At the top left the second feature is ignored, at the top right the dimension is dedicated to it, below"
    return finish(fig, title, f"{title}. {regions} the dashed border both are kept as a pair. {'; '.join(shares)}.")


def _draw_map(
    fig: go.Figure,
    phase: np.ndarray,
    r: np.ndarray,
    p: np.ndarray,
    border: np.ndarray,
    name: str,
    place: dict[str, int],
) -> None:
    """One map with its border, in one panel."""
    if phase.shape != (len(r), len(p)):
        raise ValueError(
            f"{name!r} has shape {list(phase.shape)}; it must be [{len(r)} {len(p)}], [importance density]"
        )
    n = len(PHASES)
    scale = [[edge / n, color] for k, color in enumerate(PHASE_COLORS) for edge in (k, k + 1)]
    words = np.array(PHASES)[phase.T]
    fig.add_heatmap(
        z=phase.T, x=np.log10(r), y=np.log10(p), zmin=-0.5, zmax=n - 0.5, colorscale=scale, showscale=False,
        customdata=np.dstack([np.broadcast_to(r, words.shape), np.broadcast_to(p[:, None], words.shape)]), text=words,
        hovertemplate="r = %{customdata[0]:.3g}<br>p = %{customdata[1]:.3g}<br>%{text}<extra></extra>", **place,
    )  # fmt: skip
    for color, width, dash in ((CARD, 5, "solid"), (INK, 2, "dash")):  # light under dark: seen on every phase
        fig.add_scatter(
            x=np.log10(r), y=np.log10(border), mode="lines", line=dict(color=color, width=width, dash=dash),
            hoverinfo="skip", showlegend=False, **place,
        )  # fmt: skip
    for update, ticks, values in ((fig.update_xaxes, R_TICKS, r), (fig.update_yaxes, P_TICKS, p)):
        half = np.abs(np.diff(np.log10(values))).min() / 2  # of a cell
        update(
            tickvals=np.log10(ticks), ticktext=[f"{tick:g}" for tick in ticks], showgrid=False, zeroline=False,
            range=[np.log10(values.min()) - half, np.log10(values.max()) + half], **place,
        )  # fmt: skip
    fig.update_xaxes(title_text=R_AXIS, **place)


def _name_phases(fig: go.Figure, p: np.ndarray) -> None:
    """Write the name of each phase into its region of the first panel."""
    low, high = np.log10(p.min()), np.log10(p.max())
    for x, share, phase in ((-0.62, 0.9, 0), (0.0, 0.32, 1), (0.62, 0.9, 2)):
        fig.add_annotation(
            x=x, y=low + share * (high - low), text=PHASES[phase], showarrow=False, row=1, col=1,
            font=dict(size=14, color=LABEL_INKS[phase]), bgcolor=PHASE_COLORS[phase],
        )  # fmt: skip


def plot_restarts(
    agreement: Float[Tensor, " restarts"],
    single: Int[Tensor, "r p"],
    importances: Float[Tensor, " r"],
    densities: Float[Tensor, " p"],
    border: Float[Tensor, " r"],
    title: str,
) -> go.Figure:
    """Left: the map of one run a cell. Right: how much of the map is right when the best of 1, 2, 3... runs counts.

    Args:
        agreement: share of cells in the phase that is best, for the best of 1, 2, 3... runs.
        single, importances, densities, border: a map as in `plot_phase_diagram`.
        title: says what to see.
    """
    fig = panels(1, 2, ["one run a cell", "the best of several runs"], horizontal_spacing=0.13)
    r, p, share = to_numpy(importances), to_numpy(densities), to_numpy(agreement, "agreement")
    _draw_map(fig, to_numpy(single, "single"), r, p, to_numpy(border, "border"), "single", dict(row=1, col=1))
    _name_phases(fig, p)
    fig.add_scatter(
        x=np.arange(1, len(share) + 1), y=share, mode="lines+markers+text", text=[f"{one:.1%}" for one in share],
        textposition="bottom right", line=dict(color=PALETTE[1], width=2.5), marker=dict(size=9), showlegend=False,
        hovertemplate="best of %{x}: %{y:.3f} of the cells<extra></extra>", row=1, col=2,
    )  # fmt: skip
    fig.update_yaxes(title_text=P_AXIS, row=1, col=1)
    fig.update_xaxes(title_text="runs a cell", dtick=1, row=1, col=2)
    fig.update_yaxes(title_text="share of cells in the best phase", range=[min(share) - 0.1, 1.02], row=1, col=2)
    fig.update_xaxes(range=[0.7, len(share) + 0.9], row=1, col=2)
    fig.update_layout(width=860, height=420)
    return finish(
        fig,
        title,
        f"{title}. Right: {', '.join(f'{one:.2f}' for one in share)} for the best of 1 to {len(share)} runs.",
    )


def plot_jump(
    smaller: Float[Tensor, "lines p"],
    densities: Float[Tensor, " p"],
    names: Sequence[str],
    borders: Float[Tensor, " lines"],
    title: str,
) -> go.Figure:
    """The smaller of the two weights against density, one line an importance, each with a mark at its border.

    Args:
        smaller: absolute value of the smaller weight.
        names: of the lines.
        borders: density at which superposition should begin, on paper.
        title: says what to see.
    Raises:
        ValueError: if lines, names and borders differ in number.
    """
    lines, p = to_numpy(smaller, "smaller"), to_numpy(densities, "densities")
    if not len(lines) == len(names) == len(borders):
        raise ValueError(f"{len(lines)} lines, {len(names)} names, {len(borders)} borders; there must be one of each")
    fig = go.Figure()
    words = []
    for k, (name, line, border) in enumerate(zip(names, lines, to_numpy(borders, "borders"), strict=True)):
        color, symbol = PALETTE[k % len(PALETTE)], SYMBOLS[k % len(SYMBOLS)]
        fig.add_scatter(
            x=p, y=line, mode="lines+markers", name=name, line=dict(color=color, width=1.8),
            marker=dict(color=color, symbol=symbol, size=8),
            hovertemplate=f"{name}<br>p = %{{x:.3f}}<br>smaller weight %{{y:.2f}}<extra></extra>",
        )  # fmt: skip
        fig.add_vline(x=border, line=dict(color=color, width=1.2, dash="dot"))
        step = int(np.abs(np.diff(line)).argmax())
        words.append(f"{name}: from {line[step]:.2f} to {line[step + 1]:.2f} at p of about {p[step + 1]:.2f}")
    ticks = [tick for tick in P_TICKS if p.min() <= tick <= p.max() * 1.01]
    fig.update_xaxes(
        type="log", autorange="reversed", title_text=f"{P_AXIS} (dense on the left; dotted: the border on paper)",
        tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks],
    )  # fmt: skip
    fig.update_yaxes(title_text="smaller of the two weights, absolute", range=[-0.05, 1.12])
    fig.update_layout(width=760, height=400, legend=dict(x=0.98, xanchor="right", y=0.06, yanchor="bottom"))
    return finish(fig, title, f"{title}. Largest steps, {'; '.join(words)}.")


def plot_vulnerability(
    features_per_dimension: Float[Tensor, " inst"],
    change: Float[Tensor, "batch inst"],
    densities: Float[Tensor, " inst"],
    bound: Float[Tensor, " inst"],
    title: str,
) -> go.Figure:
    """How far an attack of length 1 moves the output, against features per dimension; one point a model.

    Args:
        features_per_dimension: ‖W‖² over the number of dimensions.
        change: of the output, for each row attacked; points are means, bars run from the 5th to the 95th percentile.
        densities: feature probability of each model, written beside its point.
        bound: the change that no attack can exceed.
        title: says what to see.
    """
    x, rows = to_numpy(features_per_dimension, "features_per_dimension"), to_numpy(change, "change")
    p, most = to_numpy(densities, "densities"), to_numpy(bound, "bound")
    mean, (low, high) = rows.mean(axis=0), np.percentile(rows, [5, 95], axis=0)
    order = np.argsort(x)
    fig = go.Figure()
    fig.add_scatter(
        x=x[order], y=most[order], mode="lines", name="bound: squared largest singular value of W",
        line=dict(color=FAINT_INK, width=2, dash="dash"), hovertemplate="bound %{y:.2f}<extra></extra>",
    )  # fmt: skip
    fig.add_scatter(
        x=x, y=mean, mode="markers", name="strongest attack found: mean over rows, 5 to 95 %",
        error_y=dict(array=high - mean, arrayminus=mean - low, thickness=1.2, width=3),
        marker=dict(size=10, color=DEPTH[0]), customdata=p,
        hovertemplate="p = %{customdata:.3f}<br>%{x:.2f} features per dimension<br>change %{y:.2f}<extra></extra>",
    )  # fmt: skip
    named = [order[0]]  # points far enough apart for a word under each
    for k in order[1:]:
        if x[k] - x[named[-1]] > 0.06 * x.max():
            named.append(k)
    fig.add_scatter(
        x=x[named], y=low[named] - 0.015 * most.max(), mode="text", text=[f"p = {p[k]:.2g}" for k in named],
        textposition="bottom center", textfont=dict(size=11, color=FAINT_INK), hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    fig.update_xaxes(title_text="features per dimension, ‖W‖² / m", range=[0.7, 1.12 * x.max()])
    fig.update_yaxes(title_text="largest change of the output for ‖δ‖ = 1", rangemode="tozero")
    fig.update_layout(width=760, height=460, legend=dict(x=0.02, y=0.98, yanchor="top"))
    spread = (
        f"from {mean[order[0]]:.2f} at {x.min():.2f} features per dimension to {mean[order[-1]]:.2f} at {x.max():.2f}"
    )
    return finish(fig, title, f"{title}. The mean change rises {spread}; no point lies above the dashed bound.")
