"""Gradients of an autoencoder on a fresh batch: by its own code and autograd, or by the closed form."""

import math
from typing import Any, Protocol, runtime_checkable

import torch as t
from torch import Tensor, nn

from .data import Draws
from .sae_adam import RestartingAdam
from .sae_kernel import SAEKernel
from .sae_probe import SAERecognition, settings
from .steps import LOSS_TOLERANCE, NotTheSame, OwnBatches
from .structure import mark


@runtime_checkable
class Gradients(Protocol):
    """Where a step's gradients come from."""

    def compute(self) -> None:
        """Draw a batch and write its gradients into Adam's."""

    def loss(self, last: bool) -> float:
        """Loss of that batch, summed over instances; `last` at the last step."""

    def loss_terms(self) -> dict[str, Tensor]:
        """`loss` and every loss term of that batch, `[inst]`."""

    def frac_active(self) -> Tensor:
        """Share of that batch's rows in which each latent fired, `[inst d_sae]`."""

    def acts(self) -> Tensor:
        """Activations on that batch, `[batch inst d_sae]`."""


class AutogradGradients:
    """Loss and gradients by the autoencoder's own code."""

    def __init__(self, model: nn.Module, adam: RestartingAdam, batches: OwnBatches):
        self.model: Any = model
        self.adam, self.batches = adam, batches
        self._terms: dict[str, Tensor] = {}
        self._total = t.tensor(math.nan, device="cpu")  # before the first batch
        self._acts = t.empty(0, device="cpu")

    def compute(self) -> None:
        loss_terms, loss, acts, _ = self.model(self.batches.draw())
        total = loss.mean(0).sum()
        gradients = t.autograd.grad(total, self.adam.parameters, allow_unused=True)
        with t.no_grad():
            for into, gradient in zip(self.adam.gradients.values(), gradients, strict=True):
                into.zero_() if gradient is None else into.copy_(gradient)
        self._terms = {"loss": loss.detach(), **{name: term.detach() for name, term in loss_terms.items()}}
        self._total, self._acts = total.detach(), acts.detach()

    def loss(self, last: bool) -> float:
        return self._total.item()

    def loss_terms(self) -> dict[str, Tensor]:
        return {name: term.mean(0) for name, term in self._terms.items()}

    def frac_active(self) -> Tensor:
        return (self._acts > 0).to(self._acts.dtype).mean(0)

    def acts(self) -> Tensor:
        return self._acts


class KernelGradients:
    """Loss and gradients of the standard autoencoder in closed form, on batches as fast as they can be drawn."""

    def __init__(
        self,
        model: nn.Module,
        adam: RestartingAdam,
        found: SAERecognition,
        batch_size: int,
        generator: t.Generator | None,
    ):
        self.model: Any = model
        self.kernel = SAEKernel(
            dict(zip(adam.gradients, adam.parameters, strict=True)), adam.gradients, *settings(model), batch_size
        )
        self.batches: OwnBatches | None = None
        self.draws: Draws | None = None
        if not found.reads_model:
            self.batches = OwnBatches(model, batch_size, generator)
        else:
            toy: Any = model.model
            W: Tensor = toy.W
            self.features = t.zeros(W.shape[0], W.shape[2], batch_size, dtype=W.dtype, device=W.device)
            if found.law is None:
                self.batches = OwnBatches(toy, batch_size, generator)
            else:
                self.draws = Draws(found.law, self.features, generator)
        self.reads_model = found.reads_model
        self.losses_told = 0
        self.read_off = self._read_off()

    def compute(self) -> None:
        if self.draws is not None:
            self.draws.fill()
        elif self.batches is not None:
            batch = self.batches.draw()
            if batch.requires_grad:
                raise NotTheSame("generate_batch returned a batch that requires a gradient")
            (self.features if self.reads_model else self.kernel.h).copy_(batch.permute(1, 2, 0))
        if self.reads_model:
            t.bmm(self.model.model.W.detach(), self.features, out=self.kernel.h)
        self.kernel.compute_gradients()

    def loss(self, last: bool) -> float:
        """The 1st, 2nd, 4th, 8th ... and last time it is held against the autoencoder's own code.

        Raises:
            NotTheSame: if that gives another, or if what was read off the autoencoder has changed since.
        """
        loss = self.kernel.loss_terms()["loss"].sum().item()
        self.losses_told += 1
        if self._read_off() != self.read_off:
            raise NotTheSame("the autoencoder's config, parameters or model were exchanged in training")
        if last or self.losses_told.bit_count() == 1 or not math.isfinite(loss):
            with t.no_grad():
                own = self.model(self.kernel.h.permute(2, 0, 1).contiguous())[1].mean(0).sum().item()
            same_kind = math.isfinite(own) == math.isfinite(loss)
            if not same_kind or (math.isfinite(own) and abs(own - loss) > LOSS_TOLERANCE * abs(own) + 1e-12):
                raise NotTheSame("the autoencoder's own loss differs on a batch of the training")
        return loss

    def _read_off(self) -> list[Any]:
        toy = self.model.model
        held = [mark(getattr(toy, name, None)) for name in ("W", "feature_probability")]
        return [*held, settings(self.model), *((id(p), p.requires_grad) for p in self.model.parameters())]

    def loss_terms(self) -> dict[str, Tensor]:
        return self.kernel.loss_terms()

    def frac_active(self) -> Tensor:
        return self.kernel.frac_active()

    def acts(self) -> Tensor:
        return self.kernel.acts.permute(2, 0, 1)
