"""Tests of section 5: the forward pass of a sparse autoencoder, its losses and their gradients."""

from functools import partial
from typing import Any

import torch as t
from torch import Tensor
from torch.nn import functional as F

from .. import solutions
from ..checking.compare import Mistake, compare, compare_gradients, is_tensor
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from .models import FIXED_BATCH, FIXED_SIZE
from .sae import ONE_INSTANCE, TIED_WEIGHTS
from .sae_models import (
    NOTEBOOK,
    ONE,
    TALL,
    TIED,
    WIDE,
    SAESizes,
    make_sae,
    names_of,
    parameters_of,
    set_parameters,
)


@learner_test("sae_forward", "ToySAE.forward")
def test_sae_forward(trial: Trial, sae_class: Any) -> str:
    """Test `ToySAE.forward`: `tests.test_sae_forward(ToySAE)`."""
    cases = (
        ("a batch of 64", NOTEBOOK, 64, None),
        ("a batch of 6", NOTEBOOK, 6, FIXED_BATCH),
        (str(WIDE), WIDE, 11, FIXED_SIZE),
        (str(TIED), TIED, 8, TIED_WEIGHTS),
        (str(TALL), TALL, 4, FIXED_SIZE),
        (str(ONE), ONE, 9, ONE_INSTANCE),
    )
    for text, sizes, rows, suspect in cases:
        sae, reference = make_sae(trial, sae_class, sizes, sparsity_coeff=0.3)
        set_parameters(trial, sae, reference, sizes)
        with trial.case(text, suspect):
            _check_forward(trial, sae, reference, sizes, rows)
    return "activations, reconstruction, both loss terms and the loss for 5 sizes; gradient to all parameters"


def acts_mistakes(sae: solutions.ToySAE, h: Tensor) -> list[Mistake]:
    """What the activations are with one thing wrong."""
    this = "these are the activations that you get"
    W, b_enc, b_dec = sae.W_enc.detach(), sae.b_enc.detach(), sae.b_dec.detach()
    product = t.einsum("bid,ids->bis", h - b_dec, W)
    plain = t.einsum("bid,ids->bis", h, W)
    plus = t.einsum("bid,ids->bis", h + b_dec, W)
    decoder = t.einsum("bid,isd->bis", h - b_dec, sae.W_dec_normalized.detach())
    first = t.einsum("bid,ds->bis", h - b_dec, W[0])
    return [
        Mistake("not-centred", f"{this} when the encoder reads h.\nIt reads h - b_dec.", F.relu(plain + b_enc)),
        Mistake("b_dec-added", f"{this} when the encoder reads h + b_dec.\nSubtract it.", F.relu(plus + b_enc)),
        Mistake("no-b_enc", f"{this} without b_enc.", F.relu(product)),
        Mistake("no-biases", f"{this} without b_enc and b_dec.", F.relu(plain)),
        Mistake("b_enc-after-relu", f"{this} when b_enc is added after the ReLU.", F.relu(product) + b_enc),
        Mistake("b_enc-subtracted", f"{this} when b_enc is subtracted.", F.relu(product - b_enc)),
        Mistake("no-relu", f"{this} without the ReLU: these are the pre-activations.", product + b_enc),
        Mistake("abs-for-relu", f"{this} with an absolute value for the ReLU.", (product + b_enc).abs()),
        Mistake("decoder-encodes", f"{this} when you encode with the decoder.\nUse W_enc.", F.relu(decoder + b_enc)),
        Mistake("first-instance-weights", f"{this} with instance 0's W_enc for all.", F.relu(first + b_enc)),
        Mistake("gelu", f"{this} with a GELU for the ReLU.", F.gelu(product + b_enc)),
        Mistake("sigmoid", f"{this} with a sigmoid for the ReLU.", t.sigmoid(product + b_enc)),
        Mistake("binary", "this says which latents fire, not how strongly.", (product + b_enc > 0).to(h.dtype)),
    ]


