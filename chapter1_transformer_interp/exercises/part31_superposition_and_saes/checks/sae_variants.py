"""Tests of section 5: what the gated and the JumpReLU autoencoder are tested with."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch as t
from torch import Tensor, nn

from .. import solutions
from ..checking.compare import Mistake, Mistakes, compare, compare_gradients, is_tensor
from ..checking.outcome import Failure
from ..checking.runner import Trial
from .models import FIXED_BATCH, FIXED_SIZE, check_parameter
from .sae_forward import unpack
from .sae_models import NOTEBOOK, ONE, TIED, WIDE, SAESizes, make_toy_model

THIS = "these are the values that you get"
LATENTS, INPUTS = "inst d_sae", "inst d_in"
SHARED = {"_W_dec": "inst d_sae d_in", "b_dec": INPUTS}
FIELDS = {"sparsity_coeff": 0.35, "ste_epsilon": 0.3, "theta_init": 0.25}
CASES = (
    (NOTEBOOK, 64, None),
    (NOTEBOOK, 6, FIXED_BATCH),
    (WIDE, 11, FIXED_SIZE),
    (ONE, 9, ("one-instance", "Do not squeeze the inst axis.")),
    (TIED, 8, ("tied", "With tied weights _W_dec is None: decode through self.W_dec_normalized.")),
)
# What forward gives with one thing wrong: for each of its results, from the reference, h, and the right results.
Known = Callable[[Any, Tensor, dict[str, Tensor]], dict[str, list[Mistake]]]


def _axes(own: dict[str, str], sizes: SAESizes) -> dict[str, str]:
    tied = sizes.fields.get("tied_weights")
    return own | {name: axes for name, axes in SHARED.items() if not (tied and name == "_W_dec")}


def _shape(axes: str, sizes: SAESizes) -> tuple[int, ...]:
    return tuple({"inst": sizes.inst, "d_in": sizes.d_in, "d_sae": sizes.d_sae}[axis] for axis in axes.split())


def make_variant(trial: Trial, sae_class: Any, sizes: SAESizes, own: dict[str, str]) -> tuple[Any, Any]:
    """A learner's autoencoder and the reference, with the same parameters, large enough that every term shows."""
    name = trial.class_name
    toy, cfg = make_toy_model(trial, sizes), sizes.cfg(**FIELDS)
    sae = trial.call(f"{name}(cfg, model)", sae_class, cfg, solutions.copies_of_first(toy, cfg))
    if not issubclass(type(sae), nn.Module):
        raise Failure("not-a-module", f"{name} is not an nn.Module.", f"Write class {name}(nn.Module).")
    reference = getattr(solutions, name)(cfg, toy)
    for parameter, axes in _axes(own, sizes).items():
        check_parameter(sae, parameter, axes, _shape(axes, sizes))
    return sae, reference


def set_variant(trial: Trial, sae: Any, reference: Any, sizes: SAESizes, own: dict[str, str]) -> dict[str, Tensor]:
    """Give both the same parameters; returns the learner's, to be watched."""
    with t.no_grad():
        for parameter, axes in _axes(own, sizes).items():
            value = trial.normal(*_shape(axes, sizes)) * (0.8 if axes.count(" ") == 2 else 0.4)
            if parameter == "log_theta":  # above ste_epsilon / 2, where a ReLU before the jump makes no difference
                value = trial.uniform(*_shape(axes, sizes), low=0.2, high=0.7).log()
            for one in (sae, reference):
                getattr(one, parameter).copy_(value)
    return {name: getattr(sae, name) for name in _axes(own, sizes)}


def check_variant(
    trial: Trial, sae: Any, reference: Any, rows: int, watch: dict[str, Tensor], known: Known, terms: tuple[str, ...]
) -> None:
    """Compare one forward pass, every term of the loss, and the gradients of the loss, with the reference's.

    Args:
        rows: of the batch.
        watch: the learner's parameters by name, which must stay as they are and whose gradients are compared.
        known: by what was computed: its values and gradients with one thing wrong.
        terms: names that loss_dict must have.
    """
    h = _clear_of_edges(trial, reference, rows)
    mine, right = h.clone().requires_grad_(), h.clone().requires_grad_()
    forward = trial.method(sae, "forward")
    loss_dict, loss, acts, out = unpack(trial.call("forward(h)", forward, mine, watch={"h": mine, **watch}))
    if missing := [name for name in terms if name not in loss_dict]:
        raise Failure("loss-keys", f"loss_dict has no {', '.join(missing)}.", f"It has: {', '.join(loss_dict)}.")
    terms_right, loss_right, acts_right, out_right = reference(right)
    results = {"acts_post": acts_right, "h_reconstructed": out_right, **terms_right, "loss": loss_right}
    if is_tensor(acts) and is_tensor(out) and acts.shape == out_right.shape != acts_right.shape == out.shape:
        raise Failure("order", "the last two are swapped.", "Return loss_dict, loss, acts_post, h_reconstructed.")
    plain = {name: value.detach() for name, value in results.items()}
    got = {"acts_post": acts, "h_reconstructed": out, **loss_dict, "loss": loss}
    for name, axes in (("acts_post", "batch inst d_sae"), ("h_reconstructed", "batch inst d_in")):
        compare(
            got[name], results[name], axes, mistakes=_lazily(known, name, reference, h, plain), what=name, grad=True
        )
    for name in (*terms, "loss"):
        mistakes = _lazily(known, name, reference, h, plain)
        grad = None if name == "L_sparsity" else True
        compare(got[name], results[name], "batch inst", mistakes=mistakes, what=name, grad=grad)
    _check_gradients(trial, reference, watch, known, (mine, got), (right, results))


