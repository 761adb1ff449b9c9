"""Scales: on the right one, equal steps are equally interesting.

The lecture, "Using an Appropriate Scale to Pick Hyperparameters": a learning rate is drawn
as ``10^r`` and a momentum as ``1 - 10^r``, with r uniform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hpsearch.shapes import Float

Floats = float | Float[np.ndarray, "..."]


@dataclass(frozen=True)
class Scale:
    """A monotone map from values to the coordinate that is sampled uniformly."""

    name: str
    warp: Callable[[Floats], Floats]  # value -> coordinate
    unwarp: Callable[[Floats], Floats]  # coordinate -> value
    admits: Callable[[float, float], bool]  # whether it is defined on all of a range (min, max)

    def __reduce__(self) -> tuple[Callable[[str], Scale], tuple[str]]:
        return _by_name, (self.name,)  # lambdas do not pickle; names do


def _by_name(name: str) -> Scale:
    return SCALES[name]


LINEAR = Scale("linear", lambda v: v, lambda c: c, lambda _low, _high: True)
LOG = Scale("log", np.log10, lambda r: 10.0**r, lambda low, _high: low > 0)
ONE_MINUS_POWER = Scale(
    "1-10^r",
    lambda v: np.log10(1 - v),
    lambda r: 1 - 10.0**r,
    lambda _low, high: high < 1,
)

SCALES = {scale.name: scale for scale in (LINEAR, LOG, ONE_MINUS_POWER)}
ALIASES = {"10^r": "log"}
