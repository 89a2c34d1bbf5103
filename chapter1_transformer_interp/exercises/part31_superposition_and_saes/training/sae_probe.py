"""Is this the standard sparse autoencoder? Found out by trying it, as `probe` does with toy models."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch as t
from torch import Tensor, nn

from .data import DataLaw
from .probe import POINTS, known_law, twin
from .sae_kernel import SAEKernel
from .sources import all_random_states_kept
from .structure import Unknown, check_no_side_doors, check_ordinary, remembered

# Largest difference allowed, over the largest value. Whether eps is added to a norm or bounds it from below is less.
TOLERANCE = {t.float64: 1e-6, t.float32: 1e-4}


@dataclass(frozen=True)
class SAERecognition:
    """What the probe found.

    Attributes:
        known: whether loss and gradients are those of `SAEKernel`.
        reads_model: whether its batches are W x, with x one batch of its toy model.
        law: of x, where the trainer can draw it.
        reason: what was found, or what differs, in words.
    """

    known: bool
    reads_model: bool
    law: DataLaw | None
    reason: str


def recognise_sae(model: nn.Module, parameters: Mapping[str, nn.Parameter], seed: int = 0) -> SAERecognition:
    """Compare an autoencoder with the standard one; it stays as it is.

    Args:
        model: to be tried out.
        parameters: those that are trained, by name.
        seed: of the trial.
    """
    try:
        check_ordinary(parameters)
        check_no_side_doors(model, parameters)
        check_names_and_shapes(model, parameters)
        with all_random_states_kept(seed):
            _check_gradients(model, seed)
            reads_model, law, difference = _batches(model, seed)
    except Unknown as unknown:
        return SAERecognition(False, False, None, str(unknown))
    found = "the standard sparse autoencoder"
    if law is None:
        return SAERecognition(True, reads_model, None, f"{found}; its batches come from its own code: {difference}")
    return SAERecognition(True, True, law, f"{found} on batches that follow their known law")


def check_names_and_shapes(model: Any, parameters: Mapping[str, nn.Parameter]) -> None:
    """Refuse an autoencoder whose parameters are not those of the standard one, or that is more than a function.

    Raises:
        Unknown: and says why.
    """
    W_enc = parameters.get("W_enc")
    if W_enc is None or W_enc.ndim != 3:
        raise Unknown("it has no W_enc [inst d_in d_sae]")
    inst, d_in, d_sae = W_enc.shape
    shapes = {"W_enc": (inst, d_in, d_sae), "b_enc": (inst, d_sae), "b_dec": (inst, d_in)}
    found = {name: tuple(p.shape) for name, p in parameters.items()}
    if found not in (shapes, shapes | {"_W_dec": (inst, d_sae, d_in)}):
        raise Unknown("its parameters are not those of the standard autoencoder")
    if getattr(model, "learning_rate_factors", None):
        raise Unknown("it has learning rates of its own")
    if hasattr(model, "observe"):
        raise Unknown("it wants to see its activations")


def settings(model: Any) -> tuple[float, float]:
    """Coefficient and eps of an autoencoder's config.

    Raises:
        Unknown: if they are not there.
    """
    try:
        return float(model.cfg.sparsity_coeff), float(model.cfg.weight_normalize_eps)
    except (AttributeError, TypeError, ValueError) as error:
        raise Unknown("its config has no sparsity_coeff and weight_normalize_eps") from error


def _check_gradients(model: nn.Module, seed: int) -> None:
    """Compare output, loss and gradients at several points, in double precision where its code knows it.

    Raises:
        Unknown: where they differ.
    """
    try:
        _compare(twin(model).double(), seed)
    except Unknown:
        raise
    except Exception:  # noqa: BLE001  a learner's code may fail in any way
        try:
            _compare(twin(model), seed)
        except Unknown:
            raise
        except Exception as error:  # noqa: BLE001
            raise Unknown(f"its forward raised {type(error).__name__} when tried out") from error


def _compare(tried: Any, seed: int) -> None:
    before = remembered(tried)
    generator = t.Generator().manual_seed(seed)
    parameters = {name: p for name, p in tried.named_parameters() if p.requires_grad}
    W_enc = parameters["W_enc"]
    for rows, scale in POINTS:
        with t.no_grad():
            for parameter in parameters.values():
                parameter.copy_(scale * t.randn(parameter.shape, generator=generator, device="cpu"))
        h = t.randn(rows, W_enc.shape[0], W_enc.shape[1], generator=generator, device="cpu").to(W_enc)
        into = {name: t.zeros_like(p) for name, p in parameters.items()}
        kernel = SAEKernel(parameters, into, *settings(tried), rows)
        kernel.h.copy_(h.permute(1, 2, 0))
        kernel.compute_gradients()

        loss_dict, loss, acts, reconstruction = tried(h.clone())
        gradients = t.autograd.grad(loss.mean(0).sum(), list(parameters.values()), allow_unused=True)
        terms = kernel.loss_terms()
        pairs = [("activations", kernel.acts.permute(2, 0, 1), acts), ("loss", terms.pop("loss"), loss.mean(0))]
        pairs.append(("reconstruction", kernel.reconstruction.permute(2, 0, 1), reconstruction))
        pairs += [(name, term, loss_dict[name].mean(0)) for name, term in terms.items()]
        pairs += [(f"gradient of {n}", into[n], g) for n, g in zip(parameters, gradients, strict=True)]
        for name, ours, theirs in pairs:
            if theirs is None or not _close(ours, theirs.detach()):
                raise Unknown(f"its {name} is not that of the standard autoencoder")
        if set(loss_dict) != set(terms):
            raise Unknown("its loss has other terms than the standard autoencoder's")
    if remembered(tried) != before:
        raise Unknown("its forward changes its attributes")


def _close(ours: Tensor, theirs: Tensor) -> bool:
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype or not theirs.isfinite().all():
        return False
    return bool((ours - theirs).abs().max() <= TOLERANCE[ours.dtype] * ours.abs().max())


def _batches(model: nn.Module, seed: int) -> tuple[bool, DataLaw | None, str]:
    """Whether batches are W x of its toy model, the law of x where it is known, and what differs."""
    try:
        tried: Any = twin(model)
        toy = tried.model
        generator = t.Generator().manual_seed(seed)
        features = t.rand(7, toy.W.shape[0], toy.W.shape[2], generator=generator, device="cpu").to(toy.W)
        calls: list[int] = []

        def generate_batch(batch_size: int, **_: Any) -> Tensor:
            calls.append(batch_size)
            return features

        toy.generate_batch = generate_batch
        before = remembered(tried)
        h = tried.generate_batch(7)
        expected = t.einsum("bif,idf->bid", features, toy.W)
        if calls != [7] or h.requires_grad or not _close(expected, h) or remembered(tried) != before:
            return False, None, "they are not W x of a batch of its model"
        law, difference = known_law(twin(model.model).requires_grad_(True), seed)  # type: ignore[arg-type, union-attr]
    except Unknown as unknown:
        return False, None, str(unknown)
    except Exception as error:  # noqa: BLE001  a learner's code may fail in any way
        return False, None, f"it raised {type(error).__name__} when tried out"
    return True, law, difference
