# %% tags=["module-only"]
"""Section 3, feature geometry: how many dimensions a feature gets, and the shapes that features form."""

import einops
import torch as t
from jaxtyping import Float
from torch import Tensor

import part31_superposition_and_saes.utils as utils
from part31_superposition_and_saes.utils import device

MAIN = __name__ == "__main__"
if MAIN:
    import part31_superposition_and_saes.tests as tests
    from plotly_utils import line

# %% [markdown]
# # Section 3: feature geometry
#
# > **You will learn**
# >
# > - what the dimensionality of a feature is: the share of a dimension that a model gives to it
# > - which shapes features in superposition form, and how to predict the share that a feature gets in each
# > - why those shares stick at a few values over wide ranges of sparsity, and where that ends
# > - how to split a model's features into groups that do not disturb each other
# > - what happens to the geometry when one feature differs from the rest, and while a model learns
#
# *About 2 hours, the reading not included (an estimate). It needs section 1 for its ideas, not for its code.*

# %% [markdown]
# ## How many dimensions does a feature get?
#
# Section 1 ended with two facts. A model with more features than dimensions can keep them all if they are sparse, and
# in the plane it then arranges them in shapes: two antipodal pairs, a pentagon. Are these shapes an accident of the
# plane, or does something like them happen in 20 dimensions, where nobody can look?
#
# You need a number in place of a picture. This section builds three: one for a model, one for a feature, and one that
# says which features belong together. Before each trained model you predict what the number will be.
#
# The models are those of section 1. Their reference is imported here, so you can take this section first.

# %%
from jaxtyping import Int  # shapes of whole numbers, as Float is of others

# %%
if MAIN:
    from part31_superposition_and_saes.solutions import (
        ToyModel,
        ToyModelConfig,
        constant_lr,
        linear_lr,
    )


# %% [markdown] exercise="dimensions_per_feature"
# ## Exercise: `dimensions_per_feature`
#
# > Difficulty 1 of 5 · importance 3 of 5 · about 5 minutes (an estimate)
#
# Start with the whole model. A feature that is represented has a column of length about 1, one that was dropped has a
# column near 0. So the sum of squared lengths counts the features, roughly, and
#
# $$D^* = \frac{m}{\lVert W \rVert_F^2}, \qquad \lVert W \rVert_F^2 = \sum_i \lVert W_i \rVert^2,$$
#
# is how many of the $m$ hidden dimensions there are for each of them.
#
# **Before you code**: what is $D^*$ for two orthogonal features of length 1 in the plane? For two antipodal pairs?
# And for an instance that represents nothing?


# %% exercises=["dimensions_per_feature"]
def dimensions_per_feature(W: Float[Tensor, "inst d_hidden feats"]) -> Float[Tensor, " inst"]:
    """Hidden dimensions for each feature that a model represents: d_hidden / ‖W‖²_F (Elhage et al. 2022).

    ‖W‖²_F, the sum of the squares of all entries, counts the features roughly: one of length 1 adds 1.

    Args:
        W: weights; column i of an instance is the direction of its feature i.
    Returns:
        One number an instance, above 0; `inf` for an instance whose weights are all zero.
    """
    ### BEGIN SOLUTION
    n_represented = einops.reduce(W**2, "inst d_hidden feats -> inst", "sum")
    return W.shape[1] / n_represented
    ### END SOLUTION


# %% exercise="dimensions_per_feature" role="test"
if MAIN:
    tests.test_dimensions_per_feature(dimensions_per_feature)

# %% [markdown] exercise="dimensions_per_feature" role="hint"
# Which axis of `W` holds the $m$ hidden dimensions? Over which two axes do you sum?

# %% [markdown] exercise="dimensions_per_feature" role="hint"
# `(W**2).sum(dim=(1, 2))` has one entry an instance. Dividing a number by a zero in a tensor gives `inf`, which is
# what is asked for.

# %% [markdown] exercise="dimensions_per_feature" role="solution"
# Two orthogonal features: $2 / 2 = 1$, a dimension each. Two antipodal pairs: $2 / 4 = \tfrac12$. Nothing represented:
# $m / 0 = \infty$, all dimensions for none, and torch's division gives just that. A small number added below the line
# "to be safe" would turn it into a large finite number that looks like a measurement.

# %% [markdown]
# ## Experiment: 200 features in 20 dimensions, 20 sparsities
#
# Now make all features equal: 200 of them, each of importance 1, in 20 dimensions. Whatever structure you find, the
# model has made it. Train the model at 20 feature probabilities from 1 down to 0.05, and draw $D^*$ against
# $1 / (1 - S) = 1 / p$. (This is the longest run of the section: half a minute on a slow laptop.)
#
# **Before you run it**: sketch the curve. It begins at $p = 1$, where features are dense. Does it fall evenly as
# features get rarer? If you think that it does not: at which values would you expect it to pause, given what you know
# of the plane?

# %% figure="dimensions_per_feature"
if MAIN:
    probabilities = 20.0 ** -t.linspace(0, 1, 20)  # feature probability, one model each, from 1 to 0.05
    generator = t.Generator(device).manual_seed(utils.seed)
    many = ToyModel(
        ToyModelConfig(n_inst=20, n_features=200, d_hidden=20),
        feature_probability=probabilities[:, None],
        generator=generator,
    )
    many.optimize(batch_size=256, steps=2_400, lr=2e-2, lr_scale=linear_lr, generator=generator)
    share = dimensions_per_feature(many.W.detach())  # [inst], asked here so that the figure waits for your answer
    utils.plot_feature_geometry(many)

# %% [markdown] figure="dimensions_per_feature" role="see"
# The curve does not fall evenly. It stays at 1 for dense features, drops to **one half**, and stays there while $p$
# falls from about 0.45 to 0.28. Then it falls for good, with no further pause.
#
# - **One half** is what you would expect from antipodal pairs: two features a dimension.
# - **1** at the dense end is not what it seems. With all features equally important there is no reason to keep these
#   20 and drop those; the model spreads over all 200 instead, each with a column of length about 0.3, and the squared
#   lengths add up to 20. $D^*$ only sees the sum.
#
# So $D^*$ hints at something, and cannot tell twenty features with a dimension each from two hundred with a tenth
# each. You need a number for every feature.

# %% tags=["claim"]
if MAIN:
    ratio = share[1:] / share[:-1]  # from one density to the next; probabilities[10] is 0.21
    utils.claim(
        14,
        "dimensions per feature stick at 1 and at 1/2 as features get rarer, then fall without another plateau",
        [
            utils.Measured("largest distance from 1, p = 1 and 0.85", (share[:2] - 1).abs().max(), at_most=0.03),
            utils.Measured("value at p = 0.46", share[5], at_least=0.48, at_most=0.56),
            utils.Measured("least at p = 0.39 to 0.28", share[6:9].min(), at_least=0.48),
            utils.Measured("largest at p = 0.39 to 0.28", share[6:9].max(), at_most=0.52),
            utils.Measured(
                "least ratio of neighbours on the plateau, p = 0.39 to 0.28", ratio[6:8].min(), at_least=0.96
            ),
            utils.Measured("largest ratio of neighbours below it, p = 0.21 to 0.05", ratio[10:].max(), at_most=0.95),
            utils.Measured("value at p = 0.05", share[-1], at_least=0.1, at_most=0.16),
            utils.Measured(
                "median column length at p = 1", many.W[0].detach().norm(dim=0).median(), at_least=0.2, at_most=0.4
            ),
        ],
        source="TMS, 'The Geometry of Superposition'",
    )


