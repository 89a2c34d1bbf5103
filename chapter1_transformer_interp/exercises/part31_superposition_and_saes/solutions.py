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
from .sections.s3_feature_geometry import (
    compute_dimensionality,
    dimensions_per_feature,
    ideal_polytope,
    orthogonal_groups,
    predicted_dimensionality,
)

__all__ = [
    "AsymmetricNeuron",
    "NeuronComputationModel",
    "NeuronModel",
    "ToyModel",
    "ToyModelConfig",
    "asymmetric_neurons",
    "compute_dimensionality",
    "constant_lr",
    "cosine_decay_lr",
    "dimensions_per_feature",
    "feature_interference",
    "feature_norms",
    "features_per_neuron",
    "generate_anticorrelated_features",
    "generate_batch_with_pairs",
    "generate_correlated_features",
    "generate_uncorrelated_features",
    "ideal_polytope",
    "LinearToyModel",
    "largest_share",
    "linear_lr",
    "rotate_neurons",
    "orthogonal_groups",
    "predicted_dimensionality",
    "warmup_linear_lr",
]
