"""Section 2's reference: properties that no learner's test asks for, and that training knows its models."""

import math
from typing import Any

import pytest
import torch as t
from jaxtyping import config
from part31_superposition_and_saes.solutions import (
    NeuronComputationModel,
    NeuronModel,
    ToyModel,
    ToyModelConfig,
    asymmetric_neurons,
    constant_lr,
    feature_interference,
    features_per_neuron,
    largest_share,
    rotate_neurons,
)
from part31_superposition_and_saes.training.optimize import optimize
from part31_superposition_and_saes.training.probe import recognise

from tests.bank import Entry, answers

OF_CLASSES = ("neuron_forward", "computation_generate_batch", "computation_calculate_loss", "computation_forward")


def generator(seed: int = 0) -> t.Generator:
    return t.Generator().manual_seed(seed)


def make(kind: type = NeuronComputationModel, n_inst: int = 3, feats: int = 6, d_hidden: int = 4) -> Any:
    probability = 20.0 ** -t.linspace(0, 1, n_inst)[:, None]
    return kind(ToyModelConfig(n_inst, feats, d_hidden), probability, 0.9 ** t.arange(feats), device="cpu")


# ---- models


def test_its_parameters_are_exactly_W1_W2_and_b_final() -> None:
    shapes = {name: list(p.shape) for name, p in make().named_parameters()}
    assert shapes == {"W1": [3, 4, 6], "W2": [3, 6, 4], "b_final": [3, 6]}


@pytest.mark.parametrize("n_inst", [1, 30])
def test_the_starting_scale_is_a_tenth_of_kaiming_of_one_instance(n_inst: int) -> None:
    model = NeuronComputationModel(ToyModelConfig(n_inst, 200, 50), device="cpu", generator=generator())
    assert model.W1.abs().max().item() == pytest.approx(0.1 * math.sqrt(6 / 200), rel=0.01)
    assert model.W2.abs().max().item() == pytest.approx(0.1 * math.sqrt(6 / 50), rel=0.01)
    assert model.W1.mean().abs() < 1e-3 and not model.b_final.any()
    t.manual_seed(0)
    slice_of_kaiming = t.nn.init.kaiming_uniform_(t.empty(50, 200))
    assert model.W1.std().item() == pytest.approx(0.1 * slice_of_kaiming.std().item(), rel=0.03)


def test_features_are_always_on_unless_told_otherwise() -> None:
    assert (NeuronComputationModel(ToyModelConfig(2), device="cpu").feature_probability == 1).all()


def test_init_scale_is_one_more_factor() -> None:
    small, usual = (
        NeuronComputationModel(ToyModelConfig(2, init_scale=s), device="cpu", generator=generator()) for s in (0.5, 1.0)
    )
    t.testing.assert_close(small.W1, 0.5 * usual.W1)


def test_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="n_correlated_pairs"):
        NeuronComputationModel(ToyModelConfig(1, n_correlated_pairs=1), device="cpu")


def test_a_generator_decides_everything_and_the_global_state_stays() -> None:
    def run() -> t.Tensor:
        source = generator(5)
        model = NeuronComputationModel(ToyModelConfig(2), 0.3, device="cpu", generator=source)
        model.optimize(batch_size=16, steps=3, generator=source)
        rotate_neurons(model.W1.detach(), generator=source)
        return t.cat([model.W1.detach().flatten(), t.rand(3, generator=source)])

    before = t.get_rng_state()
    assert t.equal(run(), run())
    assert t.equal(t.get_rng_state(), before)


def test_inputs_have_both_signs_and_the_target_is_their_size() -> None:
    model = NeuronComputationModel(ToyModelConfig(2), 0.4, device="cpu")
    batch = model.generate_batch(20_000, generator=generator())
    assert -1 <= batch.min() < -0.999 and 0.999 < batch.max() <= 1
    assert (batch != 0).float().mean().item() == pytest.approx(0.4, abs=0.01)
    assert batch.mean().abs() < 0.01
    assert model.calculate_loss(batch.abs(), batch) == 0
    assert model.calculate_loss(batch, batch) > 0.1


