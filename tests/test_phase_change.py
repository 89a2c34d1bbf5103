"""The bonus section's first part: theory and quadrature against brute force, attacks against their bound."""

import pytest
import torch as t
from part31_superposition_and_saes.solutions import (
    ToyModel,
    ToyModelConfig,
    critical_density,
    expected_loss,
    gauss_legendre,
    minimise_expected_loss,
    phase_of,
    strategy_losses,
    strongest_attack,
)
from torch.nn import functional as F


def generator(seed: int = 0) -> t.Generator:
    return t.Generator().manual_seed(seed)


def two_features(inst: int, d_hidden: int = 1, seed: int = 1) -> ToyModel:
    """Models of two features with parameters, probabilities and importances drawn at random."""
    g = generator(seed)
    model = ToyModel(
        ToyModelConfig(inst, 2, d_hidden),
        feature_probability=0.2 + 0.6 * t.rand(inst, 2, generator=g),
        importance=0.3 + t.rand(inst, 2, generator=g),
        device="cpu",
        generator=g,
    )
    with t.no_grad():
        model.b_final.copy_(0.3 * t.randn(inst, 2, generator=g))
    return model


def loss_of(model: ToyModel, n_nodes: int = 6) -> t.Tensor:
    return expected_loss(model.W, model.b_final, model.feature_probability, model.importance, n_nodes).detach()


# ---- theory


@pytest.mark.parametrize(("r", "p"), [(0.3, 0.2), (1.0, 0.9), (4.0, 0.05)])
def test_strategies_cost_what_their_weights_cost(r: float, p: float) -> None:
    W = t.tensor([[1.0, 0.0], [1.0, -1.0], [0.0, 1.0]], dtype=t.float64)[:, None]
    b = t.tensor([[0.0, p / 2], [0.0, 0.0], [p / 2, 0.0]], dtype=t.float64)
    importance = t.tensor([[1.0, r]], dtype=t.float64).expand(3, 2)
    probability = t.full((3, 2), p, dtype=t.float64)
    wanted = strategy_losses(*t.tensor([[r], [p]], dtype=t.float64))[:, 0]
    by_quadrature = expected_loss(W, b, probability, importance, n_nodes=150)
    t.testing.assert_close(by_quadrature, wanted, rtol=1e-4, atol=0)
    assert (by_quadrature - wanted)[[0, 2]].abs().max() < 1e-12  # no kink: exact


def test_strategies_against_drawn_rows() -> None:
    r, p, rows = 0.6, 0.3, 400_000
    x = t.rand(rows, 2, generator=generator()) * (t.rand(rows, 2, generator=generator(1)) < p)
    importance = t.tensor([1.0, r])
    outputs = [
        t.stack([x[:, 0], t.full((rows,), p / 2)], -1),
        F.relu(t.stack([x[:, 0] - x[:, 1], x[:, 1] - x[:, 0]], -1)),
        t.stack([t.full((rows,), p / 2), x[:, 1]], -1),
    ]
    for out, wanted in zip(outputs, strategy_losses(t.tensor(r), t.tensor(p)), strict=True):
        errors = (importance * (out - x) ** 2).sum(-1)
        assert abs(errors.mean() - wanted) < 4 * errors.std() / rows**0.5


def test_at_the_border_two_strategies_cost_the_same_and_beside_it_they_do_not() -> None:
    r = 10 ** t.linspace(-1, 1, 41, dtype=t.float64)
    border = critical_density(r)
    ignored, antipodal, dedicated = strategy_losses(r, border)
    t.testing.assert_close(antipodal, t.minimum(ignored, dedicated))
    assert (strategy_losses(r, 0.99 * border).argmin(0) == 1).all()
    assert (strategy_losses(r, 1.01 * border).argmin(0) != 1).all()


