"""The network at test time: batch norm folded into the weights, a chunk of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.architecture import Architecture, layers, statistics
from hpsearch.nn.types import Array, Flat, FlatStatistics

CHUNK = 262_144
"""Most numbers of the widest layer that are computed at once: 1 MB in float32 a trial."""


class Dense(NamedTuple):
    """A layer that only multiplies and adds: A W + b."""

    W: Array  # (trials, units of the layer below, units)
    b: Array  # (trials, 1, units)


def fold(
    architecture: Architecture, params: Flat, averages: FlatStatistics | None, epsilon: Array
) -> list[Dense]:
    """The layers at test time: batch norm with its averages, as part of weights and biases.

    gamma (Z - mean) / sqrt(variance + epsilon) + beta is linear in Z = A W, so it becomes
    A (W scale) + (beta - mean scale) with scale = gamma / sqrt(variance + epsilon).

    Args:
        architecture: the shape.
        params: (trials, parameters).
        averages: (trials, statistics), mean and variance of each hidden unit; None without
            batch norm.
        epsilon: (trials, 1, 1), of batch norm.
    """
    folded = []
    found = [] if averages is None else statistics(averages, architecture)
    for index, (W, gamma, shift) in enumerate(layers(params, architecture)):
        if gamma is None:
            folded.append(Dense(W, shift))
        else:
            mean, variance = found[index]
            scale = gamma / np.sqrt(variance + epsilon)
            folded.append(Dense(W * scale, shift - mean * scale))
    return folded


def logits(dense: Sequence[Dense], activation: str, X: Array) -> Array:
    """The values of the output layer, (trials, rows, classes), for the rows X (rows, features)."""
    apply = ACTIVATIONS[activation].forward
    A = X
    for W, b in dense[:-1]:
        U = np.matmul(A, W)
        U += b
        A = np.empty_like(U)
        apply(U, A, np.empty_like(U))
    W, b = dense[-1]
    Z: Array = np.matmul(A, W)
    Z += b
    return Z


def chunks(rows: int, dense: Sequence[Dense]) -> Iterator[slice]:
    """Cut this many rows into slices that need no more than `CHUNK` numbers a layer."""
    widest = max(dense[0].W.shape[1], *(layer.W.shape[2] for layer in dense))
    size = max(1, CHUNK // widest)
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def log_softmax(Z: Array) -> Array:
    """The logarithm of softmax over the last axis: log y_hat of the logits Z (..., classes)."""
    shifted: Array = Z - Z.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


def evaluate(dense: Sequence[Dense], activation: str, X: Array, y: Array) -> tuple[Array, Array]:
    """The loss and the predictions of each trial.

    Args:
        dense: the layers, from `fold`.
        activation: a name in `ACTIVATIONS`.
        X: (rows, features), for all trials.
        y: (rows,), class indices.

    Returns:
        The mean cross-entropy, (trials,), not weighted by class, and the index of the most
        probable class, (trials, rows).
    """
    trials = dense[0].W.shape[0]
    losses = np.zeros(trials)
    predictions = np.empty((trials, len(y)), np.int64)
    for rows in chunks(len(y), dense):
        Z = logits(dense, activation, np.asarray(X[rows]))
        predictions[:, rows] = Z.argmax(axis=-1)
        chosen = np.take_along_axis(log_softmax(Z), y[None, rows, None], axis=-1)
        losses -= chosen[..., 0].sum(axis=-1, dtype=np.float64)
    return losses / len(y), predictions
