"""Results in a file that a command writes: JSON, JSON lines, or a table with a header."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from math import isfinite
from pathlib import Path, PurePath
from typing import Any

from hpsearch.errors import RunError, TrainerError
from hpsearch.messages import listed
from hpsearch.store import MOST, SafePath
from hpsearch.trainers.command.sources import Reported, Source

LINES = (".jsonl", ".ndjson")
TABLES = (".csv", ".tsv")

NO_METRICS = ("epoch", "step")
"""Names that say when something was measured, and so are no metrics."""

ELSEWHERE = "one that the script writes where it runs is found with trainer.cwd: trial"
"""What to do where a file of results is missing."""

_EDGE = 4096  # bytes at the beginning and the end of what was read that are compared again


def inside(folder: SafePath, name: str) -> SafePath:
    """A file or folder by its name in a folder, or by a whole path, which the user vouches for.

    Raises:
        RunError: the name leads out of the folder.
    """
    if PurePath(name).is_absolute():
        path = Path(name)
        return SafePath(path.parent, (path.name,)) if path.name else SafePath(path)
    return folder / name if PurePath(name).parts else folder


def in_file(path: SafePath, metric: str, where: str) -> Source:
    """The results in a file, which its name's ending says how to read.

    Args:
        path: of the file, which need not be there yet. What is in it already was there before.
        metric: what counts.
        where: the folder that it is in, for messages: "the checkpoint folder".
    """
    ending = PurePath(path.name).suffix.lower()
    if ending in (*LINES, *TABLES):
        return RowsFile(path, metric, where)
    return JsonFile(path, metric, where)


def number_of(value: Any) -> int | float | None:
    """A number, or one that is written as a text; None for anything else.

    >>> number_of("0.5 "), number_of("NaN"), number_of("a"), number_of(""), number_of(True)
    (0.5, nan, None, None, None)
    """
    if isinstance(value, str):
        try:
            return None if "_" in value else float(value)
        except ValueError:
            return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def flat(values: Mapping[str, Any], whole: str = "") -> Iterator[tuple[str, Any]]:
    """Values with the names of the mappings that they are in before their own.

    >>> list(flat({"a": {"b": 1, "c": {"d": 2}}})), list(flat({"a": {"b": 1}}, whole="a"))
    ([('a.b', 1), ('a.c.d', 2)], [('a', {'b': 1})])

    Args:
        values: by name.
        whole: a name whose value is given as it is, a mapping, too.
    """
    for name, value in values.items():
        if isinstance(value, Mapping) and name != whole:
            inner = {f"{name}.{key}": each for key, each in value.items()}
            yield from flat(inner, whole)
        else:
            yield name, value


def metrics_in(values: Mapping[str, Any], metric: str) -> dict[str, int | float]:
    """The numbers among some values by name, without those that only say when it was.

    An undefined number counts only as the metric itself: a script may log much besides.

    >>> metrics_in({"loss": "0.5", "note": "x", "epoch": 3, "at": {"val": 2}}, "loss")
    {'loss': 0.5, 'at.val': 2}
    """
    found: dict[str, int | float] = {}
    for name, value in flat(values):
        number = number_of(value)
        counts = bool(name) and name not in NO_METRICS and number is not None
        if isinstance(number, float) and not isfinite(number):
            counts = False
        if number is not None and (counts or name == metric):
            found[name] = number
    return found


def numbers_in(values: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """The numbers among what a JSON object holds, by name, and the metric whatever it is.

    >>> numbers_in({"loss": "high", "note": "x", "done": True, "val": {"f1": 0.5}}, "loss")
    {'loss': 'high', 'val.f1': 0.5}
    """
    return {
        name: value
        for name, value in flat(values, whole=metric)
        if name == metric or (isinstance(value, int | float) and not isinstance(value, bool))
    }


class Growing:
    """A file that another process writes: its bytes, from where they were taken last.

    It may be added to, written anew in its place, or replaced by another.

    Attributes:
        place: the file.
        problem: why it could not be read when it was last tried.
        missing: it was not there.
    """

    def __init__(self, path: SafePath, whole: bool = False, skip: bool = False) -> None:
        """Follow a file.

        Args:
            path: of the file, which need not be there.
            whole: whether all of it is wanted again where something changed.
            skip: whether what is there already is not wanted.
        """
        self.place = path
        self.problem = ""
        self.missing = False
        self._of_all = whole
        self._seen: object = None
        self._at = 0
        self._edges = (b"", b"")
        if skip:
            with suppress(OSError, RunError), path.open() as file:
                self._at = file.seek(0, os.SEEK_END)
                file.seek(0)
                head = file.read(min(_EDGE, self._at))
                file.seek(max(0, self._at - _EDGE))
                self._edges = head, file.read(min(_EDGE, self._at))

    def new(self, ended: bool = False) -> tuple[bool, bytes] | None:
        """Whether it begins anew, and what came since, or then all; None where nothing changed.

        Args:
            ended: look into it even where it seems unchanged; clocks of file systems are coarse.

        Raises:
            RunError: it is no plain file, or too long; never before the command has ended.
        """
        try:
            found = self.place.status()
            seen = None if found is None else (found.st_ino, found.st_size, found.st_mtime_ns)
            if seen == self._seen and not ended:
                return None
            self._seen = seen
            with self.place.open() as file:
                size = os.fstat(file.fileno()).st_size
                anew = self._of_all or not self._continues(file, size)
                begin = 0 if anew else self._at
                if size - begin > MOST:
                    most = f"must be at most {MOST:,} bytes long"
                    raise RunError(f"{self.place}: {most}, found more; write less there")
                file.seek(begin)
                data = file.read(MOST)
        except FileNotFoundError:
            self.missing = True
            return None
        except RunError:
            if ended:
                raise
            return None
        except OSError as error:
            self.problem, self.missing = str(error), False
            return None
        self.problem, self.missing = "", False
        head, tail = (b"", b"") if anew else self._edges
        self._edges = (head + data)[:_EDGE], (tail + data)[-_EDGE:]
        self._at = len(data) if anew else self._at + len(data)
        return anew, data

    def trouble(self, where: str) -> TrainerError | None:
        """What to say where it could not be read; `where` is the folder, for the message."""
        name = self.place.name
        if self.missing:
            return TrainerError(
                f"the command must write {name}, found no such file in {where}; {ELSEWHERE}"
            )
        return TrainerError(f"{name} must be readable, {self.problem}") if self.problem else None

    def _continues(self, file: Any, size: int) -> bool:
        """Whether what was taken is still there."""
        head, tail = self._edges
        if not self._at or size < self._at or file.read(len(head)) != head:
            return False
        file.seek(self._at - len(tail))
        return bool(file.read(len(tail)) == tail)


class JsonFile:
    """A JSON file with an object, or a list of objects, one for each epoch.

    A list's entries count as they come. An object may be one that is written again and again, so
    it counts when the command has ended.
    """

    def __init__(self, path: SafePath, metric: str, where: str) -> None:
        self._path = path
        self._metric = metric
        self._where = where
        self._file = Growing(path, whole=True)
        self._before = self._whole()
        self._count = 0
        self._problem = ""

    def look(self, ended: bool) -> list[Reported]:
        """See `Source`."""
        data = self._whole(ended)
        if data is None or (data == self._before and not ended):
            return []
        try:
            held = json.loads(data)
        except (ValueError, RecursionError) as error:
            self._problem = f"must be readable JSON, found: {error}"
            return []
        listed_there = isinstance(held, list)
        entries = held if listed_there else [held]
        if not entries or not all(isinstance(each, dict) for each in entries):
            self._problem = "must hold a JSON object, or a list with one an epoch"
            return []
        if not (listed_there or ended):
            return []
        new = entries[self._count :]
        self._count = max(self._count, len(entries))
        return [Reported(numbers_in(e, self._metric), e.get("epoch")) for e in new]

    def _whole(self, ended: bool = False) -> bytes | None:
        found = self._file.new(ended)
        return None if found is None else found[1]

    def nothing(self) -> TrainerError:
        """See `Source`."""
        trouble = self._file.trouble(self._where)
        return trouble or TrainerError(f"{self._path.name} {self._problem}")


class RowsFile:
    """A file with a row for each epoch: lines of JSON objects, or a table with a header.

    The rows that have the metric are the epochs, in order. Those that were there before do not
    count, be it that the command adds to them or that it writes them once more with others below.
    """

    def __init__(self, path: SafePath, metric: str, where: str) -> None:
        self._metric = metric
        self._where = where
        self._file = Growing(path)
        found = self._file.new()
        self._before = b"" if found is None else found[1]
        self._skipped: int | None = None if self._before else 0
        self._all = self._before  # until it is clear whether it begins with what was there before
        self._reader = self._begin()
        self._row = 0  # in the file as it is now
        self._count = 0  # rows that were looked at
        self._names: dict[str, None] = {}

    def _begin(self) -> _Table | _JsonLines:
        ending = PurePath(self._file.place.name).suffix.lower()
        return _JsonLines() if ending in LINES else _Table("\t" if ending == ".tsv" else "")

    def look(self, ended: bool) -> list[Reported]:
        """See `Source`."""
        found = self._file.new(ended)
        if found is None:
            return []
        anew, data = found
        if anew:
            self._reader, self._row, self._all = self._begin(), 0, b""
        if self._skipped is None:
            self._all += data
            if self._before.startswith(self._all):
                return []
            same = self._all.startswith(self._before)
            self._skipped = sum(1 for _ in self._begin().new(self._before, True)) if same else 0
            data, self._all, self._before = self._all, b"", b""
        reported = []
        for values in self._reader.new(data, ended):
            self._row += 1
            self._names.update(dict.fromkeys(list(values)[:100]))
            if self._row <= max(self._count, self._skipped):
                continue
            self._count = self._row
            metrics = metrics_in(values, self._metric)
            if self._metric in metrics:
                reported.append(Reported(metrics))
        return reported

    def nothing(self) -> TrainerError:
        """See `Source`."""
        name, metric = self._file.place.name, self._metric
        if (trouble := self._file.trouble(self._where)) is not None:
            return trouble
        if metric in self._names:
            return TrainerError(
                f"{name} in {self._where} must have a number for {metric!r} in a row that was not "
                "there before, found none"
            )
        found = listed(name for name in self._names if name) or "none"
        return TrainerError(
            f"{name} in {self._where} must have a row an epoch with {metric!r}, found the names "
            f"{found}"
        )


class WholeLines:
    r"""The lines of bytes that come in parts, without what ends them.

    >>> lines = WholeLines()
    >>> lines.of(b"on"), lines.of(b"e\ntw"), lines.of(b"o", ended=True)
    ([], [b'one'], [b'two'])
    """

    def __init__(self) -> None:
        self._rest = b""

    def of(self, data: bytes, ended: bool = False) -> list[bytes]:
        """Those that are whole now; at the end also one without a line feed."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if ended and self._rest:
            lines.append(self._rest)
            self._rest = b""
        return lines


