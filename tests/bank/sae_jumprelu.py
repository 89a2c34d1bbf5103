"""Answers to `jumprelu_sae`."""

import einops
import torch as t
from part31_superposition_and_saes.solutions import Heaviside, JumpReLU, JumpReLUToySAE, ToySAE
from torch import nn
from torch.nn import functional as F

from . import right, wrong
from .sae_gated import decode

JUMP = "jumprelu_sae"


class JumpParts(JumpReLUToySAE):
    def z(self, h):
        return t.einsum("bid,ids->bis", h - self.b_dec, self.W_enc) + self.b_enc

    def eps(self):
        return self.cfg.ste_epsilon

    def acts(self, h):
        return JumpReLU.apply(self.z(h), self.theta, self.eps())

    def sparsity(self, h):
        return Heaviside.apply(self.z(h), self.theta, self.eps()).sum(-1)

    def total(self, terms):
        return terms["L_reconstruction"] + self.cfg.sparsity_coeff * terms["L_sparsity"]

    def reconstruction(self, h, out):
        return (out - h).pow(2).mean(-1)

    def decoded(self, acts):
        return decode(self, acts)

    def forward(self, h):
        acts = self.acts(h)
        out = self.decoded(acts)
        terms = {"L_reconstruction": self.reconstruction(h, out), "L_sparsity": self.sparsity(h)}
        return terms, self.total(terms), acts, out


@wrong(JUMP, "relu")
class OnlyReLU(JumpParts):
    def acts(self, h):
        return F.relu(self.z(h))


@wrong(JUMP, "soft-threshold")
class SoftThreshold(JumpParts):
    def acts(self, h):
        return F.relu(self.z(h) - self.theta)


@wrong(JUMP, "log_theta")
class LogarithmAsThreshold(JumpParts):
    def acts(self, h):
        return JumpReLU.apply(self.z(h), self.log_theta, self.eps())


@wrong(JUMP, "theta_init")
class StartAsThreshold(JumpParts):
    def acts(self, h):
        return JumpReLU.apply(self.z(h), t.full_like(self.theta, self.cfg.theta_init), self.eps())


@wrong(JUMP, "no-b_enc")
class NoEncoderBias(JumpParts):
    def z(self, h):
        return t.einsum("bid,ids->bis", h - self.b_dec, self.W_enc)


@wrong(JUMP, "no-b_dec")
class JumpBiasNotSubtracted(JumpParts):
    def z(self, h):
        return t.einsum("bid,ids->bis", h, self.W_enc) + self.b_enc


@wrong(JUMP, "no-b_dec")
class JumpBiasNotAdded(JumpParts):
    def decoded(self, acts):
        return t.einsum("bis,isd->bid", acts, self.W_dec_normalized)


@wrong(JUMP, "step")
class StepAsActivation(JumpParts):
    def acts(self, h):
        return Heaviside.apply(self.z(h), self.theta, self.eps())


@wrong(JUMP, "bias-after-jump")
class BiasAfterTheJump(JumpParts):
    def acts(self, h):
        read = t.einsum("bid,ids->bis", h - self.b_dec, self.W_enc)
        return JumpReLU.apply(read, self.theta, self.eps()) + self.b_enc


@wrong(JUMP, "not-normalized")
class JumpDecoderAsItIs(JumpParts):
    def decoded(self, acts):
        return t.einsum("bis,isd->bid", acts, self.W_dec) + self.b_dec


@wrong(JUMP, "l1")
class PenaltyOnSizes(JumpParts):
    def sparsity(self, h):
        return self.acts(h).sum(-1)


@wrong(JUMP, "mean-for-sum")
class PenaltyMean(JumpParts):
    def sparsity(self, h):
        return Heaviside.apply(self.z(h), self.theta, self.eps()).mean(-1)


@wrong(JUMP, "above-zero")
class CountedAboveZero(JumpParts):
    def sparsity(self, h):
        return Heaviside.apply(self.z(h), 0 * self.theta, self.eps()).sum(-1)


@wrong(JUMP, "weighted")
class JumpPenaltyWeighted(JumpParts):
    def sparsity(self, h):
        return self.cfg.sparsity_coeff * super().sparsity(h)


