# %% tags=["module-only"]
"""Bonus, first part: superposition as a phase change, and what it does to a model under attack."""

from collections.abc import Callable

import numpy as np
import torch as t
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

import part31_superposition_and_saes.utils as utils
from part31_superposition_and_saes.sections.s1_toy_models import ToyModel, ToyModelConfig, linear_lr
from part31_superposition_and_saes.utils import device

MAIN = __name__ == "__main__"
if MAIN:
    import part31_superposition_and_saes.tests as tests

# %% [markdown]
# # ☆ Bonus: phase changes, attacks, absorption, and a benchmark
#
# > **You will learn**
# >
# > - to work out on paper when a model should superpose two features, and to see training agree
# > - to compute an expected loss exactly where everyone else samples it
# > - why one training run is a poor witness of what a model "wants"
# > - to attack a toy model, and to measure what superposition costs it in robustness
# > - what feature absorption is, how to provoke it, and which autoencoders suffer from it
# > - to compare autoencoders fairly, at an equal number of active latents, and to rank one of your own
#
# *About 4 hours, the reading not included (an estimate). You need the toy model of section 1, and for the parts on
# autoencoders those of section 5. All are imported below, so you can start here.*

# %% [markdown]
# ### The parts
#
# Each part stands alone. Take the ones that you are curious about.
#
# | Part | Question | Needs | Time (an estimate) |
# |---|---|---|---|
# | Phase change | When is it right to put two features on one line, and is the change sudden? | section 1 | 75 minutes |
# | Adversarial vulnerability | Does a model with more features per dimension break more easily? | section 1 | 30 minutes |
# | Feature absorption | Why does a latent fall silent just when its feature is on? | section 5 | 90 minutes |
# | A benchmark of autoencoders | Which autoencoder is best, and by which measure? | section 5 | 60 minutes |
# | Replications and reading | What next? | | |

# %%
if MAIN:
    from collections.abc import Callable

    from jaxtyping import Int  # shapes of whole numbers, as Float is of others

    from part31_superposition_and_saes.solutions import ToyModel, ToyModelConfig, linear_lr

# %% [markdown]
# ## Phase change: the smallest model that has to choose
#
# Sections 1 to 3 showed models that superpose and models that do not. What decides? And does a model slide from the
# one into the other, or does it jump?
#
# Take the smallest case in which there is a choice: **two features, one hidden dimension**. The model is
# $x' = \mathrm{ReLU}(W^\top W x + b)$ with $W = (w_1, w_2)$, two numbers. Each feature is on with probability $p$,
# independently of the other, and is then uniform on $[0, 1]$. The first has importance 1, the second has **relative importance** $r$.
#
# There are three sensible things to do with one dimension:
#
# | phase | $W$ | what happens to feature 1 | what happens to feature 2 |
# |---|---|---|---|
# | 0, **ignored** | $(1, 0)$ | perfect | answered by a constant |
# | 1, **antipodal** | $(1, -1)$ | perfect, unless both are on | perfect, unless both are on |
# | 2, **dedicated** | $(0, 1)$ | answered by a constant | perfect |
#
# "Ignored" and "dedicated" speak of the second feature. What does each cost? Take the squared error, weighted by
# importance and **summed** over the two features. (`calculate_loss` takes the mean over features, so it gives half.)
#
# **Ignored.** The output for feature 2 is a number that does not depend on the input: its bias. The best constant is the
# mean, $b_2 = \mathbb{E}[x_2] = p/2$, and what remains is the variance. The mean square is $p/3$, so
#
# $$L_\text{ignored} = r \left( \frac p3 - \frac{p^2}4 \right), \qquad L_\text{dedicated} = \frac p3 - \frac{p^2}4.$$
#
# **Antipodal.** With $b = 0$ the outputs are $\mathrm{ReLU}(x_1 - x_2)$ and $\mathrm{ReLU}(x_2 - x_1)$. If one feature is
# on, both are right. If both are on, the larger is answered by the difference and the smaller by 0. Each of them is off by
# $\min(x_1, x_2)$. The smaller of two uniform numbers has density $2 (1 - u)$, so its mean square is
# $\int_0^1 2 (1 - u)\, u^2\, du = \tfrac16$. Both are on with probability $p^2$:
#
# $$L_\text{antipodal} = p^2\, \frac{1 + r}6.$$
#
# This holds the whole story. Dropping a feature costs a multiple of $p$: you pay whenever it is on. Superposing
# costs a multiple of $p^2$: you pay only when both are on. As $p$ falls, the second must win.


# %% [markdown] exercise="strategy_losses"
# ## Exercise: `strategy_losses`
#
# > Difficulty 1 of 5 · importance 3 of 5 · about 5 minutes (an estimate)
#
# You want all three costs at once, for any grid of importances and densities, so that `argmin` over the first axis is
# the phase that should win.
#
# **Before you code**: both features are always on ($p = 1$) and matter alike ($r = 1$). Which phase wins, and by what
# factor?


