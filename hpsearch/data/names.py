"""Names as messages show them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def listed(names: Iterable[object], most: int = 10) -> str:
    """Names as a message shows them, the first few of many."""
    shown = [quoted(name) for name in names]
    more = f", ... ({len(shown)} in all)" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def quoted(value: object, most: int = 60) -> str:
    """A value as a message shows it; of a long one its beginning.

    >>> quoted("a" * 100, most=10)
    "'aaaaaa..."
    """
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A hint at the nearest name, or nothing if none is near."""
    by_lower = {other.lower(): other for other in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f" (did you mean {by_lower[near[0]]!r}?)" if near else ""
