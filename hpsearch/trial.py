"""A trial, the plan that it is part of, and what became of it: frozen, plain values.

`Piece`, `Result`, `Inherited`, `Span`, `Intervention`, `Act` and `Diagnosis` are lines of a run's
files, `Round` and `Rung` a part of its run.json: their fields and types are those of the files,
see docs/run_format.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

HUGE = 2**63  # no count, seed or metric of ours is a whole number beyond it

Count = Annotated[int, Meta(ge=0, le=HUGE - 1)]
"""A whole number that counts something."""

Whole = Annotated[int, Meta(ge=1 - HUGE, le=HUGE - 1)]

Number = Whole | float
"""What a file may hold for a number; one that is undefined there is null."""

Value = bool | int | float | str | None
"""A hyperparameter's value as YAML knows it."""

Choosable = Value | list[Value] | dict[str, Value | list[Value]]
"""One of the values of a choice: a value, or a list or mapping that counts as one value."""

Params = Mapping[str, Choosable]
"""The active parameters of one trial by name; a parameter with `per` holds a list."""


OUT_OF_TIME = "Timeout: the time of the search was over"
"""The error of a trial that the search had no time to train on."""

BY_HAND = "Stopped: by hand"
"""The error of a trial that somebody stopped, with `hpsearch stop RUN --trial N`."""

Training = tuple[int, int, int]
"""One training of a trial: number, repeat and fold."""


def whole_name(training: Training) -> str:
    """What checkpoints and the like of a training are called by.

    >>> whole_name((3, 0, 0)), whole_name((3, 1, 0))
    ('3-0-0', '3-1-0')
    """
    return "-".join(map(str, training))


def short_name(training: Training) -> str:
    """What people see of a training is called by: its trial, and any further repeat or fold.

    >>> short_name((3, 0, 0)), short_name((3, 1, 0))
    ('3', '3-1-0')
    """
    return whole_name(training) if any(training[1:]) else str(training[0])


class Status(StrEnum):
    """The fate of a trial."""

    COMPLETED = "completed"  # trained to the end
    STOPPED = "stopped"  # weak at a rung
    DIVERGED = "diverged"  # a loss or metric became NaN or infinite
    FAILED = "failed"  # exception, timeout, or its worker died


@dataclass(frozen=True, slots=True)
class Rung:
    """An amount of training in epochs, and how many trials of a round get it."""

    trials: Count
    epochs: Count


@dataclass(frozen=True, slots=True)
class Round:
    """A step from coarse to fine: the trials from number `first` to first + trials - 1.

    `lag` says for each rung how many rounds earlier a round must be for this one to look at its
    trials there; None: of the round before it looks at all rungs but the last. See
    `searching.stages`.
    """

    number: Count
    first: Count
    trials: Count
    progress: Number  # share of the planned trials proposed before this round
    rungs: tuple[Rung, ...]
    lag: tuple[Count, ...] | None = field(default=None, metadata={"absent": True})


