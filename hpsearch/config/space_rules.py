"""Rules for the keys that hold more than one value: choices and groups, conditions, starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hpsearch.config.problems import KeyPath, Problem
from hpsearch.fields import Rule, finite, is_number, show

SCALAR = {"type": ["number", "string", "boolean", "null"]}
LIST = {"type": "array", "items": SCALAR}
CHOOSABLE = {
    "anyOf": [SCALAR, LIST, {"type": "object", "additionalProperties": {"anyOf": [SCALAR, LIST]}}]
}


def is_scalar(value: Any) -> bool:
    """Whether a value is a finite number, a text, true, false or null."""
    if is_number(value):
        try:
            finite().check(value)
        except ValueError:
            return False
    return isinstance(value, int | float | str | bool | None)


def is_choosable(value: Any) -> bool:
    """Whether a value can be one of a choice: a scalar, a list of them, or a mapping to these."""
    if isinstance(value, dict):
        named = all(isinstance(name, str) for name in value)
        return named and all(map(is_single_or_list, value.values()))
    return is_single_or_list(value)


def is_single_or_list(value: Any) -> bool:
    """Whether a value is a scalar or a list of scalars."""
    return all(map(is_scalar, value)) if isinstance(value, list) else is_scalar(value)


def choosable() -> Rule:
    """One value, or a list or mapping that is one value, such as the units of each layer."""

    def check(value: Any) -> Any:
        if not is_choosable(value):
            raise ValueError(
                "a finite number, text, true, false, null, or a list or mapping of these"
            )
        return value

    return Rule(check, CHOOSABLE)


def choices() -> Rule:
    """The values of a choice."""

    def check(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError("a list such as [16, 32, 64]")
        if not value:
            raise ValueError("a list of at least one value")
        for place, entry in enumerate(value):
            if not is_choosable(entry):
                one = "a finite number, text, true, false, null, or a list or mapping of these"
                raise ValueError(f"a list; each value {one}", f"; values[{place}] is none of them")
        return value

    return Rule(check, {"type": "array", "items": CHOOSABLE, "minItems": 1, "uniqueItems": True})


def groups() -> Rule:
    """The groups of a choice: its values, each with the parameters that count with it."""

    def check(value: Any) -> dict[str, Any]:
        example = "{adam: {beta1: {min: 0.8, max: 0.99}}, sgd: {}}"
        expected = f"a mapping of values to the parameters of each, such as {example}"
        if not isinstance(value, dict) or not value:
            raise ValueError(expected)
        for name, body in value.items():
            if not isinstance(body, dict | None):
                raise ValueError(expected, f" in which {show(name)} is {show(body)}")
        return value

    body = {"type": ["object", "null"]}
    return Rule(check, {"type": "object", "additionalProperties": body, "minProperties": 1})


def _are_groups(value: Any) -> bool:
    named = isinstance(value, dict) and value != {}
    return named and all(isinstance(body, dict | None) for body in value.values())


def conditions() -> Rule:
    """Names, each with the value or values that it must have."""

    def check(value: Any) -> dict[str, Any]:
        expected = "a mapping of names to a value or values, such as {optimizer: momentum}"
        if not isinstance(value, dict) or not value:
            raise ValueError(expected)
        if not all(is_single_or_list(given) and given != [] for given in value.values()):
            raise ValueError(expected)
        return value

    one_or_more = {"anyOf": [SCALAR, {"type": "array", "items": SCALAR, "minItems": 1}]}
    schema = {"type": "object", "additionalProperties": one_or_more, "minProperties": 1}
    return Rule(check, schema)


def constraints() -> Rule:
    """Texts that must hold of every trial."""

    def check(value: Any) -> tuple[str, ...]:
        if value is None:
            return ()
        expected = 'a list of texts such as ["beta1 < beta2"]'
        if not isinstance(value, list):
            raise ValueError(expected)
        for place, text in enumerate(value):
            if not isinstance(text, str):
                raise ValueError(expected, f"; where[{place}] is {show(text)}, put it in quotes")
        return tuple(value)

    return Rule(check, {"type": ["array", "null"], "items": {"type": "string"}})


def start() -> Rule:
    """Settings to start with, or a run's name."""

    def check(value: Any) -> str | list[dict[str, Any]]:
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            return value
        raise ValueError("a list of settings such as [{learning_rate: 0.01}], or a run's name")

    setting = {"type": "object", "additionalProperties": CHOOSABLE}
    listed = {"type": "array", "items": setting, "minItems": 1}
    return Rule(check, {"anyOf": [listed, {"type": "string", "minLength": 1}]})


OTHER_FORMS = (*("values", "value", "derive", "min", "max", "scale", "type", "step", "normal"),)
"""Keys that say what a parameter can be, as `choice` does."""

Around = Mapping[str, tuple[Any, KeyPath]]
"""The values that groups around a parameter stand for, by name, each with the group's place."""


