"""Tests of section 5: resampling that chooses its inputs by their loss."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch as t

from .. import solutions
from ..checking.compare import to_numpy
from ..checking.outcome import UNSOLVED, Failure
from ..checking.runner import Trial, learner_test
from ..checking.statistics import count_excess
from .sae import record_features
from .sae_models import SAESizes, make_sae, set_parameters
from .sae_resampling import CLOSE, MANY, PLANE, SCALE, TIED, Resampled, check_latents, make_window, resample


@dataclass
class Inputs:
    """Inputs of a call of `resample_advanced`, made so that every row can be told from its direction.

    Attributes:
        h: `[batch inst d_in]` of the first batch, and of a second, should one be drawn.
        loss: `[batch inst]` of the first.
        offset: h - b_dec.
        calls: sizes of the batches that were asked for.
    """

    h: list[np.ndarray]
    loss: np.ndarray
    offset: list[np.ndarray]
    calls: list[int]

    def probability(self, power: float = 2.0, with_directionless: bool = False) -> np.ndarray:
        """Of each row to be chosen, `[inst batch]`."""
        weights = self.loss**power
        if not with_directionless:
            weights = np.where(np.linalg.norm(self.offset[0], axis=-1) > 1e-6, weights, 0)
        total = weights.sum(0)
        return np.asarray((weights / np.where(total > 0, total, 1)).T)


@learner_test("resample_advanced", "ToySAE.resample_advanced")
def test_resample_advanced(trial: Trial, sae_class: Any) -> str:
    """Test `ToySAE.resample_advanced`: `tests.test_resample_advanced(ToySAE)`."""
    with trial.case("some latents dead"):
        _advanced(trial, sae_class, MANY, 0.8, directionless=True)
    with trial.case("no latent dead", named=True):
        _advanced(trial, sae_class, PLANE, 0.0)
    with trial.case("all latents dead", ("none-live", "Where no latent lives, take 1 for the mean norm."), named=True):
        _advanced(trial, sae_class, PLANE, 1.0)
    with trial.case("one latent alive", named=True):
        _advanced(trial, sae_class, PLANE, 1.0, one_lives=True)
    with trial.case("tied weights", ("tied", "With tied weights _W_dec is None: set the encoder alone."), named=True):
        _advanced(trial, sae_class, TIED, 0.5)
    with trial.case("instances in which every input is b_dec, or all but one", named=True):
        _nothing_to_choose(trial, sae_class)
    return "choice by squared loss, directions, lengths; none and all dead, tied weights, nothing to choose from"


def make_inputs(trial: Trial, sae: Any, reference: solutions.ToySAE, rows: int, directionless: bool) -> Inputs:
    """Two batches of features for the toy model inside; row 1 of the first has h = 0, and row 0 may have h = b_dec.

    Parameters are set so that few latents fire, whatever their number, and that losses do not depend on dead ones.
    """
    W = sae.model.W
    inst, _, feats = W.shape
    with t.no_grad():
        for one in (sae, reference):
            one.b_dec.copy_(W[:, :, 0])  # exactly what a row with feature 0 alone, of size 1, gives
            one.b_enc.fill_(-100)
        W_enc, W_dec = reference.W_enc[:, :, :3], reference.W_dec_normalized[:, :3]
    for attempt in range(500):
        x = trial.uniform(2, rows, inst, feats, low=0.1, high=1.5) * (0.25, 0.5, 1.0, 1.5)[attempt % 4]
        x[0, 1] = 0
        if directionless:
            x[0, 0] = 0
            x[0, 0, :, 0] = 1
        hidden = [t.einsum("bif,idf->bid", one, W) for one in x]
        offset = [one - sae.b_dec for one in hidden]
        bias = (1.5, 2.5, 4.0, 6.0)[attempt // 4 % 4]
        acts = (t.einsum("bid,ids->bis", offset[0], W_enc) + bias).relu()  # no other latent fires
        loss = (t.einsum("bis,isd->bid", acts, W_dec) - offset[0]).square().mean(-1)
        inputs = Inputs([to_numpy(one) for one in hidden], to_numpy(loss), [to_numpy(one) for one in offset], [])
        if not directionless or _tell_apart(inputs):
            break
    with t.no_grad():
        for one in (sae, reference):
            one.b_enc[:, :3] = bias
    inputs.calls = record_features(sae, list(x))
    return inputs


def _tell_apart(inputs: Inputs) -> bool:
    """Whether mistakes would show: no two rows alike, and none with hardly any, or nearly all, of the probability."""
    offset = inputs.offset[0][1:].transpose(1, 0, 2)
    unit = offset / np.linalg.norm(offset, axis=-1, keepdims=True)
    cosines = unit @ unit.transpose(0, 2, 1) - np.eye(unit.shape[1])
    p = inputs.probability()
    share = inputs.probability(with_directionless=True)[:, 0].max()
    unsquared = np.abs(p - inputs.probability(1)).max()
    apart = cosines.max() < 0.9995 and p[:, 1].max() > 0.06 and share > 0.015 and unsquared > 0.14
    return bool(apart and p.max() < 0.8)


def _advanced(
    trial: Trial,
    sae_class: Any,
    sizes: SAESizes,
    dead_share: float,
    rows: int = 7,
    directionless: bool = False,
    one_lives: bool = False,
) -> None:
    sae, reference = make_sae(trial, sae_class, sizes)
    set_parameters(trial, sae, reference, sizes)
    with t.no_grad():
        sae.W_enc.mul_(1 + t.arange(sizes.inst, device=trial.device)[:, None, None])
        reference.W_enc.copy_(sae.W_enc)
    window, dead = make_window(trial, sizes, dead_share, one_lives)
    with t.no_grad():
        inputs = make_inputs(trial, sae, reference, rows, directionless)
    method = trial.method(sae, "resample_advanced")
    found = resample(trial, sae, sizes, window, dead, lambda: method(window, SCALE, rows), allow_nan=directionless)
    if not found.dead.any():
        return
    if inputs.calls and inputs.calls[0] != rows:
        headline = f"the inputs are drawn from a batch of {inputs.calls[0]}, expected batch_size={rows}."
        raise Failure("batch-size", headline, "Use self.generate_batch(batch_size).")
    if directionless:
        _check_all_directed(found, inputs)
    chosen = _which_rows(found, inputs)
    _check_lengths(found, to_numpy(reference.W_enc.detach()))
    _check_choice(trial, chosen, found.dead, inputs)


def _check_all_directed(found: Resampled, inputs: Inputs) -> None:
    """Check that no dead latent got a direction of length 0, or NaN from dividing by it."""
    directed = np.isfinite(found.norms("W_enc")) & (found.norms("W_enc") > 1e-6)
    if directed[found.dead].all():
        return
    if directed[found.dead].any():  # unless the others are wrong too, for a reason of their own
        _which_rows(Resampled(found.dead & directed, found.before, found.after), inputs)
    headline = "an input with h = b_dec was chosen: it has no direction."
    raise Failure("no-direction", headline, "Give such a row weight zero before you draw.")


def _which_rows(found: Resampled, inputs: Inputs) -> np.ndarray:
    """The input that each new direction came from, `[n_dead]`."""
    inst_of = np.argwhere(found.dead)[:, 0]
    directions = found.directions()

    def nearest(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        unit = np.where(lengths > 1e-6, vectors / np.maximum(lengths, 1e-12), 0)  # [batch inst d_in]
        cosines = np.einsum("nbd,nd->nb", unit.transpose(1, 0, 2)[inst_of], directions)
        return cosines.argmax(1), cosines.max(1)

    rows, cosine = nearest(inputs.offset[0])
    if cosine.min() > 1 - CLOSE:
        return rows
    if len(inputs.calls) > 1 and nearest(inputs.offset[1])[1].min() > 1 - CLOSE:
        headline = "the new directions come from another batch than the losses."
        raise Failure("two-batches", headline, "Draw one batch; take losses and inputs from it.")
    if nearest(inputs.h[0])[1].min() > 1 - CLOSE:
        raise Failure("not-centred", "the new directions are inputs h.", "The encoder reads h - b_dec: take that.")
    if nearest(-inputs.offset[0])[1].min() > 1 - CLOSE:
        raise Failure("negated", "the new directions are b_dec - h.", "Take h - b_dec.")
    other = np.roll(inputs.offset[0], 1, axis=1)
    if len(found.dead) > 1 and nearest(other)[1].min() > 1 - CLOSE:
        raise Failure("other-instance", "the new directions are inputs of another instance.", "Keep inst apart.")
    bad = int((cosine <= 1 - CLOSE).sum())
    headline = f"{bad} of {len(rows)} new directions are along no h - b_dec of the batch."
    raise Failure("no-input", headline, "Choose a row of the batch for every dead latent; decode nothing, add nothing.")


def _check_lengths(found: Resampled, W_enc: np.ndarray) -> None:
    """Check unit decoder rows, and encoder columns of `SCALE` times the mean norm of the instance's live columns."""
    norms, live = np.linalg.norm(W_enc, axis=1), ~found.dead  # [inst d_sae]
    n_live = live.sum(1, keepdims=True)
    mean = np.where(n_live > 0, (norms * live).sum(1, keepdims=True) / np.maximum(n_live, 1), 1.0)
    everywhere = (norms * live).sum() / max(live.sum(), 1)
    rows = np.linalg.norm(W_enc, axis=2).mean(1, keepdims=True)
    hint = "Take the norms of live latents' columns, their mean in each instance, times resample_scale."
    wrong = {
        "not-times-mean": (f"the new encoder columns have norm resample_scale.\n{hint}", np.full(1, SCALE)),
        "not-scaled": (f"the mean norm is not multiplied by resample_scale.\n{hint}", mean),
        "mean-of-all": (f"dead latents count in the mean norm.\n{hint}", SCALE * norms.mean(1, keepdims=True)),
        "mean-over-instances": (f"the mean norm is taken over all instances.\n{hint}", np.full(1, SCALE * everywhere)),
        "all-latents-all-instances": (f"the mean is over all latents.\n{hint}", np.full(1, SCALE * norms.mean())),
        "rows-for-columns": (f"norms are taken along the wrong axis.\n{hint}", SCALE * rows),
        "unit-encoder": (f"the new encoder columns have norm 1.\n{hint}", np.ones(1)),
        "sum-for-mean": (f"norms are summed.\n{hint}", SCALE * (norms * live).sum(1, keepdims=True)),
    }
    check_latents(found, SCALE * mean, wrong)


