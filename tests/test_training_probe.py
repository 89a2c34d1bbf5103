"""The probe takes a learner's class that computes the same, and nothing that differs in the least."""

from typing import Any

import pytest
import torch as t
from part31_superposition_and_saes.solutions import ToyModel, ToyModelConfig
from part31_superposition_and_saes.training.probe import recognise
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

SEEDS = range(5)
PROBABILITY = 20.0 ** -t.linspace(0, 1, 3)[:, None]


def make(kind: type, probability: Any = PROBABILITY, cfg: ToyModelConfig | None = None) -> Any:
    return kind(cfg or ToyModelConfig(3, 6, 2), probability, 0.9 ** t.arange((cfg or ToyModelConfig(3, 6)).n_features))


# ---- the same


class FromScratch(nn.Module):
    """A learner's own class: loops over instances, plain attributes, a maximum for the ReLU, no generator."""

    def __init__(self, cfg: Any, feature_probability: Any, importance: Any) -> None:
        super().__init__()
        self.cfg = cfg
        self.b_final = nn.Parameter(t.zeros(cfg.n_inst, cfg.n_features))
        self.W = nn.Parameter(0.5 * t.randn(cfg.n_inst, cfg.d_hidden, cfg.n_features))
        self.feature_probability = t.as_tensor(feature_probability).expand(cfg.n_inst, cfg.n_features)
        self.importance = importance * t.ones(cfg.n_inst, cfg.n_features)

    def forward(self, features):
        outs = []
        for i, W in enumerate(self.W):
            outs.append((features[:, i] @ W.T @ W + self.b_final[i]).clamp(min=0))
        return t.stack(outs, dim=1)

    def generate_batch(self, batch_size):
        p = self.feature_probability.unsqueeze(0).repeat(batch_size, 1, 1)
        return t.bernoulli(p) * t.rand_like(p)

    def calculate_loss(self, out, batch):
        per_instance = [((out[:, i] - batch[:, i]) ** 2 * self.importance[i]).mean() for i in range(self.cfg.n_inst)]
        return sum(per_instance)


class Linear(ToyModel):
    def forward(self, features):
        return t.einsum("...if,idf,idg->...ig", features, self.W, self.W) + self.b_final


class HiddenRelu(ToyModel):
    def forward(self, features):
        hidden = F.relu(t.einsum("...if,idf->...id", features, self.W))
        return F.relu(t.einsum("...id,idf->...if", hidden, self.W) + self.b_final)


class Absolute(FromScratch):
    def __init__(self, *args):
        super().__init__(*args)
        self.W1 = nn.Parameter(self.W.detach().clone())
        self.W2 = nn.Parameter(t.randn_like(self.W.mT))
        del self.W

    def forward(self, features):
        hidden = F.relu(t.einsum("...if,idf->...id", features, self.W1))
        return F.relu(t.einsum("...id,ifd->...if", hidden, self.W2) + self.b_final)

    def generate_batch(self, batch_size):
        return super().generate_batch(batch_size) * (2 * t.randint(2, (batch_size, *self.b_final.shape)) - 1)

    def calculate_loss(self, out, batch):
        return super().calculate_loss(out, batch.abs())


class HalfNormal(ToyModel):
    def generate_batch(self, batch_size):
        return super().generate_batch(batch_size).sign() * t.randn(batch_size, *self.b_final.shape).abs()


class Pairs(ToyModel):
    """Two correlated pairs, then an anticorrelated one, then the rest."""

    def generate_batch(self, batch_size):
        p = self.feature_probability
        u, magnitude = t.rand(2, batch_size, *p.shape)
        is_on = u < p
        n, m = 2 * self.cfg.n_correlated_pairs, 2 * self.cfg.n_anticorrelated_pairs
        is_on[..., 1:n:2] = is_on[..., 0:n:2]
        mates = u[..., n : n + m : 2]
        is_on[..., n + 1 : n + m : 2] = (mates > p[..., :1]) & (mates < 2 * p[..., :1])
        return is_on * magnitude


SAME = [ToyModel, FromScratch, Linear, HiddenRelu, Absolute, HalfNormal]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", SAME)
def test_a_class_that_computes_the_same_is_known(kind: type, seed: int) -> None:
    found = recognise(make(kind), seed)
    assert found.architecture is not None and found.law is not None, found.reason


