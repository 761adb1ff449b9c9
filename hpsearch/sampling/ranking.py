"""Which trials are the best so far, where not all were trained equally long."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from hpsearch.trial import Params

Cost = tuple[float, ...]
"""What is minimised: the metric (negated if its goal is to maximise), then the validation loss.

With bounds, or several objectives, one number stands before these: by how much the bounds are
broken; and each objective has a number: (broken, first, second, ..., loss).
"""

UNKNOWN: Cost = (math.inf, math.inf)

REMEMBERED = 256  # of the trials, the best: what others gave says little about where to look

SINGLE = 3  # numbers of a cost, at most, where one objective counts


@dataclass(frozen=True, slots=True)
class Observation:
    """What the sampler sees of a trial: its setting, and its cost at each rung that it reached.

    A trial that diverged or failed has an infinite cost, `UNKNOWN`, at its last rung.
    """

    number: int
    params: Params
    costs: tuple[Cost, ...]

    @property
    def finite(self) -> bool:
        """Whether the trial has a finite value at the last rung that it reached."""
        return bool(self.costs) and math.isfinite(self.costs[-1][0])


def rank(history: Iterable[Observation]) -> list[Observation]:
    """Trials from best to worst.

    All are ordered by cost at the first rung. Those that reached the second are then re-ordered
    by cost there, among the places that they have, and so on: a longer training corrects the
    order of those that had it and leaves the others where they are. Trials without a finite
    value come last. Equal values are ordered by validation loss, then by number.

    Trials that break bounds come after those that keep them, in the order of by how much. With
    several objectives trials are ordered by fronts and by what they dominate alone (`pareto`).

    >>> short = Observation(0, {}, ((0.3, 0.0),))
    >>> long = [Observation(1, {}, ((0.1, 0.0), (0.09, 0.0))),
    ...         Observation(2, {}, ((0.2, 0.0), (0.05, 0.0)))]
    >>> [trial.number for trial in rank([short, *long])]
    [2, 1, 0]
    """
    finite: list[Observation] = []
    others: list[Observation] = []
    for trial in history:
        (finite if trial.finite else others).append(trial)
    order = [*_ordered(finite, 0), *sorted(others, key=_at(0))]
    usable = len(finite)
    rungs = max((len(trial.costs) for trial in finite), default=0)
    for rung in range(1, rungs):
        places = [i for i in range(usable) if len(order[i].costs) > rung]
        again = _ordered([order[i] for i in places], rung)
        for place, trial in zip(places, again, strict=True):
            order[place] = trial
    return order


def insert(ranked: list[Observation], trial: Observation) -> None:
    """Put a trial with at most one cost where `rank` would, of one objective."""
    insort(ranked, trial, key=_at(0))


def led(ranked: Sequence[Observation]) -> list[Observation]:
    """The same, of several objectives the best by the first one ahead: it may become the winner.

    Only among trials with a cost at the same rungs is that the one with the best value.
    """
    able = [trial for trial in ranked if trial.finite]
    if objectives(able) == 1:
        return list(ranked)
    best = min(able, key=lambda trial: (*trial.costs[-1][:2], trial.costs[-1][-1], trial.number))
    return [best, *(trial for trial in ranked if trial is not best)]


def objectives(trials: Sequence[Observation]) -> int:
    """How many objectives trials are compared by: all costs but `UNKNOWN` have as many numbers."""
    cost = next((trial.costs[-1] for trial in trials if trial.finite), UNKNOWN)
    return max(1, len(cost) - 2)


def by_objective(trials: Iterable[Observation], objective: int) -> list[Observation]:
    """Trials as they are where only one of several objectives counts, and bounds do."""
    return [
        replace(
            trial,
            costs=tuple(
                (cost[0], cost[1 + objective], cost[-1]) if len(cost) > 2 else cost
                for cost in trial.costs
            ),
        )
        for trial in trials
    ]


def _ordered(trials: Sequence[Observation], rung: int) -> list[Observation]:
    """Trials with a cost at a rung from best to worst."""
    ordered = sorted(trials, key=_at(rung))
    if not ordered or len(ordered[0].costs[rung]) <= SINGLE:
        return ordered
    import numpy as np  # slow to import, and few searches have several objectives

    from hpsearch.sampling import pareto

    costs = np.array([trial.costs[rung][:-1] for trial in ordered])
    return [ordered[place] for place in pareto.order(costs)]


def _at(rung: int) -> Callable[[Observation], tuple[float, ...]]:
    """A key that sorts trials by cost at a rung, and by number where that is equal."""

    def key(trial: Observation) -> tuple[float, ...]:
        cost = trial.costs[rung] if len(trial.costs) > rung else UNKNOWN
        return (*cost, trial.number)  # flat: such tuples are compared fastest

    return key
