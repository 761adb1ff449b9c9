"""Values that a caller hands over, as plain Python values: NumPy's numbers are numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hpsearch.errors import ConfigError, HpsearchError
from hpsearch.fields import as_whole, show


def plain(value: Any) -> Any:
    """A value as Python has it: NumPy's numbers, truth values and arrays become Python's own."""
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value.tolist() if hasattr(value, "tolist") else value


def whole(name: str, value: Any, least: int | None = None) -> int:
    """A whole number of any type, such as NumPy's; 5.0 is one, too.

    Raises:
        HpsearchError: it is none, or less than `least`.
    """
    found = as_whole(plain(value))
    if type(found) is not int:
        raise HpsearchError(f"{name}: must be a whole number, found {shown(value)}")
    if least is not None and found < least:
        raise HpsearchError(f"{name}: must be at least {least}, found {found}")
    return found


def whole_or_none(name: str, value: Any, least: int | None = None) -> int | None:
    """The same, or None."""
    return None if value is None else whole(name, value, least)


def text(name: str, value: Any) -> str | None:
    """A text; None stays None.

    Raises:
        HpsearchError: it is something else.
    """
    if value is None or isinstance(value, str):
        return value
    raise HpsearchError(f"{name}: must be a text, found {shown(value)}")


def function(value: Any) -> Any:
    """A function, or another object that can be called; None stays None.

    Raises:
        HpsearchError: it cannot be called.
    """
    if value is None or callable(value):
        return value
    raise HpsearchError(f"objective: must be a function, found {shown(value)}")


def settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Values of parameters by name, as a file can hold them.

    Raises:
        ConfigError: every value that is no finite number, text, true, false, null or list or
            mapping of them.
    """
    found = {name: plain(value) for name, value in given.items()}
    problems = []
    for name, value in found.items():
        for entry in _entries(value):
            if isinstance(entry, float) and not math.isfinite(entry):
                problems.append(f"{name}: must be finite, found {entry}")
                break
            if not isinstance(entry, bool | int | float | str | None):
                problems.append(
                    f"{name}: must be a number, a text, true, false, null or a list or mapping of "
                    f"them, found {shown(entry)}"
                )
                break
    if problems:
        raise ConfigError(problems)
    return found


def _entries(value: Any) -> list[Any]:
    """What a value is made of, where it is a list or a mapping; else itself."""
    if not isinstance(value, dict):
        return value if isinstance(value, list) else [value]
    return [each for entry in value.values() for each in _entries(entry)]


def shown(value: Any) -> str:
    """A value as a message shows it; of an object without a text of its own the type."""
    value = plain(value)
    if isinstance(value, bool | int | float | str | list | dict | None):
        return show(value)
    return f"an object of type {type(value).__name__}"
