"""Metrics in the files that a library writes: MLflow's store, and TensorBoard's event files."""

from __future__ import annotations

import os.path
import struct
import time
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import PurePath
from typing import Any

from hpsearch.errors import HpsearchError, TrainerError, install
from hpsearch.messages import listed
from hpsearch.store import SafePath
from hpsearch.trainers.command.files import NO_METRICS, Growing, WholeLines
from hpsearch.trainers.command.sources import Reported

SHARE = 100
"""A look at many files takes at most one in so many parts of the time."""

MOST_FILES = 1000


@dataclass(frozen=True)
class Point:
    """One value of a metric.

    Attributes:
        when: it was written, in any unit.
        key: which values belong together, such as those of a step.
        name: of the metric.
        value: the number.
    """

    when: float
    key: Hashable
    name: str
    value: float


class Together:
    """Puts together what several files say of one step.

    A step counts when it has the metric and either all that the steps before it had, or a
    successor, or the command has ended: so it does not depend on which file is written first.
    """

    def __init__(self, metric: str) -> None:
        self._metric = metric
        self._held: dict[Hashable, dict[str, float]] = {}
        self._waiting: list[Hashable] = []  # steps with the metric, in order
        self._names: set[str] = set()  # what steps that count had
        self._changed: dict[Hashable, None] = {}  # steps that counted before, and have more now
        self._counted: set[Hashable] = set()

    def add(self, point: Point) -> None:
        """Add a value; an undefined one of another metric than the one that counts is left out."""
        if point.name != self._metric and not isfinite(point.value):
            return
        values = self._held.setdefault(point.key, {})
        if point.name == self._metric and self._metric not in values:
            self._waiting.append(point.key)
        values[point.name] = point.value
        if point.key in self._counted:
            self._changed[point.key] = None

    def reported(self, ended: bool) -> list[Reported]:
        """What counts now."""
        found = []
        for key in self._changed:
            self._names |= self._held[key].keys()
            found.append(self._of(key))
        self._changed = {}
        while self._waiting:
            key = self._waiting[0]
            names = self._held[key].keys()
            complete = bool(self._names) and names >= self._names
            if not (ended or complete or len(self._waiting) > 1):
                break
            self._names |= names
            self._counted.add(key)
            found.append(self._of(key))
            del self._waiting[0]
        return found

    def _of(self, key: Hashable) -> Reported:
        return Reported(dict(self._held[key]), key=key)


@dataclass
class _Pace:
    """When to look again, so that looking takes a small share of the time."""

    _next: float = 0.0

    def spare(self, look: Callable[[], None], ended: bool) -> None:
        """Look, if it is time to, or for a last time."""
        begun = time.monotonic()
        if begun < self._next and not ended:
            return
        look()
        now = time.monotonic()
        self._next = now + SHARE * (now - begun)


def _files(folder: SafePath, depth: int) -> Iterator[SafePath]:
    """The files in a folder and in those below it, by name; links are none."""
    try:
        names = folder.names()
    except (OSError, HpsearchError):
        return
    for name in names:
        path = SafePath(folder.root, (*folder.parts, name))
        if path.is_file():
            yield path
        elif depth and path.is_folder():
            yield from _files(path, depth - 1)


