"""Finished runs of a sweep in a file of lines, and the small file that the repo ships.

A line is written the moment its run has ended, so a sweep that was stopped, or that crashed, goes on where it was.
"""

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch as t

PACKAGES = ("torch", "numpy", "numba")


class RunStore:
    """A file of JSON lines: one for each start of the sweep, one for each finished run."""

    def __init__(self, path: Path):
        self.path = path
        self.starts: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                kind, content = json.loads(line)
            except ValueError:  # cut off when the sweep was stopped
                continue
            (self.starts if kind == "start" else self.runs).append(content)

    def start(self, command: str) -> None:
        """Note who is at work: command, versions, machine."""
        self._write("start", {"command": command, "versions": versions(), "machine": machine()})

    def finish(self, setting: dict[str, Any], result: dict[str, Any]) -> None:
        """Note a finished run."""
        self._write("run", {"setting": setting, "result": result})

    def is_finished(self, setting: dict[str, Any]) -> bool:
        """Whether a run of just these settings is in the file."""
        return any(run["setting"] == setting for run in self.runs)

    def _write(self, kind: str, content: dict[str, Any]) -> None:
        content = json.loads(json.dumps(content))
        (self.starts if kind == "start" else self.runs).append(content)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        broken = self.path.exists() and not self.path.read_bytes().endswith(b"\n") and self.path.stat().st_size
        with self.path.open("a", encoding="utf-8") as file:
            file.write(("\n" if broken else "") + json.dumps([kind, content]) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def ship(self, path: Path) -> None:
        """Write the starts and all runs, in the order of their settings, as one file."""
        starts = [json.loads(text) for text in dict.fromkeys(json.dumps(start) for start in self.starts)]
        runs = sorted(self.runs, key=lambda run: list(run["setting"].values()))
        lines = ",\n".join(json.dumps(run, separators=(",", ":")) for run in runs)
        text = f'{{"made_by": {json.dumps(starts, indent=1)},\n"runs": [\n{lines}\n]}}\n'
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)


def versions() -> dict[str, str]:
    """Of Python and of what computes."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def machine() -> str:
    """Processor, cores and system in one line, and the GPU where there is one."""
    processor = platform.processor() or platform.machine()
    about = Path("/proc/cpuinfo")
    if about.exists():
        names = [
            line.split(":", 1)[1].strip() for line in about.read_text().splitlines() if line.startswith("model name")
        ]
        processor = names[0] if names else processor
    gpu = f", {t.cuda.get_device_name()}" if t.cuda.is_available() else ""
    return f"{processor}, {os.cpu_count()} cores{gpu}, {sys.platform}"
