"""Where things run and from which seed: read once, from the environment, for the whole course."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch as t


def choose_device(override: str | None = None) -> t.device:
    """Device of the course: `override` if given, else mps, else cuda, else cpu.

    Args:
        override: a name that torch understands ("cpu", "cuda:1", "mps"), usually the environment
            variable PART31_DEVICE; empty or None for no override.
    Raises:
        ValueError: if `override` is no device, or one that this machine does not have.
    """
    if not override:
        if t.backends.mps.is_available():
            return t.device("mps")
        return t.device("cuda" if t.cuda.is_available() else "cpu")
    try:
        chosen = t.device(override)
        t.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"PART31_DEVICE={override!r} cannot be used here; "
            "set it to cpu, cuda or mps, whichever this machine has, or unset it"
        ) from error
    return chosen


def choose_seed(value: str | None = None) -> int:
    """Seed of the experiments: `value` (usually PART31_SEED) as a whole number from 0 up, else 0.

    Raises:
        ValueError: if `value` is not such a number.
    """
    if not value:
        return 0
    if not value.isdecimal():
        raise ValueError(f"PART31_SEED={value!r} is not a seed; set it to a whole number from 0 up")
    return int(value)


device = choose_device(os.environ.get("PART31_DEVICE"))
seed = choose_seed(os.environ.get("PART31_SEED"))


@contextmanager
def forked_random_state() -> Iterator[None]:
    """Let code draw from, or seed, torch's global random state and put the state back afterwards, on every device."""
    cpu = t.get_rng_state()
    cuda = t.cuda.get_rng_state_all() if t.cuda.is_initialized() else []
    mps = t.mps.get_rng_state() if t.backends.mps.is_available() else None
    try:
        yield
    finally:
        t.set_rng_state(cpu)
        if cuda:
            t.cuda.set_rng_state_all(cuda)
        if mps is not None:
            t.mps.set_rng_state(mps)
