"""Answers to `gated_sae`."""

import einops
import torch as t
from part31_superposition_and_saes.solutions import GatedToySAE, Heaviside
from torch import nn
from torch.nn import functional as F

from . import right, wrong

GATED = "gated_sae"


def decode(sae, acts):
    return t.einsum("bis,isd->bid", acts, sae.W_dec_normalized) + sae.b_dec


class Parts(GatedToySAE):
    def read(self, h):
        return t.einsum("bid,ids->bis", h - self.b_dec, self.W_gate)

    def pi(self, h):
        return self.read(h) + self.b_gate

    def magnitude(self, h):
        return F.relu(t.einsum("bid,ids->bis", h - self.b_dec, self.W_mag) + self.b_mag)

    def acts(self, h):
        return (self.pi(h) > 0).to(h.dtype) * self.magnitude(h)

    def gate_acts(self, h):
        return F.relu(self.pi(h))

    def sparsity(self, h):
        return self.gate_acts(h).sum(-1)

    def frozen(self, acts):
        return t.einsum("bis,isd->bid", acts, self.W_dec_normalized.detach()) + self.b_dec.detach()

    def auxiliary(self, h, out):
        return (self.frozen(self.gate_acts(h)) - h).pow(2).sum(-1)

    def total(self, terms):
        return terms["L_reconstruction"] + self.cfg.sparsity_coeff * terms["L_sparsity"] + terms["L_aux"]

    def reconstruction(self, h, out):
        return (out - h).pow(2).mean(-1)

    def decoded(self, acts):
        return decode(self, acts)

    def forward(self, h):
        acts = self.acts(h)
        out = self.decoded(acts)
        terms = {
            "L_reconstruction": self.reconstruction(h, out),
            "L_sparsity": self.sparsity(h),
            "L_aux": self.auxiliary(h, out),
        }
        return terms, self.total(terms), acts, out


@wrong(GATED, "gate-ignored")
class NoGate(Parts):
    def acts(self, h):
        return self.magnitude(h)


@wrong(GATED, "magnitude-ignored")
class NoMagnitude(Parts):
    def acts(self, h):
        return self.gate_acts(h)


@wrong(GATED, "gate-alone")
class ZeroOrOne(Parts):
    def acts(self, h):
        return (self.pi(h) > 0).to(h.dtype) + 0 * self.magnitude(h)


@wrong(GATED, "no-relu")
class NoReLU(Parts):
    def magnitude(self, h):
        return t.einsum("bid,ids->bis", h - self.b_dec, self.W_mag) + self.b_mag


@wrong(GATED, "r_mag-ignored")
class SameWeights(Parts):
    def magnitude(self, h):
        return F.relu(self.read(h) + self.b_mag)


@wrong(GATED, "r_mag-not-exp")
class NoExponential(Parts):
    def magnitude(self, h):
        return F.relu(self.read(h) * self.r_mag + self.b_mag)


@wrong(GATED, "r_mag-scales-bias")
class BiasScaledToo(Parts):
    def magnitude(self, h):
        return F.relu((self.read(h) + self.b_mag) * self.r_mag.exp())


@wrong(GATED, "b_mag-ignored")
class NoMagnitudeBias(Parts):
    def magnitude(self, h):
        return F.relu(self.read(h) * self.r_mag.exp())


@wrong(GATED, "b_gate-ignored")
class NoGateBias(Parts):
    def pi(self, h):
        return self.read(h)


@wrong(GATED, "soft-gate")
class SoftGate(Parts):
    def acts(self, h):
        return t.sigmoid(self.pi(h)) * self.magnitude(h)


@wrong(GATED, "gate-times-magnitude")
class GateAsFactor(Parts):
    def acts(self, h):
        return self.gate_acts(h) * self.magnitude(h)


@wrong(GATED, "gate-inverted")
class GateInverted(Parts):
    def acts(self, h):
        return (self.pi(h) < 0) * self.magnitude(h)


@wrong(GATED, "no-b_dec")
class DecoderBiasNotSubtracted(Parts):
    def read(self, h):
        return t.einsum("bid,ids->bis", h, self.W_gate)

    def magnitude(self, h):
        return F.relu(self.read(h) * self.r_mag.exp() + self.b_mag)


@wrong(GATED, "no-b_dec")
class DecoderBiasNotAdded(Parts):
    def decoded(self, acts):
        return t.einsum("bis,isd->bid", acts, self.W_dec_normalized)


@wrong(GATED, "not-normalized")
class DecoderAsItIs(Parts):
    def decoded(self, acts):
        return t.einsum("bis,isd->bid", acts, self.W_dec) + self.b_dec


@wrong(GATED, "sparsity-of-acts")
class PenaltyOnActivations(Parts):
    def sparsity(self, h):
        return self.acts(h).sum(-1)


@wrong(GATED, "no-relu-in-sparsity")
class PenaltyOnPi(Parts):
    def sparsity(self, h):
        return self.pi(h).abs().sum(-1)


@wrong(GATED, "l0")
class PenaltyCounts(Parts):
    def sparsity(self, h):
        return (self.pi(h) > 0).to(h.dtype).sum(-1)


@wrong(GATED, "weighted")
class PenaltyWeighted(Parts):
    def sparsity(self, h):
        return self.cfg.sparsity_coeff * self.gate_acts(h).sum(-1)


@wrong(GATED, "mean-for-sum")
class AuxiliaryMean(Parts):
    def auxiliary(self, h, out):
        return (self.frozen(self.gate_acts(h)) - h).pow(2).mean(-1)


