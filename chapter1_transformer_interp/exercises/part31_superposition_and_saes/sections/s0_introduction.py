# %% tags=["module-only"]
"""Introduction: what superposition is, the map of the course, and four questions answered in full."""

import part31_superposition_and_saes.utils as utils

MAIN = __name__ == "__main__"

# %% [markdown]
# # [1.5.4] Toy Models of Superposition & Sparse Autoencoders
#
# **Notebook 1: toy models.** It opens with an introduction to the whole course; the exercises begin at *Section 1*
# below.

# %% [markdown]
# ## Introduction
#
# A language model knows far more things than it has dimensions. Its activations at one place are a vector of perhaps
# a few thousand numbers, yet it must tell apart names, places, tenses, moods, programming languages and the closing
# bracket it still owes. Where does it put them all?
#
# The answer that this course takes apart is **superposition**: a model represents *more features than it has
# dimensions*, by giving each feature a direction and letting the directions overlap. Overlapping directions disturb
# each other. That is a price, and it is worth paying as long as features are rarely present at the same time.
#
# Superposition is why a single neuron so often answers to several unrelated things, and why reading a network neuron
# by neuron fails. To read it you need the directions. *Sparse autoencoders* are the tool that looks for them. In a
# real model nobody knows the true directions, so nobody can say how many were found. Here you build the models
# yourself, the true features are known, and every such question has an answer that you can measure.

# %% [markdown]
# ### The map
#
# | Section | What you do there | If time is short |
# |---|---|---|
# | 1 Toy models | build the smallest model that shows superposition, and see when it appears | do it: everything rests on it |
# | 2 Privileged basis | add a nonlinearity to the hidden layer; compute in superposition | read its figures |
# | 3 Feature geometry | measure what share of a dimension each feature gets; polytopes | skip |
# | 4 Superposition and deep double descent | replicate a paper: memorised data points against learned features | skip |
# | 5 Sparse autoencoders in toy models | find the features again, and measure how many you found | do it |
# | ☆ Bonus | phase change, feature absorption, attacks; replications to try | afterwards |
#
# Sections stand alone: each imports what it needs from the ones before. The exercises go into the theory of
# superposition; you can use sparse autoencoders on real language models without them, and you will trust the results
# for better reasons with them. This release holds section 1; the others follow in the order of the table.

# %% [markdown]
# ### What to read first
#
# | Reading | Time | How much of it |
# |---|---|---|
# | [200 Concrete Open Problems: Exploring Polysemanticity and Superposition](https://www.alignmentforum.org/posts/o6ptPu7arZrqRCxyz/200-cop-in-mi-exploring-polysemanticity-and-superposition) (Alignment Forum) | 15 min | up to and including "Tips"; parts of it make more sense later |
# | [Notes on superposition in a glossary of mechanistic interpretability](https://dynalist.io/d/n2ZWtnoYHrU1s4vnFSAQ519J) | 10 min | skim, then keep it open to look things up |
# | [Toy Models of Superposition](https://transformer-circuits.pub/2022/toy_model) (Elhage et al. 2022, **TMS** from here on) | 20 min | up to and including "Summary: A Hierarchy of Feature Properties"; above all "Key Results", "Definitions and Motivation", "Empirical Phenomena" |
#
# For the later sections:
# [Superposition, Memorization, and Double Descent](https://transformer-circuits.pub/2023/toy-double-descent) (section
# 4), [Towards Monosemanticity](https://transformer-circuits.pub/2023/monosemantic-features) and
# [Gated](https://arxiv.org/abs/2404.16014), [JumpReLU](https://arxiv.org/abs/2407.14435),
# [TopK](https://arxiv.org/abs/2406.04093), [BatchTopK](https://arxiv.org/abs/2412.06410) and
# [Matryoshka](https://arxiv.org/abs/2503.17547) autoencoders (section 5), and
# [feature absorption](https://arxiv.org/abs/2409.14507) (bonus).

# %% [markdown]
# ### Four questions
#
# Answer each for yourself before you open it. A sentence on paper counts; a nod does not.

# %% [markdown]
# **Question 1.** What is a privileged basis? Why should you expect the activations of neurons to have one, and why
# not the residual stream of a transformer?

# %% figure="question_1_privileged_basis" role="answer-figure"
if MAIN:
    utils.plot_relu_in_two_bases()

