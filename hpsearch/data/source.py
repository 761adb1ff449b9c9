"""Rows as a source brought them: what every reader returns, neither split nor standardised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from hpsearch.data.numerals import Writing
from hpsearch.shapes import Int64, Shaped

Label = bool | int | float | str
"""The name of a class, in the type the source gave it."""

Part = Literal["train", "val", "test"]
"""A part of the rows: to learn from, to compare trials, to judge the winner."""

PARTS: tuple[Part, ...] = ("train", "val", "test")

Numbers = Shaped[np.ndarray[Any, Any], "rows columns"]
"""Real numbers in whatever type they came: uint8 pixels stay uint8."""

Rows = Int64[np.ndarray[Any, Any], " _"]
"""Row numbers, counted from 0; any number of them."""

Codes = Int64[np.ndarray[Any, Any], " rows"]
"""For each row a position in some list of values; -1 is a missing value."""


@dataclass(frozen=True)
class Text:
    """A column of text: the different values, and for each row which of them (-1: missing)."""

    values: tuple[str, ...]
    codes: Codes


@dataclass(frozen=True)
class Labels:
    """A column of labels: the different ones in any order, and for each row which of them.

    None among the values, and the code -1, are missing labels.
    """

    values: tuple[Any, ...]
    codes: Codes
    written: tuple[str, ...] | None = None  # the values as a text file writes them


@dataclass(frozen=True)
class Source:
    """Everything a source holds.

    Attributes:
        name: file or folder name, for messages.
        numbers: numeric columns side by side; NaN where a value is missing.
        number_names: their names.
        text: text columns by name.
        labels: the label of each row; None if the source has no labels.
        parts: the parts that the source itself brings; empty if it is one undivided whole.
        table: whether it has columns with names of their own.
        target: the name of a table's label column.
        writings: how the numbers of a text file's column are written, where that is not plainly.
        missing_values: what stands for a missing value, beside what always does.
        field_at: reads what a text file holds in a row (counted from 0) and column, for messages.
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
        """The place of a value as a user finds it: of the label, unless a column is named.

        A table's data rows count from 1, below the header; an array's rows from 0. Without a
        row it is the place of the whole column.
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
    """The place of a table's column, or of a value in it: data rows count from 1."""
    return f"{name}: column {column!r}" + ("" if row is None else f", row {row + 1}")


def test_part(source: Source) -> Source:
    """The test part of a source that brings one, else all of it."""
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
    """Names for the columns of an array, which has none of its own."""
    return tuple(f"x{index}" for index in range(count))
