# %% tags=["module-only"]
"""Bonus, second part: feature absorption, where the truth is known, and what Matryoshka autoencoders do about it."""

from functools import partial
from typing import Any

import einops
import torch as t
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

import part31_superposition_and_saes.utils as utils
from part31_superposition_and_saes.sections.s1_toy_models import ToyModel, ToyModelConfig, warmup_linear_lr
from part31_superposition_and_saes.sections.s5_1_sparse_autoencoders import ToySAE, ToySAEConfig, short_warmup_lr
from part31_superposition_and_saes.sections.s5_2_variants import (
    BatchTopKToySAE,
    HierarchicalToyModel,
    MatryoshkaToySAE,
    Paired,
    TopKToySAE,
    Variant,
    latents_and_features,
    model_for,
    train_variant,
)
from part31_superposition_and_saes.utils import device

MAIN = __name__ == "__main__"
if MAIN:
    import pandas as pd
    from IPython.display import display

    import part31_superposition_and_saes.tests as tests

# %% [markdown]
# ## Feature absorption
#
# > **You will learn**
# >
# > - why a sparsity penalty pays an autoencoder to give a general feature away to special ones
# > - to measure that where the truth is known
# > - what Matryoshka autoencoders do about it, and what they charge for it
# > - where the effect is complete, where it is partial, and where the measure itself stops to make sense
#
# *About 1 hour and a half (an estimate). You need section 5; its names are imported below.*

# %%
if MAIN:
    from functools import partial

    from part31_superposition_and_saes.solutions import (
        BatchTopKToySAE,
        HierarchicalToyModel,
        MatryoshkaToySAE,
        Paired,
        TopKToySAE,
        ToyModel,
        ToyModelConfig,
        ToySAE,
        ToySAEConfig,
        Variant,
        latents_and_features,
        model_for,
        short_warmup_lr,
        train_variant,
        warmup_linear_lr,
    )

# %% [markdown]
# ### The missing snake
#
# You look through the latents of a language model's autoencoder and find one that fires on words that start with S. It
# fires on *sun*, *seven*, *small*; you look at a thousand of its inputs, and all of them start with S. Then you try
# *snake*, and it is silent.
#
# Nothing is broken. There is another latent, for *snake*, and its direction in the decoder has a piece of "starts with
# S" in it. Where it fires, the general latent has nothing left to write. Chanin et al. 2024 (arXiv 2409.14507) call this
# **feature absorption**: the special feature, the **child**, has absorbed the direction of the general one, its
# **parent**, and the parent's latent goes silent just there.
#
# Why care? A latent that you have named is a claim: it is on *when* the feature is on. Absorption makes the claim false
# in one direction only, the one that is hard to see. All examples that you look at are right. What you miss are
# the rows in which it should have fired, and they are not random rows: they are the special cases, for which you may have
# built the detector in the first place.

# %% [markdown]
# ### The bill, by hand
#
# Take a parent with direction $p$ and a child with direction $q$, orthogonal, both of length 1. The child is never on
# without its parent. All sizes are 1. So there are two kinds of rows in which something is on: $h = p$, and $h = p + q$.
#
# Compare two dictionaries with two latents each. The **honest** one has $p$ and $q$. The **absorbing** one has $p$ and
# $(p + q)/\sqrt 2$.
#
# **Work out**: both reconstruct both rows without error. How many latents does each need (L0), and what is the sum of their
# activations (L1)? Which does an L1 penalty prefer, which does TopK with $k = 1$? And why does the absorbing dictionary
# not need a third latent?

# %% [markdown] role="answer"
# | row | honest: activations | L0 | L1 | absorbing: activations | L0 | L1 |
# |---|---|---|---|---|---|---|
# | $p$ | $1, 0$ | 1 | 1 | $1, 0$ | 1 | 1 |
# | $p + q$ | $1, 1$ | 2 | 2 | $0, \sqrt 2$ | 1 | $\sqrt 2 = 1.41$ |
#
# The absorbing one is cheaper by every count: half the L0, and 29 % off the L1, in each row with a child. With $k = 1$ it
# is the only one of the two that can reconstruct $p + q$ at all.
#
# It costs nothing in return, because of the hierarchy. With two *independent* features there would be a third kind
# of row, $h = q$, and a dictionary with $p$, $(p+q)/\sqrt 2$ and without $q$ could not write it. Here $q$ never comes
# alone, so nobody misses it. The same holds for four children that exclude each other: one merged latent each.
#
# Nothing in the reconstruction tells the two dictionaries apart. A penalty on activity does, and it prefers the one in
# which the parent's latent is silent on a row where the parent is on.

