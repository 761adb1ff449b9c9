"""The metric that a search optimises, and what follows for results and learning curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from statistics import mean, stdev
from typing import Literal

from hpsearch.config import Config
from hpsearch.sampling.ranking import UNKNOWN, Cost
from hpsearch.trainers.kinds import kind_read
from hpsearch.trial import Piece, Result, Status

Curve = Mapping[str, Sequence[float | None]]
"""One list for "epoch" and one for each metric, of equal lengths."""


@dataclass(frozen=True)
class Criterion:
    """A metric and its goal. Trials are compared by cost, which is always minimised."""

    name: str
    goal: Literal["minimize", "maximize"]
    at: Literal["last", "best"] = "last"  # the epoch whose value counts
    share: bool = False  # whether the metric lies in [0, 1] by its definition
    target: float | None = None  # a value that is good enough

    def cost(self, value: float | None, loss: float | None = None) -> Cost:
        """The cost of a value; the validation loss decides between equal values.

        >>> Criterion("val_accuracy", "maximize").cost(0.98, 0.1)
        (-0.98, 0.1)
        """
        if value is None or not isfinite(value):
            return UNKNOWN
        return (-value if self.goal == "maximize" else value), inf if loss is None else loss

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
        """The key that sorts results from best to worst: value, validation loss, number."""
        return self.cost(result.value, result.metrics.get("val_loss")), result.number

    def best(self, results: Iterable[Result]) -> Result | None:
        """The best completed trial with a finite value; None where there is none."""
        return min(self.able(results), key=self.order, default=None)

    def reaches(self, result: Result) -> bool:
        """Whether a trial is completed with a value as good as the target, where there is one."""
        if self.target is None or not self.able([result]):
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
        ]

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
    metric, shares = config.metric, kind_read(config.trainer).shares
    share = metric.name in shares
    return Criterion(metric.name, metric.goal, metric.at, share, metric.target)


def join(pieces: Iterable[Piece]) -> Curve:
    """The learning curve of one training, joined from its pieces in any order.

    The curve of a single piece is returned as it is, not copied. Where a piece lacks a metric,
    the joined curve holds None.

    >>> first = Piece(0, 0, 0, rung=0, epochs=1, value=0.5, curve={"epoch": [1]})
    >>> later = Piece(0, 0, 0, rung=1, epochs=2, value=0.7, curve={"epoch": [2]})
    >>> join([later, first])
    {'epoch': [1, 2]}
    """
    ordered = list(pieces)
    if len(ordered) == 1:
        return ordered[0].curve
    ordered.sort(key=lambda piece: piece.rung)
    return end_to_end(piece.curve for piece in ordered)


def end_to_end(curves: Iterable[Curve]) -> Curve:
    """Learning curves that follow each other, as one; the lists keep equal lengths.

    >>> end_to_end([{"epoch": [1], "loss": [0.5]}, {"epoch": [2], "auc": [0.9]}])
    {'epoch': [1, 2], 'loss': [0.5, None], 'auc': [None, 0.9]}
    """
    parts = [(curve, [None] * len(curve.get("epoch", ()))) for curve in curves]
    return {
        name: [value for curve, nothing in parts for value in curve.get(name, nothing)]
        for name in dict.fromkeys(name for curve, _ in parts for name in curve)
    }


def average(curves: Sequence[Curve], metric: str) -> Curve:
    """The mean of several learning curves, epoch by epoch.

    A curve that ended early keeps its last values, as more training would not have changed
    them. For `metric`, which counts, the mean is None where any curve's value is undefined;
    another metric may be missing in some curves, and is averaged over those that have it.

    >>> average([{"epoch": [1, 2], "a": [4.0, 2.0]}, {"epoch": [1], "a": [8.0], "b": [1.0]}], "a")
    {'epoch': [1, 2], 'a': [6.0, 5.0], 'b': [1.0, 1.0]}
    """
    if len(curves) == 1:
        return curves[0]
    epochs = max((len(curve.get("epoch", [])) for curve in curves), default=0)
    longest = max(curves, key=lambda curve: len(curve.get("epoch", [])), default={})
    joined: dict[str, list[float | None]] = {}
    for name in dict.fromkeys(name for curve in (longest, *curves) for name in curve):
        columns = [column for curve in curves if (column := curve.get(name))]
        whole = len(columns) == len(curves) or name != metric
        joined[name] = [
            _mean_at(columns, i, name == metric) if whole else None for i in range(epochs)
        ]
    return joined | {"epoch": list(longest.get("epoch", []))}


def _mean_at(columns: Sequence[Sequence[float | None]], place: int, of_all: bool) -> float | None:
    values = [column[min(place, len(column) - 1)] for column in columns]
    known = [value for value in values if value is not None]
    if not known or (of_all and len(known) < len(values)):
        return None
    return mean_of(known)


def mean_of(values: Sequence[float]) -> float:
    """The mean of finite numbers; it is finite even where their sum would overflow."""
    total = sum(values)
    return total / len(values) if isfinite(total) else mean(values)


def median_of(values: Sequence[float]) -> float:
    """The median of finite numbers; it is finite."""
    ordered, half = sorted(values), len(values) // 2
    return mean_of(ordered[half : half + 1] if len(values) % 2 else ordered[half - 1 : half + 1])


def difference(one: float, other: float) -> float | None:
    """One number less another; None where that is beyond the largest float."""
    found = one - other
    return found if isfinite(found) else None


def deviation_of(values: Sequence[float]) -> float | None:
    """The standard deviation of two or more numbers (divided by n - 1), each with a finite mean.

    None where it is too large for a float: of -1e308 and 1e308, say.
    """
    try:
        return stdev(values)
    except OverflowError:
        return None
