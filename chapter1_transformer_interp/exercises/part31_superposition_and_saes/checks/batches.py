"""Tests of section 1: random batches of sparse features."""

from typing import Any

import numpy as np
import torch as t

from .. import solutions
from ..checking.compare import check_tensor, is_tensor, to_numpy
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from ..checking.sparse_batch import Law, WrongProbability, check_batch
from .models import FIXED_SIZE, NOTEBOOK, ONE, WIDE, Sizes, make_pair

# Three instances of seven features: the certain and the impossible, rows and columns that all differ.
PROBABILITIES = (
    (0.6, 1.0, 0.5, 0.3, 0.9, 0.8, 0.0),
    (1.0, 0.0, 0.45, 0.7, 0.4, 0.15, 0.75),
    (0.2, 0.55, 1.0, 0.85, 0.65, 0.35, 0.1),
)
ROWS = 2_400  # of each of two batches


def wrong_probabilities(p: np.ndarray) -> list[WrongProbability]:
    """How often features would be on with one thing wrong."""
    often = "features are on as often as"
    return [
        WrongProbability(
            "probability-inverted",
            "features are on with probability 1 - p.\nA draw below p means on: t.rand(...) < p.",
            1 - p,
        ),
        WrongProbability(
            "first-feature-probability",
            f"{often} feature 0 of their instance.\nUse all of feature_probability: [inst feats].",
            np.broadcast_to(p[:, :1], p.shape),
        ),
        WrongProbability(
            "first-instance-probability",
            f"{often} in instance 0.\nUse all of feature_probability: [inst feats].",
            np.broadcast_to(p[:1], p.shape),
        ),
        WrongProbability(
            "first-probability",
            f"{often} feature 0 of instance 0.\nUse all of feature_probability.",
            np.full_like(p, p[0, 0]),
        ),
        WrongProbability(
            "mean-probability", "every feature is on with the mean of all probabilities.", np.full_like(p, p.mean())
        ),
        WrongProbability(
            "mean-over-features",
            "features are on with the mean probability of their instance.",
            np.broadcast_to(p.mean(1, keepdims=True), p.shape),
        ),
        WrongProbability(
            "probability-squared", "features are on with probability p squared.\nDraw the mask once.", p**2
        ),
        WrongProbability(
            "probability-twice",
            "features are on with probability 1 - (1 - p) squared.\nDraw the mask once.",
            1 - (1 - p) ** 2,
        ),
        WrongProbability("probability-root", "features are on with probability sqrt(p).", np.sqrt(p)),
        WrongProbability("probability-half", "features are on with probability p / 2.", p / 2),
        WrongProbability(
            "always-on", "no feature is ever off.\nWhere a draw is not below p, the feature is 0.", np.ones_like(p)
        ),
        WrongProbability("never-on", "no feature is ever on: the batch is all zeros.", np.zeros_like(p)),
        WrongProbability(
            "probability-unused",
            "every feature is on half of the time.\nUse self.feature_probability.",
            np.full_like(p, 0.5),
        ),
        WrongProbability(
            "probability-unused",
            "every feature is on in 1 % of rows.\nUse self.feature_probability, not the default of the constructor.",
            np.full_like(p, 0.01),
        ),
    ]


@learner_test("generate_batch", "ToyModel.generate_batch")
def test_generate_batch(trial: Trial, model_class: Any) -> str:
    """Test `ToyModel.generate_batch`: `tests.test_generate_batch(ToyModel)`."""
    for sizes, batch_size, suspect in ((NOTEBOOK, 64, None), (WIDE, 11, FIXED_SIZE), (ONE, 6, FIXED_SIZE)):
        model, reference = make_pair(trial, model_class, sizes)
        with trial.case(f"a batch of {batch_size} from {sizes}", suspect):
            draw_batch(trial, model, batch_size, reference)
    sizes = Sizes(len(PROBABILITIES), len(PROBABILITIES[0]), 2)
    probability = t.tensor(PROBABILITIES, device=trial.device)
    model = trial.build(model_class, sizes.cfg(), feature_probability=probability.clone())
    reference = solutions.ToyModel(sizes.cfg(), feature_probability=probability, device=trial.device)
    batches = [draw_batch(trial, model, ROWS, reference) for _ in range(2)]
    check_new_draws(*batches)
    p = to_numpy(probability)
    check_batch(np.concatenate(batches), Law(p, wrong_probabilities=wrong_probabilities(p)))
    return f"shape for 4 models; frequencies, magnitudes and independence in {2 * ROWS:,} rows"


def draw_batch(trial: Trial, model: Any, batch_size: int, reference: solutions.ToyModel) -> np.ndarray:
    """One batch of a learner's model: right in all but its values, which are returned."""
    call = f"generate_batch({batch_size})"
    watch = {"self.W": model.W} if is_tensor(getattr(model, "W", None)) else {}
    batch = trial.call(call, trial.method(model, "generate_batch"), batch_size, watch=watch)
    expected = t.zeros(batch_size, reference.cfg.n_inst, reference.cfg.n_features, device=trial.device)
    values = to_numpy(check_tensor(batch, expected, "batch inst feats", what="the batch", grad=False))
    if not np.isfinite(values).all():
        kind = "nan" if np.isnan(values).any() else "inf"
        raise Failure(
            kind, f"{call} holds NaN or infinity.", "Was a tensor from t.empty left unfilled, or divided by 0?"
        )
    return values


def check_new_draws(first: np.ndarray, second: np.ndarray) -> None:
    """Two calls in a row give two batches."""
    if (first == second).all() and first.any():
        raise Failure(
            "same-batch-twice",
            "two calls in a row give the same batch.",
            "Is a seed set inside, or is the batch kept? Every call draws anew.",
        )
