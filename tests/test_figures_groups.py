"""The matrix of cosines by group: order, frames, what is left out, and what is refused."""

import numpy as np
import pytest
import torch as t
from jaxtyping import config
from part31_superposition_and_saes.figures.groups import plot_feature_groups


def weights() -> t.Tensor:
    """Features 0, 2 and 4 on one line, 1 and 3 on another, 5 too short, in one instance of two."""
    W = t.zeros(2, 3, 6)
    W[:, 0, [0, 2, 4]] = t.tensor([1.0, -2.0, 1.0])
    W[:, 1, [1, 3]] = 1.0
    W[:, 2, 5] = 0.4
    return W


GROUPS = t.tensor([[4, 9, 4, 9, 4, 4]]).expand(2, 6)


def test_members_of_a_group_stand_side_by_side_and_small_groups_come_first():
    fig = plot_feature_groups(weights(), GROUPS)
    first, *_ = [trace for trace in fig.data if trace.type == "heatmap"]
    assert [int(row[0][0]) for row in first.customdata] == [1, 3, 0, 2, 4]
    wanted = np.zeros((5, 5))
    wanted[:2, :2] = wanted[2:, 2:] = 1  # opposite features overlap as much as equal ones
    np.testing.assert_allclose(first.z, wanted, atol=1e-6)


def test_a_frame_goes_round_each_group():
    fig = plot_feature_groups(weights(), GROUPS)
    frame = next(trace for trace in fig.data if trace.type == "scatter")
    assert list(frame.x) == [-0.5, 1.5, 1.5, -0.5, -0.5, None, 1.5, 4.5, 4.5, 1.5, 1.5, None]
    assert list(frame.y) == [-0.5, -0.5, 1.5, 1.5, -0.5, None, 1.5, 1.5, 4.5, 4.5, 1.5, None]


def test_headings_and_alt_text_count_groups():
    fig = plot_feature_groups(weights(), t.stack([GROUPS[0], 0 * GROUPS[0]]), subplot_titles=["a", "b"])
    assert [note.text for note in fig.layout.annotations] == [
        "a<br>2 groups of 2 to 3 features",
        "b<br>1 group of 5 features",
    ]
    assert "a: 2 groups of 2 to 3 features; b: 1 group of 5 features" in fig.layout.meta["alt"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: plot_feature_groups(weights(), t.zeros(2, 5)), r"groups has shape \[2, 5\]"),
        (lambda: plot_feature_groups(weights()[0], GROUPS[0]), r"W has shape \[3, 6\]"),
        (lambda: plot_feature_groups(0.1 * weights(), GROUPS), "no feature in instance 0"),
    ],
)
def test_what_does_not_fit_is_named(call, said, monkeypatch):
    monkeypatch.setattr(config, "jaxtyping_disable", True)  # as in a notebook, where nothing else checks
    with pytest.raises(ValueError, match=said):
        call()
