"""Train, save, reuse and deploy deep fully-connected networks."""

from fastdnn import (
    activations,
    callbacks,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
)
from fastdnn._core import __version__
from fastdnn.layers import Input
from fastdnn.models import Sequential, load_model
from fastdnn.random import set_seed
from fastdnn.system import get_num_threads, set_num_threads, show_config

__all__ = [
    "Input",
    "Sequential",
    "__version__",
    "activations",
    "callbacks",
    "get_num_threads",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "set_num_threads",
    "set_seed",
    "show_config",
]
