"""The training behind a toy model's `optimize`: a fast path for models it knows, autograd for all others."""

from collections.abc import Callable

import torch as t
from torch import nn

from .loop import Loop, Schedule, TrainingReport, checked_arguments, threads_for
from .probe import Recognition, recognise
from .sources import global_state_from
from .steps import AutogradStepper, FusedStepper, NotTheSame


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
    batch_size, steps, log_freq, lr = checked_arguments(batch_size, steps, log_freq, lr)
    loop = Loop(model, steps, log_freq, lambda step: lr * float(lr_scale(step, steps)), on_log)
    found = recognise(model) if fast else Recognition(None, None, "the fast path was not asked for")
    loop.recognition_seconds = loop.elapsed()
    why = found.reason
    with threads_for(model, batch_size), global_state_from(generator):
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