def test_what_is_known_is_the_right_thing() -> None:
    found = [recognise(make(kind)) for kind in SAME]
    formulas = [f.architecture and f.architecture.formula for f in found]
    assert formulas[0] == formulas[1] == formulas[5] == "ReLU(Wᵀ W x + b_final)"
    assert formulas[2:5] == [
        "Wᵀ W x + b_final",
        "ReLU(Wᵀ ReLU(W x) + b_final)",
        "ReLU(W2 ReLU(W1 x) + b_final) against |x|",
    ]
    assert [f.law and f.law.magnitude for f in found] == ["uniform"] * 4 + ["signed", "half-normal"]


@pytest.mark.parametrize("probability", [0.0, 1e-5, 0.001, 0.5, 1.0, t.tensor([0.0, 1.0, 0.1, 0.2, 0.3, 0.4])])
@pytest.mark.parametrize("kind", [ToyModel, FromScratch])
def test_any_probability_is_known(kind: type, probability: Any) -> None:
    found = recognise(make(kind, probability))
    assert found.law is not None, found.reason


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 2, 1), (40, 5, 2), (2, 60, 3)])
def test_any_size_is_known(sizes: tuple[int, int, int]) -> None:
    found = recognise(make(FromScratch, 0.1, ToyModelConfig(*sizes)))
    assert found.law is not None, found.reason


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pairs", [(1, 0), (0, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("probability", [0.003, 0.25, 0.5])
def test_pairs_of_the_config_are_known(pairs: tuple[int, int], probability: float, seed: int) -> None:
    cfg = ToyModelConfig(3, 7, 2, *pairs)
    found = recognise(make(Pairs, probability, cfg), seed)
    assert found.law is not None, found.reason
    assert (found.law.n_correlated_pairs, found.law.n_anticorrelated_pairs) == pairs


def test_a_class_that_has_not_come_to_pairs_is_known_for_what_it_does() -> None:
    found = recognise(make(FromScratch, 0.2, ToyModelConfig(3, 6, 2, n_correlated_pairs=1)))
    assert found.law is not None and found.law.n_correlated_pairs == 0


# ---- not the same: gradients


def forward_with(activation: Any) -> type:
    class Other(ToyModel):
        def forward(self, features):
            hidden = t.einsum("...if,idf->...id", features, self.W)
            return activation(t.einsum("...id,idf->...if", hidden, self.W) + self.b_final)

    return Other


def loss_with(loss: Any) -> type:
    class Other(ToyModel):
        def calculate_loss(self, out, batch):
            return loss(self, out, batch)

    return Other


def changed(change: Any) -> Any:
    def build(*args: Any) -> Any:
        model = ToyModel(*args)
        return change(model) or model

    return build


def plus(extra: Any) -> type:
    return loss_with(lambda m, out, x: ToyModel.calculate_loss(m, out, x) + extra(m))


class DetachedDecoder(ToyModel):
    def forward(self, features):
        hidden = t.einsum("...if,idf->...id", features, self.W)
        return F.relu(t.einsum("...id,idf->...if", hidden, self.W.detach()) + self.b_final)


class ChangesItsInput(ToyModel):
    def forward(self, features):
        return super().forward(features.mul_(0.5))


class LeavesAParameterOut(ToyModel):
    def parameters(self, recurse: bool = True):
        yield self.W


class RemembersHidden(ToyModel):
    def forward(self, features):
        self.hidden = t.einsum("...if,idf->...id", features, self.W).detach()
        return super().forward(features)


class AnnealedLoss(ToyModel):
    calls = 0

    def calculate_loss(self, out, batch):
        self.calls += 1
        return super().calculate_loss(out, batch)


def freeze_bias(model: ToyModel) -> None:
    model.b_final.requires_grad_(False)


def freeze_weights(model: ToyModel) -> None:
    model.W.requires_grad_(False)


def add_parameter(model: ToyModel) -> None:
    model.scale = nn.Parameter(t.ones(1))


def name_a_parameter_twice(model: ToyModel) -> None:
    model.V = model.W


def hook(model: ToyModel) -> None:
    model.register_forward_hook(lambda module, args, out: None)


def gradient_hook(model: ToyModel) -> None:
    model.W.register_hook(lambda gradient: gradient * (gradient > 0))


def unit_columns(model: ToyModel) -> None:
    class Unit(nn.Module):
        def forward(self, W):
            return F.normalize(W, dim=1)

    parametrize.register_parametrization(model, "W", Unit())


def half(model: ToyModel) -> ToyModel:
    return model.bfloat16()


def a_weight_of_zero(model: ToyModel) -> None:
    with t.no_grad():
        model.W[0, 0, 0] = 0


def own_generator(model: ToyModel) -> None:
    model.source = t.Generator()


class SharedMemory(Absolute):
    def __init__(self, *args):
        super().__init__(*args)
        self.W2 = nn.Parameter(self.W1.detach().mT)


