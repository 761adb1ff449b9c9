"""What trains the pieces of a babysat model: its trainer, one worker, and the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hpsearch.backends import Backend, Folders, Task
from hpsearch.config import Config
from hpsearch.data.dataset import Dataset
from hpsearch.errors import TrainerError
from hpsearch.searching.babysit.lines import Line, Settings
from hpsearch.searching.babysit.nudge import settings_with
from hpsearch.searching.trainer import Function, backend_of, here, trainer_of
from hpsearch.store.records import BabysitStart
from hpsearch.trainers.kinds import Kind, kind_of
from hpsearch.trainers.protocol import Job, Outcome, State, Trainer
from hpsearch.trial import Layer

Health = Callable[[Trainer, Job, State], list[Layer]]


@dataclass(frozen=True)
class Trained:
    """A piece that was trained.

    Attributes:
        outcome: of the trainer.
        layers: how they did at its end; empty where nobody asked, or the trainer does not tell.
        worker: its name.
        start: in seconds since the epoch.
        end: likewise.
    """

    outcome: Outcome
    layers: Sequence[Layer]
    worker: str
    start: float
    end: float


@dataclass(frozen=True)
class Bench:
    """What trains the pieces of a babysat model.

    Attributes:
        config: of the training.
        start: the identity of its random numbers, and the rules by which they are drawn.
        trainer: trains pieces.
        backend: has one worker, which keeps what a trainer holds between pieces.
        folds: the data, the first of which it is trained on; empty where a trainer reads its own.
    """

    config: Config
    start: BabysitStart
    trainer: Trainer
    backend: Backend
    folds: Sequence[Dataset]

    @property
    def kind(self) -> Kind:
        """The kind of trainer."""
        return kind_of(self.config.trainer)

    def job(self, line: Line, settings: Settings, until: int) -> Job:
        """A piece of a line, under the last of the settings that it had so far."""
        *before, last = [settings_with(self.config, params) for _, params in settings]
        ends = [epoch for epoch, _ in settings[1:]]
        return Job(
            number=line.number,
            settings=last,
            seed=self.start.seed,
            until_epoch=until,
            rules=self.start.rules,
            earlier=tuple(zip(ends, before, strict=True)),
            steered=True,
        )

    def submit(self, job: Job, state: State | None, look: bool = False) -> None:
        """Begin a piece; with `look`, how the layers do at its end is measured, too."""
        health = self.kind.health if look else None
        self.backend.submit(Task("piece", _train, (self.trainer, job, state, health)))

    def wait(self, timeout: float | None = None) -> Trained:
        """The piece that was begun.

        Raises:
            TimeoutError: it is not done yet.
            TrainerError: it failed.
        """
        answer = self.backend.next(timeout)
        if answer.kind != "ok":
            error = answer.error or f"the worker {answer.kind}"
            raise TrainerError(error.removeprefix("TrainerError: "))
        outcome, layers = answer.value
        return Trained(outcome, layers, answer.worker, answer.start, answer.end)

    def train(self, job: Job, state: State | None) -> Trained:
        """A piece, waited for.

        Raises:
            TrainerError: it failed.
        """
        self.submit(job, state)
        return self.wait()


def _train(
    trainer: Trainer, job: Job, state: State | None, health: Health | None
) -> tuple[Outcome, list[Layer]]:
    """Train a piece, at a worker, and look at the layers."""
    (outcome,) = trainer.train([job], [state])
    if health is None or outcome.state is None or not outcome.curve["epoch"]:
        return outcome, []
    return outcome, health(trainer, job, outcome.state)


@contextmanager
def bench(
    config: Config,
    start: BabysitStart,
    folder: Path,
    data: Path,
    folds: Sequence[Dataset],
    function: Function | None = None,
) -> Iterator[Bench]:
    """A bench, for a block.

    Args:
        config: of the training.
        start: of the model.
        folder: the run's, or a temporary one.
        data: the folder of the prepared arrays.
        folds: the data that they are of.
        function: handed over from Python, instead of one that the configuration names.
    """
    config = here(config)
    trainer = trainer_of(config, folder, data, folds, function)
    with backend_of(config, Folders(folder, data), most=1) as backend:
        yield Bench(config, start, trainer, backend, folds)
