"""How much faster the trainer is than plain code: `python -m benchmarks.training`, about two minutes.

Plain code and ours take turns in one process, so that whatever else the machine does slows both. The plain side is what
a reader would write first: einops, autograd, one draw for the mask and one for the magnitude, torch's Adam. It gets one
thread or all of them, whichever is faster.
"""

import os
import platform
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import einops
import torch as t
from part31_superposition_and_saes.solutions import (
    NeuronComputationModel,
    NeuronModel,
    ToyModel,
    ToyModelConfig,
    linear_lr,
)
from part31_superposition_and_saes.training.optimize import optimize
from torch import Tensor, nn

BATCH = 1024
TURNS = 5


class PlainModel(nn.Module):
    """ReLU(WᵀWx + b), sparse uniform features and a weighted squared error, written to be read."""

    def __init__(self, like: ToyModel):
        super().__init__()
        self.W = nn.Parameter(like.W.detach().clone())
        self.b_final = nn.Parameter(like.b_final.detach().clone())
        self.importance, self.feature_probability = like.importance, like.feature_probability

    def forward(self, x: Tensor) -> Tensor:
        hidden = einops.einsum(x, self.W, "batch inst feats, inst hidden feats -> batch inst hidden")
        out = einops.einsum(hidden, self.W, "batch inst hidden, inst hidden feats -> batch inst feats")
        return t.relu(out + self.b_final)

    def generate_batch(self, batch_size: int) -> Tensor:
        shape = (batch_size, *self.b_final.shape)
        return t.where(t.rand(shape) < self.feature_probability, t.rand(shape), 0.0)

    def calculate_loss(self, out: Tensor, batch: Tensor) -> Tensor:
        return einops.reduce(self.importance * (out - batch) ** 2, "batch inst feats -> inst", "mean").sum()


class PlainNeuronModel(PlainModel):
    """The same with a ReLU in the hidden layer."""

    def forward(self, x: Tensor) -> Tensor:
        hidden = t.relu(einops.einsum(x, self.W, "batch inst feats, inst hidden feats -> batch inst hidden"))
        out = einops.einsum(hidden, self.W, "batch inst hidden, inst hidden feats -> batch inst feats")
        return t.relu(out + self.b_final)


class PlainComputationModel(PlainModel):
    """ReLU(W2 ReLU(W1 x) + b) against |x|."""

    W1: nn.Parameter
    W2: nn.Parameter
    b_final: nn.Parameter

    def __init__(self, like: NeuronComputationModel):
        nn.Module.__init__(self)
        for name, parameter in like.named_parameters():
            setattr(self, name, nn.Parameter(parameter.detach().clone()))
        self.importance, self.feature_probability = like.importance, like.feature_probability

    def forward(self, x: Tensor) -> Tensor:
        hidden = t.relu(einops.einsum(x, self.W1, "batch inst feats, inst hidden feats -> batch inst hidden"))
        out = einops.einsum(hidden, self.W2, "batch inst hidden, inst feats hidden -> batch inst feats")
        return t.relu(out + self.b_final)

    def generate_batch(self, batch_size: int) -> Tensor:
        shape = (batch_size, *self.b_final.shape)
        return t.where(t.rand(shape) < self.feature_probability, 2 * t.rand(shape) - 1, 0.0)

    def calculate_loss(self, out: Tensor, batch: Tensor) -> Tensor:
        return super().calculate_loss(out, batch.abs())


PLAIN: dict[type, type[PlainModel]] = {
    ToyModel: PlainModel,
    NeuronModel: PlainNeuronModel,
    NeuronComputationModel: PlainComputationModel,
}


