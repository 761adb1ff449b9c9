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
    """A monotone map from values to the coordinate that is sampled uniformly.

    Attributes:
        name: as a configuration writes it.
        warp: value to coordinate.
        unwarp: coordinate to value.
        admits: whether it is defined on all of a range (min, max).
        bound: the bound that it restricts, what that must be, and a usual value, for messages.
        decades: whether powers of ten are equally far apart, so that they mark an axis.
        mirrored: whether the distance from 1 is what is read and rounded, not the value.
    """

    name: str
    warp: Callable[[Floats], Floats]
    unwarp: Callable[[Floats], Floats]
    admits: Callable[[float, float], bool] = lambda _low, _high: True
    bound: tuple[str, str, str] = ("min", "a number", "")
    decades: bool = False
    mirrored: bool = False

    def __reduce__(self) -> tuple[Callable[[str], Scale], tuple[str]]:
        return _by_name, (self.name,)  # lambdas do not pickle; names do


def _by_name(name: str) -> Scale:
    return SCALES[name]


LINEAR = Scale("linear", lambda v: v, lambda c: c)
LOG = Scale(
    "log",
    np.log10,
    lambda r: 10.0**r,
    admits=lambda low, _high: low > 0,
    bound=("min", "above 0", ""),
    decades=True,
)
ONE_MINUS_POWER = Scale(
    "1-10^r",
    lambda v: np.log10(1 - v),
    lambda r: 1 - 10.0**r,
    admits=lambda _low, high: high < 1,
    bound=("max", "below 1", "0.999 is usual"),
    decades=True,
    mirrored=True,
)

SCALES = {scale.name: scale for scale in (LINEAR, LOG, ONE_MINUS_POWER)}
ALIASES = {"10^r": "log"}
