"""An Experiment of Katib.

Its format: https://www.kubeflow.org/docs/components/katib/user-guides/hp-tuning/configure-experiment/
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hpsearch.errors import ExchangeError
from hpsearch.exchange.moving.draft import (
    NO_PROGRAM,
    VALUE,
    Draft,
    Entry,
    as_number,
    listing,
    literal,
    mapping,
    named,
    number,
    shown,
    words,
)
from hpsearch.exchange.moving.ranges import choice, exp, uniform

PLACE = re.compile(r"\$\{trialParameters\.([^}]+)\}")
READ = ("objective", "algorithm", "earlyStopping", "parallelTrialCount", "maxTrialCount",
        "maxFailedTrialCount", "parameters", "metricsCollectorSpec", "trialTemplate")  # fmt: skip


def experiment(tree: Mapping[str, Any]) -> Draft:
    """The configuration of an Experiment."""
    spec = mapping(tree.get("spec"), "spec")
    about = mapping(tree.get("metadata"), "metadata")
    draft = Draft(named(about.get("name") or about.get("generateName")))
    draft.lost("", spec, *READ)
    draft.put("trainer", "kind", "command")
    _command(draft, mapping(spec.get("trialTemplate"), "spec.trialTemplate"))
    objective = mapping(spec.get("objective"), "spec.objective")
    _metric(draft, objective)
    collector = mapping(spec.get("metricsCollectorSpec"), "spec.metricsCollectorSpec")
    _result(draft, collector, str(objective.get("objectiveMetricName", "loss")))
    for given in listing(spec.get("parameters"), "spec.parameters"):
        keys = mapping(given, "spec.parameters")
        name = str(keys.get("name"))
        draft.parts["space"][name] = parameter(keys, f"spec.parameters.{name}")
    _search(draft, spec)
    return draft


def _metric(draft: Draft, objective: dict[str, Any]) -> None:
    name = str(objective.get("objectiveMetricName", "loss"))
    goal = str(objective.get("type", "minimize"))
    draft.put("metric", "name", name)
    draft.put("metric", "goal", goal)
    if objective.get("goal") is not None:
        draft.put("metric", "target", number(objective["goal"], "spec.objective.goal"))
    strategies = {
        str(each.get("name")): str(each.get("value"))
        for each in listing(objective.get("metricStrategies"), "metricStrategies")
        if isinstance(each, Mapping)
    }
    strategy = strategies.get(name, goal[:3])
    if strategy == goal[:3]:
        draft.put("metric", "at", "best", "as Katib does, unless metricStrategies says latest; "
                  "it takes more than one epoch to choose from: trainer.epochs")  # fmt: skip
    elif strategy != "latest":
        draft.say(
            "metric", f"metricStrategies: {strategy} has no counterpart; the last one counts"
        )
    if objective.get("additionalMetricNames"):
        draft.say("metric", "additionalMetricNames: whatever the trainer reports is recorded")


def _result(draft: Draft, collector: dict[str, Any], name: str) -> None:
    """Where the metric is: in lines of the output, a file, or TensorBoard's."""
    kind = str(mapping(collector.get("collector"), "collector").get("kind", "StdOut"))
    source = mapping(collector.get("source"), "metricsCollectorSpec.source")
    place = mapping(source.get("fileSystemPath"), "fileSystemPath")
    path = str(place.get("path", ""))
    formats = listing(
        mapping(source.get("filter"), "filter").get("metricsFormat"), "metricsFormat"
    )
    if kind == "TensorFlowEvent":
        draft.put("trainer", "result", {"tensorboard": {"dir": path or ".", "tags": [name]}},
                  "as this machine names it; a relative one is each trial's own")  # fmt: skip
    elif kind == "File" and str(place.get("format", "TEXT")).upper() == "JSON":
        draft.put("trainer", "result", {"file": path}, "the file as this machine names it")
    elif kind in ("StdOut", "File"):
        remarks = [f"metricsFormat: {each}" for each in formats]
        if kind == "File":
            remarks.append(f"Katib read {path}; here the output is read: print the line, too")
        pattern = rf"{re.escape(name)}\s*[=:]\s*{VALUE}".replace(r"\-", "-")
        draft.put("trainer", "result", {"pattern": pattern}, *remarks)
    else:
        draft.say("trainer", f"metrics collector {kind} has no counterpart: print "
                             f'{{"{name}": ...}} as a line of JSON')  # fmt: skip


def _containers(tree: Any) -> Iterator[dict[str, Any]]:
    """The containers of a job of whatever kind."""
    if isinstance(tree, Mapping):
        for key, each in tree.items():
            if key == "containers" and isinstance(each, list):
                yield from (mapping(one, "containers") for one in each)
            else:
                yield from _containers(each)


