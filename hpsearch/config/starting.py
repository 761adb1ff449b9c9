"""`search.start`: the settings to begin with, checked against the space, in standard form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from hpsearch.config.problems import KeyPath, Problem
from hpsearch.fields import flow, show, show_each
from hpsearch.space import Continuous, Discrete, Parameter, Space
from hpsearch.suggestions import hint
from hpsearch.trial import Params


def settings(
    given: list[dict[str, Any]], space: Space, defaults: Mapping[str, Any], trials: int | None
) -> tuple[tuple[Params, ...], list[Problem]]:
    """The starting settings as trials have them, and what is wrong with them.

    Each must be a setting that the space could draw. A parameter that is left out takes the
    trainer's default, or the middle of its range where the space does not hold that.
    All of them train, so there are at most as many as `trials`.

    Args:
        given: as `search.start` has them.
        space: of the search.
        defaults: the trainer's, by hyperparameter.
        trials: of the search; None for no bound.
    """
    read: list[Params] = []
    problems: list[Problem] = []
    if trials is not None and len(given) > trials:
        message = f"holds {len(given)} settings, and search.trials is {trials}: each is a trial"
        problems.append(Problem(("search", "start"), f"{message}; raise trials, or drop some"))
    for i, setting in enumerate(given):
        path: KeyPath = ("search", "start", i)
        known, found = full(setting, space, defaults, path)
        problems += found
        if not found and known in read:
            problems.append(Problem(path, f"is the same as start[{read.index(known)}]"))
        read.append(known)
    return tuple(read), problems


def full(
    given: Mapping[str, Any], space: Space, defaults: Mapping[str, Any], path: KeyPath = ()
) -> tuple[dict[str, Any], list[Problem]]:
    """A setting with every active parameter, and what is wrong with what was given of it.

    Args:
        given: values by name.
        space: of the search.
        defaults: the trainer's, by hyperparameter.
        path: where the setting stands, for problems.
    """
    problems = list(_foreign(given, space, path))
    named = {name: value for name, value in given.items() if name in space}
    for name, value in named.items():
        problems += _outside(space[name], value, (*path, name))
    if problems:
        return {}, problems
    setting = {**_usual(space, defaults), **space.standard(named)}
    drawn = _around(setting, space)  # active parameters and lengths follow from what is given
    problems += _inactive(named, drawn, space, path)
    for name in named:
        branch = space.branch(space[name], drawn) if space[name].alternatives else None
        if branch is not None:  # only now it is known which of the alternatives counts
            found = _outside(branch, named[name], (*path, name))
            words = " and ".join(f"{n} {show(drawn[n])}" for n in branch.when if n in drawn)
            problems += [replace(each, message=f"{each.message}, with {words}") for each in found]
    if problems:
        return {}, problems
    exact = {  # as they were given, not as they come back from the unit cube
        name: setting[name][: len(value)] if isinstance(value, list) else setting[name]
        for name, value in drawn.items()
        if name in space
        and name in setting
        and isinstance(space[name].domain, Continuous | Discrete)
        and (not space[name].alternatives or _suits(setting[name], name, drawn, space))
    }
    whole = space.with_derived(space.standard({**drawn, **exact}))
    problems += _derived(given, whole, space, path)
    if not problems and (violation := space.violation(whole)):
        message = f"{violation}; found {flow(whole, most=2000)[1:-1]}"
        problems.append(Problem(path, message))
    return whole, problems


def _around(setting: Params, space: Space) -> Params:
    """The draw that is nearest to values of some parameters; of the others the middle.

    Which alternative of a parameter counts may only be known once others are drawn.
    """
    drawn: Params = {}
    several = {parameter.name for parameter in space if parameter.alternatives}
    for _ in range(1 + len(several)):
        left_out = [n for n in several & {*setting} if not _suits(setting[n], n, drawn, space)]
        known = {name: value for name, value in setting.items() if name not in left_out}
        others = {name: value for name, value in drawn.items() if name not in setting}
        point = space.point({**others, **known})
        drawn = space.params(np.nan_to_num(point, nan=0.5))
    return drawn


def _suits(value: Any, name: str, drawn: Params, space: Space) -> bool:
    """Whether the alternative that counts can have a value, or each entry of a list."""
    branch = space.branch(space[name], drawn)
    listed = isinstance(value, list) and space[name].per is not None
    entries = value if listed else [value]
    return branch is not None and all(map(branch.domain.contains, entries))


def _usual(space: Space, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each parameter that has only one, or whose default is in its range."""
    usual = {}
    for parameter in space:
        value = parameter.domain.at(0) if parameter.fixed else defaults.get(parameter.name)
        if parameter.contains(value):
            usual[parameter.name] = (
                [value] * space.most(parameter.per) if parameter.per is not None else value
            )
    return usual


def _foreign(given: Mapping[str, Any], space: Space, path: KeyPath) -> Iterator[Problem]:
    for name in given:
        if name in space.settings and name not in space:
            message = f"is fixed in 'trainer' as {show(space.settings[name])}; leave it out"
            yield Problem((*path, name), message, of_key=True)
        elif name not in space.names:
            names = [parameter.name for parameter in space]
            yield Problem((*path, name), f"is not in 'space'{hint(name, names)}", of_key=True)


def _derived(
    given: Mapping[str, Any], full: Params, space: Space, path: KeyPath
) -> Iterator[Problem]:
    """Derived values that are given, and not what they come to."""
    for name in given:
        if name not in space and name in space.names:
            if name not in full:
                message = "is derived, and inactive with this setting; leave it out"
                yield Problem((*path, name), message, of_key=True)
            elif not space.computes({**full, name: given[name]}):
                message = f"is derived: {flow(full[name])} with this setting; leave it out"
                yield Problem((*path, name), message)


def _outside(parameter: Parameter, value: Any, path: KeyPath) -> Iterator[Problem]:
    """Values that the parameter cannot take, one by one where it is a list."""
    if parameter.per is not None and not isinstance(value, list):
        message = f"must be a list, one value per {parameter.per}; found {show(value)}"
        yield Problem(path, message)
        return
    entries = value if parameter.per is not None else [value]
    for i, entry in enumerate(entries):
        if not parameter.contains(entry):
            here = (*path, i) if parameter.per is not None else path
            yield Problem(here, f"{flow(entry)} is outside the space; {_extent(parameter)}")


def _extent(parameter: Parameter) -> str:
    config = parameter.domain.as_config()
    if "value" in config:
        return f"it is fixed at {flow(config['value'])}"
    if "values" in config:
        return f"it is one of {show_each(config['values'])}"
    step = f" in steps of {config['step']}" if "step" in config else ""
    return f"it lies between {config['min']} and {config['max']}{step}"


def _inactive(
    named: Mapping[str, Any], drawn: Params, space: Space, path: KeyPath
) -> Iterator[Problem]:
    for name, value in named.items():
        here = (*path, name)
        if name not in drawn:
            names = list(space[name].depends_on)
            message = f"does not count with this {' and '.join(names)}; leave it out"
            yield Problem(here, message, of_key=True)
            continue
        taken = drawn[name]
        if isinstance(value, list) and isinstance(taken, list) and len(value) != len(taken):
            message = f"must have {len(taken)} values, one per {space[name].per}"
            yield Problem(here, f"{message}; found {len(value)}")
