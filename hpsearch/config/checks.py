"""What the parts of a configuration must hold together: functions over what is well typed."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from hpsearch.config.parts import Parts
from hpsearch.config.problems import KeyPath, Problem
from hpsearch.config.references import Domains, references, spanned
from hpsearch.config.schema import Metric, Parallel
from hpsearch.fields import show
from hpsearch.messages import counted
from hpsearch.space.settings import NOT_LISTED
from hpsearch.suggestions import hint
from hpsearch.trainers.kinds import Kind


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
    yield from references(parts, spanned(parts, domains))


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
    listed = [metric for _, metric in parts.metrics]
    for place, (path, metric) in enumerate(parts.metrics):
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
            if kind.any_names:
                message += "; rows that choose between trials are validation rows: rename it so"
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
    for place, (path, metric) in enumerate(parts.metrics):
        if metric is None or metric.target is None or kind is None:
            continue
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
                yield Problem(path, NOT_LISTED)


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
