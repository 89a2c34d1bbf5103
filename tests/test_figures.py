"""What every figure owes its reader: a title, an alt text, one look, nothing from the network, no LaTeX."""

import json
from collections.abc import Callable
from types import SimpleNamespace

import pandas as pd
import plotly.graph_objects as go
import pytest
import torch as t
from part31_superposition_and_saes import utils
from part31_superposition_and_saes.bench.stored import Line
from part31_superposition_and_saes.bench.table import table_of

from plotly_utils import CARD


def weights(*shape: int) -> t.Tensor:
    return t.randn(*shape, generator=t.Generator().manual_seed(0)).requires_grad_()


IMPORTANCES, DENSITIES = 10 ** t.linspace(-1, 1, 4), 10 ** -t.linspace(0, 2, 5)

FIGURES: dict[str, Callable[[], go.Figure]] = {
    "plot_features_in_2d": lambda: utils.plot_features_in_2d(weights(8, 2, 5)),
    "plot_features_in_Nd": lambda: utils.plot_features_in_Nd(weights(3, 5, 12), height=500, width=800),
    "plot_features_in_Nd_discrete": lambda: utils.plot_features_in_Nd_discrete(
        weights(2, 4, 3), weights(2, 3, 4), ["a", "b", "c"]
    ),
    "plot_correlated_features": lambda: utils.plot_correlated_features(
        weights(50, 4).relu(), "Independent features: any two are on together now and then"
    ),
    "plot_batch_in_hidden_plane": lambda: utils.plot_batch_in_hidden_plane(
        weights(3, 50, 2), t.arange(150).reshape(3, 50) % 5, weights(3, 2, 5)
    ),
    "plot_cosine_similarities": lambda: utils.plot_cosine_similarities(weights(3, 2, 5)),
    "plot_feature_geometry": lambda: utils.plot_feature_geometry(
        SimpleNamespace(W=weights(4, 3, 6), feature_probability=t.full((4, 6), 0.1)), t.full((4, 6), 0.5)
    ),
    "plot_feature_groups": lambda: utils.plot_feature_groups(2 * weights(3, 4, 6), t.arange(18).reshape(3, 6) // 2),
    "plot_learning_dynamics": lambda: utils.plot_learning_dynamics(
        t.arange(0, 900, 10), t.logspace(-2, -3, 90), t.linspace(0.4, 0.5, 450).reshape(90, 5)
    ),
    "plot_hidden_vectors": lambda: utils.plot_hidden_vectors(
        [weights(2, 50)] * 2, [weights(3, 2), weights(9, 2)], [3, 9], "Few data points lie apart, many do not"
    ),
    "plot_dimensionality_by_size": lambda: utils.plot_dimensionality_by_size(
        [3, 9], [weights(2, 3).abs(), weights(2, 9).abs()], [weights(2, 50).abs()] * 2, "Who shares the plane, by size"
    ),
    "plot_loss_by_size": lambda: utils.plot_loss_by_size(
        [10, 100], {"test": weights(3, 2).abs()}, "The test loss rises to a peak between two regimes, and falls again"
    ),
    "plot_latents_in_2d": lambda: utils.plot_latents_in_2d(
        weights(2, 5, 2), weights(2, 2, 5), t.arange(10).reshape(2, 5) % 3 > 0, "Latents point where features do"
    ),
    "plot_reconstructions_in_2d": lambda: utils.plot_reconstructions_in_2d(
        weights(2, 40, 2), 0.9 * weights(2, 40, 2), weights(2, 5), "What comes back is a little smaller"
    ),
    "plot_projections": lambda: utils.plot_projections(
        {"linear": (weights(60), t.arange(60) % 3 == 0, [(0.3, "threshold")])}, "A projection overlaps with its own off"
    ),
    "plot_true_against_found": lambda: utils.plot_true_against_found(
        {"standard": (weights(50, 5).relu(), weights(50, 5).relu(), 0.8, 0.96, -0.2)}, "What was found is too small"
    ),
    "plot_straight_through": lambda: utils.plot_straight_through(
        t.linspace(0.1, 0.9, 9),
        weights(9).square(),
        weights(9),
        {0.1: weights(9)},
        [0.05, 0.1],
        weights(2).abs(),
        weights(2).abs(),
        "The estimate lies about the exact slope",
    ),
    "plot_sparsity_fidelity": lambda: utils.plot_sparsity_fidelity(
        pd.DataFrame(
            {
                "data": "iid",
                "variant": ["standard", "standard", "gated", "gated"],
                "value": [0.1, 0.2] * 2,
                "L0": [1.0, 2.0, 1.5, 2.5],
                "explained": [0.8, 0.9, 0.7, 0.8],
                "matching": [0.9, 0.95, 0.8, 0.9],
            }
        ),
        "More latents explain more and match less",
    ),
    "plot_phase_diagram": lambda: utils.plot_phase_diagram(
        {"theory": t.arange(20).reshape(4, 5) % 4},
        IMPORTANCES,
        DENSITIES,
        0.3 + 0 * IMPORTANCES,
        "Three phases with sharp borders",
    ),
    "plot_restarts": lambda: utils.plot_restarts(
        t.tensor([0.7, 0.9]),
        t.arange(20).reshape(4, 5) % 4,
        IMPORTANCES,
        DENSITIES,
        0.3 + 0 * IMPORTANCES,
        "One run is no witness, two are better",
    ),  # fmt: skip
    "plot_jump": lambda: utils.plot_jump(
        weights(2, 5).abs(), DENSITIES, ["a", "b"], t.tensor([0.1, 0.3]), "The smaller weight jumps"
    ),
    "plot_vulnerability": lambda: utils.plot_vulnerability(
        t.tensor([1.0, 2.0]),
        weights(9, 2).abs(),
        DENSITIES[:2],
        t.tensor([1.0, 2.0]),
        "Attacks move crowded models more",
    ),
    "plot_benchmark": lambda: utils.plot_benchmark(
        table_of(
            [Line("Zipf", name, 2.0, measured={"F1": [0.5, value]}) for name, value in (("TopK", 1.0), ("mine", 0.6))],
            "F1",
        ),
        "F1",
    ),
    "plot_polytope_3d": lambda: utils.plot_polytope_3d(weights(3, 6)),
    "plot_absorption": lambda: utils.plot_absorption(
        {"standard": weights(5, 4).sigmoid(), "Matryoshka<br>c = 1": weights(5, 4)},
        "One silences parents, one does not",
    ),
    "plot_family_cosines": lambda: utils.plot_family_cosines(
        {"standard": weights(4, 4).tanh(), "Matryoshka": t.eye(4)}, "Each child's latent is half its parent"
    ),
    "plot_pair_cosines": lambda: utils.plot_pair_cosines(
        {"siblings": {"hierarchical": weights(30).tanh(), "independent": weights(20).tanh()}},
        "Siblings turn away from each other",
    ),
    "plot_relu_in_two_bases": utils.plot_relu_in_two_bases,
    "plot_polysemanticity_and_superposition": utils.plot_polysemanticity_and_superposition,
    "plot_sparsity_and_importance": utils.plot_sparsity_and_importance,
    "plot_feature_as_direction": utils.plot_feature_as_direction,
}


def test_every_figure_of_the_door_is_here():
    assert set(FIGURES) == {name for name in utils.__all__ if name.startswith("plot_")}


@pytest.fixture(params=FIGURES)
def fig(request):
    return FIGURES[request.param]()


def test_title_and_alt_text_are_there_and_differ(fig):
    title, alt = fig.layout.title.text, fig.layout.meta["alt"]
    assert len(title) > 20 and len(alt) > 60 and title != alt


def test_it_brings_its_own_background_and_sets_no_other(fig):
    assert fig.layout.template.layout.paper_bgcolor == CARD
    assert fig.layout.paper_bgcolor is None and fig.layout.font.color is None


def test_nothing_comes_from_the_network_and_nothing_is_latex(fig):
    text = fig.to_json()
    assert "http" not in text and "$" not in text


def test_it_stays_small(fig):
    assert len(fig.to_json()) < 150_000


def test_every_axis_that_shows_numbers_has_a_name_somewhere(fig):
    """On the axis itself, or once for all panels beside them."""
    layout = json.loads(fig.to_json())["layout"]
    beside = any(
        ("hidden dimension" in note.get("text", "") or "the hidden plane" in note.get("text", ""))
        for note in layout.get("annotations", [])
    )
    named = [axis.get("title", {}).get("text") for key, axis in layout.items() if key[1:].startswith("axis")]
    solid = "scene" in layout  # its axes are left out: only the angles mean something
    assert solid or beside or sum(map(bool, named)) >= 2


def test_drawing_leaves_the_random_state_and_the_tensor_alone():
    W = weights(2, 2, 5)
    before, state = W.detach().clone(), t.get_rng_state()
    utils.plot_features_in_2d(W)
    assert t.equal(W, before) and t.equal(t.get_rng_state(), state) and W.grad is None
