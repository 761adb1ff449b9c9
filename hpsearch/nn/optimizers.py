"""Optimizers over flat buffers: a handful of array operations for the whole model.

W stands for every parameter, dW for its gradient, alpha for the learning rate:

    sgd      W -= alpha dW
    momentum v = beta v + (1 - beta) dW;          W -= alpha v
    rmsprop  s = beta2 s + (1 - beta2) dW^2;      W -= alpha dW / (sqrt(s) + epsilon)
    adam     both averages, each divided by 1 - beta^t (bias correction):
             W -= alpha v_corrected / (sqrt(s_corrected) + epsilon)
    adamw    W -= alpha l2 W for weights only, then adam

The updates are the lecture's, with alpha, which its batch-norm page leaves out. References: Kingma
and Ba 2015, https://arxiv.org/abs/1412.6980 (adam); Loshchilov and Hutter 2019,
https://arxiv.org/abs/1711.05101 (adamw).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from hpsearch.nn.types import Array, Flat, PerTrial


class Coefficients(NamedTuple):
    """One step's scalars, each (trials, 1). An optimizer reads those it has a use for."""

    alpha: PerTrial
    beta: PerTrial  # of the average of dW
    one_minus_beta: PerTrial
    beta2: PerTrial  # of the average of dW^2
    one_minus_beta2: PerTrial
    epsilon: PerTrial
    shrink: PerTrial  # 1 - learning rate times l2, for decoupled decay


class Buffers(NamedTuple):
    """The flat arrays of a stack. An update overwrites dW and scratch."""

    W: Flat
    dW: Flat  # noqa: N815 (the symbol of the formulas)
    moments: tuple[Flat, ...]
    scratch: Flat


def _sgd(buffers: Buffers, c: Coefficients) -> None:
    W, dW, _, _ = buffers
    dW *= c.alpha
    W -= dW


def _momentum(buffers: Buffers, c: Coefficients) -> None:
    W, dW, (v,), _ = buffers
    v *= c.beta
    dW *= c.one_minus_beta
    v += dW
    np.multiply(v, c.alpha, out=dW)
    W -= dW


def _rmsprop(buffers: Buffers, c: Coefficients) -> None:
    W, dW, (s,), scratch = buffers
    np.multiply(dW, dW, out=scratch)
    scratch *= c.one_minus_beta2
    s *= c.beta2
    s += scratch
    np.sqrt(s, out=scratch)
    scratch += c.epsilon
    dW /= scratch
    dW *= c.alpha
    W -= dW


def _adam(buffers: Buffers, c: Coefficients) -> None:
    # v and s are kept as sums, v = beta v + dW, whose division by the sum of their weights is
    # at once the average and its bias correction; `coefficients` has moved those divisions
    # into alpha and epsilon, which saves four passes over memory.
    W, dW, (v, s), _ = buffers
    v *= c.beta
    v += dW
    dW *= dW
    s *= c.beta2
    s += dW
    np.sqrt(s, out=dW)
    dW += c.epsilon
    np.divide(v, dW, out=dW)
    dW *= c.alpha
    W -= dW


@dataclass(frozen=True)
class Optimizer:
    """An update rule.

    `moments` is how many averages it keeps for each parameter. `sums` says that they are kept
    as undivided sums, `decoupled` that l2 shrinks the weights directly and stays out of the
    gradient.
    """

    name: str
    update: Callable[[Buffers, Coefficients], None]
    moments: int
    sums: bool = False
    decoupled: bool = False


OPTIMIZERS: Mapping[str, Optimizer] = MappingProxyType(
    {
        optimizer.name: optimizer
        for optimizer in (
            Optimizer("sgd", _sgd, moments=0),
            Optimizer("momentum", _momentum, moments=1),
            Optimizer("rmsprop", _rmsprop, moments=1),
            Optimizer("adam", _adam, moments=2, sums=True),
            Optimizer("adamw", _adam, moments=2, sums=True, decoupled=True),
        )
    }
)


@dataclass(frozen=True)
class Scalars:
    """One trial's constants of the update; each optimizer uses its own."""

    beta: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    l2: float = 0.0


def coefficients(
    optimizer: Optimizer,
    scalars: Sequence[Scalars],
    rates: Array,
    sums: Array,
    dtype: DTypeLike,
) -> list[Coefficients]:
    """The scalars of each step of an epoch.

    Args:
        optimizer: the update rule.
        scalars: one a trial.
        rates: (trials, steps), learning rates.
        sums: (trials, 2), float64: how much weight the sums of dW and dW^2 hold before the
            epoch; moved on to the epoch's end.
        dtype: of the parameters.
    """
    alphas, epsilons = np.array(rates, np.float64), np.empty(rates.shape)
    shrinks = 1 - rates * np.array([[s.l2] for s in scalars])
    for t, s in enumerate(scalars):
        epsilons[t] = s.epsilon
        if optimizer.sums:
            first, second = sums[t].tolist()
            for k in range(rates.shape[1]):
                first, second = s.beta * first + 1, s.beta2 * second + 1
                # (v / first) / (sqrt(s / second) + epsilon), with sqrt(second) moved out
                alphas[t, k] *= second**0.5 / first
                epsilons[t, k] *= second**0.5
            sums[t] = first, second

    def columns(values: Array) -> list[PerTrial]:
        return list(values.astype(dtype).T[:, :, None])

    beta, one_minus_beta, beta2, one_minus_beta2 = columns(
        np.array([[s.beta, 1 - s.beta, s.beta2, 1 - s.beta2] for s in scalars])
    )
    return [
        Coefficients(alpha, beta, one_minus_beta, beta2, one_minus_beta2, epsilon, shrink)
        for alpha, epsilon, shrink in zip(
            columns(alphas), columns(epsilons), columns(shrinks), strict=True
        )
    ]
