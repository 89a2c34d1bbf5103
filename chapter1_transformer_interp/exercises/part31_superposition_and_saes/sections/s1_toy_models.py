# %% tags=["module-only"]
"""Section 1, toy models: superposition in a basis that is not privileged."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import einops
import numpy as np
import torch as t
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

import part31_superposition_and_saes.utils as utils
from part31_superposition_and_saes.utils import device

MAIN = __name__ == "__main__"
if MAIN:
    import part31_superposition_and_saes.tests as tests
    from plotly_utils import line

# %% [markdown]
# # Section 1: superposition in a basis that is not privileged
#
# > **You will learn**
# >
# > - what superposition is, and how it lets a model represent more features than it has dimensions
# > - how superposition differs from polysemanticity
# > - how sparsity brings superposition about
# > - what feature importance does, and how to read an importance curve
# > - how correlation between features changes the kind and the amount of superposition
#
# *About 2 hours, the reading not included (an estimate).*

# %% [markdown]
# ## The smallest model that can show it
#
# You want to watch a model decide which features to keep when it cannot keep all. So make the shortage explicit: give
# it $n$ features and fewer dimensions $m$, and ask it to restore what it was given.
#
# The features come in as a vector $x$ with $n$ coordinates, each 0 when its feature is absent. One matrix $W$ with
# $m$ rows and $n$ columns squeezes them into a hidden vector, and the same matrix, transposed, spreads them out
# again:
#
# $$h = W x, \qquad x' = \mathrm{ReLU}(W^\top h + b).$$
#
# Column $i$ of $W$ is the direction that feature $i$ gets in the hidden space. The model has nothing else to choose,
# so you can read every decision off a picture: which columns are long, and which way they point.
#
# Three questions a careful reader asks:
#
# - **Why the same matrix twice?** A feature written along $W_i$ is best read along $W_i$: tying the two leaves one
#   picture to look at. TMS does the same.
# - **Why a ReLU at the end and nowhere else?** Data are never negative, and a ReLU removes negative interference for
#   free: if feature 1 pushes the output of feature 2 below zero, the ReLU sets it to the 0 it should be. This is what
#   makes superposition pay. The hidden layer has no nonlinearity, so its basis is not privileged: rotate $W$ and
#   nothing changes.
# - **Why one bias?** With a negative bias the model ignores small positive interference as well, and with a positive
#   one it can answer a feature that it has dropped by that feature's mean. Both turn up below.

# %% [markdown]
# ### Many models at once
#
# One training run proves little, and many small runs one after another are slow. So every tensor here has an axis
# `inst` of independent models, trained side by side in one batched computation. In shapes, `batch` comes first, then
# `inst`, then the features (`feats`) or hidden dimensions (`d_hidden`).
#
# The next cell is given: four learning-rate schedules, of the form `(step, steps) -> factor`, and the sizes of a
# model. Two of the fields count pairs of correlated features; they stay 0 until you need them.


# %%
def constant_lr(step: int, steps: int) -> float:
    """Factor on the learning rate that never changes: 1."""
    return 1.0


def linear_lr(step: int, steps: int) -> float:
    """Factor on the learning rate that falls evenly from 1 at step 0 towards 0 at step `steps`."""
    return 1 - step / steps


def cosine_decay_lr(step: int, steps: int) -> float:
    """Factor on the learning rate along a quarter of a cosine: 1 at step 0, 0 at the last step, `steps - 1`."""
    return float(np.cos(np.pi / 2 * step / (steps - 1))) if steps > 1 else 1.0


def warmup_linear_lr(step: int, steps: int, warmup: float = 0.2) -> float:
    """Factor on the learning rate: `linear_lr`, times a rise from 0 to 1 over the first share `warmup` of the steps."""
    return min(1.0, (step + 1) / (warmup * steps)) * linear_lr(step, steps)


@dataclass
class ToyModelConfig:
    """Sizes of a batch of toy models that are trained side by side.

    Attributes:
        n_inst: independent models.
        n_features: features of the data (`feats` in shapes).
        d_hidden: dimensions of the bottleneck.
        n_correlated_pairs: pairs of features that are on together; they come first.
        n_anticorrelated_pairs: pairs that are never on together; they come next.
        feat_mag_distn: magnitude of a feature that is on: "unif" on [0, 1], or "normal" (absolute value of one).
        init_scale: factor on the starting weights.
    """

    n_inst: int
    n_features: int = 5
    d_hidden: int = 2
    n_correlated_pairs: int = 0
    n_anticorrelated_pairs: int = 0
    feat_mag_distn: Literal["unif", "normal"] = "unif"
    init_scale: float = 1.0


# %% [markdown]
# ### Your model
#
# Everything but three methods is given. Read the cell, then take the exercises under it in order: each asks you to
# come back and fill in one method.
#
# The constructor starts `W` Xavier-normal, with standard deviation $\sqrt{2 / (n + m)}$ times `cfg.init_scale`: the
# fans of *one* instance. (`nn.init.xavier_normal_` would take the three axes for a convolution, and start smaller the
# more instances there are.) `optimize` trains with Adam on fresh batches.


# %% exercises=["forward", "generate_batch", "calculate_loss"]
class ToyModel(nn.Module):
    """`n_inst` toy models side by side: squeeze the features through `d_hidden` dimensions and restore them.

    Each instance computes x' = ReLU(W^T W x + b_final) (Elhage et al. 2022, Toy Models of Superposition).
    """

    W: Float[Tensor, "inst d_hidden feats"]
    b_final: Float[Tensor, "inst feats"]
    feature_probability: Float[Tensor, "inst feats"]
    importance: Float[Tensor, "inst feats"]

    def __init__(
        self,
        cfg: ToyModelConfig,
        feature_probability: utils.PerFeature = 0.01,
        importance: utils.PerFeature = 1.0,
        device: t.device | str = device,
        *,
        generator: t.Generator | None = None,
    ):
        """Start `W` Xavier-normal with the fans of one instance, and `b_final` at zero.

        Args:
            cfg: sizes.
            feature_probability: how often each feature is on; broadcasts to `[inst feats]`, between 0 and 1.
            importance: weight of each feature in the loss; broadcasts likewise, 0 or more.
            device: where the model lives.
            generator: source of the starting weights, on `device`; torch's own if None.
        Raises:
            ValueError: if a probability or an importance does not broadcast or is out of range.
        """
        super().__init__()
        self.cfg = cfg
        shape = (cfg.n_inst, cfg.n_features)
        probability = utils.per_feature(feature_probability, "feature_probability", shape, device, at_most=1.0)
        self.register_buffer("feature_probability", probability)
        self.register_buffer("importance", utils.per_feature(importance, "importance", shape, device))

        std = cfg.init_scale * (2 / (cfg.n_features + cfg.d_hidden)) ** 0.5
        W = t.randn(cfg.n_inst, cfg.d_hidden, cfg.n_features, device=device, generator=generator)
        self.W = nn.Parameter(std * W)
        self.b_final = nn.Parameter(t.zeros(shape, device=device))

    def forward(self, features: Float[Tensor, "... inst feats"]) -> Float[Tensor, "... inst feats"]:
        """Reconstruct the features from their picture in the hidden space: ReLU(W^T W x + b_final)."""
        ### BEGIN SOLUTION
        hidden = einops.einsum(features, self.W, "... inst feats, inst d_hidden feats -> ... inst d_hidden")
        restored = einops.einsum(hidden, self.W, "... inst d_hidden, inst d_hidden feats -> ... inst feats")
        return F.relu(restored + self.b_final)
        ### END SOLUTION

    def draw_magnitudes(self, shape: tuple[int, ...], generator: t.Generator | None = None) -> Float[Tensor, "..."]:
        """Sizes of features that are on: uniform on [0, 1], or absolute values of standard normals (`cfg.feat_mag_distn`)."""
        if self.cfg.feat_mag_distn == "normal":
            return t.randn(shape, device=self.W.device, generator=generator).abs()
        return t.rand(shape, device=self.W.device, generator=generator)

    def generate_batch(
        self, batch_size: int, *, generator: t.Generator | None = None
    ) -> Float[Tensor, "batch inst feats"]:
        """Draw a batch of data: each feature on with its own probability, its size drawn by `draw_magnitudes` when on.

        Args:
            batch_size: rows.
            generator: source of the numbers, on the model's device; torch's own if None.
        Returns:
            Sizes, 0 where a feature is off. Features, rows and instances are independent of each other.
        """
        if self.cfg.n_correlated_pairs or self.cfg.n_anticorrelated_pairs:
            return generate_batch_with_pairs(self, batch_size, generator=generator)  # you write it further down
        ### BEGIN SOLUTION
        shape = (batch_size, self.cfg.n_inst, self.cfg.n_features)
        is_on = t.rand(shape, device=self.W.device, generator=generator) < self.feature_probability
        return t.where(is_on, self.draw_magnitudes(shape, generator), 0.0)
        ### END SOLUTION

    def calculate_loss(
        self, out: Float[Tensor, "batch inst feats"], batch: Float[Tensor, "batch inst feats"]
    ) -> Float[Tensor, ""]:
        """Importance-weighted squared error: mean over batch and features, summed over instances."""
        ### BEGIN SOLUTION
        error = self.importance * (out - batch) ** 2
        return einops.reduce(error, "batch inst feats -> inst", "mean").sum()
        ### END SOLUTION

    def optimize(
        self,
        batch_size: int = 1024,
        steps: int = 5_000,
        log_freq: int = 50,
        lr: float = 1e-3,
        lr_scale: Callable[[int, int], float] = constant_lr,
        *,
        generator: t.Generator | None = None,
    ) -> None:
        """Train in place with Adam on fresh batches (see `utils.optimize`)."""
        utils.optimize(self, batch_size, steps, log_freq, lr, lr_scale, generator)


# %% [markdown] exercise="forward"
# ## Exercise: `forward`
#
# > Difficulty 1 of 5 · importance 5 of 5 · about 10 minutes (an estimate)
#
# Squeeze, spread out, shift, rectify:
#
# $$x' = \mathrm{ReLU}(W^\top W x + b)$$
#
# with a $W$ and a $b$ of its own for each instance. The input may have any number of axes before `inst`, none
# included.
#
# **Before you code**: suppose $W$ has three columns of length 1 in the plane, 120° apart, and the bias is 0. Only
# feature 1 is on, with value 1. What does the model answer for the other two? And without the ReLU?

# %% exercise="forward" role="test"
if MAIN:
    tests.test_model(ToyModel)

# %% [markdown] exercise="forward" role="hint"
# Do it in two steps, through `hidden` with axes `... inst d_hidden`. Which axis of $W$ is summed over in each?

# %% [markdown] exercise="forward" role="hint"
# `einops.einsum(features, self.W, "... inst feats, inst d_hidden feats -> ... inst d_hidden")` is the first step. An
# axis that stands on the left and not on the right is summed over; `inst` stands in all three places, so instances do
# not mix.

# %% [markdown] exercise="forward" role="solution"
# `...` stands for any axes in front, so one row, a batch and a batch of batches all work. Going through `hidden`
# rather than forming $W^\top W$ first keeps the cost at $2mn$ products a row instead of $n^2$, and it is what the
# picture says: information passes through $m$ numbers.
#
# In the question, features 2 and 3 receive $\cos 120° = -\tfrac12$. The ReLU turns both into 0, the right answer.
# Without it the answer would be wrong by half the input, twice.

# %% [markdown] exercise="generate_batch"
# ## Exercise: `generate_batch`
#
# > Difficulty 2 of 5 · importance 4 of 5 · about 15 minutes (an estimate)
#
# The data decide everything that follows, and they have one knob: how often a feature is on. Feature $i$ of an
# instance is
#
# $$x_i = \begin{cases} u_i & \text{with probability } p_i\\ 0 & \text{otherwise,} \end{cases} \qquad u_i \text{ uniform on } [0, 1],$$
#
# with $p_i$ from `self.feature_probability`, which already has shape `[inst feats]`. **Sparsity** is $S_i = 1 - p_i$:
# how often the feature is *absent*. All draws are independent: features, rows, and instances (each gets data of its
# own).
#
# **Before you code**: what is the mean of $x_i$, and what its variance? You will meet the variance again when you
# compare losses at different sparsities.

# %% exercise="generate_batch" role="test"
if MAIN:
    tests.test_generate_batch(ToyModel)

# %% [markdown] exercise="generate_batch" role="hint"
# You need two random decisions for each entry: is it on, and how large is it. `t.rand` gives uniform numbers; a
# uniform number is below $p$ with probability $p$.

# %% [markdown] exercise="generate_batch" role="hint"
# The shape is `(batch_size, self.cfg.n_inst, self.cfg.n_features)`. A comparison with `self.feature_probability`
# broadcasts over the batch. Create the numbers on the model's device (`self.W.device`), and hand `generator` on to
# `t.rand` so that a run can be repeated. For the sizes, `self.draw_magnitudes(shape, generator)` is given; plain
# `t.rand` does the same here.

# %% [markdown] exercise="generate_batch" role="solution"
# Two separate draws: if the number that decided "on" also served as the magnitude, magnitudes would be uniform on
# $[0, p]$, because only numbers below $p$ were let through.
#
# Mean $p/2$; the mean square is $p/3$, so the variance is $p/3 - p^2/4$. It is not monotone: it peaks at
# $p = \tfrac23$.

# %% [markdown] exercise="calculate_loss"
# ## Exercise: `calculate_loss`
#
# > Difficulty 1 of 5 · importance 4 of 5 · about 10 minutes (an estimate)
#
# Some features matter more than others. Give each a weight, its **importance** $I_i$, and charge the squared error by
# it:
#
# $$L = \sum_\text{inst} \frac{1}{\text{batch} \cdot n} \sum_{\text{batch}} \sum_{i} I_i \, (x'_i - x_i)^2$$
#
# A mean over batch and features, so that losses of different sizes compare; a **sum** over instances.
#
# **Before you code**: what would change for one instance if you took the mean over instances instead, and trained
# with plain gradient descent? And with Adam?

# %% exercise="calculate_loss" role="test"
if MAIN:
    tests.test_calculate_loss(ToyModel)

# %% [markdown] exercise="calculate_loss" role="hint"
# `self.importance` has shape `[inst feats]` and broadcasts over the batch. Is the weight inside the square or
# outside?

# %% [markdown] exercise="calculate_loss" role="hint"
# `einops.reduce(error, "batch inst feats -> inst", "mean")` gives one loss per instance.

# %% [markdown] exercise="calculate_loss" role="solution"
# The weight stands outside the square: inside, an importance of ½ would count as ¼.
#
# No parameter is shared between instances, so the gradient of a sum of losses is, for each instance, the gradient of
# its own loss. A mean over 64 instances would divide every gradient by 64: plain gradient descent would train each
# model 64 times more slowly, and the result of one model would depend on how many others happen to stand beside it.
# Adam divides by the gradient's size and would hardly notice, until the gradients come near its $\epsilon$.


# %% [markdown]
# ## Why five vectors in a plane must disturb each other
#
# Before training says anything, geometry does. Draw five random directions in the plane and measure the cosine
# between every two of them. A cosine of 0 means that the one can be read without a trace of the other.
#
# **Before you run it**: how many pairs of the ten do you expect to be nearly orthogonal? Could you place five vectors
# so that more of them are?

# %% figure="random_cosines"
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)
    untrained = t.randn(
        2, 2, 5, device=device, generator=generator
    )  # [inst d_hidden feats], normal: directions are uniform
    utils.plot_cosine_similarities(
        untrained,
        subplot_titles=["one draw", "another draw"],
        title="Five random vectors in the plane are far from orthogonal",
    )

# %% [markdown] figure="random_cosines" role="see"
# Off the diagonal, cosines of every size and both signs: the mean of $\lvert\cos\rvert$ over random directions in the
# plane is $2/\pi = 0.64$. Nor can you arrange it away. Two directions can be orthogonal; a third makes an angle of at
# most 45° with one of their two lines. With five features in two dimensions there is always interference, and all
# that training can choose is between whom, and of which sign.

# %% [markdown]
# ## Experiment: five features, two dimensions, eight sparsities
#
# Five features have to share a plane. Feature 0 is the most important, and each next one matters 0.9 times as much.
# Train the same model at eight feature probabilities, from dense data ($p = 1$, every feature on in every row) to
# sparse ($p = 0.02$). Only the sparsity differs.
#
# One run proves little: training starts at random, and it does not always end in the best solution there is. So train
# 8 copies at each probability, 64 models in all, and draw the copy with the lowest loss. The batches are small and
# the learning rate is high: the noise frees a model that has started on a poor arrangement. The rate is warmed up,
# because at full height from the first step it switches outputs of the sparse models off for good.
#
# **Before you run it**, write down three guesses:
#
# 1. With dense data, which features does the model keep, and at which angle?
# 2. With very sparse data, how many features does it keep, and how do they lie?
# 3. On the way from one to the other, it will at some point keep exactly four. How would you place four?

# %% figure="five_in_two"
if MAIN:
    n_copies = 8  # models at each feature probability
    probabilities = 50.0 ** -t.linspace(0, 1, 8)  # from 1 down to 0.02
    generator = t.Generator(device).manual_seed(utils.seed)

    five_in_two = ToyModel(
        ToyModelConfig(n_inst=8 * n_copies, n_features=5, d_hidden=2, init_scale=0.3),
        feature_probability=probabilities.repeat_interleave(n_copies)[:, None],
        importance=0.9 ** t.arange(5),
        generator=generator,
    )
    five_in_two.optimize(batch_size=256, steps=3_000, lr=0.15, lr_scale=warmup_linear_lr, generator=generator)

    with t.no_grad():
        batch = five_in_two.generate_batch(20_000, generator=generator)  # rows on which the copies are compared
        loss = (five_in_two.importance * (five_in_two(batch) - batch) ** 2).mean(dim=(0, 2))
    best = loss.reshape(8, n_copies).argmin(dim=1) + n_copies * t.arange(8, device=device)
    utils.plot_features_in_2d(
        five_in_two.W[best],
        title="As features get rarer, the plane holds two of them, then four, then five",
        subplot_titles=[f"p = {p:.3f}" for p in probabilities],
        n_rows=2,
    )

# %% [markdown] figure="five_in_two" role="see"
# - **p = 1**: two arrows of length 1 at a right angle, features 0 and 1. The other three stay at the origin. With
#   dense data two features on one direction would disturb each other all the time, so the model keeps as many as it
#   has dimensions, and takes the most important.
# - **p = 0.33**: four arrows in two **antipodal pairs**. Two features that point in opposite directions share one
#   dimension: when only one is on, the output of the other is pushed below zero and the ReLU removes it. It goes
#   wrong only if both are on.
# - **p = 0.061 and below**: five arrows at equal angles, a **pentagon**. Now each feature disturbs its neighbours
#   even when it is alone ($\cos 72° = 0.31$). Look at the lengths: they are above 1. The bias has become negative, so
#   that small interference stays below zero, and the weights make up for what the bias takes away.
#
# That is superposition: five features in two dimensions, at the price of interference, because the price is seldom
# paid. Between p = 1 and p = 0.33 you meet models that keep three features: one antipodal pair, and one feature with
# a direction of its own.

# %% tags=["claim"]
if MAIN:
    W = five_in_two.W.detach().reshape(8, n_copies, 2, 5)
    b_final = five_in_two.b_final.detach().reshape(8, n_copies, 5)
    norms = W.norm(dim=2)  # [density copy feats]
    n_kept = (norms > 0.5).sum(dim=-1)  # [density copy]

    cosine = t.cosine_similarity(W[0, :, :, 0], W[0, :, :, 1], dim=1)
    utils.claim(
        1,
        "dense features: the two most important get orthogonal unit vectors, the others next to nothing",
        [
            utils.Measured(
                "largest |norm - 1| of features 0 and 1, 8 copies", (norms[0, :, :2] - 1).abs().max(), at_most=0.02
            ),
            utils.Measured("largest norm of the others, 8 copies", norms[0, :, 2:].max(), at_most=0.3),
            utils.Measured("largest |cosine| between features 0 and 1", cosine.abs().max(), at_most=0.05),
        ],
        source="TMS, 'Demonstrating Superposition'",
    )

# %% tags=["claim"]
if MAIN:
    angles = t.atan2(W[:, :, 1], W[:, :, 0]).sort(dim=-1).values  # [density copy feats], radians
    gaps = t.cat([angles[..., 1:], angles[..., :1] + 2 * t.pi], dim=-1) - angles
    off_72 = (gaps.rad2deg() - 72).abs().amax(dim=-1)
    is_pentagon = (n_kept == 5) & (off_72 <= 5)

    unit = W / norms[:, :, None].clamp_min(1e-9)
    cosines = einops.einsum(unit, unit, "density copy d i, density copy d j -> density copy i j")
    both_kept = (norms[..., :, None] > 0.5) & (norms[..., None, :] > 0.5)
    n_antipodal = ((cosines < -0.9) & both_kept).sum(dim=(-2, -1)) / 2
    two_pairs = (n_kept == 4) & (n_antipodal == 2)

    median_kept = n_kept.double().median(dim=1).values
    utils.claim(
        2,
        "as p falls the number of features kept rises: 2, then 4 as antipodal pairs, then 5 as a pentagon",
        [
            utils.Measured("steps down in the median number kept, of 7", (median_kept.diff() < 0).sum(), at_most=0),
            utils.Measured("median number kept at p = 1", median_kept[0], at_least=2, at_most=2),
            utils.Measured("median number kept at p = 0.33", median_kept[2], at_least=4, at_most=4),
            utils.Measured("copies of 8 with two antipodal pairs at p = 0.33", two_pairs[2].sum(), at_least=6),
            utils.Measured("copies of 8 in a pentagon, gaps within 5°, at p = 0.061", is_pentagon[5].sum(), at_least=6),
            utils.Measured("copies of 8 in a pentagon, gaps within 5°, at p = 0.035", is_pentagon[6].sum(), at_least=6),
        ],
        source="TMS, 'Demonstrating Superposition'",
    )

# %% tags=["claim"]
if MAIN:
    total = (W**2).sum(dim=(2, 3)).median(dim=1).values  # [density], median of ‖W‖²_F over the copies
    utils.claim(
        3,
        "squared norms add up to the number of features while those are orthogonal or antipodal, and to more in a pentagon",
        [
            utils.Measured("‖W‖²_F at p = 1, two features", total[0], at_least=1.95, at_most=2.05),
            utils.Measured("‖W‖²_F at p = 0.33, four features", total[2], at_least=3.95, at_most=4.15),
            utils.Measured("‖W‖²_F at p = 0.061, five features", total[5], at_least=5.9, at_most=6.7),
            utils.Measured("‖W‖²_F at p = 0.035, five features", total[6], at_least=5.9, at_most=6.7),
            utils.Measured("largest bias in a pentagon", b_final[is_pentagon].max(), at_most=-0.05),
        ],
        source="TMS, 'The Geometry of Superposition'",
    )

# %% [markdown]
# ### Counting features by $\lVert W \rVert_F^2$
#
# $\lVert W \rVert_F^2 = \sum_i \lVert W_i \rVert^2$ is often read as "the number of features represented". It is 2.0
# where the model keeps two features and about 4.1 where it keeps four. In the pentagon it is between 5.9 and 6.7,
# with five features: the bias is negative, the columns are longer than 1 to make up for it, and the sum counts too
# many. Use it as a rough count, and count columns when it matters.

# %% [markdown]
# ## Experiment: where a batch of data lands
#
# A column of $W$ is where *one* feature lands when it is on alone. Data are rows in which some features are on. Send
# a batch through the first half of the model, $h = W x$, and look at the points.
#
# **Before you run it**: at $p = 0.02$, on which lines will most points lie? And at $p = 0.33$?

# %% figure="hidden_plane"
if MAIN:
    shown = best[[0, 2, 6]]  # the best copies at p = 1, 0.33 and 0.035
    generator = t.Generator(device).manual_seed(utils.seed)
    with t.no_grad():
        batch = five_in_two.generate_batch(1_000, generator=generator)[:, shown]  # [batch inst feats]
        hidden = einops.einsum(batch, five_in_two.W[shown], "batch inst feats, inst d feats -> inst batch d")
    utils.plot_batch_in_hidden_plane(
        hidden,
        n_active=einops.rearrange((batch > 0).sum(dim=-1), "batch inst -> inst batch"),
        W=five_in_two.W[shown],
        subplot_titles=[f"p = {p:.3f}" for p in probabilities[[0, 2, 6]]],
        title="Sparse data lie on the features' own lines, dense data fill the plane",
    )

# %% [markdown] figure="hidden_plane" role="see"
# With sparse data nearly every row has no feature on (a point at the origin) or one (a point on that feature's line).
# A few rows with two lie between two lines; only there is it unclear what was put in. With dense data all five are on
# in every row, and the points fill an area: no single feature can be read off the position, except the two that got a
# direction of their own.


# %% [markdown]
# ## How much do features disturb each other?
#
# Pictures stop at three dimensions. For anything larger you need two numbers for each feature: how strongly it is
# represented, and how much the others get in its way.


# %% [markdown] exercise="feature_norms"
# ## Exercise: `feature_norms`
#
# > Difficulty 1 of 5 · importance 3 of 5 · about 5 minutes (an estimate)
#
# A feature that the model dropped has a column near zero; one that it keeps has a column of length about 1. So the
# length of a column,
#
# $$\lVert W_i \rVert = \sqrt{\textstyle\sum_k W_{ki}^2},$$
#
# says whether a feature is represented.
#
# **Before you code**: for the pentagon above, is it exactly 1?


# %% exercises=["feature_norms"]
def feature_norms(W: Float[Tensor, "inst d_hidden feats"]) -> Float[Tensor, "inst feats"]:
    """How strongly each feature is represented: the length of its direction, ‖W_i‖.

    Args:
        W: weights; column i of an instance is the direction of its feature i.
    Returns:
        Lengths, 0 or more; about 1 for a feature that is represented without help from the bias.
    """
    ### BEGIN SOLUTION
    return W.norm(dim=-2)
    ### END SOLUTION


# %% exercise="feature_norms" role="test"
if MAIN:
    tests.test_feature_norms(feature_norms)

# %% [markdown] exercise="feature_norms" role="hint"
# `W` has shape `[inst d_hidden feats]`. Which axis has to go?

# %% [markdown] exercise="feature_norms" role="solution"
# The axis of the hidden dimensions is summed over, the second from the end. In the pentagon the lengths are about
# 1.15: the negative bias takes something from every output, and longer columns give it back.

# %% [markdown] exercise="feature_interference"
# ## Exercise: `feature_interference`
#
# > Difficulty 2 of 5 · importance 4 of 5 · about 15 minutes (an estimate)
#
# Read feature $i$ off the hidden vector by projecting onto its direction $\hat W_i = W_i / \lVert W_i \rVert$.
# Another feature $j$ that is on adds $\hat W_i \cdot W_j$ to what you read. Square it, so that signs do not cancel,
# and add up over all the others:
#
# $$\mathrm{interference}_i = \sum_{j \ne i} \left( \hat W_i \cdot W_j \right)^2$$
#
# A feature with no column at all is read by nobody, so its interference is 0, and not NaN.
#
# **Before you code**: work it out for two antipodal features of length 1, and for one feature of a pentagon of length
# 1.


# %% exercises=["feature_interference"]
def feature_interference(W: Float[Tensor, "inst d_hidden feats"]) -> Float[Tensor, "inst feats"]:
    """Interference that each feature suffers: the sum over j != i of (Ŵ_i · W_j)², with Ŵ_i = W_i / ‖W_i‖ (TMS).

    Args:
        W: weights; column i of an instance is the direction of its feature i.
    Returns:
        Sums of squares, 0 or more; 0 for a feature whose column is zero.
    """
    ### BEGIN SOLUTION
    tiny = t.finfo(W.dtype).tiny
    unit = W / W.norm(dim=-2, keepdim=True).clamp_min(tiny)
    projections = einops.einsum(unit, W, "inst d_hidden i, inst d_hidden j -> inst i j")
    others = 1 - t.eye(W.shape[-1], dtype=W.dtype, device=W.device)
    return (projections * others).pow(2).sum(dim=-1)
    ### END SOLUTION


# %% exercise="feature_interference" role="test"
if MAIN:
    tests.test_feature_interference(feature_interference)

# %% [markdown] exercise="feature_interference" role="hint"
# Only one of the two vectors in the product is normalized. Which one?

# %% [markdown] exercise="feature_interference" role="hint"
# All products at once are a matrix `[inst i j]`. Take out its diagonal, square, and sum over `j`.

# %% [markdown] exercise="feature_interference" role="hint"
# A column of zeros has length 0. `clamp_min` with the smallest positive number keeps the division finite, and the
# result 0.

# %% [markdown] exercise="feature_interference" role="solution"
# Only $\hat W_i$ is normalized: the reader's length is a matter of scale, the length of the disturbing feature is
# not. Taking out the diagonal is safer than subtracting $\lVert W_i \rVert^2$ from the full sum, which leaves
# rounding errors of the size of small interferences.
#
# Antipodal: $(-1)^2 = 1$. Pentagon: two neighbours at 72° and two at 144°:
# $2 \cos^2 72° + 2 \cos^2 144° = 0.19 + 1.31 = 1.5$. A pentagon suffers more interference than a pair, and holds more
# features.


# %% [markdown]
# ## Experiment: interference rises as features get rarer
#
# You have the 64 models of the first experiment and two new numbers. For a whole model, take the mean of
# $\lvert W_i \cdot W_j \rvert$ over all pairs of features.
#
# **Before you run it**: does the overlap grow evenly as features get rarer, or in steps? Does it stand still
# anywhere? And does the loss fall?
# Careful with the second: sparse data are smaller, so compare the loss with what a model would pay that always
# answers the mean. That is the variance of the data, $p/3 - p^2/4$, weighted by importance.

# %% figure="interference"
if MAIN:
    off_diagonal = 1 - t.eye(5, device=device)
    with t.no_grad():
        overlap = einops.einsum(five_in_two.W, five_in_two.W, "inst d i, inst d j -> inst i j").abs() * off_diagonal
        overlap = einops.reduce(overlap, "inst i j -> inst", "sum") / 20  # mean over the 5 * 4 ordered pairs
        overlap = overlap.reshape(8, n_copies).median(dim=1).values
        is_kept = five_in_two.W.norm(dim=1) > 0.5  # a dropped feature has no direction to suffer along
        suffered = einops.rearrange(feature_interference(five_in_two.W) * is_kept, "(d copy) f -> d (copy f)", d=8)
        suffered = suffered.sum(dim=1) / einops.reduce(is_kept.float(), "(d copy) f -> d", "sum", d=8)
    p = probabilities.to(device)
    loss_of_the_mean = five_in_two.importance[0].mean() * (p / 3 - p**2 / 4)
    relative_loss = loss.reshape(8, n_copies).median(dim=1).values / loss_of_the_mean
    line(
        [overlap, suffered, relative_loss],
        x=1 / p,
        names=["mean |W_i · W_j|, i ≠ j", "interference a kept feature suffers", "loss / loss of answering the mean"],
        labels={"x": "1 / feature probability", "y": "value (no unit)", "variable": ""},
        log_x=True,
        markers=True,
        title="As features get rarer, models overlap more and lose less",
    ).update_xaxes(tickvals=[1, 2, 5, 10, 20, 50])

# %% [markdown] figure="interference" role="see"
# Every point is the median of eight copies. The overlap rises wherever the arrangement changes, and jumps where the
# pentagon begins. Between p = 0.33 and p = 0.19 it stands still: two antipodal pairs at both. A kept feature suffers
# no interference at p = 1, about 1 in an antipodal pair, and about 2 in a pentagon, whose columns are longer than 1.
# The relative loss falls at every step. That is the bargain of superposition in one picture: the rarer the features,
# the more overlap a model accepts, and the better it does.
#
# The raw loss would have told another story: the variance of the data peaks at $p = 2/3$, so the loss is not monotone
# in $p$.

# %% tags=["claim"]
if MAIN:
    steps = overlap.diff()
    utils.claim(
        8,
        "interference rises with sparsity, and the loss relative to the variance of the data falls",
        [
            utils.Measured("mean |W_i · W_j| at p = 1, median copy", overlap[0], at_most=0.1),
            utils.Measured("the same at p = 0.02", overlap[-1], at_least=0.65),
            utils.Measured("least step up of the other six", t.cat([steps[:2], steps[3:]]).min(), at_least=0.005),
            utils.Measured(
                "step from p = 0.33 to 0.19, antipodal pairs at both", steps[2], at_least=-0.01, at_most=0.05
            ),
            utils.Measured("interference of a kept feature at p = 1", suffered[0], at_most=0.02),
            utils.Measured("the same at p = 0.33, antipodal pairs", suffered[2], at_least=0.85, at_most=1.15),
            utils.Measured("the same at p = 0.035, a pentagon", suffered[6], at_least=1.7, at_most=2.2),
            utils.Measured("relative loss at p = 1", relative_loss[0], at_least=0.45, at_most=0.65),
            utils.Measured("relative loss at p = 0.02", relative_loss[-1], at_most=0.12),
            utils.Measured("steps down of the relative loss, of 7", (relative_loss.diff() < 0.001).sum(), at_least=7),
        ],
        source="TMS, 'Superposition as a Phase Change'",
    )


# %% [markdown]
# ## What the ReLU is for: a linear model does PCA
#
# Take the ReLU away and keep everything else: $x' = W^\top W x + b$. This is a linear autoencoder, and its best
# solution has been known for long. In the coordinates $\sqrt{I_i}\,(x_i - \bar x_i)$, in which the loss is a plain
# squared error, it projects onto the $m$ **principal directions**: those of largest variance. For independent
# features they are the features themselves, ordered by importance times variance.
#
# **Before you run it**: which features will the linear model keep at $p = 1$? And at $p = 0.02$, where the ReLU model
# keeps five?


# %%
class LinearToyModel(ToyModel):
    """A toy model without its ReLU: x' = W^T W x + b_final."""

    def forward(self, features: Float[Tensor, "... inst feats"]) -> Float[Tensor, "... inst feats"]:
        hidden = einops.einsum(features, self.W, "... inst feats, inst d_hidden feats -> ... inst d_hidden")
        restored = einops.einsum(hidden, self.W, "... inst d_hidden, inst d_hidden feats -> ... inst feats")
        return restored + self.b_final


