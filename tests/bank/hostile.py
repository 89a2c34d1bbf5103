"""What no exercise asks for: answers of another kind, broken ones, and ones that touch what is not theirs.

Each is made for every exercise, from the right answer: `spoil` what it returns, or `disturb` the world while it runs.
"""

import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch as t
from part31_superposition_and_saes import solutions
from part31_superposition_and_saes.tests import REGISTRY, LearnerTest

from . import add


class EqualToEverything:
    """Pretends to be any tensor."""

    shape, dtype, device = (1,), t.float32, t.device("cpu")
    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: self

    @property
    def __class__(self) -> type:
        return t.Tensor


class Lying(t.Tensor):
    """A tensor whose every operation says yes."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = super().__torch_function__(func, types, args, kwargs or {})
        return True if isinstance(result, bool) else result


def not_a_number(result: t.Tensor) -> t.Tensor:
    return t.where(t.arange(result.numel()).view(result.shape) == 0, float("nan"), result)


def raises(result: t.Tensor) -> t.Tensor:
    raise ValueError("as planned " * 200)


def exits(result: t.Tensor) -> t.Tensor:
    sys.exit(0)


def recurses(result: t.Tensor) -> t.Tensor:
    return recurses(result)


def stub(result: t.Tensor) -> t.Tensor:
    raise NotImplementedError("another_exercise")


def torchs_own(result: t.Tensor) -> t.Tensor:
    raise NotImplementedError("Could not run 'aten::foo' with arguments from the 'bar' backend.")


def whole_numbers(result: t.Tensor) -> t.Tensor:
    return result.int()


SPOILED: list[tuple[str, Callable[[t.Tensor], Any]]] = [
    ("type", lambda result: None),
    ("type", lambda result: result.detach().cpu().numpy()),
    ("type", lambda result: result.tolist()),
    ("type", lambda result: (result,)),
    ("type", lambda result: (row for row in [result])),
    ("type", lambda result: 1),
    ("type", lambda result: 0.5),
    ("type", lambda result: "tensor"),
    ("type", lambda result: np.float32(1)),
    ("type", lambda result: EqualToEverything()),
    ("layout", lambda result: result.to_sparse()),
    ("dtype", lambda result: result.double()),
    ("dtype", lambda result: result.half()),
    ("dtype", whole_numbers),
    ("dtype", lambda result: result.to(t.complex64)),
    ("device", lambda result: result.to("meta")),
    ("nan", not_a_number),
    ("inf", lambda result: result + float("inf")),
    ("raised", raises),
    ("raised", exits),
    ("raised", recurses),
    ("raised", torchs_own),
    ("unsolved", stub),
]


def change_global_state(result: t.Tensor) -> t.Tensor:
    t.set_default_dtype(t.float64)
    t.set_default_device("meta")
    t.set_grad_enabled(False)
    t.allclose = t.equal = t.Tensor.equal = lambda *args, **kwargs: True
    t.testing.assert_close = lambda *args, **kwargs: None
    return result


def print_much(result: t.Tensor) -> t.Tensor:
    print("line\n" * 5_000)
    return result


def lie(result: t.Tensor) -> t.Tensor:
    return result.as_subclass(Lying)


def not_contiguous(result: t.Tensor) -> t.Tensor:
    return t.stack([result, t.zeros_like(result)], dim=-1)[..., 0]


# Of exercises whose answer is a number: a Python number, an array of one or a tensor of one are right there.
SPOILED_NUMBERS: list[tuple[str, Callable[[float], Any]]] = [
    ("type", lambda result: None),
    ("type", lambda result: (result,)),
    ("type", lambda result: [result]),
    ("type", lambda result: (row for row in [result])),
    ("type", lambda result: "number"),
    ("type", lambda result: complex(result)),
    ("type", lambda result: result > 0),
    ("type", lambda result: EqualToEverything()),
    ("nan", lambda result: float("nan")),
    ("inf", lambda result: float("inf")),
    *((diagnosis, spoil) for diagnosis, spoil in SPOILED if diagnosis in ("raised", "unsolved")),
]

DISTURBED: list[Callable[[t.Tensor], Any]] = [change_global_state, print_much, lie, not_contiguous]

# Answers that give nothing back, but change the model: there is no result to spoil.
SILENT = ("__init__", "resample_simple", "resample_advanced")

# What the test of an exercise says where it is not what the others say; None for an answer that is right there.
# Whole numbers have no NaN: what holds one, or was multiplied, is of another dtype first.
OTHERWISE: dict[str, dict[str, str | None]] = {
    "computation_generate_batch": {"drifting": "range"},
    "double_descent_generate_batch": {"drifting": "length"},
    "features_per_neuron": {"nan": "dtype", "inf": "dtype", "drifting": "dtype"},
    "generate_anticorrelated_features": {"drifting": "magnitude-range"},
    "generate_batch": {"drifting": "magnitude-range"},
    "generate_batch_with_pairs": {"drifting": "magnitude-range"},
    "generate_correlated_features": {"drifting": "magnitude-range"},
    "generate_uncorrelated_features": {"drifting": "magnitude-range"},
    "ideal_polytope": {"drifting": "not-unit"},
    "orthogonal_groups": {"nan": "dtype", "inf": "dtype", "drifting": "dtype", "whole_numbers": None},
    "rotate_neurons": {"drifting": "lengths-changed"},
}


def is_function_of_torch(test: LearnerTest) -> bool:
    """Whether an exercise asks for an autograd function: a class that nobody makes an object of."""
    taken = getattr(solutions, test.takes)
    return isinstance(taken, type) and issubclass(taken, t.autograd.Function)


def method_of(test: LearnerTest) -> str:
    """The method of a class that a test calls."""
    if is_function_of_torch(test):
        return "apply"
    name = test.place.split(".")[-1]
    return name if hasattr(getattr(solutions, test.takes), name) else "generate_batch"


def gives_a_number(test: LearnerTest) -> bool:
    """Whether the answer to an exercise is a number and no tensor."""
    returns = inspect.signature(getattr(solutions, test.takes)).return_annotation
    return test.takes == test.place and returns in (float, "float")


def through(how: Callable[[t.Tensor], Any], result: Any) -> Any:
    """A result with its tensor, the last where there are several, passed through `how`."""
    return (*result[:-1], how(result[-1])) if type(result) is tuple else how(result)


def change(exercise: str, how: Callable[[t.Tensor], Any]) -> Any:
    """The reference answer to an exercise with its result passed through `how`."""
    test = next(one for one in REGISTRY.values() if one.exercise == exercise)
    original = getattr(solutions, test.takes)
    if test.takes == test.place:
        return lambda *args, **kwargs: through(how, original(*args, **kwargs))
    method = method_of(test)
    kind = inspect.getattr_static(original, method)

    def changed(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = getattr(super(answer, self), method)(*args, **kwargs)
        if method in SILENT:
            how(t.zeros(()))
            return None
        return through(how, result)

    def changed_static(*args: Any, **kwargs: Any) -> Any:
        return through(how, getattr(original, method)(*args, **kwargs))

    written: Any = changed
    if isinstance(kind, property):
        written = property(lambda self: how(getattr(super(answer, self), method)))
    elif isinstance(kind, staticmethod | classmethod):
        written = staticmethod(changed_static)
    answer = type("Hostile", (original,), {method: written})
    return answer


def drifting(result: t.Tensor) -> t.Tensor:
    """Wrong by a trifle, while the functions that could tell are replaced."""
    return change_global_state(1.01 * result)


def takes_only_cfg(base: type) -> type:
    def constructor(self: Any, cfg: Any) -> None:
        base.__init__(self, cfg)

    return type("Hostile", (base,), {"__init__": constructor})


def an_object(of: type) -> Any:
    """A small object of a class of the course."""
    toy = solutions.ToyModel(solutions.ToyModelConfig(1))
    if issubclass(of, t.autograd.Function):  # PyTorch makes no objects of these
        return toy
    return of(solutions.ToySAEConfig(1, 2, 5), toy) if issubclass(of, solutions.ToySAE) else of(toy.cfg)


def add_results(test: LearnerTest) -> None:
    """Right answers whose results are spoiled, or that disturb the world."""
    exercise, otherwise = test.exercise, OTHERWISE.get(test.exercise, {})
    is_number, is_silent = gives_a_number(test), test.takes != test.place and method_of(test) in SILENT
    for number, (diagnosis, spoil) in enumerate(SPOILED_NUMBERS if is_number else SPOILED):
        if is_silent and diagnosis not in ("raised", "unsolved"):
            continue
        said = otherwise.get(spoil.__name__, otherwise.get(diagnosis, diagnosis))
        add(exercise, f"hostile-{number}-{diagnosis}", change(exercise, spoil), said)
    for disturb in DISTURBED:
        if disturb not in (lie, not_contiguous) or not is_number:
            add(exercise, f"harmless-{disturb.__name__}", change(exercise, disturb), None)
    if not is_silent:
        add(exercise, "hostile-drifting", change(exercise, drifting), otherwise.get("drifting", "values"))


def add_classes(test: LearnerTest) -> None:
    """What is no class, or one that lacks something."""
    exercise, original, method = test.exercise, getattr(solutions, test.takes), method_of(test)
    is_function = is_function_of_torch(test)
    missing = "raised" if method == "__init__" else "missing-method"
    add(exercise, "hostile-object", an_object(original), "not-a-class")
    add(exercise, "hostile-missing-method", type("Hostile", (original,), {method: None}), missing)
    plain = type("Hostile", (), {"__init__": lambda self, *a, **k: None})
    add(exercise, "hostile-plain-class", plain, "not-a-function" if is_function else "not-a-module")
    if is_function:
        return
    add(exercise, "hostile-constructor", takes_only_cfg(original), "raised")


for test in REGISTRY.values():
    add_results(test)
    if test.takes == test.place:
        add(test.exercise, "hostile-not-callable", 3, "not-callable")
    else:
        add_classes(test)
