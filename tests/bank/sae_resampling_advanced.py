"""Answers to `resample_advanced`."""

import torch as t
from part31_superposition_and_saes.solutions import ToySAE
from torch.nn import functional as F

from . import right, wrong
from .sae_resampling import dead_of, put

ADVANCED = "resample_advanced"


class Parts(ToySAE):
    """The right answer in pieces, each of which an answer may have wrong."""

    power = 2.0

    def batch(self, batch_size):
        return self.generate_batch(batch_size)

    def weights(self, h):
        weights = self.forward(h)[0]["L_reconstruction"] ** self.power
        return weights * ((h - self.b_dec) != 0).any(-1)

    def rows(self, weights):
        weights = weights + (weights.sum(0) == 0)
        return t.multinomial(weights.T, self.cfg.d_sae, replacement=True)

    def vectors(self, h):
        return h - self.b_dec

    def norms(self, dead):
        live = ~dead
        mean = (self.W_enc.norm(dim=1) * live).sum(1) / live.sum(1).clamp(min=1)
        return t.where(live.any(1), mean, 1.0)[:, None]

    def finish(self, dead, unit, scale):
        put(self, dead, unit, scale[..., None] * self.norms(dead)[..., None] * unit)

    @t.no_grad()
    def resample_advanced(self, frac_active_in_window, resample_scale, batch_size):
        dead = dead_of(frac_active_in_window)
        h = self.batch(batch_size)
        weights = self.weights(h)
        vectors = self.vectors(h).transpose(0, 1)  # [inst batch d_in]
        rows = self.rows(weights)
        unit = F.normalize(vectors.gather(1, rows[..., None].expand(-1, -1, self.cfg.d_in)), dim=-1)
        self.finish(dead & (weights.sum(0) > 0)[:, None], unit, t.full((1, 1), resample_scale))


@wrong(ADVANCED, "not-squared")
class Loss(Parts):
    power = 1.0


@wrong(ADVANCED, "fourth-power")
class FourthPower(Parts):
    power = 4.0


@wrong(ADVANCED, "uniform")
class Uniform(Parts):
    power = 0.0


@wrong(ADVANCED, "one-for-all")
class Worst(Parts):
    def rows(self, weights):
        return weights.argmax(0)[:, None].expand(-1, self.cfg.d_sae)


@wrong(ADVANCED, "raised")
class WithoutReplacement(Parts):
    def rows(self, weights):
        return t.multinomial(weights.T, self.cfg.d_sae)


@wrong(ADVANCED, "no-direction")
class DirectionlessChosen(Parts):
    def weights(self, h):
        return self.forward(h)[0]["L_reconstruction"] ** 2


@wrong(ADVANCED, "zero-row-excluded")
class ZeroExcluded(Parts):
    def weights(self, h):
        return super().weights(h) * (h != 0).any(-1)


@wrong(ADVANCED, "not-centred")
class InputsThemselves(Parts):
    def vectors(self, h):
        return h


@wrong(ADVANCED, "negated")
class TurnedRound(Parts):
    def vectors(self, h):
        return self.b_dec - h


@wrong(ADVANCED, "no-input")
class Residual(Parts):
    def vectors(self, h):
        return h - self.forward(h)[3]


@wrong(ADVANCED, "two-batches")
class TwoBatches(Parts):
    def batch(self, batch_size):
        self.size = batch_size
        return super().batch(batch_size)

    def vectors(self, h):
        return self.generate_batch(self.size) - self.b_dec


@wrong(ADVANCED, "batch-size")
class OtherBatchSize(Parts):
    def batch(self, batch_size):
        return super().batch(256)


@wrong(ADVANCED, "not-times-mean")
class ScaleAlone(Parts):
    def norms(self, dead):
        return t.ones(len(dead), 1)


@wrong(ADVANCED, "mean-of-all")
class DeadInMean(Parts):
    def norms(self, dead):
        return self.W_enc.norm(dim=1).mean(1, keepdim=True)


@wrong(ADVANCED, "mean-over-instances")
class OneMean(Parts):
    def norms(self, dead):
        return self.W_enc.norm(dim=1)[~dead].mean().expand(len(dead), 1)


@wrong(ADVANCED, "none-live")
class MeanOfNothing(Parts):
    def norms(self, dead):
        return ((self.W_enc.norm(dim=1) * ~dead).sum(1) / (~dead).sum(1))[:, None]


@wrong(ADVANCED, "decoder-not-unit")
class DecoderScaledToo(Parts):
    def finish(self, dead, unit, scale):
        new = scale[..., None] * self.norms(dead)[..., None] * unit
        put(self, dead, new, new)


@wrong(ADVANCED, "b_enc-kept")
class BiasLeft(Parts):
    def finish(self, dead, unit, scale):
        put(self, dead, unit, scale[..., None] * self.norms(dead)[..., None] * unit, bias=None)


@wrong(ADVANCED, "live-changed")
class LiveToo(Parts):
    def finish(self, dead, unit, scale):
        super().finish(t.ones_like(dead), unit, scale)


@wrong(ADVANCED, "nothing-to-choose")
class MultinomialOfZeros(Parts):
    def rows(self, weights):
        return t.multinomial(weights.T, self.cfg.d_sae, replacement=True)


@wrong(ADVANCED, "one-to-choose")
class TwoInputsNeeded(Parts):
    def weights(self, h):
        weights = super().weights(h)
        return weights * ((weights > 0).sum(0) > 1)


@wrong(ADVANCED, "encoder-norm")
class DividedByTwoAtLeast(Parts):
    def norms(self, dead):
        live = ~dead
        mean = (self.W_enc.norm(dim=1) * live).sum(1) / live.sum(1).clamp(min=2)
        return t.where(live.any(1), mean, 1.0)[:, None]


@wrong(ADVANCED, "tied")
class UntiedOnlyAdvanced(Parts):
    def finish(self, dead, unit, scale):
        super().finish(dead, unit, scale)
        self._W_dec.data[dead] = unit[dead]


@right(ADVANCED)
class InPieces(Parts):
    pass


@right(ADVANCED)
class Categorical(Parts):
    def rows(self, weights):
        probabilities = (weights + (weights.sum(0) == 0)).T
        distribution = t.distributions.categorical.Categorical(probs=probabilities)
        return distribution.sample((self.cfg.d_sae,)).T


@right(ADVANCED)
class ByCumulativeSum(Parts):
    def rows(self, weights):
        edges = weights.T.contiguous().cumsum(1)
        draws = t.rand(len(edges), self.cfg.d_sae) * edges[:, -1:]
        return t.searchsorted(edges, draws).clamp(max=edges.shape[1] - 1)


@right(ADVANCED)
class BySelf(ToySAE):
    """Through the given method, one instance after the other."""

    @t.no_grad()
    def resample_advanced(self, frac_active_in_window, resample_scale, batch_size):
        dead = frac_active_in_window.sum(0) == 0
        h = self.generate_batch(batch_size)
        offset = h - self.b_dec
        weights = self(h)[0]["L_reconstruction"].square() * (offset.norm(dim=-1) > 0)
        directions, lengths = t.zeros(*dead.shape, self.cfg.d_in), t.ones(len(dead), 1)
        for i in range(len(dead)):
            if weights[:, i].max() == 0:
                dead[i] = False
                continue
            rows = t.multinomial(weights[:, i], self.cfg.d_sae, replacement=True)
            directions[i] = F.normalize(offset[rows, i], dim=-1)
            if not dead[i].all():
                lengths[i] = self.W_enc[i, :, ~dead[i]].norm(dim=0).mean()
        self.replace_latents(dead, directions, resample_scale * lengths)
