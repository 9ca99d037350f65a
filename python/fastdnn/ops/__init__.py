"""Every kernel on NumPy arrays: float32, C-contiguous, checked, never silently copied."""

from fastdnn.ops.activation import activation
from fastdnn.ops.gemm import gemm

__all__ = ["activation", "gemm"]
