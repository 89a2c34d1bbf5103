"""Is this a model that the fast path knows? Found out by asking the model, never by the name of its class.

A copy of the model is given random parameters and random batches, and its output, loss and gradients are compared with
the closed forms; and it draws batches, which are compared with the law that its attributes tell of. Whatever is not
found to be the same is left to the model's own code. The model, its gradients and all random states stay as they were.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch as t
from torch import Tensor, nn

from .data import DataLaw, Magnitude
from .kernels import Architecture, Kernel
from .samples import Sample
from .sources import accepts_generator, all_random_states_kept
from .structure import Unknown, candidates, check_no_side_doors, known_parameters, remembered

# Rows and scale of the parameters at each comparison: what is nearly a ReLU differs from one near zero, or far from it.
POINTS = ((13, 0.03), (32, 0.3), (21, 3.0))
# Largest difference allowed, over the largest value: more than rounding leaves, less than any change of the model.
TOLERANCE = {t.float64: 1e-9, t.float32: 1e-5}
# Entries of a sample; a plain generate_batch draws them in about 2 ms.
ENTRIES = 2**17


@dataclass(frozen=True)
class Recognition:
    """What the probe found.

    Attributes:
        architecture: the closed form with the model's output, loss and gradients; None where there is none.
        law: the law of the model's batches; None where they have to come from the model itself.
        reason: what was found, or what differs, in words.
    """

    architecture: Architecture | None
    law: DataLaw | None
    reason: str


def recognise(model: nn.Module, seed: int = 0) -> Recognition:
    """Compare a model with those that the trainer knows.

    Args:
        model: to be tried out; stays as it is.
        seed: of the trial: the same model is always found to be the same.
    """
    try:
        architecture = recognise_gradients(model, seed)
        with all_random_states_kept(seed):
            law, difference = known_law(model, seed)
    except Unknown as unknown:
        return Recognition(None, None, str(unknown))
    found = f"the model computes {architecture.formula}"
    if law is None:
        return Recognition(architecture, None, f"{found}; its batches come from its own generate_batch: {difference}")
    return Recognition(architecture, law, f"{found} and its batches follow their known law")


def recognise_gradients(model: nn.Module, seed: int = 0) -> Architecture:
    """The closed form with the model's output, loss and gradients; its batches are not looked at.

    Raises:
        Unknown: if there is none, or if training this model is more than batches, gradients and parameters.
    """
    check_no_side_doors(model, known_parameters(model))
    with all_random_states_kept(seed):
        return _known_gradients(model, seed)


def per_feature_attribute(model: nn.Module, name: str) -> Tensor:
    """`model.importance` or `model.feature_probability` as `[inst feats]`, on the device of the parameters."""
    bias = known_parameters(model)["b_final"]
    try:
        value = t.as_tensor(getattr(model, name), device=bias.device).detach()
        return value.broadcast_to(bias.shape)
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise Unknown(f"its {name} cannot be read as [inst feats]") from error


def twin(model: nn.Module) -> nn.Module:
    """A copy to try out.

    Raises:
        Unknown: if it cannot be copied.
    """
    try:
        return copy.deepcopy(model)
    except Exception as error:  # noqa: BLE001  a learner's attribute may refuse in any way
        raise Unknown("it cannot be copied, so it cannot be tried out") from error


# ---- output, loss and gradients


@dataclass(frozen=True)
class _Answer:
    """What a model, or a kernel, makes of one batch at one point."""

    output: Tensor
    loss: Tensor
    gradients: dict[str, Tensor]

    def difference(self, other: "_Answer") -> str | None:
        """What differs first, if anything."""
        if not _close(self.output, other.output):
            return "output"
        if not _close(self.loss, other.loss):
            return "loss"
        for name, gradient in self.gradients.items():
            if not _close(gradient, other.gradients[name]):
                return f"gradient of {name}"
        return None


def _close(ours: Tensor, theirs: Tensor) -> bool:
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype or not theirs.isfinite().all():
        return False
    return bool((ours - theirs).abs().max() <= TOLERANCE[ours.dtype] * ours.abs().max())


def _known_gradients(model: nn.Module, seed: int) -> Architecture:
    """The architecture with the same output, loss and gradients at every point.

    Compared in double precision, where a difference of one in a billion shows; in single where the model's code, or
    its device, knows no other.
    """
    try:
        return _compare(twin(model).double(), seed)
    except Unknown:
        raise
    except Exception:  # noqa: BLE001  a learner's code may fail in any way
        try:
            return _compare(twin(model), seed)
        except Unknown:
            raise
        except Exception as error:  # noqa: BLE001
            raise Unknown(f"its forward or calculate_loss raised {type(error).__name__} when tried out") from error


def _compare(twin: nn.Module, seed: int) -> Architecture:
    before = remembered(twin)
    still = {architecture: "" for architecture in candidates(twin)}
    furthest: tuple[int, str] = (-1, "")
    for point in _points(twin, seed):
        answer = _own_answer(twin, point)
        for architecture in list(still):
            difference = _kernel_answer(twin, architecture, point).difference(answer)
            if difference:
                del still[architecture]
                order = ("output", "loss").index(difference) if difference in ("output", "loss") else 2
                furthest = max(furthest, (order, f"its {difference} is not that of {architecture.formula}"))
    if remembered(twin) != before:
        raise Unknown("its forward or calculate_loss changes its attributes")
    if not still:
        raise Unknown(furthest[1] if furthest[0] > 0 else "its output is none that the trainer knows")
    return next(iter(still))


def _points(twin: nn.Module, seed: int) -> Iterator[Tensor]:
    """Batches, while the parameters are set to random values of several scales."""
    parameters = known_parameters(twin)
    bias = parameters["b_final"]
    generator = t.Generator().manual_seed(seed)
    for rows, scale in POINTS:
        with t.no_grad():
            for parameter in parameters.values():
                parameter.copy_(scale * t.randn(parameter.shape, generator=generator, device="cpu"))
        batch = t.randn(rows, *bias.shape, generator=generator, device="cpu")
        is_on = t.rand(batch.shape, generator=generator, device="cpu") < 0.5
        yield (batch * is_on).to(bias.device, bias.dtype)


def _own_answer(twin: Any, batch: Tensor) -> _Answer:
    parameters = known_parameters(twin)
    batch = batch.clone()
    out = twin(batch)
    loss = twin.calculate_loss(out, batch)
    gradients = t.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    given = {
        name: t.zeros_like(parameter) if gradient is None else gradient
        for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True)
    }
    return _Answer(out.detach(), loss.detach(), given)


def _kernel_answer(twin: nn.Module, architecture: Architecture, batch: Tensor) -> _Answer:
    parameters = known_parameters(twin)
    gradients = {name: t.zeros_like(parameter) for name, parameter in parameters.items()}
    kernel = Kernel(architecture, parameters, gradients, per_feature_attribute(twin, "importance"), len(batch))
    kernel.x.copy_(batch.permute(1, 2, 0))
    kernel.compute_gradients()
    return _Answer(kernel.out(), kernel.loss(), gradients)


# ---- batches


class _Batches:
    """Draws from a copy of a model, always the same numbers."""

    def __init__(self, model: nn.Module, seed: int):
        self.twin: Any = twin(model)
        self.seed = seed
        self.like = known_parameters(self.twin)["b_final"]
        self.source: dict[str, Any] = {}
        self.generate_batch: Any = self.twin.generate_batch
        if accepts_generator(self.generate_batch):
            self.source["generator"] = t.Generator(self.like.device).manual_seed(seed)

    def draw(self, rows: int) -> Tensor:
        """`rows` rows, checked to be a batch of this model, drawn without a change to it."""
        before = remembered(self.twin)
        batch = self.generate_batch(rows, **self.source)
        if remembered(self.twin) != before:
            raise Unknown("its generate_batch changes its attributes")
        expected = (rows, *self.like.shape)
        if not isinstance(batch, Tensor) or batch.shape != expected or batch.requires_grad:
            raise Unknown(f"its generate_batch({rows}) is not a tensor of shape {list(expected)} without gradient")
        if batch.dtype != self.like.dtype or batch.device != self.like.device:
            raise Unknown("its batches are of another dtype, or on another device, than its parameters")
        return batch

    def set_near_half(self, law: DataLaw) -> DataLaw:
        """Give the copy other probabilities: 0.3 to 0.7; with pairs, equal over features and 0.5 at most."""
        held = self.twin.feature_probability
        shape = held.shape if isinstance(held, Tensor) else t.Size()
        generator = t.Generator().manual_seed(self.seed)
        if law.n_correlated_pairs or law.n_anticorrelated_pairs:
            new = (0.3 + 0.2 * t.rand(*shape[:-1], 1, generator=generator, device="cpu")).expand(
                *shape[:-1], *shape[-1:]
            )
        else:
            new = 0.3 + 0.4 * t.rand(shape, generator=generator, device="cpu")
        if not isinstance(held, Tensor):
            self.twin.feature_probability = new.item()
        elif held.is_contiguous():
            held.copy_(new)  # in place: a second name for it in the model changes along
        else:
            self.twin.feature_probability = new.to(held)
        return replace(law, probability=per_feature_attribute(self.twin, "feature_probability"))


def known_law(model: nn.Module, seed: int) -> tuple[DataLaw | None, str]:
    """The law of the batches of a toy model that is not frozen, or how they differ from the likeliest one."""
    try:
        batches = _Batches(model, seed)
        rows = max(64, ENTRIES // batches.like.numel())
        sample = batches.draw(rows)
        differences = []
        for law in _possible_laws(model, sample):
            difference = Sample([sample], law).departure() or _departure_near_half(_Batches(model, seed), law, rows)
            if difference is None:
                return law, ""
            differences.append(difference)
        return None, f"{differences[0]} differ from what its attributes tell of"
    except Unknown:
        raise
    except Exception as error:  # noqa: BLE001  a learner's code may fail in any way
        return None, f"it raised {type(error).__name__} when tried out"


def _departure_near_half(batches: _Batches, law: DataLaw, rows: int) -> str | None:
    """Compare again with other probabilities, near one half, where a few hundred rows show any dependence.

    With the model's own ones they may not: at p = 0.001 two features that exclude each other look independent.
    """
    law = batches.set_near_half(law)
    calls = [batches.draw(min(max(128, rows // 2), 2**14)) for _ in range(2)]
    sample = Sample(calls, law)
    return sample.departure() or sample.dependence()


def _possible_laws(model: nn.Module, sample: Tensor) -> Iterator[DataLaw]:
    """With the pairs that the model's config tells of, and without; the magnitude is read off a sample."""
    magnitude: Magnitude = "signed" if sample.min() < 0 else "half-normal" if sample.max() > 1 else "uniform"
    independent = DataLaw(per_feature_attribute(model, "feature_probability").clone(), magnitude)
    cfg = getattr(model, "cfg", None)
    correlated, anticorrelated = (getattr(cfg, f"n_{kind}_pairs", 0) for kind in ("correlated", "anticorrelated"))
    if correlated or anticorrelated:
        yield replace(independent, n_correlated_pairs=correlated, n_anticorrelated_pairs=anticorrelated)
    yield independent
