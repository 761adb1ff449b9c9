"""What the models of a configuration's parts share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo
from pydantic_core import core_schema

from hpsearch.fields import show


class Part(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Switch:
    """Annotates a field that holds a part or None: true, false, or the part's keys.

    True is the part with its defaults, false is None, and a mapping is the part with these keys.
    """

    part: type[Part]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        """What pydantic runs: the part, or None, of what the switch made of the value."""
        return core_schema.no_info_before_validator_function(self.keys, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """What pydantic tells."""
        part = handler(self.part.__pydantic_core_schema__)
        return {"anyOf": [{"type": "boolean"}, part]}

    def keys(self, value: Any) -> Mapping[str, Any] | None:
        """The keys that a value gives; a ValueError tells what it must be, and what it is."""
        if isinstance(value, bool):
            return {} if value else None
        if isinstance(value, dict):
            return value
        keys = ", ".join(self.part.model_fields)
        raise ValueError(
            f"must be true, false, or a mapping with keys {keys}; found {show(value)}"
        )


def switched(field: FieldInfo) -> type[Part] | None:
    """The part that a field switches on and off, None for a field that is no switch."""
    return next((rule.part for rule in field.metadata if isinstance(rule, Switch)), None)
