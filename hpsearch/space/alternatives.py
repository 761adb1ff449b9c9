"""One parameter with other values under other conditions: what its alternatives have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any

from hpsearch.fields import is_number
from hpsearch.space.domain import (
    LARGEST,
    MOST_VALUES,
    Choice,
    Continuous,
    Discrete,
    Domain,
    Fixed,
    distinct,
    same,
)
from hpsearch.space.scale import LINEAR
from hpsearch.space.space import Parameter, Space

MOST_STEPS = 10_000  # of the search for a setting in which two alternatives hold
MOST_NAMES = 200  # that it goes through, one that another needs

Conditions = Mapping[str, Sequence[Any] | None]
"""Values that each name may have; None for any of its values."""


def one_of(alternatives: Sequence[Parameter]) -> Parameter:
    """A parameter of these alternatives; of a single one, that one itself.

    >>> from hpsearch.space.domain import Discrete
    >>> small = Parameter("hop", Discrete(96, 320), when={"n_fft": (512,)})
    >>> large = Parameter("hop", Discrete(128, 512), when={"n_fft": (1024,)})
    >>> one_of([small, large]).domain.as_config()
    {'type': 'int', 'scale': 'linear', 'min': 96, 'max': 512}
    """
    first = alternatives[0]
    if len(alternatives) == 1:
        return first
    spanned = hull([each.domain for each in alternatives])
    return Parameter(first.name, spanned, first.per, alternatives=tuple(alternatives))


def hull(domains: Sequence[Domain]) -> Domain:
    """The smallest domain that holds all of these: what one axis of a plot needs.

    Of listed values all of them; of ranges the one from the least to the greatest value, on the
    first of their scales that can show it, in steps if all values are on one grid.

    >>> hull([Choice((1, 2)), Choice((2, 4))])
    Choice(values=(1, 2, 4), ordered=False)
    """
    if all(isinstance(domain, Choice | Fixed) for domain in domains):
        lists = [domain for domain in domains if isinstance(domain, Choice | Fixed)]
        values = distinct(value for domain in lists for value in domain.values)
        if len(values) == 1:
            return Fixed(values[0])
        ordered = all(isinstance(each, Fixed) or each.ordered for each in lists)
        if ordered and all(map(is_number, values)):
            return Choice(tuple(sorted(values)), ordered=True)
        return Choice(tuple(values))
    ranges = [domain for domain in domains if isinstance(domain, Continuous | Discrete)]
    ends = [end for domain in domains for end in _ends(domain)]
    low, high = min(ends), max(ends)
    scales = [*(each.scale for each in ranges), LINEAR]
    scale = next(each for each in scales if each.admits(low, high))
    steps = [each for each in ranges if isinstance(each, Discrete)]
    if len(steps) == len(ranges) and all(each.integer for each in steps) and _whole(ends):
        step = gcd(*(int(each.step) for each in steps), *(int(end - low) for end in ends))
        return Discrete(low, high, step, scale)
    if len(steps) == len(ranges):
        least = min(each.step for each in steps)
        if (high - low) / least <= MOST_VALUES:
            grid = Discrete(low, high, least, scale, integer=False)
            places = [*ends, *(each.value(1) for each in steps)]
            if all(map(grid.contains, places)):
                return grid
    return Continuous(float(low), float(high), scale)


def _ends(domain: Domain) -> list[Any]:
    """The least and the greatest value of a range, or the one value."""
    return [domain.at(0.0), domain.at(1.0)]


def _whole(values: Sequence[Any]) -> bool:
    return all(type(value) is int and abs(value) <= LARGEST for value in values)


def mixture(domains: Sequence[Domain]) -> tuple[int, str] | None:
    """The first domain that does not go with those before it, by index, and why.

    One parameter has values of one kind: it is a choice, or a range of whole numbers, or one of
    real numbers. A single value goes with those that are like it.
    """
    kinds = [_kind(domain) for domain in domains]
    for i, kind in enumerate(kinds):
        for j, earlier in enumerate(kinds[:i]):
            both = {kind, earlier}
            if both in ({"choice", "whole"}, {"choice", "real"}):
                words = ("lists values", "is a range")
                here, there = words if kind == "choice" else words[::-1]
                return i, f"{here}, and [{j}] {there}; make both the same"
            if both == {"whole", "real"} or (both == {"float", "whole"}):
                names = ("whole", "real") if kind == "whole" else ("real", "whole")
                found = f"is of {names[0]} numbers, and [{j}] of {names[1]} ones"
                return i, f"{found}; give both type: int, or none"
    return None


def _kind(domain: Domain) -> str:
    if isinstance(domain, Choice):
        return "choice"
    if isinstance(domain, Fixed):
        if not is_number(domain.value):
            return "choice"
        return "float" if isinstance(domain.value, float) else "any"
    return "whole" if isinstance(domain, Discrete) and domain.integer else "real"


def together(space: Space, one: Parameter, other: Parameter) -> dict[str, Any] | None:
    """Values with which two alternatives hold at once, by name; None where there are none.

    What `when` names must be active itself, and so on. Constraints are not looked at. Where that
    takes too many steps, there are none as far as anybody knows: the first then counts.
    """
    conditions = _both(_needs(one), _needs(other))
    found = None if conditions is None else _possible(space, conditions, frozenset(), [MOST_STEPS])
    return None if found is None else {name: v[0] for name, v in found.items() if v is not None}


def _needs(parameter: Parameter) -> Conditions:
    per = {} if parameter.per is None else {parameter.per: None}
    return {**per, **parameter.when}


def _both(one: Conditions, other: Conditions) -> dict[str, Sequence[Any] | None] | None:
    """Conditions that both hold; None where they contradict each other."""
    merged = dict(one)
    for name, values in other.items():
        known = merged.get(name)
        if known is None:
            merged[name] = values
        elif values is not None:
            merged[name] = shared = [v for v in known if any(same(v, each) for each in values)]
            if not shared:
                return None
    return merged


def _possible(
    space: Space, conditions: Conditions, looked_at: frozenset[str], left: list[int]
) -> Conditions | None:
    """Conditions that a setting can keep, made stricter by what they need in turn."""
    left[0] -= 1
    name = next((each for each in conditions if each not in looked_at), None)
    if name is None or left[0] < 0 or len(looked_at) > MOST_NAMES:
        return conditions if name is None else None
    values = conditions[name]
    if name not in space:
        given = space.settings.get(name)
        met = values is None or any(same(given, value) for value in values)
        return _possible(space, conditions, looked_at | {name}, left) if met else None
    for branch in space[name].branches:
        able = None if values is None else [v for v in values if branch.domain.contains(v)]
        if able == []:
            continue
        merged = _both({**conditions, name: able}, _needs(branch))
        found = None if merged is None else _possible(space, merged, looked_at | {name}, left)
        if found is not None:
            return found
    return None


def narrower(branch: Parameter, space: Space, within: Space) -> Parameter | None:
    """What has become of a parameter of a space, or of one of its alternatives, in a narrower one.

    Alternatives exclude each other, so it is the one that holds only where this one holds. None
    where it is gone.
    """
    if branch.name not in within:
        return None
    if not space[branch.name].alternatives:
        return within[branch.name]
    for each in within[branch.name].branches:
        if all(
            name in each.when
            and all(any(same(v, value) for value in values) for v in each.when[name])
            for name, values in branch.when.items()
        ):
            return each
    return None