def train_plain(model: PlainModel, steps: int, lr: float = 1e-3) -> float:
    """Constant learning rate; returns seconds."""
    started = time.perf_counter()
    optimizer = t.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        batch = model.generate_batch(BATCH)
        loss = model.calculate_loss(model(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - started


@dataclass(frozen=True)
class Case:
    """One size of model.

    Attributes:
        inst, feats, d_hidden: its size.
        lowest: probability of the last instance; the first has 1, the others lie between in equal ratios.
        steps: in a turn.
        plain_steps: of plain training, whose loss at the end is the one to reach.
        lr: that ours starts from then.
        kind: which model.
    """

    inst: int
    feats: int
    d_hidden: int
    lowest: float
    steps: int
    plain_steps: int = 0
    lr: float = 3e-2
    kind: type[ToyModel] = ToyModel

    def __str__(self) -> str:
        name = "" if self.kind is ToyModel else f", {self.kind.__name__}"
        return f"{self.inst} x {self.feats} in {self.d_hidden}{name}"

    def plain(self) -> PlainModel:
        """The plain model, from the same start."""
        return PLAIN[self.kind](self.model())

    def model(self) -> ToyModel:
        probability = self.lowest ** t.linspace(0, 1, self.inst)[:, None]
        importance = 0.01 ** (t.arange(self.feats) / self.feats)
        cfg = ToyModelConfig(self.inst, self.feats, self.d_hidden)
        return self.kind(cfg, probability, importance, "cpu", generator=t.Generator().manual_seed(0))


CASES = (
    Case(8, 5, 2, lowest=0.02, steps=1000),
    Case(10, 100, 20, lowest=0.01, steps=100),
    Case(20, 200, 20, lowest=0.05, steps=25),
    Case(70, 10, 5, lowest=0.02, steps=100, kind=NeuronModel),
    Case(14, 100, 40, lowest=0.01, steps=50, kind=NeuronComputationModel),
)
# Of 5 in 2 there are many, because single ones end in better and worse minima.
TO_THE_SAME_LOSS = (
    Case(32, 5, 2, lowest=0.02, steps=0, plain_steps=2500, lr=3e-2),
    Case(10, 100, 20, lowest=0.01, steps=0, plain_steps=600, lr=1e-2),
)


def turns(case: Case) -> tuple[float, float]:
    """Median milliseconds a step: plain, ours."""
    plain, ours = [], []
    for turn in range(TURNS + 1):
        model = case.model()
        plain.append(1e3 * train_plain(case.plain(), case.steps) / case.steps)
        report = optimize(model, BATCH, case.steps, case.steps, 1e-3, lambda step, steps: 1.0)
        assert (report.path, report.data) == ("fused", "fused"), report.reason
        ours.append(report.ms_a_step)
        if turn == 0:  # loads code and warms caches
            plain, ours = [], []
    return statistics.median(plain), statistics.median(ours)


def choose_threads(case: Case) -> int:
    """The number of threads that plain code is faster with; it is left in force."""
    seconds = {}
    for threads in {1, t.get_num_threads()}:
        t.set_num_threads(threads)
        train_plain(case.plain(), 2)
        seconds[threads] = min(train_plain(case.plain(), 5) for _ in range(3))
    t.set_num_threads(min(seconds, key=lambda threads: seconds[threads]))
    return t.get_num_threads()


@t.no_grad()
def evaluation_loss(model: ToyModel | PlainModel, case: Case) -> float:
    """On 20,000 rows that are the same for every model of a case."""
    batch = case.model().generate_batch(20_000, generator=t.Generator().manual_seed(1))
    return model.calculate_loss(model(batch), batch).item()


def lengths() -> Iterator[int]:
    """Numbers of steps to try, each about 1.4 times the last."""
    return (10 * round(5 * 2 ** (k / 2)) for k in range(16))


def same_loss(case: Case) -> tuple[float, int, float, float]:
    """Seconds of plain training, the fewest steps and the seconds of ours to within 1 % of its loss, and the loss."""
    plain = case.plain()
    plain_seconds = train_plain(plain, case.plain_steps)
    target = evaluation_loss(plain, case)
    for steps in lengths():
        model = case.model()
        report = optimize(model, BATCH, steps, steps, case.lr, linear_lr, t.Generator().manual_seed(2))
        if evaluation_loss(model, case) <= 1.01 * target:
            return plain_seconds, steps, report.seconds, target
    raise AssertionError(f"{case}: ours never reached the plain loss {target:.4g}")


def main() -> None:
    """Print both tables."""
    t.manual_seed(0)
    all_threads = t.get_num_threads()
    print(f"torch {t.__version__}, {os.cpu_count()} cores, {platform.machine()}, batches of {BATCH:,}\n")
    print(
        "| instances x features in d_hidden | plain, ms a step (threads) | ours, ms a step | ratio |\n|---|---|---|---|"
    )
    for case in CASES:
        t.set_num_threads(all_threads)
        threads = choose_threads(case)
        plain, ours = turns(case)
        print(f"| {case} | {plain:.2f} ({threads}) | {ours:.2f} | {plain / ours:.1f} |", flush=True)
    print("\n| to the same loss | plain, lr 1e-3: steps, s | ours, linear decay: steps, s | ratio of seconds |")
    print("|---|---|---|---|")
    for case in TO_THE_SAME_LOSS:
        t.set_num_threads(all_threads)
        choose_threads(case)
        seconds, our_steps, our_seconds, loss = same_loss(case)
        plain_text = f"{case.plain_steps:,}, {seconds:.1f}"
        ours_text = f"{our_steps:,} from {case.lr:g}, {our_seconds:.2f}"
        print(f"| {case} (loss {loss:.4g}) | {plain_text} | {ours_text} | {seconds / our_seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