# %% figure="linear"
if MAIN:
    probabilities = 50.0 ** -t.linspace(0, 1, 8)  # feature probability, one model each
    generator = t.Generator(device).manual_seed(utils.seed)
    linear_model = LinearToyModel(
        ToyModelConfig(n_inst=8, n_features=5, d_hidden=2),
        feature_probability=probabilities[:, None],
        importance=0.9 ** t.arange(5),
        generator=generator,
    )
    linear_model.optimize(batch_size=1024, steps=3_000, lr=0.1, lr_scale=linear_lr, generator=generator)
    utils.plot_features_in_2d(
        linear_model.W,
        title="Without the ReLU the plane holds two features, at any sparsity",
        subplot_titles=[f"p = {p:.3f}" for p in probabilities],
        n_rows=2,
    )

# %% [markdown] figure="linear" role="see"
# Two orthogonal unit vectors, features 0 and 1, in all eight panels. Sparsity changes nothing: a linear model pays
# for interference in both signs, so a second feature on the same line costs as much as it brings. **Superposition
# needs the nonlinearity.**
#
# The angle between the plane that the rows of $W$ span and the plane of the top two principal directions of the data
# is a few degrees; what is left is noise of the training.

# %% tags=["claim"]
if MAIN:
    W = linear_model.W.detach()
    p = linear_model.feature_probability
    # The covariance of the data, exactly. A sample would need a million rows: at p = 0.02 the variances of two
    # features that differ by 10 % change places in every tenth sample of 100,000.
    covariance = t.diag_embed(linear_model.importance * (p / 3 - p**2 / 4))
    principal = t.linalg.eigh(covariance.cpu().double()).eigenvectors[:, :, -2:]  # [inst feats 2], of largest variance
    rows = t.linalg.qr(W.cpu().double().mT).Q  # [inst feats 2], orthonormal basis of the rows of W
    angles = t.linalg.svdvals(rows.mT @ principal).clamp(max=1).acos().rad2deg()  # [inst 2], principal angles
    n_kept = (W.norm(dim=1) > 0.5).sum(dim=1)
    utils.claim(
        4,
        "a linear model spans the principal directions and never represents more features than it has dimensions",
        [
            utils.Measured("largest angle to the principal plane, 8 sparsities (degrees)", angles.max(), at_most=10),
            utils.Measured("most features of norm above 1/2", n_kept.max(), at_most=2),
            utils.Measured("fewest features of norm above 1/2", n_kept.min(), at_least=2),
            utils.Measured("least ‖W‖²_F", (W**2).sum(dim=(1, 2)).min(), at_least=1.97),
            utils.Measured("largest ‖W‖²_F", (W**2).sum(dim=(1, 2)).max(), at_most=2.03),
        ],
        source="TMS, 'Demonstrating Superposition' and its appendix on linear models",
    )


