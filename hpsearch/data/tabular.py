"""Tables: CSV, TSV and Parquet files, read with pandas into numbers, texts and labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from hpsearch.data.columns import Refusal, columns, columns_like, without_missing
from hpsearch.data.delimited import (
    Layout,
    header_hint,
    read_delimited,
    read_layout,
    read_texts,
)
from hpsearch.data.labels import MISSING_TEXTS, typed
from hpsearch.data.options import READ_ALL, Reading
from hpsearch.data.source import Labels, Source, place_in_table
from hpsearch.errors import DataError, install
from hpsearch.messages import listed
from hpsearch.suggestions import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from hpsearch.data.encoding import Encoding

_PARQUET = (".parquet", ".pq")
_PANDAS_INDEX = re.compile(r"__index_level_\d+__")  # row numbers that pandas wrote, not data
_USUAL_TARGETS = ("label", "target", "class", "y")


def read_table(
    path: Path,
    target: str | None,
    reading: Reading = READ_ALL,
    refused: dict[str, Refusal] | None = None,
) -> Source:
    """Read a table to train on.

    Args:
        path: a CSV, TSV or Parquet file.
        target: the name of the column of labels.
        reading: which of the other columns are read, and how.
        refused: receives the columns that cannot be used, by name; None to raise an error.

    Raises:
        DataError: the file is damaged, or columns are missing or unusable.
    """
    names, layout = _header(path)
    label = _check_target(path, names, target)
    features = _chosen(path, names, label, reading)
    frame = _frame(path, layout, features, label, reading.missing_values)
    missing = (*MISSING_TEXTS, *reading.missing_values) if layout else ()
    found = columns(
        frame[features],
        partial(place_in_table, str(path)),
        decimal=reading.decimal,
        texts_of=partial(read_texts, path, layout, missing=missing) if layout else None,
        missing=missing,
        refused=refused,
    )
    return Source(
        name=str(path),
        numbers=found.numbers,
        number_names=found.number_names,
        text=found.text,
        labels=_labels(path, frame[label], missing, as_text=layout is not None),
        table=True,
        target=target,
        writings=found.writings,
        missing_values=reading.missing_values,
        field_at=partial(_field_at, path, layout) if layout else None,
    )


def read_like(path: Path, encoding: Encoding, *, labels: bool = True) -> Source:
    """Read new rows for a model: the columns that it was trained on, in the same types.

    Args:
        path: a CSV, TSV or Parquet file; other columns in it are ignored.
        encoding: of the model.
        labels: whether to read labels, if the file has them. They are as the file writes them;
            `labels.positions` finds their classes.

    Raises:
        DataError: the file is damaged, or columns are missing or do not suit the model.
    """
    names, layout = _header(path)
    features = [*encoding.numbers, *encoding.categories]
    check_features(str(path), names, features)
    label = encoding.target if labels and encoding.target in names else None
    texts = [*encoding.categories, *encoding.writings]
    frame = _frame(path, layout, features, label, encoding.missing_values, texts)
    found = columns_like(frame[features], partial(place_in_table, str(path)), encoding)
    return Source(
        name=str(path),
        numbers=found.numbers,
        number_names=found.number_names,
        text=found.text,
        labels=None if label is None else _labels(path, frame[label]),
        table=True,
        target=encoding.target,
        field_at=partial(_field_at, path, layout) if layout else None,
    )


def _header(path: Path) -> tuple[tuple[str, ...], Layout | None]:
    """The names of the columns, and the layout of a text file (None for a Parquet file)."""
    if path.suffix.lower() in _PARQUET:
        return _parquet_names(path), None
    layout = read_layout(path)
    return layout.names, layout


def _frame(
    path: Path,
    layout: Layout | None,
    features: Sequence[str],
    label: str | None,
    missing_values: Sequence[str],
    texts: Sequence[str] = (),
) -> pd.DataFrame:
    """Read some columns of a file; of a text file, `texts` and `label` as text."""
    if layout:
        return read_delimited(path, layout, features, texts, label, missing_values)
    frame = _read_parquet(path, [*features, label] if label is not None else features)
    return frame.assign(**without_missing(frame[[*features]], missing_values))


def _chosen(path: Path, names: Sequence[str], target: str, reading: Reading) -> list[str]:
    """The names of the columns to train on.

    Raises:
        DataError: `reading` names columns that do not exist, or leaves none.
    """
    for key, named in (("columns", reading.columns or ()), ("exclude", reading.exclude)):
        _check_exist(path, named, names, f" (data.{key})")
    if target in reading.exclude:
        raise DataError(f"{path}: {target!r} is data.target, so data.exclude cannot name it")
    given = set(names if reading.columns is None else reading.columns)
    chosen = [name for name in names if name in given - {*reading.exclude, target}]
    if not chosen:
        raise DataError(f"{path}: there is no column beside {target!r} to predict it from")
    return chosen


def column_names(path: Path) -> tuple[str, ...]:
    """The names of the columns of a table, in order."""
    return _header(path)[0]


def read_labels(path: Path, name: str) -> Labels:
    """Read one column of a table as labels.

    Raises:
        DataError: the file is damaged, or the values of the column cannot be labels.
    """
    _, layout = _header(path)
    if layout is None:
        return _labels(path, _read_parquet(path, [name])[name])
    return _labels(path, read_texts(path, layout, [name])[name], MISSING_TEXTS, as_text=True)


def read_fields(path: Path, names: Sequence[str]) -> list[list[str]]:
    """Read the fields of some columns as text, row by row.

    Raises:
        DataError: the file is damaged, or has no such columns.
    """
    there, layout = _header(path)
    _check_exist(path, names, there, " to keep")
    if layout is None:
        frame = _read_parquet(path, names).astype(object)
        frame = frame.where(frame.notna(), "").astype(str)
    else:
        frame = read_texts(path, layout, names)
    rows: list[list[str]] = frame[list(names)].to_numpy().tolist()
    return rows


def _field_at(path: Path, layout: Layout, row: int, name: str) -> str:
    """The field of a text file in a row, from 0, and column."""
    return str(read_texts(path, layout, [name])[name].iloc[row])


def likely_targets(names: Sequence[str]) -> list[str]:
    """Columns in the order in which they probably hold the labels: by name, else from the last.

    >>> likely_targets(["a", "Class", "b"])
    ['Class', 'b', 'a']
    """
    usual = guess_target(names)
    return [usual, *(name for name in reversed(names) if name != usual)]


def guess_target(names: Sequence[str]) -> str:
    """The column that most likely holds the labels: one with a usual name, else the last.

    >>> guess_target(["Class", "age", "height"]), guess_target(["age", "species"])
    ('Class', 'species')
    """
    by_lower = {name.lower(): name for name in names}
    return next((by_lower[name] for name in _USUAL_TARGETS if name in by_lower), names[-1])


def _labels(
    path: Path, series: pd.Series[Any], missing: Sequence[str] = (), *, as_text: bool = False
) -> Labels:
    """The labels in a column; `as_text` finds out the type of labels that were read as text."""
    import pandas as pd

    try:
        codes, values = pd.factorize(series)
    except TypeError:  # values that cannot be compared, such as lists
        raise DataError(
            f"{place_in_table(str(path), None, str(series.name))}: the labels are of type "
            f"{series.dtype}; a label must be text, a whole number, or true or false"
        ) from None
    found = tuple(values.tolist())
    labels = tuple(typed(found, missing)) if as_text else found
    return Labels(labels, codes.astype(np.int64), written=found if as_text else None)


def _check_target(path: Path, names: Sequence[str], target: str | None) -> str:
    if target is None:
        raise DataError(
            f"{path}: data.target must name the column to predict, perhaps "
            f"{guess_target(names)!r}; the columns are {listed(names)}"
        )
    _check_exist(path, [target], names, " (data.target)", header_hint(names))
    return target


def _check_exist(
    path: Path, wanted: Sequence[str], names: Sequence[str], what: str, more: str = ""
) -> None:
    """Check that a file has these columns; `what` and `more` are parts of the message."""
    unknown = next((name for name in wanted if name not in names), None)
    if unknown is not None:
        raise DataError(
            f"{path}: there is no column {unknown!r}{what}{did_you_mean(unknown, names)}; "
            f"the columns are {listed(names)}{more}"
        )


def check_features(where: str, names: Sequence[str], features: Sequence[str]) -> None:
    """Check that new rows have every column that a model was trained on.

    Args:
        where: the file, for messages.
        names: of the columns of the new rows.
        features: of the columns of the model.

    Raises:
        DataError: a column is missing; the message names the nearest one.
    """
    missing = [name for name in features if name not in names]
    if missing:
        others = [name for name in names if name not in features]
        raise DataError(
            f"{where}: the model needs {len(features)} columns, and there is no "
            f"{listed(missing)}{did_you_mean(missing[0], others)}; the columns are {listed(names)}"
        )


def _parquet_names(path: Path) -> tuple[str, ...]:
    """The names of the columns of a Parquet file.

    Raises:
        DataError: pyarrow is missing, the file is not Parquet, or two columns have one name.
    """
    with _reading_parquet(path):
        import pyarrow.parquet

        names = pyarrow.parquet.read_schema(path).names
    names = tuple(name for name in names if not _PANDAS_INDEX.fullmatch(name))
    if not names:
        raise DataError(f"{path}: the table has no columns; add data")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: two columns are named {twice!r}; each needs its own name")
    return names


def _read_parquet(path: Path, names: Sequence[str]) -> pd.DataFrame:
    """Read some columns of a Parquet file.

    Raises:
        DataError: pyarrow is missing, the file is damaged, or it has no rows.
    """
    with _reading_parquet(path):
        import pyarrow.parquet

        table = pyarrow.parquet.ParquetFile(path).read(columns=list(names))
        for field in table.schema:
            if pyarrow.types.is_nested(field.type):
                raise DataError(
                    f"{path}: column {field.name!r} holds values of type {field.type}; a value "
                    f"must be a number, true or false, or text, so convert or leave it out"
                )
        frame = cast("pd.DataFrame", table.to_pandas(ignore_metadata=True))
    if not len(frame):
        raise DataError(f"{path}: there are no rows; add data")
    return frame


@contextmanager
def _reading_parquet(path: Path) -> Iterator[None]:
    """Turn a missing package or a damaged file into a DataError that says what to do."""
    try:
        yield
    except ImportError as error:
        raise DataError(
            f"{path}: reading Parquet needs pyarrow; {install('parquet')}, or save "
            f"the table as CSV"
        ) from error
    except DataError:
        raise
    # the errors of pyarrow are subclasses of these
    except (OSError, ValueError, TypeError, KeyError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: damaged, or not a Parquet file: {reason}") from error
