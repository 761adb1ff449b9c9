"""From a tree of plain values to typed parts, with every problem of structure on the way.

The parts are validated one by one, and each again without its faulty keys: what is sound in
a part with a mistake can then still be checked against the others, so that all problems are
reported at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from hpsearch.config.problems import KeyPath, Problem
from hpsearch.config.schema import (
    Babysit,
    Confirm,
    Halving,
    Heading,
    Metric,
    NormalKeys,
    Parallel,
    ParameterKeys,
    Search,
    Tls,
)
from hpsearch.config.space_rules import are_alternatives, is_scalar, is_single_or_list
from hpsearch.data.options import DataOptions
from hpsearch.errors import TrainerError
from hpsearch.fields import Keys, choice, show
from hpsearch.suggestions import ELSEWHERE, hint, nearest
from hpsearch.trainers import kinds
from hpsearch.trainers.hyperparameter import standard, wrong
from hpsearch.trainers.kinds import Kind

INSIDE: Mapping[str, type[Keys]] = {
    "halving": Halving,
    "confirm": Confirm,
    "tls": Tls,
    "normal": NormalKeys,
}
"""Keys whose values are mappings with known keys."""

SECTIONS = ("data", "trainer", "metric", "space", "search", "parallel", "babysit")

Section = TypeVar("Section", bound=Keys)


@dataclass(frozen=True)
class TrainerParts:
    """What is sound in `trainer`; no kind, where it names none that there is."""

    kind: Kind | None
    settings: Mapping[str, Any]  # fixed hyperparameters
    options: Mapping[str, Any]  # the kind's other keys


@dataclass(frozen=True)
class Parts:
    """What is well typed: None, or left out, where nothing sound was found."""

    heading: Heading | None
    data: DataOptions | None
    trainer: TrainerParts
    metric: Metric | None
    space: Mapping[str, ParameterKeys | None]  # every name, in order
    search: Search | None
    parallel: Parallel | None
    babysit: Babysit | None
    other_metrics: tuple[Metric | None, ...] = ()  # after the first, where `metric` is a list
    several_metrics: bool = False  # whether it is
    listed: Mapping[str, tuple[ParameterKeys, ...]] = field(default_factory=dict)
    """The alternatives of each parameter that is written as a list; `space` has the first."""

    def alternatives(self, name: str) -> list[tuple[KeyPath, ParameterKeys]]:
        """The alternatives of a parameter, or its only form, each with its place; sound ones."""
        if name in self.listed:
            return [(("space", name, i), each) for i, each in enumerate(self.listed[name])]
        part = self.space[name]
        return [] if part is None else [(("space", name), part)]

    @property
    def metrics(self) -> list[tuple[KeyPath, Metric | None]]:
        """Every metric with its place, None where it is not sound; the first one decides."""
        listed = (self.metric, *self.other_metrics)
        if not self.several_metrics:
            return [(("metric",), self.metric)]
        return [(("metric", place), each) for place, each in enumerate(listed)]

    @property
    def where(self) -> tuple[str, ...]:
        """The texts of the constraints."""
        return () if self.heading is None else self.heading.where

    @property
    def kind(self) -> Kind | None:
        """The kind of trainer, where one is named."""
        return self.trainer.kind


def read(
    tree: Mapping[str, Any], trainer: TrainerParts, searched: bool = True
) -> tuple[Parts, list[Problem]]:
    """The parts of a configuration beside its trainer, and what is wrong with their structure.

    `searched` says whether there must be anything to search.
    """
    problems: list[Problem] = []

    def part(cls: type[Section], name: str) -> Section | None:
        typed, found = typed_part(cls, tree.get(name), (name,))
        problems.extend(found)
        return typed

    scalars = {key: value for key, value in tree.items() if key not in SECTIONS}
    heading, found = typed_part(Heading, scalars, (), known=(*names_of(Heading), *SECTIONS))
    problems += found
    space: dict[str, ParameterKeys | None] = {}
    listed: dict[str, tuple[ParameterKeys, ...]] = {}
    if searched or tree.get("space"):
        space, listed, found = parameters(tree.get("space"), trainer.kind)
        problems += found
    metrics, found = _metrics(tree.get("metric"))
    problems += found
    parts = Parts(
        heading=heading,
        data=None if tree.get("data") is None else part(DataOptions, "data"),
        trainer=trainer,
        metric=metrics[0],
        space=space,
        search=part(Search, "search"),
        parallel=part(Parallel, "parallel"),
        babysit=part(Babysit, "babysit"),
        other_metrics=tuple(metrics[1:]),
        several_metrics=isinstance(tree.get("metric"), list),
        listed=listed,
    )
    return parts, problems


ROLES = ("goal", "at_most", "at_least")
"""The keys that say what a further metric is for."""


def _metrics(value: Any) -> tuple[list[Metric | None], list[Problem]]:
    """The metrics of a mapping, or of a list of them; the first one decides."""
    if not isinstance(value, list):
        typed, problems = typed_part(Metric, value, ("metric",))
        return [typed], problems
    if not value:
        message = "must be a metric such as {name: val_accuracy}, or a list of them; found []"
        return [None], [Problem(("metric",), message)]
    metrics, problems = [], list[Problem]()
    for place, each in enumerate(value):
        typed, found = typed_part(Metric, each, ("metric", place))
        if place and isinstance(each, dict) and each.get("name") is None:
            found = [Problem(("metric", place, "name"), "missing; say which metric"), *found]
            typed = None
        if any(problem.path[-1] in ROLES or problem.of_key for problem in found):
            typed = None  # whether it has a goal or a bound cannot be said
        metrics.append(typed)
        problems += found
    return metrics, problems


def names_of(cls: type[Keys]) -> list[str]:
    """The keys of a part."""
    return [each.name for each in fields(cls)]  # type: ignore[arg-type]  # all are dataclasses


def typed_part(
    cls: type[Section], value: Any, path: KeyPath, known: Iterable[str] = ()
) -> tuple[Section | None, list[Problem]]:
    """A part, made of its sound keys; None if a key that it needs is not sound."""
    value = {} if value is None else value
    if not isinstance(value, dict):
        keys = ", ".join(names_of(cls))
        return None, [Problem(path, f"must be a mapping with keys {keys}; found {show(value)}")]
    check = _checker(cls).validate_python  # type: ignore[arg-type]  # classes are hashable
    try:
        return check(value), []
    except ValidationError as error:
        errors = error.errors()
    known = list(known) or names_of(cls)
    problems = [_problem(found, cls, path, known) for found in errors]
    faulty = {found["loc"][0] for found in errors}
    try:
        return check({k: v for k, v in value.items() if k not in faulty}), problems
    except ValidationError:
        return None, problems


@cache
def _checker(cls: type[Section]) -> TypeAdapter[Section]:
    return TypeAdapter(cls)


def _problem(error: Any, cls: type[Keys], path: KeyPath, known: list[str]) -> Problem:
    *above, key = map(str, error["loc"])
    here = (*path, *above, key)
    for name in above:  # a part inside this one
        cls = INSIDE[name]
        known = names_of(cls)
    if error["type"] == "unexpected_keyword_argument":
        return Problem(here, _unknown_key(key, known), of_key=True)
    if error["type"] == "missing":
        field = next(each for each in fields(cls) if each.name == key)  # type: ignore[arg-type]
        return Problem(here, f"missing; for example {key}: {field.metadata['examples'][0]}")
    return Problem(here, str(error["ctx"]["error"]))


def _unknown_key(key: str, known: list[str]) -> str:
    if nearest(key, known, ELSEWHERE) is None:
        elsewhere = _sections()
        if (meant := key if key in elsewhere else nearest(key, elsewhere, ELSEWHERE)) is not None:
            return f"unknown key (did you mean '{elsewhere[meant]}.{meant}'?)"
    return f"unknown key{hint(key, known)}"


def _sections() -> dict[str, str]:
    """The section of each key; a hyperparameter that is the same in all trials is `trainer`'s."""
    found = {"kind": "trainer"}
    for kind in reversed(kinds.built_in()):
        found |= dict.fromkeys([*kind.options, *kind.hyperparameters], "trainer")
    sections = {
        "metric": Metric,
        "data": DataOptions,
        "parallel": Parallel,
        "search": Search,
        "babysit": Babysit,
    }
    for section, cls in sections.items():
        found |= dict.fromkeys(names_of(cls), section)
    return found


