"""Tests of section 2: how polysemantic neurons are, and polysemantic neurons without superposition."""

from collections.abc import Callable, Sequence
from functools import partial

import torch as t
from torch import Tensor

from .. import solutions
from ..checking.compare import (
    Mistake,
    Mistakes,
    check_tensor,
    compare,
    find_mistake,
    is_tensor,
    no_mistakes,
    number,
    plain,
)
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from .models import FIXED_SIZE

Metric = Callable[[Tensor], Tensor]
NEURONS = "inst d_hidden"
SHAPES = (
    ("[70 5 10], as in the notebook", (70, 5, 10), None),
    ("[3 4 7]", (3, 4, 7), FIXED_SIZE),
    ("[2 6 3], more neurons than features", (2, 6, 3), FIXED_SIZE),
    ("a single instance", (1, 2, 4), ("one-instance", "Do not squeeze the inst axis.")),
    ("a single neuron", (3, 1, 4), ("one-neuron", "Name the axis that goes: do not squeeze.")),
    ("a single feature", (3, 2, 1), ("one-feature", "Name the axis that goes: do not squeeze.")),
)
ROW = "The neuron k of an instance is row k, W[inst, k, :]: look along the last axis."


def _check_metric(
    trial: Trial,
    metric: Metric,
    reference: Metric,
    mistakes_of: Callable[[Tensor], Sequence[Mistake]],
    zero: tuple[str, str],
) -> None:
    def check(W: Tensor, text: str, suspect: tuple[str, str] | None) -> None:
        # With an axis of size 1 different mistakes look the same: those were named before.
        mistakes = no_mistakes if 1 in W.shape else partial(mistakes_of, W)
        with trial.case(text, suspect):
            got = trial.call(f"{trial.exercise}(W)", metric, W, watch={"W": W})
            expected = reference(W)
            if not expected.is_floating_point() and is_tensor(got) and got.dtype != expected.dtype:
                raise _not_whole(plain(got), expected, mistakes)
            compare(got, expected, NEURONS, mistakes=mistakes)

    for text, shape, suspect in SHAPES:
        check(trial.normal(*shape) if shape[2] > 1 else _not_small(trial, *shape), text, suspect)
    check(
        trial.normal(3, 7, 4).mT, "a transposed W", ("strides", "Use reshape, not view, or leave the shape as it is.")
    )
    W = trial.normal(3, 4, 7)
    W[1, 2] = 0
    W[2] = 0
    check(W, "a W with neurons whose weights are all zero", zero)
    scale = (
        "scale",
        "Only ratios of weights count: is there a constant in your code, such as 1e-6, that is too large?",
    )
    check(0.01 * _not_small(trial, 3, 4, 7), "weights near 0.01", scale)


def _not_small(trial: Trial, *shape: int) -> Tensor:
    """Weights of either sign with sizes from 0.5 to 1.5."""
    size = trial.uniform(*shape, low=0.5, high=1.5)
    return t.where(trial.uniform(*shape) < 0.5, -size, size)


def _not_whole(got: Tensor, expected: Tensor, mistakes: Mistakes) -> Failure:
    """The failure for counts that are no int64."""
    known = find_mistake(got, mistakes, expected)
    if known is not None:
        return known.failure()
    found = str(got.dtype).removeprefix("torch.")
    return Failure("dtype", f"dtype {found}, expected int64.", "Sum the booleans as they are: that counts them.")


