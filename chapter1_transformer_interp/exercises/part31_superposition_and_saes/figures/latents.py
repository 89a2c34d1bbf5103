"""Latents of autoencoders: beside the true features in the plane, and how often they fire in training."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float
from torch import Tensor

from .plane import draw_plane, finish_square, name_axes, square_axes, square_panels
from .style import FAINT_INK, PALETTE, RULE, depth_colors, finish, panel_grid, panel_titles, panels, to_numpy

LATENT, DEAD = PALETTE[3], "#8a8f99"
GREY = "#c3c7cf"


def plot_latents_in_2d(
    W_dec: Float[Tensor, "..."],
    W: Float[Tensor, "..."],
    live: Bool[Tensor, "inst d_sae"] | None = None,
    title: str | None = None,
    subplot_titles: Sequence[str] | None = None,
    n_rows: int | None = None,
) -> go.Figure:
    """One square panel an instance: true features in grey, latents over them, dead ones dashed and hollow.

    Args:
        W_dec: `[inst d_sae 2]`, row j of an instance is the direction of its latent j.
        W: `[inst 2 feats]`, column i of an instance is its feature i.
        live: which latents fire; all if None.
        title: says what to see.
        subplot_titles: one a panel.
        n_rows: rows of panels; chosen if None.
    Raises:
        ValueError: if the shapes are not those.
    """
    latents, features = to_numpy(W_dec, "W_dec").astype(float), to_numpy(W, "W").astype(float)
    if latents.ndim != 3 or latents.shape[2] != 2 or features.shape[:2] != (len(latents), 2):
        raise ValueError(
            f"W_dec has shape {list(latents.shape)} and W {list(features.shape)}; "
            "they must be [inst d_sae 2] and [inst 2 feats]"
        )
    fires = np.ones(latents.shape[:2], dtype=bool) if live is None else to_numpy(live, "live").astype(bool)
    names = panel_titles(subplot_titles, len(latents))
    rows, columns = panel_grid(len(latents), n_rows)
    fig, side = square_panels(names, rows, columns)
    limit = 1.3 * max(np.linalg.norm(features, axis=1).max(initial=0), np.linalg.norm(latents, axis=2).max(initial=0))
    for i, (one, plane) in enumerate(zip(latents, features, strict=True)):
        place = dict(row=i // columns + 1, col=i % columns + 1)
        draw_plane(fig, plane, place, limit, side, [GREY] * plane.shape[1], names[i], thin=False)
        for trace in _latent_traces(one, fires[i]):
            fig.add_trace(trace, **place)
        square_axes(fig, place, limit, bottom=i + columns >= len(latents), left=i % columns == 0)
    name_axes(fig, limit)
    shown = title or "Latents beside the true features"
    parts = [
        f"{name or 'panel'}: {int((~f).sum())} of {len(f)} latents dead" for name, f in zip(names, fires, strict=True)
    ]
    return finish_square(
        fig, rows, side, shown, f"{shown}. Grey lines are features, blue ones latents. {'; '.join(parts)}."
    )


def _latent_traces(latents: Float[np.ndarray, "d_sae 2"], fires: Bool[np.ndarray, " d_sae"]) -> list[go.Scatter]:
    traces = []
    for chosen, color, dash, symbol in ((fires, LATENT, "solid", "circle"), (~fires, DEAD, "dot", "circle-open")):
        which = np.flatnonzero(chosen)
        ends = latents[which]
        x, y = ([v for end in ends[:, k] for v in (0.0, float(end), None)] for k in (0, 1))
        line = dict(color=color, width=2, dash=dash)
        traces.append(go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False))
        traces.append(
            go.Scatter(
                x=ends[:, 0],
                y=ends[:, 1],
                mode="markers",
                text=[f"latent {i}" for i in which],
                marker=dict(color=color, size=8, symbol=symbol, line=dict(width=2, color=color)),
                hovertemplate="%{text}<br>%{x:.3f}, %{y:.3f}<extra></extra>",
                showlegend=False,
            )  # fmt: skip
        )
    return traces


def plot_reconstructions_in_2d(
    h: Float[Tensor, "..."],
    h_r: Float[Tensor, "..."],
    W: Float[Tensor, "..."],
    title: str | None = None,
    subplot_titles: Sequence[str] | None = None,
    n_rows: int | None = None,
) -> go.Figure:
    """One square panel each: hidden states as hollow dots, their reconstructions as filled ones, tied by thin lines.

    Args:
        h: `[panels rows 2]`, hidden states; rows of zeros are left out.
        h_r: `[panels rows 2]`, their reconstructions.
        W: `[2 feats]`, the true features, in grey.
        title: says what to see.
        subplot_titles: one a panel.
        n_rows: rows of panels; chosen if None.
    Raises:
        ValueError: if the shapes are not those.
    """
    states, answers = to_numpy(h, "h").astype(float), to_numpy(h_r, "h_r").astype(float)
    plane = to_numpy(W, "W").astype(float)
    if states.ndim != 3 or states.shape[2] != 2 or answers.shape != states.shape or plane.shape[:1] != (2,):
        raise ValueError(
            f"h has shape {list(states.shape)}, h_r {list(answers.shape)} and W {list(plane.shape)}; "
            "they must be [panels rows 2] twice, and [2 feats]"
        )
    names = panel_titles(subplot_titles, len(states))
    rows, columns = panel_grid(len(states), n_rows)
    fig, side = square_panels(names, rows, columns)
    limit = 1.3 * max(np.linalg.norm(one, axis=-1).max(initial=0) for one in (states, answers, plane.T))
    errors = []
    for i, (one, other) in enumerate(zip(states, answers, strict=True)):
        place = dict(row=i // columns + 1, col=i % columns + 1)
        draw_plane(fig, plane, place, limit, side, [GREY] * plane.shape[1], names[i], thin=True)
        some = np.linalg.norm(one, axis=-1) > 0
        a, b = one[some], other[some]
        errors.append(float(np.linalg.norm(a - b, axis=-1).mean()) if some.any() else 0.0)
        ties = [[v for p, q in zip(a[:, k], b[:, k], strict=True) for v in (float(p), float(q), None)] for k in (0, 1)]
        line = dict(color="#b9bdc6", width=1)
        fig.add_scatter(x=ties[0], y=ties[1], mode="lines", line=line, hoverinfo="skip", showlegend=False, **place)
        for points, color, symbol, what in ((a, FAINT_INK, "circle-open", "input"), (b, LATENT, "circle", "output")):
            fig.add_scatter(
                x=points[:, 0], y=points[:, 1], mode="markers", marker=dict(color=color, size=6, symbol=symbol),
                hovertemplate=f"{what}<br>%{{x:.3f}}, %{{y:.3f}}<extra></extra>", showlegend=False, **place,
            )  # fmt: skip
        square_axes(fig, place, limit, bottom=i + columns >= len(states), left=i % columns == 0)
    name_axes(fig, limit)
    shown = title or "Hidden states and their reconstructions"
    parts = [f"{name or 'panel'}: mean distance {error:.2f}" for name, error in zip(names, errors, strict=True)]
    return finish_square(
        fig, rows, side, shown, f"{shown}. Hollow: hidden states; filled: reconstructions. {'; '.join(parts)}."
    )


def frac_active_line_plot(
    frac_active: Float[Tensor, "..."],
    feature_probability: float = 0.025,
    log_freq: int = 100,
    title: str | None = None,
    avg_window: int | None = None,
    y_max: float | None = None,
    subplot_titles: Sequence[str] | None = None,
) -> go.Figure:
    """How often each latent fires as training goes on: a panel an instance, a line a latent.

    Args:
        frac_active: `[timesteps inst d_sae]`, share of a batch's rows in which each latent fired, at every logged step.
        feature_probability: drawn as a dotted line: what a latent that has found one feature of one fires at, or more.
        log_freq: steps between two entries.
        title: says what to see.
        avg_window: entries that a running mean takes together; none if None.
        y_max: upper end of the axes; chosen if None.
        subplot_titles: one an instance.
    Raises:
        ValueError: if `frac_active` is not `[timesteps inst d_sae]` or the window does not fit.
    """
    values = to_numpy(frac_active, "frac_active").astype(float)
    if values.ndim != 3 or 0 in values.shape:
        raise ValueError(
            f"frac_active has shape {list(values.shape)}; it must be [timesteps inst d_sae], no axis empty"
        )
    if avg_window is not None and not 1 <= avg_window <= len(values):
        raise ValueError(f"avg_window={avg_window!r} must be from 1 to the number of timesteps, {len(values)}")
    steps = log_freq * np.arange(len(values))
    if avg_window:
        kernel = np.full(avg_window, 1 / avg_window)
        values = np.apply_along_axis(np.convolve, 0, values, kernel, "valid")
        steps = steps[avg_window - 1 :]
    n_inst, d_sae = values.shape[1:]
    rows, columns = panel_grid(n_inst)
    titles = panel_titles(subplot_titles, n_inst)
    fig = panels(rows, columns, titles, shared_xaxes=True, shared_yaxes=True, vertical_spacing=0.17 / rows)
    top = y_max or 1.08 * max(float(values.max()), feature_probability)
    colors = depth_colors(np.linspace(0, 1, d_sae))
    for i in range(n_inst):
        place = dict(row=i // columns + 1, col=i % columns + 1)
        for j in range(d_sae):
            fig.add_scatter(
                x=steps, y=values[:, i, j], mode="lines", line=dict(color=colors[j], width=1.6), showlegend=False,
                name=f"latent {j}", **place,
                hovertemplate=f"latent {j}, step %{{x}}<br>fires in %{{y:.4f}} of rows<extra></extra>",
            )  # fmt: skip
        fig.add_hline(y=feature_probability, line=dict(color=FAINT_INK, dash="dot", width=1.5), **place)
        fig.update_yaxes(range=[-0.02 * top, top], gridcolor=RULE, nticks=5, **place)
        bottom = i + columns >= n_inst
        fig.update_xaxes(title_text="step" if bottom else "", showticklabels=bottom, nticks=5, **place)
    fig.update_yaxes(title_text="share of rows", col=1)
    fig.update_layout(width=800, height=130 + 170 * rows)
    shown = title or "How often each latent fires in training"
    silent = int((values[-1] == 0).sum())
    names = "; ".join(f"{name or 'all'}: {int((one == 0).sum())}" for name, one in zip(titles, values[-1], strict=True))
    alt = f"{shown}. Dotted line: the feature probability, {feature_probability:g}."
    alt += f" At the end {silent} of {n_inst * d_sae} latents are silent ({names})."
    return finish(fig, shown, alt)
