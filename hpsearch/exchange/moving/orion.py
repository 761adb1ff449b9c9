"""A search of Orion: its command line, its configuration, or a script's file with priors in it.

Its formats: https://orion.readthedocs.io/en/stable/user/searchspace.html and user/config.html
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from hpsearch.errors import ExchangeError
from hpsearch.exchange.moving.draft import (
    NO_PROGRAM,
    Draft,
    Entry,
    as_number,
    call,
    literal,
    mapping,
    named,
    number,
    shown,
    unquoted,
    words,
)
from hpsearch.exchange.moving.ranges import choice, normal, uniform

MARKED = re.compile(r"(-{0,2})([\w./-]*?)~\s*(.+)", re.DOTALL)
"""A word of a command with a prior: `--lr~uniform(0, 1)`, `-x~...`, `x~...`."""

VALUED = {"-n": "name", "--name": "name", "-c": "config", "--config": "config",
          "--max-trials": "max_trials", "--exp-max-trials": "max_trials",
          "--max-broken": "max_broken", "--exp-max-broken": "max_broken",
          "--n-workers": "n_workers", "-u": "user", "--user": "user", "-v": "version",
          "--version": "version", "--worker-trials": "worker_trials",
          "--worker-max-trials": "worker_trials", "--worker-max-broken": "worker_max_broken",
          "--pool-size": "pool_size", "--working-dir": "working_dir", "--executor": "executor",
          "-b": "branch_from", "--branch-from": "branch_from", "-B": "branch_to",
          "--branch-to": "branch_to", "--heartbeat": "heartbeat"}  # fmt: skip
"""Options of `orion hunt` that take a value."""

EXPERIMENT = ("name", "max_trials", "max_broken", "algorithm", "algorithms", "n_workers", "space",
              "params", "user", "version", "user_script", "config")  # fmt: skip


def hunt(tree: Any, beside: Callable[[str], Any], name: str) -> Draft:
    """The configuration of a search of Orion.

    Args:
        tree: the text of a command line, or what a file holds.
        beside: opens another file that it names.
        name: of its own file.
    """
    if isinstance(tree, str):
        return _command_line(tree, beside)
    experiment = mapping(tree.get("experiment", tree.get("orion")), "experiment")
    if "space" in tree or "params" in tree:
        experiment = {key: tree[key] for key in EXPERIMENT if key in tree} | experiment
    draft = _begun(experiment)
    space = experiment.get(
        "space", experiment.get("params", tree.get("space", tree.get("params")))
    )
    if space is not None or experiment:
        draft.put("trainer", "command", "{python} train.py {args}",
                  NO_PROGRAM)  # fmt: skip
        draft.put("trainer", "args", {"style": "spaced"})
        for name, prior in mapping(space, "space").items():
            _add(draft, name, str(prior))
    else:
        draft.put("trainer", "command", "{python} train.py --config {params_file}",
                  NO_PROGRAM)  # fmt: skip
        _script_file(draft, tree, name)
    workers = mapping(tree.get("worker"), "worker")
    _search(draft, {**workers, **experiment})
    return draft


def _begun(settings: Mapping[str, Any]) -> Draft:
    draft = Draft(named(settings.get("name")))
    draft.put("trainer", "kind", "command")
    draft.say("metric", "Orion takes report_objective; here the script prints it as a line of "
                        'JSON, {"objective": 0.4}')  # fmt: skip
    draft.put("metric", "name", "objective")
    draft.put("metric", "goal", "minimize", "Orion always minimizes")
    return draft


def _command_line(text: str, beside: Callable[[str], Any]) -> Draft:
    """The configuration of what `orion hunt` would do."""
    joined = re.sub(r"\\\r?\n", " ", text)
    line = next(line for line in joined.splitlines() if re.search(r"\borion\b.*\bhunt\b", line))
    try:
        given = shlex.split(line, comments=True)
    except ValueError as error:
        raise ExchangeError(f"orion hunt: cannot be cut into words: {error}") from None
    given = given[given.index("hunt") + 1 :] if "hunt" in given else []
    settings: dict[str, Any] = {}
    while given and given[0].startswith("-"):
        option, _, value = given.pop(0).partition("=")
        if option in VALUED and (value or given):
            settings[VALUED[option]] = value or given.pop(0)
        else:
            settings[option.lstrip("-")] = True
    if "config" in settings:
        found = mapping(beside(str(settings["config"])), "config")
        inside = mapping(found.get("experiment", found), "experiment")
        settings = {**mapping(found.get("worker"), "worker"), **inside, **settings}
    draft = _begun(settings)
    found_words = list(_words(draft, given, beside))
    if found_words and re.fullmatch(r"[^/]+\.(py|sh)", found_words[0]):
        found_words[0] = f"./{found_words[0]}"  # a file in the folder, where no PATH leads
    draft.put("trainer", "command", words(found_words or ["{python}", "train.py"]),
              *([] if given else [NO_PROGRAM]))  # fmt: skip
    _search(draft, settings)
    return draft


def _words(draft: Draft, given: list[str], beside: Callable[[str], Any]) -> Iterator[str]:
    """The words of the script's command, a place for each prior."""
    for i, word in enumerate(given):
        before = given[i - 1] if i else ""
        marked = MARKED.fullmatch(word)
        if before == "--config" and re.search(r"\.(ya?ml|json)$", word):
            try:
                _script_file(draft, mapping(beside(word), word), word)
            except ExchangeError as error:
                draft.say("trainer", f"{word} was not read: {error}")
                yield literal(word)
            else:
                yield "{params_file}"
        elif marked is None:
            yield literal(word)
        elif marked[2] == "orion":
            name = before.lstrip("-") or f"argument{i}"
            yield f"{{{_add(draft, name, marked[3])}}}"
        elif marked[3] == "-":
            draft.say("space", f"{marked[2]} was taken away (~-), and stands here no more")
        else:
            name = marked[2] or f"argument{i}"
            place = _add(draft, name, marked[3])
            yield from ([f"{marked[1]}{name}"] if marked[1] else [])
            yield f"{{{place}}}"