# %% [markdown] exercise="absorbing_dictionary"
# ## Exercise: `absorbing_dictionary`
#
# > Difficulty 2 of 5 · importance 3 of 5 · about 10 minutes (an estimate)
#
# Before you look at a trained autoencoder, write down the dictionary that complete absorption would give. Then the
# experiment can prove you wrong.
#
# Features are in the order of `HierarchicalToyModel`: the parents, then the children of the first parent, those of the
# second, and so on. The latents shall be in the same order. With $w_i$ the direction of feature $i$ (a column of $W$):
#
# $$d_\text{parent} = \frac{w_\text{parent}}{\lVert w_\text{parent} \rVert}, \qquad
# d_\text{child} = \frac{w_\text{parent} + w_\text{child}}{\lVert w_\text{parent} + w_\text{child} \rVert}.$$
#
# **Before you code**: the cosine between the latents of two siblings is 0 in an honest dictionary, if all directions are
# orthogonal. What is it in this one?


# %% exercises=["absorbing_dictionary"]
def absorbing_dictionary(
    W: Float[Tensor, "inst d_in feats"], n_parents: int, n_children: int
) -> Float[Tensor, "inst latents d_in"]:
    """The decoder of an autoencoder in which every child has absorbed its parent's direction.

    Args:
        W: directions of the features, of any length: the parents, then the children of each in turn; others after
            them are left out.
        n_parents: features with children.
        n_children: children of each.
    Returns:
        Rows of length 1, one for each parent and child, in the order of the features: a parent's own direction, and
        the sum of a child's direction and its parent's.
    """
    ### BEGIN SOLUTION
    directions = einops.rearrange(W, "inst d_in feats -> inst feats d_in")
    parents = directions[:, :n_parents]
    children = directions[:, n_parents : n_parents * (1 + n_children)]
    merged = children + parents.repeat_interleave(n_children, dim=1)
    return F.normalize(t.cat([parents, merged], dim=1), dim=-1)
    ### END SOLUTION


# %% exercise="absorbing_dictionary" role="test"
if MAIN:
    tests.test_absorbing_dictionary(absorbing_dictionary)

# %% [markdown] exercise="absorbing_dictionary" role="hint"
# The rows of the result are columns of `W`, so begin by swapping two axes. Which parent belongs to child number 5, if each has
# four?

# %% [markdown] exercise="absorbing_dictionary" role="hint"
# `parents.repeat_interleave(n_children, dim=1)` repeats each parent in place, as often as it has children: (A, B)
# becomes (A, A, A, A, B, B, B, B). `repeat` would give (A, B, A, B, ...).

# %% [markdown] exercise="absorbing_dictionary" role="solution"
# The sum is taken first and scaled afterwards: a row with both on is $w_\text{parent} + w_\text{child}$, whatever the
# lengths, and the latent that writes it alone has to point there. Dividing by $\sqrt 2$ is right for orthonormal
# directions only.
#
# Two siblings have their parent in common: $\tfrac12 (p + q_1)\cdot(p + q_2) = \tfrac12$. Latents at cosines of a half
# among themselves are a sight to remember, because you can look for it without knowing the truth.

# %% [markdown] exercise="absorption_rate"
# ## Exercise: `absorption_rate`
#
# > Difficulty 3 of 5 · importance 4 of 5 · about 20 minutes (an estimate)
#
# You want one number for each parent: how much does the presence of a child silence the parent's latent? That its latent is
# silent in a row where it should fire is not enough. It may be silent for reasons that have nothing to do with children,
# for instance because its threshold is high. So subtract what happens without a child:
#
# $$\text{absorption} = P(\text{parent's latent off} \mid \text{parent on, a child on}) - P(\text{parent's latent off} \mid \text{parent on, no child on}).$$
#
# Which latent is the parent's? The one that `match_latents` gives it: all features, children included, compete for live
# latents by signed cosine, one to one. `latents_and_features` of section 5 has done that. It returns, feature by feature,
# the true size (`true`) and the activation of the feature's latent (`found`, 0 where a feature has none). These two are
# what you get.
#
# A parent for which one of the two kinds of rows does not occur gets 0.
#
# **Before you code**: what is the rate of a parent whose latent never fires? Is that what you want?


