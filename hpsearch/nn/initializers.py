"""Where weights start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import DTypeLike

from hpsearch import rng
from hpsearch.nn.architecture import Architecture, layers
from hpsearch.nn.types import Flat

DEVIATIONS: Mapping[str, Callable[[int, int], float]] = MappingProxyType(
    {
        # He et al. 2015, https://arxiv.org/abs/1502.01852
        "he": lambda n, _: (2 / n) ** 0.5,
        # Glorot and Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html
        "xavier": lambda n, u: (2 / (n + u)) ** 0.5,
    }
)
"""Standard deviation of a layer's normal weights from its numbers of inputs and units."""


def initialize(
    architecture: Architecture,
    initializers: Sequence[str],
    seeds: Sequence[tuple[int | str, ...]],
    dtype: DTypeLike = np.float32,
) -> Flat:
    """Parameters to start from, one row a trial: normal weights, gamma 1, beta and bias 0.

    Each layer has its own stream, rng.stream(*seed, "weights", layer), so a trial's weights
    depend on nothing but its seed and shape.
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
