"""A user's code, kept from this process: in a process of its own, or with its traces removed."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch import backends
from hpsearch.backends.worker import current_folder
from hpsearch.errors import TrainerError
from hpsearch.store import SafePath

MOST = 10 * 2**20
"""Bytes of output that are kept of one trial."""

LOOK = 0.05
"""Seconds between two looks at how much there is."""

IDLE = 100
"""Looks at nothing until the guard goes away."""

CUT = "\n[cut by hpsearch: a trial keeps {:,} bytes of output]\n"


def in_fresh_process(name: str, function: Callable[..., Any], *args: Any) -> Any:
    """What a function gives in a process of its own, as in a worker.

    What importing a user's module does to a process is so not done to this one.

    Args:
        name: of what is looked at, with which an error begins.
        function: to call.
        args: its arguments.

    Raises:
        TrainerError: it raised something, or the process died.
    """
    backends.open_streams()
    backend = "serial" if sys.platform == "win32" else "local"
    with (
        tempfile.TemporaryDirectory(prefix="hpsearch-") as folder,
        backends.create(backend, 1) as at,
    ):
        at.submit(backends.Task("inspect", _quietly, (folder, function, args)))
        answer = at.next()
    if answer.kind != "ok":
        error = (answer.error or answer.kind).removeprefix("TrainerError: ")
        raise TrainerError(error if error.startswith(name) else f"{name}: {error}")
    return answer.value


def _quietly(folder: str, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    with redirected(SafePath(Path(folder)) / "printed.txt"):
        return function(*args)


@dataclass(frozen=True)
class Surroundings:
    """What a user's code may change of this process, and finds there when it goes on."""

    folder: str | None  # None where it has been removed
    path: list[str]
    arguments: list[str]
    environment: dict[str, str]

    @classmethod
    def now(cls) -> Surroundings:
        """Those of this process."""
        return cls(current_folder(), list(sys.path), list(sys.argv), dict(os.environ))

    def put_back(self) -> None:
        """Make this process have them."""
        if self.folder is not None:
            with suppress(OSError):  # the folder may be gone
                os.chdir(self.folder)
        sys.path[:], sys.argv[:] = self.path, self.arguments
        if dict(os.environ) != self.environment:
            os.environ.clear()
            os.environ.update(self.environment)


@contextmanager
def isolated() -> Iterator[None]:
    """Undo what a user's code does to this process: its folder, sys.path, arguments, environment.

    A process that the code forked, and that comes back from it, ends here: it is not the worker.
    """
    before, process = Surroundings.now(), os.getpid()
    try:
        yield
    finally:
        if os.getpid() != process:
            with suppress(OSError, ValueError):  # what it printed is not to be lost
                sys.stdout.flush()
            os._exit(0)
        before.put_back()


@contextmanager
def redirected(path: SafePath, most: int = MOST) -> Iterator[None]:
    """Append all that this process and those it starts print to a file, for a block.

    The file descriptors themselves are redirected, so that C code and child processes are
    caught, and straight to the file, so that nothing is lost if the process dies. A guard cuts
    the file back to `most` bytes whenever it is longer. A file that stays empty is removed.
    """
    saved, streams = [os.dup(1), os.dup(2)], (sys.stdout, sys.stderr)
    file = path.append()
    log = file.fileno()
    _flush()
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        # Streams of our own: those of a notebook or a test do not write to descriptors 1 and 2.
        sys.stdout = open(1, "w", buffering=1, errors="replace", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, errors="replace", closefd=False)  # noqa: SIM115
        with _GUARD.watching(log, most):
            yield
    finally:
        _flush()
        sys.stdout, sys.stderr = streams
        for number, descriptor in enumerate(saved, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        _cut(log, most)
        empty = os.fstat(log).st_size == 0
        file.close()
        if empty:
            path.remove()


class Guard:
    """A thread that looks at the file being written, and cuts it where it is too long.

    One thread for many trials, since to start and to end one takes longer than a short trial.
    It goes away when there has been nothing to look at for a while.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # whoever holds it may count on the file being open
        self._watched: tuple[int, int] | None = None  # a descriptor, and how long it may be
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, log: int, most: int) -> Iterator[None]:
        """Watch a file for a block.

        Raises:
            RuntimeError: there is no memory for a thread.
        """
        with self._lock:
            before, self._watched = self._watched, (log, most)
        try:
            self._begin()
            yield
        finally:
            with self._lock:
                self._watched = before

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._look, daemon=True)
                thread.start()
                self._thread = thread

    def _look(self) -> None:
        idle = 0
        while idle < IDLE:
            time.sleep(LOOK)
            with self._lock:
                idle = idle + 1 if self._watched is None else 0
                if self._watched is not None:
                    with suppress(OSError):  # a full disk, say: the next look may do
                        _cut(*self._watched)
                elif idle >= IDLE:
                    self._thread = None


_GUARD = Guard()
os.register_at_fork(after_in_child=_GUARD.__init__)  # type: ignore[misc]  # threads stay behind


def _cut(log: int, most: int) -> None:
    """Cut a file that is too long, and say so at its end."""
    if os.fstat(log).st_size > most:
        message = CUT.format(most).encode()
        os.ftruncate(log, most - len(message))
        os.write(log, message)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed by the user's code, or None
            continue
