"""The training autoencoders of SAELens with the interface of the benchmark, where `sae-lens` is installed.

`pip install -e ".[saelens]"` installs it. Every instance is an autoencoder of theirs, with their loss and their
initialisation; the loop is a plain one, with the optimizer, batches and learning rates of all others here.
"""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, ClassVar

import torch as t
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..solutions import ToyModel, ToySAEConfig
from ..training.sources import draw_batch
from .entries import Entry

ARCHITECTURES = ("Standard", "TopK", "JumpReLU")


class SAELensSAE(nn.Module):
    """Autoencoders of one architecture of SAELens, one an instance.

    Attributes:
        architecture: as in the names of their classes.
        cfg: sizes and settings; see `their_settings`.
    """

    steps_since_fired: Float[Tensor, "inst d_sae"]

    architecture: ClassVar[str] = "Standard"

    def __init__(self, cfg: ToySAEConfig, model: ToyModel):
        """Make them as they start in SAELens; `model` is read as it is."""
        super().__init__()
        import sae_lens

        made, config = (getattr(sae_lens, f"{self.architecture}TrainingSAE{end}") for end in ("", "Config"))
        sizes = dict(d_in=cfg.d_in, d_sae=cfg.d_sae, dtype="float32", device=str(model.W.device))
        self.cfg, self.model = cfg, model
        self.saes = nn.ModuleList(made(config(**sizes, **self.their_settings(cfg))) for _ in range(cfg.n_inst))
        self.register_buffer("steps_since_fired", t.zeros(cfg.n_inst, cfg.d_sae, device=model.W.device))

    def their_settings(self, cfg: ToySAEConfig) -> dict[str, Any]:
        """What their config calls our settings; the rest keeps their defaults."""
        known: dict[str, dict[str, Any]] = {
            "Standard": dict(l1_coefficient=cfg.sparsity_coeff, l1_warm_up_steps=0),
            "JumpReLU": dict(
                l0_coefficient=cfg.sparsity_coeff, l0_warm_up_steps=0,
                jumprelu_bandwidth=cfg.ste_epsilon, jumprelu_init_threshold=cfg.theta_init,
            ),
            "TopK": dict(k=int(cfg.k or 1)),
        }  # fmt: skip
        return known[self.architecture]

    @property
    def W_dec(self) -> Float[Tensor, "inst d_sae d_in"]:
        """Their decoders."""
        parts: list[Any] = list(self.saes)
        return t.stack([sae.W_dec for sae in parts])

    def forward(
        self, h: Float[Tensor, "batch inst d_in"]
    ) -> tuple[
        dict[str, Float[Tensor, "batch inst"]],
        Float[Tensor, "batch inst"],
        Float[Tensor, "batch inst d_sae"],
        Float[Tensor, "batch inst d_in"],
    ]:
        """Encode and decode as SAELens does; the loss told is the squared error alone, mean over d_in."""
        parts: list[Any] = list(self.saes)
        acts = t.stack([sae.encode(h[:, i]) for i, sae in enumerate(parts)], dim=1)
        h_reconstructed = t.stack([sae.decode(acts[:, i]) for i, sae in enumerate(parts)], dim=1)
        loss = (h_reconstructed - h).square().mean(dim=-1)
        return {"L_reconstruction": loss}, loss, acts, h_reconstructed

    def optimize(
        self,
        batch_size: int = 256,
        steps: int = 1_000,
        lr: float = 0.01,
        lr_scale: Callable[[int, int], float] = lambda step, steps: 1.0,
        *,
        generator: t.Generator | None = None,
    ) -> None:
        """Train in place with Adam on their losses, summed over instances."""
        adam = t.optim.Adam(self.saes.parameters(), lr)
        for step in range(steps):
            adam.param_groups[0]["lr"] = lr * lr_scale(step, steps)
            with t.no_grad():
                x = draw_batch(self.model, batch_size, generator)
                h = t.einsum("bif,idf->bid", x, self.model.W)
            outs = [self._their_step(i, h[:, i], step, steps) for i in range(self.cfg.n_inst)]
            adam.zero_grad()
            sum(out.loss for out in outs).backward()
            adam.step()
            fired = t.stack([(out.feature_acts > 0).any(dim=0) for out in outs])
            self.steps_since_fired.add_(1).masked_fill_(fired, 0.0)

    def _their_step(self, inst: int, h: Float[Tensor, "batch d_in"], step: int, steps: int) -> Any:
        """One of their training forward passes."""
        from sae_lens.saes.sae import TrainStepInput

        sae: Any = self.saes[inst]
        coefficients = {name: getattr(one, "value", one) for name, one in sae.get_coefficients().items()}
        dead: Bool[Tensor, " d_sae"] = self.steps_since_fired[inst] > self.cfg.dead_after
        given = dict(
            sae_in=h, coefficients=coefficients, dead_neuron_mask=dead, n_training_steps=step, is_logging_step=False
        )
        known = {one.name for one in fields(TrainStepInput)}  # newer releases have more
        return sae.training_forward_pass(TrainStepInput(**{name: one for name, one in given.items() if name in known}))


def saelens_entries() -> dict[str, Entry]:
    """Entries for `bench_saes`, by name.

    Raises:
        ImportError: if sae-lens is not installed; the message says how to install it.
    """
    try:
        import sae_lens  # noqa: F401
    except ImportError as error:
        raise ImportError('sae-lens is not installed: pip install -e ".[saelens]"') from error
    kinds = {name: type(f"SAELens{name}", (SAELensSAE,), {"architecture": name}) for name in ARCHITECTURES}
    return {
        "SAELens standard": Entry(kinds["Standard"], (0.1, 0.3, 1.0)),
        "SAELens TopK": Entry(kinds["TopK"], (1.0, 2.0, 3.0, 5.0), "k"),
        "SAELens JumpReLU": Entry(kinds["JumpReLU"], (0.01, 0.05, 0.2), choices={"ste_epsilon": 0.3}),
    }
