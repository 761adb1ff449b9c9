"""An experiment of Determined.

Its format: https://docs.determined.ai/latest/reference/training/experiment-config-reference.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpsearch.errors import ExchangeError
from hpsearch.exchange.moving.draft import (
    Draft,
    Entry,
    listing,
    literal,
    mapping,
    named,
    number,
    shell,
    shown,
    words,
)
from hpsearch.exchange.moving.ranges import choice, constant, exp, uniform

READ = ("name", "description", "hyperparameters", "searcher", "entrypoint", "max_restarts",
        "environment", "reproducibility", "workspace", "project", "data")  # fmt: skip
SEARCHER = ("name", "metric", "smaller_is_better", "max_length", "max_trials", "divisor",
            "max_time", "max_concurrent_trials", "num_rungs", "max_rungs",
            "time_metric")  # fmt: skip


def experiment(tree: Mapping[str, Any]) -> Draft:
    """The configuration of an experiment."""
    draft = Draft(named(tree.get("name")))
    if tree.get("description"):
        draft.say("", str(tree["description"]))
    draft.lost("", tree, *READ)
    draft.put("trainer", "kind", "command")
    _command(draft, tree)
    searcher = mapping(tree.get("searcher"), "searcher")
    draft.put("metric", "name", str(searcher.get("metric", "validation_loss")))
    smaller = searcher.get("smaller_is_better", True)
    draft.put("metric", "goal", "minimize" if smaller else "maximize")
    draft.put("metric", "at", "best", "as Determined compares trials")
    hyperparameters = mapping(tree.get("hyperparameters"), "hyperparameters")
    _parameters(draft, hyperparameters, "", "hyperparameters")
    _search(draft, tree, searcher)
    return draft


def _command(draft: Draft, tree: Mapping[str, Any]) -> None:
    entry = tree.get("entrypoint")
    remarks = [
        "a script that asked det.get_cluster_info() reads its arguments instead, and prints its "
        'metrics as lines of JSON, such as {"validation_loss": 0.4}'
    ]
    text = words([str(each) for each in entry]) if isinstance(entry, list) else str(entry or "")
    if not text or (" " not in text and ":" in text):
        remarks.append(f"no program stands there ({shown(entry)}): write your script for train.py")
        text = "{python} train.py"
    else:
        text = shell(draft, literal(text))
    draft.put("trainer", "command", f"{text} {{args}}", *remarks)
    draft.put("trainer", "args", {"style": "equals", "booleans": "value"})
    environment = mapping(tree.get("environment"), "environment")
    variables = environment.get("environment_variables")
    if isinstance(variables, Mapping):
        variables = [each for one in variables.values() for each in listing(one, "variables")]
    env = dict(
        str(each).split("=", 1)
        for each in listing(variables, "environment_variables")
        if "=" in str(each)
    )
    if env:
        known = draft.parts["trainer"].get("env", Entry({})).value
        draft.put("trainer", "env", {**env, **known})
    draft.lost("trainer", environment, "environment_variables")
    if tree.get("data"):
        draft.say("trainer", f"data: {shown(tree['data'])} is what a trial could read; hand it "
                             "over in the command")  # fmt: skip


def _parameters(draft: Draft, given: dict[str, Any], before: str, where: str) -> None:
    for name, keys in given.items():
        here = f"{where}.{name}"
        if isinstance(keys, Mapping) and "type" not in keys:
            _parameters(draft, mapping(keys, here), f"{before}{name}.", here)
        elif name == "global_batch_size" and not before and not isinstance(keys, Mapping):
            draft.parts["space"][name] = constant(keys)
        else:
            draft.parts["space"][before + name] = parameter(keys, here)


def parameter(given: Any, where: str) -> Entry:
    """One hyperparameter; anything but a mapping is a constant.

    >>> parameter({"type": "log", "base": 10, "minval": -4, "maxval": -1}, "lr").value
    {'scale': 'log', 'min': 0.0001, 'max': 0.1}

    Raises:
        ExchangeError: its type is none of Determined's, or it lacks an end.
    """
    if not isinstance(given, Mapping):
        return constant(given)
    kind = given.get("type")
    if kind == "const":
        return constant(given.get("val"))
    if kind == "categorical":
        return choice(given.get("vals", ()), where)
    if kind not in ("int", "double", "log"):
        raise ExchangeError(f"{where}.type: must be const, int, double, log or categorical, "
                            f"found {shown(kind)}")  # fmt: skip
    low, high = (number(given.get(end), f"{where}.{end}") for end in ("minval", "maxval"))
    remarks = []
    if given.get("count") is not None:
        remarks.append(f"count: {shown(given['count'])} values on a grid; for sampler grid "
                       "write a step, or values")  # fmt: skip
    if kind == "log":
        base = number(given.get("base", 10), f"{where}.base")
        remarks.append(f"powers of {shown(base)} from {shown(low)} to {shown(high)}")
        return uniform(exp(low, base), exp(high, base), where, log=True).saying(*remarks)
    return uniform(low, high, where, whole=kind == "int").saying(*remarks)


def _search(draft: Draft, tree: Mapping[str, Any], searcher: dict[str, Any]) -> None:
    name = str(searcher.get("name", "adaptive_asha"))
    asha = any(part in name for part in ("asha", "adaptive", "halving"))
    draft.search_by(name)
    if name == "single":
        draft.put("search", "trials", 1, "it was a single training")
    elif searcher.get("max_trials") is not None:
        draft.put("search", "trials", int(number(searcher["max_trials"], "searcher.max_trials")))
    length, unit = searcher.get("max_length", searcher.get("max_time")), "epochs"
    if isinstance(length, Mapping) and length:
        unit, length = next(iter(length.items()))
    whole = None if length is None else int(number(length, "searcher.max_length"))
    epochs = whole if unit == "epochs" else None
    if whole is not None and epochs is None:
        draft.say("trainer", f"max_length: {shown(whole)} {unit}; here a training is so many "
                             "reports of its metric")  # fmt: skip
    if asha:
        divisor = int(number(searcher.get("divisor", 4), "searcher.divisor"))
        draft.halve(f"{name}, whose divisor is {divisor}", None, divisor, epochs)
    else:
        draft.no_halving()
    draft.lost("search", searcher, *SEARCHER)
    restarts = tree.get("max_restarts", 5)
    draft.put("search", "retries", int(number(restarts, "max_restarts")),
              *([] if "max_restarts" in tree else ["the default of max_restarts"]))  # fmt: skip
    jobs = searcher.get("max_concurrent_trials")
    draft.put("parallel", "jobs", 1 if not jobs else int(number(jobs, "max_concurrent_trials")))
    seed = mapping(tree.get("reproducibility"), "reproducibility").get("experiment_seed")
    if seed is not None:
        draft.say("", f"experiment_seed: {shown(seed)}; the key `seed` is what decides here")