# %% [markdown] exercise="compute_dimensionality"
# ## Exercise: `compute_dimensionality`
#
# > Difficulty 2 of 5 · importance 5 of 5 · about 15 minutes (an estimate)
#
# Stand on the line of feature $i$, along $\hat W_i = W_i / \lVert W_i \rVert$, and see who else is there. Feature $j$
# casts a shadow of length $\hat W_i \cdot W_j$ on your line. Feature $i$ has it to itself if it is the only one that
# casts any; if others do, it gets a **share**: its own square over the sum of all squares,
#
# $$D_i = \frac{\lVert W_i \rVert^2}{\sum_j (\hat W_i \cdot W_j)^2}.$$
#
# The sum includes $j = i$, whose shadow is $\lVert W_i \rVert$ itself. A feature with no column has no line, and its
# share is 0.
#
# **Before you code**: work it out for a feature that is orthogonal to all others, and for one of an antipodal pair.
# What happens to $D_i$ when all weights are doubled?


# %% exercises=["compute_dimensionality"]
def compute_dimensionality(W: Float[Tensor, "inst d_hidden feats"]) -> Float[Tensor, "inst feats"]:
    """Dimensionality of each feature: D_i = ‖W_i‖² / Σ_j (Ŵ_i · W_j)², with Ŵ_i = W_i / ‖W_i‖ (Elhage et al. 2022).

    The sum runs over all features j of the instance, i included.

    Args:
        W: weights; column i of an instance is the direction of its feature i.
    Returns:
        Shares of a dimension, between 0 and 1; 0 for a feature whose column is zero.
    """
    ### BEGIN SOLUTION
    tiny = t.finfo(W.dtype).tiny
    norms = W.norm(dim=1)
    unit = W / norms.clamp_min(tiny)[:, None]
    projections = einops.einsum(unit, W, "inst d_hidden i, inst d_hidden j -> inst i j")
    return norms**2 / projections.pow(2).sum(dim=-1).clamp_min(tiny)
    ### END SOLUTION


# %% exercise="compute_dimensionality" role="test"
if MAIN:
    tests.test_compute_dimensionality(compute_dimensionality)

# %% [markdown] exercise="compute_dimensionality" role="hint"
# Below the line stands all the interference of section 1, and the feature's own square with it. Which of the two
# vectors in the product is normalized?

# %% [markdown] exercise="compute_dimensionality" role="hint"
# All products at once are a matrix `[inst i j]`: `einops.einsum(unit, W, "inst d_hidden i, inst d_hidden j -> inst i
# j")`. Square it and sum over `j`.

# %% [markdown] exercise="compute_dimensionality" role="hint"
# A zero column divides by zero twice: in its unit vector, and in the share. `t.finfo(W.dtype).tiny` is the smallest
# ordinary number of a dtype; `clamp_min` with it keeps both quotients at 0 and changes nothing else.

# %% [markdown] exercise="compute_dimensionality" role="solution"
# Orthogonal to all: only its own shadow is there, so $D_i = 1$. Antipodal: two shadows of length 1, so
# $D_i = \tfrac12$. Doubling all weights multiplies both sides of the fraction by 4: $D_i$ is about angles and relative
# lengths, not about scale. That is why it also works in the pentagon, whose columns are longer than 1.
#
# `tiny` and not `1e-8`: in half precision `1e-8` is 0, and the NaN is back.

# %% [markdown]
# ### Shares of what?
#
# **A question**: you add up $D_i$ over all features of a model. Can the sum be larger than $m$, the number of hidden
# dimensions? When is it equal?

# %% [markdown] role="answer"
# Never larger, and equal exactly when the sharing is fair in a sense that you can compute. Write $M = W W^\top$, an
# $m \times m$ matrix. Then $\sum_j (\hat W_i \cdot W_j)^2 = \hat W_i^\top M \hat W_i$, so
#
# $$D_i = \frac{\lVert W_i \rVert^4}{W_i^\top M W_i}.$$
#
# By the Cauchy-Schwarz inequality, $\lVert W_i \rVert^4 = \left( (M^{1/2} W_i) \cdot (M^{-1/2} W_i) \right)^2 \le
# (W_i^\top M W_i)(W_i^\top M^{-1} W_i)$ (where $M$ has no inverse, take it on the space that the columns span). So
# $D_i \le W_i^\top M^{-1} W_i$, and these bounds add up to
#
# $$\sum_i W_i^\top M^{-1} W_i = \mathrm{tr}(M^{-1} W W^\top) = \mathrm{rank}(W) \le m.$$
#
# Equality holds if every column is an eigenvector of $M$. So the $D_i$ really are shares of something that there are
# at most $m$ of. What a model leaves unshared measures how far it is from such a fair arrangement, and the trained
# models leave very little: see the claim below the next figure but one.


# %% [markdown] exercise="predicted_dimensionality"
# ## Exercise: `predicted_dimensionality`
#
# > Difficulty 2 of 5 · importance 4 of 5 · about 15 minutes (an estimate)
#
# Before you look at what the model has done, make predictions that can fail. Suppose that features form a perfectly
# regular shape, all of length 1, around the origin. What share of a dimension does each get?
#
# | shape | corners | lives in | how to build it |
# |---|---|---|---|
# | digon | 2 | 1 dimension | two opposite points: an antipodal pair |
# | triangle | 3 | 2 dimensions | corners 120° apart |
# | tetrahedron | 4 | 3 dimensions | every two corners at the same angle, of cosine -1/3 |
# | pentagon | 5 | 2 dimensions | corners 72° apart |
# | square antiprism | 8 | 3 dimensions | two level squares, one above and one below the origin, one of them turned by 45° |
#
# In the antiprism the squares lie at heights $+h$ and $-h$ with $h^2 = \tfrac13$, which leaves $\tfrac23$ for the
# squared radius of a square. Use paper. The function only hands your five numbers on.
#
# **Before you code**: with columns of length 1, what does $D_i$ become in terms of the cosines between corner $i$ and
# the others?


# %% exercises=["predicted_dimensionality"]
def predicted_dimensionality(polytope: str) -> float:
    """The share of a dimension that each feature of an ideal polytope gets, worked out by hand.

    Args:
        polytope: "digon", "triangle", "tetrahedron", "pentagon" or "square antiprism"; corners have length 1.
    Returns:
        D_i of any of its corners, as a fraction: they are all alike.
    """
    ### BEGIN SOLUTION
    sum_of_squares = {  # of the cosines between a corner and every corner, its own 1 first
        "digon": 1 + 1,
        "triangle": 1 + 2 * (1 / 4),
        "tetrahedron": 1 + 3 * (1 / 9),
        "pentagon": 1 + 3 / 2,  # 2 cos² 72° + 2 cos² 144° = 3/2
        "square antiprism": 1 + 3 * (1 / 9) + 4 / 3,  # its own square, then 2 of (√2 - 1)²/9 and 2 of (√2 + 1)²/9
    }
    return 1 / sum_of_squares[polytope]
    ### END SOLUTION


