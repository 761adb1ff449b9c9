"""Tables: CSV, TSV and Parquet files, read with pandas into numbers, texts and labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpsearch.data.columns import numbers_and_texts
from hpsearch.data.delimited import header_hint, read_delimited, read_layout
from hpsearch.data.labels import typed
from hpsearch.data.names import did_you_mean, listed
from hpsearch.data.parquet import read_names, read_parquet
from hpsearch.data.source import Labels, Source, place_in_table
from hpsearch.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from hpsearch.data.encoding import Encoding

_PARQUET = (".parquet", ".pq")
_USUAL_TARGETS = ("label", "target", "class", "y")


def read_table(path: Path, target: str | None, like: Encoding | None = None) -> Source:
    """Read a table.

    Args:
        path: a CSV, TSV or Parquet file.
        target: the column of labels; new rows to predict need not have it.
        like: for new data, the encoding that it must suit: the columns that this knows are
            read as the kinds it knows, and others are left aside.

    Raises:
        DataError: the file is damaged, or columns are missing, unusable or of the wrong kind.
    """
    parquet = path.suffix.lower() in _PARQUET
    layout = None if parquet else read_layout(path)
    names = layout.names if layout else read_names(path)
    if like is None:
        _check_target(path, names, target)
        features = [name for name in names if name != target]
    else:
        features = [*like.numbers, *like.categories]
        check_features(str(path), names, features)
    label = target if target in names else None
    texts = () if like is None else tuple(like.categories)
    frame = (
        read_delimited(path, layout, texts, label)
        if layout
        else read_parquet(path, [*features, label] if label is not None else features)
    )

    numbers, number_names, text = numbers_and_texts(
        frame[features],
        partial(place_in_table, str(path)),
        numeric=None if like is None else like.numbers,
    )
    return Source(
        name=str(path),
        numbers=numbers,
        number_names=number_names,
        text=text,
        labels=None if label is None else _labels(frame[label], as_text=layout is not None),
        table=True,
        target=target,
    )


def column_names(path: Path) -> tuple[str, ...]:
    """The names of a table's columns, in their order."""
    return read_names(path) if path.suffix.lower() in _PARQUET else read_layout(path).names


def guess_target(names: Sequence[str]) -> str:
    """The column that most likely holds the labels: one named so, else the last.

    >>> guess_target(["Class", "age", "height"]), guess_target(["age", "species"])
    ('Class', 'species')
    """
    by_lower = {name.lower(): name for name in names}
    return next((by_lower[name] for name in _USUAL_TARGETS if name in by_lower), names[-1])


def _labels(series: pd.Series[Any], *, as_text: bool) -> Labels:
    """A column of labels; those of a text file are read as text and typed here."""
    import pandas as pd

    codes, values = pd.factorize(series)
    labels = values.tolist()
    return Labels(tuple(typed(labels) if as_text else labels), codes.astype(np.int64))


def _check_target(path: Path, names: Sequence[str], target: str | None) -> None:
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
    if len(names) == 1:
        raise DataError(f"{path}: there is no column beside {target!r} to predict it from")


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
