"""Moving the bounds of a space: closer around good settings, or further out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import inf, isfinite
from typing import Any, Literal

import numpy as np

from hpsearch.fields import is_number
from hpsearch.space.alternatives import one_of
from hpsearch.space.domain import Choice, Continuous, Discrete, Domain, Fixed, ascending, same
from hpsearch.space.scale import LINEAR
from hpsearch.space.space import Parameter, Space
from hpsearch.trial import Params

MARGIN = 0.05  # of the old range, left around the elites on either side
GROWTH = 0.5  # of the old range, in the warped coordinate, by which it is widened
NEAR = 0.15  # of the old range, left around a single setting on either side
DIGITS = 3  # significant digits of a new bound: people read and edit these


def narrow(space: Space, elites: Sequence[Params], margin: float = MARGIN) -> Space:
    """The smallest space with round bounds that contains the elites and a margin around them.

    Every parameter becomes narrower or stays equal. A continuous one becomes strictly narrower
    unless the elites reach both its ends. Discrete values stay on their grid, choices keep the
    values that the elites have (ordered ones those between them, too), and a parameter with
    one value left becomes fixed. One that is active in no elite stays as it is; one that can no
    longer be active is removed. The same holds for each of its alternatives.

    Args:
        space: what to narrow.
        elites: the good settings.
        margin: as a share of the old range, on the scale of the parameter.
    """
    narrowed = {
        parameter.name: [
            replace(branch, domain=_narrow_domain(branch, used, margin) if used else branch.domain)
            for branch in parameter.branches
            for used in [_used(branch, space, elites)]
        ]
        for parameter in space
    }
    kept: dict[str, list[Parameter]] = {}
    for name, branches in narrowed.items():
        kept[name] = []
        for branch in branches:
            when = {
                above: tuple(v for v in values if _remains(v, narrowed.get(above)))
                for above, values in branch.when.items()
            }
            if all(when.values()):
                guess = () if branch.fixed else branch.guess
                guess = tuple(value for value in guess if branch.domain.contains(value))
                kept[name].append(replace(branch, when=when, guess=guess))
    return space.with_parameters(_without_orphans(kept, space))


def _remains(value: Any, branches: Sequence[Parameter] | None) -> bool:
    """Whether a parameter can still have a value; None stands for a fixed setting."""
    return branches is None or any(branch.domain.contains(value) for branch in branches)


def around(space: Space, params: Params) -> Space:
    """The smallest space with round bounds around one setting.

    A range keeps NEAR of it on either side; discrete values and ordered choices keep the
    neighbours of the value, other choices become fixed. A value that lies outside the space is
    taken in, where its scale allows it.

    >>> from hpsearch.space.scale import LOG
    >>> space = Space((Parameter("rate", Continuous(1e-4, 1, LOG)), Parameter("size", Choice((16,
    ...     32, 64, 128), ordered=True))))
    >>> [each.as_config() for each in around(space, {"rate": 0.01, "size": 32})]
    [{'scale': 'log', 'min': 0.00251, 'max': 0.0399}, {'values': [16, 32, 64]}]
    """
    parameters: list[Parameter] = []
    near = []
    for parameter in space:
        here = space.branch(parameter, params) if parameter.alternatives else parameter
        if here is None or parameter.name not in params:
            parameters.append(parameter)
            continue
        value = params[parameter.name]
        wider = replace(here, domain=_with(here, value))
        parameters.append(one_of([wider if b is here else b for b in parameter.branches]))
        if parameter.per is None:
            near += [{**params, here.name: v} for v in _neighbours(wider.domain, value)]
    return narrow(space.with_parameters(tuple(parameters)), [params, *near], NEAR)


def _with(parameter: Parameter, value: Any) -> Domain:
    """A parameter's domain, made to contain a value if it can; of a list all its entries."""
    domain = parameter.domain
    for entry in value if parameter.per is not None and isinstance(value, list) else [value]:
        if domain.contains(entry):
            continue
        if isinstance(domain, Fixed):
            domain = Fixed(entry)
        elif isinstance(domain, Choice):
            domain = _with_choice(domain, entry)
        elif is_number(entry):
            assert isinstance(domain, Continuous | Discrete)
            low, high = min(domain.low, entry), max(domain.high, entry)
            wider = replace(domain, low=low, high=high)
            if domain.scale.admits(low, high) and wider.contains(entry):
                domain = wider
    return domain


def _with_choice(domain: Choice, entry: Any) -> Choice:
    """A choice with one more value, in its place among numbers that stand in order."""
    values: list[Any] = [*domain.values, entry]
    if not all(map(is_number, values)):
        alike = all(type(value) is type(entry) for value in values)
        return Choice(tuple(values), domain.ordered and alike)
    rising = ascending(domain.values)
    if rising or domain.ordered:
        values.sort(reverse=not rising)
    return replace(domain, values=tuple(values))


def _neighbours(domain: Domain, value: Any) -> list[Any]:
    """The values next to one, where values have an order and are not all numbers of a range."""
    ordered = isinstance(domain, Discrete) or (isinstance(domain, Choice) and domain.ordered)
    if not ordered or not domain.contains(value):
        return []
    assert isinstance(domain, Discrete | Choice)
    index = domain.index(value)
    assert index is not None
    return [domain.nth(i) for i in (index - 1, index + 1) if 0 <= i < domain.count]