def _check_choice(trial: Trial, chosen: np.ndarray, dead: np.ndarray, inputs: Inputs) -> None:
    """Check how often each row was chosen against its probability."""
    inst_of = np.argwhere(dead)[:, 0]
    n_inst, rows = len(dead), len(inputs.loss)
    counts = np.array([np.bincount(chosen[inst_of == i], minlength=rows) for i in range(n_inst)])
    n = counts.sum(1, keepdims=True)

    def excess(probability: np.ndarray) -> float:
        return float(count_excess(counts, n, probability).max())

    if n.max() < 50:
        return
    trial.ledger.spend(counts.size)
    if excess(inputs.probability()) <= 1:
        return
    if n_inst > 1 and all((counts[i] == n[i]).any() for i in range(n_inst)):
        headline = "all dead latents of an instance get the same input."
        raise Failure(
            "one-for-all", headline, "Draw one for each latent, with probability proportional to loss squared."
        )
    uniform = inputs.probability(0)
    known = {
        "not-squared": ("inputs are chosen in proportion to the loss.\nSquare it.", inputs.probability(1)),
        "fourth-power": ("the loss is squared twice.", inputs.probability(4)),
        "root": ("inputs are chosen in proportion to the root of the loss. Square it.", inputs.probability(0.5)),
        "uniform": ("all inputs are chosen equally often.\nGive them weights: the loss, squared.", uniform),
        "softmax": ("inputs are chosen by a softmax.\nWeights are the loss, squared.", _softmax(inputs.loss)),
        "softmax-squared": ("inputs are chosen by a softmax of the squared loss.", _softmax(inputs.loss**2)),
        "zero-row-excluded": ("h = 0 is never chosen.\nOnly h = b_dec has no direction.", _without(inputs, 1)),
        "best-reconstructed": ("well reconstructed inputs are preferred.\nTurn it round.", _inverse(inputs.loss)),
    }
    key = min(known, key=lambda name: excess(known[name][1]))
    if excess(known[key][1]) <= 1:
        raise Failure(key, *known[key][0].split("\n"))
    raise Failure("choice", "inputs are not chosen in proportion to L_reconstruction squared.")


