"""The kinds of trainer that a configuration can name, and what each lets it say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hpsearch.config.resolved import Goal
from hpsearch.config.rules import Rule, as_whole, choice, looks_like_number
from hpsearch.config.suggestions import nearest
from hpsearch.trainers import network
from hpsearch.trainers.hyperparameter import Hyperparameter

Told = list[tuple[str, str]]
"""Hyperparameters by name, each with what there is to say of it."""


@dataclass(frozen=True)
class Kind:
    """A kind of trainer.

    `misfits` tells what keeps one trial's settings from being trained, `ignored` which of them
    change nothing.
    """

    name: str
    hyperparameters: Mapping[str, Hyperparameter]
    metrics: Mapping[str, Goal]
    needs_data: bool
    misfits: Callable[[Mapping[str, Any]], Told]
    ignored: Callable[[Mapping[str, Any]], Told]


KINDS = {
    "network": Kind(
        name="network",
        hyperparameters=network.HYPERPARAMETERS,
        metrics={
            name: "minimize" if name.endswith("loss") else "maximize" for name in network.METRICS
        },
        needs_data=True,
        misfits=network.problems,
        ignored=network.ignored,
    )
}
LATER = ("function", "command", "keras")


def kind_rule() -> Rule:
    """What `trainer.kind` must be."""
    return choice(*KINDS, later=LATER)


def wrong(hyperparameter: Hyperparameter, value: Any) -> str | None:
    """What is wrong with a value of a hyperparameter, with what was probably meant, or None."""
    message = hyperparameter.check(value)
    if message is None or not isinstance(value, str):
        return message
    if hyperparameter.choices:
        meant = nearest(value, hyperparameter.choices)
        return message if meant is None else f"{message} (did you mean {meant!r}?)"
    return message + looks_like_number(value)


def standard(value: Any, hyperparameter: Hyperparameter | None) -> Any:
    """A value as the trainer takes it: 1e2 is 100 where whole numbers are asked for."""
    if hyperparameter is None or hyperparameter.kind != "int":
        return value
    return [as_whole(entry) for entry in value] if isinstance(value, list) else as_whole(value)
