"""What a run's files hold, as typed records, and how they are read: decoded once, then trusted.

docs/run_format.md says what each field means. A field that a file may lack has a default; one
that is marked `ABSENT` is not written while it is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, TypedDict, TypeVar

import msgspec

from hpsearch.errors import RunError
from hpsearch.messages import printable
from hpsearch.store.files import as_json_line, repair_with, whole_lines
from hpsearch.store.safe_path import MOST, SafePath
from hpsearch.trial import (
    Act,
    Count,
    Diagnosis,
    Ending,
    Inherited,
    Intervention,
    Number,
    Params,
    Piece,
    Result,
    Round,
    Span,
    Value,
    Whole,
)

FORMAT = 1
"""The version of the run directory's format; a reader refuses a newer one."""

ABSENT = {"absent": True}
"""Marks a field that is not written while it is None."""

Interval = tuple[Number, Number]
"""The ends of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class RunData:
    """The data of a run."""

    fingerprint: str | None  # None where the trainer reads its own data
    rows: Mapping[str, Count]  # by part: train, val, test
    features: Count
    classes: Sequence[Value]


Origin = TypedDict(
    "Origin",
    {
        "from": str,
        "study": str | None,
        "storage": str | None,
        "trials": int,
        "left_out": Mapping[str, int],
    },
    total=False,
)
"""Where the trials of an imported run come from: another tool's study."""


@dataclass(frozen=True, slots=True)
class BabysitStart:
    """Where a babysat model comes from: a trial of another run, or a configuration alone."""

    seed: tuple[int | str, ...]  # the identity of its random numbers
    rules: Count
    settings: tuple[tuple[Count, Params], ...]  # with what it begins, each after an epoch
    run: str | None = None
    trial: Count | None = None
    epoch: Count | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """What run.json says of a run."""

    format: Count = FORMAT
    name: str
    status: str  # running, finished, interrupted or failed
    created: str
    began: Number
    seed: Whole
    rules: Count = 1  # how random numbers are drawn; the first runs did not record it
    kind: str | None = field(default=None, metadata=ABSENT)  # "babysit"; of a search none
    babysit: BabysitStart | None = field(default=None, metadata=ABSENT)
    parent: str | None = None
    parent_winner: Count | None = None
    test_looks: Count = 0
    imported: Origin | None = field(default=None, metadata=ABSENT)
    data: RunData
    config: Mapping[str, Any]
    config_yaml: str | None = field(default=None, metadata=ABSENT)
    plan: tuple[Round, ...]
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    git: str | None = None
    seal: str | None = None
    seconds: Number | None = field(default=None, metadata=ABSENT)
    out_of_time: bool | None = field(default=None, metadata=ABSENT)
    ending: Ending | None = field(default=None, metadata=ABSENT)  # by a limit
    ended: str | None = field(default=None, metadata=ABSENT)
    checkpoint: tuple[Count, Count, Count] | None = field(default=None, metadata=ABSENT)


@dataclass(frozen=True, slots=True)
class SearchValue:
    """What the search saw of the winner: the best of many values, and so a lucky one."""

    metric: str
    value: Number | None
    optimistic: bool


@dataclass(frozen=True, slots=True)
class Contender:
    """What new seeds gave for one of the best settings."""

    number: Count
    search: Number | None
    values: Sequence[Number]
    mean: Number | None  # null where it is beyond the largest float
    deviation: Number | None
    seeds: Count
    standard_error: Number | None
    optimism: Number | None
    metrics: Mapping[str, Number | None] | None = field(default=None, metadata=ABSENT)
    """The means of the other metrics that trials are compared by; absent where there are none."""