class MlflowStore:
    """The folder in which MLflow keeps its runs: a file for each metric, a line for each value.

    What was there before does not count.
    """

    def __init__(self, folder: SafePath, metric: str) -> None:
        self._folder = folder
        self._metric = metric
        self._logged: dict[SafePath, _Logged] = {}
        self._pace = _Pace()
        self._together = Together(metric)
        self._find(skip=True)

    def look(self, ended: bool) -> list[Reported]:
        """See `Source`."""
        self._pace.spare(self._read, ended)
        return self._together.reported(ended)

    def _find(self, skip: bool = False) -> None:
        at = len(self._folder.parts) + 3  # EXPERIMENT/RUN/metrics
        found = [
            path for path in _files(self._folder, 6) if path.parts[at - 1 : at] == ("metrics",)
        ]
        for path in found[:MOST_FILES]:
            run, name = path.parts[at - 2], "/".join(path.parts[at:])
            if path not in self._logged and not name.startswith("system/"):  # memory and the like
                self._logged[path] = _Logged(Growing(path, skip=skip), run, name)

    def _read(self) -> None:
        self._find()
        # What is written before the metric is there when the metric is.
        files = sorted(self._logged.values(), key=lambda each: each.name != self._metric)
        points = [point for each in files for point in each.new()]
        for point in sorted(points, key=lambda point: point.when):
            self._together.add(point)

    def nothing(self) -> TrainerError:
        """See `Source`."""
        names = dict.fromkeys(each.name for each in self._logged.values())
        found = f"only {listed(names)}" if names else "no report"
        return TrainerError(
            f"the script must report {self._metric!r} by mlflow.log_metric, found {found}; what "
            "calls mlflow.set_tracking_uri writes elsewhere"
        )


@dataclass
class _Logged:
    """A file of MLflow's, with the values of one metric of a run."""

    file: Growing
    run: str
    name: str
    _lines: WholeLines = field(default_factory=WholeLines)
    _times: dict[int, int] = field(default_factory=dict)

    def new(self) -> Iterator[Point]:
        """Those that came: lines of a time in milliseconds, the value and its step.

        Scripts that name no step write each value to step 0: so the second one at a step belongs
        to the second ones of other metrics.
        """
        found = self.file.new()
        if found is None:
            return
        for line in self._lines.of(found[1]):
            try:
                when, value, at, *_ = line.decode().split(" ")
                step = int(at)
                before = self._times.get(step, 0)
                point = Point(float(when), (self.run, step, before), self.name, float(value))
            except ValueError:
                continue
            self._times[step] = before + 1
            yield point


def tensorboard_missing() -> str | None:
    """Why event files cannot be read here, and what to do; None where they can."""
    try:
        _messages()
    except ImportError as error:
        return (
            f"TensorBoard's event files are read by the package tensorboard, which is not here "
            f"({error}); install it with: {install('tensorboard')}"
        )
    return None


