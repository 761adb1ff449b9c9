"""Optimizers and learning-rate schedules.

An optimizer updates the flat buffer of all parameters, so a step is ten array operations for the
whole model. W stands for every parameter, dW for its gradient, alpha for the learning rate:

    sgd      W -= alpha dW
    momentum v = beta v + (1 - beta) dW;          W -= alpha v
    rmsprop  s = beta2 s + (1 - beta2) dW^2;      W -= alpha dW / (sqrt(s) + epsilon)
    adam     both averages, each divided by 1 - beta^t (bias correction):
             W -= alpha v_corrected / (sqrt(s_corrected) + epsilon)
    adamw    W -= alpha l2 W for weights only, then adam

The updates are those of the lecture, with the alpha that its batch-norm page leaves out: Kingma
and Ba 2015, https://arxiv.org/abs/1412.6980 (adam); Loshchilov and Hutter 2019,
https://arxiv.org/abs/1711.05101 (adamw).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import cos, exp, floor, pi, sqrt
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from hpsearch.nn.types import Array, Flat, PerTrial


class Coefficients(NamedTuple):
    """The numbers of one step, each (trials, 1). An optimizer reads those that it needs."""

    alpha: PerTrial
    beta: PerTrial  # of the average of dW
    one_minus_beta: PerTrial
    beta2: PerTrial  # of the average of dW^2
    one_minus_beta2: PerTrial
    epsilon: PerTrial
    shrink: PerTrial  # 1 - learning rate times l2, for decoupled decay


class Buffers(NamedTuple):
    """The flat arrays of a stack, (trials, parameters). An update overwrites dW and scratch."""

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

    Attributes:
        name: as a configuration writes it.
        update: changes W and the moments in place, given dW.
        moments: how many averages it keeps for each parameter.
        sums: whether the averages are kept as sums that are not divided yet.
        decoupled: whether l2 shrinks the weights directly instead of adding to the gradient.
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
    """The constants of the update in one trial. An optimizer reads those that it needs."""

    beta: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    l2: float = 0.0


@np.errstate(all="ignore")  # what is too large for the dtype becomes inf, and training diverges
def coefficients(
    optimizer: Optimizer,
    scalars: Sequence[Scalars],
    rates: Array,
    sums: Array,
    dtype: DTypeLike,
) -> list[Coefficients]:
    """The coefficients of each step of an epoch.

    Args:
        optimizer: the update rule.
        scalars: one a trial.
        rates: (trials, steps), learning rates.
        sums: (trials, 2), float64: by what the sums of dW and dW^2 are to be divided before the
            epoch; updated in place to the end of the epoch.
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


SCHEDULES: Mapping[str, Callable[[int, float, int], float]] = MappingProxyType(
    {
        "inverse_time": lambda epoch, decay, _: 1 / (1 + decay * epoch),
        "exponential": lambda epoch, decay, _: exp(-decay * epoch),
        "inverse_sqrt": lambda epoch, decay, _: 1 / sqrt(1 + decay * epoch),
        # The rate halves every 1/decay epochs; 1e-9 forgives decay * epoch = 28.999999999999996.
        "staircase": lambda epoch, decay, _: 0.5 ** floor(decay * epoch + 1e-9),
        "cosine": lambda epoch, _, epochs: (1 + cos(pi * epoch / epochs)) / 2,
        "constant": lambda *_: 1.0,
    }
)
"""The factor on the initial learning rate, from (epoch from 0, decay, configured epochs).

With a decay of 0 every schedule but cosine is constant. Cosine needs no decay and falls over the
configured epochs, even where a rung trains fewer.
"""

DECAYING = frozenset(SCHEDULES) - {"cosine", "constant"}
"""Schedules that use `learning_rate_decay`."""


def learning_rates(
    initial: float,
    *,
    schedule: str,
    decay: float,
    warmup: float,
    epoch: int,
    epochs: int,
    steps: int,
) -> list[float]:
    """The learning rates of the steps of one epoch.

    They are equal, except during warmup: there they rise linearly, step by step, from almost 0
    to the scheduled rate, so that the averages of batch norm and Adam settle before the steps
    are large.

    >>> fixed = {"schedule": "inverse_time", "decay": 1.0, "epochs": 9, "steps": 2}
    >>> learning_rates(1.0, **fixed, warmup=0, epoch=1)
    [0.5, 0.5]
    >>> learning_rates(1.0, **fixed, warmup=1, epoch=0)
    [0.5, 1.0]

    Args:
        initial: alpha0, the rate before any decay.
        schedule: a name in `SCHEDULES`.
        decay: how fast the rate falls.
        warmup: for how many epochs it rises first; may be a fraction.
        epoch: the number of this epoch, from 0.
        epochs: the configured number of epochs.
        steps: how many steps an epoch has.
    """
    rate = initial * SCHEDULES[schedule](epoch, decay, epochs)
    if epoch >= warmup:
        return [rate] * steps
    return [rate * min(1.0, (epoch + (k + 1) / steps) / warmup) for k in range(steps)]