def cannot_be_copied(model: ToyModel) -> None:
    model.history = 2 * model.W


OTHER_GRADIENTS = {
    "GELU": forward_with(F.gelu),
    "leaky ReLU": forward_with(F.leaky_relu),
    "slightly leaky ReLU": forward_with(lambda z: F.leaky_relu(z, 1e-6)),
    "softplus": forward_with(lambda z: F.softplus(z, beta=50)),
    "ReLU up to 6": forward_with(F.relu6),
    "absolute value": forward_with(t.abs),
    "dropout": forward_with(lambda z: F.dropout(z.relu(), 0.01)),
    "noise": forward_with(lambda z: (z + 1e-3 * t.randn_like(z)).relu()),
    "threshold": forward_with(lambda z: z * (z > 1e-3)),
    "detached decoder": DetachedDecoder,
    "input changed": ChangesItsInput,
    "L1 loss": loss_with(lambda m, out, x: (m.importance * (out - x).abs()).mean((0, 2)).sum()),
    "mean over instances": loss_with(lambda m, out, x: (m.importance * (out - x) ** 2).mean()),
    "sum over features": loss_with(lambda m, out, x: (m.importance * (out - x) ** 2).mean(0).sum()),
    "importance squared": loss_with(lambda m, out, x: (m.importance**2 * (out - x) ** 2).mean((0, 2)).sum()),
    "no importance": loss_with(lambda m, out, x: ((out - x) ** 2).mean((0, 2)).sum()),
    "a constant batch size": loss_with(lambda m, out, x: (m.importance * (out - x) ** 2).sum() / (1024 * 6)),
    "Huber loss": loss_with(
        lambda m, out, x: (m.importance * F.huber_loss(out, x, reduction="none")).mean((0, 2)).sum()
    ),
    "weight decay": plus(lambda m: 1e-6 * m.W.square().sum()),
    "a constant": plus(lambda m: 1e-6),
    "L1 of the bias": plus(lambda m: 1e-6 * m.b_final.abs().sum()),
    "loss of a frozen copy": plus(lambda m: 1e-4 * (m.W - m.W.detach()).sum()),
    "frozen bias": changed(freeze_bias),
    "frozen weights": changed(freeze_weights),
    "extra parameter": changed(add_parameter),
    "a parameter with two names": changed(name_a_parameter_twice),
    "parameters() overridden": LeavesAParameterOut,
    "parameters in one memory": SharedMemory,
    "parametrized": changed(unit_columns),
    "forward hook": changed(hook),
    "gradient hook": changed(gradient_hook),
    "half precision": changed(half),
    "a weight of zero": changed(a_weight_of_zero),
    "a generator of its own": changed(own_generator),
    "no copy": changed(cannot_be_copied),
    "forward that remembers": RemembersHidden,
    "loss that counts": AnnealedLoss,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", OTHER_GRADIENTS)
def test_a_model_that_differs_in_the_least_is_left_to_autograd(name: str, seed: int) -> None:
    found = recognise(make(OTHER_GRADIENTS[name]), seed)
    assert found.architecture is None and found.law is None, found.reason
    assert found.reason


def test_hooks_for_all_modules_are_obeyed() -> None:
    handle = nn.modules.module.register_module_forward_hook(lambda module, args, out: None)
    try:
        assert "hook" in recognise(make(ToyModel)).reason
    finally:
        handle.remove()


class Cached(ToyModel):
    def generate_batch(self, batch_size):
        self.kept = getattr(self, "kept", {})
        if batch_size not in self.kept:
            self.kept[batch_size] = super().generate_batch(batch_size)
        return self.kept[batch_size]


# ---- the model and the world stay as they were


@pytest.mark.parametrize("kind", [ToyModel, FromScratch, OTHER_GRADIENTS["noise"], OTHER_GRADIENTS["GELU"], Cached])
def test_the_probe_leaves_no_trace(kind: type) -> None:
    model = make(kind)
    model.W.grad = t.ones_like(model.W)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    held, state = dict(vars(model)), t.get_rng_state()
    recognise(model)
    assert t.equal(state, t.get_rng_state())
    assert vars(model) == held
    assert all(t.equal(value, before[name]) for name, value in model.state_dict().items())
    assert t.equal(model.W.grad, t.ones_like(model.W)) and model.b_final.grad is None


def test_the_same_model_is_found_the_same_whatever_was_drawn_before() -> None:
    model = make(FromScratch)
    reasons = {recognise(model).reason for _ in range(3) if t.rand(1) >= 0}
    assert len(reasons) == 1
