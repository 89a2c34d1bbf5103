"""Answers to `predicted_dimensionality` and `ideal_polytope`."""

from fractions import Fraction

import numpy as np
import torch as t

from . import right, wrong

PREDICTED, IDEAL = "predicted_dimensionality", "ideal_polytope"
RIGHT = {"digon": 1 / 2, "triangle": 2 / 3, "tetrahedron": 3 / 4, "pentagon": 2 / 5, "square antiprism": 3 / 8}
CORNERS = {"digon": 2, "triangle": 3, "tetrahedron": 4, "pentagon": 5, "square antiprism": 8}
DIMENSIONS = {"digon": 1, "triangle": 2, "tetrahedron": 3, "pentagon": 2, "square antiprism": 3}


@wrong(PREDICTED, "own-left-out")
def own_left_out(polytope):
    return 1 / (1 / RIGHT[polytope] - 1)


@wrong(PREDICTED, "own-left-out")
def own_left_out_in_antiprism(polytope):
    return 3 / 5 if polytope == "square antiprism" else RIGHT[polytope]


@wrong(PREDICTED, "not-squared")
def absolute_cosines(polytope):
    cosines = {
        "digon": [1],
        "triangle": [0.5] * 2,
        "tetrahedron": [1 / 3] * 3,
        "pentagon": [np.cos(np.pi * 2 / 5), -np.cos(np.pi * 4 / 5)] * 2,
        "square antiprism": [1 / 3] * 3 + [(2**0.5 - 1) / 3, (2**0.5 + 1) / 3] * 2,
    }
    return 1 / (1 + sum(cosines[polytope]))


@wrong(PREDICTED, "upside-down")
def features_per_dimension(polytope):
    return 1 / RIGHT[polytope]


@wrong(PREDICTED, "one-over-corners")
def one_over_corners(polytope):
    return 1 / CORNERS[polytope]


@wrong(PREDICTED, "root")
def root(polytope):
    return RIGHT[polytope] ** 0.5


@wrong(PREDICTED, "percent")
def percent(polytope):
    return 100 * RIGHT[polytope]


@wrong(PREDICTED, "complement")
def complement(polytope):
    return 1 - RIGHT[polytope]


@wrong(PREDICTED, "interference")
def interference(polytope):
    return 1 / RIGHT[polytope] - 1


@wrong(PREDICTED, "one-dimension-more")
def one_dimension_more(polytope):
    return (DIMENSIONS[polytope] + 1) / CORNERS[polytope]


@wrong(PREDICTED, "one-dimension-less")
def surface(polytope):
    return (DIMENSIONS[polytope] - 1) / CORNERS[polytope]


@wrong(PREDICTED, "number-of-corners")
def corners(polytope):
    return CORNERS[polytope]


@wrong(PREDICTED, "own-dimension")
def a_dimension_each(polytope):
    return 1


@wrong(PREDICTED, "equal-edges")
def equal_edges(polytope):
    return 0.3664 if polytope == "square antiprism" else RIGHT[polytope]


@wrong(PREDICTED, "thomson")
def thomson(polytope):
    return 0.3744 if polytope == "square antiprism" else RIGHT[polytope]


@wrong(PREDICTED, "height-not-squared")
def height_of_a_third(polytope):
    return 27 / 88 if polytope == "square antiprism" else RIGHT[polytope]


@wrong(PREDICTED, "rounded")
def rounded(polytope):
    return round(RIGHT[polytope], 2)


@wrong(PREDICTED, "one-for-all")
def always_a_quarter(polytope):
    return 0.26


@wrong(PREDICTED, "values")
def guessed(polytope):
    return {**RIGHT, "pentagon": 0.45, "triangle": 0.7}[polytope]


@wrong(PREDICTED, "type")
def in_words(polytope):
    return "1/2"


@wrong(PREDICTED, "raised")
def without_the_antiprism(polytope):
    return {name: value for name, value in RIGHT.items() if name != "square antiprism"}[polytope]


@wrong(PREDICTED, "inf")
def signs_cancel(polytope):
    return float("inf")


@right(PREDICTED)
def fractions(polytope):
    return Fraction(DIMENSIONS[polytope], CORNERS[polytope])


@right(PREDICTED)
def four_digits(polytope):
    return round(RIGHT[polytope], 4)


@right(PREDICTED)
def a_tensor(polytope):
    return t.tensor(RIGHT[polytope])


@right(PREDICTED)
def a_numpy_number(polytope):
    return np.float32(RIGHT[polytope])


@right(PREDICTED)
def branches(polytope):
    if polytope == "digon":
        return 0.5
    if polytope == "triangle":
        return 2 / 3
    if polytope == "tetrahedron":
        return 0.75
    return 0.4 if polytope == "pentagon" else 0.375


def polygon(n, offset=0.0):
    angles = t.linspace(0, 2 * t.pi, n + 1)[:-1] + offset
    return t.stack([angles.sin(), angles.cos()])


def antiprism(height, turn=t.pi / 4, radius=None):
    radius = (1 - height**2) ** 0.5 if radius is None else radius
    squares = [t.cat([radius * polygon(4, turn * k), t.full((1, 4), height * (1 - 2 * k))]) for k in (0, 1)]
    return t.cat(squares, dim=1)


TETRAHEDRON = t.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]).T / 3**0.5


def built(polytope, **others):
    """The right one, or what stands in its place."""
    if polytope.replace(" ", "_") in others:
        return others[polytope.replace(" ", "_")]
    shapes = {
        "digon": t.tensor([[-1.0, 1.0]]),
        "triangle": polygon(3),
        "pentagon": polygon(5),
        "tetrahedron": TETRAHEDRON.clone(),
        "square antiprism": antiprism(3**-0.5),
    }
    return shapes[polytope]


