"""The run directory: every path under runs/ is decided here.

A folder appears by renaming a complete hidden sibling, so half a run is never seen. Reading
needs no lock; one process at a time may write.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.errors import RunError
from hpsearch.store import lock
from hpsearch.store.files import read_lines, sync_folder, write_json, write_text
from hpsearch.store.records import read_records, read_work
from hpsearch.store.shape import RESULT, RUN, check_classes, check_plan, read_json, shaped
from hpsearch.store.writer import Writer
from hpsearch.trial import Piece, Result

FORMAT = 1
_UPDATING = threading.Lock()  # run.json is read before it is written
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
    def config(self) -> Path:
        """What the user wrote, byte for byte."""
        return self.path / "config.yaml"

    @property
    def best(self) -> Path:
        """The winner: params.yaml, model.npz, result.json."""
        return self.path / "best"

    @property
    def model(self) -> Path:
        """The winner's trained model."""
        return self.best / "model.npz"

    @property
    def keras_model(self) -> Path:
        """The same in Keras, where Keras trained it."""
        return self.best / "model.keras"

    @property
    def has_model(self) -> bool:
        """Whether there is a model that predicts."""
        return self.model.exists() or self.keras_model.exists()

    @property
    def report(self) -> Path:
        """The report: one file that works offline."""
        return self.path / "report.html"

    @property
    def data(self) -> Path:
        """Prepared arrays, while the run is being done; gone afterwards."""
        return self.path / ".data"

    @property
    def states(self) -> Path:
        """What trials need to go on: arrays, and the checkpoint folders of a user's trainer."""
        return self.path / "state"

    @property
    def info(self) -> dict[str, Any]:
        """What run.json says; a run whose process is gone without a word is "interrupted".

        Raises:
            RunError: it is missing, damaged, or written by a newer version.
        """
        info = self._info()
        if info.get("status") == "running" and not lock.is_held(self.path / lock.NAME):
            info = self._info()  # its process may have ended well between the two looks
            if info["status"] == "running":
                info["status"] = "interrupted"
        return info

    @property
    def rules(self) -> int:
        """The version of how its random numbers are drawn; the first runs did not record it."""
        rules: int = self.info.get("rules", 1)
        return rules

    def _info(self) -> dict[str, Any]:
        path = self.path / "run.json"
        try:
            info = read_json(path, object)
        except FileNotFoundError:
            raise RunError(
                f"{self.path}: must hold a run.json; this is no run directory"
            ) from None
        found = info.get("format")
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            raise RunError(f"{path}: must name its format, found {found!r}; the file is damaged")
        if found > FORMAT:
            raise RunError(
                f"{path}: format {found} is newer than this hpsearch knows ({FORMAT}); "
                "upgrade with: pip install --upgrade hpsearch"
            )
        checked: dict[str, Any] = shaped(info, RUN, str(path))
        check_plan(checked.get("plan", []), str(path))
        return checked

    def update(self, **changes: Any) -> None:
        """Change entries of run.json, in one atomic write; several threads may."""
        with _UPDATING:
            write_json(self.path / "run.json", {**self.info, **changes})

    @property
    def seconds(self) -> float:
        """How long the search has taken so far, also where a kill left no word of it.

        That is what run.json says, which lags behind a little; or if that is more the time in
        which, by the timeline, something was in training.
        """
        spans = sorted((line["start"], line["end"]) for line in self.timeline)
        busy, until = 0.0, float("-inf")
        for start, end in spans:
            busy += max(0.0, end - max(start, until))
            until = max(until, end)
        return float(max(self.info.get("seconds", 0.0), round(busy, 3)))

    @property
    def pieces(self) -> list[Piece]:
        """Every finished piece of training, in the order in which they ended."""
        return read_records(self.path / "curves.jsonl", Piece)

    @property
    def results(self) -> list[Result]:
        """Every trial whose fate is known, by number."""
        results = read_records(self.path / "trials.jsonl", Result)
        return sorted(results, key=lambda result: result.number)

    @property
    def timeline(self) -> list[dict[str, Any]]:
        """When each worker did what: number, rung, worker, start and end in seconds."""
        return read_work(self.path / "timeline.jsonl")

    @property
    def history(self) -> list[dict[str, Any]]:
        """The parent's trials inside this run's region: a trial's line and its curve."""
        return list(read_lines(self.path / "history.jsonl", "refine the parent again"))

    @property
    def outcome(self) -> dict[str, Any] | None:
        """What best/result.json says of the winner; None while there is none."""
        path = self.best / "result.json"
        try:
            outcome = read_json(path, RESULT)
        except FileNotFoundError:
            return None
        if outcome.get("test") is not None:
            check_classes(outcome["test"], len(self.info["data"]["classes"]), str(path))
        return outcome

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """The run's only writer, until the end of the block.

        Raises:
            RunError: another process is writing to this run.
        """
        writer = Writer(self.path)
        try:
            yield writer
        finally:
            writer.close()


