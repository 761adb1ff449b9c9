"""Which other tool's search a file describes, by what is in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from hpsearch.config.yaml_text import MOST_NODES

TOOLS = {
    "wandb": "a sweep of W&B",
    "nni": "a search of NNI",
    "katib": "an Experiment of Katib",
    "hydra": "a sweeper of Hydra",
    "determined": "an experiment of Determined",
    "orion": "a search of Orion",
    "guild": "a file of Guild",
}
PRIOR = r"(uniform|loguniform|reciprocal|normal|gaussian|norm|randint|choices|fidelity)\("


def documents(text: str) -> list[Any]:
    r"""What a file of another tool holds: JSON, the documents of YAML 1.1, or else its text.

    >>> documents("#!/bin/sh\norion hunt -n one python t.py --lr~'uniform(0, 1)'")[0][:9]
    '#!/bin/sh'
    >>> documents('{"a":\t1}'), documents("a: yes\n---\nb: 1e-4")
    ([{'a': 1}], [{'a': True}, {'b': '1e-4'}])

    Raises:
        ValueError: it is none of these.
    """
    if tool_of(text):
        return [text]
    held: list[Any]
    try:
        held = [json.loads(text)]
    except (ValueError, RecursionError):
        try:
            held = list(yaml.safe_load_all(text))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ValueError(" ".join(str(error).split())[:200]) from None
    left, open_ends = MOST_NODES, [*held]
    while open_ends:  # an alias counts as often as it is used
        each = open_ends.pop()
        left -= 1
        if left < 0:
            raise ValueError(f"it has more than {MOST_NODES:,} values")
        if isinstance(each, dict | list):
            open_ends += each.values() if isinstance(each, dict) else each
    return held


def tool_of(tree: Any) -> str | None:
    """The name, in `TOOLS`, of the tool whose search this is; None for none of them.

    >>> tool_of({"method": "bayes", "parameters": {"lr": {"min": 0, "max": 1}}})
    'wandb'
    >>> tool_of({"lr": {"_type": "uniform", "_value": [0, 1]}})
    'nni'
    """
    if isinstance(tree, str):
        return "orion" if re.search(r"\borion\b[^\n]*\bhunt\b", tree) else None
    if isinstance(tree, list):
        guild = {"operations", "model", "config", "flags"}
        return "guild" if any(guild & set(_keys(each)) for each in tree) else None
    keys = set(_keys(tree))
    priors = any(re.search(rf"(^|~ *)\+?{PRIOR}", text) for text in _texts(tree))
    if not keys or "trainer" in keys or ("space" in keys and not priors):
        return None
    if "space" in keys:
        return "orion"
    return next((tool for tool, holds in _signs(tree, keys) if holds), None)


def _signs(tree: Mapping[str, Any], keys: set[str]) -> Iterator[tuple[str, bool]]:
    """For each tool, whether what only its files have is there."""
    yield "katib", tree.get("kind") == "Experiment" and "spec" in keys
    spaces = {"searchSpace", "searchSpaceFile", "searchSpacePath", "trialCommand"}
    yield "nni", bool(keys & spaces) or all("_type" in _keys(each) for each in tree.values())
    yield "determined", {"hyperparameters", "searcher"} <= keys
    sweeper = "sweeper" in _keys(tree.get("hydra")) or "sweeper" in str(tree.get("_target_"))
    yield "hydra", sweeper or "hydra/sweeper" in keys or "hydra.sweeper" in keys
    yield "wandb", bool(_keys(tree.get("parameters"))) and bool(keys & {"method", "program"})
    priors = any(re.search(rf"(^|~ *)\+?{PRIOR}", text) for text in _texts(tree))
    yield "orion", priors or ("orion" in keys or {"experiment", "worker"} <= keys)
    yield "guild", any({"flags", "main", "exec"} & set(_keys(each)) for each in tree.values())


def _keys(tree: Any) -> list[str]:
    return [str(key) for key in tree] if isinstance(tree, Mapping) else []


def _texts(tree: Any) -> Iterator[str]:
    """All texts among the values, of any depth."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Mapping | list):
        for each in tree.values() if isinstance(tree, Mapping) else tree:
            yield from _texts(each)
