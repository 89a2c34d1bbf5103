# %% tags=["module-only"]
"""Section 4, superposition and deep double descent: what a model stores when its data set is small."""

from collections.abc import Callable

import einops
import torch as t
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

import part31_superposition_and_saes.utils as utils
from part31_superposition_and_saes.sections.s1_toy_models import ToyModel, ToyModelConfig, cosine_decay_lr
from part31_superposition_and_saes.utils import device

MAIN = __name__ == "__main__"
if MAIN:
    import part31_superposition_and_saes.tests as tests
    from plotly_utils import line

# %% [markdown]
# # Section 4: superposition and deep double descent
#
# > **You will learn**
# >
# > - what double descent is, and how to characterise its regimes by what a model stores
# > - how to relate those regimes to superposition: of data points first, of features later
# > - how to replicate a paper: choose a smaller setting, name every difference, and check each figure
#
# *About 2 hours, the reading not included (an estimate). You need section 1: its models are trained again here.*

# %%
if MAIN:
    import math

    from part31_superposition_and_saes.solutions import ToyModel, ToyModelConfig, cosine_decay_lr
    from plotly_utils import scatter

# %% [markdown]
# ## When does a model learn, and when does it learn by heart?
#
# In section 1 every step drew a fresh batch. A model that sees endless data can only do one thing: find the features.
# Real data sets end. A model with enough room can then do something else: store the data points themselves, and answer
# each with what it saw. It scores perfectly on its training set and knows nothing of the rest.
#
# Classical statistics says: past some point, the more room a model has for its data, the worse it does on fresh ones.
# **Deep double descent** is what one observes instead. As a model grows, the **test loss** falls, then rises to a peak,
# and falls a second time. As a data set grows, there is such a peak as well: for a while, more data make a model worse.
# Nothing in the classical picture says why, or what happens inside.
#
# Henighan et al. 2023, *Superposition, Memorization, and Double Descent* (SMDD below), look inside with the toy model of
# section 1. Their answer in one sentence: **a small data set is stored as data points in superposition, a large one as
# features in superposition, and the peak of the test loss lies where the one gives way to the other.** You will repeat
# their experiment.
#
# The model is the one that you know, $x' = \mathrm{ReLU}(W^\top W x + b)$, with $n$ features in $m = 2$ dimensions, so
# that you can draw everything. Three things are new:
#
# - Each model trains on **one batch of $T$ rows** that never changes, all of it at every step. $T$ is what we vary.
# - Rows are **normalized** to length 1, so that no data point matters more for being larger.
# - AdamW trains with **weight decay**, after a **warm-up**.
#
# One picture does for features and data points alike. Feature $i$ has the hidden vector $W_i$, a column of $W$. Data
# point $x$ has the hidden vector $h = W x$. Which of the two kinds is laid out in good order tells you what the model
# stores.

# %% [markdown]
# ### What we do differently from the paper
#
# | | SMDD | here | why, and what it changes |
# |---|---|---|---|
# | features $n$ | 10,000 | 1,000 | A step costs $T \cdot n$. Features per row stay the same, 10 on average ($p$ = 0.01, theirs 0.001), so data points are as crowded; the features are fewer, so fewer data points suffice to learn them, and the whole picture moves to smaller $T$. |
# | data points $T$ | 3 to 50,000 and more | 3 to 1,000 live, to 2,000 shipped | At 700 the last regime has been reached. |
# | steps | 50,000 | 8,000 live; both shipped | With a higher rate that is enough at both ends of the curve. In between losses go on falling, and the peak goes on rising: *Longer training*, below, shows by how much. |
# | AdamW's learning rate | 0.001 | 0.003 at its peak | Makes up for some of the steps. |
# | warm-up | 2,500 steps | 800 | A tenth of the run. |
# | decay of the rate | | a quarter of a cosine to zero | The schedule you write below. |
# | models | many seeds, the best kept | 4 for each $T$ | We draw the one with the least training loss, and report the test losses of **all four**: that of the best-trained model alone jumps from seed to seed. |
# | weight decay | 0.01 | 0.01 live; 0.01, 0.1 and 1 shipped | |
# | loss | mean squared error | the same, shown as error of a whole row | Rows have length 1, so a model that always answers 0 scores 1. Multiply by $1/n$ for the mean. |
#
# The longer runs are made by a script that ships with this course; with a GPU and a day it goes to the paper's sizes.

# %% [markdown]
# ## A schedule that starts slowly
#
# The two schedules that the training needs. Each is a factor on the learning rate, `(step, steps) -> factor`, like those
# of section 1.


# %% [markdown] exercise="linear_warmup_lr"
# ## Exercise: `linear_warmup_lr`
#
# > Difficulty 1 of 5 · importance 2 of 5 · about 5 minutes (an estimate)
#
# AdamW divides each gradient by a running mean of its size. In the first steps that mean is made of a handful of
# gradients, and a step can be far too long. A warm-up keeps the first steps short:
#
# $$f(s) = \min\left(1, \frac{s}{w}\right)$$
#
# with $s$ the step and $w$ the length of the warm-up, which is the argument `steps` of this function.
#
# **Before you code**: how long is the very first step? Does it matter?


# %% exercises=["linear_warmup_lr"]
def linear_warmup_lr(step: int, steps: int) -> float:
    """Factor on the learning rate that rises evenly from 0 at step 0 to 1 at step `steps`, and stays 1 after it.

    Args:
        step: number of the step, 0 or more.
        steps: steps until the factor is 1; 1 or more.
    """
    ### BEGIN SOLUTION
    return min(1.0, step / steps)
    ### END SOLUTION


# %% exercise="linear_warmup_lr" role="test"
if MAIN:
    tests.test_linear_warmup_lr(linear_warmup_lr)

# %% [markdown] exercise="linear_warmup_lr" role="hint"
# What must the function return for a step after the last step of the warm-up?

# %% [markdown] exercise="linear_warmup_lr" role="solution"
# A quotient, and a minimum for the steps after the warm-up. The first step has length 0: it only starts AdamW's running
# means. One step of 8,000 is not missed.

# %% [markdown] exercise="anthropic_lr"
# ## Exercise: `anthropic_lr`
#
# > Difficulty 2 of 5 · importance 3 of 5 · about 10 minutes (an estimate)
#
# The schedule of SMDD, whose authors are at Anthropic. First the warm-up, then a slow end, so that the last steps no
# longer jump about the minimum:
#
# $$f(s) = \begin{cases} s / w & s < w\\ \cos\left(\dfrac{\pi}{2} \cdot \dfrac{s - w}{S - w - 1}\right) & s \ge w \end{cases}$$
#
# for $S$ steps of which $w$ warm up. `cosine_decay_lr(step, steps)` from section 1 is a quarter of a cosine, 1 at its
# step 0 and 0 at its last. Both parts exist: your function only has to decide which one a step belongs to, and where in
# that part it stands.
#
# **Before you code**: is there a jump where the two parts meet? What does a run of 2,000 steps see of this schedule, if
# the warm-up takes 2,500?


# %% exercises=["anthropic_lr"]
def anthropic_lr(step: int, steps: int, warmup: int = 2500) -> float:
    """Factor on the learning rate: a warm-up over the first `warmup` steps, a quarter of a cosine over the rest.

    Args:
        step: number of the step, 0 to steps - 1.
        steps: all steps. With `warmup` steps or fewer, the run ends while the rate still rises.
        warmup: steps of the warm-up, 1 or more.
    Returns:
        `linear_warmup_lr(step, warmup)`, and from step `warmup` on `cosine_decay_lr`, as if it began there.
    """
    ### BEGIN SOLUTION
    if step < warmup or steps <= warmup:
        return linear_warmup_lr(step, warmup)
    return cosine_decay_lr(step - warmup, steps - warmup)
    ### END SOLUTION


