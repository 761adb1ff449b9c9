"""Stratified splits: every class in every part or fold, in the proportions of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpsearch.data.source import PARTS, Codes, Label, Part, Rows
from hpsearch.errors import DataError
from hpsearch.messages import counted, quoted
from hpsearch.shapes import Int64

Counts = Int64[np.ndarray[Any, Any], " classes"]

PART_NAMES: Mapping[Part, str] = {"train": "training", "val": "validation", "test": "test"}


def split(
    y: Codes,
    classes: Sequence[Label],
    sizes: Mapping[Part, int],
    rng: np.random.Generator,
) -> dict[Part, Rows]:
    """Draw parts of these sizes; the other rows are the part "train".

    Each part has every class in proportion, to within one row, but at least one row of it; a part
    with fewer rows than classes becomes larger. Parts are drawn in the order of `sizes`, so the
    rows of the first do not depend on the sizes of the others (unless a class has few rows left).

    Args:
        y: (rows,), the class of each row, as a position in `classes`.
        classes: the labels, for messages.
        sizes: how many rows each part except "train" gets.
        rng: draws the rows.

    Returns:
        The row numbers of each part, ascending; each row is in one part.

    Raises:
        DataError: a class has fewer rows than there are parts, or the parts leave too few rows
            to train on.
    """
    counts = np.bincount(y, minlength=len(classes))
    parts: tuple[Part, ...] = ("train", *sizes)
    _check_each_class_fits(counts, classes, parts)

    order = _by_class(y, rng)
    starts = np.cumsum(counts) - counts
    taken = np.zeros_like(counts)
    rows: dict[Part, Rows] = {}
    for left, (part, size) in zip(range(len(sizes), 0, -1), sizes.items(), strict=True):
        given = _allot(counts, size, most=counts - taken - left)
        if given is None:
            raise DataError(
                f"the {PART_NAMES[part]} part would take {size} of {len(y)} rows, which leaves "
                f"too few to train on; make data.validation or data.test smaller"
            )
        rows[part] = _gather(order, starts + taken, given)
        taken += given
    rows["train"] = _gather(order, starts + taken, counts - taken)
    return rows


def folds(y: Codes, classes: Sequence[Label], count: int, rng: np.random.Generator) -> list[Rows]:
    """Cut rows into folds for cross-validation.

    The rows are shuffled, ordered by class and dealt to the folds like cards. So each fold has
    its share of every class, and of all rows, to within one row.

    Args:
        y: (rows,), the class of each row, as a position in `classes`.
        classes: the labels, for messages.
        count: how many folds, 2 or more.
        rng: shuffles the rows.

    Returns:
        The row numbers of each fold, ascending; each row is in one fold.

    Raises:
        DataError: a class has fewer rows than there are folds.
    """
    counts = np.bincount(y, minlength=len(classes))
    if (short := np.flatnonzero(counts < count)).size:
        label, found = classes[short[0]], counts[short].min()
        raise DataError(
            f"class {quoted(label)} has {counted(counts[short[0]], 'row')} to train and validate "
            f"on, but each of the {count} folds needs one; add rows of it, or remove it"
            + (f", or set search.folds: {found}" if found > 1 else "")
            + _others(short.size)
        )
    order = _by_class(y, rng)
    return [np.sort(order[fold::count]) for fold in range(count)]


def _check_each_class_fits(
    counts: Counts, classes: Sequence[Label], parts: Sequence[Part]
) -> None:
    if not (short := np.flatnonzero(counts < len(parts))).size:
        return
    label, count = classes[short[0]], counts[short[0]]
    names = ", ".join(PART_NAMES[part] for part in PARTS if part in parts)
    raise DataError(
        f"class {quoted(label)} has {counted(count, 'row')}, but each part ({names}) "
        f"needs one; add rows of it, or remove it"
        + (", or set data.test: 0" if "test" in parts else "")
        + _others(short.size)
    )


def _others(small: int) -> str:
    """The end of a message: how many more classes are too small than the one it names."""
    return f" ({small - 1} more classes are too small)" if small > 1 else ""


def _by_class(y: Codes, rng: np.random.Generator) -> Rows:
    """The row numbers ordered by class, and shuffled within each."""
    order = rng.permutation(len(y))
    return order[np.argsort(y[order], kind="stable")]


def _allot(counts: Counts, size: int, most: Counts) -> Counts | None:
    """How many of `size` rows each class gets: in proportion to the counts, from 1 to `most`.

    None if the classes have fewer rows than that.
    """
    size = max(size, len(counts))
    if size > most.sum():
        return None
    ideal = counts * (size / counts.sum())
    given: Counts = np.clip(np.floor(ideal).astype(np.int64), 1, most)
    while given.sum() < size:  # to the class that is furthest below its share
        given[np.argmax(np.where(given < most, ideal - given, -np.inf))] += 1
    while given.sum() > size:  # from the class that is furthest above it
        given[np.argmin(np.where(given > 1, ideal - given, np.inf))] -= 1
    return given


def _gather(order: Rows, starts: Counts, lengths: Counts) -> Rows:
    pieces = [order[start : start + length] for start, length in zip(starts, lengths, strict=True)]
    return np.sort(np.concatenate(pieces))
