"""A file of Guild, guild.yml: the flags of an operation.

Its format: https://my.guild.ai/t/guild-file-reference/197
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hpsearch.errors import ExchangeError
from hpsearch.exchange.moving.draft import (
    VALUE,
    Draft,
    Entry,
    as_number,
    literal,
    mapping,
    named,
    number,
    shell,
    shown,
)
from hpsearch.exchange.moving.ranges import choice, constant, exp, uniform

CALLED = re.compile(r"\s*(\w*)\[([^\[\]]*:[^\[\]]*)\]\s*")
MOST = 1000  # values of a sequence
READ = ("main", "exec", "flags", "flags-dest", "flags-import", "flags-import-skip", "objective",
        "minimize", "maximize", "max-trials", "optimizers", "optimizer", "output-scalars", "env",
        "stop-after", "description", "default", "name")  # fmt: skip


def guild_file(tree: Any) -> Draft:
    """The configuration of an operation, the first with flags to search."""
    operations = list(_operations(tree))
    if not operations:
        raise ExchangeError("operations: there is none with `main`, `exec` or `flags`")
    chosen = max(operations, key=lambda each: _searched(each[1]))  # the first of them
    name, operation = chosen
    draft = Draft(named(name))
    others = [other for other, _ in operations if other != name]
    if others:
        draft.say("", f"of the operation {name}; the others are left out: {', '.join(others)}")
    if operation.get("description"):
        draft.say("", str(operation["description"]))
    draft.lost("", operation, *READ)
    draft.put("trainer", "kind", "command")
    _parameters(draft, mapping(operation.get("flags"), f"{name}.flags"))
    _command(draft, name, operation)
    _metric(draft, operation)
    _search(draft, operation)
    return draft


def _operations(tree: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The operations of a file by name, in whichever of its forms."""
    if isinstance(tree, list):
        for each in tree:
            if isinstance(each, Mapping):
                given = mapping(each.get("operations"), "operations")
                yield from _operations(given)
        return
    for name, each in mapping(tree, "operations").items():
        if isinstance(each, Mapping):
            yield name, mapping(each, name)
        elif isinstance(each, str):
            yield name, {"main": each}


def _searched(operation: Mapping[str, Any]) -> int:
    """How many of an operation's flags have more than one value."""
    flags = operation.get("flags")
    if not isinstance(flags, Mapping):
        return 0
    found = (
        flag(str(name), keys, str(name)) for name, keys in flags.items() if name != "$include"
    )
    return sum("value" not in entry.value for _, entry in found)


def _parameters(draft: Draft, flags: dict[str, Any]) -> None:
    for name, given in flags.items():
        if name == "$include":
            draft.say("space", f"$include: {shown(given)}; write its flags out")
            continue
        called, entry = flag(name, given, f"flags.{name}")
        if isinstance(given, Mapping) and given.get("arg-skip"):
            draft.say("space", f"{name}: {shown(given)}; Guild did not hand it to the script")
            continue
        switch = isinstance(given, Mapping) and "arg-switch" in given
        if switch:
            entry = entry.saying(
                f"arg-switch: a word alone where it is {shown(given['arg-switch'])}"
            )
            draft.put("trainer", "args", {"style": "spaced", "booleans": "flag"})
        else:
            entry = _yes_and_no(entry)
        draft.parts["space"][called] = entry


def _yes_and_no(entry: Entry) -> Entry:
    """An entry whose truth values are the words that Guild writes for them."""
    plain = {True: "yes", False: "no"}

    def word(value: Any) -> Any:
        return plain[value] if isinstance(value, bool) else value

    keys = {
        key: [word(each) for each in value] if key == "values" else word(value)
        for key, value in entry.value.items()
    }
    return Entry(keys, entry.remarks)


