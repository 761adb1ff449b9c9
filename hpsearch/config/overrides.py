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
    is where the tree has it, else in quotes: `space."model.lr".max=1`. Entries of a list have
    their indices: `space.hop[0].max=400`.

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


INDEXED = re.compile(r"(.+?)((?:\[[0-9]+\])+)")
"""A key with indices of the list that it has."""


INDEXED = re.compile(r"(.+)\[(\d+)\]")
"""An entry of a list as messages write it."""


def _in_tree(tree: Any, parts: tuple[str, ...]) -> KeyPath:
    """The path that a key's parts mean: a key with dots where the tree has it, the longest one.

    An entry of a list is meant by its number from 0 or by its `name`. Of a list under `metric`
    any other key is one of the first metric, which decides.

    >>> _in_tree({"space": {"model.lr": {"max": 1}}}, ("space", "model", "lr", "max"))
    ('space', 'model.lr', 'max')
    >>> _in_tree({"metric": [{"name": "auc"}, {"name": "ms"}]}, ("metric", "ms", "at_most"))
    ('metric', 1, 'at_most')
    """
    path: list[str | int] = []
    while parts:
        keys: Mapping[Any, Any] = tree if isinstance(tree, dict) else {}
        if isinstance(tree, list):
            keys = {each.get("name"): i for i, each in enumerate(tree) if isinstance(each, dict)}
        taken = 1
        for length in range(len(parts), 1, -1):
            joined = parts[:length]
            plain = not any(isinstance(part, Quoted) for part in joined)
            if plain and ".".join(joined) in keys:
                taken = length
                break
        key: str | int = ".".join(parts[:taken])
        if isinstance(tree, list) and tree:
            key, taken = _entry(parts[0], path, keys.get(key), taken)
        elif key not in keys and not isinstance(parts[0], Quoted):
            entry = INDEXED.fullmatch(parts[0])
            if entry and isinstance(keys.get(entry[1]), list):
                parts = (entry[1], entry[2], *parts[1:])
                continue
        path.append(key)
        tree, parts = _below(tree, key), parts[taken:]
    return tuple(path)


def _entry(
    part: str, path: list[str | int], named: int | None, taken: int
) -> tuple[str | int, int]:
    """Which entry of a list is meant, and how many parts of the key say so."""
    if named is not None:
        return named, taken
    if part.isdecimal():
        return int(part), 1
    return (0, 0) if path == ["metric"] else (part, 1)


def _below(tree: Any, key: str | int) -> Any:
    if isinstance(tree, list):
        return tree[key] if isinstance(key, int) and key < len(tree) else None
    return tree.get(key) if isinstance(tree, dict) else None


def _read(text: Any, label: str) -> Any:
    if not isinstance(text, str):
        return text
    value, _, problems = yaml_text.read(text.encode("utf-8", "surrogateescape"), label)
    if problems:
        raise ConfigError([printable(f"{label}: {dotted(p.path)}: {p.message}") for p in problems])
    return value


def _put(tree: Any, path: KeyPath, value: Any, above: KeyPath = ()) -> Any:
    """A copy of the tree with a value at a path.

    Raises:
        ValueError: the path leads through something that is no mapping, or past a list.
    """
    key, rest = path[0], path[1:]
    below = _below(tree, key)
    if isinstance(tree, list) and not (isinstance(key, int) and key < len(tree)):
        names = [each["name"] for each in tree if isinstance(each, dict) and "name" in each]
        ways = [f"{dotted(above)}.{way}" for way in (*range(len(tree)), *names)]
        raise ValueError(f"{dotted(above)} is a list; of its entries write {' or '.join(ways)}")
    if value is None and not rest:
        if isinstance(tree, list):
            return [entry for place, entry in enumerate(tree) if place != key]
        return {name: entry for name, entry in tree.items() if name != key}
    if value is None and isinstance(tree, dict) and key not in tree:
        return tree
    if rest:
        if below is True:
            below = None  # true switches on what keys below it then describe
        if below is not None and not isinstance(below, dict | list):
            raise ValueError(f"{dotted((*above, key))} is {show(below)}, which has no keys")
        value = _put({} if below is None else below, rest, value, (*above, key))
    if isinstance(tree, list):
        return [value if place == key else entry for place, entry in enumerate(tree)]
    return {**tree, key: value}
