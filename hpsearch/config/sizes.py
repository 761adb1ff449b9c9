"""Amounts of memory as people write them."""

from __future__ import annotations

import math
import re
from typing import Any

UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
MOST = 2**60  # an exbibyte; operating systems count in 63 bits

PATTERN = r"[0-9]+(\.[0-9]+)? ?[KMGTkmgt](iB)?"
_PARTS = re.compile(r"([0-9.]+) ?([KMGT])", re.IGNORECASE)


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
    elif isinstance(value, str) and re.fullmatch(PATTERN, value):
        match = _PARTS.match(value)
        assert match is not None
        amount = float(match[1]) * UNITS[match[2].upper()]
    if not 0 <= amount < MOST:
        raise ValueError("a number of bytes, or a text such as 512M, 2G or 1.5GiB")
    return int(amount)
