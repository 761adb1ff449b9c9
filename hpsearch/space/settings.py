"""How many settings a space holds, and which: without an end where a range of reals is active."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count as naturals
from typing import Any

from hpsearch.space.domain import Domain
from hpsearch.space.parameter import Parameter
from hpsearch.space.space import Space
from hpsearch.trial import Params, Value


def count(space: Space, most: int) -> int:
    """How many different settings there are, counted up to `most`.

    Only parameters that `when` and `per` name are gone through one by one; how many values
    each of the others has depends on nothing else.

    >>> from hpsearch.space import Discrete
    >>> layers, units = Parameter("n", Discrete(0, 2)), Parameter("u", Discrete(1, 3), per="n")
    >>> count(Space((layers, units)), most=100)
    13
    """
    named = {name for p in space for name in (*p.when, *((p.per,) if p.per else ()))}
    deciding = [p for p in space.in_order if p.name in named]
    others = [p for p in space.in_order if p.name not in named]
    return _count(space, deciding, others, {}, most)


def _count(
    space: Space,
    deciding: list[Parameter],
    others: list[Parameter],
    known: Mapping[str, Any],
    most: int,
) -> int:
    if not deciding:
        total = 1
        for parameter in others:
            total *= _ways(space, parameter, known, most)
            if total >= most:
                return most
        return total
    parameter, rest = deciding[0], deciding[1:]
    if not space.active(parameter, known):
        return _count(space, rest, others, known, most)
    total = 0
    for value, alike in _classes(space, parameter):
        inner = {**known, parameter.name: value}
        total += alike * _count(space, rest, others, inner, most)
        if total >= most:
            return most
    return total


def _ways(space: Space, parameter: Parameter, known: Mapping[str, Any], most: int) -> int:
    """How many values a parameter can have beside known ones; 1 where it has none."""
    if not space.active(parameter, known):
        return 1
    length, values = space.length(parameter, known), parameter.domain.count
    if length == 0:
        return 1
    if values is None:
        return most
    return values if length is None else min(values**length, most)


def _classes(space: Space, parameter: Parameter) -> Iterator[tuple[Any, int]]:
    """Values of a deciding parameter, each with how many there are that decide alike."""
    domain = parameter.domain
    values = domain.count
    assert values is not None  # a range of reals decides nothing
    if any(other.per == parameter.name for other in space):
        yield from ((domain.nth(index), 1) for index in range(values))
        return
    named = {
        index
        for other in space
        for value in other.when.get(parameter.name, ())
        if (index := _index(domain, value)) is not None
    }
    yield from ((domain.nth(index), 1) for index in sorted(named))
    if len(named) < values:
        other = next(index for index in naturals() if index not in named)
        yield domain.nth(other), values - len(named)


def _index(domain: Domain, value: Value) -> int | None:
    index = getattr(domain, "index", None)
    if index is None:
        return 0 if domain.contains(value) else None
    found: int | None = index(value)
    return found


def settings(space: Space) -> Iterator[dict[str, Any]]:
    """Every setting of a space, each once; the first of its parameters changes slowest."""
    order, names = space.in_order, [parameter.name for parameter in space]
    known: dict[str, Any] = {}
    ways = [_values(space, order[0], known)] if order else []
    if not order:
        yield {}
    while ways:
        parameter = order[len(ways) - 1]
        known.pop(parameter.name, None)
        value = next(ways[-1], None)
        if value is None:
            ways.pop()
            continue
        known |= value
        if len(ways) < len(order):
            ways.append(_values(space, order[len(ways)], known))
        else:
            yield {name: known[name] for name in names if name in known}


def _values(
    space: Space, parameter: Parameter, known: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The entries that a parameter can add to a setting: none once, where it is inactive."""
    if not space.active(parameter, known):
        return iter([{}])
    name, domain = parameter.name, parameter.domain
    length = space.length(parameter, known)
    if length == 0:
        return iter([{name: []}])
    if length is None:
        indices = naturals() if domain.count is None else range(domain.count)
        return ({name: domain.nth(index)} for index in indices)
    lists = _lists(domain, length)
    return ({name: entries} for entries in lists)


def _lists(domain: Domain, length: int) -> Iterator[list[Any]]:
    """Lists of so many values: all of them, or of real numbers ever new first ones."""
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
    """What tells settings apart that are written as their space writes them."""
    return repr(sorted(params.items()))


def draw_key(space: Space, params: Params) -> str:
    """What tells draws apart: all but the crossed choices, of which a draw has every one."""
    if space.crossed == 1:
        return key(params)
    return key({name: value for name, value in params.items() if not space[name].cross})


def drawn(space: Space, tried: Iterable[Params]) -> set[str]:
    """The keys of the draws whose every crossing has been tried."""
    if space.crossed == 1:
        return {key(params) for params in tried}
    crossings: dict[str, set[str]] = {}
    for params in tried:
        if all(name in space for name in params):
            crossings.setdefault(draw_key(space, params), set()).add(key(params))
    return {each for each, found in crossings.items() if len(found) >= space.crossed}


def untried(space: Space, tried: Iterable[Params], most: int) -> int:
    """How many draws of a space are left beside what was tried, counted up to `most`."""
    inside = drawn(space, (params for params in tried if space.contains(params)))
    held = count(space, (most + len(inside)) * space.crossed) // space.crossed
    return min(most, held - len(inside))
