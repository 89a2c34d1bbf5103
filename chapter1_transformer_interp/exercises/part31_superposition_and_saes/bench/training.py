"""One autoencoder on each of several models: ours as in section 5, any other class with what it accepts."""

import copy
import inspect
import warnings
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch as t
from jaxtyping import Float
from torch import Tensor, nn

from .. import solutions
from ..runtime import forked_random_state
from ..solutions import ToyModel, ToySAEConfig
from ..training.sources import accepts_generator, global_state_from
from .entries import Entry, Refused

ROWS_OF_THE_TRIAL = 8


def train(entry: Entry, value: float, models: ToyModel, generator: t.Generator, steps: int) -> Any:
    """Train one autoencoder of a class on each model.

    Args:
        entry: class and settings.
        value: of its sparsity setting.
        models: trained ones; a class gets a copy of its own.
        generator: source of start and data, on the models' device.
        steps: of training, batches of 256.
    Raises:
        Refused: if the class raises, or what it makes is no autoencoder of these sizes.
    """
    if issubclass(entry.sae, solutions.ToySAE) and accepts_generator(entry.sae.__init__):
        with _says_who_raised(f"training with {entry.knob}={value:.3g}"):
            return solutions.train_variant(entry.variant(), value, models, generator, steps)
    return _train_other(entry, value, models, generator, steps)


def _train_other(entry: Entry, value: float, models: ToyModel, generator: t.Generator, steps: int) -> Any:
    """As `solutions.train_variant` does, with only those arguments that the class takes."""
    cfg = _config(entry, value, models)
    with forked_random_state(), global_state_from(generator):
        with _says_who_raised(f"{entry.sae.__name__}(cfg, model)"):
            sae = with_what_it_takes(entry.sae, cfg, copy.deepcopy(models), generator=generator)
        if isinstance(getattr(sae, "model", None), nn.Module):
            with _says_who_raised("giving each instance its own model (sae.model.load_state_dict)"):
                sae.model.load_state_dict(models.state_dict())
        if not callable(getattr(sae, "optimize", None)):
            raise Refused(f"{entry.sae.__name__} has no method optimize; it must train the autoencoder in place")
        hidden = hidden_rows(models, ROWS_OF_THE_TRIAL, generator)[1]
        look(sae, hidden)  # wrong shapes show before minutes are spent
        with _says_who_raised("optimize"):
            with_what_it_takes(
                sae.optimize, batch_size=256, steps=steps, lr=0.01, lr_scale=solutions.short_warmup_lr,
                log_freq=steps, hidden_sample_size=1, resample_method="simple", resample_freq=50, resample_window=50,
                generator=generator,
            )  # fmt: skip
    return sae.eval() if isinstance(sae, nn.Module) else sae


def _config(entry: Entry, value: float, models: ToyModel) -> ToySAEConfig:
    """Sizes and settings; a setting that our config does not have becomes an attribute of it."""
    sizes = (models.cfg.n_inst, models.cfg.d_hidden, models.cfg.n_features)
    chosen = {"init_scale": 0.3, "decoder_init": "encoder", **entry.choices, entry.knob: value}
    known = {one.name for one in fields(ToySAEConfig)}
    cfg = ToySAEConfig(*sizes, **{name: choice for name, choice in chosen.items() if name in known})
    for name in chosen.keys() - known:
        setattr(cfg, name, chosen[name])
    return cfg


def with_what_it_takes(function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
    """Call a function with those keywords that it accepts."""
    parameters = inspect.signature(function).parameters.values()
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        names = {p.name for p in parameters}
        keywords = {name: value for name, value in keywords.items() if name in names}
    return function(*args, **keywords)


class _says_who_raised:
    """Turns whatever a class raises into a `Refused` that says where; Ctrl-C passes through."""

    def __init__(self, where: str):
        self.where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception | SystemExit) and not isinstance(error, Refused):
            text = " ".join(str(error).split()) or "no message"
            text = text if len(text) <= 200 else f"{text[:200]} …"
            raise Refused(f"{self.where} raised {type(error).__name__}: {text}") from error


@t.no_grad()
def hidden_rows(
    models: ToyModel, rows: int, generator: t.Generator
) -> tuple[Float[Tensor, "batch inst feats"], Float[Tensor, "batch inst d_hidden"]]:
    """Features and the hidden activations that the models make of them."""
    x = models.generate_batch(rows, generator=generator)
    return x, t.einsum("bif,idf->bid", x, models.W)


def look(
    sae: Any, h: Float[Tensor, "batch inst d_in"]
) -> tuple[Float[Tensor, "batch inst d_sae"], Float[Tensor, "batch inst d_in"], Float[Tensor, "inst d_sae d_in"]]:
    """Latents, reconstructions and decoder of an autoencoder, checked.

    Raises:
        Refused: if `forward` raises, or gives something of another shape, NaN, or latents below zero.
    """
    with _says_who_raised("forward"), t.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = sae(h)
    if not isinstance(out, tuple | list) or len(out) != 4:
        came = f"{len(out)} things" if isinstance(out, tuple | list) else f"a {type(out).__name__}"
        raise Refused(f"forward gives {came}; it must give loss_dict, loss, acts_post, h_reconstructed")
    decoder = getattr(sae, "W_dec", None)
    if not isinstance(decoder, Tensor):
        raise Refused("it has no W_dec [inst d_sae d_in]: without directions nothing can be matched with the features")
    acts, h_reconstructed = out[2:]
    n_inst, d_in = h.shape[1:]
    d_sae = decoder.shape[-2] if decoder.ndim == 3 else "d_sae"
    for name, got, axes, shape in (
        ("W_dec", decoder, "inst d_sae d_in", (n_inst, d_sae, d_in)),
        ("acts_post", acts, "batch inst d_sae", (len(h), n_inst, d_sae)),
        ("h_reconstructed", h_reconstructed, "batch inst d_in", tuple(h.shape)),
    ):
        if not isinstance(got, Tensor) or tuple(got.shape) != shape:
            came = str(list(got.shape)) if isinstance(got, Tensor) else f"a {type(got).__name__}"
            wanted = ", ".join(str(one) for one in shape)
            raise Refused(f"{name} is {came}; it must be [{axes}] = [{wanted}]")
        if not got.isfinite().all():
            share = (~got.isfinite()).float().mean().item()
            raise Refused(f"{name} is NaN or infinite in {share:.0%} of its places; every number must be finite")
    if (acts < 0).any():
        raise Refused(
            f"acts_post is below 0 in {(acts < 0).float().mean().item():.0%} of its places; "
            "it must be 0 or more, since directions are matched with their sign"
        )
    return acts.detach(), h_reconstructed.detach(), decoder.detach()
