"""Answers to the loss and the dimensionality of `DoubleDescentModel`."""

import torch as t
from part31_superposition_and_saes.solutions import DoubleDescentModel, ToyModel
from torch.nn import functional as F

from . import add, wrong

LOSS, DIMENSIONALITY = "double_descent_calculate_loss", "double_descent_dimensionality"


def losses(model, out, batch):
    return (model.importance * (out - batch) ** 2).mean((0, 2))


def with_loss(name, exercise_diagnosis, loss):
    """A class whose calculate_loss is `loss(self, out, batch, per_inst)`."""

    def calculate_loss(self, out, batch, per_inst=False):
        return loss(self, out, batch, per_inst)

    add(LOSS, name, type(name, (DoubleDescentModel,), {"calculate_loss": calculate_loss}), exercise_diagnosis)


def error(model, out, batch):
    return model.importance * (out - batch) ** 2


def plain(out, batch):
    return ((out - batch) ** 2).mean((0, 2))


for name, diagnosis, loss in (
    ("IgnoresPerInst", "not-per-instance", lambda m, o, b, p: losses(m, o, b).sum()),
    ("AlwaysPerInst", "not-summed", lambda m, o, b, p: losses(m, o, b)),
    ("Swapped", "not-summed", lambda m, o, b, p: losses(m, o, b).sum() if p else losses(m, o, b)),
    ("MeanInstead", "mean-over-instances", lambda m, o, b, p: losses(m, o, b) if p else losses(m, o, b).mean()),
    ("NoImportanceAtAll", "no-importance", lambda m, o, b, p: plain(o, b) if p else plain(o, b).sum()),
):  # fmt: skip
    with_loss(name, diagnosis, loss)

for name, diagnosis, per_instance in (  # right without per_inst
    ("MeanWhenPerInst", "mean-over-instances", lambda m, o, b: losses(m, o, b).mean()),
    ("PerRow", "per-row", lambda m, o, b: error(m, o, b).mean(2)),
    ("PerFeature", "per-feature", lambda m, o, b: error(m, o, b).mean(0)),
    ("SumOverFeatures", "sum-over-features", lambda m, o, b: error(m, o, b).sum(2).mean(0)),
    ("SumOverBatch", "sum-over-batch", lambda m, o, b: error(m, o, b).mean(2).sum(0)),
    ("SumOverAll", "sum-over-everything", lambda m, o, b: error(m, o, b).sum((0, 2))),
    ("NoImportance", "no-importance", lambda m, o, b: plain(o, b)),
    ("DividedByInstances", "over-instances", lambda m, o, b: losses(m, o, b) / o.shape[1]),
    ("Root", "root", lambda m, o, b: losses(m, o, b).sqrt()),
    ("NotReduced", "not-reduced", lambda m, o, b: error(m, o, b)),
    ("KeptAxis", "kept-axis", lambda m, o, b: losses(m, o, b)[:, None]),
    ("DetachedPerInst", "detached", lambda m, o, b: losses(m, o, b).detach()),
    ("SameForAll", "same-for-all", lambda m, o, b: losses(m, o, b).sum().repeat(o.shape[1])),
    ("ListOfLosses", "type", lambda m, o, b: list(losses(m, o, b))),
    ("Squeezed", "one-instance", lambda m, o, b: losses(m, o, b).squeeze()),
    ("NotebookBatch", "fixed-batch", lambda m, o, b: error(m, o, b).sum((0, 2)) / (64 * o.shape[2])),
):  # fmt: skip
    with_loss(name, diagnosis, lambda m, o, b, p, f=per_instance: f(m, o, b) if p else losses(m, o, b).sum())


@wrong(LOSS, "raised")
class NoKeyword(DoubleDescentModel):
    def calculate_loss(self, out, batch):
        return losses(self, out, batch).sum()


for name, loss in (
    ("TwoEndings", lambda m, o, b, p: losses(m, o, b) if p else losses(m, o, b).sum()),
    ("TwoFormulas", lambda m, o, b, p: losses(m, o, b) if p else o.shape[1] * error(m, o, b).mean()),
    ("Einsum", lambda m, o, b, p: t.einsum("if,bif->" + "i" * p, m.importance, (o - b) ** 2) / (len(b) * b.shape[2])),
    ("Loop", lambda m, o, b, p: (t.stack if p else sum)([error(m, o, b)[:, i].mean() for i in range(o.shape[1])])),
    ("UsesParent", lambda m, o, b, p: losses(m, o, b) if p else ToyModel.calculate_loss(m, o, b)),
):  # fmt: skip
    with_loss(name, None, loss)


# ---- dimensionality


def lengths(data):
    return data.norm(dim=-1, keepdim=True)


def unit(data):
    return data / lengths(data).clamp_min(1e-30)


