"""Where a run is exported to, or a study imported from: a path, or the URL of a database.

Also what Optuna and MLflow have in common: optional libraries, whose errors become one message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.errors import ExchangeError, HpsearchError, install
from hpsearch.store.output import Output


@dataclass(frozen=True)
class Target:
    """A path or a URL that the user names.

    Args:
        text: as the user wrote it, with the home folder in place of a `~`.
        name: of the study or the experiment in a database that holds several.
        force: replace a file that exists.
    """

    text: str
    name: str = ""
    force: bool = False

    @property
    def path(self) -> Path:
        """The path that the text is, where it is no URL."""
        return Path(self.text)

    @property
    def output(self) -> Output:
        """The file at this path, to be written whole or not at all."""
        return Output(self.path, self.force)

    @property
    def is_url(self) -> bool:
        """Whether this is the URL of a database or server, such as sqlite:///study.db."""
        return "://" in self.text

    @property
    def shown(self) -> str:
        """The text as messages may show it: without a URL's user, password and options.

        >>> Target("postgresql://me:secret@host/studies?sslpassword=secret").shown
        'postgresql://host/studies'
        """
        if not self.is_url:
            return self.text
        return re.sub(r"(?<=://).*@", "", self.text.partition("?")[0])

    @property
    def sqlite_file(self) -> Path | None:
        """The file of an SQLite URL; None for a path or another database.

        Raises:
            ExchangeError: the URL names no file, so that nothing would be kept.
        """
        scheme, _, rest = self.text.partition("://")
        if scheme.partition("+")[0] != "sqlite" or not self.is_url:
            return None
        path = rest.partition("?")[0].removeprefix("/")
        if path in ("", ":memory:"):
            raise ExchangeError(f"{self.text}: must name a file, as in sqlite:///study.db")
        return None if path.startswith("file:") else Path(path)

    @contextmanager
    def explained(self, use: str, by_cause: bool = False) -> Iterator[None]:
        """One message for whatever error a library, a database or a server raises.

        Args:
            use: what cannot be done with the target: "written to as a store of MLflow", say.
            by_cause: name the error that the library's was raised from, which says more.

        Raises:
            ExchangeError: the block raised an exception.
        """
        try:
            yield
        except HpsearchError:
            raise
        except Exception as error:  # there is no end to what a damaged storage raises
            cause = (error.__cause__ if by_cause else None) or error
            reason = (str(cause).splitlines() or [""])[0].replace(self.text, self.shown)
            raise ExchangeError(
                f"{self.shown}: cannot be {use}: {type(cause).__name__}: {reason[:300]}"
            ) from error


@contextmanager
def needs(tool: str, extra: str) -> Iterator[None]:
    """Say which extra installs a missing library, for a block of imports.

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


def do_not_wait_for_the_disk(connection: Any, _: Any = None) -> None:
    """Let SQLite write without a sync each time: for a hidden file that is synced as a whole."""
    connection.execute("PRAGMA synchronous=0")
