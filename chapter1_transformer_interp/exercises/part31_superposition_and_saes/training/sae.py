"""The training behind a sparse autoencoder's `optimize`: gradients, a log, and latents that are resampled."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch as t
from torch import Tensor, nn

from .loop import Loop, Schedule, TrainingReport, checked_arguments, threads_for
from .sae_adam import RestartingAdam
from .sae_gradients import AutogradGradients, Gradients, KernelGradients
from .sae_log import DataLog
from .sae_probe import SAERecognition, recognise_sae
from .sources import accepts_generator, global_state_from
from .steps import NotTheSame, OwnBatches

Method = Literal["simple", "advanced"]
Moments = Literal["restart", "zero", "keep"]


@dataclass(frozen=True)
class Resampling:
    """When dead latents are replaced, and how.

    Attributes:
        method: None for never.
        freq: steps between two times.
        window: a latent that has not fired in so many of the last steps is dead.
        scale: of the new encoder columns.
        until: share of the steps after which nothing is resampled.
        moments: what becomes of Adam's memory of the entries that were changed: "restart" forgets them and their bias
            correction, "zero" forgets them only, "keep" keeps them.
    """

    method: Method | None = None
    freq: int = 2500
    window: int = 500
    scale: float = 0.5
    until: float = 0.8
    moments: Moments = "restart"

    def __post_init__(self) -> None:
        if self.method not in (None, *get_args(Method)):
            raise ValueError(f"resample_method={self.method!r} must be None, 'simple' or 'advanced'")
        if self.moments not in get_args(Moments):
            raise ValueError(f"moments={self.moments!r} must be 'restart', 'zero' or 'keep'")
        for name, value in (("resample_freq", self.freq), ("resample_window", self.window)):
            if not (isinstance(value, int) and value >= 1):
                raise ValueError(f"{name}={value!r} must be a whole number, 1 or more")
        if not 0 <= self.until <= 1:
            raise ValueError(f"resample_until={self.until!r} is a share of the steps: between 0 and 1")

    def is_due(self, done: int, steps: int) -> bool:
        """Whether latents are resampled after `done` of all `steps`."""
        return self.method is not None and done % self.freq == 0 and done <= self.until * steps

    def is_watched(self, step: int) -> bool:
        """Whether the activity of a step will be looked at when it is next time to resample."""
        return self.method is not None and self.freq - step % self.freq <= self.window


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters that training changes, by name.

    Raises:
        ValueError: if there are none.
    """
    found = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not found:
        raise ValueError("the autoencoder has no parameter that requires a gradient: there is nothing to train")
    return found


class SAEStepper:
    """A step: gradients, Adam, and, where it is time, new latents for dead ones."""

    def __init__(
        self,
        model: nn.Module,
        adam: RestartingAdam,
        gradients: Gradients,
        resampling: Resampling,
        batch_size: int,
        steps: int,
        generator: t.Generator | None,
    ):
        self.model: Any = model
        self.gradients, self.adam = gradients, adam
        self.resampling, self.batch_size, self.steps, self.generator = resampling, batch_size, steps, generator
        self.observe: Callable[[Tensor], None] | None = getattr(model, "observe", None)
        self.done = 0
        self.window: list[Tensor] = []  # at most `resampling.window` of them
        self.resampled: Tensor | None = None  # [inst d_sae], since the last log entry

    def compute_gradients(self) -> None:
        self.gradients.compute()

    def loss(self, last: bool) -> float:
        return self.gradients.loss(last)

    def update(self, lr: float) -> None:
        """Move the parameters, then resample if it is time."""
        if self.observe is not None:
            self.observe(self.gradients.acts())
        if self.resampling.is_watched(self.done):
            self.window.append(self.gradients.frac_active())
            del self.window[: -self.resampling.window]
        self.adam.step(lr)
        self.done += 1
        if self.resampling.is_due(self.done, self.steps):
            self._resample()

    def _resample(self) -> None:
        window = t.stack(self.window)
        dead = (window == 0).all(0)
        if not dead.any():
            return
        method = f"resample_{self.resampling.method}"
        resample = getattr(self.model, method)
        arguments: dict[str, Any] = {"frac_active_in_window": window, "resample_scale": self.resampling.scale}
        if self.resampling.method == "advanced":
            arguments["batch_size"] = self.batch_size
        if accepts_generator(resample):
            arguments["generator"] = self.generator
        before = [p.detach().clone() for p in self.adam.parameters]
        resample(**arguments)
        if [id(p) for p in trainable(self.model).values()] != [id(p) for p in self.adam.parameters]:
            raise RuntimeError(f"{method} made new parameters; it must change the ones that are there, in place")
        changed = [p.detach() != old for p, old in zip(self.adam.parameters, before, strict=True)]
        if self.resampling.moments != "keep":
            self.adam.restart(changed, with_correction=self.resampling.moments == "restart")
        self.resampled = dead if self.resampled is None else self.resampled | dead

    def log_terms(self) -> dict[str, Tensor]:
        """What a log entry tells of the batch that the last gradients belong to."""
        frac_active = self.gradients.frac_active()
        resampled = t.zeros_like(frac_active, dtype=t.bool) if self.resampled is None else self.resampled
        self.resampled = None
        return {"frac_active": frac_active, "resampled": resampled, **self.gradients.loss_terms()}


