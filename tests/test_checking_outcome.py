"""The one voice of all tests: what a learner sees in scripts and in Jupyter, and what a grader reads."""

import json
import pickle
import textwrap

import nbformat
import pytest
from nbclient import NotebookClient
from part31_superposition_and_saes import tests as learners_tests
from part31_superposition_and_saes.checking.outcome import (
    MAX_CHARACTERS,
    MAX_LINES,
    MIME,
    Failure,
    Outcome,
    TestFailed,
    failed_message,
    fit,
)
from part31_superposition_and_saes.checking.raised import MAX_TEXT, explain_exception
from part31_superposition_and_saes.solutions import ToyModel

from tests.bank.forward import BiasAfterRelu


def test_message_is_cut_to_its_limits() -> None:
    assert fit("short\nmessage") == "short\nmessage"
    long = fit("x" * 5_000)
    assert len(long) == MAX_CHARACTERS and long.endswith("…")
    many = fit("\n".join(["line"] * 50)).split("\n")
    assert len(many) == MAX_LINES and many[-1] == "  …"
    assert Outcome("forward", False, "x", "y" * 5_000, 0.1).message.endswith("…")


def test_failure_reads_as_headline_and_indented_details() -> None:
    failure = Failure("shape", "shape [4, 1], expected [4].", "The summed axis was kept.")
    assert failed_message("forward", failure) == ("✗ forward: shape [4, 1], expected [4].\n  The summed axis was kept.")
    assert failed_message("forward", Failure("unsolved", "not written yet.")).startswith("○ forward: ")


def test_outcome_as_json_and_html() -> None:
    outcome = Outcome("forward", False, "values", "✗ forward: a < b & c", 0.25)
    assert json.loads(outcome.to_json()) == {
        "exercise": "forward",
        "passed": False,
        "diagnosis": "values",
        "message": "✗ forward: a < b & c",
        "seconds": 0.25,
    }
    assert " forward: a &lt; b &amp; c</pre>" in outcome._repr_html_()


def test_passing_prints_one_line_outside_ipython(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = learners_tests.test_model(ToyModel)
    assert capsys.readouterr().out == f"{outcome.message}\n"
    assert outcome.passed and outcome.message.startswith("✓ forward: ")


def test_failing_raises_an_assertion_error_with_the_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError, match="✗ forward: .*bias is added after the ReLU") as caught:
        learners_tests.test_model(BiasAfterRelu)
    assert isinstance(caught.value, TestFailed)
    assert caught.value.outcome.diagnosis == "bias-after-relu"
    assert str(caught.value) == caught.value.outcome.message
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert capsys.readouterr().out == ""


def test_the_error_behind_a_failure_is_kept_for_debuggers() -> None:
    class Broken(ToyModel):
        def forward(self, features):
            return features.no_such_method()

    with pytest.raises(TestFailed) as caught:
        learners_tests.test_model(Broken)
    assert isinstance(caught.value.__cause__, AttributeError)
    assert "test_checking_outcome.py: return features.no_such_method()" in str(caught.value)


def test_public_tests_are_listed_in_order_for_graders() -> None:
    assert [test.exercise for test in learners_tests.REGISTRY.values()][:3] == [
        "forward",
        "generate_batch",
        "calculate_loss",
    ]
    for name, test in learners_tests.REGISTRY.items():
        public = getattr(learners_tests, name)
        assert public.__name__ == name == test.name and name in learners_tests.__all__
        assert f"tests.{name}({test.takes})" in public.__doc__


def test_unsolved_exercise_says_what_to_do() -> None:
    class Stub(ToyModel):
        def forward(self, features):
            raise NotImplementedError("forward")

    class TorchsOwn(ToyModel):
        def forward(self, features):
            raise NotImplementedError("Could not run 'aten::foo' with arguments from the 'bar' backend.")

    class NeedsAnother(ToyModel):
        def calculate_loss(self, out, batch):
            raise NotImplementedError("forward")

    outcome = learners_tests.REGISTRY["test_model"].judge(Stub)
    assert (outcome.passed, outcome.diagnosis) == (False, "unsolved")
    assert outcome.message.startswith("○ forward: not written yet.\n  Fill in ToyModel.forward in the cell above")
    assert learners_tests.REGISTRY["test_model"].judge(TorchsOwn).diagnosis == "raised"
    outcome = learners_tests.REGISTRY["test_calculate_loss"].judge(NeedsAnother)
    assert (outcome.diagnosis, outcome.message.split(".")[0]) == ("unsolved", "○ calculate_loss: needs: forward")


def test_exceptions_become_short_even_when_broken() -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    failure = explain_exception("forward(features)", ValueError("word " * 500))
    assert failure.diagnosis == "raised" and len(failure.headline) < MAX_TEXT + 60
    assert explain_exception("f()", Unprintable()).headline == "f() raised Unprintable."


def test_keyboard_interrupt_passes_through() -> None:
    class Interrupted(ToyModel):
        def forward(self, features):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learners_tests.test_model(Interrupted)


CELLS = (
    """
    import part31_superposition_and_saes.tests as tests
    from part31_superposition_and_saes.solutions import ToyModel
    class Wrong(ToyModel):
        def forward(self, features):
            return super().forward(features) + self.b_final
    """,
    "tests.test_model(ToyModel)\nprint('more')",
    "outcome = tests.test_model(ToyModel)\noutcome",
    "outcome",
    "tests.test_model(Wrong)",
)


def test_faces_in_a_real_kernel() -> None:
    """Passing shows one line, wherever it is called and not twice; failing shows one block without a traceback."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(textwrap.dedent(source).strip()) for source in CELLS]
    )
    NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True).execute()
    _, in_the_middle, last_value, later, failing = (cell.outputs for cell in notebook.cells)

    assert [output.output_type for output in in_the_middle] == ["display_data", "stream"]
    data = in_the_middle[0].data
    assert data["text/plain"].startswith("✓ forward: ") and "✓" in data["text/html"]
    assert data[MIME]["passed"] is True
    for shown in (last_value, later):
        assert [output.output_type for output in shown] == ["display_data"], shown
    (error,) = failing
    assert error.output_type == "error" and error.ename == "TestFailed"
    assert error.traceback == error.evalue.split("\n")
    assert error.traceback[0].startswith("✗ forward: ") and "Traceback" not in error.evalue
