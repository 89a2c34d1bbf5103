"""Tests of section 5: the rectangle, and the two functions whose pseudo-gradients learn a threshold."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch as t
from torch import Tensor
from torch.nn import functional as F

from .. import solutions
from ..checking.compare import Mistake, compare, compare_values, is_tensor, plain
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from ..checking.shapes import shape_text

Step = Callable[[Tensor, Tensor, float], Tensor]

# ---- rectangle


def rectangle_mistakes(x: Tensor, width: float) -> list[Mistake]:
    """What `rectangle` gives with one thing wrong."""
    this, half = "these are the values that you get", "It is 1 where abs(x) < width / 2."
    return [
        Mistake("width-for-half", f"{this} for a rectangle of twice the width.\n{half}", (x.abs() < width).to(x)),
        Mistake("width-ignored", f"{this} when width is always 1.\n{half}", (x.abs() < 0.5).to(x)),
        Mistake("width-ignored", f"{this} when abs(x) is compared with 1.\n{half}", (x.abs() < 1).to(x)),
        Mistake("quarter-width", f"{this} for a rectangle of half the width.\n{half}", (x.abs() < width / 4).to(x)),
        Mistake("one-sided", f"{this} without the absolute value.\n{half}", (x < width / 2).to(x)),
        Mistake("right-half", f"{this} for the right half alone.\n{half}", ((x > 0) & (x < width / 2)).to(x)),
        Mistake("right-half", f"{this} for 0 < x < width.\n{half}", ((x > 0) & (x < width)).to(x)),
        Mistake("inverted", f"{this} when 0 and 1 are exchanged.\n{half}", (x.abs() >= width / 2).to(x)),
        Mistake("area-one", f"{this} with height 1 / width. The height is 1.", (x.abs() < width / 2) / width),
        Mistake(
            "input-kept", f"{this} when x itself is kept inside. Give 1 there.", t.where(x.abs() < width / 2, x, 0.0)
        ),
        Mistake("triangle", f"{this} for a triangle. It is 1 all over the window.", F.relu(1 - 2 * x.abs() / width)),
        Mistake("sign", f"{this} with the sign of x.", (x.abs() < width / 2) * x.sign()),
        Mistake("bell", f"{this} for a bell curve.", (-((x / width) ** 2)).exp()),
        Mistake("any-element", "every entry is the same: was the comparison reduced?", t.ones_like(x)),
        Mistake("nothing", "every entry is 0.", t.zeros_like(x)),
    ]


@learner_test("rectangle", "rectangle")
def test_rectangle(trial: Trial, function: Callable[..., Tensor]) -> str:
    """Test the function: `tests.test_rectangle(rectangle)`."""
    cases: tuple[tuple[str, tuple[int, ...], float | None, tuple[str, str] | None], ...] = (
        ("the width left out", (40,), None, None),
        ("width = 0.3", (6, 3, 7), 0.3, ("width-ignored", "Does your answer use width?")),
        ("width = 2.5", (5, 9), 2.5, ("width-ignored", "Does your answer use width?")),
        ("a single number", (), 1.0, ("no-axes", "Write it for tensors of any shape, also one number.")),
    )
    for text, shape, width, suspect in cases:
        x = _off_the_edges(trial.normal(*shape), 1.0 if width is None else width)
        arguments = () if width is None else (width,)
        call = "rectangle(x)" if width is None else f"rectangle(x, {width:g})"
        with trial.case(text, suspect):
            got = trial.call(call, function, x, *arguments, watch={"x": x})
            mistakes = rectangle_mistakes(x, 1.0 if width is None else width) if x.numel() > 1 else []
            compare(got, solutions.rectangle(x, *arguments), "", mistakes=partial(list, mistakes))
    x = _off_the_edges(trial.normal(8), 1.0).double()
    with trial.case("x in double precision", named=True):
        compare(trial.call("rectangle(x)", function, x), solutions.rectangle(x), "")
    return "values for 4 shapes, 3 widths and the one left out, dtype"


def _off_the_edges(x: Tensor, width: float) -> Tensor:
    """The same numbers with a gap of 2 % of the width around each edge."""
    at_edge = (x.abs() - width / 2).abs() < 0.02 * width
    return t.where(at_edge, x * 1.1, x)


# ---- Heaviside and JumpReLU


def _inputs(trial: Trial, shape: tuple[int, ...], theta_shape: tuple[int, ...], eps: float) -> tuple[Tensor, Tensor]:
    """Numbers and thresholds, many of the numbers inside the window, none at its edges or at the threshold."""
    theta = trial.uniform(*theta_shape, low=0.6 * eps, high=0.6 * eps + 0.6)
    u = trial.uniform(*shape, low=-1.5, high=1.5)  # (z - theta) / eps, three quarters far less than 1.5 away
    u = t.where((u.abs() - 0.5).abs() < 0.03, u * 1.15, u)
    u = t.where(u.abs() < 0.03, u + 0.1, u)
    far = trial.uniform(*shape) < 0.25
    return theta + eps * t.where(far, 20 * u, u), theta


def step_mistakes(z: Tensor, theta: Tensor, jumps: bool) -> list[Mistake]:
    """Values with one thing wrong."""
    this, on = "these are the values that you get", (z > theta).to(z)
    value = "z * 1[z > theta]" if jumps else "1[z > theta]"
    known = [
        Mistake(
            "other-side",
            f"{this} when the comparison is the other way about: {value}.",
            (z * (1 - on)) if jumps else 1 - on,
        ),
        Mistake("theta-ignored", f"{this} with 0 in place of theta: {value}.", F.relu(z) if jumps else (z > 0).to(z)),
        Mistake("theta-negated", f"{this} with -theta: {value}.", z * (z > -theta) if jumps else (z > -theta).to(z)),
        Mistake(
            "absolute",
            f"{this} with abs(z) > theta: {value}.",
            z * (z.abs() > theta) if jumps else (z.abs() > theta).to(z),
        ),
        Mistake("input-returned", "this is z itself.", z),
    ]
    if jumps:
        known += [
            Mistake("soft-threshold", f"{this} when theta is subtracted: {value} keeps z as it is.", F.relu(z - theta)),
            Mistake("step-returned", f"this is the step alone: {value}.", on),
            Mistake("theta-for-z", f"{this} with theta in place of z: {value}.", theta * on),
        ]
    else:
        known += [
            Mistake("jump-returned", f"this is the JumpReLU, not the step: {value}.", z * on),
            Mistake("smooth-step", f"{this} with a sigmoid: {value} is 0 or 1.", t.sigmoid(z - theta)),
            Mistake("sign", f"{this} with t.sign: {value} is 0 or 1.", t.sign(z - theta)),
        ]
    return known


def threshold_mistakes(
    z: Tensor, theta: Tensor, eps: float, upstream: Tensor, jumps: bool, axes_summed: int
) -> list[Mistake]:
    """Gradients to theta with one thing wrong."""
    this = "the gradient to theta is what you get"
    window = ((z - theta).abs() < eps / 2).to(z)
    height = theta if jumps else t.ones_like(theta)
    formula = "-(theta / eps)" if jumps else "-(1 / eps)"

    def summed(values: Tensor) -> Tensor:
        return values.sum_to_size(theta.shape)

    right = -(height / eps) * window * upstream
    wide = ((z - theta).abs() < eps).to(z)
    centred = (z.abs() < eps / 2).to(z)
    one = ((z - theta).abs() < 0.5).to(z)
    known = [
        Mistake(
            "sign", f"{this} with the wrong sign.\nA higher threshold lets fewer through: {formula}.", -summed(right)
        ),
        Mistake(
            "no-eps", f"{this} without the factor 1 / eps.\nIt is {formula} times the window.", summed(eps * right)
        ),
        Mistake("times-eps", f"{this} with eps in place of 1 / eps.", summed(eps * eps * right)),
        Mistake("eps-squared", f"{this} with 1 / eps twice.", summed(right / eps)),
        Mistake(
            "upstream-ignored",
            f"{this} without grad_output.\nMultiply by it: the chain rule.",
            summed(-(height / eps) * window),
        ),
        Mistake(
            "window-too-wide",
            f"{this} with a window of width 2 eps.\nK(u) is 1 for abs(u) < 1/2.",
            summed(-(height / eps) * wide * upstream),
        ),
        Mistake(
            "window-at-zero",
            f"{this} with the window around 0.\nIt lies around theta: K((z - theta) / eps).",
            summed(-(height / eps) * centred * upstream),
        ),
        Mistake(
            "window-not-scaled",
            f"{this} with K(z - theta), a window of width 1.\nDivide by eps inside.",
            summed(-(height / eps) * one * upstream),
        ),
        Mistake(
            "no-window",
            f"{this} without the window.\nOnly rows near the threshold count: times K((z - theta) / eps).",
            summed(-(height / eps) * upstream),
        ),
        Mistake(
            "above-only",
            f"{this} from the rows above the threshold alone.\nThe window has two sides.",
            summed(right * (z > theta)),
        ),
        Mistake(
            "below-only",
            f"{this} from the rows below the threshold alone.\nThe window has two sides.",
            summed(right * (z < theta)),
        ),
        Mistake(
            "none",
            "theta gets a gradient of zero.\nReturn the pseudo-gradient, from a window ctx.eps wide, as the second.",
            t.zeros_like(theta),
        ),
    ]
    if axes_summed:
        known.append(
            Mistake(
                "mean-for-sum",
                f"{this} with a mean over rows.\nAdd up: what comes from above carries its own mean.",
                summed(right) * theta.numel() / z.numel(),
            )
        )
    if jumps:
        known += [
            Mistake(
                "no-theta",
                f"{this} without the factor theta.\nThe height of the jump is theta: {formula}.",
                summed(-(1 / eps) * window * upstream),
            ),
            Mistake(
                "z-for-theta",
                f"{this} with z in place of theta.\nThe height of the jump is theta: {formula}.",
                summed(-(z / eps) * window * upstream),
            ),
        ]
    else:
        known.append(
            Mistake("theta-factor", f"{this} with the factor theta, which belongs to JumpReLU.", summed(theta * right))
        )
    return known


def input_mistakes(z: Tensor, theta: Tensor, eps: float, upstream: Tensor, jumps: bool) -> list[Mistake]:
    """Gradients to z with one thing wrong."""
    on, window = (z > theta).to(z), ((z - theta).abs() < eps / 2).to(z)
    this = "the gradient to z is what you get"
    if not jumps:
        text = "gets a gradient, and the step must give it none.\nReturn None as the first of the three."
        return [Mistake("z-gets-gradient", f"z {text}", value) for value in (upstream, on * upstream)]
    return [
        Mistake("z-gradient-none", "z gets no gradient.\nReturn grad_output where z > theta first.", t.zeros_like(z)),
        Mistake("z-straight-through", f"{this} when grad_output passes everywhere.\nOnly where z > theta.", upstream),
        Mistake("z-relu", f"{this} when it passes where z > 0.\nOnly where z > theta.", (z > 0) * upstream),
        Mistake("z-upstream-ignored", f"{this} without grad_output.", on),
        Mistake("z-window", f"{this} when it passes in the window.\nWhere z > theta.", window * upstream),
        Mistake("z-other-side", f"{this} when it passes below the threshold.", (1 - on) * upstream),
        Mistake("z-times-z", f"{this} when it is multiplied by z.", z * on * upstream),
        Mistake(
            "z-window-added",
            f"{this} with a pseudo-gradient to z as well.",
            on * upstream + theta / eps * window * upstream,
        ),
    ]


CASES: tuple[tuple[str, tuple[int, ...], tuple[int, ...], float, tuple[str, str] | None], ...] = (
    ("z [64 16 5], theta [16 5]", (64, 16, 5), (16, 5), 0.05, None),
    ("eps = 0.3", (40, 3, 7), (3, 7), 0.3, ("fixed-eps", "Is an eps written into the code? It is ctx.eps.")),
    ("z without a batch axis", (4, 6), (4, 6), 0.1, ("leading-axes", "theta may have as many axes as z.")),
    (
        "z with two batch axes",
        (3, 5, 2, 4),
        (2, 4),
        0.1,
        ("leading-axes", "Sum over every axis that theta does not have: .sum_to_size(theta.shape)."),
    ),
    ("theta a single number", (6, 5), (), 0.1, ("theta-shape", "The gradient to theta has theta's shape.")),
    ("theta [4 1], z [7 4 3]", (7, 4, 3), (4, 1), 0.1, ("theta-shape", "Use .sum_to_size(theta.shape).")),
)


def _check_step(trial: Trial, function: Any, reference: Any, jumps: bool) -> str:
    name = reference.__name__
    if not issubclass(function, t.autograd.Function):
        raise Failure(
            "not-a-function", f"{name} is no torch.autograd.Function.", f"Write class {name}(t.autograd.Function)."
        )
    if not callable(function.apply):
        raise Failure("missing-method", f"{name}.apply is no method.", "Define forward and backward, and leave apply.")
    for text, shape, theta_shape, eps, suspect in CASES:
        z, theta = _inputs(trial, shape, theta_shape, eps)
        with trial.case(text, suspect):
            _check_one(trial, function, reference, z, theta, eps, jumps)
    z, theta = (one.double() for one in _inputs(trial, (5, 4), (4,), 0.1))
    with trial.case("in double precision", named=True):
        got = trial.call(f"{name}.apply(z, theta, eps)", function.apply, z, theta, 0.1)
        compare(got, reference.apply(z, theta, 0.1), "")
    return (
        "values and pseudo-gradients for 6 shapes and 3 widths, no gradient to z"
        if not jumps
        else ("values, gradients to z and pseudo-gradients to theta for 6 shapes and 3 widths")
    )


def _check_one(trial: Trial, function: Any, reference: Any, z: Tensor, theta: Tensor, eps: float, jumps: bool) -> None:
    call = f"{reference.__name__}.apply(z, theta, {eps:g})"
    mine, right = [(z.clone().requires_grad_(), theta.clone().requires_grad_()) for _ in range(2)]
    watch = {"z": mine[0], "theta": mine[1]}
    got = trial.call(call, function.apply, *mine, eps, watch=watch)
    expected = reference.apply(*right, eps)
    answer = compare(got, expected, "", mistakes=lambda: step_mistakes(z, theta, jumps), what="the value", grad=True)
    upstream = trial.normal(*z.shape)
    total = (answer * upstream).sum()
    to_z, to_theta = trial.call("the backward pass", t.autograd.grad, total, mine, allow_unused=True)
    wanted_z, wanted_theta = t.autograd.grad((expected * upstream).sum(), right, allow_unused=True)
    summed = z.ndim - theta.ndim
    known = threshold_mistakes(z, theta, eps, upstream, jumps, summed)
    _check_gradient("theta", to_theta, wanted_theta, known, theta)
    _check_gradient("z", to_z, wanted_z, input_mistakes(z, theta, eps, upstream, jumps), z)


def _check_gradient(name: str, got: Any, wanted: Tensor | None, known: list[Mistake], like: Tensor) -> None:
    """A gradient against the right one; None counts as zeros."""
    wanted = t.zeros_like(like) if wanted is None else wanted
    got = t.zeros_like(like) if got is None else got
    if not is_tensor(got):
        raise Failure("type", f"the gradient to {name} is a {type(got).__name__}, expected a tensor.")
    if got.shape != wanted.shape:
        text = shape_text(tuple(got.shape), tuple(wanted.shape), "")
        raise Failure("gradient-shape", f"the gradient to {name} has {text}.")
    try:
        compare_values(plain(got), wanted, "", mistakes=lambda: known, what=f"the gradient to {name}")
    except Failure as failure:
        if failure.diagnosis == "values":
            headline = f"the values are right, and the gradient to {name} is not."
            raise Failure("gradient", headline, *failure.details) from None
        raise


@learner_test("heaviside", "Heaviside.backward")
def test_heaviside(trial: Trial, function: Any) -> str:
    """Test the autograd function: `tests.test_heaviside(Heaviside)`."""
    return _check_step(trial, function, solutions.Heaviside, jumps=False)


@learner_test("jumprelu", "JumpReLU.backward")
def test_jumprelu(trial: Trial, function: Any) -> str:
    """Test the autograd function: `tests.test_jumprelu(JumpReLU)`."""
    return _check_step(trial, function, solutions.JumpReLU, jumps=True)
