"""Constraints in float64."""

import numpy as np

EPSILON = 1e-7  # Keras's


def non_negative(w):
    return np.maximum(w, 0.0)


def norms(w, least, most, rate, axis):
    w = np.asarray(w, np.float64)
    norm = np.sqrt((w * w).sum(axis=axis, keepdims=True))
    wanted = rate * np.clip(norm, least, most) + (1.0 - rate) * norm
    return w * (wanted / (EPSILON + norm))
