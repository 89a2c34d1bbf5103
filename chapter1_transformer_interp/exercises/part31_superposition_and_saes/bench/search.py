"""Settings for an equal L0: which two values of a sparsity setting lead to a little below and a little above it."""

import math
from collections.abc import Callable

import torch as t

from ..solutions import at_equal_l0
from .entries import Refused

MARGIN = 1.15  # the two settings aim at an L0 this factor below and above the target
CLOSE = 1.6  # trials whose L0s enclose the target within this factor end the search
FIRST_STEP, FURTHER_STEP = 2.0, 4.0  # factors on the setting on the way to the other side of the target
MOST_TRIALS = 8
SILENT = 1e-6  # stands for an L0 of 0, which has no logarithm


class Trials:
    """Settings tried so far and the L0 that each led to."""

    def __init__(self, l0_at: Callable[[float], float], target: float, knob: str):
        self.l0_at, self.target, self.knob = l0_at, target, knob
        self.found: dict[float, float] = {}

    def run(self, setting: float) -> None:
        """Train with a setting, if it is new."""
        if setting not in self.found:
            self.found[setting] = max(float(self.l0_at(setting)), SILENT)

    def closest(self) -> tuple[float | None, float | None]:
        """The settings with the largest L0 up to the target, and the smallest above it; None where there is none."""
        below = [one for one, l0 in self.found.items() if l0 <= self.target]
        above = [one for one, l0 in self.found.items() if l0 > self.target]
        l0 = self.found.__getitem__
        return (max(below, key=l0) if below else None), (min(above, key=l0) if above else None)

    def between(self, low: float, high: float, l0: float) -> float:
        """The setting for an L0 between two trials, on logarithmic axes; the nearer trial where it lies beyond."""
        l0s = t.tensor([[self.found[low]], [self.found[high]]], dtype=t.float64)
        inside = at_equal_l0(l0s, t.tensor([[low], [high]], dtype=t.float64).log(), l0).exp().item()
        return inside if math.isfinite(inside) else (low if l0 <= self.found[low] else high)

    def refusal(self) -> Refused:
        """Why the target was not reached, in one line."""
        low, high = min(self.found), max(self.found)
        l0s = [0.0 if l0 <= SILENT else l0 for l0 in self.found.values()]
        tried = f"{self.knob} from {low:.3g} to {high:.3g}" if low < high else f"{self.knob} = {low:.3g}"
        if max(l0s) == 0:
            return Refused(f"no latent ever fires, with {tried}; {self.target:g} should in the mean row")
        if len(l0s) > 1 and max(l0s) <= 1.001 * min(l0s):
            return Refused(
                f"L0 stays at {l0s[0]:.3g} with {tried}; that setting must change it (a Variant names another one)"
            )
        side = "is never sparse enough" if min(l0s) > self.target else "never has enough latents on"
        return Refused(f"it {side}: L0 {min(l0s):.3g} to {max(l0s):.3g} with {tried}; it must reach {self.target:g}")


def two_settings(
    l0_at: Callable[[float], float], start: float, target: float, whole: bool = False, knob: str = "the setting"
) -> tuple[float, float]:
    """Two settings whose L0s should enclose the target; the one with the lower L0 comes first.

    It walks from the start in steps of a factor until two trials lie on different sides of the target, then divides what
    is between them. A `k` is taken to raise L0 and anything else to lower it, until trials say otherwise.

    Args:
        l0_at: trains with a setting, and gives the L0 that comes out.
        start: first setting to try, above 0.
        target: the L0 to reach.
        whole: whether the setting is a count, from 1 up, that L0 rises with; then the two are neighbours.
        knob: name of the setting.
    Raises:
        Refused: if the target is not reached within `MOST_TRIALS`.
    """
    trials = Trials(l0_at, target, knob)
    if whole:
        return _neighbours(trials, int(start))
    setting, rises = float(start), knob == "k"
    for number in range(MOST_TRIALS):
        trials.run(setting)
        low, high = trials.closest()
        if low is not None and high is not None:
            if trials.found[high] <= CLOSE * trials.found[low]:
                return trials.between(low, high, target / MARGIN), trials.between(low, high, target * MARGIN)
            setting = _divided(trials, low, high)
            continue
        rises = _rises(trials, rises)
        end = max if rises == (high is None) else min
        factor = FIRST_STEP if number == 0 else FURTHER_STEP
        setting = end(trials.found) * (factor if end is max else 1 / factor)
    low, high = trials.closest()
    if low is None or high is None:
        raise trials.refusal()
    return low, high  # L0 jumps here: the trials themselves enclose the target


def _divided(trials: Trials, low: float, high: float) -> float:
    """A setting between two: where the target should be, kept away from both ends (an L0 may jump)."""
    share = math.log(trials.between(low, high, trials.target) / low) / math.log(high / low)
    return low * (high / low) ** min(max(share, 0.2), 0.8)


def _rises(trials: Trials, assumed: bool) -> bool:
    """Whether L0 rises with the setting, from the two ends of what was tried; as assumed where they do not differ."""
    first, last = trials.found[min(trials.found)], trials.found[max(trials.found)]
    return assumed if abs(math.log(first / last)) < 0.05 else last > first


def _neighbours(trials: Trials, start: int) -> tuple[float, float]:
    """The largest count whose L0 is at most the target, and the next one."""
    k = start
    for _ in range(MOST_TRIALS):
        trials.run(k)
        low, high = trials.closest()
        if low is not None and high is not None and high - low <= 1:
            return low, high
        guess = round(k * min(FURTHER_STEP, max(1 / FURTHER_STEP, trials.target / trials.found[k])))
        if low is not None and high is not None:
            k = int(low + high) // 2
        elif low is not None:
            k = max(int(low) + 1, guess)
        elif high is not None and high > 1:
            k = max(1, min(int(high) - 1, guess))
        else:
            break
    raise trials.refusal()
