"""Tables: CSV, TSV and Parquet files, read with pandas into numbers, texts and labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from hpsearch.data.parquet import read_names, read_parquet
from hpsearch.data.source import Labels, Source, place_in_table
from hpsearch.errors import DataError
from hpsearch.messages import listed
from hpsearch.suggestions import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from hpsearch.data.encoding import Encoding

_PARQUET = (".parquet", ".pq")
_USUAL_TARGETS = ("label", "target", "class", "y")


def read_table(
    path: Path,
    target: str | None,
    reading: Reading = READ_ALL,
    refused: dict[str, Refusal] | None = None,
) -> Source:
    """Read a table to learn from.

    Args:
        path: a CSV, TSV or Parquet file.
        target: the column of labels.
        reading: how the other columns are read, and which.
        refused: takes the columns that cannot be used, by name; None refuses them.

    Raises:
        DataError: the file is damaged, or columns are missing or unusable.
    """
    layout = None if _is_parquet(path) else read_layout(path)
    names = layout.names if layout else read_names(path)
    label = _check_target(path, names, target)
    features = _chosen(path, names, label, reading)
    frame = _frame(path, layout, features, label, reading.missing_values)
    missing = (*MISSING_TEXTS, *reading.missing_values)
    found = columns(
        frame[features],
        partial(place_in_table, str(path)),
        decimal=reading.decimal,
        again=None
        if layout is None
        else partial(read_texts, path, layout, reading.missing_values),
        missing=() if layout is None else missing,
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
        field_at=None if layout is None else partial(_field_at, path, layout),
    )


def read_like(path: Path, encoding: Encoding, *, labels: bool = True) -> Source:
    """Read new rows for a model: the columns that it knows, as the kinds it knows.

    Other columns are left aside, that of the labels if it is not asked for; it may be absent.
    Labels are not typed: the model's classes say what they mean.

    Raises:
        DataError: the file is damaged, or columns are missing, unusable or of the wrong kind.
    """
    layout = None if _is_parquet(path) else read_layout(path)
    names = layout.names if layout else read_names(path)
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
        field_at=None if layout is None else partial(_field_at, path, layout),
    )


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in _PARQUET


def _frame(
    path: Path,
    layout: Layout | None,
    features: Sequence[str],
    label: str | None,
    missing_values: Sequence[str],
    texts: Sequence[str] = (),
) -> pd.DataFrame:
    """Some columns of a file; those of `texts` and the label of a text file as text."""
    if layout:
        return read_delimited(path, layout, features, texts, label, missing_values)
    frame = read_parquet(path, [*features, label] if label is not None else features)
    return frame.assign(**without_missing(frame[[*features]], missing_values))


def _chosen(path: Path, names: Sequence[str], target: str, reading: Reading) -> list[str]:
    """The columns to learn from."""
    for key, named in (("columns", reading.columns or ()), ("exclude", reading.exclude)):
        unknown = next((name for name in named if name not in names), None)
        if unknown is not None:
            raise DataError(
                f"{path}: there is no column {unknown!r} (data.{key})"
                f"{did_you_mean(unknown, names)}; the columns are {listed(names)}"
            )
    if target in reading.exclude:
        raise DataError(f"{path}: {target!r} is data.target, so data.exclude cannot name it")
    given = set(names if reading.columns is None else reading.columns)
    chosen = [name for name in names if name in given - {*reading.exclude, target}]
    if not chosen:
        raise DataError(f"{path}: there is no column beside {target!r} to predict it from")
    return chosen


def column_names(path: Path) -> tuple[str, ...]:
    """The names of a table's columns, in their order."""
    return read_names(path) if path.suffix.lower() in _PARQUET else read_layout(path).names


def read_labels(path: Path, name: str) -> Labels:
    """One column of a table as labels.

    Raises:
        DataError: the file is damaged, or the column holds what cannot be compared.
    """
    if _is_parquet(path):
        return _labels(path, read_parquet(path, [name])[name])
    frame = read_texts(path, read_layout(path), (), [name], missing=())
    return _labels(path, frame[name], MISSING_TEXTS, as_text=True)


def read_fields(path: Path, names: Sequence[str]) -> list[list[str]]:
    """For each row of a table the fields of some columns, as they are written.

    Raises:
        DataError: the file is damaged, or has no such columns.
    """
    there = column_names(path)
    unknown = next((name for name in names if name not in there), None)
    if unknown is not None:
        raise DataError(
            f"{path}: there is no column {unknown!r} to keep{did_you_mean(unknown, there)}; the "
            f"columns are {listed(there)}"
        )
    if _is_parquet(path):
        frame = read_parquet(path, names).astype(object)
        frame = frame.where(frame.notna(), "").astype(str)
    else:
        frame = read_texts(path, read_layout(path), (), names, missing=())
    rows: list[list[str]] = frame[list(names)].to_numpy().tolist()
    return rows


def _field_at(path: Path, layout: Layout, row: int, name: str) -> str:
    """What a text file holds in a row, counted from 0, and column."""
    return str(read_texts(path, layout, (), [name], missing=())[name].iloc[row])


def likely_targets(names: Sequence[str]) -> list[str]:
    """Columns as they may hold the labels, the likeliest first: named so, else from the last on.

    >>> likely_targets(["a", "Class", "b"])
    ['Class', 'b', 'a']
    """
    usual = guess_target(names)
    return [usual, *(name for name in reversed(names) if name != usual)]


def guess_target(names: Sequence[str]) -> str:
    """The column that most likely holds the labels: one named so, else the last.

    >>> guess_target(["Class", "age", "height"]), guess_target(["age", "species"])
    ('Class', 'species')
    """
    by_lower = {name.lower(): name for name in names}
    return next((by_lower[name] for name in _USUAL_TARGETS if name in by_lower), names[-1])


def _labels(
    path: Path, series: pd.Series[Any], missing: Sequence[str] = (), *, as_text: bool = False
) -> Labels:
    """A column of labels; those of a text file are read as text, and typed here if asked to."""
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
    if target not in names:
        raise DataError(
            f"{path}: there is no column {target!r} (data.target)"
            f"{did_you_mean(target, names)}; the columns are {listed(names)}{header_hint(names)}"
        )
    return target


def check_features(where: str, names: Sequence[str], features: Sequence[str]) -> None:
    """New rows have every column that the model was trained on.

    Raises:
        DataError: they lack some; the message names the nearest there is.
    """
    missing = [name for name in features if name not in names]
    if missing:
        others = [name for name in names if name not in features]
        raise DataError(
            f"{where}: the model needs {len(features)} columns, and there is no "
            f"{listed(missing)}{did_you_mean(missing[0], others)}; the columns are {listed(names)}"
        )
