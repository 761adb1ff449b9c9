"""A study of Optuna as a run, which `refine`, `report`, `list` and `export` take as any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from hpsearch.config import Config
from hpsearch.errors import ExchangeError
from hpsearch.exchange.exported_run import gather
from hpsearch.exchange.optuna_study import OptunaStudy, StudyTrial, finite
from hpsearch.searching.criterion import Criterion, criterion_of
from hpsearch.searching.curves import Curve
from hpsearch.searching.history import PastTrial
from hpsearch.searching.planning import ladder_of
from hpsearch.searching.session import create_run, new_info, read_data
from hpsearch.searching.spec import spec_for
from hpsearch.searching.winner import Selection, outcome, params_text
from hpsearch.space import Space
from hpsearch.store import (
    RunDirectory,
    SafePath,
    write_json,
    write_lines,
)
from hpsearch.store.records import Origin
from hpsearch.trainers.kinds import kind_of
from hpsearch.trial import Piece, Result, Round, Rung, Status


@dataclass(frozen=True)
class ImportedTrials:
    """The trials of a study as those of a run, with the study's numbers."""

    results: tuple[Result, ...]
    pieces: tuple[Piece, ...]
    left_out: Mapping[str, int]  # how many of the study's were not imported, by reason
    by_value: int  # how many have reports, but count by their final value alone


@dataclass(frozen=True)
class ImportedRun:
    """The new run, and the trials in it."""

    run: RunDirectory
    trials: ImportedTrials


def import_study(
    study: OptunaStudy, config: Config, runs_dir: Path, name: str | None = None
) -> ImportedRun:
    """Make a finished run of a study's trials.

    It is complete from the moment it appears. run.json names the study and the kind of its
    storage, without the URL.

    Args:
        study: to import the trials of.
        config: of the run; its data is read.
        runs_dir: the folder that holds the runs.
        name: of the run; None for one that is free.

    Raises:
        HpsearchError: no trial fits the configuration, its data cannot be read, or the name is
            taken.
    """
    trials = import_trials(study, config)
    dataset = read_data(config)
    plan = plan_of(trials, config)
    spec = spec_for(config, (plan,))
    criterion = criterion_of(config)
    best = criterion.best(trials.results)
    starts = [datetime.fromisoformat(result.started) for result in trials.results]
    seconds = [timedelta(seconds=result.seconds) for result in trials.results]
    began, ended = min(starts), max(map(datetime.__add__, starts, seconds))
    origin: Origin = {
        "from": "optuna",
        "study": study.name,
        "storage": study.storage,
        "trials": len(trials.results),
        "left_out": dict(trials.left_out),
    }
    info = replace(
        new_info(config, dataset, (plan,)),
        status="finished",
        ended=ended.isoformat(timespec="milliseconds"),
        began=began.timestamp(),
        seconds=round((ended - began).total_seconds(), 3),
        imported=origin,
        config_yaml=None,  # nobody resumes it
    )

    def fill(folder: SafePath) -> None:
        write_lines(folder / "curves.jsonl", trials.pieces)
        write_lines(folder / "trials.jsonl", trials.results)
        if best is None:
            return
        winner = folder / "best"
        winner.mkdir()
        settings = spec.settings_of(best.params)
        text = params_text(kind_of(config.trainer), settings, best.params, dataset)
        (winner / "params.yaml").write_text(text)
        past = PastTrial(best, {}, spec.seed_of(best.number))
        found = outcome(Selection(past, (best.number, 0, 0)), criterion, test=None)
        write_json(winner / "result.json", found)

    return ImportedRun(create_run(config, runs_dir, name, info, fill=fill), trials)


