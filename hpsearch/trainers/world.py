"""What a user's function may do to its process, undone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def own_world() -> Iterator[None]:
    """Undo what a function may do to its process: the folder it is in, sys.path, arguments."""
    folder, path, arguments = Path.cwd(), list(sys.path), list(sys.argv)
    environment = dict(os.environ)
    try:
        yield
    finally:
        with suppress(OSError):  # the folder may be gone
            os.chdir(folder)
        sys.path[:], sys.argv[:] = path, arguments
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)


@contextmanager
def same_process() -> Iterator[None]:
    """End a process that the function forked and that came back from it: it is not the worker."""
    process = os.getpid()
    try:
        yield
    finally:
        if os.getpid() != process:
            with suppress(OSError, ValueError):  # what it printed is not to be lost
                sys.stdout.flush()
            os._exit(0)