def flag(name: str, given: Any, where: str) -> tuple[str, Entry]:
    """The name by which the script takes a flag, and what it can be.

    >>> flag("lr", "loguniform[1e-4:1e-1]", "lr")[1].value
    {'scale': 'log', 'min': 0.0001, 'max': 0.1}

    Raises:
        ExchangeError: its function or distribution is none of Guild's.
    """
    if not isinstance(given, Mapping):
        return name, _value(given, where)
    called = str(given.get("arg-name", name))
    default = given.get("default")
    kind = str(given.get("type", ""))
    if given.get("min") is not None and given.get("max") is not None:
        low, high = (number(given[end], f"{where}.{end}") for end in ("min", "max"))
        law = str(given.get("distribution", "uniform"))
        if law not in ("uniform", "log-uniform"):
            raise ExchangeError(f"{where}.distribution: must be uniform or log-uniform, "
                                f"found {shown(law)}")  # fmt: skip
        whole = kind == "int" or (kind != "number" and type(low) is type(high) is int)
        return called, _guessed(uniform(low, high, where, law == "log-uniform", whole), default)
    if given.get("choices"):
        options = [each.get("value") if isinstance(each, Mapping) else each
                   for each in given["choices"]]  # fmt: skip
        found = choice(options, f"{where}.choices")
        return called, _guessed(found, default) if default in options else found
    return called, _value(default, where)


def _value(given: Any, where: str) -> Entry:
    """What a flag's value says: one value, some, or a function of a range."""
    if isinstance(given, list):
        return choice(given, where)
    match = CALLED.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        return constant(given)
    name, parts = match[1], [number(each, where) for each in match[2].split(":")]
    low, high, rest = parts[0], parts[1], parts[2:]
    if name in ("", "uniform", "loguniform"):
        whole = type(low) is type(high) is int
        found = uniform(low, high, where, name == "loguniform", whole)
        return _guessed(found, rest[0] if rest else None)
    if name in ("seq", "range"):
        step = rest[0] if rest else 1
        count = (high - low) / step + 1e-9 if step > 0 else MOST
        if count >= MOST:
            raise ExchangeError(f"{where}: must have fewer than {MOST} values, found {given}")
        return _listed([low + i * step for i in range(int(count) + 1)], where)
    count = int(rest[0]) if rest else 5
    if not 0 < count <= MOST or (name == "geomspace" and low * high <= 0):
        raise ExchangeError(f"{where}: {given} has no such values")
    gaps = max(1, count - 1)
    if name in ("linspace", "logspace"):
        even = [low + (high - low) * i / gaps for i in range(count)]
        base = rest[1] if len(rest) > 1 else 10
        return _listed(even if name == "linspace" else [exp(each, base) for each in even], where)
    if name == "geomspace":
        return _listed([low * (high / low) ** (i / gaps) for i in range(count)], where)
    raise ExchangeError(f"{where}: {name}[...] is none of Guild's functions that are known here")


def _listed(values: list[float], where: str) -> Entry:
    tidy = [value if isinstance(value, int) else float(f"{value:.6g}") for value in values]
    return choice(tidy, where)


def _guessed(entry: Entry, default: Any) -> Entry:
    if default is None or "value" in entry.value:
        return entry
    guess = as_number(default)
    if "min" in entry.value and not (
        isinstance(guess, int | float) and entry.value["min"] <= guess <= entry.value["max"]
    ):
        return entry.saying(f"its default, {shown(guess)}, lies outside of it")
    return Entry({**entry.value, "guess": guess}, entry.remarks)


