"""What a search reports to its listeners: the progress bar, the log, the live page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hpsearch.store import RunDirectory
from hpsearch.trainers.reporting import Latest
from hpsearch.trial import Result, Round, Trial


@dataclass(frozen=True)
class RunOpened:
    """A run directory was made, or is gone on with; nothing has been trained yet.

    Attributes:
        run: the run directory.
        shortage: what to say where the space holds fewer settings than trials; else None.
        grid: how many settings sampler grid tries; None of another sampler.
        unsealed: what to say where the run could not be sealed; else None.
    """

    run: RunDirectory
    shortage: str | None
    unsealed: str | None
    grid: str | None = None


@dataclass(frozen=True)
class SearchStarted:
    """Training begins, or goes on: `done` of `trials` are on disk already."""

    run: RunDirectory
    trials: int
    done: int
    jobs: int


@dataclass(frozen=True)
class RoundStarted:
    """The trials of a round are proposed."""

    round: Round
    rounds: int


@dataclass(frozen=True)
class TrialAdded:
    """Somebody has added a setting of their own, beyond the plan."""

    trial: Trial


@dataclass(frozen=True)
class TrialEnded:
    """The fate of a trial is known; `best` is the best completed one so far, if any."""

    result: Result
    best: Result | None


@dataclass(frozen=True)
class TrialWentOn:
    """A trial that had stopped goes on, in the place of one that was lost."""

    trial: Trial


@dataclass(frozen=True)
class TrialsReported:
    """What the trainings at work have reported last; comes about once a second.

    Attributes:
        running: those that have begun to write, by number.
        metric: the one that is searched.
    """

    running: tuple[Latest, ...]
    metric: str


@dataclass(frozen=True)
class ConfirmationStarted:
    """The best settings are trained again with new seeds."""

    settings: int
    trainings: int


@dataclass(frozen=True)
class SearchEnded:
    """Everything is on disk."""

    run: RunDirectory


@dataclass(frozen=True)
class FilesChanged:
    """Somebody deleted or changed a file of the run, which was written anew."""

    message: str


@dataclass(frozen=True)
class Remarked:
    """What people should know, and nobody has to act on.

    The trainer of a babysat model says that it did not read a change; a cluster, that one of its
    workers has another version of NumPy.
    """

    message: str


Event = (
    RunOpened
    | SearchStarted
    | RoundStarted
    | TrialAdded
    | TrialEnded
    | TrialWentOn
    | TrialsReported
    | ConfirmationStarted
    | FilesChanged
    | Remarked
    | SearchEnded
)

Listener = Callable[[Event], None]
"""Is called with every event, in the process that conducts the search."""
