# %% tags=["module-only"]
"""Section 6, last part: a benchmark for your own autoencoder, replications to try, and further reading."""

import torch as t
from jaxtyping import Float
from torch import Tensor

import part31_superposition_and_saes.utils as utils
from part31_superposition_and_saes.sections.s5_1_sparse_autoencoders import ToySAE

MAIN = __name__ == "__main__"
if MAIN:
    import pandas as pd
    from IPython.display import display

    import part31_superposition_and_saes.tests as tests

# %% [markdown]
# # Bonus: your own autoencoder on the bench
#
# > **You will learn**
# >
# > - why autoencoders can be compared only at an equal number of active latents, and how to get there
# > - to write a new kind of autoencoder, and to see within a minute where it stands among six others
# > - what to replicate and what to read next
#
# *About an hour, the replications not included (an estimate). You need section 5; if you have not done it, its reference is
# imported below.*

# %%
if MAIN:
    from part31_superposition_and_saes.bench import Entry, bench_saes
    from part31_superposition_and_saes.solutions import ToySAE

# %% [markdown]
# ## Who was allowed how many?
#
# Section 5 compared six kinds of autoencoder, each at the setting where it matched best. On hierarchical features
# the standard one had 3.4 latents on in the mean row, JumpReLU 1.1. Is the standard one better, or was it given three times as much?
#
# More latents explain more: with all of them on, anything can be reconstructed. So whoever wants to say "mine explains
# more" has to say "at the same L0". Two obstacles stand in the way. No setting gives just the L0 that you want: you turn
# a penalty, and L0 follows somehow. And a TopK autoencoder knows whole numbers only, so its L0 jumps from 1.7 to 2.3.
#
# The way out is to train at a few settings and to read off the value **between** them.

# %% [markdown] exercise="at_equal_l0"
# ## Exercise: `at_equal_l0`
#
# > Difficulty 3 of 5 · importance 4 of 5 · about 20 minutes (an estimate)
#
# Each instance was trained at several settings. Every training gave an L0 and the value of some measure. You want the
# measure at a common target $L$. Let $L_- \le L \le L_+$ be the two L0s of that instance that enclose the target
# most closely, and $v_-$, $v_+$ the values that belong to them. Then
#
# $$v(L) = v_- + \frac{\log L - \log L_-}{\log L_+ - \log L_-}\,(v_+ - v_-).$$
#
# The logarithm is there because settings act by factors: from 1 to 2 is as far as from 2 to 4.
#
# Three things to mind. The settings come in no order, and L0 need not follow theirs. Every instance has an L0 of its own,
# so each has its own two neighbours. And where a target lies outside of what was measured, the answer is NaN. To
# extrapolate would be to make a number up.
#
# **Before you code**: an instance has L0s 1, 2 and 4 with values 0.8, 0.9 and 0.7. What is its value at L0 = 2.83, and
# at L0 = 5?


# %% exercises=["at_equal_l0"]
def at_equal_l0(
    l0: Float[Tensor, "setting inst"], values: Float[Tensor, "setting inst"], target: float
) -> Float[Tensor, " inst"]:
    """A measure of every instance at one common L0, interpolated between the settings it was trained with.

    On the straight line, over the logarithm of L0, between the two settings whose L0s enclose the target most closely.

    Args:
        l0: of each instance at each setting, at least two settings in any order; no two equal in an instance.
        values: of the measure, in the same places.
        target: the L0 to compare at, above 0.
    Returns:
        The measure of each instance there; NaN for an instance whose L0s all lie above the target, or all below it.
    """
    ### BEGIN SOLUTION
    order = l0.argsort(dim=0)
    x, y = l0.gather(0, order).log(), values.gather(0, order)
    x_target = t.as_tensor(target, dtype=x.dtype, device=x.device).log()
    end = (x < x_target).sum(dim=0, keepdim=True).clamp(1, len(x) - 1)  # place of the neighbour above, [1 inst]
    x_low, x_high = x.gather(0, end - 1), x.gather(0, end)
    share = (x_target - x_low) / (x_high - x_low)
    between = y.gather(0, end - 1).lerp(y.gather(0, end), share)
    return t.where((share >= 0) & (share <= 1), between, float("nan"))[0]
    ### END SOLUTION