# %% exercise="predicted_dimensionality" role="test"
if MAIN:
    tests.test_predicted_dimensionality(predicted_dimensionality)

# %% [markdown] exercise="predicted_dimensionality" role="hint"
# With lengths of 1, $D_i = 1 / \sum_j \cos^2 \theta_{ij}$, and $j = i$ contributes 1. The triangle:
# $\cos 120° = -\tfrac12$, twice.

# %% [markdown] exercise="predicted_dimensionality" role="hint"
# In the antiprism, two corners at heights $z$ and $z'$ and angles $\varphi$ and $\varphi'$ have the cosine
# $\tfrac23 \cos(\varphi - \varphi') + z z'$. In the same square $z z' = \tfrac13$ and angles differ by 90°, 180°, 90°;
# in the other $z z' = -\tfrac13$ and angles differ by 45° (twice) and 135° (twice).

# %% [markdown] exercise="predicted_dimensionality" role="hint"
# There is a short way that needs no cosine. In each shape all corners are alike, so all $D_i$ are equal. What do they
# add up to, if the arrangement is fair?

# %% [markdown] exercise="predicted_dimensionality" role="solution"
# $\tfrac12, \tfrac23, \tfrac34, \tfrac25, \tfrac38$: **dimensions over corners**, in every case. All five have
# $W W^\top$ proportional to the identity, so every column is an eigenvector of it, the sum of the shares is the
# number of dimensions, and by symmetry each corner gets the same.
#
# This is also where $h^2 = \tfrac13$ comes from. $W W^\top$ is the same in all directions only if the squared heights
# add up to a third of all, $8 h^2 = \tfrac83$. An antiprism whose edges all have the same length is flatter and gives
# 0.3664, and the best arrangement of eight repelling charges on a sphere gives 0.3744. Which of them does a model
# choose? You will see.


# %% [markdown] exercise="ideal_polytope"
# ## Exercise: `ideal_polytope`
#
# > Difficulty 3 of 5 · importance 3 of 5 · about 20 minutes (an estimate)
#
# Now build the five, and let your `compute_dimensionality` judge your predictions. A polytope is a matrix of weights:
# column $i$ is corner $i$, of length 1, and the rows are the dimensions of the table above (the digon has one row).
#
# Where the shape points and which corner is the first does not matter.
#
# **Before you code**: the antiprism with one square turned by 45°. What would it be without the turn?


# %% exercises=["ideal_polytope"]
def ideal_polytope(polytope: str) -> Float[Tensor, "d_hidden feats"]:
    """Weights whose columns are the corners of an ideal polytope around the origin, each of length 1.

    Any rotation, reflection and order of the corners will do.

    Args:
        polytope: "digon" (in 1 dimension), "triangle" and "pentagon" (in 2), "tetrahedron" and "square antiprism" (in
            3; its squares at heights of square 1/3).
    Returns:
        `[d_hidden feats]`, float32: one column a corner.
    """
    ### BEGIN SOLUTION
    if polytope == "digon":
        return t.tensor([[1.0, -1.0]])
    if polytope in ("triangle", "pentagon"):
        n_corners = 3 if polytope == "triangle" else 5
        angles = 2 * t.pi * t.arange(n_corners) / n_corners
        return t.stack([angles.cos(), angles.sin()])
    if polytope == "tetrahedron":  # every other corner of a cube
        return t.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) / 3**0.5
    angles = t.pi / 4 * t.arange(8)  # even ones make the upper square, odd ones the lower
    heights = (-1.0) ** t.arange(8) / 3**0.5
    radius = (2 / 3) ** 0.5
    return t.stack([radius * angles.cos(), radius * angles.sin(), heights])
    ### END SOLUTION


# %% exercise="ideal_polytope" role="test"
if MAIN:
    tests.test_ideal_polytope(ideal_polytope)

# %% [markdown] exercise="ideal_polytope" role="hint"
# Regular polygons: cosines and sines of equally spaced angles, stacked as two rows. Angles are in radians.

# %% [markdown] exercise="ideal_polytope" role="hint"
# The tetrahedron: four corners of a cube, no two of them joined by an edge, such as $(1, 1, 1)$ and $(1, -1, -1)$.
# Their length is $\sqrt 3$; divide by it.

# %% [markdown] exercise="ideal_polytope" role="hint"
# The antiprism: eight angles, 45° apart. Every other corner is up, the rest are down, at heights $\pm \sqrt{1/3}$;
# the first two rows have radius $\sqrt{2/3}$.

# %% [markdown] exercise="ideal_polytope" role="solution"
# Each is one line once its symmetry is named: equally spaced angles, every other corner of a cube, eight angles with
# alternating heights. Without the turn the antiprism is a **cube**: its corners have heights of square $\tfrac13$ too.
# The cube has the same dimensionality, $\tfrac38$, since $W W^\top$ is the same. But its corners come in opposite
# pairs, and it has neighbours with the cosine $\tfrac13$ where the antiprism has 0.14: a model that pays for positive
# overlap prefers the turn.

# %% [markdown]
# ### Prediction against computation
#
# **Before you run it**: how many of your five do you trust?

# %%
if MAIN:
    polytopes = ["digon", "triangle", "tetrahedron", "pentagon", "square antiprism"]
    predicted = t.tensor([float(predicted_dimensionality(name)) for name in polytopes])
    computed = [compute_dimensionality(ideal_polytope(name)[None])[0] for name in polytopes]  # one entry a corner
    for name, guess, D in zip(polytopes, predicted, computed, strict=True):
        print(f"{name:17} predicted {guess:.4f}, computed {D.min():.4f} to {D.max():.4f} over {len(D)} corners")

# %% tags=["claim"]
if MAIN:
    exact = [1 / 2, 2 / 3, 3 / 4, 2 / 5, 3 / 8]
    utils.claim(
        15,
        "each corner of an ideal polytope has the dimensionality dimensions / corners",
        [
            utils.Measured(f"{name}: largest distance from the fraction", (D - value).abs().max(), at_most=1e-6)
            for name, D, value in zip(polytopes, computed, exact, strict=True)
        ],
        source="TMS, 'The Geometry of Superposition'",
    )

# %% [markdown]
# ## Experiment: where do trained features sit?
#
# Back to the 20 models of 200 features. Draw the dimensionality of **every feature that is represented** (norm over
# $\tfrac12$) against $1/p$, and a line at each of your five values. A point is a feature; hover over it for its
# number, its instance and its norm.
#
# **Before you run it**: along the plateau of $D^*$ at $\tfrac12$, where will the points lie: all near $\tfrac12$, or
# spread with a mean of $\tfrac12$? Which lines will be met where the curve falls? Will it be so all the way down?

# %% figure="feature_dimensionality"
if MAIN:
    fractions = compute_dimensionality(many.W.detach())  # [inst feats]
    utils.plot_feature_geometry(many, dim_fracs=fractions)

