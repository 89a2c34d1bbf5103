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
from part31_superposition_and_saes.sections.s1_toy_models import ToyModel, ToyModelConfig, constant_lr, linear_lr
from part31_superposition_and_saes.utils import device

MAIN = __name__ == "__main__"
if MAIN:
    import pandas as pd
    from IPython.display import display

    import part31_superposition_and_saes.tests as tests
    from plotly_utils import line

# %% [markdown]
# # Section 5: sparse autoencoders in toy models
#
# > **You will learn**
# >
# > - what a sparse autoencoder is, and how it takes features out of superposition
# > - to train one on the toy models of section 1, and to watch it find the features
# > - why latents die, and two ways to bring them back
# > - to measure, where the truth is known, whether an autoencoder has found it
# > - how to choose the weight of the sparsity penalty
#
# *About 3 hours for this first half, the reading not included (an estimate). You need `ToyModel`; if you have not done
# section 1, the reference is imported below.*

# %%
if MAIN:
    import copy
    from collections.abc import Mapping
    from typing import ClassVar

    from jaxtyping import Bool, Int
    from scipy.optimize import linear_sum_assignment

    from part31_superposition_and_saes.solutions import ToyModel, ToyModelConfig, constant_lr, linear_lr

# %% [markdown]
# ## The wish: a dictionary
#
# A toy model writes five features into two dimensions. You see only the hidden vector $h = Wx$, as you see only
# activations in a real network. You would like to know which features are on. With more features than dimensions no
# linear map can tell you: the five directions are not independent, so many different $x$ give the same $h$.
#
# What rescues you is **sparsity**. Most of those $x$ have many features on, and you know that few are. So look for a
# set of directions, a **dictionary**, such that every $h$ is a sum of *few* of them with positive weights:
#
# $$h \approx b_\text{dec} + \sum_j a_j\, d_j, \qquad a_j \ge 0, \text{ most of them } 0.$$
#
# A **sparse autoencoder** learns the dictionary and the weights together. It is wider than its input: with $d_\text{sae}$
# **latents**, one for each direction it hopes to find,
#
# $$a = \mathrm{ReLU}\big(W_\text{enc}^\top (h - b_\text{dec}) + b_\text{enc}\big), \qquad \hat h = \hat W_\text{dec}^\top a + b_\text{dec}.$$
#
# Row $j$ of the decoder is the direction $d_j$ that latent $j$ writes, scaled to length 1. Training asks for two things
# that pull against each other, a good reconstruction and small activations:
#
# $$L = \underbrace{\frac{1}{d_\text{in}} \lVert \hat h - h \rVert^2}_{L_\text{reconstruction}} + \; c\, \underbrace{\sum_j \lvert a_j \rvert}_{L_\text{sparsity}}.$$
#
# Three questions a careful reader asks:
#
# - **Why is the decoder normalized?** Otherwise the penalty can be cheated: halve all activations, double the decoder,
#   and the reconstruction stays while the penalty falls by half.
# - **Why the sum of the activations, when it is their number that should be small?** The number has no useful gradient.
#   The sum has one, and drives small activations to exactly 0. It also shrinks the ones that should stay, which is what the
#   second half of this section is about.
# - **Why subtract $b_\text{dec}$ first?** If all inputs share a large constant part, no latent should have to spend
#   itself on it.
#
# In a toy model you have what nobody has for a language model: the true directions. So here the question "did it
# work?" has an answer.

# %% [markdown]
# ### Sizes and choices
#
# As before, `inst` counts independent autoencoders, trained side by side. `d_in` is the size of the hidden vector they
# read: `d_hidden` of the toy model. Of the config you need the first six fields, `init_scale` and `decoder_init` now; the
# others belong to the variants of the second half.


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


# %% [markdown]
# ### What they all read
#
# Each instance of a `ToyModel` has learned other weights. To compare autoencoders, let all of them read the *same*
# model: the next cell (given) makes a frozen copy in which every instance has the weights of instance 0. It also has the
# starting weights: what `nn.init.kaiming_uniform_` gives each instance's own matrix. (On the whole three-axis tensor that
# function takes the axes for a convolution's.)


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


# %% [markdown]
# ### Your autoencoder
#
# One class, six gaps. Read the cell, then take the exercises under it in order. Two things are given that you will use:
# the property `W_dec`, which knows about tied weights, and `replace_latents`, which writes new directions into dead
# latents.


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


# %% [markdown] exercise="sae_init"
# ## Exercise: `ToySAE.__init__`
#
# > Difficulty 2 of 5 · importance 3 of 5 · about 10 minutes (an estimate)
#
# Make the parameters. The given lines have kept the config and a frozen copy of the model.
#
# | name | shape | starts as |
# |---|---|---|
# | `W_enc` | `[inst d_in d_sae]` | `kaiming_uniform` (given above) |
# | `_W_dec` | `[inst d_sae d_in]` | `None` if `cfg.tied_weights`; a copy of `W_enc` transposed if `cfg.decoder_init == "encoder"`; else `kaiming_uniform` |
# | `b_enc` | `[inst d_sae]` | 0 |
# | `b_dec` | `[inst d_in]` | 0 |
#
# **Before you code**: why must the copy of `W_enc` be a copy, and not `self.W_enc.mT` itself?

# %% exercise="sae_init" role="test"
if MAIN:
    tests.test_sae_init(ToySAE)

# %% [markdown] exercise="sae_init" role="hint"
# `nn.Parameter(...)` around a tensor makes it a parameter, once `super().__init__()` has run. `kaiming_uniform(cfg,
# rows, columns, device, generator)` gives `[inst rows columns]`.

