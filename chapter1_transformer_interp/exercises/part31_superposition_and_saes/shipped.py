"""Results of longer runs that the repo ships, as tables."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

DATA = Path(__file__).resolve().parent / "data"
CLAIMS = DATA / "claims.json"
VARIANTS_SWEEP = DATA / "variants_sweep.json"
MEASURED = ("L0", "explained", "matching", "dead", "gamma")  # of every autoencoder in it


def double_descent_sweep() -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """What `experiments.double_descent` wrote.

    Returns:
        One line for each instance of each run, its settings (rows, weight_decay, seed, steps, ...) and what was
        measured (see `solutions.measure_run`); and who made it: command, versions, machine.
    """
    content = json.loads((DATA / "double_descent_sweep.json").read_text(encoding="utf-8"))
    lines = []
    for run in content["runs"]:
        measured = {name: values for name, values in run["result"].items() if isinstance(values, list)}
        for instance in range(run["setting"]["n_inst"]):
            numbers = {name: values[instance] for name, values in measured.items()}
            lines.append({**run["setting"], "instance": instance, **numbers})
    return pd.DataFrame(lines), content["made_by"]


def variants_sweep() -> tuple[pd.DataFrame, dict[str, Any]]:
    """What `experiments.variants` wrote.

    Returns:
        One line for each instance: `role` ("pick" or "report": models on which settings were compared, and others for
        which results are reported), `data`, `variant`, `value` (of its sparsity setting), `instance`, and what was
        measured (see `solutions.measure_variant`); and who made it.
    """
    content = json.loads(VARIANTS_SWEEP.read_text(encoding="utf-8"))
    lines = [
        {**{name: run[name] for name in ("role", "data", "variant", "value")}, "instance": instance, **measured}
        for run in content["runs"]
        for instance, measured in enumerate(
            dict(zip(MEASURED, numbers, strict=True)) for numbers in zip(*(run[name] for name in MEASURED), strict=True)
        )
    ]
    return pd.DataFrame(lines), content["made_by"]


@cache
def repeated_claims() -> dict[tuple[int, str], tuple[int, int]]:
    """What `make claims` wrote: by number and statement of a claim, the seeds on which it held, and those tried."""
    if not CLAIMS.exists():
        return {}
    content = json.loads(CLAIMS.read_text(encoding="utf-8"))
    held: dict[tuple[int, str], tuple[int, int]] = {}
    for row in content["claims"]:
        key = (row["claim"], row["statement"])
        held[key] = (held.get(key, (0, 0))[0] + row["holds"], len(content["runs"][row["notebook"]]["seeds"]))
    return held
