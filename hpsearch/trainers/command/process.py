"""One process of a user's command: begun, read while it runs, ended with all that it started."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import BinaryIO

from hpsearch.backends.worker import die_with
from hpsearch.errors import TrainerError

MOST = 64 * 2**20
"""Bytes that a command may print on stdout, and on stderr, in one piece of training."""

LOOK = 0.05
"""Seconds between two looks at what a command has reported."""

UNBUFFERED = {"PYTHONUNBUFFERED": "1"}
"""What has a script in Python print each line at once, as to a terminal: it is read meanwhile."""

GRACE = 5.0
"""Seconds that a command which is told to end has to clean up."""


class Tail:
    """What is added to a file from now on, such as a log that a command prints to."""

    def __init__(self, file: BinaryIO, most: int = MOST) -> None:
        """Read a file from its present end on.

        Args:
            file: open for reading, and for others to append to.
            most: bytes of it that are read.
        """
        self._file = file
        self._begun = self._at = file.seek(0, os.SEEK_END)
        self._end = self._begun + most
        self.most = most

    @property
    def full(self) -> bool:
        """Whether more was added than is read."""
        return self._size > self._end

    @property
    def of_nothing(self) -> bool:
        """Whether the whole file is empty."""
        return self._size == 0

    def new(self) -> bytes:
        """What was added since the last call."""
        size = min(self._size, self._end)
        parts = []
        # Never by `seek`: the command shares this file's position.
        while self._at < size and (part := os.pread(self._fd, size - self._at, self._at)):
            parts.append(part)
            self._at += len(part)
        return b"".join(parts)

    def last_line(self) -> str:
        """The last line with something on it, as it may be shown; empty where there is none."""
        begin = max(self._begun, self._size - 10_000)
        text = os.pread(self._fd, 10_000, begin).decode("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return "".join(c if c.isprintable() else "?" for c in lines[-1])[:200] if lines else ""

    def cut(self) -> None:
        """Remove what is not read from the file."""
        if self.full:
            os.ftruncate(self._fd, self._end)

    @property
    def _fd(self) -> int:
        return self._file.fileno()

    @property
    def _size(self) -> int:
        return os.fstat(self._fd).st_size


@contextmanager
def started(
    words: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    stdout: BinaryIO,
    stderr: BinaryIO,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command; at the end of the context whatever is left of it is killed.

    The process leads a group of its own, in the session of this one. When it ends, whatever it
    left running in its group is ended, too; and where this process is a worker that is killed,
    the backend ends its whole session.

    Args:
        words: the program and its arguments, handed over as they are.
        folder: to run it in.
        environment: added to this process's.
        stdout: a file to append to.
        stderr: another one.

    Raises:
        TrainerError: it cannot be started.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 (the user's own command; there is no shell)
            list(words),
            cwd=folder,
            env={**UNBUFFERED, **os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            process_group=0,
            # Where this process is killed outright, the command shall not train on for nobody.
            preexec_fn=partial(die_with, os.getpid()) if sys.platform == "linux" else None,
        )
    except (OSError, ValueError) as error:  # ValueError: a null byte in a value
        reason = error.strerror if isinstance(error, OSError) else error
        raise TrainerError(f"{words[0]}: cannot be run: {reason}") from None
    try:
        yield process
    finally:
        kill(process)
        process.wait()


def has_ended(process: subprocess.Popen[bytes], seconds: float = LOOK) -> bool:
    """Wait for a process for so many seconds at most; whether it has ended."""
    descriptor = None
    if sys.platform == "linux":  # elsewhere, and before 5.3, `wait` looks again and again
        with suppress(OSError):
            descriptor = os.pidfd_open(process.pid)
    if descriptor is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    else:
        try:
            ready = select.poll()  # `select` takes no descriptor above 1023
            ready.register(descriptor, select.POLLIN)
            ready.poll(seconds * 1000)
        finally:
            os.close(descriptor)
    return process.poll() is not None


def end(process: subprocess.Popen[bytes], hasten: Callable[[], bool]) -> None:
    """Tell a process and its group to end, and give it time for that unless it has to hasten."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    until = time.monotonic() + GRACE
    while not has_ended(process) and time.monotonic() < until and not hasten():
        pass


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a process and its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def ending(process: subprocess.Popen[bytes], errors: Tail) -> str:
    """How a process ended that failed, with the last line that it printed on stderr."""
    code = process.returncode
    if code > 0:
        how = f"ended with exit status {code}"
    else:
        names = {number.value: number.name for number in signal.Signals}
        how = f"was ended by {names.get(-code, f'signal {-code}')}"
    last = errors.last_line()
    return f"the command {how}" + (f"; its last words: {last}" if last else "")
