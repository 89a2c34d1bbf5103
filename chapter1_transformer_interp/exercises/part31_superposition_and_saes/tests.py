"""Tests that a learner calls, one an exercise: each takes what was written and says what is wrong with it.

This file is a door: the tests are in `checks`, by subject; what they share is in `checking`. `REGISTRY` lists them for
graders in the order of the course: name -> test, exercise, and what it takes.
"""

from .checking.outcome import Outcome, TestFailed
from .checking.runner import LearnerTest, registry
from .checks.batches import test_generate_batch
from .checks.double_descent import (
    test_best_instance,
    test_double_descent_calculate_loss,
    test_double_descent_dimensionality,
    test_full_batch_step,
)
from .checks.feature_metrics import test_feature_interference, test_feature_norms
from .checks.normalized_batches import test_double_descent_generate_batch
from .checks.pairs import (
    test_generate_anticorrelated_features,
    test_generate_batch_pairs,
    test_generate_correlated_features,
    test_generate_uncorrelated_features,
)
from .checks.schedules import test_anthropic_lr, test_linear_warmup_lr
from .checks.toy_models import test_calculate_loss, test_model

REGISTRY = registry(
    test_model,
    test_generate_batch,
    test_calculate_loss,
    test_feature_norms,
    test_feature_interference,
    test_generate_correlated_features,
    test_generate_anticorrelated_features,
    test_generate_uncorrelated_features,
    test_generate_batch_pairs,
    test_linear_warmup_lr,
    test_anthropic_lr,
    test_double_descent_generate_batch,
    test_double_descent_calculate_loss,
    test_double_descent_dimensionality,
    test_full_batch_step,
    test_best_instance,
)

__all__ = [
    "LearnerTest",
    "Outcome",
    "REGISTRY",
    "TestFailed",
    "test_anthropic_lr",
    "test_best_instance",
    "test_calculate_loss",
    "test_double_descent_calculate_loss",
    "test_double_descent_dimensionality",
    "test_double_descent_generate_batch",
    "test_feature_interference",
    "test_feature_norms",
    "test_full_batch_step",
    "test_generate_anticorrelated_features",
    "test_generate_batch",
    "test_generate_batch_pairs",
    "test_generate_correlated_features",
    "test_generate_uncorrelated_features",
    "test_linear_warmup_lr",
    "test_model",
]
