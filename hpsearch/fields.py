"""The keys of a configuration: what each is for, and the rules by which its value is checked.

Each rule is a plain function with one complete message, where pydantic's own types would
report a union once for each member, and would take '3' or true for a number. Nothing here
imports pydantic before something is checked, since it takes long to load.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar

from hpsearch.suggestions import ELSEWHERE, did_you_mean


@dataclass(frozen=True)
class Rule:
    """Annotates a key with what its value may be.

    `check` returns the value, perhaps in its standard form, or raises a ValueError with what
    was expected, to follow the words "must be", and optionally a remedy to end the message.
    """

    check: Callable[[Any], Any]
    schema: Mapping[str, Any]  # the same as JSON Schema

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """What pydantic runs: the rule alone."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.apply)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """The key's JSON Schema."""
        return dict(self.schema)

    def apply(self, value: Any) -> Any:
        """The value in its standard form; a ValueError says what it must be, and what it is."""
        try:
            return self.check(value)
        except ValueError as error:
            expected, remedy = (*error.args, "")[:2]
            raise ValueError(f"must be {expected}, found {show(value)}{remedy}") from None


class Keys:
    """A frozen dataclass whose fields are the keys of a mapping; other keys are refused."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}


def key(
    purpose: str, default: Any = MISSING, *, written: Any = MISSING, examples: Sequence[Any] = ()
) -> Any:
    """A field of such a dataclass.

    Args:
        purpose: what the key is for, as the reference page and the JSON Schema say it.
        default: the value where the key is left out.
        written: the default as a user would write it, where that is something else.
        examples: values as a user would write them.
    """
    metadata: dict[str, Any] = {"description": purpose}
    if examples:
        metadata["examples"] = list(examples)
    if written is not MISSING:
        metadata["json_schema_extra"] = {"default": written}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Written:
    """Annotates a key whose value is made of what the user writes, which is of another type."""

    as_type: Any

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """What pydantic runs: the check of what is written."""
        return handler.generate_schema(self.as_type)


@dataclass(frozen=True)
class Switch:
    """Annotates a key that holds another mapping's keys or None: true, false, or the keys.

    True is the mapping with its defaults, false is None; null is too, where it is allowed.
    Where `on_off` is false there is neither true nor false.
    """

    part: type[Keys]
    null: bool = False
    on_off: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """What pydantic runs: the part, or None, of what the switch made of the value."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.keys, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """The key's JSON Schema."""
        part = next(form for form in handler(schema)["anyOf"] if form != {"type": "null"})
        on_off = [{"type": "boolean"}] if self.on_off else []
        null = [{"type": "null"}] if self.null else []
        return {"anyOf": [*on_off, part, *null]}

    def keys(self, value: Any) -> Mapping[str, Any] | None:
        """The keys that a value gives; a ValueError says what it must be, and what it is."""
        if isinstance(value, bool) and self.on_off:
            return {} if value else None
        if isinstance(value, dict) or (value is None and self.null):
            return value
        keys = ", ".join(each.name for each in fields(self.part))  # type: ignore[arg-type]
        either = "true, false, or " if self.on_off else ""
        raise ValueError(f"must be {either}a mapping with keys {keys}; found {show(value)}")


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


def flow(value: Any, most: int = 120) -> str:
    """A value as YAML writes it on one line, lists and mappings with what is in them.

    Args:
        value: it.
        most: characters.

    >>> flow({"lr": 0.1, "units": [8, 4]})
    '{lr: 0.1, units: [8, 4]}'
    """
    text = show(value)
    if isinstance(value, dict):
        text = f"{{{', '.join(f'{name}: {flow(entry)}' for name, entry in value.items())}}}"
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(map(flow, value))}]"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def show_each(values: Sequence[Any], most: int = 20) -> str:
    """Values as messages show them, the first few of many.

    >>> show_each([1, "a", None]), show_each(range(300), most=3)
    ("1, 'a', null", '0, 1, 2, ... (300 in all)')
    """
    more = f", ... ({len(values)} in all)" if len(values) > most else ""
    return ", ".join(map(flow, values[:most])) + more


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite(value: Any) -> bool:
    """Whether a value is a number that is not infinite, NaN or beyond all use, such as 1e301."""
    return is_number(value) and abs(value) <= 1e300


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
        if is_finite(value):
            return value  # type: ignore[no-any-return]  # is_finite has looked
        raise ValueError("a finite number", looks_like_number(value))

    return Rule(check, {"type": "number"})


def above_zero() -> Rule:
    """A number above 0."""

    def check(value: Any) -> int | float:
        if not is_finite(value) or value <= 0:
            raise ValueError("a number above 0", looks_like_number(value))
        return value  # type: ignore[no-any-return]  # is_finite has looked

    return Rule(check, {"type": "number", "exclusiveMinimum": 0})


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
    """One of some names. `later` are planned and not there yet, `refused` never will be."""
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


SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

DURATION = r"([0-9]+(\.[0-9]+)?[smhd])+"
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])")


def seconds(value: Any) -> float:
    """A number of seconds, or a text such as '90s', '10m', '1h30m', '1d', in seconds.

    >>> seconds("1h30m"), seconds(90)
    (5400.0, 90.0)

    Raises:
        ValueError: it is neither, or it is no time above 0.
    """
    total = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        total = float(value)
    elif isinstance(value, str) and re.fullmatch(DURATION, value):
        total = sum(float(number) * SECONDS[unit] for number, unit in _PART.findall(value))
    if not 0 < total < math.inf:
        raise ValueError("seconds above 0, or a text such as 90s, 10m, 1h30m or 1d")
    return total


UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
MOST_BYTES = 2**60  # an exbibyte; operating systems count in 63 bits

SIZE = r"[0-9]+(\.[0-9]+)? ?[KMGTkmgt](iB)?"
_AMOUNT = re.compile(r"([0-9.]+) ?([KMGT])", re.IGNORECASE)


def in_bytes(value: Any) -> int:
    """A number of bytes, or a text such as '512M', '2G' or '1.5GiB', in whole bytes.

    G and GiB are the same, 1024 times M, as for systemd, Docker and Java. GB is refused: some
    take it for 1000 MB and some for 1024.

    >>> in_bytes("2G"), in_bytes("0.5 KiB"), in_bytes(1e6)
    (2147483648, 512, 1000000)

    Raises:
        ValueError: it is neither, or an amount that no machine has.
    """
    amount = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        amount = value
    elif isinstance(value, str) and re.fullmatch(SIZE, value):
        match = _AMOUNT.match(value)
        assert match is not None
        amount = float(match[1]) * UNITS[match[2].upper()]
    if not 0 <= amount < MOST_BYTES:
        raise ValueError("a number of bytes, or a text such as 512M, 2G or 1.5GiB")
    return int(amount)