def count_mistakes(W: Tensor) -> list[Mistake]:
    """What `features_per_neuron` gives with one thing wrong."""
    this, size, signed = "these are the counts that you get", W.abs(), W.amax(2, keepdim=True)
    largest = size.amax(2, keepdim=True)

    def above(values: Tensor, limit: Tensor | float, axis: int = 2) -> Tensor:
        return (values > limit).sum(axis)

    own = "Compare with the neuron's own largest weight: amax over the last axis, keepdim=True."
    both = "A negative weight counts too: use W.abs()."
    right, of_feature = above(size, 0.3 * largest), 0.3 * size.amax(1, keepdim=True)
    of_instance, of_all = 0.3 * size.amax((1, 2), keepdim=True), 0.3 * size.max()
    below = W.shape[2] - right
    thresholds = [
        Mistake(
            "other-threshold",
            f"{this} with a threshold of {share} of the largest.\nIt is 0.3.",
            above(size, share * largest),
        )
        for share in (0.1, 0.2, 0.25, 0.5, 0.03, 0.7, 0.0)
    ]
    return [
        Mistake("other-axis", f"these are neurons per feature.\n{ROW}", above(size, of_feature, 1)),
        Mistake("transposed-count", f"{this} with the largest weight of each feature.\n{own}", above(size, of_feature)),
        Mistake("sign-ignored", f"{this} without absolute values.\n{both}", above(W, 0.3 * signed)),
        Mistake("sign-ignored", f"{this} when only positive weights count.\n{both}", above(W, 0.3 * largest)),
        Mistake("fixed-threshold", f"{this} with a threshold of 0.3 for all.\n{own}", above(size, 0.3)),
        Mistake("one-threshold", f"{this} with the largest weight of the instance.\n{own}", above(size, of_instance)),
        Mistake("one-threshold", f"{this} with the largest weight of all.\n{own}", above(size, of_all)),
        Mistake(
            "squares-compared",
            f"{this} when squares are compared, which moves the threshold to 0.55.\nCompare |W|.",
            above(W**2, 0.3 * largest**2),
        ),
        Mistake("off-by-one", f"{this} when the largest weight is left out.\nIt counts too.", right - 1),
        Mistake("not-above", "this counts the weights below the threshold.", below),
        Mistake("not-counted", "these are the comparisons.\nCount them: .sum(dim=-1).", size > 0.3 * largest),
        Mistake("mean-for-sum", "this is the share of features, not their number.\nSum.", right / W.shape[2]),
        Mistake(
            "not-zero",
            "a neuron without weights answers to nothing: 0.\nUse > in place of >=.",
            W.shape[2] - above(-size, -0.3 * largest),
        ),
        *thresholds,
        Mistake("mean-for-maximum", f"{this} with 0.3 of the mean.\n{own}", above(size, 0.3 * size.mean(2, True))),
        Mistake(
            "norm-for-maximum", f"{this} with 0.3 of the norm.\n{own}", above(size, 0.3 * W.norm(dim=2)[..., None])
        ),
    ]


@learner_test("features_per_neuron", "features_per_neuron")
def test_features_per_neuron(trial: Trial, metric: Metric) -> str:
    """Test the function: `tests.test_features_per_neuron(features_per_neuron)`."""
    zero = ("not-zero", "A neuron whose weights are all zero answers to no feature: its count is 0.")
    _check_metric(trial, metric, solutions.features_per_neuron, count_mistakes, zero)
    return "counts for 6 shapes, negative and small weights, neurons without weights"


def share_mistakes(W: Tensor) -> list[Mistake]:
    """What `largest_share` gives with one thing wrong."""
    this, squares, size = "these are the values that you get", W**2, W.abs()
    total, mean, whole = squares.sum(2), squares.mean(2), squares.sum((1, 2))[:, None]
    safe, safe_mean = t.where(total > 0, total, 1.0), t.where(mean > 0, mean, 1.0)
    top = squares.amax(2)
    share, ordered = top / safe, squares.sort(dim=2, descending=True).values
    return [
        Mistake("other-axis", f"these are the shares along the other axis.\n{ROW}", squares.amax(1) / squares.sum(1)),
        Mistake("not-squared", f"{this} with sizes in place of squares.\nSquare first.", size.amax(2) / size.sum(2)),
        Mistake("sign-ignored", f"{this} with the largest weight, not the largest size.", W.amax(2) ** 2 / safe),
        Mistake("root", f"{this} when the norm is not squared.\nBoth are squares.", size.amax(2) / safe.sqrt()),
        Mistake("half-squared", f"{this} when the norm below is not squared.", top / safe.sqrt()),
        Mistake("half-squared", f"{this} when the largest weight above is not squared.", size.amax(2) / safe),
        Mistake("not-divided", "these are the largest squares.\nDivide by the squared norm.", top),
        Mistake("not-divided", "these are the largest sizes.\nSquare, and divide by the squared norm.", size.amax(2)),
        Mistake("mean-for-sum", f"{this} with a mean below.\nThe squared norm is a sum.", top / safe_mean),
        Mistake("whole-instance", f"{this} with the norm of the whole instance.\nEach row has its own.", top / whole),
        Mistake("not-reduced", "these are the shares of all entries.\nTake the largest.", squares / safe[..., None]),
        Mistake("smallest", f"{this} with the smallest entry.\nTake the largest.", squares.amin(2) / safe),
        Mistake("rest", "this is the share of all other entries.\nSubtract it from 1.", 1 - share),
        Mistake("second", f"{this} with the second largest entry.", ordered[..., min(1, W.shape[2] - 1)] / safe),
        Mistake("fourth-power", f"{this} with fourth powers.\nSquare once.", share**2),
        Mistake("zero-row", "NaN where a row is all zeros: that is 0 / 0.\nReplace a sum of 0.", top / total),
        Mistake("zero-row", "1 where a row is all zeros.\nIts share is 0.", t.where(total > 0, share, 1.0)),
    ]


@learner_test("largest_share", "largest_share")
def test_largest_share(trial: Trial, metric: Metric) -> str:
    """Test the function: `tests.test_largest_share(largest_share)`."""
    zero = ("zero-row", "A row of zeros has no largest entry: its share is 0.")
    _check_metric(trial, metric, solutions.largest_share, share_mistakes, zero)
    return "values for 6 shapes, negative and small weights, rows of zeros"


# ---- polysemantic without superposition

MONOSEMANTIC = 0.9  # share of a neuron's squared norm on one feature
EXACT = 1e-3  # how exactly lengths and angles are kept: rounding leaves 1e-6, a slip more than 1e-2
TURNS = (
    ("2 instances of 24 features in 24 neurons", (2, 24, 24), None),
    ("1 instance of 21 features in 21 neurons", (1, 21, 21), FIXED_SIZE),
    ("3 instances of 20 features in 22 neurons", (3, 22, 20), FIXED_SIZE),
)


def one_feature_a_neuron(trial: Trial, n_inst: int, d_hidden: int, feats: int) -> Tensor:
    """Layers in which each feature has a neuron of its own, with weights of 0.9 to 1.1 and either sign."""
    W = t.zeros(n_inst, d_hidden, feats, device=trial.device)
    for layer in W:
        places = trial.uniform(d_hidden).argsort()[:feats]
        sizes = trial.uniform(feats, low=0.9, high=1.1)
        layer[places, t.arange(feats, device=W.device)] = t.where(trial.uniform(feats) < 0.5, -sizes, sizes)
    return W


@learner_test("rotate_neurons", "rotate_neurons")
def test_rotate_neurons(trial: Trial, rotate: Metric) -> str:
    """Test the function: `tests.test_rotate_neurons(rotate_neurons)`. Any orthogonal mixing of neurons is right."""
    for text, shape, suspect in TURNS:
        W = one_feature_a_neuron(trial, *shape)
        with trial.case(text, suspect):
            got = trial.call("rotate_neurons(W)", rotate, W, watch={"W": W})
            turned = check_tensor(got, W, "inst d_hidden feats", what="the turned layer")
            _check_turned(W, turned.detach())
    return "lengths, interference and neurons of 6 monosemantic layers of 3 sizes"


