"""Batches that are mostly zeros, kept as what is not zero: a few numbers a row in place of all features."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch as t
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class SparseRows:
    """A batch `[rows inst feats]` as the places and values of what is on in each row.

    Every row has room for as many as the fullest; what it has to spare is filled with the value 0 at place 0.

    Attributes:
        index: places among the features.
        value: what stands there.
        n_features: length of a whole row.
    """

    index: Int[Tensor, "inst rows room"]
    value: Float[Tensor, "inst rows room"]
    n_features: int

    @property
    def rows(self) -> int:
        """Rows of the batch."""
        return self.index.shape[1]

    @classmethod
    def of(cls, batch: Float[Tensor, "rows inst feats"]) -> "SparseRows":
        """Gather what is not zero.

        Raises:
            ValueError: if `batch` does not have three axes.
        """
        if batch.ndim != 3:
            raise ValueError(f"batch has shape {list(batch.shape)}; it must be [rows inst feats]")
        per_inst = batch.detach().transpose(0, 1)
        room = max(1, int((per_inst != 0).sum(-1).max())) if per_inst.numel() else 1
        # The places of the largest sizes are those that are on, and then some that are off: value 0 there.
        index = per_inst.abs().topk(room, dim=-1).indices
        value = per_inst.gather(-1, index)
        return cls(t.where(value != 0, index, 0).contiguous(), value.contiguous(), batch.shape[-1])

    @classmethod
    def cat(cls, parts: Sequence["SparseRows"]) -> "SparseRows":
        """The rows of several batches of the same instances and features, one batch after the other."""
        room = max(part.index.shape[-1] for part in parts)
        index, value = (
            t.cat([F.pad(getattr(part, name), (0, room - part.index.shape[-1])) for part in parts], dim=1)
            for name in ("index", "value")
        )
        return cls(index, value, parts[0].n_features)

    def dense(self) -> Float[Tensor, "rows inst feats"]:
        """The batch as an ordinary tensor."""
        inst, rows, _ = self.index.shape
        batch = self.value.new_zeros(inst, rows, self.n_features)
        # Rows with room to spare hold place 0 more than once: adding 0 there changes nothing.
        return batch.scatter_add_(-1, self.index, self.value).transpose(0, 1)
