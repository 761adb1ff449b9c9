"""A study of Optuna: read into plain values, and as a configuration of what was searched."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from hpsearch.config import Goal
from hpsearch.config.remarks import is_name
from hpsearch.errors import ExchangeError
from hpsearch.exchange.optuna_storage import to_read
from hpsearch.exchange.target import Target
from hpsearch.messages import expanded_target
from hpsearch.space import distinct, same
from hpsearch.space.domain import ascending

ENDED = ("COMPLETE", "PRUNED", "FAIL")
MOST_CONDITIONS = 50  # whole numbers that a `when` lists
METRIC_NAMES = "study:metric_names"  # where Optuna keeps what `set_metric_names` was given


@dataclass(frozen=True)
class StudyTrial:
    """A trial of a study that has ended.

    `distributions` are as Optuna writes them in JSON: a name, and its attributes.
    """

    number: int
    state: str  # one of ENDED
    params: Mapping[str, Any]
    distributions: Mapping[str, Mapping[str, Any]]
    value: float | None
    reports: Mapping[int, float]  # intermediate values by step
    start: datetime | None
    end: datetime | None
    error: str | None

    @property
    def reports_by_epoch(self) -> list[float | None]:
        """The reports, if their steps count epochs from 0 or from 1; else an empty list.

        A report that is NaN or infinite is None.
        """
        steps = sorted(self.reports)
        if not steps or steps[0] not in (0, 1) or steps[-1] - steps[0] != len(steps) - 1:
            return []
        return [finite(self.reports[step]) for step in steps]


@dataclass(frozen=True)
class OptunaStudy:
    """A study with one objective."""

    name: str
    storage: str  # its kind, such as sqlite or journal; a URL may hold secrets
    goal: Goal
    metric: str | None
    trials: tuple[StudyTrial, ...]  # those that have ended, by number
    unfinished: Mapping[str, int]  # how many are in each other state


def read_study(target: str, name: str | None = None) -> OptunaStudy:
    """Read a study of a storage; its only one if it is not named.

    Raises:
        ExchangeError: the storage cannot be read, has no such study or several to choose from,
            or the study has several objectives.
    """
    place = Target(expanded_target(target))
    with to_read(place) as storage:
        studies = {study.study_name: study for study in storage.get_all_studies()}
        study = studies[_chosen(place.shown, list(studies), name)]
        trials = storage.get_all_trials(study._study_id, deepcopy=False)
        metrics = storage.get_study_system_attrs(study._study_id).get(METRIC_NAMES) or [None]
    if len(study.directions) != 1:
        raise ExchangeError(
            f"{place.shown}: study {study.study_name!r} has {len(study.directions)} objectives; "
            "a search has one metric, so it cannot be imported"
        )
    goal = study.directions[0].name.lower()
    if goal not in ("minimize", "maximize"):
        raise ExchangeError(f"{place.shown}: study {study.study_name!r} has no direction")
    ended = [trial for trial in trials if trial.state.name in ENDED]
    states = Counter(trial.state.name for trial in trials)
    return OptunaStudy(
        name=study.study_name,
        storage=target.partition("://")[0].partition("+")[0] if place.is_url else "journal",
        goal=goal,
        metric=metrics[0],
        trials=tuple(map(plain_trial, sorted(ended, key=lambda trial: trial.number))),
        unfinished={s.lower(): count for s, count in states.items() if s not in ENDED},
    )


def _chosen(where: str, names: list[str], name: str | None) -> str:
    some = ", ".join(map(repr, names[:20])) + (", ..." if len(names) > 20 else "")
    if not names:
        raise ExchangeError(f"{where}: holds no studies")
    if name is None and len(names) > 1:
        raise ExchangeError(f"{where}: holds several studies; choose with --study: {some}")
    if name is not None and name not in names:
        raise ExchangeError(f"{where}: holds no study {name!r}; there are: {some}")
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
    """Why a trial failed: our exports keep the reason, and Optuna keeps that of a wrong value."""
    error = trial.user_attrs.get("error") or trial.system_attrs.get("STUDY_TELL_WARNING")
    return " ".join(error.split())[:500] if isinstance(error, str) and error.strip() else None


def finite(value: float | None) -> float | None:
    """A number as a run holds it: None where it is NaN or infinite."""
    return None if value is None or not isfinite(value) else float(value)


def study_config(study: OptunaStudy, trainer: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration, as a dict with YAML's keys, whose space holds every trial of the study.

    It trains for as many epochs as a trial reports at most. The last epoch counts, unless the
    values of more completed trials are the best of their reports.

    Args:
        study: with at least one trial that has parameters.
        trainer: its kind, and the function or command to train with from now on.

    Raises:
        ExchangeError: no space holds the parameters of the trials.
    """
    epochs = max((len(trial.reports_by_epoch) for trial in study.trials), default=0)
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in study.name)
    return {
        "name": name.lstrip("._-")[:100] or "study",
        "trainer": {**trainer, "epochs": max(1, epochs)},
        "metric": {"name": study.metric or "value", "goal": study.goal, "at": _at(study)},
        "space": study_space(study),
    }


