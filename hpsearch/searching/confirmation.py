"""Confirmation: the best settings again, with new seeds, before one of them wins.

The best of many values is lucky as well as good. So the top few are trained again, and the
winner is the best mean of the new values, to which the old, lucky ones contribute nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import cos, hypot, isfinite, pi, sin, sqrt, tan
from typing import Any

from hpsearch.config import Confirm
from hpsearch.searching.criterion import Criterion, Metrics
from hpsearch.searching.curves import deviation_of, difference, mean_of
from hpsearch.space.settings import key
from hpsearch.store import Winner
from hpsearch.trial import Result

ERROR = 0.05  # of an interval: how often it may miss


@dataclass(frozen=True)
class Confirmed:
    """One setting's values with new seeds."""

    number: int
    search: float  # the value that the search saw; for the best settings it is optimistic
    values: tuple[float, ...]
    metrics: Mapping[str, float | None] | None = None  # means of the other metrics that count

    @property
    def mean(self) -> float:
        """The mean of the new values alone."""
        return mean_of(self.values)

    @property
    def deviation(self) -> float | None:
        """Standard deviation between seeds (divided by n - 1).

        None for a single seed, and where it overflows, as for -1e308 and 1e308.
        """
        return deviation_of(self.values) if len(self.values) > 1 else None

    @property
    def error(self) -> float | None:
        """Standard error of the mean."""
        return None if self.deviation is None else self.deviation / sqrt(len(self.values))

    def as_dict(self) -> dict[str, Any]:
        """As result.json has it."""
        found = asdict(self)
        if self.metrics is None:
            del found["metrics"]
        return {
            **found,
            "values": list(self.values),
            "mean": self.mean,
            "deviation": self.deviation,
            "seeds": len(self.values),
            "standard_error": self.error,
            "optimism": difference(self.search, self.mean),
        }


