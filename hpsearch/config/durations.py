"""Durations as people write them."""

from __future__ import annotations

import math
import re
from typing import Any

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

PATTERN = r"([0-9]+(\.[0-9]+)?[smhd])+"
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
    elif isinstance(value, str) and re.fullmatch(PATTERN, value):
        total = sum(float(number) * SECONDS[unit] for number, unit in _PART.findall(value))
    if not 0 < total < math.inf:
        raise ValueError("seconds above 0, or a text such as 90s, 10m, 1h30m or 1d")
    return total
