"""The long sweep: runs are made once, kept when it is stopped, and shipped as the notebook reads them."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch as t
from part31_superposition_and_saes import shipped, solutions
from part31_superposition_and_saes.experiments import double_descent
from part31_superposition_and_saes.experiments.run_store import RunStore
from part31_superposition_and_saes.training.sparse_rows import SparseRows

SMALL = shlex.split(
    "--features 30 --probability 0.2 --sizes 3 6 --seeds 0 1 --weight-decays 0.1 --steps 30 --instances 2"
)


def command(folder: Path, *more: str) -> list[str]:
    return [*SMALL, "--runs", str(folder / "runs.jsonl"), "--out", str(folder / "out.json"), "--workers", "1", *more]


def test_a_sweep_that_is_stopped_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[double_descent.Setting] = []
    run = double_descent.run

    def stopped_at_the_third(setting: double_descent.Setting, device: str) -> dict[str, Any]:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(setting)
        return run(setting, device)

    monkeypatch.setattr(double_descent, "run", stopped_at_the_third)
    assert double_descent.main(command(tmp_path)) == 130
    with (tmp_path / "runs.jsonl").open("a") as file:
        file.write('["run", {"setting": {"n_fea')  # as if it had been killed in the middle of a line

    def kept(setting: double_descent.Setting, device: str) -> dict[str, Any]:
        made.append(setting)
        return run(setting, device)

    monkeypatch.setattr(double_descent, "run", kept)
    assert double_descent.main(command(tmp_path)) == 0
    assert len(made) == 4 == len(set(made))
    content = json.loads((tmp_path / "out.json").read_text())
    assert len(content["runs"]) == 4
    assert content["made_by"][0]["command"].startswith("python -m part31_superposition_and_saes.experiments")
    assert content["made_by"][0]["versions"]["torch"] == t.__version__
    monkeypatch.setattr(double_descent, "run", lambda *_: pytest.fail("all runs were finished"))
    assert double_descent.main(command(tmp_path)) == 0
    assert double_descent.main(command(tmp_path, "--ship")) == 0


def test_a_run_is_what_the_model_trains_by_itself() -> None:
    setting = double_descent.Setting(30, 2, 2, 0.2, 50, 3e-3, 5, 7, 0.01, 6)
    result = double_descent.run(setting, "cpu")
    source = t.Generator().manual_seed(7)
    model = solutions.DoubleDescentModel(solutions.ToyModelConfig(2, 30, 2), 0.2, device="cpu", generator=source)
    model.optimize(6, 50, 10, 3e-3, lambda s, n: solutions.anthropic_lr(s, n, 5), 0.01, generator=source)
    assert result["train_loss"] == pytest.approx(solutions.loss_per_row(model, model.data_set).tolist(), rel=1e-4)
    assert result == {**double_descent.run(setting, "cpu"), "seconds": result["seconds"]}


def test_data_too_large_to_be_dense_is_measured_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    source = t.Generator().manual_seed(0)
    model = solutions.DoubleDescentModel(solutions.ToyModelConfig(2, 30, 2), 0.2, device="cpu", generator=source)
    batch = SparseRows.of(model.generate_batch(23, generator=source))
    whole = double_descent.measure(model, batch, batch)
    monkeypatch.setattr(double_descent, "NUMBERS_AT_ONCE", 5 * 60)
    pieces = double_descent.measure(model, batch, batch)
    for name, values in whole.items():
        t.testing.assert_close(pieces[name], values, rtol=1e-4, atol=1e-4)
    assert double_descent.draw(model, 23, source).rows == 23


def test_runs_are_shared_out_to_processes(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.jsonl")
    options = double_descent.arguments(command(tmp_path))
    double_descent.sweep(double_descent.settings_of(options)[:2], store, "cpu", workers=2, dask="")
    assert len(RunStore(tmp_path / "runs.jsonl").runs) == 2


def test_the_shipped_sweep_is_whole_small_and_says_who_made_it() -> None:
    table, made_by = shipped.double_descent_sweep()
    assert (shipped.DATA / "double_descent_sweep.json").stat().st_size < 2_000_000
    assert table.groupby(["steps", "weight_decay", "seed", "rows"]).size().eq(4).all()
    assert table.groupby("steps").size().to_dict() == {8_000: 3 * 10 * 14 * 4, 50_000: 2 * 10 * 13 * 4}
    assert table.groupby(["steps", "weight_decay"]).seed.unique().map(sorted).map(lambda s: s == list(range(10))).all()
    assert table[["train_loss", "test_loss", "data_median"]].notna().all(axis=None)
    assert {"command", "versions", "machine"} <= made_by[0].keys()
