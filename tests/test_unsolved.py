"""An untouched exercise notebook runs to its end; every error that is not an unsolved exercise stays an error."""

from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from part31_superposition_and_saes.unsolved import assigned_names, missing_exercise

INSTALL = "import part31_superposition_and_saes.utils as utils\nutils.continue_past_unsolved()"
STUB = 'def forward(x):\n    raise NotImplementedError("forward")'


def run(*sources: str, allow_errors: bool = False) -> list[str]:
    """What each cell showed, after the cell that installs the handler; an error shows as its name and message."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in (INSTALL, *sources)])
    NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=allow_errors).execute()
    return ["".join(shown(output) for output in cell.outputs) for cell in notebook.cells[1:]]


def shown(output: Any) -> str:
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}"
    return str(output.get("text", "") or output.get("data", {}).get("text/plain", ""))


def test_cells_that_need_an_unsolved_exercise_say_so_until_it_is_solved() -> None:
    texts = run(
        STUB,
        "model = 1\ny = forward(model)",
        "z = model + 1",  # what the interrupted cell had made is gone
        "print(z)",
        "print('went on')",
        "def forward(x):\n    return x",
        "model = 1\ny = forward(model)",
        "print(y)",
    )
    assert texts[1] == "○ needs: forward. This cell runs once you have solved it.\n"
    assert [text.split(".")[0] for text in texts[2:4]] == ["○ needs: forward"] * 2
    assert texts[4] == "went on\n"
    assert texts[7] == "1\n"


def test_every_other_error_is_an_error() -> None:
    texts = run(
        STUB,
        "model = forward(1)",
        "modle",
        "1 / 0",
        "raise NotImplementedError('this operator is not there for sparse tensors')",
        "assert 1 == 2, 'a plain assertion'",
        allow_errors=True,
    )
    assert texts[2:] == [
        "NameError: name 'modle' is not defined",
        "ZeroDivisionError: division by zero",
        "NotImplementedError: this operator is not there for sparse tensors",
        "AssertionError: a plain assertion",
    ]


def test_an_error_stops_the_notebook() -> None:
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        run("1 / 0")


def test_names_bound_at_the_top_level_of_a_cell() -> None:
    source = "a = b, c = 1, 2\nfor d in []:\n    e = 1\nwith f() as g:\n    pass\n"
    source += "if (h := 1):\n    pass\ndef i():\n    j = 1"
    assert assigned_names(source) == {"a", "b", "c", "d", "e", "g", "h"}
    assert assigned_names("%magic") == set()


def test_torchs_own_not_implemented_errors_are_not_exercises() -> None:
    assert missing_exercise(NotImplementedError("forward")) == "forward"
    assert missing_exercise(NotImplementedError("Could not run 'aten::relu' with arguments")) is None
    assert missing_exercise(NotImplementedError()) is None
    assert missing_exercise(ValueError("forward")) is None
