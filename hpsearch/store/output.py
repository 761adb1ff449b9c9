"""What the user names to be written: whole or not at all, and never over something else."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, TextIO

from hpsearch.errors import OutputError
from hpsearch.store.safe_path import SafePath, run_around

_DESCRIPTORS = {"-": 1, "/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")


@dataclass(frozen=True)
class Output:
    """A file that the user names.

    It is written under a random name in a hidden folder beside its place, forced to the disk, and
    then appears under its own name at once. Whatever ends the writing, be it an error, a full disk
    or Ctrl-C, leaves the place as it was; a kill leaves at most the hidden folder as well.

    `-`, /dev/stdout, FIFOs and devices such as /dev/null are written to as they are.

    Args:
        path: of the file; its folder must exist.
        force: put it in the place of a file that is there, whose mode and, if that is allowed,
            owner it gets. A link is replaced: the file that it leads to stays as it is.
    """

    path: Path
    force: bool = False

    def check(self) -> None:
        """Refuse now, before any long work, what could not be written after it.

        Raises:
            OutputError: something of that name is there, or its folder is missing or not writable.
        """
        if self.is_stream:
            return
        with _explained(self.path):
            if self.path.is_dir() and not self.path.is_symlink():
                raise OutputError(
                    f"{self.path}: must be a file, found a folder; name a file in it"
                )
            if found := _lstat(self.path):
                if stat.S_ISBLK(found.st_mode) or stat.S_ISSOCK(found.st_mode):
                    raise OutputError(f"{self.path}: must be a file, found a disk or a socket")
                if not self.force:
                    raise taken(self.path, forcible=True)
            check_folder(self.path)

    @property
    def is_stream(self) -> bool:
        """Whether this is a place that takes bytes one after another, and keeps no file.

        Inside a run directory nothing is: a stranger may have put it there.
        """
        if self._descriptor is not None:
            return True
        if run_around(self.path):
            return False
        try:
            mode = self.path.stat().st_mode
        except (OSError, ValueError):
            return False
        return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)

    @property
    def is_stdout(self) -> bool:
        """Whether it goes to the standard output, where nothing else may then be said."""
        return self._descriptor == 1

    @property
    def _descriptor(self) -> int | None:
        """The number of a file that is open already; None where the path names another."""
        path = str(self.path)
        if path in _DESCRIPTORS:
            return _DESCRIPTORS[path]
        found = _DESCRIPTOR.fullmatch(path)
        return int(found[1]) if found else None

    @contextmanager
    def hidden(self) -> Iterator[Path]:
        """The path of a hidden file to write, which is put in place once the block ends well.

        Raises:
            OutputError: see `check`; or it cannot be written.
        """
        if self.is_stream:
            raise OutputError(
                f"{self.path}: must be a file, for it is not written from end to end"
            )
        self.check()
        with _beside(self.path) as hidden:
            yield hidden
            _sync(hidden)
            if self.force:
                self._take_after(hidden)
            self._put(hidden)

    @contextmanager
    def binary(self) -> Iterator[BinaryIO]:
        """A file to write bytes to; see `hidden` for when they appear.

        Raises:
            OutputError: see `check`; or it cannot be written.
        """
        if self.is_stdout:
            with self._stdout() as stream:
                yield stream
            return
        if self.is_stream:
            with _explained(self.path), self._stream() as stream:
                yield stream
            return
        with self.hidden() as hidden, hidden.open("xb") as file:
            yield file

    @contextmanager
    def text(self) -> Iterator[TextIO]:
        """The same for text, in UTF-8 and with line ends as they are written."""
        with self.binary() as file:
            text = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="")
            try:
                yield text
                text.flush()
            finally:
                with suppress(OSError):  # of what an error or Ctrl-C cut short
                    text.detach()

    @contextmanager
    def _stdout(self) -> Iterator[BinaryIO]:
        """The standard output; its errors are those of all that is printed, and not told here."""
        if sys.stdout is None:
            raise OSError(errno.EBADF, "standard output is closed")
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()

    @contextmanager
    def _stream(self) -> Iterator[BinaryIO]:
        number = self._descriptor
        opened = os.dup(number) if number is not None else os.open(self.path, os.O_WRONLY)
        with os.fdopen(opened, "wb") as stream:
            yield stream

    def _take_after(self, hidden: Path) -> None:
        """Give the new file the owner and the mode of the one that it replaces."""
        old = _lstat(self.path)
        if old is not None and stat.S_ISREG(old.st_mode):
            with suppress(OSError):
                os.chown(hidden, old.st_uid, old.st_gid)
            hidden.chmod(stat.S_IMODE(old.st_mode))

    def _put(self, hidden: Path) -> None:
        """Give the file its name; without force never in the place of another."""
        if self.force:
            hidden.replace(self.path)
        else:
            try:
                os.link(hidden, self.path)
            except FileExistsError:
                raise taken(self.path, forcible=True) from None
            except OSError:
                self._claim(hidden)
        with suppress(OSError):  # it is in place; not every file system syncs a folder
            _sync(self.path.parent)

    def _claim(self, hidden: Path) -> None:
        """The same where the file system has no hard links: claim the name, then replace that."""
        try:
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            raise taken(self.path, forcible=True) from None
        try:
            hidden.replace(self.path)
        except BaseException:
            self.path.unlink()
            raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A hidden folder to fill, which appears under its name once the block has ended well.

    An empty folder of that name is taken for an invitation.

    Raises:
        OutputError: there is something else of that name, or it cannot be written.
    """
    with _explained(path):
        empty = path.is_dir() and not path.is_symlink() and not any(path.iterdir())
        if _lstat(path) and not empty:
            raise taken(path)
        check_folder(path)
    with _beside(path) as hidden:
        hidden.mkdir()
        yield hidden
        try:
            hidden.rename(path)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise taken(path) from None
            raise
        with suppress(OSError):
            _sync(path.parent)


def taken(path: Path, *, forcible: bool = False) -> OutputError:
    """Why a target that exists is refused, and what to do."""
    force = ", or replace it with --force" if forcible else ""
    return OutputError(
        f"{path}: exists already, and nothing is overwritten; choose another name{force}"
    )


def check_folder(path: Path) -> None:
    """Refuse a path whose folder is missing or cannot be written.

    Raises:
        OutputError: it is.
        RunError: it lies in a run directory, and behind a link there.
    """
    folder = path.parent
    SafePath.of(path).status()
    if not folder.is_dir():
        raise OutputError(f"{path}: must be in a folder that exists, found no {folder}")
    try:  # asking for permission is not enough: root has it in /proc, too
        with TemporaryDirectory(prefix=".hpsearch-", dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: no file can be made in {folder}: {error.strerror}; name "
            "another folder"
        ) from None


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """The place of a file or folder in a hidden folder, which nobody else may look into."""
    with (
        _explained(path),
        TemporaryDirectory(prefix=".hpsearch-", dir=path.parent) as folder,
    ):
        yield Path(folder, path.name)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # the reader has seen enough
        raise
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def _sync(path: Path) -> None:
    """Force a file to the disk, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lstat(path: Path) -> os.stat_result | None:
    """What is there, be it a link that leads nowhere; None for nothing."""
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
