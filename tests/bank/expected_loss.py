"""Answers to `expected_loss`."""

import itertools

import numpy as np
import torch as t
from part31_superposition_and_saes.solutions import gauss_legendre
from torch.nn import functional as F

from . import right, wrong

EXPECTED = "expected_loss"


def grid(W, b, p, importance, n_nodes, chance_of=None, out_of=None, error_of=None, rule=None):
    """The short way with one part replaced."""
    u, w = gauss_legendre(n_nodes, W) if rule is None else rule
    x = t.cartesian_prod(F.pad(u, (1, 0)), F.pad(u, (1, 0)))
    on = p[..., None]
    chances = t.cat([1 - on, on * w], -1) if chance_of is None else chance_of(on, w)
    chance = t.einsum("ij,ik->ijk", chances[:, 0], chances[:, 1]).flatten(1)
    restored = t.einsum("pf,idf,idg->ipg", x, W, W)
    out = F.relu(restored + b[:, None]) if out_of is None else out_of(restored, b[:, None])
    error = (out - x) ** 2 if error_of is None else error_of(out, x)
    return t.einsum("ipf,if,ip->i", error, importance, chance)


@wrong(EXPECTED, "mean-for-sum")
def mean_over_features(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W, b_final, feature_probability, importance, n_nodes) / 2


@wrong(EXPECTED, "instances-summed")
def summed_over_all(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W, b_final, feature_probability, importance, n_nodes).sum()


@wrong(EXPECTED, "no-importance")
def not_weighted(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W, b_final, feature_probability, t.ones_like(importance), n_nodes)


@wrong(EXPECTED, "importance-squared")
def inside_the_square(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W, b_final, feature_probability, importance**2, n_nodes)


@wrong(EXPECTED, "features-exchanged")
def other_order(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W, b_final, feature_probability.flip(-1), importance, n_nodes)


@wrong(EXPECTED, "one-probability")
def first_probability(W, b_final, feature_probability, importance, n_nodes=6):
    p = feature_probability[:, :1].expand(-1, 2)
    return grid(W, b_final, p, importance, n_nodes)


@wrong(EXPECTED, "no-relu")
def linear(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W, b_final, feature_probability, importance, n_nodes, out_of=lambda h, b: h + b)


@wrong(EXPECTED, "no-bias")
def unbiased(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W, b_final, feature_probability, importance, n_nodes, out_of=lambda h, b: h.relu())


@wrong(EXPECTED, "bias-after-relu")
def late_bias(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W, b_final, feature_probability, importance, n_nodes, out_of=lambda h, b: h.relu() + b)


@wrong(EXPECTED, "not-squared")
def absolute(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W, b_final, feature_probability, importance, n_nodes, error_of=lambda out, x: (out - x).abs())


@wrong(EXPECTED, "no-target")
def no_target(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W, b_final, feature_probability, importance, n_nodes, error_of=lambda out, x: out**2)


@wrong(EXPECTED, "both-on-only")
def never_off(W, b_final, feature_probability, importance, n_nodes=6):
    made = lambda on, w: t.cat([0 * on, on * w], -1)  # noqa: E731
    return grid(W, b_final, feature_probability, importance, n_nodes, made)


@wrong(EXPECTED, "p-left-out")
def nodes_without_p(W, b_final, feature_probability, importance, n_nodes=6):
    made = lambda on, w: t.cat([1 - on, w.expand(*on.shape[:2], -1)], -1)  # noqa: E731
    return grid(W, b_final, feature_probability, importance, n_nodes, made)


@wrong(EXPECTED, "off-left-out")
def off_counts_one(W, b_final, feature_probability, importance, n_nodes=6):
    made = lambda on, w: t.cat([t.ones_like(on), on * w], -1)  # noqa: E731
    return grid(W, b_final, feature_probability, importance, n_nodes, made)


@wrong(EXPECTED, "other-off-left-out")
def whatever_the_other(W, b_final, feature_probability, importance, n_nodes=6):
    def only(feature):
        def chances(on, w):
            chance = t.cat([on * 0 + 1, on * w * 0], -1)
            chance[:, feature] = t.cat([on * 0, on * w], -1)[:, feature]
            return chance

        return chances

    cases = (
        lambda on, w: t.cat([1 - on, on * w * 0], -1),
        only(0),
        only(1),
        lambda on, w: t.cat([on * 0, on * w], -1),
    )
    return sum(grid(W, b_final, feature_probability, importance, n_nodes, chance_of=case) for case in cases)


@wrong(EXPECTED, "sparsity")
def probability_of_off(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W, b_final, 1 - feature_probability, importance, n_nodes)


@wrong(EXPECTED, "weights-left-out")
def equal_weights(W, b_final, feature_probability, importance, n_nodes=6):
    u = gauss_legendre(n_nodes, W)[0]
    return grid(W, b_final, feature_probability, importance, n_nodes, rule=(u, t.full_like(u, 1 / n_nodes)))


@wrong(EXPECTED, "weights-not-averaged")
def no_weights(W, b_final, feature_probability, importance, n_nodes=6):
    u = gauss_legendre(n_nodes, W)[0]
    return grid(W, b_final, feature_probability, importance, n_nodes, rule=(u, t.ones_like(u)))


@wrong(EXPECTED, "even-nodes")
def midpoints(W, b_final, feature_probability, importance, n_nodes=6):
    u = (t.arange(n_nodes, dtype=W.dtype) + 0.5) / n_nodes
    return grid(W, b_final, feature_probability, importance, n_nodes, rule=(u, t.full_like(u, 1 / n_nodes)))


