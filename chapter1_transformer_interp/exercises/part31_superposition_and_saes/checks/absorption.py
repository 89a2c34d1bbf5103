"""Tests of the bonus section: the dictionary that absorption would give, and how often a parent is silenced."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch as t
from jaxtyping import Bool
from torch import Tensor
from torch.nn import functional as F

from .. import solutions
from ..checking.compare import Mistake, compare, no_mistakes
from ..checking.runner import Trial, learner_test

FIXED_SIZE = ("fixed-size", "Is a size written into the code? Take n_parents and n_children.")
ONE_INSTANCE = ("one-instance", "Do not squeeze the inst axis.")
OTHERS = ("others-counted", "Features after the last child belong to no family: leave them out.")
_THIS = "these are the values that you get"
Family = tuple[int, int]  # parents, children of each


# ---- the absorbing dictionary


def _unit(rows: Tensor) -> Tensor:
    return F.normalize(rows, dim=-1)


def _joined(*parts: Tensor) -> Tensor:
    """Rows one after the other, each of length 1."""
    return _unit(t.cat(parts, dim=1))


def dictionary_mistakes(W: Tensor, n_parents: int, n_children: int) -> list[Mistake]:
    """What `absorbing_dictionary` gives with one thing wrong."""
    rows = W.mT
    parents, children = rows[:, :n_parents], rows[:, n_parents : n_parents * (1 + n_children)]
    own = parents.repeat_interleave(n_children, dim=1)
    dealt = parents.repeat(1, n_children, 1)
    return (
        _wrong_sums(parents, children, own, dealt)
        + _wrong_lengths(parents, children, own)
        + _wrong_orders(parents, children + own)
    )


def _wrong_sums(parents: Tensor, children: Tensor, own: Tensor, dealt: Tensor) -> list[Mistake]:
    """Rows of length 1 in which the wrong directions were added."""
    this = "these are the rows that you get"
    of_each = children.unflatten(1, (parents.shape[1], -1)).sum(dim=2)
    return [
        Mistake(
            "scaled-first",
            f"{this} when directions are scaled before they are added.\nA row is w_parent + w_child: add first.",
            _joined(parents, _unit(children) + _unit(own)),
        ),
        Mistake(
            "siblings-dealt",
            f"{this} when child i belongs to parent i modulo n_parents.\nThe children of one parent stand together.",
            _joined(parents, children + dealt),
        ),
        Mistake(
            "honest",
            f"{this} when children keep their own direction.\nAdd their parent's.",
            _joined(parents, children),
        ),
        Mistake(
            "subtracted",
            f"{this} when the parent is subtracted from its child.\nAdd it.",
            _joined(parents, children - own),
        ),
        Mistake(
            "subtracted",
            f"{this} when the child is subtracted from its parent.\nAdd it.",
            _joined(parents, own - children),
        ),
        Mistake("parent-only", f"{this} when children get their parent's direction alone.", _joined(parents, own)),
        Mistake(
            "parents-too",
            f"{this} when parents have their children's directions in them.\nA parent keeps its own.",
            _joined(parents + of_each, children + own),
        ),
        Mistake("parents-doubled", f"{this} when the parent counts twice.", _joined(parents, children + 2 * own)),
    ]


def _wrong_lengths(parents: Tensor, children: Tensor, own: Tensor) -> list[Mistake]:
    """The right directions in the wrong lengths."""
    this = "these are the rows that you get"
    merged = children + own
    raw = t.cat([parents, merged], dim=1)

    def with_parents(rows: Tensor) -> Tensor:
        return t.cat([_unit(parents), rows], dim=1)

    return [
        Mistake("not-unit", f"{this} before they are scaled to length 1.", raw),
        Mistake("not-unit", f"{this} when only parents are scaled to length 1.", with_parents(merged)),
        Mistake(
            "not-unit",
            f"{this} when only children are scaled to length 1.",
            t.cat([parents, _unit(merged)], dim=1),
        ),
        Mistake("not-unit", f"{this} when parent and child are averaged, and not scaled.", with_parents(merged / 2)),
        Mistake(
            "root-two",
            f"{this} when the sum is divided by √2.\nThat is its length for orthonormal directions only.",
            with_parents(merged / 2**0.5),
        ),
        Mistake(
            "root-two",
            f"{this} when unit directions are added and divided by √2.\nAdd the columns, then scale the sum.",
            with_parents((_unit(children) + _unit(own)) / 2**0.5),
        ),
        Mistake(
            "wrong-axis",
            f"{this} when each dimension is scaled over the latents.\nScale each row: dim=-1.",
            F.normalize(raw, dim=1),
        ),
        Mistake(
            "squared-length",
            f"{this} when rows are divided by their squared length.",
            raw / raw.square().sum(dim=-1, keepdim=True),
        ),
    ]


def _wrong_orders(parents: Tensor, merged: Tensor) -> list[Mistake]:
    """The right rows in the wrong places."""
    this = "these are the rows that you get"
    by_family = t.cat([parents[:, :, None], merged.unflatten(1, (parents.shape[1], -1))], dim=2).flatten(1, 2)
    return [
        Mistake(
            "family-order",
            f"{this} when each parent is followed by its children.\nAll parents first, as in W.",
            _unit(by_family),
        ),
        Mistake("children-first", f"{this} when children come first.\nAll parents first.", _joined(merged, parents)),
        Mistake(
            "transposed",
            "latents stand in the last axis.\nReturn [inst latents d_in].",
            _joined(parents, merged).mT,
        ),
        Mistake("merged-only", "the parents' own rows are missing.", _unit(merged)),
    ]


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


@dataclass(frozen=True)
class Counted:
    """The rows of one case, as booleans.

    Attributes:
        silent: the parent's latent is off.
        on: the parent is on.
        children: which of its children are on.
    """

    silent: Bool[Tensor, "*rows parents"]
    on: Bool[Tensor, "*rows parents"]
    children: Bool[Tensor, "*rows parents children"]

    @property
    def child(self) -> Bool[Tensor, "*rows parents"]:
        """Any of its children is on."""
        return self.children.any(-1)

    def share(self, rows: Tensor) -> Tensor:
        """Share of these rows in which the parent's latent is off; 0 where there are none."""
        return ((self.silent & rows).sum(0) / rows.sum(0)).nan_to_num(0.0)

    def rate(self, child: Tensor) -> Tensor:
        """The rate, if rows with a child were these."""
        return self.share(self.on & child) - self.share(self.on & ~child)


