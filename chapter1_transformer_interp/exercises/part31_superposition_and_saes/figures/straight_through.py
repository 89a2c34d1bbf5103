"""The straight-through estimator: expected loss against threshold, its slope beside the estimates, bias and spread."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from .style import INK, PALETTE, Data, finish, panels, to_numpy

ERRORS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)  # ticks


def plot_straight_through(
    thetas: Float[Tensor, " points"],
    loss: Float[Tensor, " points"],
    slope: Float[Tensor, " points"],
    estimates: Mapping[float, Float[Tensor, " points"]],
    widths: Sequence[float],
    bias: Data,
    spread: Data,
    title: str,
) -> go.Figure:
    """Three panels: the expected loss over thresholds; its slope, with estimates of it; bias and spread over widths.

    Args:
        thetas: thresholds, rising.
        loss: expected loss at each.
        slope: its exact derivative at each.
        estimates: by width of the window: the estimate of one batch at each threshold.
        widths: of the window, for the third panel; above 0.
        bias: root mean square over thresholds of the estimate's error in the mean, one a width.
        spread: standard deviation over batches, one a width.
        title: says what to see.
    Raises:
        ValueError: if lengths do not fit.
    """
    x, y, true = (to_numpy(one, name) for one, name in ((thetas, "thetas"), (loss, "loss"), (slope, "slope")))
    errors = {"bias": to_numpy(bias, "bias").astype(float), "spread": to_numpy(spread, "spread").astype(float)}
    if not len(x) == len(y) == len(true) or any(len(one) != len(widths) for one in errors.values()):
        raise ValueError(
            f"thetas, loss and slope have {len(x)}, {len(y)} and {len(true)} entries, widths, bias and spread "
            f"{len(widths)}, {len(errors['bias'])} and {len(errors['spread'])}; those of each group must be equal"
        )
    fig = panels(1, 3, ["expected loss", "its slope", "two errors of the estimate"], horizontal_spacing=0.09)
    fig.add_scatter(x=x, y=y, mode="lines", line=dict(color=INK, width=2.2), showlegend=False, row=1, col=1)
    fig.add_scatter(x=x, y=true, mode="lines", name="exact slope", line=dict(color=INK, width=2.2), row=1, col=2)
    for (eps, values), color, symbol in zip(
        estimates.items(), (PALETTE[1], PALETTE[3], PALETTE[2]), ("diamond-open", "circle", "x"), strict=False
    ):
        fig.add_scatter(
            x=x, y=to_numpy(values, "estimates"), mode="markers", name=f"one batch, ε = {eps:g}", row=1, col=2,
            marker=dict(color=color, symbol=symbol, size=9),
        )  # fmt: skip
    for name, color, symbol, dash in (
        ("bias", PALETTE[2], "square", "solid"),
        ("spread", PALETTE[3], "circle-open", "dot"),
    ):
        fig.add_scatter(
            x=list(widths), y=errors[name], mode="lines+markers", name=f"{name} of the slope", row=1, col=3,
            line=dict(color=color, dash=dash), marker=dict(symbol=symbol, size=8, color=color),
        )  # fmt: skip
    for column in (1, 2):
        fig.update_xaxes(title_text="threshold θ", row=1, col=column)
    fig.update_yaxes(title_text="loss a row", row=1, col=1)
    fig.update_yaxes(title_text="d loss / d θ", row=1, col=2)
    fig.update_xaxes(title_text="width of the window ε", type="log", tickvals=list(widths), row=1, col=3)
    fig.update_yaxes(title_text="error", type="log", tickvals=ERRORS, ticktext=[f"{e:g}" for e in ERRORS], row=1, col=3)
    fig.update_layout(
        width=1060, height=410, margin_b=92,
        legend=dict(orientation="h", x=0.5, xanchor="center", y=-0.24, yanchor="top"),
    )  # fmt: skip
    lowest = float(x[int(np.argmin(y))])
    alt = (
        f"{title}. The loss is least near a threshold of {lowest:.2f}. From a width of {widths[0]:g} to {widths[-1]:g} "
        f"the bias grows from {errors['bias'][0]:.2g} to {errors['bias'][-1]:.2g}, and the spread falls from "
        f"{errors['spread'][0]:.2g} to {errors['spread'][-1]:.2g}."
    )
    return finish(fig, title, alt)
