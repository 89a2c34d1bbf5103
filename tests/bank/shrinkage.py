"""Answers to `shrinkage`."""

import einops
import torch as t

from . import right, wrong

SHRINKAGE = "shrinkage"


def parts(h, out, b_dec):
    """E‖ŷ‖², E[ŷ·y] and E‖y‖² of each instance, up to the number of rows."""
    answer, truth = out - b_dec, h - b_dec
    return (answer**2).sum((0, 2)), (answer * truth).sum((0, 2)), (truth**2).sum((0, 2))


@wrong(SHRINKAGE, "no-bias")
def bias_forgotten(h, h_reconstructed, b_dec):
    return (h_reconstructed**2).sum((0, 2)) / (h_reconstructed * h).sum((0, 2))


@wrong(SHRINKAGE, "bias-once")
def bias_of_the_answer_alone(h, h_reconstructed, b_dec):
    answer = h_reconstructed - b_dec
    return (answer**2).sum((0, 2)) / (answer * h).sum((0, 2))


@wrong(SHRINKAGE, "bias-once")
def bias_of_the_truth_alone(h, h_reconstructed, b_dec):
    return (h_reconstructed**2).sum((0, 2)) / (h_reconstructed * (h - b_dec)).sum((0, 2))


@wrong(SHRINKAGE, "upside-down")
def the_factor_itself(h, h_reconstructed, b_dec):
    squared, product, _ = parts(h, h_reconstructed, b_dec)
    return product / squared


@wrong(SHRINKAGE, "regression-slope")
def slope_through_the_origin(h, h_reconstructed, b_dec):
    _, product, truth = parts(h, h_reconstructed, b_dec)
    return product / truth


@wrong(SHRINKAGE, "ratio-of-squares")
def ratio_of_squares(h, h_reconstructed, b_dec):
    squared, _, truth = parts(h, h_reconstructed, b_dec)
    return squared / truth


@wrong(SHRINKAGE, "ratio-of-norms")
def ratio_of_mean_norms(h, h_reconstructed, b_dec):
    return (h_reconstructed - b_dec).norm(dim=-1).mean(0) / (h - b_dec).norm(dim=-1).mean(0)


@wrong(SHRINKAGE, "mean-of-ratios")
def ratio_of_each_row(h, h_reconstructed, b_dec):
    answer, truth = h_reconstructed - b_dec, h - b_dec
    return ((answer**2).sum(-1) / (answer * truth).sum(-1)).mean(0)


@wrong(SHRINKAGE, "one-number")
def one_number_for_all(h, h_reconstructed, b_dec):
    squared, product, _ = parts(h, h_reconstructed, b_dec)
    return (squared.sum() / product.sum()).expand(h.shape[1])


@wrong(SHRINKAGE, "cosine")
def cosine_of_the_two(h, h_reconstructed, b_dec):
    squared, product, truth = parts(h, h_reconstructed, b_dec)
    return product / (squared * truth).sqrt()


@wrong(SHRINKAGE, "root")
def root_of_it(h, h_reconstructed, b_dec):
    squared, product, _ = parts(h, h_reconstructed, b_dec)
    return (squared / product).sqrt()


@wrong(SHRINKAGE, "explained-variance")
def share_explained(h, h_reconstructed, b_dec):
    return 1 - ((h_reconstructed - h) ** 2).sum((0, 2)) / ((h - b_dec) ** 2).sum((0, 2))


@wrong(SHRINKAGE, "per-dimension")
def of_each_dimension(h, h_reconstructed, b_dec):
    answer, truth = h_reconstructed - b_dec, h - b_dec
    return (answer**2).mean(0) / (answer * truth).mean(0)


@wrong(SHRINKAGE, "per-row")
def of_each_row(h, h_reconstructed, b_dec):
    answer, truth = h_reconstructed - b_dec, h - b_dec
    return (answer**2).sum(-1) / (answer * truth).sum(-1)


@wrong(SHRINKAGE, "pooled")
def instances_pooled(h, h_reconstructed, b_dec):
    squared, product, _ = parts(h, h_reconstructed, b_dec)
    return squared.sum() / product.sum()


@wrong(SHRINKAGE, "one-minus")
def what_is_missing(h, h_reconstructed, b_dec):
    squared, product, _ = parts(h, h_reconstructed, b_dec)
    return 1 - squared / product


@wrong(SHRINKAGE, "one-instance")
def squeezed(h, h_reconstructed, b_dec):
    squared, product, _ = parts(h, h_reconstructed, b_dec)
    return (squared / product).squeeze()


@wrong(SHRINKAGE, "input-changed")
def bias_subtracted_in_place(h, h_reconstructed, b_dec):
    h -= b_dec
    h_reconstructed -= b_dec
    return (h_reconstructed**2).sum((0, 2)) / (h_reconstructed * h).sum((0, 2))


@right(SHRINKAGE)
def by_means(h, h_reconstructed, b_dec):
    y_hat, y = h_reconstructed - b_dec, h - b_dec
    return y_hat.pow(2).sum(-1).mean(0) / (y_hat * y).sum(-1).mean(0)


@right(SHRINKAGE)
def in_one_einsum(h, h_reconstructed, b_dec):
    y_hat, y = h_reconstructed - b_dec, h - b_dec
    return t.einsum("bid,bid->i", y_hat, y_hat) / t.einsum("bid,bid->i", y_hat, y)


@right(SHRINKAGE)
def by_norms(h, h_reconstructed, b_dec):
    y_hat, y = h_reconstructed - b_dec[None], h - b_dec[None]
    return y_hat.norm(dim=-1).square().mean(0) / t.einsum("bid,bid->bi", y_hat, y).mean(0)


@right(SHRINKAGE)
def instance_by_instance(h, h_reconstructed, b_dec):
    found = []
    for i in range(h.shape[1]):
        y_hat, y = (h_reconstructed[:, i] - b_dec[i]).flatten(), (h[:, i] - b_dec[i]).flatten()
        found.append(y_hat.dot(y_hat) / y_hat.dot(y))
    return t.stack(found)


@right(SHRINKAGE)
def one_over_the_best_factor(h, h_reconstructed, b_dec):
    y_hat = einops.rearrange(h_reconstructed - b_dec, "batch inst d_in -> inst (batch d_in) 1")
    y = einops.rearrange(h - b_dec, "batch inst d_in -> inst (batch d_in) 1")
    return 1 / ((y_hat.mT @ y) / (y_hat.mT @ y_hat)).flatten()
