"""Batch normalisation: over a mini-batch in training, by averages of its statistics at test time.

Reference: Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hpsearch.nn.architecture import Statistics
from hpsearch.nn.types import Array, FlatStatistics, PerTrial, PerUnit, Units


def forward(
    Z: Units,
    gamma: PerUnit,
    beta: PerUnit,
    epsilon: Array,
    out: Units,
    batch: Statistics,
    deviation: PerUnit,
) -> None:
    """Standardise each unit over the mini-batch, then rescale: gamma Z_hat + beta.

    Algorithm 1 of the paper, with Z_hat = (Z - mean) / sqrt(variance + epsilon). The variance
    is the biased one (divide by the mini-batch size).

    Args:
        Z: (trials, examples, units); overwritten with Z - mean, which `backward` needs.
        gamma: (trials, 1, units), the learned scale.
        beta: (trials, 1, units), the learned shift.
        epsilon: (trials, 1, 1), keeps the root away from zero.
        out: (trials, examples, units), receives the result.
        batch: receives the mean and the variance over the mini-batch.
        deviation: (trials, 1, units), receives sqrt(variance + epsilon).
    """
    mean, variance = batch
    size = Z.shape[1]
    sum_over_examples(Z, out=mean)
    mean /= size
    Z -= mean
    sum_of_products(Z, Z, out=variance)
    variance /= size
    np.add(variance, epsilon, out=deviation)
    np.sqrt(deviation, out=deviation)
    np.multiply(Z, gamma / deviation, out=out)
    out += beta


def backward(
    D: Units,
    Z: Units,
    gamma: PerUnit,
    deviation: PerUnit,
    d_gamma: PerUnit,
    d_beta: PerUnit,
) -> None:
    """Turn the gradient of batch norm's output, in D, into the gradient of its input.

    With Z centred and Z_hat = Z / deviation:

        d_beta = sum D,    d_gamma = sum D Z_hat    (sums over the mini-batch of m)
        dZ = gamma / deviation (D - d_beta / m - Z_hat d_gamma / m)

    Args:
        D: (trials, examples, units), dL/d(output); overwritten with dL/d(input).
        Z: (trials, examples, units), the centred values from `forward`; overwritten.
        gamma: (trials, 1, units), the scale.
        deviation: (trials, 1, units), from `forward`.
        d_gamma: (trials, 1, units), receives the gradient of the scale.
        d_beta: (trials, 1, units), receives the gradient of the shift.
    """
    size = Z.shape[1]
    sum_over_examples(D, out=d_beta)
    sum_of_products(D, Z, out=d_gamma)
    d_gamma /= deviation
    Z *= d_gamma / (deviation * size)
    Z += d_beta / size
    D -= Z
    D *= gamma / deviation


def accumulate(total: FlatStatistics, batch: FlatStatistics, decay: PerTrial | None) -> None:
    """Add the statistics of one mini-batch to a weighted sum over mini-batches.

    total = decay total + batch. Divided by its `weight` this is the bias-corrected exponentially
    weighted average of the lecture: (1 - decay) / (1 - decay^steps) times the sum.

    Args:
        total: (trials, statistics), the sum; updated in place.
        batch: (trials, statistics), mean and variance over the mini-batch.
        decay: (trials, 1), the weight of the past; None for a plain sum.
    """
    if decay is not None:
        total *= decay
    total += batch


def weight(before: float, decay: float, steps: int) -> float:
    """What a sum of `accumulate` is to be divided by: the same weighted sum, of ones.

    Args:
        before: the weight before these steps; 0 at the start.
        decay: the weight of the past; 1 for a plain sum.
        steps: how many mini-batches were added since.

    >>> weight(0.0, decay=0.5, steps=3)  # 1 + 1/2 + 1/4
    1.75
    >>> weight(0.0, decay=1.0, steps=3)
    3.0
    """
    if decay == 1:
        return before + steps
    past = decay**steps
    return past * before + (1 - past) / (1 - decay)


def sum_over_examples(A: Units, out: PerUnit) -> None:
    """Sum each unit over the examples: a product with a row of ones is twice as fast as np.sum."""
    np.matmul(_ones(A.shape[1], A.dtype), A, out=out)


def sum_of_products(A: Units, B: Units, out: PerUnit) -> None:
    """Sum A B over the examples for each unit, without a temporary array."""
    np.einsum("tmu,tmu->tu", A, B, out=out[:, 0])


@lru_cache(maxsize=64)
def _ones(size: int, dtype: np.dtype[np.generic]) -> Array:
    row = np.ones((1, size), dtype)
    row.flags.writeable = False
    return row
