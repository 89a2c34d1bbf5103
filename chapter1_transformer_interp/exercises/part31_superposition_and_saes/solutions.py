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
from .sections.s2_privileged_basis import (
    AsymmetricNeuron,
    NeuronComputationModel,
    NeuronModel,
    asymmetric_neurons,
    features_per_neuron,
    largest_share,
    rotate_neurons,
)

__all__ = [
    "AsymmetricNeuron",
    "NeuronComputationModel",
    "NeuronModel",
    "ToyModel",
    "ToyModelConfig",
    "asymmetric_neurons",
    "constant_lr",
    "cosine_decay_lr",
    "feature_interference",
    "feature_norms",
    "features_per_neuron",
    "generate_anticorrelated_features",
    "generate_batch_with_pairs",
    "generate_correlated_features",
    "generate_uncorrelated_features",
    "LinearToyModel",
    "largest_share",
    "linear_lr",
    "rotate_neurons",
    "warmup_linear_lr",
]
