"""The ledger: every trial's pieces of training and fate, in memory and on disk."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from msgspec import UNSET

from hpsearch.backends import Answer, Loss
from hpsearch.errors import TrainerError
from hpsearch.sampling.ranking import Observation
from hpsearch.searching.criterion import Criterion
from hpsearch.searching.curves import Curve, average, end_to_end, join
from hpsearch.searching.history import (
    LOST,
    UNDEFINED,
    by_training,
    check_metric,
    consecutive,
    observation,
)
from hpsearch.store import RunDirectory, Writer, uncollected
from hpsearch.trainers.checkpoints import FINAL
from hpsearch.trainers.protocol import Job, Outcome, State
from hpsearch.trial import Piece, Result, Round, Span, Status, Training, Trial

FIRST_TRIALS = 10  # where all of these failed, the rest would too


@dataclass
class Ledger:
    """The trials of one run, in memory and, through the writer, on disk.

    A trial is one training, or several (repeats, folds) whose curves are averaged. Trainings
    with higher repeats confirm a trial after the search and are no part of its curve.

    Attributes:
        criterion: that trials are compared by.
        writer: of the run directory.
        began: when the run began, in seconds since the epoch.
        trainings: repeat and fold of each training that a trial consists of.
        pieces: of each training, in order.
        results: trials whose fate is known, by number.
        cut: trials that stopped only because time ran out, and go on if there is more.
        finished: trainings that more epochs would not change.
        work: when each trial was trained, as (start, end) in seconds since the run began.
        observed: what the sampler sees of a trial after so many rungs, by (number, rungs).
        spent: epochs and seconds of all that was trained.
        failures: the errors of the attempts at each training that failed, in a search with
            retries.
        folders_stay: whether the folders of all trials' own stay, as `trainer.keep: all` asks.
    """

    criterion: Criterion
    writer: Writer
    began: float
    trainings: tuple[tuple[int, int], ...] = ((0, 0),)
    pieces: dict[Training, list[Piece]] = field(default_factory=lambda: defaultdict(list))
    results: dict[int, Result] = field(default_factory=dict)
    cut: list[Result] = field(default_factory=list)
    finished: set[Training] = field(default_factory=set)
    work: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    observed: dict[tuple[int, int], Observation] = field(default_factory=dict)
    spent: tuple[int, float] = (0, 0.0)
    failures: dict[Training, list[str]] = field(default_factory=lambda: defaultdict(list))
    folders_stay: bool = False

    @uncollected()
    def read(self, run: RunDirectory) -> None:
        """Read what the run directory holds already.

        Raises:
            RunError: what it holds is damaged.
        """
        pieces = run.pieces
        check_metric(pieces, self.criterion.name, run.inside / "curves.jsonl")
        for training, own in by_training(pieces).items():
            if found := consecutive(own):
                self.pieces[training] = found
        if sum(map(len, self.pieces.values())) < len(pieces):  # a line was lost, or taken out
            self.writer.keep_pieces(piece for own in self.pieces.values() for piece in own)
        for training, pieces in self.pieces.items():
            if pieces[-1].value is None or not pieces[-1].curve.get("epoch"):
                self.finished.add(training)
        timeline = run.timeline
        for span in timeline:
            if span.kept:
                self.work[span.number].append((span.start, span.end))
            if isinstance(span.error, str):
                self.failures[span.number, span.repeat or 0, span.fold or 0].append(span.error)
        epochs = sum(map(self.epochs, list(self.pieces)))
        self.spent = epochs, sum(end - start for own in self.work.values() for start, end in own)
        last = max((span.end for span in timeline), default=0.0)
        self.began = min(self.began, time.time() - last)  # the clock may have been set back
        results = run.results
        self.cut = [result for result in results if result.cut]
        for result in results:
            if result.cut:
                continue
            known = all(self.epochs(training) for training in self.of(result.number))
            whole = known and len(self.curve(result.number)["epoch"]) >= result.epochs
            if whole or result.status is Status.FAILED or result.by_hand:
                self.results[result.number] = result
                if result.status is Status.COMPLETED:
                    self.finished.update(self.of(result.number))
        if len(self.results) < len(results):  # cut, or a power cut took their curves
            self.writer.keep_results(self.results.values())

    def proposed(self, round: Round) -> list[Trial] | None:
        """The trials of a round from their results; None unless all of them have one.

        To propose them again would give the same trials, but take minutes where they are many.
        """
        numbers = range(round.first, round.first + round.trials)
        if not all(number in self.results for number in numbers):
            return None
        return [Trial(n, round.number, self.results[n].params) for n in numbers]

    def of(self, number: int) -> list[Training]:
        """The trainings that make up a trial."""
        return [(number, repeat, fold) for repeat, fold in self.trainings]

    def epochs(self, training: Training) -> int:
        """The epochs that a training has done."""
        return max((piece.epochs for piece in self.pieces[training]), default=0)

    def seconds(self, job: Job, epochs: float) -> float:
        """About how long so many more epochs of a training take; the epochs before any is timed.

        Its trial's own epochs so far say it, or else those of all trials.
        """
        seconds = sum(end - start for start, end in self.work.get(job.number, ()))
        if not self.epochs(job.training) or not seconds:
            return epochs * self.pace
        return epochs * seconds / sum(map(self.epochs, self.of(job.number)))

    @property
    def pace(self) -> float:
        """Seconds that an epoch took on average; 1 before any is timed."""
        epochs, seconds = self.spent
        return seconds / epochs if epochs and seconds else 1.0

    def curve(self, number: int) -> Curve:
        """The learning curve of a trial: the mean of its trainings'."""
        curves = [join(self.pieces[training]) for training in self.of(number)]
        own = [curve for curve in curves if curve.get("epoch")]
        return average(own, self.criterion.name)

    def piece(self, job: Job, outcome: Outcome) -> Piece:
        """The record of an outcome, without epochs that were recorded before a crash."""
        before = join(self.pieces.get(job.training, ()))
        known = self.epochs(job.training)
        new = [i for i, epoch in enumerate(outcome.curve["epoch"]) if (epoch or 0) > known]
        curve = {name: [values[i] for i in new] for name, values in outcome.curve.items()}
        whole = end_to_end([before, curve])
        values = whole.get(self.criterion.name, [])
        value = None
        if values and not outcome.diverged:
            value = values[self.criterion.epoch_after(whole, len(values)) - 1]
        epochs = known + len(new)
        return Piece(job.number, job.repeat, job.fold, job.rung, epochs, value, curve)

    def trained(self, piece: Piece, state: State | None, finished: bool) -> None:
        """Record a piece; its state too if the trial may go on from it.

        A crash between a piece's line and its state has it trained again. The line stays the
        only one: a second, without new epochs, would say that the training had finished.
        """
        if finished:
            self.finished.add(piece.training)
        own = self.pieces[piece.training]
        if any(known.rung == piece.rung for known in own):
            if state is not None and not finished:
                self.writer.save(own[-1], state)
            return
        own.append(piece)
        self.writer.piece(piece, None if finished else state)
        if finished and piece.value is not None:
            self.writer.thin(piece.training, FINAL)  # its trial may win
        elif finished or state is None:
            self.writer.forget([piece.training])

    def carry(self, job: Job) -> None:
        """Record that a training which ran out of patience needs no work at a later rung.

        Its trial goes on for the sake of the others. So each training has a line for every rung
        that its trial came through, and the rung at which a trial was lost can be told.
        """
        before = self.pieces[job.training]
        if job.number in self.results or job.training not in self.finished:
            return
        if before[-1].value is not None and before[-1].rung < job.rung:
            self.trained(replace(before[-1], rung=job.rung, curve={}), None, finished=True)

    def worked(self, job: Job, answer: Answer, share: int, error: str | None = None) -> None:
        """Record when a piece was trained and by which worker.

        Args:
            job: the piece.
            answer: of the backend.
            share: how many trials were trained together, which share the time.
            error: why it failed, where that attempt is to be counted.
        """
        for loss in answer.losses:
            self._worked(job, loss, share, lost=True)
        if error is not None:
            self.failures[job.training].append(error)
        start, end = self._worked(job, answer, share, error=error)
        self.work[job.number].append((start, end))
        epochs, seconds = self.spent
        self.spent = epochs + job.until_epoch - self.epochs(job.training), seconds + end - start

    def _worked(
        self,
        job: Job,
        done: Answer | Loss,
        share: int,
        lost: bool = False,
        error: str | None = None,
    ) -> tuple[float, float]:
        """Write a line of the timeline; its start and end, in seconds since the run began."""
        start = done.start - self.began
        end = start + (done.end - done.start) / share
        span = Span(
            number=job.number,
            repeat=job.repeat,
            fold=job.fold,
            rung=job.rung,
            worker=done.worker,
            start=start,
            end=end,
            lost=True if lost else UNSET,
            error=UNSET if error is None else error,
        )
        self.writer.worked(span)
        return start, end

    def diverged(self, number: int) -> bool:
        """Whether a training of this trial ended with an undefined metric."""
        own = [self.pieces[training] for training in self.of(number)]
        return any(pieces and pieces[-1].value is None for pieces in own)

    def undefined(self, number: int) -> str | None:
        """Which metric made a trial diverge, as its error; None if it is the one that counts."""
        for training in self.of(number):
            curve = self.pieces[training][-1].curve if self.pieces[training] else {}
            last = {name: values[-1] for name, values in curve.items() if values}
            if not last or None not in last.values():
                continue
            if last.get(self.criterion.name) is None:
                return None
            # Whatever was None before was missing there: training ends with what is undefined.
            names = [n for n, value in last.items() if value is None and None not in curve[n][:-1]]
            if names:
                return (
                    f"{UNDEFINED}{', '.join(names)} was NaN or infinite in epoch {last['epoch']}"
                )
        return None

    def settle(self, trial: Trial, status: Status, error: str | None = None) -> Result:
        """Record a trial's fate, with its metrics at the epoch that counts."""
        number, curve = trial.number, self.curve(trial.number)
        epochs = len(curve.get("epoch", []))
        metrics = self.criterion.metrics_after(curve, epochs)
        spans = self.work[number] or [(0.0, 0.0)]
        started = datetime.fromtimestamp(self.began + spans[0][0], UTC)
        result = Result(
            number=number,
            round=trial.round,
            status=status,
            params=trial.params,
            epochs=epochs,
            metrics=metrics,
            value=None if status in LOST else metrics.get(self.criterion.name),
            error=error,
            started=started.isoformat(timespec="milliseconds"),
            seconds=round(sum(end - start for start, end in spans), 3),
        )
        self.results[number] = result
        self.writer.result(result)
        if status in LOST or result.by_hand:
            self.release([number])
        return result

    def release(self, numbers: Iterable[int]) -> None:
        """Delete the states of trials whose fate is final, of completed ones once beaten.

        The folders of their own go, too; that of a trial which failed shows why.
        """
        for number in numbers:
            result = self.results.get(number)
            if result is not None and not result.cut:
                self.writer.forget(self.of(number))
                if not self.folders_stay and result.status is not Status.FAILED:
                    self.writer.clear(self.of(number))

    def drop(self, numbers: Collection[int]) -> None:
        """Take back the fates of trials that are no part of the search any more."""
        self.cut = [result for result in self.cut if result.number not in numbers]
        self.reopen([number for number in self.results if number in numbers])

    def reopen(self, numbers: Iterable[int]) -> None:
        """Take back the fates of some trials, in one write: they go on, or are dropped."""
        taken_back = set(numbers)
        if not taken_back:
            return
        for number in taken_back:
            del self.results[number]
        for key in [key for key in self.observed if key[0] in taken_back]:
            del self.observed[key]
        self.writer.take_back(taken_back, self.results.values())

    def rung(self, trial: Trial) -> int:
        """The highest rung of which a trial has a piece; -1 before its first."""
        pieces = (piece for training in self.of(trial.number) for piece in self.pieces[training])
        return max((piece.rung for piece in pieces), default=-1)

    def completed_by(self, trial: Trial, rungs: int) -> bool:
        """Whether a trial was completed within so many rungs: it ran out of patience."""
        result = self.results.get(trial.number)
        completed = result is not None and result.status is Status.COMPLETED
        return completed and self.rung(trial) < rungs

    def stop_if_hopeless(self, first: int, trials: int) -> None:
        """Give up if each of the first trials failed.

        Raises:
            TrainerError: it did.
        """
        numbers = range(first, first + min(FIRST_TRIALS, trials))
        results = [self.results.get(number) for number in numbers]
        if all(result is not None and result.status is Status.FAILED for result in results):
            only = len(numbers) == 1
            which = "the only trial" if only else f"each of the first {len(numbers)} trials"
            who = "it" if only else "the first"
            raise TrainerError(
                f"{which} failed, so the search stops; "
                f"{who} said: {results[0] and results[0].error}"
            )

    def observe(self, trial: Trial, epochs: Sequence[int], rungs: int) -> Observation:
        """A trial as the sampler sees it after this many rungs: its costs at these epochs.

        Later training is left out, even a later divergence. Once the trial's fate is known this
        cannot change, so it is worked out once.
        """
        known = self.observed.get((trial.number, rungs))
        if known is not None:
            return known
        result = self.results.get(trial.number)
        own = self.of(trial.number)
        survived = min(
            len({piece.rung for piece in self.pieces[training] if piece.value is not None})
            for training in own
        )
        lost = result is not None and (result.status in LOST or result.by_hand)
        lost = lost and survived < rungs
        finished = all(training in self.finished for training in own) and not lost
        costs = self.criterion.costs(self.curve(trial.number), epochs, finished)
        seen = observation(trial.number, trial.params, costs, lost=lost)
        if result is not None:
            self.observed[trial.number, rungs] = seen
        return seen