@wrong(JUMP, "penalty-no-gradient")
class CountedByComparison(JumpParts):
    def sparsity(self, h):
        return (self.acts(h) > 0).to(h.dtype).sum(-1)


@wrong(JUMP, "jump-no-gradient")
class JumpByComparison(JumpParts):
    def acts(self, h):
        return self.z(h) * (self.z(h) > self.theta)


@wrong(JUMP, "fixed-eps")
class EpsilonWrittenIn(JumpParts):
    def eps(self):
        return 0.01


@wrong(JUMP, "coeff-left-out")
class JumpCoefficientForgotten(JumpParts):
    def total(self, terms):
        return sum(terms.values())


@wrong(JUMP, "sparsity-left-out")
class PenaltyForgotten(JumpParts):
    def total(self, terms):
        return terms["L_reconstruction"] + 0 * terms["L_sparsity"]


@wrong(JUMP, "sum-for-mean")
class JumpReconstructionSum(JumpParts):
    def reconstruction(self, h, out):
        return (out - h).pow(2).sum(-1)


@wrong(JUMP, "theta-start")
class StartsAtOne(JumpParts):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        nn.init.zeros_(self.log_theta)


@wrong(JUMP, "theta-start")
class StartsAtExpOfStart(JumpParts):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self.log_theta.data.fill_(cfg.theta_init)


@wrong(JUMP, "theta")
class ThetaIsLogarithm(JumpParts):
    @property
    def theta(self):
        return self.log_theta


@wrong(JUMP, "missing-parameter")
class NoLogTheta(JumpParts):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        del self.log_theta


@wrong(JUMP, "missing-parameter")
class StandardSAE(ToySAE):
    """The class of the first half."""


@wrong(JUMP, "loss-keys")
class PenaltyNotTold(JumpParts):
    def forward(self, h):
        terms, loss, acts, out = super().forward(h)
        return {"L_reconstruction": terms["L_reconstruction"]}, loss, acts, out


@right(JUMP)
class JumpInParts(JumpParts):
    """The parts above, unchanged."""


@right(JUMP)
class JumpAfterReLU(JumpParts):
    """A ReLU first, as the paper writes it: no difference where theta > eps / 2."""

    def acts(self, h):
        return JumpReLU.apply(F.relu(self.z(h)), self.theta, self.eps())

    def sparsity(self, h):
        return Heaviside.apply(F.relu(self.z(h)), self.theta, self.eps()).sum(-1)


@right(JUMP)
class JumpByMatrixProduct(JumpReLUToySAE):
    def forward(self, h):
        z = ((h - self.b_dec).transpose(0, 1) @ self.W_enc).transpose(0, 1) + self.b_enc
        theta = t.exp(self.log_theta)
        acts = JumpReLU.apply(z, theta, self.cfg.ste_epsilon)
        out = decode(self, acts)
        rec = F.mse_loss(out, h, reduction="none").mean(-1)
        l0 = einops.reduce(Heaviside.apply(z, theta, self.cfg.ste_epsilon), "batch inst d_sae -> batch inst", "sum")
        return {"L_sparsity": l0, "L_reconstruction": rec}, rec + self.cfg.sparsity_coeff * l0, acts, out


@right(JUMP)
class JumpShifted(JumpReLUToySAE):
    """The step at zero of z - theta."""

    def forward(self, h):
        z = einops.einsum(h - self.b_dec, self.W_enc, "b i d, i d s -> b i s") + self.b_enc
        on = Heaviside.apply(z.detach(), self.theta, self.cfg.ste_epsilon)
        acts = JumpReLU.apply(z, self.theta, self.cfg.ste_epsilon)
        out = einops.einsum(acts, self.W_dec_normalized, "b i s, i s d -> b i d") + self.b_dec
        terms = {"L_reconstruction": ((out - h) ** 2).sum(-1) / self.cfg.d_in, "L_sparsity": on.sum(-1)}
        return terms, terms["L_reconstruction"] + self.cfg.sparsity_coeff * terms["L_sparsity"], acts, out
