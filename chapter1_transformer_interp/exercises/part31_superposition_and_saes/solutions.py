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
    "anthropic_lr",
    "asymmetric_neurons",
    "AsymmetricNeuron",
    "best_instance",
    "compute_dimensionality",
    "constant_lr",
    "cosine_decay_lr",
    "dimensions_per_feature",
    "DoubleDescentModel",
    "feature_interference",
    "feature_norms",
    "features_per_neuron",
    "full_batch_step",
    "generate_anticorrelated_features",
    "generate_batch_with_pairs",
    "generate_correlated_features",
    "generate_uncorrelated_features",
    "hidden_vectors",
    "ideal_polytope",
    "largest_share",
    "linear_lr",
    "linear_warmup_lr",
    "LinearToyModel",
    "loss_per_row",
    "measure_run",
    "NeuronComputationModel",
    "NeuronModel",
    "orthogonal_groups",
    "predicted_dimensionality",
    "rotate_neurons",
    "ToyModel",
    "ToyModelConfig",
    "warmup_linear_lr",
]
