"""Tests of the bonus section: the losses of three strategies, the border between them, and an exact expected loss."""

from collections.abc import Callable
from functools import partial

import torch as t
from torch import Tensor
from torch.nn import functional as F

from .. import solutions
from ..checking.compare import Mistake, check_tensor, compare, compare_gradients, is_tensor, plain
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test

THIS = "these are the values that you get"
GRIDS = ("", "settings", "rows columns")  # axes of a grid of 0, 1 and 2
GRID = ("grid-shape", "Write it for grids of any shape: use operations on whole tensors.")

# ---- the losses of three strategies


def strategy_mistakes(r: Tensor, p: Tensor) -> list[Mistake]:
    """What `strategy_losses` gives with one thing wrong."""
    both = p**2
    right = solutions.strategy_losses(r, p)
    ignored, antipodal, dedicated = right
    dropped = "A dropped feature is answered by its mean, p / 2:"

    def with_variance(v: Tensor) -> Tensor:
        return t.stack([r * v, antipodal, v])

    def with_antipodal(loss: Tensor) -> Tensor:
        return t.stack([ignored, loss, dedicated])

    return [
        Mistake(
            "mean-square",
            f"{THIS} when a dropped feature is answered by 0.\n{dropped} the variance remains.",
            with_variance(p / 3),
        ),
        Mistake(
            "variance-when-on",
            f"{THIS} with the variance of a feature that is on, 1/12.\n{dropped} off rows count too.",
            with_variance(p / 12),
        ),
        Mistake(
            "mean-not-halved",
            f"{THIS} with p² in place of p² / 4.\nThe mean is p / 2: its square is p² / 4.",
            with_variance(p / 3 - both),
        ),
        Mistake(
            "mean-not-squared",
            f"{THIS} with p / 2 in place of p² / 4.\nThe variance subtracts the square of the mean.",
            with_variance(p / 3 - p / 2),
        ),
        Mistake(
            "antipodal-always-on",
            f"{THIS} without p² in the antipodal loss.\nIt errs only where both are on.",
            with_antipodal((1 + r) / 6 + 0 * p),
        ),
        Mistake(
            "p-not-squared",
            f"{THIS} with p in place of p² in the antipodal loss.\nIt errs only where both are on.",
            with_antipodal(p * (1 + r) / 6),
        ),
        Mistake(
            "one-feature-only",
            f"{THIS} when only one feature of the pair errs.\nBoth are off by min(x1, x2): 1 + r.",
            with_antipodal(both / 6),
        ),
        Mistake(
            "one-feature-only",
            f"{THIS} when only the second feature of the pair errs.\nBoth are off by min(x1, x2): 1 + r.",
            with_antipodal(both * r / 6),
        ),
        Mistake(
            "not-the-smaller",
            f"{THIS} with 1/3, the mean square of one feature.\nThe error is the smaller of two: 1/6.",
            with_antipodal(both * (1 + r) / 3),
        ),
        Mistake(
            "mean-of-the-smaller",
            f"{THIS} with 1/9, the square of the mean of min(x1, x2).\nThe mean of its square is 1/6.",
            with_antipodal(both * (1 + r) / 9),
        ),
        Mistake(
            "only-one-on",
            f"{THIS} when the pair errs where exactly one is on.\nIt errs where both are: p².",
            with_antipodal(2 * p * (1 - p) * (1 + r) / 6),
        ),
        Mistake(
            "sparsity",
            f"{THIS} with 1 - p in place of p.\np is how often a feature is on.",
            solutions.strategy_losses(r, 1 - p),
        ),
        Mistake("mean-for-sum", f"{THIS} with the mean over the two features.\nSum over them.", right / 2),
        Mistake(
            "importance-squared",
            f"{THIS} with r².\nThe importance stands outside the square.",
            solutions.strategy_losses(r**2, p),
        ),
        Mistake(
            "no-importance",
            f"{THIS} without r.\nThe second feature's error counts r times.",
            solutions.strategy_losses(t.ones_like(r), p),
        ),
        Mistake(
            "swapped-features",
            f"{THIS} when r belongs to the first feature.\nIgnored: the second is dropped, at r times the variance.",
            t.stack([dedicated, antipodal, ignored]),
        ),
        Mistake(
            "order", "the antipodal loss stands last.\nThe order is ignored, antipodal, dedicated.", right[[0, 2, 1]]
        ),
        Mistake(
            "order", "the antipodal loss stands first.\nThe order is ignored, antipodal, dedicated.", right[[1, 0, 2]]
        ),
        Mistake("last-axis", "the phases are the last axis.\nStack along a new first one.", right.movedim(0, -1)),
        Mistake("least-only", "this is the least of the three.\nReturn all three.", right.amin(0)),
        Mistake(
            "winner", "this is the number of the phase that wins.\nReturn the three losses.", right.argmin(0).to(p)
        ),
    ]


