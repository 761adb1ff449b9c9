"""The one process that writes a run: appends what finished, keeps what a trial needs to go on."""

from __future__ import annotations

import os
import threading
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from functools import cached_property
from stat import S_ISDIR
from typing import Any

import msgspec
import numpy as np

from hpsearch.errors import RunError
from hpsearch.store import lock
from hpsearch.store.files import Lines, as_json, whole_lines
from hpsearch.store.records import RunInfo, as_line
from hpsearch.store.safe_path import NEW, SafePath, remove_in, write_in
from hpsearch.trial import (
    Act,
    Diagnosis,
    Intervention,
    Params,
    Piece,
    Point,
    Result,
    Span,
    Training,
    short_name,
    whole_name,
)

State = Mapping[str, np.ndarray[Any, Any]]

AFTER = "hpsearch.after"  # in a state file: rung and epochs of the piece that it follows
FOLDERS = ("state", "logs")  # both may be tidied away while nobody writes
OLD = 60.0  # seconds after which nobody is still writing to a hidden file


class Writer:
    """Appends to a run directory, whose lock it holds until `close`.

    The order is curve, state, trial: after a crash at any moment, what is on disk is not trained
    again, and what is missing is.

    Lines are forced to the disk, states are not. A state names the piece that it follows and has
    checksums, so one that a power cut left torn, old or ahead of its curve counts as missing: its
    trial begins again at epoch 0, with the same result. That saves three waits for the disk a
    piece.

    A trial may delete, replace or change the run's files. They are written anew from memory, and
    the user is told once for each.
    """

    def __init__(self, path: SafePath, notify: Callable[[str], object] | None = None):
        """Take a run's lock.

        Args:
            path: of the run directory.
            notify: called with a sentence for each file or folder that had to be made anew.

        Raises:
            RunError: another process writes to the run, or its folder cannot be written.
        """
        self._path = path
        self._notify = notify
        self._restored: set[str] = set()
        self._info: RunInfo | None = None  # what run.json must say
        self._stamp: tuple[int, ...] | None = None  # of that file
        self._describing = threading.RLock()  # another thread records the seconds
        with ExitStack() as opened:
            self._lock = lock.take(path / lock.NAME)
            opened.callback(lambda: self._lock.close())  # it may be taken anew meanwhile
            self._home = opened.enter_context(path.folder())
            for name in FOLDERS:
                (path / name).mkdir(exist_ok=True)
            _sweep(path)
            self._states_folder = opened.enter_context(
                (path / "state").folder()
            )  # opened once: pieces are many

            self._lines: list[Lines] = []
            self._opened = opened
            self._curves, self._timeline, self._trials = map(
                self._file, ("curves", "timeline", "trials")
            )
            self._opened = opened.pop_all()
        self._states: dict[int, set[SafePath]] = defaultdict(set)
        for name in (path / "state").names():
            number = name.removesuffix(".npz").partition("-")[0]
            if name.endswith(".npz") and number.isdecimal():
                self._states[int(number)].add(path / "state" / name)

    def _file(self, name: str) -> Lines:
        """Open a file of lines, to be synced and closed with the others."""
        lines = Lines(self._path / f"{name}.jsonl", self._written_anew)
        self._opened.enter_context(closing(lines))
        self._lines.append(lines)
        return lines

    @cached_property
    def _diary(self) -> Lines:
        return self._file("interventions")

    @cached_property
    def _diagnostics(self) -> Lines:
        return self._file("diagnostics")

    def intervened(self, done: Intervention) -> None:
        """Record what was done to a babysat model, on the disk before it takes effect.

        The epochs that it follows are there before it.
        """
        self._curves.sync()
        self._diary.append(as_line(done))
        self._diary.sync()

    def acted(self, act: Act) -> None:
        """Record what somebody did to a search, on the disk before it takes effect."""
        self._curves.sync()
        self._diary.append(as_line(act))
        self._diary.sync()

    def diagnosed(self, diagnosis: Diagnosis) -> None:
        """Record how the layers of a babysat network did."""
        self._diagnostics.append(as_line(diagnosis))

    def babysat(
        self, result: Result, origin: Point | None, settings: Sequence[tuple[int, Params]]
    ) -> None:
        """Record the fate of a babysat trial, where it began and what it was set to."""
        came_from = origin and {"trial": origin.trial, "epoch": origin.epoch}
        lineage = {"from": came_from, "settings": [list(each) for each in settings]}
        self._trials.append({**as_line(result), **lineage})

    def reopened(self, number: int) -> None:
        """Take back the fate of a babysat trial that goes on."""
        lines = map(msgspec.json.decode, whole_lines(self._path / "trials.jsonl"))
        self._trials.replace([line for line in lines if line["number"] != number])

    def piece(self, piece: Piece, state: State | None = None) -> None:
        """Record a finished piece of training, and the state from which its trial goes on.

        What it went on from is there until its line is, or a crash would have it begin anew.
        """
        self._check_folders()
        self._curves.append(as_line(piece))
        if state is not None:
            self.save(piece, state)

    def save(self, last: Piece, state: State) -> None:
        """Write the state of a training after its last piece, which is recorded already."""
        path = self._state(last.training)

        def put() -> None:
            write_state(self._states_folder, path.name, state, [last.rung, last.epochs])

        try:
            put()
        except (FileNotFoundError, IsADirectoryError):  # a trial was at it this very moment
            self._check_folders()
            path.remove()
            put()
        self._states[last.number].add(path)

    def result(self, result: Result) -> None:
        """Record a trial's fate."""
        self._trials.append(as_line(result))

    def forget(self, trainings: Iterable[Training]) -> None:
        """Remove the states and checkpoints of some trainings."""
        for training in trainings:  # asked for by name: a look through all would be quadratic
            self._forget_state(training)
            with suppress(OSError):
                self._take_away(whole_name(training))  # mostly there is none

    def clear(self, trainings: Iterable[Training]) -> None:
        """Remove the folders of some trainings' own."""
        for training in trainings:
            with suppress(OSError):  # what cannot be removed is in nobody's way
                trial_folder(self._path, training).remove()

    def thin(self, training: Training, spared: str) -> None:
        """Remove a training's state, and of its checkpoints all but one."""
        self._forget_state(training)
        folder = self._path / "state" / whole_name(training)
        with suppress(OSError):
            for name in folder.names():  # mostly there is none
                if name != spared:
                    (folder / name).remove()

    def _forget_state(self, training: Training) -> None:
        """Remove a training's state, if this process knows of one."""
        kept = self._states.get(training[0])
        if kept and (path := self._state(training)) in kept:
            kept.discard(path)
            self._take_away(path.name)

    def _take_away(self, name: str) -> None:
        """Remove a state, or the checkpoints of a training."""
        with suppress(FileNotFoundError):
            remove_in(self._states_folder, name)

    def keep_results(self, results: Iterable[Result]) -> None:
        """Remove the lines of all trials but these, which are trained again."""
        self._trials.replace([as_line(result) for result in results])

    def take_back(self, numbers: Collection[int], others: Iterable[Result]) -> None:
        """Remove the lines of some trials, which go on; `others` are those that stay."""
        beginnings = {f'{{"number": {number},'.encode() for number in numbers}
        if not self._trials.remove(beginnings):  # somebody wrote them in another way
            self.keep_results(others)

    def keep_pieces(self, pieces: Iterable[Piece]) -> None:
        """Remove the lines of all pieces but these, which are trained again."""
        self._curves.replace([as_line(piece) for piece in pieces])

    def worked(self, span: Span) -> None:
        """Record when a worker trained a piece."""
        span = replace(span, start=round(span.start, 3), end=round(span.end, 3))
        self._timeline.append(as_line(span))

    def state(self, last: Piece) -> dict[str, np.ndarray[Any, Any]] | None:
        """The state of a training after its last piece.

        None where it is missing, damaged or follows another piece: the training begins again.
        """
        return read_state(self._state(last.training), [last.rung, last.epochs])

    def log(self, text: str) -> None:
        """Add to logs/log.txt."""
        self._check_folders()
        with (self._path / "logs" / "log.txt").append() as file:
            file.write((text.rstrip("\n") + "\n").encode())

    @property
    def info(self) -> RunInfo:
        """What `describe` and `update` wrote."""
        assert self._info is not None
        return self._info

    def describe(self, info: RunInfo) -> None:
        """Replace run.json; whatever a trial does to it, it is written anew like this."""
        with self._describing:
            self._info = info
            self._describe()

    def update(self, **changes: Any) -> None:
        """Change fields of run.json, in one atomic write; any thread may."""
        with self._describing:
            self.describe(replace(self.info, **changes))

    def _describe(self) -> None:
        data, path = as_json(self.info).encode(), self._path / "run.json"
        path.restore(lambda file: file.write(data))
        self._stamp = _stamp(path)

    @property
    def seconds_to_sync(self) -> float:
        """How long lines may still wait for the disk; infinite if none waits, 0 if one is late."""
        return min(lines.seconds_to_sync for lines in self._lines)

    def sync(self) -> None:
        """Force all lines to the disk: what a barrier decides on must not be lost.

        Raises:
            RunError: the run's folder was deleted or moved; there is no use in going on.
        """
        self._check()
        for lines in self._lines:
            lines.sync()

    def close(self) -> None:
        """Sync, close and give up the lock."""
        with self._opened, suppress(FileNotFoundError, RunError):  # there may be no run any more
            self._check()
            for lines in self._lines:
                lines.check()

    def _check(self) -> None:
        """Make lock, folders and run.json anew where somebody removed or changed them.

        Raises:
            RunError: it is not where it was, or another process writes to it.
        """
        try:
            there = os.path.samestat(self._path.root.stat(), os.fstat(self._home))
        except FileNotFoundError:
            there = False
        if not there:
            raise lock.vanished(self._path.root)
        path = self._path / lock.NAME
        if not lock.is_at(self._lock, path):
            self._lock.close()
            if not path.is_file():
                path.remove()
            self._lock = lock.take(path)
            self._written_anew(path)
        self._check_folders()
        path = self._path / "run.json"
        with self._describing:
            changed = self._info is not None and _stamp(path) != self._stamp
            if changed:
                self._describe()
        if changed:
            self._written_anew(path)

    def _check_folders(self) -> None:
        for name in FOLDERS:
            try:
                found = os.stat(name, dir_fd=self._home, follow_symlinks=False)
            except FileNotFoundError:
                found = None
            folder = self._path / name
            if found is None or not S_ISDIR(found.st_mode):
                folder.remove()
                folder.mkdir()
                self._written_anew(folder)
            elif name != "state" or os.path.samestat(found, os.fstat(self._states_folder)):
                continue
            if name == "state":  # not the one that is open: look into the new one from now on
                with folder.folder() as descriptor:
                    os.dup2(descriptor, self._states_folder, inheritable=False)

    def _written_anew(self, path: SafePath) -> None:
        """Tell the user, once for each, of a file or folder that was made anew."""
        if path.name in self._restored:
            return
        self._restored.add(path.name)
        made = "made" if path.name in FOLDERS else "written"
        text = (
            f"{path}: was deleted or changed by another program, perhaps a trial, and was {made} "
            "anew; no result is lost. Trials may write into the folders they are given"
        )
        self.log(text)
        if self._notify is not None:
            self._notify(text)

    def _state(self, training: Training) -> SafePath:
        return self._path / "state" / f"{short_name(training)}.npz"


