"""Sparsity against fidelity and against the truth, for every kind of autoencoder on every kind of data."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from scipy import stats

from .style import PALETTE, finish, panels

# Lightness tells apart what colour does not; the shape of the marker tells apart all six.
LOOKS = (
    (PALETTE[0], "circle", "solid"),
    (PALETTE[1], "diamond", "dash"),
    (PALETTE[2], "square", "solid"),
    (PALETTE[3], "triangle-up", "dot"),
    (PALETTE[4], "x", "dashdot"),
    ("#555b66", "star", "longdash"),
)
ROWS = (("explained", "variance explained"), ("matching", "matching with the truth"))


def confidence_interval(values: pd.Series) -> float:
    """Half the width of the 95 % confidence interval of a mean (Student's t); 0 for a single value."""
    n = len(values)
    return float(stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / n**0.5) if n > 1 else 0.0


def plot_sparsity_fidelity(
    runs: pd.DataFrame, title: str, chosen: Mapping[tuple[str, str], float] | None = None
) -> go.Figure:
    """Two panels a kind of data: explained variance and matching against L0; one line a kind of autoencoder.

    Args:
        runs: one line a model, with the columns `data`, `variant`, `value`, `L0`, `explained` and `matching`. A point
            is the mean over the models of one `value`, with its 95 % interval.
        title: says what to see.
        chosen: by kind of data and of autoencoder: the setting to mark.
    Raises:
        ValueError: if a column is missing.
    """
    needed = ("data", "variant", "value", "L0", "explained", "matching")
    if missing := [name for name in needed if name not in runs.columns]:
        raise ValueError(f"runs has no column {', '.join(missing)}; it needs {', '.join(needed)}")
    kinds, variants = list(dict.fromkeys(runs["data"])), list(dict.fromkeys(runs["variant"]))
    fig = panels(
        2, len(kinds), [*kinds, *[""] * len(kinds)], shared_xaxes=True, horizontal_spacing=0.03, vertical_spacing=0.05
    )
    for column, kind in enumerate(kinds, start=1):
        for variant, (color, symbol, dash) in zip(variants, LOOKS, strict=False):
            own = runs[(runs["data"] == kind) & (runs["variant"] == variant)]
            if own.empty:
                continue
            points = own.groupby("value").agg(
                L0=("L0", "mean"),
                explained=("explained", "mean"),
                matching=("matching", "mean"),
                explained_width=("explained", confidence_interval),
                matching_width=("matching", confidence_interval),
            )
            points = points.sort_values("L0")
            picked = (chosen or {}).get((kind, variant))
            sizes = [13 if picked is not None and np.isclose(value, picked) else 7 for value in points.index]
            for row, (measure, words) in enumerate(ROWS, start=1):
                fig.add_scatter(
                    x=points["L0"], y=points[measure], mode="lines+markers", name=variant, legendgroup=variant,
                    showlegend=row == column == 1, line=dict(color=color, dash=dash, width=1.6),
                    marker=dict(color=color, symbol=symbol, size=sizes, line=dict(width=0.5, color="#ffffff")),
                    error_y=dict(array=points[f"{measure}_width"], thickness=1, width=2), row=row, col=column,
                    customdata=list(points.index),
                    hovertemplate=f"{variant}, %{{customdata:g}}<br>L0 %{{x:.2f}}<br>{words} %{{y:.3f}}<extra></extra>",
                )  # fmt: skip
        fig.update_xaxes(title_text="L0", row=2, col=column, title_standoff=4)
        spread = runs[runs["data"] == kind]
        low, high = spread["L0"].min(), spread["L0"].max()
        ticks = [tick for tick in (0.05, 0.1, 0.2, 0.5, 1, 2, 5) if 0.8 * low <= tick <= 1.2 * high]
        fig.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks], col=column)
    for row, (measure, words) in enumerate(ROWS, start=1):
        lowest = runs.groupby(["data", "variant", "value"])[measure].mean().min()
        fig.update_yaxes(range=[max(0.0, lowest - 0.06), 1.02], row=row)
        fig.update_yaxes(showticklabels=False, row=row)
        fig.update_yaxes(title_text=words, showticklabels=True, row=row, col=1)
    fig.update_layout(
        width=1100, height=640, margin_b=88,
        legend=dict(orientation="h", x=0.5, xanchor="center", y=-0.12, yanchor="top", itemsizing="constant"),
    )  # fmt: skip
    return finish(fig, title, f"{title}. {_best(runs, kinds)}")


def _best(runs: pd.DataFrame, kinds: list[str]) -> str:
    """Who matches best where, in words."""
    means = runs.groupby(["data", "variant", "value"])["matching"].mean().groupby(["data", "variant"]).max()
    parts = []
    for kind in kinds:
        own = means[kind].sort_values(ascending=False)
        parts.append(f"{kind}: from {own.index[0]} ({own.iloc[0]:.2f}) down to {own.index[-1]} ({own.iloc[-1]:.2f})")
    return "Best matching of each at any setting, " + "; ".join(parts) + "."
