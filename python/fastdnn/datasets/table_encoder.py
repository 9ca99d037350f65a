"""From a table's columns to the numbers a network takes, and back from its outputs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fastdnn.datasets.table import Column, Table

Task = Literal["classification", "regression"]
_FORMAT = "fastdnn table encoder 1"
MOST_INTEGER_CLASSES = 20


@dataclass(frozen=True)
class _Numeric:
    """`(x - mean) / deviation`, the median in place of a missing value."""

    name: str
    median: float
    mean: float
    deviation: float

    def encode(self, column: Column) -> npt.NDArray[np.float64]:
        if not column.is_numeric:
            raise _holds_words(self.name)
        filled = np.where(column.missing, self.median, column.values)
        scaled: npt.NDArray[np.float64] = (filled - self.mean) / self.deviation
        return scaled[:, np.newaxis]


@dataclass(frozen=True)
class _Categorical:
    """One column of 0 and 1 a category; all 0 for any other word."""

    name: str
    categories: tuple[str, ...]

    def encode(self, column: Column) -> npt.NDArray[np.float64]:
        # A few rows of a column of words may all look like numbers, or be missing.
        words = column.as_words()[:, np.newaxis]
        encoded: npt.NDArray[np.bool_] = words == np.array(self.categories)
        return encoded.astype(np.float64)


def guess_task(target: Column) -> Task:
    """Classification for words and for at most 20 distinct integers, else regression."""
    if not target.is_numeric:
        return "classification"
    known = np.unique(target.values[~target.missing])
    few = len(known) <= MOST_INTEGER_CLASSES and 2 * len(known) <= len(target.values)
    return "classification" if few and bool((known == np.round(known)).all()) else "regression"


class TableEncoder:
    """Turns a table's columns into float32 features, and its target into what a loss takes.

    Numbers are standardised, `(x - mean) / deviation`, with the median in place of missing
    values; words become one column of 0 and 1 for each of the most frequent categories, where
    "missing" is a category too. Mean, median, deviation and categories are those of the rows
    `fit` was given: fit on the training rows only. Columns that cannot help are left out: one
    value throughout, or a different word in nearly every row, as names and keys have.

    Args:
        target: Name or index of the target column; -1 is the last.
        task: "classification", "regression", or None to decide by the column: see `guess_task`.
        max_categories: Most categories of one column.

    Attributes:
        task_: "classification" or "regression".
        target_name_: The target column's name.
        classes_: The classes' names, sorted; empty for regression.
        ignored_: The names of the columns left out.
        target_deviation_: What 1 of the standardised target is in its own unit; else 1.

    >>> from fastdnn.datasets.table import Column, Table
    >>> size = Column("size", np.array([1.0, 3.0, np.nan, 2.0]))
    >>> kind = Column("kind", np.array(["cat", "dog", "dog", "cat"]))
    >>> encoder = TableEncoder(target="kind").fit(Table((size, kind), 4, True))
    >>> encoder.classes_
    ('cat', 'dog')

    What `fastdnn train table.csv` leaves predicts for another table with the same columns like
    this::

        import json
        from fastdnn import load_model
        from fastdnn.datasets import TableEncoder, read_csv

        encoder = TableEncoder.from_config(json.load(open("table.columns.json")))
        features = encoder.transform(read_csv("new.csv"))
        outputs = load_model("table.safetensors").predict(features)
        print(encoder.inverse_transform_target(outputs))
    """

    def __init__(
        self, target: str | int = -1, *, task: Task | None = None, max_categories: int = 64
    ) -> None:
        self.target = target
        self.task = task
        self.max_categories = max_categories

    def fit(self, table: Table, rows: npt.NDArray[np.integer[Any]] | None = None) -> "TableEncoder":
        """Learn from the given rows, all by default; returns the encoder itself.

        Raises:
            ValueError: The target column is unknown, has one class only, or a different word in
                nearly every row; or no column is left to learn from.
        """
        position = table.position(self.target)
        target = table.columns[position]
        # The kind of task and the classes come from the whole table: a class that is only in
        # the test rows still has to have a number.
        self.task_: Task = self.task or guess_task(target)
        self.target_name_ = target.name
        self.classes_: tuple[str, ...] = ()
        self._mean, self.target_deviation_ = 0.0, 1.0
        if self.task_ == "classification":
            self.classes_ = _classes(target)
        else:
            if not target.is_numeric:
                raise ValueError(
                    f"[TableEncoder] the target {target.name!r} holds words; regression needs "
                    "numbers: choose another target or classification"
                )
            known = _take(target.values, rows)
            known = known[~np.isnan(known)]
            if not len(known) or known.min() == known.max():
                raise ValueError(
                    f"[TableEncoder] the target {target.name!r} has the same value in every row; "
                    "there is nothing to learn"
                )
            self._mean, self.target_deviation_ = float(known.mean()), float(known.std())
        features: list[_Numeric | _Categorical] = []
        ignored = []
        for i, column in enumerate(table.columns):
            if i != position:
                feature = self._fit_column(column, rows)
                if feature is None:
                    ignored.append(column.name)
                else:
                    features.append(feature)
        if not features:
            raise ValueError(
                f"[TableEncoder] no column is left to predict {target.name!r} from: each of the "
                f"{len(ignored)} others has one value throughout or a different word in every row"
            )
        self._features = tuple(features)
        self.ignored_ = tuple(ignored)
        return self

    def _fit_column(
        self, column: Column, rows: npt.NDArray[np.integer[Any]] | None
    ) -> _Numeric | _Categorical | None:
        if column.is_numeric:
            numbers = _take(column.values, rows)
            known = numbers[~np.isnan(numbers)]
            if not len(known):
                return None
            median = float(np.median(known))
            filled = np.where(np.isnan(numbers), median, numbers)
            deviation = float(filled.std())
            # Rounding leaves a constant column a deviation of some ulps of its mean.
            if not math.isfinite(deviation) or deviation <= 1e-12 * abs(float(filled.mean())):
                return None
            return _Numeric(column.name, median, float(filled.mean()), deviation)
        words = _take(column.values, rows)
        categories, counts = np.unique(words, return_counts=True)
        unique = len(categories) > self.max_categories and 2 * len(categories) > len(words)
        if len(categories) < 2 or unique:
            return None
        most_frequent = np.argsort(-counts, kind="stable")[: self.max_categories]
        return _Categorical(column.name, tuple(str(c) for c in categories[np.sort(most_frequent)]))

    @property
    def feature_names_(self) -> list[str]:
        """A name for each column of the features: "age", "colour=red"."""
        names = []
        for feature in self._features:
            if isinstance(feature, _Numeric):
                names.append(feature.name)
            else:
                names += [f"{feature.name}={word or '(missing)'}" for word in feature.categories]
        return names

    def transform(self, table: Table) -> npt.NDArray[np.float32]:
        """The features of every row: float32 of shape (rows, features). Needs no target.

        Raises:
            ValueError: A column is missing, or holds words where `fit` saw numbers.
        """
        parts = [f.encode(table.columns[table.position(f.name)]) for f in self._features]
        return np.concatenate(parts, axis=1, dtype=np.float32, casting="same_kind")

    def transform_target(
        self, table: Table
    ) -> tuple[npt.NDArray[np.int64] | npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """The targets, and which rows have one.

        Returns:
            For classification class numbers, int64 of shape (rows,); for regression standardised
            values, float32 of shape (rows, 1); and bool of shape (rows,), False where the target
            is missing or a class `fit` did not see. The value there means nothing.
        """
        column = table.columns[table.position(self.target_name_)]
        if self.task_ == "classification":
            number = {name: i for i, name in enumerate(self.classes_)}
            labels = np.array([number.get(word, -1) for word in column.as_words()], np.int64)
            return np.maximum(labels, 0), labels >= 0
        if not column.is_numeric:
            raise _holds_words(column.name)
        known = ~column.missing
        values = (np.where(known, column.values, self._mean) - self._mean) / self.target_deviation_
        return values[:, np.newaxis].astype(np.float32), known

    def inverse_transform_target(
        self, outputs: npt.NDArray[Any]
    ) -> npt.NDArray[np.str_] | npt.NDArray[np.float64]:
        """From a network's outputs to the target's own terms.

        Args:
            outputs: Class probabilities of shape (rows, classes), or standardised values of
                shape (rows, 1).

        Returns:
            Class names, or values in the target's unit; shape (rows,).
        """
        if self.task_ == "classification":
            names: npt.NDArray[np.str_] = np.array(self.classes_)[np.argmax(outputs, axis=1)]
            return names
        values: npt.NDArray[np.float64] = np.asarray(outputs, np.float64).reshape(-1)
        return values * self.target_deviation_ + self._mean

    def get_config(self) -> dict[str, Any]:
        """What `fit` learnt, as values JSON can hold."""
        return {
            "format": _FORMAT,
            "task": self.task_,
            "target": self.target_name_,
            "classes": list(self.classes_),
            "target_mean": self._mean,
            "target_deviation": self.target_deviation_,
            "ignored": list(self.ignored_),
            "features": [
                {
                    "name": feature.name,
                    "median": feature.median,
                    "mean": feature.mean,
                    "deviation": feature.deviation,
                }
                if isinstance(feature, _Numeric)
                else {"name": feature.name, "categories": list(feature.categories)}
                for feature in self._features
            ],
        }

    @classmethod
    def from_config(cls, config: Any) -> "TableEncoder":
        """The encoder whose `get_config` gave this; it comes from a file, so all is checked.

        Raises:
            ValueError: It is not the configuration of an encoder; says what is wrong.
        """
        if not isinstance(config, Mapping) or config.get("format") != _FORMAT:
            raise ValueError(f"[TableEncoder] this is not a configuration of format {_FORMAT!r}")
        encoder = cls(_string(config, "target"))
        task = _string(config, "task")
        if task not in ("classification", "regression"):
            raise _bad_entry("task", "'classification' or 'regression'", task)
        encoder.task_ = encoder.task = task  # type: ignore[assignment]
        encoder.target_name_ = _string(config, "target")
        encoder.classes_ = _strings(config, "classes")
        if (task == "classification") != (len(encoder.classes_) > 1):
            raise _bad_entry("classes", "two or more, or none for regression", encoder.classes_)
        encoder._mean = _number(config, "target_mean")
        encoder.target_deviation_ = _number(config, "target_deviation", positive=True)
        encoder.ignored_ = _strings(config, "ignored")
        features = config.get("features")
        if not isinstance(features, list) or not features:
            raise _bad_entry("features", "a list with entries", features)
        encoder._features = tuple(_feature(entry) for entry in features)
        return encoder


def _take(values: npt.NDArray[Any], rows: npt.NDArray[np.integer[Any]] | None) -> npt.NDArray[Any]:
    return values if rows is None else values[rows]


def _classes(target: Column) -> tuple[str, ...]:
    known = [str(word) for word in target.as_words() if word]
    classes = sorted(set(known), key=float if target.is_numeric else str)
    if len(classes) < 2:
        found = f"only the class {classes[0]!r}" if classes else "no value at all"
        raise ValueError(
            f"[TableEncoder] the target {target.name!r} has {found}; expected two or more classes"
        )
    if len(classes) > MOST_INTEGER_CLASSES and 2 * len(classes) > len(known):
        raise ValueError(
            f"[TableEncoder] the target {target.name!r} has {len(classes)} different values in "
            f"{len(known)} rows, too many to be classes; choose another target"
        )
    return tuple(classes)


def _holds_words(name: str) -> ValueError:
    return ValueError(
        f"[TableEncoder] column {name!r} holds words; it held numbers in the table of `fit`"
    )


def _feature(entry: Any) -> _Numeric | _Categorical:
    if not isinstance(entry, Mapping):
        raise _bad_entry("features", "a mapping an entry", entry)
    name = _string(entry, "name")
    if "categories" in entry:
        categories = _strings(entry, "categories")
        if not categories:
            raise _bad_entry("categories", "one or more", categories)
        return _Categorical(name, categories)
    deviation = _number(entry, "deviation", positive=True)
    return _Numeric(name, _number(entry, "median"), _number(entry, "mean"), deviation)


def _string(config: Mapping[str, Any], key: str) -> str:
    value = config.get(key)
    if not isinstance(value, str):
        raise _bad_entry(key, "a string", value)
    return value


def _strings(config: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = config.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _bad_entry(key, "a list of strings", value)
    return tuple(value)


def _number(config: Mapping[str, Any], key: str, *, positive: bool = False) -> float:
    value = config.get(key)
    valid = isinstance(value, int | float) and not isinstance(value, bool)
    if not valid or not math.isfinite(value) or (positive and value <= 0):  # type: ignore[arg-type,operator]
        raise _bad_entry(key, "a positive number" if positive else "a number", value)
    return float(value)  # type: ignore[arg-type]


def _bad_entry(key: str, wanted: str, found: object) -> ValueError:
    return ValueError(
        f"[TableEncoder] the configuration's {key!r} is {str(found)[:80]!r}; expected {wanted}"
    )
