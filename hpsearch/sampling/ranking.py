"""Which trials are the best so far, where not all were trained equally long."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hpsearch.trial import Params

Cost = tuple[float, float]
"""What is minimised: the metric (negated if its goal is to maximise), then the validation loss."""

UNKNOWN: Cost = (math.inf, math.inf)


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
    order = [*sorted(finite, key=_at(0)), *sorted(others, key=_at(0))]
    usable = len(finite)
    rungs = max((len(trial.costs) for trial in finite), default=0)
    for rung in range(1, rungs):
        places = [i for i in range(usable) if len(order[i].costs) > rung]
        again = sorted((order[i] for i in places), key=_at(rung))
        for place, trial in zip(places, again, strict=True):
            order[place] = trial
    return order


def _at(rung: int) -> Callable[[Observation], tuple[float, float, int]]:
    """A key that sorts trials by cost at a rung, and by number where that is equal."""

    def key(trial: Observation) -> tuple[float, float, int]:
        metric, loss = trial.costs[rung] if len(trial.costs) > rung else UNKNOWN
        return metric, loss, trial.number  # flat: such tuples are compared fastest

    return key
