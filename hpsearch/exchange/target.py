"""Where an export goes: a path, or the address of a storage."""

from __future__ import annotations

import re
from pathlib import Path

from hpsearch.errors import ExchangeError


def is_url(target: str) -> bool:
    """Whether a target is an address, such as sqlite:///study.db, and not a path."""
    return "://" in target


def shown(target: str) -> str:
    """A target as messages may show it: without the user, password and options of an address.

    >>> shown("postgresql://me:secret@host/studies?sslpassword=secret")
    'postgresql://host/studies'
    """
    if not is_url(target):
        return target
    return re.sub(r"(?<=://).*@", "", target.partition("?")[0])


def sqlite_file(target: str) -> Path | None:
    """The file of an SQLite URL; None for another database.

    Raises:
        ExchangeError: the URL names no file, so that nothing would be kept.
    """
    scheme, _, rest = target.partition("://")
    if scheme.partition("+")[0] != "sqlite" or not is_url(target):
        return None
    path = rest.partition("?")[0].removeprefix("/")
    if path in ("", ":memory:"):
        raise ExchangeError(f"{target}: must name a file, as in sqlite:///study.db")
    return None if path.startswith("file:") else Path(path)
