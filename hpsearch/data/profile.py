"""A summary of a source, from which a configuration for it can be written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hpsearch.data.labels import classes
from hpsearch.data.open import is_table, open_source
from hpsearch.data.options import BUILT_IN, Reading
from hpsearch.data.source import Label, Labels, Part, Source
from hpsearch.errors import DataError
from hpsearch.messages import expanded

_IDENTIFIER = re.compile(
    r"(.*[\W_])?(id|ids|uuid|guid|index|idx|row|rowid)|.*[a-z]I[dD]|Unnamed.*"
)
_FEW_ROWS = 20  # numbers of so few rows may all differ by chance


@dataclass(frozen=True)
class Profile:
    """A summary of a source.

    Attributes:
        rows: how many, in all parts.
        features: how many each row has, text columns one-hot.
        target: the name of the column of labels in a table; None for other sources.
        class_counts: how many rows each class has, by label, sorted.
        texts: how many categories each text column of a table has.
        parts: how many rows each part has, if the source has parts.
        missing: whether any value is missing.
        excluded: columns of a table that should be left out, with the reason.
        missing_values: texts that stand for a missing value among numbers.
        target_reason: why this column was chosen as the target; "" if it was given.
    """

    rows: int
    features: int
    target: str | None
    class_counts: Mapping[Label, int]
    texts: Mapping[str, int]
    parts: Mapping[Part, int]
    missing: bool
    excluded: Mapping[str, str] = field(default_factory=dict)
    missing_values: tuple[str, ...] = ()
    target_reason: str = ""


def profile(source: str | Path, target: str | None = None) -> Profile:
    """Read a source and summarise it.

    Columns of a table that cannot be used, or that look like identifiers, are left out.

    Args:
        source: as for `open_source`.
        target: the name of the column of labels in a table; None to choose one.

    Raises:
        DataError: the source cannot be read (see `open_source`) or has no usable labels.
    """
    reason, reading = "", Reading()
    excluded: Mapping[str, str] = {}
    source = source if source in BUILT_IN else Path(expanded(str(source)))
    if isinstance(source, Path) and is_table(source):
        if target is None:
            target, reason = _choose_target(source)
        reading, excluded = _choose_columns(source, target)
    opened = open_source(source, target, reading)
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
        excluded=excluded,
        missing_values=reading.missing_values,
        target_reason=reason,
    )


def _choose_target(path: Path) -> tuple[str, str]:
    """The column that most likely holds the labels, and the reason."""
    from hpsearch.data.tabular import column_names, likely_targets, read_labels

    names = column_names(path)
    likely = likely_targets(names)
    first = "the last column" if likely[0] == names[-1] else "by its name"
    objections: list[str] = []
    for name in likely:
        objection = _objection(read_labels(path, name))
        if objection is None:
            return name, "; ".join(objections) or first
        objections = objections or [f"{name!r} {objection}"]
    return likely[0], f"{first}, though no column suits"


def _objection(labels: Labels) -> str | None:
    """Why a column is hardly what is to be predicted; None if it may be."""
    given = np.array([*(value is not None for value in labels.values), False])[labels.codes]
    rows, different = int(given.sum()), len(np.unique(labels.codes[given]))
    if 2 * rows < len(given):
        return f"is missing in {len(given) - rows} of {len(given)} rows"
    if different == rows and (rows > 2 or different < 2):
        return "differs in every row"
    if different > _FEW_ROWS and 2 * different > rows:
        return f"holds {different} different values in {rows} rows"
    try:
        classes(Labels(labels.values, labels.codes[given]), lambda _: "")
    except DataError as error:
        return f"cannot be predicted ({str(error).removeprefix(': ').partition(';')[0]})"
    return None


def _choose_columns(path: Path, target: str) -> tuple[Reading, dict[str, str]]:
    """How to read a table, and which of its columns to leave out, with the reasons."""
    from hpsearch.data.columns import Refusal
    from hpsearch.data.tabular import read_table

    marks: list[str] = []
    while True:  # until no other mark for missing values is found
        refused: dict[str, Refusal] = {}
        source = read_table(path, target, Reading(missing_values=tuple(marks)), refused)
        found = {refusal.mark for refusal in refused.values() if refusal.mark is not None}
        if not found - {*marks}:
            break
        marks += sorted(found - {*marks})
    reasons = {name: _short(path, name, refusal.reason) for name, refusal in refused.items()}
    useless = dict(_useless(source))
    if len(useless) < len(source.number_names) + len(source.text):
        reasons |= useless
    elif reasons and not source.number_names and not source.text:
        raise DataError(next(iter(refused.values())).reason)
    return Reading(missing_values=tuple(marks), exclude=tuple(reasons)), reasons


def _short(path: Path, column: str, reason: str) -> str:
    """A message without its place and without what to do."""
    return reason.removeprefix(f"{path}: ").removeprefix(f"column {column!r}: ").partition(";")[0]


def _useless(source: Source) -> Iterator[tuple[str, str]]:
    """Columns from which nothing can be learned, such as identifiers, and the reason."""
    columns = {
        **{name: source.numbers[:, index] for index, name in enumerate(source.number_names)},
        **{name: text.codes for name, text in source.text.items()},
    }
    for name, values in columns.items():
        numeric = name in source.number_names
        present = values[~np.isnan(values)] if numeric else values[values >= 0]
        different = np.unique(present)
        if len(different) < 2 and len(present) == source.rows:
            yield name, "has one value in every row" if source.rows > 1 else "has one row"
        elif len(different) < 2:
            yield name, "has no two different values"
        elif _IDENTIFIER.fullmatch(name) and 2 * len(different) > source.rows:
            yield name, "looks like an identifier"
        elif (
            numeric
            and source.rows > _FEW_ROWS
            and len(different) == source.rows
            and (np.diff(different) == 1).all()
        ):
            yield name, "numbers the rows"
