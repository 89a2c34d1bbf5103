"""The benchmark's lines as a table: means over models, 95 % intervals, ranks."""

from collections.abc import Sequence

import pandas as pd

from ..figures.frontier import confidence_interval
from .entries import OURS
from .measuring import MEASURES
from .stored import Line

FEWER_IS_BETTER = ("dead",)


def table_of(lines: Sequence[Line], by: str) -> pd.DataFrame:
    """One row a line, ranked within each kind of data.

    Returns:
        Index `data`, `SAE`; columns `rank` (by the mean of `by`; missing where a line has a note), `whose` ("ours" or
        "yours"), for each measure its mean and, under "± measure", half the 95 % interval of that mean (Student's t
        over models), `models` (that the mean is over), `L0`, `settings` and `note`.
    """
    rows = []
    for line in lines:
        row: dict[str, object] = {"data": line.data, "SAE": line.sae, "whose": "ours" if line.sae in OURS else "yours"}
        for name in MEASURES:
            values = pd.Series(line.measured.get(name, []), dtype=float).dropna()
            row[name] = values.mean() if len(values) else float("nan")
            row[f"± {name}"] = confidence_interval(values) if len(values) else float("nan")
        row["models"] = int(pd.Series(line.measured.get(by, []), dtype=float).notna().sum())
        row["L0"] = line.target if not line.note else float("nan")
        row["settings"] = ", ".join(f"{one:.3g}" for one in line.settings)
        row["note"] = line.note
        rows.append(row)
    if not rows:
        return pd.DataFrame(columns=["rank", "whose", *MEASURES])
    table = pd.DataFrame(rows)
    ascending = by in FEWER_IS_BETTER
    table.insert(
        2, "rank", table.groupby("data", sort=False)[by].rank(ascending=ascending, method="min").astype("Int64")
    )
    order = {kind: number for number, kind in enumerate(dict.fromkeys(table["data"]))}
    table = table.assign(order=table["data"].map(order)).sort_values(
        ["order", "rank"], kind="stable", na_position="last"
    )
    return table.drop(columns="order").set_index(["data", "SAE"]).round(4)
