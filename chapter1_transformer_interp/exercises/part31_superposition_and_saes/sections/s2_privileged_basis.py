# %% tags=["module-only"]
"""Section 2, privileged basis: superposition among neurons, and computation in superposition."""

from typing import NamedTuple

import einops
import torch as t
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

import part31_superposition_and_saes.utils as utils
from part31_superposition_and_saes.sections.s1_toy_models import ToyModel, ToyModelConfig
from part31_superposition_and_saes.utils import device

MAIN = __name__ == "__main__"
if MAIN:
    from IPython.display import display

    import part31_superposition_and_saes.tests as tests
    from plotly_utils import line

# %% [markdown]
# # Section 2: superposition in a privileged basis
#
# > **You will learn**
# >
# > - how superposition among *neurons* differs from superposition in a bottleneck: computing against storing
# > - how to measure how polysemantic a neuron is, and why a polysemantic layer need not be in superposition
# > - when a model lines its features up with its neurons, and when it gives that up
# > - how a model computes $\lvert x \rvert$ of 100 features with 40 neurons, and which trick keeps the answers clean
#
# *About 2 hours, the reading not included (an estimate).*

# %% [markdown]
# This section uses the toy model of section 1. It is imported from the solutions, so you can start here.

# %%
if MAIN:
    from typing import NamedTuple

    from IPython.display import Markdown
    from jaxtyping import Int

    from part31_superposition_and_saes.solutions import (
        ToyModel,
        ToyModelConfig,
        feature_interference,
        linear_lr,
        warmup_linear_lr,
    )
    from plotly_utils import bar

# %% [markdown]
# ## Bottleneck and neurons
#
# In section 1 the hidden layer stored features: $h = W x$, and nothing happened to $h$ before it was read. Turn all
# hidden vectors by a rotation $R$, replacing $W$ by $R W$, and the model $\mathrm{ReLU}(W^\top W x + b)$ stays the
# same, because $(RW)^\top R W = W^\top W$. Its coordinates mean nothing by themselves. Superposition of this kind is
# called **representational**, or bottleneck superposition: a residual stream, or the output of an attention head, is
# where you meet it.
#
# Put a ReLU on the hidden layer and this freedom is gone. $\mathrm{ReLU}(R h)$ is not $R\,\mathrm{ReLU}(h)$: the ReLU
# cuts each coordinate at zero, so the coordinates matter. The basis is **privileged**, and a coordinate is now a
# **neuron**. Superposition of this kind is called **computational**, or neuron superposition: an MLP layer is where
# you meet it.
#
# Two questions follow. Does the model *use* the privileged basis, one feature a neuron? And can it *compute* with
# features that share neurons? The first half of this section is about the first question, the second half about the
# second.


# %% [markdown] exercise="neuron_forward"
# ## Exercise: `NeuronModel.forward`
#
# > Difficulty 1 of 5 · importance 3 of 5 · about 5 minutes (an estimate)
#
# The smallest change that makes a basis privileged: one more ReLU.
#
# $$x' = \mathrm{ReLU}\big(W^\top \mathrm{ReLU}(W x) + b\big)$$
#
# Everything else is inherited from `ToyModel`: parameters, data, loss and `optimize`.
#
# **Before you code**: in section 1 two features could share one dimension by pointing in opposite directions. A
# feature with $W_i = -1$ in a single hidden dimension comes in with value 1. What does the new model answer?


# %% exercises=["neuron_forward"]
class NeuronModel(ToyModel):
    """Toy models with a ReLU in the hidden layer as well: x' = ReLU(W^T ReLU(W x) + b_final) (TMS).

    Constructor, data and loss are those of `ToyModel`.
    """

    def forward(self, features: Float[Tensor, "... inst feats"]) -> Float[Tensor, "... inst feats"]:
        """Reconstruct the features from their neurons: ReLU(W^T ReLU(W x) + b_final).

        Args:
            features: any number of axes before `inst`.
        Returns:
            Reconstructions, 0 or more, in the shape of `features`.
        """
        ### BEGIN SOLUTION
        neurons = F.relu(einops.einsum(features, self.W, "... inst feats, inst d_hidden feats -> ... inst d_hidden"))
        restored = einops.einsum(neurons, self.W, "... inst d_hidden, inst d_hidden feats -> ... inst feats")
        return F.relu(restored + self.b_final)
        ### END SOLUTION


# %% exercise="neuron_forward" role="test"
if MAIN:
    tests.test_neuron_model(NeuronModel)

# %% [markdown] exercise="neuron_forward" role="hint"
# Write it in two steps, as in section 1, through `neurons` with axes `... inst d_hidden`. Where does the new ReLU
# stand?

# %% [markdown] exercise="neuron_forward" role="hint"
# `F.relu(einops.einsum(features, self.W, "... inst feats, inst d_hidden feats -> ... inst d_hidden"))` is the first
# step. The second spreads it out again, adds `self.b_final`, and has a ReLU of its own.

# %% [markdown] exercise="neuron_forward" role="solution"
# The hidden ReLU makes $W^\top W$ useless as a shortcut: the two products no longer merge into one matrix.
#
# In the question the neuron receives $-1$ and the ReLU makes it 0, so the model answers $\mathrm{ReLU}(b)$ whatever
# the feature was. The antipodal pairs of section 1 are gone: a neuron passes on one sign only. A feature lives on the
# neurons to which its weight is positive.


# %% [markdown]
# ## How polysemantic is a neuron?
#
# A picture of $W$ tells a lot, and sentences like "these neurons are monosemantic" need a number. Row $k$ of $W$ holds
# what neuron $k$ reads. Two measures of a row, one that counts and one that does not need a threshold.


# %% [markdown] exercise="features_per_neuron"
# ## Exercise: `features_per_neuron`
#
# > Difficulty 1 of 5 · importance 3 of 5 · about 10 minutes (an estimate)
#
# Count the features that a neuron answers to. Small weights are noise, so count those that are not small beside the
# neuron's largest one:
#
# $$n_k = \#\big\{\, i : \lvert W_{ki} \rvert > 0.3 \, \max_j \lvert W_{kj} \rvert \,\big\}$$
#
# The threshold of 0.3 is a convention. A count of 1 means **monosemantic**, a larger one **polysemantic**. The sign of a
# weight does not matter here: a feature that silences a neuron is one that the neuron answers to.
#
# **Before you code**: what does the formula give for a neuron whose weights are all zero? And if it said $\ge$
# instead of $>$?


# %% exercises=["features_per_neuron"]
def features_per_neuron(W: Float[Tensor, "inst d_hidden feats"]) -> Int[Tensor, "inst d_hidden"]:
    """How many features a neuron answers to: those with |weight| above 0.3 of the neuron's largest |weight|.

    Args:
        W: weights; row k of an instance is what its neuron k reads.
    Returns:
        Counts (int64, as a sum of booleans is), 1 or more; 0 for a neuron whose weights are all zero.
    """
    ### BEGIN SOLUTION
    size = W.abs()
    return (size > 0.3 * size.amax(dim=-1, keepdim=True)).sum(dim=-1)
    ### END SOLUTION


# %% exercise="features_per_neuron" role="test"
if MAIN:
    tests.test_features_per_neuron(features_per_neuron)

# %% [markdown] exercise="features_per_neuron" role="hint"
# The largest size of each row is `W.abs().amax(dim=-1)`. To compare it with the whole row it needs an axis that
# broadcasts: `keepdim=True`.

# %% [markdown] exercise="features_per_neuron" role="hint"
# A comparison gives booleans; their `sum` counts. Which axis has to go?

# %% [markdown] exercise="features_per_neuron" role="solution"
# The count compares a row with itself, so it does not change when a neuron's weights are scaled. With the strict
# $>$ a row of zeros counts 0, since $0 > 0$ is false; with $\ge$ a dead neuron would seem to answer to everything.

