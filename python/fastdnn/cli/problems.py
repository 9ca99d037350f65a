"""What `fastdnn train` can learn: the data sets by name, and tables."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn import datasets
from fastdnn.datasets.table import Column
from fastdnn.datasets.table_encoder import MOST_INTEGER_CLASSES, Task

_Array = npt.NDArray[Any]
_TEST_SHARE = 0.2

IMAGE_SETS: dict[str, Callable[[], Any]] = {
    "digits": datasets.load_digits,
    "mnist": datasets.load_mnist,
    "fashion-mnist": datasets.load_fashion_mnist,
}


@dataclass
class Problem:
    """Rows to train, to validate and to test with.

    Attributes:
        name: What output files are called by default.
        train: Inputs and targets.
        validation: Inputs and targets, or None.
        test: Inputs and targets.
        outputs: Width of the network's last layer.
        task: "classification", with integer targets, or "regression".
        encoder: How a table's columns became inputs, or None.
        notes: What the user should know about the data.
        warnings: What the user has probably got wrong.
    """

    name: str
    train: tuple[_Array, _Array]
    validation: tuple[_Array, _Array] | None
    test: tuple[_Array, _Array]
    outputs: int
    task: Task
    encoder: datasets.TableEncoder | None = None
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def image_problem(name: str, *, validation_split: float, seed: int) -> Problem:
    """One of the image sets, in its published split; validation rows are drawn at random."""
    (x, y), test = IMAGE_SETS[name]()
    rows, held_out = _split(np.arange(len(x)), validation_split, seed)
    validation = (x[held_out], y[held_out]) if len(held_out) else None
    return Problem(name, (x[rows], y[rows]), validation, test, 10, "classification")


def table_problem(
    path: Path,
    *,
    target: str | None,
    task: Task | None,
    header: bool | None,
    validation_split: float,
    seed: int,
) -> Problem:
    """A CSV file: rows are shuffled, a fifth is for testing; scales come from training rows.

    Raises:
        ValueError: The file or its target column cannot be used; says why.
    """
    table = datasets.read_csv(path, header=header)
    encoder = datasets.TableEncoder(-1 if target is None else target, task=task)
    known = np.flatnonzero(~table.columns[table.position(encoder.target)].missing)
    rest, test_rows = _split(known, _TEST_SHARE, seed)
    rows, held_out = _split(rest, validation_split, seed + 1)
    if not len(test_rows):
        raise ValueError(
            f"[train] {path.name} has too few rows with a target to train and test: {len(known)}"
        )
    encoder.fit(table, rows)
    x, (y, _) = encoder.transform(table), encoder.transform_target(table)
    notes = []
    if target is None:
        notes.append(f"target: {encoder.target_name_!r}, the last column; --target chooses another")
    if encoder.ignored_:
        notes.append(f"columns left out, as they cannot help: {', '.join(encoder.ignored_)}")
    if len(known) < table.rows:
        notes.append(f"rows left out, without a target: {table.rows - len(known)}")
    return Problem(
        name=path.name.removesuffix(".gz").rsplit(".", 1)[0] or "table",
        train=(x[rows], y[rows]),
        validation=(x[held_out], y[held_out]) if len(held_out) else None,
        test=(x[test_rows], y[test_rows]),
        outputs=len(encoder.classes_) if encoder.classes_ else 1,
        task=encoder.task_,
        encoder=encoder,
        notes=notes,
        warnings=_warnings(encoder, table.columns[table.position(encoder.target)]),
    )


def _warnings(encoder: datasets.TableEncoder, target: Column) -> list[str]:
    fractions = target.is_numeric and bool((target.values % 1 > 0).any())
    if not fractions or len(encoder.classes_) <= MOST_INTEGER_CLASSES:
        return []
    return [
        f"the target {target.name!r} has {len(encoder.classes_)} different numbers, each of which "
        "becomes a class of its own; --task regression predicts numbers"
    ]


def _split(rows: _Array, share: float, seed: int) -> tuple[_Array, _Array]:
    """Split off a share of the rows, drawn at random; both parts keep the rows' order."""
    count = round(share * len(rows))
    if count >= len(rows):
        raise ValueError(
            f"[train] of {len(rows)} rows {count} are held out; none is left to train with"
        )
    chosen = np.zeros(len(rows), bool)
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(rows))
    chosen[order[:count]] = True
    return rows[~chosen], rows[chosen]