def _command(draft: Draft, template: dict[str, Any]) -> None:
    parameters = {
        str(each.get("name")): str(each.get("reference"))
        for each in listing(template.get("trialParameters"), "trialParameters")
        if isinstance(each, Mapping)
    }
    containers = list(_containers(template.get("trialSpec")))
    primary = template.get("primaryContainerName")
    chosen = next((each for each in containers if each.get("name") == primary), None)
    container = chosen or next(iter(containers), {})
    remarks = []

    def place(match: re.Match[str]) -> str:
        name = parameters.get(match[1], match[1])
        if name.startswith("${trialSpec"):
            remarks.append(f"{match[0]} was {name}")
            return "{trial}"
        return f"{{{name}}}"

    def text(word: Any) -> str:
        pieces = re.split(r"(\$\{trialParameters\.[^}]+\})", str(word))
        return "".join(
            PLACE.sub(place, piece) if PLACE.fullmatch(piece) else literal(piece)
            for piece in pieces
        )

    given = [each for key in ("command", "args") for each in listing(container.get(key), key)]
    if container.get("image"):
        remarks.append(f"it ran in the image {container['image']}; paths may differ here")
    if not given:
        remarks.append(NO_PROGRAM)
        draft.put("trainer", "command", "{python} train.py {args}", *remarks)
        draft.put("trainer", "args", {"style": "equals"})
        return
    found = words([text(word) for word in given])
    draft.put("trainer", "command", found, *remarks)
    env = {
        str(each.get("name")): text(each["value"])
        for each in listing(container.get("env"), "env")
        if isinstance(each, Mapping) and "value" in each
    }
    if env:
        draft.put("trainer", "env", env)
    draft.lost("trainer", container, "name", "image", "command", "args", "env")


def parameter(keys: dict[str, Any], where: str) -> Entry:
    """One of an Experiment's parameters, whose numbers are texts.

    Raises:
        ExchangeError: its type is none of Katib's, or its space lacks something.
    """
    kind = str(keys.get("parameterType"))
    space = mapping(keys.get("feasibleSpace"), f"{where}.feasibleSpace")
    if kind == "categorical":
        return choice([str(each) if not isinstance(each, bool) else str(each).lower()
                       for each in listing(space.get("list"), where)], where)  # fmt: skip
    if kind == "discrete":
        return choice([as_number(each) for each in listing(space.get("list"), where)], where)
    if kind not in ("double", "int"):
        raise ExchangeError(f"{where}.parameterType: must be double, int, discrete or "
                            f"categorical, found {shown(kind)}")  # fmt: skip
    low, high = (number(space.get(end), f"{where}.{end}") for end in ("min", "max"))
    step = space.get("step")
    width = None if step in (None, "") else number(step, f"{where}.step")
    law = str(space.get("distribution", "uniform"))
    log = law.lower().startswith("log")
    found = uniform(low, high, where, log, kind == "int", width)
    if law.lower() in ("normal", "lognormal") and "value" not in found.value:
        return _normal(found, low, high, log)
    return found


def _normal(found: Entry, low: float, high: float, log: bool) -> Entry:
    """A normal law over the range: its middle is the mean, a sixth of it the deviation."""
    if log and low > 0:
        a, b = math.log(low), math.log(high)
        law = {"mean": exp((a + b) / 2), "deviation": float(f"{(b - a) / 6 / math.log(10):.4g}")}
    else:
        law = {"mean": (low + high) / 2, "deviation": float(f"{(high - low) / 6:.6g}")}
    return Entry(found.value | {"normal": law}, found.remarks).saying(
        "a normal law: its mean the middle, its deviation a sixth of the range",
    )


def _search(draft: Draft, spec: Mapping[str, Any]) -> None:
    algorithm = mapping(spec.get("algorithm"), "spec.algorithm")
    name = str(algorithm.get("algorithmName", "random"))
    draft.search_by(name)
    settings = _settings(algorithm)
    trials = spec.get("maxTrialCount")
    if trials is not None:
        draft.put("search", "trials", int(number(trials, "spec.maxTrialCount")))
    elif name != "grid":
        draft.put("search", "trials", 64, "the file has no maxTrialCount")
    if spec.get("maxFailedTrialCount") is not None:
        draft.put(
            "search",
            "max_failures",
            int(number(spec["maxFailedTrialCount"], "spec.maxFailedTrialCount")),
        )
    early = mapping(spec.get("earlyStopping"), "spec.earlyStopping")
    if early:
        first = _settings(early).get("start_step")
        draft.halve(f"earlyStopping {early.get('algorithmName')}",
                    None if first is None else int(number(first, "start_step")))  # fmt: skip
    elif name == "hyperband":
        most = settings.pop("r_l", None)
        eta = settings.pop("eta", 3)
        draft.halve("hyperband", None, int(number(eta, "eta")),
                    None if most is None else int(number(most, "r_l")))  # fmt: skip
    else:
        draft.no_halving()
    for key, value in settings.items():
        draft.say("search", f"algorithmSettings.{key}: {shown(value)} has no counterpart here")
    draft.put(
        "parallel",
        "jobs",
        int(number(spec.get("parallelTrialCount", 3), "spec.parallelTrialCount")),
    )


def _settings(algorithm: Mapping[str, Any]) -> dict[str, Any]:
    return {
        str(each.get("name")): each.get("value")
        for each in listing(algorithm.get("algorithmSettings"), "algorithmSettings")
        if isinstance(each, Mapping)
    }