def trainings_within(confirm: Confirm, trials: int) -> tuple[int, int]:
    """How many settings are confirmed, and with how many seeds each.

    Where all of them would take more than the share of the planned trainings, there are
    fewer seeds, two at least, then fewer settings.

    >>> [trainings_within(Confirm(top=3, seeds=3), trials) for trials in (200, 64, 25, 10, 9)]
    [(3, 3), (3, 2), (1, 2), (1, 1), (0, 0)]
    """
    most = int(confirm.share * trials + 1e-9)
    seeds = min(confirm.seeds, max(2, most // confirm.top))
    top = min(confirm.top, most // seeds)
    if top:
        return top, seeds
    return (1, most) if most else (0, 0)


def contenders(
    results: Sequence[Result],
    parents: Sequence[Result],
    criterion: Criterion,
    top: int,
    inherited: int | None = None,
    again: bool = False,
) -> list[Result]:
    """The settings to confirm: the best of a search and its parent, and the parent's winner.

    A setting that several trials share is confirmed once, as the winner or else as the best of
    those trials.

    Args:
        results: the search's trials.
        parents: the parent's trials inside the space; empty without a parent.
        criterion: ranks them.
        top: how many settings to confirm, the parent's winner not counted.
        inherited: the number of the parent's winner. It was confirmed, so it need not be the
            best by the value that the parent's search saw.
        again: confirm a shared setting once for each of its trials, as rules 1 did.
    """
    ranked = criterion.ranked((*parents, *results))
    winner = [result for result in parents if result.number == inherited]
    if not again:
        first = {key(result.params): result for result in reversed([*winner, *ranked])}
        kept = {result.number for result in first.values()}
        ranked = [result for result in ranked if result.number in kept]
    chosen = ranked[:top]
    return [*chosen, *(result for result in winner if result not in chosen)]


def verdict(confirmed: Sequence[Confirmed], criterion: Criterion) -> Confirmed:
    """The winner: the best mean of the new values; of equal ones, the first.

    Those whose means break bounds come last, by how much they do.
    """
    return min(confirmed, key=lambda each: (broken(each, criterion), criterion.cost(each.mean)))


def broken(each: Confirmed, criterion: Criterion) -> float:
    """By how much the means over new seeds break the bounds."""
    return criterion.broken({**(each.metrics or {}), criterion.name: each.mean})


def indistinguishable(confirmed: Sequence[Confirmed], winner: Confirmed) -> list[int]:
    """The numbers of settings whose mean is within one standard error of the winner's.

    The error is that of the difference of the two means, with the seeds taken as independent.
    """
    close = []
    for each in confirmed:
        if each is winner or each.error is None or winner.error is None:
            continue
        if abs(each.mean - winner.mean) <= hypot(each.error, winner.error):
            close.append(each.number)
    return close


def interval(confirmed: Sequence[Confirmed], each: Confirmed) -> tuple[float, float] | None:
    """A 95 % interval for a setting's mean over seeds; None where its error cannot be estimated.

    A few seeds estimate their own deviation poorly, so it is pooled over all confirmed settings,
    and Student's t allows for the remaining uncertainty. The winner is the best of several
    means, which is again a little optimistic: the intervals of all settings hold together
    (Bonferroni).
    """
    several = [other for other in confirmed if other.deviation]
    freedom = sum(len(other.values) - 1 for other in confirmed)
    too_large = any(len(o.values) > 1 and o.deviation is None for o in confirmed)
    if not several or too_large:
        return None
    point = student_point(freedom, 1 - ERROR / (2 * len(confirmed)))
    try:
        squares = sum((len(o.values) - 1) * (o.deviation or 0.0) ** 2 for o in several)
    except OverflowError:  # of values that are nearly the largest there are
        return None
    half = point * sqrt(squares / freedom / len(each.values))
    low, high = each.mean - half, each.mean + half
    return (low, high) if isfinite(low) and isfinite(high) else None


@lru_cache(maxsize=64)
def student_point(freedom: int, share: float) -> float:
    """The point below which this share, 0.5 or more, of Student's t distribution lies.

    With t = sqrt(freedom) tan(angle), the share between -t and t is a finite sum in the angle's
    sine and cosine. It grows with the angle, which is found by bisection: exact to rounding.

    Reference: Abramowitz and Stegun 1964, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.

    >>> [round(student_point(freedom, 0.975), 3) for freedom in (1, 2, 3, 10, 100)]
    [12.706, 4.303, 3.182, 2.228, 1.984]
    """
    low, high = 0.0, pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        if _share_within(middle, freedom) < 2 * share - 1:
            low = middle
        else:
            high = middle
    return sqrt(freedom) * tan(low)


def _share_within(angle: float, freedom: int) -> float:
    """The share of Student's t between -t and t, where t = sqrt(freedom) tan(angle)."""
    odd = freedom % 2
    term, total = (cos(angle) if odd else 1.0), 0.0
    for k in range(2 + odd, freedom + 1, 2):  # the factors are 1/2, 3/4, ... or 2/3, 4/5, ...
        total += term
        term *= cos(angle) ** 2 * (k - 1) / k
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total


def confirmed_values(
    values: Mapping[int, Sequence[float | None]],
    results: Mapping[int, Result],
    metrics: Mapping[int, Mapping[str, float | None]] | None = None,
) -> list[Confirmed]:
    """The contenders whose every new training ended with a value.

    Args:
        values: of each contender, one a seed.
        results: of the trials.
        metrics: means over the seeds of the other metrics that trials are compared by.
    """
    found = []
    for number, own in values.items():
        known = tuple(value for value in own if value is not None)
        search = results[number].value
        if known and len(known) == len(own) and search is not None:
            found.append(Confirmed(number, search, known, (metrics or {}).get(number)))
    return found


def means_of(outcome: Winner | None, criterion: Criterion) -> dict[int, Metrics]:
    """The means over new seeds of what trials are compared by, for each confirmed trial."""
    contenders = () if outcome is None else outcome.contenders
    return {
        each.number: {**(each.metrics or {}), criterion.name: each.mean} for each in contenders
    }
