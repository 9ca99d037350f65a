"""Tables in CSV files: which columns are numbers, which are words, and what is missing."""

import csv
import io
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from fastdnn.datasets.compressed import GzipErrors, open_decompressed

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})
_LOOK_AT_ROWS = 1000
# What a file that is no table may ask for is bounded: a line, and the cells of a column.
_LONGEST_LINE = 2**24  # characters
_LARGEST_COLUMN = 2**30  # bytes, of words
_LARGEST_INTEGER = 2**53  # up to here float64 has them all
_DELIMITERS = ",;\t|"
# Python's float() also takes digits of other scripts and 1_000; those are words here.
_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """One column of a table, of numbers or of words.

    Attributes:
        name: The header's word, or "column 0", "column 1", ... without a header.
        values: float64 of shape (rows,), NaN where missing; or stripped str, "" where missing.
    """

    name: str
    values: npt.NDArray[Any]

    @property
    def is_numeric(self) -> bool:
        """Whether the column holds numbers."""
        return self.values.dtype.kind == "f"

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which rows have no value; bool of shape (rows,)."""
        absent: npt.NDArray[np.bool_] = (
            np.isnan(self.values) if self.is_numeric else self.values == ""
        )
        return absent

    def as_words(self) -> npt.NDArray[np.str_]:
        """The cells as words, "" where missing; numbers as short as they can be written."""
        if not self.is_numeric:
            return self.values
        numbers = (self.values + 0.0).tolist()  # makes -0 a plain 0
        return np.array(["" if math.isnan(x) else repr(x).removesuffix(".0") for x in numbers])


@dataclass(frozen=True)
class Table:
    """A table as columns of equal length."""

    columns: tuple[Column, ...]
    rows: int
    has_header: bool

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return [column.name for column in self.columns]

    def position(self, column: str | int) -> int:
        """The position of a column given by name or, where no name fits, by index.

        Raises:
            ValueError: There is no such column; lists those there are.
        """
        if isinstance(column, str):
            if column in self.names:
                return self.names.index(column)
            if not re.fullmatch(r"[+-]?\d+", column, re.ASCII):
                raise self._unknown(column)
            column = int(column)
        if not -len(self.columns) <= column < len(self.columns):
            raise self._unknown(column)
        return column % len(self.columns)

    def _unknown(self, column: str | int) -> ValueError:
        shown = ", ".join(self.names[:50]) + (", ..." if len(self.names) > 50 else "")
        return ValueError(
            f"[table] there is no column {column!r}; expected one of {shown}, or an index from "
            f"{-len(self.columns)} to {len(self.columns) - 1}"
        )


def read_csv(path: str | os.PathLike[str], *, header: bool | None = None) -> Table:
    """Read a table from a CSV file, gzip-compressed or not.

    Cells are separated by a comma, semicolon, tab or bar, whichever the first line has most of;
    blanks around them are dropped, and so are empty lines. A cell is missing if it is empty,
    "?", "NA", "N/A", "NaN" or "null". A column whose other cells are all numbers is numeric,
    unless one is a whole number beyond 2^53: such are keys, and float64 would mix them up.

    Args:
        path: The file, in UTF-8.
        header: Whether the first line names the columns; None decides by its looks: all words,
            no two alike, above a column of numbers or unlike everything below it.

    Raises:
        ValueError: The file is empty, is no text, has lines of unequal length, lines or cells
            of a length that tables do not have, or an infinite number; names the line.
        OSError: The file cannot be opened.
    """
    path = Path(path)
    lines, rows = _read_rows(path)
    if not rows:
        raise ValueError(f"[read_csv] {path.name} is empty; expected lines of cells")
    first = rows[0]
    if header is None:
        header = _looks_like_header(first, rows[1 : _LOOK_AT_ROWS + 1])
    if header:
        names = [name if name else f"column {i}" for i, name in enumerate(first)]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(
                f"[read_csv] {path.name}'s header has {', '.join(map(repr, repeated))} more than "
                "once; expected names that differ"
            )
        rows, lines = rows[1:], lines[1:]
        if not rows:
            raise ValueError(f"[read_csv] {path.name} has a header and no rows below it")
    else:
        names = [f"column {i}" for i in range(len(first))]
    columns = [
        _to_column(path, name, cells)
        for name, cells in zip(names, zip(*rows, strict=True), strict=True)
    ]
    for column in columns:
        if column.is_numeric and np.isinf(column.values).any():
            line = lines[int(np.isinf(column.values).argmax())]
            raise ValueError(
                f"[read_csv] {path.name}, line {line}: column {column.name!r} holds an infinite "
                "number; expected finite ones, or an empty cell where the value is missing"
            )
    return Table(tuple(columns), len(rows), header)


def _read_rows(path: Path) -> tuple[list[int], list[tuple[str, ...]]]:
    """The lines' numbers and their stripped cells, all of one length."""
    lines: list[int] = []
    rows: list[tuple[str, ...]] = []
    try:
        for line, cells in _parse(path):
            if rows and len(cells) != len(rows[0]):
                raise ValueError(
                    f"[read_csv] {path.name}, line {line} has {len(cells)} cells; expected "
                    f"{len(rows[0])} as in line {lines[0]}"
                )
            lines.append(line)
            rows.append(cells)
    except GzipErrors as error:
        raise ValueError(f"[read_csv] {path.name} is a damaged gzip file ({error})") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"[read_csv] {path.name} is not UTF-8 text ({error.reason} at byte {error.start} of a "
            "block); save it as UTF-8 CSV"
        ) from None
    return lines, rows


