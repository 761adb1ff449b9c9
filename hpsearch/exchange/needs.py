"""Other tools' libraries, which are optional: what to install where one is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hpsearch.errors import ExchangeError, install


@contextmanager
def needs(tool: str, extra: str) -> Iterator[None]:
    """Say of a missing library which extra brings it, for a block of imports.

    Raises:
        ExchangeError: a module is not installed.
    """
    try:
        yield
    except ImportError as error:
        found = f"no module {error.name}" if error.name else str(error)
        raise ExchangeError(
            f"{tool} needs packages that are not here ({found}); "
            f"install them with: {install(extra)}"
        ) from error