# %% exercises=["strategy_losses"]
def strategy_losses(
    importance: Float[Tensor, "*grid"], probability: Float[Tensor, "*grid"]
) -> Float[Tensor, "phase *grid"]:
    """Expected loss of the three strategies for two features in one dimension (after Elhage et al. 2022).

    Squared error weighted by importance, summed over both features.

    Args:
        importance: r, of the second feature; the first has importance 1.
        probability: p, with which each feature is on; above 0, at most 1.
    Returns:
        Phase 0: the second feature is ignored; 1: antipodal; 2: the dimension is dedicated to the second feature.
    """
    ### BEGIN SOLUTION
    variance = probability / 3 - probability**2 / 4
    both_on = probability**2
    return t.stack([importance * variance, both_on * (1 + importance) / 6, variance])
    ### END SOLUTION


# %% exercise="strategy_losses" role="test"
if MAIN:
    tests.test_strategy_losses(strategy_losses)

# %% [markdown] exercise="strategy_losses" role="hint"
# Two of the three losses contain the variance of a feature. Which, and what stands before it?

# %% [markdown] exercise="strategy_losses" role="hint"
# `t.stack([...])` makes the new first axis. The order is that of the table: ignored, antipodal, dedicated.

# %% [markdown] exercise="strategy_losses" role="solution"
# For $p = 1$ and $r = 1$ the variance is $\tfrac13 - \tfrac14 = \tfrac1{12}$ and the antipodal loss $\tfrac13$: four
# times as much. A feature that is always on is not far from its mean, so a constant answers it well. That is why the
# variance belongs here, and not the mean square $p/3$, which is what an answer of 0 would cost.


# %% [markdown] exercise="critical_density"
# ## Exercise: `critical_density`
#
# > Difficulty 2 of 5 · importance 4 of 5 · about 15 minutes (an estimate)
#
# Where two strategies cost the same there is a border. For each importance $r$ there is one density $p^*(r)$ at which
# superposition begins to pay: above it one of the two features has to go, below it both stay.
#
# Work it out on paper. Of the two strategies that drop a feature, which one competes at $r < 1$, and which at $r > 1$?
# Set its loss equal to the antipodal one; a factor $p$ cancels.
#
# **Before you code**: at which $r$ should superposition begin at the *highest* density? What would you expect of $p^*$
# as $r \to 0$, and as $r \to \infty$?


# %% exercises=["critical_density"]
def critical_density(importance: Float[Tensor, "*grid"]) -> Float[Tensor, "*grid"]:
    """Feature probability below which the antipodal strategy has the least of the three `strategy_losses`.

    Args:
        importance: r, of the second feature, above 0; the first has importance 1.
    Returns:
        p*, between 0 and 1.
    """
    ### BEGIN SOLUTION
    against_ignoring = 4 * importance / (2 + 5 * importance)
    against_dedicating = 4 / (2 * importance + 5)
    return t.minimum(against_ignoring, against_dedicating)
    ### END SOLUTION


# %% exercise="critical_density" role="test"
if MAIN:
    tests.test_critical_density(critical_density)

# %% [markdown] exercise="critical_density" role="hint"
# At $r < 1$ the feature to drop is the second. Divide
# $r \left(\tfrac p3 - \tfrac{p^2}4\right) = p^2\, \tfrac{1 + r}6$ by $p$, multiply by 12, and collect $p$.

# %% [markdown] exercise="critical_density" role="hint"
# Superposition has to beat *both* ways of dropping a feature. So of the two densities it needs the smaller one:
# `t.minimum`, and no case distinction.

# %% [markdown] exercise="critical_density" role="solution"
# $p^* = \dfrac{4r}{2 + 5r}$ for $r \le 1$ and $\dfrac{4}{2r + 5}$ for $r \ge 1$. The two meet at $r = 1$ with
# $p^* = \tfrac47$, the highest density at which superposition ever pays: it needs partners that matter alike. For
# $r \to 0$ the border falls like $2r$, and for $r \to \infty$ like $2/r$. The reason is the same: rename the
# features, and $r$ becomes $1/r$. Does your formula obey that?


# %% [markdown]
# ## An expected loss without sampling
#
# Now train, and see whether descent finds what paper predicts. A whole map of importances and densities needs
# thousands of models, and near the border two strategies differ by a few per cent. Batches of 1,000 rows would drown
# that in noise, above all at $p = 0.01$, where most rows are empty.
#
# With two features you need no batch. A row is in one of four states, and you know the probability of each:
#
# | state | probability | what is left to average over |
# |---|---|---|
# | both off | $(1 - p_1)(1 - p_2)$ | nothing |
# | only 1 on | $p_1 (1 - p_2)$ | $x_1$, uniform |
# | only 2 on | $(1 - p_1)\, p_2$ | $x_2$, uniform |
# | both on | $p_1 p_2$ | $x_1$ and $x_2$, uniform on the square |
#
# What is left are integrals over $[0, 1]$, and for those there is **Gauss-Legendre quadrature**: a few places $u_i$ and
# weights $\omega_i$ with
#
# $$\int_0^1 f(u)\, du \approx \sum_{i=1}^k \omega_i\, f(u_i),$$
#
# exact for polynomials up to degree $2k - 1$. Our integrand is a square, so where no ReLU switches inside the
# integral, two nodes are exact. Where one does switch there is a kink, and a few more nodes are needed. The next cell
# (given) has the nodes and the weights.