# %% [markdown]
# ## Experiment: a hundred features in twenty dimensions
#
# Five in two is a sketch. Now 100 features compete for 20 dimensions. Their importance falls evenly on a logarithmic
# scale, from 1 for feature 0 to 0.01 for feature 99: an **importance curve**. For real features nobody knows the
# curve; that it falls steeply and has a long tail is a fair guess.
#
# **Before you run it**: a model of 20 dimensions has to draw a line somewhere along the curve. Where, at $p = 1$?
# Does the line move when features get rarer? Is it sharp?

# %% figure="hundred_in_twenty"
if MAIN:
    probabilities = 20.0 ** -t.linspace(0, 1, 8)  # feature probability, one model each, from 1 to 0.05
    generator = t.Generator(device).manual_seed(utils.seed)
    hundred = ToyModel(
        ToyModelConfig(n_inst=8, n_features=100, d_hidden=20),
        feature_probability=probabilities[:, None],
        importance=100.0 ** -t.linspace(0, 1, 100),
        generator=generator,
    )
    hundred.optimize(batch_size=512, steps=1_500, lr=5e-2, lr_scale=warmup_linear_lr, generator=generator)
    utils.plot_features_in_Nd(
        hundred.W[[0, 2, 4, 7]],
        height=800,
        width=1000,
        title="Features are taken in the order of their importance, and more of them as they get rarer",
        subplot_titles=[f"p = {p:.2f}" for p in probabilities[[0, 2, 4, 7]]],
    )

