"""float64 oracles of layer normalization."""

import numpy as np


def statistics(x, epsilon):
    """Mean, variance and 1 / sqrt(variance + epsilon) of every row, as columns."""
    x = x.astype(np.float64)
    mean, variance = x.mean(1, keepdims=True), x.var(1, keepdims=True)
    return mean, variance, 1.0 / np.sqrt(variance + epsilon)


def forward(x, gamma, beta, epsilon):
    mean, _, inv_std = statistics(x, epsilon)
    gamma = 1.0 if gamma is None else gamma.astype(np.float64)
    beta = 0.0 if beta is None else beta.astype(np.float64)
    return gamma * (x.astype(np.float64) - mean) * inv_std + beta


def backward(x, dy, gamma, epsilon):
    mean, _, inv_std = statistics(x, epsilon)
    xhat, dy = (x.astype(np.float64) - mean) * inv_std, dy.astype(np.float64)
    g = dy * (1.0 if gamma is None else gamma.astype(np.float64))
    dx = g - g.mean(1, keepdims=True) - xhat * (g * xhat).mean(1, keepdims=True)
    return inv_std * dx, (dy * xhat).sum(0), dy.sum(0)
