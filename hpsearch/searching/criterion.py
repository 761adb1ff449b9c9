"""The metric that a search optimises, and what follows for results and learning curves."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Literal

from hpsearch.config import Config, Metric
from hpsearch.sampling.ranking import UNKNOWN, Cost, Observation, rank
from hpsearch.searching.curves import Curve
from hpsearch.trainers.kinds import kind_read
from hpsearch.trial import Result, Status

Metrics = Mapping[str, float | None]

LARGEST = sys.float_info.max


@dataclass(frozen=True)
class Bound:
    """What a metric must not pass: at most `most`, at least `least`, or both."""

    name: str
    most: float | None = None
    least: float | None = None

    @property
    def text(self) -> str:
        """As a user reads it.

        >>> Bound("latency_ms", most=5).text
        'latency_ms <= 5'
        """
        if self.most is None or self.least is None:
            sign, end = ("<=", self.most) if self.least is None else (">=", self.least)
            return f"{self.name} {sign} {end:g}"
        return f"{self.least:g} <= {self.name} <= {self.most:g}"

    def broken(self, value: float | None) -> float:
        """By how much a value breaks it, as a share of the bound (of a bound at 0, itself).

        Infinite where the value is undefined. So bounds of several units add up.

        >>> Bound("latency_ms", most=5).broken(6), Bound("recall", least=0.8).broken(0.9)
        (0.2, 0.0)
        """
        if value is None or not isfinite(value):
            return inf
        over = 0.0 if self.most is None else (value - self.most) / (abs(self.most) or 1.0)
        under = 0.0 if self.least is None else (self.least - value) / (abs(self.least) or 1.0)
        return min(LARGEST, max(0.0, over, under))


@dataclass(frozen=True)
class Objective:
    """A metric beside the first that is minimised or maximised, too."""

    name: str
    goal: Literal["minimize", "maximize"]

    def cost(self, value: float | None) -> float:
        """What is minimised."""
        if value is None or not isfinite(value):
            return inf
        return -value if self.goal == "maximize" else value


@dataclass(frozen=True)
class Criterion:
    """A metric and its goal. Trials are compared by cost, which is always minimised.

    Where there are bounds, a trial that breaks them comes after all that keep them. Where there
    are further objectives, the best trial is that with the best value of the first metric, and
    beside it stands the front: the trials that no other beats in every objective.
    """

    name: str
    goal: Literal["minimize", "maximize"]
    at: Literal["last", "best"] = "last"  # the epoch whose value counts
    share: bool = False  # whether the metric lies in [0, 1] by its definition
    bounds: tuple[Bound, ...] = ()
    others: tuple[Objective, ...] = ()  # metrics beside the first that have a goal of their own
    target: float | None = None  # a value that is good enough

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """Every metric that is minimised or maximised, the first one first."""
        return (Objective(self.name, self.goal), *self.others)

    @property
    def names(self) -> tuple[str, ...]:
        """Every metric that trials are compared by."""
        others = [*(each.name for each in self.others), *(each.name for each in self.bounds)]
        return tuple(dict.fromkeys((self.name, *others)))

    @property
    def text(self) -> str:
        """As a user reads it.

        >>> Criterion("val_accuracy", "maximize", bounds=(Bound("ms", most=5),)).text
        'val_accuracy (maximize), ms <= 5'
        """
        aims = (f"{each.name} ({each.goal})" for each in self.objectives)
        return ", ".join([*aims, *(bound.text for bound in self.bounds)])

    @property
    def several(self) -> bool:
        """Whether there are several objectives, and so a front."""
        return bool(self.others)

    @property
    def plain(self) -> bool:
        """Whether one metric alone decides: no bounds, no further objectives."""
        return not (self.bounds or self.others)

    def broken(self, metrics: Metrics) -> float:
        """By how much metrics break the bounds; 0 where they keep them all, or there are none."""
        parts = [bound.broken(metrics.get(bound.name)) for bound in self.bounds]
        return inf if inf in parts else min(LARGEST, sum(parts, 0.0))

    def broken_bounds(self, metrics: Metrics) -> list[str]:
        """The bounds that metrics break, each with what was found.

        >>> bounds = (Bound("latency_ms", most=5),)
        >>> Criterion("accuracy", "maximize", bounds=bounds).broken_bounds({"latency_ms": 7.0})
        ['latency_ms <= 5, found 7']
        """
        found = ((bound, metrics.get(bound.name)) for bound in self.bounds)
        return [
            f"{bound.text}, found {'none' if value is None else f'{value:g}'}"
            for bound, value in found
            if bound.broken(value)
        ]

    def cost(self, value: float | None, loss: float | None = None) -> Cost:
        """The cost of a value; the validation loss decides between equal values.

        >>> Criterion("val_accuracy", "maximize").cost(0.98, 0.1)
        (-0.98, 0.1)
        """
        if value is None or not isfinite(value):
            return UNKNOWN
        return (-value if self.goal == "maximize" else value), inf if loss is None else loss

    def judged(self, metrics: Metrics) -> Cost:
        """The cost of metrics by all that trials are compared by, see `ranking.Cost`.

        >>> both = Criterion("accuracy", "maximize", others=(Objective("parameters", "minimize"),))
        >>> both.judged({"accuracy": 0.9, "parameters": 650.0, "val_loss": 0.3})
        (0.0, -0.9, 650.0, 0.3)
        """
        value, loss = self.cost(metrics.get(self.name), metrics.get("val_loss"))
        if self.plain:
            return value, loss
        costs = (value, *(each.cost(metrics.get(each.name)) for each in self.others))
        return (inf if inf in costs else self.broken(metrics), *costs, loss)

    def lacking(self, curve: Curve) -> str | None:
        """What is wrong with a curve that lacks a metric beside the first; None where none is.

        That it has the first, the trainers see to.
        """
        missing = [name for name in self.names[1:] if name not in curve]
        if self.plain or not missing or not curve.get("epoch"):
            return None
        found = ", ".join(repr(name) for name in curve if name != "epoch")
        return f"the result must have the metric {missing[0]!r}, found {found}"

    def within(self, interval: tuple[float, float] | None) -> tuple[float, float] | None:
        """An interval cut to the values that the metric can take; None unless its ends are finite.

        >>> Criterion("val_accuracy", "maximize", share=True).within((0.97, 1.02))
        (0.97, 1.0)
        """
        if interval is None or not all(map(isfinite, interval)):
            return None
        if not self.share:
            return interval
        low, high = (min(1.0, max(0.0, end)) for end in interval)
        return low, high

    def order(self, result: Result) -> tuple[Cost, int]:
        """The key that sorts results from best to worst: value, validation loss, number.

        Those that break bounds come last, by how much they do. Further objectives do not count.
        """
        cost = self.cost(result.value, result.metrics.get("val_loss"))
        if self.bounds:
            cost = (self.broken(result.metrics), *cost)
        return cost, result.number

    def best(self, results: Iterable[Result]) -> Result | None:
        """The best completed trial with a finite value; None where there is none."""
        return min(self.able(results), key=self.order, default=None)

    def reaches(self, result: Result) -> bool:
        """Whether a trial is completed, keeps the bounds, and is as good as the target, if any."""
        if self.target is None or not self.able([result]) or self.broken(result.metrics):
            return False
        return self.cost(result.value)[0] <= self.cost(self.target)[0]

    def able(self, results: Iterable[Result]) -> list[Result]:
        """The results that can win: completed, with a finite value."""
        return [
            result
            for result in results
            if result.status is Status.COMPLETED
            and result.value is not None
            and isfinite(result.value)
            and (self.plain or isfinite(self.judged(result.metrics)[0]))
        ]

    def ranked(self, results: Iterable[Result]) -> list[Result]:
        """The results that can win, best first; of several objectives by fronts.

        The best by the first metric leads. Then come the trials of the first front, those
        first that dominate most alone, then those of the next.
        """
        able = sorted(self.able(results), key=self.order)
        if not self.several or not able:
            return able
        seen = [Observation(r.number, r.params, (self.judged(r.metrics),)) for r in able]
        places = {trial.number: place for place, trial in enumerate(rank(seen))}
        return [able[0], *sorted(able[1:], key=lambda each: places[each.number])]

    def front(
        self, results: Iterable[Result], means: Mapping[int, Metrics] | None = None
    ) -> list[Result]:
        """The results that no other beats in every objective, best by the first metric first.

        None of them breaks a bound unless all do.

        Args:
            results: of trials.
            means: metrics that count in place of a trial's own, by number: means of new seeds.
        """
        able, known = {each.number: each for each in self.able(results)}, means or {}
        metrics = {n: {**each.metrics, **known.get(n, {})} for n, each in able.items()}
        return [replace(able[n], metrics=metrics[n]) for n in self.front_of(metrics)]

    def front_of(self, metrics: Mapping[int, Metrics]) -> list[int]:
        """The same of the metrics of trials by number."""
        numbers = sorted(metrics)
        costs = [self.judged(metrics[number]) for number in numbers]
        if not costs:
            return []
        import numpy as np  # slow to import, and few searches have several objectives

        from hpsearch.sampling.pareto import fronts

        front = fronts(np.array([cost[:-1] for cost in costs]))[0]
        return [numbers[i] for i in sorted(front, key=lambda i: (costs[i], i))]

    def costs(
        self, curve: Curve, epochs: Iterable[int], finished: bool = False
    ) -> tuple[Cost, ...]:
        """The cost at each of these epochs that the curve reaches.

        A finished training keeps its last value at later epochs: more training would not
        change it.

        >>> accuracy = Criterion("accuracy", "maximize")
        >>> accuracy.costs({"epoch": [1, 2, 3], "accuracy": [0.5, 0.7, 0.8]}, [1, 3, 9])
        ((-0.5, inf), (-0.8, inf))
        """
        trained = len(curve.get(self.name, ()))
        reached = [min(epoch, trained) for epoch in epochs if finished or epoch <= trained]
        return tuple([self.cost_after(curve, epoch) for epoch in reached if epoch])

    def cost_after(self, curve: Curve, epochs: int) -> Cost:
        """The cost after this many epochs: of the last epoch, or of the best so far (`at`)."""
        last = (epochs if self.at == "last" else self.epoch_after(curve, epochs)) - 1
        if not self.plain:
            names = (*self.names, "val_loss")
            return self.judged({name: curve[name][last] for name in names if name in curve})
        losses = curve.get("val_loss")
        return self.cost(curve[self.name][last], losses[last] if losses else None)

    def epoch_after(self, curve: Curve, epochs: int) -> int:
        """The epoch, counted from 1, whose value counts after this many epochs of training.

        A training that diverged counts at its last epoch, whatever its best one was.
        """
        if self.at == "last":
            return epochs
        values, losses = curve[self.name], curve.get("val_loss", [])
        if values[epochs - 1] is None:
            return epochs
        by_cost = [self.cost(v, losses[i] if losses else None) for i, v in enumerate(values)]
        return 1 + min(range(epochs), key=lambda i: by_cost[i])

    def metrics_after(self, curve: Curve, epochs: int) -> dict[str, float | None]:
        """Every metric at the epoch that counts after so much training; none before the first."""
        if not epochs:
            return {}
        counts = self.epoch_after(curve, epochs) if self.name in curve else epochs
        return {name: values[counts - 1] for name, values in curve.items() if name != "epoch"}


def criterion_of(config: Config) -> Criterion:
    """The criterion of a configuration's search.

    A metric is taken as unbounded where its trainer's kind does not say that it is a share.
    """
    metrics = (config.metric, *config.other_metrics)
    return criterion_from(metrics, kind_read(config.trainer).shares)


def criterion_from(metrics: Sequence[Metric], shares: Container[str] = ()) -> Criterion:
    """The criterion of metrics, the first of which has a goal and each other one or a bound.

    Args:
        metrics: of a configuration.
        shares: names of those that lie in [0, 1] by their definition.
    """
    first, *others = metrics
    assert first.goal is not None
    return Criterion(
        first.name,
        first.goal,
        first.at,
        share=first.name in shares,
        bounds=tuple(Bound(m.name, m.at_most, m.at_least) for m in metrics if m.bounded),
        others=tuple(Objective(m.name, m.goal) for m in others if m.goal is not None),
        target=first.target,
    )
