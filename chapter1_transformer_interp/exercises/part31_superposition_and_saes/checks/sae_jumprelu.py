"""Tests of section 5: the JumpReLU autoencoder."""

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

JUMP = {"W_enc": "inst d_in d_sae", "b_enc": LATENTS, "log_theta": LATENTS}


def jump_mistakes(sae: solutions.JumpReLUToySAE, h: Tensor, right: dict[str, Tensor]) -> dict[str, list[Mistake]]:
    """What a JumpReLU forward pass gives with one thing wrong."""
    this = "these are the values that you get"
    W, D, b, b_enc = sae.W_enc.detach(), sae.W_dec_normalized.detach(), sae.b_dec.detach(), sae.b_enc.detach()
    theta, log_theta = sae.theta.detach(), sae.log_theta.detach()
    read = t.einsum("bid,ids->bis", h - b, W)
    z, acts, out = read + b_enc, right["acts_post"], right["h_reconstructed"]
    z_of_h = t.einsum("bid,ids->bis", h, W) + b_enc

    def jump(values: Tensor, at: Tensor | float) -> Tensor:
        return values * (values > at)

    def decode(values: Tensor, weights: Tensor = D, bias: Tensor | float = b) -> Tensor:
        return t.einsum("bis,isd->bid", values, weights) + bias

    squared, c = (out - h) ** 2, sae.cfg.sparsity_coeff
    rec, l0 = right["L_reconstruction"], right["L_sparsity"]
    return {
        "acts_post": [
            Mistake("relu", f"{this} with a ReLU.\nUse JumpReLU.apply(z, theta, eps).", F.relu(z)),
            Mistake(
                "soft-threshold", f"{this} when theta is subtracted.\nJumpReLU keeps z as it is.", F.relu(z - theta)
            ),
            Mistake(
                "log_theta",
                f"{this} with log_theta as the threshold.\nUse self.theta = exp(log_theta).",
                jump(z, log_theta),
            ),
            Mistake("log_theta", f"{this} with log_theta as the threshold, after a ReLU.", F.relu(z) * (z > log_theta)),
            Mistake("theta-exp-twice", f"{this} with exp(theta) as the threshold.", jump(z, theta.exp())),
            Mistake(
                "theta_init",
                f"{this} with cfg.theta_init as the threshold.\nUse self.theta, which is learned.",
                jump(z, sae.cfg.theta_init),
            ),
            Mistake("first-instance", f"{this} with the thresholds of instance 0.", jump(z, theta[0])),
            Mistake("no-b_enc", f"{this} without b_enc.", jump(read, theta)),
            Mistake("no-b_dec", f"{this} when b_dec is not subtracted from h.", jump(z_of_h, theta)),
            Mistake("bias-after-jump", f"{this} when b_enc is added after the jump.", jump(read, theta) + b_enc),
            Mistake("step", f"{this} with Heaviside: 0 or 1.\nUse JumpReLU.", (z > theta).to(h)),
            Mistake("absolute", f"{this} with abs(z) > theta.", z * (z.abs() > theta)),
            Mistake("below", f"{this} when latents fire below their threshold.", z * (z < theta)),
            Mistake("input-returned", f"{this} when nothing is cut off.", z),
        ],
        "h_reconstructed": [
            *decoding_mistakes(acts, decode, sae.W_dec.detach()),
            Mistake("z-decoded", f"{this} when the pre-activations are decoded.", decode(z)),
        ],
        "L_reconstruction": [
            *error_mistakes(squared),
        ],
        "L_sparsity": [
            Mistake("l1", f"{this} for the L1.\nCount the latents that fire: Heaviside.apply.", acts.sum(-1)),
            Mistake("mean-for-sum", f"{this} with a mean over latents. Sum.", (z > theta).to(h).mean(-1)),
            Mistake("above-zero", f"{this} when you count z > 0. Count z > theta.", (z > 0).to(h).sum(-1)),
            Mistake("weighted", f"{this} when it is multiplied by sparsity_coeff here.\nOnly in loss.", c * l0),
            Mistake("silent-counted", f"{this} when you count the silent ones.", (z <= theta).to(h).sum(-1)),
        ],
        "loss": [
            Mistake("coeff-left-out", f"{this} without sparsity_coeff.", rec + l0),
            Mistake("sparsity-left-out", f"{this} without L_sparsity.", rec),
            Mistake("reconstruction-left-out", f"{this} without L_reconstruction.", c * l0),
            Mistake(
                "loss-trained", f"{this} as training takes it.\nReturn it for every row.", (rec + c * l0).mean(0).sum()
            ),
        ],
        **_jump_gradients(sae, h, right),
    }


