"""What may change in a babysat model while it trains, and to what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hpsearch.config import Config
from hpsearch.errors import ConfigError, RunError
from hpsearch.fields import show
from hpsearch.messages import printable
from hpsearch.searching.history import check_settings
from hpsearch.space import Parameter, Space
from hpsearch.space.domain import same
from hpsearch.store import RunDirectory, SafePath
from hpsearch.suggestions import ELSEWHERE, did_you_mean
from hpsearch.trainers.hyperparameter import standard, wrong
from hpsearch.trainers.kinds import Kind, built_in, kind_of, kind_read
from hpsearch.trial import Intervention, Params, is_stored_number

FACTOR = 3.0
"""By which a key raises or lowers the learning rate."""

SECTIONS = ("trainer", "data", "metric", "space", "search", "parallel", "babysit", "name", "seed")
"""What a configuration has beside the parameters of a model, which --set may name bare."""

RATES = ("learning_rate", "lr")
"""What a learning rate is called."""


def settings_with(config: Config, params: Params) -> dict[str, Any]:
    """Every setting of a training: the configuration's fixed ones and a babysat model's own.

    A user's trainer gets only names of the space: a diary may come from a stranger, and in a
    command another name could stand for the checkpoint folder, say. As in a search it gets none
    that a change has made inactive.
    """
    if not kind_read(config.trainer).any_names:
        return {**config.trainer.settings, **config.space.with_derived(params)}
    active: dict[str, Any] = {}
    for parameter in config.space.in_order:
        if parameter.name in params and config.space.active(parameter, active):
            active[parameter.name] = params[parameter.name]
    own = {name: value for name, value in params.items() if name == "epochs" or name in active}
    return {**config.trainer.settings, **config.space.with_derived(own)}


def searched(space: Space, params: Params) -> Params:
    """A setting without what is derived: that follows anew from each change."""
    derived = {each.name for each in space.derived}
    return {name: value for name, value in params.items() if name not in derived}


def middle(config: Config, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The setting at the middle of a space, with some values given instead.

    A parameter that is active only with a given value is at its middle, too.
    """
    return _completed(config.space, dict(given or {}))


def _completed(space: Space, given: dict[str, Any]) -> dict[str, Any]:
    """A setting with every active parameter of the space, and none that is inactive.

    A list has as many values as there are layers, say: the first of those that it had, then some
    in the middle.
    """
    chosen: dict[str, Any] = {}
    for parameter in space.in_order:
        branch = space.branch(parameter, chosen)
        if branch is None:
            given.pop(parameter.name, None)
            continue
        length = space.length(parameter, chosen)
        found = given.get(parameter.name, [])
        if length is not None and isinstance(found, list):
            more = [branch.domain.at(0.5)] * max(0, length - len(found))
            given[parameter.name] = [*found, *more][:length]
        elif parameter.name not in given:
            given[parameter.name] = branch.domain.at(0.5)
        chosen[parameter.name] = given[parameter.name]
    others = {name: value for name, value in given.items() if name not in chosen}
    return {**{p.name: chosen[p.name] for p in space if p.name in chosen}, **others}


def named_values(texts: Iterable[str]) -> dict[str, Any]:
    """What `--set NAME=VALUE` gives, by name; `trainer.NAME` is the same.

    Raises:
        ConfigError: a text is no setting.
    """
    from hpsearch.config.overrides import read_setting  # no reader of a run waits for YAML

    values: dict[str, Any] = {}
    for text in texts:
        if not text.partition("=")[0].strip() or "=" not in text:
            raise ConfigError(
                f"--set {text}: write NAME=VALUE, for example --set learning_rate=0.003"
            )
        parts, value, _ = read_setting(text)
        values[".".join(parts).removeprefix("trainer.")] = value
    return values


