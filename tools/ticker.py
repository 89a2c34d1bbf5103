"""Shows what is going on while something long runs: one line rewritten on a terminal, a line now and then in a log."""

import sys
import threading
import time
from types import TracebackType
from typing import TextIO

LOG_SECONDS = 10.0  # between two lines in a log
TERMINAL_SECONDS = 0.2  # between two looks of the line on a terminal


class Ticker:
    """A context in which `show` says what is being done and for how long.

    Args:
        name: begins every line.
        stream: where to; standard output by default.
        every: seconds between two lines; chosen by the kind of stream by default.
    """

    def __init__(self, name: str, stream: TextIO | None = None, every: float | None = None):
        self.name = name
        self.stream = stream or sys.stdout
        self.terminal = self.stream.isatty()
        self.every = every or (TERMINAL_SECONDS if self.terminal else LOG_SECONDS)
        self.what = "starting the kernel"
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "Ticker":
        self.began = time.perf_counter()
        if not self.terminal:
            self._write()
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.done.set()
        self.thread.join()
        if self.terminal:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def show(self, what: str) -> None:
        """What is being done from now on."""
        self.what = what

    def _tick(self) -> None:
        while not self.done.wait(self.every):
            self._write()

    def _write(self) -> None:
        line = f"{self.name}  {time.perf_counter() - self.began:6.1f} s  {self.what}"
        self.stream.write(f"\r\x1b[K{line[:110]}" if self.terminal else f"{line}\n")
        self.stream.flush()
