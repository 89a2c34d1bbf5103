"""Tests of section 5: an autoencoder's start, its normalized decoder and its batches."""

from functools import partial
from typing import Any

import numpy as np
import torch as t
from torch import Tensor, nn
from torch.nn import functional as F

from .. import solutions
from ..checking.batch_law import Law
from ..checking.compare import Mistake, check_tensor, compare, compare_gradients, no_mistakes, to_numpy
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from ..checking.sparse_batch import check_batch
from .models import FIXED_BATCH, FIXED_SIZE
from .sae_models import (
    AXES,
    NOTEBOOK,
    ONE,
    TALL,
    TIED,
    WIDE,
    SAESizes,
    check_parameters,
    make_sae,
    make_toy_model,
    names_of,
    parameters_of,
    read_property,
    set_parameters,
)

ONE_INSTANCE = ("one-instance", "Do not squeeze the inst axis.")


# ---- the constructor


@learner_test("sae_init", "ToySAE.__init__")
def test_sae_init(trial: Trial, sae_class: Any) -> str:
    """Test `ToySAE.__init__`: `tests.test_sae_init(ToySAE)`."""
    notes: list[str] = []
    for sizes in (NOTEBOOK, WIDE, TIED, ONE):
        suspect = FIXED_SIZE if sizes is WIDE else ONE_INSTANCE if sizes is ONE else None
        with trial.case(str(sizes), suspect):
            notes += _check_start(trial, sae_class, sizes)
    with trial.case('decoder_init="encoder"', named=True):
        _check_start(trial, sae_class, WIDE, decoder_init="encoder")
    toy = make_toy_model(trial, WIDE)
    for name, cfg in (
        ("n_inst", solutions.ToySAEConfig(WIDE.inst + 1, WIDE.d_in, WIDE.d_sae)),
        ("d_in", solutions.ToySAEConfig(WIDE.inst, WIDE.d_in + 1, WIDE.d_sae)),
    ):
        trial.refuses(f"a cfg whose {name} does not fit the model", "ToySAE(cfg, model)", sae_class, cfg, toy)
    note = "".join(f" (note: {text})" for text in dict.fromkeys(notes))
    return f"parameters of 4 sizes, tied and not, their start, the frozen model{note}"


def _check_start(trial: Trial, sae_class: Any, sizes: SAESizes, **fields: Any) -> list[str]:
    """Check a fresh autoencoder; returns what is worth a note."""
    toy, cfg = make_toy_model(trial, sizes), sizes.cfg(**fields)
    before = {name: value.detach().clone() for name, value in toy.state_dict().items()}
    sae = trial.call("ToySAE(cfg, model)", sae_class, cfg, toy)
    if not issubclass(type(sae), nn.Module):
        raise Failure("not-a-module", "ToySAE is not an nn.Module.", "Write class ToySAE(nn.Module).")
    if getattr(sae, "cfg", None) is not cfg:
        raise Failure("no-cfg", "self.cfg is not the config that was passed.", "Write self.cfg = cfg.")
    check_parameters(sae, sizes)
    notes = _check_frozen_model(sae, toy, before)
    extra = [n for n, p in sae.named_parameters() if p.requires_grad and n not in AXES and not n.startswith("model.")]
    if extra:
        raise Failure("extra-parameter", f"there is a parameter too many: {', '.join(extra)}.")
    for name in ("b_enc", "b_dec"):
        if getattr(sae, name).detach().abs().max() > 0:
            raise Failure("bias-not-zero", f"{name} does not start at zero.", "Start biases with t.zeros.")
    for name in names_of(sizes):
        if name in ("W_enc", "_W_dec"):
            notes += _check_weights(name, getattr(sae, name).detach(), cfg.init_scale)
    if not cfg.tied_weights:
        _check_two_starts(sae, cfg)
    return notes


