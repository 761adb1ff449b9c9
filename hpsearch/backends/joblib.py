"""The backend of joblib's engines: loky, threads, Ray, Spark, or one that the user registered.

Engines are driven by what joblib itself calls of them (`ParallelBackendBase`: configure, submit,
retrieve, abort), and not through `joblib.Parallel`. For `Parallel` ends with the tasks that it was
given: those that come later wait for the longest of these, Ray and Spark give no answer before
that, and one job at a time would run in this process.
"""

from __future__ import annotations

import heapq
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from pkgutil import resolve_name
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from hpsearch.backends.attempt import error_line, failed
from hpsearch.backends.local import ATTEMPTS, PATIENCE
from hpsearch.backends.protocol import Answer, Loss, Task
from hpsearch.backends.threads import limit_threads, thread_variables
from hpsearch.backends.worker import die_before, die_with, dumps, load_attempt, perform
from hpsearch.errors import HpsearchError, install

if TYPE_CHECKING:
    from threadpoolctl import threadpool_limits

Stop = Callable[[], object]
"""What leaves a cluster again."""


def _nothing() -> None: ...


def _start_ray(jobs: int | None, threads: int) -> Stop:
    """Connect to the cluster of RAY_ADDRESS, or start one on this machine."""
    import ray
    from joblib import cpu_count

    if ray.is_initialized():
        return _nothing
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
        return _nothing
    builder = SparkSession.builder.appName("hpsearch")
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    stderr = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)  # Java's, which has much to say, for as long as it runs
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
    stop: Stop = session.stop
    return stop


