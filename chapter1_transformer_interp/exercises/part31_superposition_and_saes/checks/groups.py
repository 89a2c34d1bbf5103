"""Test of section 3: splitting features into orthogonal groups. Labels are right up to renaming."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch as t
from torch import Tensor

from .. import solutions
from ..checking.compare import Mistake, check_tensor, find_mistake, is_tensor, plain
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from .models import FEATS

Groups = Callable[..., Any]
NOT_GROUPED = -1
CPU = t.device("cpu")  # arrangements are made there, and moved
PENTAGON, DIGON = solutions.ideal_polytope("pentagon"), solutions.ideal_polytope("digon")
SINGLE = t.eye(1, device=CPU)


def chain(n_features: int) -> Tensor:
    """Unit vectors of which each overlaps with the next one only, `[n_features n_features]`."""
    steps = t.eye(n_features, device=CPU) + t.diag(t.ones(n_features - 1, device=CPU), 1)
    return steps / steps.norm(dim=0)


def pair(cosine: float) -> Tensor:
    """Two unit vectors in the plane."""
    return t.tensor([[1.0, cosine], [0.0, math.sqrt(1 - cosine**2)]], device=CPU)


# Over 0.2 by their directions, not by their products where both are short; under it the other way about.
BLOCKS = (DIGON, DIGON, PENTAGON, chain(5), SINGLE, pair(0.13), pair(0.3))


def arrangement(trial: Trial, blocks: Sequence[Tensor]) -> Tensor:
    """Blocks of features in orthogonal spaces, in random order, rotated, of random lengths above 1/2.

    Two more features, of length 0.3, are not represented: one overlaps with the first two blocks.

    Returns:
        `[d_hidden feats]`; cosines are those of the blocks to within about 0.02.
    """
    W = t.block_diag(*blocks)
    d_hidden, n_features = W.shape
    lengths = trial.uniform(n_features, low=0.6, high=1.6).cpu()
    if len(blocks) == len(BLOCKS):
        lengths[-4:] = t.tensor([1.5, 1.5, 0.6, 0.6], device=CPU)
    W = W * lengths + 0.003 * trial.normal(d_hidden, n_features).cpu()
    short = t.zeros(d_hidden, 2, device=CPU)
    short[:2, 0] = 0.2
    short[-1, 1] = 0.3
    W = t.cat([W, short], dim=1)
    order = trial.uniform(W.shape[1]).argsort().cpu()
    rotation = t.linalg.qr(trial.normal(d_hidden, d_hidden).cpu()).Q
    return (rotation @ W[:, order]).to(trial.device)


def canonical(labels: Tensor) -> Tensor:
    """The same grouping with each group's number the place of its first member; below zero everything is -1."""
    same = (labels[..., :, None] == labels[..., None, :]).long()
    return t.where(labels >= 0, same.argmax(dim=-1), NOT_GROUPED)