def _jump_gradients(sae: solutions.JumpReLUToySAE, h: Tensor, right: dict[str, Tensor]) -> dict[str, list[Mistake]]:
    """Gradients to the thresholds when one of the two ways to them is missing, or the window is not the config's."""
    if "weights" not in right:
        return {}
    no_penalty = "the values are right, and the penalty gives log_theta no gradient.\nCount with Heaviside.apply."
    no_jump = "the values are right, and the reconstruction gives log_theta no gradient.\nUse JumpReLU.apply."
    window = "the values are right, and the window has another width.\nPass self.cfg.ste_epsilon as eps."
    cases = [
        ("penalty-no-gradient", no_penalty, sae.cfg.ste_epsilon, 1.0, 0.0),
        ("jump-no-gradient", no_jump, sae.cfg.ste_epsilon, 0.0, 1.0),
        *[("fixed-eps", window, eps, 1.0, 1.0) for eps in (1.0, 0.1, 0.05, 0.01, 0.001)],
    ]
    found = []
    for key, text, eps, by_jump, by_penalty in cases:
        theta = sae.theta
        z = t.einsum("bid,ids->bis", h - sae.b_dec.detach(), sae.W_enc.detach()) + sae.b_enc.detach()
        acts = solutions.JumpReLU.apply(z, theta, eps)
        acts = acts if by_jump else acts.detach() + 0 * theta
        out = t.einsum("bis,isd->bid", acts, sae.W_dec_normalized.detach()) + sae.b_dec.detach()
        l0 = solutions.Heaviside.apply(z, theta, eps).sum(-1)
        l0 = l0 if by_penalty else l0.detach()
        loss = (out - h).square().mean(-1) + sae.cfg.sparsity_coeff * l0
        (gradient,) = t.autograd.grad((loss * right["weights"]).sum(), sae.log_theta)
        found.append(Mistake(key, text, gradient))
    return {"gradient to log_theta": found}


@learner_test("jumprelu_sae", "JumpReLUToySAE.forward")
def test_jumprelu_sae(trial: Trial, sae_class: Any) -> str:
    """Test `JumpReLUToySAE`: its parameters, `theta` and `forward`: `tests.test_jumprelu_sae(JumpReLUToySAE)`."""
    for sizes, rows, suspect in CASES:
        with trial.case(f"{sizes}, a batch of {rows}", suspect):
            sae, reference = make_variant(trial, sae_class, sizes, JUMP)
            check_zero_start(sae, ("b_enc", "b_dec"))
            start = read_property(trial, sae, "theta", {})
            known = [
                Mistake(
                    "theta-start",
                    "theta starts at exp(theta_init).\nStart log_theta at log(theta_init).",
                    reference.theta.exp(),
                ),
                Mistake(
                    "theta-start",
                    "theta starts at 1: log_theta starts at 0.\nStart it at log(theta_init).",
                    t.ones_like(reference.theta),
                ),
                Mistake("theta", "theta is log_theta. Take its exp.", reference.log_theta),
            ]
            compare(start, reference.theta, LATENTS, mistakes=partial(list, known), what="theta at the start")
            watch = set_variant(trial, sae, reference, sizes, JUMP)
            check_variant(trial, sae, reference, rows, watch, jump_mistakes, ("L_reconstruction", "L_sparsity"))
    return "parameters, theta, values and gradients for 4 sizes, tied and not"
