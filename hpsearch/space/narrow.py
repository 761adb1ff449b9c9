"""Coarse to fine: the part of a space around good settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np

from hpsearch.space.domain import Choice, Continuous, Discrete, Domain, Fixed, same
from hpsearch.space.parameter import Parameter
from hpsearch.space.scale import LINEAR, ONE_MINUS_POWER
from hpsearch.space.space import Space
from hpsearch.trial import Params

MARGIN = 0.05  # of the parent's range, left around the elites on either side
DIGITS = 3  # significant digits of a narrowed bound: people read and edit these


def narrow(space: Space, elites: Sequence[Params], margin: float = MARGIN) -> Space:
    """The smallest space with round bounds that holds the elites and a margin around them.

    Every parameter becomes narrower or stays equal. A continuous one becomes strictly
    narrower unless the elites reach both its ends. Steps stay on the parent's grid, choices
    keep what the elites used, and a single value left becomes fixed. A parameter that no
    elite has active stays as it is; one that can no longer be active is dropped.
    """
    used = {parameter.name: _used(parameter, elites) for parameter in space}
    domains = {
        parameter.name: _narrow_domain(parameter, used[parameter.name], margin)
        if used[parameter.name]
        else parameter.domain
        for parameter in space
    }
    kept: dict[str, Parameter] = {}
    for parameter in space:
        when = {
            name: tuple(v for v in values if name not in domains or domains[name].contains(v))
            for name, values in parameter.when.items()
        }
        if all(when.values()):
            kept[parameter.name] = replace(parameter, domain=domains[parameter.name], when=when)
    return Space(_without_orphans(kept, space), space.settings)


def _without_orphans(parameters: Mapping[str, Parameter], space: Space) -> tuple[Parameter, ...]:
    """Drop what depends on a dropped parameter, and what depends on that, and so on."""
    kept = dict(parameters)
    while True:
        orphans = [
            parameter.name
            for parameter in kept.values()
            for name in (*parameter.when, *((parameter.per,) if parameter.per else ()))
            if name in space and name not in kept
        ]
        if not orphans:
            return tuple(kept.values())
        kept = {name: parameter for name, parameter in kept.items() if name not in orphans}


def _used(parameter: Parameter, elites: Sequence[Params]) -> list[Any]:
    """The values of a parameter in the settings that have it active, list entries one by one."""
    values: list[Any] = []
    for params in elites:
        if parameter.name in params:
            value = params[parameter.name]
            values += value if parameter.per and isinstance(value, list) else [value]
    return [value for value in values if parameter.domain.contains(value)]


def _narrow_domain(parameter: Parameter, values: list[Any], margin: float) -> Domain:
    domain = parameter.domain
    if isinstance(domain, Choice):
        if parameter.cross:  # the comparison is the point of a crossed choice
            return domain
        kept = tuple(v for v in domain.values if any(same(v, value) for value in values))
        return Choice(kept) if len(kept) > 1 else Fixed(kept[0])
    if isinstance(domain, Fixed):
        return domain
    low, high = domain.fraction(min(values)), domain.fraction(max(values))
    # Half the way to the end at most: a bound that no elite touches always moves.
    low, high = low - min(margin, low / 2), high + min(margin, (1 - high) / 2)
    if isinstance(domain, Discrete):
        first, last = (int(cell) for cell in domain.cells(np.array([low, high])))
        if first == last:
            return Fixed(domain.value(first))
        return replace(domain, low=domain.value(first), high=domain.value(last))
    assert isinstance(domain, Continuous)
    return replace(domain, low=_tidy(domain, low, "down"), high=_tidy(domain, high, "up"))


def _tidy(domain: Continuous, place: float, towards: str) -> float:
    """The value at a place, rounded outwards to few digits; never out to the old bound.

    On 1-10^r it is the distance from 1 that is rounded, so that 0.99712 and 0.9712 both
    keep their meaning. Close to the old bound it takes more digits.
    """
    exact = domain.at(place)
    if place <= 0 or place >= 1:
        return exact
    mirrored = domain.scale is ONE_MINUS_POWER
    value = Decimal(f"{1 - exact if mirrored else exact:.12g}")  # 0.3, not 0.29999999999999998
    span = Decimal(domain.high - domain.low) if domain.scale is LINEAR else value
    rounding = ROUND_CEILING if (towards == "up") != mirrored else ROUND_FLOOR
    for digits in range(DIGITS, 12):
        quantum = Decimal(1).scaleb(max(span, abs(value)).adjusted() - digits + 1)
        rounded = (value / quantum).to_integral_value(rounding) * quantum
        tidy = float(1 - rounded if mirrored else rounded)
        if domain.low < tidy < domain.high:
            return tidy
    return exact