# %% exercises=["absorption_rate"]
def absorption_rate(
    found: Float[Tensor, "batch inst feats"],
    true: Float[Tensor, "batch inst feats"],
    n_parents: int,
    n_children: int,
) -> Float[Tensor, "inst parents"]:
    """How much more often a parent's latent is silent, with the parent on, when one of its children is on as well.

    Chanin et al. 2024 (arXiv 2409.14507) estimate it by probes; here the truth is known.

    Args:
        found: activation of the latent that belongs to each feature, 0 where it is off.
        true: size of each feature in the same rows, 0 where it is off. Parents come first, then the children of each
            in turn; others after them do not matter. A child is on only where its parent is.
        n_parents: features with children.
        n_children: children of each.
    Returns:
        A difference of two shares of rows, from -1 to 1; 0 where one of the two kinds of rows does not occur.
    """
    ### BEGIN SOLUTION
    parent_on = true[..., :n_parents] > 0
    children = true[..., n_parents : n_parents * (1 + n_children)].unflatten(-1, (n_parents, n_children))
    child_on = (children > 0).any(dim=-1)
    silent = found[..., :n_parents] == 0

    def share_silent(rows: Tensor) -> Tensor:
        return (silent & rows).to(true.dtype).sum(dim=0) / rows.sum(dim=0)

    rate = share_silent(parent_on & child_on) - share_silent(parent_on & ~child_on)
    return t.where(rate.isnan(), 0.0, rate)
    ### END SOLUTION


# %% exercise="absorption_rate" role="test"
if MAIN:
    tests.test_absorption_rate(absorption_rate)

# %% [markdown] exercise="absorption_rate" role="hint"
# You need three boolean tensors of shape `[batch inst parents]`: parent on, any of its children on, parent's latent
# silent. Everything after that is counting.

# %% [markdown] exercise="absorption_rate" role="hint"
# `x.unflatten(-1, (n_parents, n_children))` gives the children an axis of their own, and `.any(dim=-1)` removes it.

# %% [markdown] exercise="absorption_rate" role="hint"
# A conditional share is a ratio of two counts: rows with both, over rows with the condition. Where there are none,
# 0 / 0 is NaN; `t.where` replaces it.

# %% [markdown] exercise="absorption_rate" role="solution"
# A latent that never fires is silent in all rows of both kinds, $1 - 1 = 0$. That is what you want: it is dead, which is another
# fault with another name. The difference measures *dependence on the child* and nothing else. It can be negative, where a
# child makes the parent's latent fire more often; you will meet such a case.

# %% [markdown]
# ### Families
#
# Now the data: 4 parents, on in 15 % of the rows, independently. Each has 4 children that exclude each other, each on in 15 %
# of the rows where the parent is on. That makes 20 features, and they get 20 orthonormal directions in 20 dimensions. So
# there is **no superposition**: a rotation would separate all features without error. What goes wrong here cannot be
# blamed on interference.
#
# `HierarchicalToyModel` of section 5 has the hierarchy. Given below are sizes between two bounds of your choice, and
# orthonormal directions in place of trained ones.


# %%
class SizedToyModel(HierarchicalToyModel):
    """Hierarchical features whose sizes are uniform between two bounds; equal bounds make them constant.

    Attributes:
        sizes: smallest and largest size of a feature that is on.
    """

    sizes: tuple[float, float] = (1.0, 1.0)

    def draw_magnitudes(self, shape: tuple[int, ...], generator: t.Generator | None = None) -> Float[Tensor, "..."]:
        """Sizes of features that are on."""
        smallest, largest = self.sizes
        return smallest + (largest - smallest) * super().draw_magnitudes(shape, generator)


