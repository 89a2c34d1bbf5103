"""Where random numbers come from: a generator for code that takes one, a fork of the global state for other code."""

import inspect
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch as t

from ..runtime import forked_random_state


def accepts_generator(function: Any) -> bool:
    """Whether `function` takes the keyword `generator` (a learner's version need not)."""
    parameters = inspect.signature(function).parameters.values()
    return any(p.name == "generator" or p.kind is p.VAR_KEYWORD for p in parameters)


def draw_batch(model: Any, batch_size: int, generator: t.Generator | None = None) -> Any:
    """`model.generate_batch(batch_size)`, from the generator if there is one and the method takes it."""
    takes_it = generator is not None and accepts_generator(model.generate_batch)
    return model.generate_batch(batch_size, generator=generator) if takes_it else model.generate_batch(batch_size)


@contextmanager
def global_state_from(generator: t.Generator | None) -> Iterator[None]:
    """Seed torch's global random state from `generator` for a while, and put it back afterwards.

    Without a generator nothing is seeded and nothing put back: code inside draws as it would anyway.
    """
    if generator is None:
        yield
        return
    with forked_random_state():
        t.manual_seed(int(t.randint(2**62, (1,), generator=generator, device=generator.device)))
        yield


@contextmanager
def all_random_states_kept(seed: int) -> Iterator[None]:
    """Let code that is only tried out draw from torch, NumPy and Python, always the same, and leave no trace."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    try:
        with forked_random_state():
            t.manual_seed(seed)
            np.random.seed(seed)
            random.seed(seed)
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
