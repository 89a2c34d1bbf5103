# %% tags=["module-only"]
"""Section 6, third part: a benchmark for your own autoencoder, replications to try, and further reading."""

import torch as t
from jaxtyping import Float
from torch import Tensor

MAIN = __name__ == "__main__"


# %% exercises=["at_equal_l0"]
def at_equal_l0(
    l0: Float[Tensor, "setting inst"], values: Float[Tensor, "setting inst"], target: float
) -> Float[Tensor, " inst"]:
    """A measure of every instance at one common L0, interpolated between the settings it was trained with.

    On the straight line, over the logarithm of L0, between the two settings whose L0s enclose the target most closely.

    Args:
        l0: of each instance at each setting, at least two settings in any order; no two equal in an instance.
        values: of the measure, in the same places.
        target: the L0 to compare at, above 0.
    Returns:
        The measure of each instance there; NaN for an instance whose L0s all lie above the target, or all below it.
    """
    ### BEGIN SOLUTION
    order = l0.argsort(dim=0)
    x, y = l0.gather(0, order).log(), values.gather(0, order)
    x_target = t.as_tensor(target, dtype=x.dtype, device=x.device).log()
    above = (x < x_target).sum(dim=0, keepdim=True).clamp(1, len(x) - 1)  # the setting that ends the piece
    start, end = x.gather(0, above - 1), x.gather(0, above)
    share = (x_target - start) / (end - start)
    between = y.gather(0, above - 1).lerp(y.gather(0, above), share)
    return t.where((share >= 0) & (share <= 1), between, float("nan"))[0]
    ### END SOLUTION
