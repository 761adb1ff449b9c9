"""Where the best settings press against a bound: better ones may lie beyond it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hpsearch.space import Discrete, Space
from hpsearch.trial import Params

OUTER = 0.1  # of the range: how close to a bound is close
SHARE = 0.5  # of the elites that must be so close

Side = Literal["min", "max"]
Limits = Mapping[str, tuple[float | None, float | None]]
"""Bounds that no space can pass, by parameter: a dropout of 0 presses against nothing."""


@dataclass(frozen=True)
class Pressure:
    """A parameter and the bound that its best values press against."""

    parameter: str
    side: Side
    bound: float
    share: float  # of the elites with the parameter active


def pressures(space: Space, elites: Sequence[Params], limits: Limits) -> list[Pressure]:
    """Bounds with at least half of the elites in the outer tenth of the range beside them.

    Of an integer with few values, the value at the bound itself counts. Choices have no
    bounds; at least three elites must have the parameter active.
    """
    points = space.points(elites)
    found = []
    for parameter in space:
        if parameter.fixed or parameter.categorical:
            continue
        places = points[:, space.columns[parameter.name]].ravel()
        places = places[~np.isnan(places)]
        if len(places) < 3:
            continue
        domain = parameter.domain
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
            Pressure(parameter.name, side, bound, float(share))
            for side, bound, limit, share in sides
            if share >= SHARE and bound != limit
        ]
    return found