@wrong(EXPECTED, "unscaled-nodes")
def from_minus_one(W, b_final, feature_probability, importance, n_nodes=6):
    u, w = (t.as_tensor(one, dtype=W.dtype) for one in np.polynomial.legendre.leggauss(n_nodes))
    return grid(W, b_final, feature_probability, importance, n_nodes, rule=(u, w / 2))


@wrong(EXPECTED, "fixed-nodes")
def always_six(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W, b_final, feature_probability, importance, 6)


@wrong(EXPECTED, "fixed-size")
def one_dimension(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W[:, :1], b_final, feature_probability, importance, n_nodes)


@wrong(EXPECTED, "detached")
def from_data(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W.data, b_final.data, feature_probability, importance, n_nodes)


@wrong(EXPECTED, "detached")
def bias_without_gradient(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W, b_final.detach(), feature_probability, importance, n_nodes)


@wrong(EXPECTED, "dtype")
def always_float32(W, b_final, feature_probability, importance, n_nodes=6):
    inputs = (one.float() for one in (W, b_final, feature_probability, importance))
    return grid(*inputs, n_nodes)


def patterns(W, b, p, importance, n_nodes, states):
    """State by state: (first on, second on) -> its part."""
    u, w = gauss_legendre(n_nodes, W)
    total = 0
    for first, second in states:
        xs = t.stack(t.meshgrid(u if first else u[:1] * 0, u if second else u[:1] * 0, indexing="ij"), -1)
        ws = (w if first else w[:1] * 0 + 1)[:, None] * (w if second else w[:1] * 0 + 1)
        out = F.relu(t.einsum("abf,idf,idg->iabg", xs, W, W) + b[:, None, None])
        error = (importance[:, None, None] * (out - xs) ** 2).sum(-1)
        chance = (p[:, 0] if first else 1 - p[:, 0]) * (p[:, 1] if second else 1 - p[:, 1])
        total = total + chance * (error * ws).sum((1, 2))
    return total


STATES = list(itertools.product((False, True), repeat=2))


@wrong(EXPECTED, "no-both-on")
def at_most_one(W, b_final, feature_probability, importance, n_nodes=6):
    return patterns(W, b_final, feature_probability, importance, n_nodes, STATES[:3])


@wrong(EXPECTED, "no-single")
def both_or_none(W, b_final, feature_probability, importance, n_nodes=6):
    return patterns(W, b_final, feature_probability, importance, n_nodes, [STATES[0], STATES[3]])


@wrong(EXPECTED, "no-both-off")
def nothing_costs_nothing(W, b_final, feature_probability, importance, n_nodes=6):
    return patterns(W, b_final, feature_probability, importance, n_nodes, STATES[1:])


@wrong(EXPECTED, "same-value")
def zipped(W, b_final, feature_probability, importance, n_nodes=6):
    p, (u, w) = feature_probability, gauss_legendre(n_nodes, W)
    x = t.stack([u, u], -1)
    out = F.relu(t.einsum("pf,idf,idg->ipg", x, W, W) + b_final[:, None])
    both = (importance[:, None] * (out - x) ** 2).sum(-1) @ w
    rest = patterns(W, b_final, p, importance, n_nodes, STATES[:3])
    return rest + p.prod(-1) * both


@wrong(EXPECTED, "values")
def sampled(W, b_final, feature_probability, importance, n_nodes=6):
    x = t.rand(1000, len(W), 2) * (t.rand(1000, len(W), 2) < feature_probability)
    out = F.relu(t.einsum("bif,idf,idg->big", x.to(W), W, W) + b_final)
    return (importance * (out - x) ** 2).mean(0).sum(-1)


@right(EXPECTED)
def with_einsum(W, b_final, feature_probability, importance, n_nodes=6):
    return grid(W, b_final, feature_probability, importance, n_nodes)


@right(EXPECTED)
def state_by_state(W, b_final, feature_probability, importance, n_nodes=6):
    return patterns(W, b_final, feature_probability, importance, n_nodes, STATES)


@right(EXPECTED)
def point_by_point(W, b_final, feature_probability, importance, n_nodes=6):
    u, w = gauss_legendre(n_nodes, W)
    values = [(W.new_zeros(()), None), *zip(u, w, strict=True)]
    chance = lambda i, w: 1 - feature_probability[:, i] if w is None else feature_probability[:, i] * w  # noqa: E731
    total = W.new_zeros(len(W))
    for (x1, w1), (x2, w2) in itertools.product(values, values):
        x = t.stack([x1, x2])
        out = F.relu((W.mT @ (W @ x)[..., None])[..., 0] + b_final)
        total = total + chance(0, w1) * chance(1, w2) * (importance * (out - x) ** 2).sum(-1)
    return total


@right(EXPECTED)
def stacked_instances(W, b_final, feature_probability, importance, n_nodes=6):
    return t.stack(
        [
            grid(W[i : i + 1], b_final[i : i + 1], feature_probability[i : i + 1], importance[i : i + 1], n_nodes)[0]
            for i in range(len(W))
        ]
    )


@right(EXPECTED)
def second_feature_slowest(W, b_final, feature_probability, importance, n_nodes=6):
    flipped = (W.flip(-1), b_final.flip(-1), feature_probability.flip(-1), importance.flip(-1))
    return grid(*flipped, n_nodes)
