"""The folder of prepared arrays that every worker maps into memory, never copies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from hpsearch.errors import DataError
from hpsearch.nn.types import Array


@dataclass(frozen=True)
class Part:
    """Some of the rows: X (rows, features) float32, standardised; y (rows,) class indices."""

    X: Array
    y: Array


def part(folder: str, name: str) -> Part:
    """Map `x_NAME.npy` and `y_NAME.npy`, once in a process unless the files change.

    Raises:
        DataError: an array is missing, damaged or not what training needs.
    """
    paths = [Path(folder) / f"{axis}_{name}.npy" for axis in "xy"]
    try:
        stamps = tuple((s.st_ino, s.st_mtime_ns, s.st_size) for s in (p.stat() for p in paths))
    except OSError as error:
        raise DataError(f"{folder}: has no prepared {name} rows: {error.strerror}") from error
    return _part(folder, name, stamps)


@lru_cache(maxsize=8)
def _part(folder: str, name: str, stamps: tuple[object, ...]) -> Part:  # noqa: ARG001 (a key)
    X, y = (_mapped(Path(folder) / f"{axis}_{name}.npy") for axis in "xy")
    if X.dtype != np.float32 or X.ndim != 2 or not X.flags.c_contiguous:
        raise DataError(f"{folder}: x_{name}.npy must be a C-contiguous float32 matrix")
    if y.dtype != np.int64 or y.shape != X.shape[:1]:
        raise DataError(
            f"{folder}: y_{name}.npy must be int64 with one entry for each of the {len(X)} rows "
            f"of x_{name}.npy, found {y.dtype} {y.shape}"
        )
    return Part(X, y)


def _mapped(path: Path) -> Array:
    try:
        # The base array maps the same memory, without the subclass's cost at every slice.
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: cannot be read as a prepared array: {error}") from error
