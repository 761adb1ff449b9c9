"""A babysat model's record: what was trained and what was done, in memory and on disk.

It needs no trainer, so a command may change an idle run by it. What it does reaches the disk
before it counts, in this order: the diary's line, then the fate of the line that was left. A
kill in between leaves a line without a fate, which the next writer settles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hpsearch.errors import RunError
from hpsearch.fields import show
from hpsearch.messages import printable
from hpsearch.searching.babysit import nudge
from hpsearch.searching.babysit.lines import LENGTH, Lines
from hpsearch.searching.babysit.story import Story, read
from hpsearch.searching.curves import Curve, end_to_end
from hpsearch.searching.history import LOST
from hpsearch.store import RunDirectory, Writer
from hpsearch.store.repair import FOLDER as DAMAGED
from hpsearch.store.requests import Request, check_note
from hpsearch.store.snapshots import Snapshots
from hpsearch.trial import (
    Diagnosis,
    Intervention,
    Layer,
    Params,
    Piece,
    Point,
    Result,
    Span,
    Status,
)


class Record:
    """A babysat model's run, for whoever holds its lock.

    Attributes:
        story: what became of the model so far.
        writer: of the run directory.
        snapshots: from which training goes on.
    """

    def __init__(self, run: RunDirectory, writer: Writer):
        """Read a run, and settle what a crash left open.

        Raises:
            RunError: its files are damaged.
        """
        self.run, self.writer = run, writer
        self.snapshots = Snapshots(run.inside)
        story = read(run, lacking=(run.inside / DAMAGED).is_folder())  # if it was repaired
        self.snapshots.sweep({n: story.last_epoch(n) for n in story.own})
        self.config, self.criterion, self.info = story.config, story.criterion, story.info
        self.lines: Lines = story.lines
        self._own: dict[int, Curve] = dict(story.own)
        self._diary: list[Intervention] = list(story.diary)
        self._results: dict[int, Result] = dict(story.results)
        self._diagnostics: list[Diagnosis] = list(story.diagnostics)
        self._spans: dict[int, list[Span]] = {}
        for span in run.timeline:
            if span.kept:
                self._spans.setdefault(span.number, []).append(span)
        self._settle_left()
        found = self._results.get(self.number)
        if found is not None and (found.params != self.params or found.epochs > self.epoch):
            self.reopen()  # a crash came before a change had taken back the end, or took epochs

    @property
    def story(self) -> Story:
        """The record as it is now."""
        return Story(
            run=self.run,
            info=self.info,
            config=self.config,
            criterion=self.criterion,
            lines=self.lines,
            own=self._own,
            diary=self._diary,
            results=self._results,
            diagnostics=self._diagnostics,
        )

    @property
    def number(self) -> int:
        """The line in training."""
        return self.lines.active.number

    @property
    def epoch(self) -> int:
        """Its last epoch."""
        return self.lines.active.began + len(self._own[self.number].get("epoch", ()))

    @property
    def epochs(self) -> int:
        """How many epochs are planned."""
        return self.story.epochs

    @property
    def params(self) -> Params:
        """The setting of the line in training."""
        return self.lines.active.params

    @property
    def over(self) -> bool:
        """Whether the line in training has come to its end."""
        found = self._results.get(self.number)
        return found is not None and found.status is Status.COMPLETED

    # Training

    def trained(self, curve: Curve, span: Span) -> None:
        """Record new epochs of the line in training."""
        self._append(self.number, curve)
        self._spans.setdefault(self.number, []).append(span)
        self.writer.worked(span)

    def filled(self, number: int, curve: Curve) -> None:
        """Record epochs of a line that was left, which a repaired run lacked."""
        self._append(number, curve)
        self._settle_left()

    def _append(self, number: int, curve: Curve) -> None:
        """Record epochs that follow the last one of a line."""
        self._own[number] = end_to_end([self._own[number], curve])
        values, epochs = curve.get(self.criterion.name), self.story.last_epoch(number)
        piece = Piece(number, 0, 0, 0, epochs, values[-1] if values else None, curve)  # type: ignore[arg-type]
        self.writer.piece(piece)

    def diagnosed(self, layers: Sequence[Layer], seconds: float) -> None:
        """Record how the layers did after the last epoch."""
        found = Diagnosis(
            number=self.number, epoch=self.epoch, seconds=round(seconds, 6), layers=layers
        )
        self._diagnostics.append(found)
        self.writer.diagnosed(found)

    def settle(self, number: int, status: Status, error: str | None = None) -> None:
        """Record the fate of a line; one that is known stays."""
        if number in self._results:
            return
        story = self.story
        curve, epochs = story.curve(number), story.last_epoch(number)
        metrics = self.criterion.metrics_after(curve, epochs)
        spans = self._spans.get(number, [])
        first = min((span.start for span in spans), default=0.0)
        result = Result(
            number=number,
            round=0,
            status=status,
            params=self.lines.all[number].params,
            epochs=epochs,
            metrics=metrics,
            value=None if status in LOST else metrics.get(self.criterion.name),
            error=error,
            started=datetime.fromtimestamp(self.info.began + first, UTC).isoformat(
                timespec="milliseconds"
            ),
            seconds=round(sum(span.end - span.start for span in spans), 3),
        )
        self._results[number] = result
        line = self.lines.all[number]
        self.writer.babysat(result, line.origin, line.settings)

    def reopen(self) -> None:
        """Take back the fate of the line in training, which goes on."""
        if self._results.pop(self.number, None) is not None:
            self.writer.reopened(self.number)

    def _settle_left(self) -> None:
        """Settle the lines that a crash left between the diary and their fate."""
        for line in self.lines.all[:-1]:
            whole = self.story.last_epoch(line.number) >= self.story.needed(line.number)
            if line.number not in self._results and whole:
                self.settle(line.number, self._fate_left(line.number))

    def _fate_left(self, number: int) -> Status:
        values = self._own[number].get(self.criterion.name, ())
        undefined = any(v and v[-1] is None for v in self._own[number].values())
        return Status.DIVERGED if values and undefined else Status.STOPPED

    # Interventions

    def act(self, asked: Request) -> str:
        """Do what is asked, after the last epoch; gives what was done, in words.

        Raises:
            HpsearchError: it cannot be done; nothing has changed then.
        """
        check_note(asked.note)
        acts = {
            "set": self._set,
            "undo": self._undo,
            "branch": self._branch,
            "pause": self._pause,
            "continue": self._continue,
            "stop": self._stop,
        }
        if asked.action not in acts:
            raise RunError(
                f"action: must be one of {', '.join(acts)}, found {asked.action[:40]!r}"
            )
        return acts[asked.action](asked)

    def _set(self, asked: Request) -> str:
        if not asked.set:
            if asked.note is None:
                raise RunError("set: must name a value to change, or a note, found neither")
            self._write(asked, self.number, self.epoch, {})
            return f"noted after epoch {self.epoch}: {printable(asked.note)}"
        nudge.check(self.config, asked.set, self.epoch)
        self._must_go_on(asked)
        if self.epoch < (after := self.lines.active.settings[-1][0]):
            raise RunError(
                f"{self.run.path}: is on its way to epoch {after}; change it from there"
            )
        params, changes = self.changes(asked)
        told = self._told(params, changes, asked.set)
        self._write(asked, self.number, self.epoch, self._differences(params, changes))
        self.reopen()
        return f"after epoch {self.epoch}: {told}"

    def _must_go_on(self, asked: Request) -> None:
        """Refuse to change what is at its end, unless it is to train longer."""
        if self.epoch >= self.epochs and LENGTH not in asked.set:
            raise RunError(
                f"{self.run.path}: has trained all of its {self.epochs} epochs; to train longer "
                f"add --set epochs={2 * self.epochs}, to go back add --branch EPOCH"
            )

    def _undo(self, asked: Request) -> str:
        active = self.lines.active
        if not active.nudges:
            branch = f"; branches are not undone: {self._back()}" if active.number else ""
            raise RunError(f"{self.run.path}: there is no change to undo{branch}")
        last = active.nudges[-1]
        before = {**last.before[-1][1]}
        if LENGTH in active.params:
            before[LENGTH] = active.params[LENGTH]
        changes = {
            name: nudge.current(self.config, before, name)
            for name in {**before, **active.params}
            if before.get(name) != active.params.get(name)
        }
        told = self._told(active.params, changes)
        self._leave(asked, active.number, last.epoch, self._differences(active.params, changes))
        text = f"back at epoch {last.epoch}, as branch {self.number}: {told}"
        if last.epoch < active.began:
            text += f"; branches are not undone: {self._back()}"
        return text

    def _back(self) -> str:
        """How to go back to where training was before the last branch began."""
        left = self.number - 1
        where = f"--trial {left} --branch {self.story.last_epoch(left)}"
        return f"go on from where branch {left} was with {where}"

    def changes(self, asked: Request) -> tuple[Params, dict[str, Any]]:
        """The setting that the values of a request are laid over, and what changes in it.

        Raises:
            HpsearchError: a value cannot be, or a branch cannot begin there.
        """
        params, epoch = self.params, self.epoch
        if asked.action == "branch":
            point = self._beginning(asked)
            params, epoch = self.lines.all[point.trial].until(point.epoch).params, point.epoch
        if not asked.set:
            return params, {}
        return params, nudge.changes(self.config, params, asked.set, epoch)

    def _branch(self, asked: Request) -> str:
        point = self._beginning(asked)
        params, changes = self.changes(asked)
        self._leave(asked, point.trial, point.epoch, self._differences(params, changes))
        told = f": {self._told(params, changes, asked.set)}" if changes else ""
        where = f"epoch {point.epoch} of branch {point.trial}"
        return f"branch {self.number} begins after {where}{told}"

    def _beginning(self, asked: Request) -> Point:
        """The branch and the epoch after which a new branch shall begin.

        Raises:
            RunError: there is no such branch, or it has no such epoch.
        """
        number = self.number if asked.trial is None else asked.trial
        if not 0 <= number < len(self.lines.all):
            most = len(self.lines.all) - 1
            raise RunError(f"trial: must be a branch from 0 to {most}, found {number}")
        last = self.story.last_epoch(number)
        found = self._results.get(number)
        if found is not None and found.status is Status.DIVERGED:
            last -= 1  # from where it diverged nothing can go on
        epoch = asked.epoch
        if epoch is None or not 0 <= epoch <= last:
            raise RunError(
                f"branch: must begin after an epoch that branch {number} has trained, 0 to "
                f"{last}, found {epoch}"
            )
        return Point(number, epoch)

    def _pause(self, asked: Request) -> str:
        if self.lines.paused:
            raise RunError(f"{self.run.path}: is paused already, after epoch {self.epoch}")
        self._write(asked, self.number, self.epoch, {})
        return f"paused after epoch {self.epoch}"

    def _continue(self, asked: Request) -> str:
        if not self.lines.paused:
            raise RunError(f"{self.run.path}: is not paused")
        self._write(asked, self.number, self.epoch, {})
        return f"goes on after epoch {self.epoch}"

    def _stop(self, asked: Request) -> str:
        self._write(asked, self.number, self.epoch, {})
        self.settle(self.number, Status.STOPPED)
        return f"stopped after epoch {self.epoch}"

    def rescue(self) -> str:
        """Go back to the last good epoch of the line that has just diverged, more gently.

        The learning rate is halved. Where a rescue came to nothing, or there is no learning
        rate, the model is paused besides.
        """
        line, last = self.lines.active, self.epoch - 1
        name = nudge.rate_name(self.config, line.params)
        changes = {}
        if name is not None:
            rate = nudge.current(self.config, self.lines.active.until(last).params, name)
            changes = {name: rate / 2}
        again = bool(self._diary) and self._diary[-1].action == "rescue" and last == line.began
        self.settle(line.number, Status.DIVERGED)
        asked = Request("rescue", by="rescue", note=f"a metric was undefined in epoch {last + 1}")
        params = line.until(last).params
        self._write(asked, line.number, last, self._differences(params, changes))
        told = self._told(params, changes) if changes else "there is no learning rate to lower"
        text = (
            f"diverged in epoch {last + 1}; back at epoch {last}, as branch {self.number}: {told}"
        )
        if again or name is None:
            self._write(Request("pause", by="rescue"), self.number, last, {})
            text += "; paused, as " + (
                "it diverged twice in a row" if again else "only you can help"
            )
        return text

    def _leave(self, asked: Request, number: int, epoch: int, changed: Mapping[str, Any]) -> None:
        """Record a new line, then what became of the one that was in training."""
        left = self.number
        self._write(asked, number, epoch, changed)
        self.settle(left, Status.STOPPED)

    def _write(self, asked: Request, number: int, epoch: int, changed: Mapping[str, Any]) -> None:
        done = Intervention(
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            trial=number,
            epoch=epoch,
            action=asked.action,  # type: ignore[arg-type]
            set=changed,
            note=asked.note,
            by=asked.by,  # type: ignore[arg-type]
        )
        lines = self.lines.after(done)
        self.writer.intervened(done)
        self._diary.append(done)
        self.lines = lines
        self._own.setdefault(self.number, {})

    def _differences(
        self, params: Params, changes: Mapping[str, Any]
    ) -> dict[str, tuple[Any, Any]]:
        return {
            name: (nudge.current(self.config, params, name), value)
            for name, value in changes.items()
        }

    def _told(
        self, params: Params, changes: Mapping[str, Any], given: Mapping[str, Any] | None = None
    ) -> str:
        """Changes in words: "learning_rate 0.01 -> 0.003"; what nobody gave is the middle.

        Numbers have at most six digits, but for what the user has just given; the diary has all.
        """

        def word(value: Any, exact: bool = False) -> str:
            if isinstance(value, float):
                return show(value if exact else float(f"{value:.6g}"))
            if not isinstance(value, str):
                return show(value)
            return printable(value if len(value) <= 60 else f"{value[:57]}...")

        told = []
        for name, (before, after) in self._differences(params, changes).items():
            same = before == after  # of one that becomes active
            new = word(after, exact=given is not None and name in given)
            text = new if same else f"{word(before)} -> {new}"
            filled = given is not None and name not in given
            told.append(f"{printable(name)} {text}{' (the middle of its range)' * filled}")
        return ", ".join(told)
