"""Autoencoders of SAELens on the bench: the real ones where installed, and everywhere stand-ins of their shape."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import ModuleType, SimpleNamespace

import pytest
import torch as t
from part31_superposition_and_saes.bench import runs
from part31_superposition_and_saes.bench.saelens import ARCHITECTURES, saelens_entries
from part31_superposition_and_saes.solutions import ToyModel, ToyModelConfig
from torch import nn


def ground() -> runs.Ground:
    tuning, reported = (
        ToyModel(ToyModelConfig(n, 8, 4), feature_probability=0.25, generator=t.Generator().manual_seed(n))
        for n in (2, 3)
    )
    return runs.Ground("independent", tuning, reported, seed=7)


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict]]:
    """Modules with the names that the adapter uses; gives the settings that were asked for."""
    asked: list[dict] = []

    @dataclass
    class TrainStepInput:
        sae_in: t.Tensor
        coefficients: dict
        dead_neuron_mask: t.Tensor
        n_training_steps: int

    class SAE(nn.Module):
        def __init__(self, cfg):
            super().__init__()
            self.cfg = cfg
            self.W_dec = nn.Parameter(t.randn(cfg.d_sae, cfg.d_in))

        def get_coefficients(self):
            return {"l1": SimpleNamespace(value=0.5, warm_up_steps=0)}

        def encode(self, x):
            return (x @ self.W_dec.T).relu()

        def decode(self, acts):
            return acts @ self.W_dec

        def training_forward_pass(self, step: TrainStepInput):
            acts = self.encode(step.sae_in)
            loss = (self.decode(acts) - step.sae_in).square().sum() + step.coefficients["l1"] * acts.sum()
            return SimpleNamespace(loss=loss, feature_acts=acts)

    def config(**settings):
        asked.append(settings)
        return SimpleNamespace(**settings)

    package, saes, sae = (ModuleType(name) for name in ("sae_lens", "sae_lens.saes", "sae_lens.saes.sae"))
    setattr(sae, "TrainStepInput", TrainStepInput)  # noqa: B010 (mypy knows the attributes of a module)
    for name in ARCHITECTURES:
        setattr(package, f"{name}TrainingSAE", SAE)
        setattr(package, f"{name}TrainingSAEConfig", config)
    for module in (package, saes, sae):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    yield asked


def test_every_instance_is_trained_by_their_loss_and_measured(stand_ins: list[dict]) -> None:
    for name, entry in saelens_entries().items():
        measured = ground().run(replace(entry, name=name), 2.0, 3, tuning=False)
        assert all(values.shape == (3,) and values.isfinite().all() for values in measured.values())
    assert [sorted(asked.keys() - {"d_in", "d_sae", "dtype", "device"}) for asked in stand_ins[::3]] == [
        ["l1_coefficient", "l1_warm_up_steps"],
        ["k"],
        ["jumprelu_bandwidth", "jumprelu_init_threshold", "l0_coefficient", "l0_warm_up_steps"],
    ]
    assert all((asked["d_in"], asked["d_sae"]) == (4, 8) for asked in stand_ins)


def test_the_real_ones_join() -> None:
    pytest.importorskip("sae_lens")
    for name, entry in saelens_entries().items():
        measured = ground().run(replace(entry, name=name), entry.values_for("independent")[1], 30, tuning=False)
        assert all(values.isfinite().all() for values in measured.values())


def test_without_saelens_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sae_lens", None)
    with pytest.raises(ImportError, match="pip install"):
        saelens_entries()
