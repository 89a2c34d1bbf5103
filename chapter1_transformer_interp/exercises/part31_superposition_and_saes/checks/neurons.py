"""Tests of section 2: models with a ReLU in the hidden layer, and models that compute |x|."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch as t
from torch import Tensor
from torch.nn import functional as F

from .. import solutions
from ..checking.batch_law import Law
from ..checking.compare import Mistake, Mistakes, to_numpy
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from ..checking.signed_batch import check_signed_batch
from .batches import PROBABILITIES, ROWS, draw_from_model, wrong_probabilities
from .models import FIXED_SIZE, NOTEBOOK, ONE, WIDE, make_pair
from .passes import ForwardPass, LossRule, check_forward, check_loss, half_detached
from .toy_models import loss_mistakes

THIS = "these are the values that you get"


def _read(x: Tensor, W: Tensor) -> Tensor:
    return t.einsum("...if,idf->...id", x, W)


def _write(neurons: Tensor, W: Tensor) -> Tensor:
    """With W `[inst feats d_hidden]`."""
    return t.einsum("...id,ifd->...if", neurons, W)


def _two_layer_mistakes(x: Tensor, first: Tensor, second: Tensor, b: Tensor, formula: str) -> list[Mistake]:
    """What ReLU(second · ReLU(first · x) + b) gives with one thing wrong, whatever the matrices are called."""
    raw = _read(x, first)
    neurons = F.relu(raw)
    restored = _write(neurons, second)
    linear = _write(raw, second)
    own_hidden = t.einsum("...if,df->...id", x, first[0])
    first_only = t.einsum("...id,fd->...if", F.relu(own_hidden), second[0])
    mixed = t.einsum("...d,ifd->...if", F.relu(raw.sum(-2)), second)
    hidden = "It belongs to the hidden layer too: ReLU first, then the second product."
    return [
        Mistake("no-hidden-relu", f"{THIS} without the ReLU in the hidden layer.\n{hidden}", F.relu(linear + b)),
        Mistake("no-output-relu", f"{THIS} without the ReLU at the output.\n{formula}", restored + b),
        Mistake("no-relu", f"{THIS} without any ReLU.\nThere are two: {formula}", linear + b),
        Mistake("no-bias", f"{THIS} without the bias.\nAdd b_final before the last ReLU.", F.relu(restored)),
        Mistake(
            "bias-after-relu",
            f"{THIS} when the bias is added after the last ReLU.\nAdd b_final first, then apply the ReLU.",
            F.relu(restored) + b,
        ),
        Mistake("bias-subtracted", f"{THIS} when b_final is subtracted. Add it.", F.relu(restored - b)),
        Mistake("bias-twice", f"{THIS} when b_final is added twice.", F.relu(restored + 2 * b)),
        Mistake(
            "abs-in-hidden",
            f"{THIS} with an absolute value in place of the hidden ReLU.",
            F.relu(_write(raw.abs(), second) + b),
        ),
        Mistake("abs-for-relu", f"{THIS} with an absolute value in place of the last ReLU.", (restored + b).abs()),
        *(
            Mistake(key, f"{THIS} with {name} in place of the ReLUs.", other(_write(other(raw), second) + b))
            for key, name, other in (
                ("leaky-relu", "a leaky ReLU", F.leaky_relu),
                ("gelu", "a GELU", F.gelu),
                ("sigmoid", "a sigmoid", t.sigmoid),
                ("tanh", "a tanh", t.tanh),
            )
        ),
        Mistake("gelu", f"{THIS} with a GELU in the hidden layer.", F.relu(_write(F.gelu(raw), second) + b)),
        Mistake(
            "leaky-relu",
            f"{THIS} with a leaky ReLU in the hidden layer.",
            F.relu(_write(F.leaky_relu(raw), second) + b),
        ),
        Mistake(
            "first-instance-weights",
            f"{THIS} when every instance uses the weights of instance 0.\nKeep the inst axis in both products.",
            F.relu(first_only + b),
        ),
        Mistake(
            "instances-mixed",
            f"{THIS} when the hidden vectors of all instances are summed.\nKeep inst in both products.",
            F.relu(mixed + b),
        ),
        Mistake(
            "first-instance-bias",
            f"{THIS} when every instance uses the bias of instance 0.",
            F.relu(restored + b[0]),
        ),
        Mistake("hidden-returned", f"these are the neurons.\nWrite them out again: {formula}", neurons),
        Mistake("hidden-returned", f"this is the hidden vector before its ReLU.\nGo on: {formula}", raw),
        Mistake("input-returned", "these are the features themselves: nothing is computed from them.", x),
        Mistake("input-added", f"{THIS} when the input is added to the output.", F.relu(restored + b) + x),
    ]


# ---- NeuronModel


def _neuron_mistakes(model: Any, x: Tensor) -> list[Mistake]:
    W, b = model.W.detach(), model.b_final.detach()
    unit = W / W.norm(dim=1, keepdim=True)
    normalized = F.relu(_write(F.relu(_read(x, unit)), unit.mT) + b)
    return [
        *_two_layer_mistakes(x, W, W.mT, b, "ReLU(W^T ReLU(W x) + b_final)."),
        Mistake(
            "columns-normalized",
            f"{THIS} when the columns of W are scaled to length 1 first.\nUse W as it is: its lengths are learned.",
            normalized,
        ),
    ]


def _neuron_gradient_mistakes(model: Any, x: Tensor, weights: Tensor) -> Mapping[str, Mistakes]:
    def out_of(down: Tensor, up: Tensor) -> Tensor:
        return F.relu(_write(F.relu(_read(x, down)), up.mT) + model.b_final)

    return {"W": partial(half_detached, model.W, out_of, weights)}


NEURON_FORWARD = ForwardPass(solutions.NeuronModel, _neuron_mistakes, _neuron_gradient_mistakes)


@learner_test("neuron_forward", "NeuronModel.forward")
def test_neuron_model(trial: Trial, model_class: Any) -> str:
    """Test `NeuronModel.forward`: `tests.test_neuron_model(NeuronModel)`."""
    return check_forward(trial, model_class, NEURON_FORWARD)


# ---- NeuronComputationModel: data


@learner_test("computation_generate_batch", "NeuronComputationModel.generate_batch")
def test_computation_generate_batch(trial: Trial, model_class: Any) -> str:
    """Test the data of the class: `tests.test_computation_generate_batch(NeuronComputationModel)`."""
    for sizes, batch_size, suspect in ((NOTEBOOK, 64, None), (WIDE, 11, FIXED_SIZE), (ONE, 6, FIXED_SIZE)):
        model, reference = make_pair(trial, model_class, sizes, solutions.NeuronComputationModel)
        with trial.case(str(sizes), suspect):
            draw_from_model(trial, model, batch_size, reference.cfg)
    _check_data(trial, model_class)
    return f"shape for 4 models; frequencies, signs, sizes and independence in {2 * ROWS:,} rows"


def _check_data(trial: Trial, model_class: Any) -> None:
    probability = t.tensor(PROBABILITIES, device=trial.device)
    cfg = solutions.ToyModelConfig(n_inst=len(PROBABILITIES), n_features=len(PROBABILITIES[0]))
    model = trial.build(model_class, cfg, feature_probability=probability.clone())
    first, second = (draw_from_model(trial, model, ROWS, cfg) for _ in range(2))
    if (first == second).all() and first.any():
        raise Failure(
            "same-batch-twice",
            "two calls in a row give the same batch.",
            "Is a seed set inside, or is the batch kept? Every call draws anew.",
        )
    p = to_numpy(probability)
    law = Law(p, wrong_probabilities=wrong_probabilities(p))
    check_signed_batch(np.concatenate([first, second]), law, trial.ledger)


# ---- NeuronComputationModel: loss


def absolute_loss_mistakes(model: Any, out: Tensor, batch: Tensor) -> list[Mistake]:
    """What the loss to |x| gives with one thing wrong."""

    def loss(error: Tensor) -> Tensor:
        return (model.importance * error**2).mean((0, 2)).sum()

    this, target = "this is the value that you get", "The target is |batch|: batch.abs()."
    other_targets = [
        Mistake("target-not-absolute", f"{this} with the batch itself as the target.\n{target}", loss(out - batch)),
        Mistake("target-relu", f"{this} with ReLU(x) as the target.\n{target}", loss(out - F.relu(batch))),
        Mistake("target-squared", f"{this} with x² as the target.\n{target}", loss(out - batch**2)),
        Mistake("target-negated", f"{this} with -|x| as the target.\n{target}", loss(out + batch.abs())),
        Mistake("target-negated", f"{this} with -x as the target.\n{target}", loss(out + batch)),
    ]
    return [*other_targets, *loss_mistakes(model, out, batch.abs())]


ABSOLUTE_LOSS = LossRule(solutions.NeuronComputationModel, absolute_loss_mistakes, lowest=-1)


@learner_test("computation_calculate_loss", "NeuronComputationModel.calculate_loss")
def test_computation_calculate_loss(trial: Trial, model_class: Any) -> str:
    """Test the loss of the class: `tests.test_computation_calculate_loss(NeuronComputationModel)`."""
    return check_loss(trial, model_class, ABSOLUTE_LOSS)


# ---- NeuronComputationModel: forward, and the whole class


def _computation_mistakes(model: Any, x: Tensor) -> list[Mistake]:
    W1, W2, b = model.W1.detach(), model.W2.detach(), model.b_final.detach()

    def out(first: Tensor, second: Tensor) -> Tensor:
        return F.relu(_write(F.relu(_read(x, first)), second) + b)

    formula = "ReLU(W2 ReLU(W1 x) + b_final)."
    return [
        *_two_layer_mistakes(x, W1, W2, b, formula),
        Mistake("only-W1", f"{THIS} with W1 transposed in place of W2.\nWrite with W2: {formula}", out(W1, W1.mT)),
        Mistake("only-W2", f"{THIS} with W2 transposed in place of W1.\nRead with W1: {formula}", out(W2.mT, W2)),
        Mistake("weights-exchanged", f"{THIS} when you read with W2, write with W1.\n{formula}", out(W2.mT, W1.mT)),
        Mistake("absolute-returned", f"this is |x| itself.\nThe model has to learn it: {formula}", x.abs()),
        Mistake("absolute-input", f"{THIS} when the model is given |x|.\nIt gets x: {formula}", _absolute(model, x)),
        Mistake(
            "rectified-input", f"{THIS} when the model is given ReLU(x).\nIt gets x: {formula}", _positive(model, x)
        ),
    ]


@t.no_grad()
def _absolute(model: Any, x: Tensor) -> Tensor:
    return solutions.NeuronComputationModel.forward(model, x.abs())


@t.no_grad()
def _positive(model: Any, x: Tensor) -> Tensor:
    return solutions.NeuronComputationModel.forward(model, F.relu(x))


COMPUTATION_FORWARD = ForwardPass(
    solutions.NeuronComputationModel, _computation_mistakes, lambda model, x, weights: {}, lowest=-1
)


@learner_test("computation_forward", "NeuronComputationModel.forward")
def test_neuron_computation_model(trial: Trial, model_class: Any) -> str:
    """Test the whole class, `forward` first: `tests.test_neuron_computation_model(NeuronComputationModel)`."""
    model, _ = make_pair(trial, model_class, ONE, solutions.NeuronComputationModel)
    extra = sorted({name.split(".")[0] for name, _ in model.named_parameters()} - {"W1", "W2", "b_final"})
    if extra:
        raise Failure(
            "extra-parameter",
            f"the model has parameters that it does not need: {', '.join(extra)}.",
            "Its parameters are W1, W2 and b_final. What super().__init__ made can be removed: del self.W.",
        )
    checked = check_forward(trial, model_class, COMPUTATION_FORWARD)
    check_loss(trial, model_class, ABSOLUTE_LOSS)
    _check_data(trial, model_class)
    return f"{checked}; data and loss"
