"""What the parts of a configuration must hold together: functions over what is well typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np

from hpsearch.config.parts import Parts
from hpsearch.config.problems import KeyPath, Problem
from hpsearch.config.schema import MOST_TRIALS, Metric, Parallel
from hpsearch.fields import flow, show, show_each
from hpsearch.messages import counted
from hpsearch.rng import stream
from hpsearch.space import (
    Continuous,
    Domain,
    Expression,
    Fixed,
    Space,
    largest_integer,
    mixture,
    same,
)
from hpsearch.space.alternatives import hull, together
from hpsearch.space.expression import ExpressionError, InactiveError, MistypedError
from hpsearch.space.feasible import exactly, feasibility, in_words, keeps
from hpsearch.space.settings import count as settings_of
from hpsearch.space.space import Points
from hpsearch.space.stored import MOST_COORDINATES
from hpsearch.suggestions import hint
from hpsearch.trainers.hyperparameter import Hyperparameter, wrong
from hpsearch.trainers.kinds import Kind
from hpsearch.trial import Choosable, Params

SAMPLE = 256  # settings that are looked at for what the trainer cannot train

Domains = Mapping[str, Sequence[Domain | None]]
"""The domains of each name in the space, one for each alternative, None where one is not sound."""

Spanned = Mapping[str, Domain | None]
"""The same with one domain that holds all alternatives, None where one of them is not sound."""


def spanned(parts: Parts, domains: Domains) -> dict[str, Domain | None]:
    """For each name the domain that holds all of its alternatives."""
    found: dict[str, Domain | None] = dict.fromkeys(parts.space)
    for name, each in domains.items():
        sound = [domain for domain in each if domain is not None]
        if sound and len(sound) == len(each) and mixture(sound) is None:
            found[name] = hull(sound)
    return found


def problems(parts: Parts, domains: Domains) -> Iterator[Problem]:
    """Everything that is well typed and yet cannot be meant."""
    yield from _data(parts)
    yield from metrics(parts)
    yield from _user_trainer(parts)
    yield from _rounds(parts)
    yield from _limits(parts)
    yield from _grid(parts, domains)
    yield from _halving(parts)
    yield from _twice(parts)
    yield from _cluster(parts)
    yield from dependencies(parts, spanned(parts, domains))


def dependencies(parts: Parts, domains: Spanned) -> Iterator[Problem]:
    """What parameters say of each other by `per` and `when`, and cannot mean."""
    for name in parts.space:
        for path, part in parts.alternatives(name):
            yield from _per(path, part.per, parts, domains)
            yield from _when(path, part.when or {}, parts, domains)
            if part.derive is not None:
                yield from _expression(part.derive, (*path, "derive"), parts)
    for i, text in enumerate(parts.where):
        yield from _expression(text, ("where", i), parts)
    yield from _circles(parts)


def _data(parts: Parts) -> Iterator[Problem]:
    data = parts.data
    if data is None:
        return
    if data.validation + data.test >= 1:
        message = f"validation {data.validation} and test {data.test} leave no rows to train on"
        yield Problem(("data", "validation"), f"{message}; together they must be below 1")
    if data.columns is not None and data.exclude:
        message = "cannot stand beside data.columns, which names all there is to learn from"
        yield Problem(("data", "exclude"), f"{message}; keep one of them")
    if data.target is not None and data.target in data.exclude:
        message = f"names {data.target!r}, the column to predict (data.target); drop it"
        yield Problem(("data", "exclude"), message)


def missing_data(parts: Parts, given: bool) -> Iterator[Problem]:
    """Data that the trainer needs and the configuration does not mention."""
    if parts.kind is not None and parts.kind.needs_data and not given:
        yield Problem(("data",), parts.kind.data_missing())


def _user_trainer(parts: Parts) -> Iterator[Problem]:
    """Sections that a user's trainer makes no use of, and what the kind finds in its options."""
    kind, search = parts.kind, parts.search
    if kind is None:
        return
    if parts.data is not None and not kind.needs_data:
        yield Problem(("data",), f"a {kind.name} reads its own data; drop this section")
    if search is not None and search.folds is not None and not kind.needs_data:
        message = f"a {kind.name} splits its own data; drop it, or use repeats"
        yield Problem(("search", "folds"), message)
    if all(
        not option.required or option.name in parts.trainer.options
        for option in kind.options.values()
    ):
        for name, message in kind.check_options(parts.trainer.options, _places(parts)):
            yield Problem(("trainer", name), message)