# %%
def gauss_legendre(n_nodes: int, like: Float[Tensor, "..."]) -> tuple[Float[Tensor, " nodes"], Float[Tensor, " nodes"]]:
    """Nodes in (0, 1) and weights that sum to 1: the Gauss-Legendre rule for integrals over [0, 1] (given).

    Args:
        n_nodes: polynomials up to degree 2 n_nodes - 1 are integrated exactly.
        like: a tensor whose dtype and device the two take on.
    """
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)  # for [-1, 1]
    return like.new_tensor((nodes + 1) / 2), like.new_tensor(weights / 2)


# %% [markdown] exercise="expected_loss"
# ## Exercise: `expected_loss`
#
# > Difficulty 3 of 5 · importance 4 of 5 · about 30 minutes (an estimate)
#
# You want the loss that an infinite batch would give, as a function that can be differentiated:
#
# $$L = \mathbb{E} \sum_{i=1}^2 I_i\, (x'_i - x_i)^2,$$
#
# one number for each instance, with the expectation taken over the four states and, for each feature that is on, over
# `n_nodes` Gauss-Legendre nodes.
#
# There is a short way. Give each feature the values $0, u_1, \dots, u_k$, with the probabilities
# $1 - p,\; p\,\omega_1, \dots, p\,\omega_k$. "Off" is then one more value, and the four states are one grid of
# $(k + 1)^2$ points.
#
# **Before you code**: the model answers 0 to everything ($W = 0$, $b = 0$). What must your function give, and how many
# nodes does it need?


# %% exercises=["expected_loss"]
def expected_loss(
    W: Float[Tensor, "inst d_hidden 2"],
    b_final: Float[Tensor, "inst 2"],
    feature_probability: Float[Tensor, "inst 2"],
    importance: Float[Tensor, "inst 2"],
    n_nodes: int = 6,
) -> Float[Tensor, " inst"]:
    """Loss of ReLU(Wᵀ W x + b_final) on two features, averaged over all data by quadrature and not by sampling.

    Features are independent, each on with its probability and then uniform on [0, 1].

    Args:
        W, b_final: parameters; gradients flow to them.
        feature_probability: how often each feature is on.
        importance: weight of each feature's squared error.
        n_nodes: nodes of the `gauss_legendre` rule for a feature that is on.
    Returns:
        Expected squared error, weighted by importance and summed over both features.
    """
    ### BEGIN SOLUTION
    nodes, weights = gauss_legendre(n_nodes, W)
    values = F.pad(nodes, (1, 0))  # 0 stands for "off"
    x = t.cartesian_prod(values, values).mT  # [2 points]
    p = feature_probability[:, :, None]
    chances = t.cat([1 - p, p * weights], dim=-1)  # [inst 2 values]
    chance = (chances[:, 0, :, None] * chances[:, 1, None, :]).flatten(1)  # [inst points]

    out = F.relu((W.mT @ W) @ x + b_final[:, :, None])  # [inst 2 points]
    error = (importance[:, :, None] * (out - x) ** 2).sum(dim=1)
    return (error * chance).sum(dim=-1)
    ### END SOLUTION


# %% exercise="expected_loss" role="test"
if MAIN:
    tests.test_expected_loss(expected_loss)

# %% [markdown] exercise="expected_loss" role="hint"
# `t.cartesian_prod(values, values)` gives all pairs, `[points 2]`, with the second feature running fastest. Their
# probabilities are products of one entry for each feature: an outer product, flattened in the same order.

# %% [markdown] exercise="expected_loss" role="hint"
# The points are the same for all instances, the probabilities are not: those have the shape `[inst points]`. Send the
# points through all models at once; `(W.mT @ W) @ x` with `x` of shape `[2 points]` is `[inst 2 points]`.

# %% [markdown] exercise="expected_loss" role="hint"
# The weights of the rule go with the values that are on. "Off" has no node, and its weight is the whole $1 - p$.

# %% [markdown] exercise="expected_loss" role="solution"
# The model that answers 0 costs $\sum_i I_i\, p_i / 3$, the mean squares, and two nodes are enough for a square.
#
# To treat "off" as one more value turns four cases into one grid and leaves nothing to forget. The cost is
# $(k + 1)^2$ points a model, 49 for $k = 6$, where a batch of 49 rows at $p = 0.01$ would contain one row with a feature on.
# The result has no noise, so its descent needs no small learning rate at the end to average anything out.

