"""Answers to `strategy_losses` and `critical_density`."""

import itertools

import numpy as np
import torch as t

from . import right, wrong

LOSSES, BORDER = "strategy_losses", "critical_density"


# ---- strategy_losses


def three(r, p, variance=None, pair=None):
    v = p / 3 - p**2 / 4 if variance is None else variance
    return t.stack([r * v, p**2 * (1 + r) / 6 if pair is None else pair, v])


@wrong(LOSSES, "mean-square")
def answers_zero(importance, probability):
    return three(importance, probability, probability / 3)


@wrong(LOSSES, "variance-when-on")
def variance_of_uniform(importance, probability):
    return three(importance, probability, probability / 12)


@wrong(LOSSES, "mean-not-halved")
def mean_is_p(importance, probability):
    return three(importance, probability, probability / 3 - probability**2)


@wrong(LOSSES, "mean-not-squared")
def minus_the_mean(importance, probability):
    return three(importance, probability, probability / 3 - probability / 2)


@wrong(LOSSES, "p-not-squared")
def pair_pays_always(importance, probability):
    return three(importance, probability, pair=probability * (1 + importance) / 6)


@wrong(LOSSES, "antipodal-always-on")
def pair_always_on(importance, probability):
    return three(importance, probability, pair=(1 + importance) / 6 + 0 * probability)


@wrong(LOSSES, "one-feature-only")
def only_first_errs(importance, probability):
    return three(importance, probability, pair=probability**2 / 6)


@wrong(LOSSES, "one-feature-only")
def only_second_errs(importance, probability):
    return three(importance, probability, pair=importance * probability**2 / 6)


@wrong(LOSSES, "not-the-smaller")
def a_third(importance, probability):
    return three(importance, probability, pair=probability**2 * (1 + importance) / 3)


@wrong(LOSSES, "mean-of-the-smaller")
def a_ninth(importance, probability):
    return three(importance, probability, pair=probability**2 * (1 + importance) / 9)


@wrong(LOSSES, "only-one-on")
def exactly_one(importance, probability):
    return three(importance, probability, pair=2 * probability * (1 - probability) * (1 + importance) / 6)


@wrong(LOSSES, "sparsity")
def of_the_sparsity(importance, probability):
    return three(importance, 1 - probability)


@wrong(LOSSES, "mean-for-sum")
def as_calculate_loss(importance, probability):
    return three(importance, probability) / 2


@wrong(LOSSES, "importance-squared")
def weight_inside(importance, probability):
    return three(importance**2, probability)


@wrong(LOSSES, "no-importance")
def unweighted(importance, probability):
    return three(t.ones_like(importance), probability)


@wrong(LOSSES, "swapped-features")
def first_ignored(importance, probability):
    return three(importance, probability).flip(0)


@wrong(LOSSES, "order")
def pair_last(importance, probability):
    ignored, pair, dedicated = three(importance, probability)
    return t.stack([ignored, dedicated, pair])


@wrong(LOSSES, "order")
def pair_first(importance, probability):
    ignored, pair, dedicated = three(importance, probability)
    return t.stack([pair, ignored, dedicated])


@wrong(LOSSES, "last-axis")
def stacked_last(importance, probability):
    return t.stack(list(three(importance, probability)), dim=-1)


@wrong(LOSSES, "least-only")
def the_least(importance, probability):
    return three(importance, probability).min(0).values


@wrong(LOSSES, "winner")
def the_winner(importance, probability):
    return three(importance, probability).argmin(0)


@wrong(LOSSES, "type")
def a_tuple(importance, probability):
    return tuple(three(importance, probability))


@wrong(LOSSES, "input-changed")
def halves_in_place(importance, probability):
    mean_square = probability / 3
    probability.mul_(probability)
    v = mean_square - probability / 4
    return t.stack([importance * v, probability * (1 + importance) / 6, v])


@wrong(LOSSES, "grid-shape")
def two_axes_only(importance, probability):
    rows, columns = importance.shape
    out = t.empty(3, rows, columns)
    for i, j in itertools.product(range(rows), range(columns)):
        out[:, i, j] = three(importance[i, j], probability[i, j])
    return out


@right(LOSSES)
def as_polynomials(importance, probability):
    r, p = importance, probability
    return t.stack([r * p * (4 - 3 * p) / 12, (1 + r) * p * p / 6, p * (4 - 3 * p) / 12])


