"""What is known of every trial: its pieces of training, its fate, and what it needs to go on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hpsearch.backends import Answer
from hpsearch.sampling.ranking import Observation
from hpsearch.searching.known import LOST, by_trial, observation
from hpsearch.searching.objective import Objective, join
from hpsearch.store import RunDirectory, Writer
from hpsearch.trainers.protocol import Job, Outcome, State
from hpsearch.trial import Piece, Result, Status, Trial


@dataclass
class Ledger:
    """The trials of one run, in memory and, through the writer, on disk."""

    objective: Objective
    writer: Writer
    began: float  # seconds since the epoch
    pieces: dict[int, list[Piece]] = field(default_factory=lambda: defaultdict(list))
    results: dict[int, Result] = field(default_factory=dict)
    finished: set[int] = field(default_factory=set)  # more training would change nothing
    work: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, run: RunDirectory, objective: Objective, writer: Writer, began: float) -> Ledger:
        """What the run directory holds already."""
        ledger = cls(objective, writer, began)
        ledger.pieces.update(by_trial(run.pieces))
        for line in run.timeline:
            ledger.work[line["number"]].append((line["start"], line["end"]))
        for result in run.results:
            if ledger.epochs(result.number) >= result.epochs:
                ledger.results[result.number] = result
                if result.status is Status.COMPLETED:
                    ledger.finished.add(result.number)
        if len(ledger.results) < len(run.results):  # a power cut took their curves: train again
            writer.keep(ledger.results.values())
        return ledger

    def epochs(self, number: int) -> int:
        """How far a trial has been trained."""
        return max((piece.epochs for piece in self.pieces[number]), default=0)

    def piece(self, job: Job, outcome: Outcome) -> Piece:
        """What a piece of training gave, without epochs that were recorded before a crash."""
        known = self.epochs(job.number)
        new = [i for i, epoch in enumerate(outcome.curve["epoch"]) if (epoch or 0) > known]
        curve = {name: [values[i] for i in new] for name, values in outcome.curve.items()}
        values = curve.get(self.objective.name, [])
        lost = outcome.diverged or (bool(values) and values[-1] is None)
        last = values[-1] if values else self._value(job.number)
        epochs = int(curve["epoch"][-1] or 0) if new else known
        return Piece(
            job.number, job.repeat, job.fold, job.rung, epochs, None if lost else last, curve
        )

    def _value(self, number: int) -> float | None:
        pieces = self.pieces[number]
        return pieces[-1].value if pieces else None

    def trained(self, piece: Piece, state: State | None, finished: bool) -> None:
        """Record a piece; its state too if the trial may go on from it."""
        self.pieces[piece.number].append(piece)
        if finished:
            self.finished.add(piece.number)
        self.writer.piece(piece, None if finished else state)

    def worked(self, number: int, rung: int, answer: Answer, share: int) -> None:
        """Record who trained a piece and when; trials of one stack share its time."""
        start = answer.start - self.began
        end = start + (answer.end - answer.start) / share
        self.work[number].append((start, end))
        self.writer.worked(number, rung, answer.worker, start, end)

    def settle(self, trial: Trial, status: Status, error: str | None = None) -> Result:
        """Record a trial's fate."""
        curve = join(self.pieces[trial.number])
        metrics = {name: values[-1] for name, values in curve.items() if values}
        epochs = metrics.pop("epoch", 0)
        spans = self.work[trial.number] or [(0.0, 0.0)]
        started = datetime.fromtimestamp(self.began + spans[0][0], UTC)
        result = Result(
            number=trial.number,
            round=trial.round,
            status=status,
            params=trial.params,
            epochs=int(epochs or 0),
            metrics=metrics,
            value=None if status in LOST else metrics.get(self.objective.name),
            error=error,
            started=started.isoformat(timespec="milliseconds"),
            seconds=round(sum(end - start for start, end in spans), 3),
        )
        self.results[trial.number] = result
        self.writer.result(result)
        return result

    def observe(self, trial: Trial, epochs: Sequence[int], rungs: int) -> Observation:
        """What is known of a trial after so many rungs: its costs at these amounts of training.

        Whatever it has trained since is left out, its loss too.
        """
        result = self.results.get(trial.number)
        pieces = self.pieces[trial.number]
        survived = len({piece.rung for piece in pieces if piece.value is not None})
        lost = result is not None and result.status in LOST and survived < rungs
        costs = self.objective.costs(
            join(pieces), epochs, finished=trial.number in self.finished and not lost
        )
        return observation(trial.number, trial.params, costs, lost=lost)
