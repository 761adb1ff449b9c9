"""Where an export goes: whole, or not at all, and never over something that is there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hpsearch.errors import ExchangeError
from hpsearch.store.files import sync_folder


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A hidden file to write, which appears under its name once the block has ended well.

    A crash leaves at most a hidden folder beside it.

    Raises:
        ExchangeError: there is something of that name, or it cannot be written.
    """
    with _beside(path) as hidden:
        yield hidden
        descriptor = os.open(hidden, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(hidden, path)  # unlike a rename, it never replaces a file
        except FileExistsError:
            raise taken(path) from None
        except OSError:  # a file system without hard links
            hidden.rename(path)
        sync_folder(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A hidden folder to fill, which appears under its name once the block has ended well.

    An empty folder of that name is taken for an invitation.

    Raises:
        ExchangeError: there is something else of that name, or it cannot be written.
    """
    empty = path.is_dir() and not any(path.iterdir())
    with _beside(path, may_exist=empty) as hidden:
        hidden.mkdir()
        yield hidden
        hidden.rename(path)
        sync_folder(path.parent)


def taken(path: Path) -> ExchangeError:
    """What there is to say of a target that exists."""
    return ExchangeError(
        f"{path}: exists already, and nothing is overwritten; choose another name"
    )


@contextmanager
def _beside(path: Path, *, may_exist: bool = False) -> Iterator[Path]:
    if not path.parent.is_dir():
        raise ExchangeError(f"{path}: must be in a folder that exists, found no {path.parent}")
    if os.path.lexists(path) and not may_exist:
        raise taken(path)
    try:
        with TemporaryDirectory(prefix=".hpsearch-", dir=path.parent) as folder:
            yield Path(folder, path.name)
    except OSError as error:
        raise ExchangeError(f"{path}: cannot be written: {error.strerror or error}") from error


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
