"""What a run found, as plain values: made from what is on disk, shown in several ways."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from hpsearch.config import Config, from_mapping
from hpsearch.report.advice import Caution, warnings
from hpsearch.report.importance import Importance, importance
from hpsearch.report.paired import Study, studies
from hpsearch.sampling.ranking import Observation
from hpsearch.searching.brief import Brief, brief_of, known_trials, shortage
from hpsearch.searching.known import Known
from hpsearch.searching.objective import Objective, objective_of
from hpsearch.searching.refine import best_completed, elites_of, ranking
from hpsearch.space import Space, same
from hpsearch.store import RunDirectory, uncollected
from hpsearch.trial import Result, Status

Region = Mapping[str, list[Any]]
"""[low, high] of a range in true values, or the choices, by parameter."""

OUTER = 0.1  # of a round's values at either end are no part of its region


@dataclass(frozen=True)
class RoundSummary:
    """One step from coarse to fine: how many trials it had, and where they lay."""

    round: int
    trials: int
    best: float | None
    space: Region


@dataclass(frozen=True)
class Summary:
    """Everything the terminal says of a run.

    What takes long for many trials is worked out when first asked for: `list` and tables of all
    trials need none of it.
    """

    run: RunDirectory
    info: Mapping[str, Any]  # run.json
    config: Config
    objective: Objective
    brief: Brief
    known: tuple[Known, ...]  # every trial that the run can build on, a parent's among them
    results: tuple[Result, ...]  # this run's trials, by number
    best: Result | None  # the winner; with a parent, perhaps one of its trials
    outcome: Mapping[str, Any] | None  # best/result.json
    most: int  # trials in `top`

    @property
    def baseline(self) -> Result | None:
        """The first setting by hand."""
        return self.results[0] if self.results and self.config.search.start else None

    @property
    def counts(self) -> Mapping[str, int]:
        """How many trials met each fate."""
        found = Counter(result.status for result in self.results)
        return {status.value: found[status] for status in Status}

    @cached_property
    def ranked(self) -> list[Observation]:
        """All known trials, best first."""
        return ranking(self.known, self.brief.amounts, self.objective)

    @cached_property
    def rounds(self) -> tuple[RoundSummary, ...]:
        """Each step from coarse to fine."""
        return tuple(_rounds(self.results, self.config.space, self.objective))

    @cached_property
    def top(self) -> tuple[Result, ...]:
        """The winner first: confirmation may have passed over better values."""
        others = [r for r in self.best_results(self.most + 1) if r is not self.best]
        return (*(() if self.best is None else (self.best,)), *others)[: self.most]

    @cached_property
    def warnings(self) -> tuple[Caution, ...]:
        """What to be wary of."""
        found = warnings(self.config, self.results, elites_of(self.ranked))
        history = [known.result.params for known in self.brief.history]
        fewer = shortage(self.config, history) if self.brief.rules > 1 else None
        return (*([Caution("exhausted", None, fewer)] if fewer else []), *found)

    @cached_property
    def paired(self) -> tuple[Study, ...]:
        """What each crossed choice changes."""
        own = self.known[len(self.brief.history) :]
        return tuple(studies(self.brief, self.objective, own))

    @property
    def confirmed(self) -> Mapping[str, Any] | None:
        """What new seeds gave for the winner."""
        return None if self.outcome is None else self.outcome.get("confirmed")

    @cached_property
    def importance(self) -> Importance:
        """What mattered."""
        return importance(self.brief, self.known, self.ranked)

    @cached_property
    def timeline(self) -> list[dict[str, Any]]:
        """Who trained what and when."""
        return self.run.timeline

    def best_results(self, count: int) -> list[Result]:
        """The best completed trials, a parent's among them, best first."""
        return best_completed([each.result for each in self.known], self.objective, count)

    @property
    def test(self) -> Mapping[str, Any] | None:
        """The winner's metrics on the test rows."""
        return None if self.outcome is None else self.outcome.get("test")

    def as_json(self) -> dict[str, Any]:
        """The summary that `report --format json` prints."""
        best = self.best
        return {
            "run": self.run.name,
            "metric": self.objective.name,
            "goal": self.objective.goal,
            "best": best
            and {
                "number": best.number,
                "params": best.params,
                "metrics": best.metrics,
                "value": best.value,
            },
            "test": self.test,
            "counts": self.counts,
            "rounds": [vars(round) for round in self.rounds],
            "warnings": [vars(warning) for warning in self.warnings],
            "confirmed": self.confirmed,
            "indistinguishable": (self.outcome or {}).get("indistinguishable", []),
            "paired": [asdict(study) for study in self.paired],
            "importance": asdict(self.importance),
        }


@uncollected()
def summarise(run: RunDirectory, top: int = 5) -> Summary:
    """Read a run and say what it found; works at any moment of a run's life.

    Raises:
        RunError: the run directory is damaged.
    """
    info = run.info
    config = from_mapping(info["config"])
    objective = objective_of(config)
    brief = brief_of(run, config)
    known = known_trials(run, brief)
    outcome = run.outcome
    results = [each.result for each in known]
    return Summary(
        run=run,
        info=info,
        config=config,
        objective=objective,
        brief=brief,
        known=tuple(known),
        results=tuple(results[len(brief.history) :]),
        best=_winner(results, outcome, objective),
        outcome=outcome,
        most=top,
    )


def _winner(
    known: Sequence[Result], outcome: Mapping[str, Any] | None, objective: Objective
) -> Result | None:
    """The confirmed winner; while there is none, the best so far."""
    number = None if outcome is None else outcome["number"]
    named = (result for result in known if result.number == number)
    return next(named, None) or objective.best(known)


def _rounds(results: Sequence[Result], space: Space, objective: Objective) -> list[RoundSummary]:
    by_round: dict[int, list[Result]] = defaultdict(list)
    for result in results:
        by_round[result.round].append(result)
    summaries = []
    for number, own in sorted(by_round.items()):
        best = objective.best(own)
        value = None if best is None else best.value
        summaries.append(RoundSummary(number, len(own), value, region(own, space)))
    return summaries


def region(results: Sequence[Result], space: Space) -> Region:
    """Where four fifths of the values drawn lay, by parameter: [low, high], or the choices.

    A few trials of every round are drawn far out on purpose, so the extent of all would say
    little. Of a range the tenth of the values at either end is left out, of choices the rarest
    ones. A parameter that was active in no trial is left out itself.
    """
    regions: dict[str, list[Any]] = {}
    for parameter in space:
        drawn = [
            entry
            for result in results
            if parameter.name in result.params
            for entry in _entries(result.params[parameter.name], parameter.per is not None)
        ]
        if not drawn:
            continue
        if parameter.categorical or parameter.fixed:
            choices = parameter.as_config().get("values", drawn[:1])
            regions[parameter.name] = _common(drawn, choices)
        else:
            outer = round(OUTER * len(drawn))
            inner = sorted(drawn)[outer : len(drawn) - outer]
            regions[parameter.name] = [inner[0], inner[-1]]
    return regions


def _common(drawn: Sequence[Any], choices: Sequence[Any]) -> list[Any]:
    """The fewest choices that make up four fifths of those drawn, in the space's order."""
    counts = [sum(same(value, choice) for value in drawn) for choice in choices]
    kept: list[int] = []
    for index in sorted(range(len(choices)), key=lambda index: -counts[index]):
        if sum(counts[i] for i in kept) < (1 - 2 * OUTER) * len(drawn):
            kept.append(index)
    return [choices[index] for index in sorted(kept)]


def _entries(value: Any, listed: bool) -> list[Any]:
    return value if listed else [value]