# %% [markdown] exercise="sae_init" role="hint"
# `self.W_enc.detach().mT.clone()` has the values of `W_enc` transposed, in memory of its own, without a graph.

# %% [markdown] exercise="sae_init" role="solution"
# A parameter that shared its memory with `W_enc` would be trained twice at each step, through both names. That is neither
# tied nor untied. *Tied* weights need no second parameter at all: the property `W_dec` returns `W_enc` transposed, and
# the gradient reaches `W_enc` from both places.

# %% [markdown] exercise="sae_W_dec_normalized"
# ## Exercise: `W_dec_normalized`
#
# > Difficulty 1 of 5 · importance 4 of 5 · about 5 minutes (an estimate)
#
# Scale each row of the decoder to length 1:
#
# $$\hat d_j = \frac{d_j}{\lVert d_j \rVert + \epsilon}, \qquad \epsilon = \texttt{cfg.weight\_normalize\_eps}.$$
#
# **Before you code**: what does the $\epsilon$ do for a row of zeros, and to a row of length 1?

# %% exercise="sae_W_dec_normalized" role="test"
if MAIN:
    tests.test_sae_W_dec_normalized(ToySAE)

# %% [markdown] exercise="sae_W_dec_normalized" role="hint"
# Take the property `self.W_dec`, not `self._W_dec`, which is None when weights are tied. Over which axis does one latent
# extend?

# %% [markdown] exercise="sae_W_dec_normalized" role="hint"
# `self.W_dec.norm(dim=-1, keepdim=True)` keeps the axis, so that the division broadcasts.

# %% [markdown] exercise="sae_W_dec_normalized" role="solution"
# Row $j$ belongs to latent $j$, so the norm is taken over `d_in`, the last axis. A row of zeros gives $0 / \epsilon = 0$
# instead of NaN; a row of length 1 is changed by $10^{-8}$, less than single precision can hold.
#
# The norm is part of the graph. So the gradient to a row has no part along the row: training turns latents, and their
# length, which means nothing, drifts only by rounding and by Adam's steps.

# %% [markdown] exercise="sae_generate_batch"
# ## Exercise: `generate_batch`
#
# > Difficulty 1 of 5 · importance 3 of 5 · about 5 minutes (an estimate)
#
# The autoencoder's data are hidden activations: $h = W x$, for features $x$ that the given line draws from the toy model.
#
# **Before you code**: for $p = 0.025$ and five features, in which share of rows is $h = 0$?

# %% exercise="sae_generate_batch" role="test"
if MAIN:
    tests.test_sae_generate_batch(ToySAE)

# %% [markdown] exercise="sae_generate_batch" role="hint"
# It is the first half of `ToyModel.forward`, with `self.model.W`.

# %% [markdown] exercise="sae_generate_batch" role="solution"
# No feature is on in $(1 - 0.025)^5 = 88\,\%$ of rows. The model's weights are frozen, so nothing here needs a gradient.

# %% [markdown] exercise="sae_forward"
# ## Exercise: `forward`
#
# > Difficulty 3 of 5 · importance 5 of 5 · about 20 minutes (an estimate)
#
# Encode, decode, and price the result, in the formulas above. Return four things: the two terms of the loss in a dict,
# unweighted, each `[batch inst]`; the loss, `[batch inst]`; the activations; the reconstruction. Training takes the mean
# of the loss over the batch and its sum over instances.
#
# **Before you code**: one term is a mean over `d_in`, the other a sum over `d_sae`. Suppose you double both sizes, and
# inputs stay of the same size in each coordinate. Which of the two terms grows?

# %% exercise="sae_forward" role="test"
if MAIN:
    tests.test_sae_forward(ToySAE)

# %% [markdown] exercise="sae_forward" role="hint"
# Six lines: pre-activations of `h - self.b_dec`; their ReLU; the decoded sum plus `self.b_dec`; two terms; the loss.

# %% [markdown] exercise="sae_forward" role="hint"
# `"batch inst d_in, inst d_in d_sae -> batch inst d_sae"` encodes. Decode with `self.W_dec_normalized`, whose axes are
# `inst d_sae d_in`.

# %% [markdown] exercise="sae_forward" role="solution"
# `b_dec` is taken off at the start and put back at the end: the latents work on what is left. The L1 term needs no
# `abs`, since a ReLU is never negative; it stands there because the formula has it and it costs nothing.
#
# Of the two terms the first stays (a mean) and the second grows (a sum). A weight $c$ that balances them at one size does
# not at another. You will meet this again at the end.

# %% [markdown] exercise="resample_simple"
# ## Exercise: `resample_simple`
#
# > Difficulty 3 of 5 · importance 4 of 5 · about 15 minutes (an estimate)
#
# A latent that fires on no input gets no gradient: the ReLU passes none back. It is **dead**, and stays so. The remedy of
# *Towards Monosemanticity* is to start it anew now and then. In its simplest form a dead latent gets a random direction:
#
# - its decoder row becomes a random unit vector $u$, uniform on the sphere
# - its encoder column becomes `resample_scale` times the same $u$
# - its encoder bias becomes 0
#
# Everything else stays. `frac_active_in_window` has shape `[window inst d_sae]`: how often each latent fired in each of the
# last steps. Dead is a latent that was silent in *all* of them.
#
# **Before you code**: `t.rand` or `t.randn`, for a direction that prefers none?

# %% exercise="resample_simple" role="test"
if MAIN:
    tests.test_resample_simple(ToySAE)

# %% [markdown] exercise="resample_simple" role="hint"
# `(frac_active_in_window == 0)` is a boolean tensor with a `window` axis. Reduce it so that one True or False is left for each
# latent.

