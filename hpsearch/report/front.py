"""Several metrics in a report: the bounds, the front, and the volume that it covers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.report.numbers import number
from hpsearch.report.text import TextTable
from hpsearch.searching.criterion import Criterion, Metrics
from hpsearch.trial import Result

MOST_POINTS = 20  # of a front, in the terminal


@dataclass(frozen=True)
class FrontPoint:
    """A trial that no other beats in every objective.

    Attributes:
        result: of the trial.
        metrics: that trials are compared by; of a confirmed trial the means over new seeds.
        confirmed: whether it was confirmed.
    """

    result: Result
    metrics: Metrics
    confirmed: bool

    def as_json(self) -> dict[str, Any]:
        """An entry of `front` in `report --format json`."""
        return {
            "number": self.result.number,
            "params": self.result.params,
            "metrics": self.metrics,
            "confirmed": self.confirmed,
        }


def front_of(
    results: Sequence[Result], means: Mapping[int, Metrics], criterion: Criterion
) -> tuple[FrontPoint, ...]:
    """The front, best by the first metric first; empty where there is one objective."""
    if not criterion.several:
        return ()
    return tuple(
        FrontPoint(
            each,
            {name: each.metrics.get(name) for name in criterion.names},
            each.number in means,
        )
        for each in criterion.front(results, means)
    )


@dataclass(frozen=True)
class Covered:
    """How much of the box between the best and the worst of each objective the trials dominate.

    Only completed trials that keep the bounds count. The volume is a share of the box, which is
    the run's own: it says how a search went on, and does not compare runs.

    Attributes:
        best: the ideal end of the box, by objective.
        worst: the other end.
        steps: (number, share) of each trial that made the share larger, by number.
    """

    best: Mapping[str, float]
    worst: Mapping[str, float]
    steps: Sequence[tuple[int, float]]

    @property
    def share(self) -> float:
        """The share that all trials dominate together."""
        return self.steps[-1][1] if self.steps else 0.0

    def as_json(self) -> dict[str, Any]:
        """The entry `hypervolume` of `report --format json`."""
        steps = [{"number": n, "value": share} for n, share in self.steps]
        return {"value": self.share, "best": self.best, "worst": self.worst, "trials": steps}


def covered(results: Sequence[Result], criterion: Criterion) -> Covered | None:
    """The hypervolume over trials; None without several objectives, or without trials."""
    sound = [each for each in criterion.able(results) if not criterion.broken(each.metrics)]
    if not criterion.several or not sound:
        return None
    from hpsearch.sampling.pareto import hypervolume

    sound.sort(key=lambda each: each.number)
    costs = [criterion.judged(each.metrics)[1:-1] for each in sound]
    lows, highs = ([end(column) for column in zip(*costs, strict=True)] for end in (min, max))
    spans = [high / 2 - low / 2 for low, high in zip(lows, highs, strict=True)]  # none overflows
    front: list[list[float]] = []
    steps: list[tuple[int, float]] = []
    for each, cost in zip(sound, costs, strict=True):
        place = [
            (value / 2 - low / 2) / span if span else 0.0
            for value, low, span in zip(cost, lows, spans, strict=True)
        ]
        if any(all(a <= b for a, b in zip(other, place, strict=True)) for other in front):
            continue
        front = [o for o in front if not all(a <= b for a, b in zip(place, o, strict=True))]
        front.append(place)
        share = hypervolume(front, [1.0] * len(place))
        if not steps or share > steps[-1][1]:
            steps.append((each.number, share))
    signs = [-1.0 if each.goal == "maximize" else 1.0 for each in criterion.objectives]
    names = [each.name for each in criterion.objectives]
    best, worst = (
        {n: s * end + 0.0 for n, s, end in zip(names, signs, ends, strict=True)}
        for ends in (lows, highs)
    )
    return Covered(best, worst, steps)


def bounds_text(criterion: Criterion, best: Result, means: Mapping[int, Metrics]) -> str | None:
    """That the best trial breaks bounds, as then all do; None where it keeps them."""
    found = criterion.broken_bounds({**best.metrics, **means.get(best.number, {})})
    if not found:
        return None
    return (
        f"no trial keeps every bound: trial {best.number}, which breaks them least, breaks "
        f"{'; '.join(found)}: loosen the bound, or search where it can be kept"
    )


def front_table(criterion: Criterion, points: Sequence[FrontPoint]) -> TextTable:
    """The front in the terminal, a line a trial."""
    names = criterion.names
    table = TextTable("trial", "measured by", *names, right=len(names))
    for point in points[:MOST_POINTS]:
        cells = (number(point.metrics[name]) for name in names)
        seeds = "new seeds" if point.confirmed else "one training"
        table.add_row(str(point.result.number), seeds, *cells)
    return table
