"""Out of the course: one autoencoder as a folder that SAELens loads, written without SAELens."""

import json
import struct
from pathlib import Path
from typing import Any

import torch as t
from torch import Tensor

WEIGHTS, CONFIG = "sae_weights.safetensors", "cfg.json"


def to_saelens(sae: Any, inst: int, folder: str | Path) -> Path:
    """Write one instance as a folder that `sae_lens.SAE.load_from_disk(folder)` loads, with the same encode and decode.

    A standard autoencoder becomes SAELens's "standard", a gated one "gated", JumpReLU and TopK what they are called
    there. BatchTopK and Matryoshka become "jumprelu", with the threshold that they use after training: compare in
    `sae.eval()`. The decoder is written normalized. Numbers are float32.

    Args:
        sae: any of the autoencoders of section 5.
        inst: which of its instances.
        folder: made if it does not exist; files of these names in it are overwritten.
    Returns:
        The folder.
    Raises:
        ValueError: if there is no such instance, or a BatchTopK autoencoder has seen no training batch.
        TypeError: if it is no autoencoder of section 5.
    """
    # A learner's own classes count as well, so it is told by what it has and not by what it is.
    if missing := [name for name in ("cfg", "W_dec_normalized", "b_dec") if not hasattr(sae, name)]:
        raise TypeError(
            f"sae is a {type(sae).__name__} and has no {', '.join(missing)}; it must be a ToySAE or a variant"
        )
    if not 0 <= inst < sae.cfg.n_inst:
        raise ValueError(f"inst={inst} must be from 0 to n_inst - 1 = {sae.cfg.n_inst - 1}")
    architecture, fields = "standard", {}
    tensors = {"W_dec": sae.W_dec_normalized, "b_dec": sae.b_dec}
    if hasattr(sae, "r_mag"):
        architecture = "gated"
        tensors |= {"W_enc": sae.W_gate, "b_gate": sae.b_gate, "r_mag": sae.r_mag, "b_mag": sae.b_mag}
    else:
        tensors |= {"W_enc": sae.W_enc, "b_enc": sae.b_enc}
    if hasattr(sae, "log_theta"):
        architecture, tensors["threshold"] = "jumprelu", sae.log_theta.exp()
    elif hasattr(sae, "threshold"):
        if sae.threshold[inst].isnan():
            raise ValueError(f"instance {inst} has no threshold yet: a BatchTopK autoencoder gets it in training")
        architecture, tensors["threshold"] = "jumprelu", sae.threshold[:, None].expand_as(sae.b_enc)
    elif sae.cfg.k is not None:
        architecture, fields = "topk", {"k": int(sae.cfg.k), "rescale_acts_by_decoder_norm": False}
    config = {
        "architecture": architecture,
        "d_in": sae.cfg.d_in,
        "d_sae": sae.cfg.d_sae,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {},
        **fields,
    }
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    (path / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    (path / WEIGHTS).write_bytes(safetensors({name: tensor[inst] for name, tensor in tensors.items()}))
    return path


def safetensors(tensors: dict[str, Tensor]) -> bytes:
    """Tensors in the format of safetensors: the length of the header, the header as JSON, the numbers (float32).

    Source: github.com/huggingface/safetensors, "Format".
    """
    header: dict[str, Any] = {}
    parts: list[bytes] = []
    end = 0
    for name, tensor in sorted(tensors.items()):
        parts.append(tensor.detach().to("cpu", t.float32).contiguous().numpy().astype("<f4").tobytes())
        start, end = end, end + len(parts[-1])
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)
