"""A run as an experiment of MLflow: a run of MLflow's for each trial."""

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
from pathlib import Path
from secrets import token_hex
from typing import Any

from hpsearch.errors import ExchangeError, HpsearchError
from hpsearch.exchange.contents import Contents, rows, span
from hpsearch.exchange.flat import flatten
from hpsearch.exchange.needs import needs
from hpsearch.exchange.target import is_url, shown, sqlite_file
from hpsearch.searching.history import PastTrial
from hpsearch.store.output import Output, new_folder
from hpsearch.trial import Status

VALUE = "hpsearch.value"  # the metric that a trial came to
AT_ONCE = {"metrics": 900, "params": 100}  # what MLflow takes in one call
LONGEST = {"params": 6000, "tags": 5000, "names": 250}  # characters that its stores hold
STATUSES = {
    Status.COMPLETED: "FINISHED",
    Status.STOPPED: "KILLED",
    Status.DIVERGED: "FAILED",
    Status.FAILED: "FAILED",
}


def to_mlflow(contents: Contents, target: str, name: str) -> str:
    """Add an experiment of this name to a store; says how to look at it.

    A new database or folder appears whole. In a store that is there the experiment has its name
    once it is whole: until then it is "NAME (unfinished ...)", which is what a kill leaves. One
    that could not be finished is deleted again, as MLflow deletes: it can be restored.

    Raises:
        ExchangeError: MLflow is missing or refuses the store, or it has such an experiment.
    """
    with needs("MLflow", "mlflow"), _quiet(), _untold():
        from mlflow import MlflowClient

    with _store(target) as uri, _quiet(), _explained(target):
        client = MlflowClient(tracking_uri=uri)
        if client.get_experiment_by_name(name) is not None:
            raise ExchangeError(
                f"{shown(target)}: has an experiment {name!r} already, and nothing is "
                "overwritten; choose another with --name"
            )
        unfinished = f"{name} (unfinished {token_hex(4)})"
        experiment = client.create_experiment(unfinished, artifact_location=_artifacts(target))
        try:
            for key, value in contents.about().items():
                client.set_experiment_tag(experiment, f"hpsearch.{key}", str(value))
            names = _names(contents)
            for known in contents.trials:
                _write(client, experiment, contents, known, names)
            client.rename_experiment(experiment, name)
        except BaseException:
            client.delete_experiment(experiment)
            raise
        _let_go(uri)
    where = shown(target)
    if target.startswith(("http://", "https://")):
        return where
    return f"mlflow server --backend-store-uri {where}"


def _names(contents: Contents) -> dict[str, str]:
    """What parameters and metrics are called there, alike in all trials."""
    names: dict[str, None] = {}
    for known in contents.trials:
        names |= dict.fromkeys(flatten(contents.space, known.result.params))
        names |= dict.fromkeys(known.curve)
    return named(names)


