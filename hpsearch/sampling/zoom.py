"""Coarse to fine: new settings around the best ones so far, closer and closer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from hpsearch.sampling.ranking import Observation
from hpsearch.space import Points, Space

REDRAWS = 0.7  # expected number of coordinates of a new setting that ignore the elites
SMALLEST_STEP = 0.02  # of a coordinate's range, so that the zoom never stands still


@dataclass(frozen=True)
class Elites:
    """The best settings so far, and how often each is followed.

    `points` holds one setting a row, NaN where a coordinate is inactive in it.
    """

    points: Points
    weights: Float[np.ndarray, " elites"]


def elite_count(trials: int, progress: float) -> int:
    """How many of `trials` ranked trials are elites: a fifth at first, 6 % in the end.

    >>> elite_count(18, progress=0.0), elite_count(100, progress=1.0)
    (4, 6)
    """
    return max(4, math.ceil(trials * (0.20 - 0.14 * progress)))


def elites(space: Space, ranked: list[Observation], progress: float) -> Elites:
    """The first of the ranked trials, weighted by log(k + 1/2) - log(rank).

    The weights are those of the evolution strategy CMA-ES (Hansen 2016, "The CMA Evolution
    Strategy: A Tutorial", equation 49).
    """
    chosen = [trial for trial in ranked if trial.finite][: elite_count(len(ranked), progress)]
    ranks = np.arange(1, len(chosen) + 1)
    weights = np.log(len(chosen) + 0.5) - np.log(ranks)
    return Elites(space.points([trial.params for trial in chosen]), weights)


def draw(
    space: Space, around: Elites, count: int, progress: float, rng: np.random.Generator
) -> Points:
    """New points: each coordinate follows an elite of its own, and steps away from it.

    The step is normal, with a deviation that shrinks from all of the elites' own to a quarter
    of it as the search goes on. A choice has no neighbours: it is kept. Now and then a
    coordinate is drawn anew, so that no region is ever out of reach; so is a coordinate that
    is active in no elite.
    """
    points = rng.random((count, space.dimensions))
    if not len(around.points):
        return points
    redrawn = rng.random(points.shape) < REDRAWS / max(1, space.dimensions)
    steps = rng.standard_normal(points.shape)
    for column, coordinate in enumerate(space.coordinates):
        active = np.flatnonzero(~np.isnan(around.points[:, column]))
        picks = _pick(around.weights[active], count, rng) if len(active) else active
        if not len(picks):
            continue
        places = around.points[active, column]
        followed = places[picks]
        if not coordinate.parameter.categorical:
            step = (1 - 0.75 * progress) * places.std() + SMALLEST_STEP
            followed = reflect(followed + step * steps[:, column])
        points[:, column] = np.where(redrawn[:, column], points[:, column], followed)
    return points


def _pick(
    weights: Float[np.ndarray, " elites"], count: int, rng: np.random.Generator
) -> Int[np.ndarray, " count"]:
    return rng.choice(len(weights), size=count, p=weights / weights.sum())


def reflect(places: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Fold the real line into [0, 1] at both ends, as a mirror would.

    >>> [round(float(u), 6) for u in reflect(np.array([-0.1, 0.3, 1.2, 2.1]))]
    [0.1, 0.3, 0.8, 0.1]
    """
    return np.asarray(1 - np.abs(1 - np.mod(places, 2)))
