"""The benchmark: who is ranked, what is refused and how, that others are ranked all the same, and the search."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch as t
from part31_superposition_and_saes import bench, solutions
from part31_superposition_and_saes.bench import __main__ as command
from part31_superposition_and_saes.bench import bench_saes, runs, stored
from part31_superposition_and_saes.bench.entries import KINDS, OURS, Entry, entries_of
from part31_superposition_and_saes.bench.measuring import MEASURES, at_target, measure
from part31_superposition_and_saes.bench.stored import Line, store, stored_lines
from part31_superposition_and_saes.bench.training import hidden_rows
from part31_superposition_and_saes.solutions import ToyModel, ToyModelConfig, ToySAE, ToySAEConfig
from torch import nn

FAST: dict[str, Any] = dict(kinds=["independent"], n_models=2, steps=30, ours="none", progress=False)


@pytest.fixture(autouse=True)
def small_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of 8 features in 4 dimensions, hardly trained: what is tested here is the bench, not what it finds."""

    def model_for(kind: str, n_inst: int, generator: t.Generator, steps: int) -> ToyModel:
        model = ToyModel(ToyModelConfig(n_inst, 8, 4), feature_probability=0.25, generator=generator)
        with t.no_grad():
            model.W.copy_(nn.functional.normalize(t.randn(model.W.shape, generator=generator), dim=1))
        return model

    monkeypatch.setattr(solutions, "model_for", model_for)


class Threshold(ToySAE):
    """A good class with a setting of its own: latents fire above it, and no training changes that."""

    def forward(self, h):
        loss_dict, loss, acts, _ = super().forward(h)
        acts = acts * (acts > self.cfg.sparsity_coeff)
        return loss_dict, loss, acts, t.einsum("bis,isd->bid", acts, self.W_dec_normalized) + self.b_dec


class Plain(nn.Module):
    """Nothing inherited: an nn.Module that trains itself, with a constructor and an optimize of its own."""

    def __init__(self, cfg, model):
        super().__init__()
        self.W = nn.Parameter(0.5 * t.randn(cfg.n_inst, cfg.d_sae, cfg.d_in))
        self.limit = cfg.sparsity_coeff
        self.toy = model

    @property
    def W_dec(self):
        return nn.functional.normalize(self.W, dim=-1)

    def forward(self, h):
        directions = nn.functional.normalize(self.W, dim=-1)
        acts = (t.einsum("bid,isd->bis", h, directions) - self.limit).relu()
        h_reconstructed = t.einsum("bis,isd->bid", acts, directions)
        loss = (h_reconstructed - h).square().mean(-1)
        return {"L_reconstruction": loss}, loss, acts, h_reconstructed

    def optimize(self, steps, lr):
        adam = t.optim.Adam(self.parameters(), lr)
        for _ in range(steps):
            with t.no_grad():
                x = self.toy.generate_batch(64)
                h = t.einsum("bif,idf->bid", x, self.toy.W)
            self(h)[1].mean(0).sum().backward()
            adam.step()
            adam.zero_grad()


def broken(**methods: Any) -> type:
    """`Plain` with something else in the place of some methods."""
    return type("Broken", (Plain,), methods)


def shorter(self, h):
    loss_dict, loss, acts, h_reconstructed = Plain.forward(self, h)
    return loss_dict, loss, acts[..., :-1], h_reconstructed


def nan(self, h):
    loss_dict, loss, acts, h_reconstructed = Plain.forward(self, h)
    return loss_dict, loss, acts, h_reconstructed * float("nan")


def negative(self, h):
    loss_dict, loss, acts, h_reconstructed = Plain.forward(self, h)
    return loss_dict, loss, -acts, h_reconstructed


def dense(self, h):
    loss_dict, loss, acts, h_reconstructed = Plain.forward(self, h)
    return loss_dict, loss, acts + 1, h_reconstructed


def silent(self, h):
    loss_dict, loss, acts, h_reconstructed = Plain.forward(self, h)
    return loss_dict, loss, 0 * acts, h_reconstructed


def raises(self, *args, **kwargs):
    raise RuntimeError("a bug of mine")


def unsolved(self, *args, **kwargs):
    raise NotImplementedError("sae_forward")


def leaves(self, *args, **kwargs):
    sys.exit(3)


