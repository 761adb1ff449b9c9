"""A run as a study of Optuna, which optuna-dashboard and Optuna's analyses open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from hpsearch.errors import ExchangeError
from hpsearch.exchange.contents import Contents, rows, span
from hpsearch.exchange.flat import flatten
from hpsearch.exchange.optuna_axes import axes, placed
from hpsearch.exchange.optuna_storage import library, to_write
from hpsearch.exchange.target import shown
from hpsearch.searching.history import PastTrial
from hpsearch.trial import Status

METRICS = "metrics."  # what the user attributes that hold metrics begin with


def to_optuna(contents: Contents, target: str, name: str) -> str:
    """Add a study of this name to a storage; says how to look at it.

    A new file appears whole, and in a storage that is there the study does: an export that is
    killed leaves nothing of it.

    Raises:
        ExchangeError: Optuna is missing, the storage cannot be written, or has such a study.
    """
    trials = list(_trials(contents))
    with to_write(target) as storage:
        names = [study.study_name for study in storage.get_all_studies()]
        if name in names:
            raise ExchangeError(
                f"{shown(target)}: has a study {name!r} already, and nothing is overwritten; "
                "choose another with --name"
            )
        _add(storage, contents, trials, name)
    return f"optuna-dashboard {shown(target)}"


def _add(storage: Any, contents: Contents, trials: list[Any], name: str) -> None:
    optuna = library()
    study = optuna.create_study(
        storage=storage, study_name=name, direction=contents.criterion.goal
    )
    study.set_metric_names([contents.criterion.name])
    for key, value in contents.about().items():
        study.set_user_attr(key, value)
    for trial in trials:
        study.add_trial(trial)


def _trials(contents: Contents) -> Iterator[Any]:
    """Every trial, frozen as Optuna has it."""
    optuna, known_axes = library(), axes(contents)
    for known in contents.trials:
        result = known.result
        params, distributions = placed(known_axes, flatten(contents.space, result.params))
        state = _state(known)
        start, end = map(_local, span(result))
        yield optuna.trial.FrozenTrial(
            number=-1,  # Optuna gives it one; ours is in the attributes
            trial_id=-1,
            state=optuna.trial.TrialState[state],
            value=None if state == "FAIL" else result.value,
            datetime_start=start,
            datetime_complete=end,
            params=params,
            distributions=distributions,
            user_attrs=_attributes(contents, known),
            system_attrs={},
            intermediate_values={
                epoch: metrics[contents.criterion.name]
                for epoch, metrics in rows(known.curve)
                if contents.criterion.name in metrics
            },
        )


def _state(known: PastTrial) -> str:
    """A stopped trial was pruned, and one that diverged has failed: Optuna has no other word."""
    status = known.result.status
    if status is Status.STOPPED:
        return "PRUNED"
    finite = known.result.value is not None
    return "COMPLETE" if status is Status.COMPLETED and finite else "FAIL"


def _attributes(contents: Contents, known: PastTrial) -> dict[str, Any]:
    result = known.result
    told: dict[str, Any] = {
        "number": result.number,
        "round": result.round,
        "status": result.status.value,
        "epochs": result.epochs,
        "seconds": result.seconds,
        **{METRICS + name: v for name, v in result.metrics.items() if v is not None},
    }
    told |= {"error": result.error} if result.error else {}
    return told | ({"winner": True} if result.number == contents.winner else {})


def _local(time: datetime) -> datetime:
    """A time as Optuna keeps it: of this place, without saying so."""
    return time.astimezone().replace(tzinfo=None)