def _softmax(loss: np.ndarray) -> np.ndarray:
    e = np.exp(loss - loss.max(0))
    return np.asarray((e / e.sum(0)).T)


def _without(inputs: Inputs, row: int) -> np.ndarray:
    p = inputs.probability()
    p[:, row] = 0
    return np.asarray(p / np.maximum(p.sum(1, keepdims=True), 1e-12))


def _inverse(loss: np.ndarray) -> np.ndarray:
    w = 1 / np.maximum(loss, 1e-12)
    return np.asarray((w / w.sum(0)).T)


def _nothing_to_choose(trial: Trial, sae_class: Any) -> None:
    """Instance 1 sees h = 0 throughout, and its b_dec is 0: nothing has a direction, and nothing may change there.

    Instance 2 sees one input that has a direction, and every dead latent must get that one.
    """
    sizes = SAESizes(3, 4, 9, 6)
    sae, reference = make_sae(trial, sae_class, sizes)
    set_parameters(trial, sae, reference, sizes)
    window, dead = make_window(trial, sizes, 0.5)
    x = trial.uniform(7, sizes.inst, sizes.feats, low=0.2)
    x[:, 1] = 0
    x[1:, 2] = 0
    with t.no_grad():
        sae.b_dec[1:] = 0
    record_features(sae, [x])
    method = trial.method(sae, "resample_advanced")
    may_change = dead.clone()
    may_change[1] = False
    try:
        resample(trial, sae, sizes, window, may_change, lambda: method(window, SCALE, 7))
    except Failure as failure:
        if failure.diagnosis == UNSOLVED:
            raise
        if failure.diagnosis == "some-dead-kept":
            headline = "where one input alone has a direction, dead latents were left as they were."
            raise Failure("one-to-choose", headline, "One weight above 0 is enough to draw from.") from None
        advice = "Leave such an instance alone: t.multinomial needs a weight above 0."
        raise Failure("nothing-to-choose", failure.headline, advice, *failure.details[:1]) from failure.__cause__
