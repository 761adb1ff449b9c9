"""The trainer of a user's function, whose traces in the process are removed after each call."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from hpsearch.store import SafePath
from hpsearch.trainers import alive
from hpsearch.trainers.checkpoints import Checkpoints, epochs_of, kept_epochs
from hpsearch.trainers.function.call import Call, Change, changed
from hpsearch.trainers.function.loading import Function, call_style, load
from hpsearch.trainers.isolation import Surroundings, isolated, redirected
from hpsearch.trainers.protocol import Job, Outcome, Report, State, TrainsOneByOne
from hpsearch.trainers.user_training import (
    course_of,
    curve_of,
    in_pieces,
    metrics_of,
    nothing_to_train,
    outcome_of,
    params_of,
    seed_of,
    steered_outcome,
)


@dataclass(frozen=True)
class FunctionTrainer(TrainsOneByOne):
    """Trains each job by a call of a user's function.

    A function that returns is a full training, whatever the job's until_epoch. A generator is
    followed epoch by epoch and closed after until_epoch. A later piece of it goes on from its
    checkpoint_dir, if it takes one and left something there; else the generator starts anew,
    and epochs that are known already are reported a second time. One that is steered is left at
    its yield, and the next piece goes on there if it continues exactly this training. Whether it
    does, or the generator starts anew, is the same to the function: it is called with the first
    settings, and a yield gives what changed after its epoch; or, where it keeps checkpoints, it is
    called at each change.

    Attributes:
        target: the function, or its name as `file.py:name` or `module:name`.
        folder: of the run; checkpoints go to its "state", what is printed to its "logs".
        metric: what counts. A bare number is this metric.
        home: the folder that a named function is looked for in.
        keeps: each trial has a folder of its own, even where the function takes no `trial_dir`.
    """

    target: str | Function
    folder: str
    metric: str
    home: str = "."
    keeps: bool = False

    def train_one(self, job: Job, state: State | None, report: Report | None) -> Outcome:
        """Train a job from its state to its until_epoch.

        Raises:
            HpsearchError: the function cannot be loaded, or its results are no metrics.
            Exception: what the function raised.
        """
        if (tried := nothing_to_train(job, state)) is not None:
            return tried
        with self._at_work(job.number):
            target = self.target
            function = load(target, self.home) if isinstance(target, str) else target
            with isolated():
                train = self._steered if job.steered else self._train
                return train(function, job, state, report)

    @contextmanager
    def _at_work(self, number: int) -> Iterator[None]:
        """Send what is printed to a trial's log."""
        logs = SafePath(Path(self.folder)) / "logs"
        logs.mkdir(exist_ok=True)  # without its parents: a deleted run stays so
        with redirected(logs / f"trial-{number}.txt"):
            yield

    def _steered(
        self, function: Function, job: Job, state: State | None, report: Report | None
    ) -> Outcome:
        """Train a steered job from what there is: a live generator, a checkpoint, or nothing."""
        saved = self._checkpoints(job).has(kept_epochs(state))
        there = saved or alive.holds(self._key(job, epochs_of(state)))

        def train(piece: Job, begun: State | None) -> Outcome:
            return self._train(function, piece, begun, report)

        return in_pieces(job, state, state if there else None, train)

    def _train(
        self, function: Function, job: Job, state: State | None, report: Report | None
    ) -> Outcome:
        style = call_style(function)
        epoch, checkpoints = epochs_of(state), self._checkpoints(job, "trial_dir" in style.extras)
        change = changed(job, epoch)
        anew = change is not None and kept_epochs(state) > 0  # as after a crash
        left = alive.take(None if anew else self._key(job, epoch))
        if isinstance(left, Call):
            if left.work is not None:
                checkpoints.thin(epoch, left.work)
            if left.surroundings is not None:
                left.surroundings.put_back()
            return self._follow(left, job, state, report, checkpoints)

        def piece(folder: SafePath | None, done: int) -> Outcome:
            params = copy.deepcopy(params_of(job, done + 1))
            given = Change(params, change) if change is not None and done else None
            epochs = params.get("epochs", job.settings["epochs"])
            extras: dict[str, Any] = {"trial": job.number}
            if "seed" in style.extras:
                extras["seed"] = seed_of(job)
            if folder is not None:
                extras["checkpoint_dir"] = str(folder)
            if checkpoints.trial is not None:
                extras["trial_dir"] = str(checkpoints.trial)
            found = style.call(function, params=given or params, epochs=epochs, **extras)
            if not isinstance(found, Generator):
                curve, diverged = curve_of({1: metrics_of(found, self.metric)}, self.metric)
                checkpoints.end(done, None if diverged else folder)
                return Outcome(curve, None, diverged=diverged, finished=True)
            return self._follow(Call(found, done, folder, given), job, state, report, checkpoints)

        if "checkpoint_dir" in style.extras:
            return checkpoints.within(kept_epochs(state), piece)
        checkpoints.lay_out()
        return piece(None, 0)

    def _follow(
        self,
        call: Call,
        job: Job,
        state: State | None,
        report: Report | None,
        checkpoints: Checkpoints,
    ) -> Outcome:
        """Follow a generator through a piece; it is closed where nothing may go on from it.

        So its `finally` blocks run before what it left counts as a checkpoint.
        """
        done, work, stays = call.epoch, call.work, False
        try:
            rows, ended, ignored = call.follow(job, self.metric, report, epochs_of(state))
            last = job.until_epoch >= job.settings["epochs"]  # type: ignore[operator]
            stays = job.steered and not (call.over or last)
            if not stays:
                call.generator.close()
            if not job.steered:
                return outcome_of(job, rows, self.metric, done, ended, checkpoints, work)

            def keep(epoch: int) -> bool:
                return work is not None and checkpoints.keep(work, epoch, in_use=stays)

            outcome = steered_outcome(job, state, rows, self.metric, ended, keep)
            if stays:
                call.surroundings = Surroundings.now()
                alive.keep(self._key(job, call.epoch), call, partial(self._close, job, call))
            return replace(outcome, remarks=ignored)
        except BaseException:
            stays = False
            raise
        finally:
            if not stays:
                call.generator.close()
                if job.steered and work is not None:
                    work.remove()

    def _close(self, job: Job, call: Call) -> None:
        """Close a generator that was left at its yield, where it was left."""
        with self._at_work(job.number), isolated():
            if call.surroundings is not None:
                call.surroundings.put_back()
            call.generator.close()
        if call.work is not None:
            call.work.remove()

    def _checkpoints(self, job: Job, takes: bool = False) -> Checkpoints:
        return Checkpoints.of(SafePath(Path(self.folder)), job.training, takes or self.keeps)

    def _key(self, job: Job, epoch: int) -> object:
        """All that a generator at a yield of a steered job comes from; None of another job."""
        if not job.steered:
            return None
        # a function that is handed over comes as another copy each time
        function = getattr(self.target, "__code__", self.target)
        origin = (self.folder, function, self.home, job.training, job.seed, job.rules)
        return *origin, job.settings["epochs"], epoch, course_of(job, epoch)
