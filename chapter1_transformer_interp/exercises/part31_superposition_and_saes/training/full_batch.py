"""Training on one batch that stays: full-batch AdamW, by closed-form gradients on sparse rows where the model is known.

The course's other trainer draws a fresh batch every step (see `optimize`); here the batch is the data set. What is on
in it is a few features a row, so it is kept as `SparseRows`. Two ways compute the same gradients: `CompiledGradient`,
by Numba where that is installed, on a CPU and in two hidden dimensions, and `TiledGradient`, by torch anywhere.
"""

import importlib.util
import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch as t
from jaxtyping import Float
from torch import Tensor, nn

from .adam import FlatAdam, torch_adam
from .kernels import KNOWN, zero_where_off
from .loop import Loop, Schedule, TrainingReport, checked_arguments, threads_for
from .probe import per_feature_attribute, recognise_gradients
from .sparse_rows import SparseRows
from .structure import Unknown, known_parameters

TOY_MODEL = KNOWN[0]  # ReLU(WᵀWx + b_final)
# Numbers in a tile of outputs: as many as fit into a CPU's cache; enough to keep a GPU busy.
TILE = {"cpu": 2**18}
TILE_ELSEWHERE = 2**25
# A task of the compiled gradient has at least so many rows, and an instance is cut into at most so many tasks. Both are
# fixed, so that sums are added in the same order, and runs are the same, on any number of cores.
ROWS_A_TASK, TASKS_AN_INSTANCE = 256, 8
WORTH_A_THREAD = 2**18  # rows x instances x features below which one thread is faster than two


Task: TypeAlias = tuple[tuple[int, int], tuple[np.ndarray, ...]]  # place among the losses, arguments of the kernel


class Gradient(Protocol):
    """Loss and gradients of the model on one batch, at the parameters of the moment."""

    def compute(self) -> Float[Tensor, " inst"]:
        """Write the gradients of the loss; returns the loss of each instance."""


