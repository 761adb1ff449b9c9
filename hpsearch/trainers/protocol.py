"""What the search asks of a trainer: train some jobs a little further, and say how it went."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from hpsearch.nn.types import Array
from hpsearch.rng import RULES
from hpsearch.trial import Choosable, Training

State = dict[str, np.ndarray[Any, Any]]
"""What a trial needs to go on: named arrays, safe to save without pickle."""

Settings = Mapping[str, Choosable]
"""Every hyperparameter of one training by name: defaults, fixed settings, the trial's own."""

EPOCHS_PARAMETER = "own epochs"
"""The name in settings of a parameter that the user calls "epochs": no length of training."""

Curve = dict[str, list[float | None]]
"""One list for "epoch" and one for each metric, of equal lengths; an undefined number is None."""

Report = Callable[[Mapping[str, float | None]], None]
"""Called after each epoch with its number and metrics.

For a group of several jobs it is a `Reports`, and `report_of` gives that of each.
"""


@dataclass(frozen=True)
class Job:
    """One piece of training as plain values, so that any worker may do it.

    A model that is babysat is trained piece by piece, each under one setting. A job whose
    until_epoch is that of its state trains nothing: it tries whether a change is possible.
    """

    number: int  # of the trial
    settings: Settings
    seed: tuple[int | str, ...]  # identity of its random numbers, see rng.stream
    until_epoch: int  # train up to and including this epoch, counted from 1
    rung: int = 0
    repeat: int = 0
    fold: int = 0
    rules: int = RULES  # by which its random numbers are drawn
    earlier: tuple[tuple[int, Settings], ...] = ()  # those before, each with its last epoch
    steered: bool = False  # of a babysat model, whose next piece goes on from this one

    @property
    def training(self) -> Training:
        """The training that this is a piece of."""
        return self.number, self.repeat, self.fold

    def settings_of(self, epoch: int) -> Settings:
        """The settings that this epoch of the training has, counted from 1.

        >>> one = Job(0, {"rate": 0.1}, (0,), until_epoch=9, earlier=((5, {"rate": 1.0}),))
        >>> one.settings_of(5), one.settings_of(6)
        ({'rate': 1.0}, {'rate': 0.1})
        """
        return next((held for until, held in self.earlier if epoch <= until), self.settings)


@dataclass(frozen=True)
class Reports:
    """What the jobs of a group report to, each by itself."""

    of: Mapping[Training, Report]

    def __call__(self, row: Mapping[str, float | None]) -> None:
        """Nothing: a call does not say whose epoch it is of."""


def report_of(report: Report | None, job: Job) -> Report | None:
    """What one job of a group reports to."""
    return report.of[job.training] if isinstance(report, Reports) else report


@dataclass(frozen=True)
class Outcome:
    """What one piece of training gave: the curve of its own epochs, and the state after them.

    `diverged` says that a loss or metric became NaN or infinite; training ended there.
    `finished` says that more epochs would change nothing: all are done, or patience ran out.
    `remarks` say what people should know of it: "the optimizer's moments start anew".
    """

    curve: Curve
    state: State | None
    diverged: bool = False
    finished: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Best:
    """What makes one epoch of a training better than another: a metric and its goal."""

    metric: str
    goal: Literal["minimize", "maximize"]

    def cost(self, row: Mapping[str, float]) -> tuple[float, float]:
        """An epoch's metrics as something to minimise; val_loss decides between equals.

        >>> Best("val_accuracy", "maximize").cost({"val_accuracy": 0.98, "val_loss": 0.1})
        (-0.98, 0.1)
        """
        value = row[self.metric]
        return (-value if self.goal == "maximize" else value), row["val_loss"]


class Trainer(Protocol):
    """Trains groups of jobs. It is frozen and pickles; what it needs at work it opens itself."""

    def groups(self, jobs: Sequence[Job]) -> list[list[Job]]:
        """Which jobs are trained together as one array program; decided by the jobs alone."""
        ...

    def train(
        self, jobs: Sequence[Job], states: Sequence[State | None], report: Report | None = None
    ) -> list[Outcome]:
        """Train one group, each job from its state (None: from the start) to its until_epoch."""
        ...


class TrainsOneByOne(ABC):
    """A trainer whose jobs have nothing in common: each is a group by itself."""

    def groups(self, jobs: Sequence[Job]) -> list[list[Job]]:
        """Each job alone."""
        return [[job] for job in jobs]

    def train(
        self, jobs: Sequence[Job], states: Sequence[State | None], report: Report | None = None
    ) -> list[Outcome]:
        """Train each job from its state to its until_epoch; what `train_one` raises, it raises."""
        return [
            self.train_one(job, state, report_of(report, job))
            for job, state in zip(jobs, states, strict=True)
        ]

    @abstractmethod
    def train_one(self, job: Job, state: State | None, report: Report | None) -> Outcome:
        """Train a job from its state (None: from the start) to its until_epoch."""


class Predictor(Protocol):
    """A trained model that predicts."""

    @property
    def class_names(self) -> Array:
        """(classes,), the labels."""
        ...

    def probabilities(self, rows: Array) -> Array:
        """Class probabilities (rows, classes) of raw, unstandardised rows (rows, features)."""
        ...
