"""The folder of prepared arrays that every worker maps into memory, never copies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from hpsearch.errors import DataError
from hpsearch.nn.types import Array
from hpsearch.store import SafePath


@dataclass(frozen=True)
class PreparedRows:
    """Some of the rows: X (rows, features) float32, standardised; y (rows,) class indices."""

    X: Array
    y: Array


def prepared_rows(folder: str, name: str) -> PreparedRows:
    """Map `x_NAME.npy` and `y_NAME.npy`, once in a process unless the files change.

    Raises:
        DataError: an array is missing, damaged or not what training needs.
    """
    stamps = []
    for path in _paths(folder, name):
        found = path.status()
        if found is None:
            raise DataError(f"{folder}: has no prepared {name} rows: found no {path.name}")
        stamps.append((found.st_ino, found.st_mtime_ns, found.st_size))
    return _rows(folder, name, tuple(stamps))


@lru_cache(maxsize=8)
def _rows(folder: str, name: str, stamps: tuple[object, ...]) -> PreparedRows:  # noqa: ARG001 (a key)
    X, y = map(_mapped, _paths(folder, name))
    if X.dtype != np.float32 or X.ndim != 2 or not X.flags.c_contiguous:
        raise DataError(f"{folder}: x_{name}.npy must be a C-contiguous float32 matrix")
    if y.dtype != np.int64 or y.shape != X.shape[:1]:
        raise DataError(
            f"{folder}: y_{name}.npy must be int64 with one entry for each of the {len(X)} rows "
            f"of x_{name}.npy, found {y.dtype} {y.shape}"
        )
    return PreparedRows(X, y)


def _paths(folder: str, name: str) -> list[SafePath]:
    """The files of X and y, in a folder of its own for each fold."""
    fold = Path(folder)
    return [SafePath(fold.parent) / fold.name / f"{axis}_{name}.npy" for axis in "xy"]


def _mapped(path: SafePath) -> Array:
    """An array that stays in its file: NumPy opens such a one by name only."""
    try:
        with path.open() as file:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                raise ValueError(f"version {version}")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            if dtype.hasobject:
                raise ValueError("an array of objects")
            order: Literal["F", "C"] = "F" if fortran else "C"
            mapped = np.memmap(file, dtype, "r", file.tell(), shape, order)
            # The base array maps the same memory, without the subclass's cost at every slice.
            return np.asarray(mapped)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: cannot be read as a prepared array: {error}") from error