# %% [markdown]
# ### How good are six nodes?
#
# **Before you run it**: the antipodal model has a kink along the diagonal of the square, where the ReLU switches. By
# how many per cent will six nodes miss $p^2 (1 + r) / 6$? And the model that ignores feature 2, which has no kink?

# %%
if MAIN:
    shapes = {"ignored": ([1.0, 0.0], [0.0, 0.1]), "antipodal": ([1.0, -1.0], [0.0, 0.0])}  # W and b at p = 0.2
    exact = dict(zip(["ignored", "antipodal"], strategy_losses(t.tensor(0.5), t.tensor(0.2)), strict=False))
    for name, (w, b) in shapes.items():
        model_and_data = t.tensor([w])[None], t.tensor([b]), t.tensor([[0.2, 0.2]]), t.tensor([[1.0, 0.5]])
        off_by = {k: float(expected_loss(*model_and_data, n_nodes=k)[0] / exact[name] - 1) for k in (2, 4, 6, 12, 24)}
        print(f"{name:9}", ", ".join(f"{k} nodes: {error:+.2%}" for k, error in off_by.items()))

# %% [markdown]
# Without a kink the rule is exact from two nodes on; with one, the error falls with the square of the number of nodes.
# Six are enough to train with. To *compare* losses we use 24 below.

# %% [markdown]
# ## Experiment: theory and training side by side
#
# A map with 30 importances from 0.1 to 10 and 30 densities from 1 down to 0.01: 900 settings. Each is trained from 6
# different starts, so 5,400 models in one batched run; of each six, the one with the least loss counts. The next cell
# (given) has the descent, and a rule that reads the phase off the weights: if the smaller weight is less than half the
# larger, that feature has been dropped.


# %%
def minimise_expected_loss(
    model: ToyModel,
    loss: Callable[..., Float[Tensor, " inst"]],
    steps: int = 600,
    lr: float = 3e-2,
    lr_scale: Callable[[int, int], float] = linear_lr,
) -> None:
    """Descend, in place and with Adam, on an expected loss such as `expected_loss` (given).

    Args:
        model: of two features.
        loss: called with the model's W, b_final, feature_probability and importance.
        steps, lr, lr_scale: as in `ToyModel.optimize`.
    """
    optimizer = t.optim.Adam(model.parameters(), lr=lr)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * lr_scale(step, steps)
        optimizer.zero_grad()
        loss(model.W, model.b_final, model.feature_probability, model.importance).sum().backward()
        optimizer.step()


def phase_of(W: Float[Tensor, "*grid 1 2"]) -> Int[Tensor, "*grid"]:
    """The phase that two weights are in: 0 ignored, 1 antipodal, 2 dedicated (as in `strategy_losses`), 3 same side (given).

    A feature counts as dropped if its weight is, in absolute value, below half the other's.
    """
    first, second = W[..., 0, 0], W[..., 0, 1]
    dropped = t.minimum(first.abs(), second.abs()) < 0.5 * t.maximum(first.abs(), second.abs())
    kept_both = t.where(first * second < 0, 1, 3)
    return t.where(dropped, t.where(first.abs() > second.abs(), 0, 2), kept_both)


# %% [markdown]
# The closed-form antipodal strategy is not the best of its kind. The model may also choose the length of each weight and
# a bias for each output. There is no formula for that optimum, but it can be found: start *at* $(1, -1)$ with $b = 0$ and
# descend. So there are two theories, one on paper and one by numbers.
#
# **Before you run it**:
#
# 1. Where on the map will the models that have trained be wrong about the phase: anywhere, or along the border?
# 2. How often will a *single* run find the phase that is best?

