"""The formats that a run can be exported in: the list of them, and `export_run`.

A new format is a module with a function like `to_csv`, and an entry in FORMATS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.errors import ExchangeError, OutputError
from hpsearch.exchange.csv_and_parquet import to_csv, to_parquet
from hpsearch.exchange.exported_run import ExportedRun, read_run
from hpsearch.exchange.mlflow import to_mlflow
from hpsearch.exchange.onnx import ExportedNetwork, read_network, to_onnx
from hpsearch.exchange.optuna_export import to_optuna
from hpsearch.exchange.target import Target
from hpsearch.exchange.tensorboard import to_tensorboard
from hpsearch.messages import expanded_target
from hpsearch.store import RunDirectory


@dataclass(frozen=True)
class Format:
    """How a run is written for one tool.

    `write` returns a command that shows what it wrote. It imports the tool's library itself, so
    that no other format needs it.
    """

    write: Callable[[Any, Target], str]  # of an ExportedRun; or of an ExportedNetwork:
    of_model: bool = False  # it writes the winner's network, or a model.npz, and no trials
    is_file: bool = False  # one file, which `force` replaces
    is_store: bool = False  # holds several runs, each under a name; its target may be a URL


FORMATS = {
    "csv": Format(to_csv, is_file=True),
    "parquet": Format(to_parquet, is_file=True),
    "optuna": Format(to_optuna, is_store=True),
    "mlflow": Format(to_mlflow, is_store=True),
    "tensorboard": Format(to_tensorboard),
    "onnx": Format(to_onnx, of_model=True, is_file=True),
}


@dataclass(frozen=True)
class Exported:
    """What was written."""

    what: str  # "64 trials of digits", say
    target: str  # without the secrets of a URL
    see: str  # "see them with: " and a command that shows it


def export_run(
    run: RunDirectory | Path,
    to: str,
    target: str,
    name: str | None = None,
    *,
    force: bool = False,
) -> Exported:
    """Write the trials of a run for another tool, or the network of its winner.

    Args:
        run: finished or not; for onnx with a winner, or a model.npz.
        to: the name of one of FORMATS.
        target: a file (csv, parquet, onnx), a folder (tensorboard), a file or a URL (optuna,
            mlflow).
        name: of the study or the experiment; None for the run's.
        force: replace a file (csv, parquet, onnx) that exists.

    Raises:
        ExchangeError: the library is missing, the target exists or cannot be written, or the
            format does not go with the run.
        RunError: the run directory or the model is damaged, or there is no winner.
    """
    if to not in FORMATS:
        raise ExchangeError(f"{to}: must be one of {', '.join(FORMATS)}")
    format_, place = FORMATS[to], Target(expanded_target(target), name or run.name, force)
    files = [name for name, each in FORMATS.items() if each.is_file]
    stores = [name for name, each in FORMATS.items() if each.is_store]
    if name is not None and not format_.is_store:
        raise ExchangeError(f"{to} has no names for runs; a name goes with {', '.join(stores)}")
    if place.is_url and not format_.is_store:
        raise ExchangeError(f"{place.shown}: {to} goes to a path, not to a URL")
    if force and not format_.is_file:
        raise ExchangeError(
            f"{to}: what is there is never replaced; force goes with {', '.join(files)}"
        )
    try:
        if format_.is_file:
            place.output.check()
        exported: ExportedRun | ExportedNetwork
        if format_.of_model:
            exported = read_network(run)
        elif isinstance(run, Path):
            raise ExchangeError(f"{run}: is a model without trials; {to} needs a run, so name one")
        else:
            exported = read_run(run)
        see = format_.write(exported, place)
    except OutputError as error:
        raise ExchangeError(str(error)) from error
    how = "use it with" if format_.of_model else "see them with"
    return Exported(exported.what, place.shown, f"{how}: {see}")