def study_space(study: OptunaStudy) -> dict[str, Any]:
    """The parameters of a study, as `space` in a configuration.

    Where a range changed from trial to trial, the space has the widest. A parameter that only
    some trials have gets a `when` that is true of them and false of the others.

    Raises:
        ExchangeError: no trial has parameters, a parameter has several kinds, or no `when` says
            which trials have it.
    """
    complete = _complete(study)
    names = dict.fromkeys(name for trial in complete for name in trial.params)
    if not names:
        raise ExchangeError(
            f"study {study.name!r}: has no finished trial with parameters, so there is no space"
        )
    space = {}
    for name in names:
        given = [trial.distributions[name] for trial in study.trials if name in trial.params]
        space[name] = _domain(study, name, given)
    for name in names:
        space[name] |= _condition(study, complete, name, space)
    return space


def _complete(study: OptunaStudy) -> Sequence[StudyTrial]:
    """The trials that have all their parameters: one that failed may lack its later ones.

    They are the completed ones; if there are none, those that were pruned; else all.
    """
    for state in ("COMPLETE", "PRUNED"):
        if found := [trial for trial in study.trials if trial.state == state and trial.params]:
            return found
    return study.trials


def _domain(study: OptunaStudy, name: str, given: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A parameter's values or range, from the distributions that the trials drew it from."""
    kinds = {distribution["name"] for distribution in given}
    if len(kinds) > 1:
        raise ExchangeError(
            f"study {study.name!r}: parameter {name!r} is of several kinds "
            f"({', '.join(sorted(kinds))}); write a configuration and give it with --config"
        )
    attributes = [distribution["attributes"] for distribution in given]
    if kinds == {"CategoricalDistribution"}:
        values = distinct(choice for each in attributes for choice in each["choices"])
        mere_names = {"ordered": False} if is_name(name) and ascending(values) else {}
        return {"values": values, **mere_names} if len(values) > 1 else {"value": values[0]}
    low, high = min(each["low"] for each in attributes), max(each["high"] for each in attributes)
    if low == high:
        return {"value": low}
    domain: dict[str, Any] = {"type": "int"} if kinds == {"IntDistribution"} else {}
    domain |= {"scale": "log"} if any(each["log"] for each in attributes) else {}
    domain |= {"min": low, "max": high}
    steps = {each["step"] for each in attributes}
    whole_steps = "type" in domain and steps == {1}
    # Ranges that moved need not share a grid.
    same_grid = len(steps) == 1 and len({each["low"] for each in attributes}) == 1
    if same_grid and not whole_steps and None not in steps:
        domain["step"] = steps.pop()
    return domain


def _condition(
    study: OptunaStudy, trials: Sequence[StudyTrial], name: str, space: Mapping[str, Any]
) -> dict[str, Any]:
    """The `when` of a parameter, by the first other one whose values decide; {} for always."""
    without = [trial for trial in trials if trial.params and name not in trial.params]
    if not without:
        return {}
    having = [trial for trial in trials if name in trial.params]
    for other, domain in space.items():
        whole = domain.get("type") == "int" and "step" not in domain
        if other == name or not ("values" in domain or whole):
            continue
        if not all(other in trial.params for trial in having):
            continue
        on = distinct(trial.params[other] for trial in having)
        off = distinct(trial.params[other] for trial in without if other in trial.params)
        if off and not any(same(value, each) for value in on for each in off):
            values = _nearest(domain, on, off) if whole else on
            if len(values) <= MOST_CONDITIONS:
                return {"when": {other: values[0] if len(values) == 1 else values}}
    raise ExchangeError(
        f"study {study.name!r}: parameter {name!r} is in {len(having)} of its trials, and no "
        "other parameter says in which; write a configuration and give it with --config"
    )


def _nearest(domain: Mapping[str, Any], on: Sequence[int], off: Sequence[int]) -> list[int]:
    """The whole numbers of a range that are nearer to those of `on`; a tie goes to them.

    >>> _nearest({"min": 1, "max": 6}, on=[4, 5], off=[1, 2])
    [3, 4, 5, 6]
    """
    if domain["max"] - domain["min"] > MOST_CONDITIONS * 20:
        return sorted(on)
    return [
        value
        for value in range(domain["min"], domain["max"] + 1)
        if min(abs(value - each) for each in on) <= min(abs(value - each) for each in off)
    ]


def _at(study: OptunaStudy) -> str:
    """Whether the values of more completed trials are their last or their best reports."""
    pick = min if study.goal == "minimize" else max
    last = best = 0
    for trial in study.trials:
        values = [value for value in trial.reports_by_epoch if value is not None]
        if trial.state == "COMPLETE" and values:
            last += values[-1] == trial.value
            best += pick(values) == trial.value
    return "best" if best > last else "last"
