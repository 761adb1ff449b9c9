"""What a user's function prints: into a file of its trial, whoever prints it, and only so much."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOST = 10 * 2**20
"""Bytes of output that are kept of one trial."""

LOOK = 0.05
"""Seconds between two looks at how much there is."""

CUT = "\n[cut by hpsearch: a trial keeps {:,} bytes of output]\n"


@contextmanager
def redirected(path: Path, most: int = MOST) -> Iterator[None]:
    """Append all that this process and those it starts print to a file, for a block.

    The file descriptors themselves are redirected, so that C code and child processes are
    caught, and straight to the file, so that nothing is lost if the process dies. A thread cuts
    the file back to `most` bytes whenever it is longer. A file that stays empty is removed.
    """
    saved, streams = [os.dup(1), os.dup(2)], (sys.stdout, sys.stderr)
    log = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    over = threading.Event()
    guard = threading.Thread(target=_guard, args=(log, most, over), daemon=True)
    _flush()
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        # Streams of our own: those of a notebook or a test do not write to descriptors 1 and 2.
        sys.stdout = open(1, "w", buffering=1, errors="replace", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, errors="replace", closefd=False)  # noqa: SIM115
        guard.start()
        yield
    finally:
        _flush()
        over.set()
        if guard.ident is not None:  # a process without memory cannot start one
            guard.join()
        sys.stdout, sys.stderr = streams
        for number, descriptor in enumerate(saved, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        _cut(log, most)
        empty = os.fstat(log).st_size == 0
        os.close(log)
        if empty:
            path.unlink(missing_ok=True)


def _guard(log: int, most: int, over: threading.Event) -> None:
    while not over.wait(LOOK):
        _cut(log, most)


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
