"""Trials and pieces of training as lines of JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar

from hpsearch.errors import RunError
from hpsearch.store.files import read_lines, repair_with
from hpsearch.store.shape import MAYBE_NUMBER, NUMBER, fits
from hpsearch.trial import Piece, Result, Status

Record = TypeVar("Record", Piece, Result)

COUNTS = ("number", "round", "repeat", "fold", "rung", "epochs")
FIELDS: Mapping[str, Any] = {
    **dict.fromkeys(COUNTS, int),
    "value": MAYBE_NUMBER,
    "curve": dict,
    "status": str,
    "params": dict,
    "metrics": dict,
    "error": (str, NoneType),
    "started": str,
    "seconds": NUMBER,
}


def as_line(record: Piece | Result) -> dict[str, Any]:
    """A record as curves.jsonl, trials.jsonl and history.jsonl hold it.

    Its lists and mappings are the record's own, not copies: a line is for writing at once.
    """
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def read_records(path: Path, kind: type[Record]) -> list[Record]:
    """All whole records of a file, in the order in which they were appended.

    Raises:
        RunError: a line that lacks a field or holds a wrong one.
    """
    records = []
    for number, line in enumerate(read_lines(path), 1):
        try:
            records.append(record_of(line, kind))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(
                f"{path}: line {number}: must be a {kind.__name__.lower()}, found a line with "
                f"{type(error).__name__}: {error}; {repair_with(path.parent)}"
            ) from None
    return records


def record_of(line: Mapping[str, Any], kind: type[Record]) -> Record:
    """What `as_line` wrote.

    Raises:
        KeyError, TypeError, ValueError: the line lacks a field or holds a wrong one.
    """
    fields = {name: line[name] for name in kind.__dataclass_fields__}
    for name, entry in fields.items():
        if not fits(entry, FIELDS[name]) or (name in COUNTS and entry < 0):
            raise TypeError(f"{name} is {repr(entry)[:40]}")
    if kind is Result:
        fields["status"] = Status(fields["status"])
        if not all(fits(value, MAYBE_NUMBER) for value in fields["metrics"].values()):
            raise TypeError("metrics must be numbers or null")
    else:
        check_curve(fields["curve"])
    return kind(**fields)


def check_curve(curve: Mapping[str, Any]) -> None:
    """Refuse what is no learning curve.

    Raises:
        TypeError, ValueError: it is not one list for each name, all of one length.
    """
    if not all(isinstance(values, list) for values in curve.values()):
        raise TypeError("a curve must be of lists")
    if len({len(values) for values in curve.values()}) > 1:
        raise ValueError("the lists of a curve must be of one length")
    for name, values in curve.items():
        types = set(map(type, values))
        if not types <= {int, float, NoneType} or (
            int in types and not all(fits(value, MAYBE_NUMBER) for value in values)
        ):
            raise TypeError(f"curve: {name} must be of numbers")
