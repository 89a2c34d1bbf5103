"""What `make run` does with good and with failing notebooks, seen from its output, its exit status and build/."""

import base64
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from PIL import Image

from tools import execute, outputs, paths, pictures, run
from tools.console import UsageError

from .small_notebooks import ALT, browser, claim, code, figure, text, write

__all__ = ["browser"]
pytestmark = pytest.mark.xdist_group("run")  # the runs below are shared by many tests

HANG = "import time\nprint('begun', flush=True)\ntime.sleep(60)"


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One call on notebooks that each fail in another way, and a good one after them."""
    folder = tmp_path_factory.mktemp("failing")
    write(folder / "1_raises_solutions.ipynb", text("# one"), code("x = 1"), code("# why\n\n1 / 0"), claim(3, 1.0))
    write(folder / "2_claim_solutions.ipynb", claim(4, 1.5), claim(5, 1.0), code("print('after')"))
    write(folder / "3_dies_solutions.ipynb", code("import os\nos._exit(1)"), code("1"))
    write(folder / "4_hangs_solutions.ipynb", code(HANG))
    write(folder / "10_good_solutions.ipynb", claim(6, "float(__import__('os').environ['PART31_SEED']) - 6"))
    out = subprocess.run(
        [sys.executable, "-m", "tools.run", "--seed", "7", "--cell-seconds", "5"]
        + ["--folder", str(folder), "--build", str(folder / "build")],
        cwd=paths.ROOT, env=os.environ | {"BROWSER_PATH": "/no/browser"}, text=True, capture_output=True,
    )  # fmt: skip
    return SimpleNamespace(text=out.stdout, errors=out.stderr, rc=out.returncode, build=folder / "build")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A run without failures, with two figures, one of them without alt text, and a browser if the machine has one."""
    folder = tmp_path_factory.mktemp("good")
    cells = [text("# Bars"), figure("bars"), figure(meta={}), claim(1, 1.01), code("import os\nos.getcwd()")]
    write(folder / "1_bars_solutions.ipynb", *cells)
    stray = folder / "jupyter" / "kernels" / "python3"  # a kernel that a user has registered under our name
    stray.mkdir(parents=True)
    (stray / "kernel.json").write_text('{"argv": ["/no/such/python"], "display_name": "stray", "language": "python"}')
    out = subprocess.run(
        [sys.executable, "-m", "tools.run", "--folder", str(folder), "--build", str(folder / "build")],
        cwd=paths.ROOT, env=os.environ | {"JUPYTER_PATH": str(folder / "jupyter")}, text=True, capture_output=True,
    )  # fmt: skip
    notebook = nbformat.read(folder / "build" / "1_bars_solutions.ipynb", as_version=4)
    return SimpleNamespace(text=out.stdout + out.stderr, rc=out.returncode, folder=folder, notebook=notebook)


def table(text: str) -> dict[str, list[str]]:
    """Rows of the table by notebook."""
    rows = [re.split(r"  +", line) for line in text.splitlines() if re.search(r"  (ok|failed)$", line)]
    return {row[0]: row[1:] for row in rows if len(row) == 6}


def test_a_good_run_ends_with_its_table_and_status_0(good: SimpleNamespace) -> None:
    assert good.rc == 0, good.text
    (row,) = table(good.text).values()
    assert (row[0], row[2:]) == ("4", ["2 (1 without alt text)", "1/1", "ok"])
    assert 0.1 < float(row[1]) < 60
    assert good.text.splitlines()[-1] == "every cell ran and every claim held"


def test_a_figure_without_alt_text_is_named(good: SimpleNamespace) -> None:
    (warning,) = [line for line in good.text.splitlines() if line.startswith("warning")]
    assert "1_bars_solutions, cell 3 (import plotly.graph_objects as go): the figure has no alt text" in warning