def _check_frozen_model(sae: Any, toy: solutions.ToyModel, before: dict[str, Tensor]) -> list[str]:
    mine = getattr(sae, "model", None)
    if mine is None:
        raise Failure("no-model", "self.model is missing.", "Write self.model = copies_of_first(model, cfg).")
    if any(p.requires_grad for p in mine.parameters()):
        raise Failure("model-not-frozen", "the parameters of self.model can still be trained.", "Freeze them first.")
    for name in ("W", "b_final"):
        if not t.equal(getattr(mine, name), before[name][:1].expand_as(before[name])):
            headline = f"self.model.{name} is not that of instance 0 in every instance."
            raise Failure("model-not-equal", headline, "Give every instance the weights of model's instance 0.")
    for name in ("feature_probability", "importance"):
        if not t.equal(getattr(mine, name), before[name]):
            raise Failure("model-attribute", f"self.model.{name} is not that of the model passed in.")
    if mine is toy:
        return ["self.model is the model passed in, which is now changed and frozen; a copy leaves it alone"]
    unchanged = all(t.equal(value, before[name]) for name, value in toy.state_dict().items())
    if not unchanged or not all(p.requires_grad for p in toy.parameters()):
        raise Failure("model-changed", "the model passed in is not as it was.", "Change and freeze a copy of it.")
    return []


def _check_weights(name: str, weights: Tensor, init_scale: float) -> list[str]:
    if not weights.isfinite().all():
        raise Failure("nan", f"{name} starts with values that are not finite.", "t.empty is not filled: fill it.")
    spread = weights.flatten(1).std(dim=1)
    if (spread == 0).any():
        raise Failure("constant-start", f"all entries of {name} are the same: all latents would stay the same.")
    if len(weights) > 1 and (weights[0] == weights[1]).all():
        advice = "Draw a tensor with the inst axis: instances are there to differ."
        raise Failure("instances-equal", f"every instance of {name} starts with the same weights.", advice)
    wanted = init_scale * (6 / weights.shape[-1]) ** 0.5
    # Uniform: within its bound, with a standard deviation of bound / √3, to within chance.
    as_ours = weights.abs().max() <= wanted * 1.001 and spread.mean() >= 0.6 * wanted / 3**0.5
    if as_ours:
        return []
    return [f"{name} starts on another scale than nn.init.kaiming_uniform_ of each instance gives; it trains too"]


def _check_two_starts(sae: Any, cfg: solutions.ToySAEConfig) -> None:
    decoder, encoder = sae._W_dec.detach(), sae.W_enc.detach().mT
    if decoder.untyped_storage().data_ptr() == encoder.untyped_storage().data_ptr():
        headline = "_W_dec and W_enc share their memory: training one changes the other."
        raise Failure("shared-memory", headline, "Add .clone().")
    same = t.allclose(F.normalize(decoder, dim=-1), F.normalize(encoder, dim=-1), atol=1e-5)
    if cfg.decoder_init == "encoder" and not same:
        advice = "Start _W_dec as W_enc.detach().mT.clone() in that case."
        raise Failure("decoder-init", "_W_dec does not start as W_enc transposed.", advice)
    if cfg.decoder_init == "random" and same:
        raise Failure("decoder-equal", "_W_dec starts as W_enc transposed, though the config asks for a random start.")


# ---- the normalized decoder


def normalized_mistakes(sae: solutions.ToySAE) -> list[Mistake]:
    """What `W_dec_normalized` gives with one thing wrong."""
    W, encoder = sae.W_dec.detach(), sae.W_enc.detach()
    this, rows = "these are the values that you get", "Row j is latent j: its norm is over d_in, the last axis."
    norms = W.norm(dim=-1, keepdim=True)
    return [
        Mistake("not-normalized", f"this is W_dec as it is.\n{rows}", W),
        Mistake("other-axis", f"{this} with norms over the latents.\n{rows}", W / W.norm(dim=1, keepdim=True)),
        Mistake("over-instances", f"{this} with norms over instances.\n{rows}", W / W.norm(dim=0, keepdim=True)),
        Mistake(
            "whole-instance",
            f"{this} with one norm an instance.\n{rows}",
            W / W.norm(dim=(1, 2), keepdim=True),
        ),
        Mistake("whole-tensor", f"{this} with one norm for everything.\n{rows}", W / W.norm()),
        Mistake("squared-norm", f"{this} when you divide by the squared norm. Take the root.", W / norms**2),
        Mistake("absolute-sum", f"{this} with a sum of absolute values as norm.", W / W.abs().sum(-1, keepdim=True)),
        Mistake("largest-entry", f"{this} with the largest entry as norm.", W / W.abs().amax(-1, keepdim=True)),
        Mistake("plain-sum", f"{this} with the plain sum as norm.", W / W.sum(-1, keepdim=True)),
        Mistake(
            "mean-for-sum", f"{this} with a mean in place of the sum.", W / W.square().mean(-1, keepdim=True).sqrt()
        ),
        Mistake("softmax", f"{this} with a softmax. Divide by the Euclidean norm.", W.softmax(-1)),
        Mistake("norms-returned", "these are the norms. Divide W_dec by them.", norms),
        Mistake("not-transposed", f"this is the decoder transposed: columns are latents.\n{rows}", (W / norms).mT),
        Mistake("encoder", "this is the encoder, normalized.\nUse self.W_dec.", F.normalize(encoder, dim=1).mT),
        Mistake("multiplied", f"{this} when you multiply by the norm. Divide.", W * norms),
    ]


