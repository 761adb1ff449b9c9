"""A hyperparameter that a trainer knows: its values, its default, and how to search it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Literal

from hpsearch.fields import as_whole, looks_like_number
from hpsearch.suggestions import ELSEWHERE, did_you_mean
from hpsearch.trial import Choosable, Value

ValueType = Literal["int", "float", "bool", "choice"]


@dataclass(frozen=True)
class Hyperparameter:
    """One row of a trainer's table: what configurations, schemas and documentation are made of.

    `search` is the entry that a starter configuration's `space` gets, in the configuration's own
    words; empty where searching is rarely worth it. `tier` is the lecture's order of importance:
    1 first, 3 last, 0 for what is better left fixed. `constant` says why it cannot change while a
    model trains; it is empty where it can.
    """

    name: str
    kind: ValueType
    default: Value
    help: str
    low: float | None = None
    high: float | None = None
    low_open: bool = False  # the bound itself is not allowed
    high_open: bool = False
    choices: tuple[str, ...] = ()
    nullable: bool = False
    listable: bool = False  # also a list of such values, one a hidden layer
    tier: int = 0
    search: Mapping[str, object] = field(default_factory=dict)
    constant: str = ""

    def check(self, value: Choosable) -> str | None:
        """What is wrong with a value, or None.

        >>> rate = Hyperparameter("dropout", "float", 0.0, "share", low=0, high=1, high_open=True)
        >>> rate.check(0.5), rate.check(1)
        (None, 'must be a number >= 0 and < 1, not 1')
        """
        if isinstance(value, dict):
            return f"must be {self.expected}, not a mapping"
        if isinstance(value, list):
            if not self.listable:
                return f"must be {self.expected}, not a list"
            entry = replace(self, listable=False)
            return next((problem for v in value if (problem := entry.check(v))), None)
        if value is None and self.nullable:
            return None
        return None if self._holds(value) else f"must be {self.expected}, not {_show(value)}"

    @property
    def expected(self) -> str:
        """What a value must be, in words: 'an integer >= 1'."""
        if self.kind == "bool":
            return "true or false"
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        bounds = []
        if self.low is not None:
            bounds.append(f"{'>' if self.low_open else '>='} {self.low:g}")
        if self.high is not None:
            bounds.append(f"{'<' if self.high_open else '<='} {self.high:g}")
        noun = "an integer" if self.kind == "int" else "a number"
        text = f"{noun} {' and '.join(bounds)}".rstrip()
        return f"null or {text}" if self.nullable else text

    def _holds(self, value: Value) -> bool:
        if self.kind == "bool":
            return isinstance(value, bool)
        if self.kind == "choice":
            return isinstance(value, str) and value in self.choices
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        try:
            value = float(value)
        except OverflowError:  # an integer of more than 308 digits
            return False
        if not isfinite(value):
            return False
        if self.kind == "int" and not value.is_integer():
            return False
        above = self.low is None or (value > self.low if self.low_open else value >= self.low)
        below = self.high is None or (value < self.high if self.high_open else value <= self.high)
        return above and below


def epochs(meaning: str) -> dict[str, Hyperparameter]:
    """The one hyperparameter that every kind of trainer has, by its name; it is 1 by default."""
    return {"epochs": Hyperparameter("epochs", "int", 1, meaning, low=1)}


def wrong(hyperparameter: Hyperparameter, value: Any) -> str | None:
    """What is wrong with a value of a hyperparameter, with what was probably meant, or None."""
    message = hyperparameter.check(value)
    if message is None or not isinstance(value, str):
        return message
    if hyperparameter.choices:
        return message + did_you_mean(value, hyperparameter.choices, ELSEWHERE)
    return message + looks_like_number(value)


def standard(value: Any, hyperparameter: Hyperparameter | None) -> Any:
    """A value as the trainer takes it: 1e2 is 100 where whole numbers are asked for."""
    if hyperparameter is None or hyperparameter.kind != "int":
        return value
    return [as_whole(entry) for entry in value] if isinstance(value, list) else as_whole(value)


def _show(value: Value) -> str:
    """A value as YAML writes it."""
    words = {True: "true", False: "false", None: "null"}
    return words[value] if value is None or isinstance(value, bool) else repr(value)