def _places(parts: Parts) -> list[str]:
    """What a command may name: the parameters, and the entries of their values, `opt.lr`."""
    names = list(parts.space)
    for name, part in parts.space.items():
        values = [] if part is None else [*(part.values or []), part.value]
        entries = (entry for value in values if isinstance(value, dict) for entry in value)
        names += dict.fromkeys(f"{name}.{entry}" for entry in entries)
    return names


def metrics(parts: Parts) -> Iterator[Problem]:
    """What cannot be meant by the metrics, each one and all together."""
    listed = (parts.metric, *parts.other_metrics)
    for place, metric in enumerate(listed):
        path: KeyPath = ("metric", place) if parts.several_metrics else ("metric",)
        if metric is None or parts.kind is None:
            continue
        yield from _metric(metric, parts.kind, path, first=place == 0)
        least, most = metric.at_least, metric.at_most
        if least is not None and most is not None and least > most:
            message = f"must be at most at_most ({show(most)}), found {show(least)}"
            yield Problem((*path, "at_least"), message)
        if any(each is not None and each.name == metric.name for each in listed[:place]):
            message = f"{metric.name!r} is listed twice; write goal and bounds in one place"
            yield Problem((*path, "name"), message)
        if place and metric.at != "last":
            message = "the first metric decides which epoch counts; drop it here"
            yield Problem((*path, "at"), message, of_key=True)


def _metric(metric: Metric, kind: Kind, path: KeyPath, first: bool) -> Iterator[Problem]:
    """What cannot be meant by one of the metrics."""
    needs_goal = first or not metric.bounded
    if kind.any_names and not metric.name.startswith("test_"):
        if needs_goal and metric.goal is None and kind.goal(metric.name) is None:
            better = "better lower (minimize) or higher (maximize)"
            bound = "" if first else ", or write a bound for it: at_most or at_least"
            message = f"missing; say whether {metric.name!r} is {better}{bound}"
            yield Problem((*path, "goal"), message)
        return
    if metric.name not in kind.metrics:
        if metric.name.startswith("test_"):
            message = (
                "the test rows judge the winner once; a search that looks at them overfits them."
                f" Use {metric.name.replace('test_', 'val_', 1)}"
            )
            yield Problem((*path, "name"), message)
            return
        known = ", ".join(kind.metrics)
        message = f"the {kind.name} reports no metric {metric.name!r}"
        suggestion = hint(metric.name, kind.metrics)
        both = suggestion if "known" in suggestion else f"{suggestion}; known: {known}"
        yield Problem((*path, "name"), message + both)
        return
    goal = kind.metrics[metric.name]
    if metric.goal not in (None, goal):
        better = "lower" if goal == "minimize" else "higher"
        message = f"{metric.name} is better when {better}: write {goal}, or leave goal out"
        yield Problem((*path, "goal"), message)


def _rounds(parts: Parts) -> Iterator[Problem]:
    search = parts.search
    if search is None:
        return
    most = search.trials
    if most is not None and search.rounds != "auto" and int(search.rounds) > most:
        message = f"must be at most trials ({most}), found {search.rounds}"
        yield Problem(("search", "rounds"), message)
    if search.patience is not None and (search.sampler != "zoom" or search.rounds == 1):
        one = "rounds: 1" if search.sampler == "zoom" else f"sampler {search.sampler}"
        message = f"counts rounds, and {one} has only one; drop it, or search in several rounds"
        yield Problem(("search", "patience"), message)


