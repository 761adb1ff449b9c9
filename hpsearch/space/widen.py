"""Past a bound: the one way a space grows, and only where it is asked for."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isfinite
from typing import Literal

import numpy as np

from hpsearch.space.domain import Continuous, Discrete, Domain

GROWTH = 0.5  # of the old range, in the warped coordinate
DIGITS = 3  # significant digits of a new bound


def widen(
    domain: Domain,
    side: Literal["min", "max"],
    limits: tuple[float | None, float | None] = (None, None),
) -> Domain:
    """A range that reaches half its own length further on one side, on its own scale.

    It never passes a limit, nor what its scale admits: on 1-10^r the maximum comes closer to
    1 and stays below it, on log the minimum comes closer to 0. Steps stay on the grid. Where
    there is no way further, the range stays as it is.

    >>> from hpsearch.space.scale import LOG
    >>> widen(Continuous(0.01, 1.0, LOG), "min").as_config()["min"]
    0.001
    >>> widen(Discrete(1, 3), "max").as_config()["max"]
    4
    """
    assert isinstance(domain, Continuous | Discrete)
    lowest = -inf if limits[0] is None else limits[0]
    highest = inf if limits[1] is None else limits[1]
    start, stop = (float(domain.scale.warp(end)) for end in (domain.low, domain.high))
    further = GROWTH * (stop - start)
    place = start - further if side == "min" else stop + further
    with np.errstate(over="ignore"):  # beyond the largest float lies no bound
        reached = float(domain.scale.unwarp(np.float64(place)))
    if not isfinite(reached):
        return domain
    value = min(max(_round(domain, reached), lowest), highest)
    if isinstance(domain, Discrete):
        value = _on_grid(domain, side, value)
    low, high = (value, domain.high) if side == "min" else (domain.low, value)
    grown = low <= domain.low and high >= domain.high and lowest <= low and high <= highest
    if not grown or not domain.scale.admits(low, high):
        return domain
    return replace(domain, low=low, high=high)


def _round(domain: Continuous | Discrete, value: float) -> float:
    if domain.scale.name == "1-10^r":
        return float(f"{1 - float(f'{1 - value:.{DIGITS}g}'):.12g}")
    return float(f"{value:.{DIGITS}g}")


def _on_grid(domain: Discrete, side: Literal["min", "max"], value: float) -> int | float:
    """The grid's value nearest to a bound outside it, one step out at least."""
    last = domain.value(domain.count - 1)
    if side == "min":
        return domain.value(-max(1, round((domain.low - value) / domain.step)))
    return domain.value(domain.count - 1 + max(1, round((value - last) / domain.step)))
