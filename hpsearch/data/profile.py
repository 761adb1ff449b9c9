"""What a source holds at a glance, for a configuration that fits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hpsearch.data.labels import classes
from hpsearch.data.open import is_table, open_source
from hpsearch.data.options import BUILT_IN
from hpsearch.data.source import Label, Part
from hpsearch.errors import DataError


@dataclass(frozen=True)
class Profile:
    """A summary of a source.

    Attributes:
        rows: how many there are, in all parts.
        features: how many numbers a network would see of each, text columns one-hot.
        target: the label column of a table; None for other sources.
        class_counts: how many rows each class has, by label, sorted.
        texts: a table's text columns, and how many categories each has.
        parts: the parts that the source brings, and how many rows each has.
        missing: whether a value is missing somewhere.
    """

    rows: int
    features: int
    target: str | None
    class_counts: Mapping[Label, int]
    texts: Mapping[str, int]
    parts: Mapping[Part, int]
    missing: bool


def profile(source: str | Path, target: str | None = None) -> Profile:
    """Read a source and sum it up; a table's target is guessed if it is not given.

    Raises:
        DataError: what `open_source` raises, or there are no usable labels.
    """
    if target is None and source not in BUILT_IN and is_table(Path(source)):
        from hpsearch.data.table import column_names, guess_target

        target = guess_target(column_names(Path(source)))
    opened = open_source(source, target)
    if opened.labels is None:
        raise DataError(f"{opened.name}: there are no labels to learn from; add an array y")
    names, y = classes(opened.labels, opened.where)
    counts = np.bincount(y, minlength=len(names)).tolist()
    texts = {name: len(text.values) for name, text in opened.text.items()}
    floats = opened.numbers.dtype.kind == "f"
    return Profile(
        rows=opened.rows,
        features=len(opened.number_names) + sum(texts.values()),
        target=opened.target,
        class_counts=dict(zip(names, counts, strict=True)),
        texts=texts,
        parts={part: len(rows) for part, rows in opened.parts.items()},
        missing=(floats and bool(np.isnan(opened.numbers).any()))
        or any(bool((text.codes < 0).any()) for text in opened.text.values()),
    )