# %% exercise="anthropic_lr" role="test"
if MAIN:
    tests.test_anthropic_lr(anthropic_lr)

# %% [markdown] exercise="anthropic_lr" role="hint"
# When the decay begins, how many of its steps have been made, and how many does it have in all?

# %% [markdown] exercise="anthropic_lr" role="hint"
# The decay starts at step `warmup` and has `steps - warmup` steps.

# %% [markdown] exercise="anthropic_lr" role="solution"
# The decay is a schedule of its own, begun late: both of its arguments are counted from the end of the warm-up. At step
# $w$ it is $\cos 0 = 1$, and the warm-up would have reached $w/w = 1$: no jump. A run of 2,000 steps never leaves the
# warm-up and ends at the factor 0.8.

# %% figure="schedule"
if MAIN:
    steps = 8_000
    line(
        [[anthropic_lr(step, steps, warmup) for step in range(0, steps, 20)] for warmup in (2500, 800)],
        x=list(range(0, steps, 20)),
        names=["warm-up of 2,500 steps", "warm-up of 800 steps"],
        labels={"x": "step", "y": "factor on the learning rate"},
        title="The rate rises evenly, then falls along a quarter of a cosine",
    )

# %% [markdown] figure="schedule" role="see"
# Both end at 0. The runs below take 8,000 steps, and would spend a third of them warming up if they kept the paper's
# 2,500; they take 800.

# %% [markdown]
# ## The model and its data set
#
# Everything but three methods is given. `optimize` draws one batch, keeps it as `data_set`, trains on it, and returns
# the batch and the $W$ of the best instance. For that it calls a function which you write further down.


# %% exercises=["double_descent_generate_batch", "double_descent_calculate_loss", "double_descent_dimensionality"]
class DoubleDescentModel(ToyModel):
    """Toy models that are trained on a data set: one batch for each instance, the same at every step.

    Attributes:
        data_set: the batch that `optimize` trained on; not there before.
    """

    data_set: Float[Tensor, "batch inst feats"]

    def generate_batch(
        self, batch_size: int, *, generator: t.Generator | None = None
    ) -> Float[Tensor, "batch inst feats"]:
        """Draw a batch as a `ToyModel` does, and scale every row of every instance to length 1.

        Args:
            batch_size: rows.
            generator: source of the numbers, on the model's device; torch's own if None.
        Returns:
            Rows of unit norm; a row with no feature on stays zero.
        """
        ### BEGIN SOLUTION
        batch = ToyModel.generate_batch(self, batch_size, generator=generator)
        norm = batch.norm(dim=-1, keepdim=True)
        return t.where(norm > 0, batch / norm, 0.0)
        ### END SOLUTION

    def calculate_loss(
        self,
        out: Float[Tensor, "batch inst feats"],
        batch: Float[Tensor, "batch inst feats"],
        per_inst: bool = False,
    ) -> Float[Tensor, "*inst"]:
        """Importance-weighted squared error, mean over batch and features.

        Args:
            out: what the models answered.
            batch: what they should have answered.
            per_inst: whether to return the loss of each instance, `[inst]`, and not their sum.
        """
        ### BEGIN SOLUTION
        error = self.importance * (out - batch) ** 2
        loss = einops.reduce(error, "batch inst feats -> inst", "mean")
        return loss if per_inst else loss.sum()
        ### END SOLUTION

    @staticmethod
    def dimensionality(data: Float[Tensor, "... n d_hidden"]) -> Float[Tensor, "... n"]:
        """Share of a hidden dimension that each of n vectors has to itself: ‖v_i‖² / Σ_j (v̂_i · v_j)².

        Args:
            data: hidden vectors, one a row: of features (columns of W) or of data points (W x).
        Returns:
            Between 0 and 1; 0 for a zero vector (Elhage et al. 2022, for features; Henighan et al. 2023, for both).
        """
        ### BEGIN SOLUTION
        squared_norm = data.pow(2).sum(dim=-1)
        unit = data / squared_norm.sqrt().clamp_min(t.finfo(data.dtype).tiny)[..., None]
        spread = einops.einsum(data, data, "... n a, ... n b -> ... a b")  # Σ_j v_j v_jᵀ
        shared = einops.einsum(unit, spread, unit, "... n a, ... a b, ... n b -> ... n")
        return t.where(squared_norm > 0, squared_norm / shared, 0.0)
        ### END SOLUTION

    def optimize(  # type: ignore[override]
        self,
        batch_size: int,
        steps: int = 50_000,
        log_freq: int = 100,
        lr: float = 1e-3,
        lr_scale: Callable[[int, int], float] = anthropic_lr,
        weight_decay: float = 1e-2,
        *,
        generator: t.Generator | None = None,
    ) -> tuple[Float[Tensor, "batch feats"], Float[Tensor, "d_hidden feats"]]:
        """Train in place with AdamW, each instance on one batch of its own (see `utils.optimize_full_batch`).

        Returns:
            Batch and `W` of the instance with the least training loss. All batches stay in `self.data_set`.
        """
        self.data_set = self.generate_batch(batch_size, generator=generator)
        utils.optimize_full_batch(self, self.data_set, steps, log_freq, lr, lr_scale, weight_decay)
        return best_instance(self, self.data_set)


# %% [markdown] exercise="double_descent_generate_batch"
# ## Exercise: `generate_batch`, normalized
#
# > Difficulty 2 of 5 · importance 4 of 5 · about 10 minutes (an estimate)
#
# If one row of five is twice as long as the others, its squared error counts four times: that row alone weighs as much as
# the other four together. So give all rows the same length:
#
# $$x \leftarrow \frac{x}{\lVert x \rVert}, \qquad \text{and } x = 0 \text{ stays } 0.$$
#
# One row is the features of one instance. The draw itself is the one of `ToyModel`.
#
# **Before you code**: with 1,000 features of probability 0.01, how many rows of a million have no feature on? And in the
# test, with 4 features of probability 0.1?

# %% exercise="double_descent_generate_batch" role="test"
if MAIN:
    tests.test_double_descent_generate_batch(DoubleDescentModel)

# %% [markdown] exercise="double_descent_generate_batch" role="hint"
# `ToyModel.generate_batch(self, batch_size, generator=generator)` draws the rows. The length of each is a norm over one
# axis; keep that axis, with `keepdim=True`, so that the division broadcasts.

# %% [markdown] exercise="double_descent_generate_batch" role="hint"
# A row of zeros gives 0 / 0, which is NaN. `t.where(norm > 0, batch / norm, 0.0)` takes the quotient only where there is
# one; a tiny number as the least norm does it too.

# %% [markdown] exercise="double_descent_generate_batch" role="solution"
# The norm is taken over the features alone: over the batch too, rows would keep their different lengths, and over
# instances, independent models would get data that depend on each other.
#
# A row is empty with probability $(1 - p)^n$: $0.99^{1000} = 4 \cdot 10^{-5}$, about 43 rows of a million; with 4
# features of probability 0.1 it is two rows of three. A single NaN would turn all weights of its instance into NaN at
# the next step.

# %% [markdown] exercise="double_descent_calculate_loss"
# ## Exercise: `calculate_loss`, per instance
#
# > Difficulty 1 of 5 · importance 4 of 5 · about 5 minutes (an estimate)
#
# Training wants one number, the sum over instances. Choosing the best of several models, and drawing one curve each,
# wants one number an instance:
#
# $$L_k = \frac{1}{T n} \sum_{x} \sum_i I_i\,(x'_i - x_i)^2, \qquad L = \sum_k L_k.$$
#
# **Before you code**: what does a model score that always answers 0, on rows of length 1?

