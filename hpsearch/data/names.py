"""Names as messages show them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def listed(names: Iterable[object], most: int = 10) -> str:
    """Names as a message shows them, the first few of many."""
    shown = [repr(name) for name in names]
    more = f", ... ({len(shown)} in all)" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A hint at the nearest name, or nothing if none is near."""
    by_lower = {other.lower(): other for other in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f" (did you mean {by_lower[near[0]]!r}?)" if near else ""