# %% [markdown] figure="feature_dimensionality" role="see"
# - **The plateau is exact.** For $p$ from 0.46 to 0.28 nearly every represented feature sits on the line of the
#   **digon**: 40 features in 20 dimensions, 20 antipodal pairs.
# - **Just below it** ($p$ near 0.2) points appear on the lines of the **pentagon** and of the **square antiprism**,
#   the shapes that hold more features a dimension. Others lie a little under $\tfrac12$: pairs that are pressed.
# - **Then the sticking ends.** For $p$ of 0.13 and below no feature sits at $\tfrac12$ or $\tfrac25$: the shares form
#   a cloud that sinks as more features crowd in.
# - **Above the plateau** ($p$ = 0.5 to 0.7) there is disorder rather than triangles: a few points pass near
#   $\tfrac23$, and each run has them elsewhere.
# - **At the dense end there is hardly a point**: next to nobody's column is longer than $\tfrac12$, as you saw. Points
#   that do appear there lie low, since the many short columns, none of which is drawn, cast shadows, too.

# %% tags=["claim"]
if MAIN:
    represented = many.W.detach().norm(dim=1) > 0.5  # [inst feats]

    def n_at(value: float) -> Float[Tensor, " inst"]:
        """Represented features of each instance whose dimensionality is within 0.012 of a value."""
        return (((fractions - value).abs() <= 0.012) & represented).sum(dim=1).float()

    n_represented = represented.sum(dim=1)
    utils.claim(
        16,
        "trained features sit at the dimensionality of digons, then of pentagons and antiprisms; sparser ones at none",
        [
            utils.Measured(
                "least share at 1/2, p = 0.46 to 0.28", (n_at(1 / 2) / n_represented)[5:9].min(), at_least=0.9
            ),
            utils.Measured("represented features at p = 1, of 200", n_represented[0], at_most=6),
            utils.Measured("represented features at p = 0.39", n_represented[6], at_least=38, at_most=41),
            utils.Measured("features at 2/5, p = 0.21 and 0.18", n_at(2 / 5)[10:12].sum(), at_least=3),
            utils.Measured("features at 3/8, p = 0.21 and 0.18", n_at(3 / 8)[10:12].sum(), at_least=3),
            utils.Measured("features at 1/2, p = 0.13 and below, of about 700", n_at(1 / 2)[13:].sum(), at_most=6),
            utils.Measured("features at 2/5, p = 0.13 and below, of about 700", n_at(2 / 5)[13:].sum(), at_most=6),
            utils.Measured("features at 3/8, p = 0.13 and below, of about 700", n_at(3 / 8)[13:].sum(), at_most=6),
        ],
        source="TMS, 'The Geometry of Superposition'",
    )

# %% tags=["claim"]
if MAIN:
    total = fractions.sum(dim=1)  # [inst]
    utils.claim(
        17,
        "dimensionalities add up to the rank of W at most, and trained models nearly use it up",
        [
            utils.Measured("largest sum over the features of a model, m = 20", total.max(), at_most=20 + 1e-3),
            utils.Measured("least sum over the features of a model, m = 20", total.min(), at_least=0.98 * 20),
        ],
        source="TMS, 'The Geometry of Superposition'; the bound is derived in the text",
    )


# %% [markdown]
# ## Which features belong together?
#
# A share of $\tfrac12$ says that a feature is in company. It does not say in whose. If the shapes are real, features
# should fall into **groups**: features of a group overlap, features of different groups are orthogonal, each group
# lives in a few dimensions of its own. Putting shapes side by side in orthogonal spaces is called a **tegum product**,
# and the shapes are its factors: TMS found that toy models arrange features as tegum products of small polytopes.

# %% [markdown] exercise="orthogonal_groups"
# ## Exercise: `orthogonal_groups`
#
# > Difficulty 3 of 5 · importance 4 of 5 · about 20 minutes (an estimate)
#
# Split a model's features into its factors. Only represented features count ($\lVert W_i \rVert > \tfrac12$). Two of
# them are **linked** if
#
# $$\left| \hat W_i \cdot \hat W_j \right| > \text{threshold},$$
#
# and a group is everything that can be reached over links: if 3 overlaps with 7, and 7 with 9, all three are in one
# group, even if 3 and 9 are orthogonal. Answer with the number of each feature's group. Which numbers you choose is up
# to you, as long as they are whole, 0 or more, and differ between the groups of an instance. Features that are not
# represented get -1.
#
# **Before you code**: how many groups do you expect at $p = 0.39$? Which sizes? And at $p = 0.05$?


# %% exercises=["orthogonal_groups"]
def orthogonal_groups(W: Float[Tensor, "inst d_hidden feats"], threshold: float = 0.2) -> Int[Tensor, "inst feats"]:
    """Groups of features that overlap, directly or through others; different groups are (nearly) orthogonal.

    Two represented features (norm over 0.5) are linked if the absolute value of the cosine between them is over the
    threshold. A group is everything that can be reached over links.

    Args:
        W: weights; column i of an instance is the direction of its feature i.
        threshold: cosines up to this size count as orthogonal; between 0 and 1.
    Returns:
        The number of each feature's group, any whole numbers from 0 up, the same for all of a group and different
        from those of its instance's other groups; -1 for a feature that is not represented.
    """
    ### BEGIN SOLUTION
    n_features = W.shape[-1]
    norms = W.norm(dim=1)
    represented = norms > 0.5
    unit = W / norms.clamp_min(t.finfo(W.dtype).tiny)[:, None]
    cosines = einops.einsum(unit, unit, "inst d_hidden i, inst d_hidden j -> inst i j")
    linked = (cosines.abs() > threshold) & represented[:, :, None] & represented[:, None, :]

    # Everybody starts as a group of one. In each round all take the smallest number among those they are linked to.
    labels = t.arange(n_features, device=W.device).expand(represented.shape)
    while True:
        spread = t.where(linked, labels[:, None, :], n_features).amin(dim=-1)
        spread = t.where(represented, spread, -1)
        if t.equal(spread, labels):
            return labels
        labels = spread
    ### END SOLUTION


# %% exercise="orthogonal_groups" role="test"
if MAIN:
    tests.test_orthogonal_groups(orthogonal_groups)

# %% [markdown] exercise="orthogonal_groups" role="hint"
# First make the matrix of links, `[inst feats feats]`, of booleans. Mind the sign of the cosine, and leave out
# features that are not represented.

# %% [markdown] exercise="orthogonal_groups" role="hint"
# Then reach everything. One way: number all features, let each take the smallest number among its links (itself
# included), and repeat until nothing changes. How many rounds can that take, at worst?

# %% [markdown] exercise="orthogonal_groups" role="hint"
# `t.where(linked, labels[:, None, :], n_features).amin(dim=-1)` is one round. `scipy.sparse.csgraph` has
# `connected_components`, if you would rather not write it; it takes one instance at a time.

# %% [markdown] exercise="orthogonal_groups" role="solution"
# The smallest number in a group spreads one link further in every round, so a group is done after as many rounds as
# its longest chain has links, and the loop ends when nothing changes. Stopping after one round is the usual mistake,
# and hard to notice: digons and tetrahedra come out right, since there everybody is linked to everybody.
#
# The threshold is needed because training leaves no cosine at exactly 0. Where the groups are clear any value between
# 0.05 and 0.3 gives the same answer; where it matters, as you will see, the groups have begun to touch.