def _command(draft: Draft, name: str, operation: Mapping[str, Any]) -> None:
    places = "|".join(map(re.escape, draft.parts["space"]))
    if operation.get("exec"):
        text = str(operation["exec"]).replace("${flag_args}", "\0")
        pieces = re.split(rf"(\$\{{(?:{places})\}})", text)
        filled = [each[1:] if each.startswith("${") else literal(each) for each in pieces]
        found = shell(draft, "".join(filled).replace("\0", "{args}"))
    else:
        main = str(operation.get("main", name)).split()
        program, rest = main[0], literal(" ".join(main[1:]))
        script = program if program.endswith(".py") else f"-m {program}"
        found = " ".join(part for part in ("{python}", script, rest, "{args}") if part)
    draft.put("trainer", "command", found)
    if "{args}" not in found:
        draft.parts["trainer"].pop("args", None)
    elif "args" not in draft.parts["trainer"]:
        draft.put("trainer", "args", {"style": "spaced"})
    dest = str(operation.get("flags-dest", "args"))
    if dest.startswith("config:"):
        draft.put("trainer", "command", found.replace("{args}", "--config {params_file}"),
                  "Guild wrote the file where the script ran: let it take its path")  # fmt: skip
        draft.parts["trainer"].pop("args", None)
        draft.put("trainer", "params_file", dest.removeprefix("config:"))
    elif dest != "args":
        draft.say("trainer", f"flags-dest: Guild set {dest}; the script takes arguments instead")
    env = {key: str(each) for key, each in mapping(operation.get("env"), "env").items()}
    if env:
        draft.put("trainer", "env", env)


def _metric(draft: Draft, operation: Mapping[str, Any]) -> None:
    objective = operation.get("objective")
    goals = {"minimize": operation.get("minimize"), "maximize": operation.get("maximize")}
    if isinstance(objective, Mapping):
        goals |= {str(key): each for key, each in objective.items()}
    elif isinstance(objective, str):
        goals["maximize" if objective.startswith("-") else "minimize"] = objective.lstrip("-")
    goal, name = next(((k, str(v)) for k, v in goals.items() if v), ("minimize", "loss"))
    draft.put("metric", "name", name)
    draft.put("metric", "goal", goal)
    scalars = operation.get("output-scalars")
    merged: dict[str, Any] = {}
    for each in scalars if isinstance(scalars, list) else [scalars]:
        merged |= mapping(each, "output-scalars") if isinstance(each, Mapping) else {}
    pattern = str(merged[name]) if name in merged else rf"(?m)^{re.escape(name)}:\s*(\value)"
    if r"\step" in pattern or r"\key" in pattern:
        pattern = pattern.replace(r"(\step)", r"\d+").replace(r"(\key)", re.escape(name))
    pattern = pattern.replace(r"(\value)", VALUE).replace(r"\value", VALUE[1:-1])
    pattern = pattern.replace(r"\step", r"\d+").replace(r"\key", re.escape(name))
    draft.put("trainer", "result", {"pattern": pattern},
              "Guild also read TensorBoard's files: {tensorboard: {dir: ...}}")  # fmt: skip


def _search(draft: Draft, operation: Mapping[str, Any]) -> None:
    optimizers = operation.get("optimizers", operation.get("optimizer"))
    name: Any = optimizers
    if isinstance(optimizers, Mapping):
        defaults = [key for key, each in optimizers.items()
                    if isinstance(each, Mapping) and each.get("default")]  # fmt: skip
        name = next(iter([*defaults, *optimizers]), None)
        chosen = optimizers.get(name)
        draft.lost(
            "search", mapping(chosen, "optimizers") if chosen else {}, "default", "algorithm"
        )
        if isinstance(chosen, Mapping):
            name = chosen.get("algorithm", name)
    ranges = any("min" in entry.value for entry in draft.parts["space"].values())
    draft.search_by(str(name or ("random" if ranges else "grid")))
    if operation.get("max-trials") is not None:
        draft.put("search", "trials", int(number(operation["max-trials"], "max-trials")))
    elif draft.parts["search"]["sampler"].value != "grid":
        draft.put("search", "trials", 20, "Guild's default")
    if operation.get("stop-after") is not None:
        minutes = number(operation["stop-after"], "stop-after")
        draft.put("search", "trial_timeout", f"{shown(minutes)}m")
    draft.no_halving()
    draft.put("parallel", "jobs", 1)
