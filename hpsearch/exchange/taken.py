"""Trials of a study as trials of ours, and what of them could not be taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from math import isfinite
from typing import Any

from hpsearch.config import Config
from hpsearch.errors import ExchangeError
from hpsearch.exchange.flat import gather
from hpsearch.exchange.optuna_in import Study, StudyTrial
from hpsearch.sampling.plan import Round, Rung, ladder
from hpsearch.searching.criterion import Criterion, criterion_of
from hpsearch.space import Space
from hpsearch.trial import Piece, Result, Status

Curve = dict[str, list[float | None]]


@dataclass(frozen=True)
class Taken:
    """What a study comes to in a run of ours. Numbers are the study's own."""

    results: tuple[Result, ...]
    pieces: tuple[Piece, ...]
    left: Mapping[str, int]  # trials that were not taken, by reason
    by_value: int  # trials that report, but count by their final value alone


def take(study: Study, config: Config) -> Taken:
    """The trials of a study that lie in a configuration's space.

    A trial's reports are its learning curve where they are one an epoch, as many as the
    configuration trains, and come to its value. Otherwise the value alone counts, as that of a
    function which only returns a number.

    Raises:
        ExchangeError: the goals differ, or not one trial lies in the space.
    """
    if study.goal != config.metric.goal:
        raise ExchangeError(
            f"study {study.name!r}: its direction is {study.goal}, the configuration's goal is "
            f"{config.metric.goal}; set metric.goal={study.goal}, or choose another study"
        )
    left = Counter({f"still {state}": count for state, count in study.unfinished.items()})
    criterion, by_epoch = criterion_of(config), _are_epochs(study, config.trainer.epochs)
    results, pieces, by_value = [], [], 0
    for trial in study.trials:
        params = config.space.standard(gather(config.space, trial.params))
        if not config.space.contains(params):
            left[_misfit(config.space, params, trial.state)] += 1
            continue
        values = (reported(trial) or None) if by_epoch else None
        curve = _curve(trial, values, criterion)
        by_value += bool(trial.reports) and (values is None or curve is None)
        curve = _single(trial, criterion) if curve is None else curve
        result = _result(trial, params, curve, criterion)
        results.append(result)
        if curve is not None:
            value = None if result.status is Status.DIVERGED else _counting(curve, criterion)
            pieces.append(Piece(trial.number, 0, 0, 0, result.epochs, value, curve))
    if not results:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left.items())
        raise ExchangeError(
            f"study {study.name!r}: no trial can be taken ({reasons or 'it has none'}); "
            f"the space has {', '.join(p.name for p in config.space)}"
        )
    return Taken(tuple(results), tuple(pieces), left, by_value)


def reported(trial: StudyTrial) -> list[float | None]:
    """A trial's reports, if their steps count epochs from 0 or from 1; else nothing."""
    steps = sorted(trial.reports)
    if (
        not steps
        or steps[0] not in (0, 1)
        or steps != list(range(steps[0], steps[0] + len(steps)))
    ):
        return []
    return [_finite(trial.reports[step]) for step in steps]


def plan_of(taken: Taken, config: Config) -> Round:
    """One round that says what happened: how many trials came into each rung of the search."""
    halving, epochs = config.search.halving, config.trainer.epochs
    amounts: tuple[int, ...] = (epochs,)
    if halving is not None:
        amounts = ladder(epochs, halving.min_epochs, halving.factor)
    trained = [result.epochs for result in taken.results]
    trials = max(result.number for result in taken.results) + 1
    rungs = [Rung(trials, amounts[0])]
    for below, amount in pairwise(amounts):
        if entered := sum(epochs > below for epochs in trained):
            rungs.append(Rung(entered, amount))
    return Round(number=0, first=0, trials=trials, progress=0.0, rungs=tuple(rungs))


def _are_epochs(study: Study, epochs: int) -> bool:
    """Whether a report of this study is an epoch of the configuration: full trainings agree."""
    full = [len(reported(trial)) for trial in study.trials if trial.state == "COMPLETE"]
    most = max((len(reported(trial)) for trial in study.trials), default=0)
    return max(full) == most == epochs if any(full) else most <= epochs


def _misfit(space: Space, params: Mapping[str, Any], state: str) -> str:
    """Why a setting does not lie in a space."""
    for parameter in space:
        if parameter.name in params:
            value = params[parameter.name]
            entries = value if parameter.per is not None and isinstance(value, list) else [value]
            if not all(parameter.domain.contains(entry) for entry in entries):
                return f"outside the range of {parameter.name}"
    names = [name for name in params if name not in space]
    if names:
        return f"with another parameter, {names[0]}"
    ended = {"FAIL": "failed", "PRUNED": "were pruned"}.get(state)
    return f"that {ended} before they had all parameters" if ended else "with other parameters"


def _curve(
    trial: StudyTrial, values: list[float | None] | None, criterion: Criterion
) -> Curve | None:
    """The reports as a learning curve; None where they do not come to the trial's value."""
    if not values:
        return None
    curve: Curve = {"epoch": list(range(1, len(values) + 1)), criterion.name: values}
    agrees = _counting(curve, criterion) == _finite(trial.value)
    return curve if agrees or trial.state != "COMPLETE" else None


def _single(trial: StudyTrial, criterion: Criterion) -> Curve | None:
    """The value of a completed training as a curve of one point; others have no such value."""
    if trial.state != "COMPLETE":
        return None
    return {"epoch": [1], criterion.name: [_finite(trial.value)]}


def _counting(curve: Curve, criterion: Criterion) -> float | None:
    values = curve[criterion.name]
    return values[criterion.epoch_after(curve, len(values)) - 1]


def _result(
    trial: StudyTrial, params: Mapping[str, Any], curve: Curve | None, criterion: Criterion
) -> Result:
    value = _finite(trial.value) if curve is None else _counting(curve, criterion)
    status = _status(trial, value)
    start, seconds = _times(trial)
    error = None
    if status is Status.FAILED:
        error = trial.error or "Optuna: the trial failed; the study does not say why"
    return Result(
        number=trial.number,
        round=0,
        status=status,
        params=params,
        epochs=0 if curve is None else len(curve["epoch"]),
        metrics={} if value is None and curve is None else {criterion.name: value},
        value=None if status is Status.FAILED else value,
        error=error,
        started=start.isoformat(timespec="milliseconds"),
        seconds=seconds,
    )


def _status(trial: StudyTrial, value: float | None) -> Status:
    if trial.state == "FAIL":
        return Status.FAILED
    lost = value is None and (trial.state == "COMPLETE" or bool(trial.reports))
    if lost:
        return Status.DIVERGED
    return Status.COMPLETED if trial.state == "COMPLETE" else Status.STOPPED


def _times(trial: StudyTrial) -> tuple[datetime, float]:
    """The start in UTC (Optuna keeps local times) and the seconds from there to the end."""
    start = trial.start or trial.end or datetime.fromtimestamp(0, UTC)
    end = trial.end or start
    return start.astimezone(UTC), round(max(0.0, (end - start).total_seconds()), 3)


def _finite(value: float | None) -> float | None:
    return None if value is None or not isfinite(value) else float(value)
