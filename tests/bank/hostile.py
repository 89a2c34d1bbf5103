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
    ("dtype", lambda result: result.int()),
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


# Of exercises whose answer is a number: a Python number, an array of one or a tensor of one are right there.
SPOILED_NUMBERS: list[tuple[str, Callable[[float], Any]]] = [
    ("type", lambda result: None),
    ("type", lambda result: (result,)),
    ("type", lambda result: [result]),
    ("type", lambda result: (row for row in [result])),
    ("type", lambda result: "number"),
    ("type", lambda result: t.tensor([result, result])),
    ("type", lambda result: complex(result)),
    ("type", lambda result: EqualToEverything()),
    ("nan", lambda result: float("nan")),
    ("inf", lambda result: float("inf")),
    ("raised", raises),
    ("raised", exits),
    ("raised", recurses),
    ("raised", torchs_own),
    ("unsolved", stub),
]


DISTURBED: list[Callable[[t.Tensor], Any]] = [change_global_state, print_much, lie]


def method_of(test: LearnerTest) -> str:
    """The method of a class that a test calls."""
    name = test.place.split(".")[-1]
    return name if hasattr(getattr(solutions, test.takes), name) else "generate_batch"


def change(exercise: str, how: Callable[[t.Tensor], Any]) -> Any:
    """The reference answer to an exercise with its result passed through `how`."""
    test = next(one for one in REGISTRY.values() if one.exercise == exercise)
    original = getattr(solutions, test.takes)

    def spoiled(result: Any) -> Any:
        """Of several results the first."""
        return (how(result[0]), *result[1:]) if isinstance(result, tuple) else how(result)

    if test.takes == test.place:
        return lambda *args, **kwargs: spoiled(original(*args, **kwargs))
    method = method_of(test)

    def changed(self: Any, *args: Any, **kwargs: Any) -> Any:
        return spoiled(getattr(super(answer, self), method)(*args, **kwargs))

    def changed_static(*args: Any, **kwargs: Any) -> Any:
        return spoiled(getattr(original, method)(*args, **kwargs))

    is_static = isinstance(inspect.getattr_static(original, method), staticmethod)
    answer = type("Hostile", (original,), {method: staticmethod(changed_static) if is_static else changed})
    return answer


def gives_a_number(test: LearnerTest) -> bool:
    """Whether the answer to an exercise is a number and no tensor."""
    return inspect.signature(getattr(solutions, test.takes)).return_annotation is float


def drifting(result: t.Tensor) -> t.Tensor:
    """Wrong by a trifle, while the functions that could tell are replaced."""
    return change_global_state(1.01 * result)


DRIFTED = {"double_descent_generate_batch": "length"}  # what `drifting` is called; "values" where nothing else


def takes_only_cfg(base: type) -> type:
    def constructor(self: Any, cfg: Any) -> None:
        base.__init__(self, cfg)

    return type("Hostile", (base,), {"__init__": constructor})


for test in REGISTRY.values():
    exercise = test.exercise
    is_number = gives_a_number(test)
    for number, (diagnosis, spoil) in enumerate(SPOILED_NUMBERS if is_number else SPOILED):
        add(exercise, f"hostile-{number}-{diagnosis}", change(exercise, spoil), diagnosis)
    for disturb in DISTURBED[:2] if is_number else DISTURBED:
        add(exercise, f"harmless-{disturb.__name__}", change(exercise, disturb), None)
    add(
        exercise,
        "hostile-drifting",
        change(exercise, drifting),
        DRIFTED.get(exercise, "magnitude-range" if exercise.startswith("generate") else "values"),
    )
    if test.takes == test.place:
        add(exercise, "hostile-not-callable", 3, "not-callable")
    else:
        original, method = getattr(solutions, test.takes), method_of(test)
        add(exercise, "hostile-object", original(solutions.ToyModelConfig(1)), "not-a-class")
        add(exercise, "hostile-missing-method", type("Hostile", (original,), {method: None}), "missing-method")
        add(
            exercise,
            "hostile-plain-class",
            type("Hostile", (), {"__init__": lambda self, *a, **k: None}),
            "not-a-module",
        )
        add(exercise, "hostile-constructor", takes_only_cfg(original), "raised")
