"""Parquet files, read with pyarrow, which is an optional package."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hpsearch.errors import DataError, install

if TYPE_CHECKING:
    import pandas as pd

_PANDAS_INDEX = re.compile(r"__index_level_\d+__")  # row numbers that pandas wrote, no column


def read_names(path: Path) -> tuple[str, ...]:
    """The names of a file's columns.

    Raises:
        DataError: pyarrow is missing, or the file is no Parquet file or names a column twice.
    """
    with _reading(path):
        import pyarrow.parquet

        names = pyarrow.parquet.read_schema(path).names
    names = tuple(name for name in names if not _PANDAS_INDEX.fullmatch(name))
    if not names:
        raise DataError(f"{path}: the table has no columns; add data")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: two columns are named {twice!r}; each needs its own name")
    return names


def read_parquet(path: Path, names: Sequence[str]) -> pd.DataFrame:
    """Read some columns of a file.

    Raises:
        DataError: pyarrow is missing, or the file is damaged or has no rows.
    """
    with _reading(path):
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
def _reading(path: Path) -> Iterator[None]:
    """A missing package or a damaged file is an error that says what to do."""
    try:
        yield
    except ImportError as error:
        raise DataError(
            f"{path}: reading Parquet needs pyarrow; {install('parquet')}, or save "
            f"the table as CSV"
        ) from error
    except DataError:
        raise
    # pyarrow's own errors are kinds of these
    except (OSError, ValueError, TypeError, KeyError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: damaged, or not a Parquet file: {reason}") from error