def rate_mistakes(found: Tensor, true: Tensor, n_parents: int, n_children: int) -> list[Mistake]:
    """What `absorption_rate` gives with one thing wrong."""
    is_on = true[..., n_parents : n_parents * (1 + n_children)] > 0
    rows = Counted(found[..., :n_parents] == 0, true[..., :n_parents] > 0, is_on.unflatten(-1, (n_parents, n_children)))
    dealt = is_on.unflatten(-1, (n_children, n_parents)).any(-2)
    by_latents = t.cat([true[..., :n_parents], found[..., n_parents:]], dim=-1)
    exchanged = [
        Mistake(
            "exchanged",
            f"{_THIS} when true and found are exchanged.",
            solutions.absorption_rate(true, found, n_parents, n_children),
        ),
        Mistake(
            "children-found",
            f"{_THIS} when a child counts as on where its latent fires.\nUse true.",
            solutions.absorption_rate(found, by_latents, n_parents, n_children),
        ),
    ]
    return _wrong_terms(rows) + _wrong_children(rows, dealt) + exchanged + _wrong_ends(rows)


def _wrong_terms(rows: Counted) -> list[Mistake]:
    """Terms that are missing, combined in another way, or conditioned on other rows."""
    silent, on, child = rows.silent, rows.on, rows.child
    first, second = rows.share(on & child), rows.share(on & ~child)
    joint = ((silent & on & child).sum(0) - (silent & on & ~child).sum(0)).to(first.dtype)
    return [
        Mistake("no-baseline", f"{_THIS} without the second term.\nSubtract what happens without a child.", first),
        Mistake("child-missing", f"{_THIS} for the second term alone.", second),
        Mistake(
            "sign",
            f"{_THIS} with the sign turned round.\nCount silence, and put the rows with a child first.",
            second - first,
        ),
        Mistake("added", f"{_THIS} when the two shares are added.\nSubtract the second.", first + second),
        Mistake(
            "ratio",
            f"{_THIS} for the ratio of the two shares.\nTake their difference.",
            (first / second).nan_to_num(0.0),
        ),
        Mistake(
            "parent-off-counted",
            f"{_THIS} when rows without the parent count as rows without a child.\nThere the parent must be on too.",
            first - rows.share(~child),
        ),
        Mistake(
            "parent-off-counted",
            f"{_THIS} when rows with the parent off count as the rows without a child.",
            first - rows.share(~on),
        ),
        Mistake(
            "all-rows-as-baseline",
            f"{_THIS} when all rows with the parent on are the baseline.\nTake those without a child only.",
            first - rows.share(on),
        ),
        Mistake(
            "joint",
            f"{_THIS} when counts are divided by the batch.\nDivide by the rows that meet the condition.",
            joint / len(on),
        ),
        Mistake("counts", f"{_THIS} for differences of counts.\nDivide each by its number of rows.", joint),
        Mistake("joint", f"{_THIS} when counts are divided by all rows with the parent on.", joint / on.sum(0)),
        Mistake(
            "normalized",
            f"{_THIS} when the difference is divided by the share that fires without a child.",
            (first - second) / (1 - second),
        ),
    ]


