"""Labels of any type to classes: positions in a sorted list of names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped

from hpsearch.data.names import listed
from hpsearch.data.source import Codes, Label, Labels
from hpsearch.errors import DataError

MISSING_TEXTS = ("", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "?")
"""What stands for a missing value in a text file."""

Place = Callable[[int | None], str]
"""Says where the label of a row stands, or the labels."""

_MOST_NUMBERS = 20  # as many different numbers may name classes; more look like a quantity
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d+)?")  # but "007" is a name


def from_array(labels: Shaped[np.ndarray[Any, Any], " rows"]) -> Labels:
    """The labels that an array holds; NaN is a missing one."""
    values, codes = np.unique(labels, return_inverse=True, equal_nan=True)
    codes = codes.astype(np.int64)
    if values.dtype.kind == "f" and len(values) and np.isnan(values[-1]):
        codes[codes == len(values) - 1] = -1
        values = values[:-1]
    return Labels(tuple(values.tolist()), codes)


def typed(texts: Sequence[str]) -> list[Label | None]:
    """Labels as a text file writes them, in the type that they stand for.

    They are all booleans, or all numbers, or all text. Where the others are numbers, a text
    such as "NA" is a missing label (None); where they are text, "NA" is a name like any other.

    >>> typed(["1", "2", "NA"]), typed(["true", "false"]), typed(["01", "NA", ""])
    ([1, 2, None], [True, False], ['01', 'NA', None])
    """
    if set(texts) in ({"True", "False"}, {"true", "false"}, {"TRUE", "FALSE"}):
        return [text.lower() == "true" for text in texts]
    if all(text in MISSING_TEXTS or _NUMBER.fullmatch(text) for text in texts):
        return [None if text in MISSING_TEXTS else _number(text) for text in texts]
    return [text or None for text in texts]


def classes(labels: Labels, where: Place) -> tuple[tuple[Label, ...], Codes]:
    """Classes in ascending order, and for each row the position of its class.

    Numbers that are all whole become ints: 1.0 and 1 are one class.

    Args:
        labels: the label of each row.
        where: says where a row's label stands, for messages.

    Raises:
        DataError: a label is missing or of an unusable type, there is only one class, or the
            labels are numbers too many and too different to name classes.
    """
    values = [_plain(value, where) for value in labels.values]
    names = {value for value in values if value is not None}
    missing = np.array([*(value is None for value in values), True])[labels.codes]
    if missing.any():
        row = int(np.argmax(missing))
        raise DataError(f"{where(row)}: the label is missing; fill it or remove the row")
    _check_names(names, len(labels.codes), where)
    ordered = tuple(sorted(names, key=_sort_key))
    position = {name: index for index, name in enumerate(ordered)}
    class_of_value = np.array([-1 if value is None else position[value] for value in values])
    return ordered, class_of_value[labels.codes]


def known(labels: Labels, classes: Sequence[Label], where: Place) -> Codes:
    """For each row of new data the position of its label among classes that are known.

    Labels are compared as text, since the type a file seems to give them depends on the others
    in it.

    Raises:
        DataError: a label is missing, or none of the classes.
    """
    position = {str(label): index for index, label in enumerate(classes)}
    values = [*(_plain(value, where) for value in labels.values), None]  # code -1 is the last
    y = np.array([position.get(str(value), -1) for value in values])[labels.codes]
    if (y < 0).any():
        row = int(np.argmax(y < 0))
        label = values[labels.codes[row]]
        raise DataError(
            f"{where(row)}: the label is missing; fill it or remove the row"
            if label is None
            else f"{where(row)}: label {label!r} is none of the model's classes: {listed(classes)}"
        )
    return y


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _plain(value: Any, where: Place) -> Label | None:
    """A label as a plain Python value; None if it is missing."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        if np.isnan(value):
            return None
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, bool | int | str):
        return value
    raise DataError(
        f"{where(None)}: label {value!r} is of type {type(value).__name__}; a label must be "
        f"text, a whole number, or true or false"
    )


def _check_names(names: set[Label], rows: int, where: Place) -> None:
    fractions = sorted(name for name in names if isinstance(name, float))
    numbers = sum(not isinstance(name, bool | str) for name in names)
    if numbers > _MOST_NUMBERS and (fractions or 2 * numbers > rows):
        example = fractions[0] if fractions else min(names, key=_sort_key)
        raise DataError(
            f"{where(None)}: the labels are {numbers} different numbers such as {example!r}, "
            f"which looks like a quantity; hpsearch's network classifies, so choose a column of "
            f"classes as data.target, or group the numbers into a few"
        )
    if not names:
        raise DataError(f"{where(None)}: there are no labels; add rows")
    if len(names) == 1:
        raise DataError(
            f"{where(None)}: every label is {next(iter(names))!r}; to learn, there must be two "
            f"classes or more"
        )


def _sort_key(label: Label) -> tuple[bool, int | float | str]:
    return (True, label) if isinstance(label, str) else (False, label)
