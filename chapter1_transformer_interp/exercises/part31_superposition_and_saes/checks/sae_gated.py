"""Tests of section 5: the gated autoencoder."""

from functools import partial
from typing import Any

import torch as t
from torch import Tensor
from torch.nn import functional as F

from .. import solutions
from ..checking.compare import Mistake, compare
from ..checking.runner import Trial, learner_test
from .sae_models import read_property
from .sae_variants import (
    CASES,
    LATENTS,
    check_variant,
    check_zero_start,
    decoding_mistakes,
    error_mistakes,
    make_variant,
    set_variant,
)

GATED = {"W_gate": "inst d_in d_sae", "b_gate": LATENTS, "r_mag": LATENTS, "b_mag": LATENTS}


def gated_mistakes(sae: solutions.GatedToySAE, h: Tensor, right: dict[str, Tensor]) -> dict[str, list[Mistake]]:
    """What a gated forward pass gives with one thing wrong."""
    this = "these are the values that you get"
    W, D, b = sae.W_gate.detach(), sae.W_dec_normalized.detach(), sae.b_dec.detach()
    scale, b_gate, b_mag = sae.r_mag.detach().exp(), sae.b_gate.detach(), sae.b_mag.detach()
    read, read_h = t.einsum("bid,ids->bis", h - b, W), t.einsum("bid,ids->bis", h, W)
    gate, size = read + b_gate, read * scale + b_mag
    on, acts = (gate > 0).to(h), right["acts_post"]

    def decode(values: Tensor, weights: Tensor = D, bias: Tensor | float = b) -> Tensor:
        return t.einsum("bis,isd->bid", values, weights) + bias

    gate_acts, out = F.relu(gate), right["h_reconstructed"]
    squared, c = (out - h) ** 2, sae.cfg.sparsity_coeff
    aux = (decode(gate_acts) - h) ** 2
    rec, l1, l_aux = right["L_reconstruction"], right["L_sparsity"], right["L_aux"]
    formula = "acts = 1[pi > 0] * ReLU(W_mag (h - b_dec) + b_mag)."
    return {
        "acts_post": [
            Mistake("gate-ignored", f"{this} without the gate.\n{formula}", F.relu(size)),
            Mistake("magnitude-ignored", f"{this} when the gate's ReLU is the activation.\n{formula}", gate_acts),
            Mistake("gate-alone", f"{this} when the gate, 0 or 1, is the activation.\n{formula}", on),
            Mistake("no-relu", f"{this} without the ReLU of the magnitude.\n{formula}", on * size),
            Mistake("r_mag-ignored", f"{this} without exp(r_mag).\n{formula}", on * F.relu(read + b_mag)),
            Mistake(
                "r_mag-not-exp",
                f"{this} with r_mag in place of exp(r_mag).",
                on * F.relu(read * sae.r_mag.detach() + b_mag),
            ),
            Mistake(
                "r_mag-scales-bias",
                f"{this} when exp(r_mag) multiplies b_mag too.",
                on * F.relu((read + b_mag) * scale),
            ),
            Mistake(
                "r_mag-in-gate",
                f"{this} when the gate is rescaled by exp(r_mag) too.",
                (read * scale + b_gate > 0) * F.relu(size),
            ),
            Mistake("b_mag-ignored", f"{this} without b_mag.\n{formula}", on * F.relu(read * scale)),
            Mistake("b_gate-ignored", f"{this} without b_gate.\n{formula}", (read > 0) * F.relu(size)),
            Mistake(
                "b_gate-for-b_mag",
                f"{this} with b_gate in the magnitude.\n{formula}",
                on * F.relu(read * scale + b_gate),
            ),
            Mistake(
                "biases-exchanged",
                f"{this} when b_gate and b_mag are exchanged.",
                (read + b_mag > 0) * F.relu(read * scale + b_gate),
            ),
            Mistake(
                "gate-from-magnitude", f"{this} when both biases are in the magnitude.", on * F.relu(size + b_gate)
            ),
            Mistake("soft-gate", f"{this} with a sigmoid for the gate. It is 0 or 1.", t.sigmoid(gate) * F.relu(size)),
            Mistake(
                "gate-times-magnitude",
                f"{this} when the gate's value multiplies the magnitude.\nThe gate is 0 or 1.",
                gate_acts * F.relu(size),
            ),
            Mistake("gate-inverted", f"{this} when latents fire where pi < 0.", (1 - on) * F.relu(size)),
            Mistake(
                "no-b_dec",
                f"{this} when b_dec is not subtracted from h.",
                (read_h + b_gate > 0) * F.relu(read_h * scale + b_mag),
            ),
        ],
        "h_reconstructed": [
            *decoding_mistakes(acts, decode, sae.W_dec.detach()),
            Mistake("gate-decoded", f"{this} when the gate's ReLU is decoded.\nDecode acts_post.", decode(gate_acts)),
        ],
        "L_reconstruction": [
            *error_mistakes(squared),
            Mistake("gate-loss", f"{this} for the gate's reconstruction.\nThat is L_aux.", aux.mean(-1)),
        ],
        "L_sparsity": [
            Mistake(
                "sparsity-of-acts",
                f"{this} for the activations.\nThe penalty falls on the gate: ReLU(pi).",
                acts.sum(-1),
            ),
            Mistake("no-relu-in-sparsity", f"{this} for |pi|. Take its ReLU first.", gate.abs().sum(-1)),
            Mistake("no-relu-in-sparsity", f"{this} for pi without its ReLU.", gate.sum(-1)),
            Mistake("l0", f"{this} when you count latents.\nSum ReLU(pi).", on.sum(-1)),
            Mistake("mean-for-sum", f"{this} with a mean over latents. Sum.", gate_acts.mean(-1)),
            Mistake(
                "weighted",
                f"{this} when it is multiplied by sparsity_coeff here.\nOnly in loss.",
                c * gate_acts.sum(-1),
            ),
            Mistake("l2", f"{this} with squares. It is an L1.", gate_acts.square().sum(-1)),
        ],
        "L_aux": [
            Mistake("mean-for-sum", f"{this} with a mean over d_in.\nL_aux is a sum, as in the paper.", aux.mean(-1)),
            Mistake(
                "no-b_dec",
                f"{this} without b_dec in the auxiliary decoding.",
                (decode(gate_acts, bias=0.0) - h).square().sum(-1),
            ),
            Mistake("acts-in-aux", f"{this} for decoding acts_post.\nDecode ReLU(pi).", squared.sum(-1)),
            Mistake("no-relu-in-aux", f"{this} for decoding pi without its ReLU.", (decode(gate) - h).square().sum(-1)),
            Mistake(
                "gate-in-aux",
                f"{this} for decoding the gate, 0 or 1.\nDecode ReLU(pi).",
                (decode(on) - h).square().sum(-1),
            ),
            Mistake(
                "not-normalized",
                f"{this} with W_dec as it is.\nUse W_dec_normalized.",
                (decode(gate_acts, sae.W_dec.detach()) - h).square().sum(-1),
            ),
            Mistake(
                "against-reconstruction",
                f"{this} when it is compared with h_reconstructed.\nCompare with h.",
                (decode(gate_acts) - out).square().sum(-1),
            ),
        ],
        "loss": [
            Mistake("aux-left-out", f"{this} without L_aux.", rec + c * l1),
            Mistake("coeff-left-out", f"{this} without sparsity_coeff.", rec + l1 + l_aux),
            Mistake("coeff-on-aux", f"{this} when sparsity_coeff multiplies L_aux too.", rec + c * (l1 + l_aux)),
            Mistake("sparsity-left-out", f"{this} without L_sparsity.", rec + l_aux),
            Mistake("reconstruction-left-out", f"{this} without L_reconstruction.", c * l1 + l_aux),
            Mistake(
                "loss-trained",
                f"{this} as training takes it.\nReturn it for every row.",
                (rec + c * l1 + l_aux).mean(0).sum(),
            ),
        ],
        **_gated_gradients(sae, h, right),
    }


