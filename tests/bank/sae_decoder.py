"""Answers to `sae_W_dec_normalized`."""

import einops
import torch as t
from part31_superposition_and_saes.solutions import ToySAE
from torch.nn import functional as F

from . import right, wrong

DECODER = "sae_W_dec_normalized"


@wrong(DECODER, "not-normalized")
class AsItIs(ToySAE):
    @property
    def W_dec_normalized(self):
        return self.W_dec


@wrong(DECODER, "other-axis")
class OverLatents(ToySAE):
    @property
    def W_dec_normalized(self):
        return self.W_dec / (self.W_dec.norm(dim=-2, keepdim=True) + self.cfg.weight_normalize_eps)


@wrong(DECODER, "over-instances")
class OverInstances(ToySAE):
    @property
    def W_dec_normalized(self):
        return F.normalize(self.W_dec, dim=0)


@wrong(DECODER, "whole-instance")
class WholeInstance(ToySAE):
    @property
    def W_dec_normalized(self):
        return self.W_dec / self.W_dec.norm(dim=(-2, -1), keepdim=True)


@wrong(DECODER, "whole-tensor")
class WholeTensor(ToySAE):
    @property
    def W_dec_normalized(self):
        return self.W_dec / (self.W_dec.norm() + self.cfg.weight_normalize_eps)


@wrong(DECODER, "squared-norm")
class SquaredNorm(ToySAE):
    @property
    def W_dec_normalized(self):
        return self.W_dec / self.W_dec.pow(2).sum(-1, keepdim=True)


@wrong(DECODER, "absolute-sum")
class AbsoluteSum(ToySAE):
    @property
    def W_dec_normalized(self):
        return F.normalize(self.W_dec, p=1, dim=-1)


@wrong(DECODER, "largest-entry")
class LargestEntry(ToySAE):
    @property
    def W_dec_normalized(self):
        return F.normalize(self.W_dec, p=float("inf"), dim=-1)


@wrong(DECODER, "not-transposed")
class Transposed(ToySAE):
    @property
    def W_dec_normalized(self):
        return F.normalize(self.W_dec, dim=-1).mT


@wrong(DECODER, "norms-returned")
class OnlyNorms(ToySAE):
    @property
    def W_dec_normalized(self):
        return self.W_dec.norm(dim=-1, keepdim=True)


@wrong(DECODER, "encoder")
class EncoderNormalized(ToySAE):
    @property
    def W_dec_normalized(self):
        return F.normalize(self.W_enc.mT, dim=-1)


@wrong(DECODER, "multiplied")
class Multiplied(ToySAE):
    @property
    def W_dec_normalized(self):
        return self.W_dec * self.W_dec.norm(dim=-1, keepdim=True)


@wrong(DECODER, "zero-row")
class NoEps(ToySAE):
    @property
    def W_dec_normalized(self):
        return self.W_dec / self.W_dec.norm(dim=-1, keepdim=True)


@wrong(DECODER, "norm-detached")
class NormDetached(ToySAE):
    @property
    def W_dec_normalized(self):
        norms = self.W_dec.detach().norm(dim=-1, keepdim=True)
        return self.W_dec / (norms + self.cfg.weight_normalize_eps)


@wrong(DECODER, "detached")
class FromData(ToySAE):
    @property
    def W_dec_normalized(self):
        return F.normalize(self.W_dec.data, dim=-1)


@wrong(DECODER, "input-changed")
class InPlace(ToySAE):
    @property
    def W_dec_normalized(self):
        self.W_dec.data /= self.W_dec.data.norm(dim=-1, keepdim=True)
        return self.W_dec


@wrong(DECODER, "not-a-property")
class Method(ToySAE):
    def W_dec_normalized(self):
        return F.normalize(self.W_dec, dim=-1)


@wrong(DECODER, "tied")
class UntiedOnly(ToySAE):
    @property
    def W_dec_normalized(self):
        return self._W_dec / (self._W_dec.norm(dim=-1, keepdim=True) + self.cfg.weight_normalize_eps)


@right(DECODER)
class Normalize(ToySAE):
    @property
    def W_dec_normalized(self):
        return F.normalize(self.W_dec, dim=-1, eps=self.cfg.weight_normalize_eps)


@right(DECODER)
class Reduced(ToySAE):
    @property
    def W_dec_normalized(self):
        squares = einops.reduce(self.W_dec**2, "inst d_sae d_in -> inst d_sae 1", "sum")
        return self.W_dec / (squares.sqrt() + self.cfg.weight_normalize_eps)


@right(DECODER)
class LinalgNorm(ToySAE):
    @property
    def W_dec_normalized(self):
        norms = t.linalg.vector_norm(self.W_dec, dim=2).clamp(min=self.cfg.weight_normalize_eps)
        return t.einsum("isd,is->isd", self.W_dec, 1 / norms)


@right(DECODER)
class Loop(ToySAE):
    @property
    def W_dec_normalized(self):
        rows = [[row / (row.norm() + self.cfg.weight_normalize_eps) for row in one] for one in self.W_dec]
        return t.stack([t.stack(one) for one in rows])
