"""Answers to `sae_generate_batch`: hidden activations."""

import einops
import torch as t
from part31_superposition_and_saes.solutions import ToySAE
from torch.nn import functional as F

from . import right, wrong

BATCH = "sae_generate_batch"


def hidden(sae, x):
    return t.einsum("bif,idf->bid", x, sae.model.W)


@wrong(BATCH, "features-returned")
class Features(ToySAE):
    def generate_batch(self, batch_size):
        return self.model.generate_batch(batch_size)


@wrong(BATCH, "output-returned")
class Output(ToySAE):
    def generate_batch(self, batch_size):
        return self.model(self.model.generate_batch(batch_size))


@wrong(BATCH, "relu")
class Rectified(ToySAE):
    def generate_batch(self, batch_size):
        return F.relu(hidden(self, self.model.generate_batch(batch_size)))


@wrong(BATCH, "instances-mixed")
class InstancesSummed(ToySAE):
    def generate_batch(self, batch_size):
        return t.einsum("bif,idf->bd", self.model.generate_batch(batch_size), self.model.W)


@wrong(BATCH, "first-instance-data")
class DataOfTheFirst(ToySAE):
    def generate_batch(self, batch_size):
        h = hidden(self, self.model.generate_batch(batch_size))
        return h[:, :1].expand_as(h).clone()


@wrong(BATCH, "transposed")
class InstFirst(ToySAE):
    def generate_batch(self, batch_size):
        return hidden(self, self.model.generate_batch(batch_size)).transpose(0, 1)


@wrong(BATCH, "fixed-batch")
class AlwaysSixtyFour(ToySAE):
    def generate_batch(self, batch_size):
        return hidden(self, self.model.generate_batch(64))


@wrong(BATCH, "negated")
class Negated(ToySAE):
    def generate_batch(self, batch_size):
        return -hidden(self, self.model.generate_batch(batch_size))


@wrong(BATCH, "normalized-W")
class UnitColumns(ToySAE):
    def generate_batch(self, batch_size):
        W = F.normalize(self.model.W, dim=1)
        return t.einsum("bif,idf->bid", self.model.generate_batch(batch_size), W)


@wrong(BATCH, "normalized-rows")
class UnitRows(ToySAE):
    def generate_batch(self, batch_size):
        return F.normalize(hidden(self, self.model.generate_batch(batch_size)), dim=-1)


@wrong(BATCH, "binary-features")
class OnOrOff(ToySAE):
    def generate_batch(self, batch_size):
        return hidden(self, (self.model.generate_batch(batch_size) > 0).float())


@wrong(BATCH, "requires-grad")
class WithGradient(ToySAE):
    def generate_batch(self, batch_size):
        return hidden(self, self.model.generate_batch(batch_size)).requires_grad_()


@wrong(BATCH, "raised")
class WrongEquation(ToySAE):
    def generate_batch(self, batch_size):
        return self.model.generate_batch(batch_size) @ self.model.W


@wrong(BATCH, "one-instance")
class Squeezed(ToySAE):
    def generate_batch(self, batch_size):
        return hidden(self, self.model.generate_batch(batch_size)).squeeze(1)


@wrong(BATCH, "probability")
class NothingOn(ToySAE):
    def generate_batch(self, batch_size):
        return t.zeros(batch_size, self.cfg.n_inst, self.cfg.d_in)


@right(BATCH)
class Matmul(ToySAE):
    def generate_batch(self, batch_size):
        return (self.model.W @ self.model.generate_batch(batch_size).unsqueeze(-1)).squeeze(-1)


@right(BATCH)
class Detached(ToySAE):
    def generate_batch(self, batch_size):
        x = self.model.generate_batch(batch_size=batch_size)
        return einops.einsum(x, self.model.W.detach(), "b i f, i d f -> b i d")


@right(BATCH)
class FirstWeights(ToySAE):
    """All instances of the model are equal."""

    def generate_batch(self, batch_size):
        return self.model.generate_batch(batch_size) @ self.model.W[0].T


@right(BATCH)
class DrawnHere(ToySAE):
    """Without the model's own method."""

    def generate_batch(self, batch_size):
        p = self.model.feature_probability
        x = t.rand(batch_size, *p.shape) * (t.rand(batch_size, *p.shape) < p)
        return hidden(self, x)
