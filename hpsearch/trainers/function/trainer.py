"""The trainer of a user's function, whose traces in the process are removed after each call."""

from __future__ import annotations

import copy
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.store import SafePath
from hpsearch.trainers.checkpoints import Checkpoints, kept_epochs
from hpsearch.trainers.function.loading import Function, call_style, load
from hpsearch.trainers.isolation import isolated, redirected
from hpsearch.trainers.protocol import Job, Outcome, Report, State, TrainsOneByOne
from hpsearch.trainers.user_training import (
    Metrics,
    curve_of,
    epoch_named,
    metrics_of,
    outcome_of,
    params_of,
    seed_of,
)


@dataclass(frozen=True)
class FunctionTrainer(TrainsOneByOne):
    """Trains each job by a call of a user's function.

    A function that returns is a full training, whatever the job's until_epoch. A generator is
    followed epoch by epoch and closed after until_epoch. A later piece of it goes on from its
    checkpoint_dir, if it takes one and left something there; else the generator starts anew,
    and epochs that are known already are reported a second time.

    Attributes:
        target: the function, or its name as `file.py:name` or `module:name`.
        folder: of the run; checkpoints go to its "state", what is printed to its "logs".
        metric: what counts. A bare number is this metric.
        home: the folder that a named function is looked for in.
    """

    target: str | Function
    folder: str
    metric: str
    home: str = "."

    def train_one(self, job: Job, state: State | None, report: Report | None) -> Outcome:
        """Train a job from its state to its until_epoch.

        Raises:
            HpsearchError: the function cannot be loaded, or its results are no metrics.
            Exception: what the function raised.
        """
        logs = SafePath(Path(self.folder)) / "logs"
        logs.mkdir(exist_ok=True)  # without its parents: a deleted run stays so
        with redirected(logs / f"trial-{job.number}.txt"):
            target = self.target
            function = load(target, self.home) if isinstance(target, str) else target
            with isolated():
                return self._call(function, job, state, report)

    def _call(
        self, function: Function, job: Job, state: State | None, report: Report | None
    ) -> Outcome:
        style = call_style(function)
        checkpoints = Checkpoints.of(SafePath(Path(self.folder)), job.training)

        def piece(folder: SafePath | None, done: int) -> Outcome:
            params = copy.deepcopy(params_of(job))
            epochs = params.get("epochs", job.settings["epochs"])
            extras: dict[str, Any] = {"trial": job.number}
            if "seed" in style.extras:
                extras["seed"] = seed_of(job)
            if folder is not None:
                extras["checkpoint_dir"] = str(folder)
            found = style.call(function, params=params, epochs=epochs, **extras)
            if not isinstance(found, Generator):
                checkpoints.drop()
                curve, diverged = curve_of({1: metrics_of(found, self.metric)}, self.metric)
                return Outcome(curve, None, diverged=diverged, finished=True)
            rows, ended = _follow(found, self.metric, done, job.until_epoch, report)
            return outcome_of(job, rows, self.metric, done, ended, checkpoints, folder)

        if "checkpoint_dir" in style.extras:
            return checkpoints.within(kept_epochs(state), piece)
        return piece(None, 0)


def _follow(
    generator: Generator[Any, None, None],
    metric: str,
    done: int,
    until: int,
    report: Report | None,
) -> tuple[dict[int, Metrics], bool]:
    """Each epoch's metrics, up to and including one epoch, and whether the generator ended.

    It is closed where training stops, so that its `finally` blocks run now.
    """
    rows: dict[int, Metrics] = {}
    epoch = done
    try:
        for reported in generator:
            epoch = epoch_named(reported) or epoch + 1
            if epoch > until:
                return rows, False
            rows[epoch] = metrics_of(reported, metric, epoch)
            if report is not None:
                report({"epoch": epoch, **rows[epoch]})
            undefined = any(value - value != 0 for value in rows[epoch].values())
            if undefined or epoch == until:
                return rows, False
        return rows, True
    finally:
        generator.close()