def reconstruction_mistakes(sae: solutions.ToySAE, h: Tensor, acts: Tensor) -> list[Mistake]:
    """What the reconstruction is with one thing wrong, the activations being right."""
    this = "this is the reconstruction that you get"
    unit, W_dec, b_dec = sae.W_dec_normalized.detach(), sae.W_dec.detach(), sae.b_dec.detach()
    pre = t.einsum("bid,ids->bis", h - b_dec, sae.W_enc.detach()) + sae.b_enc.detach()
    decoded = t.einsum("bis,isd->bid", acts, unit)
    raw = t.einsum("bis,isd->bid", acts, W_dec)
    return [
        Mistake("no-b_dec", f"{this} without b_dec.\nAdd what the encoder took off.", decoded),
        Mistake("not-normalized", f"{this} with W_dec as it is.\nUse W_dec_normalized.", raw + b_dec),
        Mistake("not-normalized-no-b_dec", f"{this} with W_dec as it is, and no b_dec.", raw),
        Mistake("b_dec-subtracted", f"{this} when b_dec is subtracted.\nAdd it.", decoded - b_dec),
        Mistake("relu-on-output", f"{this} with a ReLU at the end.\nThere is none.", F.relu(decoded + b_dec)),
        Mistake(
            "pre-decoded", f"{this} when you decode without the ReLU.", t.einsum("bis,isd->bid", pre, unit) + b_dec
        ),
        Mistake(
            "encoder-decodes",
            f"{this} when you decode with the encoder.\nUse W_dec_normalized.",
            t.einsum("bis,ids->bid", acts, sae.W_enc.detach()) + b_dec,
        ),
        Mistake("input-returned", "this is h itself.", h),
    ]


def loss_mistakes(sae: solutions.ToySAE, h: Tensor, acts: Tensor, out: Tensor) -> dict[str, list[Mistake]]:
    """What the loss terms are with one thing wrong."""
    error, c = out - h, sae.cfg.sparsity_coeff
    square, l1 = error.pow(2).mean(-1), acts.abs().sum(-1)
    this = "this is the value that you get"
    mean = "It is a mean over d_in alone: [batch inst]."
    total = "It is a sum over d_sae alone: [batch inst]."
    return {
        "L_reconstruction": [
            Mistake("sum-over-d_in", f"{this} with a sum over d_in.\n{mean}", error.pow(2).sum(-1)),
            Mistake("absolute-error", f"{this} with the absolute error.\nSquare it.", error.abs().mean(-1)),
            Mistake("root", f"{this} when a root is taken.", error.norm(dim=-1)),
            Mistake("error-not-squared", f"{this} without the square: signs cancel.", error.mean(-1)),
            Mistake("reconstruction-batch-mean", f"{this} with a mean over the batch.\n{mean}", square.mean(0)),
            Mistake("reconstruction-all-mean", f"{this} with a mean over everything.\n{mean}", square.mean()),
            Mistake("reconstruction-not-reduced", f"nothing is averaged.\n{mean}", error.pow(2)),
            Mistake(
                "centred-target", f"{this} when out is compared with h - b_dec.", (error + sae.b_dec).pow(2).mean(-1)
            ),
        ],
        "L_sparsity": [
            Mistake("mean-over-d_sae", f"{this} with a mean over d_sae.\n{total}", acts.mean(-1)),
            Mistake("sparsity-weighted", f"{this} with the coefficient in it.\nLeave it unweighted here.", c * l1),
            Mistake("l2", f"{this} with squares.\nL1 is the sum of absolute values.", acts.pow(2).sum(-1)),
            Mistake("l2-norm", f"{this} with the Euclidean norm.", acts.norm(dim=-1)),
            Mistake("l0", f"{this} when you count the latents that fire.", (acts > 0).to(acts.dtype).sum(-1)),
            Mistake("sparsity-batch-mean", f"{this} with a mean over the batch.\n{total}", l1.mean(0)),
            Mistake("sparsity-not-summed", f"nothing is summed.\n{total}", acts),
        ],
        "loss": [
            Mistake("no-coefficient", f"{this} without the coefficient.", square + l1),
            Mistake("no-sparsity", f"{this} without the sparsity term.", square),
            Mistake("coefficient-swapped", f"{this} with the coefficient on the other term.", c * square + l1),
            Mistake("sparsity-subtracted", f"{this} when the sparsity term is subtracted.", square - c * l1),
            Mistake("coefficient-on-both", f"{this} with the coefficient on both terms.", c * (square + l1)),
            Mistake(
                "loss-batch-mean", f"{this} with a mean over the batch.\nIt is [batch inst].", (square + c * l1).mean(0)
            ),
            Mistake("loss-all-reduced", f"{this} with a mean over everything.", (square + c * l1).mean()),
            Mistake(
                "loss-trained",
                f"{this} as training takes it.\nReturn it for every row.",
                (square + c * l1).mean(0).sum(),
            ),
        ],
    }


