"""What the trainings at work have reported so far: for the bar and the page, and never a result.

A trainer calls `report` after each epoch, which keeps the metrics in memory and does nothing
else. A thread of the worker's writes them now and then: a small file a training, in the run's
hidden folder `.running`, replaced whole. The worker removes the file as its piece ends; the search
removes the files of workers that it has lost, and the folder with the last trial. A worker makes
no folder: where the run was deleted, or is on another machine's disk, nothing is written.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeVar

import msgspec

from hpsearch.backends import node
from hpsearch.errors import RunError
from hpsearch.store import SafePath
from hpsearch.trainers.protocol import Job, Outcome, Report, Reports, State, Trainer
from hpsearch.trial import Count, Number, Params, Training, whole_name

LOOK = 0.5
"""Seconds between two looks of the thread at what was reported, at least."""

SHARE = 0.002
"""Of the time that the thread may take: where writing takes long, it looks less often."""

IDLE = 10
"""Looks at nothing until the thread goes away."""

NEWEST = 20
"""Epochs that are kept of those between two looks."""

MOST_EPOCHS = 400
"""Epochs of a curve that are written; of more, about every second one is left out, repeatedly."""

MOST_BYTES = 2**20
"""Of a file that is read."""

NAME = re.compile(r"\d+-\d+-\d+\.json")


def name_of(training: Training) -> str:
    """The name of a training's file."""
    return f"{whole_name(training)}.json"


@dataclass(frozen=True)
class Latest:
    """The last values that a training at work has reported: a part of a file in `.running`.

    Attributes:
        number: of the trial.
        repeat: of the training.
        fold: of the training.
        rung: of the piece.
        until: the epoch at which the piece ends.
        last: the epoch, and the last known value of each metric; empty before the first report.
    """

    number: Count
    repeat: Count
    fold: Count
    rung: Count
    until: Count
    last: Mapping[str, Number]

    @property
    def training(self) -> Training:
        """The training that is at work."""
        return self.number, self.repeat, self.fold


@dataclass(frozen=True)
class Running(Latest):
    """All that a training at work has reported of its piece: a file in `.running`.

    Attributes:
        settings: every hyperparameter, the trial's own among them.
        curve: as in `Piece`, but some epochs may be left out; empty before the first report.
    """

    settings: Params
    curve: Mapping[str, list[Number | None]]


Found = TypeVar("Found", bound=Latest)

_DECODERS: dict[type[Latest], msgspec.json.Decoder[Any]] = {
    Latest: msgspec.json.Decoder(Latest),  # which passes over the curve: a search looks often
    Running: msgspec.json.Decoder(Running),
}


class AtWork:
    """A training at work in this process, and what it has reported."""

    def __init__(self, folder: SafePath, job: Job):
        self._folder, self._job = folder, job
        self._rows: deque[dict[str, float | None]] = deque(maxlen=NEWEST)
        self._curve: dict[str, list[float | None]] = {"epoch": []}
        self._last: dict[str, float] = {}
        self._written = False

    def report(self, row: Mapping[str, float | None]) -> None:
        """Keep an epoch's metrics; the trainer waits for this, so it does no more."""
        self._rows.append(dict(row))

    @property
    def _path(self) -> SafePath:
        return self._folder / name_of(self._job.training)

    def write(self) -> None:
        """Write what is new; at first also nothing, over what a lost worker may have left."""
        if self._written and not self._rows:
            return
        while self._rows:
            self._add(self._rows.popleft())
        job, self._written = self._job, True
        about = (*job.training, job.rung, job.until_epoch)
        data = msgspec.json.encode(Running(*about, self._last, job.settings, self._curve))
        self._path.write(lambda file: file.write(data), durable=False)

    def remove(self) -> None:
        """Remove the file, if one was written."""
        if self._written:
            with suppress(OSError, RunError):
                self._path.remove()

    def _add(self, row: Mapping[str, float | None]) -> None:
        """Add an epoch to the curve, in the place of what was reported of it before."""
        epoch = _plain(row.get("epoch"))
        if epoch is None:
            return
        curve, epochs = self._curve, self._curve["epoch"]
        while epochs and (epochs[-1] or 0) >= epoch:
            for values in curve.values():
                values.pop()
        before = len(epochs)
        for name in row:
            curve.setdefault(name, [None] * before)
        for name, values in curve.items():
            value = epoch if name == "epoch" else _plain(row.get(name))
            values.append(value)
            if value is not None:
                self._last[name] = value
        if before >= MOST_EPOCHS:
            for name, values in curve.items():
                curve[name] = values[::-2][::-1]  # the last one stays


