"""Full-batch training: gradients of both closed forms, AdamW, which path runs, and that all paths agree."""

from contextlib import ExitStack
from typing import Any

import pytest
import torch as t
from jaxtyping import config
from part31_superposition_and_saes.solutions import DoubleDescentModel, ToyModelConfig, constant_lr, linear_lr
from part31_superposition_and_saes.training import full_batch
from part31_superposition_and_saes.training.adam import FlatAdam, torch_adam
from part31_superposition_and_saes.training.full_batch import CompiledGradient, TiledGradient, optimize_full_batch
from part31_superposition_and_saes.training.sparse_rows import SparseRows

GRADIENTS = pytest.mark.parametrize("kind", [TiledGradient, CompiledGradient])


def generator(seed: int = 0) -> t.Generator:
    return t.Generator().manual_seed(seed)


def make(kind: type = DoubleDescentModel, n_inst: int = 3, feats: int = 20, d_hidden: int = 2, p: float = 0.2) -> Any:
    importance = 0.5 + t.rand(n_inst, feats, generator=generator(3))
    model = kind(ToyModelConfig(n_inst, feats, d_hidden), p, importance, "cpu", generator=generator(1))
    with t.no_grad():
        model.b_final.copy_(0.2 * t.randn(n_inst, feats, generator=generator(2)))
    return model


def data(model: Any, rows: int = 30) -> t.Tensor:
    return model.generate_batch(rows, generator=generator(4))


def closed_form(kind: type, model: Any, batch: t.Tensor, threads: int = 1) -> tuple[t.Tensor, t.Tensor, t.Tensor]:
    into = t.full_like(model.W, t.nan), t.full_like(model.b_final, t.nan)  # what was there must be overwritten
    with ExitStack() as stack:
        extra = (threads, stack) if kind is CompiledGradient else ()
        gradient = kind(model.W.detach(), model.b_final.detach(), model.importance, SparseRows.of(batch), into, *extra)
        gradient.compute()
        losses = gradient.compute()  # a second call starts anew
    return losses, *into


@GRADIENTS
@pytest.mark.parametrize("rows", [1, 30, 700])
@pytest.mark.parametrize("p", [0.02, 0.2, 1.0])
def test_closed_forms_give_the_gradients_of_autograd(kind: type, rows: int, p: float) -> None:
    model = make(p=p).double()
    batch = data(model, rows).double()
    losses = model.calculate_loss(model(batch), batch, per_inst=True)
    W, bias = t.autograd.grad(losses.sum(), [model.W, model.b_final])
    got = closed_form(kind, model, batch)
    for mine, right in zip(got, (losses.detach(), W, bias), strict=True):
        t.testing.assert_close(mine, right, rtol=1e-9, atol=1e-12)


def test_tiles_work_in_any_number_of_dimensions_and_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(d_hidden=5).double()
    batch = data(model).double()
    loss = model.calculate_loss(model(batch), batch)
    wanted = t.autograd.grad(loss, [model.W, model.b_final])
    for numbers in (1, 7 * 60, 2**20):
        monkeypatch.setitem(full_batch.TILE, "cpu", numbers)
        _, *got = closed_form(TiledGradient, model, batch)
        for mine, right in zip(got, wanted, strict=True):
            t.testing.assert_close(mine, right, rtol=1e-9, atol=1e-12)


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full_batch, "WORTH_A_THREAD", 0)
    model = make()
    batch = data(model, 1000)
    one, three = (closed_form(CompiledGradient, model, batch, threads) for threads in (1, 3))
    assert all(map(t.equal, one, three))


