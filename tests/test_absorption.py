"""Feature absorption: the references, the data, and what a trained autoencoder does; figures."""

import math
from functools import partial

import pandas as pd
import pytest
import torch as t
from part31_superposition_and_saes import solutions as s
from part31_superposition_and_saes import utils
from part31_superposition_and_saes.figures.absorption import plot_absorption, plot_family_cosines, plot_pair_cosines


def generator(seed: int = 0) -> t.Generator:
    return t.Generator().manual_seed(seed)


def draw(model: s.ToyModel, rows: int = 20_000) -> t.Tensor:
    return model.generate_batch(rows, generator=generator(1))


# ---- the references


def test_a_merged_latent_stands_between_parent_and_child() -> None:
    W = t.eye(6)[None]
    rows = s.absorbing_dictionary(W, 2, 2)[0]
    assert t.equal(rows[:2], t.eye(6)[:2])
    half = 1 / math.sqrt(2)
    assert rows[2].tolist() == pytest.approx([half, 0, half, 0, 0, 0])
    assert rows[5].tolist() == pytest.approx([0, half, 0, 0, 0, half])
    assert float(rows[2] @ rows[3]) == pytest.approx(0.5)  # siblings


def test_both_dictionaries_reconstruct_and_the_absorbing_one_is_cheaper() -> None:
    """The bill of the text: L1 2 against √2, L0 2 against 1."""
    rows = s.absorbing_dictionary(t.eye(2)[None], 1, 1)[0]
    h, honest, absorbing = t.ones(2), t.tensor([1.0, 1.0]), t.tensor([0.0, math.sqrt(2)])
    assert t.allclose(honest @ t.eye(2), h) and t.allclose(absorbing @ rows, h)
    assert honest.sum() == 2 and absorbing.sum() == pytest.approx(1.414, abs=1e-3)


def test_the_rate_is_a_difference_of_two_shares() -> None:
    true = t.zeros(8, 1, 3)
    true[:6, 0, 0] = 1.0  # the parent is on in six rows, with a child in four of them
    true[:2, 0, 1] = true[2:4, 0, 2] = 0.5
    found = t.zeros(8, 1, 3)
    found[0, 0, 0] = found[4, 0, 0] = found[7, 0, 0] = 2.0
    assert s.absorption_rate(found, true, 1, 2).tolist() == [[3 / 4 - 1 / 2]]


@pytest.mark.parametrize(("absorbs", "rate"), [(True, 1.0), (False, 0.0)])
def test_complete_absorption_is_1_and_honesty_0(absorbs: bool, rate: float) -> None:
    model = s.family_model(3, generator=generator())
    true = draw(model, 2_000)
    found = true.clone()
    if absorbs:
        found[..., :4] *= (true[..., 4:].unflatten(-1, (4, 4)) == 0).all(-1)
    assert t.equal(s.absorption_rate(found, true, 4, 4), t.full((3, 4), rate))
    assert t.equal(s.absorption_rate(0 * found, true, 4, 4), t.zeros(3, 4))  # a dead latent absorbs nothing


def test_the_rate_works_in_double_precision() -> None:
    true = draw(s.family_model(1, generator=generator()), 500).double()
    assert s.absorption_rate(true, true, 4, 4).dtype == t.float64


# ---- the data


def test_families_are_orthonormal_and_as_often_on_as_they_should_be() -> None:
    model = s.family_model(2, generator=generator())
    assert t.allclose(model.W.mT @ model.W, t.eye(20).expand(2, -1, -1), atol=1e-5)
    assert t.equal(model.W[0], model.W[1])
    x = draw(model)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert utils.mean_l0(x).tolist() == pytest.approx([0.96, 0.96], abs=0.03)
    children = x[..., 4:].unflatten(-1, (4, 4)) > 0
    assert children.sum(-1).max() == 1
    parents = x[..., :4] > 0
    assert not (children.any(-1) & ~parents).any()
    given = (children & parents[..., None]).sum(0) / parents.sum(0)[..., None]
    assert t.allclose(given, t.full_like(given, 0.15), atol=0.03)


