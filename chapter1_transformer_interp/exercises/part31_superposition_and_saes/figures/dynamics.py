"""Learning dynamics: the loss and every feature's dimensionality on one time axis."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from plotly.subplots import make_subplots
from torch import Tensor

from plotly_utils import DASHES

from .style import FAINT_INK, INK, PALETTE, depth_colors, finish, to_numpy

TITLE = "The loss falls when features move from one level of dimensionality to another"
LEVELS = {"pentagon: 2/5": 2 / 5, "digon: 1/2": 1 / 2, "shared end of a digon: 1/4": 1 / 4}
SMALLEST_FALL = 0.3  # a fall of the loss is marked if it is at least this share of the steepest one


def plot_learning_dynamics(
    steps: Int[Tensor, " times"],
    loss: Float[Tensor, " times"],
    dim_fracs: Float[Tensor, "times feats"],
    title: str | None = None,
) -> go.Figure:
    """Above the loss of one model over training, below the dimensionality of each of its features.

    A dotted line runs through both panels where the loss falls fastest: the peaks of the fall of log(loss).

    Args:
        steps: when the rest was recorded, rising.
        loss: above 0.
        dim_fracs: dimensionality of every feature.
        title: says what to see.
    Returns:
        The figure. Hovering shows the step and the values.
    Raises:
        ValueError: if the lengths differ, the steps do not rise, or a loss is not above 0.
    """
    time = to_numpy(steps, "steps").astype(float)
    height, levels = to_numpy(loss, "loss").astype(float), to_numpy(dim_fracs, "dim_fracs").astype(float)
    if time.ndim != 1 or len(time) < 3 or height.shape != time.shape or levels.ndim != 2 or len(levels) != len(time):
        raise ValueError(
            f"steps {list(time.shape)}, loss {list(height.shape)} and dim_fracs {list(levels.shape)} must be [times], "
            "[times] and [times feats], at least 3 times"
        )
    if not (np.diff(time) > 0).all():
        raise ValueError("steps must rise from one time to the next")
    if not (height > 0).all():
        raise ValueError("loss must be above 0 at every time: it is drawn on a logarithmic scale")
    fig = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.45, 0.55])
    fig.add_scatter(
        x=time, y=height, mode="lines", name="loss", line=dict(color=PALETTE[0], width=2.5), row=1, col=1,
        hovertemplate="step %{x}<br>loss %{y:.3g}<extra></extra>", showlegend=False,
    )  # fmt: skip
    colors = depth_colors(np.linspace(0, 1, levels.shape[1]))
    for i, color in enumerate(colors):
        fig.add_scatter(
            x=time, y=levels[:, i], mode="lines", name=f"feature {i}", row=2, col=1,
            line=dict(color=color, width=2, dash=DASHES[i % len(DASHES)]),
            hovertemplate=f"step %{{x}}<br>feature {i}: %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    falls = steepest_falls(time, height)
    for fall in falls:
        fig.add_vline(x=fall, line=dict(color=FAINT_INK, width=1.2, dash="dot"), layer="below")
    _axes(fig, height, levels)
    shown = title or TITLE
    said = f"The loss goes from {height[0]:.2g} to {height[-1]:.2g}; it falls fastest near step " + (
        ", ".join(f"{fall:.0f}" for fall in falls) + ", where the dimensionalities change too"
    )
    return finish(fig, shown, f"{shown}. {said}.")


def _axes(fig: go.Figure, loss: Float[np.ndarray, " times"], levels: Float[np.ndarray, "times feats"]) -> None:
    ticks = [
        m * 10.0**e for e in range(-9, 4) for m in (1, 2, 5) if loss.min() / 1.3 <= m * 10.0**e <= loss.max() * 1.3
    ]
    fig.update_yaxes(title_text="loss (log scale)", type="log", tickvals=ticks, row=1, col=1)
    top = max(0.62, 1.05 * float(np.nanmax(levels)))
    fig.update_yaxes(title_text="dimensionality", range=[-0.02, top], showgrid=False, row=2, col=1)
    for name, height in LEVELS.items():
        fig.add_hline(y=height, line=dict(color="#9a9fa9", width=1, dash="dash"), layer="below", row=2, col=1)
        fig.add_annotation(
            x=1, xref="paper", xanchor="left", xshift=6, y=height, yref="y2", text=name, showarrow=False,
            font=dict(size=12, color=INK),
        )  # fmt: skip
    fig.update_xaxes(showgrid=False)
    fig.update_xaxes(title_text="training step", row=2, col=1)
    legend = dict(orientation="h", x=0.5, xanchor="center", y=-0.12, yanchor="top")
    fig.update_layout(width=840, height=600, margin_r=195, margin_b=86, legend=legend)


def steepest_falls(time: Float[np.ndarray, " times"], loss: Float[np.ndarray, " times"]) -> list[float]:
    """Times at which log(loss) falls fastest: peaks of its fall over a thirtieth of the training.

    Peaks that are lower than `SMALLEST_FALL` of the highest, or within a window of a higher one, do not count.
    """
    window = max(1, len(time) // 30)
    height = np.log(loss)
    fall = height[:-window] - height[window:]
    found: list[int] = []
    for at in np.argsort(-fall, kind="stable"):
        if fall[at] < SMALLEST_FALL * fall.max() or fall[at] <= 0:
            break
        if fall[at] == fall[max(0, at - window) : at + window + 1].max() and all(
            abs(at - one) > window for one in found
        ):
            found.append(int(at))
    return sorted(float((time[at] + time[at + window]) / 2) for at in found)
