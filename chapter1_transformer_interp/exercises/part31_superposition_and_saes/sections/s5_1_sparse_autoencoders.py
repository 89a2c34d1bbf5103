# %% tags=["module-only"]
"""Section 5, first half: the sparse autoencoder, resampling, and how well it found the truth."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import einops
import torch as t
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn import functional as F

import part31_superposition_and_saes.utils as utils
from part31_superposition_and_saes.sections.s1_toy_models import ToyModel, constant_lr, linear_lr

MAIN = __name__ == "__main__"
if MAIN:
    pass


# %%
@dataclass
class ToySAEConfig:
    """Sizes and choices of a batch of sparse autoencoders that are trained side by side.

    Attributes:
        n_inst: independent autoencoders.
        d_in: dimensions that they read; `d_hidden` of the toy model.
        d_sae: latents of each.
        sparsity_coeff: weight of the sparsity term in the loss.
        weight_normalize_eps: added to the norm of a decoder row where the decoder is normalized.
        tied_weights: whether the decoder is the encoder transposed.
        ste_epsilon: width of the window in which a JumpReLU learns its thresholds.
        theta_init: thresholds that a JumpReLU starts from.
        init_scale: factor on the starting weights.
        decoder_init: "random", or "encoder" for a decoder that starts as the encoder transposed.
        k: latents that fire in each row (TopK), or in the mean over rows (BatchTopK, where it may be a fraction).
        group_sizes: latents in the nested groups of a Matryoshka autoencoder, cumulative: the last is `d_sae`.
        aux_coeff: weight of the loss that revives dead latents in the TopK family.
        dead_after: steps without activity after which that loss counts a latent as dead.
    """

    n_inst: int
    d_in: int
    d_sae: int
    sparsity_coeff: float = 0.2
    weight_normalize_eps: float = 1e-8
    tied_weights: bool = False
    ste_epsilon: float = 0.01
    theta_init: float = 0.1
    init_scale: float = 1.0
    decoder_init: Literal["random", "encoder"] = "random"
    k: float | None = None
    group_sizes: tuple[int, ...] | None = None
    aux_coeff: float = 1.0
    dead_after: int = 100


# %%
def copies_of_first(model: ToyModel, cfg: ToySAEConfig) -> ToyModel:
    """A frozen copy of a toy model in which every instance has the weights of instance 0 (given).

    All autoencoders of a batch then read the same model, so what differs between them comes from their own training.

    Args:
        model: stays as it is.
        cfg: of the autoencoders that will read it.
    Returns:
        The copy. `feature_probability` and `importance` stay those of each instance.
    Raises:
        ValueError: if the model's `n_inst` or `d_hidden` do not fit `cfg.n_inst` and `cfg.d_in`.
    """
    if cfg.n_inst != model.cfg.n_inst:
        raise ValueError(f"cfg.n_inst={cfg.n_inst} must be the model's n_inst={model.cfg.n_inst}")
    if cfg.d_in != model.cfg.d_hidden:
        raise ValueError(f"cfg.d_in={cfg.d_in} must be the model's d_hidden={model.cfg.d_hidden}")
    frozen = copy.deepcopy(model).requires_grad_(False)
    for parameter in frozen.parameters():
        parameter.copy_(parameter[:1].clone().expand_as(parameter))
    return frozen


def kaiming_uniform(
    cfg: ToySAEConfig, rows: int, columns: int, device: t.device, generator: t.Generator | None = None
) -> Float[Tensor, "inst rows columns"]:
    """What `nn.init.kaiming_uniform_` gives each instance's matrix, times `cfg.init_scale`: uniform within ±√(6 / columns)."""
    uniform = 2 * t.rand(cfg.n_inst, rows, columns, device=device, generator=generator) - 1
    return cfg.init_scale * (6 / columns) ** 0.5 * uniform