def _lazily(known: Known, name: str, reference: Any, h: Tensor, plain: dict[str, Tensor]) -> Mistakes:
    """Known mistakes in one of the results, which each of them names; computed only if they are asked for."""
    spoken, named = "these are the values that", f"these are the values of {name} that"
    return lambda: [
        replace(mistake, text=mistake.text.replace(spoken, named))
        for mistake in known(reference, h, plain).get(name, [])
    ]


def _clear_of_edges(trial: Trial, reference: Any, rows: int) -> Tensor:
    """Inputs for which no latent stands on the brink of firing, or at the edge of a window."""
    h = trial.normal(rows, reference.cfg.n_inst, reference.cfg.d_in)
    for _ in range(50):
        near = _near_an_edge(reference, h)
        if not near.any():
            break
        h = t.where(near[..., None], trial.normal(*h.shape), h)
    return h


def _near_an_edge(reference: Any, h: Tensor, gap: float = 2e-4) -> Tensor:
    with t.no_grad():
        read = t.einsum("bid,ids->bis", h - reference.b_dec, reference.encoder)
        if hasattr(reference, "b_gate"):
            marks = [read + reference.b_gate, read * reference.r_mag.exp() + reference.b_mag]
        else:
            over = read + reference.b_enc - reference.theta
            marks = [over, over.abs() - reference.cfg.ste_epsilon / 2]
        return t.stack([mark.abs() < gap for mark in marks]).any(0).any(-1)


def _check_gradients(
    trial: Trial,
    reference: Any,
    watch: dict[str, Tensor],
    known: Known,
    mine: tuple[Tensor, Any],
    right: tuple[Tensor, Any],
) -> None:
    weights = trial.uniform(*right[1]["loss"].shape, low=0.5, high=1.5)
    names = [*watch, "h"]
    inputs = [*watch.values(), mine[0]]
    total = (mine[1]["loss"] * weights).sum()
    got = trial.call("the backward pass of forward", t.autograd.grad, total, inputs, allow_unused=True)
    inputs_right = [*(getattr(reference, name) for name in watch), right[0]]
    wanted = t.autograd.grad((right[1]["loss"] * weights).sum(), inputs_right, retain_graph=True)
    plain = {name: value.detach() for name, value in right[1].items()} | {"weights": weights}
    mistakes = {name: _lazily(known, f"gradient to {name}", reference, right[0].detach(), plain) for name in names}
    compare_gradients(dict(zip(names, got, strict=True)), dict(zip(names, wanted, strict=True)), mistakes=mistakes)


# ---- JumpReLU


def decoding_mistakes(acts: Tensor, decode: Callable[..., Tensor], W_dec: Tensor) -> list[Mistake]:
    """What comes out of the right activations with one thing wrong in the decoder.

    Args:
        decode: `(acts, weights, bias)`, weights and bias of the reference if left out.
        W_dec: the decoder before it is normalized.
    """
    return [
        Mistake("no-b_dec", f"{THIS} without b_dec.\nAdd it to what is decoded.", decode(acts, bias=0.0)),
        Mistake(
            "not-normalized", f"{THIS} with W_dec as it is.\nDecode through W_dec_normalized.", decode(acts, W_dec)
        ),
    ]


def error_mistakes(squared: Tensor) -> list[Mistake]:
    """What comes of the squared errors `[batch inst d_in]` in place of their mean over d_in."""
    return [
        Mistake("sum-for-mean", f"{THIS} with a sum over d_in. Here it is a mean.", squared.sum(-1)),
        Mistake("absolute-error", f"{THIS} with absolute errors. Square them.", squared.sqrt().mean(-1)),
        Mistake("halved", f"{THIS} with a factor 1/2.", squared.mean(-1) / 2),
    ]


def check_zero_start(sae: Any, names: tuple[str, ...]) -> None:
    """Check that the parameters of these names start at zero."""
    for name in names:
        if getattr(sae, name).detach().abs().max() > 0:
            raise Failure("bias-not-zero", f"{name} does not start at zero.", "Start it with t.zeros.")
