"""The check of the learner's tests by mutation tells changes that are noticed from those that are not."""

from collections import Counter
from types import SimpleNamespace

import pytest

from tests import mutants
from tests.equivalent_mutants import EQUIVALENT
from tools.paths import NOTEBOOKS

SECTIONS = [stem for stems in NOTEBOOKS.values() for stem in stems]


def of(exercise: str) -> list[mutants.Mutant]:
    return [mutant for mutant in mutants.mutants("s1_toy_models") if mutant.exercise == exercise]


def test_only_solutions_are_changed() -> None:
    lines = mutants.source("s1_toy_models").splitlines()
    found = mutants.solution_lines("s1_toy_models")
    assert found and all(lines[number - 1].strip() not in (mutants.BEGIN, mutants.END) for number in found)
    assert all(mutant.line in found for mutant in mutants.mutants("s1_toy_models"))


def test_a_test_that_is_blind_lets_every_change_survive(monkeypatch: pytest.MonkeyPatch) -> None:
    blind = SimpleNamespace(takes="ToyModel", judge=lambda answer, seed: SimpleNamespace(passed=True))
    monkeypatch.setattr(mutants, "test_of", lambda exercise: blind)
    some = of("calculate_loss")[:5]
    assert len(some) == 5
    for mutant in some:
        before, after = (mutants.survives(mutant) or "").split("  ->  ")
        assert before != after


def test_every_change_to_the_loss_is_noticed() -> None:
    assert [line for mutant in of("calculate_loss") if (line := mutants.survives(mutant))] == []


def test_no_entry_of_the_equivalent_ones_is_stale() -> None:
    """Each stands for a line that some solution still has."""
    solutions = {
        (exercise, mutants.source(stem).splitlines()[number - 1].strip())
        for stem in SECTIONS
        for number, exercise in mutants.solution_lines(stem).items()
    }
    for exercise, change in EQUIVALENT:
        assert (exercise, change.split("  ->  ")[0]) in solutions, (exercise, change)


def test_the_report_counts_and_fails_for_an_unexplained_survivor(capsys: pytest.CaptureFixture[str]) -> None:
    tried = of("forward")[:3]
    assert mutants.report(tried, {}) == 0
    assert mutants.report(tried, {tried[0]: "a  ->  b"}) == 1
    printed = capsys.readouterr().out
    assert "SURVIVED: the test does not notice" in printed
    assert Counter(line.split()[0] for line in printed.splitlines() if line.strip())["all"] == 2