def test_two_neurons_compute_the_absolute_value_exactly() -> None:
    model = NeuronComputationModel(ToyModelConfig(1, 1, 2), device="cpu")
    with t.no_grad():
        model.W1.copy_(t.tensor([[[2.0], [-0.5]]]))
        model.W2.copy_(t.tensor([[[0.5, 2.0]]]))
    x = t.linspace(-1, 1, 9)[:, None, None]
    t.testing.assert_close(model(x), x.abs())


def test_a_neuron_passes_one_sign_only() -> None:
    model = NeuronModel(ToyModelConfig(1, 1, 1), device="cpu")
    with t.no_grad():
        model.W.fill_(-1.0)
        model.b_final.fill_(0.25)
    assert model(t.ones(1, 1)).item() == 0.25 and ToyModel.forward(model, t.ones(1, 1)).item() == 1.25


# ---- training knows them


@pytest.mark.parametrize("kind", [NeuronModel, NeuronComputationModel])
def test_the_references_take_the_fast_path(kind: type) -> None:
    report = optimize(make(kind), 64, 3, 1, 1e-2, constant_lr, generator())
    assert (report.path, report.data) == ("fused", "fused"), report.reason


def test_inputs_of_both_signs_are_known_for_what_they_are() -> None:
    law = recognise(make()).law
    assert law is not None and law.magnitude == "signed"


def learners(right: bool) -> list[Entry]:
    honest = [e for e in answers() if not e.name.startswith(("hostile", "harmless"))]
    return [e for e in honest if e.exercise in OF_CLASSES and (e.diagnosis is None) == right]


@pytest.mark.parametrize("entry", learners(right=True), ids=str)
def test_right_answers_of_the_bank_are_fast(entry: Entry) -> None:
    found = recognise(make(entry.answer))
    assert found.architecture is not None and found.law is not None, found.reason
    assert found.law.magnitude == ("uniform" if entry.exercise == "neuron_forward" else "signed")
    assert found.architecture.absolute_target == (entry.exercise != "neuron_forward")


@pytest.mark.parametrize("entry", learners(right=False), ids=str)
def test_no_wrong_answer_of_the_bank_is_taken_for_a_right_one(entry: Entry) -> None:
    if entry.diagnosis in ("leading-axes", "fixed-size", "one-instance"):
        pytest.skip("right for batches of this model")
    probability = 0.05 + 0.5 * t.rand(3, 6, generator=generator())
    try:
        model = entry.answer(ToyModelConfig(3, 6, 4), feature_probability=probability, importance=0.9 ** t.arange(6))
    except TypeError:
        pytest.skip("cannot be made")
    found = recognise(model)
    if entry.exercise == "computation_generate_batch":
        # Normal, unsigned and otherwise wrong batches may be known, as what they are.
        assert found.law is None or found.law.magnitude != "signed"
    else:
        formula = found.architecture.formula if found.architecture else ""
        wanted = "ReLU(Wᵀ ReLU(W x) + b_final)" if entry.exercise == "neuron_forward" else "ReLU(W2 ReLU(W1 x)"
        assert not formula.startswith(wanted) or found.law is None or found.law.magnitude == "uniform"


def shifted(kind: type) -> type:
    """The same model on batches of its own, so that both paths see the same."""

    class Shifted(kind):
        def generate_batch(self, batch_size, *, generator=None):
            return super().generate_batch(batch_size, generator=generator) + 0.01

    return Shifted


@pytest.mark.parametrize("kind", [NeuronModel, NeuronComputationModel])
def test_on_the_same_batches_both_paths_lead_to_the_same_weights(kind: type) -> None:
    weights = []
    for fast in (True, False):
        model = shifted(kind)(ToyModelConfig(3, 6, 4), 0.5, device="cpu", generator=generator(1))
        report = optimize(model, 64, 40, 5, 1e-2, constant_lr, generator(2), fast=fast)
        assert (report.path, report.data) == ("fused" if fast else "autograd", "own")
        weights.append([p.detach() for p in model.parameters()])
    for ours, theirs in zip(*weights, strict=True):
        t.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


# ---- measures


def test_features_per_neuron_by_hand() -> None:
    W = t.tensor([[[1.0, 0.29, -0.31], [0, 0, 0], [-2, 0, 0]]])
    counts = features_per_neuron(W)
    assert counts.tolist() == [[2, 0, 1]] and counts.dtype == t.int64