def import_trials(study: OptunaStudy, config: Config) -> ImportedTrials:
    """The trials of a study that lie in a configuration's space.

    A trial's reports are its learning curve where there is one for each epoch, no more than the
    configuration trains, and they come to the trial's value. Otherwise the value alone counts,
    as that of a function which only returns a number.

    Raises:
        ExchangeError: the goals differ, or no trial lies in the space.
    """
    if study.goal != config.metric.goal:
        raise ExchangeError(
            f"study {study.name!r}: its direction is {study.goal}, the configuration's goal is "
            f"{config.metric.goal}; set metric.goal={study.goal}, or choose another study"
        )
    left_out = Counter({f"still {state}": count for state, count in study.unfinished.items()})
    criterion, by_epoch = criterion_of(config), _reports_are_epochs(study, config.trainer.epochs)
    results, pieces, by_value = [], [], 0
    for trial in study.trials:
        params = config.space.standard(gather(config.space, trial.params))
        params = config.space.with_derived(params)
        if not config.space.contains(params):
            left_out[_misfit(config.space, params, trial.state)] += 1
            continue
        curve = _curve_of_reports(trial, criterion) if by_epoch else None
        by_value += bool(trial.reports) and curve is None
        if curve is None and trial.state == "COMPLETE":
            curve = {"epoch": [1], criterion.name: [finite(trial.value)]}
        result = _result(trial, params, curve, criterion)
        results.append(result)
        if curve is not None:
            value = None if result.status is Status.DIVERGED else _value(curve, criterion)
            lists = {name: list(values) for name, values in curve.items()}
            pieces.append(Piece(trial.number, 0, 0, 0, result.epochs, value, lists))
    if not results:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise ExchangeError(
            f"study {study.name!r}: no trial can be taken ({reasons or 'it has none'}); "
            f"the space has {', '.join(p.name for p in config.space)}"
        )
    return ImportedTrials(tuple(results), tuple(pieces), left_out, by_value)


def plan_of(trials: ImportedTrials, config: Config) -> Round:
    """One round that says what happened: how many trials came into each rung of the search."""
    amounts, _ = ladder_of(config)
    count = max(result.number for result in trials.results) + 1
    rungs = [Rung(count, amounts[0])]
    for below, amount in pairwise(amounts):
        if entered := sum(result.epochs > below for result in trials.results):
            rungs.append(Rung(entered, amount))
    return Round(number=0, first=0, trials=count, progress=0.0, rungs=tuple(rungs))


def _reports_are_epochs(study: OptunaStudy, epochs: int) -> bool:
    """Whether the completed trials report as often as the configuration trains epochs.

    Where none of them reports anything, whether no trial reports more often.
    """
    full = [len(t.reports_by_epoch) for t in study.trials if t.state == "COMPLETE"]
    most = max((len(t.reports_by_epoch) for t in study.trials), default=0)
    return max(full) == most == epochs if any(full) else most <= epochs


def _misfit(space: Space, params: Mapping[str, Any], state: str) -> str:
    """Why a setting does not lie in a space."""
    for parameter in space:
        if parameter.name in params:
            value = params[parameter.name]
            entries = value if parameter.per is not None and isinstance(value, list) else [value]
            if not all(parameter.domain.contains(entry) for entry in entries):
                return f"outside the range of {parameter.name}"
    names = [name for name in params if name not in space.names]
    if names:
        return f"with another parameter, {names[0]}"
    if (violation := space.violation(params)) is not None:
        return f"that {violation}"
    ended = {"FAIL": "failed", "PRUNED": "were pruned"}.get(state)
    return f"that {ended} before they had all parameters" if ended else "with other parameters"


def _curve_of_reports(trial: StudyTrial, criterion: Criterion) -> Curve | None:
    """The reports as a learning curve; None where they do not come to the trial's value."""
    reports = trial.reports_by_epoch
    if not reports:
        return None
    curve: Curve = {"epoch": list(range(1, len(reports) + 1)), criterion.name: reports}
    comes_to_value = _value(curve, criterion) == finite(trial.value)
    return curve if comes_to_value or trial.state != "COMPLETE" else None


def _value(curve: Curve, criterion: Criterion) -> float | None:
    """The value at the epoch that counts."""
    values = curve[criterion.name]
    return values[criterion.epoch_after(curve, len(values)) - 1]


def _result(
    trial: StudyTrial, params: Mapping[str, Any], curve: Curve | None, criterion: Criterion
) -> Result:
    value = finite(trial.value) if curve is None else _value(curve, criterion)
    status, error = _status(trial, value), None
    if status is Status.FAILED:
        error = trial.error or "Optuna: the trial failed; the study does not say why"
    start = trial.start or trial.end or datetime.fromtimestamp(0, UTC)
    seconds = ((trial.end or start) - start).total_seconds()
    return Result(
        number=trial.number,
        round=0,
        status=status,
        params=params,
        epochs=0 if curve is None else len(curve["epoch"]),
        metrics={} if value is None and curve is None else {criterion.name: value},
        value=None if status is Status.FAILED else value,
        error=error,
        started=start.astimezone(UTC).isoformat(timespec="milliseconds"),  # Optuna's are local
        seconds=round(max(0.0, seconds), 3),
    )


def _status(trial: StudyTrial, value: float | None) -> Status:
    if trial.state == "FAIL":
        return Status.FAILED
    if value is None and (trial.state == "COMPLETE" or trial.reports):
        return Status.DIVERGED
    return Status.COMPLETED if trial.state == "COMPLETE" else Status.STOPPED