def _gated_gradients(sae: solutions.GatedToySAE, h: Tensor, right: dict[str, Tensor]) -> dict[str, list[Mistake]]:
    """Gradients when something is cut off that should not be, or the other way about."""
    if "weights" not in right:
        return {}
    decoder = "_W_dec" if sae._W_dec is not None else "W_gate"
    thawed = "the values are right, and L_aux trains the decoder.\nDecode it through W_dec_normalized.detach()."
    bias = "the values are right, and L_aux trains b_dec through its decoder.\nUse b_dec.detach() there."
    frozen = "the values are right, and L_aux does not train the gate.\nDo not detach pi."
    found: dict[str, list[Mistake]] = {}
    for key, text, name, options in (
        ("aux-not-frozen", thawed, decoder, {"decoder": True}),
        ("aux-bias-not-frozen", bias, "b_dec", {"bias": True}),
        ("aux-gate-detached", frozen, "b_gate", {"gate": False}),
        ("aux-gate-detached", frozen, "W_gate", {"gate": False}),
    ):
        parameter = getattr(sae, name)
        (gradient,) = t.autograd.grad((_gated_loss(sae, h, **options) * right["weights"]).sum(), parameter)
        found.setdefault(f"gradient to {name}", []).append(Mistake(key, text, gradient))
    return found


