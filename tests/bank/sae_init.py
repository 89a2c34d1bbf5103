"""Answers to `sae_init`: the constructor."""

import copy

import torch as t
from part31_superposition_and_saes.solutions import ToySAE
from torch import nn

from . import right, wrong

INIT = "sae_init"


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