# %% figure="phase_diagram"
if MAIN:
    n_grid, n_restarts = 30, 6
    importances = 10.0 ** t.linspace(-1, 1, n_grid, device=device)  # relative importance of the second feature
    densities = 10.0 ** -t.linspace(0, 2, n_grid, device=device)  # feature probability
    r_grid, p_grid = t.meshgrid(importances, densities, indexing="ij")  # [importance density]
    generator = t.Generator(device).manual_seed(utils.seed)

    def two_in_one(copies: int) -> ToyModel:
        """A model of two features in one dimension for every cell of the map, `copies` times over."""
        importance = t.stack([t.ones_like(r_grid), r_grid], dim=-1).reshape(-1, 2)
        return ToyModel(
            ToyModelConfig(n_inst=copies * n_grid**2, n_features=2, d_hidden=1),
            feature_probability=p_grid.reshape(-1, 1).repeat(copies, 1),
            importance=importance.repeat(copies, 1),
            generator=generator,
        )

    @t.no_grad()
    def final_loss(model: ToyModel) -> Tensor:
        """Expected loss by 24 nodes, [copy importance density]."""
        found = expected_loss(model.W, model.b_final, model.feature_probability, model.importance, n_nodes=24)
        return found.reshape(-1, n_grid, n_grid)

    paper = strategy_losses(r_grid, p_grid)  # [phase importance density]
    on_paper = paper.argmin(dim=0)

    optimised = two_in_one(copies=1)
    with t.no_grad():
        optimised.W.copy_(t.tensor([1.0, -1.0]))
    minimise_expected_loss(optimised, expected_loss, steps=1_500, lr=1e-2)
    optimised_loss, optimised_W = final_loss(optimised)[0], optimised.W.detach().reshape(n_grid, n_grid, 1, 2)
    without = paper[[0, 2]].amin(dim=0)  # the cheaper way of dropping a feature
    by_numbers = t.where(optimised_loss < without, phase_of(optimised_W), t.where(r_grid < 1, 0, 2))

    trained = two_in_one(copies=n_restarts)
    started_W = trained.W.detach().clone()
    minimise_expected_loss(trained, expected_loss)
    trained_loss = final_loss(trained)  # [restart importance density]
    trained_W = trained.W.detach().reshape(n_restarts, n_grid, n_grid, 1, 2)
    best = trained_loss.argmin(dim=0)
    best_W = t.take_along_dim(trained_W, best[None, ..., None, None], dim=0)[0]
    found = phase_of(best_W)
    agree_paper, agree_numbers = ((found == theory).float().mean() for theory in (on_paper, by_numbers))

    utils.plot_phase_diagram(
        {
            "theory, on paper": on_paper,
            "theory, scale and bias optimised": by_numbers,
            f"trained, best of {n_restarts}: {agree_numbers:.1%} agree": found,
        },
        importances,
        densities,
        border=critical_density(importances),
        title="Theory and training draw the same map: whether two features share a dimension is a phase",
    )

# %% [markdown] figure="phase_diagram" role="see"
# The same three regions in all three panels, with almost the same borders; the dashed line is your $p^*(r)$, the border
# on paper.
#
# - Between theory and training fewer than 1 cell in 50 differs. Some lie at the border. The others are lone cells in the
#   midst of a region, where all six starts got stuck: a failure of the descent, and not of the theory.
# - The numbers move the border a little, towards denser features: an antipodal pair that may choose its lengths and
#   biases is cheaper than $(1, -1)$, near the border by up to a fifth. So it wins a little earlier.
# - The map is symmetric about $r = 1$. Exchange the two features, and $r$ becomes $1/r$.
#
# This is what TMS means by a **phase change**. Nothing in the loss is discontinuous; only its optimum is.

# %% [markdown]
# ### One run is no witness
#
# **Before you run it**: you trained 6 models a cell and took the best. What would the map look like from one of them?

# %% figure="restarts"
if MAIN:
    shares_right = []
    for n_taken in range(1, n_restarts + 1):  # the mean over six groups of so many runs
        taken = t.stack([t.arange(k, k + n_taken) % n_restarts for k in range(n_restarts)]).to(device)
        shares = []
        for group in taken:
            winner = trained_loss[group].argmin(dim=0)
            W = t.take_along_dim(trained_W[group], winner[None, ..., None, None], dim=0)[0]
            shares.append((phase_of(W) == by_numbers).float().mean())
        shares_right.append(t.stack(shares).mean())
    agreement = t.stack(shares_right)  # [restarts]
    utils.plot_restarts(
        agreement,
        phase_of(trained_W[0]),
        importances,
        densities,
        border=critical_density(importances),
        title="A single run finds the best phase in seven cells of ten; the best of six is hardly ever wrong",
    )

# %% [markdown] figure="restarts" role="see"
# One run is right in about 7 cells of 10. The wrong ones are not near the border; they are strewn all over the
# **antipodal** region, where they have dropped a feature. (The few red cells hold both features on the same side.)
#
# The reason is the start. Two random weights have the same sign half the time. Of the models that start so, two thirds
# end in another phase, most with a feature dropped; of those that start with opposite signs, one in fifty. On the way from
# the one sign to the other a weight has to pass through 0. Once the other weight and the biases have settled there is no
# gradient there: whichever way it moves, the loss changes with the square of the step only. Most stay there, or at a
# small weight of the same sign as the other, with biases that make the best of it. And in nine of ten
# it is the more important feature that survives, so a stuck model looks like a sensible one.
#
# Had you drawn only this map you would have concluded that the phase is a matter of chance. **The best of several runs
# tells you what the loss prefers; one run tells you where it started.** Sections 1 to 5 trained several copies for
# the same reason.

# %% [markdown]
# ### How sudden?
#
# A border on a map of phases says little about what happens at it: the rule that names a phase has a threshold. So look at
# the weights. Walk down a column of the map, from dense features to sparse ones, at a fixed importance.
#
# **Before you run it**: will the smaller weight grow slowly from 0 to 1, or jump? Where does it land?

# %% figure="jump"
if MAIN:
    smaller = best_W.abs().amin(dim=(-2, -1))  # [importance density]
    columns = t.tensor([2, 7, 11, 24], device=device)  # r of 0.14, 0.3, 0.57 and 4.5
    utils.plot_jump(
        smaller[columns],
        densities,
        [f"r = {r:.2g}" for r in importances[columns]],
        critical_density(importances[columns]),
        title="At the border the smaller weight jumps from 0 to about four fifths",
    )

