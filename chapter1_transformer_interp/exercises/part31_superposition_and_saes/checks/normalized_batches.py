"""Tests of section 4: batches whose rows have length 1."""

from typing import Any

import numpy as np
import torch as t

from .. import solutions
from ..checking import batch_masks as masks
from ..checking.batch_law import Law
from ..checking.compare import check_tensor, to_numpy
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from ..checking.statistics import Ledger, distribution_excess, uniform_cdf
from .batches import wrong_probabilities
from .models import FIXED_SIZE, NOTEBOOK, ONE, WIDE

# Many rows are empty, and many have two features on.
PROBABILITIES = ((0.3, 0.5, 0.15, 0.4), (0.1, 0.25, 0.6, 0.2), (0.45, 0.05, 0.35, 0.1))
ROWS = 2_400  # of each of two batches
# A divisor may be kept from 0 by adding a small number: that shows in rows whose only feature is very small.
OFF, SHARE_OFF = 1e-3, 0.005


@learner_test("double_descent_generate_batch", "DoubleDescentModel.generate_batch")
def test_double_descent_generate_batch(trial: Trial, model_class: Any) -> str:
    """Test `DoubleDescentModel.generate_batch`: `tests.test_double_descent_generate_batch(DoubleDescentModel)`."""
    probability = t.tensor(PROBABILITIES, device=trial.device)
    cfg = solutions.ToyModelConfig(n_inst=len(PROBABILITIES), n_features=len(PROBABILITIES[0]))
    model = trial.build(model_class, cfg, feature_probability=probability.clone())
    first, second = (_draw(trial, model, ROWS, cfg) for _ in range(2))
    if (first == second).all() and first.any():
        headline = "two calls in a row give the same batch."
        raise Failure(
            "same-batch-twice", headline, "Is a seed set inside, or is the batch kept? Every call draws anew."
        )
    p = to_numpy(probability)
    law = Law(p, wrong_probabilities=wrong_probabilities(p))
    _check_lengths(first)
    check_law(np.concatenate([first, second]), law, trial.ledger)
    for sizes, rows in ((NOTEBOOK, 64), (WIDE, 11), (ONE, 6)):
        with trial.case(str(sizes), FIXED_SIZE):
            other = trial.build(model_class, sizes.cfg(), feature_probability=0.5)
            _check_lengths(_draw(trial, other, rows, sizes.cfg()))
    return f"lengths for 4 models; empty rows, frequencies and magnitudes in {2 * ROWS:,} rows"


def _draw(trial: Trial, model: Any, rows: int, cfg: solutions.ToyModelConfig) -> np.ndarray:
    """One batch, right in all but its values; NaN is traced to empty rows."""
    call = f"generate_batch({rows})"
    batch = trial.call(call, trial.method(model, "generate_batch"), rows)
    expected = t.zeros(rows, cfg.n_inst, cfg.n_features, device=trial.device)
    values = to_numpy(check_tensor(batch, expected, "batch inst feats", what="the batch", grad=False))
    if np.isfinite(values).all():
        return values
    broken = np.isnan(values)
    if broken.any() and (broken.all(-1) == broken.any(-1)).all() and not broken.all(-1).all():
        headline = f"{broken.all(-1).sum()} of {broken.all(-1).size} rows are NaN: those with no feature on."
        raise Failure("zero-row", headline, "Their norm is 0, and 0 / 0 is NaN. Such a row stays zero.")
    kind = "nan" if broken.any() else "inf"
    raise Failure(kind, f"{call} holds NaN or infinity.", "Was a tensor left unfilled, or divided by 0?")


def _check_lengths(batch: np.ndarray) -> None:
    """Every row of every instance has norm 1, or 0."""
    norms = np.linalg.norm(batch, axis=-1)
    off = (np.abs(norms - 1) > OFF) & (norms > 0)
    if off.sum() <= SHARE_OFF * off.size:
        return
    for key, text, holds in _wrong_lengths(batch, norms):
        if holds:
            headline, *rest = text.split("\n")
            raise Failure(key, headline, *rest, f"norms of rows run from {norms.min():.3g} to {norms.max():.3g}")
    row, inst = (int(i) for i in np.argwhere(off)[0])
    where = f"row {row} of instance {inst} has norm {norms[row, inst]:.4g}"
    raise Failure(
        "length", f"{off.sum()} of {off.size} rows do not have norm 1.", "Divide each row by its norm.", where
    )


