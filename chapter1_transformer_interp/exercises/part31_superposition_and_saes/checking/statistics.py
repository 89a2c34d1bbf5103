"""Does this sample follow that law? Every comparison is a proven bound, so a right answer is never refused.

A comparison accuses a right answer with probability at most `ALPHA`; a check may make `MAX_COMPARISONS` of them, so its
false alarm is below one in a million whatever the generator and the order of draws. All numbers are NumPy's: nothing
that a learner does to torch reaches this file.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.special import rel_entr

ALPHA = 2.5e-10
FALSE_ALARM = 1e-6
MAX_COMPARISONS = int(FALSE_ALARM / ALPHA)
LIMIT = math.log(2 / ALPHA)

# A draw of float32 on [0, 1) is exactly 0 once in 2^24 draws: what must always, or never, happen may miss that often.
ROUNDING = 2.0**-24

Cdf = Callable[[np.ndarray], np.ndarray]


class Ledger:
    """Counts the comparisons of one check, so that their sum keeps its promise."""

    def __init__(self) -> None:
        self.comparisons = 0

    def spend(self, n: int) -> None:
        self.comparisons += n
        if self.comparisons > MAX_COMPARISONS:
            raise RuntimeError(f"{self.comparisons} comparisons at {ALPHA} each: more than {FALSE_ALARM} in total")

    @property
    def false_alarm(self) -> float:
        """Bound on the probability that a right answer was refused so far."""
        return self.comparisons * ALPHA


def count_excess(count: np.ndarray, n: np.ndarray | int, probability: np.ndarray | float) -> np.ndarray:
    """How far counts lie beyond the limit for `n` independent draws: above 1 means refused.

    Chernoff's bound: P(count/n at least as far out as q) <= 2 exp(-n KL(q || p)).
    """
    n = np.maximum(n, 1)
    q, p = np.asarray(count) / n, np.clip(probability, ROUNDING, 1 - ROUNDING)
    return np.asarray(n * (rel_entr(q, p) + rel_entr(1 - q, 1 - p)) / LIMIT)


def sum_excess(total: np.ndarray, variance: np.ndarray, bound: float) -> np.ndarray:
    """How far sums of independent terms of mean 0 lie beyond the limit (above 1: refused).

    Bernstein's bound: P(|sum| >= s) <= 2 exp(-s^2 / (2 (V + b s / 3))).

    Args:
        total: the sums.
        variance: V, the sum of the variances.
        bound: b, the largest size of a term.
    """
    size = np.abs(total)
    return np.asarray(size**2 / (2 * (variance + bound * size / 3) + 1e-300) / LIMIT)


def distribution_excess(values: np.ndarray, cdf: Cdf) -> float:
    """How far the empirical distribution lies from `cdf` beyond the limit (above 1: refused).

    Dvoretzky-Kiefer-Wolfowitz with Massart's constant: P(sup|F_n - F| > e) <= 2 exp(-2 n e^2).
    """
    n = values.size
    if n == 0:
        return 0.0
    expected = cdf(np.sort(values))
    steps = np.arange(n + 1) / n
    gap = max(np.abs(steps[1:] - expected).max(), np.abs(expected - steps[:-1]).max())
    return float(2 * n * gap**2 / LIMIT)


def uniform_cdf(low: float = 0.0, high: float = 1.0) -> Cdf:
    return lambda x: np.clip((x - low) / (high - low), 0.0, 1.0)
