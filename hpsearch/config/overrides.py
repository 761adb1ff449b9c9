"""`--set KEY=VALUE`: values laid over a configuration, each remembered by where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hpsearch.config import yaml_text
from hpsearch.config.places import Path, Places, Problem, dotted, one_line
from hpsearch.config.rules import show
from hpsearch.errors import ConfigError

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "seed": ("seed",),
    "trials": ("search", "trials"),
    "jobs": ("parallel", "jobs"),
    "backend": ("parallel", "backend"),
}
"""The command line's options that stand for a key."""


def lay_over(
    tree: dict[str, Any], places: Places, settings: Iterable[str], options: Mapping[str, Any]
) -> tuple[dict[str, Any], Places, list[Problem]]:
    """The tree with `KEY=VALUE` settings, then options, in their order; the later one wins.

    A null value takes a key away, so that its default holds again, or so that a parameter of
    the space is no longer searched. Text is read as YAML.
    """
    given = [_read_setting(setting) for setting in settings]
    given += [
        (OPTIONS[name], _read(value, f"--{name}"), f"--{name}")
        for name, value in options.items()
        if value is not None
    ]
    problems = []
    for path, value, label in given:
        places = replace(places, origins={**places.origins, path: label})
        try:
            tree = _put(tree, path, value)
        except ValueError as error:
            problems.append(Problem(path, str(error)))
    return tree, places, problems


def _read_setting(setting: str) -> tuple[tuple[str, ...], Any, str]:
    key, equals, text = setting.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    label = one_line(f"--set {setting}")
    if not equals or not all(path):
        raise ConfigError(f"{label}: write KEY=VALUE, for example --set search.trials=16")
    return path, _read(text, label), label


def _read(text: Any, label: str) -> Any:
    if not isinstance(text, str):
        return text
    value, _, problems = yaml_text.read(text.encode("utf-8", "surrogateescape"), label)
    if problems:
        raise ConfigError([one_line(f"{label}: {dotted(p.path)}: {p.message}") for p in problems])
    return value


def _put(
    tree: dict[str, Any], path: tuple[str, ...], value: Any, above: Path = ()
) -> dict[str, Any]:
    """A copy of the tree with a value at a path.

    Raises:
        ValueError: the path leads through something that is no mapping.
    """
    key, rest = path[0], path[1:]
    if not rest and value is None:
        return {name: entry for name, entry in tree.items() if name != key}
    if value is None and key not in tree:
        return tree
    if rest:
        below = tree.get(key)
        if below is True:
            below = None  # true switches on what keys below it then describe
        if below is not None and not isinstance(below, dict):
            raise ValueError(f"{dotted((*above, key))} is {show(below)}, which has no keys")
        value = _put(below or {}, rest, value, (*above, key))
    return {**tree, key: value}
