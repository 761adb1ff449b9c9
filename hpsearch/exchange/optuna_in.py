"""A study of Optuna, read into plain values."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hpsearch.config import Goal
from hpsearch.errors import ExchangeError
from hpsearch.exchange.optuna_storage import to_read
from hpsearch.exchange.target import is_url, shown
from hpsearch.messages import expanded_target

FINISHED = ("COMPLETE", "PRUNED", "FAIL")
METRIC_NAMES = "study:metric_names"  # where Optuna keeps what `set_metric_names` was told


@dataclass(frozen=True)
class StudyTrial:
    """A trial of a study whose fate is known.

    `distributions` are as Optuna writes them in JSON: a name, and its attributes.
    """

    number: int
    state: str
    params: Mapping[str, Any]
    distributions: Mapping[str, Mapping[str, Any]]
    value: float | None
    reports: Mapping[int, float]  # intermediate values by step
    start: datetime | None
    end: datetime | None
    error: str | None


@dataclass(frozen=True)
class Study:
    """A study with one objective."""

    name: str
    storage: str  # its kind, such as sqlite or journal; an address may hold secrets
    goal: Goal
    metric: str | None
    trials: tuple[StudyTrial, ...]  # finished ones, by number
    unfinished: Mapping[str, int]  # how many are in each other state


def read_study(target: str, name: str | None = None) -> Study:
    """A study of a storage; its only one if it is not named.

    Raises:
        ExchangeError: the storage cannot be read, has no such study or several to choose from,
            or the study has several objectives.
    """
    target = expanded_target(target)
    where = shown(target)
    with to_read(target) as storage:
        studies = {study.study_name: study for study in storage.get_all_studies()}
        study = studies[_chosen(where, list(studies), name)]
        trials = storage.get_all_trials(study._study_id, deepcopy=False)
        metrics = storage.get_study_system_attrs(study._study_id).get(METRIC_NAMES) or [None]
    if len(study.directions) != 1:
        raise ExchangeError(
            f"{where}: study {study.study_name!r} has {len(study.directions)} objectives; "
            "a search has one metric, so it cannot be imported"
        )
    goal = study.directions[0].name.lower()
    if goal not in ("minimize", "maximize"):
        raise ExchangeError(f"{where}: study {study.study_name!r} has no direction")
    states = Counter(trial.state.name.lower() for trial in trials)
    finished = (trial for trial in trials if trial.state.name in FINISHED)
    return Study(
        name=study.study_name,
        storage=target.partition("://")[0].partition("+")[0] if is_url(target) else "journal",
        goal=goal,
        metric=metrics[0],
        trials=tuple(
            plain_trial(trial) for trial in sorted(finished, key=lambda each: each.number)
        ),
        unfinished={
            state: count for state, count in states.items() if state.upper() not in FINISHED
        },
    )


def _chosen(where: str, names: list[str], name: str | None) -> str:
    known = ", ".join(map(repr, names[:20])) + (", ..." if len(names) > 20 else "")
    if not names:
        raise ExchangeError(f"{where}: holds no studies")
    if name is None and len(names) > 1:
        raise ExchangeError(f"{where}: holds several studies; choose with --study: {known}")
    if name is not None and name not in names:
        raise ExchangeError(f"{where}: holds no study {name!r}; there are: {known}")
    return names[0] if name is None else name


def plain_trial(trial: Any) -> StudyTrial:
    """A trial without Optuna's types."""
    from optuna.distributions import distribution_to_json

    return StudyTrial(
        number=trial.number,
        state=trial.state.name,
        params=dict(trial.params),
        distributions={
            name: json.loads(distribution_to_json(distribution))
            for name, distribution in trial.distributions.items()
        },
        value=trial.value,
        reports=dict(trial.intermediate_values),
        start=trial.datetime_start,
        end=trial.datetime_complete,
        error=_error(trial),
    )


def _error(trial: Any) -> str | None:
    """What is known of a failure: our own exports keep it, Optuna keeps that of a bad value."""
    told = trial.user_attrs.get("error") or trial.system_attrs.get("STUDY_TELL_WARNING")
    return " ".join(told.split())[:500] if isinstance(told, str) and told.strip() else None
