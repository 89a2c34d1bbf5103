"""Section 5's variants: what no learner's test asks for, their training, and the parts of the comparison."""

from collections.abc import Callable
from typing import Any

import pytest
import torch as t
from part31_superposition_and_saes import shipped, solutions, utils
from part31_superposition_and_saes.experiments import variants
from part31_superposition_and_saes.solutions import (
    BatchTopKToySAE,
    GatedToySAE,
    HierarchicalToyModel,
    JumpReLUToySAE,
    MatryoshkaToySAE,
    TopKToySAE,
    ToyModel,
    ToyModelConfig,
    ToySAE,
    ToySAEConfig,
)

from tests.bank import Entry, answers
from tests.needs_device import NeedsDevice

ALL: dict[str, tuple[type[ToySAE], dict[str, Any]]] = {
    "standard": (ToySAE, {}),
    "gated": (GatedToySAE, {}),
    "jumprelu": (JumpReLUToySAE, {"ste_epsilon": 0.3}),
    "topk": (TopKToySAE, {"k": 2.0}),
    "batchtopk": (BatchTopKToySAE, {"k": 1.5}),
    "matryoshka": (MatryoshkaToySAE, {"k": 1.5, "group_sizes": (3, 7, 12)}),
}


RESAMPLINGS = [
    entry
    for entry in answers()
    if entry.exercise == "resample_simple" and entry.diagnosis is None and "resample_simple" in vars(entry.answer)
    if not entry.name.startswith("harmless") and not hasattr(entry.answer, "_replace")  # a method of its own
]


def generator(seed: int = 0) -> t.Generator:
    return t.Generator().manual_seed(seed)


def make(name: str, n_inst: int = 3, **fields: Any) -> Any:
    kind, own = ALL[name]
    toy = ToyModel(ToyModelConfig(n_inst, 10, 4), 0.3, device="cpu", generator=generator())
    return kind(ToySAEConfig(n_inst, 4, 12, **{**own, **fields}), toy, generator=generator(1))


# ---- all of them


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("tied", [False, True])
def test_instances_train_apart_from_each_other(name: str, tied: bool) -> None:
    sae = make(name, tied_weights=tied)
    h = sae.generate_batch(20, generator=generator())
    loss = sae(h)[1].mean(0)
    loss[1].backward()
    for parameter_name, parameter in sae.named_parameters():
        if parameter.grad is not None:
            assert not parameter.grad[[0, 2]].any(), parameter_name


@pytest.mark.parametrize("name", ALL)
def test_training_lowers_the_error_and_moves_every_parameter(name: str) -> None:
    sae = make(name, init_scale=0.3, decoder_init="encoder", sparsity_coeff=0.01)
    before = {n: p.detach().clone() for n, p in sae.named_parameters() if p.requires_grad}
    h = sae.generate_batch(2_000, generator=generator())
    error = sae(h)[0]["L_reconstruction"].mean()
    sae.optimize(256, 100, 20, lr=1e-2, resample_method="simple", resample_freq=25, resample_window=25)
    assert sae(h)[0]["L_reconstruction"].mean() < 0.8 * error
    for n, start in before.items():
        assert (getattr(sae, n) - start).abs().max() > 1e-3, n


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("method", ["simple", "advanced"])
def test_everything_is_made_where_the_model_is(name: str, method: Any) -> None:
    source = generator()
    with NeedsDevice():
        sae = make(name)
        sae.optimize(64, 8, 4, resample_method=method, resample_freq=4, resample_window=4, generator=source)
        solutions.measure_variant(sae.eval(), 200, source)
        solutions.latents_and_features(sae, 200, source)


@pytest.mark.parametrize("name", ["gated", "jumprelu"])
def test_a_replaced_latent_starts_as_at_the_start(name: str) -> None:
    sae = make(name)
    with t.no_grad():
        for parameter in sae.parameters():
            if parameter.requires_grad:
                parameter.add_(0.5)
    window = t.ones(4, 3, 12)
    window[:, 1, 5] = 0
    kept = {n: p.detach().clone() for n, p in sae.named_parameters() if p.requires_grad}
    sae.resample_simple(window, 0.3, generator=generator())
    for bias in sae.latent_biases:
        assert getattr(sae, bias)[1, 5] == 0
    if name == "jumprelu":
        assert sae.theta[1, 5].item() == pytest.approx(sae.cfg.theta_init)
    assert sae.encoder[1, :, 5].norm().item() == pytest.approx(0.3)
    for n, start in kept.items():
        changed = getattr(sae, n) != start
        where = changed.any(1) if n == sae.encoder_name else changed.any(2) if n == "_W_dec" else changed
        assert where.sum() == (0 if n == "b_dec" else 1), n