# %% [markdown] figure="question_1_privileged_basis" role="answer"
# A basis is **privileged** if the computation treats its directions differently from other directions. You notice it
# by rotating: if you can turn the whole space, adapt the weights around it and get the same function, no basis of
# that space is special.
#
# **Neurons.** A neuron layer applies $\mathrm{ReLU}$ to each coordinate. In the standard basis that is easy to say:
# each coordinate is cut at zero, and none looks at another. Now describe the same operation in the basis
#
# $$x' = \frac{x + y}{\sqrt 2}, \qquad y' = \frac{x - y}{\sqrt 2}, \qquad\text{so}\qquad x = \frac{x' + y'}{\sqrt 2}, \quad y = \frac{x' - y'}{\sqrt 2}.$$
#
# Cut $x$ and $y$ at zero and write the result in the new coordinates:
#
# $$x'_\text{out} = \tfrac12\big[\max(0,\, x' + y') + \max(0,\, x' - y')\big], \qquad y'_\text{out} = \tfrac12\big[\max(0,\, x' + y') - \max(0,\, x' - y')\big].$$
#
# | where the input lies | $x'_\text{out}$ | $y'_\text{out}$ |
# |---|---|---|
# | $x' \ge \lvert y' \rvert$ (both neurons on) | $x'$ | $y'$ |
# | $y' \ge \lvert x' \rvert$ (only the first on) | $(x' + y')/2$ | $(x' + y')/2$ |
# | $-y' \ge \lvert x' \rvert$ (only the second on) | $(x' - y')/2$ | $-(x' - y')/2$ |
# | $-x' \ge \lvert y' \rvert$ (both off) | $0$ | $0$ |
#
# Each output now depends on both inputs: with $x' = 0$ fixed, moving $y'$ from 0 to 1 moves $x'_\text{out}$ from 0 to
# $\tfrac12$. The components interfere. Only along the neurons' own axes (in any order, each scaled by a positive
# number) does $\mathrm{ReLU}$ treat each coordinate by itself, so that basis is privileged.
#
# **The residual stream.** Everything that writes to it or reads from it does so by a linear map. Take an orthogonal
# matrix $R$ and turn the stream: $x \to x R$ (rows are vectors). Then change
#
# - every **writer** to $W R$: the token and position embeddings, $W_O$ of attention, $W_\text{out}$ of the MLPs, and
#   turn their output biases likewise, $b \to b R$;
# - every **reader** to $R^{-1} W$, which is $R^\top W$: $W_Q$, $W_K$, $W_V$, $W_\text{in}$ and the unembedding $W_U$.
#
# A reader then sees $x R \, R^{-1} W = x W$, the same as before, so the whole transformer computes the same function.
# Nothing in the weights told us which $R$ to take, so "element 47 of the residual stream" means nothing by itself.
#
# One part of the stream's surroundings is not linear: **LayerNorm**. Fold its gain and bias into the readers after it
# (they are a diagonal matrix and a shift, both linear). What remains subtracts the mean and divides by the standard
# deviation. Dividing by a length is harmless, because an orthogonal $R$ keeps lengths; this is why $R$ must be
# orthogonal and not merely invertible. Subtracting the mean singles out one direction, $(1, \dots, 1)$. Fold it into
# the writers as well, by centring what they write, or allow only those $R$ that keep this direction. With RMSNorm
# there is nothing to centre.
#
# Two footnotes. The argument is about the *function*; training can still favour a basis, because Adam rescales each
# coordinate of the gradient by itself. And **privileged does not mean interpretable**: a basis must be privileged for
# its directions to mean something on their own, but a privileged basis may well consist of directions that each mean
# five things.

# %% [markdown]
# **Question 2.** What is the difference between superposition and polysemanticity?

# %% figure="question_2_superposition" role="answer-figure"
if MAIN:
    utils.plot_polysemanticity_and_superposition()

# %% [markdown] figure="question_2_superposition" role="answer"
# A neuron is **polysemantic** if it answers to several features. A layer is in **superposition** if it represents
# more features than it has dimensions.
#
# Superposition implies polysemanticity: with more features than neurons, some neuron has to answer to several. The
# converse fails. Take two features on two neurons, one each, and rotate the layer by 45°. Now both neurons answer to
# both features, yet the features are as orthogonal as before: each can be read off without a trace of the other, once
# you look along the right directions. Polysemanticity alone is a wrong choice of basis. Superposition cannot be
# undone by choosing a basis, because no basis of $m$ directions has room for more than $m$ orthogonal features.

# %% [markdown]
# **Question 3.** What are the importance and the sparsity of a feature? If sparsity grows, do you expect more or
# fewer polysemantic neurons?

# %% figure="question_3_sparsity" role="answer-figure"
if MAIN:
    utils.plot_sparsity_and_importance()

# %% [markdown] figure="question_3_sparsity" role="answer"
# **Importance** says how much the loss suffers when the feature is reconstructed badly. In our toy models it is a
# weight in the loss; in a real model it is how much knowing the feature helps prediction.
#
# **Sparsity** says how often the feature is *absent*: with feature probability $p$ it is $S = 1 - p$. (Beware: some
# texts describe it as how often a feature is present. That is $p$.)
#
# More sparsity gives **more** polysemantic neurons. Interference hurts only while two features that share directions
# are present at once. Given that one of $n$ independent features is on, another is on too with probability
# $1 - (1-p)^{n-1}$. At $n = 5$ that is 0.94 for $p = 0.5$ and 0.08 for $p = 0.02$. So what sharing costs falls like
# $p^2$ (two features must meet), and what it gains falls like $p$ only (a feature that would be lost is kept whenever
# it occurs). Below some $p$, sharing wins.

# %% [markdown]
# **Question 4.** How would you define a feature?

# %% figure="question_4_feature" role="answer-figure"
if MAIN:
    utils.plot_feature_as_direction()

# %% [markdown] figure="question_4_feature" role="answer"
# There is no settled definition, and it is worth seeing where each attempt breaks.
#
# - *A property of the input*, or of part of it: "this token is in French". This is what you would like to find. But
#   every input has endlessly many properties, and it does not say which of them the model uses.
# - *A scalar function of the input.* Precise, and far too generous: every neuron, and every sum of two neurons, is
#   one.
# - *Whatever a sufficiently large model would give a neuron of its own* (TMS). It rules out arbitrary functions, and
#   it cannot be checked on the model at hand.
# - *A direction in activation space*: the model writes the feature by adding a multiple of the direction, and reads
#   it by projecting onto it. This is the **linear representation hypothesis**. It is about how features are
#   represented and says nothing of which there are.
#
# In this course the question does not arise, which is the point of a toy model: the features are the coordinates of
# the data, known by construction. The last definition is then a hypothesis that you can test. The figure shows it at
# work: two features add up to one activation, and reading one by projection picks up a little of the other.
