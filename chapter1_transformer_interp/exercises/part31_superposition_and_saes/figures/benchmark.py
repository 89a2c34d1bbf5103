"""The benchmark's table as a picture: who stands where, on which kind of data, with intervals."""

import pandas as pd
import plotly.graph_objects as go

from .style import INK, PALETTE, finish, panels

WORDS = {
    "matching": "matching with the truth (mean cosine)",
    "F1": "F1 as detectors",
    "explained": "variance explained",
    "dead": "dead latents (of 100)",
}
OURS = ("standard", "gated", "JumpReLU", "TopK", "BatchTopK", "Matryoshka")


def plot_benchmark(table: pd.DataFrame, by: str = "matching", title: str | None = None) -> go.Figure:
    """One panel a kind of data; in it one row a class, in the order of its rank, with its 95 % interval.

    Args:
        table: of the benchmark: index `data` and `SAE`, columns `rank`, the measure, and "± " with its name.
        by: which measure.
        title: says what to see; by default who comes first where.
    Raises:
        ValueError: if a column is missing, or nothing was ranked.
    """
    needed = ("rank", by, f"± {by}")
    if missing := [name for name in needed if name not in table.columns]:
        raise ValueError(f"table has no column {', '.join(missing)}; it needs {', '.join(needed)}")
    ranked = table[table["rank"].notna()]
    if ranked.empty:
        raise ValueError("table has no line with a rank; there is nothing to draw")
    kinds = list(dict.fromkeys(ranked.index.get_level_values("data")))
    fig = panels(1, len(kinds), kinds, horizontal_spacing=0.4 / (len(kinds) + 2))
    told = []
    for column, kind in enumerate(kinds, start=1):
        own = ranked.loc[kind].sort_values("rank", kind="stable")
        names = [str(name) for name in own.index]
        told.append(f"{kind}: " + ", ".join(f"{name} {value:.2f}" for name, value in own[by].items()))
        for is_ours, symbol, color, label in (
            (True, "circle-open", INK, "ours"),
            (False, "diamond", PALETTE[1], "yours"),
        ):
            rows = own[[(name in OURS) == is_ours for name in names]]
            if rows.empty:
                continue
            fig.add_scatter(
                x=rows[by], y=[str(name) for name in rows.index], mode="markers", name=label, legendgroup=label,
                showlegend=label not in {trace.name for trace in fig.data},
                marker=dict(color=color, symbol=symbol, size=10 if is_ours else 13, line=dict(width=2)),
                error_x=dict(array=rows[f"± {by}"], thickness=1.5, width=4),
                hovertemplate="%{y}: %{x:.3f}<extra></extra>", row=1, col=column,
            )  # fmt: skip
        fig.update_yaxes(categoryorder="array", categoryarray=names[::-1], col=column)
    fig.update_xaxes(title_text=WORDS.get(by, by) if len(kinds) < 3 else by, title_standoff=6)
    longest = max(len(line) for line in ranked.index.get_level_values("SAE").unique().astype(str))
    fig.update_layout(
        width=max(620, 100 + 255 * len(kinds) + 2 * longest), height=190 + 34 * ranked.groupby("data").size().max(),
        legend=dict(orientation="h", x=0.5, xanchor="center", y=-0.24, yanchor="top"), margin_b=100,
    )  # fmt: skip
    if title is None:
        firsts = [f"{ranked.loc[kind].sort_values('rank').index[0]} on {kind}" for kind in kinds]
        title = f"First at equal L0: {', '.join(firsts)}"
    words = f"{WORDS.get(by, by)[0].upper()}{WORDS.get(by, by)[1:]}, best first"
    return finish(fig, title, f"{title}. {words}. {'; '.join(told)}.")
