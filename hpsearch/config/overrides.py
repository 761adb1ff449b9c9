"""`--set KEY=VALUE`: values laid over a configuration, each remembered by where it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hpsearch.config import yaml_text
from hpsearch.config.problems import KeyPath, Positions, Problem, dotted
from hpsearch.errors import ConfigError
from hpsearch.fields import show
from hpsearch.messages import printable

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "seed": ("seed",),
    "trials": ("search", "trials"),
    "jobs": ("parallel", "jobs"),
    "backend": ("parallel", "backend"),
    "scheduler": ("parallel", "scheduler"),
}
"""The command line's options that stand for a key."""

INSTEAD: Mapping[str, tuple[str, ...]] = {
    "backend": ("scheduler", "scheduler_file", "tls", "engine"),
    "scheduler": ("scheduler_file",),
}
"""Keys of `parallel` that an option makes void: they are of another place to train in."""


def lay_over(
    tree: dict[str, Any], places: Positions, settings: Iterable[str], options: Mapping[str, Any]
) -> tuple[dict[str, Any], Positions, list[Problem]]:
    """The tree with `KEY=VALUE` settings, then options, in their order; the later one wins.

    A null value takes a key away, so that its default holds again, or so that a parameter of
    the space is no longer searched. Text is read as YAML. A key that holds dots is written as it
    is where the tree has it, else in quotes: `space."model.lr".max=1`.

    Args:
        tree: the configuration as plain values; it stays as it is.
        places: where its keys and values stand.
        settings: `KEY=VALUE` texts.
        options: values of command line options, by name; None for one that was not given.

    Returns:
        The new tree, the places with the origins of what was overridden, and the problems.
    """
    given = [read_setting(setting) for setting in settings]
    if options.get("scheduler") is not None and options.get("backend") is None:
        options = {**options, "backend": "dask"}
    tree = _without_others(tree, options)
    given += [
        (tuple(map(Quoted, OPTIONS[name])), _read(value, f"--{name}"), f"--{name}")
        for name, value in options.items()
        if value is not None
    ]
    problems = []
    for parts, value, label in given:
        path = _in_tree(tree, parts)
        places = replace(places, origins={**places.origins, path: label})
        try:
            tree = _put(tree, path, value)
        except ValueError as error:
            problems.append(Problem(path, str(error)))
    return tree, places, problems


def _without_others(tree: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The tree without what options make void: a run that began on a cluster goes on here."""
    parallel = tree.get("parallel")
    if not isinstance(parallel, dict):
        return tree
    void: set[str] = set()
    if options.get("backend") not in (None, parallel.get("backend", "local")):
        void |= {*INSTEAD["backend"]}
    if options.get("scheduler") is not None:
        void |= {*INSTEAD["scheduler"]}
    return {**tree, "parallel": {k: v for k, v in parallel.items() if k not in void}}


class Quoted(str):
    """A key that was written in quotes: whatever it holds, it is one key."""

    __slots__ = ()


PART = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|([^."'=]+))\s*([.=])""")
"""A key of a path, in quotes or without a dot, and what follows it."""


def read_setting(setting: str) -> tuple[tuple[str, ...], Any, str]:
    """The keys, the value, and a label for messages of a `KEY=VALUE` text.

    Raises:
        ConfigError: it is none, or its value is no YAML.
    """
    label, parts, end = printable(f"--set {setting}"), [], 0
    while match := PART.match(setting, end):
        quoted, bare, end = match[1] or match[2], match[3], match.end()
        parts.append(Quoted(quoted) if quoted else bare.strip())
        if match[4] == "=":
            break
    if not all(parts) or setting[end - 1 : end] != "=":
        raise ConfigError(f"{label}: write KEY=VALUE, for example --set search.trials=16")
    return tuple(parts), _read(setting[end:], label), label


def _in_tree(tree: Any, parts: tuple[str, ...]) -> tuple[str, ...]:
    """The path that a key's parts mean: a key with dots where the tree has it, the longest one.

    >>> _in_tree({"space": {"model.lr": {"max": 1}}}, ("space", "model", "lr", "max"))
    ('space', 'model.lr', 'max')
    """
    path: list[str] = []
    while parts:
        taken = 1
        for length in range(len(parts), 1, -1):
            joined = parts[:length]
            plain = not any(isinstance(part, Quoted) for part in joined)
            if plain and isinstance(tree, dict) and ".".join(joined) in tree:
                taken = length
                break
        key = ".".join(parts[:taken])
        path.append(key)
        tree, parts = tree.get(key) if isinstance(tree, dict) else None, parts[taken:]
    return tuple(path)


def _read(text: Any, label: str) -> Any:
    if not isinstance(text, str):
        return text
    value, _, problems = yaml_text.read(text.encode("utf-8", "surrogateescape"), label)
    if problems:
        raise ConfigError([printable(f"{label}: {dotted(p.path)}: {p.message}") for p in problems])
    return value


def _put(
    tree: dict[str, Any], path: tuple[str, ...], value: Any, above: KeyPath = ()
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