# %% exercises=["sae_init", "sae_W_dec_normalized", "sae_generate_batch", "sae_forward", "resample_simple", "resample_advanced"]
class ToySAE(nn.Module):
    """`n_inst` sparse autoencoders side by side, each reading the hidden layer of the same toy model.

    acts = ReLU(W_enc (h - b_dec) + b_enc), reconstruction = W_dec_normalized acts + b_dec, trained on squared error plus
    an L1 penalty (Bricken et al. 2023, Towards Monosemanticity).
    """

    W_enc: Float[Tensor, "inst d_in d_sae"]
    _W_dec: Float[Tensor, "inst d_sae d_in"] | None
    b_enc: Float[Tensor, "inst d_sae"]
    b_dec: Float[Tensor, "inst d_in"]

    # What a variant with other parameters has to tell resampling and training.
    encoder_name: ClassVar[str] = "W_enc"  # parameter [inst d_in d_sae] whose columns decide what a latent reads
    latent_biases: ClassVar[tuple[str, ...]] = ("b_enc",)  # parameters [inst d_sae] that start, and restart, at zero
    learning_rate_factors: ClassVar[Mapping[str, float]] = {}  # by name of the parameter

    def __init__(self, cfg: ToySAEConfig, model: ToyModel, *, generator: t.Generator | None = None):
        """Start the weights Kaiming-uniform, instance by instance, and the biases at zero.

        Args:
            cfg: sizes and choices.
            model: whose hidden layer is read; it is copied and stays as it is.
            generator: source of the starting weights, on the model's device; torch's own if None.
        Raises:
            ValueError: if `n_inst` or `d_in` do not fit the model.
        """
        super().__init__()
        self.cfg = cfg
        self.model = copies_of_first(model, cfg)
        device = model.W.device
        ### BEGIN SOLUTION
        self.W_enc = nn.Parameter(kaiming_uniform(cfg, cfg.d_in, cfg.d_sae, device, generator))
        self.b_enc = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_sae, device=device))
        self.b_dec = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_in, device=device))
        if cfg.tied_weights:
            self._W_dec = None
        elif cfg.decoder_init == "encoder":
            self._W_dec = nn.Parameter(self.W_enc.detach().mT.clone())
        else:
            self._W_dec = nn.Parameter(kaiming_uniform(cfg, cfg.d_sae, cfg.d_in, device, generator))
        ### END SOLUTION

    @property
    def encoder(self) -> Float[Tensor, "inst d_in d_sae"]:
        """The weights that decide what each latent reads: `W_enc`, or what a variant has in its place."""
        return getattr(self, self.encoder_name)  # type: ignore[no-any-return]

    @property
    def W_dec(self) -> Float[Tensor, "inst d_sae d_in"]:
        """The decoder: row j is the direction that latent j writes."""
        return self.encoder.mT if self._W_dec is None else self._W_dec

    @property
    def W_dec_normalized(self) -> Float[Tensor, "inst d_sae d_in"]:
        """The decoder with each row divided by (its norm + `cfg.weight_normalize_eps`)."""
        ### BEGIN SOLUTION
        return self.W_dec / (self.W_dec.norm(dim=-1, keepdim=True) + self.cfg.weight_normalize_eps)
        ### END SOLUTION

    def generate_batch(
        self, batch_size: int, *, generator: t.Generator | None = None
    ) -> Float[Tensor, "batch inst d_in"]:
        """Hidden activations W x of the toy model, for a fresh batch x of its features.

        Args:
            batch_size: rows.
            generator: source of the features, handed on to `self.model.generate_batch` if there is one.
        """
        features = utils.draw_batch(self.model, batch_size, generator)
        ### BEGIN SOLUTION
        return einops.einsum(features, self.model.W, "batch inst feats, inst d_in feats -> batch inst d_in")
        ### END SOLUTION

    def forward(
        self, h: Float[Tensor, "batch inst d_in"]
    ) -> tuple[
        dict[str, Float[Tensor, "batch inst"]],
        Float[Tensor, "batch inst"],
        Float[Tensor, "batch inst d_sae"],
        Float[Tensor, "batch inst d_in"],
    ]:
        """Encode hidden activations into latents, decode them, and say what that costs.

        Args:
            h: hidden activations.
        Returns:
            `loss_dict` with `L_reconstruction` (squared error, mean over d_in) and `L_sparsity` (sum of the absolute
            activations), neither of them weighted; `loss`, the first plus `cfg.sparsity_coeff` times the second;
            `acts_post`, the activations of the latents; `h_reconstructed`.
        """
        ### BEGIN SOLUTION
        acts_pre = einops.einsum(h - self.b_dec, self.W_enc, "batch inst d_in, inst d_in d_sae -> batch inst d_sae")
        acts_post = F.relu(acts_pre + self.b_enc)
        decoded = einops.einsum(
            acts_post, self.W_dec_normalized, "batch inst d_sae, inst d_sae d_in -> batch inst d_in"
        )
        h_reconstructed = decoded + self.b_dec

        loss_dict = {
            "L_reconstruction": (h_reconstructed - h).pow(2).mean(dim=-1),
            "L_sparsity": acts_post.abs().sum(dim=-1),
        }
        loss = loss_dict["L_reconstruction"] + self.cfg.sparsity_coeff * loss_dict["L_sparsity"]
        return loss_dict, loss, acts_post, h_reconstructed
        ### END SOLUTION

    @t.no_grad()
    def replace_latents(
        self,
        dead: Bool[Tensor, "inst d_sae"],
        directions: Float[Tensor, "inst d_sae d_in"],
        encoder_norm: float | Float[Tensor, "inst 1"],
    ) -> None:
        """Point dead latents in new directions, in place (given); all others keep their parameters.

        Args:
            dead: which latents to replace.
            directions: unit vectors, one a latent; those of live latents are not used.
            encoder_norm: length of the new encoder columns. Decoder rows get length 1, biases become 0.
        """
        lengths = t.as_tensor(encoder_norm, dtype=directions.dtype, device=directions.device)
        columns = (lengths.reshape(-1, 1, 1) * directions).mT
        self.encoder.copy_(t.where(dead[:, None, :], columns, self.encoder))
        if self._W_dec is not None:
            self._W_dec.copy_(t.where(dead[:, :, None], directions, self._W_dec))
        for name in self.latent_biases:
            getattr(self, name).masked_fill_(dead, 0.0)

    @t.no_grad()
    def resample_simple(
        self,
        frac_active_in_window: Float[Tensor, "window inst d_sae"],
        resample_scale: float,
        *,
        generator: t.Generator | None = None,
    ) -> None:
        """Give dead latents a random direction, in place.

        Args:
            frac_active_in_window: how often each latent fired in each of the last steps; dead are those that never did.
            resample_scale: length of their new encoder columns.
            generator: source of the directions; torch's own if None.
        """
        ### BEGIN SOLUTION
        dead = (frac_active_in_window == 0).all(dim=0)
        shape = (self.cfg.n_inst, self.cfg.d_sae, self.cfg.d_in)
        directions = F.normalize(t.randn(shape, device=dead.device, generator=generator), dim=-1)
        self.replace_latents(dead, directions, resample_scale)
        ### END SOLUTION

    @t.no_grad()
    def resample_advanced(
        self,
        frac_active_in_window: Float[Tensor, "window inst d_sae"],
        resample_scale: float,
        batch_size: int,
        *,
        generator: t.Generator | None = None,
    ) -> None:
        """Point dead latents at inputs that are reconstructed badly, in place (Bricken et al. 2023, appendix).

        Args:
            frac_active_in_window: how often each latent fired in each of the last steps; dead are those that never did.
            resample_scale: length of their new encoder columns, over the mean length of the live latents' columns.
            batch_size: inputs to choose from.
            generator: source of the inputs and of the choice; torch's own if None.
        """
        dead = (frac_active_in_window == 0).all(dim=0)
        h = utils.draw_batch(self, batch_size, generator)
        ### BEGIN SOLUTION
        L_reconstruction = self.forward(h)[0]["L_reconstruction"]
        offset = h - self.b_dec
        largest = offset.abs().amax(dim=-1)  # 0 where h = b_dec: such a row has no direction
        weights = t.where(largest > 0, L_reconstruction, 0.0)
        weights = (weights / weights.amax(dim=0).clamp_min(t.finfo(h.dtype).tiny)).pow(2).mT  # [inst batch], at most 1
        can_choose = weights.sum(dim=-1, keepdim=True) > 0
        rows = t.multinomial(t.where(can_choose, weights, 1.0), self.cfg.d_sae, replacement=True, generator=generator)

        chosen = (offset / largest.clamp_min(t.finfo(h.dtype).tiny)[..., None]).transpose(0, 1)  # [inst batch d_in]
        chosen = chosen.gather(1, rows[..., None].expand(-1, -1, self.cfg.d_in))
        norms = self.encoder.norm(dim=1)  # [inst d_sae]
        n_live = (~dead).sum(dim=-1, keepdim=True)
        mean_norm = t.where(n_live > 0, (norms * ~dead).sum(dim=-1, keepdim=True) / n_live.clamp_min(1), 1.0)
        self.replace_latents(dead & can_choose, F.normalize(chosen, dim=-1), resample_scale * mean_norm)
        ### END SOLUTION

    def optimize(
        self,
        batch_size: int = 1024,
        steps: int = 10_000,
        log_freq: int = 100,
        lr: float = 1e-3,
        lr_scale: Callable[[int, int], float] = constant_lr,
        resample_method: Literal["simple", "advanced"] | None = None,
        resample_freq: int = 2500,
        resample_window: int = 500,
        resample_scale: float = 0.5,
        hidden_sample_size: int = 256,
        resample_until: float = 0.8,
        *,
        generator: t.Generator | None = None,
    ) -> list[dict[str, Any]]:
        """Train in place with Adam on fresh batches; what the log that it returns holds, `utils.optimize_sae` tells."""
        resampling = utils.Resampling(resample_method, resample_freq, resample_window, resample_scale, resample_until)
        return utils.optimize_sae(
            self, batch_size, steps, log_freq, lr, lr_scale, resampling, hidden_sample_size, generator
        )


