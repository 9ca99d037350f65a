"""float64 oracles of batch normalization."""

import numpy as np


def statistics(x):
    x = x.astype(np.float64)
    return x.mean(0), x.var(0)


def forward(x, gamma, beta, mean, variance, epsilon):
    gamma = 1.0 if gamma is None else gamma.astype(np.float64)
    beta = 0.0 if beta is None else beta.astype(np.float64)
    return gamma * ((x.astype(np.float64) - mean) / np.sqrt(variance + epsilon)) + beta


def backward(x, dy, gamma, mean, variance, epsilon, training):
    x, dy = x.astype(np.float64), dy.astype(np.float64)
    scale = (1.0 if gamma is None else gamma.astype(np.float64)) / np.sqrt(variance + epsilon)
    xhat = (x - mean) / np.sqrt(variance + epsilon)
    dgamma, dbeta = (dy * xhat).sum(0), dy.sum(0)
    if not training:
        return scale * dy, dgamma, dbeta
    return scale * (dy - dbeta / len(x) - xhat * (dgamma / len(x))), dgamma, dbeta
