"""float64 oracles of the reductions: (value, sum of the magnitudes of its terms)."""

import numpy as np


def sums(x, axis):
    x = np.asarray(x, np.float64)
    return x.sum(axis), np.abs(x).sum(axis)


def first_nonfinite(x):
    bad = np.flatnonzero(~np.isfinite(np.ravel(x)))
    return int(bad[0]) if bad.size else -1
