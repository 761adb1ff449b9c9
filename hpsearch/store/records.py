"""Trials and pieces of training as lines of JSON, and back.

Lines are many. One that is just as it should be is read and checked in one go, by msgspec; one
that is not is read again with care, which says what is wrong or that it can pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import NoneType
from typing import Any, TypedDict, TypeVar

import msgspec

from hpsearch.errors import RunError
from hpsearch.store.files import (
    as_json_line,
    as_object,
    repair_with,
    whole_lines,
    write_text,
)
from hpsearch.store.safe_path import SafePath
from hpsearch.store.shape import MAYBE_NUMBER, NUMBER, WORK, fits, shaped
from hpsearch.trial import Number, Piece, Result, Status, Whole


class Work(TypedDict):
    """When a worker did what: a line of timeline.jsonl, in seconds since the run began."""

    number: Whole
    rung: Whole
    worker: str
    start: Number
    end: Number


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
DECODERS: Mapping[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (Piece, Result, Work)
}
UNSOUND = (msgspec.MsgspecError, ValueError, RecursionError)  # what decoding raises


def as_line(record: Piece | Result) -> dict[str, Any]:
    """A record as curves.jsonl, trials.jsonl and history.jsonl hold it.

    Its lists and mappings are the record's own, not copies: a line is for writing at once.
    """
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def write_lines(path: SafePath, records: Iterable[Piece | Result]) -> None:
    """Replace a file of records whole."""
    write_text(path, "".join(as_json_line(as_line(record)) for record in records))


def read_records(path: SafePath, kind: type[Record]) -> list[Record]:
    """All whole records of a file, in the order in which they were appended.

    Raises:
        RunError: a line that lacks a field or holds a wrong one.
    """
    decode = DECODERS[kind].decode
    records: list[Record] = []
    for number, line in enumerate(whole_lines(path), 1):
        try:
            record = decode(line.decode())
            if kind is Piece:
                check_lengths(record.curve)
        except UNSOUND:
            record = _read_with_care(line, path, number, kind)
        records.append(record)
    return records


def _read_with_care(line: bytes, path: SafePath, number: int, kind: type[Record]) -> Record:
    entries = as_object(line, path, number)
    try:
        return record_of(entries, kind)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        found = f"without {error}" if isinstance(error, KeyError) else f"that cannot be: {error}"
        raise RunError(
            f"{path}: line {number}: must be a {kind.__name__.lower()}, found a line {found}; "
            f"{repair_with(path.parent)}"
        ) from None


def read_work(path: SafePath) -> list[dict[str, Any]]:
    """All whole lines of a timeline, in the order in which they were appended.

    Raises:
        RunError: an entry of a line is of another type than it must be.
    """
    decode = DECODERS[Work].decode
    work: list[dict[str, Any]] = []
    for number, line in enumerate(whole_lines(path), 1):
        try:
            work.append(decode(line.decode()))
        except UNSOUND:
            entries = as_object(line, path, number)
            work.append(shaped(entries, WORK, f"{path}: line {number}"))
    return work


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
    check_lengths(curve)
    for name, values in curve.items():
        types = set(map(type, values))
        if not types <= {int, float, NoneType} or (
            int in types and not all(fits(value, MAYBE_NUMBER) for value in values)
        ):
            raise TypeError(f"curve: {name} must be of numbers")


def check_lengths(curve: Mapping[str, Sequence[Any]]) -> None:
    """Refuse a curve whose metrics were not all measured at every epoch.

    Raises:
        ValueError: its lists differ in length.
    """
    if len(set(map(len, curve.values()))) > 1:
        raise ValueError("the lists of a curve must be of one length")
