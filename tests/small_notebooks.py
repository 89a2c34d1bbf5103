"""Small notebooks that the tests of the tools run, and what those tests need of the machine."""

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tools.pictures import find_browser

BROWSER, REASON = find_browser()
IN_CI = os.environ.get("CI", "").lower() == "true"

CLAIM = """from part31_superposition_and_saes.claims import Measured, claim
claim({number}, "norms are 1", [Measured("norm", {value}, at_least=0.98, at_most=1.02)], source="TMS")"""
FIGURE = """import plotly.graph_objects as go
fig = go.Figure(go.Bar(x=["a", "b"], y=[1, 3]))
fig.update_layout(title="b is <b>three</b> times a", width={width}, meta={meta})
fig"""
ALT = {"alt": 'Two bars: b is "three" times a'}


@pytest.fixture
def browser() -> str:
    """Path of a browser; a test that asks for it is skipped where there is none, and fails there in CI."""
    if BROWSER is None and IN_CI:
        pytest.fail(f"CI must have a browser to draw figures with: {REASON}")
    if BROWSER is None:
        pytest.skip(f"needs Chromium: {REASON}")
    return BROWSER


def code(source: str, tags: tuple[str, ...] = (), **part31: Any) -> Any:
    """A code cell, with what the build would write about it."""
    cell = nbformat.v4.new_code_cell(source)
    cell.metadata.update({"part31": part31} if part31 else {}, **({"tags": list(tags)} if tags else {}))
    return cell


def text(source: str) -> Any:
    return nbformat.v4.new_markdown_cell(source)


def claim(number: int, value: float | str) -> Any:
    return code(CLAIM.format(number=number, value=value), tags=("claim",))


def figure(name: str = "", width: int = 500, meta: object = ALT) -> Any:
    source = FIGURE.format(width=width, meta=meta)
    return code(source, figure=name) if name else code(source)


def write(path: Path, *cells: Any, **part31: Any) -> Path:
    """A notebook of these cells; keywords are what the build would write about the notebook."""
    notebook = nbformat.v4.new_notebook(cells=list(cells))
    notebook.metadata["part31"] = part31
    nbformat.write(notebook, path)
    return path