# %% [markdown] exercise="largest_share"
# ## Exercise: `largest_share`
#
# > Difficulty 1 of 5 · importance 3 of 5 · about 10 minutes (an estimate)
#
# A count jumps when a weight crosses the threshold. A share does not: what part of a row's squared norm lies on its
# largest entry?
#
# $$s_k = \frac{\max_i W_{ki}^2}{\sum_i W_{ki}^2}$$
#
# One function answers two questions. The rows of `W` are neurons: *how monosemantic is this neuron?* (Above 0.9 it
# will be called monosemantic below.) The rows of `W.mT` are features: *how well is this feature aligned with a
# neuron?* A row of zeros has share 0, not NaN.
#
# **Before you code**: a neuron holds two features equally strongly. Which share does it have, and which count? And
# what is the share of a random direction in five dimensions, roughly: 1/5, or more?


# %% exercises=["largest_share"]
def largest_share(W: Float[Tensor, "inst rows columns"]) -> Float[Tensor, "inst rows"]:
    """How far a row is one entry: the largest share of its squared norm that lies on a single entry.

    Of `W` `[inst d_hidden feats]` it tells how monosemantic each neuron is, of `W.mT` how well each feature is aligned
    with a neuron.

    Args:
        W: weights.
    Returns:
        Shares, from 1/columns (all entries equally large) to 1 (a single entry); 0 for a row of zeros.
    """
    ### BEGIN SOLUTION
    squares = W**2
    total = squares.sum(dim=-1)
    return squares.amax(dim=-1) / t.where(total > 0, total, 1.0)
    ### END SOLUTION


# %% exercise="largest_share" role="test"
if MAIN:
    tests.test_largest_share(largest_share)

# %% [markdown] exercise="largest_share" role="hint"
# Square first: the largest square belongs to the entry of largest size, whatever its sign.

# %% [markdown] exercise="largest_share" role="hint"
# Divide by a total in which zeros are replaced: `t.where(total > 0, total, 1.0)`. The numerator is 0 there already.

# %% [markdown] exercise="largest_share" role="solution"
# Replacing a total of 0 by 1 leaves every other row exact; adding a small number to all totals would change rows of
# small weights.
#
# Two equal features: share ½, count 2. A random direction in five dimensions has a share of 0.555 on average, well
# above 1/5: the *largest* of five is taken. Keep this number: it is what "not aligned at all" looks like.


# %% [markdown]
# ## Experiment: ten features, five neurons
#
# Ten features, each mattering 0.75 times as much as the one before, and five neurons. Train at seven feature
# probabilities, ten copies each, and draw the copy with the lowest loss at five of them.
#
# **Before you run it**: with a ReLU on the hidden layer, at which feature probabilities will a neuron hold a single
# feature: for dense data ($p = 1$), for sparse data ($p = 0.02$), or in between?

# %% figure="neurons_over_sparsity"
if MAIN:
    n_copies = 10  # models at each feature probability
    probabilities = t.tensor([1, 0.7, 0.5, 0.35, 0.15, 0.05, 0.02])
    generator = t.Generator(device).manual_seed(utils.seed)

    def train_ten_in_five(kind: type[ToyModel]) -> ToyModel:
        """Ten copies at each probability: 10 features, 5 hidden dimensions."""
        model = kind(
            ToyModelConfig(n_inst=7 * n_copies, n_features=10, d_hidden=5),
            feature_probability=probabilities.repeat_interleave(n_copies)[:, None],
            importance=0.75 ** t.arange(10),
            generator=generator,
        )
        model.optimize(batch_size=512, steps=2_000, lr=3e-2, lr_scale=linear_lr, generator=generator)
        return model

    @t.no_grad()
    def loss_per_instance(model: ToyModel, batch: Float[Tensor, "batch inst feats"]) -> Float[Tensor, " inst"]:
        """The loss of `calculate_loss`, one number an instance."""
        return (model.importance * (model(batch) - batch) ** 2).mean(dim=(0, 2))

    neurons = train_ten_in_five(NeuronModel)
    batch = neurons.generate_batch(5_000, generator=generator)  # rows on which the copies are compared
    best = loss_per_instance(neurons, batch).reshape(7, n_copies).argmin(dim=1) + n_copies * t.arange(7, device=device)
    shown = [0, 1, 3, 4, 6]
    utils.plot_features_in_Nd(
        neurons.W[best[shown]],
        height=640,
        width=1000,
        neuron_plot=True,
        title="Neurons hold one feature each at p = 0.7, and several at once when features are rare",
        subplot_titles=[f"p = {p:.2f}" for p in probabilities[shown]],
    )

# %% [markdown] figure="neurons_over_sparsity" role="see"
# Above, one stacked bar a neuron, one segment a feature it reads; the number on top is what `features_per_neuron`
# counts, and the colour repeats it. Below, the weights, one column a neuron (so this is $W^\top$): a bright cell is a
# feature that switches the neuron on, a dark one a feature that holds it off.
#
# - **p = 0.7**: five bars of one segment each, and they are features 0 to 4, the most important ones. The model keeps
#   as many features as it has neurons, and each gets a neuron for itself. The other five are dropped.
# - **p = 0.35 and below**: segments stack up. First a few neurons take in more features; at p = 0.02 a neuron answers
#   to five and more on average, though one may still keep the most important feature for itself.
# - **p = 1** is the surprise: some neurons hold two features, and $W$ has small entries beside the large ones, although
#   there is no superposition (five features are kept). With dense data a neuron that reads several features can be on
#   in nearly every row, and a ReLU that is always on is no ReLU. Small turns of the layer, which keep the neurons on,
#   cost next to nothing, and training is slow to choose among them. The monosemantic end of the scale is p = 0.5 to
#   0.8, not p = 1.

# %% tags=["claim"]
if MAIN:
    W = neurons.W.detach()
    is_monosemantic = largest_share(W) > 0.9  # [inst d_hidden]
    monosemantic = einops.reduce(is_monosemantic.float(), "(p copy) d_hidden -> p", "sum", p=7) / n_copies
    counts = einops.reduce(features_per_neuron(W).float(), "(p copy) d_hidden -> p", "mean", p=7)
    held = W.abs().argmax(dim=-1).sort(dim=-1).values  # [inst d_hidden], the feature that each neuron holds
    one_each = is_monosemantic.all(dim=-1) & (held == t.arange(5, device=device)).all(dim=-1)
    utils.claim(
        9,
        "with a ReLU on the hidden layer neurons are monosemantic first, and polysemantic as features get rarer",
        [
            utils.Measured("monosemantic neurons of 5 at p = 0.7, mean of 10 copies", monosemantic[1], at_least=4.2),
            utils.Measured("the same at p = 0.5", monosemantic[2], at_least=4),
            utils.Measured("the same at p = 0.15", monosemantic[4], at_most=2),
            utils.Measured("the same at p = 0.05", monosemantic[5], at_most=2),
            utils.Measured("the same at p = 0.02", monosemantic[6], at_most=2),
            utils.Measured(
                "copies of 10 at p = 0.7 whose neurons hold features 0 to 4, one each",
                one_each[10:20].sum(),
                at_least=8,
            ),
            utils.Measured("monosemantic neurons of 5 at p = 1, fewer than at 0.7", monosemantic[0], at_most=4.2),
            utils.Measured("features per neuron at p = 0.7", counts[1], at_most=1.3),
            utils.Measured("features per neuron at p = 0.02", counts[6], at_least=4),
        ],
        source="TMS, 'Superposition in a Privileged Basis'",
    )


# %% [markdown]
# ## Polysemantic is not yet superposed
#
# It is tempting to read a bar of five colours as superposition. The introduction tells them apart: **superposition**
# is more features than dimensions, **polysemantic** is a neuron that answers to several features. You can make the
# second without the first. Build it.


# %% [markdown] exercise="rotate_neurons"
# ## Exercise: polysemantic without superposition
#
# > Difficulty 3 of 5 · importance 4 of 5 · about 15 minutes (an estimate)
#
# Take a layer with one feature a neuron, and turn it. Write `rotate_neurons(W)`, which multiplies each instance by an
# **orthogonal** matrix $R$ ($R^\top R = 1$) of your choice, such that afterwards
#
# - every neuron answers to several features (`largest_share` of every neuron below 0.9),
# - no feature interferes with another (`feature_interference` is 0, as before), and every feature is as long as before.
#
# Any $R$ that does this is right: drawn at random, or built. The test looks at the properties, not at your numbers.
#
# **Before you code**: on which side of $W$ must $R$ stand, so that *neurons* are mixed and not features? And why does
# $R$ have to be orthogonal: what would a random matrix that is not do to the features?