def squares(data):
    """(v̂_i · v_j)² for all i and j."""
    return (unit(data) @ data.mT) ** 2


def safe(top, bottom):
    return t.where(bottom > 0, top / bottom, 0.0)


def static(name, diagnosis, function):
    add(DIMENSIONALITY, name, type(name, (DoubleDescentModel,), {"dimensionality": staticmethod(function)}), diagnosis)


def length2(data):
    return (data**2).sum(-1)


def gram_without_own(data):
    others = squares(data)
    return others - t.diag_embed(others.diagonal(dim1=-2, dim2=-1))


for name, diagnosis, function in (
    ("ZeroOverZero", "zero-row", lambda d: length2(d) / squares(d).sum(-1)),
    ("UnitOfZero", "zero-row", lambda d: length2(d) / ((d / lengths(d)) @ d.mT).pow(2).sum(-1)),
    ("OwnLeftOut", "own-left-out", lambda d: safe(length2(d), gram_without_own(d).sum(-1))),
    ("NotNormalized", "not-normalized", lambda d: safe(length2(d), (d @ d.mT).pow(2).sum(-1))),
    ("BothNormalized", "both-normalized", lambda d: safe(length2(d), (unit(d) @ unit(d).mT).pow(2).sum(-1))),
    ("OtherNormalized", "other-normalized", lambda d: safe(length2(d), squares(d).sum(-2))),
    ("NormOnTop", "not-squared", lambda d: safe(lengths(d)[..., 0], squares(d).sum(-1))),
    ("ProductsNotSquared", "products-not-squared", lambda d: (length2(d) / (unit(d) @ d.mT).sum(-1)).nan_to_num(0.0)),
    ("Absolute", "absolute-value", lambda d: safe(length2(d), (unit(d) @ d.mT).abs().sum(-1))),
    ("SquareAfterSum", "square-after-sum", lambda d: safe(length2(d), (unit(d) @ d.mT).sum(-1) ** 2)),
    ("UpsideDown", "upside-down", lambda d: safe(squares(d).sum(-1), length2(d))),
    ("OneOnTop", "not-normalized", lambda d: safe(t.ones_like(length2(d)), squares(d).sum(-1))),
    ("Denominator", "denominator", lambda d: squares(d).sum(-1)),
    ("SquaredNorm", "squared-norm", length2),
    ("Root", "root", lambda d: safe(length2(d), squares(d).sum(-1).sqrt())),
    ("Mean", "mean-for-sum", lambda d: safe(length2(d), squares(d).mean(-1))),
    ("Columns", "columns", lambda d: safe(length2(d.mT), squares(d.mT).sum(-1))),
    ("MeanOfAll", "mean-of-all", lambda d: safe(length2(d), squares(d).sum(-1)).mean(-1)),
    ("ThreeAxes", "leading-axes", lambda d: safe(length2(d), t.bmm(unit(d), d.mT).pow(2).sum(-1))),
    ("Squeezed", "one-vector", lambda d: safe(length2(d), squares(d).sum(-1)).squeeze(-1)),
    ("LargeEpsilon", "epsilon", lambda d: length2(d) / (squares(d).sum(-1) + 1e-6)),
    ("KeptAxis", "kept-axis", lambda d: safe(length2(d), squares(d).sum(-1))[..., None]),
):  # fmt: skip
    static(name, diagnosis, function)


@wrong(DIMENSIONALITY, "not-static")
class WithSelf(DoubleDescentModel):
    def dimensionality(self, data):
        return DoubleDescentModel.dimensionality(data)


@wrong(DIMENSIONALITY, "not-static")
class WithoutDecorator(DoubleDescentModel):
    def dimensionality(data):
        return DoubleDescentModel.dimensionality(data)


@wrong(DIMENSIONALITY, "input-changed")
class ChangesInput(DoubleDescentModel):
    @staticmethod
    def dimensionality(data):
        top = length2(data)
        other = data.clone()
        data /= lengths(data).clamp_min(1e-30)
        return safe(top, (data @ other.mT).pow(2).sum(-1))


for name, function in (
    ("AllPairs", lambda d: safe(length2(d), squares(d).sum(-1))),
    ("SmallMatrix", lambda d: safe(length2(d) ** 2, ((d @ (d.mT @ d)) * d).sum(-1))),
    ("NanToNum", lambda d: (length2(d) / (d @ d.mT / lengths(d)).pow(2).sum(-1)).nan_to_num(0.0)),
    ("Clamped", lambda d: length2(d) / squares(d).sum(-1).clamp_min(1e-20)),
    ("Normalized", lambda d: safe(length2(d), (F.normalize(d, dim=-1) @ d.mT).pow(2).sum(-1))),
):  # fmt: skip
    static(name, None, function)
