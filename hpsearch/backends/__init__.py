"""Backends: where trials run, in this process or in workers, behind one small protocol."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from hpsearch.backends.protocol import (
    Answer,
    Backend,
    Cluster,
    ClusterLostError,
    Folders,
    Kind,
    Loss,
    Survey,
    Task,
)
from hpsearch.errors import HpsearchError

BACKENDS = ("serial", "local", "dask", "joblib")

ON_THIS_MACHINE = ("loky", "threading")
"""Engines of joblib's whose workers are all on this machine."""

__all__ = [
    "BACKENDS",
    "ON_THIS_MACHINE",
    "Answer",
    "Backend",
    "Cluster",
    "ClusterLostError",
    "Folders",
    "Kind",
    "Loss",
    "Survey",
    "Task",
    "auto_jobs",
    "create",
    "kill_workers",
    "open_streams",
]


def create(
    name: str,
    jobs: int | None,
    threads: int = 1,
    memory: int | None = None,
    devices: Sequence[int | str] = (),
    cluster: Cluster | None = None,
    folders: Folders | None = None,
    say: Callable[[str], None] = lambda _: None,
    engine: str | None = None,
) -> Backend:
    """Make a backend, to be used as a context manager.

    Args:
        name: "serial" (in this process, one task at a time), "local" (worker processes) or
            "dask" (the workers of a cluster), "joblib" (an engine of joblib's).
        jobs: how many workers, 1 or more; "serial" always has one. None for as many as there are
            cores, or for all of a cluster or an engine.
        threads: how many BLAS uses in each worker.
        memory: most bytes of data that a worker may have, None for no limit ("local" on Linux).
        devices: CUDA devices, one for each worker in turn ("local").
        cluster: which one ("dask").
        folders: of the run that the tasks are of, None for temporary ones ("dask").
        say: takes what people should know, such as why a worker is not used ("dask").
        engine: its name, None for loky ("joblib").

    Raises:
        HpsearchError: there is no such backend, it does not run on this system, or jobs < 1.
    """
    if jobs is None and name not in ("dask", "joblib"):
        jobs = auto_jobs()
    if jobs is not None and jobs < 1:
        raise HpsearchError(f"parallel.jobs: must be at least 1, found {jobs}")
    if name == "dask":
        _check_installed()
        from hpsearch.backends.dask import Dask

        return Dask(cluster or Cluster(), jobs, folders, threads, memory, say)
    if name == "joblib":
        from hpsearch.backends.joblib import Joblib

        return Joblib(jobs, threads, engine or "loky")
    assert jobs is not None
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


def survey(cluster: Cluster) -> Survey:
    """Who trains in a cluster.

    Raises:
        HpsearchError: nobody answers there, none of the workers fits, or Dask is not installed.
    """
    _check_installed()
    from hpsearch.backends.dask import Dask

    with Dask(cluster, None) as there:
        return there.survey()


def _check_installed() -> None:
    if find_spec("distributed") is None:
        raise HpsearchError(
            "parallel.backend: dask needs Dask's distributed; install it with: "
            "pip install 'hpsearch[dask]'"
        )


def open_streams() -> None:
    """Open the null device as standard input, output or error where these are closed.

    Else the next file that is opened takes their number, and what is printed goes into it.
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
    """End every worker of this process at once, before it ends itself."""
    slot = sys.modules.get("hpsearch.backends.slot")
    if slot is not None:  # else there is none
        slot.kill_workers()


def auto_jobs() -> int:
    """How many cores this process may use, by its affinity and the limits of its container."""
    import joblib

    return int(joblib.cpu_count())