def _wrong_children(rows: Counted, dealt: Tensor) -> list[Mistake]:
    """Rows with a child that were taken for rows without, or the other way about."""
    children = rows.children
    anywhere = children.flatten(-2).any(-1, keepdim=True).expand_as(rows.on)
    return [
        Mistake(
            "siblings-dealt",
            f"{_THIS} when child i belongs to parent i modulo n_parents.\nThe children of one parent stand together.",
            rows.rate(dealt),
        ),
        Mistake(
            "one-child", f"{_THIS} when only the first child counts.\nAny child will do.", rows.rate(children[..., 0])
        ),
        Mistake(
            "one-child", f"{_THIS} when only the last child counts.\nAny child will do.", rows.rate(children[..., -1])
        ),
        Mistake(
            "any-family",
            f"{_THIS} when a child of any parent counts.\nTake the parent's own children.",
            rows.rate(anywhere),
        ),
        Mistake(
            "all-children",
            f"{_THIS} when no child is ever seen.\nUse any over the children, not all.",
            rows.rate(children.all(-1)),
        ),
    ]


def _wrong_ends(rows: Counted) -> list[Mistake]:
    """The right rates, and then something else done to them."""
    right = rows.rate(rows.child)
    flat = Counted(rows.silent.flatten(0, 1), rows.on.flatten(0, 1), rows.children.flatten(0, 1))
    return [
        Mistake(
            "pooled-instances",
            f"{_THIS} when instances are pooled.\nKeep inst.",
            flat.rate(flat.child).expand_as(right),
        ),
        Mistake("mean", "this is the mean over parents.\nReturn one rate a parent.", right.mean(-1)),
        Mistake("mean", "this is the mean over instances.\nReturn one rate an instance and parent.", right.mean(0)),
        Mistake("mean", "this is the mean over instances and parents.\nReturn one rate each.", right.mean()),
        Mistake("absolute", f"{_THIS} without their sign.\nA rate may be negative.", right.abs()),
        Mistake("clamped", f"{_THIS} when negative rates become 0.\nA rate may be negative.", right.clamp_min(0)),
        Mistake("percent", f"{_THIS} in percent.\nReturn shares.", 100 * right),
        Mistake("transposed", "parents stand first.\nReturn [inst parents].", right.mT),
    ]


def _rows(trial: Trial, shape: tuple[int, int], family: Family, others: int) -> tuple[Tensor, Tensor]:
    """Hierarchical features and latents of theirs that are silent at a rate of their own, with and without a child."""
    n_parents, n_children = family
    place = (trial.uniform(*shape, n_parents) * (n_children + 2)).long()  # which child; n_children and more: none
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