# %% [markdown] figure="hundred_in_twenty" role="see"
# Above, the norm of each feature, the most important first; the lighter a bar, the more interference its feature
# suffers. Below, $W^\top W$: bright on the diagonal for a feature that is represented, and anything off the diagonal
# is interference.
#
# - At $p = 1$ the model keeps some 20 features, as many as it has dimensions, each with a dimension of its own, and
#   drops the rest: the matrix is a diagonal that stops.
# - As features get rarer the line moves down the importance curve, and stays sharp. The features it takes in share
#   dimensions, the most important ones keep clear of the crowd the longest.
# - At $p = 0.05$ over 50 features live in 20 dimensions.

# %% tags=["claim"]
if MAIN:
    kept = hundred.W.detach().norm(dim=1) > 0.5  # [inst feats]
    n_kept = kept.sum(dim=1)
    ahead = einops.einsum(kept.float(), (~kept).float().flip(1).cumsum(1).flip(1), "inst f, inst f -> inst")
    in_order = ahead / (n_kept * (100 - n_kept))  # share of pairs (kept, dropped) in which the kept one matters more
    utils.claim(
        5,
        "features are represented in the order of their importance, and more of them as p falls",
        [
            utils.Measured(
                "pairs of a kept and a dropped feature in order, least share", in_order.min(), at_least=0.95
            ),
            utils.Measured("features kept at p = 1", n_kept[0], at_least=18, at_most=23),
            utils.Measured("features kept at p = 0.05", n_kept[-1], at_least=45),
            utils.Measured("largest step down in the number kept", (-n_kept.diff()).max(), at_most=1),
        ],
        source="TMS, 'Demonstrating Superposition'",
    )