@learner_test("sae_W_dec_normalized", "ToySAE.W_dec_normalized")
def test_sae_W_dec_normalized(trial: Trial, sae_class: Any) -> str:
    """Test the property `ToySAE.W_dec_normalized`: `tests.test_sae_W_dec_normalized(ToySAE)`."""
    cases = ((NOTEBOOK, None), (WIDE, FIXED_SIZE), (TALL, FIXED_SIZE), (ONE, ONE_INSTANCE), (TIED, TIED_WEIGHTS))
    for sizes, suspect in cases:
        sae, reference = make_sae(trial, sae_class, sizes)
        set_parameters(trial, sae, reference, sizes)
        with trial.case(str(sizes), suspect):
            _check_normalized(trial, sae, reference, sizes)
    sae, reference = make_sae(trial, sae_class, WIDE)
    set_parameters(trial, sae, reference, WIDE)
    with t.no_grad():
        for one in (sae, reference):
            one.W_dec[1, 2] = 0
    with trial.case("a row of zeros", ("zero-row", "Add cfg.weight_normalize_eps to the norm: 0 / eps is 0.")):
        got = read_property(trial, sae, "W_dec_normalized", parameters_of(sae, WIDE))
        compare(got, reference.W_dec_normalized, AXES["_W_dec"], what="W_dec_normalized")
    return "values for 5 sizes, tied and not, a row of zeros, gradient to the decoder"


TIED_WEIGHTS = ("tied", "With tied weights _W_dec is None: use the property self.W_dec, which knows.")


def _check_normalized(trial: Trial, sae: Any, reference: solutions.ToySAE, sizes: SAESizes) -> None:
    got = read_property(trial, sae, "W_dec_normalized", parameters_of(sae, sizes))
    expected = reference.W_dec_normalized
    mistakes = partial(normalized_mistakes, reference)
    answer = compare(got, expected, AXES["_W_dec"], mistakes=mistakes, what="W_dec_normalized", grad=True)
    name = "_W_dec" if "_W_dec" in names_of(sizes) else "W_enc"
    weights = trial.normal(*expected.shape)
    (mine,) = t.autograd.grad((answer * weights).sum(), getattr(sae, name), allow_unused=True)
    right = getattr(reference, name)
    (wanted,) = t.autograd.grad((expected * weights).sum(), right, retain_graph=True)
    detached = (right.mT if name == "W_enc" else right) / reference.W_dec.detach().norm(dim=-1, keepdim=True)
    (cut,) = t.autograd.grad((detached * weights).sum(), right)
    text = "the values are right, and the norm gets no gradient.\nLeave out .detach() and .data around it."
    compare_gradients({name: mine}, {name: wanted}, mistakes={name: lambda: [Mistake("norm-detached", text, cut)]})


# ---- batches of hidden activations


def batch_mistakes(W: Tensor, b_final: Tensor, x: Tensor) -> list[Mistake]:
    """What a batch of hidden activations is with one thing wrong."""
    this = "these are the values that you get"
    h = t.einsum("bif,idf->bid", x, W)
    return [
        Mistake("features-returned", "these are the features x.\nAsked for is the hidden layer, W x.", x),
        Mistake(
            "output-returned",
            "this is the model's output.\nAsked for is its hidden layer, W x.",
            F.relu(t.einsum("bid,idf->bif", h, W) + b_final),
        ),
        Mistake("relu", f"{this} with a ReLU. The hidden layer has none.", F.relu(h)),
        Mistake("instances-mixed", f"{this} when instances are summed.\nKeep inst.", t.einsum("bif,idf->bd", x, W)),
        Mistake("first-instance-data", f"{this} when all instances get the data of instance 0.", h[:, :1].expand_as(h)),
        Mistake("batch-mean", "this is the mean over the batch.", h.mean(0)),
        Mistake("negated", f"{this} with the wrong sign.", -h),
        Mistake(
            "normalized-W",
            f"{this} with the columns of W scaled to length 1.\nUse W as it is.",
            t.einsum("bif,idf->bid", x, F.normalize(W, dim=1)),
        ),
        Mistake("normalized-rows", f"{this} when every row is scaled to length 1.", F.normalize(h, dim=-1)),
        Mistake("centred", f"{this} when the mean of the batch is taken off.", h - h.mean(0)),
        Mistake(
            "binary-features", f"{this} when every feature that is on is 1.", t.einsum("bif,idf->bid", x.sign(), W)
        ),
    ]


