"""Adam and AdamW: all parameters as one flat vector for the fast path, torch's own for autograd."""

import math
from collections.abc import Iterable, Mapping

import torch as t
from torch import Tensor, nn

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class FlatAdam:
    """Adam (Kingma & Ba 2015) with torch's defaults, on gradients that lie one behind the other in one vector.

    With a weight decay it is AdamW (Loshchilov & Hutter 2019): every step also shrinks each parameter by the share
    lr · weight_decay. Seven operations a step, eight with decay, however many parameters there are, and the last one
    changes all of them in one call: an interrupt comes before it or after it, never half way.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], weight_decay: float = 0.0):
        """Make the moments, at zero, and `gradients`: for every name a view to write its gradient into."""
        self.parameters: list[Tensor] = list(parameters.values())
        self.weight_decay = weight_decay
        self.gradient = t.cat([t.zeros_like(p).flatten() for p in self.parameters])
        self.mean, self.square, self.scale, self.update = (t.zeros_like(self.gradient) for _ in range(4))
        self.gradients = dict(zip(parameters, self._views(self.gradient), strict=True))
        self.updates = self._views(self.update)
        self.steps = 0

    def _views(self, flat: Tensor) -> list[Tensor]:
        parts = flat.split([p.numel() for p in self.parameters])
        return [part.view(p.shape) for part, p in zip(parts, self.parameters, strict=True)]

    @t.no_grad()
    def step(self, lr: float) -> None:
        """Move the parameters by what `gradients` hold."""
        self.steps += 1
        self.mean.lerp_(self.gradient, 1 - BETA1)
        self.square.mul_(BETA2).addcmul_(self.gradient, self.gradient, value=1 - BETA2)
        t.sqrt(self.square, out=self.scale)
        self.scale.div_(math.sqrt(1 - BETA2**self.steps)).add_(EPSILON)
        t.div(self.mean, self.scale, out=self.update)
        correction = 1 - BETA1**self.steps
        if self.weight_decay:
            t._foreach_add_(self.updates, self.parameters, alpha=self.weight_decay * correction)
        t._foreach_add_(self.parameters, self.updates, alpha=-lr / correction)


def torch_adam(parameters: Iterable[nn.Parameter], weight_decay: float | None = None) -> t.optim.Optimizer:
    """torch's Adam, or AdamW where a weight decay is given (0 included).

    Fused where this device and these dtypes allow: one call changes all parameters, or none.

    Raises:
        ValueError: if there is nothing to train.
    """
    parameters = list(parameters)
    if not any(p.requires_grad for p in parameters):
        raise ValueError("the model has no parameter that requires a gradient: there is nothing to train")
    fused = all(map(_can_be_fused, parameters))
    if weight_decay is None:
        return t.optim.Adam(parameters, fused=fused)
    return t.optim.AdamW(parameters, weight_decay=weight_decay, fused=fused)


def _can_be_fused(parameter: nn.Parameter) -> bool:
    """Whether torch has a fused Adam for this device and dtype; it tells at the first step, so one is made."""
    trial = nn.Parameter(t.zeros(1, dtype=parameter.dtype, device=parameter.device))
    trial.grad = t.zeros_like(trial)
    try:
        t.optim.Adam([trial], fused=True).step()
    except (RuntimeError, TypeError):
        return False
    return True
