"""Stand-ins for parts of the native core that are not there yet. Remove when they are."""

import sys

import numpy as np
from reference.network import Graph, Network

from fastdnn import _core, ops


def _generator(seed, stream, step):
    return np.random.default_rng([seed, stream, step])


def _uniform(shape, low=0.0, high=1.0, *, seed, stream=0, step=0):
    return _generator(seed, stream, step).uniform(low, high, shape).astype(np.float32)


def _normal(shape, mean=0.0, stddev=1.0, *, seed, stream=0, step=0):
    return _generator(seed, stream, step).normal(mean, stddev, shape).astype(np.float32)


def _truncated(shape, mean=0.0, stddev=1.0, *, seed, stream=0, step=0):
    rng = _generator(seed, stream, step)
    x = rng.standard_normal(shape)
    while (far := abs(x) > 2).any():
        x[far] = rng.standard_normal(far.sum())
    return (mean + stddev * x).astype(np.float32)


def _permutation(n, *, seed, stream=0, step=0):
    return _generator(seed, stream, step).permutation(n).astype(np.int64)


def install():
    for name, function in {
        "random_uniform": _uniform,
        "random_normal": _normal,
        "random_truncated_normal": _truncated,
        "random_permutation": _permutation,
    }.items():
        if not hasattr(ops, name):
            print(f"stand-in for ops.{name}", file=sys.stderr)
            setattr(ops, name, function)
    if not hasattr(_core, "Network"):
        print("stand-in for _core.Network", file=sys.stderr)
        _core.Graph, _core.Network = Graph, Network
