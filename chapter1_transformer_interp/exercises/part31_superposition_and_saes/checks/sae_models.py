"""What the checks of sparse autoencoders share: sizes, an autoencoder and its reference, and their parameters."""

from dataclasses import dataclass, field
from typing import Any

import torch as t
from torch import Tensor, nn

from .. import solutions
from ..checking.compare import is_tensor
from ..checking.outcome import Failure
from ..checking.runner import Trial
from .models import check_parameter

AXES = {"W_enc": "inst d_in d_sae", "_W_dec": "inst d_sae d_in", "b_enc": "inst d_sae", "b_dec": "inst d_in"}


@dataclass(frozen=True)
class SAESizes:
    """Sizes of one case, and fields of its config; sizes differ, so that no two axes can be taken for each other."""

    inst: int
    d_in: int
    d_sae: int
    feats: int
    fields: dict[str, Any] = field(default_factory=dict)

    def cfg(self, **changes: Any) -> solutions.ToySAEConfig:
        return solutions.ToySAEConfig(self.inst, self.d_in, self.d_sae, **{**self.fields, **changes})

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a parameter."""
        sizes = {"inst": self.inst, "d_in": self.d_in, "d_sae": self.d_sae}
        return tuple(sizes[axis] for axis in AXES[name].split())

    def __str__(self) -> str:
        tied = ", tied weights" if self.fields.get("tied_weights") else ""
        instances = "1 instance" if self.inst == 1 else f"{self.inst} instances"
        return f"{instances} of {self.d_sae} latents in {self.d_in} dimensions{tied}"


NOTEBOOK = SAESizes(16, 2, 5, 5)  # as in the notebook
WIDE = SAESizes(3, 4, 7, 6)
TALL = SAESizes(2, 6, 3, 5)
TIED = SAESizes(3, 4, 7, 6, {"tied_weights": True})
ONE = SAESizes(1, 3, 6, 5)


def make_toy_model(trial: Trial, sizes: SAESizes) -> solutions.ToyModel:
    """A toy model whose instances all differ, in weights and in probabilities."""
    cfg = solutions.ToyModelConfig(sizes.inst, sizes.feats, sizes.d_in)
    probability = trial.uniform(sizes.inst, sizes.feats, low=0.2, high=0.8)
    model = solutions.ToyModel(cfg, probability, trial.uniform(sizes.inst, sizes.feats, low=0.5), trial.device)
    with t.no_grad():
        model.W.copy_(trial.normal(*model.W.shape))
        model.b_final.copy_(trial.normal(*model.b_final.shape))
    return model


def make_sae(trial: Trial, sae_class: Any, sizes: SAESizes, **fields: Any) -> tuple[Any, solutions.ToySAE]:
    """A learner's autoencoder and the reference, on the same toy model."""
    name = trial.class_name
    toy = make_toy_model(trial, sizes)
    cfg = sizes.cfg(**fields)
    sae = trial.call(f"{name}(cfg, model)", sae_class, cfg, solutions.copies_of_first(toy, cfg))
    if not issubclass(type(sae), nn.Module):
        raise Failure("not-a-module", f"{name} is not an nn.Module.", f"Write class {name}(nn.Module).")
    return sae, solutions.ToySAE(cfg, toy)


def names_of(sizes: SAESizes) -> list[str]:
    """Names of the parameters that an autoencoder has."""
    return [name for name in AXES if name != "_W_dec" or not sizes.fields.get("tied_weights")]


def check_parameters(sae: nn.Module, sizes: SAESizes) -> None:
    """Check that the parameters are there, registered, trainable and of the right shapes; no decoder when tied."""
    for name in names_of(sizes):
        check_parameter(sae, name, AXES[name], sizes.shape(name))
    if sizes.fields.get("tied_weights") and getattr(sae, "_W_dec", None) is not None:
        headline = "with cfg.tied_weights there is a _W_dec all the same."
        raise Failure("tied-decoder", headline, "Set self._W_dec = None: the decoder is then W_enc transposed.")


def set_parameters(trial: Trial, sae: Any, reference: solutions.ToySAE, sizes: SAESizes) -> None:
    """Give both the same parameters, large enough that every term shows."""
    check_parameters(sae, sizes)
    with t.no_grad():
        for name in names_of(sizes):
            scale = 0.8 if name in ("W_enc", "_W_dec") else 0.4
            value = scale * trial.normal(*sizes.shape(name))
            if name in ("W_enc", "_W_dec"):  # a latent near 0 has a norm whose gradient single precision cannot hold
                norms = value.norm(dim=1 if name == "W_enc" else 2, keepdim=True)
                value *= norms.clamp_min(0.3) / norms
            for one in (sae, reference):
                getattr(one, name).copy_(value)


def parameters_of(sae: Any, sizes: SAESizes) -> dict[str, Tensor]:
    return {name: getattr(sae, name) for name in names_of(sizes)}


def read_property(trial: Trial, sae: Any, name: str, watch: dict[str, Tensor]) -> Any:
    """Value of a property of a learner's class."""
    if getattr(type(sae), name, None) is None:
        raise Failure("missing-method", f"{type(sae).__name__} has no {name}.", f"Define it, under @property: {name}.")
    value = trial.call(name, lambda: getattr(sae, name), watch=watch)
    if callable(value) and not is_tensor(value):
        raise Failure("not-a-property", f"{name} is a method.", "Put @property above it: it is read without ().")
    return value
