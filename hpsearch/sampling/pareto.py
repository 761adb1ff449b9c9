"""Several objectives at once: which trials no other beats, and what they dominate.

All is minimised. A row of numbers is one trial's; the first of them says by how much it breaks
the bounds that were asked for, 0 where it keeps them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hpsearch.shapes import Bool, Float

Costs = Float[np.ndarray[Any, Any], "trials costs"]
"""By how much each trial breaks the bounds, then its objectives."""

Objectives = Float[np.ndarray[Any, Any], "trials objectives"]

MARGIN = 0.1  # around a front's box, so that its ends dominate something, too


def dominated(costs: Objectives) -> Bool[np.ndarray, " trials"]:
    """Which rows some other row beats: nowhere worse, and somewhere better."""
    found = np.zeros(len(costs), bool)
    for row in costs:
        found |= (row <= costs).all(1) & (row < costs).any(1)
    return found


def fronts(costs: Costs) -> list[list[int]]:
    """The indices of trials by fronts: those that no other beats, then those only they beat, ...

    A trial that breaks the bounds less beats one that breaks them more, whatever else; of equal
    ones that which is nowhere worse and somewhere better (Deb's constrained domination).

    Reference: Zhang, Tian, Cheng and Jin 2015, "An Efficient Approach to Nondominated Sorting for
    Evolutionary Multiobjective Optimization" (ENS-BS): in lexicographic order no trial is beaten
    by a later one, so its front is found by bisection among those before it.

    >>> fronts(np.array([[0, 1, 2], [0, 2, 1], [0, 2, 2], [1, 0, 0.0]]))
    [[0, 1], [2], [3]]
    """
    found: list[list[int]] = []
    for index in np.lexsort(costs.T[::-1]).tolist():
        low, high = 0, len(found)
        while low < high:  # every front before the trial's has one that beats it
            middle = (low + high) // 2
            if _beaten(costs[index], costs[found[middle]]):
                low = middle + 1
            else:
                high = middle
        if low == len(found):
            found.append([])
        found[low].append(index)
    return found


def _beaten(row: Float[np.ndarray[Any, Any], " costs"], by: Costs) -> bool:
    less = by[:, 0] < row[0]
    equal = by[:, 0] == row[0]
    nowhere_worse = (by[:, 1:] <= row[1:]).all(1)
    return bool((less | equal & nowhere_worse & (by[:, 1:] < row[1:]).any(1)).any())


def alone(objectives: Objectives) -> Float[np.ndarray, " trials"]:
    """How much of its front's box, widened by a tenth, each trial dominates by itself.

    So what is good in all objectives comes before the ends. (NSGA-II's crowding distance puts the
    ends first: often poor trials that are best in one objective by a hair, such as the smallest
    networks, and a search with few trials would look around them.)

    >>> alone(np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])).round(2).tolist()
    [0.11, 0.36, 0.11]
    """
    low, high = objectives.min(0), objectives.max(0)
    with np.errstate(all="ignore"):  # differences of the largest numbers there are
        span = high / 2 - low / 2
        places = np.where(span > 0, (objectives / 2 - low / 2) / span, 0.0)
    return np.asarray((1 + MARGIN - places).prod(1))


def order(costs: Costs) -> list[int]:
    """Indices of trials from best to worst: by fronts, in each by what they dominate alone.

    Of equal ones the smaller costs come first, then the earlier trial.
    """
    ordered: list[int] = []
    for front in fronts(costs):
        volume = alone(costs[front, 1:])
        places = sorted(
            range(len(front)), key=lambda i: (-volume[i], *costs[front[i]].tolist(), front[i])
        )
        ordered += [front[place] for place in places]
    return ordered


def hypervolume(points: Sequence[Sequence[float]], reference: Sequence[float]) -> float:
    """The volume of what the points beat, up to a reference point, in the objectives' units.

    The points are cut into slices along the last objective: the volume of each slice is that of
    fewer objectives.

    Reference: Zitzler and Thiele 1998, "Multiobjective Optimization Using Evolutionary
    Algorithms"; the slices are those of While et al. 2006, "A Faster Algorithm for Calculating
    Hypervolume".

    >>> hypervolume([(1, 3), (2, 2), (3, 1)], reference=(4, 4))
    6.0
    """
    ends = tuple(map(float, reference))
    inside = {
        point
        for point in (tuple(map(float, each)) for each in points)
        if all(place < end for place, end in zip(point, ends, strict=True))
    }
    return _volume(sorted(inside, key=lambda point: point[::-1]), ends)


def _volume(points: list[tuple[float, ...]], reference: tuple[float, ...]) -> float:
    """The same of distinct points inside the reference, in ascending order of the last."""
    if not points:
        return 0.0
    if len(reference) == 1:
        return reference[0] - min(point[0] for point in points)
    if len(reference) == 2:
        total, lowest = 0.0, reference[0]
        for first, last in points:
            if first < lowest:
                total += (lowest - first) * (reference[1] - last)
                lowest = first
        return total
    total = 0.0
    ends = [*(point[-1] for point in points[1:]), reference[-1]]
    for place, (point, end) in enumerate(zip(points, ends, strict=True)):
        if end > point[-1]:
            below = sorted({each[:-1] for each in points[: place + 1]}, key=lambda p: p[::-1])
            total += (end - point[-1]) * _volume(below, reference[:-1])
    return total
