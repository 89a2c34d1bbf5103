"""Tests of section 1: random batches with pairs of features that depend on each other."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch as t
from torch import Tensor

from .. import solutions
from ..checking.batch_law import Law, WrongProbability
from ..checking.runner import Trial, learner_test
from .batches import (
    ROWS,
    DrawRows,
    check_independent_features,
    check_two_batches,
    draw,
    draw_model_rows,
    wrong_probabilities,
)
from .models import FIXED_SIZE

# One probability for all features of an instance, as pairs need it.
CORRELATED = (0.6, 0.35, 1.0, 0.15, 0.0)
ANTICORRELATED = (0.3, 0.15, 0.45, 0.0)
MIXED = (0.4, 0.15, 0.3)

HALF_REFUSED = (
    "half-refused",
    "1/2 itself is possible: then exactly one of the two is on. Refuse only what is above it.",
)
OWN_PROBABILITIES = ("unequal-refused", "With n = n_features each has its own; only for fewer must they be equal.")
UNEQUAL = "feature_probability that differs within an instance"

Generate = Callable[..., Any]


def model_with(trial: Trial, probabilities: Sequence[float], n_features: int) -> solutions.ToyModel:
    """A reference model whose instances have these probabilities, the same for each of their features."""
    cfg = solutions.ToyModelConfig(n_inst=len(probabilities), n_features=n_features, d_hidden=2)
    probability = t.tensor(probabilities, device=trial.device)[:, None].expand(-1, n_features).clone()
    return solutions.ToyModel(cfg, feature_probability=probability, device=trial.device)


def model_with_unequal(trial: Trial) -> solutions.ToyModel:
    probability = t.tensor([[0.2, 0.2, 0.2, 0.2, 0.2, 0.2], [0.2, 0.2, 0.2, 0.2, 0.2, 0.4]], device=trial.device)
    cfg = solutions.ToyModelConfig(n_inst=2, n_features=6, d_hidden=2)
    return solutions.ToyModel(cfg, feature_probability=probability, device=trial.device)


def draw_from(
    trial: Trial, generate: Generate, model: solutions.ToyModel, batch_size: int, n: int, feats_each: int
) -> np.ndarray:
    """One batch of a learner's function for `n` pairs or features, with the model as its `self`."""
    axes = "batch inst 2*pairs" if feats_each == 2 else "batch inst n"
    watch = {"self.W": model.W, "self.feature_probability": model.feature_probability}
    call = f"{trial.exercise}(self, {batch_size}, {n})"
    n_feats = feats_each * n
    return draw(trial, call, lambda rows: generate(model, rows, n), batch_size, model.cfg.n_inst, n_feats, axes, watch)


def check_shapes(trial: Trial, generate: Generate, feats_each: int) -> None:
    """Sizes of several models, with more features than are asked for."""
    for n_inst, n_features, n, batch_size, suspect in (
        (5, 4, 2, 64, None),
        (5, 4, 2, 7, FIXED_SIZE),
        (3, 9, 4, 6, FIXED_SIZE),
        (1, 6, 1, 4, FIXED_SIZE),
    ):
        model = model_with(trial, [0.3] * n_inst, n_features)
        with trial.case(f"n_inst = {n_inst}, a batch of {batch_size} and n = {n}", suspect):
            draw_from(trial, generate, model, batch_size, n, feats_each)


def columns(probabilities: Sequence[float], n_feats: int) -> np.ndarray:
    return np.repeat(np.array(probabilities, dtype=np.float32).astype(np.float64)[:, None], n_feats, axis=1)


@learner_test("generate_correlated_features", "generate_correlated_features")
def test_generate_correlated_features(trial: Trial, generate: Generate) -> str:
    """Test the function: `tests.test_generate_correlated_features(generate_correlated_features)`."""
    check_shapes(trial, generate, 2)
    n_pairs = 3
    model = model_with(trial, CORRELATED, 8)
    p = columns(CORRELATED, 2 * n_pairs)
    law = Law(p, n_correlated=n_pairs, wrong_probabilities=wrong_probabilities(p))
    check_two_batches(trial, partial(draw_from, trial, generate, model, ROWS, n_pairs, 2), law)
    trial.refuses(UNEQUAL, "generate_correlated_features(self, 5, 2)", generate, model_with_unequal(trial), 5, 2)
    return f"shape for 4 models; pairs on together, magnitudes and independence in {2 * ROWS:,} rows; what is refused"