def _without_orphans(
    parameters: Mapping[str, Sequence[Parameter]], space: Space
) -> tuple[Parameter, ...]:
    """Remove what depends on a removed parameter, and what depends on that, and so on."""
    kept = {name: branches for name, branches in parameters.items() if branches}
    while True:
        left = {
            name: [b for b in branches if all(n in kept or n not in space for n in b.depends_on)]
            for name, branches in kept.items()
        }
        if left == kept:
            return tuple(map(one_of, kept.values()))
        kept = {name: branches for name, branches in left.items() if branches}


def _used(branch: Parameter, space: Space, elites: Sequence[Params]) -> list[Any]:
    """All values of a branch in the settings in which it is active, entries of lists too."""
    values: list[Any] = []
    parameter = space[branch.name]
    for params in elites:
        if parameter.alternatives and space.branch(parameter, params) is not branch:
            continue
        if parameter.name in params:
            value = params[parameter.name]
            values += value if parameter.per and isinstance(value, list) else [value]
    return [value for value in values if branch.domain.contains(value)]


def _narrow_domain(parameter: Parameter, values: list[Any], margin: float) -> Domain:
    domain = parameter.domain
    if isinstance(domain, Choice):
        if parameter.cross:  # the comparison is the point of a crossed choice
            return domain
        used = [i for i, v in enumerate(domain.values) if any(same(v, value) for value in values)]
        if domain.ordered:
            used = list(range(used[0], used[-1] + 1))
        kept = tuple(domain.values[i] for i in used)
        return replace(domain, values=kept) if len(kept) > 1 else Fixed(kept[0])
    if isinstance(domain, Fixed):
        return domain
    low, high = domain.fraction(min(values)), domain.fraction(max(values))
    # Half the way to the end at most: a bound that no elite touches always moves.
    low, high = low - min(margin, low / 2), high + min(margin, (1 - high) / 2)
    if isinstance(domain, Discrete):
        first, last = (int(cell) for cell in domain.cells(np.array([low, high])))
        if first == last:
            return Fixed(domain.value(first))
        return replace(domain, low=domain.value(first), high=domain.value(last))
    assert isinstance(domain, Continuous)
    ends = _tidy(domain, low, "down"), _tidy(domain, high, "up")
    reached = min(values), max(values)  # a bound that is not tidy may be a rounding error inside
    return replace(
        domain, low=float(min(ends[0], reached[0])), high=float(max(ends[1], reached[1]))
    )


def _tidy(domain: Continuous, place: float, towards: str) -> float:
    """The value at a place, rounded outwards to few digits, but never as far as the old bound.

    On 1-10^r its distance from 1 is rounded, which matters more than the value: 0.99712 becomes
    0.9971. Close to the old bound it keeps more digits.
    """
    exact = domain.at(place)
    if place <= 0 or place >= 1:
        return exact
    mirrored = domain.scale.mirrored
    value = Decimal(f"{1 - exact if mirrored else exact:.12g}")  # 0.3, not 0.29999999999999998
    span = Decimal(domain.high - domain.low) if domain.scale is LINEAR else value
    rounding = ROUND_CEILING if (towards == "up") != mirrored else ROUND_FLOOR
    for digits in range(DIGITS, 12):
        quantum = Decimal(1).scaleb(max(span, abs(value)).adjusted() - digits + 1)
        rounded = (value / quantum).to_integral_value(rounding) * quantum
        tidy = float(1 - rounded if mirrored else rounded)
        if domain.low < tidy < domain.high:
            return tidy
    return exact


def widen(
    domain: Domain,
    side: Literal["min", "max"],
    limits: tuple[float | None, float | None] = (None, None),
) -> Domain:
    """A range that reaches further on one side, by half its length on its scale.

    On log the minimum comes closer to 0, on 1-10^r the maximum comes closer to 1; neither gets
    there. Discrete values stay on their grid. A range that cannot become wider is returned as
    it is.

    Args:
        domain: a continuous or discrete range.
        side: which bound moves.
        limits: what the minimum and the maximum may be at most; None for no limit.

    >>> from hpsearch.space.scale import LOG
    >>> widen(Continuous(0.01, 1.0, LOG), "min").as_config()["min"]
    0.001
    >>> widen(Discrete(1, 3), "max").as_config()["max"]
    4
    """
    assert isinstance(domain, Continuous | Discrete)
    lowest = -inf if limits[0] is None else limits[0]
    highest = inf if limits[1] is None else limits[1]
    start, stop = (float(domain.scale.warp(end)) for end in (domain.low, domain.high))
    further = GROWTH * (stop - start)
    place = start - further if side == "min" else stop + further
    with np.errstate(over="ignore"):  # beyond the largest float lies no bound
        reached = float(domain.scale.unwarp(np.float64(place)))
    if not isfinite(reached):
        return domain
    value = min(max(_round(domain, reached), lowest), highest)
    if isinstance(domain, Discrete):
        value = _on_grid(domain, side, value)
    low, high = (value, domain.high) if side == "min" else (domain.low, value)
    grown = low <= domain.low and high >= domain.high and lowest <= low and high <= highest
    if not grown or not domain.scale.admits(low, high):
        return domain
    return replace(domain, low=low, high=high)


def _round(domain: Continuous | Discrete, value: float) -> float:
    if domain.scale.mirrored:
        return float(f"{1 - float(f'{1 - value:.{DIGITS}g}'):.12g}")
    return float(f"{value:.{DIGITS}g}")


def _on_grid(domain: Discrete, side: Literal["min", "max"], value: float) -> int | float:
    """The value of the extended grid that is nearest to a new bound, at least one step out."""
    last = domain.value(domain.count - 1)
    if side == "min":
        return domain.value(-max(1, round((domain.low - value) / domain.step)))
    return domain.value(domain.count - 1 + max(1, round((value - last) / domain.step)))
