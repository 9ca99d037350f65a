"""float64 oracle of the matrix product, and the bound of its error."""

import numpy as np


def gemm(a, b, *, transpose_a=False, transpose_b=False, alpha=1.0, beta=0.0, bias=None, c=None):
    a = a.astype(np.float64).T if transpose_a else a.astype(np.float64)
    b = b.astype(np.float64).T if transpose_b else b.astype(np.float64)
    result = alpha * (a @ b)
    if beta != 0.0:
        result = result + beta * c.astype(np.float64)
    return result if bias is None else result + bias


def bound(a, b, *, alpha=1.0, beta=0.0, bias=None, c=None):
    """Largest possible error of a chain of k float32 multiply-adds and the epilogue.

    Every one of the k steps, the scaling, the sum with beta * c and the bias rounds once, each time
    by at most half an epsilon of a partial sum that is nowhere larger than the sum of the
    magnitudes; a level without FMA rounds each product too, hence two roundings a step.
    """
    k = a.shape[1]
    magnitude = abs(alpha) * k * np.abs(a).max(initial=0.0) * np.abs(b).max(initial=0.0)
    if beta != 0.0:
        magnitude += abs(beta) * np.abs(c).max(initial=0.0)
    if bias is not None:
        magnitude += np.abs(bias).max(initial=0.0)
    return np.finfo(np.float32).eps * (k + 4) * magnitude


def chain(a, b):
    """Float32 fused multiply-adds in order: the exact product rounds once, with the sum."""
    c = np.zeros((a.shape[0], b.shape[1]), np.float32)
    for p in range(a.shape[1]):
        c = (np.outer(a[:, p].astype(np.float64), b[p].astype(np.float64)) + c).astype(np.float32)
    return c


def operands(rng, m, n, k):
    """Random matrices of shapes (m, k) and (k, n)."""
    a = rng.standard_normal((m, k)).astype(np.float32)
    return a, rng.standard_normal((k, n)).astype(np.float32)