# %% exercises=["rotate_neurons"]
def rotate_neurons(
    W: Float[Tensor, "inst d_hidden feats"], *, generator: t.Generator | None = None
) -> Float[Tensor, "inst d_hidden feats"]:
    """The same features in a layer whose neurons all answer to several: each instance turned by an orthogonal matrix.

    Lengths of features, and angles between them, are kept.

    Args:
        W: weights; column i of an instance is the direction of its feature i. Two neurons or more.
        generator: source of the numbers, on the device of W, if you draw any; torch's own if None.
    Returns:
        R W with R^T R = 1. R mixes all neurons: of a W with one feature a neuron it makes one in which no neuron has
        more than 0.9 of its squared norm on one feature (with 20 neurons or more a random R does, but for chances
        of less than one in a million).
    """
    ### BEGIN SOLUTION
    n_inst, d_hidden, _ = W.shape
    normal = t.randn(n_inst, d_hidden, d_hidden, device=W.device, generator=generator)
    rotation = t.linalg.qr(normal.cpu().double()).Q  # on the CPU: not every device has this decomposition
    return rotation.to(W) @ W
    ### END SOLUTION


# %% exercise="rotate_neurons" role="test"
if MAIN:
    tests.test_rotate_neurons(rotate_neurons)

# %% [markdown] exercise="rotate_neurons" role="hint"
# Interference between features $i$ and $j$ comes from $W_i \cdot W_j$, an entry of $W^\top W$. What is
# $(RW)^\top (RW)$?

# %% [markdown] exercise="rotate_neurons" role="hint"
# An orthogonal matrix at random: the `Q` of `t.linalg.qr` of a matrix of normal numbers. It works on a batch of
# matrices, one an instance.

# %% [markdown] exercise="rotate_neurons" role="solution"
# $(RW)^\top RW = W^\top R^\top R\, W = W^\top W$: all lengths and angles stay, so what interfered before still does,
# and what did not still does not. On the right side, $W R$ would mix *features*: its columns are sums of the old ones,
# and overlap unless all features are equally long. A matrix that is not orthogonal bends the angles.
#
# Each row of $RW$ is a sum over all neurons, with the weights of a row of $R$; in a random $R$ no entry of a row
# dominates. A built one does it without chance, for example
# $R_{jk} = (\cos\tfrac{2\pi jk}{m} + \sin\tfrac{2\pi jk}{m}) / \sqrt m$.
#
# A linear reader with weights $R W$ undoes the turn and reads every feature cleanly. So polysemantic neurons alone
# say that you look along the wrong axes. Superposition cannot be turned away: with more features than dimensions
# something overlaps along any axes.


# %% [markdown]
# ### The same layer, seen by neuron and by feature
#
# Take the ten trained models with monosemantic neurons (p = 0.7) and turn them with your function. Beside them, a model
# of sparse data (p = 0.02). Five neurons are few, so a random turn may leave one of them mostly to one feature; drawn
# is the model in which turning mixed best.
#
# **Before you run it**: in which of the three do neurons answer to several features? In which do features interfere?

# %% figure="turned_neurons"
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)
    monosemantic_layers, superposed_layers = neurons.W.detach()[10:20], neurons.W.detach()[60:70]
    turned_layers = rotate_neurons(monosemantic_layers, generator=generator)
    mixed = features_per_neuron(turned_layers).sum(dim=1).argmax()
    three_layers = t.stack([monosemantic_layers[mixed], turned_layers[mixed], neurons.W.detach()[best[6]]])
    headings = ["trained at p = 0.7", "the same, turned", "trained at p = 0.02"]
    utils.plot_features_in_Nd(
        three_layers,
        height=620,
        width=900,
        neuron_plot=True,
        title="By neuron: the turned layer is polysemantic, as the one in superposition is",
        subplot_titles=headings,
    )

# %% [markdown] figure="turned_neurons" role="see"
# In the turned layer and in the layer in superposition neurons answer to several features (over the ten turned models,
# to three on average). Each neuron by itself looks polysemantic in both. Which of the two holds more features than it
# has dimensions is not a question about single neurons.

# %% figure="turned_features"
if MAIN:
    utils.plot_features_in_Nd(
        three_layers,
        height=620,
        width=900,
        title="By feature: turning brings no interference, superposition does",
        subplot_titles=headings,
    )

# %% [markdown] figure="turned_features" role="see"
# $W^\top W$ tells them apart. For the trained and for the turned layer it is the same diagonal matrix: five features,
# each with a dimension of its own, none reading a trace of another. In superposition nearly all bars have the light
# colour of strong interference, and the matrix is full of entries off the diagonal.


# %% [markdown]
# ## Experiment: does the model use its neurons?
#
# A feature is *aligned* if it lives on one neuron. The share of its squared norm on its largest neuron is
# `largest_share(W.mT)`. Compare the model with the hidden ReLU and the one without (section 1's), trained alike.
#
# **Before you run it**: the model without hidden ReLU has no reason to prefer any axes. Which share do you expect of
# it? For which $p$ will the ReLU model be better aligned than that?

# %% figure="alignment"
if MAIN:
    bottleneck = train_ten_in_five(ToyModel)

    def alignment(model: ToyModel) -> Float[Tensor, " p"]:
        """Share of a represented feature's squared norm on its largest neuron: mean at each feature probability."""
        W = model.W.detach()
        is_kept = W.norm(dim=1) > 0.5
        share = (largest_share(W.mT) * is_kept).sum(dim=1) / is_kept.sum(dim=1)
        return share.reshape(7, n_copies).mean(dim=1)

    generator = t.Generator(device).manual_seed(utils.seed)
    random_share = largest_share(t.randn(1, 20_000, 5, device=device, generator=generator)).mean()
    aligned, unaligned = alignment(neurons), alignment(bottleneck)
    line(
        [aligned, unaligned, random_share.expand(7)],
        x=1 / probabilities,
        names=["with hidden ReLU", "without", "a random direction"],
        labels={"x": "1 / feature probability", "y": "share on the largest neuron", "variable": ""},
        log_x=True,
        markers=True,
        range_y=[0, 1.05],
        title="Features line up with neurons where they have one each, and nowhere else",
    ).update_xaxes(tickvals=[1, 2, 5, 10, 20, 50])

# %% [markdown] figure="alignment" role="see"
# With the hidden ReLU a represented feature lies on one neuron at p = 0.7 and 0.5, as exactly as training can place
# it. Without, its share is about that of a random direction (0.555) at every p. For rare features the two models agree:
# features are spread over neurons as widely as random directions are. More features than neurons leave no choice.

# %% [markdown]
# ### Privileged all the same
#
# At p = 0.02 the ReLU model's features look like random directions. Has its basis lost its privilege? Test it: turn
# the hidden layer with `rotate_neurons`, and compare the loss before and after, on the same data. A single random turn
# may by chance come near one that only exchanges neurons, which costs nothing; so take the mean over five turns.
#
# **Before you run it**: what happens to the loss of the model without hidden ReLU? And to the other's, at p = 0.02?

# %% figure="rotated_loss"
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)

    n_turns = 5  # random turns of each instance, whose losses are averaged

    def losses_before_and_after(model: ToyModel) -> tuple[Float[Tensor, " inst"], Float[Tensor, " inst"]]:
        """Loss of each instance as trained, and its mean over turns of the hidden layer."""
        batch, W = model.generate_batch(5_000, generator=generator), model.W.detach().clone()
        before, after = loss_per_instance(model, batch), t.zeros(len(W), device=device)
        with t.no_grad():
            for _ in range(n_turns):
                model.W.copy_(rotate_neurons(W, generator=generator))
                after += loss_per_instance(model, batch) / n_turns
            model.W.copy_(W)
        return before, after

    before, after = losses_before_and_after(neurons)
    linear_before, linear_after = losses_before_and_after(bottleneck)
    growth, linear_growth = (after / before).reshape(7, n_copies), (linear_after / linear_before).reshape(7, n_copies)
    line(
        [growth.median(dim=1).values, growth.amin(dim=1), linear_growth.median(dim=1).values],
        x=1 / probabilities,
        names=["with hidden ReLU, median copy", "with hidden ReLU, least copy", "without, median copy"],
        labels={"x": "1 / feature probability", "y": "loss turned / loss as trained", "variable": ""},
        log_x=True,
        log_y=True,
        markers=True,
        title="Turning the hidden layer costs the ReLU model dearly, and the other one nothing",
    ).update_xaxes(tickvals=[1, 2, 5, 10, 20, 50]).update_yaxes(tickvals=[1, 3, 10, 30, 100, 300])

