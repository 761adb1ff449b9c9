"""How many settings a space has, and which; infinitely many where a continuous one is active."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import count as naturals
from itertools import islice
from typing import Any

from hpsearch.space.domain import Choice, Discrete, Domain, Fixed
from hpsearch.space.space import Parameter, Space
from hpsearch.trial import Params

NOT_LISTED = (
    "a range of real numbers, of which sampler grid cannot try each; name its values: [...], "
    "give it a step, or take sampler random"
)
"""Why a parameter's values are not listed, and what to do."""

LISTABLE = 50_000  # settings that are looked at one by one, whether they keep the constraints


def count(space: Space, most: int) -> int:
    """How many different settings there are, or `most` if there are more.

    Only the values of parameters that `when` and `per` name are gone through one by one; those
    of the others only need to be counted. Under constraints all settings are gone through, up to
    `LISTABLE`; where there are more, `most` of them are said to keep the constraints.

    >>> from hpsearch.space import Discrete
    >>> layers, units = Parameter("n", Discrete(0, 2)), Parameter("u", Discrete(1, 3), per="n")
    >>> count(Space((layers, units)), most=100)
    13
    """
    if space.constrained and most > 0:
        if count(replace(space, derived=(), where=()), LISTABLE) == LISTABLE:
            return most
        return sum(1 for _ in islice(settings(space), most))
    deciding = [p for p in space.in_order if p.name in space.deciding]
    others = [p for p in space.in_order if p.name not in space.deciding]
    return _count(space, deciding, others, {}, most)


def _count(
    space: Space,
    deciding: list[Parameter],
    others: list[Parameter],
    chosen: Mapping[str, Any],
    most: int,
) -> int:
    if not deciding:
        total = 1
        for parameter in others:
            total *= _ways(space, parameter, chosen, most)
            if total >= most:
                return most
        return total
    parameter, rest = deciding[0], deciding[1:]
    branch = space.branch(parameter, chosen)
    if branch is None:
        return _count(space, rest, others, chosen, most)
    total = 0
    for value, alike in _classes(space, branch):
        inner = {**chosen, parameter.name: value}
        total += alike * _count(space, rest, others, inner, most)
        if total >= most:
            return most
    return total


def _ways(space: Space, parameter: Parameter, chosen: Mapping[str, Any], most: int) -> int:
    """How many values a parameter can have beside those chosen; 1 where it is inactive."""
    branch = space.branch(parameter, chosen)
    if branch is None:
        return 1
    length, values = space.length(branch, chosen), branch.domain.count
    if length == 0:
        return 1
    if values is None:
        return most
    return values if length is None else min(values**length, most)


def _classes(space: Space, parameter: Parameter) -> Iterator[tuple[Any, int]]:
    """Values of a deciding parameter, each with how many values have the same consequences."""
    domain = parameter.domain
    assert isinstance(domain, Choice | Discrete | Fixed)  # a range of reals decides nothing
    values = domain.count
    if any(other.per == parameter.name for other in space):
        yield from ((domain.nth(index), 1) for index in range(values))
        return
    named = {
        index
        for other in space
        for branch in other.branches
        for value in branch.when.get(parameter.name, ())
        if (index := domain.index(value)) is not None
    }
    yield from ((domain.nth(index), 1) for index in sorted(named))
    if len(named) < values:
        other = next(index for index in naturals() if index not in named)
        yield domain.nth(other), values - len(named)


def settings(space: Space) -> Iterator[dict[str, Any]]:
    """Every setting of a space once; the first parameter changes slowest.

    Under constraints those that keep them, of the first `LISTABLE`.
    """
    if not space.constrained:
        return _settings(space)
    every = map(space.with_derived, islice(_settings(space), LISTABLE))
    return filter(space.feasible, every)


def _settings(space: Space) -> Iterator[dict[str, Any]]:
    """Every setting, whether it keeps the constraints or not."""
    order, names = space.in_order, [parameter.name for parameter in space]
    chosen: dict[str, Any] = {}
    ways = [_values(space, order[0], chosen)] if order else []
    if not order:
        yield {}
    while ways:
        parameter = order[len(ways) - 1]
        chosen.pop(parameter.name, None)
        value = next(ways[-1], None)
        if value is None:
            ways.pop()
            continue
        chosen |= value
        if len(ways) < len(order):
            ways.append(_values(space, order[len(ways)], chosen))
        else:
            yield {name: chosen[name] for name in names if name in chosen}


def _values(
    space: Space, parameter: Parameter, chosen: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """What a parameter can add to a setting: once nothing, where it is inactive."""
    branch = space.branch(parameter, chosen)
    if branch is None:
        return iter([{}])
    name, domain = branch.name, branch.domain
    length = space.length(branch, chosen)
    if length == 0:
        return iter([{name: []}])
    if length is None:
        indices = naturals() if domain.count is None else range(domain.count)
        return ({name: domain.nth(index)} for index in indices)
    return ({name: entries} for entries in _lists(domain, length))


def _lists(domain: Domain, length: int) -> Iterator[list[Any]]:
    """All lists of so many values; of real numbers, lists that differ in the first one."""
    values = domain.count
    if values is None:
        yield from ([domain.nth(i), *[domain.nth(0)] * (length - 1)] for i in naturals())
        return
    for number in range(values**length):
        digits = []
        for _ in range(length):
            number, digit = divmod(number, values)
            digits.append(domain.nth(digit))
        yield digits[::-1]


def key(params: Params) -> str:
    """A text that is equal for equal settings; they must be in the form of `Space.standard`."""
    return repr(sorted(params.items()))


def draw_key(space: Space, params: Params) -> str:
    """The key of the draw that a setting is of: without the crossed choices."""
    if space.crossed == 1:
        return key(params)
    return key({n: value for n, value in params.items() if n in space and not space[n].cross})


def drawn(space: Space, tried: Iterable[Params]) -> set[str]:
    """The keys of the draws all of whose crossings have been tried."""
    if space.crossed == 1:
        return {key(params) for params in tried}
    crossings: dict[str, set[str]] = {}
    for params in tried:
        if all(name in space.names for name in params):
            crossings.setdefault(draw_key(space, params), set()).add(key(params))
    return {each for each, found in crossings.items() if len(found) >= space.crossed}


def untried(space: Space, tried: Iterable[Params], most: int) -> int:
    """How many draws have not been tried, or `most` if there are more.

    Args:
        space: whose draws they are.
        tried: settings, in the space or outside it.
        most: where to stop counting.
    """
    inside = drawn(space, (params for params in tried if space.contains(params)))
    draws = count(space, (most + len(inside)) * space.crossed) // space.crossed
    return min(most, draws - len(inside))