def family_model(
    n_inst: int,
    sizes: tuple[float, float] = (1.0, 1.0),
    n_parents: int = 4,
    n_children: int = 4,
    p_parent: float = 0.15,
    p_child: float = 0.15,
    device: t.device | str = device,
    generator: t.Generator | None = None,
) -> SizedToyModel:
    """A toy model with orthonormal directions, as many dimensions as features, the same in every instance.

    Args:
        n_inst: copies.
        sizes: smallest and largest size of a feature that is on.
        n_parents: features with children.
        n_children: children of each, at most one of them on.
        p_parent: how often a parent is on.
        p_child: how often each of its children is on where it is.
        device: where the model lives.
        generator: source of the directions, on `device`; torch's own if None.
    """
    n_features = n_parents * (1 + n_children)
    probability = t.tensor([p_parent] * n_parents + [p_parent * p_child] * (n_parents * n_children))
    model = SizedToyModel(
        ToyModelConfig(n_inst, n_features=n_features, d_hidden=n_features), probability, device=device,
        n_parents=n_parents, n_children=n_children, generator=generator,
    )  # fmt: skip
    model.sizes = sizes
    with t.no_grad():
        directions = t.linalg.qr(t.randn(n_features, n_features, device=device, generator=generator))[0]
        model.W.copy_(directions.expand_as(model.W))
    return model


def train_on_families(
    kind: type[ToySAE], model: ToyModel, generator: t.Generator | None = None, steps: int = 1_500, **choices: Any
) -> ToySAE:
    """Train autoencoders with as many latents as the model has features, one for each of its instances.

    Args:
        kind: their class.
        model: whose hidden layer they read.
        generator: source of start and data.
        steps: batches of 256.
        choices: fields of the config.
    """
    n_inst, d_in, n_features = model.W.shape
    cfg = ToySAEConfig(n_inst, d_in, n_features, init_scale=0.3, decoder_init="encoder", **choices)
    sae = kind(cfg, model, generator=generator)
    sae.optimize(
        batch_size=256, steps=steps, lr=1e-2, lr_scale=short_warmup_lr, log_freq=steps, hidden_sample_size=1,
        generator=generator,
    )  # fmt: skip
    return sae.eval()


# %% [markdown]
# ## Experiment: four autoencoders on four families
#
# All get 20 latents for 20 features, 10 autoencoders of each kind, 1,500 steps. (About 20 seconds.)
#
# - **Standard**, with $c = 0.005$. The penalty takes $c\,d_\text{in}/2 = 0.05$ off each activation, a twentieth of its
#   size.
# - **BatchTopK**, with $k = 0.96$: what the features themselves need, $4 \times 0.15 \times (1 + 4 \times 0.15)$ in the mean
#   row.
# - **TopK**, with $k = 2$. It needs a whole number. With 1, a row with a parent and its child *has* to be written by a single
#   latent, and absorption would be forced, not chosen. With 2 there is room for both in every row with one family.
# - **Matryoshka**, the same $k$ as BatchTopK, groups of the first 1, 3, 5, 10 and 20 latents.
#
# **Before you run it**: rank them by absorption. TopK has room for two latents in each row, and most rows need none or one. Will it still absorb? And which of the four will explain the most variance?

# %% figure="absorption_rates"
if MAIN:
    n_copies, n_parents, n_children = 10, 4, 4  # autoencoders of each kind; features with children; children of each
    generator = t.Generator(device).manual_seed(utils.seed)
    families = family_model(n_copies, generator=generator)

    def examine(sae: ToySAE, n_parents: int = n_parents, n_children: int = n_children) -> tuple[Paired, Tensor]:
        """Features with their latents over 20,000 rows, and the absorption rate of every parent."""
        pair = latents_and_features(sae, 20_000, generator)
        return pair, absorption_rate(pair.found, pair.true, n_parents, n_children)

    trained = {
        "standard": train_on_families(ToySAE, families, generator, sparsity_coeff=0.005),
        "TopK": train_on_families(TopKToySAE, families, generator, k=2),
        "BatchTopK": train_on_families(BatchTopKToySAE, families, generator, k=0.96),
        "Matryoshka": train_on_families(MatryoshkaToySAE, families, generator, k=0.96, group_sizes=(1, 3, 5, 10, 20)),
    }
    pairs, rates = {}, {}
    for name, sae in trained.items():
        pairs[name], rates[name] = examine(sae)
    utils.plot_absorption(
        rates, "The standard autoencoder silences a parent where a child is on; Matryoshka hardly ever does"
    )

# %% [markdown] figure="absorption_rates" role="see"
# A dot is one autoencoder, the mean over its four parents; the diamond is the mean over the ten, with its 95 % interval.
#
# - **Standard**: nearly complete. Where a child is on, the latent of its parent is off.
# - **TopK and BatchTopK**: a third to a half. Nothing charges them for the *size* of an activation, only a full ration makes
#   them merge. TopK's is full wherever two families meet. More on that below.
# - **Matryoshka**: near 0. Its first five latents have to reconstruct on their own, and the best that few latents can do is
#   to write the parents, which are on seven times as often as any child. A parent's latent that goes silent where a child is on
#   would leave a hole there, in the sum of the first latents, that no later latent can fill.

