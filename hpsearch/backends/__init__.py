"""Where trials run: backends, behind one small protocol."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from hpsearch.backends.protocol import Answer, Backend, Kind, Task
from hpsearch.errors import HpsearchError

BACKENDS = ("serial", "local")

__all__ = [
    "BACKENDS",
    "Answer",
    "Backend",
    "Kind",
    "Task",
    "auto_jobs",
    "create",
    "kill_workers",
    "open_streams",
]


def create(
    name: str,
    jobs: int,
    threads: int = 1,
    memory: int | None = None,
    devices: Sequence[int | str] = (),
) -> Backend:
    """A backend by its name, to be used as a context manager.

    Args:
        name: "serial" (in this process, one task at a time) or "local" (worker processes).
        jobs: the number of workers; serial has one whatever is asked.
        threads: of BLAS in each worker.
        memory: most bytes of data a worker may hold, None for no limit (local on Linux).
        devices: CUDA devices, dealt to the workers in turn (local).

    Raises:
        HpsearchError: no backend has this name, it does not run on this platform, or there
            would be no worker.
    """
    if jobs < 1:
        raise HpsearchError(f"parallel.jobs: must be at least 1, found {jobs}")
    if name == "serial":
        from hpsearch.backends.serial import Serial

        return Serial(threads)
    if name == "local":
        if sys.platform == "win32":
            raise HpsearchError(
                "parallel.backend: local needs Linux or macOS; on Windows use serial, or WSL"
            )
        from hpsearch.backends.local import Local

        return Local(jobs, threads, memory, devices)
    raise HpsearchError(
        f"parallel.backend: {name!r} is no backend; choose one of {', '.join(BACKENDS)}"
    )


def open_streams() -> None:
    """Put the null device where standard input, output or error is closed, as for a daemon.

    Else the next file that is opened takes the number, and what is printed goes into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)  # takes the lowest number, which is this one
            os.set_inheritable(null, True)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            number = ("stdout", "stderr").index(name) + 1
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115


def kill_workers() -> None:
    """End every worker of this process at once: what is left to do before it ends itself."""
    slot = sys.modules.get("hpsearch.backends.slot")
    if slot is not None:  # else there is none
        slot.kill_workers()


def auto_jobs() -> int:
    """How many cores this process may use, counting affinity and container limits."""
    import joblib

    return int(joblib.cpu_count())
