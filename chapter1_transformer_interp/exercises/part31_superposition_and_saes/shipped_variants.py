"""The wide sweep of section 5, which the repo ships, as a table."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

PATH = Path(__file__).resolve().parent / "data" / "variants_sweep.json"
MEASURED = ("L0", "explained", "matching", "dead", "gamma")


def variants_sweep() -> tuple[pd.DataFrame, dict[str, Any]]:
    """What `experiments.variants` wrote.

    Returns:
        One line for each instance: `role` ("pick" or "report": models on which settings were compared, and others for
        which results are reported), `data`, `variant`, `value` (of its sparsity setting), `instance`, and what was
        measured (see `solutions.measure_variant`); and who made it.
    """
    content = json.loads(PATH.read_text(encoding="utf-8"))
    lines = [
        {**{name: run[name] for name in ("role", "data", "variant", "value")}, "instance": instance, **measured}
        for run in content["runs"]
        for instance, measured in enumerate(
            dict(zip(MEASURED, numbers, strict=True)) for numbers in zip(*(run[name] for name in MEASURED), strict=True)
        )
    ]
    return pd.DataFrame(lines), content["made_by"]
