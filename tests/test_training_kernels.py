"""The closed forms give what autograd gives, and the flat Adam steps as torch's does."""

import math

import pytest
import torch as t
from part31_superposition_and_saes.training.adam import FlatAdam, torch_adam
from part31_superposition_and_saes.training.kernels import KNOWN, Architecture, Kernel
from torch import Tensor, nn

DEVICES = ["cpu", *(["cuda"] if t.cuda.is_available() else []), *(["mps"] if t.backends.mps.is_available() else [])]
SHAPES = [(1, 1, 1, 1), (1, 5, 2, 7), (2, 3, 4, 1), (8, 5, 2, 33), (3, 20, 5, 64)]


def plain_loss(architecture: Architecture, values: dict[str, Tensor], importance: Tensor, x: Tensor) -> Tensor:
    """The loss as section 1 and 2 write it, with batch first."""
    encoder = values[architecture.encoder]
    hidden = t.einsum("bif,idf->bid", x, encoder)
    hidden = hidden.relu() if architecture.relu_hidden else hidden
    decoder = values[architecture.decoder] if architecture.decoder else encoder.mT
    out = t.einsum("bid,ifd->bif", hidden, decoder) + values["b_final"]
    out = out.relu() if architecture.relu_out else out
    target = x.abs() if architecture.absolute_target else x
    return (importance * (out - target) ** 2).mean((0, 2)).sum()


def random_sizes(seed: int) -> tuple[int, int, int, int]:
    low, high = t.ones(4, dtype=t.long), t.tensor([6, 30, 30, 100])
    return tuple((low + t.rand(4, generator=t.Generator().manual_seed(seed)) * high).long().tolist())


@pytest.mark.parametrize("architecture", KNOWN, ids=lambda a: a.formula)
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("sizes", [*SHAPES, *(random_sizes(seed) for seed in range(8))], ids=str)
@pytest.mark.parametrize("probability", [0.0, 0.001, 0.5, 1.0])
def test_gradients_are_those_of_autograd(
    architecture: Architecture, device: str, sizes: tuple[int, int, int, int], probability: float
) -> None:
    inst, feats, d_hidden, batch = sizes
    source = t.Generator().manual_seed(sum(sizes))
    shapes = architecture.shapes((inst, feats, d_hidden))
    values = {name: t.randn(shape, generator=source).to(device).requires_grad_() for name, shape in shapes.items()}
    importance = t.rand(inst, feats, generator=source)
    importance = t.where(importance < 0.3, 0.0, importance).to(device)
    x = t.rand(batch, inst, feats, generator=source) * 2 - 1
    x = (x * (t.rand(x.shape, generator=source) < probability)).to(device)

    loss = plain_loss(architecture, values, importance, x)
    expected = dict(zip(values, t.autograd.grad(loss, list(values.values())), strict=True))
    gradients = {name: t.full_like(value, math.nan) for name, value in values.items()}
    kernel = Kernel(architecture, values, gradients, importance, batch)
    kernel.x.copy_(x.permute(1, 2, 0))
    kernel.compute_gradients()

    assert t.equal(kernel.batch, x)
    t.testing.assert_close(kernel.loss(), loss.detach(), rtol=1e-5, atol=0)
    for name, gradient in expected.items():
        scale = gradient.abs().max().item()
        t.testing.assert_close(gradients[name], gradient, rtol=0, atol=1e-5 * scale, msg=lambda m, n=name: f"{n}: {m}")


def test_the_parameters_are_read_afresh_at_every_call() -> None:
    parameters = {"W": t.randn(2, 3, 4), "b_final": t.randn(2, 4)}
    gradients = {name: t.empty_like(p) for name, p in parameters.items()}
    kernel = Kernel(KNOWN[0], parameters, gradients, t.ones(2, 4), 16)
    kernel.x.uniform_()
    kernel.compute_gradients()
    before = gradients["W"].clone()
    parameters["W"].mul_(0.5)
    kernel.compute_gradients()
    assert not t.allclose(before, gradients["W"])


@pytest.mark.parametrize("device", DEVICES)
def test_flat_adam_steps_as_torchs(device: str) -> None:
    source = t.Generator().manual_seed(0)
    ours = {"W": nn.Parameter(t.randn(3, 2, 5).to(device)), "b": nn.Parameter(t.randn(3, 5).to(device))}
    theirs = [nn.Parameter(p.detach().clone()) for p in ours.values()]
    flat, plain = FlatAdam(ours), t.optim.Adam(theirs, lr=1.0, fused=False)
    for step in range(20):
        lr = 0.03 * (1 - step / 20)
        plain.param_groups[0]["lr"] = lr
        for (name, p), q in zip(ours.items(), theirs, strict=True):
            q.grad = (10.0 ** (step % 5 - 3) * t.randn(p.shape, generator=source)).to(device)
            flat.gradients[name].copy_(q.grad)
        flat.step(lr)
        plain.step()
        for p, q in zip(ours.values(), theirs, strict=True):
            t.testing.assert_close(p, q, rtol=1e-6, atol=1e-6)


def test_torchs_adam_is_refused_when_there_is_nothing_to_train() -> None:
    with pytest.raises(ValueError, match="nothing to train"):
        torch_adam([nn.Parameter(t.zeros(2), requires_grad=False)])


def test_torchs_adam_takes_parameters_that_it_cannot_fuse() -> None:
    whole = nn.Parameter(t.zeros(2, dtype=t.complex64))
    optimizer = torch_adam([whole])
    whole.grad = t.ones_like(whole)
    optimizer.step()
    assert whole.abs().min() > 0
