"""Arguments that many models share, checked once: a wrong one gets an error that names it."""

from numbers import Number
from typing import Any, TypeAlias

import torch as t
from jaxtyping import Float
from torch import Tensor

# A number of any kind, or anything that torch.as_tensor takes and that broadcasts to [inst feats].
PerFeature: TypeAlias = Any


def per_feature(
    value: PerFeature, name: str, shape: tuple[int, int], device: t.device | str, at_most: float = float("inf")
) -> Float[Tensor, "inst feats"]:
    """A number of any kind, or a tensor or array that broadcasts, as one number per instance and feature.

    Args:
        value: one number, or a tensor, array or list of them, e.g. of shape `[feats]` or `[inst 1]`.
        name: what the caller calls it; used in error messages.
        shape: `(inst, feats)`.
        device: where the result lies.
        at_most: largest value allowed; the smallest is 0.
    Returns:
        A tensor of its own (no view), float32 unless the default dtype says otherwise.
    Raises:
        ValueError: if `value` is no number, does not broadcast to `shape`, is NaN or infinite, or is out of range.
    """
    try:
        value = float(value) if isinstance(value, Number) else value  # type: ignore[arg-type]
        tensor = (
            (value if isinstance(value, Tensor) else t.as_tensor(value, device="cpu"))
            .detach()
            .to(device=device, dtype=t.get_default_dtype())
        )
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name}={value!r} is not a number or a tensor of numbers") from error
    try:
        tensor = tensor.broadcast_to(shape).clone()
    except RuntimeError as error:
        raise ValueError(
            f"{name} has shape {list(tensor.shape)}, which does not broadcast to [inst feats] = {list(shape)}; "
            "give one number, [feats], [inst 1] or [inst feats]"
        ) from error
    if not tensor.isfinite().all():
        raise ValueError(f"{name} holds NaN or infinity; every value must be a finite number")
    low, high = tensor.min().item(), tensor.max().item()
    if low < 0 or high > at_most:
        allowed = "0 or more" if at_most == float("inf") else f"between 0 and {at_most:g}"
        raise ValueError(f"{name} must be {allowed}; got {low if low < 0 else high:g}")
    return tensor
