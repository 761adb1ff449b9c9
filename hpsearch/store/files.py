"""Files that a crash cannot spoil: written whole, or appended to line by line."""

from __future__ import annotations

import gc
import json
import math
import os
import re
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields, is_dataclass
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO

from hpsearch.errors import RunError, as_argument
from hpsearch.store.safe_path import MOST, SafePath

BLOCK = 1000  # lines that are held in memory as they are, before they are packed
SYNC_SECONDS = 1.0  # a power cut loses at most this much


def as_json(value: object) -> str:
    """A record or a mapping as a JSON file, indented for people."""
    return json.dumps(plain(value), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def write_json(path: SafePath, value: object) -> None:
    """Replace a JSON file whole; see `as_json`."""
    path.write_text(as_json(value))


def plain(value: Any) -> Any:
    """A value as JSON knows it: NaN and infinity become null, tuples lists, records objects.

    A record is a dataclass; a field of it that is marked "absent" is left out where it is None.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if is_dataclass(value):
        named = ((each, getattr(value, each.name)) for each in fields(value))
        return {
            each.name: plain(entry)
            for each, entry in named
            if not (entry is None and "absent" in each.metadata)
        }
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value


_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False)  # built once: lines are many


def as_json_line(line: Mapping[str, Any]) -> str:
    """One line of a JSON Lines file."""
    try:
        return _ENCODER.encode(line) + "\n"
    except (TypeError, ValueError):  # NaN, infinity, or a mapping that is no dict
        return _ENCODER.encode(plain(line)) + "\n"


class Lines:
    """A JSON Lines file that only grows, a whole line at a time.

    Each line reaches the operating system at once, so a kill loses nothing. It reaches the disk
    with the first line after a second or at the next `sync`; `seconds_to_sync` says how long a
    line may still wait. A torn last line, which only a power cut or a full disk leaves, is cut
    off when the file is opened for writing.

    All lines are also held in memory, compressed. A trial may delete the file, put another in
    its place, or write to it; that is noticed before a line is added and at every sync, and the
    whole file is written anew.

    Args:
        path: of the file.
        restored: called with the path when the file had to be written anew.
    """

    _size: int  # of the file, in bytes
    _held: list[bytes]

    def __init__(self, path: SafePath, restored: Callable[[SafePath], object] | None = None):
        self._path = path
        self._restored = restored
        self._synced = time.monotonic()
        self._dirty = False
        self._folder = ExitStack()  # stays the run's, wherever that may be moved
        self._at = self._folder.enter_context(path.parent.folder())
        self._open()
        whole = path.read_bytes()
        self._hold([whole[: whole.rfind(b"\n") + 1]])
        self._file.truncate(self._size)

    def append(self, line: Mapping[str, Any]) -> None:
        """Add one line; a full disk leaves the file as it was before."""
        data = as_json_line(line).encode()
        self.check()
        written = 0
        try:
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError:
            self._file.truncate(self._size)
            raise
        self._held.append(data)
        self._size += len(data)
        self._dirty = True
        if len(self._held) == BLOCK:
            self._pack()
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.sync()

    def replace(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Put other lines in place of all, in one atomic write."""
        self._hold([as_json_line(line).encode() for line in lines])
        self._write()

    def remove(self, beginnings: Collection[bytes]) -> bool:
        """Take out the lines that begin so, in one atomic write; each stands there once.

        They are looked for from the end, and what lies before them is copied as it is: in a long
        file the last lines are removed as fast as in a short one, but for the copy.

        Returns:
            Whether all of them were found; else the file stays as it is.
        """
        self.check()
        begins, missing, blocks = tuple(beginnings), len(beginnings), len(self._packed)
        after: list[bytes] = []
        lines, gone, same = self._held, 0, self._size
        while True:
            kept = [line for line in lines if not line.startswith(begins)]
            missing -= len(lines) - len(kept)
            gone += sum(map(len, lines)) - sum(map(len, kept))
            same -= sum(map(len, lines))
            after = kept + after
            if not missing or not blocks:
                break
            blocks -= 1
            lines = zlib.decompress(self._packed[blocks]).splitlines(keepends=True)
        if missing:
            return False
        del self._packed[blocks:]
        self._held = after
        self._size -= gone
        self._write(same)
        if len(after) >= BLOCK:
            self._pack()
        return True

    def check(self) -> None:
        """Write the whole file anew if it is not what was written."""
        try:
            found = os.stat(self._path.name, dir_fd=self._at, follow_symlinks=False)
        except FileNotFoundError:
            found = None
        if found is not None and (found.st_ino, found.st_size) == (self._inode, self._size):
            if found.st_nlink > 1:  # a backup was made of hard links
                self._write()
            return
        self._write()
        if self._restored is not None:
            self._restored(self._path)

    @property
    def seconds_to_sync(self) -> float:
        """How long the last line may still wait for the disk; infinite if nothing waits."""
        if not self._dirty:
            return math.inf
        return max(0.0, self._synced + SYNC_SECONDS - time.monotonic())

    def sync(self) -> None:
        """Force everything appended so far to the disk."""
        self.check()
        self._sync()

    def close(self) -> None:
        """Force all lines to the disk and close, whatever has become of the file."""
        with self._folder:
            if not self._file.closed:
                with self._file:
                    self._sync()

    def _sync(self) -> None:
        if self._dirty:
            os.fsync(self._file.fileno())
            self._dirty = False
        self._synced = time.monotonic()

    def _open(self) -> None:
        self._file = self._path.append()
        self._inode = os.fstat(self._file.fileno()).st_ino

    def _hold(self, lines: list[bytes]) -> None:
        """Hold other lines in memory than before."""
        self._held = lines
        self._packed: list[bytes] = []
        self._size = sum(map(len, lines))
        self._pack()

    def _pack(self) -> None:
        """Compress the lines in memory, to about a quarter."""
        self._packed.append(zlib.compress(b"".join(self._held), 1))
        self._held = []

    def _write(self, same: int = 0) -> None:
        """Write the file anew, all of it, or what follows so many bytes that stay the same."""

        def write(file: BinaryIO) -> None:
            with self._path.open() if same else BytesIO() as before:
                data = before.read(same)
            packed = [data] if len(data) == same > 0 else map(zlib.decompress, self._packed)
            file.writelines(packed)
            file.writelines(self._held)

        self._path.restore(write)
        self._file.close()
        self._open()


def repair_with(run: SafePath) -> str:
    """What to do about a line that cannot be read."""
    return (
        "to set the line aside and train again what it recorded: "
        f"hpsearch resume {as_argument(run)} --repair"
    )


def whole_lines(path: SafePath) -> Iterator[bytes]:
    """The lines of a file, without a torn last one; nothing for a missing file.

    Raises:
        RunError: a line is too long to be one of ours, or the file is none.
    """
    try:
        file = path.open()
    except FileNotFoundError:
        return
    with file:
        for line in iter(partial(file.readline, MOST), b""):
            if not line.endswith(b"\n"):
                if len(line) < MOST:
                    return
                raise RunError(
                    f"{path}: a line must be shorter than {MOST:,} bytes, found a longer one; "
                    "restore the file"
                )
            yield line


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep Python's garbage collector away while many plain values are made.

    They are in no circles, so it would look at all of them again and again and find nothing:
    a quarter of the time that a report on 100,000 trials takes.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def as_yaml(value: Mapping[str, Any]) -> str:
    """Plain values as YAML for people: sections on lines, the innermost mappings inline."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 (write everything out)
            return True

    # What only YAML 1.2 takes for a number must be quoted where it is text.
    pattern = re.compile(r"(?:[-+]?[0-9.]+[eE][-+]?[0-9]+|0o[0-7]+)$")
    Dumper.add_implicit_resolver("tag:yaml.org,2002:float", pattern, list("-+.0123456789"))
    text: str = yaml.dump(
        plain(value),
        Dumper=Dumper,
        default_flow_style=None,
        sort_keys=False,
        width=1000,
        allow_unicode=True,
    )
    return text