@wrong(GATED, "acts-in-aux")
class AuxiliaryOfActivations(Parts):
    def auxiliary(self, h, out):
        return (self.frozen(self.acts(h)) - h).pow(2).sum(-1)


@wrong(GATED, "no-relu-in-aux")
class AuxiliaryOfPi(Parts):
    def auxiliary(self, h, out):
        return (self.frozen(self.pi(h)) - h).pow(2).sum(-1)


@wrong(GATED, "against-reconstruction")
class AuxiliaryAgainstOutput(Parts):
    def auxiliary(self, h, out):
        return (self.frozen(self.gate_acts(h)) - out).pow(2).sum(-1)


@wrong(GATED, "aux-not-frozen")
class DecoderThawed(Parts):
    def frozen(self, acts):
        return t.einsum("bis,isd->bid", acts, self.W_dec_normalized) + self.b_dec.detach()


@wrong(GATED, "aux-bias-not-frozen")
class BiasThawed(Parts):
    def frozen(self, acts):
        return t.einsum("bis,isd->bid", acts, self.W_dec_normalized.detach()) + self.b_dec


@wrong(GATED, "aux-gate-detached")
class AuxiliaryTrainsNothing(Parts):
    def auxiliary(self, h, out):
        return (self.frozen(self.gate_acts(h).detach()) - h).pow(2).sum(-1)


@wrong(GATED, "aux-left-out")
class AuxiliaryForgotten(Parts):
    def total(self, terms):
        return terms["L_reconstruction"] + self.cfg.sparsity_coeff * terms["L_sparsity"]


@wrong(GATED, "coeff-left-out")
class CoefficientForgotten(Parts):
    def total(self, terms):
        return sum(terms.values())


@wrong(GATED, "coeff-on-aux")
class CoefficientOnBoth(Parts):
    def total(self, terms):
        return terms["L_reconstruction"] + self.cfg.sparsity_coeff * (terms["L_sparsity"] + terms["L_aux"])


@wrong(GATED, "sum-for-mean")
class ReconstructionSum(Parts):
    def reconstruction(self, h, out):
        return (out - h).pow(2).sum(-1)


@wrong(GATED, "loss-keys")
class NoAuxiliaryTold(Parts):
    def forward(self, h):
        terms, loss, acts, out = super().forward(h)
        del terms["L_aux"]
        return terms, loss, acts, out


@wrong(GATED, "order")
class ResultsSwapped(Parts):
    def forward(self, h):
        terms, loss, acts, out = super().forward(h)
        return terms, loss, out, acts


@wrong(GATED, "W_mag")
class MagnitudeWeightsPlain(Parts):
    @property
    def W_mag(self):
        return self.W_gate

    def magnitude(self, h):
        return F.relu(self.read(h) * self.r_mag.exp() + self.b_mag)


@wrong(GATED, "missing-parameter")
class NoRMag(Parts):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        del self.r_mag


@wrong(GATED, "bias-not-zero")
class RMagStartsAtOne(Parts):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        nn.init.ones_(self.r_mag)


@right(GATED)
class InParts(Parts):
    """The parts above, unchanged: magnitudes through W_mag."""


@right(GATED)
class ByHeaviside(GatedToySAE):
    def forward(self, h):
        read = einops.einsum(h - self.b_dec, self.W_gate, "b i d, i d s -> b i s")
        pi = read + self.b_gate
        acts = Heaviside.apply(pi, t.zeros_like(self.b_gate), 1.0) * F.relu(read * self.r_mag.exp() + self.b_mag)
        out, gate = decode(self, acts), pi.clamp(min=0)
        frozen = einops.einsum(gate, self.W_dec_normalized.detach(), "b i s, i s d -> b i d") + self.b_dec.detach()
        rec, sparsity, aux = (out - h).square().mean(-1), gate.norm(p=1, dim=-1), (frozen - h).square().sum(-1)
        terms = {"L_reconstruction": rec, "L_sparsity": sparsity, "L_aux": aux}
        return terms, rec + sparsity * self.cfg.sparsity_coeff + aux, acts, out


@right(GATED)
class ByWhere(GatedToySAE):
    def forward(self, h):
        offset = h - self.b_dec
        pi = (offset.transpose(0, 1) @ self.W_gate).transpose(0, 1) + self.b_gate
        size = (offset.transpose(0, 1) @ self.W_mag).transpose(0, 1) + self.b_mag
        acts = t.where((pi > 0) & (size > 0), size, 0.0)
        out = decode(self, acts)
        with t.no_grad():
            W_dec, b_dec = self.W_dec_normalized, self.b_dec.clone()
        gate = F.relu(pi)
        terms = {
            "L_reconstruction": F.mse_loss(out, h, reduction="none").mean(dim=2),
            "L_sparsity": gate.sum(dim=2),
            "L_aux": F.mse_loss(t.einsum("bis,isd->bid", gate, W_dec) + b_dec, h, reduction="none").sum(dim=2),
        }
        weights = {"L_reconstruction": 1.0, "L_sparsity": self.cfg.sparsity_coeff, "L_aux": 1.0}
        return terms, sum(weights[name] * term for name, term in terms.items()), acts, out


@right(GATED)
class SparsityByAbsolute(Parts):
    def sparsity(self, h):
        return F.relu(self.pi(h)).abs().sum(-1)

    def acts(self, h):
        return self.magnitude(h).masked_fill(self.pi(h) <= 0, 0.0)