def test_exchanging_the_features_turns_the_importance_over() -> None:
    r, p = 10 ** t.linspace(-1, 1, 9, dtype=t.float64), t.tensor(0.3, dtype=t.float64)
    t.testing.assert_close(critical_density(r), critical_density(1 / r))
    t.testing.assert_close(strategy_losses(r, p.expand(9)), r * strategy_losses(1 / r, p.expand(9)).flip(0))
    assert critical_density(t.tensor(1.0)).item() == pytest.approx(4 / 7)


# ---- quadrature


@pytest.mark.parametrize("n_nodes", [1, 2, 5])
def test_the_rule_is_exact_up_to_its_degree(n_nodes: int) -> None:
    nodes, weights = gauss_legendre(n_nodes, t.zeros(1, dtype=t.float64))
    for degree in range(2 * n_nodes + 1):
        off = abs((weights * nodes**degree).sum().item() - 1 / (degree + 1))
        assert (off < 1e-12) == (degree < 2 * n_nodes)
    assert nodes.dtype == t.float64 and ((nodes > 0) & (nodes < 1)).all()


@pytest.mark.parametrize("d_hidden", [1, 2])
def test_the_expected_loss_is_that_of_many_rows(d_hidden: int) -> None:
    model, rows = two_features(6, d_hidden), 400_000
    batch = model.generate_batch(rows, generator=generator(3))
    with t.no_grad():
        errors = (model.importance * (model(batch) - batch) ** 2).sum(-1)  # [batch inst]
        halved = model.calculate_loss(model(batch), batch)
    exact = loss_of(model, 40)
    assert ((errors.mean(0) - exact).abs() < 4 * errors.std(0) / rows**0.5 + 1e-4).all()
    assert 2 * halved.item() == pytest.approx(errors.mean(0).sum().item(), rel=1e-4)


def test_the_error_of_a_kink_falls_with_the_square_of_the_nodes() -> None:
    model = two_features(40)
    fine = loss_of(model, 200)
    off = [((loss_of(model, k) - fine).abs() / fine).mean().item() for k in (3, 6, 12, 24)]
    assert off[0] > 2 * off[1] > 4 * off[2] > 8 * off[3] and off[1] < 0.03 and off[3] < 0.003


def test_answering_nothing_costs_the_mean_squares_and_one_row_in_all_states() -> None:
    p, importance = t.tensor([[0.2, 0.5]]), t.tensor([[1.0, 3.0]])
    nothing = expected_loss(t.zeros(1, 1, 2), t.zeros(1, 2), p, importance, n_nodes=2)
    assert nothing.item() == pytest.approx(0.2 / 3 + 3 * 0.5 / 3, rel=1e-5)
    constant = expected_loss(t.zeros(1, 1, 2), t.ones(1, 2), 0 * p, importance, n_nodes=2)
    assert constant.item() == pytest.approx(4.0)  # all off: only the bias is left


def test_gradients_are_those_of_differences() -> None:
    model = two_features(3).double()
    inputs = (model.W.detach().requires_grad_(), model.b_final.detach().requires_grad_())
    given = (model.feature_probability, model.importance)
    assert t.autograd.gradcheck(lambda W, b: expected_loss(W, b, *given), inputs)


# ---- descent and phases


def test_phases_by_their_weights() -> None:
    W = t.tensor([[1.0, 0.2], [1.0, -0.3], [0.8, -1.0], [-1.0, 0.6], [0.1, -1.0], [1.0, 0.9], [-1.0, -0.9]])
    assert phase_of(W[:, None]).tolist() == [0, 0, 1, 1, 2, 3, 3]
    assert phase_of(W.reshape(1, 7, 1, 2)).shape == (1, 7)


def test_descent_finds_what_theory_says_on_either_side_of_the_border() -> None:
    densities = t.tensor([0.1, 0.9]).repeat_interleave(24)
    model = ToyModel(
        ToyModelConfig(48, 2, 1), densities[:, None], t.tensor([1.0, 0.7]), device="cpu", generator=generator()
    )
    minimise_expected_loss(model, expected_loss, steps=400)
    best = loss_of(model, 24).reshape(2, 24).argmin(dim=1) + t.tensor([0, 24])
    assert phase_of(model.W.detach()[best]).tolist() == [1, 0]
    theory = strategy_losses(t.full((2,), 0.7), t.tensor([0.1, 0.9])).amin(0)
    found = loss_of(model, 24)[best]
    assert (found < 1.002 * theory).all() and (found > 0.7 * theory).all()


