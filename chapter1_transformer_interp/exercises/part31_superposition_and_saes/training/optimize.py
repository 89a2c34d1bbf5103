"""The training loop behind every model's `optimize`: a fast path for models it knows, autograd for all others."""

import math
import operator
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch as t
from torch import nn
from tqdm.auto import tqdm

from .probe import Recognition, recognise
from .steps import AutogradStepper, FusedStepper, NotTheSame, Stepper

Schedule = Callable[[int, int], float]
# A batch of this many numbers keeps one thread busy; on less, a second thread costs more than it brings.
NUMBERS_PER_THREAD = 2**18


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
        generator: source of the batches, on the model's device; handed only to a `generate_batch` that takes one,
            any other draws from torch's global state, seeded from it for the time of the training.
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
    started = time.perf_counter()
    found = recognise(model) if fast and steps else Recognition(None, None, "the fast path was not asked for")
    recognised = time.perf_counter() - started

    def run(stepper: Stepper, path: Literal["fused", "autograd"], data: Literal["fused", "own"], why: str) -> None:
        report = TrainingReport(path, why, data, recognition_seconds=recognised)
        model.training_report = report  # type: ignore[assignment]
        try:
            _loop(stepper, report, steps, log_freq, lambda step: lr * float(lr_scale(step, steps)), on_log)
        finally:
            report.seconds = time.perf_counter() - started

    with _threads_for(model, batch_size):
        why = found.reason
        if found.architecture is not None:
            start = [p.detach().clone() for p in model.parameters()]
            try:
                stepper = FusedStepper(model, found.architecture, found.law, batch_size, generator)
                run(stepper, "fused", "fused" if found.law else "own", why)
                return model.training_report  # type: ignore[return-value]
            except NotTheSame as difference:
                why = f"{difference}, so the training began again"
                with t.no_grad():
                    for parameter, value in zip(model.parameters(), start, strict=True):
                        parameter.copy_(value)
        run(AutogradStepper(model, batch_size, generator), "autograd", "own", why)
    return model.training_report  # type: ignore[return-value]


def _loop(
    stepper: Stepper,
    report: TrainingReport,
    steps: int,
    log_freq: int,
    rate: Callable[[int], float],
    on_log: Callable[[int, float], None] | None,
) -> None:
    """Make the steps, tell of the loss every `log_freq` of them and at the last."""
    last_told = 0
    with stepper.random_state(), tqdm(total=steps, desc=f"training ({report.path})", leave=False) as progress:
        for step in range(steps):
            lr = _finite_rate(rate(step), step)
            stepper.compute_gradients()
            if step % log_freq == 0 or step == steps - 1:
                loss = stepper.loss(last=step == steps - 1)
                if not math.isfinite(loss):
                    raise RuntimeError(_divergence(loss, step, report.loss, last_told, lr))
                report.loss, last_told = loss, step
                if on_log is not None:
                    on_log(step, loss)
                progress.set_postfix_str(f"loss={loss:.5f}, lr={lr:.2e}", refresh=False)
                progress.update(step - progress.n)
            stepper.update(lr)
            report.steps = step + 1
        progress.update(steps - progress.n)


def _finite_rate(rate: float, step: int) -> float:
    if not math.isfinite(rate):
        raise ValueError(f"lr * lr_scale is {rate} at step {step}; lr_scale(step, steps) must return a finite number")
    return rate


def _divergence(loss: float, step: int, last_loss: float, last_step: int, lr: float) -> str:
    became = "NaN" if math.isnan(loss) else "infinite"
    before = f"; at step {last_step} it was still {last_loss:.3g}" if math.isfinite(last_loss) else ""
    return f"loss became {became} by step {step}{before}. Lower lr (here lr * lr_scale is {lr:.3g}), or check the data."


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
    per_row = max((p.numel() for name, p in model.named_parameters() if p.ndim == 2), default=1)
    wanted = min(before, max(1, per_row * batch_size // NUMBERS_PER_THREAD))
    t.set_num_threads(wanted)
    try:
        yield
    finally:
        t.set_num_threads(before)
