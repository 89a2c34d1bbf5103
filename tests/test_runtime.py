"""Device and seed come from the environment; a wrong value says what to change."""

import pytest
import torch as t
from part31_superposition_and_saes.runtime import choose_device, choose_seed, forked_random_state


def test_the_override_wins_over_what_the_machine_has() -> None:
    assert choose_device("cpu") == t.device("cpu")


def test_no_override_takes_the_best_device_there_is() -> None:
    best = "mps" if t.backends.mps.is_available() else "cuda" if t.cuda.is_available() else "cpu"
    assert choose_device("").type == choose_device(None).type == best


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "42nd"])
def test_a_device_that_is_not_there_is_named_in_the_error(name: str) -> None:
    with pytest.raises(ValueError, match=f"PART31_DEVICE='{name}'"):
        choose_device(name)


def test_the_seed_defaults_to_zero() -> None:
    assert (choose_seed(None), choose_seed(""), choose_seed("7")) == (0, 0, 7)


@pytest.mark.parametrize("value", ["seven", "-1", "1.5"])
def test_a_seed_that_is_no_whole_number_is_named_in_the_error(value: str) -> None:
    with pytest.raises(ValueError, match=f"PART31_SEED='{value}'"):
        choose_seed(value)


def test_the_random_state_is_put_back_even_after_an_error() -> None:
    before = t.get_rng_state()
    with pytest.raises(KeyError), forked_random_state():
        t.manual_seed(3)
        t.rand(5)
        raise KeyError
    assert t.equal(t.get_rng_state(), before)
