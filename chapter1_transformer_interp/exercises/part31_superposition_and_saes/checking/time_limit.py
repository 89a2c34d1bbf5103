"""An end to endless loops, where the platform allows one."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MAX_SECONDS = 8.0  # of computing, for one call of a learner's code; a right answer takes far below one


class TookTooLong(BaseException):
    """Not an `Exception`: code that catches those must not go on."""


@contextmanager
def time_limit(seconds: float | None = None) -> Iterator[None]:
    """Raise `TookTooLong` in code that computes for longer than `seconds`, `MAX_SECONDS` if None.

    Counted is the time that this process computes, so that a busy machine stops nobody. Python code is interrupted in
    the main thread, on platforms with interval timers (not Windows); elsewhere, and where somebody else already uses
    the timer, nothing is.
    """
    limit = MAX_SECONDS if seconds is None else seconds
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not hasattr(signal, "setitimer") or signal.getitimer(signal.ITIMER_PROF)[0] > 0:
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise TookTooLong(f"{limit:g} seconds")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, limit, 1.0)  # again each second: a bare except may swallow the first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
