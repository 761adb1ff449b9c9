"""What a search tells those who watch it: the progress bar, the log, the report."""

from __future__ import annotations

from dataclasses import dataclass

from hpsearch.sampling.plan import Round
from hpsearch.store import RunDirectory
from hpsearch.trial import Result, Trial


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
class TrialEnded:
    """The fate of a trial is known; `best` is the best completed one so far, if any."""

    result: Result
    best: Result | None


@dataclass(frozen=True)
class TrialWentOn:
    """A trial that had stopped goes on, in the place of one that was lost."""

    trial: Trial


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


Event = (
    SearchStarted
    | RoundStarted
    | TrialEnded
    | TrialWentOn
    | ConfirmationStarted
    | FilesChanged
    | SearchEnded
)
