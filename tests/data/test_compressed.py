"""Compressed tables are what they would be unpacked, or refused with one message."""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pyarrow
import pytest

from hpsearch.data import delimited
from hpsearch.data.dataset import load
from hpsearch.data.options import DataOptions
from hpsearch.errors import DataError

TABLE = "p,q,y\n" + "".join(f"{i},{i % 7},{'uv'[i % 2]}\n" for i in range(40))


def as_zip(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda content: gzip.compress(content[:50]) + gzip.compress(content[50:]),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def fingerprint(path: Path) -> str:
    return load(DataOptions(path, "y")).fingerprint


@pytest.fixture
def refused(tmp_path):
    """Write a file, and check that reading it gives this message."""

    def check(name: str, content: bytes, message: str) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            fingerprint(path)

    return check


@pytest.mark.parametrize("ending", delimited.ENDINGS)
@pytest.mark.parametrize("kind", ["csv", "TSV"])
def test_a_compressed_table_has_the_fingerprint_of_the_plain_one(csv_file, tmp_path, ending, kind):
    content = TABLE if kind == "csv" else TABLE.replace(",", "\t")
    path = tmp_path / f"packed.{kind}{ending}"
    if ending == ".zip":
        as_zip(path, {"data.csv": content, "__MACOSX/._data.csv": "junk"})
    elif ending == ".zst":
        with pyarrow.output_stream(str(path), compression="zstd") as stream:
            stream.write(content.encode())
    else:
        path.write_bytes(PACK[ending](content.encode()))
    assert fingerprint(path) == fingerprint(csv_file(TABLE))


@pytest.mark.parametrize("ending", PACK)
def test_a_truncated_file_is_refused(refused, ending):
    content = PACK[ending](TABLE.encode())[:-20]
    refused(f"data.csv{ending}", content, f"csv{ending}: cannot be read: Compressed file ended")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data.csv.gz", TABLE.encode(), "cannot be read: Not a gzipped file"),
        ("data.csv.xz", TABLE.encode(), "cannot be read: Input format not supported"),
        ("data.csv.bz2", TABLE.encode(), "cannot be read: Invalid data stream"),
        ("data.csv.zip", b"PK\3\4junk", "cannot be read: File is not a zip file"),
        ("data.csv.zst", b"\x28\xb5\x2f\xfdjunk", "cannot be read: "),
        (
            "data.csv",
            gzip.compress(TABLE.encode(), mtime=0),
            "compressed by gzip; let its name end",
        ),
        ("data.csv", b"PAR1", "but a Parquet file; let its name end in .parquet"),
        ("data.csv", TABLE.encode("utf-16"), "but text in UTF-16; save it in UTF-8"),
        ("data.csv", TABLE.encode("utf-16-le"), "not a text file, for there is a zero byte in it"),
        ("data.csv", TABLE.replace("7,", "\0").encode(), "not a text file, for there is a zero"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # workers must agree on names
)
def test_a_file_that_is_not_what_its_name_says_is_refused(refused, name, content, message):
    refused(name, content, message)


def test_an_archive_must_hold_one_plain_file(tmp_path):
    with pytest.raises(DataError, match=r"must hold one file, found 'a.csv', 'b.csv'; unpack it"):
        fingerprint(as_zip(tmp_path / "two.csv.zip", {"a.csv": TABLE, "b.csv": TABLE}))
    with pytest.raises(DataError, match=r"must hold one file, found none"):
        fingerprint(as_zip(tmp_path / "none.csv.zip", {}))
    path = as_zip(tmp_path / "locked.csv.zip", {"a.csv": TABLE})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.find(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is encrypted; unpack it"):
        fingerprint(path)


@pytest.mark.parametrize("ending", PACK)
def test_what_unpacks_beyond_all_measure_is_stopped(refused, monkeypatch, ending):
    monkeypatch.setattr(delimited, "_LARGE", 1 << 20)
    content = PACK[ending](TABLE.encode() + b"0,0,u\n" * 2_000_000)
    refused("bomb.csv" + ending, content, "bytes unpack to more than .*; if that is meant, unpack")


def test_without_a_library_for_zstd_one_is_named(refused, monkeypatch):
    def nothing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", nothing)
    refused("data.csv.zst", b"", r"needs Python 3.14 or the package zstandard")


def test_an_error_of_the_library_for_zstd_is_shown_as_damage(refused, monkeypatch):
    class ZstdError(Exception):
        """As compression.zstd and zstandard name theirs, which is no OSError."""

    class Damaged(io.RawIOBase):
        def read(self, size=-1):
            raise ZstdError("Unable to decompress")

    library = SimpleNamespace(open=lambda path, mode: Damaged())
    monkeypatch.setattr(importlib, "import_module", lambda name: library)
    message = "data.csv.zst: cannot be read: Unable to decompress"
    refused("data.csv.zst", b"\x28\xb5\x2f\xfdjunk", message)
