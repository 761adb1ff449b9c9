"""Numbers and settings as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, log10
from typing import Any


def number(value: Any, digits: int = 4) -> str:
    """A value in few characters: 0.000316, 0.9973, 64, adam, [64, 32].

    >>> number(0.00031623), number(0.997341), number(64), number([64, 32]), number(None)
    ('0.0003162', '0.997341', '64', '[64, 32]', 'none')
    """
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, float):
        if 0.9 < value < 1:  # what counts is the distance from 1
            decimals = digits - 1 - floor(log10(1 - value))
            return f"{value:.{decimals}f}".rstrip("0")
        return f"{value:.{digits}g}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(number(entry, digits) for entry in value) + "]"
    return str(value)


def extent(values: list[Any], ranged: bool) -> str:
    """A region: '0.0031 .. 0.12', or the choices.

    >>> extent([0.0031, 0.12], True), extent(["adam", "sgd"], False), extent([3, 3], True)
    ('0.0031 .. 0.12', 'adam, sgd', '3')
    """
    if ranged and len(values) == 2:
        low, high = (number(value, 2) for value in values)
        return low if low == high else f"{low} .. {high}"
    return ", ".join(number(value) for value in values)


def setting(params: Mapping[str, Any], digits: int = 3) -> str:
    """A whole setting on one line."""
    return " ".join(f"{name}={number(value, digits)}" for name, value in params.items())


def duration(seconds: float) -> str:
    """A time in the unit that people would use.

    >>> duration(3.14), duration(200), duration(9000)
    ('3.1 s', '3 min 20 s', '2 h 30 min')
    """
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"