# %% exercise="at_equal_l0" role="test"
if MAIN:
    tests.test_at_equal_l0(at_equal_l0)

# %% [markdown] exercise="at_equal_l0" role="hint"
# Start with one instance and a loop: sort its pairs by L0, find the first L0 that is not below the target, and use it
# and the one before. `np.interp` does almost all of that; outside it repeats the last value, unless you give it `left` and `right`.

# %% [markdown] exercise="at_equal_l0" role="hint"
# For all instances at once: `order = l0.argsort(dim=0)`, and `l0.gather(0, order)` and `values.gather(0, order)` bring
# both into that order. How many L0s of an instance lie below the target is the place of its upper neighbour.

# %% [markdown] exercise="at_equal_l0" role="hint"
# That place can be 0 (all L0s above the target) or the number of settings (all below). Clamp it to 1 … settings - 1, so that
# `gather` finds something, and put NaN wherever the share comes out below 0 or above 1.

# %% [markdown] exercise="at_equal_l0" role="solution"
# At 2.83 the value is 0.8: that is $2\sqrt 2$, half way from 2 to 4 on the logarithmic axis. At 5 it is NaN.
#
# The sort is by L0, not by setting. For most kinds L0 rises or falls with the setting all along, but not for all: a gated
# autoencoder whose penalty is too high loses its directions, and its L0 *rises* before it falls.

# %% [markdown]
# ## What equal L0 does to the table of section 5
#
# The sweep that the repo ships has four settings of every kind. Read it at L0 = 2, as many latents as features are on.
#
# **Before you run it**: on independent features nothing separated the six, each at its best setting. What do you
# expect now? And what will stand where JumpReLU's row is, whose largest L0 in the sweep is 1.4?

# %%
if MAIN:
    sweep = utils.variants_sweep()[0]
    reported = sweep[sweep["role"] == "report"]

    def swept(kind: str, name: str, measure: str) -> Tensor:
        """A measure of the sweep, [setting inst]."""
        own = reported[(reported["data"] == kind) & (reported["variant"] == name)]
        return t.tensor(own.pivot(index="value", columns="instance", values=measure).to_numpy())

    def read_off(kind: str, name: str) -> str:
        """Matching at L0 = 2, in the mean over those models that can be read off."""
        found = at_equal_l0(swept(kind, name, "L0"), swept(kind, name, "matching"), 2.0)
        known = found[~found.isnan()]
        return f"{known.mean():.3f} ({len(known)} of {len(found)})" if len(known) else "nan"

    kinds = [kind for kind in reported["data"].unique() if kind != "five in two"]
    names = reported["variant"].unique()
    table = pd.DataFrame({kind: {name: read_off(kind, name) for name in names} for kind in kinds})
    table.index.name = "matching at L0 = 2 (models)"
    display(table)

# %% [markdown]
# Two things are missing before this is a fair table. JumpReLU was never near an L0 of 2, so nobody knows how it would do
# there. And four settings are too few for a straight line between them. Look at the gated one on paired features: 0.67.
# Of its L0s three are near 1.5, one of these settings matching well (0.80) and two badly, and the line to the fourth, at
# 2.7, starts from whichever came out highest. A benchmark has to **search**: find, for each kind, two settings that lie
# close around the target, and only then train what is reported.

