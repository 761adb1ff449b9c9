"""A run as a study of Optuna, which optuna-dashboard and Optuna's analyses open."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from hpsearch.errors import ExchangeError
from hpsearch.exchange.exported_run import ExportedRun, ExportedTrial, entry_name
from hpsearch.exchange.optuna_storage import library, to_write
from hpsearch.exchange.target import Target
from hpsearch.fields import is_number
from hpsearch.searching.criterion import Criterion
from hpsearch.space import LOG, Choice, Continuous, Discrete, Domain, Fixed, distinct
from hpsearch.trial import Result, Status


def to_optuna(run: ExportedRun, target: Target) -> str:
    """Add a study to a storage; returns how to look at it.

    A new file appears whole, and in a storage that exists the study does: an export that is
    killed leaves nothing of it.

    Raises:
        ExchangeError: Optuna is missing, the storage cannot be written, or it has a study of
            this name.
    """
    optuna, trials = library(), list(_trials(run))
    with to_write(target) as storage:
        if target.name in [study.study_name for study in storage.get_all_studies()]:
            raise ExchangeError(
                f"{target.shown}: has a study {target.name!r} already, and nothing is "
                "overwritten; choose another with --name"
            )
        study = optuna.create_study(
            storage=storage,
            study_name=target.name,
            directions=[each.goal for each in run.criterion.objectives],
        )
        study.set_metric_names([each.name for each in run.criterion.objectives])
        for key, value in run.labels.items():
            study.set_user_attr(key, value)
        for trial in trials:
            study.add_trial(trial)
    return f"optuna-dashboard {target.shown}"


def _trials(run: ExportedRun) -> Iterator[Any]:
    """Each trial as Optuna's FrozenTrial."""
    optuna, metric, distributions = library(), run.criterion.name, distributions_of(run)
    for trial in run.trials:
        state = _state(trial.result, run.criterion)
        start, end = map(_local, trial.times)
        yield optuna.trial.FrozenTrial(
            number=-1,  # Optuna gives it one; ours is in the attributes
            trial_id=-1,
            state=optuna.trial.TrialState[state],
            **_values_of(trial.result, run.criterion, state),
            datetime_start=start,
            datetime_complete=end,
            params={name: distributions[name].held(v) for name, v in trial.params.items()},
            distributions={name: distributions[name].optuna for name in trial.params},
            user_attrs=_attributes(trial),
            system_attrs=_constraints(trial.result, run.criterion),
            intermediate_values={
                epoch: metrics[metric]
                for epoch, metrics in trial.metrics
                if metric in metrics and not run.criterion.several  # Optuna has them of one alone
            },
        )


def _state(result: Result, criterion: Criterion) -> str:
    """A stopped trial was pruned, and one that diverged has failed: Optuna has no other word."""
    if result.status is Status.STOPPED:
        return "PRUNED"
    completed = result.status is Status.COMPLETED and result.value is not None
    if criterion.several:
        completed = completed and bool(criterion.able([result]))
    return "COMPLETE" if completed else "FAIL"


def _values_of(result: Result, criterion: Criterion, state: str) -> dict[str, Any]:
    """The value of a trial, or one for each objective, which only a completed trial can have."""
    if not criterion.several:
        return {"value": None if state == "FAIL" else result.value}
    names = [each.name for each in criterion.objectives]
    values = [result.metrics[name] for name in names] if state == "COMPLETE" else None
    return {"value": None, "values": values}


def _constraints(result: Result, criterion: Criterion) -> dict[str, Any]:
    """By how much a trial breaks each bound, as Optuna's samplers and charts look for it."""
    found = [bound.broken(result.metrics.get(bound.name)) for bound in criterion.bounds]
    return {"constraints": found} if found and all(map(isfinite, found)) else {}


def _attributes(trial: ExportedTrial) -> dict[str, Any]:
    result = trial.result
    attributes: dict[str, Any] = {
        "number": result.number,
        "round": result.round,
        "status": result.status.value,
        "epochs": result.epochs,
        "seconds": result.seconds,
        **{f"metrics.{name}": v for name, v in result.metrics.items() if v is not None},
    }
    attributes |= {"error": result.error} if result.error else {}
    return attributes | ({"winner": True} if trial.is_winner else {})


def _local(time: datetime) -> datetime:
    """A time as Optuna keeps it: of this place, without saying so."""
    return time.astimezone().replace(tzinfo=None)


@dataclass(frozen=True)
class Distribution:
    """Optuna's distribution of a parameter, and whether it holds the values as JSON texts."""

    optuna: Any
    as_json: bool = False

    def held(self, value: Any) -> Any:
        """A value as the distribution holds it."""
        return json.dumps(value) if self.as_json else value


def distributions_of(run: ExportedRun) -> dict[str, Distribution]:
    """The distribution of each name in the flat settings of a run.

    A value that was set by hand may lie outside its range. The range is then made wider for all
    trials alike: Optuna's analyses leave out a parameter whose distribution changes.
    """
    seen: dict[str, list[Any]] = {}
    domains: dict[str, Domain] = {}
    for trial in run.trials:
        for name, value in trial.params.items():
            seen.setdefault(name, []).append(value)
    for parameter in run.space:
        domains[parameter.name] = parameter.domain
        if parameter.per is not None:
            for i in range(run.space.most(parameter.per)):
                domains[entry_name(run.space, parameter.name, i)] = parameter.domain
    return {name: distribution(domains.get(name), values) for name, values in seen.items()}


def distribution(domain: Domain | None, seen: Sequence[Any]) -> Distribution:
    """The distribution that comes nearest to a domain and holds all values seen.

    The scale 1-10^r becomes a plain range, as Optuna has no such scale, and so do steps on a
    scale other than linear.
    """
    if not isinstance(domain, Continuous | Discrete) or not all(map(is_number, seen)):
        return _categorical(_values(domain), seen)
    of = library().distributions
    last = domain.high if isinstance(domain, Continuous) else domain.value(domain.count - 1)
    low, high = min(domain.low, *seen), max(last, *seen)
    log = domain.scale is LOG and low > 0
    if isinstance(domain, Continuous):
        return Distribution(of.FloatDistribution(low, high, log=log))
    on_grid = all(domain.index(value) is not None for value in seen)
    if domain.integer and all(type(value) is int for value in seen):
        if log and domain.step == 1:
            return Distribution(of.IntDistribution(low, high, log=True))
        return Distribution(of.IntDistribution(low, high, step=domain.step if on_grid else 1))
    if on_grid and not log:
        return Distribution(of.FloatDistribution(low, high, step=domain.step))
    return Distribution(of.FloatDistribution(low, high, log=log))


def _categorical(values: Iterable[Any], seen: Iterable[Any]) -> Distribution:
    """A choice between values; JSON texts where Optuna could not tell the values apart."""
    choices = distinct([*values, *seen])
    nested = any(isinstance(value, list | dict) for value in choices)
    as_json = nested or len(set(choices)) < len(choices)  # true and 1 are equal
    held = [json.dumps(value) for value in choices] if as_json else choices
    return Distribution(library().distributions.CategoricalDistribution(held), as_json)


def _values(domain: Domain | None) -> tuple[Any, ...]:
    if isinstance(domain, Choice):
        return domain.values
    return (domain.value,) if isinstance(domain, Fixed) else ()
