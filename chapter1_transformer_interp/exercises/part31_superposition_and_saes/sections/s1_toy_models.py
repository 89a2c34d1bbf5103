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
# You want to watch a model decide which features to keep when it cannot keep all. So make the shortage explicit: give it
# $n$ features and fewer dimensions $m$, and ask it to restore what it was given.
#
# The features come in as a vector $x$ with $n$ coordinates, each 0 when its feature is absent. One matrix $W$ with $m$ rows and $n$
# columns squeezes them into a hidden vector, and the same matrix, transposed, spreads them out again:
#
# $$h = W x, \qquad x' = \mathrm{ReLU}(W^\top h + b).$$
#
# Column $i$ of $W$ is the direction that feature $i$ gets in the hidden space. The model has nothing else to choose, so
# you can read every decision off a picture: which columns are long, and which way they point.
#
# Three questions a careful reader asks:
#
# - **Why the same matrix twice?** A feature written along $W_i$ is best read along $W_i$: tying the two leaves one picture to look at.
#   TMS does the same.
# - **Why a ReLU at the end and nowhere else?** Data are never negative, and a ReLU removes negative interference for free: if
#   feature 1 pushes the output of feature 2 below zero, the ReLU sets it to the 0 it should be. This is what makes superposition
#   pay. The hidden layer has no nonlinearity, so its basis is not privileged: rotate $W$ and nothing changes.
# - **Why one bias?** With a negative bias the model ignores small positive interference as well, and with a positive one it can
#   answer a feature that it has dropped by that feature's mean. Both turn up below.

# %% [markdown]
# ### Many models at once
#
# One training run proves little, and many small runs one after another are slow. So every tensor here has an axis `inst` of
# independent models, trained side by side in one batched computation. In shapes, `batch` comes first, then `inst`,
# then the features (`feats`) or hidden dimensions (`d_hidden`).
#
# The next cell is given: four learning-rate schedules, of the form `(step, steps) -> factor`, and the sizes of a model. Two of the
# fields count pairs of correlated features; they stay 0 until you need them.


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
# Everything but three methods is given. Read the cell, then take the exercises under it in order: each asks you to come
# back and fill in one method.
#
# The constructor starts `W` Xavier-normal, with standard deviation $\sqrt{2 / (n + m)}$ times `cfg.init_scale`: the fans of *one*
# instance. (`nn.init.xavier_normal_` would take the three axes for a convolution, and start smaller the more instances there
# are.) `optimize` trains with Adam on fresh batches.


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
# **Before you code**: suppose $W$ has three columns of length 1 in the plane, 120° apart, and the bias is 0. Only feature 1
# is on, with value 1. What does the model answer for the other two? And without the ReLU?

# %% exercise="forward" role="test"
if MAIN:
    tests.test_model(ToyModel)

# %% [markdown] exercise="forward" role="hint"
# Do it in two steps, through `hidden` with axes `... inst d_hidden`. Which axis of $W$ is summed over in each?

# %% [markdown] exercise="forward" role="hint"
# `einops.einsum(features, self.W, "... inst feats, inst d_hidden feats -> ... inst d_hidden")` is the first step. An axis
# that stands on the left and not on the right is summed over; `inst` stands in all three places, so instances do not mix.

# %% [markdown] exercise="forward" role="solution"
# `...` stands for any axes in front, so one row, a batch and a batch of batches all work. Going through `hidden` rather than forming $W^\top W$ first keeps the cost
# at $2mn$ products a row instead of $n^2$, and it is what the picture says: information passes through $m$ numbers.
#
# In the question, features 2 and 3 receive $\cos 120° = -\tfrac12$. The ReLU turns both into 0, the right answer. Without it the
# answer would be wrong by half the input, twice.

# %% [markdown] exercise="generate_batch"
# ## Exercise: `generate_batch`
#
# > Difficulty 2 of 5 · importance 4 of 5 · about 15 minutes (an estimate)
#
# The data decide everything that follows, and they have one knob: how often a feature is on. Feature $i$ of an instance is
#
# $$x_i = \begin{cases} u_i & \text{with probability } p_i\\ 0 & \text{otherwise,} \end{cases} \qquad u_i \text{ uniform on } [0, 1],$$
#
# with $p_i$ from `self.feature_probability`, which already has shape `[inst feats]`. **Sparsity** is $S_i = 1 - p_i$: how often the feature is
# *absent*. All draws are independent: features, rows, and instances (each gets data of its own).
#
# **Before you code**: what is the mean of $x_i$, and what its variance? You will meet the variance again when you compare losses at different
# sparsities.

# %% exercise="generate_batch" role="test"
if MAIN:
    tests.test_generate_batch(ToyModel)

# %% [markdown] exercise="generate_batch" role="hint"
# You need two random decisions for each entry: is it on, and how large is it. `t.rand` gives uniform numbers; a uniform number is below $p$
# with probability $p$.

# %% [markdown] exercise="generate_batch" role="hint"
# The shape is `(batch_size, self.cfg.n_inst, self.cfg.n_features)`. A comparison with `self.feature_probability` broadcasts over
# the batch. Create the numbers on the model's device (`self.W.device`), and hand `generator` on to `t.rand` so that a run can be
# repeated. For the sizes, `self.draw_magnitudes(shape, generator)` is given; plain `t.rand` does the same here.

