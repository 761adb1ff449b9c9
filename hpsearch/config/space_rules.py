"""Rules for the keys that hold more than one value: choices and groups, conditions, starts."""

from __future__ import annotations

from typing import Any

from hpsearch.fields import Rule, finite, is_number, show

SCALAR = {"type": ["number", "string", "boolean", "null"]}
LIST = {"type": "array", "items": SCALAR}
CHOOSABLE = {
    "anyOf": [SCALAR, LIST, {"type": "object", "additionalProperties": {"anyOf": [SCALAR, LIST]}}]
}


def is_scalar(value: Any) -> bool:
    """Whether a value is a finite number, a text, true, false or null."""
    if is_number(value):
        try:
            finite().check(value)
        except ValueError:
            return False
    return isinstance(value, int | float | str | bool | None)


def is_choosable(value: Any) -> bool:
    """Whether a value can be one of a choice: a scalar, a list of them, or a mapping to these."""
    if isinstance(value, dict):
        named = all(isinstance(name, str) for name in value)
        return named and all(map(is_single_or_list, value.values()))
    return is_single_or_list(value)


def is_single_or_list(value: Any) -> bool:
    """Whether a value is a scalar or a list of scalars."""
    return all(map(is_scalar, value)) if isinstance(value, list) else is_scalar(value)


def are_alternatives(value: Any) -> bool:
    """Whether a parameter is written as a list of alternatives, sound ones or not."""
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def choosable() -> Rule:
    """One value, or a list or mapping that is one value, such as the units of each layer."""

    def check(value: Any) -> Any:
        if not is_choosable(value):
            raise ValueError(
                "a finite number, text, true, false, null, or a list or mapping of these"
            )
        return value

    return Rule(check, CHOOSABLE)


def choices() -> Rule:
    """The values of a choice."""

    def check(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError("a list such as [16, 32, 64]")
        if not value:
            raise ValueError("a list of at least one value")
        for place, entry in enumerate(value):
            if not is_choosable(entry):
                one = "a finite number, text, true, false, null, or a list or mapping of these"
                raise ValueError(f"a list; each value {one}", f"; values[{place}] is none of them")
        return value

    return Rule(check, {"type": "array", "items": CHOOSABLE, "minItems": 1, "uniqueItems": True})


def groups() -> Rule:
    """The groups of a choice: its values, each with the parameters that count with it."""

    def check(value: Any) -> dict[str, Any]:
        example = "{adam: {beta1: {min: 0.8, max: 0.99}}, sgd: {}}"
        expected = f"a mapping of values to the parameters of each, such as {example}"
        if not isinstance(value, dict) or not value:
            raise ValueError(expected)
        for name, body in value.items():
            if not isinstance(body, dict | None):
                raise ValueError(expected, f" in which {show(name)} is {show(body)}")
        return value

    body = {"type": ["object", "null"]}
    return Rule(check, {"type": "object", "additionalProperties": body, "minProperties": 1})


def conditions() -> Rule:
    """Names, each with the value or values that it must have."""

    def check(value: Any) -> dict[str, Any]:
        expected = "a mapping of names to a value or values, such as {optimizer: momentum}"
        if not isinstance(value, dict) or not value:
            raise ValueError(expected)
        if not all(is_single_or_list(given) and given != [] for given in value.values()):
            raise ValueError(expected)
        return value

    one_or_more = {"anyOf": [SCALAR, {"type": "array", "items": SCALAR, "minItems": 1}]}
    schema = {"type": "object", "additionalProperties": one_or_more, "minProperties": 1}
    return Rule(check, schema)


def constraints() -> Rule:
    """Texts that must hold of every trial."""

    def check(value: Any) -> tuple[str, ...]:
        if value is None:
            return ()
        expected = 'a list of texts such as ["beta1 < beta2"]'
        if not isinstance(value, list):
            raise ValueError(expected)
        for place, text in enumerate(value):
            if not isinstance(text, str):
                raise ValueError(expected, f"; where[{place}] is {show(text)}, put it in quotes")
        return tuple(value)

    return Rule(check, {"type": ["array", "null"], "items": {"type": "string"}})


def start() -> Rule:
    """Settings to start with, or a run's name."""

    def check(value: Any) -> str | list[dict[str, Any]]:
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            return value
        raise ValueError("a list of settings such as [{learning_rate: 0.01}], or a run's name")

    setting = {"type": "object", "additionalProperties": CHOOSABLE}
    listed = {"type": "array", "items": setting, "minItems": 1}
    return Rule(check, {"anyOf": [listed, {"type": "string", "minLength": 1}]})
