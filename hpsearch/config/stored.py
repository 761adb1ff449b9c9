"""The configuration in a run directory: decoded, as hpsearch wrote it, not checked again.

It was checked before the run began. So only its types are looked at, and what no space can be:
a rule that a later version tightens leaves old runs readable, and reading needs neither
pydantic nor the code of the checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from hpsearch.config.schema import Babysit, Config, Metric, Parallel, Search, TrainerConfig
from hpsearch.data.options import DataOptions
from hpsearch.errors import RunError, TrainerError
from hpsearch.space.stored import space_from_config
from hpsearch.store.records import in_words
from hpsearch.trainers.kinds import Kind, kind_named
from hpsearch.trial import Count, Value


@dataclass(frozen=True)
class Stored:
    """A configuration as `Config.as_dict` writes it."""

    name: str
    seed: Count
    trainer: dict[str, Any]
    metric: Metric | list[Metric]
    space: dict[str, dict[str, Any] | list[dict[str, Any]]]
    search: Search
    parallel: Parallel
    where: tuple[str, ...] = ()
    data: DataOptions | None = None
    babysit: Babysit = field(default_factory=Babysit)


def read(tree: Mapping[str, Any], run: Path) -> Config:
    """The configuration of a run.

    Args:
        tree: what run.json has under `config`.
        run: the run's folder.

    Raises:
        RunError: it is not what `Config.as_dict` writes, or no space can be so.
    """
    try:
        found = msgspec.convert(_off_as_null(tree), Stored)
        trainer = _trainer(found.trainer)
        space = space_from_config(found.space, trainer.settings, found.where)
        metrics = found.metric if isinstance(found.metric, list) else [found.metric]
        if not metrics or metrics[0].goal is None:
            raise ValueError("metric: goal is missing")
        if any(each.goal is None and not each.bounded for each in metrics):
            raise ValueError("metric: goal, at_most or at_least is missing")
        if found.parallel.jobs == 0:
            raise ValueError("parallel: jobs must be at least 1, auto, or -1, found 0")
    except (msgspec.ValidationError, ValueError) as error:
        wrong = in_words(error) if isinstance(error, msgspec.ValidationError) else str(error)
        raise RunError(
            f"{run / 'run.json'}: config: {wrong}; the file is damaged; restore it"
        ) from None
    sections = {each.name: getattr(found, each.name) for each in fields(found)}
    parts = {"trainer": trainer, "space": space, "metric": metrics[0]}
    return Config(**{**sections, **parts, "other_metrics": tuple(metrics[1:])})


def _off_as_null(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree with null for what is switched off, and a start of no settings for none."""
    search = tree.get("search")
    if not isinstance(search, Mapping):
        return dict(tree)
    off = {key: None for key in ("halving", "confirm") if search.get(key) is False}
    start = {"start": ()} if search.get("start") is None else {}
    return {**tree, "search": {**search, **off, **start}}


def _trainer(tree: Mapping[str, Any]) -> TrainerConfig:
    """The trainer; of a kind that is not installed here, mappings are its options."""
    name = tree.get("kind")
    if not isinstance(name, str):
        raise ValueError(f"trainer: kind must be text, found {str(name)[:40]!r}")
    rest = {key: value for key, value in tree.items() if key != "kind"}
    kind = _kind(name, rest)
    known = [key for key in rest if isinstance(rest[key], dict)] if kind is None else kind.options
    options = {key: value for key, value in rest.items() if key in known}
    others = {key: value for key, value in rest.items() if key not in known}
    settings = msgspec.convert(others, dict[str, Value | list[Value]])
    epochs = settings.get("epochs")
    if type(epochs) is not int or epochs < 1:
        raise ValueError(f"trainer: epochs must be a whole number from 1 on, found {epochs!r}")
    for option in () if kind is None else kind.options.values():
        if option.required and not isinstance(options.get(option.name), str):
            raise ValueError(f"trainer: {option.name} must be text")
    return TrainerConfig(name, settings, options)


def _kind(name: str, keys: Iterable[str]) -> Kind | None:
    try:
        return kind_named(name).variant(keys)
    except TrainerError:
        return None
