"""The exception tree. Every message says where, what must hold, what was found and what to do."""

from __future__ import annotations

import shlex
from collections.abc import Sequence


class HpsearchError(Exception):
    """The root: an error that a user can mend. The command line prints it and exits with 1."""


class ConfigError(HpsearchError):
    """A configuration with problems: `problems` has all of them, each one line."""

    def __init__(self, problems: str | Sequence[str]):
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[str, ...]]]:
        return ConfigError, (self.problems,)


class DataError(HpsearchError):
    """Data that cannot be read or cannot be learned from."""


class RunError(HpsearchError):
    """A run directory that is missing, taken, damaged or not in the state a command needs."""


class TrainerError(HpsearchError):
    """A trainer that cannot do what is asked of it."""


class ExchangeError(HpsearchError):
    """Another tool's files or storage that cannot be read from or written to."""


class OutputError(HpsearchError):
    """A file named by the user that exists already or cannot be written."""


def install(extra: str) -> str:
    """The command that installs an extra of hpsearch from where hpsearch was installed.

    That may be a checkout, an address or a package index.
    """
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from pathlib import Path
    from urllib.parse import unquote, urlsplit

    try:
        text = distribution("hpsearch").read_text("direct_url.json")
    except PackageNotFoundError:  # run from a checkout
        return f"pip install -e '{Path(__file__).parents[1]}[{extra}]'"
    origin = json.loads(text) if text else {}
    url = origin.get("url", "")
    if "dir_info" in origin:
        edit = "-e " if origin["dir_info"].get("editable") else ""
        return f"pip install {edit}'{unquote(urlsplit(url).path)}[{extra}]'"
    if vcs := origin.get("vcs_info"):
        return f"pip install 'hpsearch[{extra}] @ {vcs['vcs']}+{url}@{vcs['commit_id']}'"
    return f"pip install 'hpsearch[{extra}]{f' @ {url}' if url else ''}'"


def as_argument(path: object) -> str:
    """A path quoted for a shell, for commands in messages.

    >>> as_argument("runs/first"), as_argument("my runs/first")
    ('runs/first', "'my runs/first'")
    """
    return shlex.quote(str(path))