# %% [markdown]
# ### Absorbed, or crowded out?
#
# TopK with $k = 2$ has a second way to silence a parent. In a row with two families on, up to four features are on, and two latents
# must be enough. Somebody stays silent, whatever the dictionary. In a row with one family there is room for both.
#
# **Before you run it**: split the rows by the number of families on. If all of TopK's rate were crowding, what would be left where
# one family is on? And for BatchTopK, which can give a row as many latents as it likes?

# %%
if MAIN:

    def rate_with(name: str, families_on: int) -> float:
        """Mean absorption rate over the rows in which so many parents are on."""
        pair = pairs[name]
        keep = (pair.true[..., :n_parents] > 0).sum(dim=-1, keepdim=True) == families_on
        return float(absorption_rate(pair.found, pair.true * keep, n_parents, n_children).mean())

    by_families = pd.DataFrame({name: {n: rate_with(name, n) for n in (1, 2)} for name in trained})
    by_families.index.name = "families on"
    display(by_families.round(2))

# %% [markdown]
# BatchTopK's rate does not depend on it: that is absorption. TopK's is more than twice as high where two families are on, so a part of
# what the figure shows is crowding. But about a quarter is left where nothing is crowded. A likely reason: the decoder is the same for all
# rows, so what is merged for the sake of the crowded ones is merged in the others too.

# %% [markdown]
# ### What the usual numbers say
#
# In a language model you have the L0 and the explained variance. Put them beside what only the truth can tell: how often
# a parent's latent fires of those times when its parent is on (recall), and how often its parent is on of those times when
# it fires (precision).

# %%
if MAIN:

    @t.no_grad()
    def describe(name: str) -> dict[str, float]:
        """What there is to say about one kind, in the mean over its autoencoders."""
        sae, pair = trained[name], pairs[name]
        x = utils.draw_batch(sae.model, 20_000, generator)
        h = einops.einsum(x, sae.model.W, "batch inst feats, inst d_in feats -> batch inst d_in")
        acts, h_reconstructed = sae(h)[2:]
        parents = utils.detectors(acts, x, pair.latents[:, :n_parents])
        return {
            "absorption": rates[name].mean().item(),
            "explained variance": utils.explained_variance(h, h_reconstructed).mean().item(),
            "L0": utils.mean_l0(acts).mean().item(),
            "true L0": utils.mean_l0(x).mean().item(),
            "precision of parents' latents": parents.precision.mean().item(),
            "recall of parents' latents": parents.recall.mean().item(),
            "cosine of parents": pair.cosines[:, :n_parents].mean().item(),
            "cosine of children": pair.cosines[:, n_parents:].mean().item(),
        }

    described = pd.DataFrame({name: describe(name) for name in trained})
    display(described.round(3))

# %% [markdown]
# By the two usual numbers the standard autoencoder is the best of the four: it explains over 99 % of the variance, and with
# an L0 *below* that of the features. An L0 that is too good is the only trace. Its parents' latents have the right
# direction, and whenever one fires its parent is on. But it fires in only 40 % of the rows in which it should, the ones without
# a child.
#
# Matryoshka pays for it: it explains some 5 % less, and some of its latents are dead or have the wrong direction. The next figure
# shows one reason.

# %% [markdown]
# ## Experiment: look at the decoder
#
# You have predicted what complete absorption looks like. Take the family whose rate is the median of all families of its kind, and
# compare the latents of parent and children with the true directions.
#
# **Before you run it**: which numbers stand in the first row of the predicted panel?

