"""How much faster a step of an autoencoder's trainer is than plain code: `python -m benchmarks.autoencoders`, a minute.

Plain code and ours take turns in one process, so that whatever else the machine does slows both. The plain side is the
reference's own `generate_batch` and `forward`, autograd, and torch's Adam, as a reader would write it.
"""

import statistics
import time
from dataclasses import dataclass
from typing import Any

import torch as t
from part31_superposition_and_saes.solutions import ToyModel, ToyModelConfig, ToySAE, ToySAEConfig, constant_lr
from part31_superposition_and_saes.training.sae import Resampling, optimize_sae

TURNS = 5


@dataclass(frozen=True)
class Case:
    """One size.

    Attributes:
        inst, feats, d_in, d_sae: of the autoencoders and the toy model that they read.
        batch_size: rows a step.
        probability: of each feature.
        steps: in a turn.
        tied: whether the decoder is the encoder transposed.
    """

    inst: int
    feats: int
    d_in: int
    d_sae: int
    batch_size: int
    probability: float
    steps: int
    tied: bool = False

    def __str__(self) -> str:
        return f"{self.inst} x {self.d_sae} on {self.feats} in {self.d_in}{', tied' if self.tied else ''}"

    def sae(self) -> ToySAE:
        """The autoencoder, always from the same start."""
        source = t.Generator().manual_seed(0)
        cfg = ToyModelConfig(self.inst, self.feats, self.d_in)
        toy = ToyModel(cfg, feature_probability=self.probability, device="cpu", generator=source)
        own = ToySAEConfig(self.inst, self.d_in, self.d_sae, 0.4 / self.d_in, tied_weights=self.tied)
        return ToySAE(own, toy, generator=source)


CASES = (
    Case(16, 5, 2, 5, batch_size=1024, probability=0.025, steps=150),
    Case(16, 5, 2, 5, batch_size=1024, probability=0.025, steps=150, tied=True),
    Case(64, 5, 2, 5, batch_size=1024, probability=0.025, steps=50),
    Case(5, 100, 20, 100, batch_size=512, probability=0.02, steps=50),
)


def train_plain(case: Case) -> float:
    """Milliseconds a step."""
    sae = case.sae()
    started = time.perf_counter()
    optimizer = t.optim.Adam([p for p in sae.parameters() if p.requires_grad], lr=1e-3)
    for _ in range(case.steps):
        loss = sae(sae.generate_batch(case.batch_size))[1].mean(0).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return 1e3 * (time.perf_counter() - started) / case.steps


def train_ours(case: Case) -> float:
    """Milliseconds a step, with the recognition that comes first left out."""
    sae: Any = case.sae()
    resampling = Resampling("simple", freq=50, window=50)
    optimize_sae(sae, case.batch_size, case.steps, case.steps, 1e-3, constant_lr, resampling)
    report = sae.training_report
    assert (report.path, report.data) == ("fused", "fused"), report.reason
    return float(report.ms_a_step)


def main() -> None:
    print(f"torch {t.__version__}, {t.get_num_threads()} threads, medians of {TURNS} turns\n")
    print(f"{'autoencoders':32}{'plain ms':>10}{'ours ms':>10}{'times':>8}")
    for case in CASES:
        train_plain(case), train_ours(case)  # loads code and warms caches
        pairs = [(train_plain(case), train_ours(case)) for _ in range(TURNS)]
        plain, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{case!s:32}{plain:>10.2f}{ours:>10.2f}{plain / ours:>8.1f}")


if __name__ == "__main__":
    main()
