"""From labels of any type to classes: positions in the sorted list of different labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from hpsearch.data.numerals import is_number
from hpsearch.data.source import Codes, Label, Labels
from hpsearch.errors import DataError
from hpsearch.messages import listed, quoted
from hpsearch.shapes import Shaped

MISSING_TEXTS = ("", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "?")
"""Texts that stand for a missing value in a text file."""

Place = Callable[[int | None], str]
"""From a row (None for all) to the place of its label in the source, for messages."""

_MOST_NUMBERS = 20  # different numbers that may be classes; more look like a quantity
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d{0,99})(\.\d{0,99})?([eE][+-]?\d{1,2})?")  # "007" is a name
_AS_VERSION = re.compile(r".*\.\d*[1-9]0+")  # "10.10" is not 10.1


def from_array(labels: Shaped[np.ndarray[Any, Any], " rows"]) -> Labels:
    """The labels in an array (rows,); NaN is a missing one."""
    values, codes = np.unique(labels, return_inverse=True, equal_nan=True)
    codes = codes.astype(np.int64)
    if values.dtype.kind == "f" and len(values) and np.isnan(values[-1]):
        codes[codes == len(values) - 1] = -1
        values = values[:-1]
    return Labels(tuple(values.tolist()), codes)


def typed(texts: Sequence[str], missing: Collection[str] = MISSING_TEXTS) -> list[Label | None]:
    """The labels that a text file writes: all booleans, all numbers or all text.

    A text such as "NA" is a missing label (None) among numbers, but a label among text.

    Args:
        texts: the different labels.
        missing: texts that stand for a missing label among numbers.

    >>> typed(["1", "2", "NA"]), typed(["true", "false"]), typed(["01", "NA", ""])
    ([1, 2, None], [True, False], ['01', 'NA', None])
    """
    if set(texts) in ({"True", "False"}, {"true", "false"}, {"TRUE", "FALSE"}):
        return [text.lower() == "true" for text in texts]
    versions = len(texts) <= _MOST_NUMBERS and any(map(_AS_VERSION.fullmatch, texts))
    if not versions and all(text in missing or _NUMBER.fullmatch(text) for text in texts):
        return [None if text in missing else _number(text) for text in texts]
    return [text or None for text in texts]


def classes(labels: Labels, where: Place) -> tuple[tuple[Label, ...], Codes]:
    """The classes in ascending order, and for each row the position of its class, (rows,).

    Whole numbers become ints: 1.0 and 1 are one class.

    Args:
        labels: the label of each row.
        where: the place of a label, for messages.

    Raises:
        DataError: a label is missing or of an unusable type, there is only one class, or the
            labels are so many different numbers that they look like a quantity.
    """
    values = [_plain(value, where) for value in labels.values]
    names = {value for value in values if value is not None}
    missing = np.array([*(value is None for value in values), True])[labels.codes]
    if missing.any():
        row = int(np.argmax(missing))
        raise DataError(_missing(labels, row, where))
    _check_names(names, len(labels.codes), where)
    ordered = tuple(sorted(names, key=_sort_key))
    position = {name: index for index, name in enumerate(ordered)}
    class_of_value = np.array([-1 if value is None else position[value] for value in values])
    return ordered, class_of_value[labels.codes]


def as_written(labels: Labels, classes: Sequence[Label]) -> tuple[str, ...]:
    """Each class as the source first writes it, such as TRUE; if it has types, as Python does."""
    if labels.written is None:
        return tuple(str(label) for label in classes)
    first: dict[Label, str] = {}
    for value, text in zip(labels.values, labels.written, strict=True):
        first.setdefault(value, text)
    return tuple(first[label] for label in classes)


def positions(
    labels: Labels,
    classes: Sequence[Label],
    where: Place,
    written: Sequence[str] | None = None,
) -> Codes:
    """For each row of new data the position of its label among the classes of a model, (rows,).

    Labels are compared as `finder` says.

    Args:
        labels: of the new rows.
        classes: of the model.
        where: the place of a label, for messages.
        written: the classes as the training data write them; None to write them as Python does.

    Raises:
        DataError: a label is missing, or is none of the classes.
    """
    find = finder(classes, written or [str(label) for label in classes])
    y = np.array([*map(find, labels.values), -1])[labels.codes]  # code -1 is the last
    if (y < 0).any():
        row = int(np.argmax(y < 0))
        label = [*labels.values, None][labels.codes[row]]
        label = _plain(label, where)
        raise DataError(
            _missing(labels, row, where)
            if label is None or label in MISSING_TEXTS
            else f"{where(row)}: label {quoted(label)} is none of the model's classes: "
            f"{listed(written or classes)}"
        )
    return y


def _missing(labels: Labels, row: int, where: Place) -> str:
    """A message about a missing label; it shows what the source has in its place, if anything."""
    code = labels.codes[row]
    mark = labels.written[code].strip() if labels.written and code >= 0 else ""
    shown = f" ({quoted(mark)} stands there)" if mark else ""
    return f"{where(row)}: the label is missing{shown}; fill it or remove the row"


def finder(names: Sequence[Label], written: Sequence[str]) -> Callable[[Any], int]:
    """Make a function from a value of any type to its position among names, -1 if it is none.

    A text is the name that is written like it. If names are numbers or booleans, a text is also
    the name with its value ("1.0" is 1, "true" is TRUE). A number or boolean, as of a source
    that has types, is the name with its value, if only one has it.

    Args:
        names: what to find.
        written: each name as the training data write it.

    >>> find = finder(["10.1", "10.10", "7"], ["10.1", "10.10", "7"])
    >>> find("10.10"), find(7.0), find("7.0"), find("8")
    (1, 2, -1, -1)
    >>> find = finder([False, True], ["FALSE", "TRUE"])
    >>> find("true"), find(True), find(1)
    (1, 1, -1)
    """
    by_text = {text: index for index, text in enumerate(written)}
    by_value: dict[tuple[bool, Label], int] = {}
    for index, name in enumerate(names):
        if not isinstance(name, str):
            by_value[isinstance(name, bool), name] = index
    texts_are_names = not by_value
    if texts_are_names:
        by_value = _readable(written)

    def find(value: Any) -> int:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, str):
            if value in by_text:
                return by_text[value]
            if texts_are_names:
                return -1
            if value.lower() in _BOOLEANS:
                return by_value.get((True, value.lower() == "true"), -1)
            return by_value.get((False, _number(value)), -1) if _NUMBER.fullmatch(value) else -1
        if isinstance(value, int) and str(value) in by_text:
            return by_text[str(value)]
        if isinstance(value, bool | int | float):
            return by_value.get((isinstance(value, bool), value), -1)
        return -1

    return find


def _readable(texts: Sequence[str]) -> dict[tuple[bool, Label], int]:
    """The values of texts that write a number or boolean, with their positions; -1 if two do."""
    values: list[tuple[bool, Label] | None] = []
    for text in texts:
        if text.lower() in _BOOLEANS:
            values.append((True, text.lower() == "true"))
        else:
            digits = re.fullmatch(r"[+-]?[0-9]{1,99}(\.[0-9]{0,99})?", text)
            values.append((False, float(text)) if digits else None)
    times = Counter(values)
    return {
        value: index if times[value] == 1 else -1
        for index, value in enumerate(values)
        if value is not None
    }


_BOOLEANS = ("true", "false")


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _plain(value: Any, where: Place) -> Label | None:
    """A label as a plain Python value; None if it is missing.

    Raises:
        DataError: it is of another type.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        if np.isnan(value):
            return None
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, bool | int | str):
        return value
    raise DataError(
        f"{where(None)}: label {quoted(value)} is of type {type(value).__name__}; a label must be "
        f"text, a whole number, or true or false"
    )


def _check_names(names: set[Label], rows: int, where: Place) -> None:
    fractions: list[Any] = sorted(name for name in names if isinstance(name, float))
    numbers = sum(not isinstance(name, bool | str) for name in names)
    written = [name for name in names if isinstance(name, str) and is_number(name)]
    if len(written) > _MOST_NUMBERS and len(written) == len(names):  # with a comma, or a unit
        fractions, numbers = sorted(written), len(written)
    if numbers > _MOST_NUMBERS and (fractions or 2 * numbers > rows):
        example = fractions[0] if fractions else min(names, key=_sort_key)
        raise DataError(
            f"{where(None)}: the labels are {numbers} different numbers such as "
            f"{quoted(example)}, which looks like a quantity; hpsearch's network classifies, "
            f"so choose a column of classes as data.target, or group the numbers into a few"
        )
    if not names:
        raise DataError(f"{where(None)}: there are no labels; add rows")
    if len(names) == 1:
        raise DataError(
            f"{where(None)}: every label is {quoted(next(iter(names)))}; to learn, there must be "
            f"two classes or more"
        )


def _sort_key(label: Label) -> tuple[bool, int | float | str]:
    return (True, label) if isinstance(label, str) else (False, label)
