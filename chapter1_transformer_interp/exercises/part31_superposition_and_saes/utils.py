"""What the notebooks import as `utils`: device and seed, figures, the trainer, and claims.

This file is a door: every name is at home in a room beside it.
"""

from .arguments import PerFeature, per_feature
from .claims import Claim, ClaimFailed, Measured, claim
from .runtime import device, seed
from .training.optimize import optimize

__all__ = [
    "Claim",
    "ClaimFailed",
    "Measured",
    "PerFeature",
    "claim",
    "device",
    "optimize",
    "per_feature",
    "seed",
]
