"""What a crossed choice changes: each draw was trained with every value and the same seed.

A draw's own luck, of its setting and its random numbers, is in all of its trials alike and
cancels in their differences.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from hpsearch import rng
from hpsearch.report.paired_effects import (
    Gap,
    GoodRange,
    Movement,
    batch_sizes,
    gap,
    good_range,
    in_decades,
    middle,
    movement,
)
from hpsearch.searching.criterion import Criterion, difference, mean_of, median_of
from hpsearch.searching.history import PastTrial
from hpsearch.searching.spec import Spec, draw_of
from hpsearch.space import Choice
from hpsearch.trainers.network.shift import SHIFT_METRICS
from hpsearch.trial import Result, Status

NEAR = 0.5  # of the median trial's distance from the best: so near is good
RESAMPLES = 4000
HUGE = 1e290  # numbers beyond it overflow when many are added
FEWEST = 5  # differences: the bootstrap of fewer says nothing

FATES = (Status.COMPLETED, Status.DIVERGED)  # a failed or stopped trial says less than these

Draw = Mapping[int, PastTrial]
"""One draw's trials by the index of the crossed value; one that failed or stopped is missing."""


@dataclass(frozen=True)
class Arm:
    """One value of the crossed choice, over all draws."""

    value: Any
    completed: int
    diverged: int
    best: float | None
    median: float | None
    good: int


@dataclass(frozen=True)
class Contrast:
    """Two values side by side.

    `difference` is the mean of the metric with `value` less that with `other`, over the `draws`
    in which both trained to the end; `interval` holds it with 95 % confidence. Wins, ties and
    losses are those of `value`; a trial that diverged loses to one that did not.
    """

    value: Any
    other: Any
    draws: int
    difference: float | None
    interval: tuple[float, float] | None
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True)
class Study:
    """What one crossed choice changes.

    A trial is good if its metric is at most half as far from the best as the median trial's,
    over all values together: `threshold`. That depends neither on the metric's unit nor on its
    zero. Gaps and movements are taken over the `common` draws, good with every value, so that
    they compare networks that have learned.
    """

    parameter: str
    draws: int
    common: int
    threshold: float | None
    arms: tuple[Arm, ...]
    contrasts: tuple[Contrast, ...]
    ranges: tuple[GoodRange, ...]
    gaps: tuple[Gap, ...]
    movements: tuple[Movement, ...]


def studies(spec: Spec, criterion: Criterion, trials: Sequence[PastTrial]) -> list[Study]:
    """One study for each crossed choice of the space; `trials` are the run's own."""
    return [
        _study(parameter.name, parameter.domain, spec, criterion, trials)
        for parameter in spec.space
        if parameter.cross and isinstance(parameter.domain, Choice)
    ]


def _study(
    name: str, choice: Choice, spec: Spec, criterion: Criterion, trials: Sequence[PastTrial]
) -> Study:
    values, draws = choice.values, _draws(name, choice, spec, trials)
    threshold = _threshold(criterion, [trial.result for draw in draws for trial in draw.values()])

    def good(trial: PastTrial) -> bool:
        cost = criterion.cost(trial.result.value)[0]
        return threshold is not None and cost <= criterion.cost(threshold)[0]

    sizes = () if name == "batch_size" else batch_sizes(spec.space)
    common = [d for d in draws if len(d) == len(values) and all(map(good, d.values()))]
    return Study(
        parameter=name,
        draws=len(draws),
        common=len(common),
        threshold=threshold,
        arms=tuple(_arm(v, _of(draws, i), criterion, good) for i, v in enumerate(values)),
        contrasts=tuple(
            _contrast((values[i], values[j]), _pairs(draws, i, j), criterion)
            for i, j in combinations(range(len(values)), 2)
        ),
        ranges=tuple(
            good_range(parameter, value, [*filter(good, _of(draws, i))])
            for parameter in in_decades(spec.space)
            for i, value in enumerate(values)
        ),
        gaps=tuple(
            gap(value, size, _of(common, i))
            for i, value in enumerate(values)
            for size in (*sizes, None)
        ),
        movements=tuple(
            movement(metric, value, tracked)
            for metric in SHIFT_METRICS
            for i, value in enumerate(values)
            if (tracked := [trial for trial in _of(common, i) if metric in trial.curve])
        ),
    )