# %% [markdown]
# ## Experiment: the factors of three models
#
# Take three of the 20 models, from the plateau and from below it, sort their features by group and draw the cosine
# between every two.
#
# **Before you run it**: what does a tegum product look like in such a picture? What does a pentagon look like in it?

# %% figure="tegum_factors"
if MAIN:
    groups = orthogonal_groups(many.W.detach())  # [inst feats]
    shown = [6, 10, 14]  # p = 0.39, 0.21 and 0.11
    utils.plot_feature_groups(
        many.W[shown],
        groups[shown],
        subplot_titles=[f"p = {p:.2f}" for p in probabilities[shown]],
        title="From 20 separate digons over a mixture of shapes to one crowd",
    )

# %% [markdown] figure="tegum_factors" role="see"
# - **p = 0.39**: 20 blocks of two, and nothing between them. The model of 200 features in 20 dimensions is the tegum
#   product of 20 digons.
# - **p = 0.21**: digons first, then larger blocks: pentagons, five features in which everybody overlaps with everybody,
#   and in most runs something bigger. Between the digons it is no longer quite dark. Count the dimensions that the
#   shapes would need, one for a digon, two for a pentagon, three for eight: they come to more than 20. So some lean on
#   each other, and this is why the digons' points lie a little under $\tfrac12$.
# - **p = 0.11**: one block. Everything is linked to everything, and "which shape is it in?" has no answer any more.

# %% [markdown]
# ### The same figure, now by group
#
# With the groups known, every point of the big figure can say whose company it keeps. Hover over a few.
#
# **Before you run it**: at $p = 0.21$, in groups of which size are the features on the line of the pentagon?

# %% figure="dimensionality_by_group"
if MAIN:
    utils.plot_feature_geometry(
        many,
        dim_fracs=fractions,
        groups=groups,
        title="Features on the line of a polytope are in a group of as many features as it has corners",
    )

# %% [markdown] figure="dimensionality_by_group" role="see"
# Circles (groups of two) lie on the line of the digon, diamonds (groups of five) on the line of the pentagon. Squares
# (groups of six to eight) lie on the line of the antiprism or a little below it, since by then the groups touch. For
# $p$ of 0.13 and below all points are of one large group. Crosses, left of the plateau, are alone in their group and
# still have less than a dimension: what crowds them is the many columns too short to be in any group.

# %% tags=["claim"]
if MAIN:

    def group_sizes(inst: int, threshold: float) -> Int[Tensor, " groups"]:
        """How many features each group of an instance has."""
        labels = orthogonal_groups(many.W.detach()[inst : inst + 1], threshold)[0]
        return labels[labels >= 0].unique(return_counts=True)[1]

    thresholds = (0.05, 0.1, 0.2, 0.3)
    pairs_only = [group_sizes(inst, c).tolist() == [2] * 20 for inst in (6, 7) for c in thresholds]
    sizes = group_sizes(10, 0.2)
    labels = groups[9:12]  # p = 0.24, 0.21 and 0.18
    n_together = (labels[:, :, None] == labels[:, None, :]).sum(dim=2)
    of_five = (n_together == 5) & (labels >= 0)  # features in a group of five
    off_pentagon = (fractions[9:12] - 2 / 5)[of_five].abs()
    utils.claim(
        18,
        "features fall into mutually orthogonal groups, tegum factors: 20 digons, then larger shapes, then one crowd",
        [
            utils.Measured(
                "models with exactly 20 digons, p = 0.39 and 0.33, 4 thresholds each", sum(pairs_only), at_least=8
            ),
            utils.Measured("digons at p = 0.21, threshold 0.2", (sizes == 2).sum(), at_least=6),
            utils.Measured("features in larger groups at p = 0.21", sizes[sizes > 2].sum(), at_least=5),
            utils.Measured("pentagons at p = 0.24, 0.21 and 0.18 together", of_five.sum() / 5, at_least=1),
            utils.Measured("median distance of their features from 2/5", off_pentagon.median(), at_most=0.04),
            utils.Measured(
                "most groups at p = 0.13 and below", max(len(group_sizes(i, 0.2)) for i in range(13, 20)), at_most=1
            ),
        ],
        source="TMS, 'The Geometry of Superposition'",
    )

# %% [markdown]
# ## Experiment: shapes that you can turn
#
# In 20 dimensions you saw shapes through their numbers. In three you can see the shapes. Start with four features at
# $p = 0.6$, and 128 models, since you do not know yet how many kinds of answer there are. Draw the one with the lowest
# loss.
#
# **Before you run it**: your `compute_dimensionality` says $\tfrac34$ for each corner of a tetrahedron. Now flip one
# arrow, $W_i \to -W_i$, so that it points the opposite way. What does `compute_dimensionality` say then? Is it still a
# tetrahedron? Would the model mind?

# %% figure="tetrahedron"
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)

    def train_in_space(n_features: int, p: float, n_inst: int, batch_size: int) -> ToyModel:
        """Models with three hidden dimensions."""
        model = ToyModel(ToyModelConfig(n_inst, n_features, 3), feature_probability=p, generator=generator)
        model.optimize(batch_size, steps=1_500, lr=2e-2, lr_scale=linear_lr, generator=generator)
        return model

    def cosines_of(W: Float[Tensor, "inst d_hidden feats"]) -> Float[Tensor, "inst feats feats"]:
        """Cosine between every two features of an instance."""
        unit = t.nn.functional.normalize(W.detach(), dim=1)
        return einops.einsum(unit, unit, "inst d i, inst d j -> inst i j")

    four = train_in_space(4, p=0.6, n_inst=128, batch_size=256)
    single = ToyModel(ToyModelConfig(1, 4, 3), feature_probability=0.6, generator=generator)  # to draw data from
    with t.no_grad():
        parts = [single.generate_batch(20_000, generator=generator) for _ in range(5)]  # the same rows for all models
        errors = [((four(part.expand(-1, 128, -1)) - part) ** 2).mean(dim=(0, 2)) for part in parts]
    loss = t.stack(errors).mean(dim=0)  # [inst]
    four_fractions = compute_dimensionality(four.W.detach())  # [inst feats]
    off_diagonal = ~t.eye(4, dtype=t.bool, device=device)
    n_positive = ((cosines_of(four.W) > 0.05) & off_diagonal).sum(dim=(1, 2)) // 2  # pairs on the same side

    for count, kind in {0: "tetrahedron", 3: "one arrow flipped", 4: "two arrows flipped"}.items():
        of_kind = n_positive == count
        shares = four_fractions[of_kind].sort(dim=1).values.mean(dim=0).tolist()
        print(f"{kind:18} {of_kind.sum():3} models, mean loss {loss[of_kind].mean():.4f}", end=", dimensionalities ")
        print(", ".join(f"{share:.2f}" for share in shares))
    utils.plot_polytope_3d(four.W[loss.argmin()], title="Four features, the best of 128 models: a tetrahedron")

