"""A guard for machines without a GPU: inside it, making a tensor without saying where it shall lie is an error.

On a CPU alone a forgotten `device=` goes unnoticed; on cuda or mps it stops the learner, with tensors on two devices.
"""

from collections.abc import Callable
from typing import Any

import torch as t
from torch import Tensor
from torch.overrides import TorchFunctionMode

FACTORIES = (
    t.arange,
    t.empty,
    t.empty_strided,
    t.eye,
    t.full,
    t.linspace,
    t.logspace,
    t.normal,
    t.ones,
    t.rand,
    t.randint,
    t.randn,
    t.randperm,
    t.scalar_tensor,
    t.sparse_coo_tensor,
    t.tensor,
    t.tril_indices,
    t.triu_indices,
    t.zeros,
)
# Of a tensor these are another view of it, on its device; of anything else they are factories.
CONVERSIONS = (t.as_tensor, t.asarray)


class NoDevice(RuntimeError):
    """A tensor was about to be made on torch's default device."""


class NeedsDevice(TorchFunctionMode):
    """Refuses factory calls without `device`, outside pytest's own and torch's insides."""

    def __torch_function__(self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        makes = function in FACTORIES or (function in CONVERSIONS and not isinstance(args[0], Tensor))
        if makes and kwargs.get("device") is None and "out" not in kwargs and not _has_tensor(function, args):
            raise NoDevice(f"torch.{function.__name__} without device: on a GPU it makes a tensor on the CPU")
        return function(*args, **kwargs)


def _has_tensor(function: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """`normal` takes its device from the tensors that it is given."""
    return function is t.normal and any(isinstance(arg, Tensor) for arg in args)