def _limits(parts: Parts) -> Iterator[Problem]:
    """Budgets that allow no trial, trials without any bound, targets that cannot be reached."""
    search, kind = parts.search, parts.kind
    for place, metric in enumerate((parts.metric, *parts.other_metrics)):
        if metric is None or metric.target is None or kind is None:
            continue
        path: KeyPath = ("metric", place) if parts.several_metrics else ("metric",)
        if place:
            message = "is for the first metric; give this one a bound (at_most, at_least), or a"
            yield Problem((*path, "target"), f"{message} goal alone", of_key=True)
        elif metric.name in kind.shares and not 0 <= metric.target <= 1:
            message = f"{metric.name} lies between 0 and 1, found {show(metric.target)}"
            yield Problem((*path, "target"), f"{message}; 99 % is 0.99")
    if search is None:
        return
    if search.trials is None and search.sampler != "grid" and search.max_epochs is None:
        message = "null sets no bound, and neither does sampler grid or max_epochs; say how many"
        yield Problem(("search", "trials"), f"{message} settings to propose")
    epochs = parts.trainer.settings.get("epochs", 1)
    if search.max_epochs is not None and isinstance(epochs, int):
        values = [part.values for part in parts.space.values() if part is not None and part.cross]
        pairs = prod(len(each) for each in values if each)
        least = pairs * epochs * search.repeats * (search.folds or 1)
        if search.max_epochs < least:
            of = [f"trainer.epochs {epochs}"]
            of += [f"{pairs} crossed values"] if pairs > 1 else []
            of += [f"repeats {search.repeats}"] if search.repeats > 1 else []
            of += [f"folds {search.folds}"] if search.folds else []
            message = f"must allow {counted(pairs, 'trial')}, {counted(least, 'epoch')} "
            message += f"({', '.join(of)})"
            yield Problem(("search", "max_epochs"), f"{message}; found {search.max_epochs:,}")


def _grid(parts: Parts, domains: Domains) -> Iterator[Problem]:
    """Ranges whose values sampler grid cannot try one by one."""
    if parts.search is None or parts.search.sampler != "grid":
        return
    for name, alternatives in domains.items():
        for (path, _), values in zip(parts.alternatives(name), alternatives, strict=True):
            if values is not None and values.count is None:
                message = "a range of real numbers, of which sampler grid cannot try each; name"
                remedy = "its values: [...], give it a step, or take sampler random"
                yield Problem(path, f"{message} {remedy}")


def _halving(parts: Parts) -> Iterator[Problem]:
    search = parts.search
    if search is None or search.halving is None:
        return
    path = ("search", "halving")
    crossed = [name for name, part in parts.space.items() if part is not None and part.cross]
    if crossed:  # where halving is left out, it is off
        message = f"must be false, for space.{crossed[0]} is crossed, and a pair must be trained"
        yield Problem(path, f"{message} equally long; drop one of them")
    least, epochs = search.halving.min_epochs, parts.trainer.settings.get("epochs")
    if least is not None and epochs is not None and least > epochs:
        message = f"must be at most trainer.epochs ({epochs}), found {least}"
        yield Problem((*path, "min_epochs"), message)


def _twice(parts: Parts) -> Iterator[Problem]:
    own = parts.kind is not None and not parts.kind.needs_data
    rungs = not own or parts.trainer.settings.get("epochs", 1) != 1
    for name in parts.space:
        if name == "epochs" and not rungs:
            continue  # where the trainer is given no length, it is a parameter as any other
        if name == "epochs":
            message = "is the length of a full training, the same for every trial; set it in"
            remedy = "; or leave trainer.epochs out, and trials are trained whole" if own else ""
            yield Problem(("space", name), f"{message} 'trainer'{remedy}", of_key=True)
        elif own and rungs and parts.kind is not None and name in parts.kind.reserved:
            message = f"{{{name}}} is given to every {parts.kind.name}; rename the parameter, or "
            message += "leave trainer.epochs out, and trials are trained whole"
            yield Problem(("space", name), message, of_key=True)
        elif name in parts.trainer.settings:
            message = "is fixed in 'trainer' too; keep one of them"
            yield Problem(("space", name), message, of_key=True)


