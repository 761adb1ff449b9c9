"""What a run found, as plain values: made from what is on disk, shown in several ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hpsearch.config import Config, from_mapping
from hpsearch.report.advice import Caution, warnings
from hpsearch.report.paired import Study, studies
from hpsearch.searching.brief import brief_of, known_trials
from hpsearch.searching.objective import Objective
from hpsearch.searching.refine import elite_trials
from hpsearch.space import Space
from hpsearch.store import RunDirectory
from hpsearch.trial import Result, Status

Region = Mapping[str, list[Any]]
"""[low, high] of a range in true values, or the choices, by parameter."""


@dataclass(frozen=True)
class RoundSummary:
    """One step from coarse to fine: how many trials it had, and where they lay."""

    round: int
    trials: int
    best: float | None
    space: Region


@dataclass(frozen=True)
class Summary:
    """Everything the terminal says of a run."""

    run: RunDirectory
    info: Mapping[str, Any]  # run.json
    config: Config
    objective: Objective
    results: tuple[Result, ...]  # this run's trials, by number
    best: Result | None  # the winner; with a parent, perhaps one of its trials
    baseline: Result | None  # the first setting by hand
    outcome: Mapping[str, Any] | None  # best/result.json
    counts: Mapping[str, int]
    rounds: tuple[RoundSummary, ...]
    top: tuple[Result, ...]
    warnings: tuple[Caution, ...]
    paired: tuple[Study, ...]  # one a crossed choice

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
            "paired": [asdict(study) for study in self.paired],
        }


def summarise(run: RunDirectory, top: int = 5) -> Summary:
    """Read a run and say what it found; works at any moment of a run's life.

    Raises:
        RunError: the run directory is damaged.
    """
    info = run.info
    config = from_mapping(info["config"])
    objective = Objective(config.metric.name, config.metric.goal)
    results = run.results
    brief = brief_of(run, config)
    trials = known_trials(run, brief)
    known = [each.result for each in trials]
    elites = elite_trials(known, objective)
    return Summary(
        run=run,
        info=info,
        config=config,
        objective=objective,
        results=tuple(results),
        best=objective.best(known),
        baseline=results[0] if results and config.search.start else None,
        outcome=run.outcome,
        counts={status.value: n for status, n in _counts(results).items()},
        rounds=tuple(_rounds(results, config.space, objective)),
        top=tuple(elite_trials(known, objective, top)),
        warnings=tuple(warnings(config, results, elites)),
        paired=tuple(studies(brief, objective, trials[len(brief.history) :])),
    )


def _counts(results: Sequence[Result]) -> dict[Status, int]:
    found = Counter(result.status for result in results)
    return {status: found[status] for status in Status}


def _rounds(results: Sequence[Result], space: Space, objective: Objective) -> list[RoundSummary]:
    rounds = sorted({result.round for result in results})
    summaries = []
    for number in rounds:
        own = [result for result in results if result.round == number]
        best = objective.best(own)
        value = None if best is None else best.value
        summaries.append(RoundSummary(number, len(own), value, region(own, space)))
    return summaries


def region(results: Sequence[Result], space: Space) -> Region:
    """Where trials lay: the extent of the values drawn, or the choices drawn, by parameter.

    A parameter that was active in none of them is left out.
    """
    drawn: dict[str, list[Any]] = {}
    for parameter in space:
        values = [
            entry
            for result in results
            if parameter.name in result.params
            for entry in _entries(result.params[parameter.name], parameter.per is not None)
        ]
        if not values:
            continue
        if parameter.categorical or parameter.fixed:
            choices = parameter.as_config().get("values", values[:1])
            drawn[parameter.name] = [choice for choice in choices if choice in values]
        else:
            drawn[parameter.name] = [min(values), max(values)]
    return drawn


def _entries(value: Any, listed: bool) -> list[Any]:
    return value if listed else [value]