# %% exercise="double_descent_calculate_loss" role="test"
if MAIN:
    tests.test_double_descent_calculate_loss(DoubleDescentModel)

# %% [markdown] exercise="double_descent_calculate_loss" role="hint"
# Compute the loss of each instance first, and add up at the end, or not.

# %% [markdown] exercise="double_descent_calculate_loss" role="solution"
# One computation with two endings, so that the two can never disagree. A model that answers 0 scores
# $\lVert x \rVert^2 / n = 1/n$: times $n$, that is 1, the dotted line in the figures below.

# %% [markdown] exercise="double_descent_dimensionality"
# ## Exercise: `dimensionality`
#
# > Difficulty 3 of 5 · importance 5 of 5 · about 20 minutes (an estimate)
#
# Which of the two is stored, features or data points? You need one number that says of any vector in a crowd how much
# room it has to itself. TMS has one for features; SMDD's step is to ask the same question of data points. For vectors
# $v_1, \dots, v_n$ in the hidden space
#
# $$D_i = \frac{\lVert v_i \rVert^2}{\sum_j \left(\hat v_i \cdot v_j\right)^2}, \qquad \hat v_i = \frac{v_i}{\lVert v_i \rVert}.$$
#
# The sum contains $j = i$, which contributes $\lVert v_i \rVert^2$. So $D_i$ is 1 if all others are orthogonal to $v_i$,
# and small if many long vectors do. The method is static: it needs vectors, not a model.
#
# **Before you code**: what is $D$ for each of five vectors at the corners of a regular pentagon? And of $T$ corners of a
# regular $T$-gon?

# %% exercise="double_descent_dimensionality" role="test"
if MAIN:
    tests.test_double_descent_dimensionality(DoubleDescentModel)

# %% [markdown] exercise="double_descent_dimensionality" role="hint"
# All products at once are a matrix `[... i j]`; the number at $i, j$ is $\hat v_i \cdot v_j$. Square it, and sum over
# $j$.

# %% [markdown] exercise="double_descent_dimensionality" role="hint"
# For a zero vector both sides of the fraction are 0. Say what the answer is with `t.where`, or keep the denominators
# from becoming 0 with `clamp_min`.

# %% [markdown] exercise="double_descent_dimensionality" role="hint"
# It works without a matrix of all pairs, too: $\sum_j (\hat v_i \cdot v_j)^2 = \hat v_i^\top \left(\sum_j v_j v_j^\top\right) \hat v_i$,
# and the matrix in the brackets is only `[d_hidden d_hidden]`.

# %% [markdown] exercise="double_descent_dimensionality" role="solution"
# The matrix of all pairs would be right as well; for 2,000 data points it has four million entries, and the small one
# has four.
#
# A regular $T$-gon looks the same in every direction: $\sum_j v_j v_j^\top$ is $\tfrac{T}{2} \lVert v \rVert^2$ times the
# identity, so $D = 2 / T$: 0.4 for the pentagon. $T$ vectors that share $m$ dimensions evenly have $D = m/T$ each. That
# is the line to watch.

# %% [markdown]
# ## One step on the whole data set
#
# Two functions complete the picture: a training step, and the choice of the best model.


# %% [markdown] exercise="full_batch_step"
# ## Exercise: `full_batch_step`
#
# > Difficulty 2 of 5 · importance 3 of 5 · about 10 minutes (an estimate)
#
# Forward, loss, backward, step, on all data points at once:
#
# $$\theta \leftarrow \mathrm{optimizer}\left(\theta, \nabla_\theta \sum_k L_k\right)$$
#
# and tell what each instance's loss was before it. `optimize` does the same 8,000 times, only faster: it knows that
# rows are nearly all zeros, and computes the gradient in closed form.
#
# **Before you code**: the instances share no parameter. What does the gradient of the **sum** of their losses hold for
# each of them? And of the mean?


# %% exercises=["full_batch_step"]
def full_batch_step(
    model: DoubleDescentModel, optimizer: t.optim.Optimizer, batch: Float[Tensor, "batch inst feats"]
) -> Float[Tensor, " inst"]:
    """Make one step of training on the whole data set.

    Args:
        model: its parameters are changed, by the optimizer.
        optimizer: of the model's parameters; it may still hold the gradients of the step before.
        batch: the data set.
    Returns:
        Loss of each instance before the step, cut off from the graph.
    """
    ### BEGIN SOLUTION
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    optimizer.zero_grad()
    loss.sum().backward()
    optimizer.step()
    return loss.detach()
    ### END SOLUTION


# %% exercise="full_batch_step" role="test"
if MAIN:
    tests.test_full_batch_step(full_batch_step)

# %% [markdown] exercise="full_batch_step" role="hint"
# `backward` **adds** to the gradients that are there. What has to happen before it?

# %% [markdown] exercise="full_batch_step" role="hint"
# `backward` needs one number, the result needs one an instance. Compute the losses with `per_inst=True`, and sum for
# `backward` only.

# %% [markdown] exercise="full_batch_step" role="solution"
# The gradient of the sum is, for each instance, the gradient of its own loss; a mean over 4 instances would quarter it.
# `detach` lets the graph of the step go: whoever keeps the losses of 8,000 steps would otherwise keep 8,000 graphs.

# %% [markdown] exercise="best_instance"
# ## Exercise: `best_instance`
#
# > Difficulty 1 of 5 · importance 3 of 5 · about 5 minutes (an estimate)
#
# Training starts at random and does not always end well. The paper trains many models and draws the one with the least
# training loss,
#
# $$k^* = \arg\min_k L_k.$$
#
# Return that instance's data points, `[batch feats]`, and its $W$, `[d_hidden feats]`.
#
# **Before you code**: why the least *training* loss, when it is the test loss that we are after?


# %% exercises=["best_instance"]
def best_instance(
    model: DoubleDescentModel, batch: Float[Tensor, "batch inst feats"]
) -> tuple[Float[Tensor, "batch feats"], Float[Tensor, "d_hidden feats"]]:
    """Batch and weights of the instance that has the least loss on its batch.

    Args:
        model: trained.
        batch: what each instance was trained on.
    Returns:
        Its part of `batch`, and its `W`.
    """
    ### BEGIN SOLUTION
    with t.no_grad():
        best = model.calculate_loss(model(batch), batch, per_inst=True).argmin()
        return batch[:, best], model.W[best].clone()
    ### END SOLUTION


# %% exercise="best_instance" role="test"
if MAIN:
    tests.test_best_instance(best_instance)

# %% [markdown] exercise="best_instance" role="hint"
# `argmin` of the losses per instance is the index; then index the `inst` axis of each of the two.

# %% [markdown] exercise="best_instance" role="hint"
# In `batch` the instances are axis 1, in `model.W` axis 0.

# %% [markdown] exercise="best_instance" role="solution"
# Nothing here is to be trained, so the losses are computed without a graph; `clone` gives a $W$ that later steps do not
# change.
#
# Whoever chooses models by their test loss has trained on the test set, by hand. The training loss says which model did
# best at what it was asked to do; what that does to fresh data is the result. It is a noisy one, so the curves below
# show all models, not the chosen one.

# %% [markdown]
# ## Experiment: your own loop on five data points
#
# Five data points, eight models, your own schedule and step. A thousand features, of which some 50 are on anywhere in
# the data set.
#
# **Before you run it**: a plane has room for five data points. Does every model find a solution without error? Where
# would you place five?