@learner_test("sae_generate_batch", "ToySAE.generate_batch")
def test_sae_generate_batch(trial: Trial, sae_class: Any) -> str:
    """Test `ToySAE.generate_batch`: `tests.test_sae_generate_batch(ToySAE)`."""
    cases = (
        ("a batch of 64", NOTEBOOK, 64, None),
        ("a batch of 6", NOTEBOOK, 6, FIXED_BATCH),
        (str(WIDE), WIDE, 11, FIXED_SIZE),
        (str(TALL), TALL, 4, FIXED_SIZE),
        (str(ONE), ONE, 9, ONE_INSTANCE),
    )
    for text, sizes, rows, suspect in cases:
        sae, _ = make_sae(trial, sae_class, sizes)
        with trial.case(text, suspect):
            if not _check_batch(trial, sae, sizes, rows):
                _check_law(trial, sae_class)
                return "the law of a batch of its own drawing"
    return "W x for 5 sizes, from fresh features"


def record_features(sae: Any, batches: list[Tensor]) -> list[int]:
    """Let the toy model inside return these features, one batch a call; the list tells of the sizes asked for."""
    calls: list[int] = []

    def generate_batch(batch_size: int, **_: Any) -> Tensor:
        calls.append(batch_size)
        return batches[min(len(calls), len(batches)) - 1][:batch_size].clone()

    sae.model.generate_batch = generate_batch
    return calls


def _check_batch(trial: Trial, sae: Any, sizes: SAESizes, rows: int) -> bool:
    """Compare with W x of known features; returns whether they were used."""
    x = trial.uniform(rows, sizes.inst, sizes.feats) * (trial.uniform(rows, sizes.inst, sizes.feats) < 0.5)
    calls = record_features(sae, [x])
    W, b_final = sae.model.W.detach(), sae.model.b_final.detach()
    got = trial.call("generate_batch(batch_size)", trial.method(sae, "generate_batch"), rows, watch={"model.W": W})
    if not calls:
        return False
    if calls[0] != rows:
        headline = f"generate_batch({rows}) asks the model for {calls[0]} rows."
        raise Failure("fixed-batch", headline, "Hand batch_size on to self.model.generate_batch.")
    expected = t.einsum("bif,idf->bid", x, W)
    # With one instance different mistakes look the same: those were named before.
    mistakes = partial(batch_mistakes, W, b_final, x) if sizes.inst > 1 else no_mistakes
    compare(got, expected, "batch inst d_in", mistakes=mistakes, what="the batch", grad=False)
    return True


def _check_law(trial: Trial, sae_class: Any) -> None:
    """Features drawn without the model's own method: read them back, d_in being larger than their number."""
    sizes = SAESizes(3, 6, 4, 5)
    sae, _ = make_sae(trial, sae_class, sizes)
    batches = []
    for _ in range(2):
        got = trial.call("generate_batch(batch_size)", trial.method(sae, "generate_batch"), 2_400)
        expected = t.zeros(2_400, sizes.inst, sizes.d_in, device=trial.device)
        batches.append(to_numpy(check_tensor(got, expected, "batch inst d_in", what="the batch", grad=False)))
    h, W = np.concatenate(batches), to_numpy(sae.model.W)
    x = np.einsum("bid,ifd->bif", h, np.linalg.pinv(W))
    if np.abs(np.einsum("bif,idf->bid", x, W) - h).max() > 1e-3:
        raise Failure("values", "the batch is not W x of any features x.", "Use self.model.W and self.model's batch.")
    x[np.abs(x) < 1e-5] = 0
    check_batch(x, Law(to_numpy(sae.model.feature_probability)), trial.ledger)
