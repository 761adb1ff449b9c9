"""A user's trained model as one that takes raw rows; importing this imports Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from hpsearch.nn.types import Array
from hpsearch.trainers.keras.export import standardise

TOLERANCE = 1e-3
"""How far a row's outputs may add up to something else than 1 and still be probabilities."""


def whole(model: Any, mean: Array, scale: Array, rows: Array) -> Any:
    """The model between a standardisation and, where it gives logits, a softmax.

    Args:
        model: gives probabilities or logits (rows, classes) of standardised rows.
        mean: (features,), subtracted from each raw column.
        scale: (features,), what each column is then divided by.
        rows: some standardised rows, by which it is told what the model gives.
    """
    stack = [keras.Input((len(mean),)), standardise(mean, scale), model]
    if not are_probabilities(model.predict(rows, verbose=0)):
        stack.append(keras.layers.Softmax())
    model.compiled = False  # the file is to predict with: it needs no loss of the user's
    return keras.Sequential(stack)


def are_probabilities(outputs: Array) -> bool:
    """Whether each row of (rows, classes) is a distribution, as of a softmax."""
    return bool((outputs >= 0).all() and (np.abs(outputs.sum(axis=1) - 1) < TOLERANCE).all())
