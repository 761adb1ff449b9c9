"""A run as it is exported: read once, with settings that other tools can hold.

Their parameters are single values, so the list `units: [8, 4]` becomes units_0 and units_1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hpsearch.config import from_run
from hpsearch.errors import RunError
from hpsearch.messages import counted
from hpsearch.searching.criterion import Criterion, criterion_of
from hpsearch.searching.curves import Curve
from hpsearch.searching.spec import past_trials, spec_of
from hpsearch.space import Choice, Fixed, Parameter, Space
from hpsearch.store import RunDirectory
from hpsearch.trial import Params, Result


@dataclass(frozen=True)
class ExportedTrial:
    """A trial that has ended."""

    result: Result
    params: Mapping[str, Any]  # with an entry for each value of a list, see `flatten`
    curve: Curve
    is_winner: bool

    @property
    def times(self) -> tuple[datetime, datetime]:
        """When the trial began, and that plus the seconds for which it trained.

        Raises:
            RunError: the start of the trial is no time.
        """
        started, seconds = self.result.started, self.result.seconds
        try:
            start = datetime.fromisoformat(started)
            start = start if start.tzinfo else start.replace(tzinfo=UTC)
            return start, start + timedelta(seconds=seconds)
        except (ValueError, OverflowError):
            raise RunError(
                f"trials.jsonl: trial {self.result.number}: started must be a time, "
                f"found {started[:40]!r}; mend the line"
            ) from None

    @property
    def metrics(self) -> list[tuple[int, dict[str, float]]]:
        """Each epoch with its metrics, without those that are undefined."""
        names = [name for name in self.curve if name != "epoch"]
        return [
            (int(epoch or 0), {n: float(v) for n in names if (v := self.curve[n][i]) is not None})
            for i, epoch in enumerate(self.curve.get("epoch", []))
        ]


@dataclass(frozen=True)
class ExportedRun:
    """A run and its trials that have ended, by number.

    Those of a refined run's parent are exported with the parent.
    """

    name: str
    labels: Mapping[str, str | int]  # run, status, metric, goal, seed, and perhaps parent
    space: Space
    criterion: Criterion
    trials: tuple[ExportedTrial, ...]
    unit: str = "trial"  # what each is called: those of a babysat model are branches

    @property
    def what(self) -> str:
        """What it is, for messages."""
        return f"{counted(len(self.trials), self.unit)} of {self.name}"


def read_run(run: RunDirectory) -> ExportedRun:
    """Read a run that has ended or that is still going on.

    Raises:
        RunError: the run directory is damaged.
    """
    info = run.info
    config = from_run(info.config, run.path)
    spec, criterion, winner = spec_of(run, info, config), criterion_of(config), run.winner(info)
    labels: dict[str, str | int] = {
        "run": run.name,
        "status": info.status,
        "metric": criterion.name,
        "goal": criterion.goal,
        "seed": config.seed,
    }
    if info.parent:
        labels["parent"] = info.parent.rpartition("/")[2]
    trials = [
        ExportedTrial(
            result=past.result,
            params=flatten(config.space, past.result.params),
            curve=past.curve,
            is_winner=winner is not None and past.result.number == winner.number,
        )
        for past in past_trials(run, spec)[len(spec.history) :]
    ]
    unit = "trial" if info.babysit is None else "branch"
    return ExportedRun(run.name, labels, config.space, criterion, tuple(trials), unit)


def entry_name(space: Space, name: str, index: int) -> str:
    """The name of one value of a list; underscores keep it apart from other parameters."""
    flat = f"{name}_{index}"
    while flat in space:
        flat += "_"
    return flat


def flatten(space: Space, params: Params) -> dict[str, Any]:
    """A setting in which each value of a parameter with `per` has a name."""
    flat: dict[str, Any] = {}
    for name, value in params.items():
        if name in space and space[name].per is not None and isinstance(value, list):
            flat |= {entry_name(space, name, i): entry for i, entry in enumerate(value)}
        else:
            flat[name] = value
    return flat


def gather(space: Space, flat: Mapping[str, Any]) -> dict[str, Any]:
    """The setting that `flatten` flattened, with its parameters in the space's order.

    A choice may also be given as its JSON text, which is how tools without lists hold a list.
    What fits no parameter stays as it is.
    """
    params = dict(flat)
    for parameter in space:
        name = parameter.name
        if parameter.per is None:
            if name in params:
                params[name] = _from_json(parameter, params[name])
            continue
        names = [entry_name(space, name, i) for i in range(space.most(parameter.per))]
        found = [each for each in names if each in params]
        if found and found == names[: len(found)]:
            params[name] = [_from_json(parameter, params.pop(each)) for each in found]
        elif not found and name not in params and _is_empty(space, parameter, params):
            params[name] = []
    in_order = [parameter.name for parameter in space if parameter.name in params]
    return {name: params[name] for name in (*in_order, *params)}


def _from_json(parameter: Parameter, value: Any) -> Any:
    """The choice whose JSON text the value is; else the value."""
    domain = parameter.domain
    if domain.contains(value) or not isinstance(domain, Choice | Fixed):
        return value
    values = domain.values if isinstance(domain, Choice) else (domain.value,)
    return next((choice for choice in values if json.dumps(choice) == value), value)


def _is_empty(space: Space, parameter: Parameter, params: Mapping[str, Any]) -> bool:
    """Whether the parameter is active and its list has no values, because `per` is 0."""
    assert parameter.per is not None
    length = params.get(parameter.per, space.settings.get(parameter.per))
    return length == 0 and space.active(parameter, params)