# %% [markdown]
# ## `bench_saes`
#
# `bench_saes({"mine": MySAE})` ranks any class with the interface of `ToySAE`. On each kind of data (independent, paired,
# hierarchical, Zipf's) it
#
# 1. trains your class on **two models that are not reported**, at settings further and further out, until two of them
#    enclose an L0 of 2, and closes in on it. Where several pairs of settings do, matching on these two models decides;
# 2. trains it on **five other models** at two settings a little below and above, and reads every measure of every model
#    off at L0 = 2, as in your exercise. Where two settings do not enclose a model's L0, up to two more are trained. For a model that
#    still is not enclosed an L0 within 2 % will do, else it is left out, and the column `models` says how many remain;
# 3. ranks it among our six by one-to-one matching, or by F1, explained variance or dead latents (`by="F1"`), with 95 %
#    intervals over the models.
#
# Our six come from a file that the repo ships, made by the same function: `python -m
# part31_superposition_and_saes.bench --store`, some 6 minutes of one thread where nothing else runs. With `ours="train"` they are trained on
# your machine. Here they are first, without yours. Nothing is trained in this cell.
#
# **Before you run it**: section 5 gave everybody the L0 that suited it. Now all have 2. Whom will that help, and whom will
# it hurt? TopK, standard, or Matryoshka, which was at its best at an L0 of 1 (on paired features 1.5)?

# %% figure="six_at_equal_l0"
if MAIN:
    six = bench_saes()
    six.plot("At equal L0 TopK leads on independent features, the standard autoencoder on paired ones")

# %% [markdown] figure="six_at_equal_l0" role="see"
# Each row is one kind of autoencoder, best on top, all at an L0 of 2; the bar is the 95 % interval over 5 models.
#
# - **Independent**: TopK and the gated one lead. Matryoshka is last, far behind: an L0 of 2 is twice what suits it.
# - **Paired**: the standard one is first. TopK, first a panel to the left, is last but one, and a fifth of its
#   latents are dead: with only two latents on in the mean row (its $k$ is 3 or 4 here, and some of the $k$ largest are
#   0) a latent that answers for both features of a pair is well spent.
# - **Hierarchical**: five of six lie close together, with the gated one on top. In section 5 the standard one was in front, with 3.4
#   latents on. At an equal L0 nothing is left of that lead.
# - **Zipf's**: TopK is first. JumpReLU, first in section 5 at an L0 below 1, is worse the more latents it is made to
#   use.
#
# So the order depends on the data still, and on the L0 as well. "Better at L0 = 2" is no statement about L0 = 1.

# %%
if MAIN:
    display(six)

# %% [markdown]
# ## A class of your own, from nothing
#
# What the bench needs of a class:
#
# | name | what it does |
# |---|---|
# | `MySAE(cfg, model)` | takes a `ToySAEConfig` and a toy model; is given a `generator` as well if it takes one |
# | `W_dec [inst d_sae d_in]` | row j is the direction that latent j writes |
# | `forward(h)` | gives `loss_dict`, `loss [batch inst]`, `acts_post [batch inst d_sae]`, 0 or more, and `h_reconstructed [batch inst d_in]` |
# | `optimize(...)` | trains in place; is given those of `batch_size`, `steps`, `lr`, `lr_scale`, `generator` that it takes |
#
# and a field of the config that decides how many latents fire: `sparsity_coeff`, or another that an `Entry` names. It need not
# inherit from anything of ours. A class that raises, gives wrong shapes or NaN, or never gets sparse costs you its own
# row and nothing else: a line under the table says what came and what would be right.
#
# Now an idea to try. The L1 penalty charges a latent for its size, so activations shrink. JumpReLU charges it for
# firing, whatever its size, and needs pseudo-gradients for that. Between the two lies a penalty that **saturates**:
#
# $$L_\text{sparsity} = \sum_j \tanh(a_j / w).$$
#
# For $a \ll w$ it is the L1 over $w$: it has a slope, and switches off what is small. For $a \gg w$ it is 1: a count, with
# no slope left that would shrink anything. No pseudo-gradient is needed. Take $w = 0.3$, a fraction of a feature's size:


# %%
class TanhToySAE(ToySAE):
    """The standard autoencoder with a penalty that saturates: the sum of tanh(activation / width)."""

    width = 0.3  # in units of the activations

    def forward(
        self, h: Float[Tensor, "batch inst d_in"]
    ) -> tuple[
        dict[str, Float[Tensor, "batch inst"]],
        Float[Tensor, "batch inst"],
        Float[Tensor, "batch inst d_sae"],
        Float[Tensor, "batch inst d_in"],
    ]:
        """As the standard one; only the penalty, and with it the loss, is another."""
        loss_dict, _, acts_post, h_reconstructed = super().forward(h)
        loss_dict["L_sparsity"] = t.tanh(acts_post / self.width).sum(dim=-1)
        loss = loss_dict["L_reconstruction"] + self.cfg.sparsity_coeff * loss_dict["L_sparsity"]
        return loss_dict, loss, acts_post, h_reconstructed


# %% [markdown]
# That is the whole class: parameters, decoder, training and resampling are inherited. `bench_saes({"tanh": TanhToySAE})`
# would now look for its coefficient from 0.003 to 0.1 and beyond. You can spare it some trainings. A small activation
# costs $1/w \approx 3$ times what it costs under an L1, so coefficients a few times smaller than the standard ones should
# do. An `Entry` says so:

# %%
if MAIN:
    tanh = Entry(TanhToySAE, values=(0.0025, 0.005, 0.01))
    l1 = Entry(ToySAE, values=(0.015, 0.03))

# %% [markdown]
# ## Experiment: is it any good?
#
# On independent and on paired features; half a minute. (All four kinds, `bench_saes({"tanh": tanh})`, take one to two
# minutes.) The standard autoencoder is trained beside it on the same models, as `L1, here`. So you see the two side by
# side, and also whether the stored row of the standard one is what you get on models of your own.
#
# **Before you run it**: at an equal L0, will tanh explain more than the L1, or less? And on paired features, two of which
# are always on together: will it find both, as the L1 does, or give one latent to both, as TopK does?

# %% figure="own_autoencoder"
if MAIN:
    bench = bench_saes({"tanh": tanh, "L1, here": l1}, ["independent", "paired"], seed=10_000 + 10 * utils.seed)
    bench.plot("A saturating penalty matches like the L1 on independent features, worse on paired ones")

# %% [markdown] figure="own_autoencoder" role="see"
# Circles are the stored rows of our six, diamonds what was trained here, each with its interval.
#
# On independent features tanh and the L1 that it came from match equally well, to within 0.02; which of the two is ahead
# changes with the seed. The table below has what this figure does not show: at the same L0 tanh explains 0.04 to 0.07 more
# of the variance. On paired features it explains 0.08 more, and finds far **fewer** features: its matching is lower by
# 0.16 to 0.19, and about ten of its latents are dead. To fire costs nearly the same whatever the size, so one latent
# for both features of a pair costs half of what two cost.
#
# So by explained variance tanh wins on both kinds of data, and by what it finds it draws on one and loses on the other.
#
# `L1, here` lies at the stored row of the standard autoencoder, as it should: it is the same class on other models.

# %%
if MAIN:
    display(bench)

# %% tags=["claim"]
if MAIN:

    def gain(kind: str, measure: str) -> float:
        """How much more tanh has of a measure than the L1, in the mean over the models of this run."""
        both = [bench.values(kind, name, measure).nanmean() for name in ("tanh", "L1, here")]
        return float(both[0] - both[1])

    again = bench.values("independent", "L1, here").nanmean() - six.values("independent", "standard").nanmean()
    utils.claim(
        37,
        "at equal L0 a penalty that saturates explains more than an L1, and on paired features finds fewer of them",
        [
            utils.Measured(
                "independent: variance explained, tanh less L1", gain("independent", "explained"), at_least=0.025
            ),
            utils.Measured(
                "independent: |matching, tanh less L1|", abs(gain("independent", "matching")), at_most=0.035
            ),
            utils.Measured("paired: variance explained, tanh less L1", gain("paired", "explained"), at_least=0.045),
            utils.Measured("paired: matching, L1 less tanh", -gain("paired", "matching"), at_least=0.1),
            utils.Measured("independent: matching, |L1 here - stored standard|", abs(again), at_most=0.02),
        ],
        source="our own comparison",
    )

