"""Where a learner's code runs: whatever it does, global state is afterwards as it was before."""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import einops
import numpy as np
import torch as t
from torch import Tensor, nn
from torch.nn import functional as F

from ..runtime import device, forked_random_state

MAX_PRINTED = 2_000  # characters of a learner's own printing that one test lets through

# Whose functions are put back when a learner's code has replaced them.
_MODULES = (t, nn, F, nn.init, t.testing, t.autograd, t.linalg, t.special, t.random, einops)
_CLASSES = (Tensor, nn.Module, nn.Parameter, t.Generator)


class TorchFunctions:
    """A snapshot of torch's functions, to be restored after code that may have replaced some."""

    def __init__(self) -> None:
        # Modules hold caches and switches too: of those only what can be called is ours to restore.
        self._modules = [(one, {k: v for k, v in vars(one).items() if callable(v)}) for one in _MODULES]
        self._classes = [(one, dict(vars(one))) for one in _CLASSES]

    def restore(self) -> bool:
        """Put back what was replaced or deleted. Returns whether there was anything to put back."""
        found = False
        for owner, saved in [*self._modules, *self._classes]:
            now = vars(owner)
            for name, value in saved.items():
                if now.get(name) is not value:
                    setattr(owner, name, value)
                    found = True
        for owner, saved in self._classes:
            for name in set(vars(owner)) - set(saved):
                # A name new in a class hides the method it would inherit; any other addition hides nothing.
                if any(name in vars(base) for base in owner.__mro__[1:]):
                    delattr(owner, name)
                    found = True
        return found


class _LimitedStream:
    """Passes a learner's printing on, up to `MAX_PRINTED` characters."""

    def __init__(self, stream: Any):  # a TextIO; notebooks and pytest have their own
        self._stream = stream
        self._left = MAX_PRINTED

    def write(self, text: str) -> int:
        if self._left > 0:
            self._stream.write(text[: self._left])
            self._left -= len(text)
            if self._left <= 0:
                self._stream.write("\n… your code prints more than a test shows; the rest is left out\n")
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _switches() -> list[tuple[Any, Callable[[Any], Any]]]:
    """Torch's global switches: the value of each now, and the function that sets it."""
    return [
        (t.get_default_dtype(), t.set_default_dtype),
        (t.get_num_threads(), t.set_num_threads),
        (t.backends.cudnn.deterministic, lambda value: setattr(t.backends.cudnn, "deterministic", value)),
        (t.backends.cudnn.benchmark, lambda value: setattr(t.backends.cudnn, "benchmark", value)),
        (t.are_deterministic_algorithms_enabled(), t.use_deterministic_algorithms),
        (t.is_anomaly_enabled(), t.autograd.set_detect_anomaly),
        (t.is_grad_enabled(), t.set_grad_enabled),
        (t.get_default_device(), _set_default_device),
    ]


def _set_default_device(value: t.device) -> None:
    # Setting "cpu" would install a mode that slows down every later call: None is the state without one.
    t.set_default_device(None if value.type == "cpu" else value)


def _restore_switches(saved: list[tuple[Any, Callable[[Any], Any]]]) -> None:
    for (now, _), (value, set_value) in zip(_switches(), saved, strict=True):
        if now != value:
            set_value(value)


@contextmanager
def _numpy_and_python_random_state() -> Iterator[None]:
    numpy_state, python_state = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)


@contextmanager
def _limited_printing() -> Iterator[None]:
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_LimitedStream(one) for one in before)  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class Sandbox:
    """Made by `sandbox`; its `learner` is entered around each call of a learner's code."""

    def __init__(self) -> None:
        self._functions = TorchFunctions()

    @contextmanager
    def learner(self) -> Iterator[None]:
        """Undo, right after the call, what would change how the test itself computes."""
        saved = _switches()
        streams = sys.stdout, sys.stderr
        try:
            yield
        finally:
            sys.stdout, sys.stderr = streams
            self._functions.restore()
            _restore_switches(saved)


@contextmanager
def sandbox(seed: int) -> Iterator[Sandbox]:
    """Run a test: random numbers from `seed`, float32, with gradients; afterwards everything is as it was.

    Restored are the random states of torch, NumPy and Python, default dtype and device, grad mode, thread count,
    switches for determinism, and torch's functions.
    """
    t.empty(0, device=device)  # starts an accelerator now, so that its random state is among those put back
    with ExitStack() as stack:
        stack.enter_context(forked_random_state())
        stack.enter_context(_numpy_and_python_random_state())
        stack.enter_context(_limited_printing())
        stack.callback(_restore_switches, _switches())
        box = Sandbox()
        stack.callback(box._functions.restore)
        stack.enter_context(t.inference_mode(False))
        stack.enter_context(t.enable_grad())
        t.set_default_dtype(t.float32)
        t.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        yield box