# %% [markdown] exercise="resample_simple" role="hint"
# Make a direction for *every* latent, `[inst d_sae d_in]`, and let `self.replace_latents(dead, directions, resample_scale)`
# pick those of the dead ones. It writes in place.

# %% [markdown] exercise="resample_simple" role="solution"
# A vector of independent normal numbers has a density that depends on its length alone, so its direction is uniform.
# `t.rand` is never negative and gives one quadrant of the plane; `2 * t.rand - 1` gives a square, whose corners
# get too many.
#
# `replace_latents` changes parameters in place, with `copy_` under `t.no_grad()`: the optimizer holds on to these very tensors,
# and a new `nn.Parameter` would never be trained.

# %% [markdown] exercise="resample_advanced"
# ## Exercise: `resample_advanced`
#
# > Difficulty 4 of 5 · importance 3 of 5 · about 25 minutes (an estimate)
#
# A random direction is a shot in the dark. *Towards Monosemanticity* aims: a dead latent is pointed at an input that is
# reconstructed badly.
#
# 1. Draw a batch $h$ (given) and its reconstruction losses $L_n$.
# 2. For every dead latent draw one row of the batch, with replacement, with probability proportional to $L_n^2$.
# 3. Its direction is that of $h_n - b_\text{dec}$. The decoder row gets length 1, the encoder column `resample_scale` times
#    the mean length of the *live* latents' encoder columns in that instance (1 where none lives), the bias becomes 0.
#
# Two edges: a row with $h_n = b_\text{dec}$ has no direction, so its weight must be 0. And where all weights of an instance are 0
# nothing can be chosen: leave that instance as it is.
#
# **Before you code**: about 88 % of rows are $h = 0$. Will many of them be chosen?

# %% exercise="resample_advanced" role="test"
if MAIN:
    tests.test_resample_advanced(ToySAE)

# %% [markdown] exercise="resample_advanced" role="hint"
# `t.multinomial(weights, self.cfg.d_sae, replacement=True, generator=generator)` draws indices for every row of a
# two-dimensional `weights`, here `[inst batch]`. It does not need probabilities that add up to 1, but it refuses a row of zeros.

# %% [markdown] exercise="resample_advanced" role="hint"
# As before, draw a row for *every* latent, and let `replace_latents` pick. `torch.gather` along the batch axis, with the
# indices expanded to `[inst d_sae d_in]`, fetches the vectors.

# %% [markdown] exercise="resample_advanced" role="hint"
# `self.encoder.norm(dim=1)` has the lengths, `[inst d_sae]`. A mean over live latents is a sum times a mask, over the
# number of live ones; `clamp_min(1)` there keeps an instance without any from dividing by 0.

# %% [markdown] exercise="resample_advanced" role="solution"
# The loss and the directions come from one batch: draw a second one, and the weights belong to rows that are no longer
# there. Dividing by the largest weight before squaring, and by the largest coordinate before normalizing, keeps very small
# numbers from becoming 0 on the way.
#
# Rows with $h = 0$ are ordinary inputs. They are reconstructed well as soon as $b_\text{dec}$ is near 0, so they are hardly ever chosen, but
# that is up to the weights. `self.encoder` is `W_enc` here; variants have something else in its place.


# %% [markdown]
# ## What `optimize` does besides training
#
# - Adam on fresh batches, by default with a constant rate. You will hand it `short_warmup_lr`, below.
# - Every `resample_freq` steps it looks at the last `resample_window` steps and calls your method for the latents that
#   were silent in all of them. After the share `resample_until` of the steps it lets them be.
# - It returns `data_log`, a list with a dict for every `log_freq` steps and one for the last: `steps`, `frac_active
#   [inst d_sae]`, `resampled`, every loss term and parameter, and the reconstructions `h_r` of one fixed sample `h`. These are
#   copies on the CPU. A log of $n$ steps has $\lceil n / \texttt{log\_freq} \rceil$ entries (and the last); it never takes more than 256 MiB: where
#   it would, one entry in two, or three, is kept, and a warning says so.
# - It recognises the standard autoencoder by trying it, and then uses gradients in closed form, several times
#   faster. `sae.training_report` says which way it went.


# %%
def short_warmup_lr(step: int, steps: int, warmup: int = 20) -> float:
    """Factor on the learning rate: a rise over the first 20 steps, then `linear_lr`."""
    return min(1.0, (step + 1) / warmup) * linear_lr(step, steps)


# %% [markdown]
# ## Did it find the truth?
#
# The true directions are the columns of $W$; the latents' are the rows of the decoder. Compare them by cosine. Two
# decisions matter more than they seem to:
#
# - **The sign counts.** A latent writes $a_j d_j$ with $a_j \ge 0$. One that points the opposite way cannot write the
#   feature at all, so $\lvert \cos \rvert$ gives credit for nothing.
# - **Each latent counts once.** "For every feature, the best latent" forgives an autoencoder that has found a mixture of
#   two features and answers both with it. So match **one to one**.


# %%
def feature_cosines(
    W_dec: Float[Tensor, "inst d_sae d_in"], W: Float[Tensor, "inst d_in feats"]
) -> Float[Tensor, "inst feats d_sae"]:
    """Cosine between each true direction and each latent's direction, with its sign (given); 0 for a zero vector."""
    return einops.einsum(
        F.normalize(W, dim=1), F.normalize(W_dec, dim=2), "inst d_in feats, inst d_sae d_in -> inst feats d_sae"
    )


