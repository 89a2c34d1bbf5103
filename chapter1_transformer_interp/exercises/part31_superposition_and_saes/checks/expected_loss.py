"""Tests of the bonus section: the exact expected loss of two features, by quadrature."""

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
