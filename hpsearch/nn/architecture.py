"""The shape of a network, and where its parameters lie in one flat buffer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from hpsearch.nn.types import Array, Flat, FlatStatistics, PerUnit


@dataclass(frozen=True)
class Architecture:
    """What decides the shapes of a network: dense, batch norm, activation, ..., dense, softmax.

    With two entries in `units` there is no hidden layer: softmax regression.
    """

    units: tuple[int, ...]  # input features, the hidden layers' units ..., classes
    activation: str = "relu"
    batch_norm: bool = True

    @property
    def hidden(self) -> tuple[int, ...]:
        """Units of the hidden layers, from the input to the output."""
        return self.units[1:-1]

    @property
    def weights(self) -> int:
        """Entries of all weight matrices; in the flat buffer they stand first."""
        return sum(n * u for n, u in pairwise(self.units))

    @property
    def parameters(self) -> int:
        """Length of the flat buffer: weights, then gamma and shift, layer by layer."""
        gammas = sum(self.hidden) if self.batch_norm else 0
        return self.weights + gammas + sum(self.units[1:])

    @property
    def statistics(self) -> int:
        """Length of the buffer that holds each hidden unit's mean and variance."""
        return 2 * sum(self.hidden) if self.batch_norm else 0


class Layer(NamedTuple):
    """Views of one layer's parameters (or their gradients) in the flat buffer.

    There is no bias before batch norm, which would subtract it again: `shift` is batch norm's
    beta where `gamma` is present, and the bias b where it is None.
    """

    W: Array  # (trials, units of the layer below, units)
    gamma: PerUnit | None
    shift: PerUnit


class Statistics(NamedTuple):
    """Views of one hidden layer's batch-norm statistics."""

    mean: PerUnit
    variance: PerUnit


def layers(flat: Flat, architecture: Architecture) -> list[Layer]:
    """Cut the flat buffer into the layers' parameters, without copying."""
    trials, start, found = flat.shape[0], architecture.weights, []
    last = len(architecture.units) - 2

    def vector(units: int) -> PerUnit:
        nonlocal start
        start += units
        return flat[:, None, start - units : start]

    first = 0
    for index, (n, u) in enumerate(pairwise(architecture.units)):
        W = flat[:, first : first + n * u].reshape(trials, n, u)
        first += n * u
        gamma = vector(u) if architecture.batch_norm and index < last else None
        found.append(Layer(W, gamma, vector(u)))
    assert all(np.shares_memory(layer.W, flat) for layer in found)
    return found


def statistics(flat: FlatStatistics, architecture: Architecture) -> list[Statistics]:
    """Cut a (trials, architecture.statistics) buffer into views, one pair a hidden layer."""
    if not architecture.batch_norm:
        return []
    ends = np.cumsum([2 * u for u in architecture.hidden]).tolist()
    return [
        Statistics(flat[:, None, end - 2 * u : end - u], flat[:, None, end - u : end])
        for u, end in zip(architecture.hidden, ends, strict=True)
    ]
