r"""The wide sweep of section 5: every kind of autoencoder, on every kind of data, with several sparsity settings.

python -m part31_superposition_and_saes.experiments.variants
python -m part31_superposition_and_saes.experiments.variants --models 10 --steps 3000

Two sets of models: settings are compared on the first ("pick") and reported on the second ("report"). The result goes
to the file that the notebook reads (`shipped.py`). About 20 minutes of one thread.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Iterator
from typing import Any

import torch as t

from .. import solutions, utils
from ..shipped import VARIANTS_SWEEP

SEEDS = {"pick": 1_000, "report": 2_000}


def sweep(role: str, n_models: int, steps: int, kinds: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """One line for each setting, kind of autoencoder and kind of data, its measurements as lists over models."""
    for kind in kinds:
        generator = t.Generator(utils.device).manual_seed(SEEDS[role])
        models = solutions.model_for(kind, n_models, generator)
        for variant in solutions.VARIANTS:
            for value in variant.values_for(kind):
                sae = solutions.train_variant(variant, value, models, generator, steps)
                measured = solutions.measure_variant(sae, generator=generator)
                numbers = {name: [round(float(one), 5) for one in values] for name, values in measured.items()}
                yield {"role": role, "data": kind, "variant": variant.name, "value": value, **numbers}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m part31_superposition_and_saes.experiments.variants")
    parser.add_argument("--models", type=int, default=5, help="models of each kind of data that results are for (5)")
    parser.add_argument("--picking", type=int, default=3, help="other models, on which settings are compared (3)")
    parser.add_argument("--steps", type=int, default=1_000, help="of each autoencoder's training (1000)")
    options = parser.parse_args(arguments)
    started, lines = time.process_time(), []
    for role, n_models in (("report", options.models), ("pick", options.picking)):
        for line in sweep(role, n_models, options.steps, solutions.KINDS_OF_DATA):
            lines.append(line)
            shown = {
                name: round(sum(values) / n_models, 3) for name, values in line.items() if isinstance(values, list)
            }
            print(role, line["data"], line["variant"], line["value"], shown, flush=True)
    made_by = {
        "command": f"python -m part31_superposition_and_saes.experiments.variants {' '.join(sys.argv[1:])}".strip(),
        "torch": t.__version__,
        "python": platform.python_version(),
        "device": str(utils.device),
        "cpu_seconds": round(time.process_time() - started),
    }
    rows = ",\n".join(json.dumps(line) for line in lines)
    VARIANTS_SWEEP.write_text(f'{{"made_by": {json.dumps(made_by)},\n"runs": [\n{rows}\n]}}\n', encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
