"""How good a trained network is on rows that it has not seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Any, Protocol

import numpy as np

from hpsearch.data.encoding import Encoding, batches
from hpsearch.data.source import Codes, Rows, Source
from hpsearch.nn.metrics import accuracy, balanced_accuracy, confusion_matrix, macro_f1
from hpsearch.nn.types import Array

Z = 1.96  # standard deviations that hold 95 % of a normal distribution


class Predictor(Protocol):
    """A trained model: the network's, or a user's in Keras."""

    @property
    def class_names(self) -> Array:
        """(classes,), the labels."""
        ...

    def probabilities(self, rows: Array) -> Array:
        """Class probabilities (rows, classes) of raw, unstandardised rows (rows, features)."""
        ...


@dataclass(frozen=True)
class Measurement:
    """Metrics on some rows; `confusion[i][j]` counts rows of class i taken for class j."""

    rows: int
    loss: float
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    interval: tuple[float, float]  # of the accuracy, 95 %
    confusion: list[list[int]]

    def as_dict(self, prefix: str) -> dict[str, Any]:
        """With the metrics named as in a run, such as test_accuracy."""
        names = ("loss", "accuracy", "balanced_accuracy", "macro_f1")
        metrics = {f"{prefix}_{name}": getattr(self, name) for name in names}
        return {
            **metrics,
            "interval": list(self.interval),
            "rows": self.rows,
            "confusion": self.confusion,
        }


Batch = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
"""Encoded, unstandardised rows (rows, features) and their class indices (rows,)."""


def labelled(source: Source, encoding: Encoding, y: Codes, rows: Rows) -> Iterator[Batch]:
    """Some rows of a source, a few megabytes at a time, with their classes."""
    done = 0
    for X in batches(source, encoding, rows):
        yield X, y[rows[done : done + len(X)]]
        done += len(X)


def measure(model: Predictor, rows: Iterable[Batch]) -> Measurement:
    """Measure a model on rows that come in batches."""
    classes = len(model.class_names)
    confusion = np.zeros((classes, classes), dtype=np.int64)
    loss = 0.0
    for X, y in rows:
        probabilities = model.probabilities(X)
        confusion += confusion_matrix(y, probabilities.argmax(axis=1), classes)
        chosen = probabilities[np.arange(len(y)), y]
        loss -= float(np.log(np.maximum(chosen, np.finfo(float).tiny)).sum())
    total = int(confusion.sum())
    right = accuracy(confusion)
    return Measurement(
        total,
        loss / total,
        right,
        balanced_accuracy(confusion),
        macro_f1(confusion),
        wilson(right, total),
        confusion.tolist(),
    )


def wilson(share: float, rows: int) -> tuple[float, float]:
    """A 95 % interval for a share that was found on some rows.

    Unlike the normal one it stays within [0, 1] and holds near its ends, where accuracies are.

    Reference: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical
    Inference".

    >>> [round(end, 3) for end in wilson(1.0, 100)]
    [0.963, 1.0]
    """
    middle = (share + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z / (1 + Z**2 / rows) * sqrt(share * (1 - share) / rows + Z**2 / (4 * rows**2))
    return max(0.0, middle - half), min(1.0, middle + half)