# %% [markdown] figure="tetrahedron" role="see"
# A tetrahedron: every two arrows at the same angle, of cosine $-\tfrac13$. And a surprise in the table: few models find
# it. Nearly all others are of two other kinds, whose arrows lie on nearly the *same four lines*, with one or two of
# them **flipped**. With two flipped you have the four corners of a face of a cube.
#
# Dimensionality does not see a flip: $(\hat W_i \cdot W_j)^2$ has no sign. The loss does. The ReLU removes negative
# interference only, and a flip turns three negative cosines positive: the first costs about 2 % of the loss, the
# second about 3 % more, and the best of the 128 models has none. Once an arrow is flipped, the biases and the other
# arrows give way a little, and the shares are no longer all $\tfrac34$. So **$D_i$ says how much room a feature has,
# and not which way it points.**
#
# Why do so few find the best? To turn an arrow round, a model would have to pass through worse ones, so it presumably
# keeps the signs that the random start has dealt.

# %% [markdown]
# ### Six and eight
#
# Now 12 models each of 6 and of 8 features, at $p = 0.1$. The cell counts what they have become, and draws one of eight
# features.
#
# **Before you run it**: candidates for 6 are three digons at right angles, two triangles, or an octahedron. (Careful:
# two of these three are the same.) And for 8, will it be the cube or the antiprism?

# %% figure="square_antiprism"
if MAIN:
    six, eight = (train_in_space(n, p=0.1, n_inst=12, batch_size=512) for n in (6, 8))
    eight_fractions = compute_dimensionality(eight.W.detach())  # [inst feats]
    off_antiprism = (eight_fractions - 3 / 8).abs().amax(dim=1)  # [inst]
    six_groups = orthogonal_groups(six.W.detach())
    n_linked = (six_groups[:, :, None] == six_groups[:, None, :]).sum(dim=2)  # [inst feats], size of a feature's group
    three_digons = (n_linked == 2).all(dim=1) & (six_groups >= 0).all(dim=1)
    print(f"6 features: three digons in {three_digons.sum()} models of 12")
    print(f"8 features: every dimensionality within 0.02 of 3/8 in {(off_antiprism < 0.02).sum()} models of 12")
    utils.plot_polytope_3d(eight.W[off_antiprism.argmin()], title="Eight features: a square antiprism, not a cube")

# %% [markdown] figure="square_antiprism" role="see"
# Turn it until you look along its axis: two squares, one turned by 45° against the other. Most of the 12 models end
# there. No two corners are opposite each other, as they would be in a cube.
#
# Its squares lie at heights of square 0.29, a little closer than the ideal $\tfrac13$, so that its edges are more
# alike (with equal edges it would be 0.26). Each feature gets 0.372 of a dimension and not quite
# $\tfrac38 = 0.375$, and the shares add up to 2.98 of 3: this shape gives a little away.
#
# With six features nearly every model forms three digons at right angles, which is the octahedron: its six corners
# are the two ends of each axis.

# %% tags=["claim"]
if MAIN:
    is_tetrahedron, best = n_positive == 0, loss.argmin()
    best_cosines = cosines_of(four.W)[best][off_diagonal]
    flipped = four.W.detach().clone()
    flipped[:, :, 0] *= -1
    unmoved = (compute_dimensionality(flipped) - four_fractions).abs()
    cosines = cosines_of(eight.W).sort(dim=-1).values  # each corner's with all, in order of size
    ideal = ideal_polytope("square antiprism").to(device)
    ideal_cosines = (ideal.T @ ideal).sort(dim=-1).values  # the same for each corner
    is_antiprism = (off_antiprism < 0.02) & ((cosines - ideal_cosines).abs().amax(dim=(1, 2)) < 0.15)
    sums = eight_fractions.sum(dim=1)[is_antiprism]
    to_opposite = cosines[is_antiprism][..., 2].median()  # the third lowest: the opposite corner of the same square
    height = (1 + to_opposite) / 2
    utils.claim(
        18,
        "with three hidden dimensions 4 features form a tetrahedron at best, 6 three digons, 8 a square antiprism",
        [
            utils.Measured("models of 12 that are three digons, 6 features", three_digons.sum(), at_least=9),
            utils.Measured("models of 12 that are antiprisms, D within 0.02 of 3/8", is_antiprism.sum(), at_least=8),
            utils.Measured("squared height of their squares", height, at_least=0.27, at_most=0.32),
            utils.Measured("most negative cosine (in a cube -1)", cosines[is_antiprism].min(), at_least=-0.95),
            utils.Measured("least sum over the features of an antiprism", sums.min(), at_least=0.98 * 3),
            utils.Measured("largest sum over the features of an antiprism", sums.max(), at_most=3 + 1e-3),
            utils.Measured(
                "4 features, best of 128: largest distance of a cosine from -1/3",
                (best_cosines + 1 / 3).abs().max(),
                at_most=0.05,
            ),
            utils.Measured(
                "its D: largest distance from 3/4", (four_fractions[best] - 3 / 4).abs().max(), at_most=0.03
            ),
            utils.Measured("tetrahedra of 128", is_tetrahedron.sum(), at_least=1, at_most=30),
            utils.Measured(
                "one or two arrows flipped, of 128", ((n_positive == 3) | (n_positive == 4)).sum(), at_least=90
            ),
            utils.Measured(
                "mean loss, one flipped / tetrahedron",
                loss[n_positive == 3].mean() / loss[is_tetrahedron].mean(),
                at_least=1.008,
            ),
            utils.Measured(
                "mean loss, two flipped / one flipped",
                loss[n_positive == 4].mean() / loss[n_positive == 3].mean(),
                at_least=1.01,
            ),
            utils.Measured("largest change of D when an arrow is flipped", unmoved.max(), at_most=1e-5),
        ],
        source="TMS, 'The Geometry of Superposition'",
    )

# %% [markdown]
# ## Experiment: one feature is not like the others
#
# So far all features were equal. Take the pentagon (5 features, 2 dimensions, $p = 0.05$) and change **one** of them,
# feature 0: its probability, or its importance, from a twentieth to five times that of the other four. Everything in
# between is a gradual change of the data. Is the change of the shape gradual, too?
#
# Training does not always find the best shape, and near a change two shapes are about equally good. So train 12
# copies at each ratio and take the one with the lowest loss. The losses are compared on **one common batch**: on
# fresh batches the noise is larger than what you want to see.
#
# **Before you run it**: feature 0 becomes rarer. Does the pentagon open up towards it or close? Where does it end, when
# feature 0 hardly ever occurs? Does it get there smoothly?