def wrong_anticorrelated(p: np.ndarray) -> list[WrongProbability]:
    """How often each feature of an anticorrelated pair would be on with one thing wrong."""
    is_second = np.arange(p.shape[1]) % 2 == 1
    way = "Draw whether the pair is on (probability 2p), then which of the two (one half each)."
    return [
        WrongProbability(
            "probability-half", f"each of the two is on with probability p / 2, expected p.\n{way}", p / 2
        ),
        WrongProbability(
            "second-too-seldom",
            f"the second of a pair is on with probability p (1 - p), expected p.\n{way}",
            np.where(is_second, p * (1 - p), p),
        ),
        WrongProbability(
            "first-too-seldom",
            f"the first of a pair is on with probability p (1 - p), expected p.\n{way}",
            np.where(is_second, p, p * (1 - p)),
        ),
        WrongProbability(
            "both-too-seldom",
            f"each of the two is on with probability p (1 - p): rows with both are lost.\n{way}",
            p * (1 - p),
        ),
        WrongProbability(
            "probability-doubled", f"each of the two is on with probability 2p, expected p.\n{way}", 2 * p
        ),
        WrongProbability("second-never-on", f"the second of a pair is never on.\n{way}", np.where(is_second, 0.0, p)),
        WrongProbability(
            "choice-by-probability",
            f"which of the two is on is decided with probability p, expected one half.\n{way}",
            np.where(is_second, 2 * p * (1 - p), 2 * p * p),
        ),
        *(one for one in wrong_probabilities(p) if one.key not in ("probability-half", "mean-over-features")),
    ]


@learner_test("generate_anticorrelated_features", "generate_anticorrelated_features")
def test_generate_anticorrelated_features(trial: Trial, generate: Generate) -> str:
    """Test the function: `tests.test_generate_anticorrelated_features(generate_anticorrelated_features)`."""
    check_shapes(trial, generate, 2)
    n_pairs = 3
    for probabilities, text, suspect in (
        (ANTICORRELATED, "probabilities below 1/2", None),
        ((0.25, 0.5), "a probability of 1/2", HALF_REFUSED),
    ):
        model = model_with(trial, probabilities, 8)
        p = columns(probabilities, 2 * n_pairs)
        law = Law(p, n_anticorrelated=n_pairs, wrong_probabilities=wrong_anticorrelated(p))
        with trial.case(text, suspect):
            check_two_batches(trial, partial(draw_from, trial, generate, model, ROWS, n_pairs, 2), law)
    call = "generate_anticorrelated_features(self, 5, 2)"
    trial.refuses("a feature_probability of 0.51, above 1/2,", call, generate, model_with(trial, (0.3, 0.51), 6), 5, 2)
    trial.refuses(UNEQUAL, call, generate, model_with_unequal(trial), 5, 2)
    return f"shape for 4 models; pairs never on together, frequencies up to 1/2 in {2 * ROWS:,} rows; what is refused"


@learner_test("generate_uncorrelated_features", "generate_uncorrelated_features")
def test_generate_uncorrelated_features(trial: Trial, generate: Generate) -> str:
    """Test the function: `tests.test_generate_uncorrelated_features(generate_uncorrelated_features)`."""
    check_shapes(trial, generate, 1)
    model = model_with(trial, (0.6, 0.35, 0.15), 8)
    p = columns((0.6, 0.35, 0.15), 5)
    law = Law(p, wrong_probabilities=wrong_probabilities(p))
    check_two_batches(trial, partial(draw_from, trial, generate, model, ROWS, 5, 1), law)
    with trial.case("all features, each with a probability of its own", OWN_PROBABILITIES):
        check_independent_features(trial, lambda *model: _draw_all(trial, generate, *model))
    return f"shape for 5 models; frequencies, magnitudes and independence in {4 * ROWS:,} rows"


def _draw_all(trial: Trial, generate: Generate, cfg: solutions.ToyModelConfig, probability: Tensor) -> DrawRows:
    model = solutions.ToyModel(cfg, feature_probability=probability, device=trial.device)
    return lambda: draw_from(trial, generate, model, ROWS, cfg.n_features, 1)


@learner_test("generate_batch_with_pairs", "generate_batch_with_pairs", takes="ToyModel")
def test_generate_batch_pairs(trial: Trial, model_class: Any) -> str:
    """Test the batches of a model with and without pairs: `tests.test_generate_batch_pairs(ToyModel)`."""
    check_independent_features(trial, lambda *model: draw_model_rows(trial, model_class, *model))
    for n_correlated, n_anticorrelated, n_rest in ((2, 1, 3), (1, 1, 0), (2, 0, 1), (0, 2, 1)):
        text = f"for {n_correlated} correlated and {n_anticorrelated} anticorrelated pairs, and {n_rest} other features"
        with trial.case(text, named=True):
            _check_pairs(trial, model_class, n_correlated, n_anticorrelated, n_rest)
    return f"5 models with and without pairs: order of the columns, frequencies, independence in {2 * ROWS:,} rows each"


def _check_pairs(trial: Trial, model_class: Any, n_correlated: int, n_anticorrelated: int, n_rest: int) -> None:
    n_features = 2 * (n_correlated + n_anticorrelated) + n_rest
    cfg = solutions.ToyModelConfig(
        n_inst=len(MIXED),
        n_features=n_features,
        d_hidden=2,
        n_correlated_pairs=n_correlated,
        n_anticorrelated_pairs=n_anticorrelated,
    )
    probability = t.tensor(MIXED, device=trial.device)[:, None].expand(-1, n_features).clone()
    law = Law(columns(MIXED, n_features), n_correlated, n_anticorrelated)
    check_two_batches(trial, draw_model_rows(trial, model_class, cfg, probability), law)