def optimize_sae(
    model: nn.Module,
    batch_size: int,
    steps: int,
    log_freq: int,
    lr: float,
    lr_scale: Schedule,
    resampling: Resampling = Resampling(),
    hidden_sample_size: int = 256,
    generator: t.Generator | None = None,
    *,
    fast: bool = True,
) -> list[dict[str, Any]]:
    """Train a sparse autoencoder in place with Adam on fresh batches of hidden activations.

    An attribute `learning_rate_factors` (a dict) multiplies the learning rate of the parameters that it names; a
    method `observe(acts)` is called with the activations of every training batch, before the update. How it went is
    kept as `model.training_report`.

    Args:
        model: has `generate_batch(batch_size)`, `forward(h)` and, where latents are resampled, `resample_simple` or
            `resample_advanced`.
        batch_size: rows a step.
        steps: number of steps.
        log_freq: steps between two entries of the log.
        lr: learning rate before scaling.
        lr_scale: `(step, steps) -> factor` on the learning rate.
        resampling: when and how dead latents are replaced.
        hidden_sample_size: rows whose reconstructions are logged; drawn once.
        generator: source of all that is random, on the model's device; handed to methods that take one, others draw
            from torch's global state, seeded from it for as long as the training.
        fast: False for the model's own code and autograd in any case.
    Returns:
        The log: one dict every `log_freq` steps and one at the last step, each of the state before that step's
        update, all tensors copies on the CPU. Keys: `steps`; `frac_active [inst d_sae]` in that step's batch;
        `resampled [inst d_sae]`, since the entry before; `loss` and every loss term `[inst]`; `h [rows inst d_in]`, the
        same rows all along, and `h_r`; every parameter by name; `W_dec_normalized`; `features [inst d_in feats]`.
        It has ceil(steps / log_freq) entries, one more where the last step is no multiple of log_freq, and takes
        at most `sae_log.MOST_BYTES`: one in 2, 3 ... is kept where it would be more, and a warning says so.
    Raises:
        ValueError: if an argument is out of range.
        RuntimeError: if the loss stops being finite.
    """
    batch_size, steps, log_freq, lr = checked_arguments(batch_size, steps, log_freq, lr)
    started = time.perf_counter()
    parameters = trainable(model)
    found = SAERecognition(False, False, None, "the fast path was not asked for")
    if fast:
        found = recognise_sae(model, parameters)
    recognition_seconds = time.perf_counter() - started
    why, start = found.reason, {name: value.clone() for name, value in model.state_dict().items()}

    def train(gradients_of: Callable[[RestartingAdam], Gradients], report: TrainingReport) -> list[dict[str, Any]]:
        adam = RestartingAdam(parameters, getattr(model, "learning_rate_factors", None))
        stepper = SAEStepper(model, adam, gradients_of(adam), resampling, batch_size, steps, generator)
        log = DataLog(model, OwnBatches(model, hidden_sample_size, generator).draw().detach(), steps, log_freq)

        def on_log(step: int, loss: float) -> None:
            log.add(step, step == steps - 1, stepper.log_terms())

        rate = lambda step: lr * float(lr_scale(step, steps))  # noqa: E731
        Loop(model, steps, log_freq, rate, on_log, started, recognition_seconds).run(stepper, report)
        return log.entries

    with threads_for(model, batch_size), global_state_from(generator), _training_mode(model):
        if found.known:
            report = TrainingReport("fused", why, "fused" if found.law else "own")
            try:
                return train(lambda adam: KernelGradients(model, adam, found, batch_size, generator), report)
            except NotTheSame as difference:
                why = f"{difference}, so the training began again"
                model.load_state_dict(start)
        own = OwnBatches(model, batch_size, generator)
        return train(lambda adam: AutogradGradients(model, adam, own), TrainingReport("autograd", why, "own"))


@contextmanager
def _training_mode(model: nn.Module) -> Iterator[None]:
    before = model.training
    model.train()
    try:
        yield
    finally:
        model.train(before)