def test_executed_notebooks_hold_every_figure_as_data_and_no_script_from_a_server(good: SimpleNamespace) -> None:
    shown = outputs.figures(good.notebook, "1_bars_solutions")
    assert [(one.cell, one.name, one.title, one.alt) for one in shown] == [
        (2, "bars", "b is three times a", ALT["alt"]),
        (3, "", "b is three times a", ""),
    ]
    assert "<script" not in str(good.notebook.cells)


def test_the_kernel_runs_in_the_folder_of_the_notebook(good: SimpleNamespace) -> None:
    (output,) = good.notebook.cells[-1].outputs
    assert output.data["text/plain"].strip("'") == str(good.folder)


def test_with_a_browser_the_page_and_the_notebook_show_pictures(good: SimpleNamespace, browser: str) -> None:
    page = (good.folder / "build" / "figures.html").read_text()
    assert page.count('src="data:image/png;base64,') == page.count('<img width="500"') == 2
    assert "<script" not in page and "interactive" not in page
    assert 'alt="Two bars: b is &quot;three&quot; times a"' in page
    assert page.count("no alt text") == 1
    png = base64.b64decode(good.notebook.cells[1].outputs[0].data["image/png"])
    image = Image.open(io.BytesIO(png)).convert("RGB")
    assert image.width == 500 * run.SCALE
    assert len(image.resize((50, 50)).getcolors() or []) > 10  # not blank


def test_every_way_to_fail_is_named_with_notebook_cell_and_error(failing: SimpleNamespace) -> None:
    failed = [line for line in failing.text.splitlines() if line.startswith("FAILED ")]
    assert failing.rc == 1
    assert failed == [
        "FAILED 1_raises_solutions, cell 3 (1 / 0): ZeroDivisionError: division by zero",
        "FAILED 2_claim_solutions, cell 1 (from part31_superposition_and_saes.claims import Measured, claim): "
        "✗ claim 4: norms are 1 (TMS)",
        "FAILED 3_dies_solutions, cell 1 (import os): "
        "the kernel died while this cell ran (out of memory, or a crash in compiled code)",
        "FAILED 4_hangs_solutions, cell 1 (import time): time-out: the cell did not end within 5 s",
    ]
    assert "Traceback" in failing.text  # of the cell that raised
    assert failing.text.splitlines()[-1] == "FAILED: see above"


def test_after_a_failure_the_other_notebooks_still_run(failing: SimpleNamespace) -> None:
    rows = table(failing.text)
    assert list(rows) == [f"{name}_solutions" for name in ("1_raises", "2_claim", "3_dies", "4_hangs", "10_good")]
    assert {name: [row[0], *row[3:]] for name, row in rows.items()} == {
        "1_raises_solutions": ["2 of 3", "0/1", "failed"],  # its claim was not reached
        "2_claim_solutions": ["3", "1/2", "failed"],  # cells after a failed claim still run
        "3_dies_solutions": ["1 of 2", "0/0", "failed"],
        "4_hangs_solutions": ["1", "0/0", "failed"],
        "10_good_solutions": ["1", "1/1", "ok"],  # its claim holds from seed 7 alone
    }


def test_progress_can_be_read_in_a_log(failing: SimpleNamespace) -> None:
    assert re.search(r"^4_hangs_solutions +0\.0 s  starting the kernel$", failing.text, re.MULTILINE)
    assert "\r" not in failing.text and "\x1b" not in failing.text


def test_nothing_but_our_own_lines_is_printed(failing: SimpleNamespace) -> None:
    assert failing.errors == ""


def test_a_notebook_that_failed_is_written_as_far_as_it_came(failing: SimpleNamespace) -> None:
    notebook = nbformat.read(failing.build / "1_raises_solutions.ipynb", as_version=4)
    assert notebook.cells[2].outputs[0].ename == "ZeroDivisionError"
    assert notebook.metadata["part31_run"]["status"] == "failed"
    assert notebook.metadata["part31_run"]["seed"] == 7


