"""Python values -> the plain values that YAML knows."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

from hpsearch.config.problems import KeyPath, Problem
from hpsearch.config.yaml_text import LONGEST_INTEGER, is_text

DEEPEST = 50


def plain(tree: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """A tree of dicts, lists and scalars, and what could not be made one.

    Tuples, ranges and arrays become lists, NumPy scalars Python's, paths text.
    """
    problems: list[Problem] = []

    def value(given: Any, path: KeyPath) -> Any:
        if isinstance(given, str) and not is_text(given):
            problems.append(Problem(path, "must be text; half of a surrogate pair is none"))
            return None
        if type(given) is int and abs(given) >= 10**LONGEST_INTEGER:
            problems.append(Problem(path, f"has more than {LONGEST_INTEGER} digits"))
            return None
        if given is None or type(given) in (bool, int, float, str):
            return given
        if len(path) > DEEPEST:
            problems.append(Problem(path[:3], f"is nested more than {DEEPEST} deep"))
            return None
        if isinstance(given, Mapping):
            return dict(entries(given, path))
        if isinstance(given, list | tuple | range):
            return [value(entry, (*path, i)) for i, entry in enumerate(given)]
        if isinstance(given, PathLike):
            return str(fspath(given))
        if hasattr(given, "tolist"):  # NumPy's scalars and arrays
            return value(given.tolist(), path)
        if isinstance(given, bool | int | float | str):  # such as enums and numpy.str_
            kind = next(kind for kind in (bool, int, float, str) if isinstance(given, kind))
            return kind(given)
        problems.append(
            Problem(path, f"must be plain values, found an object of type {type(given).__name__}")
        )
        return None

    def entries(given: Mapping[Any, Any], path: KeyPath) -> list[tuple[str, Any]]:
        sound = []
        for key, entry in given.items():
            if not isinstance(key, str) or not is_text(key):
                problems.append(Problem(path, f"a key must be text, found {key!r}"))
                continue
            before = len(problems)
            read = str(key), value(entry, (*path, str(key)))
            sound += [read] if len(problems) == before else []
        return sound

    return dict(entries(tree, ())), problems
