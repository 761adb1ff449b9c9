"""Batch normalisation over a mini-batch, and the averages that replace it at test time.

Reference: Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167
"""

from __future__ import annotations

import numpy as np

from hpsearch.nn import sums
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
        Z: the layer's values; on return centred, as `backward` needs them.
        gamma: scale, learned.
        beta: shift, learned.
        epsilon: (trials, 1, 1), keeps the root away from zero.
        out: receives the result.
        batch: receives the mini-batch's mean and variance.
        deviation: receives sqrt(variance + epsilon).
    """
    mean, variance = batch
    size = Z.shape[1]
    sums.over_examples(Z, out=mean)
    mean /= size
    Z -= mean
    sums.of_products(Z, Z, out=variance)
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
    """Turn the gradient of batch norm's output, in D, into that of its input.

    With Z centred and Z_hat = Z / deviation:

        d_beta = sum D,    d_gamma = sum D Z_hat    (sums over the mini-batch of m)
        dZ = gamma / deviation (D - d_beta / m - Z_hat d_gamma / m)

    Args:
        D: dL/d(output); on return dL/d(input).
        Z: the centred values that `forward` left; overwritten.
        gamma: scale.
        deviation: as `forward` gave it.
        d_gamma: receives the gradient of the scale.
        d_beta: receives the gradient of the shift.
    """
    size = Z.shape[1]
    sums.over_examples(D, out=d_beta)
    sums.of_products(D, Z, out=d_gamma)
    d_gamma /= deviation
    Z *= d_gamma / (deviation * size)
    Z += d_beta / size
    D -= Z
    D *= gamma / deviation


def accumulate(total: FlatStatistics, batch: FlatStatistics, decay: PerTrial | None) -> None:
    """Fold a mini-batch's statistics into a weighted sum over mini-batches.

    The exponentially weighted average is kept undivided: total = decay total + batch. Divided by
    the same sum of ones (see `weight`) it is the bias-corrected average of the lecture,
    (1 - decay) / (1 - decay^steps) times the sum. With decay None it is a plain sum.
    """
    if decay is not None:
        total *= decay
    total += batch


def weight(before: float, decay: float, steps: int) -> float:
    """What a weighted sum must be divided by, `steps` mini-batches after it was `before`.

    >>> weight(0.0, decay=0.5, steps=3)  # 1 + 1/2 + 1/4
    1.75
    >>> weight(0.0, decay=1.0, steps=3)
    3.0
    """
    if decay == 1:
        return before + steps
    past = decay**steps
    return past * before + (1 - past) / (1 - decay)