def test_a_gated_one_forgets_the_standard_encoder() -> None:
    names = {n for n, p in make("gated").named_parameters() if p.requires_grad}
    assert names == {"W_gate", "_W_dec", "b_gate", "r_mag", "b_mag", "b_dec"}


@pytest.mark.parametrize("entry", RESAMPLINGS, ids=str)
@pytest.mark.parametrize("kind", [GatedToySAE, JumpReLUToySAE])
def test_resampling_that_was_written_for_the_standard_one_serves(kind: type, entry: Entry) -> None:
    toy = ToyModel(ToyModelConfig(3, 10, 4), 0.3, device="cpu", generator=generator())
    sae = kind(ToySAEConfig(3, 4, 12), toy, generator=generator(1))
    window = t.ones(4, 3, 12)
    window[:, 1, 5] = 0
    before = sae.encoder.detach().clone()
    vars(entry.answer)["resample_simple"](sae, window, 0.3)
    changed = (sae.encoder != before).any(1)
    assert changed.sum() == 1 and changed[1, 5]
    assert sae.encoder[1, :, 5].norm().item() == pytest.approx(0.3)


def test_thresholds_move_five_times_as_fast() -> None:
    def moved(factors: dict[str, float]) -> float:
        sae = make("jumprelu")
        type(sae).learning_rate_factors, kept = factors, type(sae).learning_rate_factors
        try:
            sae.optimize(128, 10, 10, lr=1e-3, generator=generator())
        finally:
            type(sae).learning_rate_factors = kept
        return (sae.log_theta - t.tensor(sae.cfg.theta_init).log()).abs().max().item()

    assert moved({"log_theta": 5.0}) == pytest.approx(5 * moved({}), rel=0.3)
    assert dict(JumpReLUToySAE.learning_rate_factors) == {"log_theta": 5.0}


# ---- rations


def test_dead_latents_alone_are_trained_by_the_auxiliary_loss() -> None:
    sae = make("topk", dead_after=3)
    h = sae.generate_batch(64, generator=generator())
    assert not sae(h)[0]["L_aux"].any()  # nobody is dead yet
    sae.steps_since_fired[1, [2, 9]] = 4
    terms = sae(h)[0]
    assert not terms["L_aux"][:, [0, 2]].any() and terms["L_aux"][:, 1].any()
    terms["L_aux"].mean(0).sum().backward()
    assert sorted(sae.W_enc.grad[1].any(0).nonzero().flatten().tolist()) == [2, 9]
    sae.eval()
    assert not sae(h)[0]["L_aux"].any()


def test_steps_without_activity_are_counted_until_a_latent_fires() -> None:
    sae = make("topk")
    acts = t.zeros(5, 3, 12)
    acts[2, 1, 4] = 0.3
    for _ in range(3):
        sae.observe(acts)
    assert (sae.steps_since_fired[1] == 3).sum() == 11 and sae.steps_since_fired[1, 4] == 0
    assert (sae.steps_since_fired[[0, 2]] == 3).all()


def test_batch_top_k_decides_row_by_row_after_training() -> None:
    sae = make("batchtopk", init_scale=0.3, decoder_init="encoder")
    h = sae.generate_batch(4_000, generator=generator())
    trained = sae(h)[2]
    assert (trained > 0).sum((0, 2)).tolist() == [6_000] * 3
    sae.optimize(512, 150, 50, lr=1e-2, generator=generator())
    sae.eval()
    acts = sae(h)[2]
    t.testing.assert_close(sae(h[:7])[2], acts[:7])  # rows do not depend on their company
    assert (acts > 0).float().sum(2).mean(0).tolist() == pytest.approx([1.5] * 3, rel=0.15)
    assert (t.where(acts > 0, acts, t.inf).amin((0, 2)) > sae.threshold).all()


def test_the_threshold_follows_the_smallest_activation_kept() -> None:
    sae = make("batchtopk")
    acts = t.zeros(4, 3, 12)
    acts[0, :, 0], acts[1, :, 3] = t.tensor([0.5, 0.25, 1.0]), 2.0
    sae.observe(acts)
    assert sae.threshold.tolist() == [0.5, 0.25, 1.0]
    sae.observe(2 * acts)
    assert sae.threshold.tolist() == pytest.approx([0.505, 0.2525, 1.01])
    sae.observe(0 * acts)  # a batch in which nothing fires says nothing
    assert sae.threshold.tolist() == pytest.approx([0.505, 0.2525, 1.01])


