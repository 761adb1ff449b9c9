"""Locks of the run directory: one process writes to a run, any number read it."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hpsearch.errors import RunError, as_argument
from hpsearch.store.safe_path import SafePath

NAME = ".lock"  # of the file in a run directory

PATIENCE = 0.5
"""Seconds to try for a lock: `is_held` takes it for the blink of an eye."""


def take(path: SafePath) -> BinaryIO:
    """Take a run's lock; the system releases it when its owner ends, however it ends.

    The file names its owner, for people; it is the system that knows whether the lock is held.

    Returns:
        The open file, whose closing gives up the lock.

    Raises:
        RunError: another process has it, or the folder cannot be written.
    """
    try:
        file = path.append(shared=True)
    except OSError as error:
        raise RunError(
            f"{path.parent}: must be a folder that can be written, found: "
            f"{error.strerror or error}; once that is mended, go on with: "
            f"hpsearch resume {as_argument(path.parent)}"
        ) from error
    try:
        _lock(file, path)
    except BlockingIOError:
        file.seek(0)
        owner = file.read(200).decode("utf-8", "replace").strip() or "another process"
        file.close()
        raise RunError(
            f"{path.parent}: only one process may write to a run, and {owner} does; "
            "wait for it to end, or stop it"
        ) from None
    except BaseException:
        file.close()
        raise
    if os.fstat(file.fileno()).st_nlink == 1:  # under another name it is not ours to write to
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
    return file


def _lock(file: BinaryIO, path: SafePath) -> None:
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up:
                raise
            time.sleep(PATIENCE / 50)
        except OSError as error:
            raise _no_locks(path, error) from None


def is_at(file: BinaryIO, path: SafePath) -> bool:
    """Whether the lock that was taken is still the one at `path`."""
    there = path.status()
    return there is not None and os.path.samestat(there, os.fstat(file.fileno()))


def vanished(run: Path) -> RunError:
    """What there is to say of a run that was deleted or moved while a process wrote to it."""
    return RunError(
        f"{run}: was deleted or moved while it was written to; put it back and go "
        f"on with: hpsearch resume {as_argument(run)}, or begin another run"
    )


def is_held(path: SafePath) -> bool:
    """Whether a living process holds a run's lock.

    A reader may ask at any time. Where locks cannot be asked after, nobody is taken to hold one.
    """
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given up by closing the file
    except BlockingIOError:
        return True
    except OSError:  # there never was one, or it is not ours to read
        return False
    return False


def owner(path: SafePath) -> str:
    """What the file says of its owner, the last one where there is none; empty if nothing."""
    try:
        with path.open() as file:
            return file.read(200).decode("utf-8", "replace").strip()
    except (OSError, RunError):
        return ""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from making runs in a folder, for a block that must be short.

    Raises:
        RunError: the file system has no locks.
        OSError: the folder cannot be read.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise _no_locks(folder, error) from None
        yield
    finally:
        os.close(descriptor)


def _no_locks(path: Path | SafePath, error: OSError) -> RunError:
    return RunError(
        f"{path}: runs must be on a file system with locks, found: {error.strerror}; "
        "choose another folder with --runs-dir"
    )
