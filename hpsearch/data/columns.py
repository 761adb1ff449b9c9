"""What the columns of a table are: numbers, text, or nothing that a network can use."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Shaped

from hpsearch.data.source import Numbers, Text
from hpsearch.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Column = Shaped[np.ndarray[Any, Any], " rows"]
Place = Callable[[int | None, str], str]
"""Says where the value of a row in a column stands, or the column."""

_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([T ].*)?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}( .*)?")
_MOST_CATEGORIES = 1000
_FEW_CATEGORIES = 20  # as many are never too many


def numbers_and_texts(
    frame: pd.DataFrame, where: Place, *, numeric: Collection[str] | None = None
) -> tuple[Numbers, tuple[str, ...], dict[str, Text]]:
    """Sort a table's columns into numbers and texts.

    Numbers stay in their type, side by side in their common one; booleans become 0 and 1.

    Args:
        frame: the columns.
        where: says where a value stands, for messages.
        numeric: for new data, the columns that must be numbers (the others are text); None
            judges each column by what it holds.

    Returns:
        the numbers, their names, and the columns of text by name.

    Raises:
        DataError: a column holds neither, or dates, or numbers with some text among them, or
            almost as many different texts as there are rows.
    """
    numbers: dict[str, Column] = {}
    texts: dict[str, Text] = {}
    for name in frame.columns:
        if numeric is not None and name not in numeric:
            texts[name] = _text(frame[name])
            continue
        found = _column(frame[name], name, where)
        if isinstance(found, np.ndarray):
            numbers[name] = found
        elif numeric is None:
            _check_categories(found, name, where)
            texts[name] = found
        else:
            row, value = _first_not_a_number(found)
            raise DataError(
                f"{where(row, name)}: {value!r} is text, but the model was trained on numbers "
                f"there; mend it"
            )
    common = np.result_type(*(column.dtype for column in numbers.values()), np.uint8)
    block = np.empty((len(frame), len(numbers)), dtype=common)
    for index, column in enumerate(numbers.values()):
        block[:, index] = column
    return block, tuple(numbers), texts


def _column(series: pd.Series[Any], name: str, where: Place) -> Column | Text:
    """A column as numbers, NaN where one is missing, or as text."""
    import pandas as pd
    from pandas.api import types

    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    kind = types.infer_dtype(series, skipna=True)
    if kind == "boolean":
        missing = series.isna().any()
        return series.to_numpy(np.float64, na_value=np.nan) if missing else series.to_numpy(bool)
    if kind in ("integer", "floating", "mixed-integer-float", "empty"):
        plain = isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf"
        return series.to_numpy() if plain else series.to_numpy(np.float64, na_value=np.nan)
    if kind == "string":
        return _text(series)
    if kind in ("datetime", "datetime64", "date", "timedelta", "timedelta64", "time", "period"):
        raise DataError(_dates(where(None, name)))
    raise DataError(
        f"{where(None, name)}: the column is of type {series.dtype} ({kind}); it must "
        f"hold numbers, true and false, or text, so convert or remove it"
    )


def _text(series: pd.Series[Any]) -> Text:
    """A column as text, whatever it holds."""
    import pandas as pd

    codes, values = pd.factorize(series)
    return Text(tuple(str(value) for value in values), codes.astype(np.int64))


def _check_categories(text: Text, name: str, where: Place) -> None:
    """A column that was judged to be text is a few categories, not dates or spoilt numbers."""
    if all(_DATE.fullmatch(value) for value in text.values):
        raise DataError(_dates(where(None, name)))
    numeric = np.array([_is_number(value) for value in text.values] + [True])  # -1: missing
    if numeric[:-1].sum() > _FEW_CATEGORIES and numeric[text.codes].mean() > 0.9:
        row, value = _first_not_a_number(text)
        raise DataError(
            f"{where(row, name)}: {value!r} is not a number, while nearly all of the column is; "
            f"mend it, or leave it empty and set data.missing: mean"
        )
    count, rows = len(text.values), len(text.codes)
    if count > _MOST_CATEGORIES or (count > _FEW_CATEGORIES and 2 * count > rows):
        raise DataError(
            f"{where(None, name)}: the column holds {count} different texts in {rows} rows, and "
            f"each would become a feature; group them into a few, or remove the column"
        )


def _first_not_a_number(text: Text) -> tuple[int, str]:
    bad = np.array([not _is_number(value) for value in text.values] + [False])
    row = int(np.argmax(bad[text.codes]))
    return row, text.values[text.codes[row]]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _dates(place: str) -> str:
    return (
        f"{place}: the column holds dates or times; put numbers in its place, such as the year, "
        f"the month or the days since a first date, or remove it"
    )
