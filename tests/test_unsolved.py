"""An untouched exercise notebook runs to its end; every error that is not an unsolved exercise stays an error."""

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from part31_superposition_and_saes.unsolved import assigned_names, missing_exercise

INSTALL = "import part31_superposition_and_saes.utils as utils\nutils.continue_past_unsolved()"
STUB = 'def forward(x):\n    raise NotImplementedError("forward")'


def run(*sources: str) -> list[str]:
    """Text that each cell printed, after the cell that installs the handler."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in (INSTALL, *sources)])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    texts = []
    for cell in notebook.cells[1:]:
        texts.append("".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in cell.outputs))
    return texts


def test_a_cell_that_needs_an_unsolved_exercise_says_so_and_the_next_one_runs() -> None:
    needs, after = run(STUB, "y = forward(1)", "print('went on')")[1:]
    assert needs == "○ needs: forward. This cell runs once you have solved it.\n"
    assert after == "went on\n"


def test_what_an_interrupted_cell_had_made_is_gone_and_cells_that_use_it_say_what_they_need() -> None:
    texts = run(STUB, "model = 1\ny = forward(model)", "z = model + 1", "print(z)")
    assert [text.split(".")[0] for text in texts[1:]] == ["○ needs: forward"] * 3


def test_once_solved_the_same_cells_run() -> None:
    texts = run(STUB, "y = forward(1)", "def forward(x):\n    return x", "y = forward(1)", "print(y)")
    assert texts[-1] == "1\n"


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("undefined_name", "NameError"),
        ("raise NotImplementedError('this operator is not there for sparse tensors')", "NotImplementedError"),
        ("assert 1 == 2", "AssertionError"),
    ],
)
def test_every_other_error_is_an_error(cell: str, error: str) -> None:
    with pytest.raises(CellExecutionError, match=error):
        run(cell)


def test_a_name_that_was_there_before_and_is_mistyped_later_is_an_error() -> None:
    with pytest.raises(CellExecutionError, match="modle"):
        run(STUB, "model = forward(1)", "modle")


def test_names_bound_at_the_top_level_of_a_cell() -> None:
    source = "a = b, c = 1, 2\nfor d in []:\n    e = 1\nwith f() as g:\n    pass\nif (h := 1):\n    pass\ndef i():\n    j = 1"
    assert assigned_names(source) == {"a", "b", "c", "d", "e", "g", "h"}
    assert assigned_names("%magic") == set()


def test_torchs_own_not_implemented_errors_are_not_exercises() -> None:
    assert missing_exercise(NotImplementedError("forward")) == "forward"
    assert missing_exercise(NotImplementedError("Could not run 'aten::relu' with arguments")) is None
    assert missing_exercise(NotImplementedError()) is None
    assert missing_exercise(ValueError("forward")) is None
