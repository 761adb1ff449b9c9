"""The exception tree. Every message says where, what must hold, what was found and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class HpsearchError(Exception):
    """The root: what a user can mend. The command line prints it and exits with status 1."""


class ConfigError(HpsearchError):
    """A configuration with problems: all of them at once, one a line."""

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
    """A file that the user names to be written, and that exists already or cannot be written."""
