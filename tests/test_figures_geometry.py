"""Feature geometry: the numbers in the figures, the polytopes' edges, and what is refused."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch as t
from jaxtyping import config
from part31_superposition_and_saes.figures.geometry import plot_feature_geometry, plot_polytope_3d, polytope_edges


def model(n_inst=4, d_hidden=3, feats=6):
    W = t.randn(n_inst, d_hidden, feats, generator=t.Generator().manual_seed(0), requires_grad=True)
    p = (20 ** -t.linspace(0, 1, n_inst))[:, None].expand(n_inst, feats)
    return SimpleNamespace(W=W, feature_probability=p, cfg=None)


def tetrahedron():
    return t.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]).T / math.sqrt(3)


def antiprism():
    """Of unit norm with squared height 1/3: the one of dimensionality 3/8."""
    angles = math.pi / 4 * t.arange(8)
    height = t.tensor([1.0, -1.0] * 4) / math.sqrt(3)
    return t.stack([math.sqrt(2 / 3) * angles.cos(), math.sqrt(2 / 3) * angles.sin(), height])


def named(fig, name):
    return next(trace for trace in fig.data if trace.name == name)


def test_the_curve_is_dimensions_per_feature_against_one_over_p():
    fig = plot_feature_geometry(model())
    curve = fig.data[0]
    np.testing.assert_allclose(curve.x, 20 ** np.linspace(0, 1, 4), rtol=1e-5)
    np.testing.assert_allclose(curve.y, 3 / (model().W.detach() ** 2).sum((1, 2)), rtol=1e-5)
    assert fig.layout.xaxis.type == "log" and len(fig.data) == 1


def test_instances_need_not_come_in_order_and_one_without_weights_is_a_gap():
    toy = model()
    toy.feature_probability = toy.feature_probability.flip(0)
    toy.W = toy.W.detach().clone()
    toy.W[0] = 0
    curve = plot_feature_geometry(toy).data[0]
    assert list(curve.x) == sorted(curve.x) and np.isnan(curve.y[-1]) and np.isfinite(curve.y[:-1]).all()


def test_every_represented_feature_is_a_point_near_its_instance():
    toy = model()
    toy.W = toy.W.detach().clone()
    toy.W[1, :, 2] = 0.01
    fractions = t.rand(4, 6, generator=t.Generator().manual_seed(0))
    points = named(plot_feature_geometry(toy, fractions), "a feature")
    shown = {(int(inst), int(feature)): row for row, (feature, inst, *_) in enumerate(points.customdata)}
    norms = toy.W.norm(dim=1)
    assert set(shown) == {(i, f) for i in range(4) for f in range(6) if norms[i, f] > 0.5} and (1, 2) not in shown
    for (inst, feature), row in shown.items():
        assert points.y[row] == pytest.approx(fractions[inst, feature].item())
        assert abs(math.log(points.x[row]) + math.log(toy.feature_probability[inst, 0])) < math.log(20) / 6
    assert "group" not in points.hovertemplate


def test_with_groups_a_point_says_how_many_share_its_own():
    toy = model()
    toy.W = t.ones(4, 3, 6)
    toy.W[3, :, 5] = 0.01  # not represented: it does not count
    groups = t.tensor([[7, 7, 7, 7, 7, 7], [0, 0, 0, 0, 0, 1], [0, 0, 1, 1, 2, 2], [0, 0, 0, 0, 0, 0]])
    fig = plot_feature_geometry(toy, t.rand(4, 6), groups=groups, title="Points by the size of their group")
    shown = {trace.name: trace for trace in fig.data if trace.mode == "markers"}
    assert {name: len(trace.x) for name, trace in shown.items()} == {
        "alone in its group": 1, "in a group of 2": 6, "of 5": 10, "of 6 to 8": 6,
    }  # fmt: skip
    assert {tuple(row[[1, 4, 5]]) for row in shown["of 5"].customdata} == {(1, 0, 5), (3, 0, 5)}
    assert len({(trace.marker.color, trace.marker.symbol) for trace in shown.values()}) == 4
    assert "group" in shown["of 5"].hovertemplate and fig.layout.title.text == "Points by the size of their group"


def test_lines_of_the_polytopes_stand_at_their_dimensionality():
    fig = plot_feature_geometry(model(), t.rand(4, 6))
    heights = {note.text: note.y for note in fig.layout.annotations}
    assert heights["digon: 1/2"] == 0.5 and heights["square antiprism: 3/8"] == 0.375
    assert heights["tetrahedron: 3/4"] == 0.75 and heights["pentagon: 2/5"] == 0.4
    assert heights["triangle: 2/3"] == pytest.approx(2 / 3)
    assert sorted(heights.values()) == sorted(shape.y0 for shape in fig.layout.shapes)


def test_alt_text_counts_features_at_the_lines():
    toy = model()
    fractions = t.full((4, 6), 0.31)
    fractions[0, 0] = fractions[1, 1] = 0.5
    toy.W = t.ones(4, 3, 6)
    alt = plot_feature_geometry(toy, fractions).layout.meta["alt"]
    assert "Of 24 represented features" in alt and "2 of digon" in alt and "pentagon" not in alt


def test_the_page_that_is_written_needs_no_network(tmp_path):
    path = tmp_path / "geometry.html"
    fig = plot_feature_geometry(model(), filename=path)
    text = path.read_text(encoding="utf-8")
    assert len(fig.data) == 1 and "Plotly.newPlot" in text and len(text) > 1_000_000
    assert '<script src="http' not in text and "cdn.plot.ly/plotly" not in text.split("Plotly.newPlot")[-1]


def test_edges_of_known_bodies():
    octahedron = np.concatenate([np.eye(3), -np.eye(3)], axis=1)
    assert len(polytope_edges(tetrahedron().numpy())) == 6
    assert len(polytope_edges(octahedron)) == 12
    assert len(polytope_edges(antiprism().numpy())) == 16


def test_a_polytope_has_corners_labels_and_edges():
    W = t.cat([tetrahedron(), t.full((3, 1), 0.01)], dim=1).requires_grad_()
    fig = plot_polytope_3d(W)
    (corners,) = [trace for trace in fig.data if trace.type == "scatter3d" and trace.mode == "markers"]
    np.testing.assert_allclose(np.stack([corners.x, corners.y, corners.z]), tetrahedron(), rtol=1e-6)
    assert list(corners.text) == ["0", "1", "2", "3"]
    assert "4 features as corners" in fig.layout.meta["alt"] and "1 short ones left out" in fig.layout.meta["alt"]
    assert any(trace.type == "mesh3d" for trace in fig.data)


def test_no_label_of_a_polytope_hides_behind_its_corner():
    fig = plot_polytope_3d(antiprism())
    eye = np.array(list(fig.layout.scene.camera.eye.to_plotly_json().values()))
    eye /= np.linalg.norm(eye)
    points = [trace for trace in fig.data if trace.type == "scatter3d"]
    corners, labels = (next(one for one in points if one.mode == mode) for mode in ("markers", "text"))
    apart = np.stack([np.subtract(labels[axis], corners[axis]) for axis in "xyz"])
    assert np.linalg.norm(apart - np.outer(eye, eye @ apart), axis=0).min() > 0.1  # as seen from the eye


@pytest.mark.parametrize("W", [t.eye(3)[:, :1], t.eye(3)[:, :2], t.eye(3), t.eye(3) + 0.001])
def test_few_or_flat_corners_are_drawn(W):
    fig = plot_polytope_3d(W)
    assert np.isfinite(list(fig.layout.scene.camera.eye.to_plotly_json().values())).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: plot_feature_geometry(model(), t.rand(4, 5)), r"dim_fracs has shape \[4, 5\].*\[4, 6\]"),
        (lambda: plot_feature_geometry(model(), t.rand(4, 6), groups=t.zeros(4)), r"groups has shape \[4\]"),
        (
            lambda: plot_feature_geometry(SimpleNamespace(W=t.rand(3, 6), feature_probability=t.rand(6))),
            r"model.W has shape \[3, 6\]",
        ),
        (
            lambda: plot_feature_geometry(SimpleNamespace(W=t.rand(1, 3, 6), feature_probability=t.zeros(1, 6))),
            "feature_probability is 0",
        ),
        (lambda: plot_polytope_3d(t.rand(2, 3, 5)), r"W has shape \[2, 3, 5\]"),
        (lambda: plot_polytope_3d(t.rand(2, 5)), r"W has shape \[2, 5\]; it must be \[3 feats\]"),
        (lambda: plot_polytope_3d(t.zeros(3, 5)), "nothing but zeros"),
    ],
)
def test_what_does_not_fit_is_named(call, said, monkeypatch):
    monkeypatch.setattr(config, "jaxtyping_disable", True)  # as in a notebook, where nothing else checks
    with pytest.raises(ValueError, match=said):
        call()