def test_one_group_of_all_latents_is_batch_top_k() -> None:
    one, plain = make("matryoshka", group_sizes=(12,)), make("batchtopk")
    h = one.generate_batch(50, generator=generator())
    t.testing.assert_close(one(h)[1], plain(h)[1])


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("topk", {"k": None}, "k=None must be a whole number"),
        ("topk", {"k": 1.5}, "k=1.5 must be a whole number"),
        ("topk", {"k": 13.0}, "d_sae=12"),
        ("batchtopk", {"k": 0.0}, "k=0.0 must be above 0"),
        ("matryoshka", {"group_sizes": None}, "must rise"),
        ("matryoshka", {"group_sizes": (3, 3, 12)}, "must rise"),
        ("matryoshka", {"group_sizes": (3, 11)}, "d_sae=12"),
    ],
)
def test_rations_that_do_not_fit_are_refused(name: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(name, **fields)


# ---- data


def hierarchical(n_inst: int = 2) -> HierarchicalToyModel:
    probability = t.tensor([0.3, 0.2] + [0.1] * 3 + [0.05] * 3 + [0.4])
    cfg = ToyModelConfig(n_inst, 9, 3)
    return HierarchicalToyModel(cfg, probability, device="cpu", n_parents=2, n_children=3)


def test_families_train_where_they_are() -> None:
    model = hierarchical()
    source = generator()
    with NeedsDevice():
        model.generate_batch(20, generator=source)
        report = utils.optimize(model, 64, 20, 5, 1e-2, solutions.constant_lr, source)
    assert report.path == "fused"  # its gradients are known; its batches are its own


def test_children_come_only_with_their_parent_and_never_together() -> None:
    model = hierarchical()
    on = model.generate_batch(100_000, generator=generator()) > 0
    assert on.float().mean(0)[0].tolist() == pytest.approx(model.feature_probability[0].tolist(), abs=0.006)
    for parent, children in ((0, slice(2, 5)), (1, slice(5, 8))):
        family = on[..., children]
        assert (family.sum(-1) <= 1).all()
        assert not family[~on[..., parent]].any()
    both = (on[..., 0] & on[..., 1]).float().mean(0)
    assert both.tolist() == pytest.approx([0.06, 0.06], abs=0.004)  # families are independent of each other


@pytest.mark.parametrize(
    ("probability", "n_children", "message"),
    [
        ([0.3, 0.2] + [0.1] * 7, 4, "do not fit into 9 features"),
        ([0.3, 0.2] + [0.1, 0.1, 0.05] + [0.05] * 4, 3, "differs between children"),
        ([0.3, 0.2] + [0.11] * 3 + [0.05] * 4, 3, "more often than the parent"),
    ],
)
def test_impossible_families_are_refused(probability: list[float], n_children: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HierarchicalToyModel(
            ToyModelConfig(1, 9, 3), t.tensor(probability), device="cpu", n_parents=2, n_children=n_children
        )


def test_zipf_probabilities_fall_as_one_over_rank() -> None:
    p = solutions.zipf_probability(100, 2.0)
    assert p.sum().item() == pytest.approx(2)
    assert (p[0] / p).tolist() == pytest.approx(list(range(1, 101)), rel=1e-5)


@pytest.mark.parametrize("kind", solutions.KINDS_OF_DATA)
def test_models_of_every_kind(kind: str) -> None:
    model = solutions.model_for(kind, 2, t.Generator(utils.device).manual_seed(0), steps=3)
    on = (model.generate_batch(20_000, generator=t.Generator(utils.device).manual_seed(1)) > 0).float().sum(-1)
    assert on.mean().item() == pytest.approx(0.125 if kind == "five in two" else 2.1, abs=0.15)


def test_an_unknown_kind_of_data_is_refused() -> None:
    with pytest.raises(ValueError, match="kind='sorted' must be one of five in two"):
        solutions.model_for("sorted", 1)


# ---- measures


def perfect(name: str = "standard") -> Any:
    """Four latents that are the four orthogonal features, and one that is dead."""
    toy = ToyModel(ToyModelConfig(2, 4, 4), 0.3, device="cpu", generator=generator())
    toy.W.data.copy_(2 * t.eye(4).expand(2, 4, 4))
    sae = ALL[name][0](ToySAEConfig(2, 4, 5), toy)
    with t.no_grad():
        order = t.eye(4)[[2, 0, 3, 1]]
        sae.W_enc.copy_(t.cat([0.9 * order, -order[:1]]).T)
        sae.W_dec.copy_(t.cat([order, order[:1]]))
    return sae


def test_a_perfect_autoencoder_that_shrinks_by_a_tenth() -> None:
    measured = solutions.measure_variant(perfect(), generator=generator())
    assert measured["gamma"].tolist() == pytest.approx([0.9] * 2, abs=1e-5)
    assert measured["matching"].tolist() == pytest.approx([1.0] * 2, abs=1e-5)
    assert measured["dead"].tolist() == [1, 1]
    assert measured["L0"].tolist() == pytest.approx([1.2] * 2, abs=0.1)
    assert measured["explained"].tolist() == pytest.approx([0.985] * 2, abs=0.01)


def test_features_that_the_model_left_out_do_not_count() -> None:
    sae = perfect()
    sae.model.W.data[:, :, 3] *= 0.1
    sae.W_dec.data[:, 3] = t.tensor([1.0, 0, 0, 0])  # feature 1's latent answers wrongly
    assert solutions.measure_variant(sae, generator=generator())["matching"].tolist() == pytest.approx([2 / 3] * 2)


def test_features_are_paired_with_their_latents() -> None:
    pair = solutions.latents_and_features(perfect(), 3_000, generator())
    assert pair.latents.tolist() == [[1, 3, 0, 2]] * 2
    assert pair.cosines.min() > 0.999
    t.testing.assert_close(pair.found, 0.9 * pair.true)
    t.testing.assert_close(pair.reading, pair.true)
    slope, intercept = pair.line()
    assert (slope, intercept) == (pytest.approx(0.9, abs=1e-5), pytest.approx(0, abs=1e-5))


def test_every_autoencoder_of_the_comparison_reads_a_model_of_its_own() -> None:
    models = solutions.model_for("five in two", 2, t.Generator(utils.device).manual_seed(0), steps=5)
    variant = next(one for one in solutions.VARIANTS if one.name == "Matryoshka")
    sae = solutions.train_variant(variant, 0.25, models, t.Generator(utils.device).manual_seed(0), steps=5)
    assert t.equal(sae.model.W, models.W) and not t.equal(models.W[0], models.W[1])
    assert (sae.cfg.k, sae.cfg.group_sizes, sae.training) == (0.25, (1, 2, 5), False)


def test_settings_differ_between_kinds_of_data_where_told() -> None:
    by_name = {variant.name: variant for variant in solutions.VARIANTS}
    assert by_name["TopK"].values_for("five in two") == (1.0, 2.0)
    assert by_name["TopK"].values_for("Zipf") == by_name["TopK"].values_for("paired")
    assert by_name["gated"].values_for("five in two") == by_name["gated"].values_for("Zipf")


# ---- the wide sweep


def test_the_sweep_is_read_as_it_was_written(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    quick: Callable[..., Any] = lambda kind, n, source: original(kind, n, source, 2)  # noqa: E731
    original = solutions.model_for
    monkeypatch.setattr(solutions, "model_for", quick)
    monkeypatch.setattr(solutions, "KINDS_OF_DATA", ("five in two",))
    monkeypatch.setattr(solutions, "VARIANTS", solutions.VARIANTS[:1])
    for module in (shipped, variants):
        monkeypatch.setattr(module, "VARIANTS_SWEEP", tmp_path / "sweep.json")
    assert variants.main(["--models", "2", "--picking", "1", "--steps", "2"]) == 0
    table, made_by = utils.variants_sweep()
    assert len(table) == 4 * (2 + 1) and list(table["role"].value_counts()) == [8, 4]
    assert set(table["value"]) == {0.1, 0.2, 0.3, 0.5}
    assert set(shipped.MEASURED) < set(table.columns)
    assert made_by["torch"] == t.__version__


def test_the_shipped_sweep_is_complete() -> None:
    table, _ = utils.variants_sweep()
    counts = table.groupby(["data", "variant", "value", "role"]).size().unstack("role")
    assert (counts["report"] == 5).all() and (counts["pick"] == 3).all()
    wanted = {
        (kind, variant.name, value)
        for kind in solutions.KINDS_OF_DATA
        for variant in solutions.VARIANTS
        for value in variant.values_for(kind)
    }
    assert set(counts.index) == wanted
    assert table[list(shipped.MEASURED)].notna().all().all()
