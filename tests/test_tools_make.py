"""The Makefile, the search for a Python and .ci/run, each on a copy where nothing is installed for real."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.paths import ROOT

MAKE = shutil.which("make")
BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(os.name == "nt" or not MAKE or not BASH, reason="needs make and bash")
ECHO = "import sys; print('called:', *sys.argv[1:])\n"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A repo with our Makefile and .ci/run, whose tools only say how they were called; its path has a blank in it."""
    house = tmp_path / "a house"
    for name in ("Makefile", "requirements.txt", "pyproject.toml", "tools/find_python.sh", ".ci/run"):
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, house / name)
    (house / "any python").symlink_to(sys.executable)
    for tool in ("run", "build", "figures", "claims", "lab"):
        (house / "tools" / f"{tool}.py").write_text(ECHO)
    return house


@pytest.fixture
def ready(house: Path) -> Path:
    """The same after its first call."""
    (house / ".venv" / "bin").mkdir(parents=True)
    (house / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (house / ".venv" / "pyvenv.cfg").touch()
    make(house, "run")
    return house


def make(house: Path, *arguments: str, **environment: str) -> str:
    """What make prints; `pip` is only echoed."""
    command = [str(MAKE), "--no-print-directory", "PIP=echo pip", f"PYTHON={house / 'any python'}", *arguments]
    clean = {key: value for key, value in os.environ.items() if key not in ("SEED", "NB", "MAKEFLAGS", "MFLAGS")}
    out = subprocess.run(command, cwd=house, env=clean | environment, text=True, capture_output=True)
    return out.stdout + out.stderr


def stub(folder: Path, name: str, version: tuple[int, int, int], complete: bool = True) -> Path:
    """A program that says that it is Python `version`; one that is not complete lacks the module venv."""
    lines = f"import sys; sys.version_info = {version}" + ("" if complete else "; sys.modules['venv'] = None")
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{lines}\n$2"\n')
    path.chmod(0o755)
    return path


def find(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Our search for a Python where `path` is all there is."""
    command = [shutil.which("sh") or "sh", str(ROOT / "tools" / "find_python.sh"), *arguments]
    return subprocess.run(command, env={"PATH": str(path)}, text=True, capture_output=True)


def test_the_first_call_makes_the_environment_and_later_calls_only_what_changed(house: Path) -> None:
    first = make(house, "run", "SEED=7", "NB=1")
    assert "making .venv with Python 3" in first
    assert "pip -r requirements.txt" in first and "pip --no-deps -e ." in first
    assert first.splitlines()[-1] == "called: --seed 7 --notebook 1"
    assert make(house, "run") == "called: --seed  --notebook \n"
    (house / "requirements.txt").touch()
    assert "making" not in (again := make(house, "run")) and "pip -r requirements.txt" in again
    (house / ".venv" / "bin" / "python").unlink()  # what an upgrade of the system's Python does
    assert "making .venv" in (anew := make(house, "run")) and "pip -r requirements.txt" in anew


def test_each_target_calls_its_tool(ready: Path) -> None:
    assert make(ready, "notebooks") == "called:\n"
    assert make(ready, "figures", "NB=2") == "called: --notebook 2\n"
    assert make(ready, "claims", "SEEDS=3 4", "JOBS=1") == "called: --notebook  --seeds 3 4 --jobs 1 --readme\n"
    assert make(ready, "lab", "NO_OPEN=1") == "called: --no-open\n"
    assert make(ready, "run", SEED="5") == "called: --seed 5 --notebook \n"
    assert "pip -r requirements.txt -e .[test]" in make(ready, "test")


def test_torch_can_come_from_another_index(ready: Path) -> None:
    (ready / ".venv" / ".installed").unlink()
    out = make(ready, "run", "TORCH_INDEX=https://example.org/cpu")
    pin = next(line for line in (ROOT / "requirements.txt").read_text().splitlines() if line.startswith("torch=="))
    torch, everything = (out.index(f"pip {what}") for what in (f"{pin} --index-url https://example.org/cpu", "-r "))
    assert torch < everything


def test_help_is_the_default_and_names_every_target(house: Path) -> None:
    out = make(house)
    phony = next(line for line in (house / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))
    assert all(f"make {target} " in out for target in phony.split()[2:])
    assert not (house / ".venv").exists()


def test_clean_leaves_the_environment_and_the_learners_copies(house: Path) -> None:
    kept = [house / ".venv" / "x", house / "chapter1_transformer_interp" / "work" / "1.ipynb"]
    gone = [house / "build" / "x", house / "tools" / "__pycache__" / "x", house / ".mypy_cache" / "x"]
    for path in kept + gone:
        path.parent.mkdir(parents=True)
        path.touch()
    make(house, "clean")
    assert all(path.exists() for path in kept) and not any(path.exists() for path in gone)


def test_a_failing_tool_fails_make(ready: Path) -> None:
    (ready / "tools" / "run.py").write_text("raise SystemExit(1)")
    out = subprocess.run([str(MAKE), "run", "PIP=echo pip"], cwd=ready, capture_output=True)
    assert out.returncode == 2


def test_python3_is_taken_if_it_will_do_and_else_a_newer_one(tmp_path: Path) -> None:
    stub(tmp_path, "python3", (3, 9, 1))
    stub(tmp_path, "python3.10", (3, 10, 0))
    assert find(tmp_path).stdout == "python3.10\n"
    stub(tmp_path, "python3.12", (3, 12, 0), complete=False)
    assert find(tmp_path).stdout == "python3.10\n"
    stub(tmp_path, "python3", (3, 14, 0))
    assert find(tmp_path).stdout == "python3.10\n"  # the newest tested version is preferred to an untested one
    (tmp_path / "python3.10").unlink()
    assert find(tmp_path).stdout == "python3\n"
    stub(tmp_path, "python3", (3, 13, 0))
    assert find(tmp_path).stdout == "python3\n"


def test_a_python_that_is_too_old_or_incomplete_is_named(tmp_path: Path) -> None:
    assert "needs Python 3.10 or newer, and found none as python3" in find(tmp_path).stderr
    old = stub(tmp_path, "python3", (3, 9, 1))
    assert "needs Python 3.10 or newer, and found 3.9.1 as python3" in find(tmp_path).stderr
    assert f"PYTHON={old} is 3.9.1; the course needs Python 3.10 or newer" in find(tmp_path, str(old)).stderr
    bare = stub(tmp_path, "python3.11", (3, 11, 0), complete=False)
    for result in (find(tmp_path), find(tmp_path, str(bare))):
        assert result.returncode == 1 and result.stdout == ""
        assert "has no venv or ensurepip module (Debian and Ubuntu: apt install python3-venv)" in result.stderr


@pytest.mark.parametrize(("test", "run", "status"), [(0, 0, 0), (1, 0, 1), (0, 1, 1)])
def test_ci_runs_both_and_ends_with_the_closing_line_of_pytest(house: Path, test: int, run: int, status: int) -> None:
    programs = house / "bin"
    programs.mkdir()
    closing = "=== 1 failed, 2 passed in 3.00s ===" if test else "=== 3 passed in 3.00s ==="
    (programs / "make").write_text(
        f'#!/bin/sh\necho "CI=$CI make $1"\n'
        f'if [ "$1" = test ]; then echo "{closing}"; exit {test}; else echo "table"; exit {run}; fi\n'
    )
    (programs / "make").chmod(0o755)
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "BROWSER_PATH": "/no/browser"}
    out = subprocess.run([str(BASH), ".ci/run"], cwd=house, env=environment, text=True, capture_output=True)
    lines = out.stdout.splitlines()
    assert out.returncode == status
    assert [line for line in lines if line.startswith("CI")] == ["CI=true make test", "CI=true make run"]
    failed = ["FAILED: make test"] * test + ["FAILED: make run"] * run
    assert lines[lines.index("make test ended with:") + 1 :] == [closing, *failed]
