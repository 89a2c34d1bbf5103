"""Answers to `dimensions_per_feature` and `compute_dimensionality`."""

import einops
import numpy as np
import torch as t

from . import right, wrong

WHOLE, FEATURE = "dimensions_per_feature", "compute_dimensionality"


def unit(W):
    """Columns of length 1; zero columns stay."""
    return W / W.norm(dim=1, keepdim=True).clamp(min=1e-12)


def shadows(W):
    """[inst i j]: feature j on the line of feature i."""
    return unit(W).mT @ W


def squared(W):
    return W.pow(2).sum(1)


def share(above, below):
    return above / below.clamp(min=1e-12)


@wrong(WHOLE, "upside-down")
def features_per_dimension(W):
    return W.square().sum(dim=(1, 2)) / W.shape[1]


@wrong(WHOLE, "not-squared")
def frobenius(W):
    return W.shape[1] / W.norm(dim=(1, 2))


@wrong(WHOLE, "features-for-dimensions")
def last_axis(W):
    return W.shape[2] / (W**2).sum(dim=(1, 2))


@wrong(WHOLE, "no-dimensions")
def one_over(W):
    return 1 / (W**2).sum(dim=(1, 2))


@wrong(WHOLE, "all-instances")
def everything(W):
    return W.shape[1] / (W**2).sum()


@wrong(WHOLE, "all-instances")
def everything_for_all(W):
    return t.full((len(W),), W.shape[1], device=W.device) / (W**2).sum()


@wrong(WHOLE, "per-feature")
def one_a_feature(W):
    return W.shape[1] / (W**2).sum(1)


@wrong(WHOLE, "per-dimension")
def one_a_dimension(W):
    return W.shape[1] / einops.reduce(W**2, "inst d feats -> inst d", "sum")


@wrong(WHOLE, "absolute-sum")
def absolute(W):
    return W.shape[1] / W.abs().sum((1, 2))


@wrong(WHOLE, "plain-sum")
def not_even_squared(W):
    return W.shape[1] / W.sum((1, 2))


@wrong(WHOLE, "norms-not-squared")
def sum_of_norms(W):
    return W.shape[1] / W.norm(dim=1).sum(dim=1)


@wrong(WHOLE, "mean-for-sum")
def mean(W):
    return W.shape[1] / (W**2).mean(dim=(1, 2))


@wrong(WHOLE, "spectral-norm")
def spectral(W):
    return W.shape[1] / t.linalg.matrix_norm(W, ord=2) ** 2


@wrong(WHOLE, "nuclear-norm")
def nuclear(W):
    return W.shape[1] / t.linalg.matrix_norm(W, ord="nuc") ** 2


@wrong(WHOLE, "counted")
def counted(W):
    return W.shape[1] / (W.norm(dim=1) > 0.5).sum(dim=1)


@wrong(WHOLE, "zero-instance")
def epsilon(W):
    return W.shape[1] / ((W**2).sum((1, 2)) + 1e-8)


@wrong(WHOLE, "zero-instance")
def zero_for_zero(W):
    total = (W**2).sum((1, 2))
    return t.where(total > 0, W.shape[1] / total, 0.0)


@wrong(WHOLE, "zero-instance")
def not_a_number_for_zero(W):
    total = (W**2).sum((1, 2))
    return W.shape[1] * total / total**2


@wrong(WHOLE, "fixed-size")
def in_the_plane(W):
    return 2 / (W**2).sum((1, 2))


@wrong(WHOLE, "one-instance")
def squeezed(W):
    return (W.shape[1] / (W**2).sum((1, 2))).squeeze()


@wrong(WHOLE, "kept-axis")
def kept(W):
    return W.shape[1] / (W**2).sum((1, 2), keepdim=True)


@wrong(WHOLE, "memory-order")
def viewed(W):
    return W.shape[1] / (W.view(len(W), -1) ** 2).sum(1)


@wrong(WHOLE, "input-changed")
def in_place(W):
    return W.shape[1] / W.square_().sum((1, 2))


@wrong(WHOLE, "type")
def a_list(W):
    return [W.shape[1] / float((one**2).sum()) for one in W]


@right(WHOLE)
def norm_squared(W):
    return W.shape[-2] / W.norm(dim=(-2, -1)) ** 2


@right(WHOLE)
def summed_column_norms(W):
    return W.size(1) / W.norm(dim=1).square().sum(-1)


@right(WHOLE)
def trace(W):
    return W.shape[1] / (W.mT @ W).diagonal(dim1=1, dim2=2).sum(1)


@right(WHOLE)
def one_by_one(W):
    return t.stack([t.tensor(W.shape[1], device=W.device, dtype=W.dtype) / (one * one).sum() for one in W])


@right(WHOLE)
def dots(W):
    return W.shape[1] * t.einsum("idf,idf->i", W, W).reciprocal()


@wrong(FEATURE, "own-left-out")
def without_own(W):
    squares = shadows(W) ** 2
    return squared(W) / (squares.sum(2) - squares.diagonal(dim1=1, dim2=2))


@wrong(FEATURE, "not-normalized")
def not_normalized(W):
    return squared(W) / ((W.mT @ W) ** 2).sum(2)


@wrong(FEATURE, "both-normalized")
def both_normalized(W):
    return squared(W) / ((unit(W).mT @ unit(W)) ** 2).sum(2)


@wrong(FEATURE, "cosines-only")
def cosines_only(W):
    return 1 / ((unit(W).mT @ unit(W)) ** 2).sum(2)


@wrong(FEATURE, "cosines-only")
def summed_over_i(W):
    return squared(W) / (shadows(W) ** 2).sum(1)


