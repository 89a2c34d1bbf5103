"""Answers to the loss per instance, `dimensionality`, `full_batch_step` and `best_instance`."""

import torch as t
from part31_superposition_and_saes.solutions import DoubleDescentModel, ToyModel
from torch.nn import functional as F

from . import add, right, wrong

LOSS, DIMENSIONALITY = "double_descent_calculate_loss", "double_descent_dimensionality"
STEP, BEST = "full_batch_step", "best_instance"


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


# ---- a training step


@wrong(STEP, "not-zeroed")
def never_zeroed(model, optimizer, batch):
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    loss.sum().backward()
    optimizer.step()
    return loss.detach()


@wrong(STEP, "no-step")
def no_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    loss.sum().backward()
    return loss.detach()


@wrong(STEP, "no-step")
def no_backward(model, optimizer, batch):
    optimizer.zero_grad()
    optimizer.step()
    return model.calculate_loss(model(batch), batch, per_inst=True).detach()


@wrong(STEP, "no-step")
def zeroed_after_backward(model, optimizer, batch):
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    loss.sum().backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.detach()


@wrong(STEP, "no-step")
def step_before_backward(model, optimizer, batch):
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    optimizer.step()
    optimizer.zero_grad()
    loss.sum().backward()
    return loss.detach()


@wrong(STEP, "mean-over-instances")
def mean_of_losses(model, optimizer, batch):
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    optimizer.zero_grad()
    loss.mean().backward()
    optimizer.step()
    return loss.detach()


@wrong(STEP, "uphill")
def uphill(model, optimizer, batch):
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    optimizer.zero_grad()
    (-loss.sum()).backward()
    optimizer.step()
    return loss.detach()


@wrong(STEP, "sum-over-features")
def row_errors(model, optimizer, batch):
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    optimizer.zero_grad()
    (loss.sum() * batch.shape[-1]).backward()
    optimizer.step()
    return loss.detach()


@wrong(STEP, "loss-after")
def loss_after(model, optimizer, batch):
    optimizer.zero_grad()
    model.calculate_loss(model(batch), batch).backward()
    optimizer.step()
    return model.calculate_loss(model(batch), batch, per_inst=True).detach()


@wrong(STEP, "loss-summed")
def summed(model, optimizer, batch):
    optimizer.zero_grad()
    loss = model.calculate_loss(model(batch), batch)
    loss.backward()
    optimizer.step()
    return loss.detach()


@wrong(STEP, "loss-mean")
def averaged(model, optimizer, batch):
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    optimizer.zero_grad()
    loss.sum().backward()
    optimizer.step()
    return loss.mean().detach()


@wrong(STEP, "graph-kept")
def attached(model, optimizer, batch):
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    optimizer.zero_grad()
    loss.sum().backward()
    optimizer.step()
    return loss


@wrong(STEP, "type")
def returns_nothing(model, optimizer, batch):
    optimizer.zero_grad()
    model.calculate_loss(model(batch), batch).backward()
    optimizer.step()


