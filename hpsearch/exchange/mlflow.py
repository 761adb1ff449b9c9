"""A run as an experiment of MLflow: one of MLflow's runs for each trial."""

from __future__ import annotations

import json
import logging
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import zip_longest
from secrets import token_hex
from typing import Any

from hpsearch.errors import ExchangeError
from hpsearch.exchange.exported_run import ExportedRun, ExportedTrial
from hpsearch.exchange.target import Target, do_not_wait_for_the_disk, needs
from hpsearch.store.output import Output, new_folder
from hpsearch.trial import Status

VALUE = "hpsearch.value"  # the metric that holds a trial's value
AT_ONCE = {"metrics": 900, "params": 100}  # what MLflow takes in one call
LONGEST = {"params": 6000, "tags": 5000, "names": 250}  # characters that its stores hold
STATUSES = {
    Status.COMPLETED: "FINISHED",
    Status.STOPPED: "KILLED",
    Status.DIVERGED: "FAILED",
    Status.FAILED: "FAILED",
}


def to_mlflow(run: ExportedRun, target: Target) -> str:
    """Add an experiment to a store; returns how to look at it.

    A new database or folder appears whole. In a store that exists the experiment gets its name
    when it is whole: until then it is "NAME (unfinished ...)", which is what a kill leaves. One
    that could not be finished is deleted again, as MLflow deletes: it can be restored.

    Raises:
        ExchangeError: MLflow is missing or refuses the store, or the store has an experiment of
            this name.
    """
    with needs("MLflow", "mlflow"), _quiet(), _without_telemetry():
        from mlflow import MlflowClient

    explained = target.explained("written to as a store of MLflow")
    with _store(target) as uri, _quiet(), explained, _folder_refused(target):
        client = MlflowClient(tracking_uri=uri)
        if client.get_experiment_by_name(target.name) is not None:
            raise ExchangeError(
                f"{target.shown}: has an experiment {target.name!r} already, and nothing is "
                "overwritten; choose another with --name"
            )
        unfinished = f"{target.name} (unfinished {token_hex(4)})"
        experiment = client.create_experiment(unfinished, artifact_location=_artifacts(target))
        try:
            for key, value in run.labels.items():
                client.set_experiment_tag(experiment, f"hpsearch.{key}", str(value))
            names = allowed_names(
                name for trial in run.trials for name in (*trial.params, *trial.curve)
            )
            for trial in run.trials:
                _write(client, experiment, trial, names)
            client.rename_experiment(experiment, target.name)
        except BaseException:
            client.delete_experiment(experiment)
            raise
        _close_connections(uri)
    if target.text.startswith(("http://", "https://")):
        return target.shown
    return f"mlflow server --backend-store-uri {target.shown}"


