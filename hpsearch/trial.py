"""A trial and what became of it: frozen, plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

HUGE = 2**63  # no count, seed or metric of ours is a whole number beyond it

Count = Annotated[int, Meta(ge=0, le=HUGE - 1)]
"""A whole number that counts something."""

Whole = Annotated[int, Meta(ge=1 - HUGE, le=HUGE - 1)]

Number = Whole | float
"""What a file may hold for a number; one that is undefined there is null."""

Value = bool | int | float | str | None
"""A hyperparameter's value as YAML knows it."""

Params = Mapping[str, Value | list[Value]]
"""The active parameters of one trial by name; a parameter with `per` holds a list."""


OUT_OF_TIME = "Timeout: the time of the search was over"
"""The error of a trial that the search had no time to train on."""

Training = tuple[int, int, int]
"""One training of a trial: number, repeat and fold."""


class Status(StrEnum):
    """The fate of a trial."""

    COMPLETED = "completed"  # trained to the end
    STOPPED = "stopped"  # weak at a rung
    DIVERGED = "diverged"  # a loss or metric became NaN or infinite
    FAILED = "failed"  # exception, timeout, or its worker died


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
    def trial(self) -> Trial:
        """The setting that was proposed."""
        return Trial(self.number, self.round, self.params)