# %% [markdown]
# ## Features that come in company
#
# Real features are not independent: "it is raining" and "somebody carries an umbrella" come together, "the word is a
# noun" and "the word is a verb" exclude each other. Give the data such pairs and watch where the model puts them.
#
# A pair is **correlated** if its two features are on in the same rows, with independent sizes, and **anticorrelated**
# if they are never on in the same row. In both cases each feature by itself is on with probability $p$, so nothing
# changes for one feature looked at alone.
#
# You write four functions for such data. They take a model as `self`, because they need its probability, sizes and
# device; the constructor of `ToyModel` is as before, and its `generate_batch` hands over to the last of them as soon
# as the config has pairs. The next cell is given: a helper that they share.


# %%
def shared_probability(model: ToyModel, n_columns: int) -> Float[Tensor, "inst 1"]:
    """The one feature probability of each instance, for data whose features stand in pairs (given).

    Raises:
        ValueError: if an instance has features of different probability, or fewer than `n_columns` features.
    """
    probability = model.feature_probability
    if not (probability == probability[:, :1]).all():
        raise ValueError("pairs need one feature_probability for all features of an instance; got different ones")
    if n_columns > model.cfg.n_features:
        raise ValueError(f"{n_columns} columns do not fit into n_features={model.cfg.n_features}; ask for fewer pairs")
    return probability[:, :1]


