"""Adam for sparse autoencoders: learning rates by parameter, and single entries that can start afresh."""

from collections.abc import Mapping

import torch as t
from torch import Tensor, nn

from .adam import BETA1, BETA2, EPSILON, FlatAdam


class RestartingAdam(FlatAdam):
    """Adam whose bias correction is kept entry by entry once some entries have been restarted.

    An entry that is set to a new value in the middle of training has no history: its moments become 0. Adam divides
    the moments by 1 - beta^step, which is right only if they were 0 at step 0. If they were zeroed late, the first
    step after that would move by (1 - beta1) / sqrt(1 - beta2) = 3.2 times lr. So the exponent is restarted too.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], factors: Mapping[str, float] | None = None):
        """Make the moments.

        Args:
            parameters: what is trained, by name.
            factors: on the learning rate, by name of the parameter; 1 for those that are not in it.
        Raises:
            ValueError: if a factor is given for a parameter that is not there.
        """
        super().__init__(parameters)
        factors = dict(factors or {})
        if unknown := sorted(set(factors) - set(parameters)):
            raise ValueError(
                f"learning_rate_factors names {', '.join(unknown)}; parameters are {', '.join(parameters)}"
            )
        self.factor: Tensor | None = None
        if any(value != 1 for value in factors.values()):
            parts = [t.full_like(p, factors.get(name, 1.0)).flatten() for name, p in parameters.items()]
            self.factor = t.cat(parts)
        self.correction1: Tensor | None = None  # 1 - beta^(steps since the entry's restart), once there was one
        self.correction2: Tensor | None = None

    @t.no_grad()
    def restart(self, entries: list[Tensor], with_correction: bool = True) -> None:
        """Forget the history of some entries.

        Args:
            entries: one boolean tensor a parameter, of its shape, in the order of the parameters.
            with_correction: False zeroes the moments and leaves the bias correction at its late step: what goes wrong
                then is measured in section 5.
        """
        chosen = t.cat([part.flatten() for part in entries])
        self.mean.masked_fill_(chosen, 0)
        self.square.masked_fill_(chosen, 0)
        if with_correction:
            if self.correction1 is None or self.correction2 is None:
                self.correction1 = t.full_like(self.mean, 1 - BETA1**self.steps)
                self.correction2 = t.full_like(self.mean, 1 - BETA2**self.steps)
            self.correction1.masked_fill_(chosen, 0)
            self.correction2.masked_fill_(chosen, 0)

    @t.no_grad()
    def step(self, lr: float) -> None:
        """Move the parameters by what `gradients` hold."""
        self.steps += 1
        self.mean.lerp_(self.gradient, 1 - BETA1)
        self.square.mul_(BETA2).addcmul_(self.gradient, self.gradient, value=1 - BETA2)
        if self.correction1 is None or self.correction2 is None:
            t.mul(self.square, 1 / (1 - BETA2**self.steps), out=self.scale)
            lr = lr / (1 - BETA1**self.steps)
        else:  # 1 - beta^(n + 1) = beta (1 - beta^n) + (1 - beta)
            self.correction1.mul_(BETA1).add_(1 - BETA1)
            self.correction2.mul_(BETA2).add_(1 - BETA2)
            t.div(self.square, self.correction2, out=self.scale)
        self.scale.sqrt_().add_(EPSILON)
        if self.correction1 is not None:
            self.scale.mul_(self.correction1)
        t.div(self.mean, self.scale, out=self.update)
        if self.factor is not None:
            self.update.mul_(self.factor)
        t._foreach_add_(self.parameters, self.updates, alpha=-lr)
