"""An experiment of NNI, or its search space alone.

Its formats: https://nni.readthedocs.io/en/stable/reference/experiment_config.html and
https://nni.readthedocs.io/en/stable/hpo/search_space.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hpsearch.errors import ExchangeError
from hpsearch.exchange.moving.draft import (
    NO_PROGRAM,
    Draft,
    Entry,
    literal,
    mapping,
    named,
    number,
    shell,
    shown,
)
from hpsearch.exchange.moving.ranges import choice, normal, quantized, uniform

LIMITS = {
    "maxTrialNumber": "trials",
    "maxTrialNum": "trials",
    "maxExperimentDuration": "timeout",
    "maxExecDuration": "timeout",
    "maxTrialDuration": "trial_timeout",
}
READ = (*LIMITS, "experimentName", "searchSpace", "searchSpaceFile", "searchSpacePath",
        "trialCommand", "trialCodeDirectory", "trialConcurrency", "trial", "tuner", "assessor",
        "advisor", "debug", "logLevel", "authorName", "description", "useAnnotation",
        "trainingServicePlatform")  # fmt: skip


def experiment(tree: Mapping[str, Any], beside: Callable[[str], Any]) -> Draft:
    """The configuration of an experiment of NNI, or of its search space.

    Args:
        tree: the experiment, or its search space.
        beside: opens another file that it names.
    """
    bare = all(isinstance(each, Mapping) and "_type" in each for each in tree.values())
    config: Mapping[str, Any] = {} if bare else tree
    draft = Draft(named(config.get("experimentName")))
    if config.get("description"):
        draft.say("", str(config["description"]))
    draft.lost("", config, *READ)
    draft.put("trainer", "kind", "command")
    _command(draft, config)
    draft.put("trainer", "tracker", "nni",
              "parameters and results go through the functions of nni")  # fmt: skip
    space = tree if bare else config.get("searchSpace")
    if space is None and (file := config.get("searchSpaceFile", config.get("searchSpacePath"))):
        space = beside(str(file))
    if space is None:
        raise ExchangeError(
            "searchSpace: is missing; a search that is written into the script (useAnnotation) "
            "has no file to read: write down its space first"
        )
    for name, keys in mapping(space, "searchSpace").items():
        draft.parts["space"][name] = parameter(mapping(keys, name), name, name)
    if nested := list(_nested(draft.parts["space"])):
        known = draft.parts["trainer"].get("env", Entry({})).value
        draft.put("trainer", "env", {**known, "NNI_NESTED_CHOICES": json.dumps(nested)},
                  "the script is given these as mappings with _name, as by NNI")  # fmt: skip
    _search(draft, config)
    return draft


def _nested(space: Mapping[str, Entry]) -> Iterator[str]:
    """The names of the choices whose options have parameters nested in them."""
    for name, entry in space.items():
        if isinstance(entry.value, dict) and isinstance(entry.value.get("choice"), dict):
            yield name
            for group in entry.value["choice"].values():
                yield from _nested(group)


def _command(draft: Draft, config: Mapping[str, Any]) -> None:
    trial = mapping(config.get("trial"), "trial")
    given = config.get("trialCommand", trial.get("command"))
    if given is None:
        draft.put("trainer", "command", "{python} train.py",
                  NO_PROGRAM)  # fmt: skip
    else:
        draft.put("trainer", "command", shell(draft, literal(str(given))))
    folder = config.get("trialCodeDirectory", trial.get("codeDir"))
    if folder not in (None, ".", "./"):
        draft.put("trainer", "folder", str(folder))
    draft.lost("parallel", trial, "command", "codeDir")


def _search(draft: Draft, config: Mapping[str, Any]) -> None:
    tuner, assessor, advisor = (
        _algorithm(config.get(k), k) for k in ("tuner", "assessor", "advisor")
    )
    name, options = advisor if advisor[0] else tuner
    goal = str(options.get("optimize_mode", "maximize"))
    draft.put("metric", "name", "default", "the number, or the entry `default`, that is reported")
    draft.put("metric", "goal", goal if goal in ("minimize", "maximize") else "maximize")
    draft.search_by(name or "TPE")
    for key, limit in LIMITS.items():
        if config.get(key) is not None:
            given = config[key]
            draft.put("search", limit,
                      int(number(given, key)) if limit == "trials" else given)  # fmt: skip
    if "trials" not in draft.parts["search"] and name != "GridSearch":
        draft.put("search", "trials", 64, "NNI had no end to its trials; here there is one")
    if advisor[0] in ("Hyperband", "BOHB"):
        most = options.get("R", options.get("max_budget"))
        first = options.get("min_budget")
        draft.halve(
            f"advisor {name}; a script that reads TRIAL_BUDGET reads {{epochs}} instead",
            None if first is None else int(number(first, "advisor.min_budget")),
            int(number(options.get("eta", 3), "advisor.eta")),
            None if most is None else int(number(most, "advisor.R")),
        )
    elif assessor[0]:
        first, most = (assessor[1].get(key) for key in ("start_step", "epoch_num"))
        draft.halve(
            f"assessor {assessor[0]}",
            None if first is None else int(number(first, "assessor.start_step")),
            None,
            None if most is None else int(number(most, "assessor.epoch_num")),
        )
    else:
        draft.no_halving()
    for key, value in options.items():
        if key not in ("optimize_mode", "R", "eta", "max_budget", "min_budget"):
            draft.say(
                "search", f"classArgs.{key}: {shown(value)} of {name} has no counterpart here"
            )
    draft.put(
        "parallel", "jobs", int(number(config.get("trialConcurrency", 1), "trialConcurrency"))
    )


def _algorithm(given: Any, where: str) -> tuple[str | None, dict[str, Any]]:
    """The name of a tuner, assessor or advisor, and its options."""
    keys = mapping(given, where)
    names = (key for key in keys if re.fullmatch(r"name|className|builtin\w+Name", key))
    name = next((keys[key] for key in names), None)
    return (None if name is None else str(name)), mapping(
        keys.get("classArgs"), f"{where}.classArgs"
    )


def parameter(keys: dict[str, Any], where: str, name: str) -> Entry:
    """One parameter of a search space.

    Args:
        keys: its `_type` and `_value`.
        where: what messages call it.
        name: what it is called, before the names of parameters nested in it.

    Raises:
        ExchangeError: a type that is none of NNI's, or values that do not suit it.
    """
    kind, value = str(keys.get("_type")), keys.get("_value")
    if not isinstance(value, list):
        raise ExchangeError(f"{where}._value: must be a list, found {shown(value)}")
    if kind == "choice":
        if any(isinstance(each, Mapping) and "_name" in each for each in value):
            return _groups(value, where, name)
        return choice(value, where)
    ends = [number(each, f"{where}._value") for each in value]
    if kind == "randint" and len(ends) in (1, 2):
        low, high = ends if len(ends) == 2 else (0, *ends[:1])
        return uniform(low, high - 1, where, whole=True)
    if len(ends) != (3 if kind.startswith("q") else 2):
        raise ExchangeError(f"{where}._value: {kind} has other values, found {shown(value)}")
    first, second = ends[:2]
    if kind in ("uniform", "loguniform"):
        return uniform(first, second, where, kind == "loguniform")
    if kind in ("quniform", "qloguniform"):
        return quantized(first, second, ends[2], where, kind == "qloguniform", True)
    if kind in ("normal", "lognormal", "qnormal", "qlognormal"):
        return normal(first, second, where, "log" in kind, ends[2] if len(ends) == 3 else None)
    raise ExchangeError(f"{where}._type: {kind} is none that is known here")


def _groups(value: list[Any], where: str, name: str) -> Entry:
    """A choice with parameters nested in its options."""
    groups: dict[str, dict[str, Entry]] = {}
    for each in value:
        option = mapping(each, where) if isinstance(each, Mapping) else {"_name": each}
        chosen = str(option.pop("_name", None))
        groups[chosen] = {
            f"{name}.{inner}": parameter(
                mapping(keys, f"{where}.{inner}"), f"{where}.{chosen}.{inner}", f"{name}.{inner}"
            )
            for inner, keys in option.items()
            if isinstance(keys, Mapping)
        }
    return Entry({"choice": groups})
