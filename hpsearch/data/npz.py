"""NPZ files: arrays x and y, or x_train and y_train with their val and test parts."""

from __future__ import annotations

import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Sequence
from itertools import accumulate
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from hpsearch.data.labels import from_array
from hpsearch.data.source import PARTS, Labels, Numbers, Part, Source, array_names
from hpsearch.errors import DataError
from hpsearch.messages import listed
from hpsearch.shapes import Shaped

Array = Shaped[np.ndarray[Any, Any], "..."]

_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,  # which zipfile raises for several reasons
    TypeError,
    OverflowError,  # a length that no array can have
)
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,
}
_LONGEST = 10_000  # bytes of a header; NumPy would read a longer one before it refuses it
_ZIPPED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DEFLATE = 1032  # by these methods nothing becomes smaller by a larger factor


def read_npz(path: Path) -> Source:
    """Read arrays, without pickle.

    The file has ``x`` and ``y``; or ``x_train`` and ``y_train``, and perhaps ``x_val`` and
    ``y_val``, ``x_test`` and ``y_test``. An x is (rows, ...); images of 28 x 28 become 784
    columns. A y is (rows,), and may be left out for rows to predict.

    Raises:
        DataError: the file is damaged or not an NPZ file; arrays are missing, hold Python
            objects, or do not fit together.
    """
    arrays = _arrays(path)
    parts: list[Part] = [part for part in PARTS if f"x_{part}" in arrays]
    suffixes = [f"_{part}" for part in parts] or [""]
    xs = [_features(path, f"x{suffix}", arrays) for suffix in suffixes]
    for suffix, x in zip(suffixes, xs, strict=True):
        if x.shape[1] != xs[0].shape[1]:
            raise DataError(
                f"{path}: x{suffix} has {x.shape[1]} features and x{suffixes[0]} has "
                f"{xs[0].shape[1]}; every part must have the same"
            )
    labels = _labels(path, suffixes, arrays, [len(x) for x in xs])
    ends = list(accumulate(len(x) for x in xs))
    return Source(
        name=str(path),
        numbers=xs[0] if len(xs) == 1 else np.concatenate(xs),
        number_names=array_names(xs[0].shape[1]),
        labels=labels,
        parts={
            part: range(end - len(x), end)
            for part, x, end in zip(parts, xs, ends, strict=False)  # no parts: x alone
        },
    )


def _arrays(path: Path) -> dict[str, Array]:
    """The arrays x, y, x_train, ... of the file, by name."""
    names = [f"{kind}{suffix}" for kind in "xy" for suffix in ("", "_train", "_val", "_test")]
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path}: damaged, or not an NPZ file; save one with np.savez")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            found = list(file)
            members = _members(path, file.zip, names)
            arrays = {name: file[name] for name in members}
    except _DAMAGED as error:
        raise DataError(f"{path}: damaged: {_first_line(error)}; save it again") from error
    if "x" not in arrays and "x_train" not in arrays and "x_test" not in arrays:
        raise DataError(
            f"{path}: must hold x and y, or x_train, y_train[, x_val, y_val][, x_test, y_test]; "
            f"found {listed(found) or 'no arrays'}"
        )
    if "x" in arrays and "x_train" in arrays:
        raise DataError(f"{path}: holds both x and x_train; keep one of the two forms")
    return arrays


def _members(path: Path, archive: zipfile.ZipFile, names: Sequence[str]) -> list[str]:
    """Which of these arrays the file has, after checking that each is what it claims to be."""
    infos: dict[str, list[zipfile.ZipInfo]] = {name: [] for name in names}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name in infos:
            infos[name].append(info)
    for name, found in infos.items():
        if len(found) > 1:
            raise DataError(f"{path}: holds two arrays {name!r}; keep one of them")
        if found and found[0].flag_bits & 1:
            raise DataError(f"{path}: is encrypted; save the arrays with np.savez")
        if found:
            _check_claim(path, name, archive, found[0])
    return [name for name, found in infos.items() if found]