def test_without_a_browser_the_page_is_interactive_loads_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER_PATH", "/no/browser")
    spec = {"data": [{"type": "bar", "y": [1, 2]}], "layout": {"title": {"text": "a < b"}}}
    shown = outputs.Figure("1_bars", 2, "fig", "", spec, SimpleNamespace(data={}))
    note, undrawn = run.show_figures([shown, shown], tmp_path)
    page = (tmp_path / "figures.html").read_text()
    assert "BROWSER_PATH=/no/browser is not a program" in note and undrawn == []
    assert "interactive, drawn by plotly.js in this page, because BROWSER_PATH=/no/browser" in page
    assert page.count("Plotly.newPlot(") >= 2 and page.count("plotly.js v") == 1
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="?http', page)


def test_a_figure_that_cannot_be_drawn_fails_the_run_and_the_others_are_drawn(tmp_path: Path, browser: str) -> None:
    def shown(spec: dict[str, object]) -> outputs.Figure:
        return outputs.Figure("1_bars", 2, "fig", "", spec, SimpleNamespace(data={}))

    good, bad = shown({"data": [{"type": "bar", "y": [1]}], "layout": {}}), shown({"data": "none", "layout": {}})
    _, undrawn = run.show_figures([bad, good], tmp_path)
    assert len(undrawn) == 1 and undrawn[0].startswith("1_bars, cell 2 (fig): the figure could not be drawn")
    assert (run.report([], [], undrawn, ""), run.report([], [], [], "")) == (1, 0)
    assert "image/png" in good.output.data and "image/png" not in bad.output.data


def test_a_browser_that_does_not_work_leaves_the_figures_interactive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(broken))
    spec = {"data": [{"type": "bar", "y": [1, 2]}], "layout": {}}
    note, _ = run.show_figures([outputs.Figure("1_bars", 2, "fig", "", spec, SimpleNamespace(data={}))], tmp_path)
    assert f"interactive: {broken} does not work" in note


def test_a_number_chooses_notebooks_in_their_order(tmp_path: Path) -> None:
    for name in ("10_c", "1_a", "2_b"):
        write(tmp_path / f"{name}_solutions.ipynb")
    write(tmp_path / "1_a_exercises.ipynb")
    assert [path.name.split("_")[0] for path in execute.select(tmp_path, "")] == ["1", "2", "10"]
    assert [path.name for path in execute.select(tmp_path, "1")] == ["1_a_solutions.ipynb"]
    with pytest.raises(UsageError, match=r"(?s)NB='3' .* there are:\n  NB=1  1_a_solutions.ipynb\n  NB=2  2_b"):
        execute.select(tmp_path, "3")
    with pytest.raises(UsageError, match="there is no solution notebook"):
        execute.select(tmp_path / "nowhere", "")


@pytest.mark.parametrize("value", ["seven", "-1", "1.5", str(2**63), " 7"])
def test_a_seed_that_is_none_is_named(value: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(tmp_path / "1_a_solutions.ipynb")
    assert run.main([f"--seed={value}", "--folder", str(tmp_path), "--build", str(tmp_path / "build")]) == 2
    assert f"SEED={value!r} is not a seed" in capsys.readouterr().err
    assert not (tmp_path / "build").exists()


def test_seeds_that_are_some() -> None:
    assert [execute.seed_number(value) for value in ("", "0", "7", str(2**63 - 1))] == [0, 0, 7, 2**63 - 1]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
def test_ctrl_c_ends_the_run_and_its_kernel(tmp_path: Path) -> None:
    write(tmp_path / "1_a_solutions.ipynb", code(f"open('pid', 'w').write(str(__import__('os').getpid()))\n{HANG}"))
    write(tmp_path / "2_b_solutions.ipynb", code(HANG))
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.run", "--folder", str(tmp_path), "--build", str(tmp_path / "build")],
        cwd=paths.ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, err) == (130, "interrupted\n")
    assert "\n2_b" not in out
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_browser_from_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER_PATH", sys.executable)
    assert pictures.find_browser() == (sys.executable, "")