# %% [markdown] exercise="match_latents"
# ## Exercise: `match_latents`
#
# > Difficulty 2 of 5 · importance 4 of 5 · about 15 minutes (an estimate)
#
# Give every feature a latent of its own so that the *sum* of the cosines is as large as possible: an assignment
# problem, which the Hungarian algorithm solves (`scipy.optimize.linear_sum_assignment`). Dead latents say nothing, so only live ones may be
# chosen. If there are fewer of them than features, some features get none: index -1, cosine 0.
#
# **Before you code**: cosines of two features with two latents are $(0.9, 0.8)$ and $(0.85, 0.1)$. What does "the best first"
# give, and what is the best sum?


# %% exercises=["match_latents"]
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
    latents = t.full(cosines.shape[:2], -1, dtype=t.long, device="cpu")
    for inst, (cosine, alive) in enumerate(zip(cosines.detach().cpu().numpy(), live.cpu().numpy(), strict=True)):
        columns = alive.nonzero()[0]
        chosen_rows, chosen = linear_sum_assignment(cosine[:, columns], maximize=True)
        latents[inst, t.from_numpy(chosen_rows)] = t.from_numpy(columns[chosen])
    latents = latents.to(cosines.device)
    matched = cosines.gather(2, latents.clamp_min(0)[..., None]).squeeze(2)
    return latents, t.where(latents >= 0, matched, 0.0)
    ### END SOLUTION


# %% exercise="match_latents" role="test"
if MAIN:
    tests.test_match_latents(match_latents)

# %% [markdown] exercise="match_latents" role="hint"
# SciPy takes one matrix at a time, in NumPy, and minimizes a cost unless you pass `maximize=True`. Loop over instances.

# %% [markdown] exercise="match_latents" role="hint"
# Hand it `cosine[:, columns]` with `columns` the indices of the live latents. What it returns counts among *those*:
# translate back with `columns[chosen]`.

# %% [markdown] exercise="match_latents" role="solution"
# Taking the best first gives $0.9 + 0.1 = 1.0$; the best sum is $0.8 + 0.85 = 1.65$. Setting the cosines of dead latents to 0
# instead of taking them out would not do: a dead latent would then be preferred to a live one that points slightly the
# wrong way.


# %% [markdown]
# The last given cell puts the numbers together. **Recovered** means: every feature is matched at a signed cosine above
# 0.98. The other measures are in `utils`, with their sources: `explained_variance`, `relative_shrinkage` (second half),
# `mean_l0`, `live_latents`, and `detectors` (precision, recall and F1 of a latent as a detector of its feature).


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


# %% [markdown]
# ## The truth to find: a pentagon
#
# Sparse features, five in two dimensions, all of the same importance: from section 1 you know that the model arranges them
# in a pentagon. Train 16 models, take the one whose angles are nearest to 72°, and let every autoencoder read that one.

# %%
if MAIN:
    n_inst = 16  # autoencoders of each kind
    feature_probability = 0.025
    generator = t.Generator(device).manual_seed(utils.seed)
    pentagon = ToyModel(ToyModelConfig(n_inst), feature_probability=feature_probability, generator=generator)
    pentagon.optimize(batch_size=1024, steps=2_000, lr=3e-2, lr_scale=linear_lr, generator=generator)

    with t.no_grad():
        angles = t.atan2(pentagon.W[:, 1], pentagon.W[:, 0]).sort(dim=1).values  # [inst feats], radians
        gaps = t.cat([angles[:, 1:], angles[:, :1] + 2 * t.pi], dim=1) - angles
        shortest = pentagon.W.norm(dim=1).amin(dim=1)  # [inst]
        off_72 = (gaps.rad2deg() - 72).abs().amax(dim=1).masked_fill(shortest < 0.5, 360.0)
        best = off_72.argmin()
        for parameter in pentagon.parameters():
            parameter.copy_(parameter[best].clone())
    print(f"angles within {off_72[best]:.2f}° of 72°, shortest feature {shortest[best]:.2f}")

# %% [markdown]
# ## Experiment: no resampling, simple, advanced
#
# Train 16 autoencoders with five latents each, in four ways: without resampling, with your two methods, and a fourth
# without resampling that starts differently: the decoder as the encoder transposed, and both small (`init_scale` 0.02).
#
# Learning rate 0.1, with a warm-up of 20 steps and then linear decay to 0, for 2,000 steps; dead latents are replaced
# every 50 steps, and after 80 % of the steps no more. (Adam moves a weight by about the rate in each step. A high rate that
# falls gets there in few steps; Adam's usual $10^{-3}$ would need very many.)
#
# **Before you run it**: five latents, five features. How many of 16 autoencoders find all five without resampling? Which
# of the two methods will do better?

