"""Answers to the rectangle, and to the backward passes of `Heaviside` and `JumpReLU`."""

import torch as t
from part31_superposition_and_saes import solutions
from torch.nn import functional as F

from . import add, right, wrong

RECTANGLE, HEAVISIDE, JUMPRELU = "rectangle", "heaviside", "jumprelu"


# ---- the rectangle


@wrong(RECTANGLE, "width-for-half")
def half_width_is_width(x, width=1.0):
    return (x.abs() < width).to(x.dtype)


@wrong(RECTANGLE, "width-ignored")
def always_one_wide(x, width=1.0):
    return (x.abs() < 0.5).to(x.dtype)


@wrong(RECTANGLE, "quarter-width")
def half_as_wide(x, width=1.0):
    return (x.abs() < width / 4).to(x.dtype)


@wrong(RECTANGLE, "one-sided")
def no_absolute_value(x, width=1.0):
    return (x < width / 2).to(x.dtype)


@wrong(RECTANGLE, "right-half")
def right_half_alone(x, width=1.0):
    return ((x > 0) & (x < width / 2)).to(x.dtype)


@wrong(RECTANGLE, "inverted")
def outside(x, width=1.0):
    return (x.abs() > width / 2).to(x.dtype)


@wrong(RECTANGLE, "area-one")
def of_area_one(x, width=1.0):
    return (x.abs() < width / 2).to(x.dtype) / width


@wrong(RECTANGLE, "input-kept")
def x_inside(x, width=1.0):
    return x * (x.abs() < width / 2)


@wrong(RECTANGLE, "triangle")
def triangle(x, width=1.0):
    return F.relu(1 - 2 * x.abs() / width)


@wrong(RECTANGLE, "sign")
def with_its_sign(x, width=1.0):
    return x.sign() * (x.abs() < width / 2)


@wrong(RECTANGLE, "bell")
def bell_curve(x, width=1.0):
    return (-((x / width) ** 2)).exp()


@wrong(RECTANGLE, "dtype")
def booleans(x, width=1.0):
    return x.abs() < width / 2


@wrong(RECTANGLE, "dtype")
def always_single_precision(x, width=1.0):
    return (x.abs() < width / 2).float()


@wrong(RECTANGLE, "raised")
def width_required(x, width):
    return (x.abs() < width / 2).to(x.dtype)


@wrong(RECTANGLE, "any-element")
def one_answer_for_all(x, width=1.0):
    return t.ones_like(x) * (x.abs() < width / 2).any()


@wrong(RECTANGLE, "nothing")
def rounded_away(x, width=1.0):
    return 0 * x


@right(RECTANGLE)
def by_two_comparisons(x, width=1.0):
    return ((x > -width / 2) & (x < width / 2)).to(x.dtype)


@right(RECTANGLE)
def by_where(x, width=1.0):
    return t.where(2 * x.abs() < width, t.ones_like(x), t.zeros_like(x))


@right(RECTANGLE)
def by_two_steps(x, width=1.0):
    step = t.zeros((), dtype=x.dtype, device=x.device)
    return t.heaviside(x + width / 2, step) - t.heaviside(x - width / 2, step)


@right(RECTANGLE)
def by_type_as(x, width=1.0):
    return t.abs(x).lt(0.5 * width).type_as(x)


@right(RECTANGLE)
def by_squares(x, width: float = 1):
    return (x * x < width * width / 4) * t.ones_like(x)


# ---- backward passes: to_theta(z, theta, eps, upstream) before it is summed, and to_z(z, theta, eps, upstream)


def window(z, theta, eps):
    return ((z - theta).abs() < eps / 2).to(z.dtype)


def summed(values, theta):
    return values.sum_to_size(theta.shape)


def answer(jumps, to_theta=None, to_z=None, reduce=summed):
    """A class with the reference's forward and another backward."""
    base = solutions.JumpReLU if jumps else solutions.Heaviside

    def theta_right(z, theta, eps, upstream):
        return -((theta if jumps else 1) / eps) * window(z, theta, eps) * upstream

    def z_right(z, theta, eps, upstream):
        return (z > theta) * upstream if jumps else None

    def backward(ctx, grad_output):
        z, theta = ctx.saved_tensors
        gradient = (to_theta or theta_right)(z, theta, ctx.eps, grad_output)
        gradient = gradient if gradient is None else reduce(gradient, theta)
        return (to_z or z_right)(z, theta, ctx.eps, grad_output), gradient, None

    return type(base.__name__, (base,), {"backward": staticmethod(backward)})


