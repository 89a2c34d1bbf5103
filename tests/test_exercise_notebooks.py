"""`Run all` on an untouched exercise notebook reaches its end, and every test says what is to do."""

import nbformat
import pytest
from nbclient import NotebookClient

from tools.paths import NOTEBOOKS, PART


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_an_untouched_exercise_notebook_runs_to_its_end(name: str) -> None:
    notebook = nbformat.read(PART / f"{name}_exercises.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(PART)}}).execute()
    said = {
        cell.metadata["part31"]["exercise"]: "".join(output.get("text", "") for output in cell.outputs)
        for cell in notebook.cells
        if cell.metadata["part31"]["role"] == "test"
    }
    assert said
    for exercise, text in said.items():
        assert text.startswith(f"○ {exercise}: ") and text.count("\n") == 1
