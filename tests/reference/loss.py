"""float64 oracles of the losses.

Each takes targets (one-hot for the sparse loss, smoothed already), outputs and options and returns
(loss per row, its terms, gradient of the sum over rows, its terms). `terms` is the size of what the
value is summed up from, conditioning included: float32 arithmetic loses a few roundings of that,
also where the terms cancel.
"""

import numpy as np

LOWEST = float(np.float32(1e-7))
HIGHEST = float(np.float32(1) - np.float32(1e-7))
TINY = 2.0**-126  # stands for a probability of 0 below a power


def smoothed(name, y_true, classes, smoothing):
    if name == "sparse_categorical_crossentropy":
        y_true = np.eye(classes)[y_true]
    y_true = np.asarray(y_true, np.float64)
    if name.startswith("binary"):
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
    return loss, terms, precise, np.maximum(gradient_terms, np.abs(precise))


def binary(t, o):
    c = np.clip(o, LOWEST, HIGHEST)
    loss = -(t * np.log(c) + (1 - t) * np.log(1 - c))
    terms = 1 + np.abs(np.log(c)) + np.abs(np.log(1 - c))
    inside = c == o
    gradient = np.where(inside, (c - t) / (c * (1 - c)), 0)
    return loss, terms, gradient, np.where(inside, (c + t) / (c * (1 - c)), 0)


def categorical_focal_from_logits(t, o, alpha=0.25, gamma=2.0):
    d = o - o.max(1, keepdims=True)
    e = np.exp(d)
    total = e.sum(1, keepdims=True)
    p, surprise = e / total, np.log(total) - d
    u = np.maximum(((1 - e) + (total - 1)) / total, TINY)
    size = np.where(p == 0, 0, np.abs(np.where(p == 0, 0, d)))
    spread = (p * size).sum(1, keepdims=True)
    # Roundings, relative to u and u^gamma: those of the other exponentials go into u.
    u_terms = 1 + spread / u + spread
    focus_terms = 1 + gamma * (np.abs(np.log(u)) + u_terms)
    weight = alpha * t * u**gamma
    share = gamma * p * surprise / u
    share_terms = gamma * p * (surprise + spread) / u + share * (1 + size + spread + u_terms)
    pull = weight * (1 + share)
    pull_terms = pull * focus_terms + weight * share_terms
    pulls, pulls_terms = pull.sum(1, keepdims=True), pull_terms.sum(1, keepdims=True)
    gradient_terms = p * (pulls * (1 + size + spread) + pulls_terms) + pull_terms
    loss_terms = (weight * (surprise * (1 + focus_terms) + spread)).sum(1)
    return (weight * surprise).sum(1), loss_terms, p * pulls - pull, gradient_terms


def categorical_focal(t, o, alpha=0.25, gamma=2.0):
    total = o.sum(1, keepdims=True)
    q = o / total
    c = np.clip(q, LOWEST, HIGHEST)
    inside, u, log_c = c == q, 1 - c, np.log(c)
    # Roundings of c are c / u times as large in u = 1 - c.
    weight_terms = 1 + gamma * (1 + c / u + np.abs(np.log(u)))
    weight = alpha * t * u**gamma
    pull = np.where(inside, weight * (1 - gamma * c * log_c / u), 0)
    pull_terms = weight * (1 + gamma * c * (1 - log_c) / u) * weight_terms
    pull_terms = np.where(inside, pull_terms, 0)
    loss_terms = (weight * (1 - log_c) * weight_terms).sum(1)
    gradient = (pull.sum(1, keepdims=True) - pull / q) / total
    gradient_terms = (pull_terms.sum(1, keepdims=True) + pull_terms / q) / total
    return -(weight * log_c).sum(1), loss_terms, gradient, gradient_terms


def binary_focal_from_logits(t, o, **options):
    e = np.exp(-np.abs(o))
    p = np.where(o >= 0, 1, e) / (1 + e)
    q = np.where(o >= 0, e, 1) / (1 + e)
    u = np.maximum(t * q + (1 - t) * p, TINY)
    return focused(binary_from_logits(t, o), t, u, p * q, **options)


def binary_focal(t, o, **options):
    c = np.clip(o, LOWEST, HIGHEST)
    return focused(binary(t, o), t, t * (1 - c) + (1 - t) * c, c == o, **options)


def focused(entropies, t, u, slope, alpha=0.25, gamma=2.0, apply_class_balancing=False):
    """Weight cross-entropies of elements by u^gamma, where du / do = (1 - 2 t) slope."""
    entropy, entropy_terms, gradient, gradient_terms = entropies
    weight = u**gamma
    if apply_class_balancing:
        weight = weight * (t * alpha + (1 - t) * (1 - alpha))
    weight_terms = weight * (1 + gamma * (1 + np.abs(np.log(u))))
    pull = gamma * slope / u
    return (
        weight * entropy,
        weight_terms * (entropy + entropy_terms),
        weight * (gradient + entropy * (1 - 2 * t) * pull),
        weight_terms * (gradient_terms + 2 * (entropy + entropy_terms) * pull),
    )