# %% [markdown] figure="jump" role="see"
# It jumps. On the dense side it is 0, and one step of the grid later it is at about four fifths, on its way
# to 1. The two arrangements are two separate valleys of the loss; at the border they are equally deep. Neither
# turns into the other there: it is the *lower* one that changes. That is a first-order transition, as between water and ice.
#
# Near $r = 1$ with dense features the picture blurs: two features that matter alike and are nearly always on can be
# rotated into each other at little cost, as in the linear model of section 1, and weights of all sizes appear.

# %% tags=["claim"]
if MAIN:
    single = [(phase_of(W) == by_numbers).float().mean() for W in trained_W]
    same_sign = (started_W.prod(dim=-1) > 0).reshape(n_restarts, n_grid, n_grid)
    should_pair = (by_numbers == 1).expand_as(same_sign)
    is_stuck = phase_of(trained_W) != 1
    one_dropped = should_pair & (phase_of(trained_W) % 2 == 0)
    kept_first = phase_of(trained_W)[one_dropped] == 0
    first_matters_more = (r_grid < 1).expand_as(one_dropped)[one_dropped]
    both = found == 1
    last_without, first_with = [], []
    for row in range(n_grid):
        first = int(both[row].int().argmax())  # densities fall along the row
        if not 0.8 < importances[row] < 1.25 and first > 0:
            last_without.append(smaller[row, first - 1])
            first_with.append(smaller[row, first])
    saving = (1 - optimised_loss / paper[1])[by_numbers == 1]
    before, after = t.stack(last_without), t.stack(first_with)
    utils.claim(
        34,
        "two features in one dimension: theory and training agree on the phase, and the change is sudden",
        [
            utils.Measured("share of cells as the numerical optimum, best of 6", agree_numbers, at_least=0.98),
            utils.Measured("share of cells as the closed form, best of 6", agree_paper, at_least=0.96),
            utils.Measured("share of cells as the numerical optimum, a single run", t.stack(single).mean(), 0.65, 0.8),
            utils.Measured(
                "share stuck of those that should pair and started with one sign",
                is_stuck[should_pair & same_sign].float().mean(),
                at_least=0.5,
            ),
            utils.Measured(
                "share stuck of those that should pair and started with opposite signs",
                is_stuck[should_pair & ~same_sign].float().mean(),
                at_most=0.1,
            ),
            utils.Measured(
                "share of those stuck with one feature that keep the more important one",
                (kept_first == first_matters_more).float().mean(),
                at_least=0.8,
            ),
            utils.Measured("median smaller weight, the last cell before the border", before.median(), at_most=0.05),
            utils.Measured("median smaller weight, the first cell after it", after.median(), 0.65, 0.9),
            utils.Measured("least smaller weight there", after.min(), at_least=0.5),
            utils.Measured("largest share saved by scale and bias over (1, -1)", saving.max(), 0.1, 0.3),
        ],
        source="TMS, 'Superposition as a Phase Change'",
    )

# %% [markdown]
# ### An open task
#
# No stub, no test, and no answer here. TMS goes on to **three features in two dimensions**. Now there are more
# strategies: two features get a dimension each and the third is ignored; the third shares a line with one of them or with
# both; all three stand at 120°.
#
# > Let features 1 and 2 have importance 1, and give the third the importance $r$. Work out the loss of each strategy
# > that you can write down. Then draw the map.
#
# - `expected_loss` is written for two features. With three, the grid has $(k + 1)^3$ points: which lines change?
# - `phase_of` needs a new rule. The dimensionality of section 3 may be a better one than a threshold on weights.
# - Predict first whether the new phase has its place at $r < 1$, at $r > 1$, or around $r = 1$.
# - Six restarts were enough for two weights. How would you find out how many you need here?


# %% [markdown]
# ## Adversarial vulnerability
#
# Superposition has a price that the loss does not show. In a model without it, a small change of the input changes
# one output by as much, and no more. In a model with it, an output listens to *every* input whose direction overlaps
# with its own. On data this hardly matters, since few features are on. An adversary is not bound to the data: a small
# push on each of many features, all with the right sign, adds up. TMS conjectures that superposition is one cause of
# adversarial examples, and that a model with more features per dimension is easier to attack.
#
# To test that you need to know the worst that can be done. Take a row $x$, the model $f$, and a perturbation $\delta$
# of a fixed length $\varepsilon$. How far can the output move?
#
# $$\max_{\lVert \delta \rVert_2 = \varepsilon} \; \lVert f(x + \delta) - f(x) \rVert_2$$


