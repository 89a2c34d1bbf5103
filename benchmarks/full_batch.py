"""How much faster section 4 trains than plain code: `python -m benchmarks.full_batch`, about a minute.

Three ways take turns in one process on the same data sets: the model's own code and autograd, the closed form in torch
(as on a GPU, or without Numba), and the closed form compiled by Numba (left out where that is not installed).
"""

import os
import platform
import statistics
from unittest.mock import patch

import torch as t
from part31_superposition_and_saes.solutions import DoubleDescentModel, ToyModelConfig, constant_lr
from part31_superposition_and_saes.training import full_batch
from part31_superposition_and_saes.training.loop import TrainingReport

CFG = ToyModelConfig(n_inst=4, n_features=1_000, d_hidden=2)
STEPS = {3: 200, 100: 50, 1_000: 8}  # data points -> steps in a turn
TURNS = 5


def train(rows: int, fast: bool, compiled: bool) -> TrainingReport:
    """One training from a fixed start."""
    generator = t.Generator().manual_seed(0)
    model = DoubleDescentModel(CFG, 0.01, device="cpu", generator=generator)
    batch = model.generate_batch(rows, generator=generator)
    steps = STEPS[rows]
    with patch.object(full_batch, "can_compile", lambda W: compiled):
        return full_batch.optimize_full_batch(model, batch, steps, steps, 1e-3, constant_lr, 1e-2, fast=fast)


def main() -> None:
    """Print milliseconds a step and the ratios to plain code."""
    can_compile = full_batch.can_compile(t.zeros(1, 2, 1))
    ways = {"plain": (False, False), "torch": (True, False)} | ({"compiled": (True, True)} if can_compile else {})
    cores = f"{os.cpu_count()} cores, {platform.machine()}"
    print(f"torch {t.__version__}, {cores}, {CFG.n_inst} models of {CFG.n_features:,} features\n")
    print("| data points | " + " | ".join(f"{way}, ms a step" for way in ways) + " | ratio of plain to the last |")
    print("|---" * (len(ways) + 2) + "|")
    for rows in STEPS:
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(TURNS + 1):
            for way, (fast, compiled) in ways.items():
                report = train(rows, fast, compiled)
                assert report.path == ("fused" if fast else "autograd"), report.reason
                if turn > 0:  # the first compiles and warms caches
                    taken[way].append(report.ms_a_step)
        medians = {way: statistics.median(values) for way, values in taken.items()}
        ratio = medians["plain"] / list(medians.values())[-1]
        print(f"| {rows:,} | " + " | ".join(f"{medians[way]:.3g}" for way in ways) + f" | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    main()
