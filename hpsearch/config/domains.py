"""One parameter: from its typed keys to a domain, or what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import numpy as np

from hpsearch.config.problems import KeyPath, Problem
from hpsearch.config.schema import ABSENT, ParameterKeys
from hpsearch.fields import as_whole, flow, is_finite, is_number, show, show_each
from hpsearch.space import (
    ALIASES,
    LINEAR,
    LOG,
    SCALES,
    Choice,
    Continuous,
    Discrete,
    Domain,
    Fixed,
    Normal,
    Scale,
    mixture,
    same,
)
from hpsearch.space.domain import LARGEST, MOST_VALUES, ascending
from hpsearch.space.scale import FARTHEST, REACH
from hpsearch.trainers.hyperparameter import Hyperparameter, standard, wrong

NEAREST = 1e-12  # of a warped bound: as far as it must lie from the other one
FINEST = 1e6  # floats in a deviation of a normal law, at least

RANGE = ("min", "max", "scale", "type", "step", "normal")


def domain(
    part: ParameterKeys, path: KeyPath, hyperparameter: Hyperparameter | None
) -> tuple[Domain | None, list[Problem]]:
    """The values a parameter can take, or None and the reasons.

    Args:
        part: the keys of the parameter, well typed.
        path: where they stand.
        hyperparameter: what the trainer says of it; None where it does not know it.
    """
    forms = _forms(part)
    problems = [Problem((*path, key), message) for key, message in _mixture(part, forms)]
    if problems:
        return None, problems
    if not forms:
        return None, [Problem(path, "needs min and max, or values, or value, or derive")]
    made: Domain | None
    if forms == ["value"]:
        made = Fixed(standard(part.value, hyperparameter))
    elif forms == ["values"]:
        made, problems = _choice(part, path, hyperparameter)
    else:
        integer = hyperparameter is not None and hyperparameter.kind == "int"
        made, problems = _range(part, path, integer)
    if made is not None:
        problems += [
            Problem((*path, *key), text) for key, text in _unfit(made, part, hyperparameter)
        ]
        if part.guess != ABSENT and (why := _no_guess(made, part)):
            problems.append(Problem((*path, "guess"), why))
    return (None if problems else made), problems


def misfit_alternatives(
    parts: Sequence[tuple[KeyPath, ParameterKeys]], domains: Sequence[Domain | None]
) -> Iterator[Problem]:
    """What alternatives of one parameter cannot say, each alone or beside the others.

    Args:
        parts: the keys of each, well typed, with their places.
        domains: the values of each; None where they are not sound.
    """
    _, first = parts[0]
    for path, part in parts:
        if part.derive is not None:
            message = "cannot be one of several alternatives; derive all of the parameter, or none"
            yield Problem((*path, "derive"), message, of_key=True)
        if part.cross:
            message = "compares every one of 'values', but an alternative counts in some trials"
            yield Problem((*path, "cross"), f"{message} only; drop it", of_key=True)
        if not part.when:
            message = "needs 'when', as each of several alternatives does: one that always counts"
            yield Problem(path, f"{message} leaves no trial to the others")
        if part.per != first.per:
            found = f"the first has {'none' if first.per is None else repr(first.per)}"
            key: KeyPath = ("per",) if part.per is not None else ()
            message = f"'per' must be the same in all alternatives; {found}"
            yield Problem((*path, *key), message)
    if all(part.derive is None for _, part in parts):
        sound = [each for each in domains if each is not None]
        odd = mixture(sound) if len(sound) == len(parts) else None
        if odd is not None:
            yield Problem(parts[odd[0]][0], odd[1])


def _no_guess(made: Domain, part: ParameterKeys) -> str | None:
    """Why a guess helps nothing; None where it is one."""
    if isinstance(made, Fixed):
        return "is for what is searched, and this parameter has one value; drop it"
    if part.cross:
        return "helps nothing where every draw is trained with every value; drop it"
    if made.contains(part.guess):
        return None
    config = made.as_config()
    known = show_each(config.get("values", ()))
    extent = f"one of {known}" if known else f"a value from {config['min']} to {config['max']}"
    steps = f" in steps of {config['step']}" if "step" in config else ""
    return f"must be {extent}{steps}, found {flow(part.guess)}"


def _forms(part: ParameterKeys) -> list[str]:
    """Which of the forms the keys belong to: "range", "values", "value"."""
    given = {
        "range": any(getattr(part, key) is not None for key in RANGE),
        "values": part.values is not None,
        "value": part.value != ABSENT,
    }
    return [form for form, used in given.items() if used]


def _mixture(part: ParameterKeys, forms: list[str]) -> Iterator[tuple[str, str]]:
    if "value" in forms and "values" in forms:
        yield "value", "fixes the parameter and 'values' searches it; keep one of them"
    for form in ("value", "values"):
        if form in forms and "range" in forms:
            key = next(key for key in RANGE if getattr(part, key) is not None)
            what = "fixes the parameter" if form == "value" else "lists the choices"
            yield key, f"belongs to a range (min, max), but '{form}' {what}; keep one of them"
    if part.ordered is not None and "values" not in forms:
        yield "ordered", "is about the order of 'values', and there are none; drop it"
    elif part.ordered and (why := _orderless(part.values or [])):
        yield "ordered", why
    if part.cross and len(part.values or []) < 2:
        yield "cross", "compares every one of 'values', so it needs 'values', at least two"
    if part.cross and part.per is not None:
        yield "cross", "compares single values, but 'per' makes lists; drop one of them"
    if part.cross and part.when:
        reason = "trains each draw with every value, but with 'when' some draws have none of them"
        yield "cross", f"{reason}; drop one of them"


def _orderless(values: list[Any]) -> str | None:
    """Why values cannot be ordered; None where they can."""
    if all(map(is_number, values)):
        if ascending(values) or ascending(values[::-1]):
            return None
        return "needs numbers in ascending order, and these go up and down; sort 'values'"
    kinds = {type(value) for value in values}
    if len(kinds) == 1 and not kinds & {bool, type(None)}:
        return None
    return "needs values of one kind, all numbers or all texts, and no true or false; drop it"


def derived_mixture(part: ParameterKeys, path: KeyPath) -> Iterator[Problem]:
    """Keys that say what is searched, beside `derive`."""
    for each in fields(ParameterKeys):
        if each.name not in ("derive", "when") and getattr(part, each.name) != each.default:
            message = "says what is searched, but 'derive' computes it; keep one of them"
            yield Problem((*path, each.name), message, of_key=True)


def _choice(
    part: ParameterKeys, path: KeyPath, hyperparameter: Hyperparameter | None
) -> tuple[Choice | Fixed, list[Problem]]:
    values = part.values or []
    problems = [
        Problem((*path, "values", i), f"{flow(value)} is listed twice")
        for i, value in enumerate(values)
        if any(same(value, earlier) for earlier in values[:i])
    ]
    exact = tuple(standard(value, hyperparameter) for value in values)
    if len(exact) == 1:
        return Fixed(exact[0]), problems
    ordered = ascending(exact) if part.ordered is None else part.ordered
    return Choice(exact, ordered), problems


def _range(
    part: ParameterKeys, path: KeyPath, integer: bool
) -> tuple[Continuous | Discrete | None, list[Problem]]:
    def refuse(key: str, message: str) -> tuple[None, list[Problem]]:
        return None, [Problem((*path, key) if key else path, message)]

    whole = part.type == "int" or integer
    scale = SCALES[ALIASES.get(part.scale or "linear", part.scale or "linear")]
    normal, wrongness = _normal(part, scale)
    if wrongness:
        return None, [Problem((*path, *key), message) for key, message in wrongness]
    low, high, step = (
        as_whole(bound) if whole else bound for bound in (part.min, part.max, part.step)
    )
    if normal is not None:
        low, high = _cut(normal, scale, whole, (low, high, step))
    if low is None or high is None:
        missing = "min" if low is None else "max"
        return refuse("", f"a range needs min and max; {missing} is missing")
    sound = low < high and scale.admits(low, high) and is_finite(low) and is_finite(high)
    if not sound and (part.min is None or part.max is None):
        message = f"goes {REACH:.0f} deviations from the mean where there is no bound: from "
        message += f"{low:g} to {high:g}, which is no {scale.name} range; set min and max"
        return refuse("normal", message)
    if low == high:
        return refuse("max", f"equals min; to fix the parameter write value: {show(part.min)}")
    if low > high:
        return refuse("min", f"must be below max, found min {low} and max {high}")
    if not scale.admits(low, high):
        return refuse(*_inadmissible(scale, low, high))
    stepped = step is not None and all(type(number) is int for number in (low, step))
    if whole or stepped:
        for key, number in (("min", low), ("max", high), ("step", step)):
            if whole and number is not None and type(number) is not int:
                return refuse(key, f"must be whole, as the parameter is; found {show(number)}")
            if number is not None and abs(number) > LARGEST:
                return refuse(key, f"whole numbers go to {LARGEST:,} at most, found {number}")
    made: Continuous | Discrete | None
    if whole or step is not None:
        made, problems = _discrete(low, high, 1 if step is None else step, scale, path)
    else:
        made, problems = _continuous(low, high, scale, path)
    if normal is None or made is None:
        return made, problems
    if isinstance(made, Discrete) and made.count > MOST_VALUES:
        message = f"tells at most {MOST_VALUES:,} values apart; bring min and max closer"
        return refuse("normal", message)
    if not normal.reaches(scale, low, high):
        ends = normal.from_bounds(scale, low, high)
        nearest, end = min((abs(far), end) for far, end in zip(ends, (low, high), strict=True))
        message = f"lies {nearest:.0f} deviations from the nearest bound ({show(end)}), at most "
        return refuse("normal", f"{message}{FARTHEST:.0f} may; move the mean or the bounds")
    return replace(made, normal=normal), []


def _normal(part: ParameterKeys, scale: Scale) -> tuple[Normal | None, list[tuple[KeyPath, str]]]:
    """The normal law of a range, or what is wrong with it."""
    if part.normal is None:
        return None, []
    mean, deviation = part.normal.mean, part.normal.deviation
    if not scale.admits(mean, mean):
        expected = f"must be {scale.bound[1]} on the {scale.name} scale, found {show(mean)}"
        exponent = type(mean) is int and -30 <= mean <= 30 and scale is LOG
        remedy = f"; it is a true value, not an exponent: mean: 1e{mean}?" if exponent else ""
        return None, [(("normal", "mean"), expected + remedy)]
    centre, beside = (float(scale.warp(each)) for each in (mean, math.nextafter(mean, -math.inf)))
    if deviation < FINEST * abs(beside - centre):
        message = f"is too small beside the mean {show(mean)} for floats to hold; enlarge it"
        return None, [(("normal", "deviation"), message)]
    return Normal(mean, deviation), []


def _cut(
    normal: Normal, scale: Scale, whole: bool, given: tuple[float | None, float | None, Any]
) -> tuple[float, float]:
    """The bounds of a normal law: those given, else where it is cut off, on the grid of a step."""
    low, high, step = given
    centre = float(scale.warp(normal.mean))
    with np.errstate(over="ignore", under="ignore"):
        reached = [
            float(scale.unwarp(np.float64(centre + side * REACH * normal.deviation)))
            for side in (-1, 1)
        ]
    lowest, highest = (_tidied(end, scale) for end in sorted(reached))
    if low is None:
        low = lowest
        if step is not None and step > 0 and math.isfinite(low):  # the mean is on the grid
            steps = math.floor((normal.mean - low) / step)
            low = float(Decimal(repr(normal.mean)) - steps * Decimal(repr(step)))
            low = as_whole(low) if type(step) is int else low
        elif whole and math.isfinite(low):
            low = math.ceil(low)
    if high is None:
        high = math.floor(highest) if whole and math.isfinite(highest) else highest
    return low, high


def _tidied(end: float, scale: Scale) -> float:
    """A bound that is computed, in the digits that a reader wants to see."""
    return float(f"{1 - float(f'{1 - end:.12g}') if scale.mirrored else end:.12g}")


def _inadmissible(scale: Scale, low: float, high: float) -> tuple[str, str]:
    """The bound that a scale does not admit, and what to say of it."""
    key, expected, usual = scale.bound
    remedy = f"; {usual}" if usual else ""
    if scale is LOG and all(type(end) is int and -30 <= end <= 30 for end in (low, high)):
        remedy = f"; bounds are true values, not exponents: min: 1e{low}, max: 1e{high}?"
    found = show(low if key == "min" else high)
    return key, f"must be {expected} on the {scale.name} scale, found {found}{remedy}"


def _continuous(
    low: float, high: float, scale: Scale, path: KeyPath
) -> tuple[Continuous | None, list[Problem]]:
    if float(scale.warp(float(low))) == float(scale.warp(float(high))):
        message = f"is too near min for numbers between them; write value: {show(low)}"
        return None, [Problem((*path, "max"), message)]
    return Continuous(float(low), float(high), scale), []


def _discrete(
    low: float, high: float, step: float, scale: Scale, path: KeyPath
) -> tuple[Discrete | None, list[Problem]]:
    def refuse(key: str, message: str) -> tuple[None, list[Problem]]:
        return None, [Problem((*path, key), message)]

    if step <= 0:
        return refuse("step", f"must be above 0, found {show(step)}")
    if step > high - low and Discrete(low, high, step, scale, False).count < 2:
        return refuse("step", f"must fit between min and max: {show(step)} leaves one value")
    integer = all(type(number) is int for number in (low, step))
    if integer:
        high = math.floor(high)
        start, stop = (float(scale.warp(float(bound))) for bound in (low, high))
        if scale is not LINEAR and abs(stop - start) <= NEAREST * max(abs(start), abs(stop)):
            message = f"is too near min for the {scale.name} scale; linear tells them apart"
            return refuse("max", message)
        return Discrete(low, high, step, scale, integer), []
    if (high - low) / step > MOST_VALUES:
        return refuse("step", f"must leave at most {MOST_VALUES:,} values; enlarge it")
    if step < 8 * math.ulp(max(abs(low), abs(high))):
        return refuse("step", f"is too small beside {show(high)} for floats to hold; enlarge it")
    made = Discrete(low, high, step, scale, integer)
    first, second = (float(scale.warp(made.value(index))) for index in (0, 1))
    last, before = (float(scale.warp(made.value(made.count - i))) for i in (1, 2))
    if first == second or last == before:
        return refuse("step", f"is too small for the {scale.name} scale; enlarge it")
    return made, []


def _unfit(
    made: Domain, part: ParameterKeys, hyperparameter: Hyperparameter | None
) -> Iterator[tuple[KeyPath, str]]:
    """Values that the trainer cannot take, each with its key."""
    values = list(_extremes(made, part))
    if part.per is not None:
        for key, value in values:
            if isinstance(value, list | dict):
                yield key, "must be single values, since 'per' makes lists of them"
        if hyperparameter is not None and not hyperparameter.listable:
            yield ("per",), f"makes a list, but {hyperparameter.name} is one value; drop it"
    if hyperparameter is not None:
        for key, value in values:
            message = wrong(hyperparameter, value)
            if message is not None and key == ("normal",):
                reach = f"goes {REACH:.0f} deviations from the mean where there is no bound, and"
                yield key, f"{reach} {hyperparameter.name} {message}; set min and max"
            elif message is not None:
                yield key, message


def _extremes(made: Domain, part: ParameterKeys) -> Iterator[tuple[KeyPath, Any]]:
    """Values that stand for all of a domain, each with its key."""
    if isinstance(made, Continuous | Discrete):
        last = made.high if isinstance(made, Continuous) else made.value(made.count - 1)
        yield ("normal",) if part.min is None else ("min",), made.low
        yield ("normal",) if part.max is None else ("max",), last
    elif isinstance(made, Choice):
        yield from ((("values", i), value) for i, value in enumerate(made.values))
    else:
        assert isinstance(made, Fixed)
        yield ("values", 0) if part.values else ("value",), made.value