def _check_turned(W: Tensor, turned: Tensor) -> None:
    if not turned.isfinite().all():
        kind = "nan" if turned.isnan().any() else "inf"
        raise Failure(kind, "the turned layer holds NaN or infinity.")
    if t.allclose(turned, W, atol=EXACT):
        raise Failure("unchanged", "this is W itself: nothing is turned.", "Multiply by an orthogonal matrix: R @ W.")
    lengths, wanted = turned.norm(dim=1), W.norm(dim=1)
    suffered = solutions.feature_interference(turned)
    if suffered.max() > EXACT:
        raise _explain_interference(W, turned, suffered)
    if ((lengths - wanted).abs() > EXACT).any():
        raise _explain_lengths(lengths, wanted)
    share = solutions.largest_share(turned)
    if share.max() > MONOSEMANTIC:
        raise _explain_monosemantic(W, turned, share)


def _place(values: Tensor) -> tuple[int, int]:
    inst, index = divmod(int(values.argmax()), values.shape[1])
    return inst, index


def _explain_interference(W: Tensor, turned: Tensor, suffered: Tensor) -> Failure:
    inst, feat = _place(suffered)
    detail = f"feature {feat} of instance {inst} suffers {number(suffered.max())}, expected 0"
    # If features were mixed, W^-1 turned is orthogonal; if neurons were, turned W^-1 would be.
    by_features = t.linalg.pinv(W.cpu()) @ turned.cpu()
    unit = t.eye(W.shape[2], device="cpu")
    if ((by_features.mT @ by_features - unit).abs() < EXACT).all():
        advice = "You mix features: W @ R. Mix neurons, the rows of W: R @ W."
        return Failure("features-mixed", "features interfere with each other now.", advice, detail)
    by_neurons = turned.cpu() @ t.linalg.pinv(W.cpu())
    gram = by_neurons.mT @ by_neurons
    worst = (gram - t.eye(W.shape[1], device="cpu")).abs().max() if W.shape[1] == W.shape[2] else None
    size = f" (R^T R differs from 1 by up to {number(worst)})" if worst is not None else ""
    advice = f"The matrix that you multiply by is not orthogonal{size}. The Q of t.linalg.qr(...) is."
    return Failure("not-orthogonal", "features interfere with each other now.", advice, detail)


def _explain_lengths(lengths: Tensor, wanted: Tensor) -> Failure:
    ratio = lengths / wanted
    inst, feat = _place((ratio - 1).abs())
    found, right = number(lengths[inst, feat]), number(wanted[inst, feat])
    detail = f"feature {feat} of instance {inst}: length {found}, expected {right}"
    if (lengths - lengths.mean()).abs().max() < EXACT:
        advice = "All features have one length now. Were columns normalized, or is W left out? Return R @ W."
    elif (ratio - ratio.mean()).abs().max() < EXACT:
        advice = f"Everything is scaled by {number(ratio.mean())}. Rows and columns of R have length 1."
    else:
        advice = "R is not orthogonal: its rows and columns have length 1. The Q of t.linalg.qr(...) is."
    return Failure("lengths-changed", "features are not as long as before.", advice, detail)


def _explain_monosemantic(W: Tensor, turned: Tensor, share: Tensor) -> Failure:
    inst, neuron = _place(share)
    detail = f"neuron {neuron} of instance {inst} has {number(share.max())} of its squared norm on one feature"
    headline = "some neurons still answer to one feature only."
    untouched = [i for i in range(len(W)) if t.allclose(turned[i], W[i], atol=EXACT)]
    if untouched and len(untouched) < len(W):
        return Failure("instances-left", f"instance {untouched[0]} is not turned.", "Turn every instance.")
    if (share > 1 - EXACT).all():
        advice = "R only puts neurons in another order, or changes their signs. Every row of R must mix all of them."
        return Failure("only-reordered", "every neuron still answers to one feature.", advice, detail)
    return Failure(
        "still-monosemantic", headline, "Every row of R must mix many neurons, none of them dominating.", detail
    )