def links(W: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Cosines `[inst i j]`, which features are represented, and which two are linked."""
    norms = W.norm(dim=1)
    unit = W / norms.clamp_min(1e-30)[:, None]
    cosines, represented = unit.mT @ unit, norms > 0.5
    both = represented[:, :, None] & represented[:, None, :]
    return cosines, represented, (cosines.abs() > threshold) & both


def reach(linked: Tensor) -> Tensor:
    """Labels of connected components of a symmetric matrix of links, -1 for those that have none."""
    found = linked
    for _ in range(linked.shape[-1]):
        found = found | (found.float() @ linked.float() > 0)
    return t.where(found.any(dim=-1), found.long().argmax(dim=-1), NOT_GROUPED)


def components(cosines: Tensor, represented: Tensor, threshold: float) -> Tensor:
    """Labels of the groups of features that overlap by more than the threshold, -1 for those not represented."""
    both = represented[:, :, None] & represented[:, None, :]
    return reach((cosines > threshold) & both)


def group_mistakes(W: Tensor, threshold: float) -> list[Mistake]:
    """What `orthogonal_groups` gives with one thing wrong, in the form of `canonical`."""
    cosines, represented, linked = links(W, threshold)
    right, overlap = reach(linked), cosines.abs()
    everybody, squared = t.ones_like(represented), W.norm(dim=1) ** 2 > 0.5
    own = t.arange(W.shape[2], device=W.device).expand_as(right)
    once = t.where(linked, own[:, None, :], W.shape[2]).amin(dim=-1)
    twice = t.where(linked, once[:, None, :], W.shape[2]).amin(dim=-1)
    this = "these are the groups that you get"
    reached = "A group is everything that can be reached over links, however many: repeat until nothing changes."
    norm = "Only features of norm above 1/2 have a group, and only over them can others be reached."
    wrong = [
        ("sign", f"{this} from cosines with their sign.\nOpposite features overlap: take absolute values.",
         components(cosines, represented, threshold)),
        ("not-normalized", f"{this} from W_i · W_j.\nThe cosine is that of the unit vectors.",
         components((W.mT @ W).abs(), represented, threshold)),
        ("one-step", f"{this} when only direct links count.\n{reached}", once),
        ("few-steps", f"{this} after two rounds.\n{reached}", twice),
        ("threshold-ignored", f"{this} with a threshold of 0.2 at all times.\nUse the argument.",
         components(overlap, represented, 0.2)),
        ("threshold-squared", f"{this} with the square of the threshold.",
         components(overlap, represented, threshold**2)),
        ("threshold-squared", f"{this} when the squared cosine is over the threshold.",
         components(overlap**2, represented, threshold)),
        ("over-short", f"{this} when links lead over features that are not represented.\n{norm}",
         t.where(represented, components(overlap, everybody, threshold), NOT_GROUPED)),
        ("short-grouped", f"{this} when all features count.\n{norm}", components(overlap, everybody, threshold)),
        ("norm-squared", f"{this} with ‖W_i‖² > 1/2.\nThe norm itself is compared with 1/2.",
         components(overlap, squared, threshold)),
        ("all-alone", "every feature is a group of its own.\nLinked features belong together.", own),
        ("all-in-one", "all features are in one group.\nThose that no link leads to belong to others.", 0 * own),
        ("first-for-all", "every instance has the groups of the first.\nEach has its own links.",
         right[:1].expand_as(right)),
        ("group-sizes", "these are the sizes of the groups: two of the same size have the same number.\nNumber them.",
         (right[:, :, None] == right[:, None, :]).sum(dim=-1)),
    ]  # fmt: skip
    always = {"short-grouped", "norm-squared", "first-for-all"}
    found = []
    for key, text, labels in wrong:
        kept = labels if key in always else t.where(represented, labels, NOT_GROUPED)
        found.append(Mistake(key, text, canonical(kept)))
        if key in ("all-alone", "all-in-one", "group-sizes"):
            found.append(Mistake(key, text, canonical(labels)))
    return found


def _whole_numbers(got: Any, W: Tensor) -> Tensor:
    """The answer, if it is a tensor of whole numbers of the right shape."""
    shape = (W.shape[0], W.shape[2])
    if is_tensor(got) and plain(got).shape == (*shape, shape[1]) and plain(got).dtype == t.bool:
        advice = "Give every feature one number, that of its group."
        raise Failure("links", "that is the matrix of links, [inst feats feats].", advice)
    if is_tensor(got) and plain(got).shape == shape:
        dtype = plain(got).dtype
        if dtype == t.bool or dtype.is_floating_point or dtype.is_complex:
            name = str(dtype).removeprefix("torch.")
            advice = "Make them so from the start, dtype=torch.long, or turn them at the end: .long()."
            raise Failure("dtype", f"the numbers of the groups are of dtype {name}, expected whole numbers.", advice)
    expected = t.zeros(shape, dtype=plain(got).dtype if is_tensor(got) else t.long, device=W.device)
    return check_tensor(got, expected, FEATS).long()


def check_groups(trial: Trial, split: Groups, W: Tensor, threshold: float | None = None) -> None:
    """Compare the groups of an answer with the right ones."""
    call = f"orthogonal_groups(W{'' if threshold is None else f', {threshold:g}'})"
    arguments = () if threshold is None else (threshold,)
    labels = _whole_numbers(trial.call(call, split, W, *arguments, watch={"W": W}), W)
    _, represented, linked = links(W.float(), 0.2 if threshold is None else threshold)
    right = reach(linked)
    got = canonical(labels)
    if t.equal(got, right) and (labels[~represented] == NOT_GROUPED).all():
        return
    known = find_mistake(got, lambda: group_mistakes(W, 0.2 if threshold is None else threshold), right)
    if known is not None:
        raise known.failure()
    if ((labels < 0) & represented).any():
        inst, feature = (int(i) for i in ((labels < 0) & represented).nonzero()[0])
        headline = f"feature {feature} of instance {inst} is represented, and has the number {labels[inst, feature]}."
        raise Failure("negative-number", headline, "Only features with a norm of 1/2 and less get -1.")
    raise _explain_difference(got, right, labels, represented)


def _explain_difference(got: Tensor, right: Tensor, labels: Tensor, represented: Tensor) -> Failure:
    """The first two features that are together and should not be, or the other way about."""
    stray = (labels != NOT_GROUPED) & ~represented
    if stray.any():
        inst, feature = (int(i) for i in stray.nonzero()[0])
        headline = (
            f"feature {feature} of instance {inst} is not represented, and has the number {labels[inst, feature]}."
        )
        return Failure("short-numbered", headline, f"Give {NOT_GROUPED} to features with a norm of 1/2 and less.")
    both = represented[:, :, None] & represented[:, None, :]
    mine, wanted = got[:, :, None] == got[:, None, :], right[:, :, None] == right[:, None, :]
    inst, i, j = (int(one) for one in ((mine != wanted) & both).nonzero()[0])
    together, not_so = ("in one group", "in two") if wanted[inst, i, j] else ("in two groups", "in one")
    headline = f"features {i} and {j} of instance {inst} belong {together}, and are {not_so}."
    n_right, n_mine = (len(one[inst][represented[inst]].unique()) for one in (right, got))
    counts = f"that instance has {n_right} groups, in your answer {n_mine}"
    return Failure("values", headline, "Two features belong together if links lead from one to the other.", counts)


ONE_INSTANCE = ("one-instance", "Do not squeeze the inst axis.")
ONE_FEATURE = ("one-feature", "A feature that is represented and linked to no other is a group of its own.")
MEMORY = ("memory-order", "The numbers of W need not lie in order in memory: use .reshape or einops, not .view.")
ZEROS = (
    "zero-column",
    "A zero column has no direction: W_i / ‖W_i‖ is NaN there. It is not represented, so it gets -1.",
)


@learner_test("orthogonal_groups", "orthogonal_groups")
def test_orthogonal_groups(trial: Trial, split: Groups) -> str:
    """Test the function: `tests.test_orthogonal_groups(orthogonal_groups)`."""
    with trial.case("3 instances of shapes in orthogonal spaces"):
        many = t.stack([arrangement(trial, BLOCKS) for _ in range(3)])
        check_groups(trial, split, many)
    with trial.case(
        "another threshold", ("threshold-ignored", "Is the threshold written into the code? Use the argument.")
    ):
        check_groups(trial, split, many, 0.6)  # the pentagon's neighbours at 72° and the chain come apart
        check_groups(trial, split, many, 0.05)
    with trial.case("a single instance", ONE_INSTANCE):
        check_groups(trial, split, many[:1])
    with trial.case("a single feature", ONE_FEATURE):
        check_groups(trial, split, 1 + trial.uniform(3, 2, 1))
    with trial.case("more dimensions than features", ("fixed-size", "Take sizes from W.shape.")):
        tall = t.stack([arrangement(trial, [DIGON, SINGLE]) for _ in range(2)])
        check_groups(trial, split, t.cat([tall, t.zeros_like(tall), t.zeros_like(tall)], dim=1).roll(1, dims=1))
    with trial.case("a W that is a view of another tensor", MEMORY):
        check_groups(trial, split, many.mT.contiguous().mT)
    with trial.case("zero columns, and an instance without any feature", ZEROS):
        empty = many.clone()
        empty[1, :, :2] = 0
        empty[2] = 0
        check_groups(trial, split, empty)
    try:
        check_groups(trial, split, many.half())
    except Failure as failure:
        if failure.diagnosis != "raised":
            raise Failure("half-precision", "right in float32, wrong in half precision.", failure.headline) from None
        return "7 arrangements, up to renaming; it does not take half precision (float16)"
    return "8 arrangements, up to renaming"
