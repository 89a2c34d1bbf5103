"""Properties of section 3's reference that no learner's test asks for."""

import math

import pytest
import torch as t
from part31_superposition_and_saes import tests as learners_tests
from part31_superposition_and_saes.solutions import (
    compute_dimensionality,
    dimensions_per_feature,
    ideal_polytope,
    orthogonal_groups,
    predicted_dimensionality,
)

POLYTOPES = ("digon", "triangle", "tetrahedron", "pentagon", "square antiprism")


def weights(*shape: int) -> t.Tensor:
    return t.randn(*shape, generator=t.Generator().manual_seed(0))


@pytest.mark.parametrize("name", POLYTOPES)
def test_prediction_and_computation_agree(name: str) -> None:
    D = compute_dimensionality(ideal_polytope(name)[None])
    assert (D - predicted_dimensionality(name)).abs().max() < 1e-6


@pytest.mark.parametrize(("d_hidden", "feats"), [(2, 5), (20, 200), (6, 3), (1, 4)])
def test_shares_add_up_to_the_rank_at_most(d_hidden: int, feats: int) -> None:
    total = compute_dimensionality(weights(4, d_hidden, feats).double()).sum(dim=1)
    assert (total <= min(d_hidden, feats) + 1e-9).all() and (total > 0.5).all()


def test_shares_of_fair_arrangements_add_up_to_the_rank() -> None:
    antiprism = ideal_polytope("square antiprism")
    both = t.block_diag(antiprism, 3 * ideal_polytope("pentagon"))  # of different sizes, in orthogonal spaces
    assert compute_dimensionality(both[None]).sum().item() == pytest.approx(5, abs=1e-5)


def test_shares_know_neither_scale_nor_sign_nor_rotation() -> None:
    W = weights(3, 4, 7)
    D = compute_dimensionality(W)
    turned = t.linalg.qr(weights(3, 4, 4)).Q @ (100 * W * t.tensor([1.0, -1, 1, 1, -1, 1, 1]))
    assert t.allclose(compute_dimensionality(turned), D, atol=1e-5)


def test_nothing_represented_is_no_share_and_infinitely_many_dimensions() -> None:
    zero = t.zeros(2, 3, 4)
    assert not compute_dimensionality(zero).any() and dimensions_per_feature(zero).isinf().all()
    assert (orthogonal_groups(zero) == -1).all()


@pytest.mark.parametrize("dtype", [t.float16, t.bfloat16, t.float64])
def test_the_dtype_is_that_of_the_weights_and_zero_columns_stay_zero(dtype: t.dtype) -> None:
    W = weights(2, 3, 5).to(dtype)
    W[0, :, 1] = 0
    D = compute_dimensionality(W)
    assert D.dtype == dimensions_per_feature(W).dtype == dtype
    assert D[0, 1] == 0 and D.isfinite().all()
    assert t.allclose(D.float(), compute_dimensionality(W.float()), atol=0.03)


def test_groups_are_those_of_the_pieces() -> None:
    W = t.block_diag(ideal_polytope("pentagon"), ideal_polytope("digon"), ideal_polytope("tetrahedron"), t.eye(1))
    labels = orthogonal_groups(W[None])[0].tolist()
    assert labels == [0] * 5 + [5] * 2 + [7] * 4 + [11]


def test_a_chain_is_one_group_however_long() -> None:
    chain = t.eye(40) + t.diag(t.ones(39), 1)
    labels = orthogonal_groups(t.stack([chain, t.eye(40)]))
    assert labels[0].unique().tolist() == [0] and labels[1].tolist() == list(range(40))


def test_the_threshold_decides_what_overlaps() -> None:
    angle = math.acos(0.3)
    W = t.tensor([[1.0, math.cos(angle)], [0.0, math.sin(angle)]])[None]
    assert orthogonal_groups(W)[0].tolist() == [0, 0] and orthogonal_groups(W, 0.31)[0].tolist() == [0, 1]


def test_nothing_changes_its_input() -> None:
    W = weights(2, 3, 5)
    before = W.clone()
    dimensions_per_feature(W), compute_dimensionality(W), orthogonal_groups(W)
    assert t.equal(W, before)


def without_half(W: t.Tensor) -> t.Tensor:
    if W.dtype == t.float16:
        raise RuntimeError("not implemented for 'Half'")
    return compute_dimensionality(W)


def usual_epsilon(W: t.Tensor) -> t.Tensor:
    norms = W.norm(dim=1)
    return norms**2 / (((W / (norms + 1e-8)[:, None]).mT @ W) ** 2).sum(-1).clamp_min(1e-8)


@pytest.mark.parametrize(
    ("answer", "remark"),
    [(without_half, "does not take half precision"), (usual_epsilon, "in half precision a zero column gives NaN")],
)
def test_what_goes_wrong_in_half_precision_alone_passes_with_a_remark(answer, remark: str) -> None:
    outcome = learners_tests.REGISTRY["test_compute_dimensionality"].judge(answer)
    assert outcome.passed and remark in outcome.message