# %% [markdown] exercise="generate_correlated_features"
# ## Exercise: `generate_correlated_features`
#
# > Difficulty 2 of 5 · importance 3 of 5 · about 10 minutes (an estimate)
#
# A pair is on or off as one; when it is on, its two features have sizes of their own:
#
# $$x_{2k} = a_k \, u_{2k}, \qquad x_{2k+1} = a_k \, u_{2k+1}, \qquad a_k = 1 \text{ with probability } p, \text{ else } 0.$$
#
# The given helper `shared_probability` has already checked that there is one $p$ for each instance, in shape
# `[inst 1]`.
#
# **Before you code**: how many random decisions does a row with $n$ pairs need, and how many random sizes?


# %% exercises=["generate_correlated_features"]
def generate_correlated_features(
    self: ToyModel, batch_size: int, n_correlated_pairs: int, *, generator: t.Generator | None = None
) -> Float[Tensor, "batch inst feats"]:
    """Pairs of features that are on together or off together; their sizes are independent.

    Args:
        self: the model whose probability, config and device are used.
        batch_size: rows.
        n_correlated_pairs: pairs; pair k is columns 2k and 2k + 1.
        generator: source of the numbers; torch's own if None.
    Returns:
        `[batch inst 2*pairs]`.
    Raises:
        ValueError: if probabilities differ within an instance, or the pairs do not fit into `n_features`.
    """
    probability = shared_probability(self, 2 * n_correlated_pairs)
    ### BEGIN SOLUTION
    shape = (batch_size, self.cfg.n_inst, n_correlated_pairs)
    pair_is_on = t.rand(shape, device=self.W.device, generator=generator) < probability
    is_on = einops.repeat(pair_is_on, "batch inst pairs -> batch inst (pairs 2)")
    return t.where(is_on, self.draw_magnitudes(is_on.shape, generator), 0.0)
    ### END SOLUTION


# %% exercise="generate_correlated_features" role="test"
if MAIN:
    tests.test_generate_correlated_features(generate_correlated_features)

# %% [markdown] exercise="generate_correlated_features" role="hint"
# Draw the decision with a last axis of length `n_correlated_pairs`, then give it to both features of the pair.

# %% [markdown] exercise="generate_correlated_features" role="hint"
# `einops.repeat(pair_is_on, "batch inst pairs -> batch inst (pairs 2)")` puts the two of a pair side by side.
# `(2 pairs)` would put all first ones before all second ones.

# %% [markdown] exercise="generate_correlated_features" role="solution"
# One decision a pair, two sizes a pair. The order of the axes inside the brackets of `repeat` decides which columns
# form a pair: the last one varies fastest.

# %% [markdown] exercise="generate_anticorrelated_features"
# ## Exercise: `generate_anticorrelated_features`
#
# > Difficulty 3 of 5 · importance 3 of 5 · about 15 minutes (an estimate)
#
# Each feature of a pair is on with probability $p$, and never both. So a pair has three states: the first is on
# ($p$), the second is on ($p$), neither ($1 - 2p$).
#
# **Before you code**: for which $p$ can that not be done? Refuse it, with a `ValueError` or an `assert` that says
# why.