@right(LOSSES)
def concatenated(importance, probability):
    r, p = importance[None], probability[None]
    v = p / 3 - (p / 2) ** 2
    return t.cat([r * v, p**2 / 6 + r * p**2 / 6, v])


@right(LOSSES)
def filled_in(importance, probability):
    out = probability.new_zeros(3, *probability.shape)
    out[2] = probability / 12 + probability * (1 - probability) / 4  # within, and between on and off
    out[0] = importance * out[2]
    out[1] = probability.square() * (1 + importance) / 6
    return out


@right(LOSSES)
def one_by_one(importance, probability):
    flat = [
        [r * (p / 3 - p * p / 4), p * p * (1 + r) / 6, p / 3 - p * p / 4]
        for r, p in zip(importance.flatten().tolist(), probability.flatten().tolist(), strict=True)
    ]
    return t.tensor(flat).T.reshape(3, *importance.shape)


# ---- critical_density


@wrong(BORDER, "only-ignoring")
def only_small_r(importance):
    return 4 * importance / (2 + 5 * importance)


@wrong(BORDER, "only-dedicating")
def only_large_r(importance):
    return 4 / (2 * importance + 5)


@wrong(BORDER, "larger")
def larger(importance):
    return t.maximum(only_small_r(importance), only_large_r(importance))


@wrong(BORDER, "mean-square")
def against_zero(importance):
    return t.minimum(2 * importance / (1 + importance), 2 / (1 + importance))


@wrong(BORDER, "mean-square")
def against_zero_clipped(importance):
    return against_zero(importance).clamp(0, 1)


@wrong(BORDER, "sparsity")
def critical_sparsity(importance):
    return 1 - t.minimum(only_small_r(importance), only_large_r(importance))


@wrong(BORDER, "inverted")
def upside_down(importance):
    return t.maximum((2 + 5 * importance) / (4 * importance), (2 * importance + 5) / 4)


@wrong(BORDER, "one-feature-only")
def pair_half_price(importance):
    return t.minimum(4 * importance / (2 + 3 * importance), t.full_like(importance, 0.8))


@wrong(BORDER, "factor")
def forgot_the_four(importance):
    return t.minimum(importance / (2 + 5 * importance), 1 / (2 * importance + 5))


@wrong(BORDER, "factor")
def two_for_four(importance):
    return t.minimum(2 * importance / (2 + 5 * importance), 2 / (2 * importance + 5))


@wrong(BORDER, "sign")
def minus_a_quarter(importance):
    return t.minimum(4 * importance / (2 - importance), 4 / (2 * importance - 1))


@wrong(BORDER, "equal-importance")
def four_sevenths(importance):
    return t.full_like(importance, 4 / 7)


@wrong(BORDER, "larger")
def cases_exchanged(importance):
    return t.where(importance < 1, only_large_r(importance), only_small_r(importance))


@wrong(BORDER, "sum")
def against_both(importance):
    return t.full_like(importance, 8 / 5)


@wrong(BORDER, "type")
def of_the_first(importance):
    r = float(importance.flatten()[0])
    return min(4 * r / (2 + 5 * r), 4 / (2 * r + 5))


@wrong(BORDER, "input-changed")
def folds_in_place(importance):
    importance[importance > 1] = 1 / importance[importance > 1]
    return only_small_r(importance)


@wrong(BORDER, "grid-shape")
def loops_over_a_list(importance):
    return t.stack([min(only_small_r(r), only_large_r(r)) for r in importance])


@right(BORDER)
def folded(importance):
    r = t.minimum(importance, 1 / importance)
    return 4 * r / (2 + 5 * r)


@right(BORDER)
def by_cases(importance):
    return t.where(importance <= 1, only_small_r(importance), only_large_r(importance))


@right(BORDER)
def by_the_cheaper_rival(importance):
    cheaper = importance.clamp(max=1)  # its loss over the variance
    return 4 * cheaper / (2 * (1 + importance) + 3 * cheaper)


@right(BORDER)
def in_numpy(importance):
    r = importance.cpu().numpy()
    return t.from_numpy(np.asarray(np.minimum(4 * r / (2 + 5 * r), 4 / (2 * r + 5)))).to(importance)