class TiledGradient:
    """The closed form in torch, a tile of rows after the other, so that no matrix of all rows and features is made."""

    def __init__(
        self,
        W: Float[Tensor, "inst d_hidden feats"],
        bias: Float[Tensor, "inst feats"],
        importance: Float[Tensor, "inst feats"],
        batch: SparseRows,
        gradients: tuple[Float[Tensor, "inst d_hidden feats"], Float[Tensor, "inst feats"]],
    ):
        """Cut the batch into tiles; every call reads `W` and `bias` and overwrites `gradients` (of W, and of bias)."""
        self.W, self.bias = W, bias
        self.W_gradient, self.bias_gradient = gradients
        self.weight = importance.to(W) / (batch.rows * batch.n_features)
        numbers = TILE.get(W.device.type, TILE_ELSEWHERE)
        size = max(1, numbers // self.weight.numel())
        self.tiles = list(zip(batch.index.split(size, dim=1), batch.value.split(size, dim=1), strict=True))

    @t.no_grad()
    def compute(self) -> Float[Tensor, " inst"]:
        self.W_gradient.zero_()
        self.bias_gradient.zero_()
        loss = self.W.new_zeros(len(self.W))
        for index, value in self.tiles:
            loss += self._add_tile(index, value)
        self.W_gradient.mul_(2)
        self.bias_gradient.mul_(2)
        return loss

    def _add_tile(self, index: Tensor, value: Tensor) -> Tensor:
        inst, d_hidden, _ = self.W.shape
        places = index.flatten(1)[:, None].expand(-1, d_hidden, -1)  # [inst d_hidden rows*room]
        columns = self.W.gather(2, places).view(inst, d_hidden, *index.shape[1:])
        hidden = (columns * value[:, None]).sum(-1)  # [inst d_hidden rows]
        out = t.baddbmm(self.bias[:, None], hidden.mT, self.W).relu_()
        # The error is the output itself, and output - value where a feature is on; it does not pass a ReLU that is off.
        error = out.scatter_add(-1, index, -value)
        missed = (error.square() * self.weight[:, None]).sum((1, 2))
        zero_where_off(error, out)
        error *= self.weight[:, None]
        self.bias_gradient += error.sum(1)
        self.W_gradient.baddbmm_(hidden, error)
        back = t.bmm(self.W, error.mT)  # [inst d_hidden rows]
        self.W_gradient.scatter_add_(2, places, (back[..., None] * value[:, None]).flatten(2))
        return missed


class CompiledGradient:
    """The closed form by `plane_kernel`, in tasks of some rows of one instance that threads share out."""

    def __init__(
        self,
        W: Float[Tensor, "inst 2 feats"],
        bias: Float[Tensor, "inst feats"],
        importance: Float[Tensor, "inst feats"],
        batch: SparseRows,
        gradients: tuple[Float[Tensor, "inst 2 feats"], Float[Tensor, "inst feats"]],
        threads: int,
        stack: ExitStack,
    ):
        """Cut the batch into tasks; arguments as for `TiledGradient`, on the CPU.

        Args:
            threads: how many compute, this one included.
            stack: when it closes, the other threads end.
        """
        from .plane_kernel import plane_gradient

        self.kernel = plane_gradient
        self.W_gradient, self.bias_gradient = gradients
        self.scale = 1 / (batch.rows * batch.n_features)
        inst, rows, _ = batch.index.shape
        size = max(ROWS_A_TASK, math.ceil(rows / TASKS_AN_INSTANCE))
        starts = range(0, rows, size)
        self.parts = W.new_empty(len(starts), inst, 3, batch.n_features)  # of both rows of W, and of the bias
        self.losses = np.zeros((len(starts), inst))
        arrays = [x.detach().numpy() for x in (W, bias, importance.to(W).contiguous(), batch.index, batch.value)]
        weights, biases, importances, index, value = arrays
        parts = self.parts.numpy()
        tasks: list[Task] = []
        for i in range(inst):
            for k, start in enumerate(starts):
                chosen = slice(start, start + size)
                rows_of = index[i, chosen], value[i, chosen]
                into = parts[k, i, :2], parts[k, i, 2]
                tasks.append(((k, i), (weights[i], biases[i], importances[i], *rows_of, *into)))
        threads = min(threads, len(tasks)) if batch.index.shape[1] * self.W_gradient.numel() > WORTH_A_THREAD else 1
        self.shares = [tasks[k::threads] for k in range(threads)]
        self.pool = stack.enter_context(ThreadPoolExecutor(threads - 1)) if threads > 1 else None

    @t.no_grad()
    def compute(self) -> Float[Tensor, " inst"]:
        waiting: list[Future[None]] = []
        if self.pool:
            waiting = [self.pool.submit(self._work, share) for share in self.shares[1:]]
        self._work(self.shares[0])
        for one in waiting:
            one.result()
        total = self.parts.sum(0).mul_(2 * self.scale)
        self.W_gradient.copy_(total[:, :2])
        self.bias_gradient.copy_(total[:, 2])
        return t.from_numpy(self.losses.sum(0)).mul_(self.scale)

    def _work(self, share: list[Task]) -> None:
        for place, arrays in share:
            self.losses[place] = self.kernel(*arrays)


class ClosedFormStepper:
    """Full-batch AdamW by a closed-form gradient."""

    def __init__(self, model: nn.Module, batch: SparseRows, weight_decay: float, stack: ExitStack):
        parameters = known_parameters(model)
        self.adam = FlatAdam(parameters, weight_decay)
        self.parameters = self.adam.parameters
        W, bias = (parameters[name] for name in ("W", "b_final"))
        gradients = self.adam.gradients["W"], self.adam.gradients["b_final"]
        what = W, bias, per_feature_attribute(model, "importance"), batch, gradients
        if can_compile(W):
            self.gradient: Gradient = CompiledGradient(*what, t.get_num_threads(), stack)
            t.set_num_threads(1)  # what is left to torch is small; `threads_for` puts the number back
        else:
            self.gradient = TiledGradient(*what)
        self.losses = t.tensor(math.nan, device="cpu")

    def compute_gradients(self) -> None:
        self.losses = self.gradient.compute()

    def loss(self, last: bool) -> float:
        finite = all(p.isfinite().all() for p in self.parameters)  # a ReLU written as a comparison hides NaN
        return self.losses.sum().item() if finite else math.nan

    def update(self, lr: float) -> None:
        self.adam.step(lr)


class AutogradFullBatchStepper:
    """Full-batch AdamW by the model's own code."""

    def __init__(self, model: nn.Module, batch: Float[Tensor, "rows inst feats"], weight_decay: float):
        self.model: Any = model
        self.batch = batch
        self.optimizer = torch_adam(model.parameters(), weight_decay)
        self._loss = t.tensor(math.nan, device="cpu")

    def compute_gradients(self) -> None:
        loss = self.model.calculate_loss(self.model(self.batch), self.batch)
        self.optimizer.zero_grad()
        loss.backward()
        self._loss = loss.detach()

    def loss(self, last: bool) -> float:
        return self._loss.item()

    def update(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()


def can_compile(W: Tensor) -> bool:
    """Whether `CompiledGradient` can be used for this W."""
    return W.device.type == "cpu" and W.shape[1] == 2 and importlib.util.find_spec("numba") is not None


def optimize_full_batch(
    model: nn.Module,
    batch: Float[Tensor, "rows inst feats"] | SparseRows,
    steps: int,
    log_freq: int,
    lr: float,
    lr_scale: Schedule,
    weight_decay: float,
    *,
    on_log: Callable[[int, float], None] | None = None,
    fast: bool = True,
) -> TrainingReport:
    """Train `model` in place with AdamW on one batch, all of it at every step, showing a progress bar.

    A model whose output, loss and gradients are those of ReLU(WᵀWx + b_final), which is found out by trying it, is
    trained by closed-form gradients; any other by its own code and autograd. An interrupt leaves the model as it was
    after its last whole step. No random number is drawn.

    Args:
        model: has `forward` and `calculate_loss(out, batch)`.
        batch: what each instance is trained on.
        steps: number of steps; 0 trains nothing.
        log_freq: steps between two updates of the loss beside the bar, 1 or more.
        lr: learning rate before scaling.
        lr_scale: `(step, steps) -> factor` on the learning rate.
        weight_decay: of AdamW, 0 or more: every step shrinks all parameters by the share lr · lr_scale · weight_decay.
        on_log: called with `(step, loss)` every `log_freq` steps and at the last.
        fast: False for the model's own code and autograd in any case.
    Returns:
        How it went, and by which path; also kept as `model.training_report`.
    Raises:
        ValueError: if an argument is out of range.
        RuntimeError: if the loss stops being finite.
    """
    rows = batch.rows if isinstance(batch, SparseRows) else len(batch)
    _, steps, log_freq, lr = checked_arguments(rows, steps, log_freq, lr)
    if not (math.isfinite(weight_decay) and weight_decay >= 0):
        raise ValueError(f"weight_decay={weight_decay!r} must be a finite number, 0 or more")
    loop = Loop(model, steps, log_freq, lambda step: lr * float(lr_scale(step, steps)), on_log)
    why, known = _recognised(model, fast)
    with threads_for(model, rows), ExitStack() as stack:
        if known:
            sparse = batch if isinstance(batch, SparseRows) else SparseRows.of(batch)
            fused = ClosedFormStepper(model, sparse, weight_decay, stack)
            loop.recognition_seconds = loop.elapsed()
            return loop.run(fused, TrainingReport("fused", why, "own"))
        dense = batch.dense() if isinstance(batch, SparseRows) else batch
        loop.recognition_seconds = loop.elapsed()
        own = AutogradFullBatchStepper(model, dense, weight_decay)
        return loop.run(own, TrainingReport("autograd", why, "own"))


def _recognised(model: nn.Module, fast: bool) -> tuple[str, bool]:
    """Why which path, and whether it is the closed form."""
    if not fast:
        return "the fast path was not asked for", False
    try:
        found = recognise_gradients(model)
    except Unknown as unknown:
        return str(unknown), False
    if found is not TOY_MODEL:
        return f"the model computes {found.formula}, for which there is no full-batch gradient", False
    return f"the model computes {found.formula}", True
