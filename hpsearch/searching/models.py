"""The winner at work: its trained model, and how it wants its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from hpsearch.config import from_run
from hpsearch.data.dataset import Dataset, load
from hpsearch.data.encoding import Encoding, batches
from hpsearch.data.options import BUILT_IN, DataOptions
from hpsearch.data.source import Codes, Rows, Source
from hpsearch.errors import DataError, RunError, as_argument
from hpsearch.messages import expanded
from hpsearch.searching.trainer import setup_of
from hpsearch.searching.trust import permit
from hpsearch.store import RunDirectory, RunInfo, find
from hpsearch.trainers.kinds import kind_of
from hpsearch.trainers.network.model import open_network
from hpsearch.trainers.protocol import Predictor


def open_model(run: str | None, runs_dir: Path, trust: bool = False) -> tuple[Predictor, Encoding]:
    """A winner's model, or a model file, and how it wants its rows.

    Args:
        run: a folder, a name, or a model.npz; None for the newest run.
        runs_dir: the folder that holds the runs.
        trust: the user's word that the file of a Keras model may run that the run names.

    Raises:
        RunError: there is no such run or file, the run has no winner yet, or its winner is a
            Keras model of a file that is not sealed as the user's.
    """
    if run is None or not run.endswith(".npz"):
        return winning_model(find(run, runs_dir), trust)
    return open_network(Path(expanded(run)))


def winning_model(run: RunDirectory, trust: bool = False) -> tuple[Predictor, Encoding]:
    """The model of a run's winner, and how it wants its rows; see `open_model`.

    Raises:
        RunError: the run has no winner yet, or one without a model of ours.
    """
    info = run.info
    if not run.has_model:
        raise no_winner(run, info) if run.winner(info) is None else no_model(run, info)
    config = from_run(info.config, run.path)
    kind = kind_of(config.trainer)
    if kind.model is None:
        raise no_model(run, info)
    if not (run.best / kind.model.name).exists():
        again = f", or train it again with: hpsearch retrain {run.path} --output FILE.npz"
        again = "" if kind.model.as_bytes is None else again
        raise RunError(f"{run.best / kind.model.name}: is missing; restore it{again}")
    permit(run, info, config, trust)
    return kind.model.load(run.best, setup_of(config))


def rows_seen(
    run: RunDirectory, encoding: Encoding, source: Source, y: Codes, data: str
) -> int | None:
    """How many labelled rows the winner of a run was trained on, or chosen by.

    Rows are the same if the model sees the same in them and their label is the same. Where that
    happens no more often than between the run's own parts, as in a table of few different rows,
    it is taken for chance and 0 is said.

    Args:
        run: its data is read again; where that is gone or has changed, only that the fingerprint
            is the same can be told.
        encoding: of its model.
        source: the rows.
        y: their classes.
        data: the name by which they were opened.

    Returns:
        None where it cannot be told.
    """
    info = run.info
    options, expected = from_run(info.config, run.path).data, info.data.fingerprint
    if options is None:
        return None
    dataset = _the_same(options, expected)
    if dataset is None:
        named = data if data in BUILT_IN else str(Path(expanded(data)).absolute())
        copy = _the_same(replace(options, source=named), expected)
        return None if copy is None else sum(copy.counts.values()) - copy.counts.get("test", 0)
    used = {
        part: list(_digests(dataset.source, dataset.y, rows, encoding))
        for part, rows in dataset.parts.items()
    }
    held_out = used.pop("test" if "test" in used else "val")
    others = {digest for digests in used.values() for digest in digests}
    chance = source.rows * sum(digest in others for digest in held_out) / len(held_out)
    known = others if "val" in used else others | {*held_out}
    new = _digests(source, y, np.arange(source.rows), encoding)
    seen = sum(digest in known for digest in new)
    return seen if seen > chance + 3 * chance**0.5 else 0


def _the_same(options: DataOptions, fingerprint: str | None) -> Dataset | None:
    """The data that a run was searched on, if it is still there."""
    try:
        dataset = load(options)
    except DataError:
        return None
    return dataset if dataset.fingerprint == fingerprint else None


def _digests(source: Source, y: Codes, rows: Rows, encoding: Encoding) -> Iterator[bytes]:
    """A few bytes for each row, that tell it from others."""
    done = 0
    for X in batches(source, encoding, rows):
        labels = y[rows[done : done + len(X)]]
        for row in np.column_stack([X + 0.0, labels]):  # which makes -0.0 the same as 0.0
            yield hashlib.blake2b(row.tobytes(), digest_size=16).digest()
        done += len(X)


def no_model(run: RunDirectory, info: RunInfo) -> RunError:
    """Why a run with a winner has no model, and what to do instead."""
    kind = kind_of(from_run(info.config, run.path).trainer)
    if info.imported and kind.model is not None:
        return RunError(
            f"{run.path}: was imported, and no model came with it; train one with: "
            f"hpsearch retrain {as_argument(run.path)}, or search on with: "
            f"hpsearch refine {as_argument(run.path)}"
        )
    trainer = f"a {kind.name} of your own" if kind.code is not None else f"kind {kind.name}"
    left = f"; what it left is in {run.checkpoint}" if run.checkpoint.is_folder() else ""
    return RunError(
        f"{run.path}: was trained by {trainer}, which "
        f"leaves no model here{left}; train it with the winner's settings in "
        f"{run.best / 'params.yaml'}"
    )


def no_winner(run: RunDirectory, info: RunInfo) -> RunError:
    """Why a run has no winner, and what to do about it."""
    if info.babysit is not None:
        path = as_argument(run.path)
        if info.status == "finished":
            return RunError(
                f"{run.path}: has no best epoch, for none has a finite value; go back to a better "
                f"one with: hpsearch steer {path} --branch EPOCH --set ..."
            )
        going_on = info.status == "running"
        how = f"hpsearch steer {path} --stop" if going_on else f"hpsearch resume {path}"
        return RunError(
            f"{run.path}: has no best epoch yet, which is kept when the training ends (status "
            f"{info.status}); {'stop' if going_on else 'finish'} it with: {how}"
        )
    if info.status == "finished":
        return RunError(
            f"{run.path}: has no winner, for no trial was completed with a finite value; "
            f"see: hpsearch report {as_argument(run.path)}"
        )
    return RunError(
        f"{run.path}: has no winner yet (status {info.status}); "
        f"finish it with: hpsearch resume {as_argument(run.path)}"
    )
