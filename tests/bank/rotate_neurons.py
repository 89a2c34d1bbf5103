"""Answers to `rotate_neurons`: polysemantic neurons without superposition."""

import math

import einops
import torch as t

from . import right, wrong

ROTATE = "rotate_neurons"


def orthogonal(W, n=None):
    n = n or W.shape[1]
    return t.linalg.qr(t.randn(W.shape[0], n, n)).Q.to(W.device)


def mixing(n):
    """Cosines and sines: no chance in it."""
    angles = 2 * math.pi * t.outer(t.arange(n), t.arange(n)) / n
    return (angles.cos() + angles.sin()) / math.sqrt(n)


@wrong(ROTATE, "unchanged")
def unchanged(W):
    return W.clone()


@wrong(ROTATE, "features-mixed")
def features_mixed(W):
    return W @ orthogonal(W, W.shape[2])


@wrong(ROTATE, "not-orthogonal")
def any_matrix(W):
    return t.randn(W.shape[0], W.shape[1], W.shape[1]).to(W.device) @ W


@wrong(ROTATE, "not-orthogonal")
def random_unit_columns(W):
    R = t.randn(W.shape[0], W.shape[1], W.shape[1])
    return (R / R.norm(dim=1, keepdim=True)).to(W.device) @ W


@wrong(ROTATE, "not-orthogonal")
def upper_triangle(W):
    return t.linalg.qr(t.randn(W.shape[0], W.shape[1], W.shape[1])).R.to(W.device) @ W


@wrong(ROTATE, "not-orthogonal")
def forgotten_qr(W):
    return (t.rand(W.shape[0], W.shape[1], W.shape[1]) / W.shape[1] ** 0.5).to(W.device) @ W


@wrong(ROTATE, "only-reordered")
def reversed_neurons(W):
    return W.flip(1)


@wrong(ROTATE, "only-reordered")
def signs(W):
    return -W


@wrong(ROTATE, "still-monosemantic")
def small_angle(W):
    c, s = math.cos(0.1), math.sin(0.1)
    turned = W.clone()
    for k in range(W.shape[1] - 1):
        first, second = turned[:, k].clone(), turned[:, k + 1].clone()
        turned[:, k], turned[:, k + 1] = c * first - s * second, s * first + c * second
    return turned


@wrong(ROTATE, "still-monosemantic")
def two_neurons_only(W):
    turned = W.clone()
    turned[:, 0], turned[:, 1] = (W[:, 0] - W[:, 1]) / 2**0.5, (W[:, 0] + W[:, 1]) / 2**0.5
    return turned


@wrong(ROTATE, "lengths-changed")
def scaled(W):
    return 2 * orthogonal(W) @ W


@wrong(ROTATE, "lengths-changed")
def without_the_root(W):
    return mixing(W.shape[1]).to(W.device) * W.shape[1] ** 0.5 @ W


@wrong(ROTATE, "lengths-changed")
def only_the_rotation(W):
    return orthogonal(W)[:, :, : W.shape[2]].contiguous()


@wrong(ROTATE, "instances-left")
def first_instance_only(W):
    turned = W.clone()
    turned[0] = orthogonal(W)[0] @ W[0]
    return turned


@wrong(ROTATE, "type")
def the_pair(W):
    return t.linalg.qr(W)


@wrong(ROTATE, "missing-axis")
def one_layer(W):
    return (orthogonal(W) @ W)[0]


@wrong(ROTATE, "input-changed")
def in_place(W):
    W.copy_(orthogonal(W) @ W)
    return W


@wrong(ROTATE, "fixed-size")
def notebook_size(W):
    return mixing(24).to(W.device) @ W


@right(ROTATE)
def qr(W):
    return orthogonal(W) @ W


@right(ROTATE)
def built(W):
    return mixing(W.shape[1]).to(W.device) @ W


@right(ROTATE)
def same_for_all(W):
    R = t.nn.init.orthogonal_(t.empty(W.shape[1], W.shape[1])).to(W.device)
    return einops.einsum(R, W, "new old, inst old feats -> inst new feats")


@right(ROTATE)
def exponential(W):
    A = 5 * t.randn(W.shape[1], W.shape[1], dtype=t.float64)
    return t.matrix_exp(A - A.T).to(W) @ W


@right(ROTATE)
def reflection(W):
    v = t.randn(W.shape[0], W.shape[1], 1, device=W.device).sign() / W.shape[1] ** 0.5
    return W - 2 * v @ (v.mT @ W)


@right(ROTATE)
def chain_of_turns(W):
    turned = W.clone()
    for k in [*range(W.shape[1] - 1), *reversed(range(W.shape[1] - 1))]:
        first, second = turned[:, k].clone(), turned[:, k + 1].clone()
        turned[:, k], turned[:, k + 1] = 0.6 * first - 0.8 * second, 0.8 * first + 0.6 * second
    return turned


@right(ROTATE)
def with_a_generator(W, *, generator=None):
    R = t.linalg.svd(t.randn(W.shape[1], W.shape[1], generator=generator))[0]
    return t.matmul(R.to(W.device), W)
