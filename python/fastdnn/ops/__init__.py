"""Every kernel on NumPy arrays: float32, C-contiguous, checked, never silently copied."""

from fastdnn.ops.activation import activation
from fastdnn.ops.gemm import gemm
from fastdnn.ops.optimizer import (
    adagrad_update,
    adam_update,
    ftrl_update,
    rmsprop_update,
    sgd_update,
)

__all__ = [
    "activation",
    "adagrad_update",
    "adam_update",
    "ftrl_update",
    "gemm",
    "rmsprop_update",
    "sgd_update",
]
