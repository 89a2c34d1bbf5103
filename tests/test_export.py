"""A folder for SAELens: its files by hand, and, where SAELens is installed, that it answers the same."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as t
from part31_superposition_and_saes import solutions, utils

from tests.bank import answers

CLASSES: dict[str, tuple[Any, dict[str, Any]]] = {
    "standard": (solutions.ToySAE, {}),
    "tied": (solutions.ToySAE, {"tied_weights": True}),
    "gated": (solutions.GatedToySAE, {}),
    "jumprelu": (solutions.JumpReLUToySAE, {"ste_epsilon": 0.1}),
    "topk": (solutions.TopKToySAE, {"k": 3.0}),
    "batchtopk": (solutions.BatchTopKToySAE, {"k": 1.5}),
    "matryoshka": (solutions.MatryoshkaToySAE, {"k": 1.5, "group_sizes": (3, 12)}),
}


def make(name: str) -> Any:
    """An autoencoder of that kind with random parameters, a threshold included."""
    generator = t.Generator().manual_seed(0)
    toy = solutions.ToyModel(solutions.ToyModelConfig(3, 10, 4), 0.3, device="cpu", generator=generator)
    kind, fields = CLASSES[name]
    sae = kind(solutions.ToySAEConfig(3, 4, 12, **fields), toy, generator=generator)
    with t.no_grad():
        for parameter in sae.parameters():
            if parameter.requires_grad:
                parameter.add_(0.2 * t.randn(parameter.shape, generator=generator))
        if hasattr(sae, "threshold"):
            sae.threshold.copy_(t.tensor([0.2, 0.4, 0.6]))
    return sae.eval()


def read(folder: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Config and tensors, by the description of the format."""
    data = (folder / "sae_weights.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    tensors = {
        name: np.frombuffer(body[slice(*about["data_offsets"])], "<f4").reshape(about["shape"])
        for name, about in header.items()
    }
    return json.loads((folder / "cfg.json").read_text()), tensors


@pytest.mark.parametrize("name", CLASSES)
def test_files_hold_one_instance_with_a_normalized_decoder(name: str, tmp_path: Path) -> None:
    sae = make(name)
    cfg, tensors = read(utils.to_saelens(sae, 1, tmp_path / "new" / "folder"))
    assert (cfg["d_in"], cfg["d_sae"]) == (4, 12)
    wanted = {"batchtopk": "jumprelu", "matryoshka": "jumprelu", "tied": "standard"}.get(name, name)
    assert cfg["architecture"] == wanted
    np.testing.assert_array_equal(tensors["W_enc"], sae.encoder[1].detach().numpy())
    np.testing.assert_array_equal(tensors["W_dec"], sae.W_dec_normalized[1].detach().numpy())
    np.testing.assert_array_equal(tensors["b_dec"], sae.b_dec[1].detach().numpy())
    if wanted == "jumprelu":
        theta = sae.theta[1] if name == "jumprelu" else sae.threshold[1].expand(12)
        np.testing.assert_array_equal(tensors["threshold"], theta.detach().numpy())
    own = {"gated": {"b_gate", "b_mag", "r_mag"}, "jumprelu": {"b_enc", "threshold"}}.get(wanted, {"b_enc"})
    assert set(tensors) == {"W_enc", "W_dec", "b_dec"} | own


@pytest.mark.parametrize("name", CLASSES)
def test_saelens_answers_the_same(name: str, tmp_path: Path) -> None:
    sae_lens = pytest.importorskip("sae_lens")
    sae = make(name)
    generator = t.Generator().manual_seed(1)
    h = sae.generate_batch(500, generator=generator)
    acts, reconstructed = sae(h)[2:]
    for inst in range(3):
        theirs = sae_lens.SAE.load_from_disk(utils.to_saelens(sae, inst, tmp_path / str(inst)))
        found = theirs.encode(h[:, inst])
        assert (found - acts[:, inst]).abs().max() <= 1e-6
        assert (acts[:, inst] > 0).any()
        assert (theirs.decode(found) - reconstructed[:, inst]).abs().max() <= 1e-6


def test_a_class_of_ones_own_is_told_by_what_it_has(tmp_path: Path) -> None:
    for entry in answers():
        if entry.name in ("GatedFromScratch", "JumpReLUFromScratch"):
            toy = solutions.ToyModel(solutions.ToyModelConfig(2, 10, 4), 0.3, device="cpu")
            sae = entry.answer(solutions.ToySAEConfig(2, 4, 12), toy)
            cfg, tensors = read(utils.to_saelens(sae, 0, tmp_path / entry.name))
            assert cfg["architecture"] == {"gated_sae": "gated", "jumprelu_sae": "jumprelu"}[entry.exercise]
            np.testing.assert_array_equal(tensors["W_dec"], sae.W_dec_normalized[0].detach().numpy())


def test_refuses_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inst=3 must be from 0"):
        utils.to_saelens(make("standard"), 3, tmp_path)
    with pytest.raises(TypeError, match="Linear"):
        utils.to_saelens(t.nn.Linear(2, 2), 0, tmp_path)
    fresh = make("batchtopk")
    fresh.threshold.fill_(float("nan"))
    with pytest.raises(ValueError, match="no threshold yet"):
        utils.to_saelens(fresh, 0, tmp_path)
