"""An answer against the right one: kind, shape, dtype, device, graph, finiteness, then values.

Every function here returns quietly or raises `Failure` with what is wrong. Values are compared on the CPU in float64.
"""

import math
import numbers
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch as t
from torch import Tensor

from .outcome import Failure
from .shapes import explain_shape, shape_text

RELATIVE, ABSOLUTE = 1e-4, 1e-5  # tolerance; the second is in units of the largest expected value, at least 1


@dataclass(frozen=True)
class Mistake:
    """A known mistake and what it gives.

    Attributes:
        key: the diagnosis.
        text: lines that name the mistake and then, where it helps, the way out. The first is the headline: it
            completes "✗ forward: ".
        value: the result of the mistake on this input.
    """

    key: str
    text: str
    value: Tensor

    def failure(self, *details: str) -> Failure:
        headline, *rest = self.text.split("\n")
        return Failure(self.key, headline, *rest, *details)


Mistakes = Callable[[], Sequence[Mistake]]  # called only for an answer that is wrong


def no_mistakes() -> Sequence[Mistake]:
    return ()


def is_tensor(value: Any) -> bool:
    """Whether it really is a tensor: `isinstance` believes an object's own `__class__`."""
    return issubclass(type(value), Tensor)


def plain(tensor: Tensor) -> Tensor:
    """The same tensor without the behaviour that a subclass may add; the graph is kept."""
    if type(tensor) is Tensor or type(tensor) is t.nn.Parameter:
        return tensor
    with t._C.DisableTorchFunctionSubclass():
        return tensor.as_subclass(Tensor)


def check_number(got: Any, what: str, advice: str, not_finite: str) -> float:
    """One finite number: of Python, of NumPy, or a tensor with one entry.

    Args:
        got: what the learner's code returned.
        what: subject of the messages.
        advice: what to do about an answer of another type.
        not_finite: what to do about NaN or infinity.
    """
    if is_tensor(got) and plain(got).numel() == 1 and not plain(got).is_meta and not plain(got).is_complex():
        got = plain(got).detach().to_dense().reshape(()).item()
    kind = type(got)
    if not issubclass(kind, numbers.Real) or issubclass(kind, bool):
        if got is None:
            raise Failure("type", f"{what} is None, expected a number.", "Is the return statement missing?")
        raise Failure("type", f"{what} is of type {kind.__name__}, expected a number.", advice)
    number = float(got)
    if not math.isfinite(number):
        name = "nan" if math.isnan(number) else "inf"
        raise Failure(name, f"{what} is {name}, expected a finite number.", not_finite)
    return number


def to_numpy(tensor: Tensor) -> np.ndarray:
    # MPS has no float64: first to the CPU, then to double.
    return tensor.detach().cpu().to(t.float64).numpy()


def check_tensor(
    got: Any,
    expected: Tensor,
    axes: str,
    *,
    what: str = "your answer",
    grad: bool | None = None,
    no_graph: str = "It must not come from .detach(), .item(), .data or torch.no_grad().",
) -> Tensor:
    """Check everything about an answer but its values.

    Args:
        got: what the learner's code returned.
        expected: the right answer, for its shape, dtype and device.
        axes: names of the axes, as in "batch inst feats"; more axes than names stand at the left.
        what: subject of the messages.
        grad: True if a gradient must reach the answer, False if it must not require one, None for either.
        no_graph: what to do about a missing graph.
    Returns:
        The answer as a plain tensor.
    """
    tensor = _strided_tensor(got, what, expected.ndim == 0)
    if tensor.shape != expected.shape:
        raise explain_shape(tuple(tensor.shape), tuple(expected.shape), axes, what)
    if tensor.device != expected.device:
        raise Failure(
            "device",
            f"{what} lies on {tensor.device}, expected {expected.device}.",
            "Create new tensors on the device of those you are given: device=self.W.device, or of the input.",
        )
    if tensor.dtype != expected.dtype:
        dtype, wanted = (str(one).removeprefix("torch.") for one in (tensor.dtype, expected.dtype))
        raise Failure("dtype", f"dtype {dtype}, expected {wanted}, like the tensors your code was given.")
    if grad is False and tensor.requires_grad:
        raise Failure(
            "requires-grad",
            f"{what} requires a gradient, and nothing in it is to be trained.",
            "Leave out requires_grad=True, and use no parameters here.",
        )
    if grad and not tensor.requires_grad:
        raise Failure("detached", f"{what} is cut off from the graph: nothing can be trained through it.", no_graph)
    return tensor


def _strided_tensor(got: Any, what: str, is_number: bool) -> Tensor:
    if not is_tensor(got):
        raise Failure("type", *_explain_type(got, what, is_number))
    tensor = plain(got)
    if tensor.layout != t.strided:
        layout = str(tensor.layout).removeprefix("torch.")
        raise Failure("layout", f"{what} is a tensor of layout {layout}, expected an ordinary one.", "Use .to_dense().")
    return tensor