def _write(client: Any, experiment: str, trial: ExportedTrial, names: Mapping[str, str]) -> None:
    """Write a trial: its setting, its metrics epoch by epoch, its value and its status."""
    from mlflow.entities import Metric, Param

    result = trial.result
    start, end = map(_milliseconds, trial.times)
    made = client.create_run(
        experiment, start_time=start, run_name=f"trial {result.number}", tags=_tags(trial)
    )
    run = made.info.run_id
    params = [Param(names[key], _text(value)) for key, value in trial.params.items()]
    metrics = [
        Metric(names[key], value, start + (end - start) * epoch // max(1, result.epochs), epoch)
        for epoch, values in trial.metrics
        for key, value in values.items()
    ]
    if result.value is not None:
        metrics.append(Metric(VALUE, result.value, end, result.epochs))
    sets, points = _parts(params, AT_ONCE["params"]), _parts(metrics, AT_ONCE["metrics"])
    for some, others in zip_longest(sets, points, fillvalue=()):
        client.log_batch(run, params=some, metrics=others)
    client.set_terminated(run, STATUSES[result.status], end_time=end)


def _tags(trial: ExportedTrial) -> dict[str, str]:
    result = trial.result
    tags = {
        "number": str(result.number),
        "round": str(result.round),
        "status": result.status.value,
        "epochs": str(result.epochs),
    }
    tags |= {"error": result.error[: LONGEST["tags"]]} if result.error else {}
    tags |= {"winner": "true"} if trial.is_winner else {}
    return {f"hpsearch.{key}": value for key, value in tags.items()}


def allowed_names(names: Iterable[str]) -> dict[str, str]:
    """Each name as MLflow allows it: other characters become underscores, and all stay different.

    >>> allowed_names(["lr (10^r)", "../x", "a/b", "a_b"])
    {'lr (10^r)': 'lr _10_r_', '../x': '___x', 'a/b': 'a_b', 'a_b': 'a_b_'}
    """
    allowed: dict[str, str] = {}
    for name in dict.fromkeys(names):
        plain = re.sub(r"[^\w.\- ]", "_", name, flags=re.ASCII)[: LONGEST["names"]]
        sound = re.sub(r"^[. ]+", lambda found: "_" * len(found[0]), plain) or "_"
        while sound in allowed.values():
            sound += "_"
        allowed[name] = sound
    return allowed


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text[: LONGEST["params"]]


def _parts(entries: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(entries), most):
        yield entries[start : start + most]


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


@contextmanager
def _store(target: Target) -> Iterator[str]:
    """The address to write to: of a hidden file or folder where the target is a new one."""
    database = target.sqlite_file
    if database is not None and not database.exists():
        with Output(database).hidden() as hidden, _without_waiting():
            yield f"sqlite:///{hidden}"
    elif target.is_url:
        yield target.text
    elif target.path.is_file() or target.path.suffix in (".db", ".sqlite", ".sqlite3"):
        raise ExchangeError(f"{target.text}: for an SQLite database write sqlite:///{target.text}")
    elif target.path.is_dir() and any(target.path.iterdir()):
        yield str(target.path.resolve())
    else:
        with new_folder(target.path) as folder:
            yield str(folder.resolve())


@contextmanager
def _without_waiting() -> Iterator[None]:
    """Write a hidden database without a wait for the disk each time; it is synced as a whole."""
    with needs("MLflow on SQLite", "mlflow"):
        from sqlalchemy import Engine, event

    event.listen(Engine, "connect", do_not_wait_for_the_disk)
    try:
        yield
    finally:
        event.remove(Engine, "connect", do_not_wait_for_the_disk)


def _artifacts(target: Target) -> str | None:
    """Where MLflow would keep files of the experiment; None of a server, which decides itself.

    Left to itself, MLflow would remember the hidden place where the store was written.
    """
    store = target.sqlite_file if target.is_url else target.path
    return None if store is None else str(store.resolve().parent / "mlartifacts")


def _close_connections(uri: str) -> None:
    """Close the connections that MLflow keeps, so that a database file may be moved."""
    if Target(uri).sqlite_file is None:
        return
    from mlflow.tracking._tracking_service.utils import _get_store

    _get_store(uri)._dispose_engine()


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """Import MLflow without its telemetry: nobody else learns what hpsearch is used for."""
    before = os.environ.get("MLFLOW_DISABLE_TELEMETRY")
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ["MLFLOW_DISABLE_TELEMETRY"]
        else:
            os.environ["MLFLOW_DISABLE_TELEMETRY"] = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Neither warnings nor the log of a database that is set up."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def _folder_refused(target: Target) -> Iterator[None]:
    """What to do where MLflow no longer keeps experiments in folders."""
    try:
        yield
    except Exception as error:
        if "maintenance mode" not in (str(error).splitlines() or [""])[0]:
            raise
        raise ExchangeError(
            f"{target.text}: this version of MLflow keeps experiments in a database, no longer "
            f"in a folder; write for example sqlite:///{target.text}.db, or set "
            "MLFLOW_ALLOW_FILE_STORE=true"
        ) from error