def create(
    runs_dir: Path,
    name: str,
    config: bytes,
    info: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]] = (),
    *,
    numbered: bool = False,
    fill: Callable[[Path], None] | None = None,
) -> RunDirectory:
    """Make a run directory, complete from the moment it appears.

    Args:
        runs_dir: the folder that holds the runs; made if it is missing.
        name: of the run and its folder.
        config: what config.yaml shall hold.
        info: run.json's entries, but for the format.
        history: a refined run's lines of history.jsonl.
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


def _place(runs_dir: Path, name: str, numbered: bool) -> Path:
    path = runs_dir / name
    if numbered:
        paths = (path, *(runs_dir / f"{name}-{again}" for again in range(2, 1000)))
        path = next((each for each in paths if not each.exists()), path)
    if path.exists():
        raise RunError(
            f"{path}: exists already; choose another --name, or go on with it: "
            f"hpsearch resume {path}"
        )
    return path


def _create(
    path: Path,
    config: bytes,
    info: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    fill: Callable[[Path], None] | None,
) -> RunDirectory:
    hidden = path.with_name(f".{path.name}.new")
    shutil.rmtree(hidden, ignore_errors=True)  # a crash may have left it
    try:
        hidden.mkdir()  # not through a link in its place
        (hidden / "logs").mkdir()
        (hidden / "state").mkdir()
        (hidden / "config.yaml").write_bytes(config)
        write_json(hidden / "run.json", {"format": FORMAT, **info})
        for file in ("curves.jsonl", "trials.jsonl", "timeline.jsonl"):
            (hidden / file).touch()
        if history:
            lines = (json.dumps(line, ensure_ascii=False) + "\n" for line in history)
            write_text(hidden / "history.jsonl", "".join(lines))
        if fill is not None:
            fill(hidden)
        hidden.rename(path)
        sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise
    return RunDirectory(path)


def runs(runs_dir: Path) -> list[RunDirectory]:
    """The runs in a folder, oldest first."""
    if not runs_dir.is_dir():
        return []
    found = [
        RunDirectory(path)
        for path in runs_dir.iterdir()
        if not path.name.startswith(".") and (path / "run.json").is_file()
    ]
    return sorted(found, key=_age)


def _age(run: RunDirectory) -> tuple[str, str]:
    try:
        return str(run.info.get("created", "")), run.name
    except RunError:  # a damaged run still has a place in the list
        return "", run.name


def find(run: str | Path | None, runs_dir: Path) -> RunDirectory:
    """The run that a user means: a folder, a name under `runs_dir`, or the newest.

    Raises:
        RunError: there is no such run; the message names those that there are.
    """
    known = runs(runs_dir)
    if run is None:
        if not known:
            raise RunError(f"{runs_dir}: holds no runs yet; start one with: hpsearch run CONFIG")
        return known[-1]
    for path in (Path(run), runs_dir / run):
        if (path / "run.json").is_file():
            return RunDirectory(path)
    names = ", ".join(each.name for each in known[-5:]) or "none"
    raise RunError(
        f"{run}: must be a run's folder or its name in {runs_dir}, found no run.json there; "
        f"the newest runs: {names}"
    )
