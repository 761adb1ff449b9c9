"""What a crossed choice changes: each draw was trained with every value and the same seed.

A draw's own luck, of its setting and its random numbers, is in all of its trials alike and cancels
in their differences. Beside which value wins, a comparison says which settings a value forgives,
how much it regularises, and how still it keeps the hidden units, as is claimed of batch norm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from math import log10
from typing import Any

import numpy as np

from hpsearch import rng
from hpsearch.report.numbers import ROUGH, number, signed
from hpsearch.report.text import Printable, TextTable, heading
from hpsearch.searching.criterion import Criterion
from hpsearch.searching.curves import difference, mean_of, median_of
from hpsearch.searching.history import PastTrial
from hpsearch.searching.spec import Spec, draw_of
from hpsearch.space import LOG, Choice, Continuous, Discrete, Space, same
from hpsearch.trainers.network.hyperparameters import SHIFT_METRICS
from hpsearch.trial import Result, Status

NEAR = 0.5  # of the median trial's distance from the best: so near is good
RESAMPLES = 4000
HUGE = 1e290  # numbers beyond it overflow when many are added
FEWEST = 5  # differences: the bootstrap of fewer says nothing

IsGood = Callable[[PastTrial], bool]
FATES = (Status.COMPLETED, Status.DIVERGED)  # a failed or stopped trial says less than these

Draw = Mapping[int, PastTrial]
"""A draw's trials by the index of the crossed value; those that failed or stopped are missing."""


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
class GoodRange:
    """The smallest and largest setting of a parameter among one value's good trials."""

    parameter: str
    value: Any
    good: int
    low: float | None
    high: float | None
    decades: float | None


@dataclass(frozen=True)
class Gap:
    """The median of val_loss less train_loss; `batch_size` None is all of them together."""

    value: Any
    batch_size: Any
    draws: int
    gap: float | None


@dataclass(frozen=True)
class Movement:
    """The median of a measure of covariate shift, in the first epoch that has one and the last."""

    metric: str
    value: Any
    draws: int
    first: float | None
    last: float | None


@dataclass(frozen=True)
class PairedComparison:
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


def paired_comparisons(
    spec: Spec, criterion: Criterion, trials: Sequence[PastTrial]
) -> list[PairedComparison]:
    """One comparison for each crossed choice of the space, over the trials of this run."""
    return [
        _comparison(parameter.name, parameter.domain, spec, criterion, trials)
        for parameter in spec.space
        if parameter.cross and isinstance(parameter.domain, Choice)
    ]


def _comparison(
    name: str, choice: Choice, spec: Spec, criterion: Criterion, trials: Sequence[PastTrial]
) -> PairedComparison:
    values, draws = choice.values, _draws(name, choice, spec, trials)
    threshold = _threshold(criterion, [t.result for draw in draws for t in draw.values()])

    def good(trial: PastTrial) -> bool:
        cost = criterion.cost(trial.result.value)[0]
        return threshold is not None and cost <= criterion.cost(threshold)[0]

    sizes = () if name == "batch_size" else _batch_sizes(spec.space)
    common = [d for d in draws if len(d) == len(values) and all(map(good, d.values()))]
    return PairedComparison(
        parameter=name,
        draws=len(draws),
        common=len(common),
        threshold=threshold,
        arms=tuple(_arm(v, _trials(draws, i), criterion, good) for i, v in enumerate(values)),
        contrasts=tuple(
            _contrast(choice, draws, i, j, criterion)
            for i, j in combinations(range(len(values)), 2)
        ),
        ranges=tuple(
            _good_range(parameter, value, [*filter(good, _trials(draws, i))])
            for parameter in _on_log_scale(spec.space)
            for i, value in enumerate(values)
        ),
        gaps=tuple(
            _gap(value, size, _trials(common, i))
            for i, value in enumerate(values)
            for size in (*sizes, None)
        ),
        movements=tuple(
            _movement(metric, value, tracked)
            for metric in SHIFT_METRICS
            for i, value in enumerate(values)
            if (tracked := [trial for trial in _trials(common, i) if metric in trial.curve])
        ),
    )