def trainer_parts(value: Any) -> tuple[TrainerParts, list[Problem]]:
    """The kind of trainer, its sound settings and options, and problems."""
    value = {} if value is None else value
    if not isinstance(value, dict):
        message = f"must be a mapping such as {{kind: network, epochs: 30}}; found {show(value)}"
        return TrainerParts(None, {}, {}), [Problem(("trainer",), message)]
    try:
        name = choice(*kinds.names()).apply(value.get("kind", "network"))
        kind = kinds.kind_named(name).variant([key for key in value if value[key] is not None])
    except (ValueError, TrainerError) as error:
        return TrainerParts(None, {}, {}), [Problem(("trainer", "kind"), str(error))]
    options, problems = _options(kind, value)
    settings = {}
    for name, given in value.items():
        path = ("trainer", name)
        hyperparameter = kind.hyperparameters.get(name)
        if name == "kind" or name in kind.options:
            continue
        if hyperparameter is None:
            names = ["kind", *kind.options, *kind.hyperparameters]
            message = f"the {kind.name} has no such hyperparameter{hint(name, names)}"
            if kind.any_names:
                message = (
                    f"unknown key{hint(name, names)}; a value that every trial shares goes in"
                )
                message += f" 'space', as {name}: {{value: ...}}"
            problems.append(Problem(path, message, of_key=True))
            continue
        setting = standard(given, hyperparameter)
        able = is_single_or_list(given)
        wrongness = wrong(hyperparameter, setting) if able else _not_fixed(given)
        if wrongness:
            problems.append(Problem(path, wrongness))
        else:
            settings[name] = setting
    settings.setdefault("epochs", kind.hyperparameters["epochs"].default)
    return TrainerParts(kind, settings, options), problems


