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
from .sections.s5_1_sparse_autoencoders import (
    Recovery,
    ToySAE,
    ToySAEConfig,
    copies_of_first,
    feature_cosines,
    kaiming_uniform,
    match_latents,
    recovery,
    short_warmup_lr,
)

__all__ = [
    "Recovery",
    "ToyModel",
    "ToyModelConfig",
    "ToySAE",
    "ToySAEConfig",
    "constant_lr",
    "copies_of_first",
    "cosine_decay_lr",
    "feature_cosines",
    "feature_interference",
    "feature_norms",
    "generate_anticorrelated_features",
    "generate_batch_with_pairs",
    "generate_correlated_features",
    "generate_uncorrelated_features",
    "kaiming_uniform",
    "LinearToyModel",
    "linear_lr",
    "match_latents",
    "recovery",
    "short_warmup_lr",
    "warmup_linear_lr",
]
