"""Ask and tell: the sampler of `hpsearch run`, for those who own their loop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, get_args

from hpsearch.api.values import plain
from hpsearch.backends.threads import on_one_thread
from hpsearch.config import Goal, metrics_from, space_from
from hpsearch.errors import HpsearchError
from hpsearch.sampling import SamplerName
from hpsearch.sampling.plan import round_sizes
from hpsearch.sampling.propose import LARGEST_GRID, in_order, propose
from hpsearch.sampling.ranking import REMEMBERED, Observation, insert
from hpsearch.searching.criterion import Criterion, criterion_from
from hpsearch.searching.history import observation
from hpsearch.space import Space
from hpsearch.space.settings import NOT_LISTED, drawn, key
from hpsearch.space.settings import count as settings_of
from hpsearch.trial import Params, Trial

Told = float | Mapping[str, float]
"""What a trial gave: its value, or with several metrics each by its name."""


class Sampler:
    """Proposes settings, coarse to fine, from the values that it is told.

    The first settings cover the space evenly; later ones are drawn around the best, and screened
    by a Gaussian process. What is asked depends only on the arguments here and on which trials
    were asked for and told before, not on the order in which they were told.

    >>> sampler = Sampler({"x": {"min": 0, "max": 1}}, seed=1, trials=30)
    >>> for _ in range(10):
    ...     trials = sampler.ask(3)
    ...     sampler.tell(trials, [(trial.params["x"] - 0.3) ** 2 for trial in trials])
    >>> best, value = sampler.best
    >>> abs(best.params["x"] - 0.3) < 0.01
    True
    """

    def __init__(
        self,
        space: Mapping[str, Any] | Space,
        goal: Goal = "minimize",
        seed: int = 0,
        trials: int = 64,
        sampler: SamplerName = "zoom",
        where: Sequence[str] = (),
        metric: Sequence[Mapping[str, Any]] | None = None,
    ):
        """Begin a search that has no trials yet.

        Args:
            space: as under `space` in a configuration; the names may be any.
            goal: whether a low or a high value is good.
            seed: other seeds, other settings.
            trials: about how many you will ask for. The steps from coarse to fine are paced by
                it; you may ask for fewer, or go on beyond it. A grid does not need it.
            sampler: "random" looks at no values; "grid" asks for each setting of a space without
                ranges of real numbers once, in an order that the seed decides.
            where: constraints, as under `where` in a configuration: `["beta1 < beta2"]`. No
                setting is asked for that violates one.
            metric: several metrics, as a list under `metric` in a configuration: the first one
                decides, others have a bound or a goal. Then each trial is told as a mapping of
                their names to numbers. It takes the place of `goal`.

        Raises:
            HpsearchError: an argument is not what it must be; of a space, every problem.
        """
        if goal not in ("minimize", "maximize"):
            raise HpsearchError(f"goal: must be 'minimize' or 'maximize', found {goal!r}")
        if sampler not in get_args(SamplerName):
            raise HpsearchError(f"sampler: must be 'zoom', 'random' or 'grid', found {sampler!r}")
        seed, trials = _whole("seed", seed), _whole("trials", trials)
        if trials < 1:
            raise HpsearchError(f"trials: must be at least 1, found {trials}")
        if isinstance(space, Space) and where:
            raise HpsearchError("where: must be left out, as a Space has its own constraints")
        self.space = space if isinstance(space, Space) else space_from(space, where)
        self._objective = Criterion("value", goal)
        if metric is not None:
            self._objective = criterion_from(metrics_from(plain(metric)))
        self._named = metric is not None
        self.goal: Goal = self._objective.goal
        self._seed, self._planned, self._sampler = seed, trials, sampler
        self._round = 0
        self._trials: dict[int, Trial] = {}
        self._values: dict[int, Told | None] = {}
        self._waiting: dict[int, Params] = {}  # asked for and not told yet
        self._tried: set[str] = set()  # the draws that were asked for or added
        self._ranked: list[Observation] = []  # the trials that new settings follow, best first
        self._planned_settings: list[Params] = []  # not yet asked for: the even first round's
        if sampler == "zoom":
            self._planned_settings = propose(
                self.space, round_sizes(trials).halved[0], seed, first=0, known=self._tried
            )
        elif sampler == "grid":
            self._planned_settings = _grid(self.space, seed)

    def ask(self, count: int = 1) -> list[Trial]:
        """New trials; `trial.params` is what to try.

        Trials that were asked for and not yet told count as pending: the new ones keep away from
        the last 64 of them. So you may ask for one whenever a worker is idle. No setting is asked
        for twice unless the space holds no other. A grid gives fewer at its end, and none after
        it.
        """
        count = _whole("count", count)
        if count < 1:
            raise HpsearchError(f"count: must be at least 1, found {count}")
        planned = self._planned_settings
        settings, self._planned_settings = planned[:count], planned[count:]
        if len(settings) < count and self._sampler != "grid":
            settings = [*settings, *self._propose(count - len(settings), settings)]
        first = len(self._trials)
        trials = [Trial(first + i, self._round, params) for i, params in enumerate(settings)]
        self._trials |= {trial.number: trial for trial in trials}
        self._waiting |= {trial.number: trial.params for trial in trials}
        self._round += 1
        return trials

    def tell(
        self, trials: Trial | Sequence[Trial], values: Told | Sequence[Told | None] | None
    ) -> None:
        """What trials gave, in any order; None, NaN or an infinite value where one was lost.

        With several metrics each gave a mapping of their names to numbers.

        Raises:
            HpsearchError: a trial that was not asked for here, or was told before; a value that
                is no number. Then nothing is recorded.
        """
        several = [trials] if isinstance(trials, Trial) else list(trials)
        told = self._numbers(values, len(several), single=isinstance(trials, Trial))
        for place, trial in enumerate(several):
            if self._trials.get(trial.number) != trial:
                raise HpsearchError(
                    f"trial {trial.number}: was not asked for from this sampler; "
                    "tell settings from elsewhere with add()"
                )
            if trial.number in self._values or trial in several[:place]:
                raise HpsearchError(f"trial {trial.number}: was told before; tell each once")
        for trial, value in zip(several, told, strict=True):
            self._record(trial, value)

    def add(self, settings: Iterable[Params], values: Sequence[Told | None]) -> list[Trial]:
        """Learn from settings that were tried elsewhere; they become trials of their own.

        Raises:
            HpsearchError: a setting lies outside the space, or a value is no number. Then
                nothing is recorded.
        """
        known = [
            self.space.with_derived({name: plain(value) for name, value in each.items()})
            for each in settings
        ]
        told = self._numbers(values, len(known), single=False)
        for place, params in enumerate(known):
            if not self.space.contains(params):
                raise HpsearchError(
                    f"settings[{place}]: must lie in the space, with exactly its active "
                    f"parameters, and keep its constraints; found {dict(params)}"
                )
        first = len(self._trials)
        exact = map(self.space.standard, known)
        trials = [Trial(first + i, self._round, params) for i, params in enumerate(exact)]
        self._round += 1
        for trial, value in zip(trials, told, strict=True):
            self._trials[trial.number] = trial
            self._record(trial, value)
        self._tried |= drawn(self.space, (trial.params for trial in trials))
        if self._sampler == "grid":
            tried = {key(trial.params) for trial in trials}
            self._planned_settings = [
                params for params in self._planned_settings if key(params) not in tried
            ]
        return trials

    @property
    def best(self) -> tuple[Trial, Told] | None:
        """The best trial told so far and what it gave; None while there is none.

        Of several metrics the first one decides; a trial that breaks bounds comes after all that
        keep them.
        """
        able = [
            (self._order(value), number, value)
            for number, value in self._values.items()
            if value is not None
        ]
        if not able:
            return None
        _, number, value = min(able, key=lambda each: each[:2])
        return self._trials[number], value

    @property
    def front(self) -> list[tuple[Trial, Told]]:
        """The trials that no other beats in every objective, best by the first metric first."""
        values = {n: value for n, value in sorted(self._values.items()) if value is not None}
        if not self._objective.several:
            return [] if self.best is None else [self.best]
        return [
            (self._trials[number], values[number])
            for number in self._objective.front_of(
                {number: self._metrics(value) for number, value in values.items()}
            )
        ]

    @property
    def trials(self) -> list[tuple[Trial, Told | None]]:
        """Every trial told so far and its value, by number; None for a lost one."""
        return [(self._trials[number], self._values[number]) for number in sorted(self._values)]

    def _metrics(self, value: Told) -> Mapping[str, float | None]:
        return value if isinstance(value, Mapping) else {"value": value}

    def _order(self, value: Told) -> tuple[float, ...]:
        """What sorts values from best to worst; further objectives do not count."""
        objective, metrics = self._objective, self._metrics(value)
        return objective.broken(metrics), objective.cost(metrics[objective.name])[0]

    def _known(self) -> set[str]:
        """The draws that are not to come again while there are others."""
        if self.space.crossed == 1:
            return self._tried
        return drawn(self.space, (trial.params for trial in self._trials.values()))

    def _propose(self, count: int, also: Sequence[Params]) -> list[Params]:
        """Settings beyond the even first ones; `also` are about to be asked for beside them."""
        first = len(self._trials) + len(also)
        with on_one_thread():  # the number of threads changes bits
            return propose(
                self.space,
                count,
                self._seed,
                first,
                progress=min(1.0, first / self._planned),
                history=self._ranked,
                sampler=self._sampler,
                pending=[*self._waiting.values(), *also],
                known=self._known(),
            )

    def _record(self, trial: Trial, value: Told | None) -> None:
        costs = () if value is None else (self._objective.judged(self._metrics(value)),)
        self._values[trial.number] = value
        self._waiting.pop(trial.number, None)
        seen = observation(trial.number, trial.params, costs, lost=value is None)
        if self._objective.several:  # what a front dominates depends on all of it
            self._ranked.append(seen)  # `propose` ranks them
        else:
            insert(self._ranked, seen)
            del self._ranked[REMEMBERED:]

    def _numbers(self, values: Any, count: int, *, single: bool) -> list[Told | None]:
        given = [values] if single else list(values)
        if len(given) != count:
            raise HpsearchError(f"values: must be one a trial, found {len(given)} for {count}")
        if self._named:
            return [self._mapping(value, place) for place, value in enumerate(given)]
        return [_value(value, f"values[{place}]") for place, value in enumerate(given)]

    def _mapping(self, value: Any, place: int) -> Mapping[str, float] | None:
        """Every metric by name; None where the trial was lost, or one of them is undefined."""
        if value is None:
            return None
        names, where = self._objective.names, f"values[{place}]"
        if not isinstance(value, Mapping) or any(name not in value for name in names):
            found = ", ".join(map(repr, value)) if isinstance(value, Mapping) else repr(value)
            raise HpsearchError(
                f"{where}: must be a mapping with {', '.join(map(repr, names))}; found {found}"
            )
        told = {name: _value(value[name], f"{where}[{name!r}]") for name in names}
        sound = {name: number for name, number in told.items() if number is not None}
        return sound if len(sound) == len(told) else None


def _grid(space: Space, seed: int) -> list[Params]:
    """Every setting of a space, in an order that the seed decides.

    Raises:
        HpsearchError: they cannot be listed, or are too many.
    """
    for parameter in space:
        if parameter.domain.count is None:
            raise HpsearchError(f"space.{parameter.name}: {NOT_LISTED}")
    if settings_of(space, LARGEST_GRID + 1) > LARGEST_GRID:
        raise HpsearchError(
            f"space: the grid has more than {LARGEST_GRID:,} settings; take sampler random, which "
            "asks for none of them twice"
        )
    return list(in_order(space, seed, LARGEST_GRID))


def _value(value: Any, where: str) -> float | None:
    """A value as a float; None where it is undefined."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        raise HpsearchError(
            f"{where}: must be a number, or None for a lost trial; found {value!r}"
        )
    number = float(value)
    return number if math.isfinite(number) else None


def _whole(name: str, value: Any) -> int:
    """A whole number of any type, such as NumPy's."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise HpsearchError(f"{name}: must be a whole number, found {value!r}")
    return int(value)
