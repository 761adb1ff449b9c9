"""YAML file or Python dict -> Config, or every problem in it."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hpsearch.config import checks, overrides, starting, yaml_text
from hpsearch.config.domains import derived_mixture, domain, misfit_alternatives
from hpsearch.config.foreign import TOOLS, documents, tool_of
from hpsearch.config.groups import ungrouped
from hpsearch.config.misfits import misfits
from hpsearch.config.parts import (
    Parts,
    TrainerParts,
    parameters,
    read,
    trainer_parts,
    typed_part,
)
from hpsearch.config.problems import Positions, Problem
from hpsearch.config.references import Domains, references, spanned
from hpsearch.config.schema import ABSENT, Config, Heading, Metric, Parallel, Tls, TrainerConfig
from hpsearch.data.options import BUILT_IN
from hpsearch.errors import ConfigError, as_argument
from hpsearch.fields import show
from hpsearch.messages import expanded
from hpsearch.space import Derived, Domain, Expression, Parameter, Space, one_of
from hpsearch.suggestions import nearest
from hpsearch.trainers.kinds import Kind, kind_named
from hpsearch.trial import Params


def from_file(
    path: Path, settings: Iterable[str], options: Mapping[str, Any], searched: bool = True
) -> Config:
    """The configuration in a YAML file, with overrides laid over it."""
    text = _bytes(path)
    try:
        tree, places, problems = yaml_text.read(text, str(path))
    except ConfigError:
        _refuse_other_tools(path, *_documents(text))
        raise
    if tree is None:
        raise ConfigError(
            f"{path}: is empty; `hpsearch init` writes a configuration to start from"
        )
    _refuse_other_tools(path, tree)
    if not isinstance(tree, dict):
        keys = "a mapping with keys such as data, space and search"
        raise ConfigError(
            f"{path}:1:1: a configuration is {keys}; found {show(tree)}; if these are data, "
            f"write a configuration for them: hpsearch init {as_argument(path)}"
        )
    tree, places, found = overrides.lay_over(tree, places, settings, options)
    stem = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in path.stem)
    name = stem.lstrip("._-")[:100] or "search"
    return _config(tree, places, problems + found, path.parent, name, text, searched)


def _documents(text: bytes) -> list[Any]:
    """What a file that is no YAML of ours may hold as another tool reads it."""
    try:
        return documents(text.decode("utf-8-sig"))
    except ValueError:
        return []


def _refuse_other_tools(path: Path, *trees: Any) -> None:
    """Refuse a file that describes the search of another tool, and say what makes it ours."""
    for tool in filter(None, map(tool_of, trees)):
        into = f"hpsearch init --from {as_argument(path)} -o {as_argument(_beside(path))}"
        raise ConfigError(f"{path}: is {TOOLS[tool]}; make a configuration of it: {into}")


def from_tree(
    tree: Mapping[str, Any],
    base: Path,
    settings: Iterable[str] = (),
    options: Mapping[str, Any] = MappingProxyType({}),
    searched: bool = True,
) -> Config:
    """The configuration in a dict of plain values, with overrides laid over it.

    Args:
        tree: the same keys as in YAML.
        base: the folder that paths are relative to.
        settings: `KEY=VALUE` texts, as `--set` takes them.
        options: values of command line options, by name; None for one that was not given.
        searched: whether there must be anything to search.

    Raises:
        ConfigError: every problem, each with its dotted key.
    """
    sound, problems = yaml_text.plain(tree)
    sound, places, found = overrides.lay_over(sound, Positions(), settings, options)
    return _config(sound, places, problems + found, base, "search", None, searched)


def space_from_tree(tree: Mapping[str, Any], where: Sequence[str] = ()) -> Space:
    """A space alone, of whatever names; no trainer says which there are."""
    sound, problems = yaml_text.plain({"space": tree, "where": list(where)})
    sound, places, written = _ungrouped(sound, Positions(), problems)
    typed, listed, found = parameters(sound.get("space"), None)
    heading, wrong = typed_part(Heading, {"where": sound.get("where")}, ())
    trainer = TrainerParts(None, {}, {})
    parts = Parts(heading, None, trainer, None, typed, None, None, None, listed=listed)
    domains, more = _domains(parts)
    problems = found + wrong + more
    problems += references(parts, spanned(parts, domains))
    if not problems:
        space = _space(parts, domains)
        problems += misfits(space, parts)
    if written or problems:
        raise ConfigError(places.lines([*written, *map(places.as_written, problems)]))
    return space


def metrics_from_tree(tree: Any) -> tuple[Metric, ...]:
    """Metrics alone, of whatever names: what a configuration has under `metric`."""
    sound, problems = yaml_text.plain({"metric": tree})
    kind = kind_named("function")  # which may report any
    trainer = TrainerParts(kind, {}, {})
    parts, found = read(filled(sound, kind), trainer, searched=False)
    problems = [*problems, *found, *checks.metrics(parts)]
    if problems:
        raise ConfigError(Positions().lines(problems))
    return tuple(metric for _, metric in parts.metrics if metric is not None)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if (size := os.fstat(file.fileno()).st_size) > yaml_text.MOST_BYTES:
                raise yaml_text.too_long(str(path), size)
            return file.read(yaml_text.MOST_BYTES + 1)
    except FileNotFoundError:
        near = _meant(path)
        hint = f" (did you mean '{near}'?)" if near is not None else ""
        init = f"hpsearch init -o {as_argument(path)}"
        start = "" if near is not None else f"; `{init}` writes one to start from"
        raise ConfigError(f"{path}: no such file{hint}{start}") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: a configuration is a file, this is a folder") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: cannot be read: {reason}") from None


def _beside(path: Path) -> Path:
    """A file for the configuration that is made of another tool's."""
    return path.with_name("search.yaml" if path.name != "search.yaml" else "hpsearch.yaml")