def _wrong_lengths(batch: np.ndarray, norms: np.ndarray) -> list[tuple[str, str, bool]]:
    """Known mistakes, and whether this batch shows them."""
    on, filled = batch[batch != 0], norms > 0
    divide = "Divide each row of each instance by its norm over the features."
    back = batch[filled] / norms[filled][:, None] ** 2  # undoes a division by the squared norm

    def ones(lengths: np.ndarray | np.floating) -> bool:
        return bool(np.allclose(lengths, 1, atol=OFF))

    def uniform(values: np.ndarray) -> bool:
        return values.size > 50 and distribution_excess(values, uniform_cdf()) <= 1

    return [
        ("not-normalized", f"rows do not have length 1: these are the rows as they were drawn.\n{divide}", uniform(on)),
        ("absolute-sum", "the entries of a row add up to 1, not their squares.\nUse the root of the sum of squares.",
         ones(np.abs(batch).sum(-1)[filled])),
        ("largest-entry", f"the largest entry of a row is 1, not its norm.\n{divide}",
         ones(np.abs(batch).max(-1)[filled])),
        ("instances-together", f"a row is taken to be all instances together.\n{divide}",
         ones(np.sqrt((norms**2).sum(1))[filled.any(1)])),
        ("batch-axis", f"the norm is taken over the batch, for each feature.\n{divide}",
         ones(np.linalg.norm(batch, axis=0))),
        ("batch-and-features", f"each instance's whole batch has norm 1.\n{divide}", ones(np.sqrt((norms**2).sum(0)))),
        ("whole-batch", f"the whole batch has norm 1.\n{divide}", ones(np.sqrt((norms**2).sum()))),
        ("mean-for-sum", "the mean square of a row's entries is 1, not the sum.\nSum the squares, then take the root.",
         ones(norms[filled] / np.sqrt(batch.shape[-1]))),
        ("squared-norm", "rows are divided by their squared norm.\nTake the root before you divide.",
         uniform(back[back != 0])),
        ("epsilon", "rows are a little shorter than 1.\nIs a number added to the norm? Make it 1e-8, or use t.where.",
         bool((norms[filled] < 1).all() and np.median(norms[filled]) > 0.8)),
    ]  # fmt: skip


def check_law(batch: np.ndarray, law: Law, ledger: Ledger) -> None:
    """Which features are on, as for any batch; of magnitudes, what normalizing leaves: ratios within a row."""
    is_on = batch != 0
    empty, expected = (~is_on.any(-1)).mean(), (1 - law.probability).prod(-1).mean()
    if empty == 0 and expected > 0.05 and not is_on.all():
        advice = "Normalize what is there, and leave a row of zeros as it is."
        raise Failure("zero-row-filled", "no row is zero: rows with no feature on were filled or left out.", advice)
    masks.check_frequencies(is_on, law, ledger)
    masks.check_rows(is_on, law, ledger)
    masks.check_pairs_of_features(is_on, law, ledger)
    if (batch < 0).any():
        raise Failure("magnitude-signed", "some features are negative.", "Magnitudes are uniform on [0, 1].")
    # Two uniform numbers: the smaller over the larger is uniform as well, however long the row was.
    two = np.sort(batch[is_on.sum(-1) == 2], axis=-1)[:, -2:]
    ratios = two[:, 0] / two[:, 1]
    if (ratios > 1 - 1e-6).mean() > 0.9:
        advice = "Being on is one draw, the magnitude another: uniform on [0, 1]."
        raise Failure("magnitude-constant", "all features that are on in a row have the same magnitude.", advice)
    ledger.spend(1)
    if distribution_excess(ratios, uniform_cdf()) > 1:
        headline = "magnitudes within a row do not relate to each other as uniform ones do."
        raise Failure("magnitude", headline, "Draw them uniform on [0, 1], as ToyModel does, then normalize.")