# %% figure="resampling"
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)

    def train(cfg: ToySAEConfig, **arguments: Any) -> tuple[ToySAE, list[dict[str, Any]]]:
        """An autoencoder of the pentagon, trained, and its log."""
        sae = ToySAE(cfg, pentagon, generator=generator)
        options: dict[str, Any] = dict(batch_size=1024, steps=2_000, log_freq=25, lr=0.1, lr_scale=short_warmup_lr)
        options |= dict(resample_freq=50, resample_window=50, resample_scale=0.5)  # steps, steps, encoder length
        return sae, sae.optimize(**(options | arguments), generator=generator)

    def examine(sae: ToySAE, batch_size: int = 20_000) -> dict[str, Tensor]:
        """What a fresh batch tells about an autoencoder."""
        with t.no_grad():
            features = sae.model.generate_batch(batch_size, generator=generator)
            h = einops.einsum(features, sae.model.W, "batch inst feats, inst d_in feats -> batch inst d_in")
            loss_dict, loss, acts, h_r = sae.forward(h)
        live = utils.live_latents(acts)
        found = recovery(sae.W_dec, sae.model.W, live)
        latents, _ = match_latents(feature_cosines(sae.W_dec.detach(), sae.model.W), live)
        return {
            "live": live,
            "recovered": found.recovered,
            "cosine": found.mean_max_cosine,
            "matched": found.matched_cosine,
            "dead": found.dead,
            "loss": loss.mean(dim=0),
            "L0": utils.mean_l0(acts),
            "true L0": utils.mean_l0(features),
            "explained": utils.explained_variance(h, h_r),
            "shrinkage": utils.relative_shrinkage(h, h_r, sae.b_dec.detach()),
            "F1": utils.detectors(acts, features, latents).f1.mean(dim=1),
        }

    plain = ToySAEConfig(n_inst, d_in=2, d_sae=5, sparsity_coeff=0.2)
    from_encoder = ToySAEConfig(n_inst, d_in=2, d_sae=5, sparsity_coeff=0.2, decoder_init="encoder", init_scale=0.02)
    trained = {
        "no resampling": train(plain),
        "simple": train(plain, resample_method="simple"),
        "advanced": train(plain, resample_method="advanced"),
        "decoder from encoder, small start": train(from_encoder),
    }
    results = {name: examine(sae) for name, (sae, _) in trained.items()}

    four = slice(0, 4)  # instances shown
    utils.plot_latents_in_2d(
        t.cat([sae.W_dec_normalized.detach()[four] for sae, _ in trained.values()]),
        t.cat([sae.model.W[four] for sae, _ in trained.values()]),
        t.cat([result["live"][four] for result in results.values()]),
        title="Left alone, latents die; resampled, or started well, they find all five features",
        subplot_titles=[f"{name.split(',')[0]}, {i}" for name in trained for i in range(4)],
        n_rows=4,
    )

# %% [markdown] figure="resampling" role="see"
# Grey are the true features, blue the latents (length 1, while a feature's column is about 1.15 long). A dashed line with
# a hollow tip is a dead latent.
#
# - **Without resampling** most autoencoders have dead latents, and the live ones stand *between* two features and answer
#   both.
# - **Simple and advanced**: five latents on five features, in nearly all.
# - **Decoder from encoder, small start**: nearly the same without any resampling. A latent that reads what it writes improves
#   at once; one that reads here and writes there is first of all a nuisance, and the penalty silences it before it has turned
#   round. Small weights leave time to turn.

# %%
if MAIN:
    random_decoders = t.randn(1_000, 5, 2, device=device, generator=generator)
    by_chance = recovery(random_decoders, pentagon.W[:1].expand(1_000, -1, -1))
    display(
        pd.DataFrame(
            {
                name: {
                    "recovered, of 16": result["recovered"].sum().item(),
                    "mean max cosine": result["cosine"].mean().item(),
                    "matched cosine": result["matched"].mean().item(),
                    "dead latents, of 80": result["dead"].sum().item(),
                    "loss": result["loss"].mean().item(),
                    "L0": result["L0"].mean().item(),
                    "true L0": result["true L0"].mean().item(),
                    "explained variance": result["explained"].mean().item(),
                    "relative shrinkage": result["shrinkage"].mean().item(),
                    "F1 as detectors": result["F1"].mean().item(),
                }
                for name, result in results.items()
            }
            | {
                "a random decoder": {
                    "recovered, of 16": 16 * by_chance.recovered.float().mean().item(),
                    "mean max cosine": by_chance.mean_max_cosine.mean().item(),
                    "matched cosine": by_chance.matched_cosine.mean().item(),
                }
            }
        )
        .round(3)
        .fillna("")
    )

# %% [markdown]
# Simple and advanced do not differ by more than chance here: with five latents a random direction is as good a guess as
# an informed one. Aiming is for large autoencoders, with many dead latents and inputs of very different difficulty.
#
# Beside them stands what a decoder of random directions reaches. Loss and explained variance tell a good autoencoder from
# a bad one as well, but by a smaller distance, and a language model has only those.

# %% tags=["claim"]
if MAIN:
    none, simple, advanced, started = results.values()
    utils.claim(
        25,
        "resampling dead latents makes an autoencoder recover the features, and so does a decoder that starts as the "
        "encoder transposed, small",
        [
            utils.Measured("recovered of 16, no resampling", none["recovered"].sum(), at_most=0.4 * 16),
            utils.Measured("recovered of 16, simple", simple["recovered"].sum(), at_least=0.75 * 16),
            utils.Measured("recovered of 16, advanced", advanced["recovered"].sum(), at_least=0.75 * 16),
            utils.Measured("signed mean max cosine, simple", simple["cosine"].mean(), at_least=0.98),
            utils.Measured("signed mean max cosine, advanced", advanced["cosine"].mean(), at_least=0.98),
            utils.Measured("recovered of 16, decoder from encoder", started["recovered"].sum(), at_least=0.75 * 16),
            utils.Measured(
                "simple minus advanced, of 16",
                simple["recovered"].sum() - advanced["recovered"].sum(),
                at_least=-4,
                at_most=4,
            ),
        ],
        source="TM, appendix on neuron resampling",
    )

