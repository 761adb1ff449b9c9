"""The trainer of a user's own Keras model, on the prepared arrays that the network trains on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from hpsearch.nn.types import Array
from hpsearch.store import SafePath
from hpsearch.trainers import alive
from hpsearch.trainers.checkpoints import epochs_of
from hpsearch.trainers.function.call import Change
from hpsearch.trainers.function.loading import Function
from hpsearch.trainers.isolation import isolated, redirected
from hpsearch.trainers.keras.user_saved import ModelSource, builder
from hpsearch.trainers.network.arrays import PreparedRows, prepared_rows
from hpsearch.trainers.network.hyperparameters import HYPERPARAMETERS
from hpsearch.trainers.protocol import Best, Job, Outcome, Report, Settings, State, TrainsOneByOne
from hpsearch.trainers.user_training import Metrics, course_of, curve_of, metrics_of, seed_of


@dataclass(frozen=True)
class KerasModelTrainer(TrainsOneByOne):
    """Trains each job as a model that a user's function builds and compiles.

    A state has the values of all variables, of layers and optimizer, as arrays; whoever goes on
    from it builds the model anew and assigns them, or takes the model of the piece before, alive.

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
            model = self._built(function, given, _params(job.settings), rows)
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
            from hpsearch.trainers.keras import user_model

            train, val = (self._rows(name, job) for name in ("train", "val"))
            model, state, change = self._begun(function, given, job, state, train)
            kept = {name: array for name, array in state.items() if name.startswith("kept")}
            size = min(_batch_size(job), len(train.y))
            rows: dict[int, Metrics] = {}
            for number in range(epochs_of(state), job.until_epoch):
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
            optimizer = user_model.optimizer_variables(model)
            after = {
                **user_model.values(user_model.weights(model), "weights"),
                **user_model.values(optimizer, "optimizer"),
                **kept,
                "epochs": np.array(job.until_epoch),
            }
            finished = job.until_epoch >= _epochs(job)
            if rows and not finished and job.steered:
                alive.keep(self._key(job, job.until_epoch), model, lambda: None)
            remarks = () if change is None else change.remarks(self.source.target, bool(rows))
            return Outcome(curve, after, finished=finished, remarks=remarks)

    def _begun(
        self,
        function: Function,
        given: Sequence[str],
        job: Job,
        state: State | None,
        rows: PreparedRows,
    ) -> tuple[Any, State, Changed | None]:
        """The model that a job goes on with, its state, and what a change of parameters did.

        A model is built anew for each piece, unless that of the piece before is alive.
        """
        import keras

        from hpsearch.trainers.keras import user_model

        def built(params: dict[str, Any]) -> Any:
            keras.utils.clear_session()  # a worker trains many models, one after another
            keras.utils.set_random_seed(seed_of(job))
            return self._built(function, given, params, rows)

        target, epoch = self.source.target, epochs_of(state)
        before, now = (_params(each) for each in (job.settings_of(epoch), job.settings))
        left = alive.take(self._key(job, epoch))
        if state is None:
            model = built(now)
            user_model.check_saves(target, model)
            return model, {"epochs": np.array(0)}, None
        if before == now and left is not None:
            return left, state, None
        change = None
        if before == now:
            model = built(now)
        else:
            del left
            old = user_model.Fresh.of(built(before))
            names = sorted(n for n in {**before, **now} if before.get(n) != now.get(n))
            params = Change(now, {*names} - {"batch_size"})
            model = built(params)
            new = user_model.Fresh.of(model)
            state = user_model.changed(target, state, old, new, ", ".join(names))
            anew = None if user_model.same_optimizer(old, new) else new.rule
            change = Changed(params, anew)
        user_model.assign(target, user_model.weights(model), state, "weights")
        user_model.assign(target, user_model.optimizer_variables(model), state, "optimizer")
        return model, state, change

    def _key(self, job: Job, epoch: int) -> object:
        """All that a steered job's model after an epoch comes from; None of another job."""
        if not job.steered:
            return None
        return self, job.training, job.seed, job.rules, epoch, course_of(job, epoch)

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
        self, function: Function, given: Sequence[str], params: dict[str, Any], rows: PreparedRows
    ) -> Any:
        from hpsearch.trainers.keras import user_model

        shape = {"features": rows.X.shape[1], "classes": self.classes}
        extras = {name: shape[name] for name in given}
        return user_model.built(
            self.source.target, function, params, extras, tuple(shape.values())
        )

    def _rows(self, name: str, job: Job) -> PreparedRows:
        return prepared_rows(f"{self.folder}/{job.fold}", name)


@dataclass(frozen=True)
class Changed:
    """What a change of parameters did to a model, besides what it was made for.

    Attributes:
        params: as the function got them.
        anew: the class of the optimizer, where it is another one.
    """

    params: Change
    anew: str | None

    def remarks(self, target: str, trained: bool) -> tuple[str, ...]:
        """What the user should know; what was not read, once the model has been trained."""
        found = []
        if self.anew is not None:
            found.append(f"optimizer: the variables of {self.anew} start anew")
        if trained and self.params.unread:
            names = ", ".join(map(repr, sorted(self.params.unread)))
            found.append(f"{target} did not read {names}")
        return tuple(found)


def _params(settings: Settings) -> dict[str, Any]:
    """The parameters of a training as the function gets them."""
    params = {"batch_size": _default_size(), **copy.deepcopy(dict(settings))}
    del params["epochs"]
    return params


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