# %% [markdown] figure="rotated_loss" role="see"
# Without the hidden ReLU the loss does not move. With it the loss grows in every copy at every p, and most of all for
# the rarest features, where no feature sits on a neuron. The weights are tuned to the axes of the ReLU even where no
# axis has a meaning of its own. **A privileged basis need not be an interpretable one.**

# %% tags=["claim"]
if MAIN:
    counts = features_per_neuron(turned_layers).float().mean()
    kept_in = monosemantic_layers.norm(dim=1) > 0.5
    suffered_by_turned = (feature_interference(turned_layers) * kept_in).amax()
    sparse_kept = superposed_layers.norm(dim=1) > 0.5
    suffered_by_superposed = (feature_interference(superposed_layers) * sparse_kept).sum() / sparse_kept.sum()
    utils.claim(
        10,
        "features align with neurons where there are enough of them; the basis stays privileged where there are not",
        [
            utils.Measured("share on the largest neuron, hidden ReLU, p = 0.7", aligned[1], at_least=0.9),
            utils.Measured("the same, p = 0.5", aligned[2], at_least=0.9),
            utils.Measured("without hidden ReLU, p = 0.7", unaligned[1], at_most=0.65),
            utils.Measured("without hidden ReLU, p = 0.5", unaligned[2], at_most=0.65),
            utils.Measured(
                "without, any p: largest distance from a random direction's share",
                (unaligned - random_share).abs().max(),
                at_most=0.15,
            ),
            utils.Measured("hidden ReLU, p of 0.15 and below: largest mean share", aligned[4:].max(), at_most=0.7),
            utils.Measured("least growth of the loss when turned, hidden ReLU", growth.min(), at_least=1.38),
            utils.Measured("median growth, p = 0.02", growth[6].median(), at_least=5),
            utils.Measured(
                "largest change of the loss without", (linear_after - linear_before).abs().max(), at_most=1e-6
            ),
            utils.Measured("features per neuron of monosemantic layers, turned", counts, at_least=2),
            utils.Measured("largest interference in them", suffered_by_turned, at_most=0.25),
            utils.Measured("mean interference in superposition, p = 0.02", suffered_by_superposed, at_least=0.5),
        ],
        source="TMS, 'Superposition in a Privileged Basis'",
    )


# %% [markdown]
# ## Computing in superposition
#
# Up to here the model stored features: it was asked to give back what it got. A layer of neurons is there to compute.
# So change the task: take features of both signs, uniform on $[-1, 1]$ when on, and ask for their **absolute values**.
# One neuron cannot do it. Two can:
#
# $$\lvert x \rvert = \mathrm{ReLU}(x) + \mathrm{ReLU}(-x)$$
#
# With two neurons a feature, $m$ neurons compute $\lvert x \rvert$ of $m / 2$ features. The question is whether a
# model can do better: compute more functions than it has room for, one neuron serving several.
#
# Reading and writing are now different things, so the model gets two matrices:
#
# $$y = \mathrm{ReLU}\big(W_2\, \mathrm{ReLU}(W_1 x) + b\big), \qquad \text{target } \lvert x \rvert$$
#
# Row $k$ of $W_1$ is what neuron $k$ reads, column $k$ of $W_2$ is what it writes. The constructor is given: it starts
# each instance's slice of $W_1$ and $W_2$ Kaiming-uniform (bound $\sqrt{6 / \text{inputs}}$), times 0.1. At full
# scale, sparse runs end with outputs that are off for good. Three methods are yours: first the task, then the model.


# %% exercises=["computation_generate_batch", "computation_calculate_loss", "computation_forward"]
class NeuronComputationModel(ToyModel):
    """Toy models that compute |x| in their neurons: ReLU(W2 ReLU(W1 x) + b_final) (TMS, 'Computation in Superposition')."""

    W1: Float[Tensor, "inst d_hidden feats"]
    W2: Float[Tensor, "inst feats d_hidden"]

    def __init__(
        self,
        cfg: ToyModelConfig,
        feature_probability: utils.PerFeature = 1.0,
        importance: utils.PerFeature = 1.0,
        device: t.device | str = device,
        *,
        generator: t.Generator | None = None,
    ):
        """Start `W1` and `W2` Kaiming-uniform with the fan of one instance, times 0.1, and `b_final` at zero.

        Args:
            cfg: sizes; `cfg.init_scale` is one more factor on the starting weights.
            feature_probability: how often each feature is on; broadcasts to `[inst feats]`, between 0 and 1.
            importance: weight of each feature in the loss; broadcasts likewise, 0 or more.
            device: where the model lives.
            generator: source of the starting weights, on `device`; torch's own if None.
        Raises:
            ValueError: as for `ToyModel`, and if the config asks for pairs of features.
        """
        if cfg.n_correlated_pairs or cfg.n_anticorrelated_pairs:
            raise ValueError(
                "inputs of both signs have no pairs; leave n_correlated_pairs and n_anticorrelated_pairs at 0"
            )
        super().__init__(cfg, feature_probability, importance, device, generator=generator)
        del self.W  # parameters are W1, W2 and b_final, and no others
        self.W1 = self.start_weights(cfg.d_hidden, cfg.n_features, generator)
        self.W2 = self.start_weights(cfg.n_features, cfg.d_hidden, generator)

    def start_weights(self, n_out: int, n_in: int, generator: t.Generator | None) -> nn.Parameter:
        """`[inst n_out n_in]`, uniform between ±0.1 √(6 / n_in), times `cfg.init_scale`."""
        bound = 0.1 * self.cfg.init_scale * (6 / n_in) ** 0.5
        unit = t.rand(self.cfg.n_inst, n_out, n_in, device=self.b_final.device, generator=generator)
        return nn.Parameter(bound * (2 * unit - 1))

    def generate_batch(
        self, batch_size: int, *, generator: t.Generator | None = None
    ) -> Float[Tensor, "batch inst feats"]:
        """Draw inputs: each feature on with its own probability, uniform on [-1, 1] when on, 0 when off.

        Args:
            batch_size: rows.
            generator: source of the numbers, on the model's device; torch's own if None.
        Returns:
            Inputs of both signs. Features, rows and instances are independent of each other.
        """
        ### BEGIN SOLUTION
        shape = (batch_size, self.cfg.n_inst, self.cfg.n_features)
        is_on = t.rand(shape, device=self.W1.device, generator=generator) < self.feature_probability
        values = 2 * t.rand(shape, device=self.W1.device, generator=generator) - 1
        return t.where(is_on, values, 0.0)
        ### END SOLUTION

    def calculate_loss(
        self, out: Float[Tensor, "batch inst feats"], batch: Float[Tensor, "batch inst feats"]
    ) -> Float[Tensor, ""]:
        """Importance-weighted squared error to |batch|: mean over batch and features, summed over instances."""
        ### BEGIN SOLUTION
        return super().calculate_loss(out, batch.abs())
        ### END SOLUTION

    def forward(self, features: Float[Tensor, "... inst feats"]) -> Float[Tensor, "... inst feats"]:
        """Estimate |x| of every feature: ReLU(W2 ReLU(W1 x) + b_final).

        Args:
            features: of either sign, with any number of axes before `inst`.
        Returns:
            Estimates, 0 or more, in the shape of `features`.
        """
        ### BEGIN SOLUTION
        neurons = F.relu(einops.einsum(features, self.W1, "... inst feats, inst d_hidden feats -> ... inst d_hidden"))
        written = einops.einsum(neurons, self.W2, "... inst d_hidden, inst feats d_hidden -> ... inst feats")
        return F.relu(written + self.b_final)
        ### END SOLUTION


