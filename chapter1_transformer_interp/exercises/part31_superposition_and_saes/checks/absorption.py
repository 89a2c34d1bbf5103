"""Tests of the bonus section: the dictionary that absorption would give, and how often a parent is silenced."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch as t
from torch import Tensor
from torch.nn import functional as F

from .. import solutions
from ..checking.compare import Mistake, compare, no_mistakes
from ..checking.runner import Trial, learner_test
from .models import FIXED_SIZE

ONE_INSTANCE = ("one-instance", "Do not squeeze the inst axis.")
OTHERS = ("others-counted", "Features after the last child belong to no family: leave them out.")
Family = tuple[int, int]  # parents, children of each


# ---- the absorbing dictionary


def dictionary_mistakes(W: Tensor, n_parents: int, n_children: int) -> list[Mistake]:
    """What `absorbing_dictionary` gives with one thing wrong."""
    this = "these are the rows that you get"
    rows = W.mT
    parents, children = rows[:, :n_parents], rows[:, n_parents : n_parents * (1 + n_children)]
    own = parents.repeat_interleave(n_children, dim=1)
    right = F.normalize(t.cat([parents, children + own], dim=1), dim=-1)

    def both(first: Tensor, second: Tensor) -> Tensor:
        return F.normalize(t.cat([first, second], dim=1), dim=-1)

    def unit(x: Tensor) -> Tensor:
        return F.normalize(x, dim=-1)

    grouped = t.cat([parents[:, :, None], (children + own).unflatten(1, (n_parents, n_children))], dim=2)
    all_children = children.unflatten(1, (n_parents, n_children)).sum(dim=2)
    return [
        Mistake("not-unit", f"{this} before they are scaled to length 1.", t.cat([parents, children + own], dim=1)),
        Mistake(
            "root-two",
            f"{this} when the sum is divided by √2.\nThat is its length for orthonormal directions only.",
            t.cat([unit(parents), (children + own) / 2**0.5], dim=1),
        ),
        Mistake(
            "root-two",
            f"{this} when unit directions are added and divided by √2.\nAdd the columns, then scale the sum.",
            t.cat([unit(parents), (unit(children) + unit(own)) / 2**0.5], dim=1),
        ),
        Mistake(
            "scaled-first",
            f"{this} when directions are scaled before they are added.\nA row is w_parent + w_child: add first.",
            both(parents, unit(children) + unit(own)),
        ),
        Mistake(
            "siblings-dealt",
            f"{this} when child i gets parent i, i + n_parents, ...\nThe children of one parent stand together.",
            both(parents, children + parents.repeat(1, n_children, 1)),
        ),
        Mistake(
            "honest", f"{this} when children keep their own direction.\nAdd their parent's.", both(parents, children)
        ),
        Mistake(
            "subtracted",
            f"{this} when the parent is subtracted from its child.\nAdd it.",
            both(parents, children - own),
        ),
        Mistake(
            "subtracted",
            f"{this} when the child is subtracted from its parent.\nAdd it.",
            both(parents, own - children),
        ),
        Mistake("parent-only", f"{this} when children get their parent's direction alone.", both(parents, own)),
        Mistake(
            "parents-too",
            f"{this} when parents have their children's directions in them.\nA parent keeps its own.",
            both(parents + all_children, children + own),
        ),
        Mistake("parents-doubled", f"{this} when the parent counts twice.", both(parents, children + 2 * own)),
        Mistake(
            "not-unit",
            f"{this} when only parents are scaled to length 1.",
            t.cat([unit(parents), children + own], dim=1),
        ),
        Mistake(
            "not-unit",
            f"{this} when only children are scaled to length 1.",
            t.cat([parents, unit(children + own)], dim=1),
        ),
        Mistake(
            "not-unit",
            f"{this} when parent and child are averaged, and not scaled.",
            t.cat([unit(parents), (children + own) / 2], dim=1),
        ),
        Mistake(
            "family-order",
            f"{this} when each parent is followed by its children.\nAll parents first, as in W.",
            unit(grouped.flatten(1, 2)),
        ),
        Mistake(
            "children-first", f"{this} when children come first.\nAll parents first.", both(children + own, parents)
        ),
        Mistake("transposed", "latents stand in the last axis.\nReturn [inst latents d_in].", right.mT),
        Mistake(
            "wrong-axis",
            f"{this} when each dimension is scaled over the latents.\nScale each row: dim=-1.",
            F.normalize(t.cat([parents, children + own], dim=1), dim=1),
        ),
        Mistake(
            "squared-length",
            f"{this} when rows are divided by their squared length.",
            _over_square(parents, children + own),
        ),
        Mistake("merged-only", "the parents' own rows are missing.", unit(children + own)),
    ]


def _over_square(first: Tensor, second: Tensor) -> Tensor:
    rows = t.cat([first, second], dim=1)
    return rows / rows.square().sum(dim=-1, keepdim=True)


@learner_test("absorbing_dictionary", "absorbing_dictionary")
def test_absorbing_dictionary(trial: Trial, function: Callable[..., Any]) -> str:
    """Test the function: `tests.test_absorbing_dictionary(absorbing_dictionary)`."""
    cases: tuple[tuple[str, int, int, Family, int, tuple[str, str] | None], ...] = (
        ("4 parents with 4 children in 20 dimensions", 3, 20, (4, 4), 0, None),
        ("2 parents with 3 children in 5 dimensions", 2, 5, (2, 3), 0, FIXED_SIZE),
        ("features that belong to no family", 2, 6, (3, 2), 4, OTHERS),
        ("a single instance", 1, 7, (2, 3), 0, ONE_INSTANCE),
        ("a single parent", 2, 7, (1, 3), 0, ("one-parent", "Name your axes: do not squeeze.")),
        ("one child each", 2, 7, (3, 1), 0, ("one-child", "Name your axes: do not squeeze.")),
    )
    for text, inst, d_in, family, others, suspect in cases:
        n_features = family[0] * (1 + family[1]) + others
        W = trial.normal(inst, d_in, n_features) * trial.uniform(inst, 1, n_features, low=0.5, high=2.0)
        mistakes = no_mistakes if suspect and suspect != FIXED_SIZE else partial(dictionary_mistakes, W, *family)
        with trial.case(text, suspect):
            got = trial.call("absorbing_dictionary(W, n_parents, n_children)", function, W, *family, watch={"W": W})
            right = solutions.absorbing_dictionary(W, *family)
            compare(got, right, "inst latents d_in", mistakes=mistakes)
    return "6 shapes, directions of any length, features outside the families"


# ---- the rate


def rate_mistakes(found: Tensor, true: Tensor, n_parents: int, n_children: int) -> list[Mistake]:
    """What `absorption_rate` gives with one thing wrong."""
    this = "these are the values that you get"
    last = n_parents * (1 + n_children)
    on = true[..., :n_parents] > 0
    is_on = true[..., n_parents:last] > 0
    families = is_on.unflatten(-1, (n_parents, n_children))
    child, dealt = families.any(-1), is_on.unflatten(-1, (n_children, n_parents)).any(-2)
    silent = found[..., :n_parents] == 0

    def share(what: Tensor, rows: Tensor) -> Tensor:
        return ((what & rows).sum(0) / rows.sum(0)).nan_to_num(0.0).to(true.dtype)

    def rate(with_child: Tensor, what: Tensor = silent) -> Tensor:
        return share(what, on & with_child) - share(what, on & ~with_child)

    first, second = share(silent, on & child), share(silent, on & ~child)
    right = rate(child)
    rows = len(true)
    joint = ((silent & on & child).sum(0) - (silent & on & ~child).sum(0)).to(true.dtype)
    return [
        Mistake("no-baseline", f"{this} without the second term.\nSubtract what happens without a child.", first),
        Mistake("child-missing", f"{this} for the second term alone.", second),
        Mistake(
            "sign", f"{this} with the sign turned round.\nRows with a child first, silent counted, not firing.", -right
        ),
        Mistake("added", f"{this} when the two shares are added.\nSubtract the second.", first + second),
        Mistake(
            "ratio",
            f"{this} for the ratio of the two shares.\nTake their difference.",
            (first / second).nan_to_num(0.0),
        ),
        Mistake(
            "parent-off-counted",
            f"{this} when rows without the parent count as rows without a child.\nThere the parent must be on too.",
            first - share(silent, ~child),
        ),
        Mistake(
            "parent-off-counted",
            f"{this} when rows with the parent off count as the rows without a child.",
            first - share(silent, ~on),
        ),
        Mistake(
            "all-rows-as-baseline",
            f"{this} when all rows with the parent on are the baseline.\nTake those without a child only.",
            first - share(silent, on),
        ),
        Mistake(
            "joint",
            f"{this} when counts are divided by the batch.\nDivide by the rows that meet the condition.",
            joint / rows,
        ),
        Mistake("counts", f"{this} for differences of counts.\nDivide each by its number of rows.", joint),
        Mistake(
            "joint",
            f"{this} when counts are divided by all rows with the parent on.",
            (joint / on.sum(0)).nan_to_num(0.0),
        ),
        Mistake(
            "siblings-dealt",
            f"{this} when child i belongs to parent i modulo n_parents.\nThe children of one parent stand together.",
            rate(dealt),
        ),
        Mistake("one-child", f"{this} when only the first child counts.\nAny child will do.", rate(families[..., 0])),
        Mistake("one-child", f"{this} when only the last child counts.\nAny child will do.", rate(families[..., -1])),
        Mistake(
            "any-family",
            f"{this} when a child of any parent counts.\nTake the parent's own children.",
            rate(is_on.any(-1, keepdim=True).expand_as(on)),
        ),
        Mistake(
            "exchanged",
            f"{this} when true and found are exchanged.",
            _rate_of(true, found, n_parents, n_children),
        ),
        Mistake(
            "children-found",
            f"{this} when a child counts as on where its latent fires.\nUse true.",
            _by_latents(found, true, n_parents, n_children),
        ),
        Mistake(
            "all-children",
            f"{this} when no child is ever seen.\nUse any over the children, not all.",
            rate(families.all(-1)) if n_children > 1 else -second,
        ),
        Mistake(
            "pooled-instances",
            f"{this} when instances are pooled.\nKeep inst.",
            _pooled(silent, on, child).expand_as(right),
        ),
        Mistake("mean", "this is the mean over parents.\nReturn one rate a parent.", right.mean(-1)),
        Mistake("mean", "this is the mean over instances.\nReturn one rate an instance and parent.", right.mean(0)),
        Mistake("mean", "this is the mean over instances and parents.\nReturn one rate each.", right.mean()),
        Mistake("absolute", f"{this} without their sign.\nA rate may be negative.", right.abs()),
        Mistake("clamped", f"{this} when negative rates become 0.\nA rate may be negative.", right.clamp_min(0)),
        Mistake("percent", f"{this} in percent.\nReturn shares.", 100 * right),
        Mistake(
            "normalized",
            f"{this} when the difference is divided by the share that fires without a child.",
            (right / (1 - second)).nan_to_num(0.0),
        ),
        Mistake("transposed", "parents stand first.\nReturn [inst parents].", right.mT),
    ]


def _rate_of(found: Tensor, true: Tensor, n_parents: int, n_children: int) -> Tensor:
    return solutions.absorption_rate(found, true, n_parents, n_children)


def _by_latents(found: Tensor, true: Tensor, n_parents: int, n_children: int) -> Tensor:
    mixed = t.cat([true[..., :n_parents], found[..., n_parents:]], dim=-1)
    return _rate_of(found, mixed, n_parents, n_children)


def _pooled(silent: Tensor, on: Tensor, child: Tensor) -> Tensor:
    with_child, without = on & child, on & ~child
    return (silent & with_child).sum((0, 1)) / with_child.sum((0, 1)) - (silent & without).sum((0, 1)) / without.sum(
        (0, 1)
    )


def _rows(trial: Trial, shape: tuple[int, int], family: Family, others: int) -> tuple[Tensor, Tensor]:
    """Hierarchical features and latents of theirs that are silent at a rate of their own, with and without a child."""
    n_parents, n_children = family
    place = (
        trial.uniform(*shape, n_parents) * (n_children + 2)
    ).long()  # a child's number, or n_children and more: none
    on = trial.uniform(*shape, n_parents) < 0.6
    which = t.arange(n_children, device=place.device)
    children = (place[..., None] == which) & on[..., None]
    is_on = t.cat([on, children.flatten(-2), trial.uniform(*shape, others) < 0.3], dim=-1)
    true = is_on * trial.uniform(*is_on.shape, low=0.5, high=1.5)
    chance = trial.uniform(shape[1], is_on.shape[-1], low=0.2, high=0.8)
    silenced = chance.expand(shape[0], -1, -1).clone()
    silenced[..., :n_parents] += children.any(-1) * trial.uniform(shape[1], n_parents, low=-0.5, high=0.5)
    fires = (trial.uniform(*is_on.shape) > silenced) & (is_on | (trial.uniform(*is_on.shape) < 0.3))
    return fires * trial.uniform(*is_on.shape, low=0.05, high=2.0), true


@learner_test("absorption_rate", "absorption_rate")
def test_absorption_rate(trial: Trial, function: Callable[..., Any]) -> str:
    """Test the function: `tests.test_absorption_rate(absorption_rate)`."""
    empty = ("no-rows", "Where one of the two kinds of rows does not occur, the rate is 0.")
    cases: tuple[tuple[str, tuple[int, int], Family, int, tuple[str, str] | None], ...] = (
        ("200 rows, 3 instances, 4 parents with 4 children", (200, 3), (4, 4), 0, None),
        ("150 rows, 2 instances, 2 parents with 3 children", (150, 2), (2, 3), 0, FIXED_SIZE),
        ("features that belong to no family", (120, 3), (2, 3), 5, OTHERS),
        ("a single instance", (100, 1), (3, 2), 0, ONE_INSTANCE),
        ("a single parent", (100, 2), (1, 3), 0, ("one-parent", "Name your axes: do not squeeze.")),
        ("children that never come, or always", (60, 2), (4, 3), 0, empty),
    )
    for text, shape, family, others, suspect in cases:
        found, true = _rows(trial, shape, family, others)
        if suspect == empty:
            _without_some_rows(true, *family)
        mistakes = partial(rate_mistakes, found, true, *family) if suspect in (None, FIXED_SIZE) else no_mistakes
        with trial.case(text, suspect):
            call = "absorption_rate(found, true, n_parents, n_children)"
            watch = {"found": found, "true": true}
            got = trial.call(call, function, found, true, *family, watch=watch)
            compare(got, solutions.absorption_rate(found, true, *family), "inst parents", mistakes=mistakes)
    return "6 shapes, latents more and less often silent with a child, rows that do not occur"


def _without_some_rows(true: Tensor, n_parents: int, n_children: int) -> None:
    """In place: parent 0 has no child, parent 1 always one, parent 2 is never on."""
    children = true[..., n_parents:].unflatten(-1, (n_parents, n_children))
    children[..., 0, :] = 0.0
    children[..., 1, :] = 0.0
    children[..., 1, 0] = true[..., 1]
    children[..., 2, :] = 0.0
    true[..., 2] = 0.0