# %% tags=["claim"]
if MAIN:
    ratios = [result["loss"].mean() / none["loss"].mean() for result in (simple, advanced)]
    utils.claim(
        27,
        "without resampling latents die and the loss stays higher",
        [
            utils.Measured("dead latents of 80, no resampling", none["dead"].sum(), at_least=8),
            utils.Measured("dead latents of 80, simple", simple["dead"].sum(), at_most=1),
            utils.Measured("dead latents of 80, advanced", advanced["dead"].sum(), at_most=1),
            utils.Measured("loss over that without resampling, simple", ratios[0], at_most=0.95),
            utils.Measured("the same, advanced", ratios[1], at_most=0.95),
        ],
        source="TM, appendix on neuron resampling",
    )

# %% [markdown]
# ### Watch it
#
# The log of the run with simple resampling, as an animation: press play, or drag the slider. The first row shows the
# encoder, the second the decoder, the third a fixed sample of inputs (hollow) and their reconstructions (filled). A latent that
# was resampled a moment ago is orange, with a square round its tip. Add `filename="training.html"` to keep it as a
# file that needs no network.
#
# **Before you play it**: when in the training do latents die?

# %%
if MAIN:
    display(
        utils.animate_features_in_2d(
            trained["simple"][1],
            rows=["W_enc", "W_dec_normalized", "h_r"],
            color_resampled_latents=True,
            fps=10,
            title="Resampled latents look for a free feature until they find one",
        )
    )

# %% [markdown]
# ## Experiment: how often each latent fires
#
# A latent that has found one feature fires about as often as the feature is on. Plot the share of rows in which each latent
# fires as training goes on.
#
# **Before you run it**: what does a latent that answers two features look like in this plot? What a dead one?

# %% figure="frac_active"
if MAIN:
    log_none, log_simple = trained["no resampling"][1], trained["simple"][1]
    utils.frac_active_line_plot(
        t.cat([t.stack([entry["frac_active"][:3] for entry in log]) for log in (log_none, log_simple)], dim=1),
        feature_probability=feature_probability,
        log_freq=25,
        avg_window=3,
        y_max=0.12,
        title="Resampled, latents settle at the rate of one feature, the dotted line",
        subplot_titles=[f"{name}, {i}" for name in ("no resampling", "simple") for i in range(3)],
    )

# %% [markdown] figure="frac_active" role="see"
# Above are three runs without resampling. A line that falls to 0 hardly ever rises again, and the others stay above the dotted
# line: latents that answer more than one feature. Below, three runs with it. Silent latents jump up every 50 steps, some
# far out of the plot (a fresh latent has bias 0 and fires too readily), and fall again until one takes; in the end all lie
# just under the dotted line. *Under* it, because the penalty keeps a latent off when its feature is on but small.

# %% [markdown]
# ## Experiment: hidden states and reconstructions
#
# **Before you run it**: reconstructions of a trained autoencoder lie on the features' lines. Do they lie on top of the
# inputs?

# %% figure="reconstructions"
if MAIN:
    log = trained["simple"][1]
    moments = [0, 4, 20, len(log) - 1]  # entries of the log
    utils.plot_reconstructions_in_2d(
        t.stack([log[i]["h"][:, 0] for i in moments]),
        t.stack([log[i]["h_r"][:, 0] for i in moments]),
        pentagon.W[0],
        title="Reconstructions move onto the features' lines, and stop short of the inputs",
        subplot_titles=[f"step {log[i]['steps']}" for i in moments],
    )

# %% [markdown] figure="reconstructions" role="see"
# At the start reconstructions have nothing to do with the inputs. At the end each lies on the line of its feature and
# nearer to the origin than its input, by about the same distance everywhere; the smallest inputs are reconstructed as
# nothing. This is **shrinkage**: what the L1 penalty takes from every activation. The second half measures it and does
# something about it.


# %% [markdown]
# ## What a resampled latent brings with it
#
# Adam remembers. For every parameter it keeps a running mean of the gradient and of its square, and divides both by
# $1 - \beta^n$ to make up for their start at 0. A resampled latent is a new parameter in an old place. What should become
# of the memory?
#
# *Towards Monosemanticity* resets it. Setting both moments to 0 looks like that, and is a trap: the *correction*
# still believes that step $n$ is late, so nothing makes up for the new start. The first update after the reset is then
#
# $$\mathrm{lr} \cdot \frac{(1 - \beta_1)\, g}{\sqrt{(1 - \beta_2)\, g^2}} = \frac{0.1}{\sqrt{0.001}}\, \mathrm{lr} = 3.2\, \mathrm{lr}$$
#
# in each coordinate, and the next ones are too large as well. So `optimize` also restarts $n$ for the entries that were
# changed. Compare: restarted (what you have seen), set to zero only, and left alone.
#
# **Before you run it**: which is worst? How bad can one step of 3.2 times the rate be?

# %%
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)

    def recovered_with(moments: Literal["restart", "zero", "keep"]) -> int:
        """How many of 16 autoencoders recover the features when Adam's moments are treated in a way."""
        sae = ToySAE(plain, pentagon, generator=generator)
        resampling = utils.Resampling("simple", freq=50, window=50, scale=0.5, moments=moments)
        utils.optimize_sae(sae, 1024, 2_000, 100, 0.1, short_warmup_lr, resampling, generator=generator)
        return int(examine(sae)["recovered"].sum())

    by_moments = {
        "restart": int(results["simple"]["recovered"].sum()),
        "zero": recovered_with("zero"),
        "keep": recovered_with("keep"),
    }
    print("recovered of 16:", by_moments)

# %% [markdown]
# Zeroed without their correction, the moments throw fresh latents about, and most runs fail. Restarted, nearly all succeed.
# Left alone, they do no harm *here*: a dead latent has had no gradient for a while, and most of its old moments have faded.

