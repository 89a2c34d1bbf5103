"""Tests of section 3: ideal polytopes, and the dimensionality that a learner predicts for them."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import torch as t
from torch import Tensor

from .. import solutions
from ..checking.compare import check_number, check_tensor, is_tensor, number, plain
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test

EXACT = {
    "digon": Fraction(1, 2),
    "triangle": Fraction(2, 3),
    "tetrahedron": Fraction(3, 4),
    "pentagon": Fraction(2, 5),
    "square antiprism": Fraction(3, 8),
}
CORNERS = {"digon": (1, 2), "triangle": (2, 3), "tetrahedron": (3, 4), "pentagon": (2, 5), "square antiprism": (3, 8)}
ENOUGH = 1e-4  # a prediction this close is right: 0.3744, of another antiprism, is 0.0006 from 3/8
CLOSE = 1e-4  # cosines and lengths
EQUAL_EDGES = math.sqrt(2) / (4 + math.sqrt(2))  # squared height of the antiprism whose edges are all equal


def _wrong_predictions() -> list[tuple[str, str, Callable[[str], float]]]:
    """Diagnosis, text, and the number that a known mistake gives for a polytope."""
    cosines = {name: _corner_cosines(solutions.ideal_polytope(name))[0] for name in CORNERS}

    def others(name: str) -> Tensor:
        return cosines[name][:-1]  # sorted: the corner's own cosine of 1 is the last

    return [
        (
            "own-left-out",
            "that is what you get when a corner's own square is left out of the sum.\nIt adds 1: j = i is in the sum.",
            lambda name: 1 / float(others(name).square().sum()),
        ),
        (
            "not-squared",
            "that is what you get with absolute values of the cosines.\nSquare them.",
            lambda name: 1 / float(cosines[name].abs().sum()),
        ),
        (
            "upside-down",
            "that is the sum of squares, features per dimension.\nD_i is 1 over it.",
            lambda name: float(1 / EXACT[name]),
        ),
        (
            "one-over-corners",
            "that is 1 over the number of corners.\nHow many dimensions do they share?",
            lambda name: 1 / CORNERS[name][1],
        ),
        (
            "root",
            "that is the square root of the share.\n‖W_i‖² over the sum of squares, without a root.",
            lambda name: math.sqrt(EXACT[name]),
        ),
        ("percent", "that is in per cent.\nReturn a fraction, between 0 and 1.", lambda name: 100 * float(EXACT[name])),
        (
            "complement",
            "that is what the others take.\nReturn the share of the corner itself.",
            lambda name: 1 - float(EXACT[name]),
        ),
        (
            "interference",
            "that is the interference a corner suffers, the sum over the others.\nD_i is 1 over 1 plus that.",
            lambda name: float(others(name).square().sum()),
        ),
        (
            "one-dimension-more",
            "that is (dimensions + 1) / corners.\nThe table says how many dimensions the shape lives in.",
            lambda name: (CORNERS[name][0] + 1) / CORNERS[name][1],
        ),
        (
            "one-dimension-less",
            "that is (dimensions - 1) / corners.\nThe surface has a dimension less than the space it lies in.",
            lambda name: (CORNERS[name][0] - 1) / CORNERS[name][1],
        ),
        ("number-of-corners", "that is the number of corners.", lambda name: CORNERS[name][1]),
        ("own-dimension", "that is a whole dimension: a corner orthogonal to all others.", lambda name: 1.0),
    ]


ANTIPRISMS = {  # what other antiprisms give
    0.366421: ("equal-edges", "that belongs to the antiprism whose edges are all equal.\nThis one has h² = 1/3."),
    0.374366: ("thomson", "that belongs to eight repelling charges on a sphere.\nThis antiprism has h² = 1/3."),
    0.306818: ("height-not-squared", "that belongs to squares at h = 1/3.\nThe height has the square 1/3."),
}


@learner_test("predicted_dimensionality", "predicted_dimensionality")
def test_predicted_dimensionality(trial: Trial, predict: Callable[[str], Any]) -> str:
    """Test the function: `tests.test_predicted_dimensionality(predicted_dimensionality)`."""
    answers: dict[str, float] = {}
    for name in EXACT:
        answers[name] = _as_number(trial.call(f'predicted_dimensionality("{name}")', predict, name), name)
    wrong = [name for name in EXACT if abs(answers[name] - float(EXACT[name])) > ENOUGH]
    if wrong:
        raise _explain_prediction(answers, wrong)
    return "your five predictions"


def _as_number(value: Any, name: str) -> float:
    """A prediction as a number: of Python, of NumPy, or a tensor without axes."""
    advice = "Return the fraction itself, such as 1 / 4."
    cancel = "Cosines of both signs cancel if they are not squared: the sum below the line is then 0."
    return check_number(value, f"the prediction for the {name}", advice, cancel)


def _explain_prediction(answers: dict[str, float], wrong: list[str]) -> Failure:
    """The known mistake that explains all wrong predictions, else the first of them."""
    first = f"{wrong[0]}: you said {answers[wrong[0]]:.4g}"
    count = f"{len(EXACT) - len(wrong)} of {len(EXACT)} are right."
    for key, text, mistake in _wrong_predictions():
        if all(abs(answers[name] - mistake(name)) <= ENOUGH for name in wrong):
            headline, *rest = text.split("\n")
            return Failure(key, f"{first}; {headline}", *rest, count)
    if wrong == ["square antiprism"]:
        for value, (key, text) in ANTIPRISMS.items():
            if abs(answers[wrong[0]] - value) <= 2 * ENOUGH:
                headline, *rest = text.split("\n")
                return Failure(key, f"{first}; {headline}", *rest, count)
    if all(abs(answers[name] - float(EXACT[name])) <= 0.0051 for name in wrong):
        return Failure("rounded", f"{first}, which is nearly right.", "Return the fraction: do not round.", count)
    if len({round(value, 4) for value in answers.values()}) == 1:
        return Failure(
            "one-for-all", f"all five have the same value, {number(answers[wrong[0]])}.", "Use the name.", count
        )
    advice = "With corners of length 1, D_i is 1 over the sum of the squared cosines to all corners, its own included."
    return Failure("values", f"{first}, which is not its share.", advice, count)


def _corner_cosines(W: Tensor) -> Tensor:
    """Cosines of each corner with all of them in order of size, `[corner corner]`."""
    unit = W / W.norm(dim=0)
    return (unit.T @ unit).sort(dim=-1).values


@learner_test("ideal_polytope", "ideal_polytope")
def test_ideal_polytope(trial: Trial, build: Callable[[str], Any]) -> str:
    """Test the function: `tests.test_ideal_polytope(ideal_polytope)`."""
    for name in CORNERS:
        _check_polytope(name, trial.call(f'ideal_polytope("{name}")', build, name))
    return "corners of 5 polytopes: number, length, angles"


def _check_polytope(name: str, got: Any) -> None:
    """Shape, lengths and angles, whatever the rotation, reflection and order of the corners."""
    d_hidden, n_corners = CORNERS[name]
    right = solutions.ideal_polytope(name)
    if is_tensor(got):
        shape = tuple(plain(got).shape)
        if shape == (n_corners, d_hidden):
            headline = f"the {name} has shape {list(shape)}, expected {[d_hidden, n_corners]} (d_hidden feats)."
            raise Failure("transposed", headline, "A corner is a column: use .T, or stack rows of coordinates.")
        if len(shape) == 2 and shape[1] == n_corners and shape[0] > d_hidden:
            headline = f"the {name} has {shape[0]} rows, expected {d_hidden}: it lives in {_dimensions(d_hidden)}."
            raise Failure("too-many-dimensions", headline, "The table says in how many dimensions a shape lives.")
        if len(shape) == 2 and shape[0] == d_hidden and shape[1] != n_corners:
            headline = f"the {name} has {shape[1]} corners, expected {n_corners}."
            raise Failure("number-of-corners", headline, "One column a corner.")
        if not (plain(got).is_floating_point() or plain(got).is_complex()) and shape == (d_hidden, n_corners):
            raise Failure("dtype", f"the {name} holds whole numbers, expected float32.", "Write 1.0 in place of 1.")
        if plain(got).device.type == "cpu":
            right = right.cpu()
        else:
            right = right.to(plain(got).device if not plain(got).is_meta else "cpu")
    W = check_tensor(got, right, "d_hidden feats", what=f"the {name}").detach().cpu().double()
    if not W.isfinite().all():
        kind = "nan" if W.isnan().any() else "inf"
        raise Failure(
            kind, f"the {name} holds {'NaN' if kind == 'nan' else 'infinity'}.", "Is there a division by zero?"
        )
    lengths = W.norm(dim=0)
    if (lengths - 1).abs().max() > CLOSE:
        _explain_lengths(name, lengths)
    cosines = _corner_cosines(W)
    wanted = _corner_cosines(right.cpu().double())
    if (cosines - wanted).abs().max() > CLOSE:
        raise _explain_angles(name, W, cosines, wanted)


def _dimensions(count: int) -> str:
    return "1 dimension" if count == 1 else f"{count} dimensions"


def _explain_lengths(name: str, lengths: Tensor) -> None:
    low, high = float(lengths.min()), float(lengths.max())
    said = f"of length {number(low)}" if high - low < CLOSE else f"of lengths {number(low)} to {number(high)}"
    advice = "Divide each column by its norm."
    if name == "square antiprism":
        advice = "Squared radius of a square plus squared height is 1: heights ±√(1/3), radius √(2/3)."
    raise Failure("not-unit", f"the {name} has corners {said}, expected 1.", advice)


def _explain_angles(name: str, W: Tensor, cosines: Tensor, wanted: Tensor) -> Failure:
    """What the corners are in place of the polytope."""
    n_corners = W.shape[1]
    listed = ", ".join(number(value) for value in sorted({round(one, 4) for one in wanted[0, :-1].tolist()}))
    expected = f"expected cosines between a corner and the others: {listed}"
    if _in_degrees(W):
        headline = f"the corners of the {name} are {360 // n_corners} radians apart: cos and sin take radians."
        return Failure("degrees", headline, "A full turn is 2π: t.deg2rad, or angles of 2 * t.pi / n.", expected)
    unit_distance = (W[:, :, None] - W[:, None, :]).norm(dim=0)
    if n_corners > 1 and (unit_distance + t.eye(n_corners, device=W.device)).min() < 1e-3:
        return Failure(
            "repeated", f"two corners of the {name} are the same.", "Are the angles equally spaced?", expected
        )
    if name == "square antiprism":
        heights = _level(W)
        cube = t.tensor([-1.0, -1 / 3, -1 / 3, -1 / 3, 1 / 3, 1 / 3, 1 / 3, 1.0], dtype=W.dtype, device=W.device)
        if (cosines - cube).abs().max() < CLOSE:
            return Failure("cube", "that is a cube.", "Turn one of the two squares by 45° against the other.", expected)
        if heights is not None and abs(heights - 1 / 9) < CLOSE:
            return Failure("height-not-squared", "the squares lie at heights ±1/3.", "The square of the height is 1/3.")
        if heights is not None and abs(heights - 1 / 3) > CLOSE:
            found = f"the squares lie at heights of square {number(heights)}, expected 1/3."
            key = "equal-edges" if abs(heights - EQUAL_EDGES) < 1e-3 else "height"
            return Failure(key, found, "With 1/3, W Wᵀ is the same in all directions; equal edges need 0.2612.")
    if n_corners > 2 and W.sum(dim=1).norm() > 0.01:
        headline = f"the corners of the {name} do not balance: their sum has length {number(W.sum(dim=1).norm())}."
        return Failure("off-centre", headline, "Each is of length 1, and they must be spread evenly.", expected)
    return Failure("not-regular", f"the corners of the {name} are at other angles.", expected)


def _in_degrees(W: Tensor) -> bool:
    """Whether neighbouring columns of a polygon stand 360 / n radians apart, where degrees were meant."""
    n_corners = W.shape[1]
    if len(W) != 2 or n_corners < 3:
        return False
    steps = (W[:, 1:] * W[:, :-1]).sum(dim=0)
    return bool((steps - math.cos(360 / n_corners)).abs().max() < CLOSE)


def _level(W: Tensor) -> float | None:
    """Squared height of two level squares along some axis of the eight corners, None if there are none."""
    for row in W:
        heights = row.sort().values
        low, high = heights[:4], heights[4:]
        if (
            (low - low[0]).abs().max() < 1e-3
            and (high - high[0]).abs().max() < 1e-3
            and (low[0] + high[0]).abs() < 1e-3
        ):
            return float(high[0] ** 2)
    return None
