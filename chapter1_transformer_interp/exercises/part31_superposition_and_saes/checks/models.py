"""What the checks of toy models share: sizes, a model and its reference, and whether parameters are parameters."""

from dataclasses import dataclass
from typing import Any

import torch as t
from torch import nn

from .. import solutions
from ..checking.compare import is_tensor
from ..checking.outcome import Failure
from ..checking.runner import Trial

FEATS = "inst feats"
AXES = {"W": "inst d_hidden feats", "W1": "inst d_hidden feats", "W2": "inst feats d_hidden", "b_final": FEATS}


@dataclass(frozen=True)
class Sizes:
    """Sizes of one case; all different, so that no two axes can be mistaken for each other."""

    inst: int
    feats: int
    d_hidden: int

    def cfg(self) -> solutions.ToyModelConfig:
        return solutions.ToyModelConfig(n_inst=self.inst, n_features=self.feats, d_hidden=self.d_hidden)

    def __str__(self) -> str:
        instances = "1 instance" if self.inst == 1 else f"{self.inst} instances"
        return f"{instances} of {self.feats} features in {self.d_hidden} dimensions"


NOTEBOOK = Sizes(8, 5, 2)  # as in the notebook: an answer made for these sizes alone passes here and fails at the next
WIDE = Sizes(3, 7, 4)
TALL = Sizes(2, 3, 6)
ONE = Sizes(1, 4, 2)

FIXED_SIZE = ("fixed-size", "Is a size written into the code? Take sizes from the input or from self.cfg.")
FIXED_BATCH = ("fixed-batch", "Is a batch size written into the code? Take it from the input.")
LEADING_AXES = ("leading-axes", "In [... inst feats] the dots are any number of axes, also none: use ... in einops.")


def make_pair(
    trial: Trial, model_class: Any, sizes: Sizes, reference_class: type = solutions.ToyModel
) -> tuple[Any, solutions.ToyModel]:
    """A learner's model and the reference, with probabilities and importances that differ in every place."""
    arguments: dict[str, Any] = {
        "feature_probability": trial.uniform(sizes.inst, sizes.feats, low=0.1, high=0.9),
        "importance": trial.uniform(sizes.inst, sizes.feats, low=0.2, high=2.0),
    }
    model = trial.build(model_class, sizes.cfg(), **{name: value.clone() for name, value in arguments.items()})
    return model, reference_class(sizes.cfg(), **arguments, device=trial.device)


def check_parameter(model: nn.Module, name: str, axes: str, shape: tuple[int, ...]) -> None:
    """Check that a parameter of a learner's model is there, registered, and of the right shape."""
    value: Any = getattr(model, name, None)
    if value is None:
        raise Failure("missing-parameter", f"the model has no {name}.", f"Make self.{name} an nn.Parameter ({axes}).")
    if not is_tensor(value) or all(one is not value for one in model.parameters()):
        kind = "a plain tensor" if is_tensor(value) else f"of type {type(value).__name__}"
        advice = f"Write self.{name} = nn.Parameter(...), after super().__init__(): only then does Adam train it."
        raise Failure("not-a-parameter", f"{name} is {kind}, no parameter of the model.", advice)
    if tuple(value.shape) != shape:
        headline = f"{name} has shape {list(value.shape)}, expected {list(shape)} ({axes})."
        raise Failure("parameter-shape", headline)
    if not value.requires_grad:
        raise Failure("frozen", f"{name} does not require a gradient, so nothing trains it.")


def set_parameters(trial: Trial, model: Any, reference: nn.Module) -> None:
    """Give both models the same parameters, those of the reference, large enough that every term shows."""
    for name, parameter in reference.named_parameters():
        check_parameter(model, name, AXES[name], tuple(parameter.shape))
    with t.no_grad():
        for name, parameter in reference.named_parameters():
            value = trial.normal(*parameter.shape) * (0.4 if name == "b_final" else 0.8)
            getattr(model, name).copy_(value)
            parameter.copy_(value)
