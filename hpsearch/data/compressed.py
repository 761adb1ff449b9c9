"""Text files, plain or compressed; the ending says how, as it does for pandas."""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, cast

from hpsearch.errors import DataError
from hpsearch.messages import listed

ENCODING = "utf-8-sig"  # with or without the mark that spreadsheets put first

DAMAGED = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    NotImplementedError,  # a ZIP file's method
)
"""What reading a compressed file may raise, beside UnicodeDecodeError and DataError."""

_LARGE = 1 << 28  # bytes; below that, nobody cares how well a file was compressed
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
"""What other files begin with."""


def open_text(path: Path) -> TextIOWrapper:
    """Open a file of UTF-8 text for reading, its line ends as they are.

    A file that grows beyond all measure as it is unpacked, and bytes that no text has, are found
    while it is read.

    Raises:
        DataError: what reads it is not installed, or a ZIP archive does not hold one file.
    """
    opener = _OPENERS.get(path.suffix.lower())
    stream = path.open("rb") if opener is None else opener(path)
    checked = io.BufferedReader(_Checked(stream, path), 1 << 20)
    return TextIOWrapper(checked, encoding=ENCODING, newline="")


class _Checked(io.RawIOBase):
    """Bytes of a text file, looked at as they pass."""

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
        except Exception as error:  # each library for zstd has an error of its own
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
    """The one file in a ZIP archive."""
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
    """A zstd file, by whichever library is installed."""
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
"""How the names of compressed files end."""