def _parse(path: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    with (
        open_decompressed(path) as stream,
        io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text,
    ):
        first = next((line for line in islice(_lines(path, text), 100) if line.strip()), "")
        text.seek(0)
        delimiter = max(_DELIMITERS, key=first.count)
        reader = csv.reader(
            _lines(path, text), delimiter=delimiter, skipinitialspace=True, strict=True
        )
        try:
            for cells in reader:
                stripped = tuple(cell.strip() for cell in cells)
                if stripped and (len(stripped) > 1 or stripped[0]):
                    yield reader.line_num, stripped
        except csv.Error as error:
            raise ValueError(
                f"[read_csv] {path.name}, line {reader.line_num} is not CSV: {error}"
            ) from None


def _lines(path: Path, text: TextIO) -> Iterator[str]:
    """The file's lines, none of which takes all of the memory."""
    number = 0
    while line := text.readline(_LONGEST_LINE + 1):
        number += 1
        if len(line) > _LONGEST_LINE:
            raise ValueError(
                f"[read_csv] {path.name}, line {number} has more than {_LONGEST_LINE:,} "
                "characters; expected lines of cells: is this a CSV file?"
            )
        yield line


def _to_column(path: Path, name: str, cells: Sequence[str]) -> Column:
    values = {cell: _number(cell) for cell in set(cells)}
    if any(value is None or _is_key(cell, value) for cell, value in values.items()):
        # Each cell of NumPy's arrays of words takes the room of the longest, 4 bytes a letter.
        longest = max(map(len, values))
        if 4 * longest * len(cells) > _LARGEST_COLUMN:
            raise ValueError(
                f"[read_csv] {path.name}: column {name!r} has a cell of {longest:,} characters; "
                f"expected at most {_LARGEST_COLUMN // (4 * len(cells)):,} in a column of "
                f"{len(cells):,} rows: shorten the cell or remove the column"
            )
        words = ["" if cell.lower() in MISSING else cell for cell in cells]
        return Column(name, np.array(words))
    numbers = (values[cell] for cell in cells)
    return Column(name, np.fromiter(numbers, np.float64, len(cells)))


def _number(cell: str) -> float | None:
    """The cell's number, NaN if it is missing, None if it is a word."""
    if _NUMBER.fullmatch(cell):
        return float(cell)
    return math.nan if cell.lower() in MISSING else None


def _is_key(cell: str, value: float) -> bool:
    """Whether the cell is a whole number that float64 does not hold to the last digit."""
    return (
        abs(value) >= _LARGEST_INTEGER and cell.lstrip("+-").isdecimal() and int(value) != int(cell)
    )


def _looks_like_header(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    words = [cell for cell in first if cell]
    # Data frames written with their index have one nameless column.
    if not below or len(words) < max(1, len(first) - 1) or len(set(words)) < len(words):
        return False
    if any(_number(cell) is not None for cell in words):
        return False
    columns = [set(cells) for cells in zip(*below, strict=True)]
    if any(all(_number(cell) is not None for cell in cells) for cells in columns):
        return True
    return all(cell not in cells for cell, cells in zip(first, columns, strict=True))
