"""Train, save, reuse and deploy deep fully-connected networks."""

from typing import TYPE_CHECKING, Any

from fastdnn import ops
from fastdnn._core import __version__

__all__ = ["__version__", "datasets", "ops", "plot"]

if TYPE_CHECKING:
    from fastdnn import datasets, plot
else:

    def __getattr__(name: str) -> Any:
        # Imported when first used: training needs neither.
        if name in ("datasets", "plot"):
            from importlib import import_module

            return import_module(f"fastdnn.{name}")
        raise AttributeError(f"module 'fastdnn' has no attribute {name!r}")
