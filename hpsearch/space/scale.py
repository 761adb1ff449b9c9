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

    def deviations(self, scale: Scale, coordinates: Iterable[float]) -> list[float]:
        """How far from the mean coordinates on the scale lie, in deviations."""
        centre = float(scale.warp(float(self.mean)))
        return [(float(each) - centre) / self.deviation for each in coordinates]

    def from_bounds(self, scale: Scale, low: float, high: float) -> list[float]:
        """How far from the mean the bounds of a range lie, in deviations."""
        return self.deviations(scale, (float(scale.warp(float(end))) for end in (low, high)))

    def reaches(self, scale: Scale, low: float, high: float) -> bool:
        """Whether draws come between the bounds of a range: one of them is near enough."""
        ends = self.from_bounds(scale, low, high)
        return min(ends) <= FARTHEST and max(ends) >= -FARTHEST


class Bell:
    """A normal law between two coordinates of a scale: what share of the draws lies below which.

    >>> bell = Bell(Normal(0, 1), LINEAR, (0.0, 40.0))
    >>> round(bell.coordinate(0.5), 9), round(bell.share(0.67448975), 9)
    (0.67448975, 0.5)
    """

    def __init__(self, normal: Normal, scale: Scale, ends: tuple[float, float]):
        """Work out what is the same for all coordinates between the ends."""
        start, stop = normal.deviations(scale, ends)
        self._centre, self._unit = float(scale.warp(float(normal.mean))), normal.deviation
        if start > stop:
            start, stop, self._unit = -start, -stop, -self._unit
        # In the lower tail probabilities are small numbers, to all digits: the long one is there.
        self._turned = start + stop > 0
        if self._turned:
            start, stop, self._unit = -stop, -start, -self._unit
        reach = sqrt(REACH**2 + max(0.0, -stop) ** 2)  # density there is hardly worth a draw
        self._places = start, max(start, -reach), min(stop, reach), stop
        self._shares = tuple(map(_below, self._places))
        self._even = stop - start < NARROW

    def coordinate(self, share: float) -> float:
        """The coordinate below which a share of all draws between the ends lies."""
        share = 1 - share if self._turned else share
        return self._centre + self._unit * self._place(share)

    def share(self, coordinate: float) -> float:
        """The share of all draws between the ends that lies below a coordinate."""
        share = self._share((coordinate - self._centre) / self._unit)
        return 1 - share if self._turned else share

    def _place(self, share: float) -> float:
        start, first, last, stop = self._places
        if self._even:
            return start + share * (stop - start)
        low, below, under, high = self._shares
        probability = low + share * (high - low)
        if probability < below and start < first:
            return start + (first - start) * (probability - low) / (below - low)
        if probability > under and last < stop:
            return last + (stop - last) * (probability - under) / (high - under)
        if not 0 < probability < 1:
            return (first, last)[round(probability)]
        return min(max(_STANDARD.inv_cdf(probability), first), last)

    def _share(self, place: float) -> float:
        start, first, last, stop = self._places
        if self._even:
            return (place - start) / (stop - start)
        low, below, under, high = self._shares
        if place < first and start < first:
            probability = low + (below - low) * (place - start) / (first - start)
        elif place > last and last < stop:
            probability = under + (high - under) * (place - last) / (stop - last)
        else:
            probability = _below(place)
        return (probability - low) / (high - low)


def _below(place: float) -> float:
    return erfc(-place / sqrt(2)) / 2
