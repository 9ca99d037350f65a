"""Train, save and reuse deep fully-connected networks on CPUs."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

# In a source tree nothing is there but the folder of the stubs, which Python takes for a package.
if getattr(find_spec("fastdnn._core"), "origin", None) is None:
    raise ImportError(
        f"[fastdnn] {__path__[0]} has no compiled module _core; expected an installed or built "
        "package: `tools/dev.sh build` compiles it there, `pip install .` installs it to use "
        "elsewhere"
    )

from fastdnn import (
    activations,
    augment,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    regularizers,
)
from fastdnn._core import __version__
from fastdnn.layers import Input
from fastdnn.models import Model, Sequential, load_model
from fastdnn.random import set_seed
from fastdnn.system import (
    get_matmul_precision,
    get_num_threads,
    set_matmul_precision,
    set_num_threads,
    show_config,
)

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "__version__",
    "activations",
    "augment",
    "callbacks",
    "constraints",
    "datasets",
    "get_matmul_precision",
    "get_num_threads",
    "initializers",
    "interop",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "plot",
    "regularizers",
    "set_matmul_precision",
    "set_num_threads",
    "set_seed",
    "show_config",
    "zoo",
]

if TYPE_CHECKING:
    from fastdnn import datasets, interop, plot, zoo
else:

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})

    def __getattr__(name: str) -> Any:
        # Imported when first used: training needs none of them.
        if name in ("datasets", "interop", "plot", "zoo"):
            from importlib import import_module

            return import_module(f"fastdnn.{name}")
        raise AttributeError(f"module 'fastdnn' has no attribute {name!r}")