# %%
def short_warmup_lr(step: int, steps: int, warmup: int = 20) -> float:
    """Factor on the learning rate: a rise over the first 20 steps, then `linear_lr`."""
    return min(1.0, (step + 1) / warmup) * linear_lr(step, steps)


# %% exercises=["match_latents"]
def feature_cosines(
    W_dec: Float[Tensor, "inst d_sae d_in"], W: Float[Tensor, "inst d_in feats"]
) -> Float[Tensor, "inst feats d_sae"]:
    """Cosine between each true direction and each latent's direction, with its sign (given); 0 for a zero vector."""
    return einops.einsum(
        F.normalize(W, dim=1), F.normalize(W_dec, dim=2), "inst d_in feats, inst d_sae d_in -> inst feats d_sae"
    )


def match_latents(
    cosines: Float[Tensor, "inst feats d_sae"], live: Bool[Tensor, "inst d_sae"]
) -> tuple[Int[Tensor, "inst feats"], Float[Tensor, "inst feats"]]:
    """Give every feature a latent of its own, so that the sum of their cosines is as large as it can be.

    Args:
        cosines: between features and latents, with sign.
        live: which latents may be chosen; dead ones may not.
    Returns:
        Index of each feature's latent, -1 where there are fewer live latents than features and this feature got none;
        and the cosine of the two, 0 where there is none. Both on the device of `cosines`.
    """
    ### BEGIN SOLUTION
    latents = t.full(cosines.shape[:2], -1, dtype=t.long)
    for inst, (cosine, alive) in enumerate(zip(cosines.detach().cpu().numpy(), live.cpu().numpy(), strict=True)):
        columns = alive.nonzero()[0]
        chosen_rows, chosen = linear_sum_assignment(cosine[:, columns], maximize=True)
        latents[inst, t.from_numpy(chosen_rows)] = t.from_numpy(columns[chosen])
    latents = latents.to(cosines.device)
    matched = cosines.gather(2, latents.clamp_min(0)[..., None]).squeeze(2)
    return latents, t.where(latents >= 0, matched, 0.0)
    ### END SOLUTION


