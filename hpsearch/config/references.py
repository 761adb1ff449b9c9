"""What parameters say of each other: names in `per`, `when`, `derive` and `where`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hpsearch.config.parts import Parts
from hpsearch.config.problems import KeyPath, Problem
from hpsearch.fields import flow, show, show_each
from hpsearch.space import (
    Continuous,
    Domain,
    Expression,
    Fixed,
    largest_integer,
    mixture,
    same,
)
from hpsearch.space.alternatives import hull
from hpsearch.space.expression import ExpressionError
from hpsearch.space.stored import MOST_COORDINATES
from hpsearch.suggestions import hint

Domains = Mapping[str, Sequence[Domain | None]]
"""The domains of each name in the space, one for each alternative, None where one is not sound."""

Spanned = Mapping[str, Domain | None]
"""The same with one domain that holds all alternatives, None where one of them is not sound."""


def spanned(parts: Parts, domains: Domains) -> dict[str, Domain | None]:
    """For each name the domain that holds all of its alternatives."""
    found: dict[str, Domain | None] = dict.fromkeys(parts.space)
    for name, each in domains.items():
        sound = [domain for domain in each if domain is not None]
        if sound and len(sound) == len(each) and mixture(sound) is None:
            found[name] = hull(sound)
    return found


def references(parts: Parts, domains: Spanned) -> Iterator[Problem]:
    """What parameters say of each other by `per` and `when`, and cannot mean."""
    for name in parts.space:
        for path, part in parts.alternatives(name):
            yield from _per(path, part.per, parts, domains)
            yield from _when(path, part.when or {}, parts, domains)
            if part.derive is not None:
                yield from _expression(part.derive, (*path, "derive"), parts)
    for i, text in enumerate(parts.where):
        yield from _expression(text, ("where", i), parts)
    yield from _circles(parts)


def _names(parts: Parts) -> list[str]:
    """The names that `per` and `when` may use."""
    return [*parts.space, *(name for name in parts.trainer.settings if name not in parts.space)]


def _above(name: str, parts: Parts, domains: Spanned) -> tuple[Domain | None, str]:
    """The domain that a name stands for, and where it is from."""
    if name in domains:
        return domains[name], f"space.{name}"
    return Fixed(parts.trainer.settings[name]), f"trainer.{name}"


def _unknown_name(name: str, itself: str, parts: Parts) -> str | None:
    if name == itself:
        return "names the parameter itself"
    if name in _names(parts):
        return None
    others = [each for each in _names(parts) if each != itself]
    default = ""
    if parts.kind is not None and name in parts.kind.hyperparameters:
        value = parts.kind.hyperparameters[name].default
        default = f"; to keep its default, write trainer: {{{name}: {show(value)}}}"
    suggestion = "" if default else hint(name, others)
    return f"{name!r} is neither in 'space' nor fixed in 'trainer'{suggestion}{default}"


def _expression(text: str, path: KeyPath, parts: Parts) -> Iterator[Problem]:
    """Why a text is no expression, or the first name in it that there is not."""
    try:
        names = Expression(text).names
    except ExpressionError as error:
        yield Problem(path, str(error))
        return
    itself = str(path[1]) if path[0] == "space" else ""
    for name in names:
        unknown = _unknown_name(name, itself, parts)
        if unknown is not None:
            odd = [each for each in _names(parts) if not each.isidentifier() and each in text]
            remedy = f'; write space["{odd[0]}"]' if odd else ""
            holder, _, entry = name.partition(".")
            if not odd and holder in parts.space:
                remedy = f'; an entry of {holder} is {holder}["{entry}"]'
            yield Problem(path, unknown + remedy)
            return


def _is_derived(name: str, parts: Parts) -> str | None:
    """That a name which `per` or `when` uses is of a derived value; None where it is not."""
    part = parts.space.get(name)
    if part is None or part.derive is None:
        return None
    return f"space.{name} is derived; name what it is computed from, or a parameter of its own"


def _per(above: KeyPath, per: str | None, parts: Parts, domains: Spanned) -> Iterator[Problem]:
    if per is None:
        return
    path = (*above, "per")
    unknown = _unknown_name(per, str(above[1]), parts) or _is_derived(per, parts)
    if unknown is not None:
        yield Problem(path, unknown)
        return
    named, where = _above(per, parts, domains)
    if named is None:
        return  # its problem is reported where it stands
    most = largest_integer(named)
    part = parts.space.get(per)
    if most is None or (part is not None and part.per is not None):
        yield Problem(path, f"must name one whole number of 0 or more, which {where} is not")
    elif most > MOST_COORDINATES:
        yield Problem(path, f"{where} goes up to {most:,}; at most {MOST_COORDINATES:,} for 'per'")
    if part is not None and part.cross:
        yield Problem(path, f"{where} is crossed, so lists of its length cannot be paired")


def _when(
    here: KeyPath, when: Mapping[str, Any], parts: Parts, domains: Spanned
) -> Iterator[Problem]:
    for other, given in when.items():
        path = (*here, "when", other)
        unknown = _unknown_name(other, str(here[1]), parts) or _is_derived(other, parts)
        if unknown is not None:
            yield Problem(path, unknown, of_key=True)
            continue
        above, where = _above(other, parts, domains)
        part = parts.space.get(other)
        if isinstance(above, Continuous):
            message = f"must name a choice, whole number or fixed setting; {where} is a range"
            yield Problem(path, message, of_key=True)
        elif part is not None and part.per is not None:
            message = f"must name a single value; {where} is a list"
            yield Problem(path, message, of_key=True)
        elif part is not None and part.cross:
            message = f"{where} is crossed: this parameter would lack a partner in each pair"
            yield Problem(path, message, of_key=True)
        elif above is not None:
            yield from _impossible(given, above, where, path)


def _impossible(given: Any, above: Domain, where: str, path: KeyPath) -> Iterator[Problem]:
    values = given if isinstance(given, list) else [given]
    for i, value in enumerate(values):
        here: KeyPath = (*path, i) if isinstance(given, list) else path
        if any(same(value, earlier) for earlier in values[:i]):
            yield Problem(here, f"{flow(value)} is listed twice")
        elif not above.contains(value):
            yield Problem(here, f"{where} is never {flow(value)}; {_possible(above)}")


def _possible(domain: Domain) -> str:
    config = domain.as_config()
    if "value" in config:
        return f"it is {flow(config['value'])}"
    if "values" in config:
        return f"it is one of {show_each(config['values'])}"
    return f"it lies between {config['min']} and {config['max']}"


def _circles(parts: Parts) -> Iterator[Problem]:
    """Circles of `per` and `when`, or of `derive`, each reported once, at its first parameter."""
    above = {
        name: [
            other
            for _, part in parts.alternatives(name)
            for other in (*(part.when or {}), *([part.per] if part.per else []))
        ]
        for name in parts.space
    }
    derived = {
        name: _names_in(part.derive)
        for name, part in parts.space.items()
        if part is not None and part.derive is not None
    }
    for keys, names in (("'per' and 'when'", above), ("'derive'", derived)):
        reported: set[str] = set()
        for name in names:
            circle = _circle(name, names)
            if circle and not reported & set(circle):
                reported |= set(circle)
                yield Problem(("space", name), f"a circle of {keys}: {' -> '.join(circle)}")


def _names_in(text: str) -> list[str]:
    """The names in an expression; none where it is no expression."""
    try:
        return list(Expression(text).names)
    except ExpressionError:
        return []


def _circle(start: str, above: Mapping[str, list[str]]) -> list[str]:
    """The shortest way from a name back to itself; empty if there is none, or it is one step."""
    ways = [[start]]
    seen = {start}
    for way in ways:  # grows while it is walked: breadth first
        for name in above.get(way[-1], []):
            if name == start and len(way) > 1:
                return [*way, start]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []
