"""A babysat model at work in its run directory: it trains on, and does what it is asked to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from hpsearch.errors import HpsearchError, TrainerError, as_argument
from hpsearch.searching.babysit.again import train_line
from hpsearch.searching.babysit.bench import Bench, Trained
from hpsearch.searching.babysit.lines import Line
from hpsearch.searching.babysit.record import Record
from hpsearch.searching.babysit.story import Story
from hpsearch.searching.babysit.winner import write_winner
from hpsearch.searching.curves import Curve
from hpsearch.searching.events import FilesChanged, Listener, Remarked
from hpsearch.searching.interrupts import shielded
from hpsearch.searching.session import kept_status, watched_disk
from hpsearch.store import RunDirectory, vanished
from hpsearch.store.requests import Reply, Request, Requests
from hpsearch.trainers.protocol import State
from hpsearch.trial import Point, Span, Status

CHUNK = 0.1
"""Seconds of training between two looks at what is asked, where epochs are short."""

SAVE_EVERY = 1.0
"""Seconds between two snapshots; an epoch that takes longer has one of its own."""

LOOK = 0.1
"""Seconds between two looks at the requests while nothing trains."""

Say = Callable[[str], None]
"""Is called with what was done, in words."""


class Session:
    """A babysat model in training, for whoever holds the lock of its run.

    After a start, an undo or a branch the model is trained again from the nearest snapshot to
    where the line is, which gives the same bits; they are compared with what is recorded.

    Attributes:
        record: what was trained and done.
        message: what was said last.
    """

    def __init__(self, record: Record, bench: Bench, say: Say, notify: Listener):
        self.record, self._bench, self._say, self._notify = record, bench, say, notify
        self.requests = Requests(record.run.inside)
        self.requests.sweep()
        self.message = ""
        self.stopped = False
        self._asked: list[Request] = []
        self._state: State | None = None
        self._at = 0  # the epoch that the state is of
        self._saved = True
        self._saved_at = self._looked_at = float("-inf")
        self._pace = 0.0  # seconds an epoch
        self._begun: Line | None = None  # the line of the piece in training
        self._ends = False  # whether that is under the last setting of its line
        self._remarks: tuple[str, ...] = ()  # on the last change, told already
        self._fill()
        self._go_to_line()

    # What is so

    @property
    def story(self) -> Story:
        """What became of the model so far."""
        return self.record.story

    @property
    def standing(self) -> tuple[int, int, bool]:
        """What a page of it shows: the line in training, its last epoch, and whether it pauses."""
        return self.record.number, self.record.epoch, self.record.lines.paused

    @property
    def pace(self) -> float:
        """Seconds that an epoch takes; 0 before the first."""
        return self._pace

    @property
    def caught_up(self) -> bool:
        """Whether the model is where its line is, and no piece is in training."""
        return self._begun is None and self._at == self.record.epoch

    @property
    def at(self) -> int:
        """The epoch that the model stands at: before its line's last one, it is trained again."""
        return self._at

    @property
    def waiting(self) -> tuple[Request, ...]:
        """What was asked and is yet to be done, after the epoch that is in training."""
        return tuple(self._asked)

    @property
    def over(self) -> bool:
        """Whether there is nothing left to train, or the user has stopped it."""
        return self.stopped or self.record.over

    # Training

    def train(self, epochs: int) -> int:
        """Train so many epochs, doing what is asked between them; fewer where it ends before.

        Gives how many were trained.
        """
        left = epochs
        while left and not self.over and not self.record.lines.paused:
            before = self.record.epoch, self.record.number
            self.turn(left, timeout=None)
            if self.record.number == before[1]:
                left -= self.record.epoch - before[0]
        return epochs - left

    def turn(self, most: int | None = None, timeout: float | None = LOOK) -> None:
        """One turn of the loop: hear what is asked, do it, and train a little.

        Args:
            most: train at most so many epochs.
            timeout: seconds to wait for a piece; None for as long as it takes.
        """
        if self.caught_up:  # before, whoever asks may still take it back
            self.hear(self.requests.taken())
            while self._asked and self.caught_up and not self.over:
                self._answer(self._asked.pop(0))
            if self.over:
                return
            if self.record.lines.paused:
                self.record.writer.sync()  # it says so if the run's folder is gone
                time.sleep(LOOK if timeout is None else timeout)
                return
        if self._begun is None and not self._begin(most):
            return
        with suppress(TimeoutError):
            self._take_in(self._waited(timeout), most)

    def catch_up(self) -> None:
        """Train again to where the line is, where the last snapshot is older."""
        while not self.caught_up:
            self.turn(0, timeout=None)

    def _waited(self, timeout: float | None) -> Trained:
        try:
            return self._bench.wait(timeout)
        except TrainerError as error:
            if not self.record.run.path.is_dir():
                raise vanished(self.record.run.path) from None
            run, path = self.record.run.path, as_argument(self.record.run.path)
            undo = f", without the last change: hpsearch steer {path} --undo"
            raise TrainerError(
                f"{run}: branch {self.record.number} could not train on after epoch {self._at}: "
                f"{error}; once that is mended, go on with: hpsearch resume {path}"
                f"{undo if self.record.lines.active.nudges else ''}"
            ) from None

    def hear(self, requests: Sequence[Request]) -> None:
        """Take in what is asked; it is done after the epoch that is in training."""
        self._asked += requests

    def act(self, request: Request) -> str:
        """Do what is asked; the model must be where its line is.

        Raises:
            HpsearchError: it cannot be done; nothing has changed then.
        """
        self._save()
        remarks = self._try(request) if request.set else ()
        with shielded():
            number = self.record.number
            text = "; ".join([self.record.act(request), *remarks])
            self.stopped = self.stopped or request.action == "stop"
            self._remarks = remarks
            if self.record.number != number:
                self._go_to_line()
        self._tell(text)
        return text

    def _answer(self, request: Request) -> None:
        recorded = len(self.story.diary)
        try:
            reply = Reply(True, self.act(request))
        except HpsearchError as error:
            reply = Reply(False, str(error))
            self._tell(str(error))
        except BaseException:  # a full disk, Ctrl-C: `close` answers what was not done
            if len(self.story.diary) == recorded:
                self._asked.insert(0, request)
            else:
                text = "is in the diary, and holds when the training goes on; it was interrupted"
                with suppress(OSError, HpsearchError):
                    self.requests.reply(request, Reply(True, text))
            raise
        self.requests.reply(request, reply)

    def _try(self, request: Request) -> tuple[str, ...]:
        """What a change of the setting does besides; refused where the trainer cannot make it.

        Raises:
            HpsearchError: it cannot.
        """
        record = self.record
        if self._state is None or self._at != record.epoch or not self._bench.kind.needs_data:
            return ()
        params, changes = record.changes(request)
        line = record.lines.active.changed(record.epoch, {**params, **changes})
        job = self._bench.job(line, line.settings, record.epoch)
        return self._bench.train(job, self._state).outcome.remarks

    def _begin(self, most: int | None) -> bool:
        """Begin a piece: to the next change, the end, or for about CHUNK seconds.

        False where nothing is left, after a crash before that was recorded.
        """
        record = self.record
        line, recorded = record.lines.active, record.epoch
        if self._at >= record.epochs:
            record.settle(record.number, Status.COMPLETED)
            return False
        end = recorded if self._at < recorded else record.epochs
        chunk = max(1, int(CHUNK / self._pace)) if self._pace else 1
        if most is not None and self._at >= recorded:
            chunk = min(chunk, most)
        stop, settings = next(line.pieces(self._at, min(end, self._at + chunk)))
        look = time.monotonic() - self._looked_at >= SAVE_EVERY
        self._begun, self._ends = line, settings == line.settings
        self._bench.submit(self._bench.job(line, settings, stop), self._state, look)
        return True

    def _take_in(self, piece: Trained, most: int | None) -> None:
        """Record a piece, and what follows from it; the worker need not wait for the disk."""
        with shielded():
            self._begun = None
            outcome, record = piece.outcome, self.record
            finished = outcome.finished and self._ends  # else a later change went on from there
            epochs = [int(epoch or 0) for epoch in outcome.curve["epoch"]]
            self._compare(outcome.curve)
            new = [place for place, epoch in enumerate(epochs) if epoch > record.epoch]
            trained = max(1, len([epoch for epoch in epochs if epoch > self._at]))
            if epochs:
                self._pace = (piece.end - piece.start) / trained
            at, state = max([self._at, *epochs]), outcome.state
            self._at, self._state, self._saved = at, state, state is None  # no Ctrl-C between
            if piece.layers:
                self._looked_at = time.monotonic()
            if not (outcome.diverged or finished):
                self._begin_early(None if most is None else most - len(new))
            if new:
                began = record.info.began
                record.trained(
                    {name: [values[i] for i in new] for name, values in outcome.curve.items()},
                    Span(
                        number=record.number,
                        repeat=0,
                        fold=0,
                        rung=0,
                        worker=piece.worker,
                        start=piece.start - began,
                        end=piece.end - began,
                    ),
                )
            for remark in outcome.remarks:
                if remark not in self._remarks:  # else it was told when the change was tried
                    self._remark(remark)
            self._remarks = ()
            if outcome.diverged:  # perhaps again, after a crash that came before the rescue
                self._tell(record.rescue())
                self._go_to_line()
                return
            if piece.layers:
                record.diagnosed(piece.layers, self._pace)
            if self._at == record.epoch and (finished or self._at >= record.epochs):
                self._save()
                record.settle(record.number, Status.COMPLETED)
            elif time.monotonic() - self._saved_at >= SAVE_EVERY:
                self._save()
            if record.writer.seconds_to_sync <= 0:
                record.writer.sync()

    def _begin_early(self, most: int | None) -> None:
        """Begin the next piece before the last one is recorded, where nothing comes between.

        Not where a trainer keeps files of its own, of which a snapshot has a copy.
        """
        left = most is None or most > 0 or self._at < self.record.epoch
        asked = self._asked or self.record.lines.paused or self.requests.waiting
        if left and not asked and self._at < self.record.epochs and self._bench.kind.needs_data:
            self._begin(most)

    def _compare(self, curve: Curve) -> None:
        """Refuse to go on where epochs come out otherwise than they are recorded.

        Raises:
            TrainerError: one does.
        """
        if not curve["epoch"] or int(curve["epoch"][0] or 0) > self.record.epoch:
            return
        number = self.record.number
        if (found := self.story.unlike(number, curve)) is not None:
            epoch, name, recorded, value = found
            raise TrainerError(
                f"{self.record.run.path}: epoch {epoch} of branch {number}: {name} must come out "
                f"as before, {recorded}, found {value}; are the trainer, the data, NumPy and the "
                "processor the same?"
            )

    def _fill(self) -> None:
        """Train again what a damaged run lost of lines that were left."""
        for line in self.record.lines.all[:-1]:
            number = line.number
            have, needed = self.story.last_epoch(number), self.story.needed(number)
            if have >= needed:
                continue
            self._tell(f"branch {number}: epochs {have + 1} to {needed} are trained again")
            at, state = self.nearest(line, have)
            _, outcome = train_line(self._bench, line, needed, at, state)
            new = max(0, have - at)
            self.record.filled(number, {n: v[new:] for n, v in outcome.curve.items()})

    # Snapshots

    def _go_to_line(self) -> None:
        """Take up the nearest snapshot to where the line in training is."""
        record = self.record
        self._at, self._state = self.nearest(record.lines.active, record.epoch)
        self._saved, self._saved_at = True, time.monotonic()
        self._thin()

    def nearest(self, line: Line, epoch: int) -> tuple[int, State | None]:
        """The last epoch of a line, up to this one, of which there is a state; and that."""
        snapshots, lines = self.record.snapshots, self.record.lines
        number, most = line.number, epoch
        while True:
            own = lines.all[number]
            for found in reversed(snapshots.epochs(number)):
                if own.began < found <= most or (own.origin is None and found <= most):
                    state = snapshots.load(number, found, line.number)
                    if state is not None:
                        return found, state
            if own.origin is None:
                return 0, None
            number, most = own.origin.trial, min(most, own.origin.epoch)

    def state_after(self, point: Point) -> State | None:
        """The state after an epoch that was trained, trained again where there is no snapshot."""
        line = self.record.lines.all[point.trial]
        at, state = self.nearest(line, point.epoch)
        if at == point.epoch:
            return state
        return train_line(self._bench, line, point.epoch, at, state)[1].state

    def _save(self) -> None:
        """Keep the model as it is now."""
        if self._saved or self._state is None or self._at != self.record.epoch:
            return
        self.record.snapshots.save(self.record.number, self._at, self._state)
        self._saved, self._saved_at = True, time.monotonic()
        self._thin()

    def _thin(self) -> None:
        """Keep the last epoch, the best, those before interventions, and some between."""
        story = self.story
        number, best = story.number, story.best
        wanted = {self._at, *(done.epoch for done in story.diary)}
        if best is not None and best.trial == number:
            wanted.add(best.epoch)
        self.record.snapshots.thin(number, wanted, self.record.config.babysit.keep)

    def end(self) -> None:
        """Keep what there is, and the best epoch in best/ where the model has come to an end."""
        self._save()
        if self.over:
            write_winner(self.record, self._bench, self.state_after)

    def close(self, why: str) -> None:
        """Keep what there is, and answer who still waits."""
        with suppress(OSError, HpsearchError):
            self._save()
        with suppress(OSError, HpsearchError):
            for request in [*self._asked, *self.requests.taken()]:
                self.requests.reply(request, Reply(False, why))

    def _tell(self, text: str) -> None:
        self.message = text
        self.record.writer.log(text)
        self._say(text)

    def _remark(self, text: str) -> None:
        """Tell what the trainer remarks, also to who wants to hear of trouble alone."""
        self.message = text
        self.record.writer.log(text)
        self._notify(Remarked(text))


@contextmanager
def opened(run: RunDirectory, at: Bench, notify: Listener, say: Say) -> Iterator[Session]:
    """Work on a babysat model in its run directory, for a block.

    Args:
        run: the run.
        at: what trains.
        notify: is called with events.
        say: is called with what was done.

    Raises:
        RunError: another process is at it, or its files are damaged; the disk is full.
    """

    def changed(files: str) -> None:
        notify(FilesChanged(files))

    with watched_disk(run), run.writing(changed) as writer, kept_status(run, writer) as ends:
        session = Session(Record(run, writer), at, say, notify)
        try:
            yield session
            session.end()
        except BaseException as error:
            session.close(f"{run.path}: {error or 'was interrupted'}; nothing was changed")
            raise
        session.close(f"{run.path}: is not in training any more; nothing was changed")
        if not session.record.over:
            ends("interrupted")


def reopened(session: Session, by: str = "steer") -> None:
    """Let a model go on that was stopped or paused; `by` says who wants it."""
    record = session.record
    if not record.over:
        record.reopen()
    if record.lines.paused:
        session.act(Request("continue", by=by))