def _draws(name: str, choice: Choice, spec: Spec, trials: Sequence[PastTrial]) -> list[Draw]:
    """Trials that differ in the crossed choice alone, side by side; settings by hand sit out."""
    first, crossed = spec.first + len(spec.start), spec.space.crossed
    found: dict[object, dict[int, PastTrial]] = defaultdict(dict)
    for trial in trials:
        result = trial.result
        index = choice.index(result.params.get(name))
        if result.number >= first and result.status in FATES and index is not None:
            others = tuple((key, repr(v)) for key, v in result.params.items() if key != name)
            found[draw_of(result.number, first, crossed), others][index] = trial
    return list(found.values())


def _of(draws: Iterable[Draw], index: int) -> list[PastTrial]:
    """The trials with one value of the crossed choice."""
    return [draw[index] for draw in draws if index in draw]


def _pairs(draws: Iterable[Draw], i: int, j: int) -> list[tuple[Result, Result]]:
    """The results with two values of the crossed choice, of the draws that have both."""
    return [(draw[i].result, draw[j].result) for draw in draws if i in draw and j in draw]


def _threshold(criterion: Criterion, results: Iterable[Result]) -> float | None:
    """The least good value: half as far from the best as the median."""
    values = [result.value for result in results if result.value is not None]
    if not values:
        return None
    best = min(values, key=lambda value: criterion.cost(value))
    return (1 - NEAR) * best + NEAR * median_of(values)  # no difference, which may overflow


def _arm(
    value: Any,
    trials: Sequence[PastTrial],
    criterion: Criterion,
    good: Callable[[PastTrial], bool],
) -> Arm:
    results = [trial.result for trial in trials]
    best = criterion.best(results)
    values = [result.value for result in results if result.value is not None]
    return Arm(
        value=value,
        completed=sum(result.status is Status.COMPLETED for result in results),
        diverged=sum(result.status is Status.DIVERGED for result in results),
        best=None if best is None else best.value,
        median=middle(values),
        good=sum(map(good, trials)),
    )


def _contrast(
    values: tuple[Any, Any], pairs: Sequence[tuple[Result, Result]], criterion: Criterion
) -> Contrast:
    costs = [
        (criterion.cost(one.value)[0], criterion.cost(other.value)[0]) for one, other in pairs
    ]
    differences = [
        found
        for one, other in pairs
        if one.value is not None and other.value is not None
        if (found := difference(one.value, other.value)) is not None
    ]
    return Contrast(
        value=values[0],
        other=values[1],
        draws=len(differences),
        difference=mean_of(differences) if differences else None,
        interval=bootstrap_interval(differences),
        wins=sum(one < other for one, other in costs),
        ties=sum(one == other for one, other in costs),
        losses=sum(one > other for one, other in costs),
    )


def bootstrap_interval(differences: Sequence[float]) -> tuple[float, float] | None:
    """Where the mean of such differences lies with 95 % confidence.

    The percentile bootstrap: draw as many with replacement, again and again, and take the
    middle 95 % of the means. Unlike Student's t it assumes no bell curve, which differences
    over a wide space are far from. None for fewer than five, too few to resample.

    Reference: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13
    """
    if len(differences) < FEWEST:
        return None
    generator = rng.stream("bootstrap", len(differences))
    # Sums of nearly the largest numbers would overflow; a power of two changes no other bit.
    unit = 2.0**64 if max(map(abs, differences)) > HUGE else 1.0
    values = np.array(differences) / unit
    means = [generator.choice(values, len(values)).mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low) * unit, float(high) * unit