def _meant(path: Path) -> Path | None:
    """The configuration that a name stands for: beside it, or in a folder `configs` there."""
    found = [
        file
        for folder in (path.parent, path.parent / "configs")
        if folder.is_dir()
        for file in sorted(folder.iterdir())
        if file.suffix in (".yaml", ".yml") and file.is_file()
    ]
    same = [file for file in found if file.stem in (path.name, path.stem)]
    near = nearest(path.name, [file.name for file in found])
    near = near or nearest(path.stem, [file.stem for file in found])
    return next(iter([*same, *(file for file in found if near in (file.name, file.stem))]), None)


def _config(
    tree: dict[str, Any],
    places: Positions,
    problems: list[Problem],
    base: Path,
    name: str,
    text: bytes | None,
    searched: bool,
) -> Config:
    tree, places, problems = _ungrouped(tree, places, problems)
    written = problems
    section, found = trainer_parts(tree.get("trainer"))
    problems = problems + found
    parts, found = read(filled(tree, section.kind), section, searched)
    problems += found
    domains, found = _domains(parts)
    problems += found
    problems += checks.problems(parts, domains)
    problems += checks.missing_data(parts, given=tree.get("data") is not None)
    space: Space | None = None
    start: tuple[Params, ...] | str = ()
    if not any(problem.path[:1] in (("space",), ("trainer",), ("where",)) for problem in problems):
        space = _space(parts, domains)
        found = list(misfits(space, parts))
        start, more = _start(parts, space) if not found else ((), [])
        problems += found + more
    if problems:
        moved = map(places.as_written, problems[len(written) :])
        raise ConfigError(places.lines([*written, *moved]))
    assert space is not None
    assert parts.kind is not None
    beside = base
    named = [option.name for option in parts.kind.options.values() if option.place is not None]
    origins = [("data", "source"), *(("trainer", key) for key in named)]
    if any(places.origin(path) is not None for path in origins):
        base = Path.cwd()
    config = _complete(parts, space, start, base, name, text)
    return replace(config, parallel=_located(config.parallel, places, beside))


def _ungrouped(
    tree: dict[str, Any], places: Positions, problems: list[Problem]
) -> tuple[dict[str, Any], Positions, list[Problem]]:
    """A tree without groups in its space, where its parts stand, and the problems so far."""
    if not isinstance(tree.get("space"), dict):
        return tree, places, problems
    found = ungrouped(tree["space"])
    moved = {read: stands for read, stands in found.moved.items() if read != stands}
    places = replace(places, moved=moved)
    return {**tree, "space": found.space}, places, [*problems, *found.problems]


def filled(tree: Mapping[str, Any], kind: Kind | None) -> dict[str, Any]:
    """The tree with what a user leaves out and other keys decide.

    - The metric is the one that this kind of trainer reports, its goal whatever suits it. A
      further one has a goal only where it says so, or has no bound.
    - Trainings that are compared in pairs are equally long and equally many: a crossed choice
      turns off halving and confirmation.
    - A front is made of completed trials: further objectives turn off halving, too.
    - A user's trainer may be slow, or ignore seeds, and is not confirmed.
    - Only the sampler zoom draws candidates that can be screened.
    - A grid and a budget of epochs bound the trials themselves.
    """
    if kind is None:
        return dict(tree)
    found = {
        name: {} if tree.get(name) is None else dict(tree[name])
        for name in ("metric", "search", "space")
        if isinstance(tree.get(name), dict | None)
    }
    metric, search, space = (found.get(name, {}) for name in ("metric", "search", "space"))
    several: dict[str, Any] = {}
    if isinstance(tree.get("metric"), list):
        several["metric"] = listed = [
            dict(each) if isinstance(each, dict) else each for each in tree["metric"]
        ]
        metric = next((each for each in listed[:1] if isinstance(each, dict)), {})
        for each in listed[1:]:
            named = isinstance(each, dict) and isinstance(each.get("name"), str)
            if named and not {"at_most", "at_least"} & each.keys() and each.get("goal") is None:
                each["goal"] = kind.goal(each["name"])
    metric.setdefault("name", kind.default_metric)
    if metric.get("goal") is None and isinstance(metric["name"], str):
        metric["goal"] = kind.goal(metric["name"])
    written = [each[0] if isinstance(each, list) and each else each for each in space.values()]
    crossed = any(isinstance(keys, dict) and keys.get("cross") is True for keys in written)
    others = several.get("metric", [])[1:]
    front = any(isinstance(each, dict) and each.get("goal") is not None for each in others)
    if crossed or front:
        search.setdefault("halving", False)
    if crossed or kind.code is not None:
        search.setdefault("confirm", False)
    if search.get("sampler", "zoom") != "zoom":
        search.setdefault("screen", False)
    if search.get("sampler") == "grid" or search.get("max_epochs") is not None:
        search.setdefault("trials", None)
    return {**tree, **found, **several}


