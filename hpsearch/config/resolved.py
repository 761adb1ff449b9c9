"""The configuration that everything else reads: complete, valid, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hpsearch.data.options import DataOptions
from hpsearch.space import Space
from hpsearch.trial import Params, Value

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""Names of searches and runs: a folder's name on every system, never a path."""

Goal = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Trainer:
    """What trains a trial: its kind, and the hyperparameters that are the same in every trial.

    `settings` always has "epochs"; hyperparameters in neither `settings` nor the space keep
    the trainer's defaults. `options` is what a user's trainer is told
    besides: what to run, and where.
    """

    kind: str
    settings: Mapping[str, Value | list[Value]]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def network(self) -> bool:
        """Whether it trains hpsearch's network, with NumPy or Keras, and not a user's model."""
        return self.kind in ("network", "keras") and "model" not in self.options

    @property
    def epochs(self) -> int:
        """The epochs of a full training."""
        epochs = self.settings["epochs"]
        assert isinstance(epochs, int)
        return epochs


@dataclass(frozen=True)
class Metric:
    """What makes a trial good, and in which direction."""

    name: str
    goal: Goal
    at: Literal["last", "best"] = "last"


@dataclass(frozen=True)
class Halving:
    """How weak trials stop early: a share 1/factor of each rung goes on to the next.

    No rung lies below `min_epochs`; None leaves two rungs below a full training.
    """

    min_epochs: int | None = None
    factor: int = 3


@dataclass(frozen=True)
class Confirm:
    """How many of the best settings are trained again, with how many new seeds each.

    Together they take at most `share` of the epochs that all trials would take in full.
    """

    top: int = 3
    seeds: int = 3
    share: float = 0.1


@dataclass(frozen=True)
class Search:
    """How much to search, and how. Times are in seconds.

    `start` holds settings that are trained first, or the name of the run whose best are.
    """

    trials: int = 64
    rounds: int | Literal["auto"] = "auto"
    sampler: Literal["zoom", "random"] = "zoom"
    halving: Halving | None = Halving()
    screen: bool = True
    confirm: Confirm | None = Confirm()
    folds: int | None = None
    repeats: int = 1
    timeout: float | None = None
    trial_timeout: float | None = None
    start: tuple[Params, ...] | str = ()

    @property
    def by_hand(self) -> tuple[Params, ...]:
        """The settings to start with; none while `start` only names a run."""
        return () if isinstance(self.start, str) else self.start


@dataclass(frozen=True)
class Parallel:
    """Where trials run; nothing here changes a result."""

    jobs: int | Literal["auto"] = "auto"  # -1: every core
    backend: Literal["local", "serial"] = "local"
    threads: int | Literal["auto"] = "auto"
    devices: tuple[int, ...] | None = None
    memory: int | None = None  # bytes


@dataclass(frozen=True)
class Config:
    """One search, completely described.

    `text` is what the user wrote, byte for byte, or None for a configuration from Python; two
    configurations that mean the same are equal, however they were written.
    """

    name: str
    seed: int
    data: DataOptions | None
    trainer: Trainer
    metric: Metric
    space: Space
    search: Search
    parallel: Parallel
    text: bytes | None = field(default=None, compare=False, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Every setting as plain JSON values; `from_mapping` makes an equal Config of them."""
        return {
            "name": self.name,
            "seed": self.seed,
            "data": None if self.data is None else _plain(vars(self.data)),
            "trainer": {
                "kind": self.trainer.kind,
                **_plain(self.trainer.options),
                **_plain(self.trainer.settings),
            },
            "metric": _plain(vars(self.metric)),
            "space": _plain(self.space.as_config()),
            "search": {
                **_plain(vars(self.search)),
                "halving": _plain(self.search.halving) or False,
                "confirm": _plain(self.search.confirm) or False,
                "start": _plain(self.search.start) or None,
            },
            "parallel": _plain(vars(self.parallel)),
        }


def _plain(value: Any) -> Any:
    """A value with dicts for mappings, lists for tuples and text for paths, all the way down."""
    if isinstance(value, Halving | Confirm):
        return _plain(vars(value))
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return str(value) if isinstance(value, Path) else value