def _script_file(draft: Draft, tree: Mapping[str, Any], name: str) -> None:
    """A script's own file, some of whose values are priors."""
    remarks = ["a copy of this file for each trial, with values in place of its priors"]
    for key, value in _leaves(tree, ""):
        marked = re.fullmatch(r"\s*(?:orion)?~\s*(.+)", value) if isinstance(value, str) else None
        if marked is None and not (isinstance(value, str) and call(value) and _is_prior(value)):
            continue
        if _add(draft, key, marked[1] if marked else value) == "epochs":
            remarks.append(f"its {key} is the fidelity: write {{epochs}} there for {value}")
    draft.put("trainer", "params_file", name, *remarks)


def _leaves(tree: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{before}{key}.")
        else:
            yield before + str(key), value


def _is_prior(text: str) -> bool:
    try:
        prior(text, "")
    except ExchangeError:
        return False
    return True


def _add(draft: Draft, name: str, text: str) -> str:
    """Add a parameter with its prior; what stands for it in a command is returned."""
    renamed = text.startswith(">")
    if renamed:
        draft.say("space", f"{name} was renamed ({text}); write its prior")
    called = call(text)
    if called is not None and called[0] == "fidelity":
        plain, keyed = called[1], called[2]
        low, high = (number(keyed.get(k, plain[i] if i < len(plain) else 1), f"{name}.{k}")
                     for i, k in enumerate(("low", "high")))  # fmt: skip
        base = number(keyed.get("base", plain[2] if len(plain) > 2 else 2), f"{name}.base")
        draft.halve(f"a fidelity, {name}, from {shown(low)} to {shown(high)}",
                    int(low), max(2, int(base)), int(high))  # fmt: skip
        return "epochs"
    entry = Entry({"value": 0}) if renamed else prior(text, name)
    length = as_number(called[2].get("shape", "")) if called else ""
    if isinstance(length, int) and length > 1 and "value" not in entry.value:
        draft.parts["space"][f"{name}_length"] = Entry({"value": length}, ("shape of the next",))
        entry = Entry({**entry.value, "per": f"{name}_length"}, entry.remarks)
    elif length:
        entry = entry.saying(f"shape {shown(length)} has no counterpart: it is one value here")
    draft.parts["space"][name] = entry
    return name


def prior(text: str, where: str) -> Entry:
    """A parameter by its prior.

    >>> prior("loguniform(1e-5, 1.0)", "lr").value
    {'scale': 'log', 'min': 1e-05, 'max': 1.0}

    Raises:
        ExchangeError: it is none that is known here.
    """
    called = call(text)
    if called is None:
        raise ExchangeError(f"{where}: must be a prior such as uniform(0, 1), found {shown(text)}")
    name, plain, keyed = called
    if name in ("choices", "categorical"):
        return _guessed(_choices(plain, where), keyed)
    values = [number(each, where) for each in plain]
    ends = {"uniform": ("low", "high"), "normal": ("loc", "scale")}.get(name, ())
    values += [number(keyed[key], where) for key in ends if key in keyed]
    whole = keyed.get("discrete", "").lower() == "true"
    if len(values) < 2:
        raise ExchangeError(f"{where}: {name} needs two numbers, found {shown(text)}")
    low, high = values[:2]
    remarks = []
    if "precision" in keyed:
        remarks.append(f"precision {keyed['precision']}: values are not rounded here")
    if name in ("uniform", "loguniform", "reciprocal"):
        found = uniform(low, high, where, name != "uniform", whole)
    elif name in ("normal", "gaussian", "norm"):
        found = normal(low, high, where, q=1 if whole else None)
    elif name == "randint":
        found = uniform(low, high - 1, where, whole=True)
    else:
        raise ExchangeError(f"{where}: {name}(...) is no prior that is known here; take uniform, "
                            "loguniform, normal, randint or choices")  # fmt: skip
    return _guessed(found.saying(*remarks), keyed)


def _choices(plain: list[str], where: str) -> Entry:
    """The options of `choices`, one by one, as a list, or with their probabilities."""
    try:
        read = [yaml.safe_load(each) for each in plain]
    except yaml.YAMLError:
        read = [unquoted(each) for each in plain]
    given = read[0] if len(read) == 1 else read
    if isinstance(given, Mapping):
        return choice(list(given), where).saying(
            f"probabilities: {shown(given)}; here all are alike"
        )
    if isinstance(given, str) and re.fullmatch(r"\(.*\)", given):
        given = [as_number(unquoted(each.strip())) for each in given[1:-1].split(",")]
    return choice(given if isinstance(given, list) else [given], where)


def _guessed(entry: Entry, keyed: Mapping[str, str]) -> Entry:
    if "default_value" not in keyed or "value" in entry.value:
        return entry
    return Entry({**entry.value, "guess": as_number(keyed["default_value"])}, entry.remarks)


def _search(draft: Draft, settings: Mapping[str, Any]) -> None:
    algorithm = settings.get("algorithm", settings.get("algorithms", "random"))
    options: Any = None
    if isinstance(algorithm, Mapping) and algorithm:
        kind = algorithm.get("type") or algorithm.get("of_type")
        options = {k: v for k, v in algorithm.items() if k not in ("type", "of_type")}
        if kind is None:
            kind, options = next(iter(algorithm.items()))
        algorithm = kind
    draft.search_by(str(algorithm))
    draft.lost("search", mapping(options, "algorithm") if options else {}, "seed")
    if settings.get("max_trials") is not None:
        draft.put("search", "trials", int(number(settings["max_trials"], "max_trials")))
    else:
        draft.put("search", "trials", 64, "Orion had no end to its trials; here there is one")
    if settings.get("max_broken") is not None:
        draft.put("search", "max_failures", int(number(settings["max_broken"], "max_broken")))
    if "halving" not in draft.parts["search"]:
        draft.no_halving()
    draft.lost("parallel", settings, *EXPERIMENT)
    draft.put("parallel", "jobs", int(number(settings.get("n_workers", 1), "n_workers")))