# %%
@dataclass(frozen=True)
class Recovery:
    """How well sparse autoencoders found the true directions (see `recovery`).

    Attributes:
        mean_max_cosine: mean over features of the largest cosine with any live latent.
        matched_cosine: mean over features of the cosine with the latent matched to it.
        recovered: whether every feature is matched at a cosine above the threshold.
        dead: latents that did not fire.
    """

    mean_max_cosine: Float[Tensor, " inst"]
    matched_cosine: Float[Tensor, " inst"]
    recovered: Bool[Tensor, " inst"]
    dead: Int[Tensor, " inst"]


def recovery(
    W_dec: Float[Tensor, "inst d_sae d_in"],
    W: Float[Tensor, "inst d_in feats"],
    live: Bool[Tensor, "inst d_sae"] | None = None,
    threshold: float = 0.98,
    signed: bool = True,
) -> Recovery:
    """Compare the directions of latents with the true ones.

    Args:
        W_dec: decoder, row j being latent j; its norms do not matter.
        W: true directions, column i being feature i.
        live: which latents fire; all if None, as for a random decoder.
        threshold: cosine above which a feature counts as found.
        signed: False for |cosine| throughout. Over all latents, that is the "mean correlation coefficient" of SAELens.
    """
    cosines = feature_cosines(W_dec.detach(), W.detach())
    cosines = cosines if signed else cosines.abs()
    live = t.ones_like(cosines[:, 0], dtype=t.bool) if live is None else live
    among_live = cosines.masked_fill(~live[:, None, :], -1.0).amax(dim=-1)
    among_live = t.where(live.any(dim=-1, keepdim=True), among_live, 0.0)
    matched = match_latents(cosines, live)[1]
    return Recovery(among_live.mean(1), matched.mean(1), (matched > threshold).all(1), (~live).sum(1))
