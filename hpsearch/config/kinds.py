"""The kinds of trainer that a configuration can name, and what each lets it say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hpsearch.config.options import COMMAND, FUNCTION, KERAS, KERAS_MODEL, Option
from hpsearch.config.schema import Goal, TrainerConfig
from hpsearch.fields import Rule, as_whole, choice, looks_like_number
from hpsearch.suggestions import ELSEWHERE, did_you_mean
from hpsearch.trainers import network
from hpsearch.trainers.command.template import GIVEN, misread, used
from hpsearch.trainers.hyperparameter import Hyperparameter

Told = list[tuple[str, str]]
"""Hyperparameters by name, each with what there is to say of it."""


LOWER = ("loss", "error", "rmse", "mse", "mae", "perplexity")
HIGHER = ("accuracy", "auc", "f1", "precision", "recall", "r2", "reward")
"""Ends of the names of metrics whose goal is plain."""


def _epochs(meaning: str) -> dict[str, Hyperparameter]:
    return {"epochs": Hyperparameter("epochs", "int", 1, meaning, low=1)}


def _nothing(*_: object) -> Told:
    return []


def _unknown_places(options: Mapping[str, Any], names: list[str]) -> Told:
    """Places of a command that nothing fills."""
    known = [*names, *GIVEN]
    told = [
        (
            "command",
            f"{{{name}}} is neither a parameter nor {', '.join(GIVEN)}{_meant(name, known)}",
        )
        for name in used(options["command"])
        if name not in known
    ]
    told += [
        (
            "command",
            f"{text}: no shell or formatter reads it; write {{{name}}} for the value, or "
            f"{'$' * text.startswith('$')}{{{{{name}}}}} for the text",
        )
        for text, name in misread(options["command"], known)
    ]
    return told


def _meant(name: str, known: list[str]) -> str:
    return did_you_mean(name, known, ELSEWHERE) or f"; write {{{{{name}}}}} for the text"


def _unused_parameters(options: Mapping[str, Any], names: list[str]) -> Told:
    places = used(options["command"])
    reason = "the command does not name it; unless it reads HPSEARCH_PARAMS,"
    return [
        (
            name,
            f"{reason} add {{{name}}} to it, or drop it"
            if used(f"{{{name}}}")
            else f"{reason} rename it: it can be no place",
        )
        for name in names
        if name not in places
    ]


@dataclass(frozen=True)
class Kind:
    """A kind of trainer.

    `misfits` tells what keeps one trial's settings from being trained, `ignored` which of them
    change nothing. A kind that is `open` trains something of the user's: its parameters are
    whatever the space names, its metrics whatever it reports, and unless it `needs_data` it
    reads its own. `unknown` and `unused` compare its options with the names in the space.
    """

    name: str
    hyperparameters: Mapping[str, Hyperparameter]
    metrics: Mapping[str, Goal]
    needs_data: bool
    misfits: Callable[[Mapping[str, Any]], Told]
    ignored: Callable[[Mapping[str, Any]], Told]
    options: Mapping[str, Option] = field(default_factory=dict)
    open: bool = False
    default_metric: str = "val_accuracy"
    given: tuple[str, ...] = ()  # names that each run of it is told besides
    unknown: Callable[[Mapping[str, Any], list[str]], Told] = _nothing
    unused: Callable[[Mapping[str, Any], list[str]], Told] = _nothing

    def goal(self, metric: str) -> Goal | None:
        """The goal that a metric's name implies; None where it might be either."""
        if not self.open:
            return self.metrics.get(metric)
        if metric.endswith(LOWER):
            return "minimize"
        return "maximize" if metric.endswith(HIGHER) else None


def _network(name: str, options: Mapping[str, Option] = MappingProxyType({})) -> Kind:
    """The network, whatever trains it."""
    return Kind(
        name=name,
        hyperparameters=network.HYPERPARAMETERS,
        metrics={
            name: "minimize" if name.endswith("loss") else "maximize" for name in network.METRICS
        },
        needs_data=True,
        misfits=network.problems,
        ignored=network.ignored,
        options=options,
    )


KINDS = {
    "network": _network("network"),
    "keras": _network("keras", KERAS),
    "function": Kind(
        name="function",
        hyperparameters=_epochs(
            "Epochs of a full training, as a function is told. A generator yields once for each."
        ),
        metrics={},
        needs_data=False,
        misfits=_nothing,
        ignored=_nothing,
        options=FUNCTION,
        open=True,
        default_metric="value",
    ),
    "command": Kind(
        name="command",
        hyperparameters=_epochs(
            "Epochs of a full training. Above 1, the command tells of each epoch and heeds "
            "`{epochs}` or `HPSEARCH_EPOCHS`, so that weak trials can stop early."
        ),
        metrics={},
        needs_data=False,
        misfits=_nothing,
        ignored=_nothing,
        options=COMMAND,
        open=True,
        default_metric="value",
        given=GIVEN,
        unknown=_unknown_places,
        unused=_unused_parameters,
    ),
}


OWN_KERAS = Kind(
    name="keras",
    hyperparameters=_epochs("Epochs of a full training.")
    | {"batch_size": network.HYPERPARAMETERS["batch_size"]},
    metrics={},
    needs_data=True,
    misfits=_nothing,
    ignored=_nothing,
    options=KERAS_MODEL,
    open=True,
)
"""What `keras` means where a `model` is named: the user's own, on data of ours."""


def kind_of(name: str, keys: Collection[str]) -> Kind:
    """The kind of trainer, given the keys of `trainer` that are set."""
    return OWN_KERAS if name == OWN_KERAS.name and "model" in keys else KINDS[name]


def limits(trainer: TrainerConfig) -> dict[str, tuple[float | None, float | None]]:
    """Bounds that no value of a hyperparameter can pass, by name.

    >>> limits(TrainerConfig("network", {"epochs": 30}))["dropout"]
    (0, 1)
    """
    known = kind_of(trainer.kind, trainer.options).hyperparameters
    return {name: (known[name].low, known[name].high) for name in known}


def kind_rule() -> Rule:
    """What `trainer.kind` must be."""
    return choice(*KINDS)


def wrong(hyperparameter: Hyperparameter, value: Any) -> str | None:
    """What is wrong with a value of a hyperparameter, with what was probably meant, or None."""
    message = hyperparameter.check(value)
    if message is None or not isinstance(value, str):
        return message
    if hyperparameter.choices:
        return message + did_you_mean(value, hyperparameter.choices, ELSEWHERE)
    return message + looks_like_number(value)


def standard(value: Any, hyperparameter: Hyperparameter | None) -> Any:
    """A value as the trainer takes it: 1e2 is 100 where whole numbers are asked for."""
    if hyperparameter is None or hyperparameter.kind != "int":
        return value
    return [as_whole(entry) for entry in value] if isinstance(value, list) else as_whole(value)
