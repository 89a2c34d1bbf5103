"""The benchmark's table as a picture: who stands where, on which kind of data, with intervals."""

import pandas as pd
import plotly.graph_objects as go

from .style import INK, PALETTE, finish, panels

WORDS = {
    "matching": "matching (cosine)",
    "F1": "F1",
    "explained": "variance explained",
    "dead": "dead latents (of 100)",
}
LOOKS = {"ours": ("circle-open", INK, 10), "yours": ("diamond", PALETTE[1], 13)}  # symbol, colour, size


def plot_benchmark(table: pd.DataFrame, by: str = "matching", title: str | None = None) -> go.Figure:
    """One panel a kind of data; in it one row a class, in the order of its rank, with its 95 % interval.

    Args:
        table: of the benchmark: index `data` and `SAE`, columns `rank`, `whose` ("ours" or "yours"), the measure, and
            "± " with its name.
        by: which measure.
        title: says what to see; by default who comes first where.
    Raises:
        ValueError: if a column is missing, or nothing was ranked.
    """
    needed = ("rank", "whose", by, f"± {by}")
    if missing := [name for name in needed if name not in table.columns]:
        raise ValueError(f"table has no column {', '.join(missing)}; it needs {', '.join(needed)}")
    ranked = table[table["rank"].notna()]
    if ranked.empty:
        raise ValueError("table has no line with a rank; there is nothing to draw")
    kinds = list(dict.fromkeys(ranked.index.get_level_values("data")))
    labels = 30 + 7 * max(len(str(name)) for name in ranked.index.get_level_values("SAE"))  # pixels
    inside = (180 if len(kinds) > 2 else 300) * len(kinds) + labels * (len(kinds) - 1)
    fig = panels(1, len(kinds), kinds, horizontal_spacing=labels / inside)
    for column, kind in enumerate(kinds, start=1):
        _add_rows(fig, ranked.loc[kind].sort_values("rank", kind="stable"), by, column)
    fig.update_yaxes(title_text="autoencoder", col=1)
    low, high = (ranked[by] - ranked[f"± {by}"]).min(), (ranked[by] + ranked[f"± {by}"]).max()
    room = 0.08 * (high - low or 1)
    fig.update_xaxes(title_text=WORDS.get(by, by), title_standoff=6, range=[low - room, high + room])
    fig.update_layout(
        width=inside + 140, height=190 + 34 * ranked.groupby("data").size().max(), margin_b=100,
        legend=dict(orientation="h", x=0.5, xanchor="center", y=-0.24, yanchor="top"),
    )  # fmt: skip
    orders = {kind: ranked.loc[kind].sort_values("rank", kind="stable")[by] for kind in kinds}
    if title is None:
        title = f"First at equal L0: {', '.join(f'{order.index[0]} on {kind}' for kind, order in orders.items())}"
    told = [
        f"{kind}: {', '.join(f'{name} {value:.2f}' for name, value in order.items())}" for kind, order in orders.items()
    ]
    return finish(fig, title, f"{title}. By {WORDS.get(by, by)}, best first. {'; '.join(told)}.")


def _add_rows(fig: go.Figure, own: pd.DataFrame, by: str, column: int) -> None:
    """The classes of one kind of data, best on top."""
    for whose, (symbol, color, size) in LOOKS.items():
        rows = own[own["whose"] == whose]
        if rows.empty:
            continue
        fig.add_scatter(
            x=rows[by], y=[str(name) for name in rows.index], mode="markers", name=whose, legendgroup=whose,
            showlegend=whose not in {trace.name for trace in fig.data},
            marker=dict(color=color, symbol=symbol, size=size, line=dict(width=2)),
            error_x=dict(array=rows[f"± {by}"], thickness=1.5, width=4),
            hovertemplate="%{y}: %{x:.3f}<extra></extra>", row=1, col=column,
        )  # fmt: skip
    fig.update_yaxes(categoryorder="array", categoryarray=[str(name) for name in own.index[::-1]], col=column)