# %% figure="one_feature_varied"
if MAIN:
    ratios = t.tensor([0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0])
    n_copies = 12  # models at each ratio
    generator = t.Generator(device).manual_seed(utils.seed)

    def train_varied(p: Tensor | float, importance: Tensor | float) -> Float[Tensor, "ratio d_hidden feats"]:
        """Weights of the best of 12 models at each ratio; p and importance broadcast to `[ratio feats]`."""

        def copies(value: Tensor | float, n: int) -> Tensor | float:
            return value if isinstance(value, float) else value.repeat_interleave(n, dim=0)

        def make(n: int) -> ToyModel:
            cfg = ToyModelConfig(len(ratios) * n, n_features=5, d_hidden=2)
            return ToyModel(cfg, copies(p, n), copies(importance, n), generator=generator)

        model = make(n_copies)
        model.optimize(batch_size=256, steps=1_500, lr=3e-2, lr_scale=linear_lr, generator=generator)
        with t.no_grad():
            batch = make(1).generate_batch(20_000, generator=generator)  # one for all copies at a ratio
            batch = einops.repeat(batch, "batch ratio feats -> batch (ratio copy) feats", copy=n_copies)
            loss = (model.importance * (model(batch) - batch) ** 2).mean(dim=(0, 2))
        best = einops.rearrange(loss, "(ratio copy) -> ratio copy", copy=n_copies).argmin(dim=1)
        return model.W.detach()[best + n_copies * t.arange(len(ratios), device=device)]

    factors = t.ones(len(ratios), 5)
    factors[:, 0] = ratios
    rarer, less_important = train_varied(0.05 * factors, 1.0), train_varied(0.05, factors)
    shown = [2, 5, 7, 10, 14]  # ratios 0.15, 0.3, 0.4, 1 and 5

    def turned(W: Float[Tensor, "ratio d_hidden feats"]) -> Float[Tensor, "ratio d_hidden feats"]:
        """The same models turned, which changes nothing for them: feature 0, or 1 if 0 is dropped, points right."""
        first = t.where(W[:, :, 0].norm(dim=1, keepdim=True) > 0.5, W[:, :, 0], W[:, :, 1])  # [ratio 2]
        x, y = t.nn.functional.normalize(first, dim=1).unbind(dim=1)
        return t.stack([t.stack([x, y], dim=1), t.stack([-y, x], dim=1)], dim=1) @ W

    utils.plot_features_in_2d(
        turned(t.cat([rarer[shown], less_important[shown]])),
        colors=[0.0, 1.0, 1.0, 1.0, 1.0],  # the varied feature is the dark one
        subplot_titles=[f"p × {r:g}" for r in ratios[shown].tolist()]
        + [f"importance × {r:g}" for r in ratios[shown].tolist()],
        title="The pentagon bends a little, then snaps to two digons (dark: feature 0)",
        n_rows=2,
    )

# %% [markdown] figure="one_feature_varied" role="see"
# Read each row from the right. With feature 0 at five times the others, and at their level, there is a pentagon. It
# **bends**: the angles change by some degrees. Then it **snaps**: the dark arrow is gone, and the four that are left
# form two digons at a right angle. There is no model in between, with a short dark arrow or half a pentagon.

# %% [markdown]
# ### The same in numbers
#
# **Before you run it**: draw your own curve for the share of feature 0, at all 15 ratios. Would you expect varied
# probability and varied importance to bend the pentagon the same way?

# %% figure="one_feature_share"
if MAIN:
    by_p, by_importance = compute_dimensionality(rarer), compute_dimensionality(less_important)  # [ratio feats]
    line(
        [by_p[:, 0], by_importance[:, 0], by_p[:, 1:].mean(dim=1), by_importance[:, 1:].mean(dim=1)],
        x=ratios,
        names=[
            "feature 0, p varied",
            "feature 0, importance varied",
            "the others, p varied",
            "the others, importance varied",
        ],
        labels={"x": "feature 0 / the others (ratio of p, or of importance)", "y": "dimensionality", "variable": ""},
        log_x=True,
        markers=True,
        title="A smooth change of the data, a jump in the geometry: 2/5 or nothing",
        width=860,
    ).update_xaxes(tickvals=[0.05, 0.1, 0.2, 0.5, 1, 2, 5])

# %% [markdown] figure="one_feature_share" role="see"
# Feature 0 gets about $\tfrac25$ or nothing. The jump lies at a ratio between 0.2 and 0.3 where its probability is
# varied, and near 0.35 where its importance is. At the same place the others go from $\tfrac25$ to
# $\tfrac12$: this is a **phase change**, like that of the plateau you saw, with the sparsity of one feature as the
# knob.
#
# On the pentagon's side the two curves bend in **opposite** ways: a more important feature gets a little more than
# $\tfrac25$, a more frequent one less, 0.37 to 0.38 at five times the rate. The angles agree: from a feature that is more
# frequent or more important the two neighbours keep away (some 77° in place of 72°), on one that is rarer or less
# important they close in. What differs is the **length** of its column. A rare feature's is longer than the others', so
# that it is read well the few times it is on; an unimportant one's is shorter. "It matters less" and "it is there less
# often" are not the same thing to a model.

# %% tags=["claim"]
if MAIN:
    at = {round(r, 2): i for i, r in enumerate(ratios.tolist())}
    dropped = [by_p[: at[0.15] + 1], by_importance[: at[0.25] + 1]]

    def beside_neighbours(W: Float[Tensor, "d_hidden feats"]) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Mean angle of feature 0 to its two neighbours, in degrees, and its length over the mean of the others'."""
        cosines = t.cosine_similarity(W[:, :1], W[:, 1:], dim=0)
        lengths = W.norm(dim=0)
        return cosines.topk(2).values.acos().rad2deg().mean(), lengths[0] / lengths[1:].mean()

    (rare_angle, rare_length), (often_angle, _) = (beside_neighbours(rarer[at[r]]) for r in (0.4, 5.0))
    (minor_angle, minor_length), (major_angle, _) = (beside_neighbours(less_important[at[r]]) for r in (0.5, 5.0))
    utils.claim(
        19,
        "varying one feature bends the pentagon smoothly, then it snaps: the feature is dropped, two digons are left",
        [
            utils.Measured(
                "largest D of the dropped feature, p × 0.15 and below", dropped[0][:, 0].max(), at_most=0.02
            ),
            utils.Measured(
                "the others' largest distance from 1/2 there", (dropped[0][:, 1:] - 0.5).abs().max(), at_most=0.02
            ),
            utils.Measured("D of the varied feature at p × 0.4", by_p[at[0.4], 0], at_least=0.39, at_most=0.43),
            utils.Measured("the same at p × 1", by_p[at[1.0], 0], at_least=0.385, at_most=0.415),
            utils.Measured("the same at p × 5", by_p[at[5.0], 0], at_least=0.35, at_most=0.39),
            utils.Measured("its fall from p × 0.4 to p × 5", by_p[at[0.4], 0] - by_p[at[5.0], 0], at_least=0.015),
            utils.Measured(
                "largest D of the dropped feature, importance × 0.25 and below", dropped[1][:, 0].max(), at_most=0.02
            ),
            utils.Measured(
                "D of the varied feature at importance × 0.5", by_importance[at[0.5], 0], at_least=0.34, at_most=0.4
            ),
            utils.Measured(
                "its rise from importance × 0.5 to × 5",
                by_importance[at[5.0], 0] - by_importance[at[0.5], 0],
                at_least=0.015,
            ),
            utils.Measured("angle to the neighbours at p × 0.4 (degrees)", rare_angle, at_most=71),
            utils.Measured("the same at p × 5", often_angle, at_least=74),
            utils.Measured("the same at importance × 0.5", minor_angle, at_most=71.8),
            utils.Measured("the same at importance × 5", major_angle, at_least=74),
            utils.Measured("length over the others' at p × 0.4", rare_length, at_least=1.01),
            utils.Measured("length over the others' at importance × 0.5", minor_length, at_most=0.99),
        ],
        source="TMS, 'The Geometry of Superposition', on non-uniform superposition",
    )

