"""How well classes were told apart."""

from __future__ import annotations

import numpy as np

from hpsearch.nn.types import Array


def confusion_matrix(labels: Array, predictions: Array, classes: int) -> Array:
    """Counts (classes, classes): row the true class, column the predicted one."""
    cells = np.bincount(labels * classes + predictions, minlength=classes * classes)
    return cells.reshape(classes, classes)


def accuracy(confusion: Array) -> float:
    """The share of examples whose class was predicted."""
    return float(np.trace(confusion) / confusion.sum())


def balanced_accuracy(confusion: Array) -> float:
    """The mean over classes of the share predicted right; classes without examples sit out."""
    examples = confusion.sum(axis=1)
    present = examples > 0
    return float(np.mean(np.diag(confusion)[present] / examples[present]))


def macro_f1(confusion: Array) -> float:
    """The mean over classes of F1, 2 hits / (examples + predictions).

    A class that occurs neither among the labels nor among the predictions sits out.
    """
    total = confusion.sum(axis=0) + confusion.sum(axis=1)
    present = total > 0
    return float(np.mean(2 * np.diag(confusion)[present] / total[present]))