def trial_folder(run: SafePath, training: Training) -> SafePath:
    """A trial's own folder: trials/NUMBER/, or NUMBER-REPEAT-FOLD/ of its further trainings."""
    return run / "trials" / short_name(training)


def trained_in(name: str) -> Training | None:
    """The training whose own folder has a name; None for another name.

    >>> trained_in("3"), trained_in("3-1-0"), trained_in("notes")
    ((3, 0, 0), (3, 1, 0), None)
    """
    numbers = name.split("-")
    if len(numbers) not in (1, 3) or not all(each.isdecimal() for each in numbers):
        return None
    number, repeat, fold = map(int, numbers if len(numbers) == 3 else (name, "0", "0"))
    return number, repeat, fold


def write_state(folder: int, name: str, state: State, after: list[int]) -> None:
    """Write a state into an open folder, with what tells which moment it is of.

    It does not wait for the disk: see `Writer`.
    """
    arrays: dict[str, Any] = {**state, AFTER: np.array(after)}
    write_in(folder, name, lambda file: np.savez(file, **arrays), durable=False)


def read_state(path: SafePath, after: list[int]) -> dict[str, np.ndarray[Any, Any]] | None:
    """The state in a file; None where it is missing, damaged or of another moment."""
    try:
        with path.open() as file:
            with zipfile.ZipFile(file) as archive:
                if archive.testzip() is not None:  # before NumPy believes a wrong size
                    return None
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                state = {name: arrays[name] for name in arrays.files}
        return state if state.pop(AFTER).tolist() == after else None
    except Exception:  # there is no end to what a damaged archive raises
        return None


def _stamp(path: SafePath) -> tuple[int, ...] | None:
    """What changes with a file; None where there is none."""
    found = path.status()
    return None if found is None else (found.st_ino, found.st_size, found.st_mtime_ns)


def _sweep(path: SafePath) -> None:
    """Remove hidden files that a crash has left half written."""
    for folder in (path, path / "state", path / "best"):
        for name in folder.names():
            if not (name.startswith(".") and name.endswith(NEW)):
                continue
            # The report is written by whoever asks for it; all else by the lock's holder.
            found = (folder / name).status() if name.startswith(".report.html.") else None
            if found is None or time.time() - found.st_mtime > OLD:
                (folder / name).remove()