# %% [markdown] exercise="computation_generate_batch"
# ## Exercise: inputs of both signs
#
# > Difficulty 1 of 5 · importance 3 of 5 · about 10 minutes (an estimate)
#
# Write `NeuronComputationModel.generate_batch`. Feature $i$ is on with probability $p_i$, as before, and now of either
# sign:
#
# $$x_i = \begin{cases} u_i & \text{with probability } p_i\\ 0 & \text{otherwise,} \end{cases} \qquad u_i \text{ uniform on } [-1, 1]$$
#
# **Before you code**: what is the mean of $x_i$? What are mean and variance of the *target* $\lvert x_i \rvert$?
# (You have met the variance before.)

# %% exercise="computation_generate_batch" role="test"
if MAIN:
    tests.test_computation_generate_batch(NeuronComputationModel)

# %% [markdown] exercise="computation_generate_batch" role="hint"
# Two draws, as in section 1: is it on, and what is its value. Only the second one changes.

# %% [markdown] exercise="computation_generate_batch" role="hint"
# `2 * t.rand(shape) - 1` is uniform on $[-1, 1]$. There is no `self.W` any more: the device is that of `self.W1`.

# %% [markdown] exercise="computation_generate_batch" role="solution"
# A number uniform on $[0, 1]$, doubled and shifted by 1, is uniform on $[-1, 1]$. Which features are on has to be a
# draw of its own, as before.
#
# The mean of $x_i$ is 0. The target is what section 1 drew: mean $p/2$, variance $p/3 - p^2/4$. That variance is the
# loss of a model that answers the mean whatever comes in, and the measure for "computed" below.

# %% [markdown] exercise="computation_calculate_loss"
# ## Exercise: the target is $\lvert x \rvert$
#
# > Difficulty 1 of 5 · importance 3 of 5 · about 5 minutes (an estimate)
#
# Write `NeuronComputationModel.calculate_loss`:
#
# $$L = \sum_\text{inst} \frac{1}{\text{batch} \cdot n} \sum_{\text{batch}} \sum_{i} I_i \, (y_i - \lvert x_i \rvert)^2$$
#
# **Before you code**: what would the model learn if you forgot the absolute value? (What can its output never be?)

# %% exercise="computation_calculate_loss" role="test"
if MAIN:
    tests.test_computation_calculate_loss(NeuronComputationModel)

# %% [markdown] exercise="computation_calculate_loss" role="hint"
# `ToyModel.calculate_loss(out, target)` does all but the target. From inside the class it is `super().calculate_loss`.

# %% [markdown] exercise="computation_calculate_loss" role="solution"
# Only the target changes, so the rest is left to the class above. Without the absolute value the model would learn
# $\mathrm{ReLU}(x)$: its output cannot be negative, so the best answer to a negative input is 0.

# %% [markdown] exercise="computation_forward"
# ## Exercise: read, compute, write
#
# > Difficulty 1 of 5 · importance 4 of 5 · about 10 minutes (an estimate)
#
# Write `NeuronComputationModel.forward`:
#
# $$y = \mathrm{ReLU}\big(W_2\, \mathrm{ReLU}(W_1 x) + b\big)$$
#
# The test looks at the whole class: its parameters, and data and loss as well.
#
# **Before you code**: write down $W_1$ and $W_2$ for one feature and two neurons that compute $\lvert x \rvert$
# exactly. Is it the only choice?

# %% exercise="computation_forward" role="test"
if MAIN:
    tests.test_neuron_computation_model(NeuronComputationModel)

# %% [markdown] exercise="computation_forward" role="hint"
# `self.W1` is `[inst d_hidden feats]`, `self.W2` is `[inst feats d_hidden]`. In each product, which axis is summed
# over?

# %% [markdown] exercise="computation_forward" role="hint"
# The second product is `"... inst d_hidden, inst feats d_hidden -> ... inst feats"`.

# %% [markdown] exercise="computation_forward" role="solution"
# $W_1 = (1, -1)^\top$, $W_2 = (1, 1)$: one neuron for $+x$, one for $-x$. Not the only choice:
# $\mathrm{ReLU}(cz) = c\,\mathrm{ReLU}(z)$ for $c > 0$, so a neuron may read $c$ times as loudly and write $1/c$ times
# as loudly. What it does is the **product** of the weight that it reads with and the one that it writes with.


# %% [markdown]
# ## Experiment: neurons to spare
#
# Five features, ten neurons: as many as the construction above needs. Twenty models learn the task from examples.
#
# **Before you run it**: will training find two neurons a feature, or something messier?

# %% figure="neurons_to_spare"
if MAIN:
    generator = t.Generator(device).manual_seed(utils.seed)

    def train_five_features(d_hidden: int) -> NeuronComputationModel:
        """Twenty models of 5 features, each on with probability 0.3."""
        model = NeuronComputationModel(
            ToyModelConfig(n_inst=20, n_features=5, d_hidden=d_hidden), feature_probability=0.3, generator=generator
        )
        model.optimize(batch_size=512, steps=1_000, lr=2e-2, lr_scale=warmup_linear_lr, generator=generator)
        return model

    spare = train_five_features(10)
    with t.no_grad():
        batch = spare.generate_batch(2_000, generator=generator)
        clean = int(((spare(batch) - batch.abs()) ** 2).mean(dim=(0, 2)).argmin())  # the model with the lowest loss
    utils.plot_features_in_Nd_discrete(
        spare.W1[[clean]],
        spare.W2[[clean]],
        legend_names=[str(i) for i in range(5)],
        height=420,
        width=900,
        title="With room for it, each feature has one neuron for +x and one for −x",
    )

# %% [markdown] figure="neurons_to_spare" role="see"
# One bar a neuron; the number on a segment is the feature, and a segment below the line is a negative weight. On the
# left what neurons read, on the right what they write. Each feature stands on two neurons: one reads it with a
# positive weight, one with a negative weight, and both write it with a positive one. That is
# $\mathrm{ReLU}(x) + \mathrm{ReLU}(-x)$, found by gradient descent.
#
# The two neurons of a feature need not read equally loudly: only the product of reading and writing is the same, and
# it is 1.

# %% tags=["claim"]
if MAIN:

    @t.no_grad()
    def pair_products(model: NeuronComputationModel) -> tuple[Tensor, Tensor, Tensor]:
        """Of each instance and feature: neurons for +x, neurons for -x, and product and reading weight by sign."""
        own = einops.einsum(model.W1, model.W2, "inst d f, inst f d -> inst f d")  # read f with, times write f with
        reads = model.W1.mT  # [inst f d]
        is_owned = (largest_share(model.W1) > 0.9)[:, None] & (own.abs() > 0.1)
        serves = t.stack([is_owned & (reads > 0), is_owned & (reads < 0)])  # [sign inst f d]
        return serves.sum(dim=-1), (own.abs() * serves).amax(dim=-1), (reads.abs() * serves).amax(dim=-1)

    n_serving, products, loudness = pair_products(spare)
    one_each = (n_serving == 1).all(dim=0)  # [inst f]
    product_gap = (products[0] - products[1]).abs()[one_each]
    loudness_gap = (loudness[0] / loudness[1]).log().abs()[one_each]
    with t.no_grad():
        signed_units = t.cat([t.eye(5, device=device), -t.eye(5, device=device)])[:, None].expand(-1, 20, -1)
        answers = spare(signed_units).reshape(2, 5, 20, 5).diagonal(dim1=1, dim2=3)  # [sign inst f], to +-e_f
    redundant = train_five_features(20)
    utils.claim(
        11,
        "with two neurons a feature, |x| is computed by one neuron for +x and one for -x",
        [
            utils.Measured(
                "features with exactly one neuron of each sign, share", one_each.float().mean(), at_least=0.9
            ),
            utils.Measured(
                "difference of the products W1 W2 of the two, 95 of 100 pairs", product_gap.quantile(0.95), at_most=0.05
            ),
            utils.Measured("difference of the weights W1 themselves, mean (log)", loudness_gap.mean(), at_least=0.02),
            utils.Measured(
                "answers to ±e_f within 10 % of 1, share", ((answers - 1).abs() < 0.1).float().mean(), at_least=0.9
            ),
            utils.Measured(
                "with 20 neurons: neurons for each feature and sign, mean",
                pair_products(redundant)[0].float().mean(),
                at_least=1.2,
            ),
        ],
        source="TMS, 'Computation in Superposition'",
    )


