"""A sweep of Weights & Biases.

Its format: https://docs.wandb.ai/models/sweeps/sweep-config-keys
"""

from __future__ import annotations

import re
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
    shown,
    words,
)
from hpsearch.exchange.moving.ranges import choice, constant, exp, normal, quantized, uniform

ARGS = {
    "${args}": {"style": "equals", "booleans": "python"},
    "${args_no_boolean_flags}": {"style": "equals", "booleans": "flag"},
    "${args_no_hyphens}": {"style": "hydra", "booleans": "python"},
    "${args_no_equals}": {"style": "spaced", "booleans": "python"},
    "${args_json}": {"style": "json"},
}
DEFAULT = ("${env}", "${interpreter}", "${program}", "${args}")
READ = ("program", "method", "metric", "parameters", "early_terminate", "command", "run_cap",
        "name", "description", "project", "entity", "controller")  # fmt: skip


def sweep(tree: Mapping[str, Any]) -> Draft:
    """The configuration of a sweep."""
    draft = Draft(named(tree.get("name")))
    if tree.get("description"):
        draft.say("", str(tree["description"]))
    for key in ("entity", "project"):
        if tree.get(key):
            draft.say("", f"{key}: {tree[key]} is W&B's; nothing is sent there")
    draft.lost("", tree, *READ)
    draft.put("trainer", "kind", "command")
    _command(draft, tree)
    draft.put(
        "trainer", "tracker", "wandb", "metrics come from what the script hands to wandb.log"
    )
    _metric(draft, mapping(tree.get("metric"), "metric"))
    _parameters(draft, mapping(tree.get("parameters"), "parameters"), "", "parameters")
    draft.search_by(str(tree.get("method", "bayes")))
    cap = tree.get("run_cap")
    if cap is not None:
        draft.put("search", "trials", int(number(cap, "run_cap")))
    elif draft.parts["search"]["sampler"].value != "grid":
        draft.put("search", "trials", 64, "the sweep had no end (run_cap); here it has one")
    _early(draft, mapping(tree.get("early_terminate"), "early_terminate"))
    draft.say("parallel", "jobs: trials at a time, for what was the number of agents")
    draft.put("parallel", "jobs", 1)
    return draft


def _command(draft: Draft, tree: Mapping[str, Any]) -> None:
    given = tree.get("command") or list(DEFAULT)
    given = given.split() if isinstance(given, str) else listing(given, "command")
    given = [str(word) for word in given]
    remarks: list[str] = []
    program = tree.get("program")
    if program is None and "${program}" in given:
        remarks.append("the sweep names no program: write the name of your script for train.py")
    found: list[str] = []
    style: dict[str, Any] = {}
    for word in given:
        if word in ARGS:
            style = style or dict(ARGS[word])
            found.append("{args}")
        elif word == "${args_json_file}":
            draft.put("trainer", "params_file", "params.json")
            found.append("{params_file}")
        elif word == "${interpreter}":
            found.append("{python}")
        elif word == "${program}":
            found.append(literal(str(program or "train.py")))
        elif word != "${env}":
            if name := re.search(r"\$\{envvar:(\w+)\}", word):
                remarks.append(f"no shell reads this: write the value of {name[1]} for its name")
                word = re.sub(r"\$\{envvar:(\w+)\}", r"$\1", word)
            elif "${" in word:
                remarks.append(f"{word} is no macro that is known here")
            found.append(literal(word))
    env = {}
    while found and (assigned := re.fullmatch(r"([A-Za-z_]\w*)=(.*)", found[0])):
        env[assigned[1]] = assigned[2]  # what /usr/bin/env would set
        del found[0]
    draft.put("trainer", "command", words(found), *remarks)
    if env:
        draft.put("trainer", "env", env)
    if style:
        draft.put("trainer", "args", style)


def _metric(draft: Draft, metric: dict[str, Any]) -> None:
    if "name" not in metric:
        draft.say("metric", "the sweep names no metric: write the one that your script logs")
    draft.put("metric", "name", str(metric.get("name", "loss")))
    draft.put("metric", "goal", str(metric.get("goal", "minimize")).lower())
    if metric.get("target") is not None:
        draft.put("metric", "target", number(metric["target"], "metric.target"))
    draft.lost("metric", metric, "name", "goal", "target")


