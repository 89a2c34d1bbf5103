"""Every wrong answer of the bank fails for its own reason, no right one is refused: a few seeds of each."""

from collections import Counter

import pytest
from part31_superposition_and_saes import tests as learners_tests

from tests.bank import Entry, _proof, answers

TESTS = {test.exercise: test for test in learners_tests.REGISTRY.values()}
WRONG = [entry for entry in answers() if entry.diagnosis]
RIGHT = [entry for entry in answers() if not entry.diagnosis]


@pytest.mark.parametrize("entry", WRONG, ids=str)
def test_wrong_answer_gets_its_diagnosis(entry: Entry) -> None:
    for seed in range(2):
        outcome = TESTS[entry.exercise].judge(entry.answer, seed)
        assert not outcome.passed
        assert outcome.diagnosis == entry.diagnosis, outcome.message
        assert outcome.message.startswith(("✗", "○")[entry.diagnosis == "unsolved"] + f" {entry.exercise}: ")


@pytest.mark.parametrize("entry", RIGHT, ids=str)
def test_right_answer_passes(entry: Entry) -> None:
    for seed in range(5):
        outcome = TESTS[entry.exercise].judge(entry.answer, seed)
        assert outcome.passed, outcome.message
        assert outcome.message.startswith(f"✓ {entry.exercise}: ") and "\n" not in outcome.message


def test_every_exercise_has_enough_answers() -> None:
    """At least 10 wrong and 4 right ones of its own, besides the hostile set."""
    own = [entry for entry in answers() if not entry.name.startswith(("hostile", "harmless"))]
    for exercise in TESTS:
        assert len([one for one in own if one.exercise == exercise and one.diagnosis]) >= 10, exercise
        assert len([one for one in own if one.exercise == exercise and not one.diagnosis]) >= 4, exercise


def test_every_answer_has_a_name_of_its_own_and_a_test() -> None:
    assert [name for name, n in Counter(map(str, answers())).items() if n > 1] == []
    assert {entry.exercise for entry in answers()} == set(TESTS)


def test_the_proof_counts_what_was_caught_diagnosed_and_refused() -> None:
    wrong, right = (next(i for i, one in enumerate(answers()) if bool(one.diagnosis) is kind) for kind in (True, False))
    caught, passed = _proof.prove(wrong, 2, 3), _proof.prove(right, 2, 3)
    assert (caught.runs, caught.passed, caught.diagnosed) == (2, 0, 2) and not caught.surprises
    assert (passed.runs, passed.passed) == (3, 3) and not passed.surprises
    missed = _proof.Tally("x-wrong-Missed", "x", False, runs=2, passed=2, seconds=[0.1, 0.2])
    refused = _proof.Tally("x-right-Refused", "x", True, runs=5, passed=1, seconds=[0.3])
    assert _proof.table([missed, refused]).splitlines()[1].split() == ["x", "1", "0/2", "0/2", "1", "4/5", "200", "300"]


def test_the_page_shows_what_every_wrong_answer_is_told() -> None:
    told = _proof.Tally("x-wrong-Missed", "x", False, message="✗ x: this is wrong.")
    shown = _proof.page([told, _proof.Tally("x-right-Fine", "x", True, message="✓ x: fine")])
    assert "## x" in shown and "**Missed**" in shown and "✗ x: this is wrong." in shown and "Fine" not in shown
