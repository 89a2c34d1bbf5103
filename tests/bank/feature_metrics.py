"""Answers to `feature_norms` and `feature_interference`."""

import einops
import torch as t

from . import right, wrong

NORMS, INTERFERENCE = "feature_norms", "feature_interference"


def unit(W):
    """Columns of length 1; zero columns stay."""
    return W / W.norm(dim=1, keepdim=True).clamp(min=1e-12)


def dots(left, right):
    """All products of columns, without those of a column with itself."""
    products = t.einsum("idf,idg->ifg", left, right)
    return products - t.diag_embed(products.diagonal(dim1=1, dim2=2))


@wrong(NORMS, "squared")
def squared(W):
    return (W**2).sum(1)


@wrong(NORMS, "other-axis")
def over_features(W):
    return W.norm(dim=-1)


@wrong(NORMS, "over-instances")
def over_instances(W):
    return W.norm(dim=0)


@wrong(NORMS, "absolute-sum")
def absolute_sum(W):
    return W.abs().sum(1)


@wrong(NORMS, "plain-sum")
def plain_sum(W):
    return W.sum(1)


@wrong(NORMS, "largest-entry")
def largest_entry(W):
    return W.norm(p=float("inf"), dim=1)


@wrong(NORMS, "mean-for-sum")
def root_mean_square(W):
    return W.pow(2).mean(1).sqrt()


@wrong(NORMS, "whole-instance")
def frobenius(W):
    return W.norm(dim=(1, 2))


@wrong(NORMS, "one-for-all")
def frobenius_for_all(W):
    return t.stack([W.norm(dim=(1, 2))] * W.shape[2], dim=1)


@wrong(NORMS, "all-reduced")
def everything(W):
    return W.norm()


@wrong(NORMS, "kept-axis")
def kept_axis(W):
    return W.norm(dim=1, keepdim=True)


@wrong(NORMS, "missing-axis")
def first_instance(W):
    return W[0].norm(dim=0)


@wrong(NORMS, "one-feature")
def squeezed(W):
    norms = W.norm(dim=1)
    return norms.squeeze(-1)


@wrong(NORMS, "fixed-size")
def two_dimensions(W):
    return (W[:, 0] ** 2 + W[:, 1] ** 2).sqrt()


@wrong(NORMS, "input-changed")
def in_place(W):
    return W.pow_(2).sum(1).sqrt()


@wrong(NORMS, "zero-column")
def logarithm(W):
    return (W / W.norm(dim=1, keepdim=True) * W).sum(1)


@right(NORMS)
def vector_norm(W):
    return t.linalg.vector_norm(W, dim=1)


@right(NORMS)
def reduced(W):
    return einops.reduce(W**2, "inst d_hidden feats -> inst feats", "sum").sqrt()


@right(NORMS)
def diagonal_of_gram(W):
    return (W.mT @ W).diagonal(dim1=-2, dim2=-1).sqrt()


@right(NORMS)
def loop_over_columns(W):
    return t.stack([t.stack([column.norm() for column in instance.T]) for instance in W])


@wrong(INTERFERENCE, "own-feature")
def own_feature(W):
    return (t.einsum("idf,idg->ifg", unit(W), W) ** 2).sum(2)


@wrong(INTERFERENCE, "not-normalized")
def not_normalized(W):
    return (dots(W, W) ** 2).sum(2)


@wrong(INTERFERENCE, "both-normalized")
def both_normalized(W):
    return (dots(unit(W), unit(W)) ** 2).sum(2)


@wrong(INTERFERENCE, "other-normalized")
def summed_over_i(W):
    return (dots(unit(W), W) ** 2).sum(1)


@wrong(INTERFERENCE, "not-squared")
def not_squared(W):
    return dots(unit(W), W).sum(2)


@wrong(INTERFERENCE, "absolute-value")
def absolute(W):
    return dots(unit(W), W).abs().sum(2)


@wrong(INTERFERENCE, "root")
def root(W):
    return dots(unit(W), W).norm(dim=2)


@wrong(INTERFERENCE, "mean-for-sum")
def mean_over_others(W):
    return (dots(unit(W), W) ** 2).sum(2) / (W.shape[2] - 1)


@wrong(INTERFERENCE, "mean-for-sum")
def mean_over_all(W):
    return (dots(unit(W), W) ** 2).mean(2)


@wrong(INTERFERENCE, "largest")
def largest(W):
    return (dots(unit(W), W) ** 2).amax(2)


@wrong(INTERFERENCE, "not-summed")
def not_summed(W):
    return dots(unit(W), W) ** 2


@wrong(INTERFERENCE, "summed-over-features")
def summed_over_features(W):
    return (dots(unit(W), W) ** 2).sum((1, 2))


@wrong(INTERFERENCE, "square-after-sum")
def square_after_sum(W):
    return dots(unit(W), W).sum(2) ** 2


@wrong(INTERFERENCE, "zero-column")
def zero_column(W):
    return (dots(W / W.norm(dim=1, keepdim=True), W) ** 2).sum(2)


@wrong(INTERFERENCE, "one-instance")
def squeezed_interference(W):
    return (dots(unit(W), W) ** 2).sum(2).squeeze()


@wrong(INTERFERENCE, "type")
def list_of_instances(W):
    return [(dots(unit(W), W) ** 2)[i].sum(1) for i in range(len(W))]


@right(INTERFERENCE)
def minus_own(W):
    squares = t.einsum("idf,idg->ifg", unit(W), W) ** 2
    return squares.sum(-1) - W.norm(dim=1) ** 2


@right(INTERFERENCE)
def added_epsilon(W):
    directions = W / (W.norm(dim=1, keepdim=True) + 1e-9)
    products = (directions.mT @ W) ** 2
    return (products * (1 - t.eye(W.shape[2], device=W.device))).sum(-1)


@right(INTERFERENCE)
def loops(W):
    result = t.zeros(W.shape[0], W.shape[2], device=W.device)
    for inst in range(W.shape[0]):
        for i in range(W.shape[2]):
            length = W[inst, :, i].norm()
            for j in range(W.shape[2]):
                if i != j and length > 0:
                    result[inst, i] += (W[inst, :, i] @ W[inst, :, j] / length) ** 2
    return result


@right(INTERFERENCE)
def gram_over_norms(W):
    gram = W.mT @ W
    norms = gram.diagonal(dim1=1, dim2=2).clone()
    gram.diagonal(dim1=1, dim2=2).zero_()
    return t.where(norms > 0, (gram**2).sum(2) / norms, 0.0)


@right(INTERFERENCE)
def nan_to_num(W):
    directions = (W / W.norm(dim=1, keepdim=True)).nan_to_num(0.0)
    return dots(directions, W).square().sum(-1)