@dataclass(frozen=True, slots=True)
class ConfirmedWinner(Contender):
    """The same for the winner, with an interval of the mean."""

    interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """For each class of the test rows, in the order of the data's classes."""

    rows: Sequence[Count]
    precision: Sequence[Number | None]
    recall: Sequence[Number | None]
    f1: Sequence[Number | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How good the winner's model is on the test rows; early runs measured less."""

    test_loss: Number | None
    test_accuracy: Number
    test_balanced_accuracy: Number | None = field(default=None, metadata=ABSENT)
    test_macro_f1: Number | None = field(default=None, metadata=ABSENT)
    test_auc: Number | None = None
    interval: Interval
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    baseline: Mapping[str, Number | None] = field(default_factory=dict)
    rows: Count
    per_class: Rates | None = field(default=None, metadata=ABSENT)
    confused: Sequence[tuple[Count, Count, Count]] = ()
    confusion: Sequence[Sequence[Count]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """What best/result.json says of the winner."""

    number: Count
    params: Params
    epochs: Count
    metrics: Mapping[str, Number | None]
    search: SearchValue
    confirmed: ConfirmedWinner | None
    contenders: Sequence[Contender]
    indistinguishable: Sequence[Count]
    test: Measured | None


@dataclass(frozen=True)
class _Format:
    format: Count


Record = TypeVar(
    "Record",
    RunInfo,
    Winner,
    Piece,
    Result,
    Inherited,
    Span,
    Intervention,
    Act,
    Diagnosis,
    _Format,
)

_DECODERS: Mapping[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in Record.__constraints__
}
_PLACE = re.compile(r"(.*?)(?: - at (?:key in )?\$\.?(.*))?", re.DOTALL)
_WORDS = {
    "Expected object": "must be a JSON object",
    "Expected ": "must be ",
    ", got ": ", found ",
    "Object missing required field ": "must hold the field ",
    "Invalid enum value ": "must be one of the words in docs/run_format.md, found ",
}
_DAMAGED = "the file is damaged; restore it"


Line = Piece | Result | Span | Intervention | Act | Diagnosis


def as_line(record: Line) -> dict[str, Any]:
    """A record as its file holds it, without what is unset.

    Its lists and mappings are the record's own, not copies: a line is for writing at once.
    """
    named = ((name, getattr(record, name)) for name in record.__dataclass_fields__)
    return {name: value for name, value in named if value is not msgspec.UNSET}


def write_lines(path: SafePath, records: Iterable[Line]) -> None:
    """Replace a file of records whole."""
    path.write_text("".join(as_json_line(as_line(record)) for record in records))


def read_run(path: SafePath) -> RunInfo:
    """What a run.json says.

    Raises:
        FileNotFoundError: it is missing.
        RunError: it is damaged, or of a newer format.
    """
    data = path.read_bytes(MOST)
    found = _whole_file(data, _Format, path).format
    if found > FORMAT:
        raise RunError(
            f"{path}: format {found} is newer than this hpsearch knows ({FORMAT}); upgrade it"
        )
    if found < 1:
        raise RunError(f"{path}: format: must be at least 1, found {found}; {_DAMAGED}")
    info = _whole_file(data, RunInfo, path)
    _check_plan(info.plan, path)
    return _as_trained(info)


def read_winner(path: SafePath, info: RunInfo) -> Winner:
    """What a best/result.json says; `info` is that of its run.

    Raises:
        FileNotFoundError: it is missing.
        RunError: it is damaged.
    """
    winner = _whole_file(path.read_bytes(MOST), Winner, path)
    if winner.test is not None:
        _check_classes(winner.test, len(info.data.classes), path)
    return winner


def read_records(path: SafePath, kind: type[Record], remedy: str | None = None) -> list[Record]:
    """All whole lines of a file, in the order in which they were appended.

    Args:
        path: of the file, in a run directory.
        kind: what each line is.
        remedy: what to do about a damaged line, where repairing the run is not it.

    Raises:
        RunError: a line lacks a field or holds a wrong one; the message names line and field.
    """
    records: list[Record] = []
    for number, line in enumerate(whole_lines(path), 1):
        try:
            records.append(read_line(line, kind))
        except ValueError as error:
            offset = sum(map(len, islice(whole_lines(path), number - 1)))
            raise RunError(
                f"{path}: line {number}, byte {offset}: {error}, found {_excerpt(line)}; "
                f"{remedy or repair_with(path.parent)}"
            ) from None
    return records


def _excerpt(line: bytes) -> str:
    """The beginning of a line, for a message."""
    text = printable(line[:40].decode(errors="replace").rstrip())
    return f"{text}..." if len(line) > 40 else text


def read_line(line: bytes, kind: type[Record]) -> Record:
    """One line of a file.

    Raises:
        ValueError: it is no such record; the message says what it must be.
    """
    record = _decoded(line, kind, "must be a JSON object")
    if isinstance(record, Piece | Inherited) and len(set(map(len, record.curve.values()))) > 1:
        raise ValueError("curve: the lists must be of one length")
    return record


def _whole_file(data: bytes, kind: type[Record], path: SafePath) -> Record:
    try:
        return _decoded(data, kind, "must be readable JSON")
    except ValueError as error:
        raise RunError(f"{path}: {error}; {_DAMAGED}") from None


def _decoded(data: bytes, kind: type[Record], must: str) -> Record:
    """A record; `must` says what data has to be that is no JSON at all.

    Raises:
        ValueError: it is no such record; the message names the field, such as
            plan[0].rungs[0].trials, and what it must be.
    """
    try:
        record: Record = _DECODERS[kind].decode(data.decode())
    except msgspec.ValidationError as error:
        raise ValueError(in_words(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{must} ({error})") from None
    return record


def in_words(error: msgspec.ValidationError) -> str:
    """What msgspec found wrong, as a message of ours: where, what must hold, what was found.

    >>> in_words(msgspec.ValidationError("Expected `int`, got `str` - at `$.search.trials`"))
    'search.trials: must be int, found str'
    """
    found = _PLACE.fullmatch(str(error).replace("`", ""))
    assert found is not None  # it matches any text
    reason, place = found.groups()
    for words, ours in _WORDS.items():
        reason = reason.replace(words, ours)
    return f"{place}: {reason}" if place else reason


def _check_plan(plan: Sequence[Round], path: SafePath) -> None:
    """Refuse a plan whose rounds do not follow one another.

    Raises:
        RunError: a number in it cannot be.
    """
    if not plan:
        raise RunError(f"{path}: plan: must have a round at least, found none; {_DAMAGED}")
    first = plan[0].first
    for number, round in enumerate(plan):
        trials = [rung.trials for rung in round.rungs]
        sound = (
            round.number == number
            and round.first >= first  # between two rounds are settings that somebody has added
            and bool(trials)
            and trials[0] == round.trials
            and trials == sorted(trials, reverse=True)
            and trials[-1] > 0
            and all(rung.epochs > 0 for rung in round.rungs)
            and 0 <= round.progress <= 1
            and (round.lag is None or _is_lag(round.lag, max(len(r.rungs) for r in plan)))
        )
        if not sound:
            raise RunError(
                f"{path}: plan[{number}]: must follow from the rounds before it, found "
                f"{str(round)[:80]}; {_DAMAGED}"
            )
        first = round.first + round.trials


def _is_lag(lag: Sequence[int], rungs: int) -> bool:
    """Whether a round can look back so far: one number for each rung, none below that before."""
    return len(lag) >= rungs and lag[0] >= 1 and list(lag) == sorted(lag)


def _check_classes(test: Measured, classes: int, path: SafePath) -> None:
    """Refuse tables that have not a row (the matrix a column, too) for each class.

    Raises:
        RunError: one has not, or a pair of classes names one that there is not.
    """
    confusion, rates = test.confusion, test.per_class
    found = None
    if confusion is not None and any(len(side) != classes for side in (confusion, *confusion)):
        found = f"confusion must have {classes} rows and columns, one a class"
    elif rates is not None and any(
        len(values) != classes for values in (rates.rows, rates.precision, rates.recall, rates.f1)
    ):
        found = f"per_class must have {classes} values of each rate, one a class"
    elif any(max(true, other) >= classes or not rows for true, other, rows in test.confused):
        found = f"confused must name classes from 0 to {classes - 1} and how many rows"
    if found is not None:
        raise RunError(f"{path}: test: {found}; {_DAMAGED}")


def _as_trained(info: RunInfo) -> RunInfo:
    """Without the settings of `search.start` that rules 1 did not train: more than the trials."""
    search = info.config.get("search")
    if info.rules > 1 or not isinstance(search, dict):
        return info
    start, trials = search.get("start"), search.get("trials")
    if not (isinstance(start, list) and isinstance(trials, int)):
        return info
    search = {**search, "start": start[:trials]}
    return replace(info, config={**info.config, "search": search})
