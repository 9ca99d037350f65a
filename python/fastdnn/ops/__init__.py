"""Every kernel on NumPy arrays: float32, C-contiguous, checked, never silently copied."""

from fastdnn.ops.activation import activation
from fastdnn.ops.batch_norm import (
    BatchNormCache,
    batch_normalization,
    batch_normalization_backward,
)
from fastdnn.ops.dropout import dropout, dropout_backward
from fastdnn.ops.random import (
    random_bits,
    random_normal,
    random_permutation,
    random_truncated_normal,
    random_uniform,
)

__all__ = [
    "BatchNormCache",
    "activation",
    "batch_normalization",
    "batch_normalization_backward",
    "dropout",
    "dropout_backward",
    "random_bits",
    "random_normal",
    "random_permutation",
    "random_truncated_normal",
    "random_uniform",
]