# %% exercises=["generate_anticorrelated_features"]
def generate_anticorrelated_features(
    self: ToyModel, batch_size: int, n_anticorrelated_pairs: int, *, generator: t.Generator | None = None
) -> Float[Tensor, "batch inst feats"]:
    """Pairs of features, each on with the model's probability p, never both.

    Args:
        self: the model whose probability, config and device are used.
        batch_size: rows.
        n_anticorrelated_pairs: pairs; pair k is columns 2k and 2k + 1.
        generator: source of the numbers; torch's own if None.
    Returns:
        `[batch inst 2*pairs]`.
    Raises:
        ValueError: as for correlated pairs, and if p is above 1/2 in any instance: two such features must overlap.
    """
    probability = shared_probability(self, 2 * n_anticorrelated_pairs)
    ### BEGIN SOLUTION
    if (probability > 0.5).any():
        raise ValueError(
            f"two features that are never on together have probability 1/2 at most, not {probability.max().item():g}; "
            "lower feature_probability"
        )
    shape = (batch_size, self.cfg.n_inst, n_anticorrelated_pairs)
    place = t.rand(shape, device=self.W.device, generator=generator)
    first = place < probability
    second = (place >= probability) & (place < 2 * probability)
    is_on = einops.rearrange([first, second], "two batch inst pairs -> batch inst (pairs two)")
    return t.where(is_on, self.draw_magnitudes(is_on.shape, generator), 0.0)
    ### END SOLUTION


# %% exercise="generate_anticorrelated_features" role="test"
if MAIN:
    tests.test_generate_anticorrelated_features(generate_anticorrelated_features)

# %% [markdown] exercise="generate_anticorrelated_features" role="hint"
# Two separate draws, one a feature, cannot exclude each other. One draw with three outcomes can.

# %% [markdown] exercise="generate_anticorrelated_features" role="hint"
# Cut the interval from 0 to 1 into three pieces of length $p$, $p$ and $1 - 2p$, and see in which one a uniform
# number falls.

# %% [markdown] exercise="generate_anticorrelated_features" role="solution"
# One uniform number decides for the pair. Above $p = \tfrac12$ two pieces of length $p$ do not fit into the interval;
# at exactly $\tfrac12$ they do, and one of the two is always on.
#
# Drawing both features and setting the second to zero where the first is on also excludes both, and gets the
# probability of the second wrong: $p(1-p)$.

# %% [markdown] exercise="generate_uncorrelated_features"
# ## Exercise: `generate_uncorrelated_features`
#
# > Difficulty 1 of 5 · importance 2 of 5 · about 5 minutes (an estimate)
#
# The data you know, for a given number of columns. The given line picks the probability: each feature's own if all
# columns are wanted, the shared one otherwise.
#
# **Before you code**: why can the function not use `self.feature_probability` in both cases?


# %% exercises=["generate_uncorrelated_features"]
def generate_uncorrelated_features(
    self: ToyModel, batch_size: int, n_uncorrelated: int, *, generator: t.Generator | None = None
) -> Float[Tensor, "batch inst feats"]:
    """Features independent of each other: the data of `generate_batch`, for some or all columns.

    Args:
        self: the model whose probability, config and device are used.
        batch_size: rows.
        n_uncorrelated: columns. If it is `n_features`, each has its own probability.
        generator: source of the numbers; torch's own if None.
    Returns:
        `[batch inst n_uncorrelated]`.
    Raises:
        ValueError: if there are fewer columns than features and probabilities differ within an instance, or more.
    """
    all_features = n_uncorrelated == self.cfg.n_features
    probability = self.feature_probability if all_features else shared_probability(self, n_uncorrelated)
    ### BEGIN SOLUTION
    shape = (batch_size, self.cfg.n_inst, n_uncorrelated)
    is_on = t.rand(shape, device=self.W.device, generator=generator) < probability
    return t.where(is_on, self.draw_magnitudes(shape, generator), 0.0)
    ### END SOLUTION


# %% exercise="generate_uncorrelated_features" role="test"
if MAIN:
    tests.test_generate_uncorrelated_features(generate_uncorrelated_features)

# %% [markdown] exercise="generate_uncorrelated_features" role="hint"
# It is your `generate_batch` with another number of columns.

# %% [markdown] exercise="generate_uncorrelated_features" role="solution"
# With fewer columns than features, `[inst feats]` does not broadcast against `[batch inst n]`; the shared probability
# `[inst 1]` does.

# %% [markdown] exercise="generate_batch_with_pairs"
# ## Exercise: `generate_batch_with_pairs`
#
# > Difficulty 1 of 5 · importance 3 of 5 · about 5 minutes (an estimate)
#
# Put the blocks side by side: correlated pairs first, then anticorrelated ones, then whatever is left. The test takes
# the class, because `ToyModel.generate_batch` is what everybody calls.
#
# **Before you code**: how many columns are left for independent features?


# %% exercises=["generate_batch_with_pairs"]
def generate_batch_with_pairs(
    self: ToyModel, batch_size: int, *, generator: t.Generator | None = None
) -> Float[Tensor, "batch inst feats"]:
    """A batch that honours the pairs of the config: correlated pairs first, then anticorrelated ones, then the rest.

    Args:
        self: the model; `self.cfg` says how many pairs of each kind there are.
        batch_size: rows.
        generator: source of the numbers; torch's own if None.
    Returns:
        `[batch inst feats]`.
    Raises:
        ValueError: if probabilities differ within an instance, the pairs do not fit into `n_features`, or features
            of an anticorrelated pair are on more than half of the time.
    """
    n_correlated, n_anticorrelated = self.cfg.n_correlated_pairs, self.cfg.n_anticorrelated_pairs
    shared_probability(self, 2 * (n_correlated + n_anticorrelated))  # refuses a config that cannot be honoured
    ### BEGIN SOLUTION
    n_uncorrelated = self.cfg.n_features - 2 * (n_correlated + n_anticorrelated)
    blocks = []
    if n_correlated:
        blocks.append(generate_correlated_features(self, batch_size, n_correlated, generator=generator))
    if n_anticorrelated:
        blocks.append(generate_anticorrelated_features(self, batch_size, n_anticorrelated, generator=generator))
    if n_uncorrelated:
        blocks.append(generate_uncorrelated_features(self, batch_size, n_uncorrelated, generator=generator))
    return t.cat(blocks, dim=-1)
    ### END SOLUTION


# %% exercise="generate_batch_with_pairs" role="test"
if MAIN:
    tests.test_generate_batch_pairs(ToyModel)

# %% [markdown] exercise="generate_batch_with_pairs" role="hint"
# `t.cat` along the last axis. Leave out a block that has no columns: the limit on $p$ does not concern a model
# without anticorrelated pairs.

# %% [markdown] exercise="generate_batch_with_pairs" role="solution"
# A pair takes two columns, so $n - 2(n_\text{corr} + n_\text{anti})$ are left. Correlated features may be on more
# than half of the time, and a block of no anticorrelated pairs must not complain about it.

# %% [markdown]
# ### What the three kinds of data look like
#
# **Before you run it**: in which strips do you expect bars above each other?

# %% figure="three_kinds_of_data"
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)
    mixed = ToyModel(
        ToyModelConfig(n_inst=1, n_features=6, n_correlated_pairs=1, n_anticorrelated_pairs=1),
        feature_probability=0.3,
        generator=generator,
    )
    utils.plot_correlated_features(
        mixed.generate_batch(40, generator=generator)[:, 0],
        title="0 and 1 are on together, 2 and 3 never, 4 and 5 as chance has it",
    )