def sorted_out(
    texts: Iterable[str], sections: Iterable[str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Texts of `--set`: values of a model's parameters by name, and all other texts.

    `learning_rate=0.1` and `trainer.learning_rate=0.1` are values, `trainer.kind=network` and
    what begins with another section of a configuration is not.

    Args:
        texts: `KEY=VALUE`, as a user wrote them.
        sections: of a configuration, with the keys that stand alone.
    """
    from hpsearch.config.overrides import read_setting  # likewise

    values: dict[str, Any] = {}
    others: list[str] = []
    keys = {"kind", "epochs", *(key for kind in built_in() for key in kind.options)}
    for text in texts:
        parts, value, _ = read_setting(text)
        trainers = parts[0] == "trainer" and len(parts) > 1
        name = ".".join(parts[1:] if trainers else parts)
        if name == "epochs":
            others.append(f"trainer.epochs={text.partition('=')[2]}")
        elif (trainers and name in keys) or (not trainers and parts[0] in sections):
            others.append(text)
        else:
            values[name] = value
    return values, tuple(others)


def changes(
    config: Config, params: Params, given: Mapping[str, Any], epoch: int
) -> dict[str, Any]:
    """What becomes of a setting by some given values: all parameters that differ then.

    A parameter of the space that becomes active gets the given value, be that its default, or
    the middle of its range, so that it is not filled in by a later change.

    Args:
        config: of the training.
        params: its setting now.
        given: values by name, as a user wrote them.
        epoch: the last one trained; a value must fit it.

    Raises:
        ConfigError: every problem: a name that is none, a value that cannot be, what cannot
            change while a model trains, what would change nothing.
    """
    check(config, given, epoch)
    kind, space = kind_of(config.trainer), config.space
    values = {n: standard(v, kind.hyperparameters.get(n)) for n, v in given.items()}
    after = _completed(space, {**params, **values})
    settings = settings_with(config, after)
    problems, ignored = _lengths(values, after), {}
    if not problems and not kind.any_names:
        problems = [f"{name}: {problem}" for name, problem in kind.check_settings(settings)]
        ignored = dict(kind.ignored_settings({**settings, **values}))
    for name in given:
        if name in ignored:
            problems.append(f"{name}: would change nothing: {ignored[name]}")
        elif name not in after:
            problems.append(f"{name}: would change nothing: it is not active with this setting")
    if not problems:
        problems = [*_unkept(config, after), *_derived_for_good(config, params, settings)]
    if problems:
        raise ConfigError(problems)
    changed = {
        name: value
        for name, value in after.items()
        if not same(current(config, params, name), value) or (name in space and name not in params)
    }
    if given and not changed:
        shown = ", ".join(f"{name} is {show(after[name])}" for name in given)
        raise ConfigError(f"nothing would change: {shown} already")
    return changed


def check(config: Config, given: Mapping[str, Any], epoch: int) -> None:
    """Refuse names that are none, values that cannot be, and what cannot change.

    Raises:
        ConfigError: every such problem.
    """
    kind, space = kind_of(config.trainer), config.space
    problems = [
        f"{name}: {problem}"
        for name, value in given.items()
        if (problem := _problem(kind, space, name, value, epoch))
    ]
    if problems:
        raise ConfigError(problems)


def problems_of(config: Config, given: Mapping[str, Any], params: Params) -> list[str]:
    """What is wrong with values that a model shall begin with.

    Args:
        config: of the training.
        given: the values by name, as a user wrote them.
        params: the whole setting with them.
    """
    kind, space = kind_of(config.trainer), config.space
    problems = []
    for name, value in given.items():
        problem = _problem(kind, space, name, value, epoch=0, begins=True)
        if problem is None and name not in params:
            problem = "is not active with this setting"
        if problem is not None:
            problems.append(f"{name}: {problem}")
    problems = problems or _lengths(given, params) or _unkept(config, params)
    if problems or kind.any_names:
        return problems
    settings = settings_with(config, params)
    return [f"{name}: {problem}" for name, problem in kind.check_settings(settings)]


def _unkept(config: Config, params: Params) -> list[str]:
    """The constraint that a setting does not keep, if there is one."""
    violation = config.space.violation(settings_with(config, params))
    if violation is None:
        return []
    return [f"where: the setting {violation}; give values that do with --set NAME=VALUE"]


def _derived_for_good(config: Config, params: Params, after: Mapping[str, Any]) -> list[str]:
    """What is derived, would change with the others, and cannot while the model trains."""
    kind, before = kind_of(config.trainer), settings_with(config, params)
    return [
        f"{each.name}: is derived and would change to {show(after.get(each.name))}, which it "
        f"cannot while the model trains: {known.constant}"
        for each in config.space.derived
        if (known := kind.hyperparameters.get(each.name)) is not None
        and known.constant
        and not same(before.get(each.name), after.get(each.name))
    ]


def _lengths(given: Mapping[str, Any], after: Params) -> list[str]:
    """Which of some given lists have not as many values as the setting with them has."""
    problems = []
    for name, value in given.items():
        now = after.get(name)
        if isinstance(value, list) and isinstance(now, list) and len(value) != len(now):
            problems.append(f"{name}: must have {len(now)} values, found {len(value)}")
    return problems


def _problem(
    kind: Kind, space: Space, name: str, value: Any, epoch: int, begins: bool = False
) -> str | None:
    """What is wrong with a value of a parameter, as the model begins or later; None: nothing."""
    known = kind.hyperparameters.get(name)
    if name == "epochs" and known is not None:
        if (problem := wrong(known, value)) is not None:
            return problem
        return None if value > epoch else f"must be more than the {epoch} that are trained"
    if name in space.names and name not in space:
        return "is derived; change what it is computed from"
    if kind.any_names and name in space:
        return _of_space(space[name], value)
    if known is None:
        names = [*dict.fromkeys([*(p.name for p in space), *kind.hyperparameters])]
        hint = did_you_mean(name, names, ELSEWHERE)
        return f"is no parameter of this model{hint or '; there are ' + ', '.join(names)}"
    if known.constant and not begins:
        return f"cannot change while the model trains: {known.constant}"
    return wrong(known, value)


def _of_space(parameter: Parameter, value: Any) -> str | None:
    """The same for a parameter of a trainer of the user's: the space alone says what it is.

    A number may lie outside the range that was searched, on the right side of what the scale
    can show.
    """
    domain = parameter.domain
    entries = value if parameter.per is not None and isinstance(value, list) else [value]
    if parameter.per is not None and not isinstance(value, list):
        return f"must be a list, as `per: {parameter.per}` has it, found {show(value)}"
    for entry in entries:
        if parameter.categorical or parameter.fixed:
            if not domain.contains(entry):
                choices = domain.as_config()
                allowed = choices.get("values", [choices.get("value")])
                return f"must be one of {', '.join(map(show, allowed))}, found {show(entry)}"
        elif not is_stored_number(entry):
            return f"must be a number, found {show(entry)}"
        else:
            found = domain.as_config()
            scale = found.get("scale", "linear")
            if found.get("type") == "int" and not float(entry).is_integer():
                return f"must be a whole number, found {show(entry)}"
            if scale == "log" and entry <= 0:
                return f"must be above 0, as its scale is log, found {show(entry)}"
            if scale == "1-10^r" and entry >= 1:
                return f"must be below 1, as its scale is 1-10^r, found {show(entry)}"
    return None


def rate_name(config: Config, params: Params) -> str | None:
    """What the learning rate is called; None where there is none to change."""
    settings = settings_with(config, params)
    kind = kind_read(config.trainer)
    for name in RATES:
        if name in settings or name in kind.hyperparameters:
            return name
    return None


def current(config: Config, params: Params, name: str) -> Any:
    """The value of a parameter now: its own, a fixed one, or the trainer's default."""
    settings = settings_with(config, params)
    if name in settings:
        return settings[name]
    known = kind_read(config.trainer).hyperparameters.get(name)
    return None if known is None else known.default


def check_diary(
    begun: Sequence[tuple[int, Params]],
    diary: Iterable[Intervention],
    config: Config,
    run: RunDirectory,
) -> None:
    """Refuse values in run.json or a diary that no user can have set: it may be a stranger's.

    Raises:
        RunError: a value is of another type than its parameter's, or what the model began with
            is not in the order of its epochs.
    """
    starts = [epoch for epoch, _ in begun]
    if not starts or starts[0] != 0 or starts != sorted({*starts}):
        raise RunError(
            f"{run.path / 'run.json'}: babysit.settings: must each hold from a later epoch on, "
            f"the first from 0, found {starts[:10]}; the file is damaged; restore it"
        )
    for params in (params for _, params in begun):
        _check_values(params, config, run.inside / "run.json")
    for done in diary:
        if done.action in ("set", "branch", "rescue"):  # of an undo the values are the line's
            after = {name: after for name, (_, after) in done.set.items()}
            _check_values(after, config, run.inside / "interventions.jsonl", trained=True)


def _check_values(params: Params, config: Config, file: SafePath, trained: bool = False) -> None:
    """Refuse values that no user can have set, of a model that is `trained` a little already."""
    kind = kind_read(config.trainer)
    if kind.any_names:
        own = {name: value for name, value in params.items() if name != "epochs"}
        check_settings([(0, own)], config.space, file, "restore the file")
    for name, value in params.items():
        known = kind.hyperparameters.get(name)
        if known is None and kind.any_names:
            continue
        problem = "is no parameter" if known is None else known.check(value)
        if trained and known is not None and known.constant:
            problem = "cannot change while the model trains"
        if problem:
            raise RunError(f"{file}: {printable(name)[:40]}: {problem}; restore the file")