@dataclass
class Ungrouped:
    """A space without groups: each `choice` as `values`, and a `when` in each of its parameters.

    Attributes:
        space: the keys of each parameter by name; a list of them where several groups have it.
        moved: for parts of this space, where they stand in the space with groups.
        problems: what groups cannot say.
    """

    space: dict[str, Any] = field(default_factory=dict)
    moved: dict[KeyPath, KeyPath] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class _Written:
    """A parameter, or one of its alternatives, as it stands somewhere in a space."""

    keys: Any  # with the conditions of the groups around it
    place: KeyPath
    around: Around
    groups: tuple[str, ...]  # the values that have one, of `choice`
    listed: bool  # as one of a list


def ungrouped(space: Mapping[str, Any]) -> Ungrouped:
    """A space with each `choice` written as `values` and `when`.

    A name that stands in several groups becomes a list of alternatives.

    >>> groups = {"adam": {"beta1": {"min": 0.8, "max": 0.99}}, "sgd": None}
    >>> ungrouped({"optimizer": {"choice": groups}}).space["beta1"]
    {'min': 0.8, 'max': 0.99, 'when': {'optimizer': 'adam'}}
    """
    found = Ungrouped()
    written: dict[str, list[_Written]] = {}
    _walk(space, ("space",), {}, written, found.problems)
    for name, forms in written.items():
        single = len(forms) == 1 and not forms[0].listed
        found.space[name] = forms[0].keys if single else [form.keys for form in forms]
        found.moved[("space", name)] = forms[0].place if single else forms[0].place[:2]
        for i, form in enumerate(forms):
            here: KeyPath = ("space", name) if single else ("space", name, i)
            found.moved[here] = form.place
            for other, (_, group) in form.around.items():
                found.moved[(*here, "when", other)] = group
            for j, value in enumerate(form.groups):
                found.moved[(*here, "values")] = (*form.place, "choice")
                found.moved[(*here, "values", j)] = (*form.place, "choice", value)
    return found


def _walk(
    body: Mapping[str, Any],
    path: KeyPath,
    around: Around,
    written: dict[str, list[_Written]],
    problems: list[Problem],
) -> None:
    """Collect the parameters of a group and of the groups inside it.

    Args:
        body: the parameters by name.
        path: where they stand.
        around: of the groups that they stand in.
        written: what was found of each name; more is added.
        problems: likewise.
    """
    for name, given in body.items():
        listed = isinstance(given, list) and any(isinstance(each, dict) for each in given)
        for i, keys in enumerate(given if listed else [given]):
            place: KeyPath = (*path, name, i) if listed else (*path, name)
            groups: Any = keys.get("choice") if isinstance(keys, dict) else None
            grouped: dict[str, Any] = groups if _are_groups(groups) else {}
            if grouped:
                keys = _as_values(keys, place, problems)
            inside = _within(keys, place, around, problems)
            written.setdefault(name, []).append(
                _Written(inside, place, around, tuple(grouped), listed)
            )
            when = (
                keys["when"] if grouped and listed and isinstance(keys.get("when"), dict) else {}
            )
            more = {other: (value, (*place, "when", other)) for other, value in when.items()}
            for value, inner in grouped.items():
                group = (*place, "choice", value)
                deeper = {**more, **around, name: (value, group)}
                _walk(inner or {}, group, deeper, written, problems)


def _as_values(keys: Mapping[str, Any], place: KeyPath, problems: list[Problem]) -> dict[str, Any]:
    """The keys of a parameter, with `values` instead of its groups."""
    groups = keys["choice"]
    refused = {
        key: "says in another way what 'choice' says; keep one of them"
        for key in keys
        if key in OTHER_FORMS and keys[key] is not None
    }
    filled = next((name for name, body in groups.items() if body), None)
    if filled is not None and keys.get("per") is not None:
        refused["per"] = f"makes lists, of which group {show(filled)} could not depend; drop it"
    if filled is not None and keys.get("cross") is True:
        message = "trains each draw with every value, but those of group"
        refused["cross"] = f"{message} {show(filled)} would lack a partner; drop it"
    problems += [Problem((*place, key), why, of_key=True) for key, why in refused.items()]
    kept = {key: value for key, value in keys.items() if key not in {*refused, "choice"}}
    return {**kept, "values": list(groups)}


def _within(keys: Any, place: KeyPath, around: Around, problems: list[Problem]) -> Any:
    """The keys of a parameter with a condition for each of the groups that it stands in."""
    if not around or not isinstance(keys, dict) or not isinstance(keys.get("when"), dict | None):
        return keys
    own = dict(keys.get("when") or {})
    for name in [name for name in own if name in around]:
        message = f"stands in a group where {name} is {show(around[name][0])}; drop it"
        problems.append(Problem((*place, "when", name), message, of_key=True))
        del own[name]
    return {**keys, "when": {**{name: value for name, (value, _) in around.items()}, **own}}
