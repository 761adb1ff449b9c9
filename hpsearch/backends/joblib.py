"""The backend of joblib's engines: loky, threads, Ray, Spark, or one that the user registered."""

from __future__ import annotations

import heapq
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from hpsearch.backends.attempt import error_line, failed
from hpsearch.backends.engines import (
    Pool,
    Stop,
    SubmitError,
    engine_named,
    not_started,
    nothing,
    quietly,
)
from hpsearch.backends.local import PATIENCE
from hpsearch.backends.protocol import Answer, Listening, Loss, Task
from hpsearch.backends.slot import ATTEMPTS
from hpsearch.backends.threads import limit_threads, thread_variables
from hpsearch.backends.worker import current_folder, dumps, load_attempt, perform
from hpsearch.errors import HpsearchError

if TYPE_CHECKING:
    from threadpoolctl import threadpool_limits


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


class Joblib(Listening):
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
        super().__init__()
        self._name, self._engine = engine, engine_named(engine)
        self._asked, self._threads = jobs, threads
        self.jobs = jobs or 1
        self._places: list[Place] = []
        self._queue: list[Piece] = []  # a heap
        self._suspects: deque[Piece] = deque()  # to be tried alone
        self._ended: SimpleQueue[tuple[Place, int, Any]] = SimpleQueue()
        self._numbers = count(1)
        self._leave: Stop = nothing
        self._limit: threadpool_limits | None = None

    def __enter__(self) -> Self:
        """Connect to the engine's cluster.

        Raises:
            HpsearchError: that is not possible.
        """
        from joblib.parallel import BACKENDS

        try:
            with quietly():
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
        with suppress(Exception), quietly():  # the cluster may be gone
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

    def withdraw(self, key: Hashable) -> bool:
        """See `Backend`. What trains ends only where that costs no other task."""
        for waiting in (self._queue, self._suspects):
            for piece in waiting:
                if piece.task.key == key:
                    waiting.remove(piece)
                    heapq.heapify(self._queue)
                    return True
        for place in self._busy():
            if place.piece is not None and place.piece.task.key == key and not place.overdue:
                ended = self._name != "threading" and self._end(place)
                self._fill()
                return ended
        return False

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
        for place in sorted(free, key=lambda place: not place.pool.started)[: len(self._queue)]:
            if self._engine.apart and not place.pool.started:
                place.pool.start_soon(partial(self._hear, place, 0))
                continue
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
        with quietly():
            place.pool.start()
        place.piece, place.alone, place.ticket = piece, alone, next(self._numbers)
        place.started = time.time()
        if task.timeout is not None:
            place.deadline = time.monotonic() + task.timeout
        ended = partial(self._hear, place, place.ticket)
        try:
            with _deaf(), quietly():
                doing = partial(work, call, threads, current_folder(), [*sys.path])
                place.job = place.pool.submit(doing, ended)
        except Exception as error:
            ended(SubmitError(error_line(error)))

    def _hear(self, place: Place, ticket: int, out: Any) -> None:
        """Called by another thread when a call has ended, or workers were started."""
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
        if isinstance(out, HpsearchError):  # workers cannot be started
            raise out
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
        self._end(place)

    def _end(self, place: Place) -> bool:
        """End a task and free its place, unless that costs another; whether it did."""
        together = [each for each in self._busy() if each.pool is place.pool]
        if not all(each.overdue or each is place for each in together):
            return False
        place.pool.close()
        for each in together:
            each.release()
        return True

    def _lose(self, place: Place, error: Exception) -> None:
        """A worker died, or all of a pool: try again what they were at, or give it up."""
        now, pool, together = time.time(), place.pool, [place]
        broken = isinstance(error, BrokenExecutor | SubmitError) or self._name == "loky"
        broken = broken and not self._engine.apart
        if broken:
            together = [each for each in self._busy() if each.pool is pool]
        if broken or self._engine.apart:
            pool.close()
        for each in together:
            piece, overdue = each.piece, each.overdue
            assert piece is not None
            if not overdue:
                piece.losses.append(Loss(each.name, each.started, now))
                if len(piece.losses) >= ATTEMPTS and len(together) == 1:
                    cost = f"WorkerDied: it cost {len(piece.losses)} workers; the last: "
                    self._give_up(each, piece, "died", cost + error_line(error))
                elif broken:
                    self._suspects.append(piece)
                else:
                    heapq.heappush(self._queue, piece)
            each.release()

    def _give_up(self, place: Place, piece: Piece, kind: Any, error: str) -> None:
        start, now = place.started, time.time()
        self._answers.append(
            Answer(kind, None, error, None, start, now, piece.task.key, place.name)
        )


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