# %% [markdown]
# ## Experiment: 100 absolute values, 40 neurons
#
# Now there is no room: two neurons a feature would serve 20 features. Importance falls as $0.95^i$.
#
# What is the best that a model *without* superposition can do, one in which every neuron serves one feature? A
# feature with two neurons is computed exactly. One with no neuron is answered by the mean, at the price of the
# variance, $p/3 - p^2/4$. One with a single neuron is half known; the best slope and offset then leave
# $\tfrac{p}{6} - \tfrac{p^2/16}{1 - 3p/8}$, more than half of the variance. So the second neuron of a feature always
# brings more than the first one of a less important feature, and the best deal is: two neurons for each of the first
# 20 features. Its loss is the yardstick. Call a feature **computed** if its own squared error is below a quarter of
# its variance.
#
# **Before you run it**: at which feature probabilities can training beat the yardstick? How many features will be
# computed at $p = 1$, and how many at $p = 0.01$?

# %% figure="hundred_absolute_values"
if MAIN:
    n_crowds = 2  # models at each feature probability
    crowd_probabilities = 0.01 ** t.linspace(0, 1, 7)  # from 1 down to 0.01
    generator = t.Generator(device).manual_seed(utils.seed)
    crowd = NeuronComputationModel(
        ToyModelConfig(n_inst=7 * n_crowds, n_features=100, d_hidden=40),
        feature_probability=crowd_probabilities.repeat_interleave(n_crowds)[:, None],
        importance=0.95 ** t.arange(100),
        generator=generator,
    )
    crowd.optimize(batch_size=384, steps=2_000, lr=5e-3, lr_scale=warmup_linear_lr, generator=generator)
    shown = [0, 4, 8, 12]  # the first copies at p = 1, 0.215, 0.046 and 0.01
    utils.plot_features_in_Nd(
        crowd.W1[shown],
        height=760,
        width=1000,
        neuron_plot=True,
        title="Dense: every neuron reads one feature. Sparse: every neuron reads many",
        subplot_titles=[f"p = {p:.3f}" for p in crowd_probabilities[[0, 2, 4, 6]]],
    )

# %% [markdown] figure="hundred_absolute_values" role="see"
# At p = 1 and 0.215 nearly all bars are of one segment: each neuron reads one feature, a positive and a negative neuron
# for most of the first 20 or so, and the map has bright and dark cells near the top only. At p = 0.046 no neuron is
# monosemantic any more. At p = 0.01 every neuron reads many features, and the map is filled far down the list.

# %% figure="computed_features"
if MAIN:
    with t.no_grad():
        squares = []
        for _ in range(8):  # 40,000 rows in parts that fit into any memory
            batch = crowd.generate_batch(5_000, generator=generator)
            squares.append(((crowd(batch) - batch.abs()) ** 2).mean(dim=0))
        error = t.stack(squares).mean(dim=0)  # [inst feats]

    def over_yardstick(
        model: NeuronComputationModel, error: Float[Tensor, "inst feats"], n_served: int
    ) -> Float[Tensor, " inst"]:
        """Loss over that of a model that gets the first `n_served` features right and answers the others by the mean."""
        p = model.feature_probability
        variance = p / 3 - p**2 / 4
        return (model.importance * error).sum(dim=1) / (model.importance * variance)[:, n_served:].sum(dim=1)

    variance = crowd.feature_probability / 3 - crowd.feature_probability**2 / 4
    computed = (error < variance / 4).sum(dim=1).float().reshape(7, n_crowds).mean(dim=1)
    ratio = over_yardstick(crowd, error, n_served=20).reshape(7, n_crowds).mean(dim=1)
    line(
        [computed / 20, ratio],
        x=1 / crowd_probabilities,
        names=["features computed / 20", "loss / best loss without superposition"],
        labels={"x": "1 / feature probability", "y": "ratio to the model without superposition", "variable": ""},
        log_x=True,
        markers=True,
        range_y=[0, 2.8],
        title="Rare features: 40 neurons compute more than 20, and lose less",
    ).update_xaxes(tickvals=[1, 3, 10, 30, 100])

# %% [markdown] figure="computed_features" role="see"
# Both curves are ratios to the model without superposition, so 1 means: no better. For dense features training finds
# that model, nearly: 16 to 20 features computed, at a loss that is up to a fifth or so higher. Below p = 0.1 it does better than any model
# without superposition can. At p = 0.01 it computes about twice as many functions as it has pairs of neurons,
# at half of the loss. This is **computation in superposition**.
#
# The importance curve matters. With $0.8^i$ in place of $0.95^i$, feature 20 would weigh 0.01 and all features beyond
# it together 0.06: twenty perfect features are nearly all that counts, and little is left to win.

# %% tags=["claim"]
if MAIN:
    monosemantic = (largest_share(crowd.W1.detach()) > 0.9).sum(dim=1).float().reshape(7, n_crowds).mean(dim=1)
    utils.claim(
        12,
        "40 neurons compute |x| of up to 20 features without superposition, and of more when features are rare",
        [
            utils.Measured("features computed at p = 1", computed[0], at_least=12, at_most=21),
            utils.Measured("features computed at p = 0.01", computed[6], at_least=36),
            utils.Measured("loss over the best one without superposition, p = 1", ratio[0], at_least=1),
            utils.Measured("the same, p = 0.046", ratio[4], at_most=0.9),
            utils.Measured("the same, p = 0.022", ratio[5], at_most=0.7),
            utils.Measured("monosemantic neurons of 40 at p = 1", monosemantic[0], at_least=30),
            utils.Measured("the same, p = 0.022", monosemantic[5], at_most=2),
        ],
        source="TMS, 'Computation in Superposition'",
    )


# %% [markdown]
# ## The weights, feature by feature
#
# How can a neuron that reads five features serve any of them? Look at single weights, in models small enough to show
# all of them.
#
# **Before you run it**: 20 features, 10 neurons, p = 0.05. A neuron reads several features; will it write the same
# ones?

# %% figure="twenty_in_ten"
if MAIN:

    def train_small(n_features: int, p: list[float], n_copies: int, decay: float) -> NeuronComputationModel:
        """Models with 10 neurons, `n_copies` at each feature probability, importance decay^i."""
        model = NeuronComputationModel(
            ToyModelConfig(n_inst=len(p) * n_copies, n_features=n_features, d_hidden=10),
            feature_probability=t.tensor(p).repeat_interleave(n_copies)[:, None],
            importance=decay ** t.arange(n_features),
            generator=generator,
        )
        model.optimize(batch_size=256, steps=2_000, lr=1e-2, lr_scale=warmup_linear_lr, generator=generator)
        return model

    generator = t.Generator(device).manual_seed(utils.seed)
    twenty_in_ten = train_small(20, [0.05], n_copies=1, decay=0.9)
    utils.plot_features_in_Nd_discrete(
        twenty_in_ten.W1,
        twenty_in_ten.W2,
        legend_names=[str(i) for i in range(20)],
        height=700,
        width=1000,
        title="20 features in 10 neurons: what a neuron reads loudest is not what it writes loudest",
    )

# %% [markdown] figure="twenty_in_ten" role="see"
# Each bar is a neuron, each segment a feature; dark segments are important features. On the left, every neuron reads
# three features and more, many with a negative sign. On the right, it writes several, and there are many segments below
# the line: a negative weight in $W_2$ takes something *away* from an output. Now compare the two sides of one neuron. Its
# longest segment, the loudest feature, stands next to the line, above it or below. On the two sides it is seldom the same
# feature.

# %% [markdown]
# **Before you run it**: 10 features in 10 neurons, trained at p = 1 and at p = 0.07. There is room for one neuron a
# feature, or for two neurons for each of the five most important. Which of the two will the models choose? And will the
# dense or the sparse one be cleaner?

