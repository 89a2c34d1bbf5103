"""Answers to `resample_simple`."""

import torch as t
from part31_superposition_and_saes.solutions import ToySAE
from torch import nn
from torch.nn import functional as F

from . import right, wrong

SIMPLE = "resample_simple"


def dead_of(window):
    return (window == 0).all(0)


def random_directions(sae):
    return F.normalize(t.randn(sae.cfg.n_inst, sae.cfg.d_sae, sae.cfg.d_in), dim=-1)


@t.no_grad()
def put(sae, dead, decoder, encoder, bias=0.0):
    """New decoder rows and encoder columns, both `[inst d_sae d_in]`; None keeps what is there."""
    if encoder is not None:
        sae.W_enc.copy_(t.where(dead[:, None], encoder.mT, sae.W_enc))
    if decoder is not None and sae._W_dec is not None:
        sae._W_dec.copy_(t.where(dead[..., None], decoder, sae._W_dec))
    if bias is not None:
        sae.b_enc[dead] = bias


@wrong(SIMPLE, "live-changed")
class AnyStep(ToySAE):
    def resample_simple(self, window, scale):
        unit = random_directions(self)
        put(self, (window == 0).any(0), unit, scale * unit)


@wrong(SIMPLE, "live-changed")
class Everybody(ToySAE):
    def resample_simple(self, window, scale):
        unit = random_directions(self)
        put(self, t.ones_like(window[0], dtype=t.bool), unit, scale * unit)


@wrong(SIMPLE, "rare-latent")
class RareCountsAsDead(ToySAE):
    def resample_simple(self, window, scale):
        unit = random_directions(self)
        put(self, window.mean(0) < 1e-3, unit, scale * unit)


@wrong(SIMPLE, "live-changed")
class LastStepOnly(ToySAE):
    def resample_simple(self, window, scale):
        unit = random_directions(self)
        put(self, window[-1] == 0, unit, scale * unit)


@wrong(SIMPLE, "W_enc-kept")
class EncoderKept(ToySAE):
    def resample_simple(self, window, scale):
        put(self, dead_of(window), random_directions(self), None)


@wrong(SIMPLE, "W_dec-kept")
class DecoderKept(ToySAE):
    def resample_simple(self, window, scale):
        put(self, dead_of(window), None, scale * random_directions(self))


@wrong(SIMPLE, "b_enc-kept")
class BiasKept(ToySAE):
    def resample_simple(self, window, scale):
        unit = random_directions(self)
        put(self, dead_of(window), unit, scale * unit, bias=None)


@wrong(SIMPLE, "bias-not-zero")
class BiasOfOne(ToySAE):
    def resample_simple(self, window, scale):
        unit = random_directions(self)
        put(self, dead_of(window), unit, scale * unit, bias=1.0)


@wrong(SIMPLE, "decoder-not-unit")
class DecoderScaled(ToySAE):
    def resample_simple(self, window, scale):
        unit = random_directions(self)
        put(self, dead_of(window), scale * unit, scale * unit)


@wrong(SIMPLE, "decoder-not-unit")
class NotNormalized(ToySAE):
    def resample_simple(self, window, scale):
        new = t.randn(self.cfg.n_inst, self.cfg.d_sae, self.cfg.d_in)
        put(self, dead_of(window), new, scale * new)


@wrong(SIMPLE, "encoder-not-along")
class TwoDraws(ToySAE):
    def resample_simple(self, window, scale):
        put(self, dead_of(window), random_directions(self), scale * random_directions(self))


@wrong(SIMPLE, "encoder-not-scaled")
class EncoderNotScaled(ToySAE):
    def resample_simple(self, window, scale):
        unit = random_directions(self)
        put(self, dead_of(window), unit, unit)


@wrong(SIMPLE, "encoder-scale-squared")
class ScaledTwice(ToySAE):
    def resample_simple(self, window, scale):
        unit = random_directions(self)
        put(self, dead_of(window), unit, scale**2 * unit)


@wrong(SIMPLE, "one-quadrant")
class PositiveOnly(ToySAE):
    def resample_simple(self, window, scale):
        unit = F.normalize(t.rand(self.cfg.n_inst, self.cfg.d_sae, self.cfg.d_in), dim=-1)
        put(self, dead_of(window), unit, scale * unit)


@wrong(SIMPLE, "not-uniform")
class FromACube(ToySAE):
    def resample_simple(self, window, scale):
        unit = F.normalize(2 * t.rand(self.cfg.n_inst, self.cfg.d_sae, self.cfg.d_in) - 1, dim=-1)
        put(self, dead_of(window), unit, scale * unit)


@wrong(SIMPLE, "same-direction")
class OneDirection(ToySAE):
    def resample_simple(self, window, scale):
        unit = F.normalize(t.randn(self.cfg.n_inst, 1, self.cfg.d_in), dim=-1).expand(-1, self.cfg.d_sae, -1)
        put(self, dead_of(window), unit, scale * unit)


@wrong(SIMPLE, "not-in-place")
class NewParameters(ToySAE):
    def resample_simple(self, window, scale):
        unit = random_directions(self)
        put(self, dead_of(window), unit, scale * unit)
        self.W_enc = nn.Parameter(self.W_enc.detach().clone())


@wrong(SIMPLE, "b_dec-changed")
class DecoderBiasReset(ToySAE):
    def resample_simple(self, window, scale):
        unit = random_directions(self)
        put(self, dead_of(window), unit, scale * unit)
        self.b_dec.data.zero_()


@wrong(SIMPLE, "tied")
class UntiedOnly(ToySAE):
    def resample_simple(self, window, scale):
        unit, dead = random_directions(self), dead_of(window)
        put(self, dead, unit, scale * unit)
        self._W_dec.data[dead] = unit[dead]


@wrong(SIMPLE, "input-changed")
class WindowCleared(ToySAE):
    def resample_simple(self, window, scale):
        unit = random_directions(self)
        put(self, dead_of(window), unit, scale * unit)
        window.zero_()


@right(SIMPLE)
class ByIndex(ToySAE):
    def resample_simple(self, window, scale):
        for inst, latent in dead_of(window).nonzero().tolist():
            new = t.randn(self.cfg.d_in)
            new /= new.norm()
            self.W_enc.data[inst, :, latent] = scale * new
            if self._W_dec is not None:
                self._W_dec.data[inst, latent] = new
            self.b_enc.data[inst, latent] = 0


@right(SIMPLE)
class BySum(ToySAE):
    def resample_simple(self, window, scale):
        unit = random_directions(self)
        put(self, window.sum(0) == 0, unit, scale * unit)


@right(SIMPLE)
class ByReplaceLatents(ToySAE):
    def resample_simple(self, window, scale):
        new = t.normal(0, 1, (self.cfg.n_inst, self.cfg.d_sae, self.cfg.d_in))
        self.replace_latents(window.amax(0) == 0, new / new.norm(dim=-1, keepdim=True), scale)


@right(SIMPLE)
class DrawnInSpherical(ToySAE):
    """By rejection from the ball."""

    def resample_simple(self, window, scale):
        points = 2 * t.rand(400 * self.cfg.n_inst * self.cfg.d_sae, self.cfg.d_in) - 1
        points = points[(points.norm(dim=-1) < 1) & (points.norm(dim=-1) > 1e-3)]
        unit = F.normalize(points[: self.cfg.n_inst * self.cfg.d_sae], dim=-1)
        unit = unit.view(self.cfg.n_inst, self.cfg.d_sae, self.cfg.d_in)
        put(self, dead_of(window), unit, scale * unit)
