"""CSV and TSV files: strict about what pandas would quietly mend."""

from __future__ import annotations

import csv
import re
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.data.compressed import DAMAGED, open_text
from hpsearch.data.labels import MISSING_TEXTS
from hpsearch.errors import DataError
from hpsearch.messages import counted

if TYPE_CHECKING:
    import pandas as pd

_SEPARATORS = ",;\t|"
# What spreadsheets heed, and some write; one that keeps it adds empty fields after it.
_SEP_LINE = re.compile(r'"?sep=([^\w"])"?\1*', re.IGNORECASE)
_LONGEST = 1 << 24  # characters of a first line


@dataclass(frozen=True)
class Layout:
    """How a file is laid out: what separates its fields, and the names in its first line.

    `skip` counts the lines before that one: 1 where a spreadsheet says what the separator is.
    """

    separator: str
    names: tuple[str, ...]
    skip: int = 0


def read_layout(path: Path) -> Layout:
    """Read the first line: its names, apart by whichever of , ; tab | makes the most of them.

    Raises:
        DataError: the file is empty, not UTF-8 text, or names a column twice or not at all.
    """
    with _reading(path), open_text(path) as file:
        first = _line(path, file)
        told = _SEP_LINE.fullmatch(first.rstrip("\r\n"))
        if told:
            first = _line(path, file)
        if not first:
            raise DataError(f"{path}: the file is empty; it must hold a table")
        if not first.strip():
            raise DataError(f"{path}: the first line is empty; it must name the columns")
        separator = (
            told[1]
            if told
            else max(_SEPARATORS, key=lambda mark: len(next(_records([first], mark), [])))
        )
        # a name may go on in the next line
        names = next(_records(chain([first], file), separator, strict=True))
    if "" in names:
        raise DataError(
            f"{path}: column {names.index('') + 1} has no name in the first line; name it, or "
            f"remove it (pandas writes its row numbers so: use to_csv(..., index=False))"
        )
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise DataError(
            f"{path}: the first line names {times} columns {name!r}; each needs its own name"
            + header_hint(names)
        )
    return Layout(separator, tuple(names), skip=1 if told else 0)


def read_delimited(
    path: Path,
    layout: Layout,
    features: Sequence[str],
    texts: Collection[str],
    label: str | None,
    missing_values: Sequence[str] = (),
) -> pd.DataFrame:
    """Read columns of a file.

    Args:
        path: the file.
        layout: what `read_layout` found.
        features: the columns to learn from.
        texts: those among them that are read as text whatever they hold.
        label: the column of labels: read as text, in which nothing is missing.
        missing_values: what stands for a missing value, beside what always does.

    Raises:
        DataError: the file has no rows, a row has more or fewer fields than the first line, or
            it is not UTF-8 text.
    """
    labels = [] if label is None else [label]
    as_text = [*(name for name in features if name in texts), *labels]
    missing = [*MISSING_TEXTS, *missing_values]
    frame = _read(
        path,
        layout,
        dtype=dict.fromkeys(as_text, str),
        na_values={name: missing for name in layout.names if name != label},
    )
    if not len(frame):
        raise DataError(f"{path}: there are no rows below the first line; add data")
    last = frame[layout.names[-1]]
    if last.isna().any() or last.eq("").any():  # as in a row that is too short
        _check_lengths(path, layout)
    return frame


def read_texts(
    path: Path,
    layout: Layout,
    missing_values: Sequence[str],
    names: Sequence[str],
    missing: Sequence[str] = MISSING_TEXTS,
) -> pd.DataFrame:
    """Read some columns of a sound file as they are written."""
    marks = [*missing, *missing_values]
    return _read(path, layout, dtype=str, na_values=marks, usecols=list(names))


def _read(path: Path, layout: Layout, **options: Any) -> pd.DataFrame:
    """What pandas makes of a file, or one message that says why it cannot."""
    import pandas as pd

    with _reading(path), open_text(path) as file, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with too many fields
        try:
            frame: pd.DataFrame = pd.read_csv(
                file,
                sep=layout.separator,
                skiprows=layout.skip,
                header=0,
                names=list(layout.names),
                index_col=False,  # else a row that is too long turns its first field into an index
                keep_default_na=False,
                skipinitialspace=True,
                low_memory=False,  # else the types of a long column depend on its chunks
                **options,
            )
            return frame
        except UnicodeDecodeError:
            raise
        except (ValueError, OverflowError, pd.errors.ParserWarning) as error:
            _check_lengths(path, layout)
            reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
            raise DataError(f"{path}: cannot be read as a table: {reason}") from error


def header_hint(names: Sequence[str]) -> str:
    """What to say if the first line looks like data."""
    if not names:
        return ""
    try:
        for name in names[:-1] or names:  # the last may be a label
            float(name)
    except ValueError:
        return ""
    return "; the first line must name the columns, but it looks like data"


def _check_lengths(path: Path, layout: Layout) -> None:
    """Every row has as many fields as the first line."""
    with _reading(path), open_text(path) as file:
        for _ in range(layout.skip):
            file.readline()
        rows = (record for record in _records(file, layout.separator) if record)
        for number, row in enumerate(rows):  # number 0 is the first line
            if len(row) != len(layout.names):
                raise DataError(
                    f"{path}: row {number}: the first line names {len(layout.names)} columns, "
                    f"found {counted(len(row), 'field')}; mend the row"
                )


def _records(lines: Iterable[str], separator: str, *, strict: bool = False) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=strict)


def _line(path: Path, file: TextIOWrapper) -> str:
    """The next line; a file whose first line has no end is none with names in it."""
    line = file.readline(_LONGEST)
    if len(line) == _LONGEST:
        raise DataError(f"{path}: the first line has no end; it must name the columns")
    return line


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What goes wrong while a file is read is the file's fault, and said so."""
    try:
        yield
    except UnicodeDecodeError as error:
        bad = error.object[error.start : error.start + 1].hex()
        raise DataError(f"{path}: not UTF-8 text (byte 0x{bad}); save it as UTF-8") from error
    except (*DAMAGED, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
