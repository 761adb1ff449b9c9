"""How the learning rate falls: a pure function of the epoch (and of the step while warming up)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, exp, floor, pi, sqrt
from types import MappingProxyType

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
"""The share of the initial rate from (epoch from 0, decay, epochs in all).

With a decay of 0 every schedule but cosine is constant. Cosine needs no decay and falls over the
configured epochs, however far a rung trains.
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
    """The learning rate of each of an epoch's steps.

    Steps of one epoch share one rate. Only during the first `warmup` epochs (a fraction is
    fine) does it also rise step by step, linearly, from almost nothing to the scheduled rate;
    so batch norm's averages and Adam's moments have something to go on before steps are long.

    >>> fixed = {"schedule": "inverse_time", "decay": 1.0, "epochs": 9, "steps": 2}
    >>> learning_rates(1.0, **fixed, warmup=0, epoch=1)
    [0.5, 0.5]
    >>> learning_rates(1.0, **fixed, warmup=1, epoch=0)
    [0.5, 1.0]

    Args:
        initial: the rate alpha0.
        schedule: a name in SCHEDULES.
        decay: how fast it falls.
        warmup: epochs of linear rise.
        epoch: from 0.
        epochs: that the whole training is to have.
        steps: of the epoch.
    """
    rate = initial * SCHEDULES[schedule](epoch, decay, epochs)
    if epoch >= warmup:
        return [rate] * steps
    return [rate * min(1.0, (epoch + (k + 1) / steps) / warmup) for k in range(steps)]
