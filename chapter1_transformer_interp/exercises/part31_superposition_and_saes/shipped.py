"""Results of longer runs that the repo ships, as tables."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

DATA = Path(__file__).resolve().parent / "data"


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