# %%
def gaps_between_neighbours(vectors: Float[Tensor, "... n 2"]) -> Float[Tensor, "... n"]:
    """Angles from each vector of the plane to the next, once round the origin, in degrees: they add up to 360."""
    angles = t.atan2(vectors[..., 1], vectors[..., 0]).rad2deg().sort(dim=-1).values
    return angles.diff(dim=-1, append=angles[..., :1] + 360)


# %% figure="own_loop"
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)
    five_points = DoubleDescentModel(ToyModelConfig(n_inst=8, n_features=1_000, d_hidden=2), 0.01, generator=generator)
    data_set = five_points.generate_batch(5, generator=generator)
    optimizer = t.optim.AdamW(five_points.parameters(), lr=1e-2, weight_decay=1e-2)
    schedule = t.optim.lr_scheduler.LambdaLR(optimizer, lambda step: anthropic_lr(step, 1_500, warmup=150))
    losses = []
    for _ in tqdm(range(1_500), desc="your loop"):
        losses.append(full_batch_step(five_points, optimizer, data_set))
        schedule.step()
    best_batch, best_W = best_instance(five_points, data_set)
    own_gaps = gaps_between_neighbours(best_batch @ best_W.detach().T)  # of the five hidden vectors
    print("angles between neighbours, best model:", ", ".join(f"{gap:.0f}°" for gap in own_gaps.tolist()))
    line(
        (1_000 * t.stack(losses)[::10].T).clamp_min(1e-4),  # squared error of a row; below 0.0001 it is as good as none
        x=list(range(0, 1_500, 10)),
        names=[f"model {k}" for k in range(8)],
        labels={"x": "step", "y": "squared error of a row"},
        log_y=True,
        title="Five data points: most models find room for all in the end, some get stuck",
    ).update_yaxes(dtick=1, tickformat="~g", range=[-4.2, 0.2])

# %% [markdown] figure="own_loop" role="see"
# All start at an error of 1. Nearly all fall to a shelf between 0.1 and 0.2, and stay there for some hundred steps: four
# of the five data points have found a place, and the fifth costs an error of nearly 1 in one row of five, nearly 0.2. Then
# it squeezes in, and the error falls to next to nothing (the figure ends at 0.0001). A curve that ends higher belongs to
# a model that got stuck, with two data points in each other's way. This is why you train several.
#
# The best model has its five data points at nearly equal angles, as printed, like the pentagon of section 1. That
# pentagon was made of five **features** and came from endless data; this one is made of five **data points**.

# %% [markdown]
# ## The replication
#
# Now the experiment of the paper: thirteen data sets, from 3 to 1,000 points, four models each. The test set is 3,000
# fresh rows for each model. The functions that measure are given.


# %%
@t.no_grad()
def loss_per_row(model: DoubleDescentModel, batch: Float[Tensor, "batch inst feats"]) -> Float[Tensor, " inst"]:
    """Squared error of a row, added up over its features, mean over rows: a model that answers 0 scores 1."""
    return model.calculate_loss(model(batch), batch, per_inst=True) * model.cfg.n_features


@t.no_grad()
def hidden_vectors(
    model: DoubleDescentModel, batch: Float[Tensor, "batch inst feats"]
) -> Float[Tensor, "inst batch d_hidden"]:
    """Where each data point lands: h = W x."""
    return einops.einsum(batch, model.W, "batch inst feats, inst d_hidden feats -> inst batch d_hidden")


@t.no_grad()
def measure_run(
    model: DoubleDescentModel, hidden: Float[Tensor, "inst batch d_hidden"]
) -> dict[str, Float[Tensor, " inst"]]:
    """What is kept of a trained model beside its losses, one number an instance.

    Args:
        model: trained.
        hidden: hidden vectors of its data points.
    Returns:
        Median, largest and effective number, (Σ D)² / Σ D², of the dimensionalities; ‖W‖ and the mean bias; the
        largest departure of an angle between neighbouring data points from 360 / T (degrees); the ratio of the longest to
        the shortest data point.
    """
    data, features = model.dimensionality(hidden), model.dimensionality(model.W.mT)
    gaps = gaps_between_neighbours(hidden)
    norms = hidden.norm(dim=-1)
    return {
        "data_median": data.median(dim=-1).values,
        "data_largest": data.amax(dim=-1),
        "data_effective": data.sum(dim=-1).square() / data.square().sum(dim=-1),
        "feature_median": features.median(dim=-1).values,
        "feature_largest": features.amax(dim=-1),
        "feature_effective": features.sum(dim=-1).square() / features.square().sum(dim=-1),
        "weight_norm": model.W.norm(dim=(1, 2)),
        "bias_mean": model.b_final.mean(dim=-1),
        "gap_deviation": (gaps - 360 / gaps.shape[1]).abs().amax(dim=-1),
        "norm_ratio": norms.amax(dim=-1) / norms.amin(dim=-1).clamp_min(1e-9),
    }


# %%
def row_products(batch: Float[Tensor, "batch inst feats"]) -> Float[Tensor, "inst batch batch"]:
    """x_j · x_k for every two rows of an instance."""
    return einops.einsum(batch, batch, "j inst feats, k inst feats -> inst j k")


def least_room(
    hidden: Float[Tensor, "inst batch d_hidden"], batch: Float[Tensor, "batch inst feats"]
) -> Float[Tensor, " inst"]:
    """Least ‖h_j‖² - ‖x_j‖² + x_j · x_k - h_j · h_k of any two data points (see below for where it comes from).

    If it is below 0, no choice of biases gives a loss of 0 with these weights.
    """
    own = hidden.square().sum(dim=-1) - batch.square().sum(dim=-1).T  # [inst batch]
    room = own[..., None] + row_products(batch) - hidden @ hidden.mT
    room.diagonal(dim1=1, dim2=2).fill_(t.inf)  # not of a point and itself
    return room.amin(dim=(1, 2))


# %% [markdown]
# The next cell trains 52 models, 8,000 steps each. It takes 20 to 60 seconds on two cores, most of them for the largest
# data sets. (Without the package `numba` it takes minutes; `pip install numba` helps.)
#
# **Before you run it**, write down four guesses:
#
# 1. How do 3, 4 and 5 data points lie in the plane? And 15?
# 2. Where do the features lie, when the data set is tiny? And when it is large?
# 3. At which size does the training loss leave 0?
# 4. A model that answers 0 has a test loss of 1. At which sizes is a trained model better than that, and at which is it
#    worse?