def _write(
    client: Any, experiment: str, contents: Contents, known: PastTrial, names: Mapping[str, str]
) -> None:
    """A trial: its setting, its metrics epoch by epoch, and what became of it."""
    from mlflow.entities import Metric, Param

    result = known.result
    start, end = map(_milliseconds, span(result))
    run = client.create_run(
        experiment,
        start_time=start,
        run_name=f"trial {result.number}",
        tags=_tags(contents, known),
    )
    number = run.info.run_id
    flat = flatten(contents.space, result.params)
    params = [Param(names[key], _text(value)) for key, value in flat.items()]
    metrics = [
        Metric(names[key], value, start + (end - start) * epoch // max(1, result.epochs), epoch)
        for epoch, values in rows(known.curve)
        for key, value in values.items()
    ]
    if result.value is not None:
        metrics.append(Metric(VALUE, result.value, end, result.epochs))
    sets, points = _parts(params, AT_ONCE["params"]), _parts(metrics, AT_ONCE["metrics"])
    for some, others in zip_longest(sets, points, fillvalue=()):
        client.log_batch(number, params=some, metrics=others)
    client.set_terminated(number, STATUSES[result.status], end_time=end)


def _tags(contents: Contents, known: PastTrial) -> dict[str, str]:
    result = known.result
    told = {
        "number": str(result.number),
        "round": str(result.round),
        "status": result.status.value,
        "epochs": str(result.epochs),
    }
    told |= {"error": result.error[: LONGEST["tags"]]} if result.error else {}
    told |= {"winner": "true"} if result.number == contents.winner else {}
    return {f"hpsearch.{key}": value for key, value in told.items()}


def named(names: Iterable[str]) -> dict[str, str]:
    """Names as MLflow takes them: other signs become underscores, and no two become the same.

    >>> named(["lr (10^r)", "../x", "a/b", "a_b"])
    {'lr (10^r)': 'lr _10_r_', '../x': '___x', 'a/b': 'a_b', 'a_b': 'a_b_'}
    """
    taken: dict[str, str] = {}
    for name in names:
        signs = re.sub(r"[^\w.\- ]", "_", name, flags=re.ASCII)[: LONGEST["names"]]
        sound = re.sub(r"^[. ]+", lambda found: "_" * len(found[0]), signs) or "_"
        while sound in taken.values():
            sound += "_"
        taken[name] = sound
    return taken


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text[: LONGEST["params"]]


def _parts(entries: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(entries), most):
        yield entries[start : start + most]


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


@contextmanager
def _store(target: str) -> Iterator[str]:
    """The address to write to: of a hidden file or folder where the target is a new one."""
    database = sqlite_file(target)
    if database is not None and not database.exists():
        with Output(database).hidden() as hidden, _without_waiting():
            yield f"sqlite:///{hidden}"
    elif is_url(target):
        yield target
    elif Path(target).is_file() or Path(target).suffix in (".db", ".sqlite", ".sqlite3"):
        raise ExchangeError(f"{target}: for an SQLite database write sqlite:///{target}")
    elif Path(target).is_dir() and any(Path(target).iterdir()):
        yield str(Path(target).resolve())
    else:
        with new_folder(Path(target)) as folder:
            yield str(folder.resolve())


@contextmanager
def _without_waiting() -> Iterator[None]:
    """Write a hidden database without a wait for the disk each time; it is synced as a whole."""
    with needs("MLflow on SQLite", "mlflow"):
        from sqlalchemy import Engine, event

    def connected(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA synchronous=0")

    event.listen(Engine, "connect", connected)
    try:
        yield
    finally:
        event.remove(Engine, "connect", connected)


def _artifacts(target: str) -> str | None:
    """Where MLflow would keep files of the experiment; a server decides that itself.

    It must be told, lest it remember the hidden place where the store was written.
    """
    store = sqlite_file(target) if is_url(target) else Path(target)
    return None if store is None else str(store.resolve().parent / "mlartifacts")


def _let_go(uri: str) -> None:
    """Close the connections that MLflow keeps, so that a database file may be moved."""
    if sqlite_file(uri) is None:
        return
    from mlflow.tracking._tracking_service.utils import _get_store

    _get_store(uri)._dispose_engine()


@contextmanager
def _untold() -> Iterator[None]:
    """Import MLflow without its telemetry: what hpsearch is asked to do it tells nobody."""
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
def _explained(target: str) -> Iterator[None]:
    """One message for what MLflow, SQLAlchemy or a server raise."""
    try:
        yield
    except HpsearchError:
        raise
    except Exception as error:  # there is no end to what a store raises
        reason = (str(error).splitlines() or [""])[0].replace(target, shown(target))
        if "maintenance mode" in reason:
            raise ExchangeError(
                f"{target}: this version of MLflow keeps experiments in a database, no longer in "
                f"a folder; write for example sqlite:///{target}.db, or set "
                "MLFLOW_ALLOW_FILE_STORE=true"
            ) from error
        raise ExchangeError(
            f"{shown(target)}: cannot be written to as a store of MLflow: "
            f"{type(error).__name__}: {reason[:300]}"
        ) from error
