"""What a steered training leaves alive in its worker until the next piece of it: one thing.

A piece is often one epoch, and a user's generator would have to train from its first epoch each
time, a Keras model be built and compiled. It is kept under all that made it what it is, so that
whatever goes on with it gets what beginning anew would have given.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class _Kept:
    key: object
    thing: Any
    close: Callable[[], None]


_kept: list[_Kept] = []  # one at most


def keep(key: object, thing: Any, close: Callable[[], None]) -> None:
    """Keep something until it is taken under an equal key, and close what was kept before.

    Args:
        key: what it is, compared by ==.
        thing: to keep.
        close: ends it where nobody takes it; what it raises is not heard.
    """
    release()
    _kept.append(_Kept(key, thing, close))


def holds(key: object) -> bool:
    """Whether something is kept under a key."""
    return bool(_kept) and _kept[0].key == key


def take(key: object) -> Any:
    """What is kept under a key, which is then the caller's to close; else None.

    What is kept under another key is closed, for this process goes on with something else.
    """
    if holds(key):
        return _kept.pop().thing
    release()
    return None


@atexit.register
def release() -> None:
    """Close what is kept."""
    while _kept:
        with suppress(Exception):  # a user's `finally` may raise anything, and nobody waits for it
            _kept.pop().close()
