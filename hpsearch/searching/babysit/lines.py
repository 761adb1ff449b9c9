"""The lines of pieces of a babysat model, and what each intervention makes of them.

Everything follows from the first setting and the diary, so a run that was killed, and a replay,
know what the session knew. A line has a number, as a trial has; `set` goes on under the same
number, while `undo`, `branch` and `rescue` start a new one at an epoch that was trained before.
The line with the highest number is the one in training.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpsearch.trial import Intervention, Params, Point

LENGTH = "epochs"
"""The length of the training: it may grow, which is no change that undo takes back."""

Settings = tuple[tuple[int, Params], ...]
"""The settings of a line: each with the epoch after which it holds, the first with 0."""


@dataclass(frozen=True)
class Nudge:
    """A change of the setting that can be undone: after which epoch, and what held before."""

    epoch: int
    before: Settings


@dataclass(frozen=True)
class Line:
    """A line of pieces.

    Attributes:
        number: of the line.
        origin: the point at which it left another line; None for the first.
        settings: all of the line's, also those that it had before its origin.
        nudges: the changes on its way, the last one last.
    """

    number: int
    origin: Point | None
    settings: Settings
    nudges: tuple[Nudge, ...] = ()

    @property
    def began(self) -> int:
        """The epoch after which its own epochs begin."""
        return 0 if self.origin is None else self.origin.epoch

    @property
    def params(self) -> Params:
        """Its last setting."""
        return self.settings[-1][1]

    def params_after(self, epoch: int) -> Params:
        """The setting that held in an epoch's training: the last one from before it ended."""
        return next(params for start, params in reversed(self.settings) if start < max(1, epoch))

    def until(self, epoch: int) -> Line:
        """The same line as it was after an epoch, with what was changed there."""
        return replace(
            self,
            settings=tuple(each for each in self.settings if each[0] <= epoch),
            nudges=tuple(nudge for nudge in self.nudges if nudge.epoch <= epoch),
        )

    def changed(self, epoch: int, changes: Mapping[str, Any]) -> Line:
        """The line with some parameters changed after its last epoch; none leaves it as it is."""
        if not changes:
            return self
        before = tuple(each for each in self.settings if each[0] < epoch)
        settings = (*before, (epoch, {**self.params, **changes}))
        nudge = (Nudge(epoch, self.settings),) if changes.keys() - {LENGTH} else ()
        return replace(self, settings=settings, nudges=(*self.nudges, *nudge))

    def pieces(self, start: int, end: int) -> Iterator[tuple[int, Settings]]:
        """The pieces from one epoch to another: where each ends, and its settings so far."""
        changes = [epoch for epoch, _ in self.settings if start < epoch < end]
        for stop in (*changes, end):
            yield stop, tuple(each for each in self.settings if each[0] < stop)


@dataclass(frozen=True)
class Lines:
    """All lines of a babysat model.

    >>> lines = Lines((Line(0, None, ((0, {"learning_rate": 0.1}),)),))
    >>> lines = lines.changed(5, {"learning_rate": 0.3}).branched(Point(0, 2))
    >>> lines.active.params, lines.owner(1, 2), lines.owner(1, 3)
    ({'learning_rate': 0.1}, 0, 1)
    """

    all: tuple[Line, ...]
    paused: bool = False

    @property
    def active(self) -> Line:
        """The line in training."""
        return self.all[-1]

    def owner(self, number: int, epoch: int) -> int:
        """The number under which an epoch of a line was trained, perhaps before it began."""
        line = self.all[number]
        while line.origin is not None and epoch <= line.began:
            line = self.all[line.origin.trial]
        return line.number

    def changed(self, epoch: int, changes: Mapping[str, Any]) -> Lines:
        """The active line, whose last epoch this is, goes on with other values."""
        return replace(self, all=(*self.all[:-1], self.active.changed(epoch, changes)))

    def branched(self, point: Point, changes: Mapping[str, Any] | None = None) -> Lines:
        """A new line begins at a point, with the setting that went on there, or another."""
        line = replace(self.all[point.trial].until(point.epoch), number=len(self.all))
        origin = Point(self.owner(point.trial, point.epoch), point.epoch)
        line = self._as_long(replace(line, origin=origin), point.epoch)
        return replace(self, all=(*self.all, line.changed(point.epoch, changes or {})))

    def undone(self) -> Lines:
        """A new line begins before the last change of the active one, without it."""
        active, last = self.active, self.active.nudges[-1]
        origin = Point(self.owner(active.number, last.epoch), last.epoch)
        line = Line(len(self.all), origin, last.before, active.nudges[:-1])
        return replace(self, all=(*self.all, self._as_long(line, last.epoch)))

    def _as_long(self, line: Line, epoch: int) -> Line:
        """A line that trains as long as the active one, whatever was planned at that epoch."""
        length = self.active.params.get(LENGTH)
        if length is None or length == line.params.get(LENGTH):
            return line
        return line.changed(epoch, {LENGTH: length})

    def after(self, done: Intervention) -> Lines:
        """The lines after an intervention of the diary.

        Raises:
            ValueError: it does not fit what was done before.
        """
        changes = {name: after for name, (_, after) in done.set.items()}
        if not done.trial < len(self.all):
            raise ValueError(f"trial: must be one of 0 to {len(self.all) - 1}, found {done.trial}")
        if done.action == "undo":
            nudges = self.active.nudges
            if done.trial != self.active.number or not nudges or nudges[-1].epoch != done.epoch:
                raise ValueError(f"undo: there is no change to undo at {_where(done.point)}")
            return self.undone()
        if done.action in ("branch", "rescue"):
            return self.branched(done.point, changes)
        if done.action == "set":
            if done.trial != self.active.number or done.epoch < self.active.settings[-1][0]:
                raise ValueError(f"set: must go on with the last line, found {_where(done.point)}")
            return self.changed(done.epoch, changes)
        return replace(self, paused=done.action == "pause")


def _where(point: Point) -> str:
    """A point in words."""
    return f"epoch {point.epoch} of branch {point.trial}"


def lines_of(settings: Settings, diary: Iterable[Intervention]) -> Lines:
    """The lines that a diary tells of.

    Args:
        settings: with which the model begins; a second one, after some epoch, can be undone.
        diary: what was done, in order.

    Raises:
        ValueError: an intervention does not fit those before it; the message begins with its
            place in the diary, counted from 1.
    """
    nudges = tuple(Nudge(settings[k][0], settings[:k]) for k in range(1, len(settings)))
    lines = Lines((Line(0, None, settings, nudges),))
    for place, done in enumerate(diary, 1):
        try:
            lines = lines.after(done)
        except ValueError as error:
            raise ValueError(f"line {place}: {error}") from None
    return lines
