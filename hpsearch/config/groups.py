"""Groups of parameters below a choice, `choice: {adam: {beta1: ...}}`, as `values` and `when`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hpsearch.config.problems import KeyPath, Problem
from hpsearch.config.space_rules import are_alternatives
from hpsearch.fields import show

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
        listed = are_alternatives(given)
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


def _are_groups(value: Any) -> bool:
    named = isinstance(value, dict) and value != {}
    return named and all(isinstance(body, dict | None) for body in value.values())
