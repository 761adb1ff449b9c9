"""Several objectives at once: which trials no other beats, how crowded they are, what they cover.

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


def dominated(by: Objectives, at: Objectives) -> Bool[np.ndarray, " trials"]:
    """Which rows of `at` some row of `by` beats: nowhere worse, and somewhere better."""
    found = np.zeros(len(at), bool)
    for row in by:
        found |= (row <= at).all(1) & (row < at).any(1)
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


def crowding(objectives: Objectives) -> Float[np.ndarray, " trials"]:
    """How far apart the neighbours of each trial lie on its front.

    At an end, where there is one neighbour, it counts twice. (In NSGA-II ends have infinite room;
    but they are often poor trials that are best in one objective by a hair, such as the smallest
    networks, and a search with few trials would look around them first.)

    Reference: Deb, Pratap, Agarwal and Meyarivan 2002, "A Fast and Elitist Multiobjective Genetic
    Algorithm: NSGA-II", section III B.

    >>> crowding(np.array([[0.0, 4.0], [1.0, 2.0], [4.0, 0.0]])).tolist()
    [1.5, 2.0, 2.5]
    """
    distances = np.zeros(len(objectives))
    with np.errstate(all="ignore"):  # differences of the largest numbers there are
        for column in objectives.T:
            order = np.argsort(column, kind="stable")
            gaps = np.diff(column[order])
            span = column[order[-1]] - column[order[0]]
            if span > 0:
                distances[order] += np.append(gaps, gaps[-1]) / span
                distances[order] += np.append(gaps[0], gaps) / span
    return np.nan_to_num(distances, nan=0.0)


def order(costs: Costs) -> list[int]:
    """Indices of trials from best to worst: by fronts, in each those with most room first.

    Of equal room the smaller costs come first, then the earlier trial.
    """
    ordered: list[int] = []
    for front in fronts(costs):
        room = crowding(costs[front, 1:])
        places = sorted(
            range(len(front)), key=lambda i: (-room[i], *costs[front[i]].tolist(), front[i])
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
