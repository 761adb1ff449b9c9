"""The one process that writes a run: appends what finished, keeps what a trial needs to go on."""

from __future__ import annotations

import shutil
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.store import lock
from hpsearch.store.files import Lines, write_whole
from hpsearch.store.records import as_line
from hpsearch.trial import Piece, Result, Training

State = Mapping[str, np.ndarray[Any, Any]]

AFTER = "hpsearch.after"  # in a state file: rung and epochs of the piece that it follows


class Writer:
    """Appends to a run directory, whose lock it holds until `close`.

    The order is curve, state, trial: whatever moment a crash picks, what is missing is
    trained again and what is there is not.

    Lines are forced to the disk, states are not: a state names the piece that it follows and
    carries checksums, so one that a power cut left torn, old or ahead of its curve counts as
    missing. That costs training from epoch 0, with the same result, and saves three waits for
    the disk a piece.
    """

    def __init__(self, path: Path):
        self._path = path
        self._lock = lock.take(path / lock.NAME)
        for folder in ("state", "logs"):  # both may be tidied away while nobody writes
            (path / folder).mkdir(exist_ok=True)
        self._curves = Lines(path / "curves.jsonl")
        self._trials = Lines(path / "trials.jsonl")
        self._timeline = Lines(path / "timeline.jsonl")
        self._lines = (self._curves, self._timeline, self._trials)
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
        if state is None and path in self._states.get(piece.number, ()):
            path.unlink(missing_ok=True)
        self._curves.append(as_line(piece))
        if state is not None:
            self.save(piece, state)

    def save(self, last: Piece, state: State) -> None:
        """Keep what a training needs to go on after its last piece, which is recorded."""
        path = self._state(last.training)
        arrays: dict[str, Any] = {**state, AFTER: np.array([last.rung, last.epochs])}
        write_whole(path, lambda file: np.savez(file, **arrays), durable=False)
        self._states[last.number].add(path)

    def result(self, result: Result) -> None:
        """Record a trial's fate."""
        self._trials.append(as_line(result))

    def forget(self, trainings: Iterable[Training]) -> None:
        """Remove what some trainings would need to go on: states and checkpoints."""
        for training in trainings:  # asked for by name: a look through all would be quadratic
            path = self._state(training)
            if path in self._states.get(training[0], ()):
                self._states[training[0]].discard(path)
                path.unlink(missing_ok=True)
            folder = self._path / "state" / "-".join(map(str, training))
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)

    def keep(self, results: Iterable[Result]) -> None:
        """Forget the fate of every trial but these; the trials are trained again."""
        self._trials.replace([as_line(result) for result in results])

    def keep_pieces(self, pieces: Iterable[Piece]) -> None:
        """Forget every piece of training but these; the others are trained again."""
        self._curves.replace([as_line(piece) for piece in pieces])

    def worked(self, number: int, rung: int, worker: str, start: float, end: float) -> None:
        """Record when a worker trained a piece, in seconds since the run began."""
        line = {"number": number, "rung": rung, "worker": worker}
        self._timeline.append(line | {"start": round(start, 3), "end": round(end, 3)})

    def state(self, last: Piece) -> dict[str, np.ndarray[Any, Any]] | None:
        """What a training needs to go on after its last piece.

        None where it is missing, damaged or follows another piece: begin again.
        """
        path = self._state(last.training)
        try:
            with zipfile.ZipFile(path) as archive:
                if archive.testzip() is not None:  # before NumPy believes a wrong size
                    return None
            with np.load(path, allow_pickle=False) as arrays:
                state = {name: arrays[name] for name in arrays.files}
            after = state.pop(AFTER).tolist()
            return state if after == [last.rung, last.epochs] else None
        except Exception:  # there is no end to what a damaged archive raises
            return None

    def log(self, text: str) -> None:
        """Add to logs/log.txt."""
        with (self._path / "logs" / "log.txt").open("a", encoding="utf-8") as file:
            file.write(text.rstrip("\n") + "\n")

    @property
    def seconds_to_sync(self) -> float:
        """How long lines may still wait for the disk; infinite if none waits, 0 if one is late."""
        return min(lines.seconds_to_sync for lines in self._lines)

    def sync(self) -> None:
        """Force all lines to the disk: what a barrier decides on must not be lost.

        Raises:
            RunError: the run's folder was deleted or moved; there is no use in going on.
        """
        for lines in self._lines:
            lines.sync()
        lock.check(self._lock, self._path / lock.NAME)

    def close(self) -> None:
        """Sync, close and give up the lock."""
        for lines in self._lines:
            lines.close()
        self._lock.close()

    def _state(self, training: Training) -> Path:
        number, *which = training
        name = f"{number}.npz" if not any(which) else f"{number}-{which[0]}-{which[1]}.npz"
        return self._path / "state" / name
