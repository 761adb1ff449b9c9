"""Following a command while it trains: which of its reports count, and when it has to end.

What counts depends on the reports alone, never on when they are seen. So a command that prints
faster than anybody looks, or trains on after its rung's epoch, gives the same trials.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from math import isfinite
from typing import Protocol

from hpsearch.errors import TrainerError
from hpsearch.trainers.command.process import GRACE, Tail, end, ending, has_ended, kill
from hpsearch.trainers.command.sources import Reported, Source
from hpsearch.trainers.protocol import Report
from hpsearch.trainers.user_training import Metrics, epoch_named, metrics_of, missing


class Course(Protocol):
    """What the reports of one piece of training come to.

    Attributes:
        over: no further report counts, nor how the command ends.
        late: how many reports came after the last epoch that counts.
        saves: the command is left to end by itself after that epoch, for it may save something.
    """

    over: bool
    late: int
    saves: bool

    def take(self, reports: Iterable[Reported]) -> None:
        """Count some reports, in order.

        Raises:
            TrainerError: one that counts is no result.
        """
        ...

    def rows(self) -> dict[int, Metrics]:
        """The metrics of each epoch; empty where nothing was reported.

        Raises:
            TrainerError: they are not those of a training.
        """
        ...


class Whole:
    """A training of one epoch: its last report counts, those before tell of its progress."""

    over = False
    late = 0
    saves = True

    def __init__(self, metric: str, report: Report | None = None) -> None:
        self._metric = metric
        self._report = report
        self._last: Reported | None = None

    def take(self, reports: Iterable[Reported]) -> None:
        """See `Course`; the last of these is shown, whatever is wrong with it."""
        before = self._last
        for each in reports:
            if self._last is None or self._metric in each.values:
                self._last = each
        if self._report is not None and self._last is not before:
            with suppress(TrainerError):
                self._report({"epoch": 1, **self.rows()[1]})

    def rows(self) -> dict[int, Metrics]:
        """See `Course`."""
        return {} if self._last is None else {1: metrics_of(self._last.values, self._metric)}


class Epochs:
    """A training of several epochs, which are reported one by one, named or counted.

    >>> course = Epochs("loss", until=2, saves=False)
    >>> course.take([Reported({"loss": 0.5}), Reported({"loss": 0.4}), Reported({"loss": 0.3})])
    >>> course.rows(), course.over
    ({1: {'loss': 0.5}, 2: {'loss': 0.4}}, True)
    """

    def __init__(
        self,
        metric: str,
        until: int,
        done: int = 0,
        saves: bool = True,
        report: Report | None = None,
        anew: bool = True,
    ) -> None:
        """Begin after an epoch.

        Args:
            metric: what counts.
            until: the last epoch that the command was asked for.
            done: the epoch that it went on from.
            saves: see `Course`.
            report: is given each epoch as it comes.
            anew: the command begins at its first epoch, which it may call 0. (Of one that goes on
                from a later epoch nobody could tell.)
        """
        self.over = False
        self.late = 0
        self.saves = saves
        self._anew = anew
        self._first = 1  # what the command calls its first epoch
        self._metric = metric
        self._until = until
        self._done = self._epoch = done
        self._report = report
        self._rows: dict[int, Metrics] = {}
        self._marks: dict[object, int] = {}  # the epochs of all that name one, by what does
        self._in_parts = False  # an epoch was reported more than once
        self._named = False

    def take(self, reports: Iterable[Reported]) -> None:
        """See `Course`."""
        for each in reports:
            if self.over:
                self.late += 1
            else:
                self._take(each)

    def _take(self, reported: Reported) -> None:
        if self._anew and not self._rows and reported.epoch == 0:
            self._first = 0
        named = None if reported.epoch is None else self._number(reported.epoch)
        mark = reported.key if named is None else named
        known = None if mark is None else self._marks.get(mark)
        epoch = known or named or self._epoch + 1
        past = self._until in self._rows and epoch != self._until and not self.saves
        if epoch > self._until or past:
            self.over = True
            self.late = 1
            return
        if mark is not None:
            self._marks[mark] = epoch
        self._in_parts |= known is not None
        self._named |= named is not None
        if known is None or named is not None:  # a step that is amended is not the last one
            self._epoch = epoch
        self._rows[epoch] = row = metrics_of(reported.values, self._metric, epoch)
        if self._report is not None:
            self._report({"epoch": epoch, **row})
        diverged = not all(map(isfinite, row.values()))
        self.over = diverged or (epoch == self._until and not self.saves and self._at_once(mark))

    def _number(self, named: object) -> int | None:
        """The number of an epoch, counted from 1, that is named."""
        if self._first == 0 and isinstance(named, int | float):
            named += 1
        return epoch_named({"epoch": named})

    def _at_once(self, mark: object) -> bool:
        """Whether an epoch is complete when it is first reported, as all before it were.

        Where it is the first of those that name themselves, nobody can tell.
        """
        return mark is None or (len(self._rows) > 1 and not self._in_parts)

    def rows(self) -> dict[int, Metrics]:
        """See `Course`."""
        only = len(self._rows) == 1 and not (self.over or self._in_parts or self._named)
        if only and self._until - self._done > 1:
            raise TrainerError(
                f"each epoch must have its own result, found one for {self._until - self._done} "
                "epochs; print one an epoch (with an 'epoch' if there is but one), or leave "
                "trainer.epochs out"
            )
        # What is over without an epoch began beyond the last one that was asked for.
        first, last = self._done + 1, self._until if self.over else self._done
        if min(self._rows, default=last + 1) > first:
            raise missing(self._metric, first)
        return self._rows


def follow(
    process: subprocess.Popen[bytes], source: Source, course: Course, stdout: Tail, stderr: Tail
) -> dict[int, Metrics]:
    """Follow a command to its end, or end it once all that counts is reported.

    Args:
        process: of the command, just started.
        source: where its metrics are.
        course: what they come to.
        stdout: what it prints.
        stderr: and what goes there.

    Raises:
        TrainerError: it failed, printed too much, or what it reported is no result.
    """
    ended = False
    while not (ended or course.over):
        ended = has_ended(process)
        if ended:
            kill(process)  # what it left running shall report no more
        full = stdout.full or stderr.full
        try:
            reports = source.look(ended and not full)
        except TrainerError:
            if process.returncode:
                break
            raise
        course.take(reports)
        if full and not course.over:
            raise TrainerError(
                f"the command printed more than {stdout.most:,} bytes, and was ended"
            )
    if course.over:
        if not ended:
            _end(process, source, course, stdout, stderr)
    elif process.returncode:
        raise TrainerError(ending(process, stderr))
    rows = course.rows()
    if not (rows or course.over):
        raise source.nothing()
    return rows


def _end(
    process: subprocess.Popen[bytes], source: Source, course: Course, stdout: Tail, stderr: Tail
) -> None:
    """End a command whose further reports do not count.

    One that has trained in full and reports once more may be at its summary, and about to save.
    """
    until = time.monotonic() + GRACE
    while course.saves and course.late == 1 and time.monotonic() < until:
        if has_ended(process):
            return
        with suppress(TrainerError):
            course.take(source.look(ended=False))
    end(process, lambda: stdout.full or stderr.full)