WRONG_TO_THETA = {
    "sign": ("sign", lambda z, th, e, g, h: h / e * window(z, th, e) * g),
    "no_eps": ("no-eps", lambda z, th, e, g, h: -h * window(z, th, e) * g),
    "times_eps": ("times-eps", lambda z, th, e, g, h: -h * e * window(z, th, e) * g),
    "eps_twice": ("eps-squared", lambda z, th, e, g, h: -h / e**2 * window(z, th, e) * g),
    "no_upstream": ("upstream-ignored", lambda z, th, e, g, h: -h / e * window(z, th, e)),
    "wide_window": ("window-too-wide", lambda z, th, e, g, h: -h / e * window(z, th, 2 * e) * g),
    "window_around_0": ("window-at-zero", lambda z, th, e, g, h: -h / e * window(z, 0 * th, e) * g),
    "window_one_wide": ("window-not-scaled", lambda z, th, e, g, h: -h / e * window(z, th, 1.0) * g),
    "no_window": ("no-window", lambda z, th, e, g, h: -h / e * g),
    "above_alone": ("above-only", lambda z, th, e, g, h: -h / e * window(z, th, e) * (z > th) * g),
    "below_alone": ("below-only", lambda z, th, e, g, h: -h / e * window(z, th, e) * (z < th) * g),
    "nothing_to_theta": ("none", lambda z, th, e, g, h: None),
    "fixed_eps": ("fixed-eps", lambda z, th, e, g, h: -h / 0.05 * window(z, th, 0.05) * g),
}


def add_wrong(jumps):
    exercise = JUMPRELU if jumps else HEAVISIDE
    for name, (diagnosis, rule) in WRONG_TO_THETA.items():

        def to_theta(z, theta, eps, upstream, rule=rule):
            return rule(z, theta, eps, upstream, theta if jumps else t.ones_like(theta))

        add(exercise, name, answer(jumps, to_theta), diagnosis)
    mean = answer(jumps, reduce=lambda values, theta: summed(values, theta) * theta.numel() / values.numel())
    add(exercise, "mean_over_rows", mean, "mean-for-sum")
    first = answer(jumps, reduce=lambda values, theta: values.sum(0))
    add(exercise, "summed_over_the_first_axis", first, "leading-axes")
    add(exercise, "left_to_torch", answer(jumps, reduce=lambda values, theta: values), None)  # autograd adds up


add_wrong(jumps=False)
add_wrong(jumps=True)
add(HEAVISIDE, "theta_in_front", answer(False, lambda z, th, e, g: -th / e * window(z, th, e) * g), "theta-factor")
add(HEAVISIDE, "straight_to_z", answer(False, to_z=lambda z, th, e, g: g), "z-gets-gradient")
add(HEAVISIDE, "above_to_z", answer(False, to_z=lambda z, th, e, g: (z > th) * g), "z-gets-gradient")
add(JUMPRELU, "theta_forgotten", answer(True, lambda z, th, e, g: -1 / e * window(z, th, e) * g), "no-theta")
add(JUMPRELU, "z_in_front", answer(True, lambda z, th, e, g: -z / e * window(z, th, e) * g), "z-for-theta")
for name, diagnosis, to_z in (
    ("nothing_to_z", "z-gradient-none", lambda z, th, e, g: None),
    ("straight_through_to_z", "z-straight-through", lambda z, th, e, g: g),
    ("relu_to_z", "z-relu", lambda z, th, e, g: (z > 0) * g),
    ("no_upstream_to_z", "z-upstream-ignored", lambda z, th, e, g: (z > th).to(z.dtype)),
    ("window_to_z", "z-window", lambda z, th, e, g: window(z, th, e) * g),
    ("below_to_z", "z-other-side", lambda z, th, e, g: (z <= th) * g),
    ("z_times_it", "z-times-z", lambda z, th, e, g: z * (z > th) * g),
    ("jump_to_z", "z-window-added", lambda z, th, e, g: ((z > th) + th / e * window(z, th, e)) * g),
):
    add(JUMPRELU, name, answer(True, to_z=to_z), diagnosis)


@wrong(HEAVISIDE, "not-a-function")
class PlainClass:
    @staticmethod
    def apply(z, theta, eps):
        return (z > theta).to(z.dtype)


@wrong(JUMPRELU, "soft-threshold")
class SoftThreshold(t.autograd.Function):
    """The values are another function's."""

    @staticmethod
    def forward(ctx, z, theta, eps):
        ctx.save_for_backward(z, theta)
        ctx.eps = eps
        return F.relu(z - theta)

    backward = staticmethod(vars(solutions.JumpReLU)["backward"].__func__)


# ---- right ones, forward included


@right(HEAVISIDE)
class StepByKernel(t.autograd.Function):
    @staticmethod
    def forward(ctx, z, theta, eps):
        ctx.save_for_backward(z, theta)
        ctx.eps = eps
        return (z > theta).to(z.dtype)

    @staticmethod
    def backward(ctx, grad_output):
        z, theta = ctx.saved_tensors
        gradient = -solutions.rectangle((z - theta) / ctx.eps) / ctx.eps * grad_output
        return t.zeros_like(z), gradient.sum_to_size(theta.shape), None


