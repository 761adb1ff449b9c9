"""Trials and pieces of training as lines of JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from hpsearch.errors import RunError
from hpsearch.store.files import read_lines
from hpsearch.trial import Piece, Result, Status

Record = TypeVar("Record", Piece, Result)


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
            records.append(_record(line, kind))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(
                f"{path}: line {number}: must be a {kind.__name__.lower()}, found a line with "
                f"{type(error).__name__}: {error}; remove the line, and it is trained again"
            ) from None
    return records


def _record(line: Mapping[str, Any], kind: type[Record]) -> Record:
    fields = {name: line[name] for name in kind.__dataclass_fields__}
    for name, wanted in (("number", int), ("epochs", int)):
        if not isinstance(fields[name], wanted):
            raise TypeError(f"{name} is {fields[name]!r}")
    if kind is Result:
        fields["status"] = Status(fields["status"])
        if not isinstance(fields["params"], dict) or not isinstance(fields["metrics"], dict):
            raise TypeError("params and metrics must be objects")
    return kind(**fields)