# %% figure="ten_in_ten"
if MAIN:
    n_each = 20  # models at each feature probability
    ten_in_ten = train_small(10, [1.0, 0.07], n_each, decay=0.75)
    with t.no_grad():
        batch = ten_in_ten.generate_batch(5_000, generator=generator)
        error = ((ten_in_ten(batch) - batch.abs()) ** 2).mean(dim=0)
    dense_ratio, sparse_ratio = over_yardstick(ten_in_ten, error, n_served=5).reshape(2, n_each).mean(dim=1).tolist()
    print(f"loss / loss with two neurons for each of five features: {dense_ratio:.2f} at p = 1, "
          f"{sparse_ratio:.2f} at p = 0.07")  # fmt: skip
    utils.plot_features_in_Nd_discrete(
        ten_in_ten.W1[[0, n_each]],
        ten_in_ten.W2[[0, n_each]],
        legend_names=[str(i) for i in range(10)],
        height=900,
        width=1000,
        title="10 features in 10 neurons: one feature a neuron for dense data (above), several for sparse data (below)",
        row_titles=["p = 1", "p = 0.07"],
    )

# %% [markdown] figure="ten_in_ten" role="see"
# Above (dense): each neuron reads one feature, and mainly writes that one. The few most important features have all the
# neurons, some more than they need. Two neurons for each of five features would be better, as the printed ratio says:
# on average training loses about a third more than that. Below (sparse): most of the ten features are there, on every neuron several, and
# for most neurons the loudest segment on the left is not the loudest on the right. This looks less clean, and loses about
# a third *less* than two neurons for each of five features would.

# %% [markdown]
# ## The asymmetric motif
#
# TMS describes a trick by which one neuron serves two features. The neuron reads feature $a$ **loudly** and feature
# $b$ **softly**; it writes $a$ softly and $b$ loudly:
#
# | | reads ($W_1$) | writes ($W_2$) | product |
# |---|---|---|---|
# | feature $a$ | large | small | right for $a$ |
# | feature $b$ | small | large | right for $b$ |
#
# Both products are of a useful size. What goes wrong is the cross term: when $a$ is on, the loud reading meets the
# loud writing, and output $b$ gets a large **false response**. (The other cross term, soft times soft, is small.) So
# all the interference has been pushed into one place, where another neuron can deal with it: one that reads $a$ as
# well and writes $b$ with a *negative* weight. That is **inhibition**.
#
# The paper shows the motif in a drawing. Does it occur in the models that you have trained? The next cell is given. It
# looks for it: ratios above 1.5 both ways, no weight below 0.1, a false response of ½ and more; and it measures what
# all the other neurons together add to output $b$ while $a$ alone is on.


# %%
class AsymmetricNeuron(NamedTuple):
    """A neuron that reads feature a loudly and b softly, and writes a softly and b loudly.

    Attributes:
        neuron, a, b: their numbers.
        sign: 1 if it reads positive values, -1 if negative ones.
        false_response: what it adds to output b when x_a = sign and everything else is off; in units of an output.
        taken_away: what all other neurons together take from output b then.
        elsewhere: share of the outputs other than a and b from which they take as much as half of `false_response`.
        inhibitor: the other neuron that takes most.
        by_inhibitor: what it takes.
    """

    neuron: int
    a: int
    b: int
    sign: int
    false_response: float
    taken_away: float
    elsewhere: float
    inhibitor: int
    by_inhibitor: float


def asymmetric_neurons(
    W1: Float[Tensor, "d_hidden feats"],
    W2: Float[Tensor, "feats d_hidden"],
    ratio: float = 1.5,
    least_weight: float = 0.1,
    least_response: float = 0.5,
) -> list[AsymmetricNeuron]:
    """The asymmetric neurons of one instance, each with the pair of features of its largest false response.

    Args:
        W1: what neurons read.
        W2: what neurons write.
        ratio: how much louder it must read a than b, and write b than a.
        least_weight: size that all four weights must exceed.
        least_response: smallest false response that counts.
    """
    W1, W2 = W1.detach().cpu(), W2.detach().cpu()
    d_hidden, feats = W1.shape
    found: dict[int, AsymmetricNeuron] = {}
    for sign in (1, -1):
        reads, writes = F.relu(sign * W1), W2.mT  # [d_hidden feats]
        is_asymmetric = reads[:, :, None] > ratio * reads[:, None, :].clamp_min(least_weight)  # [d_hidden a b]
        is_asymmetric &= writes[:, None, :] > ratio * writes[:, :, None].clamp_min(least_weight)
        is_asymmetric &= (reads[:, None, :] > least_weight) & (writes[:, :, None] > least_weight)
        responses = t.where(is_asymmetric, reads[:, :, None] * writes[:, None, :], 0.0).flatten(1)
        for neuron, (response, place) in enumerate(zip(*responses.max(dim=1), strict=True)):
            if response < max(least_response, found[neuron].false_response if neuron in found else 0.0):
                continue
            a, b = divmod(int(place), feats)
            added = reads[:, a, None] * writes  # [d_hidden feats], by each neuron to each output while x_a = sign
            added[neuron] = 0
            others = t.ones(feats, dtype=t.bool)
            others[[a, b]] = False
            taken = -added.sum(dim=0)
            elsewhere = (taken[others] > response / 2).float().mean().item() if others.any() else 0.0
            inhibitor = int(added[:, b].argmin())
            found[neuron] = AsymmetricNeuron(
                neuron, a, b, sign, response.item(), taken[b].item(), elsewhere, inhibitor, -added[inhibitor, b].item()
            )
    return list(found.values())


# %% [markdown]
# Search all forty models of 10 features in 10 neurons, and pick the clearest example: a large false response that one
# single neuron takes away nearly exactly.
#
# **Before you run it**: will there be such neurons in the models of dense data?

# %% figure="motif_weights"
if MAIN:
    motifs = [asymmetric_neurons(W1, W2) for W1, W2 in zip(ten_in_ten.W1, ten_in_ten.W2, strict=True)]
    dense, sparse = motifs[:n_each], motifs[n_each:]
    print(f"asymmetric neurons a model: {sum(map(len, dense)) / n_each:.1f} at p = 1, "
          f"{sum(map(len, sparse)) / n_each:.1f} at p = 0.07")  # fmt: skip

    def clarity(motif: AsymmetricNeuron) -> float:
        """Large for a large false response that the inhibitor alone takes away."""
        return motif.false_response - 2 * abs(motif.false_response - motif.by_inhibitor)

    candidates = [(copy, one) for copy, found in enumerate(sparse) for one in found]
    copy, motif = max(candidates, key=lambda candidate: clarity(candidate[1]))
    W1, W2, b_final = (w[n_each + copy].detach() for w in (ten_in_ten.W1, ten_in_ten.W2, ten_in_ten.b_final))
    pair, features = [motif.neuron, motif.inhibitor], [motif.a, motif.b]
    utils.plot_features_in_Nd_discrete(
        W1[pair][:, features][None],
        W2[features][:, pair][None],
        legend_names=[f"{name} = {i}" for name, i in zip("ab", features, strict=True)],
        height=440,
        width=820,
        title=f"Neuron {motif.neuron} (left bar) reads a loudly and writes b loudly; neuron {motif.inhibitor} takes b away",
    ).update_xaxes(tickvals=[0, 1], ticktext=[f"neuron {k}" for k in pair])

# %% [markdown] figure="motif_weights" role="see"
# Two features of two neurons, eight weights out of the 200 of one model. The first neuron reads a loudly and b softly (left), and
# writes a softly and b loudly (right). The second reads a too, and its weight to b hangs below the line.

# %% [markdown]
# ### One input, worked through by hand
#
# Feature $a$ is on, at full size and with the sign that the first neuron reads. Everything else is off. Follow
# outputs $a$ and $b$ number by number. The right answers are 1 and 0.
#
# **Before you run it**: take the eight weights off the figure and work out what the two neurons add to output $b$.
# What will happen when $b$ is on as well?