# %% tags=["claim"]
if MAIN:
    utils.claim(
        25,
        "moments of resampled latents are reset together with their bias correction; zeroed alone they ruin recovery",
        [
            utils.Measured("recovered of 16, restarted", by_moments["restart"], at_least=12),
            utils.Measured("recovered of 16, zeroed at a late correction", by_moments["zero"], at_most=8),
            utils.Measured("restarted minus zeroed", by_moments["restart"] - by_moments["zero"], at_least=5),
            utils.Measured("recovered of 16, left alone", by_moments["keep"], at_least=11),
        ],
        source="TM, appendix on neuron resampling, which resets the optimizer",
    )

# %% [markdown]
# ## Beside every figure, chance
#
# A cosine of 0.9 sounds good. In the plane it is nothing: five random directions there cover the circle so densely that
# every feature has one nearby. In 20 dimensions chance does worse, but far from 0. So no recovery without the
# figure of a **random decoder** beside it, for the same sizes.
#
# **Before you run it**: guess the mean max $\lvert \cos \rvert$ of five random latents with a pentagon. And of 100 in 20
# dimensions?

# %%
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)
    hundred = ToyModel(ToyModelConfig(2, n_features=100, d_hidden=20), feature_probability=0.02, generator=generator)
    hundred.optimize(batch_size=512, steps=1_500, lr=3e-2, lr_scale=linear_lr, generator=generator)

    def chance(W: Float[Tensor, "d_in feats"], d_sae: int, n_decoders: int) -> dict[str, float]:
        """What random decoders reach: mean max and one-to-one cosine, without and with their sign."""
        decoders = t.randn(n_decoders, d_sae, W.shape[0], device=device, generator=generator)
        W = W.detach().expand(n_decoders, *W.shape)
        unsigned, signed = recovery(decoders, W, signed=False), recovery(decoders, W)
        return {
            "mean max |cos|": unsigned.mean_max_cosine.mean().item(),
            "signed": signed.mean_max_cosine.mean().item(),
            "one-to-one |cos|": unsigned.matched_cosine.mean().item(),
            "signed ": signed.matched_cosine.mean().item(),
            "recovered": signed.recovered.float().mean().item(),
        }

    at_random = {
        "5 latents, 5 features in 2": chance(pentagon.W[0], 5, 4_000),
        "100 latents, 100 features in 20": chance(hundred.W[0], 100, 20),
        "200 latents, 100 features in 20": chance(hundred.W[0], 200, 20),
    }
    display(pd.DataFrame(at_random).T.round(4))

# %% [markdown]
# In the plane a random decoder scores 0.94 by $\lvert \cos \rvert$, and next to none of them has *recovered* anything. With the
# sign it is 0.80, and an autoencoder above 0.98 has done something. In 20 dimensions chance is at about 0.5; twice the latents
# raise it without anybody having learned anything.

# %% tags=["claim"]
if MAIN:
    plane, in_20, twice = (list(one.values()) for one in at_random.values())
    utils.claim(
        26,
        "a random decoder has large cosines with the true features, in the plane above all",
        [
            utils.Measured("5 in 2, mean max |cosine|", plane[0], at_least=0.934, at_most=0.954),
            utils.Measured("5 in 2, signed", plane[1], at_least=0.786, at_most=0.806),
            utils.Measured("5 in 2, share recovered", plane[4], at_most=0.005),
            utils.Measured("100 in 20, mean max |cosine|", in_20[0], at_least=0.566, at_most=0.586),
            utils.Measured("100 in 20, signed", in_20[1], at_least=0.523, at_most=0.543),
            utils.Measured("100 in 20, one-to-one |cosine|", in_20[2], at_least=0.544, at_most=0.564),
            utils.Measured("100 in 20, one-to-one, signed", in_20[3], at_least=0.503, at_most=0.523),
            utils.Measured("200 latents, mean max |cosine|", twice[0], at_least=0.602, at_most=0.622),
            utils.Measured("200 latents, one-to-one, signed", twice[3], at_least=0.562, at_most=0.582),
        ],
        source="computed: no paper is needed, only the geometry of random directions",
    )

# %% [markdown]
# ## Choosing the sparsity coefficient
#
# Take a latent that has found its feature and is alone with it: its decoder is the unit vector $d$, the input is $z\,d$, and it
# answers $a$. It pays $\frac{1}{d_\text{in}} (z - a)^2 + c\,a$, which is least at
#
# $$a = z - \frac{c\, d_\text{in}}{2}.$$
#
# So the penalty takes $c\,d_\text{in}/2$ off *every* activation, and silences what is smaller. The factor $d_\text{in}$ comes from the two
# different averages that you noticed in `forward`: the reconstruction is a mean over $d_\text{in}$, the penalty a sum over latents. A
# coefficient of 0.2 takes 0.2 off in the plane, and 2 in twenty dimensions, where no feature is larger than about 1.2.
#
# Train autoencoders of three sizes, each at six coefficients. (Decoder from encoder; no resampling.)
#
# **Before you run it**: where is the best $c$ for each size, if the takings should be about the same? And what happens at $c =
# 0.2$ in 20 dimensions?

