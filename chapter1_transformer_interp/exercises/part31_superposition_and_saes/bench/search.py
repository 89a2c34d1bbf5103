"""Settings for an equal L0: which two values of a sparsity setting lead to a little below and a little above it."""

import math
from collections.abc import Callable, Sequence

import torch as t

from ..solutions import at_equal_l0
from .entries import Refused

MARGIN = 1.07  # the two settings aim at an L0 this factor below and above the target
CLOSE = 1.6  # trials whose L0s enclose the target within this factor end the search
BEYOND = 1.15  # factor past such trials, on the setting, at most
STEP = 4.0  # factor beyond the trials so far, where none of them encloses the target
MOST_MORE = 6  # trials beyond the given values
SILENT = 1e-6  # stands for an L0 of 0, which has no logarithm

Pair = tuple[float, float]  # two settings, in rising order


class Trials:
    """Settings tried so far, on models that are not reported: the L0 and the score that each led to."""

    def __init__(self, run: Callable[[float], tuple[float, float]], target: float, knob: str):
        self.run_setting, self.target, self.knob = run, target, knob
        self.l0: dict[float, float] = {}
        self.score: dict[float, float] = {}

    def run(self, setting: float) -> None:
        """Train with a setting, if it is new."""
        if setting not in self.l0:
            l0, score = self.run_setting(setting)
            self.l0[setting], self.score[setting] = max(l0, SILENT), score

    def best_pair(self) -> Pair | None:
        """Of the neighbouring settings that enclose the target the two with the best score there; None without any."""
        settings = sorted(self.l0)
        pairs = [
            (one, other)
            for one, other in zip(settings, settings[1:], strict=False)
            if min(self.l0[one], self.l0[other]) <= self.target <= max(self.l0[one], self.l0[other])
        ]
        return max(pairs, key=self.score_at_target, default=None)

    def score_at_target(self, pair: Pair) -> float:
        """The score at the target, between two trials that enclose it."""
        l0s, scores = (t.tensor([[one[pair[0]]], [one[pair[1]]]], dtype=t.float64) for one in (self.l0, self.score))
        found = at_equal_l0(l0s, scores, self.target).item()
        return found if math.isfinite(found) else self.score[pair[0]]  # both L0s are the target itself

    def setting_at(self, pair: Pair, l0: float) -> float:
        """The setting for an L0 on the line through two trials, on logarithmic axes; at most `BEYOND` past them."""
        first, second = pair
        rise = math.log(self.l0[second] / self.l0[first])
        share = math.log(l0 / self.l0[first]) / rise if rise else 0.0
        setting = first * (second / first) ** share
        return min(max(setting, first / BEYOND), second * BEYOND)

    def refusal(self) -> Refused:
        """Why the target was not reached, in one line."""
        low, high = min(self.l0), max(self.l0)
        l0s = [0.0 if l0 <= SILENT else l0 for l0 in self.l0.values()]
        tried = f"{self.knob} from {low:.3g} to {high:.3g}" if low < high else f"{self.knob} = {low:.3g}"
        if max(l0s) == 0:
            return Refused(f"no latent ever fires, with {tried}; in the mean row {self.target:g} must")
        if len(l0s) > 1 and max(l0s) <= 1.001 * min(l0s):
            return Refused(
                f"L0 stays at {l0s[0]:.3g} with {tried}; the setting must change it (an Entry names another)"
            )
        side = "it is never sparse enough" if min(l0s) > self.target else "it never has enough latents on"
        return Refused(f"{side}: L0 {min(l0s):.3g} to {max(l0s):.3g} with {tried}; L0 must reach {self.target:g}")


def two_settings(
    run: Callable[[float], tuple[float, float]],
    values: Sequence[float],
    target: float,
    whole: bool = False,
    knob: str = "the setting",
) -> Pair:
    """Two settings whose L0s should enclose the target; the one with the lower L0 comes first.

    It tries the given values, goes on beyond them until two neighbours enclose the target, and divides what is between.
    Where L0 does not rise or fall all along, several pairs may enclose it: then the score decides. A `k` is taken to
    raise L0, and anything else to lower it, until trials say otherwise.

    Args:
        run: trains with a setting, on models that are not reported, and gives L0 and a score (more is better).
        values: settings to try first, above 0.
        target: the L0 to reach.
        whole: whether only whole numbers, from 1 up, are settings; then the two are neighbouring numbers.
        knob: name of the setting.
    Raises:
        Refused: if no two settings enclose the target.
    """
    trials = Trials(run, target, knob)
    for value in sorted(values):
        trials.run(float(value))
    for _ in range(MOST_MORE):
        pair = trials.best_pair()
        if pair is None:
            beyond = _beyond(trials, whole)
            if beyond in trials.l0:
                break
            trials.run(beyond)
        elif whole and pair[1] - pair[0] > 1:
            trials.run((pair[0] + pair[1]) // 2)
        elif not whole and max(trials.l0[one] for one in pair) > CLOSE * min(trials.l0[one] for one in pair):
            trials.run(_divided(trials, pair))
        else:
            break
    pair = trials.best_pair()
    if pair is None:
        raise trials.refusal()
    if whole:
        first, second = pair
    else:
        first, second = (trials.setting_at(pair, l0) for l0 in (target / MARGIN, target * MARGIN))
    return (first, second) if trials.l0[pair[0]] <= trials.l0[pair[1]] or not whole else (second, first)


def _beyond(trials: Trials, whole: bool) -> float:
    """A setting beyond those tried, on the side where the target should be."""
    lowest, highest = min(trials.l0), max(trials.l0)
    first, last = trials.l0[lowest], trials.l0[highest]
    rises = trials.knob == "k" if abs(math.log(first / last)) < 0.05 else last > first
    upwards = rises == (max(trials.l0.values()) < trials.target)
    if whole:
        return float(round(highest * STEP)) if upwards else float(max(1, lowest // STEP))
    return highest * STEP if upwards else lowest / STEP


def _divided(trials: Trials, pair: Pair) -> float:
    """A setting between two: where the target should be, kept away from both ends, since an L0 may jump."""
    low, high = pair
    share = math.log(trials.setting_at(pair, trials.target) / low) / math.log(high / low)
    return low * (high / low) ** min(max(share, 0.2), 0.8)
