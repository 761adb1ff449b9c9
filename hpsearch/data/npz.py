"""NPZ files: arrays x and y, or x_train and y_train with their val and test parts."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from hpsearch.data.labels import from_array
from hpsearch.data.names import listed
from hpsearch.data.source import PARTS, Labels, Numbers, Part, Source, array_names
from hpsearch.errors import DataError

Array = Shaped[np.ndarray[Any, Any], "..."]

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)


def read_npz(path: Path) -> Source:
    """Read arrays, without pickle.

    The file holds ``x`` and ``y``, or ``x_train`` and ``y_train`` and, if it likes, ``x_val``,
    ``y_val``, ``x_test`` and ``y_test``. An x has one row for each example; further axes, as of
    28 x 28 images, are laid side by side. A y has one label for each row; rows to predict need
    none.

    Raises:
        DataError: the file is damaged or no NPZ file; arrays are missing, hold Python objects,
            or do not fit together.
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
    """Every array that is ours, by name."""
    ours = [f"{kind}{suffix}" for kind in "xy" for suffix in ("", "_train", "_val", "_test")]
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path}: damaged, or not an NPZ file; save one with np.savez")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            found = list(file)
            arrays = {name: file[name] for name in ours if name in found}
    except _DAMAGED as error:
        if "pickle" in str(error):
            raise DataError(
                f"{path}: holds Python objects, which only pickle could read; save numbers, or "
                f"labels as text: y=y.astype(str)"
            ) from error
        raise DataError(f"{path}: damaged: {error}; save it again") from error
    if "x" not in arrays and "x_train" not in arrays and "x_test" not in arrays:
        raise DataError(
            f"{path}: must hold x and y, or x_train, y_train[, x_val, y_val][, x_test, y_test]; "
            f"found {listed(found) or 'no arrays'}"
        )
    if "x" in arrays and "x_train" in arrays:
        raise DataError(f"{path}: holds both x and x_train; keep one of the two forms")
    return arrays


def _features(path: Path, name: str, arrays: dict[str, Array]) -> Numbers:
    """One x as rows of numbers."""
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
    """All labels in the order of the parts, if every part has them; None if no part has."""
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
