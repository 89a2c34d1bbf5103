"""Answers to the exercises on the autoencoder's start, decoder, batches and forward pass."""

import copy

import einops
import torch as t
from part31_superposition_and_saes.solutions import ToySAE
from torch import nn
from torch.nn import functional as F

from . import right, wrong

INIT, DECODER, BATCH, FORWARD = "sae_init", "sae_W_dec_normalized", "sae_generate_batch", "sae_forward"


# ---- the constructor


@wrong(INIT, "missing-parameter")
class NoDecoderBias(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        del self.b_dec


@wrong(INIT, "parameter-shape")
class EncoderTransposed(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self.W_enc = nn.Parameter(self.W_enc.detach().mT.clone())


@wrong(INIT, "parameter-shape")
class BiasesSwapped(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self.b_enc, self.b_dec = self.b_dec, self.b_enc


@wrong(INIT, "not-a-parameter")
class PlainBias(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        del self.b_enc
        self.b_enc = t.zeros(cfg.n_inst, cfg.d_sae)


@wrong(INIT, "frozen")
class FrozenEncoder(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self.W_enc.requires_grad_(False)


@wrong(INIT, "tied-decoder")
class DecoderThoughTied(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        if cfg.tied_weights:
            self._W_dec = nn.Parameter(self.W_enc.detach().mT.clone())


@wrong(INIT, "missing-parameter")
class TiedThoughNot(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self._W_dec = None


@wrong(INIT, "bias-not-zero")
class BiasesAtRandom(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        nn.init.normal_(self.b_enc)


@wrong(INIT, "constant-start")
class WeightsOfZero(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        nn.init.zeros_(self.W_enc)


@wrong(INIT, "instances-equal")
class OneStartForAll(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self.W_enc.data[:] = self.W_enc.data[0].clone()


@wrong(INIT, "decoder-equal")
class AlwaysFromEncoder(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        if self._W_dec is not None:
            self._W_dec.data.copy_(self.W_enc.data.mT)


@wrong(INIT, "decoder-init")
class NeverFromEncoder(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        if self._W_dec is not None:
            nn.init.normal_(self._W_dec)


@wrong(INIT, "no-cfg")
class NoConfig(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        del self.cfg


@wrong(INIT, "model-not-frozen")
class ModelFree(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self.model.requires_grad_(True)


@wrong(INIT, "model-not-equal")
class ModelAsItIs(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self.model = copy.deepcopy(model).requires_grad_(False)


@wrong(INIT, "model-changed")
class ModelPassedInChanged(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        model.requires_grad_(False)


@wrong(INIT, "fixed-size")
class NotebookLatents(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self.b_enc = nn.Parameter(t.zeros(cfg.n_inst, 5))
        if cfg.d_sae != 5:
            raise RuntimeError("size mismatch")


@wrong(INIT, "not-refused")
class AnyModel(ToySAE):
    def __init__(self, cfg, model):
        try:
            super().__init__(cfg, model)
        except ValueError:
            nn.Module.__init__(self)


@right(INIT)
class FastInit(ToySAE):
    """The start that nn.init gives a three-dimensional tensor, on another scale."""

    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self.W_enc = nn.Parameter(nn.init.kaiming_uniform_(t.empty(cfg.n_inst, cfg.d_in, cfg.d_sae)))
        if self._W_dec is not None and cfg.decoder_init == "random":
            self._W_dec = nn.Parameter(nn.init.kaiming_uniform_(t.empty(cfg.n_inst, cfg.d_sae, cfg.d_in)))
        elif self._W_dec is not None:
            self._W_dec = nn.Parameter(self.W_enc.detach().transpose(1, 2).contiguous())


@right(INIT)
class LoopOverInstances(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        for i in range(cfg.n_inst):
            nn.init.kaiming_uniform_(self.W_enc.data[i])
            if self._W_dec is not None and cfg.decoder_init == "random":
                nn.init.kaiming_uniform_(self._W_dec.data[i])
            elif self._W_dec is not None:
                self._W_dec.data[i] = self.W_enc.data[i].T


@right(INIT)
class NormalStart(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        nn.init.normal_(self.W_enc, std=0.1)
        if self._W_dec is not None:
            decoder = self.W_enc.mT.clone() if cfg.decoder_init == "encoder" else t.randn_like(self._W_dec)
            self._W_dec = nn.Parameter(decoder.detach())


# ---- the normalized decoder


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


# ---- batches of hidden activations


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


# ---- the forward pass


def encode(sae, h, centre=True, bias=True):
    """Pre-activations."""
    pre = t.einsum("bid,ids->bis", h - sae.b_dec if centre else h, sae.W_enc)
    return pre + sae.b_enc if bias else pre


def decode(sae, acts, decoder=None, bias=True):
    out = t.einsum("bis,isd->bid", acts, sae.W_dec_normalized if decoder is None else decoder)
    return out + sae.b_dec if bias else out


def finish(sae, h, acts, out, reconstruction=None, sparsity=None, loss=None):
    """The four results, the rest being right."""
    reconstruction = (out - h).pow(2).mean(-1) if reconstruction is None else reconstruction
    sparsity = acts.abs().sum(-1) if sparsity is None else sparsity
    loss = reconstruction + sae.cfg.sparsity_coeff * sparsity if loss is None else loss
    return {"L_reconstruction": reconstruction, "L_sparsity": sparsity}, loss, acts, out


def all_right(sae, h):
    acts = F.relu(encode(sae, h))
    return acts, decode(sae, acts)


@wrong(FORWARD, "not-centred")
class NotCentred(ToySAE):
    def forward(self, h):
        acts = F.relu(encode(self, h, centre=False))
        return finish(self, h, acts, decode(self, acts))


@wrong(FORWARD, "no-b_enc")
class NoEncoderBias(ToySAE):
    def forward(self, h):
        acts = F.relu(encode(self, h, bias=False))
        return finish(self, h, acts, decode(self, acts))


@wrong(FORWARD, "no-relu")
class NoRelu(ToySAE):
    def forward(self, h):
        acts = encode(self, h)
        return finish(self, h, acts, decode(self, acts))


@wrong(FORWARD, "b_enc-after-relu")
class BiasAfterRelu(ToySAE):
    def forward(self, h):
        acts = F.relu(encode(self, h, bias=False)) + self.b_enc
        return finish(self, h, acts, decode(self, acts))


@wrong(FORWARD, "no-b_dec")
class NoDecoderBiasAdded(ToySAE):
    def forward(self, h):
        acts = F.relu(encode(self, h))
        return finish(self, h, acts, decode(self, acts, bias=False))


@wrong(FORWARD, "not-normalized")
class RawDecoder(ToySAE):
    def forward(self, h):
        acts = F.relu(encode(self, h))
        return finish(self, h, acts, decode(self, acts, self.W_dec))


@wrong(FORWARD, "relu-on-output")
class ReluOnOutput(ToySAE):
    def forward(self, h):
        acts = F.relu(encode(self, h))
        return finish(self, h, acts, F.relu(decode(self, acts)))


@wrong(FORWARD, "sum-over-d_in")
class SumOverInput(ToySAE):
    def forward(self, h):
        acts, out = all_right(self, h)
        return finish(self, h, acts, out, reconstruction=(out - h).pow(2).sum(-1))


@wrong(FORWARD, "reconstruction-all-mean")
class OneNumber(ToySAE):
    def forward(self, h):
        acts, out = all_right(self, h)
        return finish(self, h, acts, out, reconstruction=F.mse_loss(out, h))


@wrong(FORWARD, "reconstruction-batch-mean")
class BatchMean(ToySAE):
    def forward(self, h):
        acts, out = all_right(self, h)
        return finish(self, h, acts, out, reconstruction=(out - h).pow(2).mean((0, -1)))


@wrong(FORWARD, "mean-over-d_sae")
class MeanOverLatents(ToySAE):
    def forward(self, h):
        acts, out = all_right(self, h)
        return finish(self, h, acts, out, sparsity=acts.mean(-1))


@wrong(FORWARD, "sparsity-weighted")
class Weighted(ToySAE):
    def forward(self, h):
        acts, out = all_right(self, h)
        sparsity = self.cfg.sparsity_coeff * acts.sum(-1)
        return finish(self, h, acts, out, sparsity=sparsity, loss=(out - h).pow(2).mean(-1) + sparsity)


@wrong(FORWARD, "l2")
class Squares(ToySAE):
    def forward(self, h):
        acts, out = all_right(self, h)
        return finish(self, h, acts, out, sparsity=acts.pow(2).sum(-1))


@wrong(FORWARD, "l0")
class Counted(ToySAE):
    def forward(self, h):
        acts, out = all_right(self, h)
        return finish(self, h, acts, out, sparsity=(acts > 0).float().sum(-1))


@wrong(FORWARD, "no-coefficient")
class NoCoefficient(ToySAE):
    def forward(self, h):
        acts, out = all_right(self, h)
        return finish(self, h, acts, out, loss=(out - h).pow(2).mean(-1) + acts.sum(-1))


@wrong(FORWARD, "loss-batch-mean")
class LossOverBatch(ToySAE):
    def forward(self, h):
        acts, out = all_right(self, h)
        terms, loss, *_ = finish(self, h, acts, out)
        return terms, loss.mean(0), acts, out


@wrong(FORWARD, "not-four")
class Three(ToySAE):
    def forward(self, h):
        return super().forward(h)[1:]


@wrong(FORWARD, "order")
class Swapped(ToySAE):
    def forward(self, h):
        terms, loss, acts, out = super().forward(h)
        return terms, loss, out, acts


@wrong(FORWARD, "loss-keys")
class OtherKeys(ToySAE):
    def forward(self, h):
        terms, *rest = super().forward(h)
        return ({"L_recon": terms["L_reconstruction"], "L_sparsity": terms["L_sparsity"]}, *rest)


@wrong(FORWARD, "detached")
class DecoderDetached(ToySAE):
    def forward(self, h):
        acts = F.relu(encode(self, h))
        return finish(self, h, acts, decode(self, acts, self.W_dec_normalized.detach()))


@wrong(FORWARD, "gradient")
class ActsDetachedForDecoder(ToySAE):
    def forward(self, h):
        acts = F.relu(encode(self, h))
        return finish(self, h, acts, decode(self, acts.detach()))


@wrong(FORWARD, "first-instance-weights")
class FirstEncoder(ToySAE):
    def forward(self, h):
        acts = F.relu((h - self.b_dec) @ self.W_enc[0] + self.b_enc)
        return finish(self, h, acts, decode(self, acts))


@wrong(FORWARD, "input-changed")
class InputChanged(ToySAE):
    def forward(self, h):
        out = super().forward(h)
        h.data.sub_(self.b_dec.data)
        return out


@right(FORWARD)
class MatmulForward(ToySAE):
    def forward(self, h):
        centred = (h - self.b_dec).unsqueeze(-2)
        acts = t.relu((centred @ self.W_enc).squeeze(-2) + self.b_enc)
        out = (acts.unsqueeze(-2) @ self.W_dec_normalized).squeeze(-2) + self.b_dec
        return finish(self, h, acts, out, sparsity=acts.norm(p=1, dim=-1))


@right(FORWARD)
class EinopsForward(ToySAE):
    def forward(self, h):
        pre = einops.einsum(h - self.b_dec, self.W_enc, "b i d, i d s -> b i s") + self.b_enc
        acts = t.where(pre > 0, pre, 0.0)
        out = self.b_dec + einops.einsum(acts, self.W_dec_normalized, "b i s, i s d -> b i d")
        error = einops.reduce(F.mse_loss(out, h, reduction="none"), "b i d -> b i", "mean")
        return finish(self, h, acts, out, reconstruction=error)


@right(FORWARD)
class TwoBiases(ToySAE):
    """The biases folded into one."""

    def forward(self, h):
        bias = self.b_enc - t.einsum("id,ids->is", self.b_dec, self.W_enc)
        acts = F.relu(t.einsum("bid,ids->bis", h, self.W_enc) + bias)
        terms, loss, *_ = finish(self, h, acts, decode(self, acts))
        return {**terms, "L0": (acts > 0).float().sum(-1)}, loss, acts, decode(self, acts)


@right(FORWARD)
class LoopForward(ToySAE):
    def forward(self, h):
        acts, outs = [], []
        for i in range(self.cfg.n_inst):
            one = F.relu(F.linear(h[:, i] - self.b_dec[i], self.W_enc[i].T, self.b_enc[i]))
            acts.append(one)
            outs.append(one @ self.W_dec_normalized[i] + self.b_dec[i])
        return finish(self, h, t.stack(acts, 1), t.stack(outs, 1))
