"""What the notebooks import as `utils`: device and seed, figures, the trainer, and claims.

This file is a door: every name is at home in a room beside it.
"""

from .arguments import PerFeature, per_feature
from .claims import Claim, ClaimFailed, Measured, claim
from .export import to_saelens
from .figures.absorption import plot_absorption, plot_family_cosines, plot_pair_cosines
from .figures.animation import Animation, animate_features_in_2d
from .figures.benchmark import plot_benchmark
from .figures.data import plot_batch_in_hidden_plane, plot_correlated_features, plot_cosine_similarities
from .figures.double_descent import plot_dimensionality_by_size, plot_hidden_vectors, plot_loss_by_size
from .figures.dynamics import plot_learning_dynamics
from .figures.features_2d import plot_features_in_2d
from .figures.features_nd import plot_features_in_Nd, plot_features_in_Nd_discrete
from .figures.frontier import confidence_interval, plot_sparsity_fidelity
from .figures.geometry import plot_feature_geometry, plot_polytope_3d
from .figures.groups import plot_feature_groups
from .figures.introduction import (
    plot_feature_as_direction,
    plot_polysemanticity_and_superposition,
    plot_relu_in_two_bases,
    plot_sparsity_and_importance,
)
from .figures.latents import frac_active_line_plot, plot_latents_in_2d, plot_reconstructions_in_2d
from .figures.phase_change import plot_jump, plot_phase_diagram, plot_restarts, plot_vulnerability
from .figures.sizes import plot_projections, plot_true_against_found
from .figures.straight_through import plot_straight_through
from .runtime import device, seed
from .sae_metrics import Detectors, detectors, explained_variance, live_latents, mean_l0, relative_shrinkage
from .shipped import double_descent_sweep, variants_sweep
from .training.full_batch import optimize_full_batch
from .training.optimize import optimize
from .training.sae import Resampling, optimize_sae
from .training.sources import draw_batch
from .unsolved import continue_past_unsolved

__all__ = [
    "animate_features_in_2d",
    "Animation",
    "claim",
    "Claim",
    "ClaimFailed",
    "confidence_interval",
    "continue_past_unsolved",
    "detectors",
    "Detectors",
    "device",
    "double_descent_sweep",
    "draw_batch",
    "explained_variance",
    "frac_active_line_plot",
    "live_latents",
    "mean_l0",
    "Measured",
    "optimize",
    "optimize_full_batch",
    "optimize_sae",
    "per_feature",
    "PerFeature",
    "plot_absorption",
    "plot_batch_in_hidden_plane",
    "plot_benchmark",
    "plot_correlated_features",
    "plot_cosine_similarities",
    "plot_dimensionality_by_size",
    "plot_family_cosines",
    "plot_feature_as_direction",
    "plot_feature_geometry",
    "plot_feature_groups",
    "plot_features_in_2d",
    "plot_features_in_Nd",
    "plot_features_in_Nd_discrete",
    "plot_hidden_vectors",
    "plot_jump",
    "plot_latents_in_2d",
    "plot_learning_dynamics",
    "plot_loss_by_size",
    "plot_phase_diagram",
    "plot_pair_cosines",
    "plot_polysemanticity_and_superposition",
    "plot_polytope_3d",
    "plot_projections",
    "plot_reconstructions_in_2d",
    "plot_relu_in_two_bases",
    "plot_restarts",
    "plot_sparsity_and_importance",
    "plot_sparsity_fidelity",
    "plot_straight_through",
    "plot_true_against_found",
    "plot_vulnerability",
    "relative_shrinkage",
    "Resampling",
    "seed",
    "to_saelens",
    "variants_sweep",
]
