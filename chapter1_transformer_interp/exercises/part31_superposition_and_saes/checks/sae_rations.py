"""Tests of section 5: shrinkage, and what TopK, BatchTopK and Matryoshka autoencoders change."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch as t
from torch import Tensor

from .. import solutions
from ..checking.compare import Mistake, compare, compare_gradients, no_mistakes
from ..checking.runner import Trial, learner_test
from .models import FIXED_SIZE

ONE_INSTANCE = ("one-instance", "Do not squeeze the inst axis.")

# ---- shrinkage


def shrinkage_mistakes(h: Tensor, out: Tensor, b_dec: Tensor) -> list[Mistake]:
    """What `shrinkage` gives with one thing wrong."""
    this = "these are the values that you get"
    answer, truth = out - b_dec, h - b_dec
    squared, product = (answer**2).sum((0, 2)), (answer * truth).sum((0, 2))
    norms = [one.norm(dim=-1) for one in (answer, truth)]
    formula = "It is E‖ŷ‖² / E[ŷ·y]."
    return [
        Mistake(
            "no-bias",
            f"{this} without b_dec.\nSubtract it from both first.",
            (out**2).sum((0, 2)) / (out * h).sum((0, 2)),
        ),
        Mistake(
            "bias-once", f"{this} when b_dec is subtracted from the answer alone.", squared / (answer * h).sum((0, 2))
        ),
        Mistake(
            "bias-once",
            f"{this} when b_dec is subtracted from h alone.",
            (out**2).sum((0, 2)) / (out * truth).sum((0, 2)),
        ),
        Mistake("upside-down", f"{this} for the inverse.\n{formula}", product / squared),
        Mistake(
            "regression-slope",
            f"{this} for the slope of the line through the origin, E[ŷ·y] / E‖y‖².\n{formula}",
            product / (truth**2).sum((0, 2)),
        ),
        Mistake("ratio-of-squares", f"{this} for E‖ŷ‖² / E‖y‖².\n{formula}", squared / (truth**2).sum((0, 2))),
        Mistake("ratio-of-norms", f"{this} for a ratio of mean norms.\n{formula}", norms[0].mean(0) / norms[1].mean(0)),
        Mistake(
            "mean-of-ratios",
            f"{this} when each row's ratio is averaged.\nTake the ratio of the two means.",
            ((answer**2).sum(-1) / (answer * truth).sum(-1)).mean(0),
        ),
        Mistake(
            "one-number",
            f"{this} when instances are pooled too.\nKeep inst.",
            (squared.sum() / product.sum()).expand_as(squared),
        ),
        Mistake(
            "cosine",
            f"{this} for the cosine between answers and truth.",
            product / (squared * (truth**2).sum((0, 2))).sqrt(),
        ),
        Mistake("root", f"{this} with a square root.", (squared / product).abs().sqrt()),
        Mistake(
            "explained-variance",
            f"{this} for the share of the variance that is explained.",
            1 - ((out - h) ** 2).sum((0, 2)) / (truth**2).sum((0, 2)),
        ),
        Mistake(
            "per-dimension",
            f"there is one value a dimension.\nSum over d_in as well. {formula}",
            (answer**2).sum(0) / (answer * truth).sum(0),
        ),
        Mistake(
            "per-row",
            f"there is one value a row.\nSum over the batch as well. {formula}",
            (answer**2).sum(-1) / (answer * truth).sum(-1),
        ),
        Mistake("pooled", f"instances are pooled.\nKeep inst. {formula}", squared.sum() / product.sum()),
        Mistake("one-minus", f"{this} for 1 - gamma.\n{formula}", 1 - squared / product),
    ]


@learner_test("shrinkage", "shrinkage")
def test_shrinkage(trial: Trial, function: Callable[..., Tensor]) -> str:
    """Test the function: `tests.test_shrinkage(shrinkage)`."""
    cases = (
        ("64 rows of 8 instances in 2 dimensions", (64, 8, 2), None),
        ("[11 3 4]", (11, 3, 4), FIXED_SIZE),
        ("a single instance", (9, 1, 3), ONE_INSTANCE),
        ("a single row", (1, 3, 4), ("one-row", "Name the axes that you sum over: do not squeeze.")),
    )
    for text, shape, suspect in cases:
        h = 1.0 + trial.normal(*shape)
        scales = trial.uniform(shape[1], low=0.3, high=0.9)[:, None]
        b_dec = 0.4 * trial.normal(*shape[1:])
        out = b_dec + scales * (h - b_dec) + 0.1 * trial.normal(*shape)
        watch = {"h": h, "h_reconstructed": out, "b_dec": b_dec}
        mistakes = no_mistakes if 1 in shape else partial(shrinkage_mistakes, h, out, b_dec)
        with trial.case(text, suspect):
            got = trial.call("shrinkage(h, h_reconstructed, b_dec)", function, h, out, b_dec, watch=watch)
            compare(got, solutions.shrinkage(h, out, b_dec), "inst", mistakes=mistakes)
    return "values for 4 shapes"


# ---- the k largest

SPARSE = "batch inst d_sae"


def _acts(trial: Trial, shape: tuple[int, ...]) -> Tensor:
    """Activations, 0 or more, many of them 0, and some rows with far larger ones than others."""
    acts = (trial.normal(*shape) + 0.4).relu()
    return acts * trial.uniform(*shape[:2], 1, low=0.2, high=3.0)


def _by_rank(acts: Tensor, axes: tuple[int, ...], n: int, smallest: bool = False, shift: int = 0) -> Tensor:
    """The n largest (or smallest) over some axes; zero elsewhere."""
    order = [axis for axis in range(acts.ndim) if axis not in axes]
    front = acts.permute(*order, *axes)
    flat = front.flatten(len(order))
    chosen = flat.topk(min(n + shift, flat.shape[-1]), dim=-1, largest=not smallest).indices
    kept = t.zeros_like(flat).scatter(-1, chosen, flat.gather(-1, chosen)).reshape(front.shape)
    return kept.permute(*[[*order, *axes].index(axis) for axis in range(acts.ndim)])


def top_k_mistakes(acts: Tensor, k: float, batch: bool) -> list[Mistake]:
    """What `keep_top_k` or `keep_batch_top_k` gives with one thing wrong."""
    this = "these are the values that you get"
    rows = len(acts)
    n = round(k * rows) if batch else int(k)
    axes = (0, 2) if batch else (2,)
    right = _by_rank(acts, axes, n)
    pool = "the batch and the latents of an instance" if batch else "the latents of a row"
    known = [
        Mistake(
            "nothing-dropped", "these are the activations as they were.\nSet those that are not kept to zero.", acts
        ),
        Mistake(
            "smallest", f"{this} when the smallest are kept.\nKeep the largest.", _by_rank(acts, axes, n, smallest=True)
        ),
        Mistake(
            "dropped-kept", f"{this} when the largest are set to zero.\nKeep them, and zero the others.", acts - right
        ),
        Mistake("mask", f"{this} when a 1 stands for each that is kept.\nKeep its value.", (right > 0).to(acts)),
        Mistake("one-too-many", f"{this} when one too many is kept.", _by_rank(acts, axes, n, shift=1)),
        Mistake(
            "one-too-few",
            f"{this} when one too few is kept.",
            _by_rank(acts, axes, n, shift=-1) if n > 1 else t.zeros_like(acts),
        ),
        Mistake(
            "over-batch",
            f"{this} when the largest are sought over the batch, latent by latent.\nSeek over {pool}.",
            _by_rank(acts, (0,), min(n, rows)),
        ),
        Mistake(
            "over-instances",
            f"{this} when the largest are sought over instances too.\nSeek over {pool}.",
            _by_rank(acts, (0, 1, 2) if batch else (1, 2), n),
        ),
        Mistake(
            "shifted",
            f"{this} when the smallest one kept is subtracted.\nKeep values as they are.",
            (acts - t.where(right > 0, right, float("inf")).amin(axes, keepdim=True)).relu() * (right > 0),
        ),
        Mistake(
            "softmax",
            f"{this} when the kept ones are rescaled to a sum of 1.",
            right / right.sum(axes, keepdim=True).clamp_min(1e-9),
        ),
    ]
    if batch:
        known += [
            Mistake(
                "row-by-row",
                f"{this} when each row gets the same number.\nThe batch is rationed as a whole.",
                _by_rank(acts, (2,), max(1, round(k))),
            ),
            Mistake(
                "all-instances-share",
                f"{this} when all instances share one ration.\nEach instance has its own.",
                _by_rank(acts, (0, 1, 2), round(k * rows * acts.shape[1])),
            ),
            Mistake(
                "k-in-all", f"{this} when k, not k times the batch, are kept.", _by_rank(acts, (0, 2), max(1, round(k)))
            ),
            Mistake(
                "rounded-k",
                f"{this} when k is rounded before it is multiplied.\nRound k * batch.",
                _by_rank(acts, (0, 2), round(k) * rows),
            ),
            Mistake(
                "rounded-k",
                f"{this} when the fraction of k is cut off.\nRound k * batch.",
                _by_rank(acts, (0, 2), max(1, int(k) * rows)),
            ),
        ]
    else:
        known.append(
            Mistake(
                "whole-batch",
                f"{this} when the batch is rationed as a whole.\nEach row has its own.",
                _by_rank(acts, (0, 2), n * rows),
            )
        )
    return known


def _check_choice(
    trial: Trial,
    choose: Any,
    reference: Any,
    cases: tuple[tuple[str, tuple[int, ...], float | int, tuple[str, str] | None], ...],
    batch: bool,
) -> None:
    name = reference.__name__
    for text, shape, k, suspect in cases:
        mine, right = (acts := _acts(trial, shape)).clone().requires_grad_(), acts.clone().requires_grad_()
        with trial.case(text, suspect):
            got = trial.call(f"{name}(acts, {k:g})", choose, mine, k, watch={"acts": mine})
            expected = reference(right, k)
            mistakes = partial(top_k_mistakes, acts, k, batch) if 1 not in shape else no_mistakes
            answer = compare(got, expected, SPARSE, mistakes=mistakes, grad=True)
            upstream = trial.normal(*shape)
            (to_acts,) = trial.call(
                "the backward pass", t.autograd.grad, (answer * upstream).sum(), mine, allow_unused=True
            )
            (wanted,) = t.autograd.grad((expected * upstream).sum(), right)
            gradient = (
                None if to_acts is None else to_acts * (acts > 0)
            )  # where zeros are kept, either gradient will do
            compare_gradients({"acts": gradient}, {"acts": wanted * (acts > 0)})


@learner_test("keep_top_k", "keep_top_k")
def test_keep_top_k(trial: Trial, choose: Callable[..., Tensor]) -> str:
    """Test the function: `tests.test_keep_top_k(keep_top_k)`."""
    cases = (
        ("k = 2 of 20 latents", (16, 5, 20), 2, None),
        ("k = 3 of 7 latents", (6, 3, 7), 3, ("fixed-k", "Is a k, or a size, written into the code?")),
        ("k = 1", (5, 2, 6), 1, ("k-one", "Keep the axis of latents.")),
        ("k = d_sae", (4, 3, 5), 5, ("k-all", "With k = d_sae everything is kept.")),
        ("a single instance", (4, 1, 6), 2, ONE_INSTANCE),
    )
    _check_choice(trial, choose, solutions.keep_top_k, cases, batch=False)
    acts = t.zeros(3, 2, 6, device=trial.device)
    acts[0, 0, 1], acts[1, 1, 4] = 0.5, 0.25
    with trial.case("rows with fewer than k latents on", ("few-on", "Zeros stay zeros.")):
        compare(trial.call("keep_top_k(acts, 2)", choose, acts, 2), acts, SPARSE)
    return "values for 5 shapes, rows with few latents on, gradient"


@learner_test("keep_batch_top_k", "keep_batch_top_k")
def test_keep_batch_top_k(trial: Trial, choose: Callable[..., Tensor]) -> str:
    """Test the function: `tests.test_keep_batch_top_k(keep_batch_top_k)`."""
    cases = (
        ("k = 1.4, a batch of 20", (20, 5, 20), 1.4, None),
        ("k = 2, a batch of 6", (6, 3, 7), 2, ("fixed-k", "Is a k, or a size, written into the code?")),
        ("k = 0.5, a batch of 12", (12, 2, 6), 0.5, ("fraction", "k may be below 1: round k * batch, not k.")),
        ("a single instance", (8, 1, 6), 1.5, ONE_INSTANCE),
    )
    _check_choice(trial, choose, solutions.keep_batch_top_k, cases, batch=True)
    return "values for 4 shapes, fractions of k, gradient"


# ---- nested reconstructions


def nested_mistakes(h: Tensor, acts: Tensor, W: Tensor, b: Tensor, ends: tuple[int, ...]) -> list[Mistake]:
    """What `nested_reconstruction_loss` gives with one thing wrong."""
    this = "these are the values that you get"

    def decoded(start: int, end: int) -> Tensor:
        return t.einsum("bis,isd->bid", acts[..., start:end], W[:, start:end])

    starts = (0, *ends[:-1])
    outs = [decoded(0, end) + b for end in ends]
    errors = t.stack([(out - h) ** 2 for out in outs])  # [groups batch inst d_in]
    apart = t.stack([(decoded(start, end) + b - h) ** 2 for start, end in zip(starts, ends, strict=True)])
    bare = t.stack([(decoded(0, end) - h) ** 2 for end in ends])
    bias_each = t.stack([(decoded(0, end) + (i + 1) * b - h) ** 2 for i, end in enumerate(ends)])
    tails = t.stack([(decoded(start, ends[-1]) + b - h) ** 2 for start in starts])
    sum_groups = "Sum the errors of all groups."
    sizes_as_ends = [(decoded(0, min(sum(ends[: i + 1]), ends[-1])) + b - h) ** 2 for i in range(len(ends))]
    return [
        Mistake("only-all", f"{this} for all latents alone.\n{sum_groups}", errors[-1].mean(-1)),
        Mistake("only-first", f"{this} for the first group alone.\n{sum_groups}", errors[0].mean(-1)),
        Mistake("mean-over-groups", f"{this} with a mean over groups.\n{sum_groups}", errors.mean(-1).mean(0)),
        Mistake("last-left-out", f"{this} without the last group.\n{sum_groups}", errors[:-1].mean(-1).sum(0)),
        Mistake("first-left-out", f"{this} without the first group.\n{sum_groups}", errors[1:].mean(-1).sum(0)),
        Mistake(
            "groups-apart",
            f"{this} when each group works without those before it.\nThe sizes are cumulative: the first g latents.",
            apart.mean(-1).sum(0),
        ),
        Mistake("last-latents", f"{this} when groups hold the last latents, not the first.", tails.mean(-1).sum(0)),
        Mistake(
            "sizes-added",
            f"{this} when the sizes are added up.\nThey are cumulative already.",
            t.stack(sizes_as_ends).mean(-1).sum(0),
        ),
        Mistake("no-bias", f"{this} without b_dec.\nIt belongs to every group.", bare.mean(-1).sum(0)),
        Mistake(
            "bias-added-up",
            f"{this} when b_dec is added once for every group so far.\nOnce is enough.",
            bias_each.mean(-1).sum(0),
        ),
        Mistake("sum-over-d_in", f"{this} with a sum over d_in. Take the mean.", errors.sum(-1).sum(0)),
        Mistake(
            "outputs-added",
            f"{this} when the reconstructions are added up before the error is taken.",
            (t.stack(outs).sum(0) - h).pow(2).mean(-1),
        ),
        Mistake("absolute-error", f"{this} with absolute errors. Square them.", errors.sqrt().mean(-1).sum(0)),
        Mistake("largest", f"{this} for the worst group. {sum_groups}", errors.mean(-1).amax(0)),
        Mistake(
            "batch-mean",
            f"the rows are averaged.\nReturn a loss for every row. {sum_groups}",
            errors.mean((1, 3)).sum(0),
        ),
        Mistake("not-summed", f"there is one loss a group.\n{sum_groups}", errors.mean(-1)),
        Mistake(
            "all-reduced",
            f"everything became one number.\nKeep batch and inst. {sum_groups}",
            errors.mean((1, 3)).sum(),
        ),
    ]


@learner_test("nested_reconstruction_loss", "nested_reconstruction_loss")
def test_nested_reconstruction_loss(trial: Trial, function: Callable[..., Tensor]) -> str:
    """Test the function: `tests.test_nested_reconstruction_loss(nested_reconstruction_loss)`."""
    cases: tuple[tuple[str, tuple[int, int, int, int], tuple[int, ...], Any], ...] = (
        ("groups (2, 5, 10) of 10 latents", (16, 3, 4, 10), (2, 5, 10), None),
        ("groups (1, 2, 4, 7) of 7 latents", (5, 2, 3, 7), (1, 2, 4, 7), ("fixed-groups", "Use group_sizes.")),
        ("a single group", (4, 2, 3, 6), (6,), ("one-group", "One group is the ordinary loss.")),
        (
            "a last group of fewer than d_sae",
            (6, 2, 3, 8),
            (2, 5),
            ("last-group", "Latents after the last group are in none."),
        ),
        ("a single instance", (4, 1, 3, 6), (2, 6), ONE_INSTANCE),
    )
    for text, (batch, inst, d_in, d_sae), ends, suspect in cases:
        arguments = {
            "h": trial.normal(batch, inst, d_in),
            "acts": _acts(trial, (batch, inst, d_sae)),
            "W_dec": trial.normal(inst, d_sae, d_in),
            "b_dec": 0.6 * trial.normal(inst, d_in),
        }
        mine, right = [{n: v.clone().requires_grad_() for n, v in arguments.items()} for _ in range(2)]
        with trial.case(text, suspect):
            call = "nested_reconstruction_loss(h, acts, W_dec, b_dec, group_sizes)"
            got = trial.call(call, function, *mine.values(), ends, watch=mine)
            expected = solutions.nested_reconstruction_loss(**right, group_sizes=ends)
            values = (arguments["h"], arguments["acts"], arguments["W_dec"], arguments["b_dec"])
            told = inst > 1 and len(ends) > 1
            known = partial(nested_mistakes, *values, ends) if told else no_mistakes
            answer = compare(got, expected, "batch inst", mistakes=known, grad=True)
            upstream = trial.uniform(batch, inst, low=0.5, high=1.5)
            names = ("acts", "W_dec", "b_dec")
            to = trial.call(
                "the backward pass",
                t.autograd.grad,
                (answer * upstream).sum(),
                [mine[n] for n in names],
                allow_unused=True,
            )
            wanted = t.autograd.grad((expected * upstream).sum(), [right[n] for n in names])
            compare_gradients(dict(zip(names, to, strict=True)), dict(zip(names, wanted, strict=True)))
    return "values for 5 shapes, gradient to activations and decoder"