def kl_divergence(t, o):
    t, c = np.clip(t, LOWEST, 1), np.clip(o, LOWEST, 1)
    log_ratio = np.log(t / c)
    slope = np.where(c == o, t / c, 0)
    return (t * log_ratio).sum(1), (t * (1 + np.abs(log_ratio))).sum(1), -slope, slope


def squared_error(t, o):
    d = o - t
    return d**2, d**2, 2 * d, np.abs(2 * d)


def absolute_error(t, o):
    d = o - t
    return np.abs(d), np.abs(d), np.sign(d), np.abs(np.sign(d))


def absolute_percentage_error(t, o):
    d, scale = o - t, 100 / np.maximum(np.abs(t), LOWEST)
    return np.abs(d) * scale, np.abs(d) * scale, np.sign(d) * scale, scale


def squared_logarithmic_error(t, o):
    c = np.maximum(o, LOWEST)
    a, b = np.log1p(c), np.log1p(np.maximum(t, LOWEST))
    slope = np.where(c == o, 2 / (1 + c), 0)
    return (a - b) ** 2, np.abs(a - b) * (a + b), (a - b) * slope, (a + b) * slope


def huber(t, o, delta=1.0):
    d = o - t
    loss = np.where(np.abs(d) <= delta, d**2 / 2, delta * np.abs(d) - delta**2 / 2)
    slope = np.clip(d, -delta, delta)
    return loss, loss, slope, np.abs(slope)


def log_cosh(t, o):
    d = o - t
    loss = np.where(np.abs(d) < 1, np.log1p(2 * np.sinh(np.minimum(np.abs(d), 1) / 2) ** 2),
                    np.logaddexp(d, -d) - np.log(2))  # fmt: skip
    # Up to 25 roundings: (e^-|d| - 1)^2 / e^-|d|, each within 2.6, and what goes on around it.
    return loss, 2 * loss, np.tanh(d), np.abs(np.tanh(d))


def poisson(t, o):
    rate = o + LOWEST
    terms = o + t * (1 + np.abs(np.log(rate)))
    return o - t * np.log(rate), terms, 1 - t / rate, 1 + t / rate


def quantile_loss(t, o, quantile=0.5):
    d = o - t
    slope = np.where(d > 0, 1 - quantile, np.where(d < 0, -quantile, 0))
    return d * slope, d * slope, slope, np.abs(slope)


def hinge(t, o):
    t = np.where(t == 0, -1, t)
    active = t * o < 1
    return (
        np.where(active, 1 - t * o, 0),
        np.where(active, 1 + np.abs(o), 0),
        np.where(active, -t, 0),
        active,
    )


def squared_hinge(t, o):
    h, terms, slope, active = hinge(t, o)
    return h**2, h * terms, 2 * h * slope, 2 * terms * active


def categorical_hinge(t, o):
    wrong = (1 - t) * o
    highest = wrong.max(1, keepdims=True)
    loss = np.maximum(highest[:, 0] - (t * o).sum(1) + 1, 0)
    best = wrong == highest
    share = best / best.sum(1, keepdims=True)
    active = loss[:, None] > 0
    loss_terms = 1 + np.abs(highest[:, 0]) + np.abs(t * o).sum(1)
    return loss, loss_terms, active * ((1 - t) * share - t), active * (1.0 + np.abs(t))


def means(elements):
    """Average what an oracle of elements returns over a row."""

    def of_rows(t, o, **options):
        loss, terms, gradient, gradient_terms = elements(t, o, **options)
        cols = loss.shape[1]
        return loss.mean(1), terms.mean(1), gradient / cols, gradient_terms / cols

    return of_rows


ORACLES = {
    ("sparse_categorical_crossentropy", True): categorical_from_logits,
    ("sparse_categorical_crossentropy", False): categorical,
    ("categorical_crossentropy", True): categorical_from_logits,
    ("categorical_crossentropy", False): categorical,
    ("categorical_focal_crossentropy", True): categorical_focal_from_logits,
    ("categorical_focal_crossentropy", False): categorical_focal,
    ("binary_crossentropy", True): means(binary_from_logits),
    ("binary_crossentropy", False): means(binary),
    ("binary_focal_crossentropy", True): means(binary_focal_from_logits),
    ("binary_focal_crossentropy", False): means(binary_focal),
    ("kl_divergence", False): kl_divergence,
    ("mean_squared_error", False): means(squared_error),
    ("mean_absolute_error", False): means(absolute_error),
    ("mean_absolute_percentage_error", False): means(absolute_percentage_error),
    ("mean_squared_logarithmic_error", False): means(squared_logarithmic_error),
    ("huber", False): means(huber),
    ("log_cosh", False): means(log_cosh),
    ("poisson", False): means(poisson),
    ("quantile", False): means(quantile_loss),
    ("hinge", False): means(hinge),
    ("squared_hinge", False): means(squared_hinge),
    ("categorical_hinge", False): categorical_hinge,
}
