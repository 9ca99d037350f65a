"""Classes by number and by name."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def known_labels(labels: Sequence[str] | None, *classes: npt.ArrayLike) -> Sequence[str] | None:
    """Return the labels, or else the names among the classes, sorted, or None without any.

    >>> known_labels(None, ["dog", "cat", "dog"], [0, 1, 1])
    ['cat', 'dog']
    """
    if labels is not None:
        return [str(label) for label in labels]
    names = {name for values in classes if _are_names(values) for name in _names(values)}
    return sorted(names) or None


def class_numbers(
    where: str, what: str, values: npt.ArrayLike, labels: Sequence[str] | None
) -> npt.NDArray[np.intp]:
    """Return the number of every row's class.

    >>> class_numbers("plot", "y", [[0.1, 0.2, 0.7], [0.8, 0.1, 0.1]], None)
    array([2, 0])
    """
    if _are_names(values) and labels is not None:
        for name in sorted({*_names(values)} - {*labels}):
            known = list(dict.fromkeys(map(str, labels)))
            shown = [*known[:10], "..."] if len(known) > 10 else known
            raise ValueError(
                f"[{where}] {what}: received the class {name!r}; expected one of the labels, "
                f"{', '.join(shown)}"
            )
        number = {label: i for i, label in enumerate(labels)}
        return np.array([number[name] for name in _names(values)], np.intp)
    array = np.asarray(values)
    if array.dtype.kind in "biuf" and array.ndim in (1, 2):
        if array.ndim == 2 and array.shape[1] > 1:
            array = array.argmax(axis=1)
        array = array.ravel()
        if ((array >= 0) & (array <= 1)).all():
            return (array > 0.5).astype(np.intp)
        if (array >= 0).all() and (array == np.floor(array)).all():
            return array.astype(np.intp)
    raise ValueError(
        f"[{where}] {what}: received {array.dtype} of shape {array.shape}, or numbers of no class; "
        "expected 0, 1, 2 ... of shape (rows,), probabilities, or one column a class"
    )


def class_names(
    where: str, labels: Sequence[str] | None, numbers: npt.NDArray[np.intp], count: int = 0
) -> list[str]:
    """Return the names of so many classes, or of as many as there are; check that it is enough."""
    needed = int(numbers.max()) + 1
    names = [str(name) for name in (range(count or needed) if labels is None else labels)]
    if len(names) < needed or (count and len(names) != count):
        raise ValueError(
            f"[{where}] received rows of the class {needed - 1} and "
            f"{len(names)} {'outputs' if labels is None else 'labels'}; expected one for each of "
            f"{max(count, needed)} classes"
        )
    return names


def _are_names(values: npt.ArrayLike) -> bool:
    array = np.asarray(values)
    return array.dtype.kind in "OSU" and array.ndim > 0


def _names(values: npt.ArrayLike) -> list[str]:
    return [str(name) for name in np.asarray(values).ravel()]
