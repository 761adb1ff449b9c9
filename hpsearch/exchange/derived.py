"""A configuration for a study that comes without one: its space, and a trainer of the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpsearch.errors import ExchangeError
from hpsearch.exchange.optuna_in import Study, StudyTrial
from hpsearch.exchange.taken import reported
from hpsearch.space import same

MOST_CONDITIONS = 50  # values of a whole number that a condition lists


def derived(study: Study, trainer: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as YAML would have it, whose space holds every trial of the study.

    Epochs are as many as completed trials report. The value that counts is that of the last
    epoch, unless more of the trials end with the best of their reports.

    Args:
        study: with at least one finished trial that has parameters.
        trainer: the kind of trainer, and what it is to run.

    Raises:
        ExchangeError: no space can be made of it.
    """
    lengths = [len(curve) for trial in study.trials if (curve := reported(trial))]
    return {
        "name": _name(study.name),
        "trainer": {**trainer, "epochs": max(lengths, default=1)},
        "metric": {"name": study.metric or "value", "goal": study.goal, "at": _at(study)},
        "space": derived_space(study),
    }


def derived_space(study: Study) -> dict[str, Any]:
    """The parameters of a study, as `space` in a configuration.

    A range that changed from trial to trial is the widest. A parameter that only some trials
    have gets the `when` that separates them from the others.
    """
    telling = _telling(study)
    names = dict.fromkeys(name for trial in telling for name in trial.params)
    if not names:
        raise ExchangeError(
            f"study {study.name!r}: has no finished trial with parameters, so there is no space"
        )
    space = {}
    for name in names:
        given = [trial.distributions[name] for trial in study.trials if name in trial.params]
        space[name] = _domain(study, name, given)
    for name in names:
        space[name] |= _condition(study, telling, name, space)
    return space


def _telling(study: Study) -> list[StudyTrial]:
    """The trials that tell which parameters there are: one that failed may lack its later ones.

    Where none was completed, they are those that were pruned, else all.
    """
    for state in ("COMPLETE", "PRUNED"):
        if found := [trial for trial in study.trials if trial.state == state and trial.params]:
            return found
    return list(study.trials)


def _domain(study: Study, name: str, given: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    kinds = {distribution["name"] for distribution in given}
    if len(kinds) > 1:
        raise ExchangeError(
            f"study {study.name!r}: parameter {name!r} is of several kinds "
            f"({', '.join(sorted(kinds))}); write a configuration and give it with --config"
        )
    attributes = [distribution["attributes"] for distribution in given]
    if kinds == {"CategoricalDistribution"}:
        values: list[Any] = []
        for value in (choice for each in attributes for choice in each["choices"]):
            values += [] if any(same(value, known) for known in values) else [value]
        return {"values": values} if len(values) > 1 else {"value": values[0]}
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
    return domain | ({"step": steps.pop()} if same_grid and not whole_steps and None not in steps
                     else {})  # fmt: skip


def _condition(
    study: Study, telling: Sequence[StudyTrial], name: str, space: Mapping[str, Any]
) -> dict[str, Any]:
    """When a parameter counts, by the first other one that tells; nothing if it always does."""
    without = [trial for trial in telling if trial.params and name not in trial.params]
    if not without:
        return {}
    having = [trial for trial in telling if name in trial.params]
    for other, domain in space.items():
        whole = domain.get("type") == "int" and "step" not in domain
        if other == name or not ("values" in domain or whole):
            continue
        if not all(other in trial.params for trial in having):
            continue
        on, off = _values(having, other), _values(without, other)
        if off and not any(same(value, each) for value in on for each in off):
            values = _nearest(domain, on, off) if whole else on
            if len(values) <= MOST_CONDITIONS:
                return {"when": {other: values[0] if len(values) == 1 else values}}
    raise ExchangeError(
        f"study {study.name!r}: parameter {name!r} is in {len(having)} of its trials, and no "
        "other parameter says in which; write a configuration and give it with --config"
    )


def _values(trials: Sequence[StudyTrial], name: str) -> list[Any]:
    found: list[Any] = []
    for trial in trials:
        if name in trial.params and not any(same(trial.params[name], known) for known in found):
            found.append(trial.params[name])
    return found


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


def _at(study: Study) -> str:
    """Which epoch's report more of the completed trials end with."""
    pick = min if study.goal == "minimize" else max
    last = best = 0
    for trial in study.trials:
        known = [value for value in reported(trial) if value is not None]
        if trial.state == "COMPLETE" and known:
            last += known[-1] == trial.value
            best += pick(known) == trial.value
    return "best" if best > last else "last"


def _name(study: str) -> str:
    signs = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in study)
    return signs.lstrip("._-")[:100] or "study"
