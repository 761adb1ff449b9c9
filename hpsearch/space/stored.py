"""A space as `as_config` wrote it, made again without the checks that a user's space needs.

What no space can be is refused all the same: a file may be damaged, or a stranger's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpsearch.fields import is_finite
from hpsearch.space.alternatives import mixture, one_of
from hpsearch.space.domain import (
    LARGEST,
    MOST_VALUES,
    Choice,
    Continuous,
    Discrete,
    Domain,
    Fixed,
    ascending,
)
from hpsearch.space.expression import Expression
from hpsearch.space.scale import SCALES, Normal, Scale
from hpsearch.space.space import Derived, Parameter, Space, largest_integer
from hpsearch.trial import Choosable, Value

MOST_COORDINATES = 1000


def space_from_config(
    tree: Mapping[str, Any],
    settings: Mapping[str, Choosable],
    where: Sequence[str] = (),
) -> Space:
    """The space that `Space.as_config` wrote.

    Args:
        tree: the keys of each parameter, or of each of its alternatives, by name.
        settings: fixed settings of the trainer.
        where: the texts of its constraints.

    Raises:
        ValueError: no space can be so.

    >>> written = {"layers": {"type": "int", "scale": "linear", "min": 1, "max": 3}}
    >>> space_from_config(written, {}).as_config() == written
    True
    """
    parameters, derived = [], []
    for name, keys in tree.items():
        try:
            if isinstance(keys, list):
                parameters.append(_alternatives(name, keys))
            elif "derive" in keys:
                derived.append(_derived(name, keys))
            else:
                parameters.append(_parameter(name, keys))
        except ValueError as error:
            raise ValueError(f"space.{name}: {error}") from None
    constraints = tuple(map(Expression, where))
    space = Space(tuple(parameters), settings, tuple(derived), constraints)
    _check_expressions(space)
    coordinates = sum(_coordinates(parameter, space) for parameter in space)
    if coordinates > MOST_COORDINATES:
        raise ValueError(f"space: has more than {MOST_COORDINATES:,} coordinates")
    try:
        space.in_order  # noqa: B018 (raises)
    except RecursionError:
        raise ValueError("space: 'per' and 'when' name each other too deeply") from None
    return space


def _alternatives(name: str, listed: Sequence[Any]) -> Parameter:
    if len(listed) < 2 or not all(isinstance(keys, dict) for keys in listed):
        raise ValueError("alternatives must be two mappings at least")
    found = [_parameter(name, keys) for keys in listed]
    if any(not each.when or each.cross or each.per != found[0].per for each in found):
        raise ValueError("alternatives must each have 'when', no 'cross', and the same 'per'")
    if (odd := mixture([each.domain for each in found])) is not None:
        raise ValueError(f"[{odd[0]}] {odd[1]}")
    return one_of(found)


def _parameter(name: str, keys: Mapping[str, Any]) -> Parameter:
    domain = _domain(keys)
    per, when, cross = keys.get("per"), keys.get("when", {}), keys.get("cross", False)
    if not isinstance(per, str | None) or per == "" or not isinstance(when, dict):
        raise ValueError("per must name a parameter, and when parameters with values")
    if cross is not False and (cross is not True or not isinstance(domain, Choice) or per or when):
        raise ValueError("cross must be true of values that always count")
    guess = (_choosable(keys["guess"]),) if "guess" in keys else ()
    if not all(map(domain.contains, guess)):
        raise ValueError("guess must be a value that the parameter can have")
    return Parameter(name, domain, per, _conditions(when), cross, guess)


def _derived(name: str, keys: Mapping[str, Any]) -> Derived:
    when = keys.get("when", {})
    if not isinstance(keys["derive"], str) or not isinstance(when, dict):
        raise ValueError("derive must be text, and when parameters with values")
    return Derived(name, Expression(keys["derive"]), _conditions(when))


def _conditions(when: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    values = {
        other: given if isinstance(given, list) else [given] for other, given in when.items()
    }
    return {other: tuple(map(_scalar, given)) for other, given in values.items()}


def _check_expressions(space: Space) -> None:
    """Refuse texts that are no expressions, or name what is not there."""
    texts = {f"where[{i}]": each.names for i, each in enumerate(space.where)}
    texts |= {f"space.{each.name}": each.depends_on for each in space.derived}
    for place, names in texts.items():
        for name in names:
            if name not in space.names and name not in space.settings:
                raise ValueError(f"{place}: names {name!r}, which is not there")
    space.derived_order  # noqa: B018 (raises)


def _coordinates(parameter: Parameter, space: Space) -> int:
    """How many coordinates a parameter has, whose `per` and `when` name what they can."""
    where = f"space.{parameter.name}"
    for name in parameter.depends_on:
        if name not in space and name not in space.settings:
            raise ValueError(f"{where}: names {name!r}, which is not there")
        if name in space and (space[name].per or isinstance(space[name].domain, Continuous)):
            raise ValueError(f"{where}: names {name!r}, which is no single value of a few")
    searched = sum(not each.fixed for each in parameter.branches)
    if parameter.per is None:
        return searched
    named = space[parameter.per].domain if parameter.per in space else None
    length = largest_integer(named or Fixed(space.settings[parameter.per]))
    if length is None or length > MOST_COORDINATES:
        raise ValueError(f"{where}: per must name a whole number up to {MOST_COORDINATES:,}")
    return searched * length


def _domain(keys: Mapping[str, Any]) -> Domain:
    """The domain that `as_config` wrote."""
    if "value" in keys:
        return Fixed(_choosable(keys["value"]))
    if "values" in keys:
        values = keys["values"]
        if not isinstance(values, list) or len(values) < 2:
            raise ValueError("values must be a list of two at least")
        ordered = keys.get("ordered", ascending(values))
        if not isinstance(ordered, bool):
            raise ValueError("ordered must be true or false")
        return Choice(tuple(map(_choosable, values)), ordered)
    scales = {name: scale for name, scale in SCALES.items() if name == keys.get("scale")}
    low, high, step = keys.get("min"), keys.get("max"), keys.get("step")
    integer = keys.get("type") == "int"
    step = 1 if integer and step is None else step
    if not scales or not all(map(is_finite, (low, high, 0 if step is None else step))):
        raise ValueError("must have a scale that is known, and a finite min, max and step")
    assert low is not None
    assert high is not None
    (scale,) = scales.values()
    normal = _normal(keys.get("normal"), scale, (low, high))
    if not low < high or not scale.admits(low, high):
        raise ValueError(f"no {scale.name} range goes from {low} to {high}")
    if step is None:
        low, high = float(low), float(high)
        return _told_apart(Continuous(low, high, scale, normal), scale, (low, high))
    whole = all(type(number) is int and abs(number) <= LARGEST for number in (low, high, step))
    made = Discrete(low, high, step, scale, integer, normal)
    if step <= 0 or made.count < 2 or (integer and not whole):
        raise ValueError(f"no steps of {step} go from {low} to {high}")
    if not (integer and normal is None) and (high - low) / step > MOST_VALUES:
        raise ValueError(f"has more than {MOST_VALUES:,} values")
    ends = (made.value(made.count - 2), made.value(made.count - 1))
    _told_apart(made, scale, (made.value(0), made.value(1)))
    return _told_apart(made, scale, ends)


def _normal(keys: Any, scale: Scale, bounds: tuple[float, float]) -> Normal | None:
    """The normal law of a range."""
    if keys is None:
        return None
    sound = isinstance(keys, dict) and set(keys) == {"mean", "deviation"}
    if not sound or not all(map(is_finite, keys.values())) or keys["deviation"] <= 0:
        raise ValueError("normal must have a finite mean and a deviation above 0")
    normal = Normal(**keys)
    if not scale.admits(normal.mean, normal.mean) or not scale.admits(*bounds):
        raise ValueError(f"no {scale.name} range has the mean {normal.mean}")
    if not normal.reaches(scale, *bounds):
        raise ValueError(f"no draw reaches from the mean {normal.mean} to its bounds")
    return normal


def _told_apart(domain: Domain, scale: Scale, values: tuple[float, float]) -> Domain:
    if float(scale.warp(values[0])) == float(scale.warp(values[1])):
        raise ValueError(f"{values[0]} and {values[1]} are the same on the {scale.name} scale")
    return domain


def _choosable(value: Any) -> Choosable:
    if isinstance(value, dict):
        return {name: _single_or_list(entry) for name, entry in value.items()}
    return _single_or_list(value)


def _single_or_list(value: Any) -> Value | list[Value]:
    return [_scalar(entry) for entry in value] if isinstance(value, list) else _scalar(value)


def _scalar(value: Any) -> Any:
    if not isinstance(value, str | bool | None) and not is_finite(value):
        raise ValueError("has a value that no hyperparameter can have")
    return value