# %% [markdown] figure="three_kinds_of_data" role="see"
# Features 0 and 1 are on in the same rows, with different sizes. Features 2 and 3 avoid each other. Features 4 and 5
# meet now and then.

# %% [markdown]
# ## Experiment: where do friends and enemies live?
#
# Two pairs in the plane: four features, two dimensions, all of the same importance. With independent data the model
# forms two antipodal pairs, and which features pair up is chance.
#
# **Before you run it**: an antipodal pair goes wrong when both its features are on. Will the two of a correlated pair
# be antipodal, orthogonal, or side by side? And the two of an anticorrelated pair?

# %% figure="pairs_in_the_plane"
if MAIN:
    n_copies = 20  # models of each kind
    generator = t.Generator(device).manual_seed(utils.seed)

    def train_pairs(n_correlated: int, n_anticorrelated: int, p: list[float], **sizes: float) -> ToyModel:
        """20 models at each of the given feature probabilities, on data with the given pairs."""
        n_features = int(sizes.pop("n_features", 4))
        model = ToyModel(
            ToyModelConfig(len(p) * n_copies, n_features, 2, n_correlated, n_anticorrelated, **sizes),  # type: ignore[arg-type]
            feature_probability=t.tensor(p).repeat_interleave(n_copies)[:, None],
            generator=generator,
        )
        model.optimize(batch_size=1024, steps=1_500, lr=1e-2, lr_scale=linear_lr, generator=generator)
        return model

    rare = [0.005, 0.02, 0.05, 0.1]  # feature probabilities
    correlated = train_pairs(2, 0, [*rare, 0.3])
    anticorrelated = train_pairs(0, 2, [0.3], init_scale=0.1)
    independent = train_pairs(0, 0, [*rare, 0.3])
    shown = [correlated.W[60:63], correlated.W[80:83], anticorrelated.W[:3], independent.W[60:63]]
    utils.plot_features_in_2d(
        t.cat(shown),
        colors=[0.0, 0.0, 1.0, 1.0],  # one colour a pair
        title="Mates: at a right angle or on one line if they come together, opposite if they exclude each other",
        subplot_titles=["together, p = 0.1"] * 3
        + ["together, p = 0.3"] * 3
        + ["never together, p = 0.3"] * 3
        + ["independent, p = 0.1"] * 3,
        n_rows=4,
    )

# %% [markdown] figure="pairs_in_the_plane" role="see"
# One colour is one pair; three models of each kind.
#
# - **Together, p = 0.1**: the two of a pair are **orthogonal**. They are on at the same time, so they must not share
#   a line; each shares one with a feature of the other pair.
# - **Together, p = 0.3**: many pairs have **collapsed** onto one direction. When capacity is short, it is better to
#   keep the sum of two mates than one of them.
# - **Never together**: the two of a pair are **antipodal**. Their interference never happens, so sharing a line costs
#   nothing.
# - **Independent**: antipodal pairs too, but any feature pairs with any: one time in three with the one of the same
#   colour.

# %% tags=["claim"]
if MAIN:

    def mates(model: ToyModel) -> tuple[Float[Tensor, "p pairs"], Float[Tensor, "p pairs"]]:
        """Cosine between the two of each pair, and whether both are represented; copies and pairs in one axis."""
        W = model.W.detach()
        cosine = t.cosine_similarity(W[:, :, 0::2], W[:, :, 1::2], dim=1)
        norms = W.norm(dim=1)
        both = (norms[:, 0::2] > 0.5) & (norms[:, 1::2] > 0.5)
        pattern = "(p copy) pairs -> p (copy pairs)"
        return (
            einops.rearrange(cosine, pattern, copy=n_copies),
            einops.rearrange(both.float(), pattern, copy=n_copies),
        )

    def share(holds: Tensor, both: Tensor) -> Float[Tensor, ""]:
        """Share of the represented pairs for which something holds."""
        return (holds * both).sum() / both.sum()

    cosine, both = mates(correlated)
    control, control_both = mates(independent)
    antipodal = (anticorrelated.W.detach()[:, :, 0::2], anticorrelated.W.detach()[:, :, 1::2])
    both_antipodal = (t.cosine_similarity(*antipodal, dim=1) < -0.9).all(dim=1)
    three = train_pairs(3, 0, [0.4, 0.05], n_features=6)
    three_control = train_pairs(0, 0, [0.4, 0.05], n_features=6)
    cosine3, both3 = mates(three)
    control3, control3_both = mates(three_control)
    utils.claim(
        6,
        "correlated features are orthogonal where there is room, and collapse to one direction where there is not",
        [
            utils.Measured("mean |cosine| of mates, p up to 0.1", share(cosine[:4].abs(), both[:4]), at_most=0.1),
            utils.Measured("the same, independent features", share(control[:4].abs(), control_both[:4]), at_least=0.2),
            utils.Measured("antipodal mates, share", share(cosine[:4] < -0.9, both[:4]), at_most=0.05),
            utils.Measured("the same, independent features", share(control[:4] < -0.9, control_both[:4]), at_least=0.2),
            utils.Measured("mates on one direction at p = 0.3, share", share(cosine[4] > 0.9, both[4]), at_least=0.2),
            utils.Measured("the same, independent features", share(control[4] > 0.9, control_both[4]), at_most=0.05),
            utils.Measured(
                "three pairs, p = 0.4: one direction, share", share(cosine3[0] > 0.9, both3[0]), at_least=0.75
            ),
            utils.Measured("the same, independent features", share(control3[0] > 0.9, control3_both[0]), at_most=0.05),
            utils.Measured(
                "three pairs, p = 0.05: cosine 0.2 to 1, share", share(cosine3[1] > 0.2, both3[1]), at_least=0.9
            ),
        ],
        source="TMS, 'Organization of Correlated and Anticorrelated Features'",
    )

# %% tags=["claim"]
if MAIN:
    utils.claim(
        7,
        "anticorrelated features are antipodal",
        [
            utils.Measured(
                "models of 20 in which both pairs are antipodal (chance: a third)", both_antipodal.sum(), at_least=14
            )
        ],
        source="TMS, 'Organization of Correlated and Anticorrelated Features'",
    )

# %% [markdown]
# ### How far this goes
#
# The anticorrelated models start from weights ten times smaller than usual, at $p = 0.3$. Both matter. Which features
# pair up is settled early in training; a wrong match costs only about $p^2$, the chance that both are on, and later
# training does not undo it. From the usual start fewer models find the right match, and for $p$ of 0.1 and below
# chance decides, though the best of many models is antipodal at every $p$. What a feature's best place is, and
# whether training finds it, are two questions.

# %% [markdown]
# ## What you have seen
#
# - Given more features than dimensions and **dense** data, a model keeps the most important ones, one dimension each.
#   Given **sparse** data it keeps more, in superposition: first antipodal pairs, then a pentagon.
# - Superposition needs the **nonlinearity**, which removes negative interference. A linear model does PCA and stops
#   at $m$.
# - **Importance** decides the order in which features are taken, **sparsity** how far down the list the model gets.
# - **Norm** and **interference** put numbers on it: how strongly a feature is represented, and how much the others
#   get in its way.
# - **Correlated** features avoid sharing a line, **anticorrelated** ones seek it.
#
# **Read next**: TMS, from "Superposition as a Phase Change" to "The Geometry of Superposition". Then section 2, where
# the hidden layer gets a nonlinearity of its own.