@wrong(STEP, "type")
def python_number(model, optimizer, batch):
    optimizer.zero_grad()
    loss = model.calculate_loss(model(batch), batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong(STEP, "parameters")
def only_weights(model, optimizer, batch):
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    optimizer.zero_grad()
    loss.sum().backward()
    model.b_final.grad = None
    model.W.grad *= 0.5
    optimizer.step()
    return loss.detach()


@wrong(STEP, "raised")
def backward_of_vector(model, optimizer, batch):
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


@wrong(STEP, "parameters")
def two_steps(model, optimizer, batch):
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    for _ in range(2):
        optimizer.zero_grad()
        model.calculate_loss(model(batch), batch).backward()
        optimizer.step()
    return loss.detach()


@wrong(STEP, "no-step")
def zeroed_between_backward_and_step(model, optimizer, batch):
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    loss.sum().backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.detach()


@right(STEP)
def zeroed_last(model, optimizer, batch):
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    loss.sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()


@right(STEP)
def two_forward_passes(model, optimizer, batch):
    with t.no_grad():
        before = model.calculate_loss(model(batch), batch, per_inst=True)
    optimizer.zero_grad(set_to_none=False)
    model.calculate_loss(model.forward(batch), batch).backward()
    optimizer.step()
    return before


@right(STEP)
def ones_for_backward(model, optimizer, batch):
    optimizer.zero_grad()
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    loss.backward(t.ones_like(loss))
    optimizer.step()
    return loss.detach().clone()


@right(STEP)
def gradients_by_hand(model, optimizer, batch):
    loss = model.calculate_loss(model(batch), batch, per_inst=True)
    parameters = list(model.parameters())
    for p, gradient in zip(parameters, t.autograd.grad(loss.sum(), parameters), strict=True):
        p.grad = gradient
    optimizer.step()
    return loss.data


# ---- the best instance


def of(model, batch):
    return model.calculate_loss(model(batch), batch, per_inst=True)


def middle(model, batch):
    """The instance of middling loss."""
    return of(model, batch).sort().indices[len(model.W) // 2]


for name, diagnosis, choose in (
    ("largest", "largest-loss", lambda m, b: (b[:, (k := of(m, b).argmax())], m.W[k])),
    ("first", "wrong-instance", lambda m, b: (b[:, 0], m.W[0])),
    ("last", "largest-loss", lambda m, b: (b[:, -1], m.W[-1])),
    ("second", "wrong-instance", lambda m, b: (b[:, 1], m.W[1])),
    ("row", "row-for-instance", lambda m, b: (b[of(m, b).argmin()], m.W[of(m, b).argmin()])),
    ("column", "column-for-instance", lambda m, b: (b[:, (k := of(m, b).argmin())], m.W[:, min(k, m.W.shape[1] - 1)])),
    ("whole_batch", "all-instances", lambda m, b: (b, m.W[of(m, b).argmin()])),
    ("whole_W", "all-instances", lambda m, b: (b[:, of(m, b).argmin()], m.W)),
    ("transposed", "transposed", lambda m, b: (b[:, (k := of(m, b).argmin())], m.W[k].T)),
    ("batch_transposed", "transposed", lambda m, b: (b[:, (k := of(m, b).argmin())].T, m.W[k])),
    ("axis_kept", "kept-axis", lambda m, b: (b[:, (k := of(m, b).argmin()) : k + 1], m.W[k : k + 1])),
    ("axis_of_W_kept", "kept-axis", lambda m, b: (b[:, (k := of(m, b).argmin())], m.W[k][None])),
    ("swapped", "swapped", lambda m, b: (m.W[(k := of(m, b).argmin())], b[:, k])),
    ("only_W", "type", lambda m, b: m.W[of(m, b).argmin()]),
    ("nothing", "type", lambda m, b: None),
    ("three", "type", lambda m, b: (b[:, (k := of(m, b).argmin())], m.W[k], m.b_final[k])),
    ("dictionary", "type", lambda m, b: {"batch": b[:, (k := of(m, b).argmin())], "W": m.W[k]}),
    ("middling_loss", "wrong-instance", lambda m, b: (b[:, (k := middle(m, b))], m.W[k])),
    ("numpy", "type", lambda m, b: (b[:, (k := of(m, b).argmin())].numpy(), m.W[k])),
):  # fmt: skip
    add(BEST, name, choose, diagnosis)

for name, choose in (
    ("argmin", lambda m, b: (b[:, (k := of(m, b).argmin())], m.W[k])),
    ("item", lambda m, b: (b[:, (k := int(of(m, b).argmin()))].clone(), m.W[k].detach())),
    ("own_loss", lambda m, b: (b[:, (k := ((m(b) - b) ** 2).mean((0, 2)).argmin())], m.W.data[k].clone())),
    ("index_select", lambda m, b: [b.index_select(1, (k := of(m, b).argmin()))[:, 0], m.W.index_select(0, k)[0]]),
    ("sorted", lambda m, b: (b.unbind(1)[(k := of(m, b).sort().indices[0].item())], m.W.unbind(0)[k])),
):  # fmt: skip
    add(BEST, name, choose, None)