def _messages() -> tuple[Any, Callable[[Any], Any], type[Exception]]:
    """TensorBoard's message for an event, what makes an array of a tensor, and what is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from google.protobuf.message import DecodeError
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.util.tensor_util import make_ndarray
    return Event, make_ndarray, DecodeError


class EventFiles:
    """Scalars in TensorBoard's event files, in a folder and those below it.

    A tag is called as its writer called it, after the folder that its file is in, as TensorBoard
    shows it: `validation/epoch_loss`. What was there before does not count.
    """

    def __init__(self, folder: SafePath, tags: Mapping[str, str], metric: str, where: str) -> None:
        """Follow the event files of a piece of training.

        Args:
            folder: that they are in.
            tags: of the metrics, by name: with the folder in front, or without where that is
                clear. Empty for all tags by their own names.
            metric: what counts.
            where: the folder, for messages.
        """
        self._folder = folder
        self._tags = tags
        self._metric = metric
        self._where = where
        self._pace = _Pace()
        self._together = Together(metric)
        self._tags_there: dict[str, None] = {}
        self._chosen: dict[str, str] = {}  # the one that a metric has, of several that end so
        self._event, self._array, self._damaged = _messages()
        self._files: dict[SafePath, _Events] = {}
        for path in self._there():
            self._files[path] = _Events(Growing(path, skip=True))

    def _there(self) -> list[SafePath]:
        found = [path for path in _files(self._folder, 6) if "tfevents" in path.name]
        return found[:MOST_FILES]

    def look(self, ended: bool) -> list[Reported]:
        """See `Source`."""
        self._pace.spare(self._read, ended)
        if ended and (error := self._ambiguous()) is not None:
            raise error
        found = self._together.reported(ended)
        if not found or self._tags:
            return found
        # A writer that is given no folder makes one by the clock, which no name shall have.
        depth = len(self._folder.parts)
        before = os.path.commonpath(["/".join(path.parts[depth:-1]) for path in self._files])
        return [
            Reported(
                {name.removeprefix(f"{before}/"): n for name, n in each.values.items()},
                key=each.key,
            )
            for each in found
        ]

    def _read(self) -> None:
        depth = len(self._folder.parts)
        for path in self._there():
            self._files.setdefault(path, _Events(Growing(path)))
        found = [
            Point(
                event.wall_time, event.step, "/".join((*path.parts[depth:-1], value.tag)), number
            )
            for path, file in self._files.items()
            for event in self._events(file)
            for value in event.summary.value
            if (number := self._number(value)) is not None
        ]
        self._tags_there.update(dict.fromkeys(point.name for point in found))
        for point in sorted(found, key=lambda point: point.when):
            for name in self._names(point.name):
                self._together.add(replace(point, name=name))

    def _events(self, file: _Events) -> Iterator[Any]:
        for record in file.new():
            with suppress(self._damaged):
                yield self._event.FromString(record)

    def _number(self, value: Any) -> float | None:
        """The scalar in a summary, None where it holds something else."""
        if value.HasField("simple_value"):
            return float(value.simple_value)
        plugin = value.metadata.plugin_data.plugin_name
        if not value.HasField("tensor") or plugin not in ("", "scalars"):
            return None
        if value.tensor.tensor_shape.dim or value.tensor.dtype not in (1, 2, 3, 9, 14, 19):
            return None  # neither a float of 32, 64 or 16 bits nor a whole number
        return float(self._array(value.tensor).item())

    def _names(self, tag: str) -> list[str]:
        """The metrics that a tag has the values of."""
        if self._tags:
            return [name for name, wanted in self._tags.items() if self._is(name, wanted, tag)]
        if self._is(self._metric, self._metric, tag):
            return [self._metric]
        return [] if PurePath(tag).name in NO_METRICS else [tag]

    def _is(self, name: str, wanted: str, tag: str) -> bool:
        """Whether a tag is the one that is wanted, by its whole name or else the end of it."""
        if tag != wanted and not tag.endswith(f"/{wanted}"):
            return False
        whole = wanted if wanted in self._tags_there else tag
        return self._chosen.setdefault(name, whole) == tag

    def _ambiguous(self) -> TrainerError | None:
        """What to say where several tags end as the one that is wanted."""
        wanted = self._tags.get(self._metric, self._metric)
        ending = [tag for tag in self._tags_there if tag.endswith(f"/{wanted}")]
        if len(ending) < 2 or wanted in self._tags_there:
            return None
        return TrainerError(
            f"event files in {self._where} have several tags {wanted!r}: {listed(ending)}; write "
            f"the folder, too: result: {{tensorboard: {{tags: {{{self._metric}: {ending[-1]}}}}}}}"
        )

    def nothing(self) -> TrainerError:
        """See `Source`."""
        wanted = self._tags.get(self._metric, self._metric)
        if not self._files:
            return TrainerError(
                f"the command must write event files of TensorBoard, found none in {self._where}"
            )
        tags = f"only the tags {listed(self._tags_there)}" if self._tags_there else "no scalars"
        return TrainerError(
            f"event files in {self._where} must have scalars of the tag {wanted!r}, found {tags}; "
            f"write result: {{tensorboard: {{tags: {{{self._metric}: TAG}}}}}}"
        )


@dataclass
class _Events:
    """An event file: records, each with its length before it and sums for a check around it."""

    file: Growing
    _rest: bytes = b""

    def new(self) -> list[bytes]:
        """The records that came."""
        found = self.file.new()
        if found is None:
            return []
        data, at, records = found[1] if found[0] else self._rest + found[1], 0, []
        while at + 12 <= len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            end = at + 12 + length + 4
            if end > len(data):
                break
            records.append(data[at + 12 : end - 4])
            at = end
        self._rest = data[at:]
        return records
