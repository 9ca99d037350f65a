"""Oracles of the metrics by NumPy: one value per row."""

import numpy as np


def in_top_k(labels, y_pred, k):
    own = np.take_along_axis(y_pred, labels[:, None], 1)
    return ((y_pred > own).sum(1) < k) & ~np.isnan(own[:, 0])


METRICS = {
    "sparse_categorical_accuracy": lambda t, o, threshold, k: o.argmax(1) == t,
    "categorical_accuracy": lambda t, o, threshold, k: o.argmax(1) == t.argmax(1),
    "binary_accuracy": lambda t, o, threshold, k: ((o > threshold) == t).mean(1),
    "sparse_top_k_categorical_accuracy": lambda t, o, threshold, k: in_top_k(t, o, k),
    "top_k_categorical_accuracy": lambda t, o, threshold, k: in_top_k(t.argmax(1), o, k),
    "mean_squared_error": lambda t, o, threshold, k: ((o - t) ** 2).mean(1),
    "mean_absolute_error": lambda t, o, threshold, k: np.abs(o - t).mean(1),
}
