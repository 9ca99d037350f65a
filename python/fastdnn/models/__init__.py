"""Models: layers put together, and everything one does with them."""

from fastdnn.checkpoint import load_model
from fastdnn.models.model import Model
from fastdnn.models.sequential import Sequential

__all__ = ["Model", "Sequential", "load_model"]
