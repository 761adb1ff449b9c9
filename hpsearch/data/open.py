"""Find what reads a source: a name that is built in, a file by its ending, a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hpsearch.data.compressed import ENDINGS
from hpsearch.data.encoding import Encoding, check_values
from hpsearch.data.labels import known
from hpsearch.data.options import BUILT_IN, READ_ALL, Reading
from hpsearch.data.source import Codes, Source, test_part
from hpsearch.errors import DataError
from hpsearch.messages import counted, expanded, listed
from hpsearch.suggestions import did_you_mean

_TABLES = (
    ".parquet",
    ".pq",
    *(f".{text}{ending}" for text in ("csv", "tsv") for ending in ("", *ENDINGS)),
)


def open_source(
    source: str | Path, target: str | None = None, reading: Reading = READ_ALL
) -> Source:
    """Read everything that a source holds.

    Args:
        source: a name in `BUILT_IN`, or a file or folder; a `Path` is always a file or folder.
        target: the label column of a table; other sources hold their labels apart.
        reading: how a table's columns are read, and which.

    Raises:
        DataError: it does not exist, cannot be read, or is of no kind that is known.
    """
    if source in BUILT_IN:
        from hpsearch.data.built_in import read_digits

        return read_digits()
    path = Path(expanded(str(source)))
    with _reading(path):
        if is_table(path):
            from hpsearch.data.table import read_table

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
    """Read new data for a trained model: its rows, and their classes if it has labels.

    A table must have the columns that the model was trained on, in any order; others are left
    aside, and the column of labels may be absent. Arrays must have as many features. Of a
    source that brings a test part, only that part is new.

    Args:
        source: as for `open_source`.
        encoding: the model's.
        labels: whether labels count; else whatever stands in their place is left aside.

    Raises:
        DataError: what `open_source` raises, and data that does not suit the model.
    """
    path = Path(expanded(str(source)))
    if source not in BUILT_IN and is_table(path):
        from hpsearch.data.table import read_like

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
    return new, known(new.labels, encoding.classes, new.where, encoding.written)


def open_fields(source: str | Path, names: Sequence[str]) -> list[list[str]]:
    """For each row of a table the fields of some columns, to stand beside what is said of it.

    Raises:
        DataError: it is no table, or has no such columns.
    """
    path = Path(source)
    if source in BUILT_IN or not is_table(path):
        raise DataError(f"{source}: its columns have no names by which to keep some")
    from hpsearch.data.table import read_fields

    with _reading(path):
        return read_fields(path, names)


def is_table(path: Path) -> bool:
    """Whether a path is a table, by its ending; it must exist.

    Raises:
        DataError: there is no such file; the message names the nearest one.
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


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What the operating system refuses, such as a file without permission, is said plainly."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"{path}: needs more memory than there is{reason and f' ({reason})'}; use fewer rows"
        ) from error
