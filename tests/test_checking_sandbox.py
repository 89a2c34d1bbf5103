"""Whatever a learner's code does to global state, it is afterwards as it was before."""

import random
import sys

import numpy as np
import pytest
import torch as t
from part31_superposition_and_saes import tests as learners_tests
from part31_superposition_and_saes.checking.sandbox import MAX_PRINTED, TorchFunctions, sandbox
from part31_superposition_and_saes.solutions import ToyModel
from torch.nn import functional as F


def global_state() -> dict[str, object]:
    return {
        "torch": t.get_rng_state().numpy().tobytes(),
        "numpy": str(np.random.get_state()),
        "python": random.getstate(),
        "dtype": t.get_default_dtype(),
        "device": t.get_default_device(),
        "grad": t.is_grad_enabled(),
        "inference": t.is_inference_mode_enabled(),
        "threads": t.get_num_threads(),
        "deterministic": t.are_deterministic_algorithms_enabled(),
        "cudnn": (t.backends.cudnn.deterministic, t.backends.cudnn.benchmark),
        "anomaly": t.is_anomaly_enabled(),
        "functions": (t.rand, t.equal, t.Tensor.__eq__, t.Tensor.sum, F.relu, t.testing.assert_close),
        "streams": (sys.stdout, sys.stderr),
    }


def disturb() -> None:
    t.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    t.set_default_dtype(t.float64)
    t.set_default_device("meta")
    t.set_grad_enabled(False)
    t.set_num_threads(t.get_num_threads() + 1)
    t.use_deterministic_algorithms(not t.are_deterministic_algorithms_enabled())
    t.backends.cudnn.deterministic = not t.backends.cudnn.deterministic
    t.backends.cudnn.benchmark = not t.backends.cudnn.benchmark
    t.autograd.set_detect_anomaly(True)
    t.rand = t.equal = t.Tensor.__eq__ = t.Tensor.sum = F.relu = lambda *args, **kwargs: True
    t.testing.assert_close = lambda *args, **kwargs: None
    sys.stdout = sys.stderr = None


@pytest.mark.parametrize("how_it_ends", ["returns", "raises", "interrupts"])
def test_everything_is_put_back(how_it_ends: str) -> None:
    ends = {"returns": None, "raises": ValueError, "interrupts": KeyboardInterrupt}
    before = global_state()
    try:
        with sandbox(0) as box, box.learner():
            disturb()
            if ends[how_it_ends] is not None:
                raise ends[how_it_ends]
    except (ValueError, KeyboardInterrupt):
        pass
    assert global_state() == before


def test_state_is_put_back_between_two_calls() -> None:
    with sandbox(0) as box:
        inside = global_state()
        for name in ("torch", "numpy", "python"):  # random numbers go on: two calls must differ
            inside.pop(name)
        with box.learner():
            disturb()
        after = global_state()
        assert {name: after[name] for name in inside} == inside


def test_a_whole_test_leaves_no_trace() -> None:
    class Disturbing(ToyModel):
        def generate_batch(self, batch_size):
            batch = super().generate_batch(batch_size)
            disturb()
            return batch

    before = global_state()
    for test in learners_tests.REGISTRY.values():
        test.judge(Disturbing)
    assert global_state() == before


def test_inside_it_is_float32_with_gradients_from_the_seed() -> None:
    draws = []
    for _ in range(2):
        with t.inference_mode(), sandbox(3):
            assert t.get_default_dtype() is t.float32 and t.is_grad_enabled() and not t.is_inference_mode_enabled()
            draws.append((t.rand(1).item(), np.random.rand(), random.random()))
    assert draws[0] == draws[1]
    with sandbox(4):
        assert t.rand(1).item() != draws[0][0]


def test_restoring_functions_says_whether_it_had_to() -> None:
    functions = TorchFunctions()
    assert not functions.restore()
    t.Tensor.add = lambda *args: None
    assert functions.restore() and not functions.restore()
    assert t.ones(1).add(1).item() == 2


def test_a_learners_own_names_in_torch_stay() -> None:
    functions = TorchFunctions()
    t.a_name_of_my_own = len  # type: ignore[attr-defined]
    try:
        functions.restore()
        assert t.a_name_of_my_own is len  # type: ignore[attr-defined]
    finally:
        del t.a_name_of_my_own  # type: ignore[attr-defined]


def test_printing_is_let_through_up_to_a_limit(capsys: pytest.CaptureFixture[str]) -> None:
    with sandbox(0):
        print("seen")
        for _ in range(10 * MAX_PRINTED):
            print("x", end="")
    out = capsys.readouterr().out
    assert out.startswith("seen\nxxx") and len(out) < MAX_PRINTED + 100
    assert out.rstrip().endswith("the rest is left out")
