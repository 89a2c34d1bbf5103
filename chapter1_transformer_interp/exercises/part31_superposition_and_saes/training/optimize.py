"""The training loop behind every model's `optimize`."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch as t
from torch import nn
from tqdm.auto import tqdm

from ..runtime import forked_random_state


def accepts_generator(function: Callable[..., Any]) -> bool:
    """Whether `function` takes the keyword `generator` (a learner's version need not)."""
    parameters = inspect.signature(function).parameters.values()
    return any(p.name == "generator" or p.kind is p.VAR_KEYWORD for p in parameters)


@contextmanager
def global_state_from(generator: t.Generator | None) -> Iterator[None]:
    """Seed torch's global random state from `generator` for a while, and put it back afterwards.

    Without a generator nothing is seeded and nothing put back: code inside draws as it would anyway.
    """
    if generator is None:
        yield
        return
    with forked_random_state():
        t.manual_seed(int(t.randint(2**62, (1,), generator=generator, device=generator.device)))
        yield


def optimize(
    model: nn.Module,
    batch_size: int,
    steps: int,
    log_freq: int,
    lr: float,
    lr_scale: Callable[[int, int], float],
    generator: t.Generator | None = None,
) -> None:
    """Train `model` in place with Adam on fresh batches, showing a progress bar.

    Args:
        model: has `generate_batch(batch_size)`, `forward` and `calculate_loss(out, batch)`.
        batch_size: rows a step.
        steps: number of steps.
        log_freq: steps between two updates of the loss beside the bar.
        lr: learning rate before scaling.
        lr_scale: `(step, steps) -> factor` on the learning rate.
        generator: source of the batches, on the model's device; handed only to a `generate_batch` that takes one,
            any other draws from torch's global state, seeded from it for the time of the training.
    """
    optimizer = t.optim.Adam(model.parameters(), lr=lr)
    source = {"generator": generator} if accepts_generator(model.generate_batch) else {}
    with global_state_from(generator if not source else None):
        progress = tqdm(range(steps), desc="training", leave=False)
        for step in progress:
            for group in optimizer.param_groups:
                group["lr"] = lr * lr_scale(step, steps)
            batch = model.generate_batch(batch_size, **source)
            loss = model.calculate_loss(model(batch), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % log_freq == 0 or step == steps - 1:
                progress.set_postfix(loss=f"{loss.item():.5f}", lr=f"{group['lr']:.2e}")
