"""Where the parts of a configuration stand, and messages that name these places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from hpsearch.messages import printable

KeyPath = tuple[str | int, ...]
"""The way to a part of a configuration: keys of mappings and indices of lists."""

Mark = tuple[int, int]
"""Line and column, counted from 1."""


def dotted(path: KeyPath) -> str:
    """A path as messages show it.

    >>> dotted(("search", "start", 0, "momentum"))
    'search.start[0].momentum'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


@dataclass(frozen=True)
class Problem:
    """What is wrong with one part of a configuration, and how to mend it."""

    path: KeyPath
    message: str
    mark: Mark | None = None  # where the path has two places: a second key of one name
    of_key: bool = False  # the key itself is wrong, not its value


@dataclass(frozen=True)
class Positions:
    """The places of keys and values in a file; `origins` are parts that come from elsewhere.

    Parts that are `moved` are read in other places than those where the file has them.
    An origin is a label such as ``--set search.trials=many``. A configuration from Python has
    no file and no marks: its messages name the path alone.
    """

    file: str | None = None
    keys: Mapping[KeyPath, Mark] = field(default_factory=dict)
    values: Mapping[KeyPath, Mark] = field(default_factory=dict)
    origins: Mapping[KeyPath, str] = field(default_factory=dict)
    moved: Mapping[KeyPath, KeyPath] = field(default_factory=dict)

    def origin(self, path: KeyPath) -> str | None:
        """The label of the latest override that set this part, or one that holds or made it."""
        holding = [label for start, label in self.origins.items() if path[: len(start)] == start]
        if path not in self.keys:
            inside = [label for at, label in self.origins.items() if at[: len(path)] == path]
            holding = holding or (inside if path else [])
        return holding[-1] if holding else None

    def mark(self, problem: Problem) -> Mark | None:
        """Line and column of a problem; of something missing, those of what should hold it."""
        if problem.mark is not None:
            return problem.mark
        if not problem.of_key and problem.path in self.values:
            return self.values[problem.path]
        above = [problem.path[:n] for n in range(len(problem.path), 0, -1)]
        return next((self.keys[path] for path in above if path in self.keys), None)

    def as_written(self, problem: Problem) -> Problem:
        """A problem of a part that may have moved, with the place that it has in the file.

        Alternatives name each other by their index, such as ``[0]``: their places take its place.
        """
        path = problem.path

        def beside(index: re.Match[str]) -> str:
            other = self.moved.get((*path[:2], int(index[1])))
            return index[0] if other is None else dotted(other)

        for length in range(len(path), 0, -1):
            if path[:length] in self.moved:
                of_key = length == len(path) and path[-2] in ("values", "when")
                return replace(
                    problem,
                    path=(*self.moved[path[:length]], *path[length:]),
                    message=re.sub(r"(?<!\S)\[(\d+)\]", beside, problem.message),
                    of_key=of_key or problem.of_key,
                )
        return problem

    def lines(self, problems: Iterable[Problem]) -> list[str]:
        """Problems as lines of text, in the order of the file; those of overrides come last."""
        lines = set()
        for problem in problems:
            origin, mark = self.origin(problem.path), self.mark(problem)
            if origin is not None:
                where, order = origin, (1, 0, 0)
            elif self.file is None:
                where, order = "", (0, 0, 0)
            else:
                where = ":".join([self.file, *map(str, mark or ())])
                order = (0, *(mark or (0, 0)))
            parts = [where, dotted(problem.path), problem.message]
            lines.add((order, printable(": ".join(part for part in parts if part))))
        return [line for _, line in sorted(lines)]
