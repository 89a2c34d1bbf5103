"""Right answers of the bank, called from the stubs of an exercise notebook (see `benchmarks.notebooks`)."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch as t
from part31_superposition_and_saes.tests import REGISTRY
from part31_superposition_and_saes.training.sources import global_state_from

from tests.bank import answers


@cache
def answer(exercise: str) -> Callable[..., Any]:
    """A right answer as a function: of a whole class where the bank has one, else the first."""
    right = [
        entry
        for entry in answers()
        if entry.exercise == exercise and entry.diagnosis is None and not entry.name.startswith("harmless")
    ]
    if not right:
        raise LookupError(f"the bank has no right answer to {exercise}")
    chosen = min(right, key=lambda entry: not entry.answer.__module__.endswith("from_scratch")).answer
    if not isinstance(chosen, type):
        return chosen
    test = next(test for test in REGISTRY.values() if test.exercise == exercise)
    written, method = vars(chosen), test.place.split(".")[-1]
    found: Any = written[method] if method in written else written["generate_batch"]
    return getattr(found, "fget", found)  # of a property


def call_answer(exercise: str, generator: t.Generator | None, *arguments: Any) -> Any:
    """What the answer gives, drawing from the generator as far as an answer that takes none can."""
    with global_state_from(generator):
        return answer(exercise)(*arguments)
