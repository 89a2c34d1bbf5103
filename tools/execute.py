"""Executes one notebook with a real kernel and says what went wrong: the ground of run, figures and claims."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from traitlets import default

from .console import Interrupted, UsageError
from .paths import PART, ROOT

BUILD = ROOT / "build"
KIND = "_solutions.ipynb"
CELL_SECONDS = 600  # a cell that takes longer is stopped
CLAIM_FAILED = "ClaimFailed"
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Problem:
    """One thing that makes a run fail.

    Attributes:
        cell: position in the notebook, counted from 1 over all cells; 0 if no cell is to blame.
        first_line: of that cell.
        error: one short message.
        traceback: as the notebook shows it, without colours; may be empty.
    """

    cell: int
    first_line: str
    error: str
    traceback: str = ""

    def __str__(self) -> str:
        return f"cell {self.cell} ({self.first_line}): {self.error}" if self.cell else self.error


@dataclass
class Execution:
    """A notebook after its run.

    Attributes:
        name: file name.
        notebook: with outputs, as far as it came.
        seconds: wall-clock time, start of the kernel included.
        reached: position, from 1, of the last cell that was begun; 0 if none was.
        problems: why it failed; empty if it did not.
    """

    name: str
    notebook: Any
    seconds: float
    reached: int
    problems: list[Problem] = field(default_factory=list)


class _OwnSpecs(KernelSpecManager):
    """Finds no installed kernel, so that "python3" is this very interpreter and not what a user has registered."""

    def _kernel_dirs_default(self) -> list[str]:
        return []


class _OwnKernel(AsyncKernelManager):
    @default("kernel_spec_manager")
    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        return _OwnSpecs(parent=self)


def first_line(cell: Any) -> str:
    """First line of a cell that holds code, shortened; it names the cell in messages."""
    lines = [line.strip() for line in cell.source.splitlines()]
    code = [line for line in lines if line and not line.startswith("#")] or [line for line in lines if line]
    return code[0][:70] if code else "(empty)"


def select(folder: Path, number: str) -> list[Path]:
    """Solution notebooks in `folder`, in order; with `number`, the ones whose name starts with it.

    Raises:
        UsageError: if there is none, or none with that number.
    """
    every = sorted(folder.glob(f"[0-9]*{KIND}"), key=lambda path: (int(path.name.split("_")[0]), path.name))
    if not every:
        raise UsageError(f"there is no solution notebook (*{KIND}) in {folder}; run `make notebooks`")
    chosen = [path for path in every if not number or path.name.startswith(f"{number}_")]
    if not chosen:
        there = "\n".join(f"  NB={path.name.split('_')[0]}  {path.name}" for path in every)
        raise UsageError(f"NB={number!r} is the number of no notebook; there are:\n{there}")
    return chosen


def seed_number(value: str) -> int:
    """A seed from the command line as a number; an empty one is 0.

    Raises:
        UsageError: if it is no whole number from 0 to 2**63 - 1.
    """
    if not value:
        return 0
    if not value.isdecimal() or int(value) >= 2**63:
        raise UsageError(f"SEED={value!r} is not a seed; give a whole number from 0 to 2**63 - 1, for example SEED=7")
    return int(value)


def execute(
    path: Path,
    seed: int = 0,
    cell_seconds: int = CELL_SECONDS,
    folder: Path = PART,
    threads: int | None = None,
    on_cell: Callable[[int, str], None] = lambda number, line: None,
) -> Execution:
    """Run every cell of a notebook; one that fails ends the run, unless a claim failed: the next cells still run.

    Args:
        path: the notebook; it is read, not written.
        seed: of the experiments (PART31_SEED).
        cell_seconds: longest time that one cell may take.
        folder: working directory of the kernel.
        threads: of torch; None leaves that to torch.
        on_cell: called with position (from 1) and first line of each code cell before it runs.
    Raises:
        Interrupted: after Ctrl-C.
    """
    notebook = nbformat.read(path, as_version=4)
    at = {"cell": 0}

    def begin(cell: Any, cell_index: int) -> None:
        if cell.cell_type == "code":
            at["cell"] = cell_index + 1
            on_cell(cell_index + 1, first_line(cell))

    client = NotebookClient(
        notebook,
        timeout=cell_seconds,
        kernel_name="python3",
        kernel_manager_class=_OwnKernel,
        resources={"metadata": {"path": str(folder)}},
        allow_error_names=[CLAIM_FAILED],
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # it warns of plain TCP, which stays inside this machine
        on_cell_start=begin,
        shutdown_kernel="immediate",
    )
    started = time.perf_counter()
    problem = _run(client, kernel_environment(seed, threads), cell_seconds)
    seconds = time.perf_counter() - started
    problems = _problems_in_outputs(notebook)
    if problem and not any(known.cell == at["cell"] for known in problems):
        line = first_line(notebook.cells[at["cell"] - 1]) if at["cell"] else ""
        problems.append(Problem(at["cell"], line, problem))
    return Execution(path.name, notebook, seconds, at["cell"], problems)


def _run(client: NotebookClient, environment: dict[str, str], cell_seconds: int) -> str:
    """Execute; what stopped it in one line, or nothing."""
    try:
        client.execute(env=environment)
    except Exception as error:
        if hasattr(client, "_async_cleanup_kernel_future"):  # nbclient met Ctrl-C and took the kernel down itself
            raise Interrupted from None
        return _explain(error, cell_seconds)
    return ""


def _explain(error: Exception, cell_seconds: int) -> str:
    """What stopped a notebook, in one line.

    Raises:
        Exception: `error` itself, if it is none that a notebook can cause.
    """
    if isinstance(error, CellTimeoutError):
        return f"time-out: the cell did not end within {cell_seconds} s"
    if isinstance(error, CellExecutionError):
        return f"{error.ename}: {plain(error.evalue)}"
    if isinstance(error, DeadKernelError):
        return "the kernel died while this cell ran (out of memory, or a crash in compiled code)"
    if isinstance(error, RuntimeError | OSError):
        return f"the kernel did not start: {error}"
    raise error


def kernel_environment(seed: int, threads: int | None) -> dict[str, str]:
    """Environment of the kernel: figures as data for plotly (no script from a server), the seed, and the threads."""
    environment = os.environ | {"PART31_SEED": str(seed), "PLOTLY_RENDERER": "plotly_mimetype"}
    environment.pop("MPLBACKEND", None)  # a backend of the caller's may not exist in the kernel
    if threads:
        environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    return environment


def plain(text: str) -> str:
    """Text without the colours of a terminal."""
    return _ANSI.sub("", text)


def _problems_in_outputs(notebook: Any) -> list[Problem]:
    problems = []
    for number, cell in enumerate(notebook.cells, start=1):
        expected = "raises-exception" in cell.metadata.get("tags", [])
        for output in cell.get("outputs", []):
            if output.output_type == "error" and not expected:
                claim = output.ename == CLAIM_FAILED  # its message says everything
                error = plain(output.evalue if claim else f"{output.ename}: {output.evalue}")
                trace = "" if claim else plain("\n".join(output.traceback))
                problems.append(Problem(number, first_line(cell), error, trace))
    return problems