# %% figure="motif_example"
if MAIN:
    read = F.relu(motif.sign * W1[:, motif.a])  # [d_hidden], activations of all neurons for x_a = sign

    def account(output: int) -> list[float]:
        """What adds up to an output: the two neurons, all others, the bias; then their sum, and its ReLU."""
        by_neuron = read * W2[output]
        parts = [by_neuron[k].item() for k in pair]
        parts += [by_neuron.sum().item() - sum(parts), b_final[output].item()]
        return [*parts, sum(parts), max(sum(parts), 0.0)]

    accounts = {name: account(i) for name, i in zip("ab", features, strict=True)}

    @t.no_grad()
    def output_b(model: NeuronComputationModel, copy: int, one: AsymmetricNeuron, x_a: int, x_b: int) -> float:
        """The model's answer for b, with a and b at these values (times the sign that the neuron reads)."""
        x = t.zeros(model.b_final.shape, device=device)  # [inst feats]
        x[copy, one.a], x[copy, one.b] = one.sign * x_a, one.sign * x_b
        return model(x)[copy, one.b].item()

    def written(number: float) -> str:
        """Two decimals, and no minus before a zero."""
        return f"{round(number, 2) + 0.0:.2f}"

    neuron, other = pair
    x_a = motif.sign
    steps = [
        f"Neuron {neuron} reads feature {motif.a} with {written(W1[neuron, motif.a].item())}: "
        f"{x_a} · {written(W1[neuron, motif.a].item())} = {written(read[neuron].item())}. The ReLU lets it pass.",
        f"It writes output {motif.a} with {written(W2[motif.a, neuron].item())}: {written(read[neuron].item())} · "
        f"{written(W2[motif.a, neuron].item())} = {written(accounts['a'][0])}. Wanted.",
        f"It also writes output {motif.b}, with {written(W2[motif.b, neuron].item())}: {written(read[neuron].item())} · "
        f"{written(W2[motif.b, neuron].item())} = **{written(accounts['b'][0])}**. Feature {motif.b} is off: this is false.",
        f"Neuron {other} reads feature {motif.a} with {written(W1[other, motif.a].item())}, so it is at "
        f"{written(read[other].item())}.",
        f"It writes output {motif.b} with {written(W2[motif.b, other].item())}: {written(read[other].item())} · "
        f"({written(W2[motif.b, other].item())}) = **{written(accounts['b'][1])}**.",
        f"The other neurons add {written(accounts['b'][2])} to output {motif.b} and the bias {written(accounts['b'][3])}, "
        f"which makes {written(accounts['b'][4])}, and after the last ReLU **{written(accounts['b'][5])}** (right: 0). "
        f"Output {motif.a} comes to **{written(accounts['a'][5])}** (right: 1).",
        f"And if feature {motif.b} is on as well, with value {x_a}: output {motif.b} is "
        f"{written(output_b(ten_in_ten, n_each + copy, motif, 1, 1))}; with value {-x_a}: "
        f"{written(output_b(ten_in_ten, n_each + copy, motif, 1, -1))} (right: 1 in both cases).",
    ]
    numbered = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))
    display(Markdown(f"Feature {motif.a} is on, with value {x_a}; all others are off.\n\n{numbered}"))
    bar(
        [accounts["a"], accounts["b"]],
        x=[f"neuron {neuron}", f"neuron {other}", "other neurons", "bias", "sum", "after ReLU"],
        names=[f"output a = {motif.a} (right: 1)", f"output b = {motif.b} (right: 0)"],
        labels={"x": "what adds up to the output", "y": "contribution (units of an output)", "variable": ""},
        title=f"Only feature {motif.a} is on: neuron {other} takes the false response on output {motif.b} away",
    )

# %% [markdown] figure="motif_example" role="see"
# Read output b from left to right: a large false response, a negative contribution of nearly the same size from the
# inhibitor, little from everything else, and after the last ReLU next to nothing. Output a comes out near 1. Two
# features share a neuron, and as long as one of them is on at a time, neither answer is wrong.
#
# The last step of the list shows the price. Suppose that b is on as well, in the direction that the neuron does *not*
# read. Some other neuron then says so to output b, and the inhibitor, which hears only a, takes that away too: b is
# lost. In the other direction most of it survives, since false response and inhibition cancel and what b itself adds
# is left. With rare features two are seldom on together, which is why the motif appears in the sparse models and not
# in the dense ones.

# %% tags=["claim"]
if MAIN:
    everywhere = [one for found in sparse for one in found]
    inhibited = [one.taken_away > one.false_response / 2 for one in everywhere]
    answers_for_b = (
        t.tensor(  # [motif, 3]: a alone, b alone, a and b with b in the direction that the neuron does not read
            [
                [output_b(ten_in_ten, n_each + copy, one, *values) for values in ((1, 0), (0, 1), (1, -1))]
                for copy, found in enumerate(sparse)
                for one in found
            ]
        )
    )
    a_alone, b_alone, b_against = answers_for_b.mean(dim=0)

    def same_loudest(model: NeuronComputationModel) -> Float[Tensor, "inst d_hidden"]:
        """1 for neurons that write loudest what they read loudest, else 0."""
        return (model.W1.abs().argmax(dim=2) == model.W2.abs().argmax(dim=1)).float()

    with_motif = sum(any(one.taken_away > one.false_response / 2 for one in found) for found in sparse)
    utils.claim(
        13,
        "sparse models use asymmetric neurons, and other neurons take their false responses away",
        [
            utils.Measured("models of 20 with an inhibited asymmetric neuron, p = 0.07", with_motif, at_least=18),
            utils.Measured("asymmetric neurons a model, p = 0.07", len(everywhere) / n_each, at_least=2),
            utils.Measured("the same, p = 1", sum(map(len, dense)) / n_each, at_most=0.25),
            utils.Measured(
                "asymmetric neurons that are inhibited, share", sum(inhibited) / len(inhibited), at_least=0.9
            ),
            utils.Measured(
                "as much taken from another output, share",
                sum(one.elsewhere for one in everywhere) / len(everywhere),
                at_most=0.3,
            ),
            utils.Measured(
                "neurons that read and write one feature loudest, 10 in 10, p = 1, share",
                same_loudest(ten_in_ten)[:n_each].mean(),
                at_least=0.8,
            ),
            utils.Measured("the same, 10 in 10, p = 0.07", same_loudest(ten_in_ten)[n_each:].mean(), at_most=0.5),
            utils.Measured("the same, 20 in 10, p = 0.05", same_loudest(twenty_in_ten).mean(), at_most=0.3),
            utils.Measured("loss / loss with two neurons for five features each, p = 1", dense_ratio, at_least=1.15),
            utils.Measured("the same, p = 0.07", sparse_ratio, at_most=0.85),
            utils.Measured("the example: false response", motif.false_response, at_least=0.5),
            utils.Measured(
                "the example: taken away by the inhibitor, share",
                motif.by_inhibitor / motif.false_response,
                at_least=0.5,
            ),
            utils.Measured("the example: what is left on output b", accounts["b"][5], at_most=0.2),
            utils.Measured("the example: output a", accounts["a"][5], at_least=0.7, at_most=1.3),
            utils.Measured("all of them: output b with a alone on, mean", a_alone, at_most=0.15),
            utils.Measured("output b with b alone on, mean", b_alone, at_least=0.75),
            utils.Measured("output b with both on, b in the other direction, mean", b_against, at_most=0.3),
        ],
        source="TMS, 'The Asymmetric Superposition Motif'",
    )

# %% [markdown]
# ## What you have seen
#
# - A nonlinearity on the hidden layer makes its basis **privileged**: turning it changes the function. With few
#   features to keep, each gets a neuron of its own; with many rare ones, neurons become polysemantic.
# - **Polysemantic is not superposed.** A turned layer of monosemantic neurons is polysemantic and nothing interferes.
#   Look at $W^\top W$, not at the neurons alone.
# - A basis can be privileged without its axes meaning anything one by one.
# - Neurons can **compute in superposition**: 40 neurons that could serve 20 features compute the absolute values of
#   about twice as many, when features are rare.
# - They manage by concentrating interference in a few places and **inhibiting** it there: the asymmetric motif.
#
# **Read next**: TMS, from "Superposition in a Privileged Basis" to "Computation in Superposition"; hold its drawing of
# the asymmetric motif against yours. Then section 3, where the question is what share of a dimension each feature
# gets.
