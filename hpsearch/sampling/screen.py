"""Of many candidates, train those from which the most is to be expected."""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, pi, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from hpsearch.sampling.ranking import Observation
from hpsearch.sampling.surrogate import NOISE, Inputs, Vector, fit, matern
from hpsearch.space import Points, Space
from hpsearch.trial import Params

BEST, OTHERS = 32, 32  # trials that the surrogate is fitted to
FEWEST = 6  # trials: fewer say nothing about where to look


def features(space: Space, points: Points) -> Inputs:
    """Points as the surrogate sees them: choices one-hot, inactive coordinates constant.

    An inactive choice is like none of the values.
    """
    seen = np.empty((len(points), feature_owners(space).size))
    first = 0
    for column, coordinate in enumerate(space.coordinates):
        places = points[:, column]
        count = 1
        if coordinate.parameter.categorical:
            count = coordinate.parameter.domain.count or 1
            cells = np.floor(np.where(np.isnan(places), -1.0, places) * count)
            seen[:, first : first + count] = (cells[:, None] == np.arange(count)) / sqrt(2)
        else:
            seen[:, first] = np.where(np.isnan(places), 0.5, places)
        first += count
    return seen


def feature_owners(space: Space) -> Int[np.ndarray[Any, Any], " features"]:
    """The coordinate that each feature is of."""
    counts = [
        coordinate.parameter.domain.count or 1 if coordinate.parameter.categorical else 1
        for coordinate in space.coordinates
    ]
    return np.repeat(np.arange(len(counts)), counts)


def normal_scores(ranks: Int[np.ndarray[Any, Any], " trials"], trials: int) -> Vector:
    """Scores of ranks (0 is best) among so many trials: as if values were normal, best lowest."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((rank + 0.5) / trials) for rank in ranks.tolist()])


def screen(
    space: Space,
    ranked: Sequence[Observation],
    candidates: Points,
    count: int,
    rng: np.random.Generator,
    pending: Sequence[Params] = (),
) -> list[int]:
    """Which `count` candidates to train, by expected improvement under a Gaussian process.

    Each choice is entered at its mean before the next is made, so that the choices of a
    round differ; so is each `pending` setting, whose value is not known yet. A point is a row
    of `candidates` as drawn: all coordinates, active or not.

    Reference: Jones, Schonlau and Welch 1998, "Efficient Global Optimization of Expensive
    Black-Box Functions"; Ginsbourger, Le Riche and Carraro 2010, "Kriging Is Well-Suited to
    Parallelize Optimization" (the believer).
    """
    others = np.arange(BEST, len(ranked))
    if len(others) > OTHERS:
        others = np.sort(rng.choice(others, OTHERS, replace=False))
    chosen = np.concatenate([np.arange(min(BEST, len(ranked))), others])
    known = features(space, space.points([ranked[i].params for i in chosen]))
    surrogate = fit(known, normal_scores(chosen, len(ranked)), rng)
    settings = [*pending, *space.all_params(candidates)]
    at = features(space, space.points(settings))
    mean, V = surrogate.predict(at)
    variance = 1 - (V * V).sum(0)
    rows = np.empty(
        (len(V) + len(pending) + count, len(at))
    )  # grown in place: a copy a choice is quadratic
    rows[: len(V)] = V
    V = rows[: len(V)]
    goal = float(surrogate.scores.min())  # the best seen, luck included: it keeps us curious
    picked: list[int] = []
    open_ = np.ones(len(at), bool)
    for step in range(len(pending) + count):
        if step < len(pending):
            index = step
        else:
            gain = np.where(open_, expected_improvement(goal - mean, variance), -1.0)
            index = int(gain.argmax())
        picked.append(index)
        open_[index] = False
        # Entered at its mean, a point leaves all means as they are and only takes variance.
        row = matern(at[[index]], at, surrogate.lengths)[0] - V[:, index] @ V
        row /= sqrt(max(row[index], 1e-12) + NOISE)
        rows[len(V)] = row
        V = rows[: len(V) + 1]
        variance = np.maximum(variance - row * row, 0)
    return [index - len(pending) for index in picked[len(pending) :]]


def expected_improvement(gain: Vector, variance: Vector) -> Float[np.ndarray[Any, Any], " points"]:
    """E[max(0, gain + deviation Z)] with Z standard normal."""
    deviation = np.sqrt(np.maximum(variance, 1e-12))
    z = gain / deviation
    cumulative = np.array([0.5 * erfc(-x / sqrt(2)) for x in z.tolist()])  # exact far below 0
    density = np.exp(-0.5 * z * z) / sqrt(2 * pi)
    return np.asarray(gain * cumulative + deviation * density)