# %% tags=["claim"]
if MAIN:

    def stored(kind: str, name: str) -> float:
        """Matching at L0 = 2 in the file that is shipped, in the mean over models."""
        return float(six.values(kind, name).nanmean())

    utils.claim(
        38,
        "at equal L0, too, who finds the most features depends on the data",
        [
            utils.Measured(
                "independent: TopK less standard",
                stored("independent", "TopK") - stored("independent", "standard"),
                at_least=0.015,
            ),
            utils.Measured(
                "paired: standard less TopK", stored("paired", "standard") - stored("paired", "TopK"), at_least=0.1
            ),
        ],
        source="our own comparison",
    )

# %% [markdown]
# ## Outside a notebook
#
# The bench runs from a shell as well, on a class in a file of yours:
#
# ```bash
# python -m part31_superposition_and_saes.bench mymodule:MySAE --kinds independent Zipf --by F1
# python -m part31_superposition_and_saes.bench --saelens
# ```
#
# The second line ranks training autoencoders of SAELens (standard, TopK and JumpReLU, with their own losses) among ours. It
# needs the extra `saelens` that `pyproject.toml` lists.
#
# Ideas for a class of your own, from easy to hard:
#
# - a **square-root** penalty, $\sum_j \sqrt{a_j + \epsilon}$: it never quite saturates. Where will it stand between L1 and
#   tanh? (difficulty 1 of 5)
# - tanh with a **width that shrinks** during training, so that it begins as an L1 and ends as a count. Does it keep the
#   pairs apart that it found early on? (2 of 5)
# - TopK with a **learned threshold** below which even the largest activation is dropped. Rows in which nothing is on would get no
#   latents. (3 of 5)
# - an **encoder of two layers**: is it the dictionary that is hard to find, or the code for a given row? (4 of 5)
#
# Whatever you try, decide what you will call a success before you look, and pick settings on other models than those
# you report. The bench does the second for you.

# %% [markdown]
# ## Replications to try
#
# Each with why it is worth it, what it needs and how hard it is (1 to 5, by our own estimate). "Here" means that the
# code of this course is enough.
#
# | what | why | needs | difficulty |
# |---|---|---|---|
# | Train a toy model **against attacks** ([TMS](https://transformer-circuits.pub/2022/toy_model), on adversarial robustness) | the attack experiment shows a correlation; whether attacks drive superposition out shows a cause | here; an inner loop for the attack; minutes | 2 |
# | Other **widths in double descent** ([SMDD](https://transformer-circuits.pub/2023/toy-double-descent)): m = 3, 5, 10 | where does the peak move to? A law for its place would be a result of your own | here; `experiments.double_descent`; an hour of processor time | 2 |
# | **BatchTopK's threshold** ([Bussmann et al. 2024](https://arxiv.org/abs/2412.06410)): one a batch, one a latent, or none | what a fixed threshold after training costs, in a place where you can count | here; a subclass of `BatchTopKToySAE` and the bench | 2 |
# | Deeper **hierarchies for Matryoshka** ([Bussmann et al. 2025](https://arxiv.org/abs/2503.17547)): three levels, other group sizes | on two levels its price was higher than its gain; there might be data that suit it | here; a `HierarchicalToyModel` of your own | 3 |
# | The **window of JumpReLU** ([Rajamanoharan et al. 2024](https://arxiv.org/abs/2407.14435)) in training, not for one latent | you have seen bias and spread of a pseudo-gradient; which of the two hurts recovery? | here; a sweep over `ste_epsilon` on the bench | 3 |
# | How error falls with **k and the number of latents** ([Gao et al. 2024](https://arxiv.org/abs/2406.04093)) | their laws are about reconstruction; here you can ask whether recovery follows the same law | here; d_sae from 50 to 1,000; a GPU helps | 3 |
# | **Shrinkage in a language model** ([Gated](https://arxiv.org/abs/2404.16014), eq. 9 and 10) | $\gamma$ needs no knowledge of the truth, so you can measure it where nobody has it | a small language model and published autoencoders (SAELens); a GPU for an hour | 4 |
# | **Absorption of first letters** ([Chanin et al. 2024](https://arxiv.org/abs/2409.14507)) | absorption in the wild: a latent for "starts with S" that is silent for "snake" | a language model of some billion parameters and published autoencoders; a GPU for a day | 4 |
# | A dictionary for a **one-layer transformer** ([Towards Monosemanticity](https://transformer-circuits.pub/2023/monosemantic-features)) | the step out of toy models: everything that you know how to measure is missing, and you have to look at latents | a one-layer model, some hundred million tokens of activations, patience; days of a GPU | 5 |
#
# For more, [200 Concrete Open Problems in Mechanistic Interpretability](https://www.alignmentforum.org/posts/o6ptPu7arZrqRCxyz/200-cop-in-mi-exploring-polysemanticity-and-superposition)
# has a chapter on polysemanticity and superposition, graded by difficulty. Some of its problems have been solved since; look
# before you start, and do not let it stop you.

