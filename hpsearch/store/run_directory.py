"""The run directory: every path under runs/ is decided here.

A folder appears by renaming a complete hidden sibling, so half a run is never seen. Reading
needs no lock; one process at a time may write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hpsearch.errors import RunError, as_argument
from hpsearch.messages import expanded
from hpsearch.store import lock
from hpsearch.store.files import write_json
from hpsearch.store.records import (
    RunInfo,
    Winner,
    read_records,
    read_run,
    read_winner,
    write_lines,
)
from hpsearch.store.safe_path import NEW, SafePath
from hpsearch.store.writer import Writer
from hpsearch.suggestions import did_you_mean
from hpsearch.trial import Act, Diagnosis, Inherited, Intervention, Piece, Result, Span

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class RunDirectory:
    """One run on disk."""

    path: Path

    @property
    def name(self) -> str:
        """The run's name: its folder's."""
        return self.path.name

    @property
    def inside(self) -> SafePath:
        """The folder; every file in it is opened through this, which follows no link."""
        return SafePath(self.path)

    @property
    def config(self) -> SafePath:
        """What the user wrote, byte for byte."""
        return self.inside / "config.yaml"

    @property
    def best(self) -> SafePath:
        """The winner: params.yaml, model.npz or checkpoint/, result.json."""
        return self.inside / "best"

    @property
    def model(self) -> SafePath:
        """The winner's trained model."""
        return self.best / "model.npz"

    @property
    def keras_model(self) -> SafePath:
        """The same in Keras, where Keras trained it."""
        return self.best / "model.keras"

    @property
    def checkpoint(self) -> SafePath:
        """What the winner's training left, where a trainer of the user's did."""
        return self.best / "checkpoint"

    @property
    def has_model(self) -> bool:
        """Whether there is a model that predicts: each kind of trainer calls its file model.*."""
        return any(name.startswith("model.") for name in self.best.names())

    @property
    def report(self) -> SafePath:
        """The report: one file that works offline."""
        return self.inside / "report.html"

    @property
    def data(self) -> SafePath:
        """Prepared arrays, while the run is being done; gone afterwards."""
        return self.inside / ".data"

    @property
    def running(self) -> SafePath:
        """What the trainings at work report, while the run is being done; gone afterwards."""
        return self.inside / ".running"

    @property
    def states(self) -> SafePath:
        """The states of trials that go on: arrays, and checkpoint folders of a user's trainer."""
        return self.inside / "state"

    @property
    def trials(self) -> SafePath:
        """The folders of trials' own, where a trainer of the user's asks for them."""
        return self.inside / "trials"

    @property
    def info(self) -> RunInfo:
        """What run.json says; a "running" run whose process has died is "interrupted".

        Raises:
            RunError: it is missing, damaged, or written by a newer version.
        """
        info = self._info()
        if info.status == "running" and not lock.is_held(self.inside / lock.NAME):
            info = self._info()  # its process may have ended well between the two looks
            if info.status == "running":
                info = replace(info, status="interrupted")
        return info

    @property
    def at_work(self) -> bool:
        """Whether a process on a machine that shares its locks with this one writes to the run."""
        return lock.is_held(self.inside / lock.NAME)

    @property
    def says_running(self) -> bool:
        """Whether run.json says that a process is at work, be that true or not."""
        return self._info().status == "running"

    @property
    def owner(self) -> str:
        """Who writes to the run, or did so last: "process 17 on HOST"; empty if unknown."""
        return lock.owner(self.inside / lock.NAME)

    def _info(self) -> RunInfo:
        try:
            return read_run(self.inside / "run.json")
        except FileNotFoundError:
            raise RunError(
                f"{self.path}: must hold a run.json; this is no run directory"
            ) from None

    def write_info(self, info: RunInfo) -> None:
        """Replace run.json, in one atomic write; where a writer is at work it must do that."""
        write_json(self.inside / "run.json", info)

    def update(self, **changes: Any) -> None:
        """Change fields of run.json, likewise."""
        self.write_info(replace(self.info, **changes))

    def seconds(self, info: RunInfo) -> float:
        """How long the search has taken so far, in seconds.

        What run.json says, which lags a little behind when a search was killed; or, if that is
        more, the time in which something was in training by the timeline.
        """
        spans = sorted((span.start, span.end) for span in self.timeline)
        busy, until = 0.0, float("-inf")
        for start, end in spans:
            busy += max(0.0, end - max(start, until))
            until = max(until, end)
        return float(max(info.seconds or 0.0, round(busy, 3)))

    @property
    def pieces(self) -> list[Piece]:
        """Every finished piece of training, in the order in which they ended."""
        return read_records(self.inside / "curves.jsonl", Piece)

    @property
    def results(self) -> list[Result]:
        """Every trial whose fate is known, by number."""
        results = read_records(self.inside / "trials.jsonl", Result)
        return sorted(results, key=lambda result: result.number)

    @property
    def timeline(self) -> list[Span]:
        """When each worker trained what, in the order in which that ended."""
        return read_records(self.inside / "timeline.jsonl", Span)

    @property
    def diary(self) -> list[Intervention]:
        """What was done to a babysat model, in order."""
        return read_records(self.inside / "interventions.jsonl", Intervention, "restore the file")

    @property
    def acts(self) -> list[Act]:
        """What people did to a search, in order."""
        return read_records(self.inside / "interventions.jsonl", Act, "restore the file")

    @property
    def diagnostics(self) -> list[Diagnosis]:
        """How the layers of a babysat network did, in order."""
        return read_records(self.inside / "diagnostics.jsonl", Diagnosis, "remove the file")

    @property
    def history(self) -> list[Inherited]:
        """A refined run's trials of its parent: those inside its space."""
        return read_records(self.inside / "history.jsonl", Inherited, "refine the parent again")

    def winner(self, info: RunInfo) -> Winner | None:
        """What best/result.json says; None while there is no winner.

        Args:
            info: what run.json says.

        Raises:
            RunError: it is damaged.
        """
        try:
            return read_winner(self.best / "result.json", info)
        except FileNotFoundError:
            return None

    @contextmanager
    def writing(self, notify: Callable[[str], object] | None = None) -> Iterator[Writer]:
        """The run's only writer, until the end of the block.

        Args:
            notify: called with a sentence for each file that somebody else deleted or changed.

        Raises:
            RunError: another process is writing to this run.
        """
        writer = Writer(self.inside, notify)
        try:
            yield writer
        finally:
            writer.close()


