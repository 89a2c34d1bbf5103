"""What a model is made of, and what in it would be passed over by code that reads only parameters and batches."""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch as t
from torch import Tensor, nn

from .kernels import KNOWN, Architecture

RANDOM_SOURCES = (t.Generator, np.random.Generator, np.random.RandomState, random.Random)
MODULE_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
PARAMETER_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")


class Unknown(Exception):
    """The model is not one that the fast path knows; the message says what is different about it."""


def known_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters by name, if they are just those of an architecture, ordinary, free and independent.

    Raises:
        Unknown: if they are not.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    if not candidates(model):
        listed = ", ".join(f"{name} {list(p.shape)}" for name, p in parameters.items())
        raise Unknown(f"its parameters are not those of a model that the trainer knows: {listed or 'none'}")
    if {id(p) for p in model.parameters()} != {id(p) for p in parameters.values()}:
        raise Unknown("its parameters() leaves some out")
    check_ordinary(parameters)
    return parameters


def check_ordinary(parameters: Mapping[str, nn.Parameter]) -> None:
    """Refuse parameters that are not ordinary, free, independent, and of one precision and device.

    Raises:
        Unknown: for the first that is not.
    """
    tensors = list(parameters.values())
    for name, p in parameters.items():
        if type(p) is not nn.Parameter or not p.is_leaf or p.layout is not t.strided:
            raise Unknown(f"{name} is no ordinary parameter")
        if not p.requires_grad:
            raise Unknown(f"{name} is frozen")
        if any(getattr(p, hooks, None) for hooks in PARAMETER_HOOKS):
            raise Unknown(f"{name} has a hook")
        if p.dtype not in (t.float32, t.float64) or p.dtype != tensors[0].dtype or p.device != tensors[0].device:
            raise Unknown("its parameters are not all of one single or double precision and on one device")
    if len({p.untyped_storage().data_ptr() for p in tensors}) < len(tensors):
        raise Unknown("its parameters share memory")


def candidates(model: nn.Module) -> list[Architecture]:
    """Architectures with parameters of these names and shapes."""
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters(remove_duplicate=False)}
    found = []
    for architecture in KNOWN:
        encoder = shapes.get(architecture.encoder, ())
        if len(encoder) == 3 and 0 not in encoder:
            inst, d_hidden, feats = encoder
            if shapes == architecture.shapes((inst, feats, d_hidden)):
                found.append(architecture)
    return found


def check_no_side_doors(model: nn.Module, parameters: Mapping[str, nn.Parameter]) -> None:
    """Refuse what makes training more than batches, gradients and parameters.

    Raises:
        Unknown: for hooks, a random source of the model's own, or weights of exactly 0.
    """
    if t.nn.modules.module._has_any_global_hook():
        raise Unknown("a hook is registered for all modules")
    for module in model.modules():
        if any(getattr(module, hooks, None) for hooks in MODULE_HOOKS):
            raise Unknown("it has hooks")
        if any(isinstance(value, RANDOM_SOURCES) for value in vars(module).values()):
            raise Unknown("it has a random generator of its own")
    for name, parameter in parameters.items():
        if parameter.ndim == 3 and (parameter == 0).any():
            # At exactly 0 the many ways to write a ReLU have different derivatives, and such a start stays there.
            raise Unknown(f"some weights of {name} are exactly 0")


def remembered(model: nn.Module) -> dict[str, Any]:
    """What changes when code changes an attribute of a model, parameters aside: a counter, a cache, a buffer."""
    found: dict[str, Any] = {}
    for path, module in model.named_modules():
        held = {key: value for key, value in vars(module).items() if not key.startswith("_")}
        for key, value in {**held, **dict(module.named_buffers(recurse=False))}.items():
            found[f"{path}.{key}"] = mark(value)
    return found


def mark(value: Any) -> Any:
    """Something that compares as different once `value` was changed, in place too."""
    if isinstance(value, Tensor):
        return id(value), value._version
    if isinstance(value, np.ndarray):
        return id(value), value.tobytes()
    if isinstance(value, (list, tuple, set)):
        return id(value), [mark(item) for item in value]
    if isinstance(value, dict):
        return id(value), {key: mark(item) for key, item in value.items()}
    return value if isinstance(value, (int, float, str, bytes, bool, type(None))) else id(value)
