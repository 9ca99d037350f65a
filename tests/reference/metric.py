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
}


def confusion_counts(t, o, thresholds, weight=None, top_k=0, class_id=-1, **options):
    """Every number against every threshold; in float64, but for the place among even ones."""
    chosen = ~np.isnan(o)
    if top_k:
        # A stable order of the negated numbers: the first of equals come first, NaN last.
        first = np.argsort(-o, axis=1, kind="stable")[:, :top_k]
        chosen &= (first[:, :, None] == np.arange(o.shape[1])).any(1)
    if options.get("from_logits"):
        o = np.exp(-np.logaddexp(0, -o))
    if options.get("row_maximum"):
        o = ((o >= o.max(1, keepdims=True)) & (abs(o) > 1e-9)).astype(np.float64)
    if options.get("evenly"):
        last = np.float32(len(thresholds) - 1)
        steps = np.clip(np.nan_to_num(o, nan=0.0), 0, 1).astype(np.float32) * last
        place = np.maximum(1, np.ceil(steps)).astype(int)
    else:
        place = (o[:, :, None] > np.float32(thresholds).astype(np.float64)).sum(2)
    place = np.where(chosen, place, 0)
    share = t if options.get("soft_targets") else (t != 0).astype(np.float64)
    weight = np.ones(len(o)) if weight is None else weight.astype(np.float64)
    columns = range(o.shape[1]) if class_id < 0 else [class_id]
    groups = [[j] for j in columns] if options.get("per_class") else [list(columns)]
    counts = np.zeros((len(groups), 2, len(thresholds) + 1))
    for group, js in enumerate(groups):
        for j in js:
            np.add.at(counts[group, 0], place[:, j], weight * (1 - share[:, j]))
            np.add.at(counts[group, 1], place[:, j], weight * share[:, j])
    return counts


def regression_sums(t, o, weight=None):
    """The sums, and those of the absolute terms."""
    w = np.ones(len(t)) if weight is None else weight.astype(np.float64)
    counts = (w != 0.0).astype(np.float64)
    shift = t[np.flatnonzero(counts)[:1]].sum(0)
    w, d = w[:, None], t - shift
    terms = np.stack([w * d, w * d * d, w * (t - o) ** 2], axis=2)
    return [
        np.concatenate(
            [
                [len(t), counts.sum(), f(w).sum()],
                np.insert(f(terms).sum(0), 0, f(shift), axis=1).ravel(),
            ]
        )
        for f in (np.array, np.abs)
    ]
