"""Answers to `full_batch_step` and `best_instance`."""

import torch as t

from . import add, right, wrong

STEP, BEST = "full_batch_step", "best_instance"


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
