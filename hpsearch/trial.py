"""A trial and what became of it: frozen, plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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


@dataclass(frozen=True)
class Trial:
    """One setting, proposed."""

    number: int
    round: int
    params: Params


@dataclass(frozen=True)
class Piece:
    """One finished piece of training: a line of curves.jsonl.

    `curve` maps "epoch" and each metric to one number an epoch; `epochs` counts from the
    trial's start, so the pieces of a trial join into one learning curve.
    """

    number: int
    repeat: int
    fold: int
    rung: int
    epochs: int
    value: float | None
    curve: Mapping[str, list[float | None]]

    @property
    def training(self) -> Training:
        """The training that this is a piece of."""
        return self.number, self.repeat, self.fold


@dataclass(frozen=True)
class Result:
    """A trial whose fate is known: a line of trials.jsonl. Only `completed` results can win."""

    number: int
    round: int
    status: Status
    params: Params
    epochs: int
    metrics: Mapping[str, float | None]
    value: float | None
    error: str | None
    started: str  # ISO 8601, UTC
    seconds: float

    @property
    def cut(self) -> bool:
        """Whether it stopped only because the search did: with more time it goes on."""
        return self.error == OUT_OF_TIME

    @property
    def trial(self) -> Trial:
        """The setting that was proposed."""
        return Trial(self.number, self.round, self.params)
