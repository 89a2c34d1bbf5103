"""The gradient of ReLU(WᵀWx + b) with two hidden dimensions, compiled by Numba: one pass over the weights a row.

Plain array code makes a matrix of rows x features for the output, another for the error, and reads each several times.
Here a row's output is used up the moment it is there, so all that is read and written fits into the cache. Needs Numba:
import it only where `importlib.util.find_spec("numba")` finds one.
"""

import inspect

import numba
import numpy as np

# Sums may be reordered, which vector instructions need; NaN and infinity keep their meaning.
FREE_ORDER = {"reassoc", "contract", "nsz", "arcp"}


def _plane_gradient(
    W: np.ndarray,
    bias: np.ndarray,
    weight: np.ndarray,
    index: np.ndarray,
    value: np.ndarray,
    W_gradient: np.ndarray,
    bias_gradient: np.ndarray,
) -> float:
    """Half the gradient of the weighted squared error, summed over rows, of one instance.

    Args:
        W: `[2 feats]`.
        bias, weight: `[feats]`; the second multiplies each feature's squared error.
        index, value: `[rows room]`, see `SparseRows`.
        W_gradient, bias_gradient: as `W` and `bias`; overwritten.
    Returns:
        The weighted squared error, summed over rows.
    """
    u, v = W[0], W[1]
    gu, gv, gb = W_gradient[0], W_gradient[1], bias_gradient
    gu[:], gv[:], gb[:] = 0, 0, 0
    loss = 0.0
    zero = u.dtype.type(0)
    for row in range(index.shape[0]):
        h = k = zero  # the hidden vector, and below the gradient to it
        for s in range(index.shape[1]):
            h += value[row, s] * u[index[row, s]]
            k += value[row, s] * v[index[row, s]]
        gh = gk = total = zero
        for j in range(u.shape[0]):  # as if the target were 0 everywhere
            out = u[j] * h + v[j] * k + bias[j]
            out = out if out > zero else zero
            error = weight[j] * out
            total += error * out
            gh += error * u[j]
            gk += error * v[j]
            gu[j] += error * h
            gv[j] += error * k
            gb[j] += error
        for s in range(index.shape[1]):  # what is on has a target
            j, x = index[row, s], value[row, s]
            out = u[j] * h + v[j] * k + bias[j]
            if out > zero:
                error = -weight[j] * x
                total += error * (2 * out - x)
                gh += error * u[j]
                gk += error * v[j]
                gu[j] += error * h
                gv[j] += error * k
                gb[j] += error
            else:
                total += weight[j] * x * x
        for s in range(index.shape[1]):  # and the way back through the encoder
            gu[index[row, s]] += value[row, s] * gh
            gv[index[row, s]] += value[row, s] * gk
        loss += total
    return loss


# The test suite wraps functions to check their types; compiled is the function as it stands here. The cache lies in
# __pycache__ beside this file, or in the user's own cache where that cannot be written.
plane_gradient = numba.njit(nogil=True, cache=True, fastmath=FREE_ORDER)(inspect.unwrap(_plane_gradient))
