"""Every kernel on NumPy arrays: float32, C-contiguous, checked, never silently copied."""

from fastdnn.ops.activation import activation

__all__ = ["activation"]
