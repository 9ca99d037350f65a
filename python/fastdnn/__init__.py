"""Train, save, reuse and deploy deep fully-connected networks."""

from fastdnn import ops
from fastdnn._core import __version__

__all__ = ["__version__", "ops"]