@dataclass(frozen=True, slots=True)
class Ending:
    """What ended a search before its plan did, and its last trial: there is none beyond."""

    by: str  # target, max_failures or patience, see `searching.limits`
    last: Count  # the number of that trial


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting, proposed."""

    number: int
    round: int
    params: Params


@dataclass(frozen=True, slots=True)
class Piece:
    """One finished piece of training: a line of curves.jsonl.

    `curve` maps "epoch" and each metric to one number an epoch; `epochs` counts from the
    trial's start, so the pieces of a trial join into one learning curve.
    """

    number: Count
    repeat: Count
    fold: Count
    rung: Count
    epochs: Count
    value: Number | None
    curve: Mapping[str, list[Number | None]]

    @property
    def training(self) -> Training:
        """The training that this is a piece of."""
        return self.number, self.repeat, self.fold


@dataclass(frozen=True, slots=True)
class Result:
    """A trial whose fate is known: a line of trials.jsonl. Only `completed` results can win."""

    number: Count
    round: Count
    status: Status
    params: Params
    epochs: Count
    metrics: Mapping[str, Number | None]
    value: Number | None
    error: str | None
    started: str  # ISO 8601, UTC
    seconds: Number

    @property
    def cut(self) -> bool:
        """Whether it stopped only because the search did: with more time it goes on."""
        return self.error == OUT_OF_TIME

    @property
    def by_hand(self) -> bool:
        """Whether somebody stopped it: it never goes on."""
        return self.error == BY_HAND

    @property
    def trial(self) -> Trial:
        """The setting that was proposed."""
        return Trial(self.number, self.round, self.params)


@dataclass(frozen=True, slots=True)
class Inherited(Result):
    """A trial of a refined run's parent: a line of history.jsonl."""

    curve: Mapping[str, Sequence[Number | None]]
    seed: tuple[int | str, ...]  # the identity of its random numbers
    rules: Count = 1  # by which it was trained; the first runs did not record them


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When a worker trained a piece, in seconds since the run began: a line of timeline.jsonl.

    `repeat` and `fold` are None in lines of versions that did not record them. What a `lost`
    worker had trained is trained again: it is no time of the trial's. An attempt that ended
    with an `error` is.
    """

    number: Count
    repeat: Count | None = None
    fold: Count | None = None
    rung: Count
    worker: str  # its number; on a cluster HOST/NAME, and with several at once HOST/NAME/NUMBER
    start: Number
    end: Number
    lost: Literal[True] | UnsetType = UNSET  # whether the worker went away before its answer
    error: str | UnsetType = UNSET  # why it failed, in a search with `search.retries`

    @property
    def kept(self) -> bool:
        """Whether its worker answered, so that this is time of the trial's."""
        return self.lost is not True


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """A babysat model after an epoch: where another line of pieces may begin."""

    trial: Count
    epoch: Count  # 0 before the first


Action = Literal["set", "undo", "branch", "pause", "continue", "stop", "rescue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """What was done to a babysat model: a line of interventions.jsonl, its diary.

    Training goes on after `epoch` of the line `trial`: its last one, or for undo, branch and
    rescue an earlier one, where a new number begins with what held on that line there. `set`
    maps each changed parameter to its values before and after, null where it was not set.
    """

    time: str  # ISO 8601, UTC
    trial: Count
    epoch: Count
    action: Action
    set: Mapping[str, tuple[Choosable, Choosable]]
    note: str | None
    by: Literal["key", "steer", "python", "rescue"]

    @property
    def point(self) -> Point:
        """From where training goes on."""
        return Point(self.trial, self.epoch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What somebody did to a search: a line of its interventions.jsonl.

    The trials of a search follow from its configuration and from these lines. To `add` a setting
    gives it a `trial` number beyond the plan; it is trained in full, and the rounds from `round`
    on look at it. To `stop` a trial ends it once it has come through so many `rungs`; without a
    trial it ended a process that searched, which decides nothing.
    """

    time: str  # ISO 8601, UTC
    action: Literal["add", "stop", "note"]
    trial: Count | None = None
    params: Params | None = None
    round: Count | None = None
    rungs: Count | None = None
    note: str | None = None
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """How one layer of a network trains: what a practitioner looks at.

    Attributes:
        name: "hidden 1", ..., "output".
        weight: norm of its weights W.
        gradient: norm of the loss's gradient by W on one mini-batch, the next one.
        update: norm of the step that the optimizer would take on W with it.
        dead: share of its units that are 0 on each of some rows; None where none can be.
        shift: how far the mini-batch's means are from those that batch norm uses at test time,
            in standard deviations, averaged over the units; None without batch norm.
    """

    name: str
    weight: Number | None  # None, as all of them, where it is not finite
    gradient: Number | None
    update: Number | None
    dead: Number | None = None
    shift: Number | None = None

    @property
    def ratio(self) -> float | None:
        """The step's norm over the weights'; a practitioner looks for about 1e-3."""
        if self.update is None or not self.weight:
            return None
        return self.update / self.weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """How the layers of a babysat network did: a line of diagnostics.jsonl."""

    number: Count
    epoch: Count
    seconds: Number  # that an epoch took
    layers: Sequence[Layer]


def is_stored_number(value: Any) -> bool:
    """Whether a value is what a file may hold for a number, see `Number`."""
    if type(value) is float:
        return isfinite(value)
    return type(value) is int and abs(value) < HUGE
