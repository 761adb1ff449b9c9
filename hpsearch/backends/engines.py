"""Joblib's engines: what differs from one to the other, and the pools of their workers.

They are driven by what joblib itself calls of them (`ParallelBackendBase`: configure, submit,
retrieve, abort), and not through `joblib.Parallel`. For `Parallel` ends with the tasks that it was
given: those that come later wait for the longest of these, Ray and Spark give no answer before
that, and one job at a time would run in this process.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.resource_tracker import ensure_running
from pkgutil import resolve_name
from typing import Any

from hpsearch.backends.attempt import error_line
from hpsearch.backends.local import PATIENCE
from hpsearch.backends.worker import die_before, die_with
from hpsearch.errors import HpsearchError, install

Stop = Callable[[], object]
"""What leaves a cluster again."""


def nothing() -> None:
    """Leave nothing: there was no cluster to connect to."""


def _start_ray(jobs: int | None, threads: int) -> Stop:
    """Connect to the cluster of RAY_ADDRESS, or start one on this machine."""
    import ray
    from joblib import cpu_count

    if ray.is_initialized():
        return nothing
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if "RAY_ADDRESS" in os.environ:
        ray.init(**quiet)
    else:
        cpus = max(2, (jobs or cpu_count()) * threads)  # two: see `_ray_options`
        ray.init("local", num_cpus=cpus, include_dashboard=False, **quiet)
    stop: Stop = ray.shutdown
    return stop


def _start_spark(jobs: int | None, threads: int) -> Stop:  # noqa: ARG001 (as all of them)
    """Take the session that there is, or start one as Spark's own settings say."""
    from pyspark.sql import SparkSession

    if SparkSession.getActiveSession() is not None:
        return nothing
    builder = SparkSession.builder.appName("hpsearch")
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    handler = signal.getsignal(signal.SIGINT)
    try:
        os.dup2(nowhere, 2)  # Java's, which has much to say, for as long as it runs
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
        if threading.current_thread() is threading.main_thread():  # else Spark leaves it alone
            signal.signal(signal.SIGINT, handler)
    stop: Stop = session.stop
    return stop


