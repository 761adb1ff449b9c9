"""Data for training: read, split, encoded, and written to files that workers map."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hpsearch import rng
from hpsearch.data.encoding import Encoding, batches, fit, standardise
from hpsearch.data.labels import as_written, classes
from hpsearch.data.open import open_source
from hpsearch.data.options import DataOptions
from hpsearch.data.source import PARTS, Codes, Label, Part, Rows, Source
from hpsearch.data.split import folds, split
from hpsearch.errors import DataError


@dataclass(frozen=True)
class Dataset:
    """The rows of a source, the part that each belongs to, and their encoding.

    The rows keep the type of their source (a byte a pixel); they become floats a few at a time,
    when they are written.

    Attributes:
        source: the rows.
        y: (rows,), the class of each row.
        parts: the row numbers of "train", "val" and, if there is one, "test", ascending.
        encoding: from columns to features, fitted to the training rows.
        fingerprint: SHA-256 of the rows and of all options that change parts or values, but not
            of the file's name. Folds of one dataset have the same.
    """

    source: Source
    y: Codes
    parts: Mapping[Part, Rows]
    encoding: Encoding
    fingerprint: str

    @property
    def classes(self) -> tuple[Label, ...]:
        """The labels of the classes, sorted."""
        return self.encoding.classes

    @property
    def features(self) -> int:
        """How many features each row has, text columns one-hot."""
        return self.encoding.features

    @property
    def counts(self) -> dict[Part, int]:
        """How many rows each part has."""
        return {part: len(rows) for part, rows in self.parts.items()}


def load(options: DataOptions) -> Dataset:
    """Read a source, split it and fit its encoding.

    `validation` and `test` are shares of all rows of the source. If the source has such a part
    already, that is used and the share is ignored; the other part is drawn from its training
    part, but with its share of all rows: of 60,000 training and 10,000 test rows,
    ``validation: 0.2`` takes 14,000 of the 60,000.

    Raises:
        DataError: the source cannot be read or has no labels, it cannot be split as asked, or it
            cannot be encoded; see `open_source`, `split` and `encoding.fit`.
    """
    source = open_source(options.source, options.target, options.reading)
    if source.labels is None:
        raise DataError(f"{source.name}: there are no labels to learn from; add an array y")
    names, y = classes(source.labels, source.where)
    parts = _parts(source, y, names, options)
    encoding = fit(
        source,
        parts["train"],
        names,
        standardize=options.standardize,
        missing=options.missing,
        written=as_written(source.labels, names),
    )
    return Dataset(source, y, parts, encoding, _fingerprint(source, y, names, options))


def cross_validation(dataset: Dataset, count: int, options: DataOptions) -> list[Dataset]:
    """Cut the training and validation rows into folds, each the validation part of one dataset.

    The training part of a dataset is all other folds, and its encoding is fitted to these.
    Which rows a fold has depends on `split_seed` and the number of folds, but not on the share
    `validation`.

    Args:
        dataset: with one split.
        count: how many folds.
        options: by which the dataset was loaded.

    Raises:
        DataError: the source has a validation part already, a class has fewer rows than there
            are folds, or the encoding cannot be fitted; see `encoding.fit`.
    """
    source = dataset.source
    if "val" in source.parts:
        raise DataError(
            f"{source.name}: brings its own validation part, but search.folds validates on each "
            f"row in turn; leave out search.folds to use that part, or put its rows into the "
            f"training part"
        )
    pool = np.sort(np.concatenate([dataset.parts["train"], dataset.parts["val"]]))
    random = rng.stream(options.split_seed, "folds")
    try:
        dealt = folds(dataset.y[pool], dataset.classes, count, random)
    except DataError as error:
        raise DataError(f"{source.name}: {error}") from error
    cut = [{**dataset.parts, "train": np.delete(pool, rows), "val": pool[rows]} for rows in dealt]
    return [with_parts(dataset, parts, options) for parts in cut]


def with_parts(dataset: Dataset, parts: Mapping[Part, Rows], options: DataOptions) -> Dataset:
    """The same rows in other parts, with an encoding fitted to the new training rows.

    Raises:
        DataError: the encoding cannot be fitted; see `encoding.fit`.
    """
    encoding = fit(
        dataset.source,
        parts["train"],
        dataset.classes,
        standardize=options.standardize,
        missing=options.missing,
        written=dataset.encoding.written,
    )
    return replace(dataset, parts=parts, encoding=encoding)


def write_folds(folds: Sequence[Dataset], folder: Path) -> None:
    """Write the arrays of each fold into a folder with its number: "0", "1", ...

    Raises:
        DataError: the folder cannot be written to.
    """
    for number, dataset in enumerate(folds):
        write_prepared(dataset, folder / str(number))


def write_prepared(dataset: Dataset, folder: Path) -> None:
    """Write standardised features and classes to x_PART.npy and y_PART.npy, for each part.

    x is float32 (rows, features) in C order, y is int64 (rows,). Workers map the files with
    ``np.load(path, mmap_mode="r")`` and so share one copy in memory. A few megabytes of floats
    are in memory at a time. A crash leaves files that are too short: do not use the folder
    unless this returns.

    Args:
        dataset: what to write.
        folder: a new folder in one that the caller has made, so that no link can be in it.

    Raises:
        DataError: the folder exists or cannot be written to.
    """
    try:
        folder.mkdir()
        for part, rows in dataset.parts.items():
            _write_features(folder / f"x_{part}.npy", dataset, rows)
            with (folder / f"y_{part}.npy").open("xb") as file:
                np.save(file, dataset.y[rows])
    except OSError as error:
        size = 4e-6 * dataset.features * sum(dataset.counts.values())
        raise DataError(
            f"{folder}: cannot write the prepared data, {size:.0f} MB: {error.strerror}"
        ) from error


def _write_features(path: Path, dataset: Dataset, rows: Rows) -> None:
    """Write the features of one part chunk by chunk, so that they are never in memory at once."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(rows), dataset.features)}
    with path.open("xb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in batches(dataset.source, dataset.encoding, rows):
            file.write(standardise(chunk, dataset.encoding).astype("<f4", copy=False).data)


def _parts(
    source: Source, y: Codes, classes: Sequence[Label], options: DataOptions
) -> dict[Part, Rows]:
    """The parts of the source, and those that are missing, drawn from its training rows."""
    if not 0 < options.validation < 1 or not 0 <= options.test < 1:
        raise DataError(
            "data.validation must lie between 0 and 1, data.test from 0 to below 1; found "
            f"{options.validation} and {options.test}"
        )
    if source.parts and "train" not in source.parts:
        raise DataError(f"{source.name}: brings parts, but none to train on; add x_train, y_train")
    wanted: dict[Part, float] = {"test": options.test, "val": options.validation}
    sizes: dict[Part, int] = {
        part: round(share * source.rows)
        for part, share in wanted.items()
        if share > 0 and part not in source.parts
    }
    brought = {part: np.arange(r.start, r.stop) for part, r in source.parts.items()}
    pool = brought.get("train", np.arange(source.rows))
    try:
        drawn = split(y[pool], classes, sizes, rng.stream(options.split_seed, "split"))
    except DataError as error:
        of_part = "in the training part, " if source.parts else ""
        raise DataError(f"{source.name}: {of_part}{error}") from error
    parts = brought | {part: pool[rows] for part, rows in drawn.items()}
    return {part: parts[part] for part in PARTS if part in parts}


def _fingerprint(source: Source, y: Codes, classes: Sequence[Label], options: DataOptions) -> str:
    """SHA-256 of the rows, and of what decides their parts and values."""
    described = {
        "options": [
            float(options.validation),
            float(options.test),  # 0 and 0.0 are one share
            options.standardize,
            options.missing,
            options.split_seed,
        ],
        "numbers": [source.numbers.shape, source.numbers.dtype.str, source.number_names],
        "text": {name: text.values for name, text in source.text.items()},
        "classes": list(classes),
        "target": source.target,
        "parts": {part: [rows.start, rows.stop] for part, rows in source.parts.items()},
    }
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for array in (source.numbers, y, *(text.codes for text in source.text.values())):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