@right(HEAVISIDE)
class StepByWhere(t.autograd.Function):
    @staticmethod
    def forward(ctx, z, theta, eps):
        ctx.distance, ctx.eps, ctx.shape = z - theta, eps, theta.shape
        return t.where(z > theta, t.ones_like(z), t.zeros_like(z))

    @staticmethod
    def backward(ctx, grad_output):
        inside = 2 * ctx.distance.abs() < ctx.eps
        gradient = t.where(inside, -grad_output / ctx.eps, t.zeros_like(grad_output))
        return None, t.Tensor.sum_to_size(gradient, *ctx.shape) if ctx.shape else gradient.sum(), None


@right(HEAVISIDE)
class StepSummedByHand(t.autograd.Function):
    @staticmethod
    def forward(ctx, z, theta, eps):
        ctx.save_for_backward(z, theta)
        ctx.eps = eps
        return t.gt(z, theta).type_as(z)

    @staticmethod
    def backward(ctx, grad_output):
        z, theta = ctx.saved_tensors
        gradient = -1.0 / ctx.eps * ((z - theta) / ctx.eps).abs().lt(0.5) * grad_output
        while gradient.ndim > theta.ndim:
            gradient = gradient.sum(0)
        for axis, size in enumerate(theta.shape):
            if size == 1 and gradient.shape[axis] > 1:
                gradient = gradient.sum(axis, keepdim=True)
        return None, gradient, None


@right(HEAVISIDE)
class StepBySign(t.autograd.Function):
    @staticmethod
    def forward(ctx, z, theta, eps):
        ctx.save_for_backward(((z - theta) / eps).detach(), theta)
        ctx.eps = eps
        return (1 + t.sign(z - theta)) / 2

    @staticmethod
    def backward(ctx, grad_output):
        u, theta = ctx.saved_tensors
        return None, (grad_output * (u.abs() < 0.5)).sum_to_size(theta.shape).div(-ctx.eps), None


@right(JUMPRELU)
class JumpByKernel(t.autograd.Function):
    @staticmethod
    def forward(ctx, z, theta, eps):
        ctx.save_for_backward(z, theta)
        ctx.eps = eps
        return z * (z > theta).to(z.dtype)

    @staticmethod
    def backward(ctx, grad_output):
        z, theta = ctx.saved_tensors
        gradient = -(theta / ctx.eps) * solutions.rectangle((z - theta) / ctx.eps) * grad_output
        return (z > theta).to(z.dtype) * grad_output, gradient.sum_to_size(theta.shape), None


@right(JUMPRELU)
class JumpByWhere(t.autograd.Function):
    @staticmethod
    def forward(ctx, z, theta, eps):
        ctx.save_for_backward(z, theta)
        ctx.eps = eps
        return t.where(z > theta, z, t.zeros_like(z))

    @staticmethod
    def backward(ctx, grad_output):
        z, theta = ctx.saved_tensors
        nothing = t.zeros_like(grad_output)
        inside = (z > theta - ctx.eps / 2) & (z < theta + ctx.eps / 2)
        gradient = t.where(inside, -theta * grad_output / ctx.eps, nothing)
        return t.where(z > theta, grad_output, nothing), gradient.sum_to_size(theta.shape), None


@right(JUMPRELU)
class JumpOnlyWhatIsNeeded(t.autograd.Function):
    @staticmethod
    def forward(ctx, z, theta, eps):
        ctx.on, ctx.near, ctx.theta, ctx.eps = z > theta, (z - theta).abs() < eps / 2, theta.detach(), eps
        return z.masked_fill(~ctx.on, 0.0)

    @staticmethod
    def backward(ctx, grad_output):
        to_z = to_theta = None
        if ctx.needs_input_grad[0]:
            to_z = grad_output.masked_fill(~ctx.on, 0.0)
        if ctx.needs_input_grad[1]:
            summed = grad_output.masked_fill(~ctx.near, 0.0).sum_to_size(ctx.theta.shape)
            to_theta = -ctx.theta / ctx.eps * summed
        return to_z, to_theta, None


@right(JUMPRELU)
class JumpFromStep(t.autograd.Function):
    @staticmethod
    def forward(ctx, z, theta, eps):
        ctx.save_for_backward(z, theta)
        ctx.eps = eps
        return z * solutions.Heaviside.apply(z, theta, eps)

    @staticmethod
    def backward(ctx, grad_output):
        z, theta = ctx.saved_tensors
        with t.enable_grad():
            leaf = theta.detach().requires_grad_()
            values = leaf.detach() * solutions.Heaviside.apply(z.detach(), leaf, ctx.eps)
            (to_theta,) = t.autograd.grad(values, leaf, grad_output)
        return grad_output * (z > theta), to_theta, None
