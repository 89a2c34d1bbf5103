"""Tensors to plotly figures: what is in the traces, what is refused, and the look."""

import itertools

import numpy as np
import pytest
import torch as t

import plotly_utils
from plotly_utils import CARD, DEPTH, INK, PALETTE, SIGNED, bar, finish, hist, imshow, line, scatter, to_numpy


def luminance(color: str) -> float:
    """Relative luminance of "#rrggbb" as WCAG defines it."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def lightness(color: str) -> float:
    return 116 * luminance(color) ** (1 / 3) - 16


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dtype", [t.float16, t.bfloat16, t.float32, t.float64, t.int8, t.int64, t.bool])
def test_every_dtype_becomes_numbers(dtype):
    array = to_numpy(t.tensor([[0, 1], [1, 1]]).to(dtype))
    assert array.dtype.kind in "if" and array.tolist() == [[0, 1], [1, 1]]


def test_gradient_lists_and_sparse_become_numbers():
    grad = t.ones(2, requires_grad=True) * 2
    assert to_numpy(grad).tolist() == [2, 2]
    assert to_numpy([grad, [1, 2], np.array([3, 4])]).tolist() == [[2, 2], [1, 2], [3, 4]]
    assert to_numpy([t.tensor(1.0), 2]).tolist() == [1, 2]
    assert to_numpy(t.eye(2).to_sparse()).tolist() == [[1, 0], [0, 1]]


def test_to_numpy_does_not_share_its_change_with_the_tensor():
    x = t.zeros(3, requires_grad=True)
    to_numpy(x)
    assert x.requires_grad and x.grad is None


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (t.ones(2, dtype=t.complex64), TypeError, "complex64"),
        (["a", "b"], TypeError, "must hold real numbers"),
        ([t.ones(2), t.ones(3)], ValueError, r"\[2\], \[3\]"),
        (object(), TypeError, "must hold real numbers"),
        (None, TypeError, "must hold real numbers"),
    ],
)
def test_what_is_no_number_is_refused_by_name(data, error, said):
    with pytest.raises(error, match=said) as caught:
        to_numpy(data, "loss")
    assert "loss" in str(caught.value)


class TestImshow:
    def test_numbers_titles_and_labels_are_in_the_figure(self):
        z = t.arange(6.0).reshape(2, 3).requires_grad_()
        fig = imshow(z, labels={"x": "feature", "y": "row"}, title="Six numbers", width=300, x=t.tensor([5, 6, 7]))
        assert np.array(fig.data[0].z).tolist() == z.tolist()
        assert list(fig.data[0].x) == [5, 6, 7]
        assert (fig.layout.xaxis.title.text, fig.layout.yaxis.title.text) == ("feature", "row")
        assert fig.layout.title.text == "Six numbers" and fig.layout.width == 300
        assert fig.layout.meta["alt"].startswith("Six numbers. Heat map of 2 x 3 numbers, values from 0 to 5")

    def test_signed_data_get_a_scale_with_zero_in_the_middle(self):
        axis = imshow(t.tensor([[-1.0, 3.0]])).layout.coloraxis
        assert (axis.cmin, axis.cmax) == (-3, 3)
        assert [color for _, color in axis.colorscale] == list(SIGNED)

    def test_data_without_sign_keep_their_range(self):
        axis = imshow(t.tensor([[0.0, 3.0]])).layout.coloraxis
        assert axis.cmin is None and axis.colorscale[0][1] == "#440154"

    def test_own_scale_and_limits_win(self):
        axis = imshow(t.tensor([[-1.0, 3.0]]), zmin=-2, zmax=2).layout.coloraxis
        assert (axis.cmin, axis.cmax) == (-2, 2)
        axis = imshow(
            t.tensor([[-1.0, 3.0]]), color_continuous_scale="RdBu", color_continuous_midpoint=0
        ).layout.coloraxis
        assert axis.cmid == 0 and axis.colorscale[0][1] == "rgb(103,0,31)"

    @pytest.mark.parametrize("wrap", [None, 2, 3])
    def test_facets_keep_their_labels(self, wrap):
        names = ["first", "second", "third", "fourth", "fifth"]
        z = t.arange(5.0)[None, :, None].expand(2, 5, 3)
        fig = imshow(z, facet_col=1, facet_labels=names, **({"facet_col_wrap": wrap} if wrap else {}))
        corner = {note.text: (note.x, note.y) for note in fig.layout.annotations}
        assert set(corner) == set(names)
        for i, trace in enumerate(fig.data):
            assert np.array(trace.z).shape == (2, 3) and np.array(trace.z)[0, 0] == i
            x = fig.layout["xaxis" + trace.xaxis[1:]].domain
            y = fig.layout["yaxis" + trace.yaxis[1:]].domain
            assert x[0] < corner[names[i]][0] < x[1] and corner[names[i]][1] == pytest.approx(y[1])

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (dict(tensor=t.rand(3)), r"tensor has shape \[3\]"),
            (dict(tensor=t.rand(8, 5, 3)), r"\[8, 5, 3\].*facet_col=0"),
            (dict(tensor=t.rand(0, 5)), "nothing to show"),
            (dict(tensor=t.rand(2, 5, 3), facet_col=3), "facet_col=3"),
            (dict(tensor=t.rand(2, 5, 3), facet_col=0, facet_labels=["a"]), "facet_labels has 1 entries for 2"),
            (dict(tensor=t.rand(5, 3), facet_labels=["a"]), "no facet_col"),
        ],
    )
    def test_wrong_shapes_are_named(self, arguments, said):
        with pytest.raises(ValueError, match=said):
            imshow(**arguments)

    def test_layout_properties_pass_and_unknown_words_do_not(self):
        assert imshow(t.rand(2, 2), xaxis_title="here").layout.xaxis.title.text == "here"
        with pytest.raises(TypeError, match="colour_scale='Reds'"):
            imshow(t.rand(2, 2), colour_scale="Reds")

    def test_nan_and_a_whole_tensor_of_it_are_drawn(self):
        assert np.isnan(np.array(imshow(t.full((2, 2), float("nan"))).data[0].z)).all()


class TestLines:
    def test_one_line(self):
        fig = line(t.tensor([1.0, 4.0, 9.0], requires_grad=True), labels={"x": "step", "y": "loss"}, title="Falling")
        assert list(fig.data[0].x) == [0, 1, 2] and list(fig.data[0].y) == [1, 4, 9]
        assert (fig.layout.xaxis.title.text, fig.layout.yaxis.title.text) == ("step", "loss")
        assert not fig.data[0].showlegend

    def test_a_list_of_numbers_is_one_line(self):
        assert list(line([1, 2.5, t.tensor(3.0)]).data[0].y) == [1, 2.5, 3]

    def test_lines_of_different_lengths_with_names(self):
        fig = line([t.ones(3), t.zeros(5)], names=["a", "b"], labels={"variable": "run"})
        assert [trace.name for trace in fig.data] == ["a", "b"] and [len(trace.y) for trace in fig.data] == [3, 5]
        assert fig.layout.legend.title.text == "run"

    def test_rows_of_a_matrix_are_lines_with_a_shared_x(self):
        fig = line(t.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), x=t.tensor([10, 20]))
        assert [list(trace.y) for trace in fig.data] == [[1, 2], [3, 4], [5, 6]]
        assert all(list(trace.x) == [10, 20] for trace in fig.data)

    def test_lines_differ_in_more_than_colour(self):
        assert len({trace.line.dash for trace in line(t.rand(5, 4)).data}) == 5
        assert len({trace.marker.symbol for trace in scatter(t.rand(5, 4), t.rand(5, 4)).data}) == 5
        assert len({trace.marker.pattern.shape for trace in bar(t.rand(5, 4)).data}) == 5
        assert len({trace.marker.pattern.shape for trace in hist(t.rand(5, 40)).data}) == 5

    def test_many_lines_have_colours_of_their_own(self):
        assert len({trace.line.color for trace in line(t.rand(12, 4)).data}) == 12

    def test_facets_by_line_and_colours_by_point(self):
        fig = line(t.rand(4, 6), facet_col=["u", "u", "v", "v"])
        assert [note.text for note in fig.layout.annotations] == ["u", "v"]
        shades = t.arange(6.0)
        assert list(scatter(t.rand(6), t.rand(6), color=shades).data[0].marker.color) == shades.tolist()

    def test_words_along_a_bar_chart(self):
        fig = bar([[1, 2], [3, 4]], x=["left", "right"], names=["p", "q"])
        assert list(fig.data[1].x) == ["left", "right"] and list(fig.data[1].y) == [3, 4]
        assert fig.layout.barmode == "group"

    def test_plotly_express_keywords_pass(self):
        assert line(t.rand(3), log_y=True).layout.yaxis.type == "log"
        assert hist(t.rand(30), nbins=7).data[0].nbinsx == 7

    def test_histogram_holds_every_value(self):
        groups = [t.rand(30), t.rand(20)]
        fig = hist(groups, names=["off", "on"], labels={"x": "projection"})
        assert [len(trace.x) for trace in fig.data] == [30, 20]
        assert fig.layout.xaxis.title.text == "projection" and fig.layout.barmode == "overlay"

    @pytest.mark.parametrize(
        ("call", "said"),
        [
            (lambda: line(t.rand(2, 3, 4)), r"y has a row of shape \[3, 4\]|y has a row of shape \[2, 3, 4\]"),
            (lambda: line(t.rand(0)), r"shape \[0\]"),
            (lambda: line(t.rand(2, 3), names=["a"]), "names has 1 entries for 2 rows of y"),
            (lambda: line(t.rand(2, 3), x=t.rand(4)), r"x has \[4, 4\] points for y with \[3, 3\]"),
            (lambda: line(t.rand(2, 3), facet_col=["u"]), r"facet_col has shape \[1\]"),
            (lambda: hist([t.rand(3), t.rand(2, 2)]), r"data has a row of shape \[2, 2\]"),
        ],
    )
    def test_what_does_not_fit_is_named(self, call, said):
        with pytest.raises(ValueError, match=said):
            call()

    def test_unknown_words_are_named(self):
        with pytest.raises(TypeError, match="colours="):
            line(t.rand(3), colours=["a"])


class TestLook:
    def test_ink_and_palette_are_legible_on_the_card(self):
        assert contrast(INK, CARD) > 12 and contrast(plotly_utils.FAINT_INK, CARD) > 4.5
        assert all(contrast(color, CARD) >= 3 for color in PALETTE + DEPTH)

    def test_scales_survive_greyscale(self):
        for scale in (SIGNED, DEPTH):
            grey = [lightness(color) for color in scale]
            assert all(after - before > 4 for before, after in itertools.pairwise(grey))

    def test_palette_survives_greyscale(self):
        grey = sorted(lightness(color) for color in PALETTE)
        assert all(after - before > 6 for before, after in itertools.pairwise(grey))

    def test_finish_wants_an_alt_text(self):
        for alt in ("", "  ", None):
            with pytest.raises(ValueError, match="say in a sentence what the figure shows"):
                finish(line([1, 2]), "Title", alt)  # type: ignore[arg-type]

    def test_finish_keeps_other_meta_and_wraps_long_titles(self):
        fig = line([1, 2], width=400)
        fig.layout.meta = {"seed": 3}
        finish(fig, "one two three four five six seven eight nine ten " * 3, " what it shows ")
        assert fig.layout.meta == {"seed": 3, "alt": "what it shows"}
        rows = fig.layout.title.text.split("<br>")
        assert len(rows) > 2 and max(map(len, rows)) < 50 and "one two" in rows[0]

    def test_own_alt_text_wins(self):
        assert line([1, 2], alt="A line that rises.").layout.meta["alt"] == "A line that rises."

    @pytest.mark.parametrize("draw", [lambda x: imshow(x[None]), line, lambda x: scatter(x, x), bar, hist])
    def test_nothing_comes_from_the_network(self, draw):
        fig = draw(t.arange(4.0))
        assert "http" not in fig.to_json() and fig.layout.meta["alt"] and fig.layout.paper_bgcolor is None
        assert fig.layout.template.layout.paper_bgcolor == CARD