@learner_test("strategy_losses", "strategy_losses")
def test_strategy_losses(trial: Trial, losses: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Test the function: `tests.test_strategy_losses(strategy_losses)`."""
    for text, shape, suspect in (
        ("a grid of 5 by 7", (5, 7), None),
        ("a list of 6 settings", (6,), GRID),
        ("a single setting", (), GRID),
    ):
        r, p = _importances(trial, shape), trial.uniform(*shape, low=0.05, high=0.95)
        with trial.case(text, suspect):
            watch = {"importance": r, "probability": p}
            got = trial.call("strategy_losses(importance, probability)", losses, r, p, watch=watch)
            known = partial(strategy_mistakes, r, p)
            compare(
                got,
                solutions.strategy_losses(r, p),
                f"phase {GRIDS[len(shape)]}",
                mistakes=known if len(shape) == 2 else list,
            )
    return "values for 3 shapes, importances from 0.1 to 10"


def _importances(trial: Trial, shape: tuple[int, ...]) -> Tensor:
    """Importances from 0.1 to 10, below and above 1; none within 7 % of it."""
    exponent = trial.uniform(*shape, low=0.03, high=1.0)
    sign = 1 - 2 * (t.arange(exponent.numel(), device=exponent.device) % 2).reshape(shape)
    return 10 ** (sign * exponent)


# ---- the border


def border_mistakes(r: Tensor) -> list[Mistake]:
    """What `critical_density` gives with one thing wrong."""
    low, high = 4 * r / (2 + 5 * r), 4 / (2 * r + 5)
    right = t.minimum(low, high)
    return [
        Mistake("only-ignoring", f"{THIS} against ignoring alone.\nAbove r = 1 dedicating is the cheaper rival.", low),
        Mistake(
            "only-dedicating", f"{THIS} against dedicating alone.\nBelow r = 1 ignoring is the cheaper rival.", high
        ),
        Mistake("larger", f"{THIS} with the larger of two borders.\nIt must beat both rivals.", t.maximum(low, high)),
        Mistake(
            "mean-square",
            f"{THIS} when a dropped feature costs p / 3.\nIt is answered by its mean: p/3 - p²/4.",
            t.minimum(2 * r / (1 + r), 2 / (1 + r)),
        ),
        Mistake(
            "mean-square",
            f"{THIS} when a dropped feature costs p / 3, at most 1.\nIt is answered by its mean: p/3 - p²/4.",
            t.minimum(2 * r / (1 + r), 2 / (1 + r)).clamp(max=1),
        ),
        Mistake("sparsity", "this is the sparsity, 1 - p*.\nReturn the density p*.", 1 - right),
        Mistake("inverted", "this is 1 / p*.\nReturn p*.", 1 / right),
        Mistake(
            "one-feature-only",
            f"{THIS} when only one feature of the pair errs.\nIts loss is p² (1 + r) / 6.",
            t.minimum(4 * r / (2 + 3 * r), t.full_like(r, 4 / 5)),
        ),
        Mistake("factor", f"{THIS} without the 4.\nMultiply both sides by 12 and look again.", right / 4),
        Mistake("factor", f"{THIS} with 2 in place of 4.\nMultiply both sides by 12 and look again.", right / 2),
        Mistake(
            "sign",
            f"{THIS} with the wrong sign before p²/4.\nIt goes to the other side with a plus.",
            t.minimum(4 * r / (2 - r), 4 / (2 * r - 1)),
        ),
        Mistake(
            "equal-importance", "this is 4/7 everywhere.\nThat is the border at r = 1 only.", t.full_like(r, 4 / 7)
        ),
        Mistake("sum", f"{THIS} with the sum of the two rivals' losses.", 8 * (1 + r) / (5 * (1 + r))),
        Mistake("loss", "this is the loss at the border.\nReturn the density.", right**2 * (1 + r) / 6),
    ]


@learner_test("critical_density", "critical_density")
def test_critical_density(trial: Trial, border: Callable[[Tensor], Tensor]) -> str:
    """Test the function: `tests.test_critical_density(critical_density)`."""
    for text, shape, suspect in (
        ("30 importances", (30,), None),
        ("a grid of 4 by 3", (4, 3), GRID),
        ("a single importance", (), GRID),
    ):
        r = _importances(trial, shape)
        with trial.case(text, suspect):
            got = trial.call("critical_density(importance)", border, r, watch={"importance": r})
            known = partial(border_mistakes, r)
            compare(got, solutions.critical_density(r), GRIDS[len(shape)], mistakes=known if len(shape) == 1 else list)
    return "values for 3 shapes, importances below and above 1"


# ---- the expected loss

Loss = Callable[..., Tensor]
Arguments = tuple[Tensor, Tensor, Tensor, Tensor]  # W, b_final, feature_probability, importance
CALL = "expected_loss(W, b_final, feature_probability, importance, n_nodes={})"


def quadrature(
    W: Tensor,
    b: Tensor,
    p: Tensor,
    importance: Tensor,
    k: int,
    *,
    on: Callable[[Tensor, Tensor], Tensor] = lambda p, w: p * w,
    off: Callable[[Tensor], Tensor] = lambda p: 1 - p,
    error: Callable[[Tensor, Tensor], Tensor] = lambda out, x: (out - x) ** 2,
    relu: Callable[[Tensor], Tensor] = F.relu,
    joint: Callable[[Tensor], Tensor] = lambda chance: chance,
    nodes: str = "gauss",
) -> Tensor:
    """The expected loss with one of its parts replaced."""
    u, w = solutions.gauss_legendre(k, W)
    if nodes == "even":
        u, w = (t.arange(k, device=W.device) + 0.5).to(W) / k, t.full_like(w, 1 / k)
    if nodes == "unscaled":
        u, w = 2 * u - 1, w
    x = t.cartesian_prod(F.pad(u, (1, 0)), F.pad(u, (1, 0))).mT
    values = t.cat([off(p[..., None]), on(p[..., None], w)], dim=-1)
    chance = joint(values[:, 0, :, None] * values[:, 1, None, :]).flatten(1)
    out = relu((W.mT @ W) @ x + b[..., None])
    return ((importance[..., None] * error(out, x)).sum(1) * chance).sum(-1)


def _without(rows: bool, columns: bool) -> Callable[[Tensor], Tensor]:
    """Keep the both-off corner and the states asked for: drop those with both on, or with exactly one on."""

    def joint(chance: Tensor) -> Tensor:
        mask = t.ones_like(chance)
        if rows:
            mask[:, 1:, 1:] = 0
        if columns:
            mask[:, 0, 1:] = mask[:, 1:, 0] = 0
        return chance * mask

    return joint


def _no_corner(chance: Tensor) -> Tensor:
    mask = t.ones_like(chance)
    mask[:, 0, 0] = 0
    return chance * mask


def expected_mistakes(W: Tensor, b: Tensor, p: Tensor, importance: Tensor, k: int) -> list[Mistake]:
    """What `expected_loss` gives with one thing wrong."""
    made = partial(quadrature, W, b, p, importance, k)
    right = made()
    x_on = "For a feature that is on the weight is p times that of the node; for one that is off, 1 - p."
    return [
        Mistake("mean-for-sum", f"{THIS} with the mean over the two features.\nSum over them.", right / 2),
        Mistake("instances-summed", "this is one number for all instances.\nKeep one an instance.", right.sum()),
        Mistake("instances-summed", "this is the mean over instances.\nKeep one an instance.", right.mean()),
        Mistake(
            "no-importance",
            f"{THIS} without the importance.",
            quadrature(W, b, p, t.ones_like(importance), k),
        ),
        Mistake(
            "importance-squared",
            f"{THIS} with the importance inside the square.",
            quadrature(W, b, p, importance**2, k),
        ),
        Mistake(
            "features-exchanged",
            f"{THIS} when the features' probabilities are exchanged.\nWhich feature runs fastest in your grid?",
            quadrature(W, b, p.flip(1), importance, k),
        ),
        Mistake(
            "one-probability",
            f"{THIS} when both features have the probability of the first.",
            quadrature(W, b, p[:, :1].expand_as(p), importance, k),
        ),
        Mistake("no-relu", f"{THIS} without the ReLU.", made(relu=lambda out: out)),
        Mistake("no-bias", f"{THIS} without the bias.", quadrature(W, 0 * b, p, importance, k)),
        Mistake(
            "bias-after-relu", f"{THIS} when the bias is added after the ReLU.", _bias_after(W, b, p, importance, k)
        ),
        Mistake("not-squared", f"{THIS} with the absolute error.\nSquare it.", made(error=lambda o, x: (o - x).abs())),
        Mistake("no-target", f"{THIS} with the outputs alone.\nSubtract x.", made(error=lambda out, x: out**2)),
        Mistake("both-on-only", f"{THIS} with both features always on.", made(off=lambda p: 0 * p)),
        Mistake("p-left-out", f"{THIS} when a node's weight has no p.\n{x_on}", made(on=lambda p, w: w + 0 * p)),
        Mistake("off-left-out", f"{THIS} when off has the weight 1.\n{x_on}", made(off=t.ones_like)),
        Mistake("sparsity", f"{THIS} with p and 1 - p exchanged.\n{x_on}", quadrature(W, b, 1 - p, importance, k)),
        Mistake("weights-left-out", f"{THIS} with equal weights.\n{x_on}", made(on=lambda p, w: p / k + 0 * w)),
        Mistake("weights-not-averaged", f"{THIS} with every weight 1.\n{x_on}", made(on=lambda p, w: p + 0 * w)),
        Mistake(
            "even-nodes", f"{THIS} with evenly spaced places.\nUse gauss_legendre(n_nodes, W).", made(nodes="even")
        ),
        Mistake(
            "unscaled-nodes", f"{THIS} with places between -1 and 1.\nHere they lie in (0, 1).", made(nodes="unscaled")
        ),
        Mistake("no-both-on", f"{THIS} without the rows in which both are on.", made(joint=_without(True, False))),
        Mistake("no-single", f"{THIS} without the rows in which exactly one is on.", made(joint=_without(False, True))),
        Mistake(
            "other-off-left-out",
            f"{THIS} when 'only one is on' lacks the factor 1 - p of the other.",
            made(joint=partial(_whatever_the_other, p)),
        ),
        Mistake(
            "no-both-off",
            f"{THIS} without the rows in which both are off.\nA positive bias errs there too.",
            made(joint=_no_corner),
        ),
        Mistake(
            "same-value", f"{THIS} when both features always have the same value.", _diagonal(W, b, p, importance, k)
        ),
        *(
            Mistake(
                "fixed-nodes",
                f"{THIS} with {other} nodes whatever n_nodes says.\nHand n_nodes on to gauss_legendre.",
                quadrature(W, b, p, importance, other),
            )
            for other in (6, 8, 12)
        ),
    ]


def _bias_after(W: Tensor, b: Tensor, p: Tensor, importance: Tensor, k: int) -> Tensor:
    return quadrature(W, 0 * b, p, importance, k, relu=lambda out: F.relu(out) + b[..., None])


def _whatever_the_other(p: Tensor, chance: Tensor) -> Tensor:
    """Rows in which one feature is on, as if the other might be on or off."""
    changed = chance.clone()
    changed[:, 0, 1:] = chance[:, 0, 1:] / (1 - p[:, :1])
    changed[:, 1:, 0] = chance[:, 1:, 0] / (1 - p[:, 1:])
    return changed


def _diagonal(W: Tensor, b: Tensor, p: Tensor, importance: Tensor, k: int) -> Tensor:
    """With both on, only the points of the grid with equal values, each with the weight of one node."""
    weights = solutions.gauss_legendre(k, W)[1]

    def joint(chance: Tensor) -> Tensor:
        changed = chance.clone()
        changed[:, 1:, 1:] = (p[:, 0] * p[:, 1])[:, None, None] * t.diag(weights)
        return changed

    return quadrature(W, b, p, importance, k, joint=joint)


@learner_test("expected_loss", "expected_loss")
def test_expected_loss(trial: Trial, loss: Loss) -> str:
    """Test the function: `tests.test_expected_loss(expected_loss)`."""
    cases: tuple[tuple[str, int, int, int, tuple[str, str] | None], ...] = (
        ("5 instances in one dimension, 6 nodes", 5, 1, 6, None),
        ("9 nodes", 4, 1, 9, ("fixed-nodes", "Does your answer use n_nodes?")),
        ("two hidden dimensions", 4, 2, 5, ("fixed-size", "Is d_hidden = 1 written into the code?")),
        ("a single instance", 1, 1, 6, ("one-instance", "Do not squeeze the inst axis.")),
    )
    for text, inst, d_hidden, k, suspect in cases:
        arguments = _two_features(trial, inst, d_hidden)
        with trial.case(text, suspect):
            _check_loss(trial, loss, arguments, k, named=inst > 1)
    W, b, p, importance = (one.double() for one in _two_features(trial, 3, 1))
    with trial.case("parameters in double precision", named=True):
        got = trial.call(CALL.format(7), loss, W, b, p, importance, n_nodes=7)
        compare(got, solutions.expected_loss(W, b, p, importance, n_nodes=7), "inst")
    return "values for 4 sizes, gradients, n_nodes, dtype"


def _two_features(trial: Trial, inst: int, d_hidden: int) -> Arguments:
    """Parameters and data in which every term shows: lively outputs, biases of both signs, probabilities apart."""
    sign = trial.uniform(inst, d_hidden, 2).sub(0.5).sign()
    W = sign * trial.uniform(inst, d_hidden, 2, low=0.5, high=1.2)
    b = trial.uniform(inst, 2, low=0.1, high=0.4) * t.tensor([1.0, -1.0], device=trial.device)
    p = trial.uniform(inst, 2, low=0.2, high=0.4) + t.tensor([0.0, 0.35], device=trial.device)
    importance = trial.uniform(inst, 2, low=0.3, high=0.7) + t.tensor([0.0, 1.0], device=trial.device)
    return W, b, p, importance


def _check_loss(trial: Trial, loss: Loss, arguments: Arguments, k: int, named: bool) -> None:
    W, b, p, importance = arguments
    theirs, ours = ((W.clone().requires_grad_(), b.clone().requires_grad_()) for _ in range(2))
    watch = {"W": theirs[0], "b_final": theirs[1], "feature_probability": p, "importance": importance}
    got = trial.call(CALL.format(k), loss, *theirs, p, importance, n_nodes=k, watch=watch)
    if is_tensor(got) and plain(got).ndim == 0 and W.shape[0] == 1:
        raise Failure("shape", "one number without axes, expected [1] (inst).")
    expected = solutions.expected_loss(*ours, p, importance, n_nodes=k)
    known = partial(expected_mistakes, W, b, p, importance, k) if named else list
    compare(got, expected.detach(), "inst", mistakes=known)
    check_tensor(got, expected, "inst", grad=True)
    upstream = trial.uniform(len(W), low=0.5, high=2.0)
    gradients = t.autograd.grad((plain(got) * upstream).sum(), theirs, allow_unused=True)
    rights = t.autograd.grad((expected * upstream).sum(), ours)
    names = ("W", "b_final")
    compare_gradients(dict(zip(names, gradients, strict=True)), dict(zip(names, rights, strict=True)))
