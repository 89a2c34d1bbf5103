"""Random batches of sparse features against the law that they should follow.

A batch is `[rows inst feats]`, a feature is on where it is not 0. `check_batch` looks at which features are on, how
often and how independently (`batch_masks`), and at their magnitudes (`batch_magnitudes`); each finding is a `Failure`.
"""

import numpy as np

from . import batch_magnitudes as magnitudes
from . import batch_masks as masks
from .batch_law import Law
from .outcome import Failure
from .statistics import Ledger


def check_batch(batch: np.ndarray, law: Law, ledger: Ledger) -> None:
    """Raise `Failure` if the batch does not follow the law.

    Args:
        batch: `[rows inst feats]`, float64: the rows of two calls, equally many of each.
        ledger: where comparisons are counted.
    """
    is_on = batch != 0
    # What repeats exactly comes first: it upsets every statistic after it.
    magnitudes.check_constant(batch[is_on])
    _check_shared_by_rows(batch, is_on, law.probability)
    _check_repeated_rows(batch, is_on)
    masks.check_frequencies(is_on, law, ledger)
    masks.check_mates(is_on, law, ledger)
    masks.check_rows(is_on, law, ledger)
    masks.check_pairs_of_features(is_on, law, ledger)
    magnitudes.check_range(batch[is_on])
    magnitudes.check_each_feature(batch, is_on, law, ledger)
    magnitudes.check_rows(batch, is_on, ledger)
    magnitudes.check_pairs_of_features(batch, is_on, law, ledger)
    magnitudes.check_all_features(batch[is_on], ledger)


def _check_shared_by_rows(batch: np.ndarray, is_on: np.ndarray, probability: np.ndarray) -> None:
    """What was drawn once for all rows of a call (each of the two halves is one)."""
    chance = (probability > 0.1) & (probability < 0.9)
    if chance.sum() < 2 or is_on.all() or not is_on.any():
        return
    halves = [(rows, on, on.any(0)) for rows, on in zip(np.split(batch, 2), np.split(is_on, 2), strict=True)]
    same_mask = all(np.asarray(on.all(0) | ~ever)[chance].all() for _, on, ever in halves)
    # The largest magnitude of a feature in a call is also its smallest one.
    highest = [rows.max(0)[ever] for rows, _, ever in halves]
    lowest = [np.where(on, rows, np.inf).min(0)[ever] for rows, on, ever in halves]
    same_magnitude = all((high == low).all() for high, low in zip(highest, lowest, strict=True))
    advice = "is drawn anew for every row: the draw needs the batch axis."
    if same_mask and same_magnitude:
        raise Failure("rows-repeated", "all rows of a batch are the same.", f"A batch {advice}")
    if same_mask:
        headline = "a feature is on in every row of a batch or in none."
        raise Failure("mask-shared-rows", headline, f"Which features are on {advice}")
    if same_magnitude:
        headline = "a feature has the same magnitude in every row of a batch."
        raise Failure("magnitude-shared-rows", headline, f"A magnitude {advice}")


def _check_repeated_rows(batch: np.ndarray, is_on: np.ndarray) -> None:
    """Rows that are copies of each other: two magnitudes agree in two rows once in 2^48 pairs of rows."""
    rows = np.ascontiguousarray(batch.reshape(len(batch), -1)[is_on.sum((1, 2)) >= 2])
    copies = len(rows) - len(np.unique(rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))))
    if copies > 2:
        raise Failure(
            "rows-repeated",
            f"{copies} of {len(batch)} rows are copies of another row.",
            "Every row is a new draw: give the draw a batch axis, and do not repeat or expand rows.",
        )
