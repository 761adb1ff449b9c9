"""The coarse round: a Latin hypercube covers every coordinate evenly, whatever matters."""

from __future__ import annotations

import numpy as np

from hpsearch.space import Points


def latin_hypercube(rng: np.random.Generator, points: int, dimensions: int) -> Points:
    """Points of the unit cube with exactly one in each of `points` equal slices of every axis.

    Reference: McKay, Beckman and Conover 1979, "A comparison of three methods for selecting
    values of input variables in the analysis of output from a computer code".

    >>> points = latin_hypercube(np.random.default_rng(0), 4, 2)
    >>> [sorted((4 * axis).astype(int).tolist()) for axis in points.T]
    [[0, 1, 2, 3], [0, 1, 2, 3]]
    """
    slices = rng.permuted(np.tile(np.arange(points), (dimensions, 1)), axis=1).T
    return np.asarray((slices + rng.random((points, dimensions))) / points)
