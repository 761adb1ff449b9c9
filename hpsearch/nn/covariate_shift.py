"""Covariate shift: how far the distribution of the hidden units moves in training.

Batch norm was invented to limit it: Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167.
Santurkar et al. 2018, https://arxiv.org/abs/1805.11604, doubt that this is why it works.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hpsearch.nn import batch_norm
from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.architecture import Architecture, Statistics, layers
from hpsearch.nn.types import Array, Flat
from hpsearch.shapes import Float

UnitMoments = Float[Array, "t units"]
"""One number for each hidden unit of each trial, all layers side by side."""


class Moments(NamedTuple):
    """Mean and biased variance of each hidden unit's activation over some rows."""

    mean: UnitMoments
    variance: UnitMoments


class Shift(NamedTuple):
    """How far the hidden units of each trial moved; NaN where none varies at both times."""

    mean: Array  # (trials,)
    variance: Array  # (trials,)


def moments(architecture: Architecture, params: Flat, epsilon: Array, X: Array) -> Moments:
    """Mean and variance, in float64, of the activation of each hidden unit.

    It is computed as in a training step without dropout whose mini-batch is X. The averages that
    batch norm uses at test time would not do: the noise of the few mini-batches behind them
    would count as movement.

    Args:
        architecture: the shape.
        params: (trials, parameters).
        epsilon: (trials, 1, 1), of batch norm; not used without it.
        X: (rows, features), for all trials.
    """
    none = np.empty((params.shape[0], 0))
    means, variances = [none], [none]
    A = X
    for layer in layers(params, architecture)[:-1]:
        Z = np.matmul(A, layer.W)
        U, A = np.empty_like(Z), np.empty_like(Z)
        if layer.gamma is None:
            np.add(Z, layer.shift, out=U)
        else:
            mean, variance, deviation = (np.empty_like(layer.gamma) for _ in range(3))
            found = Statistics(mean, variance)
            batch_norm.forward(Z, layer.gamma, layer.shift, epsilon, U, found, deviation)
        ACTIVATIONS[architecture.activation].forward(U, A, Z)
        seen = A.astype(np.float64)
        means.append(seen.mean(axis=1))
        variances.append(seen.var(axis=1))
    return Moments(np.concatenate(means, axis=1), np.concatenate(variances, axis=1))


def shift(before: Moments, after: Moments) -> Shift:
    """How far the units moved between two times in training.

    The shift of a mean is |after - before| in standard deviations before; that of a variance is
    |log(after / before)|. Both are averaged over the units that vary at both times: one that is
    constant over the rows, such as a dead ReLU, has no standard deviation to measure in.

    >>> one = Moments(np.array([[0.0, 5.0]]), np.array([[4.0, 0.0]]))  # the second is dead
    >>> shift(one, Moments(np.array([[1.0, 5.0]]), np.array([[4.0, 0.0]])))
    Shift(mean=array([0.5]), variance=array([0.]))
    """
    with np.errstate(all="ignore"):
        varies = (before.variance > 0) & (after.variance > 0)
        of_mean = np.abs(after.mean - before.mean) / np.sqrt(before.variance)
        of_variance = np.abs(np.log(after.variance / before.variance))
        units = varies.sum(axis=1)
        return Shift(
            np.where(varies, of_mean, 0).sum(axis=1) / units,
            np.where(varies, of_variance, 0).sum(axis=1) / units,
        )
