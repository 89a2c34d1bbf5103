"""Tests that a learner calls, one an exercise: each takes what was written and says what is wrong with it.

This file is a door: the tests are in `checks`, by subject; what they share is in `checking`. `REGISTRY` lists them for
graders in the order of the course: name -> test, exercise, and what it takes.
"""

from .checking.outcome import Outcome, TestFailed
from .checking.runner import LearnerTest, registry
from .checks.absorption import test_absorbing_dictionary, test_absorption_rate
from .checks.batches import test_generate_batch
from .checks.benchmark import test_at_equal_l0
from .checks.dimensionality import test_compute_dimensionality, test_dimensions_per_feature
from .checks.double_descent import test_double_descent_calculate_loss, test_double_descent_dimensionality
from .checks.expected_loss import test_expected_loss
from .checks.feature_metrics import test_feature_interference, test_feature_norms
from .checks.full_batch import test_best_instance, test_full_batch_step
from .checks.groups import test_orthogonal_groups
from .checks.neurons import (
    test_computation_calculate_loss,
    test_computation_generate_batch,
    test_neuron_computation_model,
    test_neuron_model,
)
from .checks.normalized_batches import test_double_descent_generate_batch
from .checks.pairs import (
    test_generate_anticorrelated_features,
    test_generate_batch_pairs,
    test_generate_correlated_features,
    test_generate_uncorrelated_features,
)
from .checks.phase_change import test_critical_density, test_strategy_losses
from .checks.polysemanticity import test_features_per_neuron, test_largest_share, test_rotate_neurons
from .checks.polytopes import test_ideal_polytope, test_predicted_dimensionality
from .checks.sae import test_sae_generate_batch, test_sae_init, test_sae_W_dec_normalized
from .checks.sae_forward import test_sae_forward
from .checks.sae_gated import test_gated_sae
from .checks.sae_jumprelu import test_jumprelu_sae
from .checks.sae_matching import test_match_latents
from .checks.sae_rations import test_keep_batch_top_k, test_keep_top_k, test_nested_reconstruction_loss, test_shrinkage
from .checks.sae_resampling import test_resample_simple
from .checks.sae_resampling_advanced import test_resample_advanced
from .checks.schedules import test_anthropic_lr, test_linear_warmup_lr
from .checks.straight_through import test_heaviside, test_jumprelu, test_rectangle
from .checks.toy_models import test_calculate_loss, test_model
from .checks.vulnerability import test_strongest_attack

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
    test_neuron_model,
    test_features_per_neuron,
    test_largest_share,
    test_rotate_neurons,
    test_computation_generate_batch,
    test_computation_calculate_loss,
    test_neuron_computation_model,
    test_dimensions_per_feature,
    test_compute_dimensionality,
    test_predicted_dimensionality,
    test_ideal_polytope,
    test_orthogonal_groups,
    test_linear_warmup_lr,
    test_anthropic_lr,
    test_double_descent_generate_batch,
    test_double_descent_calculate_loss,
    test_double_descent_dimensionality,
    test_full_batch_step,
    test_best_instance,
    test_sae_init,
    test_sae_W_dec_normalized,
    test_sae_generate_batch,
    test_sae_forward,
    test_resample_simple,
    test_resample_advanced,
    test_match_latents,
    test_shrinkage,
    test_gated_sae,
    test_rectangle,
    test_heaviside,
    test_jumprelu,
    test_jumprelu_sae,
    test_keep_top_k,
    test_keep_batch_top_k,
    test_nested_reconstruction_loss,
    test_strategy_losses,
    test_critical_density,
    test_expected_loss,
    test_strongest_attack,
    test_absorbing_dictionary,
    test_absorption_rate,
    test_at_equal_l0,
)

__all__ = [
    "LearnerTest",
    "Outcome",
    "REGISTRY",
    "test_absorbing_dictionary",
    "test_absorption_rate",
    "test_anthropic_lr",
    "test_at_equal_l0",
    "test_best_instance",
    "test_calculate_loss",
    "test_computation_calculate_loss",
    "test_computation_generate_batch",
    "test_compute_dimensionality",
    "test_dimensions_per_feature",
    "test_critical_density",
    "test_double_descent_calculate_loss",
    "test_double_descent_dimensionality",
    "test_double_descent_generate_batch",
    "test_expected_loss",
    "test_feature_interference",
    "test_feature_norms",
    "test_features_per_neuron",
    "test_full_batch_step",
    "test_gated_sae",
    "test_generate_anticorrelated_features",
    "test_generate_batch",
    "test_generate_batch_pairs",
    "test_generate_correlated_features",
    "test_generate_uncorrelated_features",
    "test_heaviside",
    "test_ideal_polytope",
    "test_jumprelu",
    "test_jumprelu_sae",
    "test_keep_batch_top_k",
    "test_keep_top_k",
    "test_largest_share",
    "test_linear_warmup_lr",
    "test_match_latents",
    "test_model",
    "test_nested_reconstruction_loss",
    "test_neuron_computation_model",
    "test_neuron_model",
    "test_orthogonal_groups",
    "test_predicted_dimensionality",
    "test_rectangle",
    "test_resample_advanced",
    "test_resample_simple",
    "test_rotate_neurons",
    "test_sae_forward",
    "test_sae_generate_batch",
    "test_sae_init",
    "test_sae_W_dec_normalized",
    "test_shrinkage",
    "test_strategy_losses",
    "test_strongest_attack",
    "TestFailed",
]
