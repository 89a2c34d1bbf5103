"""`make lab` copies what is missing and never touches a copy."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import lab

from .small_notebooks import text, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A part with two exercise notebooks and a solution notebook."""
    for name in ("1_a_exercises", "2_b_exercises", "1_a_solutions"):
        write(tmp_path / f"{name}.ipynb", text(name), version="0.1.0", digest=f"{name}-first")
    return tmp_path


def copy(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert lab.main(["--copy-only", "--folder", str(folder)]) == 0
    return capsys.readouterr().out.splitlines()


def test_exercises_are_copied_byte_for_byte_and_solutions_are_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = copy(folder, capsys)
    assert lines[:2] == ["copied 1_a_exercises.ipynb", "copied 2_b_exercises.ipynb"]
    assert sorted(path.name for path in (folder / "work").iterdir()) == ["1_a_exercises.ipynb", "2_b_exercises.ipynb"]
    for path in (folder / "work").iterdir():
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_a_copy_is_kept_whatever_happens_to_the_original(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy(folder, capsys)
    mine = folder / "work" / "1_a_exercises.ipynb"
    write(mine, text("my answer"), version="0.1.0", digest="1_a_exercises-first")
    before = mine.read_bytes()
    assert copy(folder, capsys)[0] == "kept your 1_a_exercises.ipynb"
    write(folder / "1_a_exercises.ipynb", text("new"), version="0.2.0", digest="second")
    write(folder / "2_b_exercises.ipynb", text("new"), version="0.1.0", digest="second")
    assert copy(folder, capsys)[:2] == [
        "kept your 1_a_exercises.ipynb, made from an older version of it (0.1.0; now 0.2.0); "
        "move it away to get a fresh one",
        "kept your 2_b_exercises.ipynb, made from an older version of it; move it away to get a fresh one",
    ]
    assert mine.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"not a notebook", b"[1, 2]", b"\xff\xfe"])
def test_a_copy_that_is_no_notebook_any_more_is_kept_too(
    folder: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "work").mkdir()
    (folder / "work" / "1_a_exercises.ipynb").write_bytes(content)
    assert copy(folder, capsys)[:2] == [
        "kept your 1_a_exercises.ipynb, which cannot be read as a notebook; move it away to get a fresh one",
        "copied 2_b_exercises.ipynb",
    ]
    assert (folder / "work" / "1_a_exercises.ipynb").read_bytes() == content


def test_without_notebooks_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab.main(["--copy-only", "--folder", str(tmp_path)]) == 2
    assert "run `make notebooks`" in capsys.readouterr().err


def test_jupyterlab_starts_in_work_without_a_look_at_any_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    class Popen:
        """JupyterLab that ends with status 3 after two presses of Ctrl-C."""

        def __init__(self, command: list[str], cwd: Path):
            calls.append((command, cwd))
            self.presses = 0

        def wait(self) -> int:
            self.presses += 1
            if self.presses < 3:
                raise KeyboardInterrupt
            return 3

    monkeypatch.setattr(subprocess, "Popen", Popen)
    assert lab.main(["--no-open", "--folder", str(folder), "--", "--port=1"]) == 3
    assert lab.main(["--folder", str(folder)]) == 3
    (first, where), (second, _) = calls
    assert where == folder / "work"
    assert first == [sys.executable, "-m", "jupyterlab", *lab.QUIET, "--no-browser", "--port=1"]
    assert second == [sys.executable, "-m", "jupyterlab", *lab.QUIET]


def test_jupyterlab_knows_the_options_that_keep_it_quiet() -> None:
    known = subprocess.run(
        [sys.executable, "-m", "jupyterlab", *lab.QUIET, "--show-config-json"],
        text=True, capture_output=True, check=True,
    )  # fmt: skip
    assert '"check_for_updates_class": "jupyterlab.NeverCheckForUpdate"' in known.stdout
    assert '"news_url"' in known.stdout
    assert "WARNING" not in known.stderr