def unpack(out: Any) -> tuple[dict[str, Any], Any, Any, Any]:
    """The four things that forward returns."""
    advice = "Return loss_dict, loss, acts_post, h_reconstructed."
    if not issubclass(type(out), tuple | list):
        raise Failure("type", f"forward returns {type(out).__name__}, expected four things.", advice)
    if len(out) != 4:
        raise Failure("not-four", f"forward returns {len(out)} things, expected four.", advice)
    loss_dict = out[0]
    if not issubclass(type(loss_dict), dict):
        raise Failure("order", f"the first of the four is {type(loss_dict).__name__}, expected a dict.", advice)
    missing = [name for name in ("L_reconstruction", "L_sparsity") if name not in loss_dict]
    if missing:
        raise Failure("loss-keys", f"loss_dict has no {' and no '.join(missing)}.", f"It has: {', '.join(loss_dict)}.")
    return out  # type: ignore[return-value]


def _check_forward(trial: Trial, sae: Any, reference: solutions.ToySAE, sizes: SAESizes, rows: int) -> None:
    h = trial.normal(rows, sizes.inst, sizes.d_in)
    mine, right = h.clone().requires_grad_(), h.clone().requires_grad_()
    watch = {"h": mine, **parameters_of(sae, sizes)}
    loss_dict, loss, acts, out = unpack(trial.call("forward(h)", trial.method(sae, "forward"), mine, watch=watch))
    terms, total, acts_right, out_right = reference(right)
    a, o = acts_right.detach(), out_right.detach()
    if is_tensor(acts) and is_tensor(out) and acts.shape == out_right.shape != acts_right.shape == out.shape:
        raise Failure("order", "the last two are swapped.", "Return loss_dict, loss, acts_post, h_reconstructed.")
    axes = "batch inst d_sae"
    compare(acts, acts_right, axes, mistakes=lambda: acts_mistakes(reference, h), what="acts_post", grad=True)
    wrong_out = partial(reconstruction_mistakes, reference, h, a)
    compare(out, out_right, "batch inst d_in", mistakes=wrong_out, what="h_reconstructed", grad=True)

    def wrong_loss(name: str) -> list[Mistake]:
        return loss_mistakes(reference, h, a, o)[name]

    for name in ("L_reconstruction", "L_sparsity", "loss"):
        got, wanted = (loss, total) if name == "loss" else (loss_dict[name], terms[name])
        known = partial(wrong_loss, name)
        compare(got, wanted, "batch inst", mistakes=known, what=name, grad=None if name == "L_sparsity" else True)
    _check_gradients(trial, sae, reference, sizes, (mine, loss), (right, total))


def _check_gradients(
    trial: Trial,
    sae: Any,
    reference: solutions.ToySAE,
    sizes: SAESizes,
    mine: tuple[Tensor, Tensor],
    right: tuple[Tensor, Tensor],
) -> None:
    names = names_of(sizes)
    weights = trial.uniform(*right[1].shape, low=0.5, high=1.5)
    inputs = [*(getattr(sae, name) for name in names), mine[0]]
    total = (mine[1] * weights).sum()
    got = trial.call("the backward pass of forward", t.autograd.grad, total, inputs, allow_unused=True)
    wanted = t.autograd.grad(
        (right[1] * weights).sum(), [*(getattr(reference, name) for name in names), right[0]], retain_graph=True
    )
    keys = [*names, "h"]
    compare_gradients(dict(zip(keys, got, strict=True)), dict(zip(keys, wanted, strict=True)))