@wrong(IDEAL, "not-unit")
def corners_of_a_cube(polytope):
    return built(polytope, tetrahedron=3**0.5 * TETRAHEDRON)


@wrong(IDEAL, "not-unit")
def squares_of_radius_one(polytope):
    return built(polytope, square_antiprism=antiprism(3**-0.5, radius=1.0))


@wrong(IDEAL, "not-unit")
def half_as_long(polytope):
    return 0.5 * built(polytope)


@wrong(IDEAL, "transposed")
def a_row_a_corner(polytope):
    return built(polytope).T


@wrong(IDEAL, "too-many-dimensions")
def digon_in_the_plane(polytope):
    return built(polytope, digon=t.tensor([[1.0, -1.0], [0.0, 0.0]]))


@wrong(IDEAL, "number-of-corners")
def closed_polygon(polytope):
    closed = t.linspace(0, 2 * t.pi, 6)
    return built(polytope, pentagon=t.stack([closed.cos(), closed.sin()]))


@wrong(IDEAL, "number-of-corners")
def one_square(polytope):
    return built(polytope, square_antiprism=antiprism(3**-0.5)[:, :4])


@wrong(IDEAL, "cube")
def not_turned(polytope):
    return built(polytope, square_antiprism=antiprism(3**-0.5, turn=0.0))


@wrong(IDEAL, "cube")
def turned_by_a_right_angle(polytope):
    return built(polytope, square_antiprism=antiprism(3**-0.5, turn=t.pi / 2))


@wrong(IDEAL, "equal-edges")
def equal_edges_antiprism(polytope):
    return built(polytope, square_antiprism=antiprism((2**0.5 / (4 + 2**0.5)) ** 0.5))


@wrong(IDEAL, "height-not-squared")
def height_a_third(polytope):
    return built(polytope, square_antiprism=antiprism(1 / 3))


@wrong(IDEAL, "height")
def height_a_half(polytope):
    return built(polytope, square_antiprism=antiprism(1 / 2))


@wrong(IDEAL, "degrees")
def degrees_for_radians(polytope):
    angles = 72.0 * t.arange(5)
    return built(polytope, pentagon=t.stack([angles.cos(), angles.sin()]))


@wrong(IDEAL, "repeated")
def both_ends_of_the_range(polytope):
    angles = t.linspace(0, 2 * t.pi, 3)
    return built(polytope, triangle=t.stack([angles.cos(), angles.sin()]))


@wrong(IDEAL, "off-centre")
def three_axes_and_their_opposite(polytope):
    W = t.cat([t.eye(3), -t.ones(3, 1) / 3**0.5], dim=1)
    return built(polytope, tetrahedron=W)


@wrong(IDEAL, "not-regular")
def flat_tetrahedron(polytope):
    W = t.cat([polygon(4), t.zeros(1, 4)])
    return built(polytope, tetrahedron=W)


@wrong(IDEAL, "not-regular")
def two_overlapping_squares(polytope):
    return built(polytope, square_antiprism=antiprism(3**-0.5, turn=t.pi / 6))


@wrong(IDEAL, "off-centre")
def hexagon_without_a_corner(polytope):
    return built(polytope, pentagon=polygon(6)[:, :5])


@wrong(IDEAL, "dtype")
def whole_numbers(polytope):
    return built(polytope, digon=t.tensor([[1, -1]]))


@wrong(IDEAL, "dtype")
def from_numpy(polytope):
    return t.from_numpy(built(polytope).double().numpy())


@wrong(IDEAL, "kept-axis")
def an_instance(polytope):
    return built(polytope)[None]


@wrong(IDEAL, "type")
def nested_lists(polytope):
    return built(polytope).tolist()


@wrong(IDEAL, "number-of-corners")
def always_a_pentagon(polytope):
    return polygon(5) if polytope in ("triangle", "pentagon") else built(polytope)


@wrong(IDEAL, "nan")
def normalized_with_a_zero(polytope):
    W = t.cat([t.zeros(2, 1), polygon(4)], dim=1)
    return built(polytope, pentagon=W / W.norm(dim=0))


@right(IDEAL)
def plain(polytope):
    return built(polytope)


@right(IDEAL)
def turned_and_shuffled(polytope):
    W = built(polytope)
    rotation = t.linalg.qr(t.randn(W.shape[0], W.shape[0])).Q
    return (rotation @ W)[:, t.randperm(W.shape[1])]


@right(IDEAL)
def mirrored(polytope):
    return -built(polytope)


@right(IDEAL)
def from_cosines(polytope):
    W = built(polytope)
    values, vectors = t.linalg.eigh(W.T @ W)
    d_hidden = W.shape[0]
    return (vectors[:, -d_hidden:] * values[-d_hidden:].clamp(min=0).sqrt()).T


@right(IDEAL)
def complex_roots(polytope):
    if polytope in ("triangle", "pentagon"):
        n = 3 if polytope == "triangle" else 5
        roots = np.exp(2j * np.pi * np.arange(n) / n)
        return t.tensor(np.stack([roots.real, roots.imag]), dtype=t.float32)
    return built(polytope)


@right(IDEAL)
def pyramid(polytope):
    base = (8 / 9) ** 0.5 * polygon(3)
    W = t.cat([t.cat([base, t.full((1, 3), -1 / 3)]), t.tensor([[0.0], [0.0], [1.0]])], dim=1)
    return built(polytope, tetrahedron=W)


@right(IDEAL)
def trainable(polytope):
    return built(polytope).requires_grad_()
