"""Answers to `sae_forward`."""

import einops
import torch as t
from part31_superposition_and_saes.solutions import ToySAE
from torch.nn import functional as F

from . import right, wrong

FORWARD = "sae_forward"


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