# %% [markdown] exercise="generate_batch" role="solution"
# Two separate draws: if the number that decided "on" also served as the magnitude, magnitudes would be uniform on $[0, p]$, because only numbers below $p$ were let through.
#
# Mean $p/2$; the mean square is $p/3$, so the variance is $p/3 - p^2/4$. It is not monotone: it peaks at $p = \tfrac23$.

# %% [markdown] exercise="calculate_loss"
# ## Exercise: `calculate_loss`
#
# > Difficulty 1 of 5 · importance 4 of 5 · about 10 minutes (an estimate)
#
# Some features matter more than others. Give each a weight, its **importance** $I_i$, and charge the squared error by it:
#
# $$L = \sum_\text{inst} \frac{1}{\text{batch} \cdot n} \sum_{\text{batch}} \sum_{i} I_i \, (x'_i - x_i)^2$$
#
# A mean over batch and features, so that losses of different sizes compare; a **sum** over instances.
#
# **Before you code**: what would change for one instance if you took the mean over instances instead, and trained with plain gradient descent? And with Adam?

# %% exercise="calculate_loss" role="test"
if MAIN:
    tests.test_calculate_loss(ToyModel)

# %% [markdown] exercise="calculate_loss" role="hint"
# `self.importance` has shape `[inst feats]` and broadcasts over the batch. Is the weight inside the square or outside?

# %% [markdown] exercise="calculate_loss" role="hint"
# `einops.reduce(error, "batch inst feats -> inst", "mean")` gives one loss per instance.

# %% [markdown] exercise="calculate_loss" role="solution"
# The weight stands outside the square: inside, an importance of ½ would count as ¼.
#
# No parameter is shared between instances, so the gradient of a sum of losses is, for each instance, the gradient of its own loss. A mean
# over 64 instances would divide every gradient by 64: plain gradient descent would train each model 64 times more slowly, and the result of one model would
# depend on how many others happen to stand beside it. Adam divides by the gradient's size and would hardly notice, until the gradients come near its $\epsilon$.

# %% [markdown]
# ## Experiment: five features, two dimensions, eight sparsities
#
# Five features have to share a plane. Feature 0 is the most important, and each next one matters 0.9 times as much. Train the
# same model at eight feature probabilities, from dense data ($p = 1$, every feature on in every row) to sparse
# ($p = 0.02$). Only the sparsity differs.
#
# One run proves little: training starts at random, and it does not always end in the best solution there is. So train 8
# copies at each probability, 64 models in all, and draw the copy with the lowest loss. The batches are small and the learning
# rate is high: the noise frees a model that has started on a poor arrangement. The rate is warmed up, because at full height
# from the first step it switches outputs of the sparse models off for good.
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

    model = ToyModel(
        ToyModelConfig(n_inst=8 * n_copies, n_features=5, d_hidden=2, init_scale=0.3),
        feature_probability=probabilities.repeat_interleave(n_copies)[:, None],
        importance=0.9 ** t.arange(5),
        generator=generator,
    )
    model.optimize(batch_size=256, steps=3_000, lr=0.15, lr_scale=warmup_linear_lr, generator=generator)

    with t.no_grad():
        batch = model.generate_batch(20_000, generator=generator)  # rows on which the copies are compared
        loss = (model.importance * (model(batch) - batch) ** 2).mean(dim=(0, 2))
    best = loss.reshape(8, n_copies).argmin(dim=1) + n_copies * t.arange(8, device=device)
    utils.plot_features_in_2d(
        model.W[best],
        title="As features get rarer, the plane holds two of them, then four, then five",
        subplot_titles=[f"p = {p:.3f}" for p in probabilities],
        n_rows=2,
    )

# %% [markdown] figure="five_in_two" role="see"
# - **p = 1**: two arrows of length 1 at a right angle, features 0 and 1. The other three stay at the origin. With dense data
#   two features on one direction would disturb each other all the time, so the model keeps as many as it has dimensions, and
#   takes the most important.
# - **p = 0.33**: four arrows in two **antipodal pairs**. Two features that point in opposite directions share one dimension: when
#   only one is on, the output of the other is pushed below zero and the ReLU removes it. It goes wrong only if both are on.
# - **p = 0.061 and below**: five arrows at equal angles, a **pentagon**. Now each feature disturbs its neighbours even when it is
#   alone ($\cos 72° = 0.31$). Look at the lengths: they are above 1. The bias has become negative, so that small interference
#   stays below zero, and the weights make up for what the bias takes away.
#
# That is superposition: five features in two dimensions, at the price of interference, because the price is seldom paid.
# Between p = 1 and p = 0.33 you meet models that keep three features: one antipodal pair, and one feature with a direction of
# its own.

# %% tags=["claim"]
if MAIN:
    W = model.W.detach().reshape(8, n_copies, 2, 5)
    b_final = model.b_final.detach().reshape(8, n_copies, 5)
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
# $\lVert W \rVert_F^2 = \sum_i \lVert W_i \rVert^2$ is often read as "the number of features represented". It is 2.0 where the model keeps two
# features and about 4.1 where it keeps four. In the pentagon it is between 5.9 and 6.7, with five features: the bias is negative, the
# columns are longer than 1 to make up for it, and the sum counts too many. Use it as a rough count, and count columns when it matters.