def create(
    runs_dir: Path,
    name: str,
    config: bytes,
    info: RunInfo,
    history: Sequence[Inherited] = (),
    *,
    numbered: bool = False,
    fill: Callable[[SafePath], None] | None = None,
) -> RunDirectory:
    """Make a run directory, complete from the moment it appears.

    Args:
        runs_dir: the folder that holds the runs; made if it is missing.
        name: of the run and its folder.
        config: what config.yaml shall hold.
        info: what run.json shall say.
        history: a refined run's trials of its parent.
        numbered: whether a name that is taken gets a number: NAME-2, NAME-3, ...
        fill: writes what else the folder shall hold when it appears.

    Raises:
        RunError: the name is taken or not allowed, or the folder cannot be written.
    """
    if not NAME.fullmatch(name):
        raise RunError(
            f"run name {name!r}: must begin with a letter or digit and hold only letters, "
            "digits, '.', '_' and '-'"
        )
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        with lock.alone_in(runs_dir):  # two that begin at once do not meet in the hidden folder
            return _create(_place(runs_dir, name, numbered), config, info, history, fill)
    except OSError as error:
        raise RunError(
            f"{runs_dir}: runs must be writable there, found: {error.strerror or error}; "
            "choose another folder with --runs-dir"
        ) from None


def _place(runs_dir: Path, name: str, numbered: bool) -> SafePath:
    path, folder = SafePath(runs_dir, (name,)), SafePath(runs_dir)
    if numbered:
        paths = (path, *(folder / f"{name}-{again}" for again in range(2, 1000)))
        path = next((each for each in paths if not each.exists()), path)
    if path.exists():
        raise RunError(
            f"{path}: exists already; choose another --name, or go on with it: "
            f"hpsearch resume {as_argument(path)}"
        )
    return path


def _create(
    path: SafePath,
    config: bytes,
    info: RunInfo,
    history: Sequence[Inherited],
    fill: Callable[[SafePath], None] | None,
) -> RunDirectory:
    hidden = path.parent / f".{path.name}{NEW}"
    hidden.remove()  # a crash may have left it
    hidden.mkdir()
    try:
        for folder in ("logs", "state"):
            (hidden / folder).mkdir()
        (hidden / "config.yaml").write_bytes(config)
        write_json(hidden / "run.json", info)
        for file in ("curves.jsonl", "trials.jsonl", "timeline.jsonl"):
            (hidden / file).write_bytes(b"")
        if history:
            write_lines(hidden / "history.jsonl", history)
        if fill is not None:
            fill(hidden)
        hidden.rename(path.name)
    except BaseException:
        with suppress(OSError):
            hidden.remove()
        raise
    return RunDirectory(path.path)


def runs(runs_dir: Path) -> list[RunDirectory]:
    """The runs in a folder, oldest first."""
    if not runs_dir.is_dir():
        return []
    found = [
        RunDirectory(path)
        for path in runs_dir.iterdir()
        if not path.name.startswith(".") and is_run(path)
    ]
    return sorted(found, key=_age)


def is_run(path: Path) -> bool:
    """Whether a folder is a run's, sound or not: it has something called run.json."""
    try:
        return (SafePath(path) / "run.json").exists()
    except (OSError, ValueError):  # not ours to look into; a null byte in its name
        return False


def _age(run: RunDirectory) -> tuple[str, str]:
    try:
        return run.info.created, run.name
    except (OSError, RunError):  # a damaged run still has a place in the list
        return "", run.name


def find(run: str | Path | None, runs_dir: Path) -> RunDirectory:
    """The run that a user means: a folder, a name under `runs_dir`, or the newest.

    Raises:
        RunError: there is no such run; the message names those that there are.
    """
    if isinstance(run, str):
        run = expanded(run)
    if run is not None:
        for path in (Path(run), runs_dir / run):
            if is_run(path):
                return RunDirectory(path)
    found = runs(runs_dir)
    if run is not None:
        names = [each.name for each in found]
        newest = (
            f"the newest runs: {', '.join(names[-5:])}"
            if found
            else (f"{runs_dir} holds no runs yet")
        )
        raise RunError(
            f"{run}: must be a run's folder or its name in {runs_dir}, found no run.json "
            f"there{did_you_mean(Path(run).name, names)}; {newest}"
        )
    if not found:
        raise RunError(f"{runs_dir}: holds no runs yet; start one with: hpsearch run CONFIG")
    return found[-1]