# %% figure="absorption_decoder"
if MAIN:

    def family(cosines: Tensor, parent: int) -> Tensor:
        """Rows and columns of one family out of [feats latents]: the parent and its children."""
        first = n_parents + parent * n_children
        members = [parent, *range(first, first + n_children)]
        return cosines[members][:, members]

    @t.no_grad()
    def cosines_of(name: str) -> Float[Tensor, "inst feats feats"]:
        """Cosine of every feature (row) with the latent of every feature (column); 0 where it has none."""
        latents, sae = pairs[name].latents, trained[name]
        rows = sae.W_dec_normalized.gather(1, latents.clamp_min(0)[..., None].expand(-1, -1, sae.cfg.d_in))
        cosines = einops.einsum(rows, sae.model.W, "inst latents d_in, inst d_in feats -> inst feats latents")
        return cosines * (latents >= 0)[:, None]

    shown = {}
    with t.no_grad():
        predicted = absorbing_dictionary(families.W, n_parents, n_children)
        products = einops.einsum(predicted[0], families.W[0], "latents d_in, d_in feats -> feats latents")
    shown["predicted: complete"] = family(products, 0)
    for name in ("standard", "BatchTopK", "Matryoshka"):
        in_order = rates[name].flatten().argsort()
        inst, parent = divmod(int(in_order[len(in_order) // 2]), n_parents)
        shown[f"{name}: {rates[name][inst, parent]:.2f}"] = family(cosines_of(name)[inst], parent)
    utils.plot_family_cosines(shown, "In the standard autoencoder each child's latent is half its parent")

# %% [markdown] figure="absorption_decoder" role="see"
# Rows are true directions, columns the latents that were matched to them; beside each name stands the absorption rate of
# the family shown. In the standard panel you see your prediction: the parent's latent is the parent, and each child's latent
# has the cosine $1/\sqrt 2 = 0.71$ with its own direction and with its parent's. BatchTopK has absorbed the parent in some of the
# children. (A column of small numbers is a latent that found no feature of this family, a column of zeros a missing one.)
#
# Matryoshka's panel is not what an honest dictionary looks like, either. The parent's latent has a little of every child in it,
# and each child's latent takes a little of its siblings back. Work out why: a group that holds the parent's latent and none of
# the children's reconstructs best if that latent writes what is there *on average* when the parent is on, $p + 0.15\,(q_1 + q_2 +
# q_3 + q_4)$. That has a cosine of 0.14 with each child. The reward for silence is gone, and another one has taken its place.
# It is known as **feature hedging**.

# %% [markdown]
# ## Experiment: sizes that vary, and superposition
#
# So far all sizes were 1. A merged latent then writes both features exactly. Let sizes vary, independently of each other:
# $h = x\,p + y\,q$. One latent has one direction, and no direction fits all ratios of $x$ to $y$.
#
# And what becomes of it in superposition? Section 5 had 100 hierarchical features in 20 dimensions, with trained
# directions: 10 parents with 4 children each.
#
# **Before you run it**: what will varying sizes do to the rate? Will it depend on $c$, where with constant sizes
# any $c$ above 0 did?

# %% figure="absorption_elsewhere"
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)
    varying = family_model(n_copies, sizes=(0.5, 1.5), generator=generator)
    coefficients = [0.005, 0.02]  # weight of the sparsity penalty
    partial_rates = {
        c: examine(train_on_families(ToySAE, varying, generator, sparsity_coeff=c))[1] for c in coefficients
    }

    superposed = model_for("hierarchical", 3, generator)
    by_penalty = Variant("standard", ToySAE, "sparsity_coeff", {}, {})
    by_ration = Variant("BatchTopK", BatchTopKToySAE, "k", {}, {})
    superposed_rates = {
        variant.name: examine(train_variant(variant, value, superposed, generator), 10, 4)[1]
        for variant, value in ((by_penalty, 0.02), (by_ration, 1.5))
    }
    utils.plot_absorption(
        {"sizes all 1<br>c = 0.005": rates["standard"]}
        | {f"sizes 0.5 to 1.5<br>c = {c}": rate for c, rate in partial_rates.items()}
        | {f"100 in 20<br>{name}": rate for name, rate in superposed_rates.items()},
        "Sizes that vary make absorption partial; in superposition the measure turns negative",
    )

# %% [markdown] figure="absorption_elsewhere" role="see"
# **Varying sizes**: partial, and it grows with the penalty, from about a seventh to a third. A child's latent now turns only part
# of the way towards its parent. Its share of the parent covers the small sizes, and the parent's latent is called in for the
# rest. The further it turns, the less the penalty takes and the more reconstruction error it makes. So $c$
# decides, where with constant sizes there was nothing to weigh: merging was free.
#
# **Superposition**: *negative*. A child makes its parent's latent fire *more* often. Here the toy model itself has placed
# parent and child side by side (the last experiment shows that), so a child's activity leaks into the reading of its
# parent's latent and lifts small sizes over the threshold. The rate is a difference between two kinds of rows, and these rows differ in
# more than absorption. What you can say is that nothing like the first column is left.

# %% tags=["claim"]
if MAIN:
    merged = einops.einsum(
        F.normalize(trained["standard"].W_dec.detach(), dim=-1),
        absorbing_dictionary(families.W.detach(), n_parents, n_children)[:, n_parents:],
        "inst latents d_in, inst children d_in -> inst children latents",
    )  # each child's prediction with every latent
    mean_rate = {name: float(rate.mean()) for name, rate in rates.items()}
    utils.claim(
        35,
        "a sparsity penalty makes children absorb their parent's direction; Matryoshka prevents it",
        [
            utils.Measured("absorption, standard", mean_rate["standard"], at_least=0.8),
            utils.Measured("absorption, Matryoshka", mean_rate["Matryoshka"], at_most=0.25),
            utils.Measured("absorption, BatchTopK", mean_rate["BatchTopK"], at_least=0.15, at_most=0.7),
            utils.Measured("BatchTopK less Matryoshka", mean_rate["BatchTopK"] - mean_rate["Matryoshka"], at_least=0.1),
            utils.Measured("absorption, TopK, one family on", by_families.loc[1, "TopK"], at_least=0.1),
            utils.Measured(
                "TopK: the same with two families on, less that",
                by_families.loc[2, "TopK"] - by_families.loc[1, "TopK"],
                at_least=0.1,
            ),
            utils.Measured(
                "standard: cosine of (parent + child)/√2 with the nearest latent, mean",
                merged.amax(dim=-1).mean(),
                at_least=0.95,
            ),
            utils.Measured(
                "standard: L0 over that of the features",
                described.loc["L0", "standard"] / described.loc["true L0", "standard"],
                at_most=0.85,
            ),
            utils.Measured(
                "explained variance, standard less Matryoshka",
                described.loc["explained variance", "standard"] - described.loc["explained variance", "Matryoshka"],
                at_least=0.0,
            ),
        ],
        source="Absorption, section 3; Matryoshka",
    )

# %% tags=["claim"]
if MAIN:
    usual, most = (float(rate.mean()) for rate in partial_rates.values())
    utils.claim(
        35,
        "where sizes vary absorption is partial and grows with the penalty; in superposition the rate is below 0",
        [
            utils.Measured("sizes 0.5 to 1.5, c = 0.005", usual, at_least=0.08, at_most=0.35),
            utils.Measured("sizes 0.5 to 1.5, c = 0.02", most, at_least=0.2, at_most=0.45),
            utils.Measured("c = 0.02 less c = 0.005", most - usual, at_least=0.08),
            utils.Measured("100 in 20, standard", superposed_rates["standard"].mean(), at_least=-0.35, at_most=0.0),
            utils.Measured("100 in 20, BatchTopK", superposed_rates["BatchTopK"].mean(), at_least=-0.35, at_most=0.0),
        ],
        source="our own measurement",
    )

# %% [markdown]
# ## Experiment: the cousin in the toy model
#
# Absorption happens in the dictionary. Has the *model* that is read a reason of its own to bring parent and child
# together? Train toy models as in section 1 on three parents, each with exactly one of its two children on when it is on:
# 9 features in 4 dimensions (parents on in 20 % of rows), and in 5 dimensions (40 %). Beside each, a control: the same features
# just as often on, but independent. 20 models of each kind.
#
# **Before you run it**: a parent comes with each of its children half of the time, and a child never comes alone. Will the two be
# orthogonal, antipodal, or lean together? And two siblings, which are never on together?

# %% figure="parent_child_cosines"
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)
    schedule = partial(warmup_linear_lr, warmup=0.1)

    def toy_cosines(d_hidden: int, p: float, hierarchical: bool) -> dict[str, Tensor]:
        """Cosines of parents with their children, and of siblings, among features of norm above 1/2."""
        cfg = ToyModelConfig(20, n_features=9, d_hidden=d_hidden)
        probability = t.tensor([p] * 3 + [p / 2] * 6)
        model = (
            HierarchicalToyModel(cfg, probability, n_parents=3, n_children=2, generator=generator)
            if hierarchical
            else ToyModel(cfg, probability, generator=generator)
        )
        model.optimize(batch_size=512, steps=1_000, lr=1e-2, lr_scale=schedule, generator=generator)
        W = model.W.detach()
        represented = W.norm(dim=1) > 0.5
        unit = F.normalize(W, dim=1)
        cosines = einops.einsum(unit, unit, "inst d_hidden i, inst d_hidden j -> inst i j")
        both = represented[:, :, None] & represented[:, None]
        kinds = {
            "parent and child": [(i, 3 + 2 * i + k) for i in range(3) for k in range(2)],
            "siblings": [(3 + 2 * i, 4 + 2 * i) for i in range(3)],
        }
        return {
            kind: t.cat([cosines[:, i, j][both[:, i, j]] for i, j in places]).cpu() for kind, places in kinds.items()
        }

    settings = {"9 in 4, p = 0.2": (4, 0.2), "9 in 5, p = 0.4": (5, 0.4)}
    families_and_control = {
        name: (toy_cosines(*setting, hierarchical=True), toy_cosines(*setting, hierarchical=False))
        for name, setting in settings.items()
    }
    utils.plot_pair_cosines(
        {
            f"{kind}, {name}": {"hierarchical": ours[kind], "independent": control[kind]}
            for kind, name in (("parent and child", "9 in 4, p = 0.2"), ("siblings", "9 in 5, p = 0.4"))
            for ours, control in [families_and_control[name]]
        },
        "In the toy model parent and child lean together, and siblings turn away from each other",
    )

# %% [markdown] figure="parent_child_cosines" role="see"
# Every value is one pair in one model; dashed lines mark the means. Left: independent features are sometimes antipodal (a cosine near -1), because
# a pair that is hardly ever on together can share a dimension. A parent and its child are on together all the time, so no model
# can afford that: the antipodal pairs are gone, and the mean cosine has changed its sign, to about +0.1. Not by much. The
# model has to tell the two apart, after all.
#
# Right: two siblings are never on together. That makes them ideal antipodal partners, as the anticorrelated pairs of section
# 1 were: about half of them are, and their mean cosine falls to about -0.6.
#
# So an autoencoder that reads such a model finds parent and child close to each other before it has absorbed anything.

# %% tags=["claim"]
if MAIN:
    (narrow, narrow_control), (wide, wide_control) = families_and_control.values()
    together, apart = narrow["parent and child"], narrow_control["parent and child"]
    utils.claim(
        35,
        "in the toy model parent and child lean together and are not antipodal; siblings oppose each other",
        [
            utils.Measured("9 in 4: mean cosine of parent and child", together.mean(), at_least=0.05, at_most=0.25),
            utils.Measured(
                "that, less the mean cosine of independent ones", together.mean() - apart.mean(), at_least=0.1
            ),
            utils.Measured("9 in 4: share of antipodal pairs", (together < -0.9).float().mean(), at_most=0.03),
            utils.Measured("the same, independent", (apart < -0.9).float().mean(), at_least=0.03),
            utils.Measured("9 in 5: mean cosine of siblings", wide["siblings"].mean(), at_most=-0.45),
            utils.Measured(
                "the same, independent, less that",
                wide_control["siblings"].mean() - wide["siblings"].mean(),
                at_least=0.2,
            ),
        ],
        source="TMS, correlated and anticorrelated features; our own measurement",
    )

# %% [markdown]
# ### What absorption taught you
#
# - A penalty on activity, or a ration, **pays for merging** a child with its parent, because the child never comes alone.
#   The reconstruction does not suffer. With constant sizes it is complete in the standard autoencoder.
# - The parent's latent keeps its direction and its precision. It loses **recall**, in the rows with a child, and no
#   number that you have for a language model shows that. An L0 below what you expect is a hint.
# - **Matryoshka** takes the reward away by making the first latents reconstruct alone. It pays in reconstruction, and its
#   general latents write a little of every special feature instead.
# - Sizes that vary make it **partial**. In superposition the rate compares rows that differ in more than one thing: know
#   your measure before you believe its sign.
#
# **Read next**: Chanin et al. 2024, *A is for Absorption* (arXiv 2409.14507), sections 1 to 4, for the same thing in a
# language model, by the first letters of words; Bussmann et al. 2025 (arXiv 2503.17547), section 4, for Matryoshka autoencoders
# measured by it; Chanin et al. 2025, *Feature Hedging*, for the other half of the bill.
