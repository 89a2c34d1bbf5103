"""Running a learner's test: from an answer to an outcome.

A check is a function `(trial, answer) -> what was checked` that raises `Failure` when the answer is wrong;
`learner_test` makes it the public `test_*`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch as t
from torch import Tensor, nn

from ..runtime import device
from ..unsolved import missing_exercise
from .outcome import PASSED, UNSOLVED, Failure, Outcome, TestFailed, failed_message, passed_message
from .raised import explain_exception
from .sandbox import Sandbox, sandbox
from .statistics import Ledger
from .time_limit import TookTooLong, time_limit

_ENTRIES: dict[Callable[..., Outcome], "LearnerTest"] = {}


class Trial:
    """What a check works with: its random inputs, and the way to call a learner's code.

    Attributes:
        device: where models and inputs live.
        exercise: name of the exercise.
        class_name: of what the test is given, as in messages.
        ledger: counts the statistical comparisons of the whole test.
    """

    def __init__(self, test: "LearnerTest", seed: int, box: Sandbox):
        self.exercise = test.exercise
        self.device = device
        self._place = test.place
        self.class_name = test.takes
        self._box = box
        self._generator = t.Generator().manual_seed(seed)  # of the CPU: the same inputs on every device
        self._last_case: str | None = None
        self.ledger = Ledger()

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return (low + (high - low) * t.rand(shape, generator=self._generator, device="cpu")).to(self.device)

    def normal(self, *shape: int) -> Tensor:
        return t.randn(shape, generator=self._generator, device="cpu").to(self.device)

    def call(
        self, what: str, function: Callable[..., Any], *args: Any, watch: dict[str, Tensor] | None = None, **kwargs: Any
    ) -> Any:
        """Call a learner's code: what it raises, and what it does to its inputs, become failures.

        Args:
            what: the call as the messages name it, such as "forward(features)".
            watch: inputs, by name, that must come out as they went in.
        """
        before = {name: tensor.detach().clone() for name, tensor in (watch or {}).items()}
        try:
            with self._box.learner(), time_limit():
                result = function(*args, **kwargs)
        except KeyboardInterrupt:
            raise
        except TookTooLong as error:
            headline = f"{what} did not finish in {error} of computing."
            raise Failure("too-slow", headline, "Is there a loop that never ends?") from error
        except BaseException as error:  # a learner's code may raise anything, sys.exit() too
            raise self._explain(what, error) from error
        for name, tensor in (watch or {}).items():
            if not t.equal(tensor.detach(), before[name]):
                raise Failure(
                    "input-changed",
                    f"{what} changes {name} in place.",
                    "Methods that end in an underscore, and +=, write into the tensor itself: make a new one.",
                )
        return result

    def refuses(self, what: str, call: str, function: Callable[..., Any], *args: Any) -> None:
        """Check that a learner's code refuses an argument with a ValueError; a failed assert will do.

        Args:
            what: what is to be refused, in words.
            call: the call as the messages name it.
        """
        try:
            self.call(call, function, *args)
        except Failure as failure:
            if isinstance(failure.__cause__, ValueError | AssertionError):
                return
            raise
        raise Failure("not-refused", f"{what} must be refused.", "Raise a ValueError that says so, before you draw.")

    def _explain(self, what: str, error: BaseException) -> Failure:
        name = missing_exercise(error)
        if name is None:
            return explain_exception(what, error)
        if name == self.exercise:
            return Failure(
                UNSOLVED,
                "not written yet.",
                f"Fill in {self._place} in the cell above, run it, then run this test again.",
            )
        return Failure(UNSOLVED, f"needs: {name}.", f"Write {name} first, then run this test again.")

    def build(self, model_class: Callable[..., Any], cfg: Any, **arguments: Any) -> Any:
        """Make a model of a learner's class on the course's device."""
        name = self.class_name
        model = self.call(f"{name}(cfg, ...)", model_class, cfg, device=self.device, **arguments)
        if not issubclass(type(model), nn.Module):
            raise Failure("not-a-module", f"{name} is not an nn.Module.", f"Write class {name}(nn.Module).")
        return model

    def method(self, model: Any, name: str) -> Callable[..., Any]:
        """A method of a learner's model; `forward` is called through the model itself, as in training."""
        written = getattr(type(model), name, None)
        if written is None or written is nn.Module.forward or not callable(written):
            raise Failure(
                "missing-method", f"{type(model).__name__} has no method {name}.", f"Define {name}(self, ...)."
            )
        return model if name == "forward" else getattr(model, name)  # type: ignore[no-any-return]

    @contextmanager
    def case(self, text: str, suspect: tuple[str, str] | None = None, named: bool = False) -> Iterator[None]:
        """One of several inputs of a check.

        Args:
            text: the case in words, as in "a batch of 6".
            suspect: diagnosis and line for an answer that was right in the case before and fails, for no better
                known reason, in this one.
            named: say the case under every failure.
        """
        try:
            yield
        except Failure as failure:
            if suspect and self._last_case is not None and failure.diagnosis in _UNSPECIFIC:
                contrast = f"right for {self._last_case}, wrong for {text}."
                lines = (contrast, suspect[1], failure.headline, *failure.details)
                raise Failure(suspect[0], *lines) from failure.__cause__
            if named and failure.diagnosis != UNSOLVED:
                raise Failure(failure.diagnosis, failure.headline, *failure.details, text) from failure.__cause__
            raise
        self._last_case = text


