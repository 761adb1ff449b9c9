"""CSV and TSV files, plain or compressed, and strict where pandas would guess."""

from __future__ import annotations

import bz2
import csv
import gzip
import importlib
import io
import lzma
import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from hpsearch.data.labels import MISSING_TEXTS
from hpsearch.errors import DataError
from hpsearch.messages import counted, listed

if TYPE_CHECKING:
    import pandas as pd

_SEPARATORS = ",;\t|"
# A first line that names the separator, as spreadsheets write and read it, and the empty fields
# that one adds to it which does not know what it means.
_SEP_LINE = re.compile(r'"?sep=([^\w"])"?\1*', re.IGNORECASE)
_LONGEST = 1 << 24  # characters of a first line

ENCODING = "utf-8-sig"  # with or without the mark that spreadsheets put first

DAMAGED = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    NotImplementedError,  # a ZIP file's method
)
"""What reading a damaged file may raise, beside UnicodeDecodeError and DataError."""

_LARGE = 1 << 28  # bytes that any file may unpack to, however well it is compressed
_MOST_TIMES = 250  # tables of zeros are compressed 100 times, bombs 1,000 times and more

_FOREIGN = {
    b"\xff\xfe": "text in UTF-16; save it in UTF-8",
    b"\xfe\xff": "text in UTF-16; save it in UTF-8",
    b"\x1f\x8b": "compressed by gzip; let its name end in .gz",
    b"BZh": "compressed by bzip2; let its name end in .bz2",
    b"\xfd7zXZ": "compressed by xz; let its name end in .xz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; let its name end in .zst",
    b"PK\x03\x04": "a ZIP archive or a workbook; save the table as CSV in UTF-8",
    b"PAR1": "a Parquet file; let its name end in .parquet",
}
"""The first bytes of files that are not UTF-8 text, and what they are."""


@dataclass(frozen=True)
class Layout:
    """What the first lines of a file say of the rest."""

    separator: str  # between fields
    names: tuple[str, ...]  # of the columns
    skip: int = 0  # lines before the names: 1 where the separator is named there


