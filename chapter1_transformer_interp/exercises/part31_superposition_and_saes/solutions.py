"""Every reference name of the course. Importing it trains, plots and prints nothing.

This file is a door: each name is written in the section that teaches it.
"""

from .sections.s1_toy_models import (
    ToyModel,
    ToyModelConfig,
    constant_lr,
    cosine_decay_lr,
    linear_lr,
    warmup_linear_lr,
)

__all__ = [
    "ToyModel",
    "ToyModelConfig",
    "constant_lr",
    "cosine_decay_lr",
    "linear_lr",
    "warmup_linear_lr",
]
