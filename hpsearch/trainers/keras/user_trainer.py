"""The trainer of a user's own Keras model, on the prepared arrays that the network trains on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from hpsearch.nn.types import Array
from hpsearch.store import SafePath
from hpsearch.trainers.function.loading import Function
from hpsearch.trainers.isolation import isolated, redirected
from hpsearch.trainers.keras.user_saved import ModelSource, builder
from hpsearch.trainers.network.arrays import PreparedRows, prepared_rows
from hpsearch.trainers.network.hyperparameters import HYPERPARAMETERS
from hpsearch.trainers.protocol import Best, Job, Outcome, Report, Settings, State, TrainsOneByOne
from hpsearch.trainers.user_training import Metrics, curve_of, metrics_of, seed_of


@dataclass(frozen=True)
class KerasModelTrainer(TrainsOneByOne):
    """Trains each job as a model that a user's function builds and compiles.

    A state has the values of all variables, of layers and optimizer, as arrays; whoever goes on
    from it builds the model anew and assigns them.

    Attributes:
        folder: of prepared arrays, as for `NetworkTrainer`.
        home: the folder of the run; what is printed goes to its "logs".
        classes: of the target.
        metric: what counts.
        source: the function that builds the model, and what is below Keras.
        best: makes each state keep the weights of the best epoch beside the current ones.
    """

    folder: str
    home: SafePath
    classes: int
    metric: str
    source: ModelSource
    best: Best | None = None

    def export(self, path: SafePath, job: Job, state: State, mean: Array, scale: Array) -> None:
        """Write a trained model as a .keras file: from raw rows to probabilities.

        Args:
            path: of the file.
            job: the training that the model comes from.
            state: after it.
            mean: (features,), of the training rows' standardisation.
            scale: (features,), likewise.
        """
        with self._at_work("best.txt") as (function, given):
            from hpsearch.trainers.keras import user_model
            from hpsearch.trainers.keras.export import write

            rows = self._rows("train", job)
            model = self._built(function, given, job.settings, rows)
            kept = "kept" if self.best is not None else "weights"
            user_model.assign(self.source.target, user_model.weights(model), state, kept)
            write(path, user_model.whole(model, mean, scale, rows.X[:256]))

    def train_one(self, job: Job, state: State | None, report: Report | None) -> Outcome:
        """Train a job from its state to its until_epoch.

        Raises:
            HpsearchError: the model is none that can be trained here, or reports no metrics.
            Exception: what the user's function raised.
        """
        with self._at_work(f"trial-{job.number}.txt") as (function, given):
            import keras

            from hpsearch.trainers.keras import user_model

            train, val = (self._rows(name, job) for name in ("train", "val"))
            keras.utils.clear_session()  # a worker trains many models, one after another
            keras.utils.set_random_seed(seed_of(job))
            model = self._built(function, given, job.settings, train)
            optimizer = user_model.optimizer_variables(model)
            if state is None:
                user_model.check_saves(self.source.target, model)
                state = {"epochs": np.array(0)}
            else:
                user_model.assign(self.source.target, user_model.weights(model), state, "weights")
                user_model.assign(self.source.target, optimizer, state, "optimizer")
            kept = {name: array for name, array in state.items() if name.startswith("kept")}
            size = min(_batch_size(job), len(train.y))
            rows: dict[int, Metrics] = {}
            for number in range(int(state["epochs"]), job.until_epoch):
                found = user_model.epoch(model, train, val, self.classes, size, job, number)
                row = rows[number + 1] = metrics_of(found, self.metric, number + 1)
                if report is not None:
                    report({"epoch": number + 1, **row})
                if not all(map(isfinite, row.values())):
                    return Outcome(curve_of(rows, self.metric)[0], None, diverged=True)
                if self.best is not None and _better(cost := self.best.cost(row), kept):
                    kept = user_model.values(user_model.weights(model), "kept")
                    kept["kept_cost"] = np.array(cost)
            curve = curve_of(rows, self.metric)[0] if rows else {"epoch": []}
            after = {
                **user_model.values(user_model.weights(model), "weights"),
                **user_model.values(optimizer, "optimizer"),
                **kept,
                "epochs": np.array(job.until_epoch),
            }
            return Outcome(curve, after, finished=job.until_epoch >= _epochs(job))

    @contextmanager
    def _at_work(self, log: str) -> Iterator[tuple[Function, tuple[str, ...]]]:
        """The user's function, whose traces are removed; what it prints goes to a log."""
        logs = self.home / "logs"
        logs.mkdir(exist_ok=True)  # without its parents: a deleted run stays so
        with redirected(logs / log):
            found = builder(self.source)
            with isolated():
                yield found

    def _built(
        self, function: Function, given: Sequence[str], settings: Settings, rows: PreparedRows
    ) -> Any:
        from hpsearch.trainers.keras import user_model

        shape = {"features": rows.X.shape[1], "classes": self.classes}
        params = {"batch_size": _default_size(), **settings}
        del params["epochs"]
        extras = {name: shape[name] for name in given}
        return user_model.built(
            self.source.target, function, params, extras, tuple(shape.values())
        )

    def _rows(self, name: str, job: Job) -> PreparedRows:
        return prepared_rows(f"{self.folder}/{job.fold}", name)


def _better(cost: tuple[float, float], kept: State) -> bool:
    return "kept_cost" not in kept or cost < tuple(kept["kept_cost"].tolist())


def _default_size() -> int:
    size = HYPERPARAMETERS["batch_size"].default
    assert isinstance(size, int)
    return size


def _batch_size(job: Job) -> int:
    size = job.settings.get("batch_size", _default_size())
    assert isinstance(size, int)
    return size


def _epochs(job: Job) -> int:
    epochs = job.settings["epochs"]
    assert isinstance(epochs, int)
    return epochs