# %% [markdown]
# ## Experiment: learning in jumps
#
# Shapes at the end of training are one thing. How does a model get there? Start 20 copies of the pentagon's model from
# weights ten times smaller than usual, so that nothing is decided at the start, and train them slowly, at a constant
# rate. Every 20 steps record the loss, on one batch for all, and the dimensionality of every feature.
#
# **Before you run it**: a loss curve that falls evenly, or one with steps? If there are steps, what do you expect to
# happen to the dimensionalities on a step, and what between two?

# %% figure="learning_dynamics"
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)

    def record_learning(
        n_features: int, d_hidden: int, n_inst: int, batch_size: int, n_steps: int
    ) -> tuple[Int[Tensor, " times"], Float[Tensor, "times inst"], Float[Tensor, "times inst d_hidden feats"]]:
        """Train from a small start at a constant rate; steps, losses on one common batch, and weights on the way."""
        learner = ToyModel(
            ToyModelConfig(n_inst, n_features, d_hidden, init_scale=0.1), feature_probability=0.05, generator=generator
        )
        batch = learner.generate_batch(8_192, generator=generator)[:, :1]  # the same rows for all instances
        steps, losses, weights = [], [], []

        def record(step: int, loss: float) -> None:
            with t.no_grad():
                error = (learner(batch.expand(-1, n_inst, -1)) - batch) ** 2
            steps.append(step)
            losses.append(error.mean(dim=(0, 2)))
            weights.append(learner.W.detach().clone())

        utils.optimize(learner, batch_size, n_steps, 20, 1e-3, constant_lr, generator, on_log=record)
        return t.tensor(steps), t.stack(losses), t.stack(weights)

    recorded_at, losses, weights = record_learning(5, 2, n_inst=20, batch_size=1024, n_steps=6_000)
    paths = compute_dimensionality(einops.rearrange(weights, "time inst d feats -> (time inst) d feats"))
    paths = einops.rearrange(paths, "(time inst) feats -> time inst feats", inst=20)
    arrived = (losses < 1.1 * losses[-1]).float().argmax(dim=0)  # [inst], the first record near the final loss
    slowest = int(arrived.argmax())
    utils.plot_learning_dynamics(recorded_at, losses[:, slowest], paths[:, slowest])

# %% [markdown] figure="learning_dynamics" role="see"
# The copy shown is the one that took longest. Its loss goes down a **staircase**: it stands still for hundreds of
# steps, then falls within a few hundred. Below, on the same time axis, the dimensionalities move most when it falls (the
# dotted lines), and hardly at all in the middle of a flat stretch. The match is not perfect: at the edges of a fall
# features with short columns go on moving for a while, and the loss hardly feels it.
#
# Follow single features. On a flat stretch you find values that you know: 1 for a dimension of one's own, $\tfrac12$
# for the end of a digon, and often $\tfrac14$ for two features that lie side by side and **share** one end of a digon.
# In the expected figure there is also a long column with two short ones on its line, at 0.8 and twice 0.1.
# A fall of the loss is the moment at which such company parts, or a feature that had been squeezed out finds room. At
# the end all five are at $\tfrac25$: a pentagon.

# %% tags=["claim"]
if MAIN:
    window = 10  # records, 200 steps
    kept = weights.norm(dim=2) > 0.5  # [time inst feats]; before that a feature has no say
    levels = paths * kept
    moves = levels.diff(dim=0).abs().sum(dim=-1).unfold(0, window, 1).sum(dim=-1)  # [time inst], over 200 steps
    falls = losses[:-window].log() - losses[window:].log()  # [time inst], over the same 200 steps

    def standardised(x: Float[Tensor, "time inst"]) -> Float[Tensor, "time inst"]:
        """Mean 0 and length 1 over time."""
        return t.nn.functional.normalize(x - x.mean(dim=0), dim=0)

    match = standardised(falls).T @ standardised(moves)  # [inst inst], loss of one, moves of another
    own = match.diagonal()
    others = match[~t.eye(20, dtype=t.bool, device=match.device)].reshape(20, 19)
    ahead = (own[:, None] > others).float().mean(dim=1) >= 0.9

    def waits_then_falls(log_loss: Float[Tensor, "time inst"]) -> Float[Tensor, ""]:
        """Models whose loss falls by less than 2 % in 200 steps and later on by more than 10 % in 200."""
        fall = log_loss[:-window] - log_loss[window:]
        later = fall.flip(0).cummax(dim=0).values.flip(0)
        return ((fall < 0.02) & (later > 0.1)).any(dim=0).sum()

    _, large_losses, _ = record_learning(20, 5, n_inst=8, batch_size=256, n_steps=4_000)
    utils.claim(
        20,
        "features jump between levels of dimensionality, and the loss falls with each jump",
        [
            utils.Measured("mean correlation, fall of log loss with a model's own moves", own.mean(), at_least=0.6),
            utils.Measured(
                "the same less the mean correlation with another model's", own.mean() - others.mean(), at_least=0.05
            ),
            utils.Measured("models of 20 whose own moves beat 90 % of the others'", ahead.sum(), at_least=13),
            utils.Measured("models of 20 whose loss waits, then falls", waits_then_falls(losses.log()), at_least=8),
            utils.Measured(
                "the same, 20 features in 5 dimensions, of 8", waits_then_falls(large_losses.log()), at_most=1
            ),
            utils.Measured("median final dimensionality, 5 in 2", levels[-1].median(), at_least=0.38, at_most=0.42),
        ],
        source="TMS, 'Superposition and Learning Dynamics'",
    )

# %% [markdown]
# ### How far this goes
#
# Jumps that you can count are a sight of small models. With 20 features in 5 dimensions the loss falls fast at first
# and then creeps down smoothly. Somewhere a pair may come apart at any moment; there are so many that no single one
# shows. The same may hold for the loss curves of large models, smooth as they are. That is a guess, not a result of
# this section.
#
# The same caution is due for the shapes. Digons, pentagons and antiprisms came out of features of equal importance,
# equal sparsity and no correlation, and even there they ended below $p = 0.15$.

# %% [markdown]
# ## What you have seen
#
# - **Dimensions per feature** sums up a model, and **dimensionality** says what share each feature gets. The shares add
#   up to the number of dimensions at most, and trained models nearly use it up.
# - In a regular shape the share is **dimensions over corners**: you predicted it before you saw it.
# - Trained features **stick** to these values, each in its range of sparsity: first digons, then pentagons and
#   antiprisms. For very sparse features the sticking **ends**.
# - Features fall into **orthogonal groups**: a model in 20 dimensions is a tegum product of small shapes, as long as
#   there is room.
# - A gradual change of one feature **bends** a shape, until it **snaps**. In learning, too, small models move in jumps.
#
# **Read next**: TMS, from "The Geometry of Superposition" to "Superposition and Learning Dynamics"; its authors find
# more shapes, and some that depend on correlation. Then section 4, where not features but the data points of a small
# data set form the polygons.
