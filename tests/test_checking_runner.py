"""What a check works with: calls that become failures, cases that are told apart, refusals that are asked for."""

import contextlib
import signal
from collections.abc import Callable
from typing import Any

import pytest
import torch as t
from part31_superposition_and_saes.checking import time_limit
from part31_superposition_and_saes.checking.outcome import Failure
from part31_superposition_and_saes.checking.runner import LearnerTest, Trial, registry
from part31_superposition_and_saes.runtime import device


def outcome_of(check: Callable[[Trial, Any], str], answer: Any = len) -> Any:
    return LearnerTest("test_square", "square", "square", "square", check).judge(answer)


def test_inputs_come_from_the_seed_whatever_the_global_state() -> None:
    seen: list[tuple[float, float]] = []

    def check(trial: Trial, answer: Any) -> str:
        t.rand(1)
        seen.append((trial.uniform(1).item(), trial.normal(1).item()))
        assert trial.uniform(2, 3, low=4.0, high=5.0).device == device
        return "inputs"

    test = LearnerTest("test_square", "square", "square", "square", check)
    assert test.judge(len, seed=3).passed and test.judge(len, seed=3).passed and test.judge(len, seed=4).passed
    assert seen[0] == seen[1] != seen[2]


def test_a_later_case_is_contrasted_with_the_one_before() -> None:
    def check(trial: Trial, answer: Any) -> str:
        with trial.case("a batch of 4"):
            pass
        with trial.case("a batch of 6", ("fixed-batch", "Is a batch size written into the code?")):
            raise Failure("values", "wrong values.", "expected 1, got 2")
        return ""

    outcome = outcome_of(check)
    assert outcome.diagnosis == "fixed-batch"
    assert outcome.message == (
        "✗ square: right for a batch of 4, wrong for a batch of 6.\n  Is a batch size written into the code?\n"
        "  wrong values.\n  expected 1, got 2"
    )


def test_a_known_reason_is_not_covered_by_a_case() -> None:
    def known(trial: Trial, answer: Any) -> str:
        with trial.case("a batch of 4"):
            pass
        with trial.case("a batch of 6", ("fixed-batch", "?")):
            raise Failure("bias-after-relu", "the bias is late.")
        return ""

    def first(trial: Trial, answer: Any) -> str:
        with trial.case("a batch of 6", ("fixed-batch", "?")):
            raise Failure("values", "wrong values.")
        return ""

    def named(trial: Trial, answer: Any) -> str:
        with trial.case("for 2 pairs", named=True):
            raise Failure("values", "wrong values.")
        return ""

    assert outcome_of(known).message == "✗ square: the bias is late."
    assert outcome_of(first).message == "✗ square: wrong values."
    assert outcome_of(named).message == "✗ square: wrong values.\n  for 2 pairs"


@pytest.mark.parametrize(
    ("refuse", "diagnosis"),
    [
        (ValueError("no"), "passed"),
        (AssertionError(), "passed"),
        (None, "not-refused"),
        (RuntimeError("sizes differ"), "raised"),
        (NotImplementedError("square"), "unsolved"),
    ],
)
def test_what_must_be_refused(refuse: Exception | None, diagnosis: str) -> None:
    def answer(x: int) -> int:
        if refuse is not None:
            raise refuse
        return x

    def check(trial: Trial, answer: Any) -> str:
        trial.refuses("an odd number", "square(3)", answer, 3)
        return "what is refused"

    assert outcome_of(check, answer).diagnosis == diagnosis


def test_a_broken_test_never_passes_an_answer() -> None:
    def check(trial: Trial, answer: Any) -> str:
        return str(1 / 0)

    outcome = outcome_of(check)
    assert (outcome.passed, outcome.diagnosis) == (False, "test-broke")
    assert "ZeroDivisionError" in outcome.message


def test_a_changed_input_is_named() -> None:
    def check(trial: Trial, answer: Any) -> str:
        x = trial.uniform(3)
        trial.call("square(x)", answer, x, watch={"x": x})
        return ""

    assert outcome_of(check, lambda x: x**2).passed
    outcome = outcome_of(check, lambda x: x.mul_(x))
    assert outcome.diagnosis == "input-changed" and "square(x) changes x in place" in outcome.message


def test_a_class_or_a_function_is_asked_for() -> None:
    def check(trial: Trial, answer: Any) -> str:
        return ""

    assert outcome_of(check, 3).diagnosis == "not-callable"
    method = LearnerTest("test_model", "forward", "ToyModel", "ToyModel.forward", check)
    assert method.judge(t.nn.Linear(1, 1)).diagnosis == "not-a-class"
    assert method.judge(t.nn.Linear).passed


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this platform has no interval timers")
def test_an_endless_loop_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "MAX_SECONDS", 0.1)

    def endless(x: int) -> int:
        while True:
            with contextlib.suppress(Exception):
                x += 1

    def check(trial: Trial, answer: Any) -> str:
        trial.call("square(3)", answer, 3)
        return "no loop"

    handler = signal.getsignal(signal.SIGPROF)
    outcome = outcome_of(check, endless)
    assert outcome.diagnosis == "too-slow" and outcome.seconds < 5
    assert "square(3) did not finish in 0.1 seconds of computing" in outcome.message
    assert outcome_of(check, abs).passed
    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0 and signal.getsignal(signal.SIGPROF) is handler


def test_only_public_tests_are_listed() -> None:
    with pytest.raises(KeyError):
        registry(len)  # type: ignore[arg-type]
