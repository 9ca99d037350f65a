"""Train, save, reuse and deploy deep fully-connected networks."""

from typing import TYPE_CHECKING, Any

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
    "datasets",
    "get_num_threads",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "plot",
    "set_num_threads",
    "set_seed",
    "show_config",
]

if TYPE_CHECKING:
    from fastdnn import datasets, plot
else:

    def __getattr__(name: str) -> Any:
        # Imported when first used: training needs neither.
        if name in ("datasets", "plot"):
            from importlib import import_module

            return import_module(f"fastdnn.{name}")
        raise AttributeError(f"module 'fastdnn' has no attribute {name!r}")