def read_layout(path: Path) -> Layout:
    """Read the names of the columns, and which of , ; tab | gives the most of them.

    Raises:
        DataError: the file is empty or not UTF-8 text, or a column has no name or that of another.
    """
    with _reading(path), open_text(path) as file:
        first = _line(path, file)
        named = _SEP_LINE.fullmatch(first.rstrip("\r\n"))
        if named:
            first = _line(path, file)
        if not first:
            raise DataError(f"{path}: the file is empty; it must hold a table")
        if not first.strip():
            raise DataError(f"{path}: the first line is empty; it must name the columns")
        separator = (
            named[1]
            if named
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
    return Layout(separator, tuple(names), skip=1 if named else 0)


def read_delimited(
    path: Path,
    layout: Layout,
    features: Sequence[str],
    texts: Collection[str],
    label: str | None,
    missing_values: Sequence[str] = (),
) -> pd.DataFrame:
    """Read columns of a file, in the types that pandas finds.

    Args:
        path: the file.
        layout: from `read_layout`.
        features: the columns to learn from.
        texts: those of them that are read as text, whatever they hold.
        label: the column of labels, read as text without missing values; None for no such column.
        missing_values: texts that stand for a missing value, beside `MISSING_TEXTS`.

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
    path: Path, layout: Layout, names: Sequence[str], missing: Sequence[str] = ()
) -> pd.DataFrame:
    """Read columns as text.

    Args:
        path: the file.
        layout: from `read_layout`.
        names: the columns.
        missing: texts that stand for a missing value.

    Raises:
        DataError: the file cannot be read.
    """
    return _read(path, layout, dtype=str, na_values=list(missing), usecols=list(names))


def _read(path: Path, layout: Layout, **options: Any) -> pd.DataFrame:
    """Read a file with pandas.

    Raises:
        DataError: pandas cannot read it.
    """
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
    """The end of a message, if all names but the last are numbers; else ""."""
    if not names:
        return ""
    try:
        for name in names[:-1] or names:  # the last may be a label
            float(name)
    except ValueError:
        return ""
    return "; the first line must name the columns, but it looks like data"


def _check_lengths(path: Path, layout: Layout) -> None:
    """Check that every row has as many fields as there are names.

    Raises:
        DataError: one has not.
    """
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
    """The next line.

    Raises:
        DataError: it has more than `_LONGEST` characters.
    """
    line = file.readline(_LONGEST)
    if len(line) == _LONGEST:
        raise DataError(f"{path}: the first line has no end; it must name the columns")
    return line


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what reading a file raises into a DataError with its name."""
    try:
        yield
    except UnicodeDecodeError as error:
        bad = error.object[error.start : error.start + 1].hex()
        raise DataError(f"{path}: not UTF-8 text (byte 0x{bad}); save it as UTF-8") from error
    except (*DAMAGED, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def open_text(path: Path) -> TextIOWrapper:
    """Open a file of UTF-8 text, compressed if its name ends so; line ends are not translated.

    Raises:
        DataError: no library for it is installed, or a ZIP archive does not hold one file. While
            the stream is read: the file is not text, or it unpacks to suspiciously many bytes.
    """
    opener = _OPENERS.get(path.suffix.lower())
    stream = path.open("rb") if opener is None else opener(path)
    checked = io.BufferedReader(_Checked(stream, path), 1 << 20)
    return TextIOWrapper(checked, encoding=ENCODING, newline="")


class _Checked(io.RawIOBase):
    """The bytes of a text file, which are checked as they are read."""

    def __init__(self, stream: IO[bytes], path: Path):
        self._stream, self._path = stream, path
        self._size = max(1, path.stat().st_size)
        self._passed = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            chunk = self._stream.read(len(buffer))
        except (MemoryError, *DAMAGED):
            raise
        except Exception as error:  # each library for zstd raises another one
            raise OSError(str(error)) from error
        if self._passed == 0:
            for start, what in _FOREIGN.items():
                if chunk.startswith(start):
                    raise DataError(f"{self._path}: not a text file, but {what}")
        if b"\0" in chunk:
            raise DataError(
                f"{self._path}: not a text file, for there is a zero byte in it; save the table "
                f"as CSV in UTF-8"
            )
        self._passed += len(chunk)
        if self._passed > max(_LARGE, _MOST_TIMES * self._size):
            raise DataError(
                f"{self._path}: {self._size:,} bytes unpack to more than {self._passed:,}; if "
                f"that is meant, unpack the file yourself"
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _open_zip(path: Path) -> IO[bytes]:
    """Open the one file in a ZIP archive."""
    archive = zipfile.ZipFile(path)
    files = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not member.filename.startswith("__MACOSX/")
    ]
    if len(files) != 1:
        archive.close()
        names = listed(member.filename for member in files) or "none"
        raise DataError(f"{path}: must hold one file, found {names}; unpack it")
    if files[0].flag_bits & 1:
        archive.close()
        raise DataError(f"{path}: is encrypted; unpack it")
    return archive.open(files[0])


def _open_zst(path: Path) -> IO[bytes]:
    """Open a zstd file with the first of these libraries that is installed."""
    for name, opener in _ZSTD.items():
        try:
            return opener(importlib.import_module(name), path)
        except ImportError:
            continue
    raise DataError(
        f"{path}: reading .zst needs Python 3.14 or the package zstandard (pip install "
        f"zstandard), or compress the file with gzip"
    )


_ZSTD: dict[str, Callable[[Any, Path], IO[bytes]]] = {
    "compression.zstd": lambda library, path: library.open(path, "rb"),
    "zstandard": lambda library, path: library.ZstdDecompressor().stream_reader(
        path.open("rb"), read_across_frames=True
    ),
    "pyarrow": lambda library, path: library.input_stream(str(path), compression="zstd"),
}

_OPENERS: dict[str, Callable[[Path], IO[bytes]]] = {
    ".gz": lambda path: cast("IO[bytes]", gzip.GzipFile(path)),
    ".bz2": lambda path: cast("IO[bytes]", bz2.BZ2File(path)),
    ".xz": lambda path: cast("IO[bytes]", lzma.LZMAFile(path)),  # noqa: SIM115
    ".zip": _open_zip,
    ".zst": _open_zst,
}

ENDINGS = tuple(_OPENERS)
"""The endings of compressed files."""