def _ray_options(threads: int) -> dict[str, Any]:
    # Joblib has no pool of one: each place has two actors, of which one works at a time.
    return {"ray_remote_args": {"num_cpus": 0.5 if threads == 1 else threads // 2}}


def _start_loky(jobs: int | None, threads: int) -> Stop:  # noqa: ARG001 (as all of them)
    """Start what loky would start with its first worker.

    Until Python 3.12 that lets Ctrl-C through again, to workers as they start.
    """
    ensure_running()
    return nothing


def _loky_options(threads: int) -> dict[str, Any]:  # noqa: ARG001 (as all of them)
    return {"initializer": _end_with, "initargs": (os.getpid(),)}


@dataclass(frozen=True)
class Engine:
    """What differs from engine to engine.

    Attributes:
        register: makes it known to joblib, as `module:function`; empty if it is or the user does.
        environment: variables that are set before that, unless the user did.
        start: given jobs (None: as many as there are) and threads, connects to its cluster.
        options: for joblib's `configure`, given threads.
        here: all its workers are on this machine.
        apart: each place has a pool of its own, because the engine gives tasks to its workers in
            turn, whether they are busy or not, and does not replace one that died.
    """

    register: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    start: Callable[[int | None, int], Stop] = lambda *_: nothing
    options: Callable[[int], dict[str, Any]] = lambda _: {}
    here: bool = False
    apart: bool = False


ENGINES = {
    "loky": Engine(start=_start_loky, options=_loky_options, here=True),
    "threading": Engine(here=True),
    "ray": Engine(
        register="ray.util.joblib:register_ray",
        environment={
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # else it prints of each worker that it is lost
        },
        start=_start_ray,
        options=_ray_options,
        apart=True,
    ),
    "spark": Engine(
        register="joblibspark:register_spark",
        environment={"PYSPARK_PYTHON": sys.executable},
        start=_start_spark,
    ),
}

REFUSED = {
    "dask": "is a backend of its own, which loses less: say backend: dask",
    "multiprocessing": "waits for ever for the task of a process that died; take loky",
    "sequential": "trains in this process; say backend: serial",
}
"""Engines of joblib's that are not served, and why."""


def engine_named(name: str) -> Engine:
    """An engine, made known to joblib.

    Raises:
        HpsearchError: there is none of this name, or what it needs is not installed.
    """
    from joblib.parallel import BACKENDS

    if name in REFUSED:
        raise HpsearchError(f"parallel.engine: {name} {REFUSED[name]}")
    engine = ENGINES.get(name, Engine())
    for variable, value in engine.environment.items():
        os.environ.setdefault(variable, value)
    if engine.register and name not in BACKENDS:
        try:
            with quietly():
                resolve_name(engine.register)()
        except ImportError as error:
            raise HpsearchError(
                f"parallel.engine: {name} needs packages that are not here ({error_line(error)}); "
                f"install them with: {install(name)}"
            ) from error
    if name not in BACKENDS:
        known = ", ".join(sorted({*ENGINES, *BACKENDS} - {*REFUSED}))
        raise HpsearchError(
            f"parallel.engine: {name!r} is no engine that joblib knows here, there are {known}; "
            "register another from Python, with joblib.register_parallel_backend"
        )
    return engine


class Pool:
    """The workers of an engine, which start when they are first needed."""

    def __init__(self, name: str, workers: int, options: dict[str, Any]):
        """Start nothing yet.

        Args:
            name: of the engine.
            workers: how many there shall be; joblib takes one for a wish to stay in this process.
            options: for joblib's `configure`.
        """
        self._name, self._workers, self._options = name, max(2, workers), options
        self._backend: Any = None  # joblib's
        self._parallel: Any = None
        self._starting = False
        self._last: object = None  # what the engine gave for the last call

    @property
    def started(self) -> bool:
        """Whether the workers were started, and not ended since."""
        return self._backend is not None

    def start(self) -> None:
        """Start the workers, unless they are there.

        Raises:
            HpsearchError: the engine cannot start them.
        """
        if self.started:
            return
        from joblib.parallel import BACKENDS, Parallel

        try:
            backend = BACKENDS[self._name](nesting_level=0)
            parallel = Parallel(n_jobs=self._workers, backend=backend, **self._options)
            parallel.__enter__()
            backend.start_call()
        except Exception as error:  # whatever an engine raises
            raise not_started(self._name, error) from error
        self._backend, self._parallel = backend, parallel

    def start_soon(self, then: Callable[[HpsearchError | None], None]) -> None:
        """Start the workers in a thread, as a cluster may have no room for them for long.

        Args:
            then: is called there afterwards, with the error if they cannot be started.
        """
        if self._starting:
            return
        self._starting = True

        def begin() -> None:
            problem = None
            try:
                self.start()
            except HpsearchError as error:
                problem = error
            except SystemExit:  # so Ray ends what a thread waits for when it is shut down
                problem = not_started(self._name, RuntimeError("it was shut down"))
            self._starting = False
            then(problem)

        threading.Thread(target=begin, daemon=True).start()

    def submit(self, call: Callable[[], Any], ended: Callable[[Any], None]) -> object:
        """Hand a call to the engine, which calls `ended` from a thread of its own."""
        from joblib.parallel import BatchedCalls

        batch = BatchedCalls([(call, (), {})], self._backend.get_nested_backend())
        submit = getattr(self._backend, "submit", None) or self._backend.apply_async
        self._last = submit(batch, callback=ended)
        return self._last

    def result(self, job: object, out: Any) -> Any:
        """What a call returned.

        Args:
            job: what `submit` gave.
            out: what the engine called `ended` with.

        Raises:
            Exception: the engine's reason why there is no result.
        """
        if isinstance(out, SubmitError):
            raise out
        if self._backend.supports_retrieve_callback:
            found = self._backend.retrieve_result_callback(out)
        else:
            found = self._backend.retrieve_result(job)
        if isinstance(error := getattr(found, "exc", None), BaseException):  # Spark's
            raise error
        (value,) = found
        return value

    def close(self) -> None:
        """End the workers, whatever they do."""
        backend, self._backend = self._backend, None
        if backend is not None:
            self._let_begin()
            with suppress(Exception):  # it may be gone itself
                backend.abort_everything(ensure_ready=False)
                self._parallel.__exit__(None, None, None)

    def _let_begin(self) -> None:
        """Wait until the last call was taken up: loky stumbles over one that it was not yet at."""
        last, self._last = self._last, None
        give_up = time.monotonic() + PATIENCE
        while isinstance(last, Future) and not (last.running() or last.done()):
            if time.monotonic() > give_up:
                break
            time.sleep(0.001)


class SubmitError(Exception):
    """The engine refuses calls, as it does when its workers have just died."""


def not_started(name: str, error: Exception) -> HpsearchError:
    """The error of an engine that does not start."""
    return HpsearchError(
        f"parallel.engine: {name} must start its workers, found {error_line(error)}; mend that, "
        "or take another engine; what was recorded is on disk"
    )


def _end_with(parent: int) -> None:
    """Make a worker of loky's end with its parent, and before it where memory runs out."""
    die_with(parent)
    die_before(parent)


@contextmanager
def quietly() -> Iterator[None]:
    """Show no warning in a block: those of an engine are of no use to the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
