"""In what ways a choice acts: the settings it forgives, what it regularises, what it keeps still.

These are the claims made for batch norm, but they can be asked of any choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

from hpsearch.searching.criterion import difference, median_of
from hpsearch.searching.history import PastTrial
from hpsearch.space import LOG, Choice, Continuous, Discrete, Space


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


def in_decades(space: Space) -> list[str]:
    """The numbers that are searched on a log scale, so that decades are their unit."""
    return [
        parameter.name
        for parameter in space
        if isinstance(parameter.domain, Continuous | Discrete)
        and parameter.domain.scale is LOG
        and parameter.per is None
    ]


def good_range(parameter: str, value: Any, good: Sequence[PastTrial]) -> GoodRange:
    """How far a parameter's good settings reach."""
    settings: list[Any] = [
        trial.result.params[parameter] for trial in good if parameter in trial.result.params
    ]
    if not settings:
        return GoodRange(parameter, value, 0, None, None, None)
    low, high = min(settings), max(settings)
    return GoodRange(parameter, value, len(settings), low, high, log10(high / low))


def batch_sizes(space: Space) -> tuple[Any, ...]:
    """The sizes of mini-batches that are compared, none unless it is a choice of a few."""
    domain = space["batch_size"].domain if "batch_size" in space else None
    return domain.values if isinstance(domain, Choice) else ()


def gap(value: Any, size: Any, trials: Sequence[PastTrial]) -> Gap:
    """How much better trials do on the rows that they train on, with mini-batches of a size."""
    results = [trial.result for trial in trials]
    gaps = [
        found
        for result in results
        if size is None or result.params.get("batch_size") == size
        if (val := result.metrics.get("val_loss")) is not None
        if (train := result.metrics.get("train_loss")) is not None
        if (found := difference(val, train)) is not None
    ]
    return Gap(value, size, len(gaps), middle(gaps))


def movement(metric: str, value: Any, trials: Sequence[PastTrial]) -> Movement:
    """How far hidden units move, from the trials' learning curves."""
    curves = [[v for v in trial.curve[metric] if v is not None] for trial in trials]
    curves = [curve for curve in curves if curve]
    return Movement(
        metric,
        value,
        len(curves),
        first=middle([curve[0] for curve in curves]),
        last=middle([curve[-1] for curve in curves]),
    )


def middle(values: Sequence[float]) -> float | None:
    """The median, None of nothing."""
    return median_of(values) if values else None