# %% figure="coefficient"
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)
    twenty = ToyModel(ToyModelConfig(2, n_features=20, d_hidden=5), feature_probability=0.025, generator=generator)
    twenty.optimize(batch_size=512, steps=1_500, lr=3e-2, lr_scale=linear_lr, generator=generator)
    coefficients = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5]  # weight of the sparsity term

    def sweep(model: ToyModel, c: float, lr: float, init_scale: float) -> dict[str, Tensor]:
        """An autoencoder with as many latents as features, at one coefficient."""
        cfg = ToySAEConfig(
            model.cfg.n_inst, model.cfg.d_hidden, model.cfg.n_features, c, decoder_init="encoder", init_scale=init_scale
        )
        sae = ToySAE(cfg, model, generator=generator)
        sae.optimize(batch_size=512, steps=1_000, log_freq=500, lr=lr, lr_scale=short_warmup_lr, generator=generator)
        return examine(sae, batch_size=8_000)

    sizes = {
        "5 in 2": [sweep(pentagon, c, lr=0.1, init_scale=0.1) for c in coefficients],
        "20 in 5": [sweep(twenty, c, lr=1e-2, init_scale=0.5) for c in coefficients],
        "100 in 20": [sweep(hundred, c, lr=1e-2, init_scale=0.5) for c in coefficients],
    }
    line(
        [[result["matched"].mean().item() for result in one] for one in sizes.values()],
        x=coefficients,
        names=list(sizes),
        labels={"x": "sparsity coefficient c", "y": "one-to-one cosine with the truth", "variable": "features in d_in"},
        log_x=True,
        markers=True,
        title="What serves in the plane silences twenty dimensions",
        alt="One-to-one cosine against the sparsity coefficient, for three sizes. "
        + "; ".join(
            f"{name}: "
            + ", ".join(f"{result['matched'].mean():.2f} at {c}" for c, result in zip(coefficients, one, strict=True))
            for name, one in sizes.items()
        )
        + ".",
    ).update_xaxes(tickvals=coefficients)

# %% [markdown] figure="coefficient" role="see"
# Each size has a window, and it moves to the left as $d_\text{in}$ grows: $c$ between about 0.1 and 0.5 in the plane, 0.1 and 0.2
# in five dimensions, at most about 0.02 in twenty. What they share is $c\,d_\text{in}/2 = 0.2$, which lies inside all three. At $c =
# 0.2$ the plane is near its best, and in 20 dimensions nearly all latents are dead. To the left of its window a latent
# pays too little for answering two features.
#
# **A way to choose**: start from $c = 0.4 / d_\text{in}$, for inputs in which a feature has size about 1 (scale it with that
# size). Then look at two numbers that need no truth: raise $c$ while L0 is far above the number of features you expect to be on, and
# lower it as soon as latents die.

# %% tags=["claim"]
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)

    def independent_start(init_scale: float = 1.0, encoder_factor: float = 1.0) -> Tensor:
        """Mean max cosine of 100 latents with 100 features in 20 dimensions, decoder started independently, c = 0.02."""
        sae = ToySAE(ToySAEConfig(2, 20, 100, 0.02, init_scale=init_scale), hundred, generator=generator)
        with t.no_grad():
            sae.W_enc.mul_(encoder_factor)
        sae.optimize(batch_size=512, steps=1_000, log_freq=500, lr=1e-2, lr_scale=short_warmup_lr, generator=generator)
        return examine(sae)["cosine"].mean()

    small, usual, wide = independent_start(0.3), independent_start(), independent_start(encoder_factor=5**0.5)
    at = {c: i for i, c in enumerate(coefficients)}
    large = sizes["100 in 20"][at[0.2]]
    utils.claim(
        31,
        "the L1 penalty takes c d_in / 2 off every activation: c = 0.4 / d_in serves at d_in of 2, 5 and 20",
        [
            utils.Measured(
                "d_in 2, c = 0.2: mean max cosine", sizes["5 in 2"][at[0.2]]["cosine"].mean(), at_least=0.95
            ),
            utils.Measured(
                "d_in 5, c = 0.1: mean max cosine", sizes["20 in 5"][at[0.1]]["cosine"].mean(), at_least=0.9
            ),
            utils.Measured(
                "d_in 20, c = 0.02: mean max cosine", sizes["100 in 20"][at[0.02]]["cosine"].mean(), at_least=0.95
            ),
            utils.Measured("the same, decoder started independently, init_scale 0.3", small, at_least=0.95),
            utils.Measured("the same, init_scale 1", usual, at_least=0.9),
            utils.Measured("the same, and the encoder 2.2 times wider, within ±√(6 / d_in)", wide, at_most=0.85),
            utils.Measured("d_in 20, c = 0.2: L0 (true: 2)", large["L0"].mean(), at_most=0.003),
            utils.Measured("d_in 20, c = 0.2: dead latents of 100", large["dead"].float().mean(), at_least=80),
        ],
        source="the loss of the standard autoencoder; TM",
    )

# %% [markdown]
# The same coefficient serves or fails with the start: with an encoder that begins $\sqrt{d_\text{sae} / d_\text{in}} = 2.2$ times wider the
# mean max cosine falls from about 0.95 to about 0.75 after the same steps, and with a start of 0.3 times the size it is about 0.98.

# %% [markdown]
# ## What you have seen
#
# - A sparse autoencoder looks for directions of which few add up to each input. On a toy model it finds the true ones, and
#   you can prove it: one-to-one, signed, over live latents, beside chance.
# - Left alone, latents **die** and others answer two features. **Resampling** brings them back. With a good **start**, small
#   and with the decoder as the encoder transposed, few die in the first place.
# - An optimizer has a memory. Change a parameter behind its back and you have to change the memory too, all of it.
# - The **coefficient** takes $c\,d_\text{in}/2$ off every activation, so it has to fall as $d_\text{in}$ grows.
# - What the penalty takes from sizes is **shrinkage**. The second half gives it back.
#
# **Read next**: *Towards Monosemanticity* (transformer-circuits.pub/2023/monosemantic-features), the sections on the
# autoencoder's architecture and its appendix on training, resampling included; then the second half.
