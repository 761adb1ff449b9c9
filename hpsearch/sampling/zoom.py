"""Coarse to fine: points all over the space, then points ever closer to the best."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hpsearch.sampling.ranking import Observation
from hpsearch.shapes import Float, Int
from hpsearch.space import Choice, Domain, Points, Space

REDRAWS = 0.7  # expected number of coordinates of a new setting that ignore the elites
AROUND_GUESS = 0.15  # of a coordinate's range: the deviation of draws around a guess
SURE = 0.5  # of those draws take the guess itself, where nothing is near it
SMALLEST_STEP = 0.02  # of a coordinate's range, so that the zoom never stands still
TO_NEIGHBOUR = 0.5  # of the distance between neighbouring choices: likewise


def latin_hypercube(rng: np.random.Generator, points: int, dimensions: int) -> Points:
    """Points of the unit cube, (points, dimensions), that cover every axis evenly.

    Cut any axis into as many equal slices as there are points, and each slice has one of them.

    Reference: McKay, Beckman and Conover 1979, "A comparison of three methods for selecting
    values of input variables in the analysis of output from a computer code".

    >>> points = latin_hypercube(np.random.default_rng(0), 4, 2)
    >>> [sorted((4 * axis).astype(int).tolist()) for axis in points.T]
    [[0, 1, 2, 3], [0, 1, 2, 3]]
    """
    slices = rng.permuted(np.tile(np.arange(points), (dimensions, 1)), axis=1).T
    return np.asarray((slices + rng.random((points, dimensions))) / points)


def lean(space: Space, points: Points, rng: np.random.Generator) -> Points:
    """Points half of which are moved to lie around the values that the user expects to be best.

    In the coordinates of parameters with a guess these are drawn anew: with a normal step from
    it, or of a choice without an order the guess itself every second time. The others stay, so
    that a wrong guess leaves half of the draws that there would be without it.

    Args:
        space: of the points.
        points: (points, dimensions), anywhere.
        rng: draws which points are moved, and to where.

    Reference: Mallik et al. 2023, "PriorBand: Practical Hyperparameter Optimization in the Age of
    Deep Learning", https://arxiv.org/abs/2306.12370; Hvarfner et al. 2022, "piBO: Augmenting
    Acquisition Functions with User Beliefs", https://arxiv.org/abs/2204.11051.
    """
    points = points.copy()
    moved = rng.permutation(len(points))[: len(points) // 2]
    for column, coordinate in enumerate(space.coordinates):
        for value in coordinate.parameter.guess:
            place = coordinate.parameter.domain.fraction(value)
            if coordinate.parameter.ordered:
                steps = AROUND_GUESS * rng.standard_normal(len(moved))
                points[moved, column] = reflect(place + steps)
            else:
                points[moved[rng.random(len(moved)) < SURE], column] = place
    return points


@dataclass(frozen=True)
class Elites:
    """The best settings so far, and in which proportion new ones are drawn around each."""

    points: Points  # one setting a row, NaN where a coordinate is inactive
    weights: Float[np.ndarray, " elites"]


def elite_count(trials: int, progress: float) -> int:
    """How many of the trials are elites: a fifth at first, 6 % in the end, but at least 4.

    >>> elite_count(18, progress=0.0), elite_count(100, progress=1.0)
    (4, 6)
    """
    return max(4, math.ceil(trials * (0.20 - 0.14 * progress)))


def elites(space: Space, ranked: list[Observation], progress: float) -> Elites:
    """The k best trials with a finite value, weighted by log(k + 1/2) - log(rank).

    Args:
        space: of the trials.
        ranked: all trials, from best to worst.
        progress: the share of the search that is done, from 0 to 1.

    Reference: the weights are those of CMA-ES, Hansen 2016, "The CMA Evolution Strategy: A
    Tutorial", https://arxiv.org/abs/1604.00772, equation 49.
    """
    first = ranked[: elite_count(len(ranked), progress)]  # those with a finite value are ahead
    chosen = [trial for trial in first if trial.finite]
    ranks = np.arange(1, len(chosen) + 1)
    weights = np.log(len(chosen) + 0.5) - np.log(ranks)
    return Elites(space.points([trial.params for trial in chosen]), weights)


def draw(
    space: Space, around: Elites, count: int, progress: float, rng: np.random.Generator
) -> Points:
    """New points around the elites.

    For each coordinate of each point an elite is picked and a normal step is added to its value.
    The deviation of the step is that of the elites, shrinking to a quarter of it in the course
    of the search. A choice without an order takes no step. A coordinate that is active in
    no elite, and now and then any other, is drawn uniformly instead, so that no region is out of
    reach.

    Args:
        space: whose coordinates they are.
        around: the elites.
        count: how many points.
        progress: the share of the search that is done, from 0 to 1.
        rng: draws them.

    Returns:
        (count, dimensions), all coordinates, active or not.
    """
    points = rng.random((count, space.dimensions))
    if not len(around.points):
        return points
    redrawn = rng.random(points.shape) < REDRAWS / max(1, _at_once(space))
    steps = rng.standard_normal(points.shape)
    for column, coordinate in enumerate(space.coordinates):
        active = np.flatnonzero(~np.isnan(around.points[:, column]))
        picks = _pick(around.weights[active], count, rng) if len(active) else active
        if not len(picks):
            continue
        places = around.points[active, column]
        followed = places[picks]
        if coordinate.parameter.ordered:
            step = (1 - 0.75 * progress) * places.std() + _smallest(coordinate.parameter.domain)
            followed = reflect(followed + step * steps[:, column])
        points[:, column] = np.where(redrawn[:, column], points[:, column], followed)
    return points


def _smallest(domain: Domain) -> float:
    """The deviation of a step where all elites have the same value."""
    if isinstance(domain, Choice):
        return max(SMALLEST_STEP, TO_NEIGHBOUR / domain.count)
    return SMALLEST_STEP


def _at_once(space: Space) -> int:
    """How many coordinates a setting uses at most: of alternatives only one counts."""
    return sum(max(len(columns) for _, columns in each) for each in space.branches.values())


def _pick(
    weights: Float[np.ndarray, " elites"], count: int, rng: np.random.Generator
) -> Int[np.ndarray, " count"]:
    """Places of elites, each as often as its weight says: `rng.choice` without its checks."""
    shares = np.cumsum(weights / weights.sum())
    return np.asarray((shares / shares[-1]).searchsorted(rng.random(count), side="right"))


def reflect(places: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Reflect numbers outside [0, 1] at its ends, as often as it takes to get inside.

    >>> [round(float(u), 6) for u in reflect(np.array([-0.1, 0.3, 1.2, 2.1]))]
    [0.1, 0.3, 0.8, 0.1]
    """
    return np.asarray(1 - np.abs(1 - np.mod(places, 2)))
