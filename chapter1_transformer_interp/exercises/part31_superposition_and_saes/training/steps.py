"""The two ways to make a training step: by the model's own code and autograd, and by a closed form."""

import math
from typing import Any, Protocol, runtime_checkable

import torch as t
from torch import Tensor, nn

from .adam import FlatAdam, torch_adam
from .data import DataLaw, Draws
from .kernels import Architecture, Kernel
from .probe import per_feature_attribute
from .sources import accepts_generator
from .structure import known_parameters, mark

# Loss of the closed form against that of the model's own code on the same batch, as a share; far above rounding.
LOSS_TOLERANCE = 1e-3


class NotTheSame(Exception):
    """The closed form and the model's own code disagree on a batch of the training."""


@runtime_checkable
class Stepper(Protocol):
    """One way to make a step, cut where the loop wants to look at it."""

    def compute_gradients(self) -> None:
        """Draw a batch and compute the gradients at the parameters of this moment."""

    def loss(self, last: bool) -> float:
        """Loss that the gradients belong to; `last` at the last step."""

    def update(self, lr: float) -> None:
        """Move the parameters: all of them, or, when interrupted, none."""


class OwnBatches:
    """Batches from the model's own `generate_batch`."""

    def __init__(self, model: nn.Module, batch_size: int, generator: t.Generator | None):
        self.generate_batch: Any = model.generate_batch
        self.batch_size = batch_size
        self.source = {"generator": generator} if accepts_generator(self.generate_batch) else {}

    def draw(self) -> Tensor:
        """A fresh batch."""
        return self.generate_batch(self.batch_size, **self.source)


class AutogradStepper:
    """The model's own code throughout."""

    def __init__(self, model: nn.Module, batch_size: int, generator: t.Generator | None):
        self.model: Any = model
        self.batches = OwnBatches(model, batch_size, generator)
        self.optimizer = torch_adam(model.parameters())
        self._loss = t.tensor(math.nan, device="cpu")

    def compute_gradients(self) -> None:
        batch = self.batches.draw()
        loss = self.model.calculate_loss(self.model(batch), batch)
        self.optimizer.zero_grad()
        loss.backward()
        self._loss = loss.detach()

    def loss(self, last: bool) -> float:
        return self._loss.item()

    def update(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()


class FusedStepper:
    """Gradients in closed form, on batches drawn from a known law or by the model."""

    def __init__(
        self,
        model: nn.Module,
        architecture: Architecture,
        law: DataLaw | None,
        batch_size: int,
        generator: t.Generator | None,
    ):
        self.model: Any = model
        parameters = known_parameters(model)
        self.adam = FlatAdam(parameters)
        importance = per_feature_attribute(model, "importance")
        self.kernel = Kernel(architecture, parameters, self.adam.gradients, importance, batch_size)
        self.draws = Draws(law, self.kernel.x, generator) if law else None
        self.batches = None if law else OwnBatches(model, batch_size, generator)
        self.losses_told = 0
        self.read_off = self._read_off()

    def compute_gradients(self) -> None:
        if self.draws:
            self.draws.fill()
        elif self.batches:
            batch = self.batches.draw()
            if batch.requires_grad:
                raise NotTheSame("generate_batch returned a batch that requires a gradient")
            self.kernel.x.copy_(batch.permute(1, 2, 0))
        self.kernel.compute_gradients()

    def loss(self, last: bool) -> float:
        """The closed form's loss; the 1st, 2nd, 4th, 8th ... and last time it is held against the model's own code.

        Raises:
            NotTheSame: if that gives another, or if what was read off the model has changed since.
        """
        loss = self.kernel.loss().item()
        self.losses_told += 1
        if self._read_off() != self.read_off:
            raise NotTheSame("the model's probabilities, importances or parameters were exchanged in training")
        if last or self.losses_told.bit_count() == 1 or not math.isfinite(loss):
            self._check(loss)
        return loss

    def _read_off(self) -> list[Any]:
        held = [mark(self.model.feature_probability), mark(self.model.importance)]
        return [*held, *((id(p), p.requires_grad) for p in self.model.parameters())]

    @t.no_grad()
    def _check(self, loss: float) -> None:
        batch = self.kernel.batch.contiguous()
        own = self.model.calculate_loss(self.model(batch), batch).item()
        if math.isfinite(own) != math.isfinite(loss):
            raise NotTheSame("the model's own loss differs on a batch of the training")
        power = self.kernel.power().item()  # what a loss near 0 is rounded at
        if math.isfinite(own) and abs(own - loss) > LOSS_TOLERANCE * abs(own) + 1e-7 * power:
            raise NotTheSame("the model's own loss differs on a batch of the training")

    def update(self, lr: float) -> None:
        self.adam.step(lr)
