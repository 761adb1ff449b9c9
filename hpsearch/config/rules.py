"""What the value of one key must be: rules that pydantic applies and the JSON Schema tells.

Each rule is a plain function with one complete message, where pydantic's own types would
report a union once for each member, and would take '3' or true for a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import core_schema

from hpsearch.config.durations import PATTERN as DURATION
from hpsearch.config.durations import seconds
from hpsearch.config.sizes import PATTERN as SIZE
from hpsearch.config.sizes import in_bytes
from hpsearch.suggestions import ELSEWHERE, did_you_mean


@dataclass(frozen=True)
class Rule:
    """Annotates a field of a pydantic model.

    `check` returns the value, perhaps in its standard form, or raises a ValueError with what
    was expected, to follow the words "must be", and optionally a remedy to end the message.
    """

    check: Callable[[Any], Any]
    schema: Mapping[str, Any]  # the same as JSON Schema

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        """What pydantic runs: the rule alone."""
        return core_schema.no_info_plain_validator_function(self.apply)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """What pydantic tells."""
        return dict(self.schema)

    def apply(self, value: Any) -> Any:
        """The value in its standard form; a ValueError tells what it must be, and what it is."""
        try:
            return self.check(value)
        except ValueError as error:
            expected, remedy = (*error.args, "")[:2]
            raise ValueError(f"must be {expected}, found {show(value)}{remedy}") from None


def show(value: Any) -> str:
    """A value as messages show it: as YAML writes it, on one short line.

    >>> show(True), show(None), show("a"), show([1]), show([])
    ('true', 'null', "'a'", 'a list', 'an empty list')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list | tuple):
        kind = "mapping" if isinstance(value, dict) else "list"
        return f"a {kind}" if value else f"an empty {kind}"
    text = repr(value) if isinstance(value, str) else f"{value}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_whole(value: Any) -> Any:
    """A whole number written as 1e2 or 100.0 as an int; any other value as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def whole(least: int, most: int, also: str = "") -> Rule:
    """A whole number within bounds; 1e2 is one. `also` names what the caller allows besides."""
    expected = f"a whole number from {least:,} to {most:,}{also}"

    def check(value: Any) -> int:
        number = as_whole(value)
        if type(number) is not int or not least <= number <= most:
            raise ValueError(expected)
        return number

    return Rule(check, {"type": "integer", "minimum": least, "maximum": most})


def share(of: str, *, zero: bool, one: bool = False) -> Rule:
    """A fraction of something: above 0, or from 0 on; below 1, or up to 1."""
    expected = f"a fraction of {of}, {'at least' if zero else 'above'} 0"
    expected += f" and {'at most' if one else 'below'} 1"

    def check(value: Any) -> float:
        sound = is_number(value) and 0 <= value <= 1
        if not sound or (value == 0 and not zero) or (value == 1 and not one):
            raise ValueError(expected)
        return float(value)

    least = "minimum" if zero else "exclusiveMinimum"
    most = "maximum" if one else "exclusiveMaximum"
    return Rule(check, {"type": "number", least: 0, most: 1})


def finite() -> Rule:
    """Any number but infinity and NaN; an int stays an int."""

    def check(value: Any) -> int | float:
        if is_number(value) and abs(value) <= 1e300 and math.isfinite(value):
            return value  # type: ignore[no-any-return]  # is_number has looked
        raise ValueError("a finite number", looks_like_number(value))

    return Rule(check, {"type": "number"})


def looks_like_number(value: Any) -> str:
    """A remedy to add where a text was probably meant as a number."""
    if not isinstance(value, str):
        return ""
    if re.fullmatch(r"[-+]?[\d_,]*\.?[\d_]+([eE][-+]?\d+)?", value):
        return " (write numbers without quotes, commas and underscores)"
    return " (write 10^-3 as 1e-3)" if re.search(r"\d\s*(\^|\*\*)", value) else ""


def flag() -> Rule:
    """True or false."""

    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError("true or false")
        return value

    return Rule(check, {"type": "boolean"})


def text(pattern: str = ".+", expected: str = "text") -> Rule:
    """A text that matches a pattern."""

    def check(value: Any) -> str:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        unquoted = is_number(value) or isinstance(value, bool)
        raise ValueError(expected, f" (put it in quotes: {str(value)!r})" if unquoted else "")

    schema = {"type": "string", "pattern": f"^(?:{pattern})$"}
    return Rule(check, {"type": "string", "minLength": 1} if pattern == ".+" else schema)


def choice(
    *names: str, later: tuple[str, ...] = (), refused: Mapping[str, str] | None = None
) -> Rule:
    """One of some names. `later` are known but not there yet, `refused` never will be."""
    reasons = dict.fromkeys(later, " (not yet available)") | dict(refused or {})
    expected = " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(expected)
        if value not in names:
            raise ValueError(expected, reasons.get(value) or did_you_mean(value, names, ELSEWHERE))
        return value

    return Rule(check, {"enum": list(names)})


def duration() -> Rule:
    """A time in seconds, or as text with units."""
    number = {"type": "number", "exclusiveMinimum": 0}
    return Rule(seconds, {"anyOf": [number, {"type": "string", "pattern": f"^{DURATION}$"}]})


def memory(least: str) -> Rule:
    """An amount of memory in bytes, or as text with a unit; `least` is such a text."""
    lowest = in_bytes(least)

    def check(value: Any) -> int:
        amount = in_bytes(value)
        if amount < lowest:
            raise ValueError(f"{least} ({lowest:,} bytes) or more")
        return amount

    number = {"type": "integer", "minimum": lowest}
    return Rule(check, {"anyOf": [number, {"type": "string", "pattern": f"^{SIZE}$"}]})


def mark() -> Rule:
    """A text, or a number that stands for it."""

    def check(value: Any) -> str:
        if isinstance(value, str) or is_number(value):
            return str(value)
        raise ValueError("a text or a number")

    return Rule(check, {"type": ["string", "number"]})


def distinct(rule: Rule, example: str, *, empty: bool = False) -> Rule:
    """A list of different values, each of which the rule allows."""

    def check(values: Any) -> tuple[Any, ...]:
        expected = f"a list of different values such as {example}"
        if not isinstance(values, list) or not (values or empty):
            raise ValueError(expected)
        sound: list[Any] = []
        for value in values:
            try:
                sound.append(rule.check(value))
            except ValueError as error:
                raise ValueError(
                    f"a list, each entry {error.args[0]}", f" with {show(value)}"
                ) from None
            if sound[-1] in sound[:-1]:
                raise ValueError(expected, f" with {show(value)} twice")
        return tuple(sound)

    items = {"type": "array", "items": dict(rule.schema), "uniqueItems": True}
    return Rule(check, items if empty else items | {"minItems": 1})


def optional(rule: Rule) -> Rule:
    """What a rule allows, or null."""
    return Rule(
        lambda value: None if value is None else rule.check(value),
        {"anyOf": [dict(rule.schema), {"type": "null"}]},
    )


def either(constant: str | int, rule: Rule) -> Rule:
    """One special value, or what a rule allows."""
    return Rule(
        lambda value: value if same_constant(value, constant) else rule.check(value),
        {"anyOf": [{"const": constant}, dict(rule.schema)]},
    )


def same_constant(value: Any, constant: str | int) -> bool:
    """Equality by type and value: true is not 1."""
    return type(value) is type(constant) and value == constant
