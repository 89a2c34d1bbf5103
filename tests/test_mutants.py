"""The check of the learner's tests by mutation tells changes that are noticed from those that are not."""

from types import SimpleNamespace

import pytest

from tests import mutants
from tests.equivalent_mutants import EQUIVALENT
from tools.paths import NOTEBOOKS

SECTIONS = [stem for stems in NOTEBOOKS.values() for stem in stems]


def of(exercise: str) -> list[mutants.Mutant]:
    return [mutant for mutant in mutants.mutants("s1_toy_models") if mutant.exercise == exercise]


def test_a_solution_goes_back_to_where_it_was_cut_out() -> None:
    for solution in mutants.solutions("s1_toy_models"):
        whole = mutants.source(solution.section)
        assert solution.spliced(solution.code) == whole
        assert whole.split("\n")[solution.line - 2].strip() == mutants.BEGIN
        assert "marked = 1" in solution.spliced("marked = 1") and len(solution.spliced("marked = 1")) < len(whole)


def test_a_change_is_a_change_of_one_line_of_the_solution() -> None:
    for mutant in of("calculate_loss"):
        before, after = mutant.change().split("  ->  ")
        assert before != after and before in mutant.solution.code and after in mutant.code()


def test_a_test_that_is_blind_lets_every_change_survive(monkeypatch: pytest.MonkeyPatch) -> None:
    blind = SimpleNamespace(takes="ToyModel", judge=lambda answer, seed: SimpleNamespace(passed=True))
    monkeypatch.setattr(mutants, "test_of", lambda exercise: blind)
    some = of("calculate_loss")[:5]
    assert len(some) == 5 and all(mutants.survives(mutant) for mutant in some)


def test_every_change_to_the_loss_is_noticed() -> None:
    tried = of("calculate_loss")
    assert len(tried) > 20 and not [mutant.change() for mutant in tried if mutants.survives(mutant)]


def test_no_entry_of_the_equivalent_ones_is_stale() -> None:
    """Each stands for a line that some solution still has."""
    code: dict[str, str] = {}
    for stem in SECTIONS:
        code |= {solution.exercise: solution.code for solution in mutants.solutions(stem)}
    for exercise, change in EQUIVALENT:
        assert change.split("  ->  ")[0] in code[exercise], (exercise, change)


def test_the_report_counts_and_fails_for_an_unexplained_survivor(capsys: pytest.CaptureFixture[str]) -> None:
    tried = of("forward")[:3]
    assert mutants.report(tried, []) == 0
    assert mutants.report(tried, [tried[0]]) == 1
    printed = capsys.readouterr().out
    assert printed.count("SURVIVED: the test does not notice") == 1
    assert printed.splitlines()[-1].split() == ["all", "3", "2", "0", "1"]