@wrong(FEATURE, "not-squared")
def signs_cancel(W):
    return squared(W) / shadows(W).sum(2)


@wrong(FEATURE, "absolute-value")
def absolute_shadows(W):
    return squared(W) / shadows(W).abs().sum(2)


@wrong(FEATURE, "square-after-sum")
def square_after_sum(W):
    return squared(W) / shadows(W).sum(2) ** 2


@wrong(FEATURE, "norm-not-squared")
def norm_above(W):
    return W.norm(dim=1) / (shadows(W) ** 2).sum(2)


@wrong(FEATURE, "not-normalized")
def nothing_above(W):
    return 1 / (shadows(W) ** 2).sum(2)


@wrong(FEATURE, "upside-down")
def turned_over(W):
    return (shadows(W) ** 2).sum(2) / squared(W)


@wrong(FEATURE, "root")
def rooted(W):
    return (squared(W) / (shadows(W) ** 2).sum(2)).sqrt()


@wrong(FEATURE, "denominator-only")
def below_only(W):
    return (shadows(W) ** 2).sum(2)


@wrong(FEATURE, "interference")
def interference(W):
    return (shadows(W) ** 2).sum(2) - squared(W)


@wrong(FEATURE, "mean-for-sum")
def mean_below(W):
    return squared(W) / (shadows(W) ** 2).mean(2)


@wrong(FEATURE, "largest")
def largest(W):
    return squared(W) / (shadows(W) ** 2).amax(2)


@wrong(FEATURE, "not-summed")
def not_summed(W):
    return shadows(W) ** 2


@wrong(FEATURE, "summed-over-features")
def summed(W):
    return (squared(W) / (shadows(W) ** 2).sum(2)).sum(1)


@wrong(FEATURE, "rows-for-columns")
def of_dimensions(W):
    return right_answer(W.mT)


@wrong(FEATURE, "instances-mixed")
def over_all_instances(W):
    below = t.einsum("idf,kdg->ifkg", unit(W), W).square().sum((2, 3))
    return squared(W) / below


@wrong(FEATURE, "only-diagonal")
def own_only(W):
    return squared(W) / shadows(W).diagonal(dim1=1, dim2=2) ** 2


@wrong(FEATURE, "zero-column")
def divides_by_zero(W):
    directions = W / W.norm(dim=1, keepdim=True)
    return squared(W) / ((directions.mT @ W) ** 2).sum(2)


@wrong(FEATURE, "one-instance")
def squeezed_shares(W):
    return right_answer(W).squeeze()


@wrong(FEATURE, "fixed-size")
def five_features(W):
    below = sum((shadows(W)[:, :, j] ** 2 for j in range(min(5, W.shape[2]))), t.zeros_like(W[:, 0]))
    return share(squared(W), below)


@wrong(FEATURE, "memory-order")
def viewed_as_rows(W):
    columns = W.view(-1).view(W.shape)
    return right_answer(columns)


@wrong(FEATURE, "half-precision")
def through_integers(W):
    scale = 1e6 if W.dtype == t.float32 else 1
    return right_answer((W * scale).round())


@wrong(FEATURE, "input-changed")
def normalizes_in_place(W):
    norms = W.norm(dim=1)
    before = W.clone()
    W /= norms[:, None].clamp(min=1e-12)
    return share(norms**2, ((W.mT @ before) ** 2).sum(2))


@wrong(FEATURE, "type")
def to_numpy(W):
    return right_answer(W).cpu().numpy()


@right(FEATURE)
def right_answer(W):
    return share(squared(W), (shadows(W) ** 2).sum(2))


@right(FEATURE)
def fourth_power(W):
    gram = W.mT @ W
    own = gram.diagonal(dim1=-2, dim2=-1)
    return t.where(own > 0, own**2 / (gram**2).sum(-1), 0.0)


@right(FEATURE)
def nan_to_zero(W):
    norms = W.norm(dim=1, keepdim=True)
    below = einops.einsum(W / norms, W, "i d f, i d g -> i f g").square().sum(-1)
    return (norms.squeeze(1) ** 2 / below).nan_to_num(0.0)


@right(FEATURE)
def added_epsilon(W):
    norms = W.norm(dim=1)
    directions = W / (norms[:, None] + 1e-8)
    return norms**2 / ((directions.mT @ W).pow(2).sum(-1) + 1e-8)


@right(FEATURE)
def second_moment(W):
    moment = W @ W.mT
    below = einops.einsum(W, moment, W, "inst d f, inst d e, inst e f -> inst f")
    return share(squared(W) ** 2, below)


@right(FEATURE)
def loops(W):
    result = t.zeros(W.shape[0], W.shape[2], device=W.device, dtype=W.dtype)
    for inst in range(W.shape[0]):
        for i in range(W.shape[2]):
            own = W[inst, :, i]
            if own.norm() > 0:
                direction = own / own.norm()
                below = sum((direction @ W[inst, :, j]) ** 2 for j in range(W.shape[2]))
                result[inst, i] = (own @ own) / below
    return result


@right(FEATURE)
def in_double(W):
    D = right_answer(W.cpu().double())
    return D.to(W.dtype).to(W.device)


@right(FEATURE)
def through_numpy(W):
    weights = W.detach().cpu().double().numpy()
    gram = np.einsum("idf,idg->ifg", weights, weights)
    own = np.einsum("iff->if", gram)
    D = np.divide(own**2, (gram**2).sum(2), out=np.zeros_like(own), where=own > 0)
    return t.tensor(D, dtype=W.dtype, device=W.device)
