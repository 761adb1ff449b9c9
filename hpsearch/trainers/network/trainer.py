"""The trainer of the built-in network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from time import perf_counter
from typing import ClassVar, Protocol

import numpy as np

from hpsearch.nn.health import health
from hpsearch.nn.inference import evaluate, fold
from hpsearch.nn.metrics import count, of_counts
from hpsearch.nn.training import Constants, Recipe, Seed, Snapshot, Stack
from hpsearch.nn.types import Array, FlatStatistics
from hpsearch.trainers.network.arrays import PreparedRows, prepared_rows
from hpsearch.trainers.network.hyperparameters import METRICS
from hpsearch.trainers.network.plan import Plan, plan
from hpsearch.trainers.network.shift import tracked
from hpsearch.trainers.network.state import Progress, begin, go_on, to_state
from hpsearch.trainers.protocol import Best, Curve, Job, Outcome, Report, State, report_of
from hpsearch.trial import Layer

STACK_NUMBERS = 16_384
"""Networks stack while mini-batch times widest layer stays within this many numbers.

Measured: at 2,048 a stack of four takes 0.4 to 0.5 of the time, at 8,192 0.5 to 0.7, at 16,384 0.6
to 1, and above that nothing is gained, for such arrays fill the processor alone.
"""

STACK_TRIALS = 4
"""Trials of one stack at most: more gain little, and leave other workers without work."""

PASSES = 5
"""Predictions of the validation rows that are timed: the fastest is the least disturbed."""


class Steps(Protocol):
    """Trials in training together, see `nn.training.Stack`."""

    recipe: Recipe

    @property
    def params(self) -> Array:
        """(trials, parameters)."""
        ...

    @property
    def epsilon(self) -> Array:
        """Batch norm's, (trials, 1, 1)."""
        ...

    def epoch(
        self, X: Array, y: Array, seeds: Sequence[Seed], epoch: int, rates: Sequence[list[float]]
    ) -> Array:
        """Train for an epoch and give the mean loss of its mini-batches, (trials,).

        Args:
            X: (rows, features), all training rows.
            y: (rows,), class indices.
            seeds: of each trial.
            epoch: its number, from 0.
            rates: for each trial, the learning rate of each step.
        """
        ...

    def snapshot(self, trial: int) -> Snapshot:
        """One trial as it is now."""
        ...

    def averages(self) -> FlatStatistics | None:
        """Batch norm's test-time means and variances, (trials, statistics)."""
        ...


@dataclass
class _Member:
    """A trial in training: the one mutable thing here, alive for one call of `train`."""

    place: int  # among the jobs of the call
    job: Job
    plan: Plan
    progress: Progress
    remarks: tuple[str, ...] = ()
    report: Report | None = None
    curve: Curve = field(default_factory=lambda: {"epoch": [], **{name: [] for name in METRICS}})
    diverged: bool = False

    @property
    def impatient(self) -> bool:
        """Whether val_loss has not improved for as long as `patience` allows."""
        return self.plan.patience is not None and self.progress.waited >= self.plan.patience

    def outcome(self) -> Outcome:
        if self.diverged:
            return Outcome(self.curve, None, diverged=True, remarks=self.remarks)
        finished = self.impatient or self.progress.epoch >= self.plan.epochs
        state = to_state(self.progress)
        return Outcome(self.curve, state, finished=finished, remarks=self.remarks)


