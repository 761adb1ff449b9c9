"""The one process that writes a run: appends what finished, keeps what a trial needs to go on."""

from __future__ import annotations

import fcntl
import io
import os
import socket
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.errors import RunError
from hpsearch.store.files import Lines, sync_folder, write_whole
from hpsearch.store.records import as_line
from hpsearch.trial import Piece, Result, Training

State = Mapping[str, np.ndarray[Any, Any]]


class Writer:
    """Appends to a run directory, whose lock it holds until `close`.

    The order is curve, state, trial: whatever moment a crash picks, what is missing is
    trained again and what is there is not.
    """

    def __init__(self, path: Path):
        self._path = path
        self._lock = _lock(path / ".lock")
        self._curves = Lines(path / "curves.jsonl")
        self._trials = Lines(path / "trials.jsonl")
        self._timeline = Lines(path / "timeline.jsonl")
        self._states: dict[int, set[Path]] = defaultdict(set)
        for state in (path / "state").glob("*.npz"):
            number = state.stem.partition("-")[0]
            if number.isdecimal():
                self._states[int(number)].add(state)

    def piece(self, piece: Piece, state: State | None = None) -> None:
        """Record a finished piece of training, and what its trial needs to go on.

        A piece without a state takes away the one before it, so that a state on disk always
        says that its trial was to go on.
        """
        path = self._state(piece.training)
        if state is None and path.exists():
            path.unlink()
            sync_folder(path.parent)
        self._curves.append(as_line(piece))
        if state is not None:
            self._curves.sync()  # else a power cut could leave a state without its curve
            self.save(piece.training, state)

    def save(self, training: Training, state: State) -> None:
        """Keep what a training whose pieces are recorded needs to go on."""
        path = self._state(training)
        arrays: dict[str, Any] = dict(state)
        write_whole(path, lambda file: np.savez(file, **arrays))
        self._states[training[0]].add(path)

    def result(self, result: Result) -> None:
        """Record a trial's fate; its state is needed no more."""
        self._trials.append(as_line(result))
        for path in self._states.pop(result.number, ()):
            path.unlink(missing_ok=True)

    def keep(self, results: Iterable[Result]) -> None:
        """Forget the fate of every trial but these; the trials are trained again."""
        self._trials.replace([as_line(result) for result in results])

    def worked(self, number: int, rung: int, worker: str, start: float, end: float) -> None:
        """Record when a worker trained a piece, in seconds since the run began."""
        line = {"number": number, "rung": rung, "worker": worker}
        self._timeline.append(line | {"start": round(start, 3), "end": round(end, 3)})

    def state(self, training: Training) -> dict[str, np.ndarray[Any, Any]] | None:
        """What a training needs to go on; None where it is missing or damaged: begin again."""
        path = self._state(training)
        try:
            with zipfile.ZipFile(path) as archive:
                if archive.testzip() is not None:  # before NumPy believes a wrong size
                    return None
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except Exception:  # there is no end to what a damaged archive raises
            return None

    def log(self, text: str) -> None:
        """Add to logs/log.txt."""
        with (self._path / "logs" / "log.txt").open("a", encoding="utf-8") as file:
            file.write(text.rstrip("\n") + "\n")

    def sync(self) -> None:
        """Force all lines to the disk: what a barrier decides on must not be lost."""
        for lines in (self._curves, self._timeline, self._trials):
            lines.sync()

    def close(self) -> None:
        """Sync, close and give up the lock."""
        for lines in (self._curves, self._timeline, self._trials):
            lines.close()
        self._lock.close()

    def _state(self, training: Training) -> Path:
        number, *which = training
        name = f"{number}.npz" if not any(which) else f"{number}-{which[0]}-{which[1]}.npz"
        return self._path / "state" / name


def _lock(path: Path) -> io.TextIOWrapper:
    """Take the writer's lock; the system releases it when its owner ends, however it ends."""
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        owner = file.read().strip() or "another process"
        file.close()
        raise RunError(
            f"{path.parent}: only one process may write to a run, and {owner} does; "
            "wait for it to end, or stop it"
        ) from None
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}")
    file.flush()
    return file
