"""What every training loop of the course shares: schedule, progress bar, log, report, checks of arguments."""

import math
import operator
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch as t
from torch import nn
from tqdm.auto import tqdm

from .steps import Stepper

Schedule = Callable[[int, int], float]
# A batch of this many numbers keeps one thread busy; on less, a second thread costs more than it brings.
NUMBERS_PER_THREAD = 2**17


@dataclass
class TrainingReport:
    """How a training went.

    Attributes:
        path: "fused" where gradients came from a closed form, "autograd" where from the model's own code.
        reason: why that path, in words.
        data: "fused" where batches were drawn by the trainer, "own" where by the model's own generate_batch.
        steps: whole steps done.
        seconds: time that they took, recognition included.
        recognition_seconds: time in which the path was found.
        loss: at the last step that was logged; NaN before the first.
    """

    path: Literal["fused", "autograd"]
    reason: str
    data: Literal["fused", "own"]
    steps: int = 0
    seconds: float = 0.0
    recognition_seconds: float = 0.0
    loss: float = math.nan

    @property
    def ms_a_step(self) -> float:
        """Milliseconds a step, recognition aside; NaN without steps."""
        return 1e3 * (self.seconds - self.recognition_seconds) / self.steps if self.steps else math.nan

    def __str__(self) -> str:
        pace = f" ({self.ms_a_step:.3g} ms each)" if self.steps else ""
        return f"{self.steps} steps in {self.seconds:.3g} s{pace}; path {self.path}: {self.reason}"


@dataclass
class Loop:
    """What both paths have in common: the schedule, the progress bar, the log and the report."""

    model: nn.Module
    steps: int
    log_freq: int
    rate: Callable[[int], float]
    on_log: Callable[[int, float], None] | None
    started: float = field(default_factory=time.perf_counter)
    recognition_seconds: float = 0.0

    def elapsed(self) -> float:
        """Seconds since the call of `optimize`."""
        return time.perf_counter() - self.started

    def run(self, stepper: Stepper, report: TrainingReport) -> TrainingReport:
        """Make all steps; what is done is in the report whatever stops them."""
        report.recognition_seconds = self.recognition_seconds
        self.model.training_report = report  # type: ignore[assignment]
        try:
            with tqdm(total=self.steps, desc=f"training ({report.path})", leave=False) as progress:
                for step in range(self.steps):
                    lr = _finite_rate(self.rate(step), step)
                    stepper.compute_gradients()
                    if step % self.log_freq == 0 or step == self.steps - 1:
                        self._log(stepper, report, lr)
                        progress.set_postfix_str(f"loss={report.loss:.5f}, lr={lr:.2e}", refresh=False)
                        progress.update(step - progress.n)
                    stepper.update(lr)
                    report.steps = step + 1
                progress.update(self.steps - progress.n)
        finally:
            report.seconds = self.elapsed()
        return report

    def _log(self, stepper: Stepper, report: TrainingReport, lr: float) -> None:
        """Tell of the loss at the step that follows those in the report.

        Raises:
            RuntimeError: if it is not finite.
        """
        step = report.steps
        loss = stepper.loss(last=step == self.steps - 1)
        if not math.isfinite(loss):
            became = "NaN" if math.isnan(loss) else "infinite"
            before = f"; {self.log_freq} steps before it was {report.loss:.3g}" if math.isfinite(report.loss) else ""
            raise RuntimeError(
                f"loss became {became} by step {step}{before}. "
                f"Lower lr (lr * lr_scale is {lr:.3g} here), or look for NaN in a batch."
            )
        report.loss = loss
        if self.on_log is not None:
            self.on_log(step, loss)


def _finite_rate(rate: float, step: int) -> float:
    if not math.isfinite(rate):
        raise ValueError(f"lr * lr_scale is {rate} at step {step}; lr_scale(step, steps) must return a finite number")
    return rate


def checked_arguments(batch_size: Any, steps: Any, log_freq: Any, lr: Any) -> tuple[int, int, int, float]:
    """The arguments as plain numbers.

    Raises:
        TypeError: if a count is no whole number.
        ValueError: if one is out of range.
    """
    counts = []
    for name, value, least in (("batch_size", batch_size, 1), ("steps", steps, 0), ("log_freq", log_freq, 1)):
        try:
            counts.append(operator.index(value))
        except TypeError as error:
            raise TypeError(f"{name}={value!r} must be a whole number, {least} or more") from error
        if counts[-1] < least:
            raise ValueError(f"{name}={value!r} must be {least} or more")
    if not (math.isfinite(lr) and lr >= 0):
        raise ValueError(f"lr={lr!r} must be a finite number, 0 or more")
    return counts[0], counts[1], counts[2], float(lr)


@contextmanager
def threads_for(model: nn.Module, batch_size: int) -> Iterator[None]:
    """As many threads as a batch can keep busy, at most those that there are; put back afterwards."""
    before = t.get_num_threads()
    sizes = sorted((p.ndim != 2, p.numel()) for p in model.parameters())  # a bias is as large as a row of a batch
    per_row = sizes[0][1] if sizes else 1
    wanted = min(before, max(1, per_row * batch_size // NUMBERS_PER_THREAD))
    t.set_num_threads(wanted)
    try:
        yield
    finally:
        t.set_num_threads(before)