def test_rows_are_kept_without_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = data(make(p=0.1), 50)
    batch[7] = 0
    rows = SparseRows.of(batch)
    assert t.equal(rows.dense(), batch) and rows.rows == 50
    assert rows.index.shape[-1] == (batch != 0).sum(-1).max()
    both = SparseRows.cat([SparseRows.of(batch[:20]), SparseRows.of(batch[20:])])
    assert t.equal(both.dense(), batch)
    assert t.equal(SparseRows.of(-batch).dense(), -batch)
    monkeypatch.setattr(config, "jaxtyping_disable", True)  # as in a notebook, where nothing else checks
    with pytest.raises(ValueError, match=r"batch has shape \[50, 20\]"):
        SparseRows.of(batch[:, 0])


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_flat_adam_is_torchs_adamw(decay: float) -> None:
    ours, theirs = make().double(), make().double()
    batch = data(ours).double()
    flat, own = FlatAdam(dict(ours.named_parameters()), decay), torch_adam(theirs.parameters(), decay)
    for group in own.param_groups:
        group["lr"] = 0.05
    for _ in range(20):
        for model in (ours, theirs):
            model.zero_grad()
            model.calculate_loss(model(batch), batch).backward()
        for name, p in ours.named_parameters():
            flat.gradients[name].copy_(p.grad)
        flat.step(0.05)
        own.step()
    for mine, right in zip(ours.parameters(), theirs.parameters(), strict=True):
        t.testing.assert_close(mine, right, rtol=1e-10, atol=1e-12)
    assert isinstance(own, t.optim.AdamW) and not isinstance(torch_adam(ours.parameters()), t.optim.AdamW)


def train(model: Any, batch: Any, **changed: Any) -> Any:
    arguments: dict[str, Any] = {"steps": 40, "log_freq": 10, "lr": 0.02, "lr_scale": linear_lr, "weight_decay": 0.1}
    return optimize_full_batch(model, batch, **{**arguments, **changed})


@pytest.mark.parametrize("compiled", [True, False])
def test_all_paths_train_alike(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full_batch, "can_compile", lambda W: compiled)
    fused, autograd = make().double(), make().double()
    batch = data(fused).double()
    before = t.get_num_threads()
    assert train(fused, batch).path == "fused"
    assert train(autograd, batch, fast=False).path == "autograd"
    for mine, right in zip(fused.parameters(), autograd.parameters(), strict=True):
        t.testing.assert_close(mine, right, rtol=1e-6, atol=1e-8)
    assert t.get_num_threads() == before


def test_sparse_rows_train_like_the_batch_they_hold() -> None:
    one, other = make(), make()
    batch = data(one)
    train(one, batch)
    train(other, SparseRows.of(batch))
    assert t.equal(one.W, other.W)
    assert train(make(), SparseRows.of(batch), fast=False).path == "autograd"


class Leaky(DoubleDescentModel):
    def forward(self, features):
        return t.nn.functional.leaky_relu(super().forward(features) - 0.1)


class SumOverBatch(DoubleDescentModel):
    def calculate_loss(self, out, batch, per_inst=False):
        return len(batch) * super().calculate_loss(out, batch)


class OwnWords(DoubleDescentModel):
    def forward(self, features):
        return ((features[..., None, :] * self.W).sum(-1)[..., None] * self.W).sum(-2).add(self.b_final).clamp(min=0)

    def calculate_loss(self, out, batch, per_inst=False):
        return ((out - batch) ** 2 * self.importance).mean((0, 2)).sum()


@pytest.mark.parametrize("kind, path", [(Leaky, "autograd"), (SumOverBatch, "autograd"), (OwnWords, "fused")])
def test_a_model_is_known_by_what_it_computes(kind: type, path: str) -> None:
    model, plain = make(kind), make(kind)
    batch = data(model)
    report = train(model, batch)
    assert report.path == path and report.steps == 40 and model.training_report is report
    train(plain, batch, fast=False)
    t.testing.assert_close(model.W, plain.W, rtol=1e-3, atol=1e-4)


def test_nothing_is_drawn_and_the_log_tells_the_loss() -> None:
    model = make()
    batch = data(model)
    state, told = t.get_rng_state(), []
    train(model, batch, on_log=lambda step, loss: told.append((step, loss)))
    assert t.equal(state, t.get_rng_state())
    assert [step for step, _ in told] == [0, 10, 20, 30, 39]
    assert told[0][1] == pytest.approx(make().calculate_loss(make()(batch), batch).item(), rel=1e-5)
    assert told[-1][1] < 0.5 * told[0][1]


def test_wrong_arguments_and_diverging_runs_are_refused() -> None:
    model = make()
    batch = data(model)
    for changed in ({"weight_decay": -1.0}, {"weight_decay": t.nan}, {"steps": -1}, {"lr": -1.0}, {"log_freq": 0}):
        with pytest.raises(ValueError, match=next(iter(changed))):
            train(model, batch, **changed)
    with t.no_grad():
        model.W[0, 0, 0] = t.nan
    with pytest.raises(RuntimeError, match="loss became NaN"):
        train(model, batch, lr_scale=constant_lr)