def _plain(value: Any) -> float | None:
    """A number as JSON knows it; None where it is none."""
    try:
        found = value if isinstance(value, int) else float(value)
    except (TypeError, ValueError):
        return None
    return found if isfinite(found) else None


class _Writer:
    """The thread that writes what trainings report.

    One thread for many trainings, since to start and to end one takes longer than a short
    training. It goes away when there has been nothing to look at for a while.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # whoever holds it may count on who is at work
        self._at_work: set[AtWork] = set()
        self._thread: threading.Thread | None = None

    @contextmanager
    def writing(self, trainings: Collection[AtWork]) -> Iterator[None]:
        """Write for these trainings during a block."""
        with self._lock:
            self._at_work.update(trainings)
            if self._thread is None:
                thread = threading.Thread(target=self._look, daemon=True)
                with suppress(RuntimeError):  # there is no room for one
                    thread.start()
                    self._thread = thread
        try:
            yield
        finally:
            with self._lock:
                mine = self._at_work.intersection(trainings)  # none of them in a forked process
                self._at_work -= mine
                for each in mine:
                    each.remove()

    def _look(self) -> None:
        idle, pause = 0, LOOK
        while True:
            time.sleep(pause)
            began = time.thread_time()
            for each in list(self._at_work):
                with self._lock:
                    if each in self._at_work:
                        with suppress(Exception):  # a picture is never worth a training
                            each.write()
            pause = max(LOOK, (time.thread_time() - began) / SHARE)
            with self._lock:
                idle = 0 if self._at_work else idle + 1
                if idle >= IDLE:
                    self._thread = None
                    return


_WRITER = _Writer()
os.register_at_fork(after_in_child=_WRITER.__init__)  # type: ignore[misc]  # threads stay behind


@contextmanager
def reported(folder: SafePath, jobs: Sequence[Job]) -> Iterator[Report | None]:
    """Give what a group of jobs reports to, for as long as it trains."""
    at = node.here()
    if at is not None and at.folders is not None:  # another machine, where no run's folder is
        yield None
        return
    trainings = {job.training: AtWork(folder, job) for job in jobs}
    with _WRITER.writing(trainings.values()):
        if len(trainings) == 1:
            yield next(iter(trainings.values())).report
        else:
            yield Reports({training: each.report for training, each in trainings.items()})


@dataclass(frozen=True)
class ReportingTrainer:
    """A trainer that shows what its jobs report while they train.

    Attributes:
        trainer: that trains.
        folder: where the files of what is reported go.
    """

    trainer: Trainer
    folder: SafePath

    def groups(self, jobs: Sequence[Job]) -> list[list[Job]]:
        """See `Trainer`."""
        return self.trainer.groups(jobs)

    def train(
        self, jobs: Sequence[Job], states: Sequence[State | None], report: Report | None = None
    ) -> list[Outcome]:
        """See `Trainer`; a `report` of the caller's takes the place of the files."""
        if report is not None:
            return self.trainer.train(jobs, states, report)
        with reported(self.folder, jobs) as shown:
            return self.trainer.train(jobs, states, shown)


def running_in(folder: SafePath) -> list[Running]:
    """What the trainings at work have reported, by number; what cannot be read is left out."""
    try:
        names = [name for name in folder.names() if NAME.fullmatch(name)]
    except (OSError, RunError):
        return []
    found = (read(folder / name, Running) for name in names)
    sound = (one for one in found if one is not None and _is_curve(one.curve))
    return sorted(sound, key=lambda one: one.training)


def read(path: SafePath, kind: type[Found]) -> Found | None:
    """What a training has reported, all or the last; None where its file is gone or damaged."""
    try:
        found: Found = _DECODERS[kind].decode(path.read_bytes(MOST_BYTES))
    except (OSError, RunError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    named = path.name == name_of(found.training)
    return found if named and all(map(isfinite, found.last.values())) else None


def _is_curve(curve: Mapping[str, list[Number | None]]) -> bool:
    """Whether there is an epoch for each value, and no value is beyond the largest float."""
    epochs = curve.get("epoch", [None])
    sound = None not in epochs and {len(values) for values in curve.values()} == {len(epochs)}
    return sound and all(v is None or isfinite(v) for values in curve.values() for v in values)
