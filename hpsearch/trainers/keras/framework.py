"""Start Keras in this process: quietly, reproducibly, on the threads that it is given."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from hpsearch.errors import TrainerError, install
from hpsearch.trainers.keras.frameworks import FRAMEWORKS


def check_installed(backend: str) -> None:
    """Find Keras and a framework without importing them, which takes seconds.

    Raises:
        TrainerError: one of them is missing.
    """
    missing = [name for name in ("keras", backend) if find_spec(name) is None]
    if missing:
        raise TrainerError(
            f"trainer.backend: {backend} needs packages that are not here "
            f"({', '.join(missing)}); install them with: {_install(backend)}"
        )


@cache
def start(backend: str, threads: int) -> None:
    """Import Keras on a framework, once a process; the first call decides the threads.

    Raises:
        TrainerError: it is not installed, or the process already has Keras on another one.
    """
    framework = FRAMEWORKS[backend]
    if "keras" in sys.modules and (loaded := sys.modules["keras"].backend.backend()) != backend:
        raise TrainerError(
            f"Keras must run on {backend}, but this process has already loaded it on {loaded}; "
            f"set KERAS_BACKEND={backend}, or parallel.backend: local"
        )
    os.environ.update({"KERAS_BACKEND": backend, **framework.environment(threads)})
    try:
        with silenced():
            import_module("keras")
            import_module(backend)
    except ImportError as error:
        raise TrainerError(
            f"trainer.backend: {backend} needs Keras and {backend}; importing them failed "
            f"({error}); install them with: {_install(backend)}"
        ) from error
    try:
        framework.prepare(threads)
    except RuntimeError as error:  # the caller's process has used the framework before
        raise TrainerError(
            f"{backend} already runs in this process and cannot be held to {threads} "
            "thread(s); use parallel.backend: local"
        ) from error


def _install(backend: str) -> str:
    return install(FRAMEWORKS[backend].EXTRA)


@contextmanager
def silenced() -> Iterator[None]:
    """Send what C++ writes to stderr nowhere: some of it heeds no setting."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