@dataclass(frozen=True)
class NetworkTrainer:
    """Trains the network on the prepared arrays of a folder.

    Each epoch reports METRICS: train_loss is the mean over its mini-batches of the loss that
    training lowers (with class weights, without l2); the others are measured after the epoch,
    with batch norm's test-time averages and all rows alike. A job with `track_shift` reports
    `shift.SHIFT_METRICS` besides.

    Attributes:
        folder: holds a folder for each fold, "0", "1", ..., or for the only one, "0"; each with
            x_train.npy, y_train.npy, x_val.npy and y_val.npy, see `arrays.prepared_rows`.
        classes: of the target.
        best: makes each state keep the network of the best epoch so far beside the current one;
            None where only the last epoch counts.
        measured: which of `hyperparameters.MEASURED` each epoch reports besides.
    """

    folder: str
    classes: int
    best: Best | None = None
    measured: tuple[str, ...] = ()
    stacks: ClassVar[bool] = True  # whether trials that are alike train as one array program

    def groups(self, jobs: Sequence[Job]) -> list[list[Job]]:
        """Stack small networks that are alike in all but numbers; each large one stays alone.

        Jobs keep their order within a group, and groups that of their first job.
        """
        groups: dict[object, list[list[Job]]] = {}
        ordered: list[list[Job]] = []
        for job in jobs:
            p = self._plan(job)
            largest = p.recipe.batch_size * max(p.recipe.architecture.units)
            key = _stack_key(job, p) if largest <= STACK_NUMBERS else object()
            alike = groups.setdefault(key, [])
            if not alike or len(alike[-1]) == STACK_TRIALS:
                alike.append([])
                ordered.append(alike[-1])
            alike[-1].append(job)
        return ordered

    def train(
        self, jobs: Sequence[Job], states: Sequence[State | None], report: Report | None = None
    ) -> list[Outcome]:
        """Train each job from its state to its until_epoch; those that are alike as one stack.

        The result of a job does not depend on the others, nor on the pieces its training is
        cut into. A trial whose loss or metric is no longer finite ends there, without a state;
        its last epoch reports None for what is undefined.

        Raises:
            TrainerError: a setting is impossible, or a state belongs to other settings.
            DataError: the prepared arrays cannot be read.
        """
        stacks: dict[object, list[_Member]] = {}
        members = []
        for place, (job, state) in enumerate(zip(jobs, states, strict=True)):
            p = self._plan(job)
            remarks: tuple[str, ...] = ()
            if state is None:
                progress = begin(job, p.recipe, p.initializer)
            else:
                progress, remarks = go_on(job, state, p.recipe)
            member = _Member(place, job, p, progress, remarks, report_of(report, job))
            members.append(member)
            alike = (_stack_key(job, p), progress.epoch, *(() if self.stacks else (place,)))
            stacks.setdefault(alike, []).append(member)
        for stack in stacks.values():
            self._train_stack(stack)
        return [member.outcome() for member in members]

    def health(self, job: Job, state: State) -> list[Layer]:
        """How each layer trains, from the input on.

        It is what the next step of training would show; after the last epoch, a step of that.

        Raises:
            TrainerError: a setting is impossible, or the state belongs to other settings.
            DataError: the prepared arrays cannot be read.
        """
        p, train = self._plan(job), self._rows("train", job.fold)
        progress, _ = go_on(job, state, p.recipe)
        steps = len(train.y) // p.recipe.batch_size
        found = health(
            p.recipe,
            p.constants,
            progress.network,
            train.X,
            train.y,
            seed=job.seed,
            epoch=progress.epoch,
            rate=p.rates(min(progress.epoch, p.epochs - 1), steps)[0],
            class_weights=_balanced(train.y, self.classes) if p.balanced else None,
        )
        hidden = len(found.weight) - 1
        names = (*(f"hidden {number}" for number in range(1, hidden + 1)), "output")
        return [
            Layer(name, *(value if isfinite(value) else None for value in values))
            for name, values in zip(names, np.transpose(found).tolist(), strict=True)
        ]

    def _begin(
        self,
        recipe: Recipe,
        constants: Sequence[Constants],
        snapshots: Sequence[Snapshot],
        class_weights: Array | None,
    ) -> Steps:
        """What takes the steps of some trials: here NumPy, in a subclass something else."""
        return Stack(recipe, constants, snapshots, class_weights)

    def _plan(self, job: Job) -> Plan:
        rows, features = self._rows("train", job.fold).X.shape
        return plan(job.settings, features=features, classes=self.classes, rows=rows)

    def _rows(self, name: str, fold: int) -> PreparedRows:
        return prepared_rows(f"{self.folder}/{fold}", name)

    def _train_stack(self, members: list[_Member]) -> None:
        """Train members at the same epoch until each is done, impatient or diverged."""
        first = members[0]
        train, val = (self._rows(name, first.job.fold) for name in ("train", "val"))
        weights = _balanced(train.y, self.classes) if first.plan.balanced else None
        steps = len(train.y) // first.plan.recipe.batch_size
        active = [m for m in members if not m.impatient]
        stack: Steps | None = None
        for epoch in range(first.progress.epoch, first.job.until_epoch):
            if not active:
                return
            if stack is None:
                stack = self._begin(
                    first.plan.recipe,
                    [m.plan.constants for m in active],
                    [m.progress.network for m in active],
                    weights,
                )
            began = perf_counter()
            losses = stack.epoch(
                train.X,
                train.y,
                [m.job.seed for m in active],
                epoch,
                [m.plan.rates(epoch, steps) for m in active],
            )
            seconds = (perf_counter() - began) / len(active)
            rows = self._measure(stack, val, losses, seconds)
            for t, (member, row) in enumerate(zip(active, rows, strict=True)):
                network = stack.snapshot(t)
                extra = tracked(member.plan, member.progress, network, train.X)
                _record(member, epoch + 1, row, extra)
                if not member.diverged:
                    member.progress = member.progress.after(network, row, self.best)
            remaining = [m for m in active if not (m.diverged or m.impatient)]
            if len(remaining) < len(active):
                active, stack = remaining, None

    def _measure(
        self, stack: Steps, val: PreparedRows, losses: Array, seconds: float
    ) -> list[dict[str, float]]:
        """Each trial's metrics after an epoch; NaN stands for what is undefined.

        Args:
            stack: the trials.
            val: the validation rows.
            losses: (trials,), the mean loss of the epoch's mini-batches.
            seconds: that the epoch took a trial.
        """
        recipe, passing = stack.recipe, []
        with np.errstate(all="ignore"):
            dense = fold(recipe.architecture, stack.params, stack.averages(), stack.epsilon)
            for _ in range(PASSES if "predict_us" in self.measured else 1):
                began = perf_counter()
                val_losses, predictions = evaluate(
                    dense, recipe.architecture.activation, val.X, val.y
                )
                passing.append(perf_counter() - began)
        measured = {
            "parameters": float(recipe.architecture.parameters),
            "predict_us": min(passing) * 1e6 / (len(losses) * len(val.y)),
            "epoch_seconds": seconds,
        }
        rows = []
        for t, (loss, val_loss) in enumerate(
            zip(losses.tolist(), val_losses.tolist(), strict=True)
        ):
            row = {"train_loss": loss, "val_loss": val_loss}
            if isfinite(val_loss):
                counts = count(val.y, predictions[t], self.classes)
                row |= {f"val_{name}": value for name, value in of_counts(counts).items()}
            row |= {name: measured[name] for name in self.measured}
            rows.append({name: row.get(name, np.nan) for name in (*METRICS, *self.measured)})
        return rows


def _stack_key(job: Job, p: Plan) -> tuple[object, ...]:
    """What jobs must share to train as one array program."""
    return p.recipe, p.balanced, job.until_epoch, job.rung, job.fold


def _balanced(y: Array, classes: int) -> Array:
    """Class weights n / (classes * count): every class weighs the same, the mean weight is 1."""
    counts = np.bincount(y, minlength=classes)
    weights: Array = (len(y) / (classes * np.maximum(counts, 1))).astype(np.float32)
    return weights


def _record(
    member: _Member,
    epoch: int,
    row: dict[str, float],
    extra: Mapping[str, float | None],
) -> None:
    """Append an epoch to a member's curve, note divergence, and report it.

    What is only tracked, `extra`, may be undefined without divergence.
    """
    plain = {name: value if isfinite(value) else None for name, value in row.items()}
    member.diverged = None in plain.values()
    line = {"epoch": epoch, **plain, **extra}
    for name, value in line.items():
        member.curve.setdefault(name, []).append(value)
    if member.report is not None:
        member.report(line)
