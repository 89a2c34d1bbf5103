"""Learning dynamics: both panels, where the loss falls fastest, and what is refused."""

import re

import numpy as np
import pytest
import torch as t
from jaxtyping import config
from part31_superposition_and_saes.figures.dynamics import plot_learning_dynamics, steepest_falls

STEPS = t.arange(0, 3_000, 10)


def staircase(*falls: int) -> t.Tensor:
    """A loss that drops to a third around each of the given steps."""
    return t.stack([t.exp(-1.1 * t.sigmoid((STEPS - fall) / 25.0)) for fall in falls]).prod(dim=0)


def test_falls_are_found_where_they_are_and_flat_stretches_are_not():
    found = steepest_falls(STEPS.numpy().astype(float), staircase(500, 1_800).numpy().astype(float))
    assert found == pytest.approx([500, 1_800], abs=30)
    small = staircase(500).numpy().astype(float) * (1 - 0.05 * (STEPS.numpy() > 2_000))
    assert steepest_falls(STEPS.numpy().astype(float), small) == pytest.approx([500], abs=30)


def test_a_loss_that_only_rises_has_no_falls():
    assert steepest_falls(np.arange(90.0), np.linspace(1, 2, 90)) == []


def test_both_panels_show_what_was_recorded_on_one_axis_of_time():
    paths = t.rand(300, 4, generator=t.Generator().manual_seed(0))
    fig = plot_learning_dynamics(STEPS, staircase(500, 1_800), paths)
    loss, *features = fig.data
    np.testing.assert_allclose(loss.y, staircase(500, 1_800), rtol=1e-6)
    assert [trace.name for trace in features] == [f"feature {i}" for i in range(4)]
    for i, trace in enumerate(features):
        np.testing.assert_allclose(trace.y, paths[:, i], rtol=1e-6)
    assert {trace.line.dash for trace in features} == {"solid", "dash", "dot", "dashdot"}
    assert fig.layout.xaxis.matches == "x2" and fig.layout.yaxis.type == "log"


def test_a_line_through_both_panels_marks_each_fall_and_the_alt_text_names_it():
    fig = plot_learning_dynamics(STEPS, staircase(500, 1_800), t.full((300, 2), 0.4))
    upright = [shape for shape in fig.layout.shapes if shape.x0 == shape.x1]
    assert len(upright) == 4 and len({shape.x0 for shape in upright}) == 2
    told = re.search(r"near step (\d+), (\d+)", fig.layout.meta["alt"])
    assert told and [int(step) for step in told.groups()] == pytest.approx([500, 1_800], abs=30)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: plot_learning_dynamics(STEPS, staircase(500)[:-1], t.rand(300, 2)), r"loss \[299\]"),
        (lambda: plot_learning_dynamics(STEPS, staircase(500), t.rand(299, 2)), r"dim_fracs \[299, 2\]"),
        (lambda: plot_learning_dynamics(STEPS.flip(0), staircase(500), t.rand(300, 2)), "steps must rise"),
        (lambda: plot_learning_dynamics(STEPS, staircase(500) - 1, t.rand(300, 2)), "above 0"),
    ],
)
def test_what_does_not_fit_is_named(call, said, monkeypatch):
    monkeypatch.setattr(config, "jaxtyping_disable", True)  # as in a notebook, where nothing else checks
    with pytest.raises(ValueError, match=said):
        call()