# %% [markdown]
# ## Further reading
#
# | what | time (an estimate) | why |
# |---|---|---|
# | [Toy Models of Superposition](https://transformer-circuits.pub/2022/toy_model), from "The Geometry of Superposition" on | 2 hours | you can now check every figure in it; its open questions are at the end |
# | [Zoom In: An Introduction to Circuits](https://distill.pub/2020/circuits/zoom-in/) | 40 min | where the word *feature* comes from, and what polysemantic neurons look like in a vision model |
# | [Towards Monosemanticity](https://transformer-circuits.pub/2023/monosemantic-features) | 2 hours | the standard autoencoder on a real model, with resampling, and how to look at latents without the truth |
# | [Gated](https://arxiv.org/abs/2404.16014), then [JumpReLU](https://arxiv.org/abs/2407.14435) | 1 hour each | how to argue that one autoencoder is better than another, at equal L0 |
# | [Scaling and evaluating sparse autoencoders](https://arxiv.org/abs/2406.04093) | 1 hour | TopK, dead latents, and measures other than reconstruction |
# | [A is for Absorption](https://arxiv.org/abs/2409.14507), then [Matryoshka](https://arxiv.org/abs/2503.17547) | 1 hour each | what goes wrong with hierarchical features, and one remedy |
# | [Notes on superposition](https://dynalist.io/d/n2ZWtnoYHrU1s4vnFSAQ519J) in a glossary of mechanistic interpretability | when you need it | to look words up |

# %% [markdown]
# ## What you have seen
#
# - Autoencoders can be compared only **at an equal L0**. Settings that lead there are searched on models that are not
#   reported; what lies between two settings is interpolated; what lies outside is unknown.
# - At an equal L0, too, **the order depends on the data**. TopK, first on independent features, is behind on paired ones, where the
#   standard autoencoder is first.
# - A new kind of autoencoder is twenty lines. Whether it is better is another matter: this one explained more
#   everywhere, and found fewer features where they come in pairs.
# - In the bonus section as a whole: superposition sets in at a **sharp border** that theory puts in the right place;
#   features that come in hierarchies are **absorbed**, unless something gives the general ones a place of their own;
#   and a model that stores more features per dimension is **easier to attack**.
#
# Here the course ends. You have trained models small enough that every question had an answer, and you have seen
# how often a plausible measure gave the wrong one. Take that with you to the models where nobody knows the truth.
