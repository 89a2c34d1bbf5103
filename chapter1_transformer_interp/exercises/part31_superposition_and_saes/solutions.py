"""Every reference name of the course. Importing it trains, plots and prints nothing.

This file is a door: each name is written in the section that teaches it.
"""

from .sections.s1_toy_models import (
    LinearToyModel,
    ToyModel,
    ToyModelConfig,
    constant_lr,
    cosine_decay_lr,
    feature_interference,
    feature_norms,
    generate_anticorrelated_features,
    generate_batch_with_pairs,
    generate_correlated_features,
    generate_uncorrelated_features,
    linear_lr,
    warmup_linear_lr,
)
from .sections.s4_double_descent import (
    DoubleDescentModel,
    anthropic_lr,
    best_instance,
    full_batch_step,
    hidden_vectors,
    linear_warmup_lr,
    loss_per_row,
    measure_run,
)

__all__ = [
    "DoubleDescentModel",
    "ToyModel",
    "ToyModelConfig",
    "anthropic_lr",
    "best_instance",
    "constant_lr",
    "cosine_decay_lr",
    "feature_interference",
    "feature_norms",
    "full_batch_step",
    "generate_anticorrelated_features",
    "generate_batch_with_pairs",
    "generate_correlated_features",
    "generate_uncorrelated_features",
    "hidden_vectors",
    "LinearToyModel",
    "linear_lr",
    "linear_warmup_lr",
    "loss_per_row",
    "measure_run",
    "warmup_linear_lr",
]