def _gated_loss(
    sae: solutions.GatedToySAE, h: Tensor, decoder: bool = False, bias: bool = False, gate: bool = True
) -> Tensor:
    """The loss, with chosen parts of the auxiliary loss attached."""
    read = t.einsum("bid,ids->bis", h - sae.b_dec, sae.W_gate)
    pi, D = read + sae.b_gate, sae.W_dec_normalized
    acts = (pi > 0) * F.relu(read * sae.r_mag.exp() + sae.b_mag)
    rec = (t.einsum("bis,isd->bid", acts, D) + sae.b_dec - h).square().mean(-1)
    gate_acts = F.relu(pi)
    aux_acts = gate_acts if gate else gate_acts.detach()
    decoded = t.einsum("bis,isd->bid", aux_acts, D if decoder else D.detach())
    aux = (decoded + (sae.b_dec if bias else sae.b_dec.detach()) - h).square().sum(-1)
    return rec + sae.cfg.sparsity_coeff * gate_acts.sum(-1) + aux


@learner_test("gated_sae", "GatedToySAE.forward")
def test_gated_sae(trial: Trial, sae_class: Any) -> str:
    """Test `GatedToySAE`: its parameters, `W_mag` and `forward`: `tests.test_gated_sae(GatedToySAE)`."""
    for sizes, rows, suspect in CASES:
        with trial.case(f"{sizes}, a batch of {rows}", suspect):
            sae, reference = make_variant(trial, sae_class, sizes, GATED)
            check_zero_start(sae, ("b_gate", "r_mag", "b_mag", "b_dec"))
            watch = set_variant(trial, sae, reference, sizes, GATED)
            terms = ("L_reconstruction", "L_sparsity", "L_aux")
            check_variant(trial, sae, reference, rows, watch, gated_mistakes, terms)
            got = read_property(trial, sae, "W_mag", watch)
            compare(got, reference.W_mag, GATED["W_gate"], mistakes=partial(mag_mistakes, reference), what="W_mag")
    return "parameters, W_mag, values and gradients for 4 sizes, tied and not"


def mag_mistakes(sae: solutions.GatedToySAE) -> list[Mistake]:
    """What `W_mag` is with one thing wrong."""
    W, r = sae.W_gate.detach(), sae.r_mag.detach()
    return [
        Mistake("W_mag", "W_mag is W_gate itself.\nMultiply by exp(r_mag), latent by latent.", W),
        Mistake("W_mag", "W_mag is r_mag times W_gate. Take exp(r_mag).", r[:, None] * W),
        Mistake("W_mag", "W_mag is W_gate divided by exp(r_mag). Multiply.", W / r.exp()[:, None]),
    ]
