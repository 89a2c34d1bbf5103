"""Batches of sparse features, drawn fast: one random number an entry, or one an entry that is on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch as t
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

Magnitude = Literal["uniform", "half-normal", "signed"]

# An instance whose features are all rarer than this is drawn entry by entry (measured: the two ways meet near 0.12).
SPARSE_BELOW = 0.1


@dataclass(frozen=True)
class DataLaw:
    """The law of a batch: what is on how often, how large, and with whom.

    Attributes:
        probability: how often each feature is on.
        magnitude: of a feature that is on: "uniform" on [0, 1], "half-normal" (absolute value of a standard normal), or
            "signed" (uniform on [-1, 1]).
        n_correlated_pairs: pairs that are on together; pair k is columns 2k and 2k + 1.
        n_anticorrelated_pairs: pairs that are never on together, in the columns after those.
    """

    probability: Float[Tensor, "inst feats"]
    magnitude: Magnitude = "uniform"
    n_correlated_pairs: int = 0
    n_anticorrelated_pairs: int = 0

    @property
    def correlated(self) -> tuple[slice, slice]:
        """Columns of the first and of the second mates of the correlated pairs."""
        end = 2 * self.n_correlated_pairs
        return slice(0, end, 2), slice(1, end, 2)

    @property
    def anticorrelated(self) -> tuple[slice, slice]:
        """Columns of the first and of the second mates of the anticorrelated pairs."""
        start = 2 * self.n_correlated_pairs
        end = start + 2 * self.n_anticorrelated_pairs
        return slice(start, end, 2), slice(start + 1, end, 2)

    def chance_of_on(self, mates_on: Bool[Tensor, "batch inst feats"]) -> Float[Tensor, "batch inst feats"]:
        """How probable each entry is to be on, given which entries before it in its row are."""
        chance = self.probability.expand(mates_on.shape).clone()
        first, second = self.correlated
        chance[..., second] = mates_on[..., first].to(chance.dtype)
        first, second = self.anticorrelated
        p = chance[..., first]
        chance[..., second] = t.where(mates_on[..., first], 0.0, p / (1 - p))
        return chance


class Draws:
    """Fills one buffer `[inst feats batch]` with a fresh batch of a law at every call."""

    def __init__(self, law: DataLaw, into: Float[Tensor, "inst feats batch"], generator: t.Generator | None):
        """Prepare the draws.

        Args:
            law: what to draw.
            into: the buffer, contiguous.
            generator: source of the numbers, on the buffer's device; torch's own if None. On a CPU it seeds a NumPy
                generator once (SFC64 gives 64 bits in the time in which torch's twister gives 20).
        """
        self.law, self.into, self.generator = law, into, generator
        self.on_cpu = into.device.type == "cpu"
        if self.on_cpu:
            seed = int(t.randint(2**62, (1,), generator=generator, device="cpu"))
            self.numbers = np.random.Generator(np.random.SFC64(seed))
        self._fills = self._plan(self._probability_given_off(law))

    @staticmethod
    def _probability_given_off(law: DataLaw) -> Float[Tensor, "inst feats"]:
        """As `law.probability`, but of second mates where they may be on: beside a mate that is on, or off."""
        probability = law.probability.clone()
        probability[:, law.correlated[1]] = 1.0
        p = law.probability[:, law.anticorrelated[0]]
        probability[:, law.anticorrelated[1]] = p / (1 - p)
        return probability

    def _plan(self, probability: Float[Tensor, "inst feats"]) -> list[Callable[[], None]]:
        """One filling function for each run of neighbouring instances that are drawn in the same way."""
        pairs = self.law.n_correlated_pairs + self.law.n_anticorrelated_pairs
        may_be_sparse = self.on_cpu and not pairs
        sparse = [may_be_sparse and bool(p.max() < SPARSE_BELOW) for p in probability]
        edges = [0, *(i for i in range(1, len(sparse)) if sparse[i] != sparse[i - 1]), len(sparse)]
        return [
            (self._sparse if sparse[start] else self._dense)(self.into[start:end], probability[start:end])
            for start, end in zip(edges, edges[1:], strict=False)
        ]

    def fill(self) -> None:
        """Draw a batch."""
        for fill in self._fills:
            fill()
        if self.law.n_correlated_pairs:
            first, second = (self.into[:, columns] for columns in self.law.correlated)
            second.mul_(first != 0)
        if self.law.n_anticorrelated_pairs:
            first, second = (self.into[:, columns] for columns in self.law.anticorrelated)
            second.mul_(first == 0)

    def _dense(self, x: Tensor, probability: Tensor) -> Callable[[], None]:
        """One number r, uniform on [-1, 1], for every entry: on where |r| < p, and then r / p is uniform on [-1, 1].

        r comes from 32 bits, so p is met to 2^-31 and |r| / p has steps of 2^-31 / p: at p = 0.001 two million
        levels. A float32 from `torch.rand` has steps of 2^-24 and would leave 17 thousand.
        """
        # For p = 0 the factor is large but finite: r = 0 stays 0, which is off as well.
        factor = probability.clamp(min=1e-30).reciprocal().unsqueeze(-1).to(x.dtype)
        if self.on_cpu:
            factor = factor / 2**31
        signed = self.law.magnitude == "signed"

        def fill() -> None:
            self._numbers_into(x)
            if signed:
                x.mul_(factor)
                x.sub_(F.hardshrink(x, 1.0))  # hardshrink keeps what lies outside [-1, 1]
                return
            x.abs_().mul_(-factor).add_(1).relu_()  # 1 - |r| / p is uniform on [0, 1] as well, and below 0 where off
            if self.law.magnitude == "half-normal":  # by its inverse distribution function
                x.clamp_(max=1 - 2**-24).erfinv_().mul_(2**0.5)

        return fill

    def _numbers_into(self, x: Tensor) -> None:
        """Uniform on [-1, 1], on a CPU times 2^31."""
        if not self.on_cpu:
            x.uniform_(-1, 1, generator=self.generator)
            return
        bits = self.numbers.integers(0, 2**64 - 1, size=(x.numel() + 1) // 2, dtype=np.uint64, endpoint=True)
        x.copy_(t.from_numpy(bits.view(np.int32)[: x.numel()]).view(x.shape))

    def _sparse(self, x: Tensor, probability: Tensor) -> Callable[[], None]:
        """Numbers for the entries that are on alone.

        Points rain on the entries, a Poisson number of mean -log(1 - p) on each: it is hit at least once with
        probability p, whatever happens elsewhere. A second hit overwrites the magnitude by one of the same law.
        """
        batch = x.shape[-1]
        rate = -np.log1p(-probability.double().flatten().numpy()) * batch
        starts = np.arange(len(rate)) * batch
        flat = x.reshape(-1)
        dtype: type = np.float64 if x.dtype == t.float64 else np.float32

        def fill() -> None:
            hits = np.repeat(starts, self.numbers.poisson(rate))
            hits += self.numbers.integers(0, batch, size=len(hits))
            flat.zero_()
            flat.scatter_(0, t.from_numpy(hits), t.from_numpy(self._magnitudes(len(hits), dtype)))

        return fill

    def _magnitudes(self, count: int, dtype: type) -> np.ndarray:
        if self.law.magnitude == "half-normal":
            return np.abs(self.numbers.standard_normal(count, dtype=dtype))
        magnitudes = self.numbers.random(count, dtype=dtype)
        return 2 * magnitudes - 1 if self.law.magnitude == "signed" else magnitudes
