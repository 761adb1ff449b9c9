"""The rows of a source, as every reader returns them: neither split nor standardised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from hpsearch.data.numerals import Writing
from hpsearch.shapes import Int64, Shaped

Label = bool | int | float | str
"""The name of a class, in the type that it has in the source."""

Part = Literal["train", "val", "test"]
"""A part of the rows: to train on, to compare trials, to judge the winner."""

PARTS: tuple[Part, ...] = ("train", "val", "test")

Numbers = Shaped[np.ndarray[Any, Any], "rows columns"]
"""Real numbers, (rows, columns), in the type of the source: uint8 pixels stay uint8."""

Rows = Int64[np.ndarray[Any, Any], " _"]
"""Row numbers, from 0."""

Codes = Int64[np.ndarray[Any, Any], " rows"]
"""For each row a position in a list of values; -1 for a missing value."""


@dataclass(frozen=True)
class Text:
    """A column of text: its different values, and for each row the position of its value."""

    values: tuple[str, ...]
    codes: Codes


@dataclass(frozen=True)
class Labels:
    """A column of labels: the different ones in any order, and for each row its position.

    A label is missing where the position is -1 or the value is None.
    """

    values: tuple[Any, ...]
    codes: Codes
    written: tuple[str, ...] | None = None  # the values as the text file writes them


@dataclass(frozen=True)
class Source:
    """All that was read from a source.

    Attributes:
        name: of the file or folder, for messages.
        numbers: (rows, columns), the numeric columns; NaN where a value is missing.
        number_names: their names.
        text: the text columns by name.
        labels: the label of each row; None if the source has no labels.
        parts: the rows of each part, if the source has parts.
        table: whether the source is a table, whose columns have names.
        target: the name of the column of labels in a table.
        writings: how a text file writes the numbers of a column, where that is not as 1234.5.
        missing_values: texts that stand for a missing value, beside `labels.MISSING_TEXTS`.
        field_at: reads the field of a text file in a row (from 0) and column, for messages.
    """

    name: str
    numbers: Numbers
    number_names: tuple[str, ...]
    text: Mapping[str, Text] = field(default_factory=dict)
    labels: Labels | None = None
    parts: Mapping[Part, range] = field(default_factory=dict)
    table: bool = False
    target: str | None = None
    writings: Mapping[str, Writing] = field(default_factory=dict)
    missing_values: tuple[str, ...] = ()
    field_at: Callable[[int, str], str] | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.numbers)

    def where(self, row: int | None = None, column: str | None = None) -> str:
        """The place of a value, for messages.

        Rows of a table are counted from 1, below the header; those of an array from 0.

        Args:
            row: from 0; None for the whole column.
            column: None for the labels.
        """
        if self.table:
            return place_in_table(self.name, row, self.target if column is None else column)
        array = "y" if column is None else "x"
        index = [] if column is None else [self.number_names.index(column)]
        if row is None:
            return f"{self.name}: {array}" + (f"[:, {index[0]}]" if index else "")
        for part, rows in self.parts.items():
            if row in rows:
                return f"{self.name}: {array}_{part}{[row - rows.start, *index]}"
        return f"{self.name}: {array}{[row, *index]}"


def place_in_table(name: str, row: int | None, column: str | None) -> str:
    """The place of a column of a table, or of a value in it, with rows counted from 1."""
    return f"{name}: column {column!r}" + ("" if row is None else f", row {row + 1}")


def test_part(source: Source) -> Source:
    """The test part of a source, or all of a source without one."""
    if "test" not in source.parts:
        return source
    rows = slice(source.parts["test"].start, source.parts["test"].stop)
    labels = source.labels
    return replace(
        source,
        numbers=source.numbers[rows],
        text={name: replace(text, codes=text.codes[rows]) for name, text in source.text.items()},
        labels=None if labels is None else replace(labels, codes=labels.codes[rows]),
        parts={"test": range(rows.stop - rows.start)},
    )


def array_names(count: int) -> tuple[str, ...]:
    """Names for the columns of an array: x0, x1, ..."""
    return tuple(f"x{index}" for index in range(count))
