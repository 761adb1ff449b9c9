"""Metrics of a classification.

Labels and predictions are integer arrays (rows,) of class indices below the number of classes.
But for `confusion_matrix`, time and memory grow with rows plus classes, not with classes squared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from types import MappingProxyType

import numpy as np

from hpsearch.nn.types import Array


@dataclass(frozen=True)
class Counts:
    """How often each class occurs and is predicted: arrays (classes,) of whole numbers."""

    hits: Array  # rows of the class that were predicted to be of it
    examples: Array  # rows of the class
    predictions: Array  # rows that were predicted to be of it


def count(labels: Array, predictions: Array, classes: int) -> Counts:
    """Count labels (rows,), predictions (rows,), and where they agree, for each class."""
    return Counts(
        np.bincount(labels[labels == predictions], minlength=classes),
        np.bincount(labels, minlength=classes),
        np.bincount(predictions, minlength=classes),
    )


def accuracy(counts: Counts) -> float:
    """The share of rows whose class was predicted."""
    return float(counts.hits.sum() / counts.examples.sum())


def balanced_accuracy(counts: Counts) -> float:
    """The mean recall of the classes that have rows: hits / examples."""
    present = counts.examples > 0
    return float(np.mean(counts.hits[present] / counts.examples[present]))


def balanced_accuracy_error(counts: Counts) -> float:
    """The standard error of balanced accuracy: that of a mean of independent binomial shares."""
    present = counts.examples > 0
    n = counts.examples[present]
    recall = counts.hits[present] / n
    return sqrt(float((recall * (1 - recall) / n).sum())) / len(n)


def macro_f1(counts: Counts) -> float:
    """The mean over classes of F1 = 2 hits / (examples + predictions).

    A class that occurs neither among the labels nor among the predictions is left out.
    """
    total = counts.examples + counts.predictions
    present = total > 0
    return float(np.mean(2 * counts.hits[present] / total[present]))


def macro_f1_error(counts: Counts, labels: Array, predictions: Array) -> float:
    """The standard error of macro F1 by the delta method.

    The squares of what each row contributes are summed. With T = examples + predictions, a row
    that is predicted right moves the F1 of its class by (2 - 2 F1) / T; one that is not moves
    the F1 of both its class and the predicted one by -F1 / T.

    Args:
        counts: of these labels and predictions.
        labels: (rows,), class indices.
        predictions: (rows,), class indices.
    """
    total = np.maximum(counts.examples + counts.predictions, 1)
    F1 = 2 * counts.hits / total
    lost = F1 / total
    moves = np.where(
        labels == predictions,
        (2 * (1 - F1) / total)[labels],
        -lost[labels] - lost[predictions],
    )
    present = int(((counts.examples + counts.predictions) > 0).sum())
    return sqrt(float(moves @ moves)) / present


OF_COUNTS: Mapping[str, Callable[[Counts], float]] = MappingProxyType(
    {"accuracy": accuracy, "balanced_accuracy": balanced_accuracy, "macro_f1": macro_f1}
)
"""Metrics between 0 and 1, measured on validation rows after each epoch, and on test rows."""

SHARES = (*OF_COUNTS, "auc")
"""Metrics that always lie between 0 and 1."""


def of_counts(counts: Counts) -> dict[str, float]:
    """Every metric of `OF_COUNTS`."""
    return {name: metric(counts) for name, metric in OF_COUNTS.items()}


def rates(counts: Counts) -> dict[str, list[float | None]]:
    """Precision, recall and F1, each a list with one value a class; None for 0 / 0.

    >>> rates(count(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), 3))
    {'precision': [1.0, 1.0, None], 'recall': [1.0, 1.0, None], 'f1': [1.0, 1.0, None]}
    """
    total = counts.examples + counts.predictions
    return {
        "precision": _divided(counts.hits, counts.predictions),
        "recall": _divided(counts.hits, counts.examples),
        "f1": _divided(2 * counts.hits, total),
    }


def _divided(numerators: Array, denominators: Array) -> list[float | None]:
    pairs = zip(numerators.tolist(), denominators.tolist(), strict=True)
    return [a / b if b else None for a, b in pairs]


def auc(scores: Array, positive: Array) -> float | None:
    """The area under the ROC curve: the share of pairs whose positive row scores higher.

    Pairs of equal scores count half. None unless there are both positive and negative rows.

    Args:
        scores: (rows,), higher for rows that are more likely positive.
        positive: (rows,), booleans.

    Reference: Hanley and McNeil 1982, "The Meaning and Use of the Area under a ROC Curve".

    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, True, False, True]))
    0.875
    """
    _, place = np.unique(scores, return_inverse=True)
    everything = np.bincount(place)
    positives = np.bincount(place[positive], minlength=len(everything))
    negatives = everything - positives
    pairs = int(positives.sum()) * int(negatives.sum())
    if not pairs:
        return None
    below = np.cumsum(negatives) - negatives
    return float((positives * (below + negatives / 2)).sum() / pairs)


def confusion_matrix(labels: Array, predictions: Array, classes: int) -> Array:
    """Counts of rows (classes, classes): true classes down, predicted classes across."""
    cells = np.bincount(labels * classes + predictions, minlength=classes * classes)
    return cells.reshape(classes, classes)


def most_confused(labels: Array, predictions: Array, most: int) -> list[tuple[int, int, int]]:
    """The most frequent confusions: true class, predicted class, and how many rows.

    Equally frequent ones are in the order of the classes. `most` is how many to return.

    >>> most_confused(np.array([0, 2, 2, 2, 1]), np.array([0, 1, 1, 0, 1]), most=5)
    [(2, 1, 2), (2, 0, 1)]
    """
    wrong = labels != predictions
    pairs = np.stack([labels[wrong], predictions[wrong]], axis=1)
    kinds, rows = np.unique(pairs, axis=0, return_counts=True)
    first = np.argsort(-rows, kind="stable")[:most]
    return [(int(a), int(b), int(n)) for (a, b), n in zip(kinds[first], rows[first], strict=True)]


def constant_answer(examples: Array) -> dict[str, float]:
    """The metrics of a classifier that gives the same answer for every row, as a baseline.

    The answer is the largest class; for the loss, each class with its share of the rows as its
    probability, the best that do not depend on the row.

    Args:
        examples: (classes,), how many rows each class has.

    >>> {name: round(value, 3) for name, value in constant_answer(np.array([3, 1])).items()}
    {'loss': 0.562, 'accuracy': 0.75, 'balanced_accuracy': 0.5, 'macro_f1': 0.429, 'auc': 0.5}
    """
    shares = examples[examples > 0] / examples.sum()
    largest, classes = float(shares.max()), len(shares)
    return {
        "loss": float(-(shares * np.log(shares)).sum()),
        "accuracy": largest,
        "balanced_accuracy": 1 / classes,
        "macro_f1": 2 * largest / (1 + largest) / classes,
        "auc": 0.5,
    }