_UNSPECIFIC = (
    "values",
    "shape",
    "raised",
    "nan",
    "missing-axis",
    "extra-axis",
    "kept-axis",
    "transposed",
    "all-reduced",
)

Check = Callable[[Trial, Any], str]


@dataclass(frozen=True)
class LearnerTest:
    """One test, for whoever calls it: the public function, a grader, the bank.

    Attributes:
        name: of the public function, "test_model".
        exercise: id of the exercise, "forward".
        takes: name of what it is given in a learner's notebook, "ToyModel".
        place: where the learner writes the answer, "ToyModel.forward".
        check: does the work.
    """

    name: str
    exercise: str
    takes: str
    place: str
    check: Check

    def judge(self, answer: Any, seed: int = 0) -> Outcome:
        """Test an answer; shows nothing and raises nothing but KeyboardInterrupt."""
        return self.examine(answer, seed)[0]

    def examine(self, answer: Any, seed: int = 0) -> tuple[Outcome, BaseException | None]:
        """`judge`, with the exception behind a failure where there is one."""
        start = time.perf_counter()
        try:
            with sandbox(seed) as box:
                self._check_kind(answer)
                checked = self.check(Trial(self, seed, box), answer)
            passed, diagnosis, message, cause = True, PASSED, passed_message(self.exercise, checked), None
        except Failure as failure:
            message = failed_message(self.exercise, failure)
            passed, diagnosis, cause = False, failure.diagnosis, failure.__cause__
        except Exception as error:  # whatever an answer does to the test itself, it must not pass
            broken = Failure("test-broke", *explain_exception("this test, reading your answer,", error).args[1:])
            message = failed_message(self.exercise, broken)
            passed, diagnosis, cause = False, broken.diagnosis, error
        return Outcome(self.exercise, passed, diagnosis, message, time.perf_counter() - start), cause

    def _check_kind(self, answer: Any) -> None:
        if self.takes == self.place and not callable(answer):
            raise Failure("not-callable", f"{self.name} takes the function: {self.name}({self.takes}).")
        if self.takes != self.place and not issubclass(type(answer), type):
            raise Failure("not-a-class", f"{self.name} takes the class itself: {self.name}({self.takes}).")


def learner_test(exercise: str, place: str, takes: str | None = None) -> Callable[[Check], Callable[..., Outcome]]:
    """Make a check the public test of an exercise.

    Args:
        exercise: its id, as in the notebook.
        place: where the answer is written, "ToyModel.forward" or the name of a function.
        takes: what the test is given, if that is not the class or function of `place`.
    """

    def register(check: Check) -> Callable[..., Outcome]:
        entry = LearnerTest(check.__name__, exercise, takes or place.split(".")[0], place, check)

        def test(answer: Any, *, seed: int = 0) -> Outcome:
            outcome, cause = entry.examine(answer, seed)
            if not outcome.passed:
                raise TestFailed(outcome) from cause
            outcome.show()
            return outcome

        test.__name__ = test.__qualname__ = check.__name__
        test.__module__, test.__doc__ = check.__module__, check.__doc__
        _ENTRIES[test] = entry
        return test

    return register


def registry(*tests: Callable[..., Outcome]) -> dict[str, LearnerTest]:
    """The entries of public tests by name, in the order given."""
    return {test.__name__: _ENTRIES[test] for test in tests}
