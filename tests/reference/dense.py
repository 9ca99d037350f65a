"""float64 oracle of a fully-connected layer."""

import numpy as np


def dense_backward(x, kernel, dz):
    """Gradients from that before the activation, which the activation's own oracle gives."""
    x, kernel, dz = (array.astype(np.float64) for array in (x, kernel, dz))
    return dz @ kernel.T, x.T @ dz, dz.sum(axis=0)
