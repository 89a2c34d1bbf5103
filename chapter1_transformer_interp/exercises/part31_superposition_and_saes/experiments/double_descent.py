r"""The long sweep of section 4: loss and dimensionality against the size of the data set, over seeds and weight decays.

python -m part31_superposition_and_saes.experiments.double_descent
python -m part31_superposition_and_saes.experiments.double_descent --features 10000 --steps 50000 --lr 1e-3 \
    --sizes 3 10 30 100 300 1000 3000 10000 30000 50000 --device cuda

Stop it with Ctrl-C at any time: finished runs are kept, and the same command goes on with the others. Runs are shared
out to all cores, one thread each (`--workers`), made on a GPU (`--device cuda`), or by a Dask cluster (`--dask
ADDRESS`, with the extra `cluster`); the code that makes them is the same. At the end, and with `--ship` at any time,
what is finished goes to the file that the notebook reads.
"""

import argparse
import multiprocessing
import os
import shlex
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch as t
from tqdm.auto import tqdm

from .. import solutions, utils
from ..shipped import DATA
from ..training.sparse_rows import SparseRows
from .run_store import RunStore

SIZES = (3, 5, 8, 15, 30, 60, 100, 200, 300, 400, 500, 700, 1_000, 2_000)  # data points
TEST_ROWS = 3_000
TEST_SEED = 1_000_000  # added to a run's seed, for the rows that it is tested on
NUMBERS_AT_ONCE = 2**23  # of a dense batch: 32 MiB


@dataclass(frozen=True)
class Setting:
    """What makes a run: two of the same setting give the same numbers.

    Attributes:
        n_features, d_hidden, n_inst: sizes of the models.
        feature_probability: of every feature.
        rows: data points of each instance.
        steps, lr, warmup, weight_decay: of AdamW on all of them; the schedule is `anthropic_lr`.
        seed: of starting weights and data.
    """

    n_features: int
    d_hidden: int
    n_inst: int
    feature_probability: float
    steps: int
    lr: float
    warmup: int
    seed: int
    weight_decay: float
    rows: int


