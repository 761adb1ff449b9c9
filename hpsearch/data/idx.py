"""Folders of IDX files, the format of MNIST and Fashion-MNIST, plain or gzipped.

The format: http://yann.lecun.com/exdb/mnist/. A file starts with two zero bytes, a byte for the
type of its numbers and a byte for its number of axes; then the length of each axis as a
big-endian 32-bit integer; then the numbers, big-endian, in C order.
"""

from __future__ import annotations

import gzip
import io
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.data.labels import from_array
from hpsearch.data.source import PARTS, Part, Source, array_names
from hpsearch.errors import DataError
from hpsearch.messages import listed
from hpsearch.shapes import Shaped

_FILE = re.compile(
    r"(?P<prefix>.+?)[-_.](?P<kind>images|labels)[-_.]idx\d[-_.](ubyte|byte|short|int|float|double)"
    r"(\.gz)?"
)
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PART_OF_PREFIX: Mapping[str, Part] = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "t10k": "test",
    "test": "test",
}
_DEFLATE = 1032  # gzip makes no file smaller by a larger factor
_EXPECTED = "train-images-idx3-ubyte and train-labels-idx1-ubyte, plain or .gz"


@dataclass(frozen=True)
class _Header:
    """What the first bytes of a file say about the rest."""

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def start(self) -> int:
        return 4 + 4 * len(self.shape)

    @property
    def bytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)


def read_idx(folder: Path) -> Source:
    """Read the pairs of files with images and labels in a folder.

    The name before "images" or "labels" makes two files a pair, and its end names the part:
    "train", "val", "validation", "test" or "t10k". A single pair of another name has no parts.
    Each image becomes a row of pixels in the type of the file. The rows are read straight into
    one array, so that no second copy is in memory.

    Raises:
        DataError: files are missing, damaged, of a wrong type, or do not fit together.
    """
    pairs = _pairs(folder)
    images = [_header(pair["images"]) for pair in pairs.values()]
    labels = [_header(pair["labels"], axes=1) for pair in pairs.values()]
    for image, label in zip(images, labels, strict=True):
        _check_alike(image, images[0])
        _check_alike(label, labels[0])
        if image.shape[0] != label.shape[0]:
            raise DataError(
                f"{image.path} holds {image.shape[0]} images and {label.path.name} "
                f"{label.shape[0]} labels; each image needs one label"
            )
    width = math.prod(images[0].shape[1:])
    rows = [header.shape[0] for header in images]
    numbers = np.empty((sum(rows), width), dtype=images[0].dtype)
    values = np.empty(sum(rows), dtype=labels[0].dtype)
    parts: dict[Part, range] = {}
    end = 0
    for part, image, label in zip(pairs, images, labels, strict=True):
        start, end = end, end + image.shape[0]
        _read_into(image, numbers[start:end])
        _read_into(label, values[start:end])
        if part is not None:
            parts[part] = range(start, end)
    return Source(
        name=str(folder),
        numbers=numbers.astype(numbers.dtype.newbyteorder("="), copy=False),
        number_names=array_names(width),
        labels=from_array(values),
        parts=parts,
    )


def _pairs(folder: Path) -> dict[Part | None, dict[str, Path]]:
    """The files of "images" and "labels" of each part, in the order of `PARTS`.

    The key is None if there are no parts.
    """
    pairs = _pairs_by_prefix(folder)
    parts = {prefix: _PART_OF_PREFIX.get(re.split(r"[-_.]", prefix)[-1]) for prefix in pairs}
    different = set(parts.values())
    if len(parts) > 1 and (None in different or len(different) < len(parts)):
        raise DataError(
            f"{folder}: files that start with {listed(sorted(parts))} are not the parts of one "
            f"data set (train, val, t10k); keep one data set in a folder"
        )
    order = (*PARTS, None)
    prefixes = sorted(parts, key=lambda prefix: order.index(parts[prefix]))
    return {parts[prefix]: pairs[prefix] for prefix in prefixes}


