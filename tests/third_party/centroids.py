"""A kind of trainer from another package: the nearest centroid, on hpsearch's data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpsearch.data.encoding import Encoding, standardise
from hpsearch.fields import choice
from hpsearch.store import SafePath
from hpsearch.trainers.hyperparameter import Hyperparameter, epochs
from hpsearch.trainers.kinds import Kind, ModelFile, Option, Remarks, Setup, Trained, Workplace
from hpsearch.trainers.network.arrays import PreparedRows, prepared_rows
from hpsearch.trainers.protocol import Job, Outcome, Report, Settings, State, TrainsOneByOne

FILE = "model.centroids"
POWERS = {"manhattan": 1, "euclidean": 2}

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class CentroidTrainer(TrainsOneByOne):
    """Takes the mean of each class, shrunk towards that of all rows; more rows each epoch."""

    folder: str
    classes: int
    distance: str

    def train_one(self, job: Job, state: State | None, report: Report | None) -> Outcome:
        """Train a job from its state to its until_epoch."""
        train, val = (
            prepared_rows(f"{self.folder}/{job.fold}", part) for part in ("train", "val")
        )
        done = 0 if state is None else int(state["epochs"])
        curve: dict[str, list[float | None]] = {"epoch": [], "val_accuracy": []}
        for epoch in range(done + 1, job.until_epoch + 1):
            centroids = self._centroids(train, job.settings, epoch)
            guessed = _distances(val.X, centroids, self.distance).argmin(axis=1)
            row = {"epoch": epoch, "val_accuracy": float((guessed == val.y).mean())}
            for name, value in row.items():
                curve[name].append(value)
            if report is not None:
                report(row)
        after = {"epochs": np.array(job.until_epoch), "centroids": centroids}
        return Outcome(curve, after, finished=job.until_epoch == job.settings["epochs"])

    def _centroids(self, rows: PreparedRows, settings: Settings, epoch: int) -> Array:
        seen = len(rows.y) * epoch // int(settings["epochs"])  # type: ignore[call-overload]
        X, y, shrinkage = rows.X[:seen], rows.y[:seen], settings.get("shrinkage", 0.0)
        means = np.array([X[y == c].mean(axis=0) for c in range(self.classes)], np.float64)
        return means + shrinkage * (X.mean(axis=0) - means)  # type: ignore[no-any-return, operator]


@dataclass(frozen=True)
class CentroidModel:
    """Trained centroids, and how rows become features."""

    centroids: Array
    distance: str
    encoding: Encoding

    @property
    def class_names(self) -> Array:
        """(classes,), the labels."""
        return np.array([str(name) for name in self.encoding.classes])

    def probabilities(self, rows: Array) -> Array:
        """Class probabilities (rows, classes) of raw rows (rows, features)."""
        X = standardise(rows, self.encoding)
        near: Array = np.exp(-_distances(X, self.centroids, self.distance))
        return near / near.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def _distances(X: Array, centroids: Array, distance: str) -> Array:
    gaps = np.abs(X[:, None] - centroids[None]) ** POWERS[distance]
    return gaps.mean(axis=2)  # type: ignore[no-any-return]


def _make(setup: Setup, at: Workplace) -> CentroidTrainer:
    return CentroidTrainer(str(at.data), at.classes, setup.options["distance"])


def _write(best: SafePath, trained: Trained) -> CentroidModel:
    assert isinstance(trained.trainer, CentroidTrainer)
    distance, encoding = trained.trainer.distance, trained.dataset.encoding
    model = CentroidModel(trained.state["centroids"], distance, encoding)
    values = {"distance": distance, "encoding": encoding.to_json()}
    values["centroids"] = model.centroids.tolist()
    (best / FILE).write_bytes(json.dumps(values).encode())
    return model


def _load(best: SafePath, _setup: Setup) -> tuple[CentroidModel, Encoding]:
    values = json.loads((best / FILE).read_bytes())
    encoding = Encoding.from_json(values["encoding"])
    return CentroidModel(np.array(values["centroids"]), values["distance"], encoding), encoding


def _check_settings(settings: Mapping[str, Any]) -> Remarks:
    if settings["epochs"] > 1 and settings.get("shrinkage") == 1:
        return [("shrinkage", "must be below 1 where there are epochs to compare")]
    return []


KIND = Kind(
    name="centroids",
    make=_make,
    hyperparameters=epochs("Shares in which the training rows are added.")
    | {
        "shrinkage": Hyperparameter(
            "shrinkage", "float", 0.0, "how far a class's mean moves to the rows'", low=0, high=1
        )
    },
    options={
        "distance": Option(
            "distance", choice(*POWERS), "How far apart rows are.", "manhattan", "euclidean"
        )
    },
    metrics={"val_accuracy": "maximize"},
    shares=frozenset({"val_accuracy"}),
    check_settings=_check_settings,
    model=ModelFile(FILE, _write, _load),
)