class _JsonLines:
    """Reads lines that are JSON objects; others are left out."""

    def __init__(self) -> None:
        self._whole = WholeLines()

    def new(self, data: bytes, ended: bool) -> Iterator[Mapping[str, Any]]:
        for line in self._whole.of(data, ended):
            try:
                held = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(held, dict):
                yield held


class _Table:
    """Reads the rows of a table below its header, whose names say what stands in them."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._whole = WholeLines()
        self._lines: list[str] = []  # of rows that are not whole
        self._names: list[str] = []

    def new(self, data: bytes, ended: bool) -> Iterator[Mapping[str, Any]]:
        lines = self._whole.of(data, ended)
        self._lines += [line.decode("utf-8", "replace") + "\n" for line in lines]
        if not self._names and self._lines:
            self._lines[0] = first = self._lines[0].removeprefix("\ufeff")
            self._delimiter = self._delimiter or (
                ";" if first.count(";") > first.count(",") else ","
            )
        for row in self._rows(ended):
            if not self._names:
                self._names = [name.strip() for name in row]
            else:
                yield dict(zip(self._names, row, strict=False))

    def _rows(self, ended: bool) -> Iterator[list[str]]:
        """The rows that are whole: a cell in quotes may have several lines."""
        taken = done = 0
        at_end = False

        def lines() -> Iterator[str]:
            nonlocal taken, at_end
            for line in self._lines:
                taken += 1
                yield line
            at_end = True

        reader = csv.reader(lines(), delimiter=self._delimiter or ",")
        while True:
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error:  # a cell of more than 128 KiB
                row = []
            if at_end and not ended:
                break  # in the middle of quotes
            done = taken
            if row:
                yield row
        del self._lines[:done]
