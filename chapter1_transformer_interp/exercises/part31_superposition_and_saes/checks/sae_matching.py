"""Test of section 5: giving every feature a latent of its own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch as t
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from .. import solutions
from ..checking.compare import Mistake, check_tensor, compare, to_numpy
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from .models import FEATS, FIXED_SIZE

Matching = Callable[[Tensor, Tensor], Any]


@learner_test("match_latents", "match_latents")
def test_match_latents(trial: Trial, match: Matching) -> str:
    """Test the function: `tests.test_match_latents(match_latents)`."""
    cases = (
        ("16 instances of 5 features and 5 latents", (16, 5, 5), 0.0, None),
        ("more latents than features", (3, 4, 7), 0.0, FIXED_SIZE),
        ("a single instance", (1, 4, 6), 0.0, ("one-instance", "Do not squeeze the inst axis.")),
        ("some latents dead", (4, 4, 9), 0.4, ("dead-latents", "Only live latents may be chosen.")),
        (
            "fewer live latents than features",
            (4, 6, 5),
            0.4,
            ("too-few-latents", "A feature that gets none has index -1 and cosine 0."),
        ),
    )
    for text, shape, dead, suspect in cases:
        cosines = _cosines(trial, shape)
        live = trial.uniform(shape[0], shape[2]) >= dead
        if dead:
            live[:, 0] = False  # the best latent of many features is dead
            live[-1] = False
            if shape[2] > shape[1]:  # in one instance there are just enough, and the worst of all is among them
                live[0] = t.arange(shape[2], device=live.device) >= shape[2] - shape[1]
        with trial.case(text, suspect):
            _check(trial, match, cosines, live)
    return "5 shapes, dead latents, fewer live latents than features, none at all"


def _cosines(trial: Trial, shape: tuple[int, int, int]) -> Tensor:
    """Cosines that several features want the same latent for, and some large negative ones."""
    cosines = trial.uniform(*shape, low=-0.9, high=0.7)
    cosines[:, :3, 0] = trial.uniform(shape[0], min(3, shape[1]), low=0.8, high=0.95)
    cosines[:, 1:3, 1] = trial.uniform(shape[0], min(2, shape[1] - 1), low=0.3, high=0.75)
    cosines[:, :, -1] = -trial.uniform(*shape[:2], low=0.96, high=0.99)
    return cosines


def _check(trial: Trial, match: Matching, cosines: Tensor, live: Tensor) -> None:
    watch = {"cosines": cosines, "live": live}
    out = trial.call("match_latents(cosines, live)", match, cosines, live, watch=watch)
    if not issubclass(type(out), tuple | list):
        raise Failure("type", f"your answer is a {type(out).__name__}, expected two tensors.", "Return both.")
    if len(out) != 2:
        raise Failure("not-two", f"{len(out)} things are returned, expected two.", "Return latents, cosines.")
    if all(issubclass(type(one), Tensor) for one in out) and out[0].is_floating_point() > out[1].is_floating_point():
        raise Failure("order", "cosines and indices are swapped.", "Return latents, cosines.")
    latents, matched = solutions.match_latents(cosines, live)
    compare(out[1], matched, FEATS, what="the matched cosines", mistakes=lambda: _mistakes(cosines, live))
    index = out[0]
    if issubclass(type(index), Tensor) and index.is_floating_point():
        raise Failure("dtype", f"the indices have dtype {index.dtype}, expected whole numbers.", "Use dtype=t.long.")
    got = to_numpy(check_tensor(index, latents.to(getattr(index, "dtype", t.long)), FEATS, what="the indices"))
    wanted = to_numpy(latents)
    if (got != wanted).any():
        inst, feat = np.argwhere(got != wanted)[0]
        detail = (
            f"feature {feat} of instance {inst}: expected latent {wanted[inst, feat]:.0f}, got {got[inst, feat]:.0f}"
        )
        columns = _columns_of_live(wanted, to_numpy(live) > 0)
        if (got == columns).all():
            headline = "the indices count live latents only."
            raise Failure("index-among-live", headline, "Translate them back: columns[chosen].", detail)
        if (np.where(wanted < 0, got, wanted) == got).all():
            raise Failure("missing-not-marked", "a feature without a latent has no index -1.", detail)
        raise Failure("indices", "the cosines are right, and the indices do not belong to them.", detail)


def _columns_of_live(latents: np.ndarray, live: np.ndarray) -> np.ndarray:
    """The same matching with latents numbered among the live ones."""
    rank = np.cumsum(live, axis=1) - 1
    return np.asarray(np.where(latents < 0, -1, np.take_along_axis(rank, np.maximum(latents, 0).astype(int), 1)))


def _mistakes(cosines: Tensor, live: Tensor) -> list[Mistake]:
    this = "these are the cosines that you get"
    c, alive = to_numpy(cosines), to_numpy(live) > 0
    masked = np.where(alive[:, None], c, -np.inf)
    best = masked.max(2)
    best = np.where(np.isfinite(best), best, 0)
    everything = np.ones_like(alive)

    def mistake(key: str, text: str, values: np.ndarray) -> Mistake:
        return Mistake(key, text, t.from_numpy(np.ascontiguousarray(values)))

    return [
        mistake(
            "best-for-each", f"{this} when features may share a latent.\nEach latent belongs to one feature.", best
        ),
        mistake("best-of-all", f"{this} when features may share a latent, dead ones too.", c.max(2)),
        mistake(
            "greedy",
            f"{this} when features choose in turn.\nMaximize the sum: linear_sum_assignment.",
            _greedy(c, alive),
        ),
        mistake(
            "greedy",
            f"{this} when the largest cosine is taken first, then the next.\nMaximize the sum instead.",
            _greedy_largest(c, alive),
        ),
        mistake(
            "minimized",
            f"{this} when the sum is made small.\nPass maximize=True, or a cost of -cosine.",
            _hungarian(c, alive, c),
        ),
        mistake(
            "unsigned",
            f"{this} with |cosine|, as a match.\nKeep the sign.",
            _hungarian(c, alive, -np.abs(c), np.abs(c)),
        ),
        mistake("unsigned-choice", f"{this} when |cosine| decides.\nKeep the sign.", _hungarian(c, alive, -np.abs(c))),
        mistake(
            "dead-matched", f"{this} when dead latents are matched too.\nUse `live`.", _hungarian(c, everything, -c)
        ),
        mistake(
            "dead-as-zero", f"{this} when dead latents count as cosine 0.\nTake them out.", _dead_as_zero(c, alive)
        ),
        mistake(
            "live-inverted",
            f"{this} when the live latents are left out and the dead are matched.",
            _hungarian(c, ~alive, -c),
        ),
        mistake("diagonal", f"{this} when feature i gets latent i.", _diagonal(c)),
        mistake("squared", f"{this} when squared cosines decide.", _hungarian(c, alive, -(c**2), c**2)),
        mistake(
            "mean", "this is the mean over features.\nReturn one cosine a feature.", _hungarian(c, alive, -c).mean(1)
        ),
    ]


def _hungarian(c: np.ndarray, alive: np.ndarray, cost: np.ndarray, value: np.ndarray | None = None) -> np.ndarray:
    value = c if value is None else value
    found = np.zeros(c.shape[:2])
    for i in range(len(c)):
        columns = alive[i].nonzero()[0]
        rows, chosen = linear_sum_assignment(cost[i][:, columns])
        found[i, rows] = value[i][rows, columns[chosen]]
    return found


def _dead_as_zero(c: np.ndarray, alive: np.ndarray) -> np.ndarray:
    zeroed = np.where(alive[:, None], c, 0)
    return _hungarian(zeroed, np.ones_like(alive), -zeroed)


def _greedy(c: np.ndarray, alive: np.ndarray) -> np.ndarray:
    found = np.zeros(c.shape[:2])
    for i in range(len(c)):
        free = alive[i].copy()
        for feature in range(c.shape[1]):
            if free.any():
                latent = np.where(free, c[i, feature], -np.inf).argmax()
                found[i, feature], free[latent] = c[i, feature, latent], False
    return found


def _greedy_largest(c: np.ndarray, alive: np.ndarray) -> np.ndarray:
    found = np.zeros(c.shape[:2])
    for i in range(len(c)):
        left = np.where(alive[i], c[i], -np.inf)
        while np.isfinite(left).any():
            feature, latent = np.unravel_index(left.argmax(), left.shape)
            found[i, feature] = c[i, feature, latent]
            left[feature], left[:, latent] = -np.inf, -np.inf
    return found


def _diagonal(c: np.ndarray) -> np.ndarray:
    n = min(c.shape[1:])
    found = np.zeros(c.shape[:2])
    found[:, :n] = c[:, np.arange(n), np.arange(n)]
    return found