def test_sizes_are_uniform_between_their_bounds() -> None:
    model = s.family_model(1, sizes=(0.5, 1.5), n_parents=2, n_children=1, p_parent=0.5, p_child=0.5)
    x = draw(model)
    on = x[x > 0]
    assert 0.5 <= on.min() < 0.51 and 1.49 < on.max() <= 1.5 and float(on.mean()) == pytest.approx(1, abs=0.01)


def test_the_seed_decides_and_the_global_state_stays() -> None:
    state = t.get_rng_state()
    first, second = (s.family_model(1, generator=generator(3)).W for _ in range(2))
    assert t.equal(first, second)
    assert t.equal(t.get_rng_state(), state)


# ---- training


def test_a_standard_autoencoder_absorbs_and_matryoshka_does_not() -> None:
    """Few autoencoders and steps: the direction of the effect, not its size."""
    gen = generator()
    model = s.family_model(3, generator=gen)
    train = partial(s.train_on_families, model=model, generator=gen, steps=1_000)
    rates = {}
    for name, sae in {
        "standard": train(s.ToySAE, sparsity_coeff=0.005),
        "Matryoshka": train(s.MatryoshkaToySAE, k=0.96, group_sizes=(1, 3, 5, 10, 20)),
    }.items():
        assert not sae.training
        pair = s.latents_and_features(sae, 4_000, gen)
        rates[name] = float(s.absorption_rate(pair.found, pair.true, 4, 4).mean())
    assert rates["standard"] > rates["Matryoshka"] + 0.5


# ---- figures


def test_a_column_shows_each_autoencoder_and_their_mean_with_its_interval() -> None:
    rate = t.tensor([[0.0, 0.2], [0.4, 0.6], [1.0, 1.0]])
    fig = plot_absorption({"a": rate, "b<br>c": 0 * rate}, "Title")
    dots, mean = fig.data[:2]
    assert list(dots.y) == pytest.approx([0.1, 0.5, 1.0])
    assert mean.y[0] == pytest.approx(1.6 / 3)
    assert mean.error_y.array[0] == pytest.approx(utils.confidence_interval(pd.Series([0.1, 0.5, 1.0])))
    assert "a: 0.53 ± " in fig.layout.meta["alt"] and "b, c: 0.00 ± 0.00" in fig.layout.meta["alt"]
    assert len(plot_absorption({"one": rate[:1]}, "Title").data) == 2
    with pytest.raises(ValueError, match="nothing to show"):
        plot_absorption({}, "Title")
    with pytest.raises(ValueError, match=r"rates\['a'\] has shape \[0, 2\]"):
        plot_absorption({"a": rate[:0]}, "Title")


def test_a_family_is_shown_with_its_numbers() -> None:
    cosines = t.tensor([[1.0, 0.71], [0.0, 0.7]])
    fig = plot_family_cosines({"x": cosines, "y": t.eye(2)}, "Title")
    assert list(fig.data[1].text) == ["1.00", "0.71", "0.00", "0.70"]
    assert list(fig.layout.xaxis.ticktext) == ["parent", "child 1"]
    assert "x: children's latents have a mean cosine of 0.70" in fig.layout.meta["alt"]
    with pytest.raises(ValueError, match="square"):
        plot_family_cosines({"x": cosines[:1]}, "Title")


def test_cosines_of_pairs_are_shares_that_add_up_to_1() -> None:
    values = t.tensor([-1.0, -0.95, 0.0, 1.0])
    fig = plot_pair_cosines({"siblings": {"ours": values, "theirs": values[2:]}}, "Title")
    assert [sum(trace.y) for trace in fig.data] == pytest.approx([1, 1])
    assert fig.data[0].y[0] == pytest.approx(0.25)  # -1 is in the first bin, -0.95 in the second or on its edge
    assert "siblings, ours: mean -0.24, 50% below -0.9" in fig.layout.meta["alt"]
    with pytest.raises(ValueError, match="holds no pair"):
        plot_pair_cosines({"siblings": {"ours": values[:0]}}, "Title")