def _cluster(parts: Parts) -> Iterator[Problem]:
    """Keys of one backend beside another, which nobody would read."""
    parallel = parts.parallel
    if parallel is None:
        return
    for name in ("scheduler", "scheduler_file", "tls"):
        if getattr(parallel, name) is not None and parallel.backend != "dask":
            message = f"is for backend dask, found backend {parallel.backend}; drop one of them"
            yield Problem(("parallel", name), message, of_key=True)
    if parallel.scheduler is not None and parallel.scheduler_file is not None:
        message = "says where the scheduler is, as 'scheduler' does; keep one of them"
        yield Problem(("parallel", "scheduler_file"), message, of_key=True)
    if parallel.engine is not None and parallel.backend != "joblib":
        message = f"is for backend joblib, found backend {parallel.backend}; drop one of them"
        yield Problem(("parallel", "engine"), message, of_key=True)
    elif parallel.backend == "joblib":
        yield from _engine(parallel, parts)


def _engine(parallel: Parallel, parts: Parts) -> Iterator[Problem]:
    """What joblib's engines cannot do."""
    from hpsearch.backends.engines import REFUSED

    for name in ("devices", "memory"):
        if getattr(parallel, name) is not None:
            message = "no engine of joblib's heeds it; drop it, or use backend local"
            yield Problem(("parallel", name), message, of_key=True)
    if parallel.engine in REFUSED:
        yield Problem(("parallel", "engine"), f"{parallel.engine} {REFUSED[parallel.engine]}")
    if parallel.engine == "threading" and parts.kind is not None and parts.kind.name != "network":
        message = f"threading is for the network: trials of a {parts.kind.name} change the process"
        message += " that they share (what is printed, the folder); take loky"
        yield Problem(("parallel", "engine"), message)


def _names(parts: Parts) -> list[str]:
    """The names that `per` and `when` may use."""
    return [*parts.space, *(name for name in parts.trainer.settings if name not in parts.space)]


def _above(name: str, parts: Parts, domains: Spanned) -> tuple[Domain | None, str]:
    """The domain that a name stands for, and where it is from."""
    if name in domains:
        return domains[name], f"space.{name}"
    return Fixed(parts.trainer.settings[name]), f"trainer.{name}"


def _unknown_name(name: str, itself: str, parts: Parts) -> str | None:
    if name == itself:
        return "names the parameter itself"
    if name in _names(parts):
        return None
    others = [each for each in _names(parts) if each != itself]
    default = ""
    if parts.kind is not None and name in parts.kind.hyperparameters:
        value = parts.kind.hyperparameters[name].default
        default = f"; to keep its default, write trainer: {{{name}: {show(value)}}}"
    suggestion = "" if default else hint(name, others)
    return f"{name!r} is neither in 'space' nor fixed in 'trainer'{suggestion}{default}"


def _expression(text: str, path: KeyPath, parts: Parts) -> Iterator[Problem]:
    """Why a text is no expression, or the first name in it that there is not."""
    try:
        names = Expression(text).names
    except ExpressionError as error:
        yield Problem(path, str(error))
        return
    itself = str(path[1]) if path[0] == "space" else ""
    for name in names:
        unknown = _unknown_name(name, itself, parts)
        if unknown is not None:
            odd = [each for each in _names(parts) if not each.isidentifier() and each in text]
            remedy = f'; write space["{odd[0]}"]' if odd else ""
            holder, _, entry = name.partition(".")
            if not odd and holder in parts.space:
                remedy = f'; an entry of {holder} is {holder}["{entry}"]'
            yield Problem(path, unknown + remedy)
            return


def _is_derived(name: str, parts: Parts) -> str | None:
    """That a name which `per` or `when` uses is of a derived value; None where it is not."""
    part = parts.space.get(name)
    if part is None or part.derive is None:
        return None
    return f"space.{name} is derived; name what it is computed from, or a parameter of its own"


