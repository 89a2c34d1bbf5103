"""The training loop behind every model's `optimize`: a fast path for models it knows, autograd for all others."""

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

from .probe import Recognition, recognise
from .sources import global_state_from
from .steps import AutogradStepper, FusedStepper, NotTheSame, Stepper

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


def optimize(
    model: nn.Module,
    batch_size: int,
    steps: int,
    log_freq: int,
    lr: float,
    lr_scale: Schedule,
    generator: t.Generator | None = None,
    *,
    on_log: Callable[[int, float], None] | None = None,
    fast: bool = True,
) -> TrainingReport:
    """Train `model` in place with Adam on fresh batches, showing a progress bar.

    A model that computes the same as one of `kernels.KNOWN`, which is found out by trying it (see `probe.recognise`),
    is trained by closed-form gradients; any other by its own code and autograd. An interrupt leaves the model as
    it was after its last whole step.

    Args:
        model: has `generate_batch(batch_size)`, `forward` and `calculate_loss(out, batch)`.
        batch_size: rows a step, 1 or more.
        steps: number of steps; 0 trains nothing.
        log_freq: steps between two updates of the loss beside the bar, 1 or more.
        lr: learning rate before scaling.
        lr_scale: `(step, steps) -> factor` on the learning rate.
        generator: source of the batches, on the model's device; handed only to a `generate_batch` that takes one.
            Everything else that draws does so from torch's global state, seeded from it for as long as the training.
        on_log: called with `(step, loss)` every `log_freq` steps and at the last, before that step changes the
            parameters.
        fast: False for the model's own code and autograd in any case.
    Returns:
        How it went, and by which path; also kept as `model.training_report`.
    Raises:
        ValueError: if an argument is out of range.
        RuntimeError: if the loss stops being finite.
    """
    batch_size, steps, log_freq, lr = _checked(batch_size, steps, log_freq, lr)
    loop = _Loop(model, steps, log_freq, lambda step: lr * float(lr_scale(step, steps)), on_log)
    found = recognise(model) if fast else Recognition(None, None, "the fast path was not asked for")
    loop.recognition_seconds = time.perf_counter() - loop.started
    why = found.reason
    with _threads_for(model, batch_size), global_state_from(generator):
        if found.architecture is not None:
            start = [p.detach().clone() for p in model.parameters()]
            report = TrainingReport("fused", why, "fused" if found.law else "own")
            try:
                return loop.run(FusedStepper(model, found.architecture, found.law, batch_size, generator), report)
            except NotTheSame as difference:
                why = f"{difference}, so the training began again"
                with t.no_grad():
                    for parameter, value in zip(model.parameters(), start, strict=True):
                        parameter.copy_(value)
        return loop.run(AutogradStepper(model, batch_size, generator), TrainingReport("autograd", why, "own"))


@dataclass
class _Loop:
    """What both paths have in common: the schedule, the progress bar, the log and the report."""

    model: nn.Module
    steps: int
    log_freq: int
    rate: Callable[[int], float]
    on_log: Callable[[int, float], None] | None
    started: float = field(default_factory=time.perf_counter)
    recognition_seconds: float = 0.0

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
            report.seconds = time.perf_counter() - self.started
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


def _checked(batch_size: Any, steps: Any, log_freq: Any, lr: Any) -> tuple[int, int, int, float]:
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
def _threads_for(model: nn.Module, batch_size: int) -> Iterator[None]:
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