def test_largest_share_by_hand() -> None:
    W = t.tensor([[[3.0, -4.0], [1, 1], [0, 0], [0, -5]]])
    t.testing.assert_close(largest_share(W), t.tensor([[16 / 25, 0.5, 0, 1]]))
    t.testing.assert_close(largest_share(W.mT)[0, 0], t.tensor(9 / 10))


@pytest.mark.parametrize("dtype", [t.float16, t.bfloat16, t.float64])
def test_measures_take_any_precision_and_views(dtype: t.dtype) -> None:
    W = t.randn(2, 7, 4, generator=generator()).to(dtype).mT
    assert largest_share(W).dtype == dtype and ((largest_share(W) >= 1 / 7) & (largest_share(W) <= 1)).all()
    assert (features_per_neuron(W) >= 1).all()
    assert rotate_neurons(W, generator=generator()).dtype == dtype


def test_the_share_of_a_random_direction_is_the_one_in_the_text() -> None:
    assert largest_share(t.randn(1, 200_000, 5, generator=generator())).mean().item() == pytest.approx(0.555, abs=2e-3)


@pytest.mark.parametrize("shape", [(3, 5, 10), (1, 4, 4), (2, 6, 3)])
def test_turning_keeps_lengths_and_angles(shape: tuple[int, int, int]) -> None:
    W = t.randn(shape, generator=generator())
    turned = rotate_neurons(W, generator=generator(1))
    t.testing.assert_close(turned.mT @ turned, W.mT @ W, rtol=0, atol=1e-4)
    t.testing.assert_close(feature_interference(turned), feature_interference(W), rtol=1e-3, atol=1e-4)
    assert not t.allclose(turned, W, atol=0.1)
    if shape[0] > 1:
        same = rotate_neurons(W[:1].expand(2, -1, -1), generator=generator(1))
        assert not t.allclose(same[0], same[1], atol=0.1)


# ---- the asymmetric motif


def motif_weights() -> tuple[t.Tensor, t.Tensor]:
    """Neuron 0 reads -x_1 with 2 and -x_2 with 0.5, writes 1 with 0.5 and 2 with 2; neuron 1 takes 3 of the false 4."""
    W1 = t.tensor([[0.0, -2, -0.5], [0, -1, 0], [1, 0, 0]])
    W2 = t.tensor([[0.0, 0, 1], [0.5, 0, 0], [2, -3, 0]])
    return W1, W2


def test_the_motif_is_found_and_measured() -> None:
    (found,) = asymmetric_neurons(*motif_weights())
    assert (found.neuron, found.a, found.b, found.sign, found.inhibitor) == (0, 1, 2, -1, 1)
    assert (found.false_response, found.taken_away, found.by_inhibitor, found.elsewhere) == (4, 3, 3, 0)


def test_what_others_take_elsewhere_and_add_is_counted() -> None:
    W1, W2 = motif_weights()
    W2[0, 1], W2[0, 2] = -3, 0  # as much from output 0
    W1[2, 1] = -1
    W2[2, 2] = 0.5  # and a third neuron adds to output 2
    (found,) = asymmetric_neurons(W1, W2)
    assert found.elsewhere == 1 and found.taken_away == 2.5 and found.by_inhibitor == 3


@pytest.mark.parametrize(
    ("place", "value"),
    [((0, 1), -0.7), ((0, 2), -0.05), ((0, 2), 0.5)],
    ids=["not louder", "too soft", "of the other sign"],
)
def test_what_is_no_motif(place: tuple[int, int], value: float) -> None:
    W1, W2 = motif_weights()
    W1[place] = value
    assert asymmetric_neurons(W1, W2) == []
    W1, W2 = motif_weights()
    W2[2, 0] = 0.7 if value == -0.7 else -2
    assert asymmetric_neurons(W1, W2) == []


def test_a_small_false_response_does_not_count() -> None:
    W1, W2 = motif_weights()
    assert asymmetric_neurons(W1, W2, least_response=4.1) == []
    assert len(asymmetric_neurons(W1, W2, ratio=3.9)) == 1 and asymmetric_neurons(W1, W2, ratio=4.1) == []


def test_weights_that_train_are_taken_as_they_are() -> None:
    W1, W2 = motif_weights()
    assert len(asymmetric_neurons(W1.requires_grad_(), W2.requires_grad_())) == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "jaxtyping_disable", True)
        assert asymmetric_neurons(t.zeros(1, 1), t.zeros(1, 1)) == []
