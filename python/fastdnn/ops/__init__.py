"""Every kernel on NumPy arrays: float32, C-contiguous, checked, never silently copied."""

from fastdnn.ops.activation import activation, activation_backward, activation_needs_input
from fastdnn.ops.batch_norm import BatchNormCache, batch_normalization, batch_normalization_backward
from fastdnn.ops.combine import add, multiply
from fastdnn.ops.constraint import max_norm, min_max_norm, non_negative, unit_norm
from fastdnn.ops.dense import dense, dense_backward
from fastdnn.ops.dropout import (
    alpha_dropout,
    alpha_dropout_backward,
    dropout,
    dropout_backward,
)
from fastdnn.ops.embedding import embedding, embedding_backward
from fastdnn.ops.gemm import gemm
from fastdnn.ops.image import random_affine, random_light
from fastdnn.ops.layer_norm import (
    LayerNormCache,
    layer_normalization,
    layer_normalization_backward,
)
from fastdnn.ops.loss import (
    loss,
    mean_absolute_error,
    mean_squared_error,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from fastdnn.ops.metric import confusion_counts, in_top_k, metric_rows, regression_sums
from fastdnn.ops.normalization import normalization
from fastdnn.ops.optimizer import (
    adadelta_update,
    adagrad_update,
    adam_update,
    adamax_update,
    ftrl_update,
    lion_update,
    nadam_update,
    rmsprop_update,
    sgd_update,
)
from fastdnn.ops.prelu import prelu, prelu_backward
from fastdnn.ops.random import (
    gaussian_noise,
    random_bits,
    random_normal,
    random_permutation,
    random_truncated_normal,
    random_uniform,
)
from fastdnn.ops.reduction import (
    all_finite,
    column_sums,
    first_nonfinite,
    max_abs,
    mean,
    row_sums,
    sum,
    sum_abs,
    sum_of_squares,
)
from fastdnn.ops.rescaling import rescaling
from fastdnn.ops.softmax import log_softmax, softmax, softmax_backward
from fastdnn.ops.sparse import csr_dense, csr_dense_backward

__all__ = [
    "BatchNormCache",
    "LayerNormCache",
    "activation",
    "activation_backward",
    "activation_needs_input",
    "adadelta_update",
    "adagrad_update",
    "adam_update",
    "adamax_update",
    "add",
    "all_finite",
    "alpha_dropout",
    "alpha_dropout_backward",
    "batch_normalization",
    "batch_normalization_backward",
    "column_sums",
    "confusion_counts",
    "csr_dense",
    "csr_dense_backward",
    "dense",
    "dense_backward",
    "dropout",
    "dropout_backward",
    "embedding",
    "embedding_backward",
    "first_nonfinite",
    "ftrl_update",
    "gaussian_noise",
    "gemm",
    "in_top_k",
    "layer_normalization",
    "layer_normalization_backward",
    "lion_update",
    "log_softmax",
    "loss",
    "max_abs",
    "max_norm",
    "mean",
    "mean_absolute_error",
    "mean_squared_error",
    "metric_rows",
    "min_max_norm",
    "multiply",
    "nadam_update",
    "non_negative",
    "normalization",
    "prelu",
    "prelu_backward",
    "random_affine",
    "random_bits",
    "random_light",
    "random_normal",
    "random_permutation",
    "random_truncated_normal",
    "random_uniform",
    "regression_sums",
    "rescaling",
    "rmsprop_update",
    "row_sums",
    "sgd_update",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "sum",
    "sum_abs",
    "sum_of_squares",
    "unit_norm",
]
