"""The bank of answers: right and wrong ones for every exercise, each wrong one with the diagnosis that it must get.

An answer is a few lines: a class or function under `@wrong(exercise, diagnosis)` or `@right(exercise)` in a module of
this folder, from which `answers` collects them. `python -m tests.bank` proves all of them on many seeds.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

Answer = TypeVar("Answer", bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry:
    """One answer.

    Attributes:
        exercise: id of the exercise it answers.
        name: of the class or function, unique within the exercise.
        answer: what is handed to the test.
        diagnosis: what the test must say, None for a right answer.
    """

    exercise: str
    name: str
    answer: Any
    diagnosis: str | None

    def __str__(self) -> str:
        return f"{self.exercise}-{'right' if self.diagnosis is None else 'wrong'}-{self.name}"


_ENTRIES: list[Entry] = []


def add(exercise: str, name: str, answer: Any, diagnosis: str | None) -> None:
    _ENTRIES.append(Entry(exercise, name, answer, diagnosis))


def wrong(exercise: str, diagnosis: str) -> Callable[[Answer], Answer]:
    """Put a wrong answer in the bank, with the diagnosis that it must get."""

    def register(answer: Answer) -> Answer:
        add(exercise, answer.__name__, answer, diagnosis)
        return answer

    return register


def right(*exercises: str) -> Callable[[Answer], Answer]:
    """Put a right answer in the bank, for one or more exercises."""

    def register(answer: Answer) -> Answer:
        for exercise in exercises:
            add(exercise, answer.__name__, answer, None)
        return answer

    return register


@cache
def answers() -> tuple[Entry, ...]:
    """All answers, from every module of this folder."""
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{__name__}.{module.name}")
    return tuple(_ENTRIES)