def _explain_type(got: Any, what: str, is_number: bool) -> tuple[str, str]:
    kind = type(got)
    headline = f"{what} is {_article(kind.__name__)}, expected a tensor."
    if got is None:
        return f"{what} is None, expected a tensor.", "Is the return statement missing?"
    if issubclass(kind, np.ndarray | np.generic):
        return f"{what} is a NumPy {kind.__name__}, expected a tensor.", "Stay in torch: NumPy knows no gradients."
    if issubclass(kind, types.GeneratorType):
        return headline, "Use return in place of yield."
    if issubclass(kind, tuple | list):
        return headline, "Return one tensor, without a comma after it or brackets round it."
    if issubclass(kind, bool | int | float) and is_number:
        return headline, "Return the tensor with no axes itself: .item() and float() cut it off from the graph."
    return headline, "Return what you computed, as one torch tensor."


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _close(got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    finite = np.abs(expected[np.isfinite(expected)])
    scale = max(1.0, finite.max(initial=0.0))
    return np.asarray(np.isclose(got, expected, rtol=RELATIVE, atol=ABSOLUTE * scale, equal_nan=True))


def find_mistake(got: Tensor, mistakes: Mistakes, right: Tensor) -> Mistake | None:
    """The first known mistake whose result is `got`, unless these inputs make it the same as the right one."""
    if got.is_meta or got.layout != t.strided or got.is_complex():
        return None
    values = to_numpy(got)
    for mistake in mistakes():
        wrong = to_numpy(mistake.value)
        if wrong.shape != values.shape or not _close(values, wrong).all():
            continue
        if wrong.shape != tuple(right.shape) or not _close(to_numpy(right), wrong).all():
            return mistake
    return None


def compare(
    got: Any,
    expected: Tensor,
    axes: str,
    *,
    mistakes: Mistakes = no_mistakes,
    what: str = "your answer",
    grad: bool | None = None,
) -> Tensor:
    """Check an answer against the right one; a known mistake is named, whatever its shape.

    Arguments are those of `check_tensor`; `mistakes` are tried in order.
    """
    tensor = plain(got) if is_tensor(got) else None
    try:
        answer = check_tensor(got, expected, axes, what=what, grad=grad)
    except Failure as failure:
        if tensor is not None and failure.diagnosis not in ("device", "dtype", "layout", "detached", "requires-grad"):
            known = find_mistake(tensor, mistakes, expected)
            if known is not None:
                raise known.failure(shape_text(tuple(tensor.shape), tuple(expected.shape), axes)) from None
        raise
    compare_values(answer, expected, axes, mistakes=mistakes, what=what)
    return answer


def compare_values(
    got: Tensor, expected: Tensor, axes: str, *, mistakes: Mistakes = no_mistakes, what: str = "your answer"
) -> None:
    """Check the values of an answer that has the right shape, dtype and device."""
    values, wanted = to_numpy(got), to_numpy(expected)
    wrong = np.asarray(~_close(values, wanted))
    if not wrong.any():
        return
    known = find_mistake(got, mistakes, expected)
    if known is not None:
        raise known.failure(*_differences(values, wanted, wrong, axes))
    broken = np.asarray(~np.isfinite(values) & np.isfinite(wanted))
    if broken.any():
        kind = "NaN" if np.isnan(values[broken]).any() else "infinite"
        raise Failure(
            "nan" if kind == "NaN" else "inf",
            f"{what} is {kind} in {broken.sum()} of {values.size} places.",
            *_differences(values, wanted, broken, axes),
            "Look for a division by zero, a logarithm or root of a number below zero, or numbers never filled in.",
        )
    raise Failure("values", _share(what, wrong), *_differences(values, wanted, wrong, axes))


def _share(what: str, wrong: np.ndarray) -> str:
    if wrong.ndim == 0:
        return f"{what} has the right shape and the wrong value."
    return f"{what} has the right shape, and wrong values in {wrong.sum()} of {wrong.size} places."


def _differences(values: np.ndarray, wanted: np.ndarray, wrong: np.ndarray, axes: str) -> list[str]:
    """The first place that differs, with both values, and the largest difference."""
    if values.ndim == 0:
        return [f"expected {number(wanted)}, got {number(values)}"]
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f"[{', '.join(map(str, first))}]"
    line = f"first difference at {place}: expected {number(wanted[first])}, got {number(values[first])}"
    gaps = np.abs(values - wanted)[wrong]
    finite = gaps[np.isfinite(gaps)]
    return [f"{line}; largest: {number(finite.max())}" if finite.size else line]


def number(value: Any) -> str:
    return f"{float(value):.4g}"


def compare_gradients(
    got: dict[str, Tensor | None],
    expected: dict[str, Tensor],
    *,
    mistakes: dict[str, Mistakes] | None = None,
) -> None:
    """Check gradients, by the name of what they belong to."""
    for name, right in expected.items():
        mine = got[name]
        if mine is None:
            raise Failure(
                "detached",
                f"the values are right, and no gradient reaches {name}.",
                f"Use {name} itself: .detach(), .data, .item(), torch.tensor(...) and torch.no_grad() cut it off.",
            )
        known = (mistakes or {}).get(name, no_mistakes)
        try:
            compare_values(plain(mine), right, "", mistakes=known, what=f"the gradient to {name}")
        except Failure as failure:
            if failure.diagnosis == "values":
                headline = f"the values are right, and the gradient to {name} is not."
                advice = "Is part of the sum cut off from the graph, by .detach(), .data or torch.no_grad()?"
                raise Failure("gradient", headline, advice, *failure.details) from None
            raise