def _draws(name: str, choice: Choice, spec: Spec, trials: Sequence[PastTrial]) -> list[Draw]:
    """Group the trials that differ in the crossed choice alone; `search.start` has no groups."""
    first, crossed = spec.first + len(spec.start), spec.space.crossed
    found: dict[object, dict[int, PastTrial]] = defaultdict(dict)
    for trial in trials:
        result = trial.result
        index = choice.index(result.params.get(name))
        if result.number >= first and result.status in FATES and index is not None:
            others = tuple((key, repr(v)) for key, v in result.params.items() if key != name)
            found[draw_of(result.number, first, crossed), others][index] = trial
    return list(found.values())


def _trials(draws: Iterable[Draw], index: int) -> list[PastTrial]:
    """The trials with one value of the crossed choice."""
    return [draw[index] for draw in draws if index in draw]


def _threshold(criterion: Criterion, results: Iterable[Result]) -> float | None:
    """The least good value: half as far from the best as the median."""
    values = [result.value for result in results if result.value is not None]
    if not values:
        return None
    best = min(values, key=lambda value: criterion.cost(value))
    return (1 - NEAR) * best + NEAR * median_of(values)  # no difference, which may overflow


def _arm(value: Any, trials: Sequence[PastTrial], criterion: Criterion, good: IsGood) -> Arm:
    results = [trial.result for trial in trials]
    best = criterion.best(results)
    return Arm(
        value=value,
        completed=sum(result.status is Status.COMPLETED for result in results),
        diverged=sum(result.status is Status.DIVERGED for result in results),
        best=None if best is None else best.value,
        median=_median(r.value for r in results if r.value is not None),
        good=sum(map(good, trials)),
    )


def _contrast(
    choice: Choice, draws: Iterable[Draw], i: int, j: int, criterion: Criterion
) -> Contrast:
    """The i-th value of a choice less the j-th, over the draws that have both."""
    pairs = [(d[i].result.value, d[j].result.value) for d in draws if i in d and j in d]
    costs = [(criterion.cost(one)[0], criterion.cost(other)[0]) for one, other in pairs]
    differences = [
        found
        for one, other in pairs
        if one is not None and other is not None
        if (found := difference(one, other)) is not None
    ]
    return Contrast(
        value=choice.values[i],
        other=choice.values[j],
        draws=len(differences),
        difference=mean_of(differences) if differences else None,
        interval=bootstrap_interval(differences),
        wins=sum(one < other for one, other in costs),
        ties=sum(one == other for one, other in costs),
        losses=sum(one > other for one, other in costs),
    )