def _per(above: KeyPath, per: str | None, parts: Parts, domains: Spanned) -> Iterator[Problem]:
    if per is None:
        return
    path = (*above, "per")
    unknown = _unknown_name(per, str(above[1]), parts) or _is_derived(per, parts)
    if unknown is not None:
        yield Problem(path, unknown)
        return
    named, where = _above(per, parts, domains)
    if named is None:
        return  # its problem is reported where it stands
    most = largest_integer(named)
    part = parts.space.get(per)
    if most is None or (part is not None and part.per is not None):
        yield Problem(path, f"must name one whole number of 0 or more, which {where} is not")
    elif most > MOST_COORDINATES:
        yield Problem(path, f"{where} goes up to {most:,}; at most {MOST_COORDINATES:,} for 'per'")
    if part is not None and part.cross:
        yield Problem(path, f"{where} is crossed, so lists of its length cannot be paired")


def _when(
    here: KeyPath, when: Mapping[str, Any], parts: Parts, domains: Spanned
) -> Iterator[Problem]:
    for other, given in when.items():
        path = (*here, "when", other)
        unknown = _unknown_name(other, str(here[1]), parts) or _is_derived(other, parts)
        if unknown is not None:
            yield Problem(path, unknown, of_key=True)
            continue
        above, where = _above(other, parts, domains)
        part = parts.space.get(other)
        if isinstance(above, Continuous):
            message = f"must name a choice, whole number or fixed setting; {where} is a range"
            yield Problem(path, message, of_key=True)
        elif part is not None and part.per is not None:
            message = f"must name a single value; {where} is a list"
            yield Problem(path, message, of_key=True)
        elif part is not None and part.cross:
            message = f"{where} is crossed: this parameter would lack a partner in each pair"
            yield Problem(path, message, of_key=True)
        elif above is not None:
            yield from _impossible(given, above, where, path)


def _impossible(given: Any, above: Domain, where: str, path: KeyPath) -> Iterator[Problem]:
    values = given if isinstance(given, list) else [given]
    for i, value in enumerate(values):
        here: KeyPath = (*path, i) if isinstance(given, list) else path
        if any(same(value, earlier) for earlier in values[:i]):
            yield Problem(here, f"{flow(value)} is listed twice")
        elif not above.contains(value):
            yield Problem(here, f"{where} is never {flow(value)}; {_possible(above)}")


def _possible(domain: Domain) -> str:
    config = domain.as_config()
    if "value" in config:
        return f"it is {flow(config['value'])}"
    if "values" in config:
        return f"it is one of {show_each(config['values'])}"
    return f"it lies between {config['min']} and {config['max']}"


def _circles(parts: Parts) -> Iterator[Problem]:
    """Circles of `per` and `when`, or of `derive`, each reported once, at its first parameter."""
    above = {
        name: [
            other
            for _, part in parts.alternatives(name)
            for other in (*(part.when or {}), *([part.per] if part.per else []))
        ]
        for name in parts.space
    }
    derived = {
        name: _names_in(part.derive)
        for name, part in parts.space.items()
        if part is not None and part.derive is not None
    }
    for keys, names in (("'per' and 'when'", above), ("'derive'", derived)):
        reported: set[str] = set()
        for name in names:
            circle = _circle(name, names)
            if circle and not reported & set(circle):
                reported |= set(circle)
                yield Problem(("space", name), f"a circle of {keys}: {' -> '.join(circle)}")


def _names_in(text: str) -> list[str]:
    """The names in an expression; none where it is no expression."""
    try:
        return list(Expression(text).names)
    except ExpressionError:
        return []


def _circle(start: str, above: Mapping[str, list[str]]) -> list[str]:
    """The shortest way from a name back to itself; empty if there is none, or it is one step."""
    ways = [[start]]
    seen = {start}
    for way in ways:  # grows while it is walked: breadth first
        for name in above.get(way[-1], []):
            if name == start and len(way) > 1:
                return [*way, start]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


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
    points = generator.random((count, space.dimensions))
    points[0], points[1] = 0, 1
    if space.constrained:
        points = points[keeps(space, points)]
        more = exactly(
            space, lambda n: generator.random((n, space.dimensions)), count - len(points)
        )
        points = np.vstack([points, more])
    return space.all_params(points)