def _pairs_by_prefix(folder: Path) -> dict[str, dict[str, Path]]:
    """The files of "images" and "labels", by the name before these words."""
    pairs: dict[str, dict[str, Path]] = {}
    names = sorted((path.name for path in folder.iterdir()), reverse=True)
    for name in names:  # a plain file comes after its .gz, and replaces it
        if match := _FILE.fullmatch(name):
            pairs.setdefault(match["prefix"], {})[match["kind"]] = folder / name
    if not pairs:
        raise DataError(
            f"{folder}: a folder must hold IDX files such as {_EXPECTED}; "
            f"found {listed(sorted(names)[:5]) or 'nothing'}"
        )
    for prefix, pair in pairs.items():
        for kind, axes in (("images", 3), ("labels", 1)):
            if kind not in pair:
                raise DataError(
                    f"{next(iter(pair.values()))}: the {kind} that go with it are missing; put "
                    f"{prefix}-{kind}-idx{axes}-ubyte beside it"
                )
    return pairs


def _open(path: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _header(path: Path, axes: int = 3) -> _Header:
    """Read and check the first bytes of a file.

    Args:
        path: the file.
        axes: 1 for labels, else images, which usually have 3.
    """
    try:
        with _open(path) as file:
            magic = file.read(4)
            good = len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] in _TYPES and magic[3] > 0
            lengths = file.read(4 * magic[3]) if good else b""
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read, or is not gzip: {error}") from error
    if not good or (magic[3] == 1) != (axes == 1):
        raise DataError(
            f"{path}: not an IDX file of {'labels' if axes == 1 else 'images'}: its magic number "
            f"must be 00 00 08 {axes:02x}, found {magic.hex(' ') or 'an empty file'}"
        )
    if len(lengths) != 4 * magic[3]:
        raise DataError(f"{path}: truncated within its header; download it again")
    shape = tuple(np.frombuffer(lengths, dtype=">u4").tolist())
    if 0 in shape:
        raise DataError(f"{path}: holds nothing: its shape is {shape}")
    header = _Header(path, np.dtype(_TYPES[magic[2]]), shape)
    room = path.stat().st_size * (_DEFLATE if path.suffix == ".gz" else 1)
    if header.start + header.bytes > room:  # before memory is taken for it
        raise _truncated(header, f"at most {room - header.start}")
    return header


def _check_alike(header: _Header, first: _Header) -> None:
    """Check that two parts have rows of the same shape and type."""
    if (header.shape[1:], header.dtype) != (first.shape[1:], first.dtype):
        raise DataError(
            f"{header.path}: each row is {header.shape[1:]} of {header.dtype}, but in "
            f"{first.path.name} it is {first.shape[1:]} of {first.dtype}; they must be alike"
        )


def _read_into(header: _Header, out: Shaped[np.ndarray[Any, Any], "rows ..."]) -> None:
    """Read the numbers of a file into an array of their shape.

    Raises:
        DataError: the file is damaged, or has fewer or more bytes than the array.
    """
    expected = header.bytes
    buffer = out.reshape(-1).view(np.uint8).data  # a view: out is contiguous
    got = 0
    try:
        with _open(header.path) as file:
            file.seek(header.start)
            while got < expected and (count := file.readinto(buffer[got:])):
                got += count
            extra = len(file.read(1))
    except EOFError as error:
        raise _truncated(header, f"{got} and then a broken end") from error
    except (OSError, zlib.error) as error:
        raise DataError(f"{header.path}: damaged: {error}; download it again") from error
    if got < expected:
        raise _truncated(header, str(got))
    if extra:
        raise DataError(
            f"{header.path}: more than the {expected} bytes that its header (shape "
            f"{header.shape}) promises; download it again"
        )


def _truncated(header: _Header, found: str) -> DataError:
    return DataError(
        f"{header.path}: truncated: {header.bytes} bytes must follow the header (shape "
        f"{header.shape}), found {found}; download it again"
    )