def _early(draft: Draft, early: dict[str, Any]) -> None:
    if not early:
        draft.no_halving()
        return
    eta = int(number(early.get("eta", 3), "early_terminate.eta"))
    first, most = early.get("min_iter"), early.get("max_iter")
    brackets = early.get("s")
    whole = None if most is None else int(number(most, "early_terminate.max_iter"))
    if first is None and whole is not None:
        brackets = int(number(1 if brackets is None else brackets, "early_terminate.s"))
        if eta < 2 or not 0 <= brackets < 100:
            raise ExchangeError(
                "early_terminate: must have eta of 2 or more and s below 100, found eta "
                f"{shown(eta)} and s {shown(brackets)}"
            )
        first = whole // eta**brackets
    first = None if first is None else int(number(first, "early_terminate.min_iter"))
    kind = str(early.get("type", "hyperband"))
    draft.halve(f"early_terminate {kind}, in logs of the metric", first, eta, whole)
    draft.lost("search", early, "type", "min_iter", "max_iter", "s", "eta")


def _parameters(draft: Draft, given: dict[str, Any], before: str, where: str) -> None:
    for name, keys in given.items():
        here = f"{where}.{name}"
        if isinstance(keys, Mapping) and "parameters" in keys:
            inner = mapping(keys["parameters"], here)
            first = len(draft.parts["space"])
            _parameters(draft, inner, f"{before}{name}.", f"{here}.parameters")
            for each in list(draft.parts["space"])[first : first + 1]:
                entry = draft.parts["space"][each]
                draft.parts["space"][each] = Entry(
                    entry.value,
                    (
                        f"{before}{name} is nested in the sweep, whose ${{args}} had one word for "
                        "all of it, and whose ${args_json_file} a mapping",
                        *entry.remarks,
                    ),
                )
            continue
        if not isinstance(keys, Mapping):
            keys = {"value": keys}
        draft.parts["space"][before + name] = parameter(mapping(keys, here), here)


def parameter(keys: dict[str, Any], where: str) -> Entry:
    """One parameter of a sweep.

    >>> parameter({"distribution": "log_uniform", "min": -4.60517, "max": 0}, "lr").value
    {'scale': 'log', 'min': 0.01, 'max': 1.0}

    Raises:
        ExchangeError: it lacks what its distribution needs.
    """
    law = str(keys.get("distribution") or _implied(keys, where))
    remarks = []
    if law == "constant" or (law == "categorical" and "values" not in keys):
        return constant(keys.get("value"))
    if law.startswith("categorical"):
        found = choice(keys.get("values", ()), where)
        if keys.get("probabilities"):
            remarks.append(f"probabilities: {shown(keys['probabilities'])}; here all are alike")
        return found.saying(*remarks)
    q = number(keys.get("q", 1), f"{where}.q") if law.startswith("q_") else None
    law = law.removeprefix("q_")
    if law in ("normal", "log_normal"):
        mu = number(keys.get("mu", 0), f"{where}.mu")
        sigma = number(keys.get("sigma", 1), f"{where}.sigma")
        return normal(mu, sigma, where, law == "log_normal", q)
    if law == "beta":
        a, b = keys.get("a", 1), keys.get("b", 1)
        remark = f"it was a beta law (a {shown(a)}, b {shown(b)}); here it is even"
        found = uniform(0.0, 1.0, where) if q is None else quantized(0, 1, q, where)
        return found.saying(remark)
    low, high = (number(keys.get(k), f"{where}.{k}") for k in ("min", "max"))
    if law == "int_uniform":
        return uniform(low, high, where, whole=True)
    if law == "log_uniform":
        remarks.append(f"the sweep has exponents of e, from {shown(low)} to {shown(high)}")
        low, high = exp(low), exp(high)
    elif law == "inv_log_uniform":
        remarks.append(f"the sweep has log(1/x) from {shown(low)} to {shown(high)}")
        low, high = exp(-high), exp(-low)
    elif law not in ("uniform", "log_uniform_values", "inv_log_uniform_values"):
        raise ExchangeError(f"{where}.distribution: {law} is none of W&B's")
    log = "log" in law
    found = uniform(low, high, where, log) if q is None else quantized(low, high, q, where, log)
    return found.saying(*remarks)


def _implied(keys: Mapping[str, Any], where: str) -> str:
    """The distribution of a parameter that names none."""
    if "value" in keys:
        return "constant"
    if "values" in keys:
        return "categorical"
    if "mu" in keys or "sigma" in keys:
        return "normal"
    ends = [number(keys.get(end), f"{where}.{end}") for end in ("min", "max")]
    return "int_uniform" if all(type(end) is int for end in ends) else "uniform"
