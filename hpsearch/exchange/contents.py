"""A run as other tools are told of it, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hpsearch.config import Config, from_run
from hpsearch.errors import RunError
from hpsearch.searching.criterion import Criterion, Curve, criterion_of
from hpsearch.searching.history import PastTrial
from hpsearch.searching.spec import past_trials, spec_of
from hpsearch.space import Space
from hpsearch.store import RunDirectory
from hpsearch.trial import Result


@dataclass(frozen=True)
class Contents:
    """A run's own trials whose fate is known, by number; those of a parent are in its parent."""

    name: str
    info: Mapping[str, Any]  # run.json
    config: Config
    criterion: Criterion
    trials: tuple[PastTrial, ...]
    winner: int | None

    @property
    def space(self) -> Space:
        """The space that the trials were drawn from."""
        return self.config.space

    def about(self) -> dict[str, str | int]:
        """What stands for the run as a whole, in few words."""
        parent = self.info.get("parent")
        told: dict[str, str | int] = {
            "run": self.name,
            "status": str(self.info["status"]),
            "metric": self.criterion.name,
            "goal": self.criterion.goal,
            "seed": self.config.seed,
        }
        return told if parent is None else told | {"parent": parent.rpartition("/")[2]}


def contents_of(run: RunDirectory) -> Contents:
    """Read a run, at any moment of its life.

    Raises:
        RunError: the run directory is damaged.
    """
    info = run.info
    config = from_run(info["config"], run.path)
    spec = spec_of(run, config)
    known = past_trials(run, spec)[len(spec.history) :]
    outcome = run.outcome
    return Contents(
        name=run.name,
        info=info,
        config=config,
        criterion=criterion_of(config),
        trials=tuple(known),
        winner=None if outcome is None else int(outcome["number"]),
    )


def span(result: Result) -> tuple[datetime, datetime]:
    """When a trial began, and that plus the time that it was worked on.

    Raises:
        RunError: the trial's start is no time.
    """
    try:
        start = datetime.fromisoformat(result.started)
        start = start if start.tzinfo else start.replace(tzinfo=UTC)
        return start, start + timedelta(seconds=result.seconds)
    except (ValueError, OverflowError):
        raise RunError(
            f"trials.jsonl: trial {result.number}: started must be a time, "
            f"found {result.started[:40]!r}; mend the line"
        ) from None


def rows(curve: Curve) -> list[tuple[int, dict[str, float]]]:
    """A learning curve epoch by epoch, without what is undefined.

    >>> rows({"epoch": [1, 2], "val_loss": [0.5, None]})
    [(1, {'val_loss': 0.5}), (2, {})]
    """
    names = [name for name in curve if name != "epoch"]
    return [
        (int(epoch or 0), {n: float(v) for n in names if (v := curve[n][i]) is not None})
        for i, epoch in enumerate(curve.get("epoch", []))
    ]
