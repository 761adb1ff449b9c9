"""Read data of any kind: built in, from a file or folder, or handed over by a program."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpsearch.data.delimited import ENDINGS
from hpsearch.data.encoding import Encoding, check_values
from hpsearch.data.labels import from_array, positions
from hpsearch.data.options import BUILT_IN, READ_ALL, Reading
from hpsearch.data.source import Codes, Source, array_names, place_in_table, test_part
from hpsearch.errors import DataError
from hpsearch.messages import counted, expanded, listed
from hpsearch.suggestions import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

GIVEN = "rows"  # what messages call rows that a program hands over
_TABLES = (
    ".parquet",
    ".pq",
    *(f".{text}{ending}" for text in ("csv", "tsv") for ending in ("", *ENDINGS)),
)


def open_source(
    source: str | Path, target: str | None = None, reading: Reading = READ_ALL
) -> Source:
    """Read all rows of a source.

    Args:
        source: a name in `BUILT_IN`, or a file or folder; a `Path` is always a file or folder.
        target: the name of the column of labels in a table; not used for other sources.
        reading: which columns of a table are read, and how.

    Raises:
        DataError: the source does not exist, cannot be read, or is of another kind.
    """
    if source in BUILT_IN:
        return read_digits()
    path = Path(expanded(str(source)))
    with _reading(path):
        if is_table(path):
            from hpsearch.data.tabular import read_table

            return read_table(path, target, reading)
        if reading.columns is not None or reading.exclude:
            key = "columns" if reading.exclude == () else "exclude"
            raise DataError(
                f"{path}: its columns have no names, so data.{key} cannot name any; drop it"
            )
        return _read_arrays(path)


def open_new(
    source: str | Path, encoding: Encoding, *, labels: bool = True
) -> tuple[Source, Codes | None]:
    """Read new data for a trained model: its rows, and their classes (None without labels).

    A table must have the columns that the model was trained on, in any order; other columns are
    ignored, and the labels may be missing. Arrays must have the same number of features. Of a
    source with a test part, only that part is read.

    Args:
        source: as for `open_source`.
        encoding: of the model.
        labels: whether to read labels if there are any.

    Raises:
        DataError: the data cannot be read (see `open_source`) or do not suit the model.
    """
    path = Path(expanded(str(source)))
    if source not in BUILT_IN and is_table(path):
        from hpsearch.data.tabular import read_like

        with _reading(path):
            new = read_like(path, encoding, labels=labels)
    else:
        new = test_part(open_source(source))
        if encoding.target is not None or encoding.categories:
            raise DataError(
                f"{new.name}: the model was trained on a table with the columns "
                f"{listed([*encoding.numbers, *encoding.categories])}; give it one with these"
            )
        if len(new.number_names) != encoding.features:
            raise DataError(
                f"{new.name}: rows have {counted(len(new.number_names), 'feature')}, but the "
                f"model was trained on {encoding.features}"
            )
    check_values(new, missing_allowed=encoding.fill is not None)
    if new.labels is None or not labels:
        return new, None
    return new, positions(new.labels, encoding.classes, new.where, encoding.written)


def open_fields(source: str | Path, names: Sequence[str]) -> list[list[str]]:
    """The fields of some columns of a table as text, row by row.

    Raises:
        DataError: the source is not a table, or has no such columns.
    """
    path = Path(source)
    if source in BUILT_IN or not is_table(path):
        raise DataError(f"{source}: its columns have no names by which to keep some")
    from hpsearch.data.tabular import read_fields

    with _reading(path):
        return read_fields(path, names)


def is_table(path: Path) -> bool:
    """Whether a path is a table, by its ending.

    Raises:
        DataError: there is no such file or folder; the message names the nearest one.
    """
    if not path.exists():
        near = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, [*near, *BUILT_IN])
        raise DataError(f"{path}: no such file or folder{hint}")
    return path.is_file() and path.name.lower().endswith(_TABLES)


def _read_arrays(path: Path) -> Source:
    """Read a folder of IDX files or an NPZ file."""
    if path.is_dir():
        from hpsearch.data.idx import read_idx

        return read_idx(path)
    if path.suffix.lower() == ".npz":
        from hpsearch.data.npz import read_npz

        return read_npz(path)
    raise DataError(
        f"{path}: a data source is {', '.join(map(repr, BUILT_IN))}, a file ending in .csv, .tsv "
        f"(or these with {', '.join(ENDINGS)}), .parquet or .npz, or a folder of IDX files"
    )


def read_digits() -> Source:
    """1797 handwritten digits: 8 x 8 pixels from 0 to 16. digits.txt names their source."""
    file = importlib.resources.files("hpsearch.data").joinpath("digits.npz")
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        x, y = arrays["x"], arrays["y"]
    return Source(
        name="digits",
        numbers=x,
        number_names=array_names(x.shape[1]),
        labels=from_array(y),
    )


def given_rows(rows: Any, encoding: Encoding) -> Source:
    """New rows for a trained model that a program hands over.

    Args:
        rows: a pandas DataFrame with the columns that the model was trained on, in any order,
            perhaps with others. Or, if the model was not trained on text, an array of numbers
            (rows, features), or what NumPy makes one of.
        encoding: of the model.

    Raises:
        DataError: the rows do not suit the model, or a value is missing or not finite.
    """
    frame = hasattr(rows, "columns") and hasattr(rows, "dtypes")
    source = _from_frame(rows, encoding) if frame else _from_array(rows, encoding)
    check_values(source, missing_allowed=encoding.fill is not None)
    return source


def _from_frame(frame: pd.DataFrame, encoding: Encoding) -> Source:
    from hpsearch.data.columns import columns_like, without_missing
    from hpsearch.data.tabular import check_features

    if encoding.target is None:  # the model knows no names of columns
        return _from_array(frame.to_numpy(), encoding)
    features = [*encoding.numbers, *encoding.categories]
    names = [str(name) for name in frame.columns]
    check_features(GIVEN, names, features)
    twice = next((name for name in features if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{GIVEN}: two columns are named {twice!r}; each needs its own name")
    chosen = frame.set_axis(names, axis="columns")[features]
    found = columns_like(
        without_missing(chosen, encoding.missing_values), partial(place_in_table, GIVEN), encoding
    )
    return Source(
        GIVEN, found.numbers, found.number_names, found.text, table=True, target=encoding.target
    )


def _from_array(rows: Any, encoding: Encoding) -> Source:
    array = np.asarray(rows)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        with np.errstate(over="ignore"):
            array = array.astype(np.float64)
    if array.ndim > 2:  # pictures become rows of pixels, as in a file
        array = array.reshape(len(array), -1)
    if encoding.categories:
        raise DataError(
            f"{GIVEN}: the model was trained on columns of text, too "
            f"({listed(list(encoding.categories))}); give it a DataFrame"
        )
    if array.ndim != 2 or array.shape[1] != encoding.features:
        raise DataError(
            f"{GIVEN}: must have the {counted(encoding.features, 'feature')} that the model was "
            f"trained on, found an array of shape {array.shape}"
        )
    if array.dtype.kind not in "biuf":
        raise DataError(f"{GIVEN}: must be numbers, found an array of {array.dtype}")
    names = encoding.numbers if encoding.target is not None else array_names(array.shape[1])
    return Source(GIVEN, array, names)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn errors of the operating system, such as a missing permission, into a DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"{path}: needs more memory than there is{reason and f' ({reason})'}; use fewer rows"
        ) from error
