"""What cannot be trained of a space: drawn settings are looked at, always the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from hpsearch.config.parts import Parts
from hpsearch.config.problems import KeyPath, Problem
from hpsearch.config.schema import MOST_TRIALS
from hpsearch.fields import show
from hpsearch.rng import stream
from hpsearch.space import (
    Space,
)
from hpsearch.space.alternatives import together
from hpsearch.space.expression import ExpressionError, InactiveError, MistypedError
from hpsearch.space.feasible import anywhere, exactly, feasibility, in_words, keeps
from hpsearch.space.settings import count as settings_of
from hpsearch.space.space import Points
from hpsearch.space.stored import MOST_COORDINATES
from hpsearch.trainers.hyperparameter import Hyperparameter, wrong
from hpsearch.trial import Choosable, Params

SAMPLE = 256  # settings that are looked at for what the trainer cannot train


def misfits(space: Space, parts: Parts) -> Iterator[Problem]:
    """Spaces too wide to search, and draws of which the trainer says that it cannot train them."""
    if space.dimensions > MOST_COORDINATES:
        message = f"has {space.dimensions:,} coordinates, at most {MOST_COORDINATES:,} can be"
        yield Problem(("space",), f"{message} searched; bound what 'per' names")
        return
    found = [*_at_once(space), *_infeasible(space)]
    yield from found
    if found:
        return
    search = parts.search
    whole = search is not None and search.sampler == "grid" and search.trials is None
    if whole and settings_of(space, MOST_TRIALS + 1) > MOST_TRIALS:
        message = f"the grid has more than {MOST_TRIALS:,} settings; say by 'trials'"
        yield Problem(("search", "sampler"), f"{message} how many of them to try")
    reported: set[str] = set()
    hyperparameters = {} if parts.kind is None else parts.kind.hyperparameters
    for params in draws(space):
        settings = {**space.settings, **params}
        wrongs = parts.kind.check_settings(settings) if parts.kind is not None else []
        for each in space.derived:
            hyperparameter = hyperparameters.get(each.name)
            if each.name in params and hyperparameter is not None:
                unfit = _unfit(params[each.name], hyperparameter)
                if unfit and each.name not in reported:
                    reported.add(each.name)
                    yield Problem(("space", each.name, "derive"), f"in some trials: {unfit}")
        for name, message in wrongs:
            if name not in reported:
                reported.add(name)
                place = "space" if name in space.names else "trainer"
                yield Problem((place, name), f"in some trials: {message}")
        yield from _unusable(space, parts, params, reported)


def _unusable(space: Space, parts: Parts, params: Params, reported: set[str]) -> Iterator[Problem]:
    """Options of the trainer that these parameters cannot be used with, each said once."""
    if parts.kind is None:
        return
    for key, message in parts.kind.check_trial(parts.trainer.options, list(space.names), params):
        if message not in reported:
            reported.add(message)
            yield Problem(("trainer", key), f"in some trials: {message}")


def _at_once(space: Space) -> Iterator[Problem]:
    """Alternatives of one parameter that can hold in one setting, so that none is the one."""
    for parameter in space:
        for i, later in enumerate(parameter.alternatives):
            for j, earlier in enumerate(parameter.alternatives[:i]):
                shared = together(space, earlier, later)
                if shared is None:
                    continue
                where = ", ".join(f"{name} is {show(value)}" for name, value in shared.items())
                message = f"holds at once with [{j}] where {where}; give each a 'when' that"
                path = ("space", parameter.name, i, "when")
                yield Problem(path, f"{message} excludes the others", of_key=True)
                break


def _unfit(value: Any, hyperparameter: Hyperparameter) -> str | None:
    """What is wrong with a derived value of a hyperparameter."""
    whole = [type(entry) is int for entry in (value if isinstance(value, list) else [value])]
    if hyperparameter.kind == "int" and not all(whole):
        return f"is no whole number, found {show(value)}; use // or round"
    return wrong(hyperparameter, value)


def _infeasible(space: Space) -> Iterator[Problem]:
    """Expressions that compute with text, say, and constraints that hardly any draw keeps."""
    if not space.constrained:
        return
    points = stream("draws of a space to check").random((SAMPLE, space.dimensions))
    problems: dict[KeyPath, str] = {}
    for params in space.all_params(points):
        for path, message in _mistyped(space, params):
            problems.setdefault(path, message)
    yield from (Problem(path, f"in some trials: {text}") for path, text in problems.items())
    found = feasibility(space)
    if problems or found.enough:
        return
    if found.costliest is not None:
        reason = _no_value(space, found.costliest, points)
        yield Problem(("where", found.costliest), in_words(space, found) + reason)
        return
    reasons = filter(None, map(space.violation, space.all_params(points)))
    yield Problem(("space",), f"{in_words(space, found)}; the first {next(reasons, '')}")


def _no_value(space: Space, constraint: int, points: Points) -> str:
    """Why a constraint has no value in some of the draws, where that is so."""
    for params in space.all_params(points):
        with suppress(ExpressionError):
            values = {**space.settings, **params, **space.derived_of(params)}
            try:
                space.where[constraint].holds(values)
            except ExpressionError as error:
                return f"; in some trials it has no value: {error}"
    return ""


def _mistyped(space: Space, params: Params) -> Iterator[tuple[KeyPath, str]]:
    """Expressions that these values are of the wrong type for, each with its place."""
    values: dict[str, Any] = {**space.settings, **params}
    for each in space.derived_order:
        try:
            if space.active(each, values):
                values[each.name] = each.expression.value(values)
        except InactiveError:
            continue
        except MistypedError as error:
            yield ("space", each.name, "derive"), str(error)
            return
        except ExpressionError:
            return
    for i, constraint in enumerate(space.where):
        try:
            constraint.holds(values)
        except MistypedError as error:
            yield ("where", i), str(error)
        except ExpressionError:
            continue


def draws(space: Space, count: int = SAMPLE) -> list[dict[str, Choosable]]:
    """A fixed sample of settings, the space's corners of all-low and all-high among them.

    All keep the constraints.
    """
    generator = stream("draws of a space to check")
    uniform = anywhere(space, generator)
    points = uniform(count)
    points[0], points[1] = 0, 1
    if space.constrained:
        points = points[keeps(space, points)]
        points = np.vstack([points, exactly(space, uniform, count - len(points))])
    return space.all_params(points)
