"""The sweeper section of a Hydra application: Optuna's, Ax's, Nevergrad's and the basic one.

Their formats: https://hydra.cc/docs/plugins/optuna_sweeper/, ax_sweeper/ and nevergrad_sweeper/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from hpsearch.errors import ExchangeError
from hpsearch.exchange.moving.draft import (
    NO_PROGRAM,
    Draft,
    Entry,
    as_number,
    call,
    listing,
    mapping,
    named,
    number,
    shown,
    split,
    unquoted,
)
from hpsearch.exchange.moving.ranges import choice, constant, uniform

READ = ("params", "search_space", "parametrization", "n_trials", "n_jobs", "direction", "sampler",
        "study_name", "max_failure_rate", "optim", "ax_config", "max_batch_size", "_target_",
        "defaults", "budget", "num_workers", "custom_search_space")  # fmt: skip


def sweeper(tree: Mapping[str, Any]) -> Draft:
    """The configuration of a sweeper, which has its section or its file."""
    hydra = tree.get("hydra")
    given = hydra.get("sweeper") if isinstance(hydra, Mapping) else tree.get("hydra.sweeper", tree)
    section = mapping(given, "hydra.sweeper")
    draft = Draft(named(section.get("study_name")))
    draft.lost("", section, *READ)
    draft.put("trainer", "kind", "command")
    draft.put("trainer", "command", "{python} train.py {args}",
              NO_PROGRAM,
              "hydra.run.dir={trial_dir} after {args} keeps the outputs apart")  # fmt: skip
    draft.put("trainer", "args", {"style": "hydra", "booleans": "value"})
    ax = mapping(section.get("ax_config"), "hydra.sweeper.ax_config")
    optim = mapping(section.get("optim"), "hydra.sweeper.optim")
    for key in ("search_space", "parametrization", "params"):
        for name, each in mapping(section.get(key), f"hydra.sweeper.{key}").items():
            draft.parts["space"][name.lstrip("+")] = parameter(each, f"hydra.sweeper.{key}.{name}")
    for name, each in mapping(ax.get("params"), "hydra.sweeper.ax_config.params").items():
        draft.parts["space"][name] = parameter(each, f"hydra.sweeper.ax_config.params.{name}")
    if code := section.get("custom_search_space"):
        draft.say("space", f"custom_search_space: {shown(code)} is code; write its parameters "
                           "here, with `when` and `where` for what depends on others")  # fmt: skip
    name = str(tree.get("optimized_metric") or "value")
    draft.say(
        "metric",
        "Hydra optimizes what the function returns, which a program does not show: print it, as "
        f'in print(json.dumps({{"{name}": value}}))',
    )
    draft.put("metric", "name", name)
    _search(draft, section, ax, optim)
    return draft


def _search(
    draft: Draft, section: dict[str, Any], ax: dict[str, Any], optim: dict[str, Any]
) -> None:
    experiment = mapping(ax.get("experiment"), "ax_config.experiment")
    direction = section.get("direction", "minimize")
    if isinstance(direction, list):
        draft.say("metric", f"direction: {shown(direction)}; write a list of metrics, each "
                            "with its goal, for the front of them")  # fmt: skip
        direction = direction[0] if direction else "minimize"
    if optim.get("maximize") or experiment.get("minimize") is False:
        direction = "maximize"
    draft.put("metric", "goal", "maximize" if "max" in str(direction).lower() else "minimize")
    sampler = mapping(section.get("sampler"), "hydra.sweeper.sampler")
    kind = str(sampler.get("_target_", "")).rpartition(".")[2]
    basic = not (sampler or ax or optim or "n_trials" in section or "direction" in section)
    draft.search_by("Ax" if ax else str(optim.get("optimizer", "NGOpt")) if optim
                    else kind or ("grid" if basic else "TPESampler"))  # fmt: skip
    draft.lost("search", sampler, "_target_", "seed")
    trials = section.get("n_trials", ax.get("max_trials", optim.get("budget")))
    if trials is not None:
        draft.put("search", "trials", int(number(trials, "n_trials")))
    elif not basic:
        draft.put("search", "trials", 80 if optim else 20, "the plugin's default")
    if (rate := section.get("max_failure_rate", optim.get("max_failure_rate"))) is not None:
        most = int(number(rate, "max_failure_rate") * number(trials or 20, "n_trials"))
        draft.put("search", "max_failures", most, f"max_failure_rate: {shown(rate)}")
    early = mapping(ax.get("early_stop"), "ax_config.early_stop")
    if early.get("max_epochs_without_improvement"):
        draft.say("search", f"early_stop: {shown(early)} ends the search; see search.patience")
    for each in listing(experiment.get("parameter_constraints"), "parameter_constraints"):
        draft.say("space", f"parameter_constraints: {each}; write it under `where:`, as "
                           f"{shown([str(each)])}")  # fmt: skip
    draft.lost("search", optim, "optimizer", "budget", "num_workers", "maximize",
               "max_failure_rate", "seed")  # fmt: skip
    draft.lost("search", ax, "max_trials", "experiment", "params", "early_stop")
    draft.lost("search", experiment, "minimize", "parameter_constraints", "name")
    draft.no_halving()
    jobs = section.get("n_jobs", section.get("max_batch_size", optim.get("num_workers", 1)))
    draft.put("parallel", "jobs", int(number(1 if jobs is None else jobs, "n_jobs")))


def parameter(given: Any, where: str) -> Entry:
    """One parameter, in Hydra's override grammar or as a mapping of any of its plugins.

    >>> parameter("tag(log, interval(0.001, 1))", "lr").value
    {'scale': 'log', 'min': 0.001, 'max': 1}
    >>> parameter("range(1, 10, step=3)", "layers").value
    {'type': 'int', 'min': 1, 'max': 7, 'step': 3}
    """
    if isinstance(given, Mapping):
        return _mapping(mapping(given, where), where)
    if isinstance(given, list):
        return choice(given, where)
    if not isinstance(given, str):
        return constant(given)
    called = call(given)
    if called is None:
        parts = split(given)
        return choice([_value(part) for part in parts], where) if len(parts) > 1 else constant(
            _value(given)
        )  # fmt: skip
    return _called(*called, where)


def _called(name: str, plain: list[str], keyed: dict[str, str], where: str) -> Entry:
    """What a function of the override grammar stands for."""
    if name == "tag" and plain:
        tags = plain[:-1]
        found = parameter(plain[-1], where)
        if "log" in tags and "min" in found.value:
            keys = {"scale": "log"} if found.value["min"] > 0 else {}
            return Entry(keys | found.value, found.remarks)
        return found.saying(
            *(f"tag {each} has no counterpart here" for each in tags if each != "log")
        )
    if name in ("int", "float") and plain:
        found = parameter(plain[0], where)
        if name == "int" and "min" in found.value:
            low, high = found.value["min"], found.value["max"]
            return uniform(low, high, where, "scale" in found.value, True).saying(*found.remarks)
        return found
    if name in ("choice", "shuffle", "sort") and plain:
        inner = call(plain[0])
        if name != "choice" and inner is not None:
            return parameter(plain[0], where)
        return choice([_value(each) for each in plain], where)
    values = [number(_value(each), where) for each in plain]
    if name == "interval":
        values += [number(keyed[key], where) for key in ("start", "end") if key in keyed]
        if len(values) != 2:
            raise ExchangeError(f"{where}: interval needs two numbers, found {shown(values)}")
        return uniform(values[0], values[1], where)
    if name == "range":
        start = number(keyed["start"], where) if "start" in keyed else 0
        stop = number(keyed["stop"], where) if "stop" in keyed else None
        if stop is None and not values:
            raise ExchangeError(f"{where}: range needs an end, found none")
        start, stop = (values[0], values[1]) if len(values) > 1 else (
            (start, values[0]) if stop is None else (values[0] if values else start, stop)
        )  # fmt: skip
        step = number(keyed.get("step", values[2] if len(values) > 2 else 1), where)
        if step <= 0 or start >= stop:
            raise ExchangeError(f"{where}: must be an ascending range, found {name}")
        count = -int(-(stop - start) // step)  # the end itself is not among them
        last = start + (count - 1) * step
        return uniform(
            start, float(f"{last:.9g}") if isinstance(last, float) else last, where, step=step
        )
    raise ExchangeError(f"{where}: {name}(...) is none of the functions that are known here")


def _mapping(keys: dict[str, Any], where: str) -> Entry:
    """A parameter as Optuna's search_space, Ax's params or Nevergrad's parametrization has it."""
    kind = str(keys.get("type", ""))
    if kind in ("fixed",) or set(keys) == {"value"}:
        return constant(keys.get("value"))
    if kind in ("categorical", "choice"):
        return choice(keys.get("choices", keys.get("values", ())), where)
    if kind == "range" or "bounds" in keys:
        bounds = keys.get("bounds")
        if not isinstance(bounds, list) or len(bounds) != 2:
            raise ExchangeError(f"{where}.bounds: must be two numbers, found {shown(bounds)}")
        low, high = (number(each, f"{where}.bounds") for each in bounds)
        whole = keys.get("value_type") == "int" or (
            "value_type" not in keys and type(low) is type(high) is int
        )
        return uniform(low, high, where, bool(keys.get("log_scale")), whole)
    log = bool(keys.get("log"))
    whole = bool(keys.get("integer")) or kind == "int"
    ends = keys.get("low", keys.get("lower")), keys.get("high", keys.get("upper"))
    if None in ends:
        centre = number(keys.get("init", 1), f"{where}.init")
        step = number(keys.get("step", 10 if log else 1), f"{where}.step")
        if step <= 0:
            raise ExchangeError(f"{where}.step: must be above 0, found {shown(step)}")
        remark = "Nevergrad has no bounds here: 4 steps to either side of init"
        low, high = centre - 4 * step, centre + 4 * step
        if log:
            low, high = centre / step**4, centre * step**4
        low, high = float(f"{low:.6g}"), float(f"{high:.6g}")
        return uniform(low, high, where, log, whole).saying(remark)
    grid = keys.get("step") if kind in ("int", "float") else None
    width = None if grid is None else number(grid, f"{where}.step")
    low, high = (number(end, where) for end in ends)
    return uniform(low, high, where, log, whole, width)


def _value(text: str) -> Any:
    """A value of the override grammar: a quoted text, a number, true, null, a list."""
    if unquoted(text) != text:
        return unquoted(text)
    if re.match(r"[\[{]", text):
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            return text
    plain = {"true": True, "false": False, "null": None}
    return plain[text.lower()] if text.lower() in plain else as_number(text)
