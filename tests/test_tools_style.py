"""Formatter, linter, types and spelling: the same for everybody, with the settings in pyproject.toml."""

import subprocess
import sys

import pytest

from tools.paths import ROOT


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        (["ruff", "format", "--check", "--diff", "--quiet"], "run `ruff format`"),
        (["ruff", "check", "--output-format=concise", "--quiet"], "run `ruff check --fix` and mend the rest"),
        (["mypy", "--no-error-summary"], "see the types above"),
        (["codespell_lib"], "mend the words above, or add them to pyproject.toml"),
    ],
    ids=["format", "lint", "types", "spelling"],
)
def test_style(command: list[str], remedy: str) -> None:
    out = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, text=True, capture_output=True)
    assert out.returncode == 0, f"{remedy}\n{out.stdout}{out.stderr}"
