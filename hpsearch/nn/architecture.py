"""The shape of a network, where its parameters lie in one flat buffer, and where they start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from hpsearch import rng
from hpsearch.nn.types import Array, Flat, FlatStatistics, PerUnit

DEVIATIONS: Mapping[str, Callable[[int, int], float]] = MappingProxyType(
    {
        # He et al. 2015, https://arxiv.org/abs/1502.01852
        "he": lambda n, _: (2 / n) ** 0.5,
        # Glorot and Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html
        "xavier": lambda n, u: (2 / (n + u)) ** 0.5,
    }
)
"""Standard deviation of a layer's normal weights, from its number of inputs and of units."""


@dataclass(frozen=True)
class Architecture:
    """A network: dense, batch norm, activation, ..., dense, softmax.

    Attributes:
        units: input features, then the units of each hidden layer, then classes. Two entries
            mean no hidden layer: softmax regression.
        activation: a name in `ACTIVATIONS`.
        batch_norm: whether each hidden layer has one.
    """

    units: tuple[int, ...]
    activation: str = "relu"
    batch_norm: bool = True

    @property
    def hidden(self) -> tuple[int, ...]:
        """Units of the hidden layers, from the input to the output."""
        return self.units[1:-1]

    @property
    def weights(self) -> int:
        """Number of entries of all weight matrices, which stand first in the flat buffer."""
        return sum(n * u for n, u in pairwise(self.units))

    @property
    def parameters(self) -> int:
        """Length of the flat buffer: all weights, then gamma and shift layer by layer."""
        gammas = sum(self.hidden) if self.batch_norm else 0
        return self.weights + gammas + sum(self.units[1:])

    @property
    def statistics(self) -> int:
        """Length of the buffer that holds the mean and variance of each hidden unit."""
        return 2 * sum(self.hidden) if self.batch_norm else 0


class Layer(NamedTuple):
    """Views of one layer's parameters, or of their gradients, in the flat buffer.

    `shift` is batch norm's beta where the layer has a `gamma`, else the bias b: before batch
    norm there is no bias, since it would be subtracted again.
    """

    W: Array  # (trials, units of the layer below, units)
    gamma: PerUnit | None
    shift: PerUnit


class Statistics(NamedTuple):
    """Views of the batch-norm statistics of one hidden layer."""

    mean: PerUnit
    variance: PerUnit


def layers(flat: Flat, architecture: Architecture) -> list[Layer]:
    """The parameters of each layer, from the input on, as views of the flat buffer."""
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
    """The statistics of each hidden layer as views of a (trials, statistics) buffer."""
    if not architecture.batch_norm:
        return []
    ends = np.cumsum([2 * u for u in architecture.hidden]).tolist()
    return [
        Statistics(flat[:, None, end - 2 * u : end - u], flat[:, None, end - u : end])
        for u, end in zip(architecture.hidden, ends, strict=True)
    ]


def initialize(
    architecture: Architecture,
    initializers: Sequence[str],
    seeds: Sequence[tuple[int | str, ...]],
    dtype: DTypeLike = np.float32,
) -> Flat:
    """Parameters to start from: normal weights, gamma 1, beta and bias 0.

    The weights of each layer come from rng.stream(*seed, "weights", layer), so they depend on
    nothing but the trial's seed and the architecture.

    Args:
        architecture: the shape that all trials share.
        initializers: for each trial a name in `DEVIATIONS`.
        seeds: for each trial what its random numbers derive from.
        dtype: of the parameters.

    Returns:
        (trials, parameters).
    """
    params = np.zeros((len(seeds), architecture.parameters), dtype)
    for index, layer in enumerate(layers(params, architecture)):
        _, n, u = layer.W.shape
        for t, (name, seed) in enumerate(zip(initializers, seeds, strict=True)):
            normal = rng.stream(*seed, "weights", index).standard_normal((n, u))
            layer.W[t] = normal * DEVIATIONS[name](n, u)
        if layer.gamma is not None:
            layer.gamma[...] = 1
    return params
