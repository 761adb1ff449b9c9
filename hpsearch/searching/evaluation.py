"""Metrics of a trained model on rows that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean
from typing import Any

import numpy as np

from hpsearch.data.encoding import Encoding, batches
from hpsearch.data.source import Codes, Rows, Source
from hpsearch.nn import metrics
from hpsearch.nn.metrics import Counts
from hpsearch.nn.types import Array
from hpsearch.trainers.protocol import Predictor

Z = 1.96  # standard deviations that hold 95 % of a normal distribution
MOST_CLASSES = 100  # of a confusion matrix that is kept whole
MOST_CONFUSED = 100  # pairs of classes
MOST_PROBABILITIES = 20_000_000  # kept for the AUC, 8 bytes each

Interval = tuple[float, float]


@dataclass(frozen=True)
class Measurement:
    """Metrics on some rows, classes in the order of the model's.

    Attributes:
        rows: how many there were.
        metrics: loss (the mean cross-entropy, also called log loss), accuracy,
            balanced_accuracy, macro_f1 and auc (one class against the rest, mean over classes);
            auc is None where no class has rows both of its own and of others, or where there are
            more than MOST_PROBABILITIES to rank.
        intervals: 95 % each, of all but auc.
        constant: the metrics of a model that always predicts the largest class.
        classes: rows, precision, recall and f1 of each class.
        confusion: `confusion[i][j]` counts rows of class i taken for class j; None with more
            than MOST_CLASSES.
        confused: the pairs most often mistaken: true class, predicted class, rows.
    """

    rows: int
    metrics: Mapping[str, float | None]
    intervals: Mapping[str, Interval]
    constant: Mapping[str, float]
    classes: Mapping[str, Sequence[float | None]]
    confusion: Sequence[Sequence[int]] | None
    confused: Sequence[tuple[int, int, int]]

    def as_dict(self, prefix: str) -> dict[str, Any]:
        """With the metrics named as in a run, such as test_accuracy."""

        def named(values: Mapping[str, Any]) -> dict[str, Any]:
            return {f"{prefix}_{name}": value for name, value in values.items()}

        intervals = {name: list(ends) for name, ends in self.intervals.items()}
        return {
            **named(self.metrics),
            "interval": intervals["accuracy"],
            "intervals": named(intervals),
            "baseline": named(self.constant),
            "rows": self.rows,
            "per_class": {name: list(values) for name, values in self.classes.items()},
            "confused": [list(pair) for pair in self.confused],
            "confusion": self.confusion,
        }


Batch = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
"""Encoded, unstandardised rows (rows, features) and their class indices (rows,)."""


def labelled(source: Source, encoding: Encoding, y: Codes, rows: Rows) -> Iterator[Batch]:
    """Encode some rows of a source, a few megabytes at a time, with their classes.

    Args:
        source: holds the raw rows.
        encoding: turns them into numbers.
        y: (rows of the source,), the class index of each.
        rows: (n,), which rows.
    """
    done = 0
    for X in batches(source, encoding, rows):
        yield X, y[rows[done : done + len(X)]]
        done += len(X)


def measure(model: Predictor, rows: Iterable[Batch]) -> Measurement:
    """Measure a model on rows that come in batches.

    Takes time in proportion to rows (times their logarithm, for the AUC) and to classes, never
    to classes squared beyond MOST_CLASSES.
    """
    classes = len(model.class_names)
    labels, predictions, losses = [], [], []
    kept: list[Array] = []
    room = MOST_PROBABILITIES
    for X, y in rows:
        probabilities = model.probabilities(X)
        chosen = probabilities[np.arange(len(y)), y]
        labels.append(y)
        predictions.append(probabilities.argmax(axis=1))
        losses.append(-np.log(np.maximum(chosen, np.finfo(float).tiny)).astype(np.float64))
        room -= probabilities.size
        kept.append(probabilities)
        if room < 0:
            kept.clear()
    return measured(
        np.concatenate(labels),
        np.concatenate(predictions),
        np.concatenate(losses),
        classes,
        _macro_auc(kept, np.concatenate(labels), classes) if room >= 0 else None,
    )


def measured(
    labels: Array, predictions: Array, losses: Array, classes: int, auc: float | None
) -> Measurement:
    """The metrics of some rows, and their intervals.

    Args:
        labels: (rows,), class indices.
        predictions: (rows,), class indices.
        losses: (rows,), the cross-entropy of each row, in nats.
        classes: how many there are.
        auc: computed elsewhere, for it needs all probabilities; None where it is undefined.
    """
    counts = metrics.count(labels, predictions, classes)
    total = len(labels)
    found = {"loss": float(losses.mean()), **metrics.of_counts(counts)}
    balanced = metrics.balanced_accuracy_error(counts)
    f1 = metrics.macro_f1_error(counts, labels, predictions)
    few = _equal_rows(counts)
    half = Z * float(losses.std()) / sqrt(total)
    return Measurement(
        total,
        {**found, "auc": auc},
        {
            "loss": (max(0.0, found["loss"] - half), found["loss"] + half),
            "accuracy": wilson(found["accuracy"], total),
            "balanced_accuracy": share_interval(found["balanced_accuracy"], balanced, few),
            "macro_f1": share_interval(found["macro_f1"], f1, few),
        },
        metrics.constant_answer(counts.examples),
        {"rows": counts.examples.tolist(), **metrics.rates(counts)},
        metrics.confusion_matrix(labels, predictions, classes).tolist()
        if classes <= MOST_CLASSES
        else None,
        metrics.most_confused(labels, predictions, MOST_CONFUSED),
    )


def _macro_auc(probabilities: Sequence[Array], labels: Array, classes: int) -> float | None:
    """The mean AUC of each class against the rest; with two classes both are equal."""
    areas = (
        metrics.auc(np.concatenate([each[:, index] for each in probabilities]), labels == index)
        for index in ([1] if classes == 2 else range(classes))
    )
    known = [area for area in areas if area is not None]
    return fmean(known) if known else None


def _equal_rows(counts: Counts) -> float:
    """How many rows, equally many a class, would estimate a mean over classes as well."""
    n = counts.examples[counts.examples > 0]
    return float(len(n) ** 2 / (1 / n).sum())


def share_interval(value: float, error: float, most: float) -> Interval:
    """A 95 % interval within [0, 1] for a metric between 0 and 1 with a standard error.

    It is Wilson's interval for the number of rows at which a plain share would have this
    standard error, but for at most `most` rows: a class with a few rows, all of them right, is
    not known to be always right.

    >>> [round(end, 3) for end in share_interval(0.75, 0.05, most=1000)]
    [0.641, 0.834]
    """
    rows = value * (1 - value) / error**2 if error > 0 else most
    return wilson(value, max(1.0, min(rows, most)))


def wilson(share: float, rows: float) -> Interval:
    """A 95 % interval for a share that was measured on this many rows.

    Unlike the normal one it stays within [0, 1] and holds near its ends, where accuracies are.

    Reference: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical
    Inference".

    >>> [round(end, 3) for end in wilson(1.0, 100)]
    [0.963, 1.0]
    """
    middle = (share + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z / (1 + Z**2 / rows) * sqrt(share * (1 - share) / rows + Z**2 / (4 * rows**2))
    low = 0.0 if share == 0 else max(0.0, middle - half)  # exact, where rounding would not be
    return low, 1.0 if share == 1 else min(1.0, middle + half)
