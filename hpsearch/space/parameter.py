"""A parameter: a name, the values it can take, and when and how often it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hpsearch.space.domain import Choice, Discrete, Domain, Fixed
from hpsearch.trial import Value


@dataclass(frozen=True)
class Parameter:
    """One hyperparameter of the space.

    With `per`, a trial holds a list with one value for each unit of the integer that `per`
    names. With `when`, it counts only in trials whose other settings have one of the given
    values. A crossed choice trains each draw with every value.
    """

    name: str
    domain: Domain
    per: str | None = None
    when: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    cross: bool = False

    @property
    def fixed(self) -> bool:
        """Whether every trial has the same value."""
        return isinstance(self.domain, Fixed)

    @property
    def categorical(self) -> bool:
        """Whether the values have no order."""
        return isinstance(self.domain, Choice)

    def as_config(self) -> dict[str, Any]:
        """The parameter as a configuration writes it."""
        config = self.domain.as_config()
        if self.per is not None:
            config["per"] = self.per
        if self.when:
            config["when"] = {
                name: values[0] if len(values) == 1 else list(values)
                for name, values in self.when.items()
            }
        return config | {"cross": True} if self.cross else config


def largest_integer(domain: Domain) -> int | None:
    """The largest value of a domain of non-negative integers, None where it is no such domain."""
    if isinstance(domain, Discrete):
        return int(domain.value(domain.count - 1)) if domain.integer and domain.low >= 0 else None
    values = domain.values if isinstance(domain, Choice) else ()
    values = (domain.value,) if isinstance(domain, Fixed) else values
    if not values or any(type(value) is not int or value < 0 for value in values):
        return None
    return max(value for value in values if isinstance(value, int))