def bootstrap_interval(differences: Sequence[float]) -> tuple[float, float] | None:
    """A 95 % interval of the mean difference; None for fewer than five, too few to resample.

    The percentile bootstrap: draw as many with replacement, again and again, and take the
    middle 95 % of the means. Unlike Student's t it assumes no bell curve, which differences
    over a wide space are far from.

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


def _on_log_scale(space: Space) -> list[str]:
    """The parameters searched on a log scale, whose ranges are measured in decades."""
    return [
        parameter.name
        for parameter in space
        if isinstance(parameter.domain, Continuous | Discrete)
        and parameter.domain.scale is LOG
        and parameter.per is None
    ]


def _good_range(parameter: str, value: Any, good: Sequence[PastTrial]) -> GoodRange:
    every = (trial.result.params for trial in good)
    settings: list[Any] = [params[parameter] for params in every if parameter in params]
    if not settings:
        return GoodRange(parameter, value, 0, None, None, None)
    low, high = min(settings), max(settings)
    return GoodRange(parameter, value, len(settings), low, high, log10(high / low))


def _batch_sizes(space: Space) -> tuple[Any, ...]:
    """The sizes of mini-batches, where they are a choice of a few."""
    domain = space["batch_size"].domain if "batch_size" in space else None
    return domain.values if isinstance(domain, Choice) else ()


def _gap(value: Any, size: Any, trials: Sequence[PastTrial]) -> Gap:
    """The generalization gap of the trials with mini-batches of a size; None for any size."""
    results = [trial.result for trial in trials]
    gaps = [
        found
        for result in results
        if size is None or result.params.get("batch_size") == size
        if (val := result.metrics.get("val_loss")) is not None
        if (train := result.metrics.get("train_loss")) is not None
        if (found := difference(val, train)) is not None
    ]
    return Gap(value, size, len(gaps), _median(gaps))


def _movement(metric: str, value: Any, trials: Sequence[PastTrial]) -> Movement:
    curves = [[v for v in trial.curve[metric] if v is not None] for trial in trials]
    curves = [curve for curve in curves if curve]
    return Movement(
        metric,
        value,
        len(curves),
        first=_median(curve[0] for curve in curves),
        last=_median(curve[-1] for curve in curves),
    )


def _median(values: Iterable[float]) -> float | None:
    return median_of(found) if (found := list(values)) else None


def paired_text(paired: PairedComparison, metric: str) -> Iterator[Printable]:
    """A comparison as tables: which value won, and in what ways the choice acts."""
    yield heading(
        f"{paired.parameter}: each of {paired.draws} draws trained with every value and one seed"
    )
    yield _arms(paired, metric)
    yield ""
    yield _contrasts(paired)
    if paired.threshold is not None:
        middle = number(paired.threshold)
        yield f"\nGood: {metric} at most half as far from the best as the median trial's, {middle}"
    if paired.ranges:
        yield _ranges(paired)
    if not paired.common:
        return
    yield f"\nMedians over the draws that are good with every value ({paired.common}):"
    if any(gap.gap is not None for gap in paired.gaps):
        yield _gaps(paired)
    if paired.movements:
        yield ""
        yield _movements(paired)


def _arms(paired: PairedComparison, metric: str) -> TextTable:
    table = TextTable("", "completed", "diverged", f"best {metric}", "median", "good", right=5)
    for arm in paired.arms:
        counts = (str(arm.completed), str(arm.diverged))
        values = (_or_dash(number, arm.best), _or_dash(number, arm.median))
        table.add_row(number(arm.value), *counts, *values, str(arm.good))
    return table


def _contrasts(paired: PairedComparison) -> TextTable:
    table = TextTable(
        "", "mean difference", "95 % bootstrap interval", "wins", "ties", "losses", right=3
    )
    for pair in paired.contrasts:
        table.add_row(
            f"{number(pair.value)} less {number(pair.other)}",
            _or_dash(signed, pair.difference),
            "-" if pair.interval is None else " to ".join(map(signed, pair.interval)),
            *(str(count) for count in (pair.wins, pair.ties, pair.losses)),
        )
    return table


def _ranges(paired: PairedComparison) -> TextTable:
    table = TextTable("good settings", "", "from", "to", "decades", right=3)
    named, two_digits = None, partial(number, digits=ROUGH)
    for reach in paired.ranges:
        table.add_row(
            "" if reach.parameter == named else reach.parameter,
            number(reach.value),
            *(_or_dash(two_digits, end) for end in (reach.low, reach.high)),
            _or_dash("{:.1f}".format, reach.decades),
        )
        named = reach.parameter
    return table


def _gaps(paired: PairedComparison) -> TextTable:
    """One line for each size of mini-batch, one column for each value."""
    values = [number(arm.value) for arm in paired.arms]
    table = TextTable("val_loss less train_loss", "draws", *values, right=len(values) + 1)
    for size in dict.fromkeys(gap.batch_size for gap in paired.gaps):
        gaps = [gap for gap in paired.gaps if same(gap.batch_size, size)]
        name = "all" if size is None else f"batch_size {number(size)}"
        table.add_row(name, str(gaps[0].draws), *(_or_dash(signed, gap.gap) for gap in gaps))
    return table


def _movements(paired: PairedComparison) -> TextTable:
    table = TextTable("hidden units move in an epoch", "", "at first", "at last", right=2)
    named, two_digits = None, partial(number, digits=ROUGH)
    for move in paired.movements:
        name = "" if move.metric == named else move.metric
        ends = (_or_dash(two_digits, end) for end in (move.first, move.last))
        table.add_row(name, number(move.value), *ends)
        named = move.metric
    return table


def _or_dash(shown: Callable[[float], str], value: float | None) -> str:
    return "-" if value is None else shown(value)
