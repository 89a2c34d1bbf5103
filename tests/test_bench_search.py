"""The benchmark's search for settings that lead to an L0, on made-up curves."""

from collections.abc import Callable

import numpy as np
import pytest
from part31_superposition_and_saes.bench import search
from part31_superposition_and_saes.bench.entries import Refused


def counted(l0: Callable[[float], float], score: Callable[[float], float] = lambda setting: 0.5):
    tried: list[float] = []

    def run(setting: float) -> tuple[float, float]:
        tried.append(setting)
        return l0(setting), score(setting)

    return run, tried


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("factor", [1e-4, 0.05, 1.0])
def test_a_penalty_is_found_wherever_it_starts(factor: float, power: float) -> None:
    l0: Callable[[float], float] = lambda c: (factor / c) ** power  # noqa: E731
    run, tried = counted(l0)
    low, high = search.two_settings(run, (0.01, 0.03), 2.0)
    assert 2.0 / 1.2 < l0(low) < 2.0 < l0(high) < 2.0 * 1.2 and low > high
    assert len(tried) <= 2 + search.MOST_MORE


def test_the_settings_follow_the_target() -> None:
    run, _ = counted(lambda c: 0.05 / c)
    found = [search.two_settings(run, (0.01, 0.03), target) for target in (0.5, 1.0, 2.0, 4.0, 8.0)]
    assert all(a[0] > b[0] and a[1] > b[1] for a, b in zip(found, found[1:], strict=False))


def test_a_count_gives_neighbours() -> None:
    for slope in (0.3, 0.8, 1.0, 1.9):
        run, _ = counted(lambda k, slope=slope: slope * k)
        low, high = search.two_settings(run, (1.0, 2.0, 3.0, 5.0), 2.0, whole=True, knob="k")
        assert high == low + 1 and slope * low <= 2.0 <= slope * high
    with pytest.raises(Refused, match="never sparse enough: L0 3 to"):
        search.two_settings(counted(lambda k: 3 * k)[0], (1.0, 2.0), 2.0, whole=True, knob="k")


def test_where_l0_turns_round_the_score_decides() -> None:
    settings, l0s = np.log([0.1, 0.3, 0.6, 1.0, 1.6, 9.0]), np.log([20.0, 6.0, 1.9, 2.3, 0.9, 0.1])  # a gated one's

    def l0(setting: float) -> float:
        return float(np.exp(np.interp(np.log(setting), settings, l0s)))

    for best, low_end, high_end in ((0.5, 0.45, 0.75), (1.3, 0.95, 1.4)):
        run, _ = counted(l0, lambda setting, best=best: 1 - abs(setting - best))
        found = search.two_settings(run, (0.3, 0.6, 1.0, 1.6), 2.0)
        assert all(low_end <= one <= high_end for one in found)


@pytest.mark.parametrize(
    ("l0", "message"),
    [
        (lambda c: 50.0, r"L0 stays at 50 with c from .*an Entry names another"),
        (lambda c: 0.0, "no latent ever fires, with c from .*; in the mean row 2 must"),
        (lambda c: 50 - min(c, 1), r"it is never sparse enough: L0 49 to 50 with c from .*; L0 must reach 2"),
        (lambda c: 1 + min(0.5, 0.01 / c), "it never has enough latents on"),
    ],
)
def test_a_target_out_of_reach_is_told(l0: Callable[[float], float], message: str) -> None:
    run, tried = counted(l0)
    with pytest.raises(Refused, match=message):
        search.two_settings(run, (0.01, 0.03), 2.0, knob="c")
    assert len(tried) <= 2 + search.MOST_MORE
