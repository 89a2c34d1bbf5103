"""Figures of latents: beside the features in the plane, and how often they fire."""

import numpy as np
import pytest
import torch as t
from part31_superposition_and_saes.figures.latents import (
    frac_active_line_plot,
    plot_latents_in_2d,
    plot_reconstructions_in_2d,
)


def test_latents_in_2d_tell_live_from_dead_without_colour() -> None:
    live = t.tensor([[True, False, True], [True, True, True]])
    W_dec = t.randn(2, 3, 2, generator=t.Generator().manual_seed(0))
    fig = plot_latents_in_2d(W_dec, t.randn(2, 2, 5), live, title="found")
    markers = [trace for trace in fig.data if trace.marker.symbol == "circle-open"]
    assert [len(trace.x) for trace in markers] == [1, 0]
    assert markers[0].x[0] == pytest.approx(W_dec[0, 1, 0].item())
    assert "1 of 3 latents dead" in fig.layout.meta["alt"]


def test_latents_in_2d_refuse_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"\[inst d_sae 2\]"):
        plot_latents_in_2d(t.zeros(2, 3, 4), t.zeros(2, 4, 5))


def test_frac_active_draws_a_line_a_latent_and_the_probability() -> None:
    frac = t.rand(20, 2, 3, generator=t.Generator().manual_seed(0))
    fig = frac_active_line_plot(frac, feature_probability=0.3, log_freq=50, y_max=2.0)
    assert len(fig.data) == 6
    assert np.allclose(fig.data[4].y, frac[:, 1, 1]) and fig.data[4].x[-1] == 950
    assert all(shape.y0 == 0.3 for shape in fig.layout.shapes)
    assert fig.layout.yaxis.range[1] == 2.0


def test_frac_active_averages_over_a_window() -> None:
    frac = t.arange(10.0)[:, None, None]
    fig = frac_active_line_plot(frac, log_freq=10, avg_window=4)
    assert fig.data[0].y[0] == pytest.approx(1.5) and fig.data[0].x[0] == 30 and len(fig.data[0].y) == 7


@pytest.mark.parametrize(("shape", "window"), [((4, 3), None), ((0, 2, 3), None), ((4, 2, 3), 5)])
def test_frac_active_refuses_what_it_cannot_draw(shape: tuple[int, ...], window: int | None) -> None:
    with pytest.raises(ValueError, match="frac_active|avg_window"):
        frac_active_line_plot(t.zeros(shape), avg_window=window)


def test_reconstructions_are_tied_to_their_inputs_and_empty_rows_left_out() -> None:
    h, h_r = t.randn(2, 6, 2, generator=t.Generator().manual_seed(0)), t.zeros(2, 6, 2)
    h[0, 4:] = 0
    fig = plot_reconstructions_in_2d(h, h_r, t.randn(2, 5))
    inputs = [trace for trace in fig.data if trace.marker.symbol == "circle-open"]
    outputs = [trace for trace in fig.data if trace.mode == "markers" and trace.marker.symbol == "circle"]
    assert [len(one.x) for one in inputs] == [4, 6] and len(outputs[-1].x) == 6
    assert np.allclose(inputs[1].y, h[1, :, 1])
    distance = h[1].norm(dim=-1).mean().item()
    assert f"mean distance {distance:.2f}" in fig.layout.meta["alt"]


def test_reconstructions_refuse_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"\[panels rows 2\]"):
        plot_reconstructions_in_2d(t.zeros(2, 3, 2), t.zeros(2, 4, 2), t.zeros(2, 5))
