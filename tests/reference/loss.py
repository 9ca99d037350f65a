"""float64 oracles of the losses.

Each takes targets (one-hot for the sparse loss, smoothed already) and outputs and returns
(loss per row, its terms, gradient of the sum over rows, its terms). `terms` is the size of what the
value is summed up from, conditioning included: float32 arithmetic loses a few roundings of that,
also where the terms cancel.
"""

import numpy as np

LOWEST = float(np.float32(1e-7))
HIGHEST = float(np.float32(1) - np.float32(1e-7))


def smoothed(name, y_true, classes, smoothing):
    if name == "sparse_categorical_crossentropy":
        y_true = np.eye(classes)[y_true]
    y_true = np.asarray(y_true, np.float64)
    if name == "binary_crossentropy":
        return y_true * (1 - smoothing) + smoothing / 2
    return y_true * (1 - smoothing) + smoothing / classes


def categorical_from_logits(t, o):
    d = o - o.max(1, keepdims=True)
    e = np.exp(d)
    total, t_sum = e.sum(1, keepdims=True), t.sum(1, keepdims=True)
    p = e / total
    td = np.where(t == 0, 0, t * np.where(t == 0, 0, d))
    loss = (t_sum * np.log(total)).sum(1) - td.sum(1)
    # A logit's rounding is relative to d, and goes into p through e^d.
    size = np.where(p == 0, 0, np.abs(np.where(p == 0, 0, d)))
    loss_terms = (t_sum * (1 + np.log(total) + (p * size).sum(1, keepdims=True)))[:, 0]
    loss_terms = loss_terms + (np.abs(td) + t).sum(1)
    spread = (p * size).sum(1, keepdims=True)
    return loss, loss_terms, p * t_sum - t, p * t_sum * (1 + size + spread) + t


def categorical(t, o):
    total = o.sum(1, keepdims=True)
    q = o / total
    c = np.clip(q, LOWEST, HIGHEST)
    inside = c == q
    t_inside = np.where(inside, t, 0).sum(1, keepdims=True)
    own = np.where(inside, t / c, 0)
    loss = -(t * np.log(c)).sum(1)
    terms = (t * (1 + np.abs(np.log(c)))).sum(1)
    return loss, terms, (t_inside - own) / total, (t_inside + own) / total


def binary_from_logits(t, o):
    e = np.exp(-np.abs(o))
    sigmoid = np.where(o >= 0, 1, e) / (1 + e)
    loss = np.log1p(e) + (1 - t) * np.maximum(o, 0) + t * np.maximum(-o, 0)
    # 1 - t is rounded, unless t is 0 or 1.
    rounded = (t != 0) & (t != 1)
    terms = loss + rounded * np.abs(o)
    precise = np.where(o >= 0, (1 - t) - t * e, e * (1 - t) - t) / (1 + e)
    gradient_terms = np.where(rounded, 1, (1 - t) * sigmoid + t * (1 - sigmoid))
    return means(loss, terms, precise, np.maximum(gradient_terms, np.abs(precise)))


def binary(t, o):
    c = np.clip(o, LOWEST, HIGHEST)
    loss = -(t * np.log(c) + (1 - t) * np.log(1 - c))
    terms = 1 + np.abs(np.log(c)) + np.abs(np.log(1 - c))
    inside = c == o
    gradient = np.where(inside, (c - t) / (c * (1 - c)), 0)
    return means(loss, terms, gradient, np.where(inside, (c + t) / (c * (1 - c)), 0))


def squared_error(t, o):
    d = o - t
    return means(d**2, d**2, 2 * d, np.abs(2 * d))


def absolute_error(t, o):
    d = o - t
    return means(np.abs(d), np.abs(d), np.sign(d), np.abs(np.sign(d)))


def means(loss, terms, gradient, gradient_terms):
    cols = loss.shape[1]
    return loss.mean(1), terms.mean(1), gradient / cols, gradient_terms / cols


ORACLES = {
    ("sparse_categorical_crossentropy", True): categorical_from_logits,
    ("sparse_categorical_crossentropy", False): categorical,
    ("categorical_crossentropy", True): categorical_from_logits,
    ("categorical_crossentropy", False): categorical,
    ("binary_crossentropy", True): binary_from_logits,
    ("binary_crossentropy", False): binary,
    ("mean_squared_error", False): squared_error,
    ("mean_absolute_error", False): absolute_error,
}