def _ray_options(threads: int) -> dict[str, Any]:
    # Joblib has no pool of one: each place has two actors, of which one works at a time.
    return {"ray_remote_args": {"num_cpus": 0.5 if threads == 1 else threads // 2}}


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
    start: Callable[[int | None, int], Stop] = lambda *_: _nothing
    options: Callable[[int], dict[str, Any]] = lambda _: {}
    here: bool = False
    apart: bool = False


ENGINES = {
    "loky": Engine(options=_loky_options, here=True),
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
            with _quietly():
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
        self._last: object = None  # what the engine gave for the last call

    @property
    def opened(self) -> bool:
        """Whether the workers were started, and not ended since."""
        return self._backend is not None

    def open(self) -> None:
        """Start the workers, unless they are there.

        Raises:
            HpsearchError: the engine cannot start them.
        """
        if self.opened:
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


@dataclass(order=True)
class Piece:
    """A task, what it waits by, and the workers that it was lost with."""

    rank: tuple[float, int]  # the longest first, then in the order of submission
    task: Task = field(compare=False)
    losses: list[Loss] = field(default_factory=list, compare=False)


@dataclass
class Place:
    """One of the `jobs` tasks that are at work at a time.

    Attributes:
        name: of its worker, where the engine does not say better.
        pool: that works; all places have one and the same, unless the engine is `apart`.
        piece: at work.
        ticket: of the call; what another ticket's call gives is of no interest any more.
        job: what the engine gave for the call.
        started: in seconds since the epoch.
        deadline: on the monotonic clock.
        overdue: the piece has its answer, "timeout", but the engine is still at it.
        alone: nothing else may be at work, so that it is clear whose fault a death is.
    """

    name: str
    pool: Pool
    piece: Piece | None = None
    ticket: int = 0
    job: object = None
    started: float = 0.0
    deadline: float = float("inf")
    overdue: bool = False
    alone: bool = False

    def release(self) -> None:
        """Make the place free."""
        self.piece, self.job, self.ticket = None, None, 0
        self.deadline, self.overdue, self.alone = float("inf"), False, False


class Joblib:
    """Runs tasks by an engine of joblib's.

    There are never more tasks with the engine than it has workers, so that none waits behind
    another there; of those that wait here, the longest goes first.

    If a worker dies, the engine says which task it was, or, as loky does, gives up all tasks at
    work. The one task is tried once more; of several, each is tried once more alone, so that it
    is clear whose fault it is. Joblib cannot end a single task: one that is past its deadline has
    its answer then, and its place is free when it ends, or when nothing but overdue tasks is at
    work with its workers: then these are ended and others started. Threads cannot be ended; they
    stay. Starting a worker counts as time of its first task.
    """

    jobs: int

    def __init__(self, jobs: int | None, threads: int = 1, engine: str = "loky"):
        """Find the engine, without starting it.

        Args:
            jobs: how many workers, at most those that Ray has; None for all that the engine has.
            threads: how many BLAS uses in each.
            engine: its name.

        Raises:
            HpsearchError: there is no such engine, or what it needs is not installed.
        """
        self._name, self._engine = engine, engine_named(engine)
        self._asked, self._threads = jobs, threads
        self.jobs = jobs or 1
        self._places: list[Place] = []
        self._queue: list[Piece] = []  # a heap
        self._suspects: deque[Piece] = deque()  # to be tried alone
        self._answers: deque[Answer] = deque()
        self._ended: SimpleQueue[tuple[Place, int, Any]] = SimpleQueue()
        self._numbers = count(1)
        self._leave: Stop = _nothing
        self._limit: threadpool_limits | None = None

    def __enter__(self) -> Self:
        """Connect to the engine's cluster.

        Raises:
            HpsearchError: that is not possible.
        """
        from joblib.parallel import BACKENDS

        try:
            with _quietly():
                self._leave = self._engine.start(self._asked, self._threads)
                there = BACKENDS[self._name](nesting_level=0).effective_n_jobs(-1)
        except Exception as error:  # whatever an engine raises
            self._leave()
            raise not_started(self._name, error) from error
        if self._engine.apart:
            there = max(1, there // self._threads)
            self.jobs = min(self._asked or there, there)
        else:
            self.jobs = self._asked or there
        options = self._engine.options(self._threads)
        shared = Pool(self._name, self.jobs, options)
        for number in range(self.jobs):
            pool = Pool(self._name, 1, options) if self._engine.apart else shared
            name = str(number) if self._engine.here else f"{self._name}/{number}"
            self._places.append(Place(name, pool))
        if self._name == "threading":
            self._limit = limit_threads(self._threads)
        return self

    def __exit__(self, *error: object) -> None:
        self.cancel()
        for place in self._places:
            place.pool.close()
        with suppress(Exception), _quietly():  # the cluster may be gone
            self._leave()
        if self._limit is not None:
            self._limit.restore_original_limits()

    @property
    def pending(self) -> int:
        """See `Backend`."""
        working = sum(not place.overdue for place in self._busy())
        return len(self._queue) + len(self._suspects) + working + len(self._answers)

    def submit(self, task: Task) -> None:
        """See `Backend`."""
        heapq.heappush(self._queue, Piece((-task.cost, next(self._numbers)), task))
        self._fill()

    def next(self, timeout: float | None = None) -> Answer:
        """See `Backend`."""
        give_up = float("inf") if timeout is None else time.monotonic() + timeout
        while not self._answers:
            if not self.pending:
                raise LookupError("no task is pending")
            left = give_up - time.monotonic()
            self._listen(max(0.0, left))
            self._fill()
            if left <= 0 and not self._answers:
                raise TimeoutError(f"no answer within {timeout:g} s")
        return self._answers.popleft()

    def cancel(self) -> None:
        """See `Backend`."""
        self._queue.clear()
        self._suspects.clear()
        self._answers.clear()
        for place in self._busy():
            place.pool.close()
            place.release()

    def _busy(self) -> list[Place]:
        return [place for place in self._places if place.piece is not None]

    def _fill(self) -> None:
        """Give what waits to free places; a suspect is at work alone."""
        while self._suspects and not self._busy():
            self._begin(self._places[0], self._suspects.popleft(), alone=True)
        if self._suspects or any(place.alone for place in self._places):
            return
        free = [place for place in self._places if place.piece is None]
        with _quietly():
            _open([place.pool for place in free[: len(self._queue)]])
        for place in free:
            while self._queue and place.piece is None:
                self._begin(place, heapq.heappop(self._queue))

    def _begin(self, place: Place, piece: Piece, alone: bool = False) -> None:
        """Hand a piece to the engine; the place stays free if it cannot be pickled."""
        task, now = piece.task, time.time()
        try:
            call = bytes(dumps((task.function, task.args)))
        except Exception as error:
            self._answers.append(failed(error, now, now).answer(task, place.name))
            return
        threads = None if self._limit is not None else self._threads
        place.pool.open()
        place.piece, place.alone, place.ticket = piece, alone, next(self._numbers)
        place.started = time.time()
        if task.timeout is not None:
            place.deadline = time.monotonic() + task.timeout
        ended = partial(self._hear, place, place.ticket)
        try:
            with _deaf(), _quietly():
                place.job = place.pool.submit(partial(work, call, threads, *here()), ended)
        except Exception as error:
            ended(SubmitError(error_line(error)))

    def _hear(self, place: Place, ticket: int, out: Any) -> None:
        """Called by a thread of the engine's when a call has ended."""
        self._ended.put((place, ticket, out))

    def _listen(self, left: float) -> None:
        """Wait until a call ends or a deadline passes, for `left` seconds at most."""
        now = time.monotonic()
        waits = (place.deadline - now for place in self._busy() if not place.overdue)
        left = max(0.0, min(left, PATIENCE, *waits))
        with suppress(Empty):
            heard = self._ended.get(timeout=left)
            while True:
                self._receive(*heard)
                heard = self._ended.get_nowait()
        for place in self._busy():
            if not place.overdue and time.monotonic() >= place.deadline:
                self._expire(place)

    def _receive(self, place: Place, ticket: int, out: Any) -> None:
        piece = place.piece
        if piece is None or place.ticket != ticket:
            return
        try:
            host, process, message = place.pool.result(place.job, out)
        except Exception as error:
            self._lose(place, error)
            return
        if not place.overdue:
            worker = place.name
            if self._engine.apart:
                worker = f"{host}/{self._places.index(place)}"
            elif not self._engine.here:
                worker = f"{host}/{process}"
            answer = load_attempt(message, place.started).answer(piece.task, worker)
            self._answers.append(replace(answer, losses=tuple(piece.losses)))
        place.release()

    def _expire(self, place: Place) -> None:
        """Answer a task whose time is over, and free its place if that costs no other task."""
        assert place.piece is not None
        error = f"Timeout: not finished within {place.piece.task.timeout:g} s"
        self._give_up(place, place.piece, "timeout", error)
        place.overdue = True
        together = [each for each in self._busy() if each.pool is place.pool]
        if all(each.overdue for each in together):
            place.pool.close()
            for each in together:
                each.release()

    def _lose(self, place: Place, error: Exception) -> None:
        """A worker died, or all of a pool: try again what they were at, or give it up."""
        now, pool, together = time.time(), place.pool, [place]
        broken = isinstance(error, BrokenExecutor | SubmitError) or self._name == "loky"
        if broken:
            together = [each for each in self._busy() if each.pool is pool]
        if broken or self._engine.apart:
            pool.close()
        for each in together:
            piece, overdue = each.piece, each.overdue
            assert piece is not None
            if not overdue:
                piece.losses.append(Loss(each.name, each.started, now))
                if len(together) > 1:
                    self._suspects.append(piece)
                elif len(piece.losses) < ATTEMPTS:
                    heapq.heappush(self._queue, piece)
                else:
                    cost = f"WorkerDied: it cost {len(piece.losses)} workers; the last: "
                    self._give_up(each, piece, "died", cost + error_line(error))
            each.release()

    def _give_up(self, place: Place, piece: Piece, kind: Any, error: str) -> None:
        start, now = place.started, time.time()
        self._answers.append(
            Answer(kind, None, error, None, start, now, piece.task.key, place.name)
        )


def _open(pools: Sequence[Pool]) -> None:
    """Start the workers of pools, all at the same time.

    Raises:
        HpsearchError: one of them cannot be started.
    """
    closed = [pool for pool in dict.fromkeys(pools) if not pool.opened]
    problems: list[HpsearchError] = []

    def start(pool: Pool) -> None:
        try:
            pool.open()
        except HpsearchError as problem:
            problems.append(problem)

    # Daemons: a Ctrl-C need not wait for a cluster that has no room for them.
    threads = [threading.Thread(target=start, args=(pool,), daemon=True) for pool in closed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for problem in problems:
        raise problem


def not_started(name: str, error: Exception) -> HpsearchError:
    """The error of an engine that does not start."""
    return HpsearchError(
        f"parallel.engine: {name} must start its workers, found {error_line(error)}; mend that, "
        "or take another engine; what was recorded is on disk"
    )


def here() -> tuple[str | None, list[str]]:
    """The folder of this process, None if it is gone, and where it looks for modules."""
    folder = None
    with suppress(OSError):
        folder = str(Path.cwd())
    return folder, [*sys.path]


def work(
    call: bytes, threads: int | None, folder: str | None, path: Sequence[str]
) -> tuple[str, int, bytes]:
    """Perform a call in a worker of an engine's, and say which worker it was.

    Args:
        call: as `worker.perform` takes it.
        threads: how many BLAS uses; None in the parent itself, where that is already so.
        folder: of the parent; the worker goes there if it can.
        path: where the parent looks for modules.
    """
    if threads is None:
        return socket.gethostname(), os.getpid(), bytes(perform(call))
    with suppress(OSError):
        os.chdir(folder or "")
    sys.path += [each for each in path if each not in sys.path]
    os.environ.update(thread_variables(threads))
    with limit_threads(threads):
        return socket.gethostname(), os.getpid(), bytes(perform(call))


def _end_with(parent: int) -> None:
    """Make a worker of loky's end with its parent, and before it where memory runs out."""
    die_with(parent)
    die_before(parent)


@contextmanager
def _deaf() -> Iterator[None]:
    """Let no Ctrl-C reach the processes that are started in a block: that is the parent's."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _quietly() -> Iterator[None]:
    """Show no warning in a block: those of an engine are of no use to the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
