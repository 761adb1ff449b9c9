"""Data made ready for training: read, split, encoded, and written where workers map it."""

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
    """Rows as their source brought them, which part each belongs to, and how to encode them.

    The rows stay in the type they came in (a byte a pixel); floats are made chunk by chunk when
    they are written.

    Attributes:
        source: the rows.
        y: the class of each row.
        parts: the rows of "train", "val" and, unless there is none, "test", ascending.
        encoding: from columns to features, fitted to the training rows.
        fingerprint: SHA-256 of the rows and of every option that changes the parts; the same
            for the same data under another file name. Folds of one dataset share it.
    """

    source: Source
    y: Codes
    parts: Mapping[Part, Rows]
    encoding: Encoding
    fingerprint: str

    @property
    def classes(self) -> tuple[Label, ...]:
        """The labels, sorted: class k is the label at position k."""
        return self.encoding.classes

    @property
    def features(self) -> int:
        """How many numbers the network sees of each row."""
        return self.encoding.features

    @property
    def counts(self) -> dict[Part, int]:
        """How many rows each part has."""
        return {part: len(rows) for part, rows in self.parts.items()}


def load(options: DataOptions) -> Dataset:
    """Read a source, split it and fit its encoding.

    `validation` and `test` are shares of all rows that the source holds. Where it brings a part
    itself, that part is taken as it is and the share that would make it is not used; the others
    are drawn from its training part, with as many rows as they would have had: of 60,000
    training and 10,000 test rows, ``validation: 0.2`` takes 14,000 of the 60,000.

    Raises:
        DataError: what `open_source`, `split` and `encoding.fit` raise, and shares that leave
            nothing to train on.
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
    """Cut the training and validation rows into folds, and validate on each in turn.

    Fold k validates on its own rows and trains on those of all the others, with an encoding
    fitted to these. Every row but the test rows validates exactly once. What a fold holds
    depends on `split_seed` and the number of folds, not on the share `validation`.

    Raises:
        DataError: the source brings its own validation part, a class has fewer rows than there
            are folds, and what `encoding.fit` raises.
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
        DataError: what `encoding.fit` raises.
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
    """Write the arrays of each fold into a folder of its number: "0", "1", ...

    Raises:
        DataError: the folder cannot be written to.
    """
    for number, dataset in enumerate(folds):
        write_prepared(dataset, folder / str(number))


def write_prepared(dataset: Dataset, folder: Path) -> None:
    """Write standardised features and classes to x_PART.npy and y_PART.npy, for each part.

    x is float32 (rows, features) in C order, y is int64 (rows,): files that
    ``np.load(path, mmap_mode="r")`` maps, so that workers share one copy in memory. Only a few
    megabytes of floats exist at any time. The folder is made here, in one that the caller
    has made, so no link can stand in it; a crash leaves files that are too short, so it is for
    whoever started to see it through.

    Raises:
        DataError: the folder cannot be written to.
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
    """Write one array a chunk at a time; written pages do not count as this process's memory."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(rows), dataset.features)}
    with path.open("xb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in batches(dataset.source, dataset.encoding, rows):
            file.write(standardise(chunk, dataset.encoding).astype("<f4", copy=False).data)


def _parts(
    source: Source, y: Codes, classes: Sequence[Label], options: DataOptions
) -> dict[Part, Rows]:
    """The parts that the source brings, and the others drawn from its training rows."""
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
    facts = {
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
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for array in (source.numbers, y, *(text.codes for text in source.text.values())):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
