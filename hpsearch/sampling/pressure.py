"""Where the best settings lie close to a bound: better ones may lie beyond it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hpsearch.space import Discrete, Space, on_scale
from hpsearch.trial import Params

OUTER = 0.1  # of the range: how close to a bound is close
SHARE = 0.5  # of the elites that must be so close

Side = Literal["min", "max"]
Limits = Mapping[str, tuple[float | None, float | None]]
"""The least and the greatest value that make sense, by parameter: a dropout is at least 0."""


@dataclass(frozen=True)
class Pressure:
    """A parameter whose best values lie close to one of its bounds."""

    parameter: str
    side: Side
    bound: float
    share: float  # of the elites in which the parameter is active
    alternative: int | None = None  # the bound is of this one of its alternatives, from 0


def pressures(space: Space, elites: Sequence[Params], limits: Limits) -> list[Pressure]:
    """The bounds that have at least half of the elites in the tenth of the range beside them.

    Of a discrete parameter with few values, the value at the bound counts. Choices have no
    bounds, and a parameter must be active in at least three elites.

    Args:
        space: of the elites.
        elites: the best settings.
        limits: bounds that are not reported, since nothing lies beyond them.
    """
    points = space.points(elites)
    found = []
    branches = [
        (parameter, index if space[parameter.name].alternatives else None, columns)
        for pairs in space.branches.values()
        for index, (parameter, columns) in enumerate(pairs)
    ]
    for parameter, alternative, columns in branches:
        if parameter.fixed or parameter.categorical:
            continue
        places = points[:, columns].ravel()
        places = places[~np.isnan(places)]
        if len(places) < 3:
            continue
        domain = on_scale(parameter.domain)
        if domain != parameter.domain:  # a tenth of the range, not of the draws
            values = parameter.domain.each(places)
            places = np.array([domain.fraction(value) for value in values])
        low, high = OUTER, 1 - OUTER
        if isinstance(domain, Discrete):
            places, ends = domain.snap(places), domain.snap(np.array([0.0, 1.0]))
            low, high = max(low, ends[0]), min(high, ends[1])
        natural = limits.get(parameter.name, (None, None))
        sides: tuple[tuple[Side, float, float | None, np.floating], ...] = (
            ("min", domain.as_config()["min"], natural[0], np.mean(places <= low)),
            ("max", domain.as_config()["max"], natural[1], np.mean(places >= high)),
        )
        found += [
            Pressure(parameter.name, side, bound, float(share), alternative)
            for side, bound, limit, share in sides
            if share >= SHARE and bound != limit
        ]
    return found
