"""What the training of a sparse autoencoder writes down: copies on the CPU, of a bounded number of bytes in all."""

import warnings
from typing import Any

import torch as t
from torch import Tensor, nn

# A whole log stays below this; where it would not, every second entry, or every third ... is left out.
MOST_BYTES = 256 * 2**20


def kept(tensor: Tensor) -> Tensor:
    """A copy on the CPU that no later step changes."""
    return tensor.detach().to("cpu", copy=True)


class DataLog:
    """A list of dicts, one every `log_freq` steps and one at the last step.

    Attributes:
        entries: what `optimize` returns.
    """

    def __init__(self, model: nn.Module, hidden: Tensor, steps: int, log_freq: int):
        """Look at one entry's size.

        Args:
            model: the autoencoder.
            hidden: `[rows inst d_in]`: the inputs whose reconstructions are logged, the same ones all along.
            steps: of the training.
            log_freq: steps between two entries.
        """
        self.model: Any = model
        self.hidden = hidden
        self.hidden_on_cpu = kept(hidden)
        features = getattr(getattr(model, "model", None), "W", None)
        self.features = kept(features) if isinstance(features, Tensor) else None
        self.entries: list[dict[str, Any]] = []
        self.thinning = self._thinning(steps, log_freq)
        self._seen = 0

    def _thinning(self, steps: int, log_freq: int) -> int:
        """One in so many entries is kept; a warning says so where it is not every one."""
        bytes_an_entry = self.hidden.numel() * self.hidden.element_size()
        parameters = [*self._parameters().values(), self.model.W_dec_normalized]
        bytes_an_entry += sum(p.numel() * p.element_size() for p in parameters)
        count = -(-steps // log_freq) + 1
        thinning = -(-count * bytes_an_entry // MOST_BYTES)
        if thinning > 1:
            warnings.warn(
                f"a log of {count:,} entries of {bytes_an_entry / 2**10:.0f} KiB would take more than "
                f"{MOST_BYTES / 2**20:.0f} MiB: one in {thinning} is kept; raise log_freq or lower hidden_sample_size",
                stacklevel=4,
            )
        return thinning

    def _reconstructions(self) -> Tensor:
        was_training = self.model.training
        self.model.eval()
        try:
            return kept(self.model(self.hidden)[-1])
        finally:
            self.model.train(was_training)

    def _parameters(self) -> dict[str, nn.Parameter]:
        return {name: p for name, p in self.model.named_parameters() if not name.startswith("model.")}

    @t.no_grad()
    def add(self, step: int, last: bool, found: dict[str, Tensor]) -> None:
        """Write down the state before the update of `step`, unless this entry is one that is left out.

        Args:
            step: number of updates made so far.
            last: the last entry is always kept.
            found: more tensors, by name.
        """
        self._seen += 1
        if (self._seen - 1) % self.thinning and not last:
            return
        entry: dict[str, Any] = {"steps": step}
        entry.update({name: kept(tensor) for name, tensor in found.items()})
        entry["h"], entry["h_r"] = self.hidden_on_cpu, self._reconstructions()
        entry["W_dec_normalized"] = kept(self.model.W_dec_normalized)
        entry.update({name: kept(p) for name, p in self._parameters().items()})
        if self.features is not None:
            entry["features"] = self.features
        self.entries.append(entry)
