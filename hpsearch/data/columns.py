"""Sort the columns of a table into numbers, text, and what a network cannot use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hpsearch.data.labels import finder
from hpsearch.data.numerals import (
    PLAIN,
    Doubt,
    Writing,
    ambiguous,
    judge,
    may_be_grouped,
    parse,
)
from hpsearch.data.source import Numbers, Text
from hpsearch.errors import DataError
from hpsearch.messages import quoted
from hpsearch.shapes import Float64, Shaped

if TYPE_CHECKING:
    import pandas as pd

    from hpsearch.data.encoding import Encoding

Column = Shaped[np.ndarray[Any, Any], " rows"]
Place = Callable[[int | None, str], str]
"""From a row (None for the whole column) and a column to their place in the file, for messages."""

ReadTexts = Callable[[Sequence[str]], "pd.DataFrame"]
"""From names to these columns of a text file, read as text."""

_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([T ].*)?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}( .*)?")
_MOST_CATEGORIES = 1000
_FEW_CATEGORIES = 20  # never too many, however few rows there are


@dataclass(frozen=True)
class Refusal:
    """Why a column cannot be used."""

    reason: str
    mark: str | None = None  # a field that may stand for a missing value


@dataclass(frozen=True)
class Columns:
    """The columns of a table, as numbers and texts.

    Attributes:
        numbers: (rows, columns), the numeric columns in their common type; booleans are 0 and 1.
        number_names: their names.
        text: the columns of text by name.
        writings: how a text file writes the numbers of a column, where that is not as 1234.5.
    """

    numbers: Numbers
    number_names: tuple[str, ...]
    text: Mapping[str, Text]
    writings: Mapping[str, Writing]


def columns(
    frame: pd.DataFrame,
    where: Place,
    *,
    decimal: str | None = None,
    texts_of: ReadTexts | None = None,
    missing: Sequence[str] = (),
    refused: dict[str, Refusal] | None = None,
) -> Columns:
    """Find out what each column holds, from its values.

    Args:
        frame: the columns.
        where: the place of a value, for messages.
        decimal: the decimal mark of a text file, "." or ","; None to find out from the columns.
        texts_of: reads columns of a text file as text; None for a file that has types.
        missing: texts that stand for a missing value in a text file.
        refused: receives each column that cannot be used, by name; None to raise an error.

    Raises:
        DataError: a column holds neither numbers nor text, or dates, or numbers of which it is
            not clear how they are written, or too many different texts for its rows.
    """
    numbers: dict[str, Column] = {}
    texts: dict[str, Text] = {}
    writings: dict[str, Writing] = {}
    doubts: dict[str, tuple[Doubt, Text]] = {}

    def refuse(name: str, message: str, mark: str | None = None) -> None:
        if refused is None:
            raise DataError(message)
        refused[name] = Refusal(message, mark)

    def sort(name: str, decimal: str | None) -> None:
        """Find out whether a column of text holds numbers."""
        text = texts[name]
        found = _written(text, decimal, typed=texts_of is None)
        if isinstance(found, Doubt):
            doubts[name] = found, text
        elif found is not None:
            numbers[name] = _parsed(texts.pop(name), found, name, where)
            if found != PLAIN:
                writings[name] = found

    for name in frame.columns:
        try:
            found = _column(frame[name], name, where)
        except DataError as error:
            refuse(name, str(error))
            continue
        if isinstance(found, Text):
            texts[name] = _without(found, missing)  # pandas keeps some beside huge numbers
            sort(name, decimal)
        else:
            numbers[name] = found

    commas = any(writing.decimal == "," for writing in writings.values())
    if texts_of is not None and (decimal == "," or commas):
        _with_comma(frame, numbers, writings, doubts, texts_of, decimal, where)
    if commas:  # so 1,234 in another column is no thousand
        for name in [name for name in texts if name in doubts and doubts[name][0].ambiguous]:
            del doubts[name]
            sort(name, ",")
    for name, (doubt, text) in doubts.items():
        texts.pop(name, None)
        numbers.pop(name, None)
        row = int(np.argmax(text.codes == text.values.index(doubt.text)))
        refuse(name, f"{where(row, name)}: {doubt.reason}", doubt.text if doubt.mark else None)
    for name in list(texts):
        try:
            _check_categories(texts[name], name, where)
        except DataError as error:
            del texts[name]
            refuse(name, str(error))
    ordered = {name: numbers[name] for name in frame.columns if name in numbers}
    ordered_texts = {name: texts[name] for name in frame.columns if name in texts}
    return Columns(_block(ordered, len(frame)), tuple(ordered), ordered_texts, writings)


def columns_like(frame: pd.DataFrame, where: Place, encoding: Encoding) -> Columns:
    """The columns of new rows, each read as the column that the model was trained on.

    Raises:
        DataError: a value is not a number where the model was trained on numbers, or a column
            cannot be read as text where it was trained on text.
    """
    numbers: dict[str, Column] = {}
    for name in encoding.numbers:
        found = _column(frame[name], name, where)
        if isinstance(found, Text):
            writing = encoding.writings.get(name, PLAIN)
            found = _parsed(_without(found, encoding.missing_values), writing, name, where)
        numbers[name] = found
    texts = {}
    for name, categories in encoding.categories.items():
        try:
            text = _text(frame[name], categories)
        except TypeError:  # values that cannot be compared, such as lists
            raise DataError(
                f"{where(None, name)}: the column is of type {frame[name].dtype}, but the model "
                f"was trained on text there; mend it"
            ) from None
        texts[name] = _without(text, encoding.missing_values)
    return Columns(_block(numbers, len(frame)), encoding.numbers, texts, encoding.writings)


def without_missing(frame: pd.DataFrame, missing_values: Sequence[str]) -> pd.DataFrame:
    """A typed table without values that mean a missing one: these texts and their numbers."""
    if not missing_values:
        return frame
    from pandas.api import types

    numbers = [value for value in map(parse, missing_values) if value is not None]
    marks = {
        str(name): series.isin(numbers)
        if types.is_numeric_dtype(series) and not types.is_bool_dtype(series)
        else series.astype(str).isin(missing_values)
        for name, series in frame.items()
        if not types.is_bool_dtype(series)
    }
    held = {name: frame[name].mask(mark) for name, mark in marks.items() if mark.any()}
    return frame.assign(**held) if held else frame


def _block(numbers: Mapping[str, Column], rows: int) -> Numbers:
    """Columns side by side, (rows, columns), in their common type."""
    common = np.result_type(*(column.dtype for column in numbers.values()), np.uint8)
    block = np.empty((rows, len(numbers)), dtype=common)
    for index, column in enumerate(numbers.values()):
        block[:, index] = column
    return block


def _column(series: pd.Series[Any], name: str, where: Place) -> Column | Text:
    """A column as numbers, NaN where one is missing, or as text.

    Raises:
        DataError: it is neither.
    """
    import pandas as pd
    from pandas.api import types

    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    kind = types.infer_dtype(series, skipna=True)
    if kind == "boolean":
        missing = series.isna().any()
        return series.to_numpy(np.float64, na_value=np.nan) if missing else series.to_numpy(bool)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal", "empty"):
        plain = isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf"
        return series.to_numpy() if plain else _floats(series)
    if kind == "string":
        return _text(series)
    if kind in ("datetime", "datetime64", "date", "timedelta", "timedelta64", "time", "period"):
        raise DataError(_dates(where(None, name)))
    raise DataError(
        f"{where(None, name)}: the column is of type {series.dtype} ({kind}); it must "
        f"hold numbers, true and false, or text, so convert or remove it"
    )


def _floats(series: pd.Series[Any]) -> Float64[np.ndarray[Any, Any], " rows"]:
    """Numbers of any type as float64; one beyond its range, as of 400 digits, is infinite."""
    try:
        return series.to_numpy(np.float64, na_value=np.nan)
    except OverflowError:
        return np.array([_float(value) for value in series], np.float64)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    except TypeError:  # pandas.NA, None
        return float("nan")


def _text(series: pd.Series[Any], categories: Sequence[str] = ()) -> Text:
    """A column as text: a value that means one of the categories is written like it."""
    import pandas as pd

    codes, values = pd.factorize(series)
    find = finder(categories, categories)
    found = [(value, find(value)) for value in values.tolist()]
    texts = [str(value) if index < 0 else categories[index] for value, index in found]
    return Text(tuple(texts), codes.astype(np.int64))


def _without(text: Text, missing_values: Sequence[str]) -> Text:
    """A column of text with code -1 for the values that stand for a missing one."""
    if not missing_values:
        return text
    gone = np.array([*(value in missing_values for value in text.values), True])
    return Text(text.values, np.where(gone[text.codes], -1, text.codes))


def _counts(text: Text) -> list[int]:
    counts = np.bincount(text.codes[text.codes >= 0], minlength=len(text.values))
    return [int(count) for count in counts]


def _written(text: Text, decimal: str | None, *, typed: bool) -> Writing | Doubt | None:
    """How a column of text writes numbers; None if it holds text."""
    if not text.values or all(_DATE.fullmatch(value) for value in text.values):
        return None
    found = judge(text.values, _counts(text), decimal)
    return None if typed and found == PLAIN else found  # a file with types means text by text


def _with_comma(
    frame: pd.DataFrame,
    numbers: dict[str, Column],
    writings: dict[str, Writing],
    doubts: dict[str, tuple[Doubt, Text]],
    texts_of: ReadTexts,
    decimal: str | None,
    where: Place,
) -> None:
    """Read numbers again in a file with decimal commas, where 1.234 may mean 1234."""
    pointed = [name for name in numbers if frame[name].dtype.kind == "f"]
    written = texts_of(pointed) if pointed else frame
    for name in numbers:
        if name in writings or frame[name].dtype.kind not in "iuf":
            continue
        if name not in pointed:
            writings[name] = Writing(",")
            continue
        text = _text(written[name])
        if decimal is None:
            if (shown := may_be_grouped(text.values)) is not None:
                doubts[name] = ambiguous(shown), text
            continue
        found = judge(text.values, _counts(text), decimal)
        if isinstance(found, Doubt):
            doubts[name] = found, text
        elif found is not None:
            writings[name] = found
            numbers[name] = _parsed(text, found, name, where)


def _parsed(text: Text, writing: Writing, name: str, where: Place) -> Column:
    """The numbers that a column of text writes, NaN where one is missing.

    Raises:
        DataError: a text is not a number in this writing.
    """
    values = [parse(value, writing) for value in text.values]
    odd = np.array([*(value is None for value in values), False])[text.codes]
    if odd.any():
        row = int(np.argmax(odd))
        value = text.values[text.codes[row]]
        raise DataError(
            f"{where(row, name)}: {quoted(value)} is text, but the model was trained on numbers "
            f"there{_as_written(writing)}; mend it"
        )
    table = np.array([*(np.nan if value is None else value for value in values), np.nan])
    return table[text.codes]


def _as_written(writing: Writing) -> str:
    """The end of a message: how numbers must be written, unless it is as 1234.5."""
    if writing == PLAIN:
        return ""
    example = f"1{writing.thousands}234{writing.decimal}5"
    return f", written as {example}{writing.sign and ' '}{writing.sign}"


def _check_categories(text: Text, name: str, where: Place) -> None:
    """Check that a column of text holds a few categories, and no dates.

    Raises:
        DataError: it does not.
    """
    if all(_DATE.fullmatch(value) for value in text.values):
        raise DataError(_dates(where(None, name)))
    count, rows = len(text.values), len(text.codes)
    if count > _MOST_CATEGORIES or (count > _FEW_CATEGORIES and 2 * count > rows):
        raise DataError(
            f"{where(None, name)}: the column holds {count} different texts in {rows} rows, and "
            f"each would become a feature; group them into a few, or leave the column out with "
            f"data.exclude: [{name}]"
        )


def _dates(place: str) -> str:
    return (
        f"{place}: the column holds dates or times; put numbers in its place, such as the year, "
        f"the month or the days since a first date, or leave it out with data.exclude"
    )
