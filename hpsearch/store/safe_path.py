"""Paths below a folder that a stranger may have filled: no link there is ever followed.

A run directory may come from anywhere, as an archive, say. So whatever is opened, made, listed
or removed inside one goes through here, a folder at a time, each by the descriptor of the one
above it; nothing else in hpsearch opens a path below `runs/NAME/`. Links that lead *to* a run
directory are the user's own and are followed.

A link in the place of what is read or appended to is refused, and so is whatever is no plain
file: a named pipe would wait for ever, a device may do anything. A link in the place of what is
replaced or removed is itself replaced or removed, never what it leads to.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from secrets import token_hex
from typing import BinaryIO

from hpsearch.errors import RunError

MOST = 128 * 2**20
"""Bytes that are read of a file which is small in any run that hpsearch wrote."""

NEW = ".new"
"""How the hidden names end under which files are written; a crash may leave some."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
}


@dataclass(frozen=True)
class SafePath:
    """A file or folder, by its names below a root; plain values, so that a worker may have it.

    Every method raises OSError as the system does, and RunError where a link, or something that
    is neither file nor folder, stands in the way.

    Attributes:
        root: a folder, which may be reached through links.
        parts: the names below it.
    """

    root: Path
    parts: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path) -> SafePath:
        """A file that a user named: by its run's folder where it is in one, else by its own."""
        if root := run_around(path):
            return cls(root, _whole(path).relative_to(root).parts)
        if path.is_symlink():
            path = Path(os.path.realpath(path))  # which, unlike resolve(), bears circles
        return cls(path.parent, (path.name,))

    def __truediv__(self, names: str) -> SafePath:
        if names.isalnum():  # most are, and there are many
            return SafePath(self.root, (*self.parts, names))
        parts = PurePosixPath(names).parts
        if not parts or any(part in ("..", "/", "//") or "\0" in part for part in parts):
            raise RunError(f"{self}: everything must be inside it, found the path {names!r}")
        return SafePath(self.root, (*self.parts, *parts))

    def __str__(self) -> str:
        return str(self.path)

    @property
    def path(self) -> Path:
        """The same for messages and for other programs, who may follow links."""
        return self.root.joinpath(*self.parts)

    @property
    def name(self) -> str:
        """The last name."""
        return self.parts[-1] if self.parts else self.root.name

    @property
    def parent(self) -> SafePath:
        """The folder that it is in."""
        return SafePath(self.root, self.parts[:-1])

    def resolved(self) -> SafePath:
        """The same from wherever this process, or another, will work."""
        return SafePath(self.root.resolve(), self.parts)

    # What is there

    @contextmanager
    def folder(self) -> Iterator[int]:
        """A descriptor of this folder, for a block.

        Raises:
            FileNotFoundError: there is nothing.
            RunError: it, or a folder above it, is something else.
        """
        descriptor = os.open(self.root, _FOLDER)
        try:
            for depth, name in enumerate(self.parts, start=1):
                try:
                    inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
                except OSError:
                    SafePath(self.root, self.parts[:depth])._must_be(stat.S_IFDIR, descriptor)
                    raise
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    def status(self) -> os.stat_result | None:
        """What the system says of what is there, a link itself included; None for nothing."""
        try:
            with self.parent.folder() as folder:
                return os.stat(self.name, dir_fd=folder, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def exists(self) -> bool:
        """Whether anything is there, be it a link that leads nowhere."""
        return self.status() is not None

    def is_file(self) -> bool:
        """Whether a plain file is there, and no link to one."""
        found = self.status()
        return found is not None and stat.S_ISREG(found.st_mode)

    def is_folder(self) -> bool:
        """Whether a folder is there, and no link to one."""
        found = self.status()
        return found is not None and stat.S_ISDIR(found.st_mode)

    def names(self) -> list[str]:
        """What is in this folder, sorted; nothing where there is none."""
        try:
            with self.folder() as folder:
                return sorted(os.listdir(folder))  # noqa: PTH208 (of a descriptor)
        except FileNotFoundError:
            return []

    # Reading

    def open(self) -> BinaryIO:
        """Open a plain file for reading."""
        with self.parent.folder() as folder:
            return os.fdopen(self._plain(folder, os.O_RDONLY), "rb")

    def read_bytes(self, most: int | None = None) -> bytes:
        """All that a file holds.

        Raises:
            RunError: it holds more than `most` bytes.
        """
        with self.open() as file:
            found = file.read() if most is None else file.read(most + 1)
        if most is not None and len(found) > most:
            raise RunError(f"{self}: must be at most {most:,} bytes long, found more; restore it")
        return found

    def read_text(self, most: int | None = None, errors: str = "strict") -> str:
        """A text in UTF-8."""
        return self.read_bytes(most).decode("utf-8", errors)

    # Writing

    def write(self, write: Callable[[BinaryIO], object], *, durable: bool = True) -> None:
        """Replace a file so that a reader sees the old one or the new one, never half.

        A failure leaves the old file as it was, a crash perhaps a hidden file beside it. A file
        that is not `durable` does not wait for the disk: a kill cannot spoil it, but a power cut
        may leave it old or torn, so it must be able to prove itself.
        """
        with self.parent.folder() as folder:
            try:
                write_in(folder, self.name, write, durable=durable)
            except IsADirectoryError:
                self._must_be(stat.S_IFREG, folder)
                raise

    def write_bytes(self, data: bytes) -> None:
        """Replace a file whole."""
        self.write(lambda file: file.write(data))

    def write_text(self, text: str) -> None:
        """Replace a text file whole, in UTF-8."""
        self.write_bytes(text.encode())

    def restore(self, write: Callable[[BinaryIO], object]) -> None:
        """Write a file as `write` does, also where somebody has put a folder in its place."""
        if self.is_folder():
            self.remove()
        self.write(write)

    def append(self, *, shared: bool = False) -> BinaryIO:
        """Open a plain file, made if need be, to be read and added to at its end, unbuffered.

        A file of several names is first replaced by a copy: a backup made of hard links, or a
        file outside, must not change with this one; with `shared` it is left as it is.
        """
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        with self.parent.folder() as folder:
            descriptor = self._plain(folder, flags)
            if os.fstat(descriptor).st_nlink > 1 and not shared:
                with os.fdopen(descriptor, "rb") as old:
                    self.write(lambda new: shutil.copyfileobj(old, new))
                descriptor = self._plain(folder, flags)
        return os.fdopen(descriptor, "a+b", buffering=0)

    def mkdir(self, *, exist_ok: bool = False, private: bool = False) -> None:
        """Make a folder, not the ones above it; a private one is its owner's alone."""
        with self.parent.folder() as folder:
            try:
                os.mkdir(self.name, 0o700 if private else 0o777, dir_fd=folder)
            except FileExistsError:
                if not exist_ok:
                    raise
                self._must_be(stat.S_IFDIR, folder)

    def make_private(self) -> None:
        """Make a folder its owner's alone."""
        with self.folder() as folder:
            os.fchmod(folder, 0o700)

    def rename(self, name: str) -> None:
        """Give it another name in the same folder."""
        with self.parent.folder() as folder:
            os.rename(self.name, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def remove(self) -> bool:
        """Remove whatever is there: a file, a link, or a folder with all that is in it.

        False where nothing is there. Of several that remove one file, one alone is told True.
        """
        with suppress(FileNotFoundError), self.parent.folder() as folder:
            remove_in(folder, self.name)
            return True
        return False

    def copy_into(self, other: SafePath, *, special: bool = True) -> None:
        """Copy what is in this folder into another, which has none of it; links stay links.

        Raises:
            RunError: something is no file, folder or link. Without `special` it is left out.
        """
        with self.folder() as here, other.folder() as there:
            _copy(here, there, self, special)

    # What must be there

    def _plain(self, folder: int, flags: int) -> int:
        """A descriptor of a plain file in an open folder."""
        try:
            descriptor = os.open(self.name, flags | _FILE, 0o666, dir_fd=folder)
        except OSError:
            self._must_be(stat.S_IFREG, folder)
            raise
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            os.close(descriptor)
            raise self._wrong(stat.S_IFREG, mode)
        return descriptor

    def _must_be(self, kind: int, folder: int) -> None:
        """Refuse what is in an open folder if it is there and of another kind."""
        with suppress(FileNotFoundError):
            mode = os.stat(self.name, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_IFMT(mode) != kind:
                raise self._wrong(kind, mode)

    def _wrong(self, kind: int, mode: int) -> RunError:
        must = "plain file" if kind == stat.S_IFREG else "folder"
        found = _KINDS.get(stat.S_IFMT(mode), "something else")
        what = "what it leads to" if stat.S_ISLNK(mode) else f"the {must}"
        why = ", and no link in a run's folder is followed" if stat.S_ISLNK(mode) else ""
        return RunError(
            f"{self}: must be a {must}, found {found}{why}; remove it, or put {what} in its place"
        )


def write_in(
    folder: int, name: str, write: Callable[[BinaryIO], object], *, durable: bool = True
) -> None:
    """Replace a file in an open folder; a crash leaves the old file or the new one.

    Args:
        folder: a descriptor of the folder.
        name: of the file.
        write: writes the content into the file that it is given.
        durable: force it to the disk before it takes the old one's place.
    """
    hidden = f".{name[:200]}.{token_hex(8)}{NEW}"  # nobody can have guessed it
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE
    descriptor = os.open(hidden, flags, 0o666, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(hidden, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(hidden, dir_fd=folder)
        raise
    if durable:
        os.fsync(folder)


def run_around(path: Path) -> Path | None:
    """The folder of the run that a path which a user named lies in; None if it lies in none."""
    return next(
        (root for root in _whole(path).parents if os.path.lexists(root / "run.json")), None
    )


def _whole(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 ("..", but no links, are resolved)


def remove_in(folder: int, name: str) -> None:
    """Remove what is in an open folder under a name; see `SafePath.remove`.

    Raises:
        FileNotFoundError: there is nothing.
        OSError: it cannot be removed, such as hundreds of folders in one another.
    """
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISDIR(found.st_mode):
        try:
            shutil.rmtree(name, dir_fd=folder)  # follows no links, either
        except RecursionError:
            raise OSError(errno.ENAMETOOLONG, "too many folders in one another", name) from None
    else:
        os.unlink(name, dir_fd=folder)


def _copy(here: int, there: int, at: SafePath, special: bool) -> None:
    """Copy all that is in one open folder into another."""
    for name in os.listdir(here):
        inner = at / name
        mode = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(name, dir_fd=here), name, dir_fd=there)
        elif stat.S_ISDIR(mode):
            os.mkdir(name, dir_fd=there)
            flags = _FOLDER | os.O_NOFOLLOW
            below = [os.open(name, flags, dir_fd=folder) for folder in (here, there)]
            try:
                _copy(below[0], below[1], inner, special)
            finally:
                for descriptor in below:
                    os.close(descriptor)
        elif special or stat.S_ISREG(mode):
            source = inner._plain(here, os.O_RDONLY)
            made = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, dir_fd=there)
            with os.fdopen(source, "rb") as old, os.fdopen(made, "wb") as new:
                shutil.copyfileobj(old, new)
                new.flush()
                found = os.fstat(source)
                os.fchmod(made, stat.S_IMODE(found.st_mode))
                os.utime(made, ns=(found.st_atime_ns, found.st_mtime_ns))