def _domains(parts: Parts) -> tuple[Domains, list[Problem]]:
    domains: dict[str, tuple[Domain | None, ...]] = {}
    problems: list[Problem] = []
    known = {} if parts.kind is None else parts.kind.hyperparameters
    for name in parts.space:
        found: list[Domain | None] = []
        alternatives = parts.alternatives(name)
        for path, part in alternatives:
            values = None
            if part.derive is not None:
                problems += derived_mixture(part, path)
            else:
                values, wrong = domain(part, path, known.get(name))
                problems += wrong
            found.append(values)
        domains[name] = tuple(found)
        if len(alternatives) > 1:
            problems += misfit_alternatives(alternatives, found)
    return domains, problems


def _space(parts: Parts, domains: Domains) -> Space:
    parameters, derived = [], []
    hulls = spanned(parts, domains)
    for name in parts.space:
        alternatives = []
        for (_, part), values in zip(parts.alternatives(name), domains[name], strict=True):
            when = {
                other: tuple(_standard(hulls.get(other), value) for value in _listed(given))
                for other, given in (part.when or {}).items()
            }
            if part.derive is not None:
                derived.append(Derived(name, Expression(part.derive), when))
                continue
            assert values is not None
            guess = () if part.guess == ABSENT else (values.standard(part.guess),)
            alternatives.append(Parameter(name, values, part.per, when, part.cross, guess))
        if alternatives:
            parameters.append(one_of(alternatives))
    settings, where = dict(parts.trainer.settings), map(Expression, parts.where)
    return Space(tuple(parameters), settings, tuple(derived), tuple(where))


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _standard(above: Domain | None, value: Any) -> Any:
    """A value that `when` names, as the parameter that it is of has it."""
    return value if above is None else above.standard(value)


def _start(parts: Parts, space: Space) -> tuple[tuple[Params, ...] | str, list[Problem]]:
    given = parts.search.start if parts.search is not None else None
    if not isinstance(given, list):
        return given or (), []
    assert parts.kind is not None
    assert parts.search is not None
    defaults = {name: known.default for name, known in parts.kind.hyperparameters.items()}
    return starting.settings(given, space, defaults, parts.search.trials)


def _complete(
    parts: Parts,
    space: Space,
    start: tuple[Params, ...] | str,
    base: Path,
    name: str,
    text: bytes | None,
) -> Config:
    """The configuration made of parts in which no problem was found."""
    heading, trainer, data, search = parts.heading, parts.trainer, parts.data, parts.search
    assert heading is not None
    assert parts.kind is not None
    assert parts.metric is not None
    assert search is not None
    assert parts.parallel is not None
    assert parts.babysit is not None
    whole = TrainerConfig(parts.kind.name, dict(trainer.settings), _options(parts, base))
    halving = search.halving if whole.epochs > 1 else None
    return Config(
        name=heading.name or name,
        seed=heading.seed,
        where=heading.where,
        data=None if data is None else replace(data, source=_source(data.source, base)),
        trainer=whole,
        metric=parts.metric,
        space=space,
        search=replace(search, halving=halving, start=start),
        parallel=parts.parallel,
        babysit=parts.babysit,
        other_metrics=tuple(each for each in parts.other_metrics if each is not None),
        text=text,
    )


def _options(parts: Parts, base: Path) -> dict[str, Any]:
    """The options of the trainer, with full paths."""
    options = dict(parts.trainer.options)
    for option in parts.kind.options.values() if parts.kind is not None else ():
        if option.place == "folder":
            options[option.name] = _full(base, options.get(option.name, ""))
        elif option.place == "file" and option.name in options:
            options[option.name] = expanded(options[option.name])
    return options


def _located(parallel: Parallel, places: Positions, beside: Path) -> Parallel:
    """The files of a cluster with full paths: from the configuration's folder, or from here."""

    def full(*keys: str) -> str | None:
        *above, name = keys
        value = getattr(parallel.tls if above else parallel, name, None)
        here = places.origin(("parallel", *keys)) is not None  # by an option or --set
        return None if value is None else _full(Path.cwd() if here else beside, value)

    tls = parallel.tls and Tls(*(full("tls", each.name) for each in fields(Tls)))
    return replace(parallel, scheduler_file=full("scheduler_file"), tls=tls)


def _full(base: Path, path: str) -> str:
    return os.path.abspath(base / expanded(path))  # noqa: PTH100 (resolve() follows links)


def _source(source: str, base: Path) -> str:
    return source if source in BUILT_IN else _full(base, source)