def draw(model: solutions.DoubleDescentModel, rows: int, generator: t.Generator) -> SparseRows:
    """As many rows of the model's data, never more than `NUMBERS_AT_ONCE` of them dense."""
    at_once = max(1, NUMBERS_AT_ONCE // model.b_final.numel())
    counts = [min(at_once, rows - done) for done in range(0, rows, at_once)]
    return SparseRows.cat([SparseRows.of(model.generate_batch(count, generator=generator)) for count in counts])


def pieces(model: solutions.DoubleDescentModel, batch: SparseRows) -> Iterator[t.Tensor]:
    """The batch again, dense, some rows at a time."""
    at_once = max(1, NUMBERS_AT_ONCE // model.b_final.numel())
    for start in range(0, batch.rows, at_once):
        chosen = slice(start, start + at_once)
        yield SparseRows(batch.index[:, chosen], batch.value[:, chosen], batch.n_features).dense()


def run(setting: Setting, device: str) -> dict[str, Any]:
    """Train the models of one setting and measure them (on a worker).

    Returns:
        Lists with one number an instance, and how long it took by which path.
    """
    t.set_num_threads(1)
    started = time.perf_counter()
    source = t.Generator(device).manual_seed(setting.seed)
    cfg = solutions.ToyModelConfig(setting.n_inst, setting.n_features, setting.d_hidden)
    model = solutions.DoubleDescentModel(cfg, setting.feature_probability, device=device, generator=source)
    data_set = draw(model, setting.rows, source)
    schedule = partial(solutions.anthropic_lr, warmup=setting.warmup)
    report = utils.optimize_full_batch(
        model, data_set, setting.steps, max(1, setting.steps // 20), setting.lr, schedule, setting.weight_decay
    )
    fresh = draw(model, TEST_ROWS, t.Generator(device).manual_seed(setting.seed + TEST_SEED))
    measured = measure(model, data_set, fresh)
    seconds = round(time.perf_counter() - started, 1)
    return {name: [float(f"{x:.5g}") for x in values.tolist()] for name, values in measured.items()} | {
        "path": report.path,
        "seconds": seconds,
    }


@t.no_grad()
def measure(model: solutions.DoubleDescentModel, data_set: SparseRows, fresh: SparseRows) -> dict[str, t.Tensor]:
    """Losses and `solutions.measure_run` of data too large to be dense: a mean over pieces, weighted by their rows."""
    losses = {}
    for name, batch in (("train_loss", data_set), ("test_loss", fresh)):
        parts = [len(piece) * solutions.loss_per_row(model, piece) for piece in pieces(model, batch)]
        losses[name] = t.stack(parts).sum(0) / batch.rows
    hidden = t.cat([solutions.hidden_vectors(model, piece) for piece in pieces(model, data_set)], dim=1)
    return losses | solutions.measure_run(model, hidden)


@contextmanager
def executor(workers: int, dask: str) -> Iterator[Executor]:
    """Where the runs are made: a Dask cluster, or processes on this machine."""
    if dask:
        from distributed import Client

        with Client(dask) as client:
            yield client.get_executor()
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def sweep(settings: list[Setting], store: RunStore, device: str, workers: int, dask: str) -> None:
    """Make the runs that are not finished, and note each when it is."""
    left = [one for one in settings if not store.is_finished(asdict(one))]
    with tqdm(total=len(settings), initial=len(settings) - len(left), desc="runs", unit="run") as progress:

        def note(setting: Setting, result: dict[str, Any]) -> None:
            store.finish(asdict(setting), result)
            progress.set_postfix_str(f"{setting.rows} points, weight decay {setting.weight_decay}, seed {setting.seed}")
            progress.update()

        if workers == 1 and not dask:
            for setting in left:
                note(setting, run(setting, device))
            return
        with executor(workers, dask) as pool:
            futures: dict[Future[dict[str, Any]], Setting] = {pool.submit(run, one, device): one for one in left}
            try:
                for future in as_completed(futures):
                    note(futures[future], future.result())
            except BaseException:
                for future in futures:
                    future.cancel()
                raise


def arguments(words: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=int, default=1_000, help="features of the data (1000)")
    parser.add_argument("--probability", type=float, help="of a feature to be on (10 / features)")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=list(SIZES), help="data points (3 to 2000, fourteen sizes)"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)), help="(0 to 9)")
    parser.add_argument("--weight-decays", type=float, nargs="+", default=[0.01, 0.1, 1.0], help="(0.01 0.1 1.0)")
    parser.add_argument("--steps", type=int, default=8_000, help="(8000)")
    parser.add_argument("--lr", type=float, default=3e-3, help="peak learning rate (3e-3)")
    parser.add_argument("--warmup", type=int, help="steps until the peak (a tenth of all, 2500 at most)")
    parser.add_argument("--instances", type=int, default=4, help="models a run (4)")
    parser.add_argument("--hidden", type=int, default=2, help="hidden dimensions (2)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps (cpu)")
    parser.add_argument("--workers", type=int, help="processes (all cores; 1 on a GPU)")
    parser.add_argument("--dask", default="", metavar="ADDRESS", help="scheduler of a Dask cluster, tcp://host:8786")
    parser.add_argument("--runs", type=Path, default=Path("build/double_descent_runs.jsonl"), help="finished runs")
    parser.add_argument("--out", type=Path, default=DATA / "double_descent_sweep.json", help="the file to ship")
    parser.add_argument("--ship", action="store_true", help="make no run, write what is finished")
    return parser.parse_args(words)


def settings_of(options: argparse.Namespace) -> list[Setting]:
    """All runs of a command: whole curves of the first seed first."""
    warmup = min(2_500, options.steps // 10) if options.warmup is None else options.warmup
    p = 10 / options.features if options.probability is None else options.probability
    common = options.features, options.hidden, options.instances, p, options.steps, options.lr, warmup
    return [
        Setting(*common, seed, decay, rows)
        for seed in options.seeds
        for decay in options.weight_decays
        for rows in options.sizes
    ]


def main(words: list[str] | None = None) -> int:
    """Run the sweep that the command line asks for."""
    options = arguments(words)
    store = RunStore(options.runs)
    if not options.ship:
        module = "part31_superposition_and_saes.experiments.double_descent"
        store.start(shlex.join(["python", "-m", module, *(sys.argv[1:] if words is None else words)]))
        workers = options.workers or (os.cpu_count() or 1 if options.device == "cpu" else 1)
        try:
            sweep(settings_of(options), store, options.device, workers, options.dask)
        except KeyboardInterrupt:
            print(f"\nstopped; {len(store.runs)} finished runs are in {options.runs}")
            return 130
    store.ship(options.out)
    print(f"{len(store.runs)} runs in {options.out} ({options.out.stat().st_size:,} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