# %%
if MAIN:
    sizes = [3, 4, 5, 8, 15, 30, 60, 100, 200, 300, 500, 700, 1_000]  # T, data points
    sweep_cfg = ToyModelConfig(n_inst=4, n_features=1_000, d_hidden=2)
    sweep_p = 0.01  # feature probability: 10 features a row

    def short_anthropic_lr(step: int, steps: int) -> float:
        """`anthropic_lr` with a warm-up of a tenth of the steps."""
        return anthropic_lr(step, steps, warmup=steps // 10)

    generator = t.Generator(device).manual_seed(utils.seed + 1_000_000)  # fresh rows, no model has seen them
    test_rows = DoubleDescentModel(sweep_cfg, sweep_p, generator=generator).generate_batch(3_000, generator=generator)

    best_runs, data_D, feature_D, measured = [], [], [], []
    for size in tqdm(sizes, desc="data sets"):
        generator = t.Generator(device).manual_seed(utils.seed)
        model = DoubleDescentModel(sweep_cfg, sweep_p, generator=generator)
        best_batch, best_W = model.optimize(
            size, steps=8_000, lr=3e-3, lr_scale=short_anthropic_lr, weight_decay=1e-2, generator=generator
        )
        hidden = hidden_vectors(model, model.data_set)
        best_runs.append((best_W, best_W @ best_batch.T))
        data_D.append(model.dimensionality(hidden))
        feature_D.append(model.dimensionality(model.W.detach().mT))
        measured.append(
            measure_run(model, hidden)
            | {
                "train_loss": loss_per_row(model, model.data_set),
                "test_loss": loss_per_row(model, test_rows),
                "least_room": least_room(hidden, model.data_set),
            }
        )
    # by name: [size inst]
    sweep = {name: t.stack([one[name] for one in measured]).cpu() for name in measured[0]}
    best_of = sweep["train_loss"].argmin(dim=1, keepdim=True)  # [size 1], instance with the least training loss

# %% [markdown]
# ### Where features and data points lie
#
# *In the paper: the row of small planes near its beginning, features above and data points below, for growing data
# sets.*

# %% figure="hidden_vectors"
if MAIN:
    shown = [0, 1, 2, 3, 4, 7, 9, 12]
    utils.plot_hidden_vectors(
        [best_runs[k][0] for k in shown],
        [best_runs[k][1].T for k in shown],
        [sizes[k] for k in shown],
        title="Few data points: they are in order and features are not. Many: the other way about",
    )

# %% [markdown] figure="hidden_vectors" role="see"
# - **T = 3**: three data points at about the same distance, but at unequal angles. Why is below.
# - **T = 4, 5, 8**: the data points lie at the corners of a polygon, nearly regular. The features above them have all lengths and crowd along the same directions: each is only a by-product of the data points in which
#   it happens to be on.
# - **T = 15**: still one ring of data points, most of them at the same distance; now and then one has been given up and
#   lies at the origin.
# - **T = 100 and 300**: the ring is full. Data points crowd along it, and the model can no longer tell neighbours apart.
#   At 300 many have been given up and lie about the origin.
# - **T = 1,000**: now the **features** are in order. Five of them are long and stand at the corners of a pentagon, the
#   one from section 1; the others are short. The data points lie in a heap, with arms along those five: a data point has
#   a place only by the features that are on in it.
#
# That is the paper's first result: with little data, data points are in superposition; with much, features are.
#
# **Why only nearly regular?** Three data points stand at angles that differ from run to run, and four may be a few degrees
# off the square. The training loss is next to 0 in spite of that. So what does a loss of 0 ask for? Take a feature $i$
# that is on in data point $x_j$. The model must answer $x_j$ with exactly $x_{ji}$. It must answer another one, $x_k$, with
# $x_{ki}$, so what goes into the ReLU there is that at most:
#
# $$W_i \cdot h_j + b_i = x_{ji}, \qquad W_i \cdot h_k + b_i \le x_{ki}.$$
#
# Multiply both by $x_{ji} > 0$ and add them up over the features that are on in $x_j$. The columns add up to
# $h_j = \sum_i x_{ji} W_i$, the row has length 1, and the biases, $\sum_i x_{ji} b_i$, drop out when you subtract the two:
#
# $$h_j \cdot h_k \le \lVert h_j \rVert^2 - 1 + x_j \cdot x_k.$$
#
# Say no feature is shared, and all data points lie at distance $r$. Then $\cos \angle(h_j, h_k) \le 1 - 1 / r^2$: the
# loss asks for a **least gap**. It asks for nothing else: $W_i = x_{ji} h_j$ and $b_i = x_{ji} (1 - r^2)$ then answer every
# row without error. Longer vectors make do with a smaller gap. At $r = 1$ it is 90°: three points can keep that in many
# ways, four only as a square. At $r = 1.1$, about where four points end here, it is 80°, and the square may be skewed.
# From five points on, $r$ must be larger than 1.

# %% [markdown]
# ### What makes them regular?
#
# **A question**: then why does the paper find regular polygons? Suppose $T$ data points share no feature and lie at one
# distance $r$, which the model may choose. Every arrangement that keeps the least gap can be stored without error. Which
# of them needs the smallest weights, and how large is $\lVert W \rVert$ there?

# %% [markdown] role="answer"
# $h_j = \sum_i x_{ji} W_i$ must have length $r$ at the least cost in weights. That is when the columns of all its features
# point along it, $W_i = x_{ji} h_j$, which adds $\sum_i x_{ji}^2 r^2 = r^2$ to $\lVert W \rVert^2$. Add this up over all $T$,
# with the least $r$ that the least gap allows:
#
# $$\lVert W \rVert^2 = T r^2 = \frac{T}{1 - \cos(\text{least gap})}.$$
#
# The smallest weights belong to the largest least gap. The gaps add up to 360°, so the least is largest when all are
# equal: the **regular polygon**, and no other, with
#
# $$\lVert W \rVert = \sqrt{\frac{T}{1 - \cos(2\pi / T)}},$$
#
# which is 1.41 for three data points, 2 for four, 2.69 for five, 5.2 for eight and 13 for fifteen. The biases of its
# features are $x_{ji} (1 - r^2)$: positive for three points, none for four, negative from five on.
#
# So the loss does not choose among these arrangements; weight decay does (roughly: AdamW's decay is not exactly a penalty
# on $\lVert W \rVert$). For many points $\lVert W \rVert$ would have to grow like $T^{3/2}$. Keep that in mind for the peak.

# %% [markdown]
# Can that be seen? In the sweep weight decay has had little time: left alone, a weight would lose about a seventh of its
# length in those 8,000 steps. Now train 16 models each of three, four and five data points for 16,000 steps, with thirty
# times the weight decay and three times the rate. It takes 10 to 20 seconds.
#
# **Before you run it**: in some models two data points share a feature. What does that do to the angle between them?

# %% figure="departure"
if MAIN:
    long_cfg = ToyModelConfig(n_inst=16, n_features=1_000, d_hidden=2)
    long_runs = {}  # by size: of each model without error
    for size in tqdm([3, 4, 5], desc="long runs"):
        generator = t.Generator(device).manual_seed(utils.seed)
        model = DoubleDescentModel(long_cfg, sweep_p, generator=generator)
        model.optimize(size, steps=16_000, lr=1e-2, lr_scale=short_anthropic_lr, weight_decay=0.3, generator=generator)
        hidden, products = hidden_vectors(model, model.data_set), row_products(model.data_set)
        products.diagonal(dim1=1, dim2=2).zero_()  # not of a row and itself
        polygon_norm = math.sqrt(size / (1 - math.cos(2 * math.pi / size)))  # ‖W‖ as derived
        of_each = measure_run(model, hidden)
        of_each["polygon_ratio"] = of_each["weight_norm"] / polygon_norm
        of_each["shared_angle"] = products.amax(dim=(1, 2)).asin().rad2deg()  # 90° minus that of the most alike rows
        fits = loss_per_row(model, model.data_set) < 1e-3
        long_runs[size] = {name: values[fits].cpu() for name, values in of_each.items()}
        alone = long_runs[size]["shared_angle"] == 0
        print(
            f"T = {size}: {len(alone)} of 16 models without error; in {alone.sum()} of them no two rows share a feature, "
            f"median ‖W‖ {long_runs[size]['weight_norm'][alone].median():.3f}, regular polygon {polygon_norm:.3f}"
        )
    fig = scatter(
        [run["shared_angle"] for run in long_runs.values()],
        [run["gap_deviation"] for run in long_runs.values()],
        names=[f"T = {size}" for size in long_runs],
        labels={
            "x": "90° minus the angle between the two most alike rows x (degrees)",
            "y": "largest departure of a gap from 360° / T (degrees)",
        },
        title="Data points that share nothing form a regular polygon; those that share a feature lean together",
    )
    angle = t.linspace(0, 17, 50)
    allowed = [1 - (1 - angle.deg2rad().sin()) * (1 - math.cos(2 * math.pi / size)) for size in long_runs]  # cosines
    lean = [360 / size - cosine.acos().rad2deg() for size, cosine in zip(long_runs, allowed, strict=True)]
    fig.add_traces(line(lean, x=angle).update_traces(showlegend=False, hoverinfo="skip").data)

# %% [markdown] figure="departure" role="see"
# A mark is a model. Those that did not find room for all data points, with an error above 0.001, are left out.
#
# - **At 0** no two data points share a feature. Their polygon is regular: to within a fraction of a degree for four and
#   five points, whose marks lie on top of each other, and a few degrees for three. The weights are as large as derived;
#   compare the numbers above the figure.
# - **To the right** two rows have a feature in common. In the space of the features they stand less than 90° apart,
#   $x_j \cdot x_k > 0$, and the condition above lets them stand closer in the plane as well. A line says how much closer, if
#   they are neighbours at the distance of a regular polygon. For four points it is about as much as their rows fall short
#   of 90°; for five it is less, for three more. Most marks lie near their line. A mark at 0 to the right belongs to a model
#   in which the two are not neighbours; three points scatter more.
#
# Why are three points the least regular? Their pull is the weakest: their weights depend less on the least gap than those
# of four and five. Weight decay shrinks the biases, too, and those are largest in a regular triangle.
#
# Both causes act in the sweep: some rows share features, and weight decay has not finished. A gap that is not 360° / T
# does not mean that training failed. For so few points, a training loss above 0.001 does.

# %% tags=["claim"]
if MAIN:

    def of_best(name: str, size: int) -> float:
        """A measurement of the model that is drawn."""
        k = sizes.index(size)
        return sweep[name][k, best_of[k]].item()

    def of_alone(name: str, *few: int) -> Float[Tensor, " models"]:
        """A measurement of the long runs in which no two rows share a feature."""
        return t.cat([long_runs[size][name][long_runs[size]["shared_angle"] == 0] for size in few])

    ratio = sweep["data_median"].median(dim=1).values * t.tensor(sizes) / 2  # D over m/T, median model
    middle = slice(sizes.index(4), sizes.index(200) + 1)
    drawn_loss = max(of_best("train_loss", size) for size in (3, 4, 5))
    drawn_room = min(of_best("least_room", size) for size in (3, 4, 5))
    correlation = [
        t.corrcoef(t.stack([long_runs[size]["shared_angle"], long_runs[size]["gap_deviation"]]))[0, 1]
        for size in (4, 5)
    ]
    utils.claim(
        21,
        "a small data set is stored as data points in superposition: regular polygons, each point with m/T of a dimension",
        [
            utils.Measured(
                "T = 3, 4, 5: least room that a loss of 0 leaves, models drawn", drawn_room, at_least=-0.001
            ),
            utils.Measured("T = 3, 4, 5: largest training loss, models drawn", drawn_loss, at_most=1e-3),
            utils.Measured(
                "long runs, nothing shared, T = 4, 5: largest departure (degrees)",
                of_alone("gap_deviation", 4, 5).max(),
                at_most=1,
            ),
            utils.Measured("the same, T = 3: median (degrees)", of_alone("gap_deviation", 3).median(), at_most=6),
            utils.Measured(
                "long runs, nothing shared, T = 4, 5: longest over shortest point",
                of_alone("norm_ratio", 4, 5).max(),
                at_most=1.02,
            ),
            utils.Measured(
                "long runs, nothing shared, T = 4, 5: ‖W‖ off the regular polygon's, share",
                (of_alone("polygon_ratio", 4, 5) - 1).abs().max(),
                at_most=0.01,
            ),
            utils.Measured(
                "long runs, T = 4, 5: correlation of departure and shared angle", min(correlation), at_least=0.9
            ),
            utils.Measured("T = 5: departure from 72° (degrees)", of_best("gap_deviation", 5), at_most=18),
            utils.Measured("the same, own loop", (own_gaps - 72).abs().max(), at_most=18),
            utils.Measured("T = 5: longest over shortest point", of_best("norm_ratio", 5), at_most=1.15),
            utils.Measured("T = 4 to 200: least median D of points over m/T", ratio[middle].min(), at_least=0.75),
            utils.Measured("T = 4 to 200: largest median D of points over m/T", ratio[middle].max(), at_most=1.35),
            utils.Measured("T = 5: median D of features", sweep["feature_median"][2].max(), at_most=0.01),
        ],
        source="SMDD, hidden vectors and dimensionality of small data sets",
    )

# %% [markdown]
# ### How much room each has
#
# *In the paper: the plot of the dimensionality of features and of training examples against the size of the data set.*
#
# **Before you run it**: the dimensionalities of all features add up to 2 at most, and so do those of all data points.
# So neither kind can *lose* dimensions to the other. What can change?

# %% figure="dimensionality"
if MAIN:
    utils.plot_dimensionality_by_size(
        sizes,
        data_D,
        feature_D,
        title="Data points share the plane evenly until there are too many; then a few features take it",
    )

# %% [markdown] figure="dimensionality" role="see"
# On the left, one mark a data point and one a feature, of all four models. From four on, data points follow the dotted
# line $m/T$: the two dimensions are dealt out evenly among them. (Three scatter about it, as their angles do.) Features stay low, until at the largest sizes a few of them rise.
#
# The sum stays close to 2 on both sides, a little below for the features of a model that has stored eight points and
# leans towards some of them; what changes is how many share it. That is on the right. $(\sum D)^2 / \sum D^2$
# counts vectors: $T$ equal ones count as $T$, one alone as 1.
#
# - Up to about 200 data points, nearly all of them share the plane: the curve runs along the dotted line. Features share
#   it in their dozens, and the more data points, the more features, in nobody's order.
# - Between 200 and 700 the curve of the data points breaks away from the line, and the number of features falls.
# - At 1,000 about a dozen features have the plane to themselves, of a thousand: five long ones and some short ones. Which
#   they are, the model has chosen: all are equally important.

# %% tags=["claim"]
if MAIN:
    large = [sizes.index(700), sizes.index(1_000)]
    W = best_runs[-1][0].cpu()
    gaps = gaps_between_neighbours(W[:, W.norm(dim=0).topk(5).indices].T)  # of the longest features at T = 1,000
    data_sum, feature_sum = (t.stack([D.sum(dim=-1) for D in both]) for both in (data_D, feature_D))  # [size inst]
    widest = sweep["weight_norm"][[sizes.index(200), sizes.index(300)]].median(dim=1).values
    utils.claim(
        22,
        "a large data set is stored as features in superposition: a few take the plane, data points get next to nothing",
        [
            utils.Measured(
                "median D of data points, T of 700 and more", sweep["data_median"][large].max(), at_most=0.001
            ),
            utils.Measured(
                "five longest features at T = 1,000: departure from 72° (degrees)", (gaps - 72).abs().max(), at_most=8
            ),
            utils.Measured(
                "largest D of a feature at T = 1,000, median model",
                sweep["feature_largest"][-1].median(),
                at_least=0.15,
            ),
            utils.Measured(
                "features that share the plane at T = 1,000, median model",
                sweep["feature_effective"][-1].median(),
                at_most=20,
            ),
            utils.Measured("the same at T = 200", sweep["feature_effective"][8].median(), at_least=100),
            utils.Measured(
                "sum of D over data points, median model: least of any T",
                data_sum.median(dim=1).values.min(),
                at_least=1.9,
            ),
            utils.Measured(
                "sum of D over features, median model: least of T of 15 and more",
                feature_sum[sizes.index(15) :].median(dim=1).values.min(),
                at_least=1.8,
            ),
            utils.Measured(
                "sum of D, data points or features, any T: largest",
                max(data_sum.max(), feature_sum.max()),
                at_most=2.001,
            ),
            utils.Measured("‖W‖ at T = 200 and 300, the lesser median", widest.min(), at_least=28),
            utils.Measured("‖W‖ at T = 1,000, median model", sweep["weight_norm"][-1].median(), at_most=5),
        ],
        source="SMDD, features of large data sets",
    )

# %% [markdown]
# ### Double descent
#
# *In the paper: test loss against the size of the data set, the figure that the section is named after.*
#
# **Before you run it**: look at your fourth guess once more. How bad can the worst model be, on a scale on which the
# answer 0 scores 1?

# %% figure="double_descent"
if MAIN:
    weight_norms = sweep["weight_norm"].median(dim=1).values.tolist()
    print("‖W‖, median model:", ", ".join(f"{norm:.1f} (T = {T})" for T, norm in zip(sizes, weight_norms, strict=True)))
    utils.plot_loss_by_size(
        sizes,
        {"test loss": sweep["test_loss"].T, "training loss": sweep["train_loss"].T},
        title="Double descent: test loss peaks where points no longer fit and features are not yet learned",
        regimes=(80, 600),
        lowest=0.05,
    )

# %% [markdown] figure="double_descent" role="see"
# A line is the median of four models, its band reaches from the least to the largest. (Training losses below 0.05 leave
# the figure.)
#
# 1. **Up to some 60 data points** the model remembers. Up to a dozen or so it restores nearly without error, more of them
#    more and more badly. Fresh rows hardly touch what it has stored: it answers nearly 0, and scores about 1. (T = 3 is a
#    little above 1: three points can be stored without negative biases, so less holds the answers to fresh rows back.)
# 2. **In between** the test loss is about *ten times* that of a model which answers 0. To keep hundreds of points apart
#    the weights have become huge: $\lVert W \rVert$, printed above the figure, goes from 2 for three points up to 35. From
#    four to eight points it is little more than the polygons ask for; from 15 on the model falls short of that, and gives
#    up points and accuracy. A fresh row shares features with many of the points, and calls up large answers that belong
#    to others.
# 3. **From 700 on** remembering is hopeless, and for the first time the best way to lower the *training* loss is to learn
#    features. The test loss falls below 1, the training loss meets it from below, and the weights shrink to a tenth.
#
# The gain is small: 1 % at T = 1,000. Two dimensions hold about ten of a thousand features, so 1 % is what there is to
# gain. Double descent is not about how good the end is; it is about the ridge on the way.
#
# Now and then one of the four models ends above 1 even at T = 1,000. From seed 0 there is one whose longest feature, 3.3
# times as long as a pentagon's, is on in 3 of its 1,000 data points: a memory that training never let go of. It is the
# lone mark at D = 0.65 in the figure before. So at this size the claim below is about the median model.

# %% tags=["claim"]
if MAIN:
    mean_loss = dict(zip(sizes, sweep["test_loss"].mean(dim=1).tolist(), strict=True))  # over the four models
    peak = max(mean_loss, key=lambda size: mean_loss[size])
    utils.claim(
        23,
        "test loss peaks between the regime that remembers data points and the one that learns features",
        [
            utils.Measured("test loss at T = 30", mean_loss[30], at_most=1.1),
            utils.Measured("test loss at T = 300", mean_loss[300], at_least=3),
            utils.Measured("test loss at T = 1,000, median model", sweep["test_loss"][-1].median(), at_most=1),
            utils.Measured("test loss at T = 1,000, mean", mean_loss[1_000], at_most=1.05),
            utils.Measured("size at which it peaks", peak, at_least=200, at_most=500),
            utils.Measured("training loss at T = 300, largest", sweep["train_loss"][9].max(), at_most=1),
        ],
        source="SMDD, test loss against data-set size",
    )

# %% [markdown]
# ### Weight decay
#
# *In the paper: test loss for several strengths of weight decay.*
#
# The weights at the peak are large, and weight decay makes large weights expensive. The next figure is drawn from a
# longer sweep that comes with the course: three weight decays, fourteen sizes, ten seeds of four models each.
#
# **Before you run it**: a weight decay of 1 shrinks every weight by up to 0.3 % a step, on top of what the gradient does. What
# becomes of the peak? And of the training loss?

# %% figure="weight_decay"
if MAIN:
    table, made_by = utils.double_descent_sweep()
    means = table.groupby(["steps", "weight_decay", "seed", "rows"]).test_loss.mean()  # over the four models of a run
    short = table[table.steps == 8_000]
    shipped_sizes = sorted(short["rows"].unique())
    curves = {decay: means[8_000, decay].unstack("rows") for decay in (0.01, 0.1, 1.0)}  # [seed rows]
    shared = [size for size in shipped_sizes if size in sizes]
    live = {size: loss.mean().item() for size, loss in zip(sizes, sweep["test_loss"], strict=True)}
    utils.plot_loss_by_size(
        shipped_sizes,
        {f"weight decay {decay:g}": curve for decay, curve in curves.items()},
        lines={"your sweep (0.01)": [live.get(size, float("nan")) for size in shipped_sizes]},
        title="Weight decay flattens the peak of the test loss: nothing is left of it at 1",
    )

# %% [markdown] figure="weight_decay" role="see"
# A line is the median of ten seeds, its band reaches from the least to the largest; one seed is the mean of four models.
# The crosses are the sweep that you ran.
#
# - At 0.01 the peak lies at 300 data points for eight of the ten seeds and at 400 for two, and its height ranges
#   from 7 to 14. At 0.1 it is at 300 for eight seeds as well, and two to three and a half times lower.
# - With weight decay 1 there is no peak. The price is paid on the left: with small weights the model cannot keep 15 data
#   points apart, and the training loss of its best model is 0.37 to 0.45 there, three times that at 0.01.
# - At both ends the three curves agree. Weight decay decides how the model fails in between, not what it learns from
#   plenty of data.
# - At three data points the test loss is a little above 1 at *every* weight decay: three points need no
#   negative bias, so less silences their answers to fresh rows. The peak is gone at 1; this is not the peak.
#
# So the ridge is not a law: it is what becomes of a model that may grow its weights without limit in order to remember.
#
# (The file says who made it: its `made_by` holds the commands, and the versions and the machine that they ran on.)

# %% tags=["claim"]
if MAIN:
    peaks = {decay: curve.loc[:, 30:].max(axis=1) for decay, curve in curves.items()}  # height, one a seed
    places = curves[0.01].idxmax(axis=1)  # size, one a seed
    at_3 = min(curve[3].min() for curve in curves.values())
    best_15 = short[short["rows"] == 15].groupby(["weight_decay", "seed"]).train_loss.min()  # of the four models
    fitted = {decay: best_15[decay] for decay in curves}
    at_300 = t.tensor([curves[decay][300].to_numpy() for decay in (1.0, 0.1, 0.01)])  # [decay seed]
    utils.claim(
        24,
        "weight decay flattens the peak",
        [
            utils.Measured("seeds in the shipped sweep", at_300.shape[1], at_least=10),
            utils.Measured(
                "weight decay 1: largest test loss, T of 5 and more", curves[1.0].loc[:, 5:].max().max(), at_most=1.1
            ),
            utils.Measured(
                "seeds in which T = 300 is in the order 1 < 0.1 < 0.01, share",
                (at_300.diff(dim=0) > 0).all(dim=0).double().mean(),
                at_least=1,
            ),
            utils.Measured("weight decay 0.01: lowest peak", peaks[0.01].min(), at_least=3),
            utils.Measured("weight decay 1: least training loss at T = 15", fitted[1.0].min(), at_least=0.3),
            utils.Measured("weight decay 0.01: largest training loss at T = 15", fitted[0.01].max(), at_most=0.19),
            utils.Measured("T = 3: least test loss at any weight decay", at_3, at_least=1.02),
            utils.Measured(
                "weight decay 0.1: highest peak over the lowest at 0.01",
                peaks[0.1].max() / peaks[0.01].min(),
                at_most=1,
            ),
            utils.Measured("weight decay 0.01: least size at the peak", places.min(), at_least=200),
            utils.Measured("weight decay 0.01: largest size at the peak", places.max(), at_most=500),
        ],
        source="SMDD, the effect of weight decay; shipped sweep",
    )


# %% [markdown]
# ### Longer training
#
# *In the paper: every run, 50,000 steps at a rate of 0.001.*
#
# Ours took 8,000 steps at 0.003. Is the ridge only a run that has not finished? The shipped sweep has runs with the
# paper's steps, rate and warm-up as well.
#
# **Before you run it**: does the peak fall when the model has time to settle, or does it rise? Does it move?

# %% figure="longer_training"
if MAIN:
    longer = table[table.steps == 50_000]
    long_curves = {decay: means[50_000, decay].unstack("rows") for decay in (0.01, 1.0)}  # [seed rows]
    long_sizes = sorted(longer["rows"].unique())
    utils.plot_loss_by_size(
        long_sizes,
        {
            "50,000 steps, weight decay 0.01": long_curves[0.01],
            "8,000 steps, weight decay 0.01": curves[0.01][long_sizes],
            "50,000 steps, weight decay 1": long_curves[1.0],
        },
        title="Longer training makes the peak higher and leaves it where it is",
    )

# %% [markdown] figure="longer_training" role="see"
# - With six times the steps the peak is about four times as high: 29 to 70, against 7 to 14. It lies at 300 data points
#   for six of the ten seeds, at 400 for three and at 500 for one.
# - What has grown is memory. At 200 data points $\lVert W \rVert$ goes from 35 to 56. At 30 the training loss of the best
#   model falls from 0.45 to 0.25: with 29 instead of 21, $\lVert W \rVert$ is nearer to the 37 that a polygon of 30 asks for.
# - At 8 and 15 points the band is wide: one model of forty at 8, and seven at 15, score above 1.5. Their weights are larger
#   than those of the others. The worst, at 8, has $\lVert W \rVert$ = 18 where a polygon asks for 5.2.
# - From 700 on next to nothing changes, and weight decay 1 leaves no peak after 50,000 steps either.
# - Weight decay 1 has now had its time, and three data points stand where the derivation puts them: half of the models
#   are within 0.4° of the regular triangle, with $\lVert W \rVert$ = 1.415. Their positive biases answer every row with something: a test loss of 1.3.
#
# So the ridge is not a run that has not finished. It is what a run does that goes on: it trades larger weights for a
# better memory. Whoever stops early has less of it, for the same reason as with weight decay: the weights stay smaller.

# %% tags=["claim"]
if MAIN:
    long_peaks = long_curves[0.01].max(axis=1)  # height, one a seed
    long_places = long_curves[0.01].idxmax(axis=1)  # size, one a seed
    triangles = longer[(longer["rows"] == 3) & (longer.weight_decay == 1)].median()
    norms_at_200 = table[(table["rows"] == 200) & (table.weight_decay == 0.01)].groupby("steps").weight_norm.median()
    utils.claim(
        23,
        "longer training makes the peak higher and does not move it",
        [
            utils.Measured("seeds of 50,000 steps", min(map(len, long_curves.values())), at_least=10),
            utils.Measured(
                "median peak over that of 8,000 steps", long_peaks.median() / peaks[0.01].median(), at_least=2
            ),
            utils.Measured("lowest peak", long_peaks.min(), at_least=10),
            utils.Measured("least size at the peak", long_places.min(), at_least=200),
            utils.Measured("largest size at the peak", long_places.max(), at_most=500),
            utils.Measured("largest test loss at T = 1,000", long_curves[0.01][1_000].max(), at_most=1),
            utils.Measured(
                "‖W‖ at T = 200 over that of 8,000 steps", norms_at_200[50_000] / norms_at_200[8_000], at_least=1.3
            ),
            utils.Measured(
                "weight decay 1: largest test loss, T of 5 and more",
                long_curves[1.0].loc[:, 5:].max().max(),
                at_most=1.1,
            ),
            utils.Measured("weight decay 1, T = 3: median departure (degrees)", triangles.gap_deviation, at_most=5),
            utils.Measured("weight decay 1, T = 3: median ‖W‖", triangles.weight_norm, at_least=1.40, at_most=1.44),
        ],
        source="SMDD, test loss against data-set size; shipped sweep",
    )


# %% [markdown]
# ### The longer run
#
# The script that made the shipped sweep can go further, to more features, more data and more steps. It shares the runs
# out to all cores, or makes them on a GPU or a Dask cluster, can be stopped at any time, and goes on where it was:
#
# ```bash
# python -m part31_superposition_and_saes.experiments.double_descent --help
# ```
#
# The paper's own size, 10,000 features and 50,000 steps, costs some thousand times what your sweep did.

# %% [markdown]
# ## An open task
#
# No stub, no test, and no answer here: a question of the paper, for a run of your own.
#
# > **What decides where the peak lies?** It is at about 300 data points for 1,000 features in 2 dimensions, of which 10 are
# > on in a row. Change one of the three numbers and predict where the peak goes *before* you run. Does it move with the
# > number of features? With the number of dimensions, as it would if it were a matter of how many points fit? With
# > neither, but with how many rows each feature is on in?
#
# Some advice on how to go about it:
#
# - Write down your prediction as a number, with its reason. Three points on a curve decide more than one.
# - Start small: 500 features, sizes around where you expect the peak, and 4,000 steps. `--features 500 --sizes 50 100
#   150 200 300 400 --seeds 0 1 --weight-decays 0.01 --runs build/my_runs.jsonl --out my_sweep.json` is a matter of
#   a minute or two. Note that the script keeps 10 features on in a row unless you give `--probability`.
# - More than two hidden dimensions (`--hidden`) take torch's path, some five times slower than the compiled one.
# - Say what you changed beside the number that you meant to change. Then draw it, next to the live sweep.
# - A result that contradicts your prediction is worth more than one that confirms it. Find out why.

# %% [markdown]
# ## What you have seen
#
# - A model with a **small data set** stores the data points: regular polygons in the plane, each point with $m/T$ of a
#   dimension. A model with a **large** one stores features: a pentagon.
# - **In between**, fresh data cost about ten times what the answer 0 would. That peak is double descent, and it has a picture:
#   a full ring of data points, held apart by huge weights.
# - **Weight decay** takes the peak away, and longer training raises it. What weight decay costs is memory.
# - Both regimes are **superposition**: more things than dimensions. What the things are depends on the data, not on the
#   model. This is what makes features hard to find in a model that was trained on too little.
# - To **replicate** is to choose a smaller setting, name each difference, check figure by figure, and say where yours
#   differs. Polygons that were not quite regular led to a theory of when they are, and to a run that confirms it.
#
# **Read next**: SMDD itself, at transformer-circuits.pub/2023/toy-double-descent. Then Nakkiran et al. 2019, *Deep Double
# Descent*, arXiv 1912.02292, for the same curve in large models. Section 5 turns the question round: given a model that
# holds features in superposition, how do you get them out?