def _options(kind: Kind, value: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The keys of `trainer` that are no hyperparameters; null is the same as left out."""
    options, problems = {}, []
    for option in kind.options.values():
        path = ("trainer", option.name)
        given = value.get(option.name)
        if given is None:
            if option.required:
                message = f"missing; for example {option.name}: {option.example}"
                problems.append(Problem(path, message))
            elif option.default is not None:
                options[option.name] = option.default
            continue
        try:
            options[option.name] = option.rule.apply(given)
        except ValueError as error:
            problems.append(Problem(path, str(error)))
    return options, problems


def _not_fixed(value: Any) -> str:
    if isinstance(value, dict):
        return "must be one fixed value; to search it, move it to 'space'"
    return f"must be one finite value, found {show(value)}"


def parameters(
    value: Any, kind: Kind | None
) -> tuple[dict[str, ParameterKeys | None], dict[str, tuple[ParameterKeys, ...]], list[Problem]]:
    """Every parameter by name, None where it is not sound; those written as lists; problems."""
    path: KeyPath = ("space",)
    if value is None or value == {}:
        message = "names no hyperparameter to search; for example learning_rate: {scale: log, "
        return {}, {}, [Problem(path, message + "min: 1e-4, max: 1}")]
    if not isinstance(value, dict):
        message = f"must be a mapping of hyperparameters to ranges; found {show(value)}"
        return {}, {}, [Problem(path, message)]
    typed: dict[str, ParameterKeys | None] = {}
    listed: dict[str, tuple[ParameterKeys, ...]] = {}
    problems = []
    for name, given in value.items():
        here = (*path, name)
        if kind is not None and not kind.any_names and name not in kind.hyperparameters:
            message = f"the {kind.name} has no such hyperparameter"
            message += hint(name, kind.hyperparameters)
            problems.append(Problem(here, message, of_key=True))
        if isinstance(given, dict):
            typed[name], found = typed_part(ParameterKeys, given, here)
            typed[name] = None if found else typed[name]
            problems += found
        elif are_alternatives(given):
            alternatives, found = _alternatives(given, here)
            typed[name] = next(iter(alternatives), None)
            if alternatives:
                listed[name] = alternatives
            problems += found
        else:
            typed[name] = None
            problems.append(Problem(here, _not_a_parameter(given)))
    return typed, listed, problems


def _alternatives(
    given: list[Any], path: KeyPath
) -> tuple[tuple[ParameterKeys, ...], list[Problem]]:
    """The alternatives of a parameter, none where one of them is not sound, and problems."""
    typed, problems = [], list[Problem]()
    for i, each in enumerate(given):
        if isinstance(each, dict):
            part, found = typed_part(ParameterKeys, each, (*path, i))
            typed += [] if part is None else [part]
            problems += found
        else:
            message = "must be a mapping with keys and 'when', as each alternative is; found {}"
            problems.append(Problem((*path, i), message.format(show(each))))
    return () if problems else tuple(typed), problems


def _not_a_parameter(value: Any) -> str:
    if isinstance(value, list):
        return "must be a mapping; for a choice write {values: [...]}"
    if value is None or not is_scalar(value):
        return "must be a mapping with min and max, or values, or value, or derive"
    return f"must be a mapping; to fix it write {{value: {show(value)}}}, or fix it in 'trainer'"