def _check_claim(path: Path, name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Check that an array has as many bytes as its header says, before they are read."""
    with archive.open(info) as member:
        shape, dtype = _header(path, name, member)
        claimed, held = prod(shape) * dtype.itemsize, info.file_size - member.tell()
    if dtype.hasobject:
        raise DataError(
            f"{path}: holds Python objects, which only pickle could read; save numbers, or "
            f"labels as text: y=y.astype(str)"
        )
    if min(shape, default=0) < 0 or claimed != held:
        raise DataError(
            f"{path}: {name} says that it has {claimed:,} bytes, and has {held:,}; save it again"
        )
    if claimed > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
        raise DataError(
            f"{path}: {name} has {claimed:,} bytes, more than this machine has memory; use fewer "
            f"rows"
        )
    if claimed > _DEFLATE * info.compress_size + 1000 and info.compress_type in _ZIPPED:
        raise DataError(
            f"{path}: {name} cannot have {claimed:,} bytes, packed into {info.compress_size:,}; "
            f"save it again"
        )


def _header(path: Path, name: str, member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape and the type in the header of an array; its numbers come next in `member`."""
    start = member.read(len(np.lib.format.MAGIC_PREFIX) + 2)
    if not start.startswith(np.lib.format.MAGIC_PREFIX):
        raise DataError(f"{path}: {name} is no array; save it with np.savez")
    version = (start[-2], start[-1])
    if version not in _HEADERS:
        raise DataError(f"{path}: {name} is of the unknown format {version}; save it again")
    size = member.read(2 if version == (1, 0) else 4)
    length = int.from_bytes(size, "little")
    if length > _LONGEST:
        raise DataError(
            f"{path}: {name} must have a header of at most {_LONGEST:,} bytes, found one of "
            f"{length:,}; save it again"
        )
    try:
        shape, _, dtype = _HEADERS[version](io.BytesIO(size + member.read(length)))
    except Exception as error:  # a header that is no Python literal makes NumPy raise anything
        raise DataError(f"{path}: damaged: {_first_line(error)}; save it again") from error
    return shape, dtype


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _features(path: Path, name: str, arrays: dict[str, Array]) -> Numbers:
    """One x as numbers (rows, columns)."""
    x = arrays[name]
    if x.dtype.kind not in "buif":
        raise DataError(f"{path}: {name} is of type {x.dtype}; it must hold real numbers")
    if x.ndim < 2 or 0 in x.shape:
        raise DataError(
            f"{path}: {name} must be (rows, features), at least one of each; found {x.shape}"
        )
    if x.dtype.itemsize > 8:  # long doubles, whose last bytes are as memory left them
        with np.errstate(over="ignore"):
            x = x.astype(np.float64)
    return x.reshape(len(x), -1)


def _labels(
    path: Path, suffixes: Sequence[str], arrays: dict[str, Array], rows: Sequence[int]
) -> Labels | None:
    """The labels of all parts, one after another; None if no part has labels."""
    missing = [f"y{suffix}" for suffix in suffixes if f"y{suffix}" not in arrays]
    if len(missing) == len(suffixes):
        return None
    if missing:
        raise DataError(f"{path}: there is no array {missing[0]!r}; every part needs its labels")
    ys = []
    for suffix, count in zip(suffixes, rows, strict=True):
        y = arrays[f"y{suffix}"]
        if y.shape not in ((count,), (count, 1)):
            raise DataError(
                f"{path}: y{suffix} must hold one label for each of the {count} rows of "
                f"x{suffix}; found shape {y.shape}"
                + ("; one-hot labels: save y.argmax(axis=1)" if y.ndim == 2 else "")
            )
        if y.dtype.kind not in "buifSU":
            raise DataError(
                f"{path}: y{suffix} is of type {y.dtype}; a label must be text, a whole "
                f"number, or true or false"
            )
        if y.dtype.kind == "S":
            y = np.char.decode(y, "utf-8", "backslashreplace")
        elif y.dtype.itemsize > 8 and y.dtype.kind == "f":
            y = y.astype(np.float64)
        ys.append(y.reshape(count))
    if len({y.dtype.kind in "SU" for y in ys}) > 1:
        raise DataError(f"{path}: some parts have labels of text and others numbers; choose one")
    return from_array(np.concatenate(ys))
