"""Scales: on the right one, equal steps are equally interesting; and normal laws on a scale.

The lecture, "Using an Appropriate Scale to Pick Hyperparameters": a learning rate is drawn
as ``10^r`` and a momentum as ``1 - 10^r``, with r uniform.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import erfc, sqrt
from statistics import NormalDist

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


REACH = 4.0  # deviations to either side of the mean, where there is no bound: 0.006 % lie beyond
FARTHEST = 30.0  # deviations from the mean: floats hardly go further into the tail
NARROW = 1e-6  # deviations: in a range so narrow all values are equally likely, to rounding

_STANDARD = NormalDist()


@dataclass(frozen=True)
class Normal:
    """A law of drawing: normal on a scale, and cut off at the bounds of the range.

    What lies more than four deviations out is spread evenly up to the bound, so that the places of
    all values can be told apart.

    Attributes:
        mean: a value of the parameter, where values are most likely on its scale.
        deviation: on the scale: on log and 1-10^r in powers of ten.
    """

    mean: float
    deviation: float

    def coordinate(self, share: Floats, scale: Scale, ends: tuple[float, float]) -> Floats:
        """The coordinates on the scale up to which a share of all draws between the ends lies."""
        start, stop = self.deviations(scale, ends)
        centre = float(scale.warp(float(self.mean)))
        if isinstance(share, np.ndarray):
            return np.array([centre + self.deviation * quantile(u, start, stop) for u in share])
        return centre + self.deviation * quantile(share, start, stop)

    def share(self, coordinate: Floats, scale: Scale, ends: tuple[float, float]) -> Floats:
        """The share of all draws between the ends that lies below coordinates on the scale."""
        start, stop = self.deviations(scale, ends)
        if isinstance(coordinate, np.ndarray):
            places = self.deviations(scale, coordinate)
            return np.array([share_below(place, start, stop) for place in places])
        (place,) = self.deviations(scale, (coordinate,))
        return share_below(place, start, stop)

    def deviations(self, scale: Scale, coordinates: Iterable[float]) -> list[float]:
        """How far from the mean coordinates on the scale lie, in deviations."""
        centre = float(scale.warp(float(self.mean)))
        return [(float(each) - centre) / self.deviation for each in coordinates]


def quantile(share: float, start: float, stop: float) -> float:
    """The place below which a share of a standard normal law lies that is cut off at two places.

    >>> round(quantile(0.5, -4, 4), 9), round(quantile(0.5, 0, 40), 9)
    (0.0, 0.67448975)
    """
    if start > stop:
        return -quantile(share, -start, -stop)
    if start + stop > 0:  # in the lower tail probabilities are small numbers, to all digits
        return -quantile(1 - share, -stop, -start)
    if stop - start < NARROW:
        return start + share * (stop - start)
    first, last = _core(start, stop)
    low, below, under, high = (_below(each) for each in (start, first, last, stop))
    probability = low + share * (high - low)
    if probability < below and start < first:
        return start + (first - start) * (probability - low) / (below - low)
    if probability > under and last < stop:
        return last + (stop - last) * (probability - under) / (high - under)
    if not 0 < probability < 1:
        return (first, last)[round(probability)]
    return min(max(_STANDARD.inv_cdf(probability), first), last)


def share_below(place: float, start: float, stop: float) -> float:
    """The share of a standard normal law that lies below a place: the inverse of `quantile`."""
    if start > stop:
        return share_below(-place, -start, -stop)
    if start + stop > 0:
        return 1 - share_below(-place, -stop, -start)
    if stop - start < NARROW:
        return (place - start) / (stop - start)
    first, last = _core(start, stop)
    low, below, under, high = (_below(each) for each in (start, first, last, stop))
    probability = _below(place)
    if place < first:
        probability = low + (below - low) * (place - start) / (first - start)
    elif place > last:
        probability = under + (high - under) * (place - last) / (stop - last)
    return (probability - low) / (high - low)


def _core(start: float, stop: float) -> tuple[float, float]:
    """Where the law is normal between two places: as far as its density is worth a draw."""
    likeliest = max(0.0, start, -stop)
    reach = sqrt(REACH**2 + likeliest**2)
    return max(start, -reach), min(stop, reach)


def _below(place: float) -> float:
    return erfc(-place / sqrt(2)) / 2