# %% [markdown] exercise="strongest_attack"
# ## Exercise: `strongest_attack`
#
# > Difficulty 3 of 5 · importance 3 of 5 · about 20 minutes (an estimate)
#
# You cannot try all directions in 100 dimensions, but you can climb. Start from some $\delta$, take the gradient
#
# $$g = \nabla_\delta\, \lVert f(x + \delta) - f(x) \rVert_2^2,$$
#
# and put the whole length $\varepsilon$ along it: $\delta \leftarrow \varepsilon\, g / \lVert g \rVert$. Repeat. There is
# no step size. Each row of each instance climbs for itself. Where the gradient is 0 there is no direction to take, and
# $\delta$ stays as it is.
#
# **Before you code**: suppose $f$ were linear, $f(x) = Mx$. What does one step do to $\delta$, and what do many steps
# lead to? And why must you not start at $\delta = 0$?


# %% exercises=["strongest_attack"]
def strongest_attack(
    model: Callable[[Float[Tensor, "batch inst feats"]], Float[Tensor, "batch inst feats"]],
    features: Float[Tensor, "batch inst feats"],
    start: Float[Tensor, "batch inst feats"],
    norm: float = 1.0,
    steps: int = 20,
) -> Float[Tensor, "batch inst feats"]:
    """Perturbations of a given length that move the output of a model as far as gradient steps can bring it.

    Args:
        model: whose output is to move; rows and instances do not mix in it.
        features: the rows to attack.
        start: perturbations to begin with, of length `norm`, none of them zero.
        norm: length of each row's perturbation, over feats.
        steps: how often it is replaced by `norm` times the unit vector along the gradient of the squared change.
    Returns:
        The perturbations after the last step, without a graph. One whose gradient is zero stays as it is.
    """
    ### BEGIN SOLUTION
    with t.no_grad():
        undisturbed = model(features)
    attack = start.detach()
    for _ in range(steps):
        attack = attack.clone().requires_grad_()
        squared_change = (model(features + attack) - undisturbed).pow(2).sum()
        (gradient,) = t.autograd.grad(squared_change, attack)
        length = gradient.norm(dim=-1, keepdim=True)
        attack = t.where(length > 0, norm * gradient / length, attack.detach())
    return attack.detach()
    ### END SOLUTION


# %% exercise="strongest_attack" role="test"
if MAIN:
    tests.test_strongest_attack(strongest_attack)

# %% [markdown] exercise="strongest_attack" role="hint"
# `f(x)` does not depend on $\delta$: compute it once, without a graph. In each step make a fresh leaf,
# `attack.clone().requires_grad_()`, so that the graph does not grow from step to step.

# %% [markdown] exercise="strongest_attack" role="hint"
# Sum the squared changes over everything. Rows and instances do not mix, so the gradient of the sum is, for each row,
# its own gradient. `t.autograd.grad(value, attack)` leaves the model's parameters alone; `.backward()` would fill
# their `.grad`.

# %% [markdown] exercise="strongest_attack" role="hint"
# Normalise over the last axis, `keepdim=True`. `t.where(length > 0, ..., attack.detach())` deals with a gradient of 0.

# %% [markdown] exercise="strongest_attack" role="solution"
# For a linear model the gradient is $2 M^\top M \delta$, so each step multiplies by $M^\top M$ and normalises. That is the
# **power method**: it converges to the top singular vector, and the change to $\varepsilon$ times the largest
# singular value. With a ReLU it is the same with those outputs that are on *at the moment*, which is why it needs no
# step size here, and why it may end in a local optimum.
#
# At $\delta = 0$ the squared change is 0, its minimum, and the gradient is 0. That is the one place from which there is
# no climbing.
#
# Neither the graph nor the model's parameters should remember the attack: hence `t.autograd.grad` and `detach`.

# %% [markdown]
# ### What to expect
#
# **A question**: a model with $m$ dimensions and no superposition has $m$ features with orthogonal columns of length 1
# and $b = 0$. What is the largest change of its output for $\lVert \delta \rVert = 1$? Find an upper bound for any model, in
# terms of $W$.

# %% [markdown] role="answer"
# The ReLU never moves two numbers further apart, so $\lVert f(x + \delta) - f(x) \rVert \le \lVert W^\top W \delta \rVert
# \le \sigma^2\, \lVert \delta \rVert$ with $\sigma$ the largest singular value of $W$. Without superposition
# $W^\top W$ is a projection, $\sigma = 1$, and the bound is reached by a push on a feature that the model
# knows: the change is exactly 1.
#
# With superposition, the squared singular values of $W$ add up to $\lVert W \rVert_F^2$. If the model spends them
# evenly on its $m$ dimensions, each is $\lVert W \rVert_F^2 / m$: **features per dimension**, $1 / D^*$ in the words of section 3. So
# the bound grows exactly as the conjecture says. Whether an attack can reach it is another matter: it would have to keep
# all outputs on that it wants to use.

# %% [markdown]
# ## Experiment: features per dimension against the strongest attack
#
# The model of section 3 with half the features: 100 features of equal importance in 20 dimensions, at 12 densities from 1
# to 0.05. Attack 300 rows of fresh data with perturbations of length 1, which is the size of one feature that is fully on. An attack may
# end in a local optimum, so each row is attacked from 4 starts, and the strongest attack counts. One run is no witness.
#
# **Before you run it**: features per dimension will rise from 1 to about 6. Will the change of the output follow it, stay
# below, or overtake it?