BAD: dict[str, tuple[type, str]] = {
    "constructor": (broken(__init__=raises), "Broken(cfg, model) raised RuntimeError: a bug of mine"),
    "optimize": (broken(optimize=raises), "optimize raised RuntimeError: a bug of mine"),
    "no optimize": (broken(optimize=None), "no method optimize; it must train"),
    "exits": (broken(optimize=leaves), "optimize raised SystemExit"),
    "forward": (broken(forward=raises), "forward raised RuntimeError: a bug of mine"),
    "unsolved": (broken(forward=unsolved), "forward raised NotImplementedError: sae_forward"),
    "three things": (
        broken(forward=lambda self, h: Plain.forward(self, h)[1:]),
        "gives 3 things; it must give loss_dict, loss, acts_post, h_reconstructed",
    ),
    "one thing": (broken(forward=lambda self, h: h), "gives a Tensor; it must give"),
    "shape": (broken(forward=shorter), "acts_post is [8, 2, 7]; it must be [batch inst d_sae] = [8, 2, 8]"),
    "decoder": (broken(W_dec=property(lambda self: self.W[0])), "W_dec is [8, 4]; it must be [inst d_sae d_in]"),
    "no decoder": (broken(W_dec=None), "no W_dec [inst d_sae d_in]"),
    "NaN": (broken(forward=nan), "h_reconstructed is NaN or infinite in 100% of its places"),
    "negative": (broken(forward=negative), "acts_post is below 0 in"),
    "dense": (broken(forward=dense), "L0 stays at 8 with sparsity_coeff from"),
    "silent": (broken(forward=silent), "no latent ever fires, with sparsity_coeff from"),
    "too many arguments": (broken(optimize=lambda self, mine: None), "optimize raised TypeError"),
    "takes no cfg": (broken(__init__=lambda self: None), "Broken(cfg, model) raised TypeError"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_ranked_is_told_in_one_line_and_the_others_are_ranked(name: str) -> None:
    bad, line = BAD[name]
    result = bench_saes({"bad": bad, "good": Plain}, **FAST)
    assert result.table.loc[("independent", "good"), "rank"] == 1
    assert pd.isna(result.table.loc[("independent", "bad"), "rank"])
    (told,) = result.refused
    assert told.startswith("bad on independent features: ") and line in told
    assert "\n" not in told and len(told) < 400
    assert told in str(result) and told.split(": ", 1)[1][:20] in result._repr_html_()
    with pytest.raises(KeyError, match="bad was not ranked on independent features"):
        result.values("independent", "bad")


def test_ctrl_c_is_no_failure_of_a_class() -> None:
    def interrupted(self, *args, **kwargs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench_saes({"bad": broken(optimize=interrupted)}, **FAST)


def test_a_class_of_ones_own_is_ranked_at_the_target() -> None:
    before = t.get_rng_state()
    result = bench_saes({"mine": Plain, "threshold": Threshold}, target_l0=1.5, **FAST)
    assert t.equal(t.get_rng_state(), before)
    assert not result.refused and result.seconds > 0
    table = result.table
    assert list(table["rank"]) == [1, 2] and set(table["L0"]) == {1.5} and set(table["models"]) == {2}
    assert table["matching"].is_monotonic_decreasing
    for line in result.lines:
        l0s = t.tensor(line.l0)
        assert (l0s.amin(0) <= 1.5).all() and (l0s.amax(0) >= 1.5).all() and 2 <= len(line.settings) <= 4
    for name in MEASURES:
        values = result.values("independent", "mine", name)
        assert table.loc[("independent", "mine"), name] == pytest.approx(values.mean().item(), abs=1e-3)
    assert "mine" in result.plot().layout.meta["alt"]
    again = bench_saes({"mine": Plain}, target_l0=1.5, **FAST)
    assert again.lines[0] == next(line for line in result.lines if line.sae == "mine")  # whoever else takes part


def test_models_that_are_reported_are_not_those_that_settings_are_searched_on() -> None:
    ground = runs.Ground.make("independent", 3, 10, 7)
    assert ground.tuning.cfg.n_inst == runs.N_TUNING and ground.reported.cfg.n_inst == 3
    assert not t.isclose(ground.tuning.W[0], ground.reported.W[0]).any()


def test_further_settings_help_only_where_the_first_two_do_not_enclose() -> None:
    l0s = t.tensor([[1.8, 2.1], [2.2, 2.3], [2.05, 1.9]])  # the third lies nearer to the target for the first instance
    runs_of_two = [{"L0": l0, **{name: t.full((2,), float(i)) for name in MEASURES}} for i, l0 in enumerate(l0s)]
    for found in at_target(runs_of_two, 2.0).values():
        assert 0 < found[0] < 1 and 0 < found[1] < 2
    assert at_target(runs_of_two[:2], 2.0)["F1"].isnan().tolist() == [False, True]
    assert at_target(runs_of_two[:2], 2.08)["F1"][1] == 0.0  # within 2 %


def test_it_measures_as_section_5_does() -> None:
    ground = runs.Ground.make("independent", 3, 10, 7)
    sae = solutions.train_variant(OURS["TopK"].variant(), 2.0, ground.reported, t.Generator().manual_seed(1), 20)
    rows = hidden_rows(ground.reported, 500, t.Generator().manual_seed(3))
    ours = measure(sae, ground.reported, *rows)
    section = solutions.measure_variant(sae, 500, t.Generator().manual_seed(3))
    for name in ("L0", "explained", "matching", "dead"):
        t.testing.assert_close(ours[name], section[name])
    assert (ours["F1"] > 0).all() and (ours["F1"] <= 1).all()


def test_a_class_gets_a_copy_of_the_models_and_only_what_it_takes() -> None:
    class Meddler(Plain):
        def __init__(self, cfg, model):
            super().__init__(cfg, model)
            with t.no_grad():
                model.W.zero_()

        def optimize(self, batch_size, steps, lr_scale):
            assert (batch_size, steps) == (256, 30) and lr_scale(29, 30) < 0.1

    ground = runs.Ground.make("independent", 2, 10, 7)
    before = ground.reported.W.clone()
    ground.run(Entry(Meddler), 0.1, 30, tuning=False)
    assert t.equal(ground.reported.W, before)


def test_a_setting_that_our_config_does_not_have_becomes_an_attribute_of_it() -> None:
    class Other(Plain):
        def __init__(self, cfg, model):
            super().__init__(cfg, model)
            self.limit = cfg.limit

    mine = Entry(Other, (0.1, 0.4), "limit")
    assert bench_saes({"mine": mine}, **FAST).table.loc[("independent", "mine"), "rank"] == 1


def test_entries_get_the_settings_of_their_kind() -> None:
    class MyTopK(solutions.TopKToySAE):
        pass

    class MyMatryoshka(solutions.MatryoshkaToySAE):
        pass

    mine = entries_of(
        {"a": MyTopK, "b": MyMatryoshka, "c": Plain, "d": Threshold, "e": ToySAE, "f": solutions.VARIANTS[1]}
    )
    assert (mine["a"].knob, mine["a"].sae, mine["a"].takes_whole_numbers) == ("k", MyTopK, True)
    assert (mine["b"].knob, mine["b"].values, mine["b"].takes_whole_numbers) == ("k", OURS["Matryoshka"].values, False)
    assert mine["c"].values == mine["d"].values == Entry(Plain).values and mine["e"].values == OURS["standard"].values
    assert (mine["f"].name, mine["f"].sae) == ("f", solutions.GatedToySAE)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(classes=[Plain]), TypeError, "must be a dict from names to classes"),
        (
            dict(classes={"mine": Plain(ToySAEConfig(1, 2, 5), None)}),
            TypeError,
            "mine: got a Plain; .* the class itself",
        ),
        (dict(classes={"TopK": Plain}), ValueError, "'TopK' is taken"),
        (dict(kinds="Zipf"), ValueError, "kinds='Zipf' must be a list"),
        (dict(kinds=["five in two"]), ValueError, "must be a list of some of independent"),
        (dict(target_l0=0), ValueError, "target_l0=0 must be above 0"),
        (dict(target_l0=3.0), ValueError, "stored at L0 2; take that, or ours='train'"),
        (dict(n_models=1), ValueError, "n_models=1 must be a whole number, 2 or more"),
        (dict(steps=0), ValueError, "steps=0 must be a whole number"),
        (dict(ours="live"), ValueError, "ours='live' must be"),
        (dict(by="L0"), ValueError, "by='L0' must be one of matching"),
    ],
)
def test_arguments_out_of_range_are_named(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        bench_saes(**arguments)


def test_a_model_that_is_not_enclosed_gets_more_settings_and_is_left_out_at_last(monkeypatch) -> None:
    tuned: list[float] = []

    class Fake(runs.Ground):
        def run(self, entry, value, steps, tuning):
            l0 = t.tensor([0.1 / value, (9.0 if stubborn else 0.115) / value])
            tuned.append(value)
            return {"L0": l0[:1] if tuning else l0} | {name: (l0[:1] if tuning else l0) for name in MEASURES}

    ground = Fake.make("independent", 2, 10, 0)
    entry = Entry(Plain, (0.04, 0.06), name="x")
    stubborn = False
    line = runs.run_entry(ground, entry, 2.0, 10)
    assert len(line.settings) > 2 and not any(math.isnan(one) for one in line.measured["matching"])
    stubborn = True
    line = runs.run_entry(ground, entry, 2.0, 10)
    assert len(line.settings) == runs.MOST_SETTINGS and math.isnan(line.measured["F1"][1])
    table = runs.Benchmark([line]).table
    assert table.loc[("independent", "x"), "models"] == 1 and table.loc[("independent", "x"), "± F1"] == 0


# ---- what is shipped, and the command


def test_our_own_results_are_whole_and_say_who_made_them() -> None:
    lines = stored_lines(KINDS, runs.TARGET_L0)
    assert [(line.data, line.sae) for line in lines] == [(kind, name) for kind in KINDS for name in OURS]
    for line in lines:
        assert not line.note and set(line.measured) == set(MEASURES)
        assert all(len(values) == runs.N_MODELS for values in line.measured.values())
        assert sum(not math.isnan(one) for one in line.measured["matching"]) >= runs.N_MODELS
    made_by = stored.made_by()
    assert made_by["command"].endswith("bench --store") and made_by["seed"] == runs.SEED
    assert {"versions", "machine", "seconds", "device"} <= made_by.keys()
    assert stored.STORED.stat().st_size < 100_000


def test_lines_are_stored_with_what_is_missing(tmp_path: Path) -> None:
    lines = [Line("Zipf", "a", 2.0, [0.1], [[1.0, 2.0]], {"F1": [0.5, math.nan]}), Line("Zipf", "b", 2.0, note="why")]
    store(lines, {"seed": 1}, tmp_path / "x.json")
    json.loads((tmp_path / "x.json").read_text(), parse_constant=lambda _: pytest.fail("NaN is no JSON"))
    back = stored_lines(["Zipf"], 2.0, tmp_path / "x.json")
    assert str(back) == str(lines) and stored_lines(["paired"], 2.0, tmp_path / "x.json") == []


def test_the_stored_rows_stand_beside_yours() -> None:
    result = bench_saes({"mine": Plain}, **{**FAST, "ours": "stored"})
    assert set(result.table.loc["independent"].index) == {"mine", *OURS}
    assert sorted(result.table["rank"]) == list(range(1, 8))
    fewest = bench_saes(kinds=["paired", "independent"], by="dead")
    assert list(dict.fromkeys(fewest.table.index.get_level_values("data"))) == ["paired", "independent"]
    assert fewest.table.loc["paired", "dead"].is_monotonic_increasing


def test_the_command_ranks_a_class_by_its_place(tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "mymodule.py").write_text("from tests.test_bench import Plain as MySAE, BAD\nBad = BAD['NaN'][0]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    fast = ["--kinds", "independent", "--models", "2", "--steps", "20", "--ours", "none"]
    assert command.main(["mymodule:MySAE", *fast]) == 0
    assert "MySAE" in capsys.readouterr().out
    assert command.main(["mymodule:MySAE", "mymodule:Bad", *fast]) == 1
    assert "✗ Bad on independent features: " in capsys.readouterr().out
    for place, message in (("mymodule", "must be module:Class"), ("mymodule:None_", "cannot be found")):
        with pytest.raises(SystemExit, match=message):
            command.main([place])


def test_the_command_writes_the_file_that_is_shipped(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(runs, "OURS", {"plain": Entry(Plain, (0.1, 0.4), name="plain")})
    options = ["--store", "--kinds", "independent", "--models", "2", "--steps", "20"]
    assert command.main(options, tmp_path / "x.json") == 0
    assert [line.sae for line in stored_lines(["independent"], 2.0, tmp_path / "x.json")] == ["plain"]
    assert stored.made_by(tmp_path / "x.json")["command"].endswith(
        "bench --store --kinds independent --models 2 --steps 20"
    )


def test_the_door_says_what_it_offers() -> None:
    assert bench.__all__ == ["Benchmark", "Entry", "bench_saes"]
