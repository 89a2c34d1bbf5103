"""Tests of section 1: random batches of independent features."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch as t
from torch import Tensor

from .. import solutions
from ..checking.batch_law import Law, WrongProbability
from ..checking.compare import check_tensor, is_tensor, to_numpy
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from ..checking.sparse_batch import check_batch
from .models import FIXED_SIZE, NOTEBOOK, ONE, WIDE, make_pair

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
        with trial.case(str(sizes), suspect):
            draw_from_model(trial, model, batch_size, reference.cfg)
    check_independent_features(trial, lambda *model: draw_model_rows(trial, model_class, *model))
    return f"shape for 4 models; frequencies, magnitudes and independence in {2 * ROWS:,} rows"


# Makes, from a config and feature_probability, the function that draws `ROWS` rows.
DrawRows = Callable[[], np.ndarray]
MakeDraw = Callable[[solutions.ToyModelConfig, Tensor], DrawRows]


def check_independent_features(trial: Trial, make_draw: MakeDraw) -> None:
    """Without pairs: each feature of each instance with a probability of its own."""
    probability = t.tensor(PROBABILITIES, device=trial.device)
    cfg = solutions.ToyModelConfig(n_inst=len(PROBABILITIES), n_features=len(PROBABILITIES[0]))
    p = to_numpy(probability)
    law = Law(p, wrong_probabilities=wrong_probabilities(p))
    check_two_batches(trial, make_draw(cfg, probability), law)


def draw_model_rows(trial: Trial, model_class: Any, cfg: solutions.ToyModelConfig, probability: Tensor) -> DrawRows:
    model = trial.build(model_class, cfg, feature_probability=probability.clone())
    return lambda: draw_from_model(trial, model, ROWS, cfg)


def draw_from_model(trial: Trial, model: Any, batch_size: int, cfg: solutions.ToyModelConfig) -> np.ndarray:
    """One batch of a learner's model: right in all but its values, which are returned."""
    method = trial.method(model, "generate_batch")
    watch = {"self.W": model.W} if is_tensor(getattr(model, "W", None)) else {}
    return draw(trial, f"generate_batch({batch_size})", method, batch_size, cfg.n_inst, cfg.n_features, watch=watch)


def draw(
    trial: Trial,
    call: str,
    function: Callable[[int], Any],
    batch_size: int,
    n_inst: int,
    n_feats: int,
    axes: str = "batch inst feats",
    watch: dict[str, Tensor] | None = None,
) -> np.ndarray:
    """Call a learner's `function(batch_size)`; what it gives is right in all but its values, which are returned."""
    batch = trial.call(call, function, batch_size, watch=watch)
    expected = t.zeros(batch_size, n_inst, n_feats, device=trial.device)
    values = to_numpy(check_tensor(batch, expected, axes, what="the batch", grad=False))
    if not np.isfinite(values).all():
        kind = "nan" if np.isnan(values).any() else "inf"
        raise Failure(
            kind, f"{call} holds NaN or infinity.", "Was a tensor from t.empty left unfilled, or divided by 0?"
        )
    return values


def check_two_batches(trial: Trial, draw_rows: DrawRows, law: Law) -> None:
    """Two calls in a row give two batches, which together follow the law."""
    first, second = draw_rows(), draw_rows()
    if (first == second).all() and first.any():
        raise Failure(
            "same-batch-twice",
            "two calls in a row give the same batch.",
            "Is a seed set inside, or is the batch kept? Every call draws anew.",
        )
    check_batch(np.concatenate([first, second]), law, trial.ledger)