# %% figure="vulnerability"
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)
    p_attacked = 20.0 ** -t.linspace(0, 1, 12)  # feature probability, one model each, from 1 to 0.05
    superposed = ToyModel(
        ToyModelConfig(n_inst=12, n_features=100, d_hidden=20),
        feature_probability=p_attacked[:, None],
        generator=generator,
    )
    superposed.optimize(batch_size=256, steps=1_200, lr=2e-2, lr_scale=linear_lr, generator=generator)

    def largest_change(model: ToyModel, n_rows: int = 300, n_starts: int = 4) -> Tensor:
        """How far the strongest of several attacks of length 1 moves the output, [batch inst]."""
        rows = model.generate_batch(n_rows, generator=generator)
        changes = []
        for _ in range(n_starts):
            start = F.normalize(t.randn(rows.shape, device=device, generator=generator), dim=-1)
            attack = strongest_attack(model, rows, start, norm=1.0, steps=20)
            with t.no_grad():
                changes.append((model(rows + attack) - model(rows)).norm(dim=-1))
        return t.stack(changes).amax(dim=0)

    W = superposed.W.detach()
    change = largest_change(superposed)  # [batch inst]
    features_per_dimension = W.square().sum(dim=(1, 2)) / superposed.cfg.d_hidden
    bound = t.linalg.matrix_norm(W, ord=2) ** 2
    utils.plot_vulnerability(
        features_per_dimension,
        change,
        p_attacked,
        bound,
        title="The more features share a dimension, the further an attack moves the output",
    )

# %% [markdown] figure="vulnerability" role="see"
# The change rises with features per dimension, from 1 where there is no superposition to about 4 where six features share a
# dimension, and close to a straight line. It stays below the bound: while an attack pushes on many features at once, the
# bias holds some of the outputs at 0 that it would need.
#
# Look at the points near 2. There the model consists of antipodal pairs, $x'_1 = \mathrm{ReLU}(x_1 - x_2)$ and
# $x'_2 = \mathrm{ReLU}(x_2 - x_1)$. The push $(1, -1) / \sqrt 2$ moves $x_1 - x_2$ by $\sqrt 2$. If both outputs followed, the
# change would be 2, the bound. But only one of them is ever on, and so it is $\sqrt 2$.

# %% tags=["claim"]
if MAIN:
    mean_change = change.mean(dim=0)  # [inst]
    pair = t.stack([features_per_dimension, mean_change]).float()
    alone = ToyModel(ToyModelConfig(n_inst=1, n_features=100, d_hidden=20), feature_probability=0.05)
    with t.no_grad():
        alone.W.copy_(t.eye(20, 100))  # 20 features with a dimension each, 80 dropped
    utils.claim(
        36,
        "the more features per dimension, the more the output moves under an L2 attack of length 1",
        [
            utils.Measured("correlation over 12 densities", t.corrcoef(pair)[0, 1], at_least=0.98),
            utils.Measured("mean change at p = 1", mean_change[0], 0.98, 1.05),
            utils.Measured("mean change at p = 0.05", mean_change[-1], 3.5, 4.6),
            utils.Measured("features per dimension at p = 0.05", features_per_dimension[-1], 5.5, 7),
            utils.Measured("largest change over the bound ‖W‖₂²", (change.amax(dim=0) / bound).max(), at_most=1.001),
            utils.Measured(
                "built without superposition: largest |change - 1|",
                (largest_change(alone) - 1).abs().max(),
                at_most=0.01,
            ),
        ],
        source="TMS, 'Relationship to Adversarial Robustness'",
    )

# %% [markdown]
# ### A caveat
#
# This favours the conjecture by its construction. The model is an **autoencoder**: its target is the input. Without
# superposition its Jacobian is the identity on the features that it keeps, and the change *cannot* be anything but 1.
# Every deviation from that is superposition by definition. A model with a task, a classifier for example, has a
# Jacobian of its own, and its vulnerability need not come from overlap at all. So what you have seen is that
# superposition **suffices** to make a model vulnerable. That it is why real networks are is a conjecture.
#
# Mind what is measured, too. The *change of the output* follows features per dimension. The *loss* under attack, over the
# loss without, mostly says how small the loss was before: for sparse features it was almost 0, and the ratio explodes.
#
# Which of the two would you report? Try it:
#
# ```python
# rows = superposed.generate_batch(300, generator=generator)
# start = F.normalize(t.randn(rows.shape, device=device, generator=generator), dim=-1)
# attack = strongest_attack(superposed, rows, start)
# print((superposed(rows + attack) - rows).pow(2).mean(dim=(0, 2)) / (superposed(rows) - rows).pow(2).mean(dim=(0, 2)))
# ```
