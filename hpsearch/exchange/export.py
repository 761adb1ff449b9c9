"""One run, to one of the formats that other tools read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hpsearch.errors import ExchangeError, OutputError
from hpsearch.exchange.contents import Contents, contents_of
from hpsearch.exchange.target import is_url, shown
from hpsearch.messages import expanded_target
from hpsearch.store import RunDirectory
from hpsearch.store.output import Output

FORMATS = ("csv", "parquet", "optuna", "mlflow", "tensorboard")
TABLES = ("csv", "parquet")  # a file each
NAMED = ("optuna", "mlflow")  # what can hold several runs, and so has a name for each


@dataclass(frozen=True)
class Exported:
    """What was written, and how to look at it."""

    trials: int
    target: str
    see: str


def export(
    run: RunDirectory, to: str, target: str, name: str | None = None, *, force: bool = False
) -> Exported:
    """Write a run's own trials for another tool.

    Args:
        run: at any moment of its life.
        to: one of FORMATS.
        target: a file (csv, parquet), a folder (tensorboard), a file or a URL (optuna, mlflow).
        name: of the study or the experiment; None for the run's.
        force: replace a file (csv, parquet) that is there.

    Raises:
        ExchangeError: the library is missing, or the target is taken or cannot be written.
        RunError: the run directory is damaged.
    """
    target = expanded_target(target)
    if to not in FORMATS:
        raise ExchangeError(f"{to}: must be one of {', '.join(FORMATS)}")
    if to not in NAMED and name is not None:
        raise ExchangeError(f"{to} has no names for runs; a name goes with {', '.join(NAMED)}")
    if to not in NAMED and is_url(target):
        raise ExchangeError(f"{shown(target)}: {to} goes to a path, not to a URL")
    if force and to not in TABLES:
        raise ExchangeError(
            f"{to}: what is there is never replaced; force goes with {', '.join(TABLES)}"
        )
    try:
        if to in TABLES:
            Output(Path(target), force).check()
        contents = contents_of(run)
        see = _writer(to, force)(contents, target, name or contents.name)
    except OutputError as error:
        raise ExchangeError(str(error)) from error
    return Exported(len(contents.trials), shown(target), see)


def _writer(to: str, force: bool) -> Callable[[Contents, str, str], str]:
    """What writes a format; its library is imported only now."""
    if to == "optuna":
        from hpsearch.exchange.optuna_out import to_optuna

        return to_optuna
    if to == "mlflow":
        from hpsearch.exchange.mlflow_out import to_mlflow

        return to_mlflow
    if to == "tensorboard":
        from hpsearch.exchange.tensorboard_out import to_tensorboard

        return lambda contents, target, _: to_tensorboard(contents, Path(target))
    from hpsearch.exchange.tables import to_csv, to_parquet

    table = to_csv if to == "csv" else to_parquet
    return lambda contents, target, _: table(contents, Output(Path(target), force))