def test_descent_draws_nothing_and_takes_any_loss() -> None:
    model, state = two_features(2), t.get_rng_state()
    minimise_expected_loss(model, lambda W, b, p, i: (W**2).sum((1, 2)) + (b**2).sum(1), steps=300)
    assert model.W.abs().max() < 0.1 and t.equal(t.get_rng_state(), state)


# ---- attacks


def attacked(model: ToyModel, norm: float, steps: int = 60, rows: int = 20) -> tuple[t.Tensor, t.Tensor]:
    """Rows, and how far the strongest of attacks from 12 starts moves the output, [rows inst]."""
    x = model.generate_batch(rows, generator=generator(5))
    changes = []
    for seed in range(12):
        start = norm * F.normalize(t.randn(x.shape, generator=generator(seed)), dim=-1)
        attack = strongest_attack(model, x, start, norm, steps)
        t.testing.assert_close(attack.norm(dim=-1), t.full(x.shape[:2], norm))
        with t.no_grad():
            changes.append((model(x + attack) - model(x)).norm(dim=-1))
    return x, t.stack(changes).amax(0)


def toy(inst: int, feats: int, d_hidden: int, bias: float = 0.0) -> ToyModel:
    model = ToyModel(ToyModelConfig(inst, feats, d_hidden), 0.3, device="cpu", generator=generator())
    with t.no_grad():
        model.b_final.fill_(bias)
    return model


def test_a_model_that_is_linear_where_it_is_attacked_gives_its_largest_singular_value() -> None:
    model = toy(3, 8, 4, bias=50.0)  # every output stays on
    _, change = attacked(model, 0.5, steps=300)
    bound = t.linalg.matrix_norm(model.W.detach(), ord=2) ** 2
    t.testing.assert_close(change, 0.5 * bound.expand_as(change), rtol=1e-3, atol=0)


@pytest.mark.parametrize("norm", [0.1, 1.0, 5.0])
def test_no_attack_passes_the_bound_and_hardly_any_drawn_push_passes_the_attack(norm: float) -> None:
    model = toy(3, 12, 3)
    x, change = attacked(model, norm)
    bound = t.linalg.matrix_norm(model.W.detach(), ord=2) ** 2
    assert (change <= norm * bound * 1.0001).all()
    pushes = norm * F.normalize(t.randn(200, *x.shape, generator=generator(7)), dim=-1)
    with t.no_grad():
        drawn = (model(x + pushes) - model(x)).norm(dim=-1).amax(0)
    assert (drawn <= change * 1.0001).double().mean() > 0.95


def test_without_superposition_the_change_is_one_and_in_a_pair_root_two() -> None:
    model = toy(2, 6, 3)
    with t.no_grad():
        model.W.zero_()
        model.W[0, :, :3] = t.eye(3)
        model.W[1, 0, :2] = t.tensor([1.0, -1.0])
    _, change = attacked(model, 1.0)
    assert (change[:, 0] - 1).abs().max() < 1e-4
    assert (change[:, 1] <= 2**0.5 + 1e-4).all() and change[:, 1].median().item() == pytest.approx(2**0.5, rel=1e-3)


def test_what_cannot_be_moved_keeps_its_start_and_the_model_keeps_nothing() -> None:
    model, state = toy(2, 5, 2, bias=-100.0), t.get_rng_state()
    x = model.generate_batch(4, generator=generator())
    start = F.normalize(t.randn(x.shape, generator=generator(1)), dim=-1)
    kept = start.clone()
    attack = strongest_attack(model, x, start)
    assert t.equal(attack, kept) and t.equal(start, kept) and not attack.requires_grad
    assert model.W.grad is None and model.b_final.grad is None and t.equal(t.get_rng_state(), state)
