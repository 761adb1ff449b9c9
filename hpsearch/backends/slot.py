"""The parent's side of a worker process: start it, give it a task, end it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from hpsearch.backends.protocol import Attempt, Kind, Task
from hpsearch.backends.worker import READY, dumps, load_attempt
from hpsearch.errors import HpsearchError

ATTEMPTS = 2
"""How often a task is tried if its worker dies, which may be chance, as when memory is short."""

GRACE = 1.0
"""Seconds that a worker gets to end by itself."""

BOOT = "import sys; sys.path = {path!r}; from hpsearch.backends.worker import serve; serve{args!r}"
"""The program of a worker: look for modules where the parent does, then serve."""


class WorkerLostError(Exception):
    """A worker has ended; the message says how."""


@dataclass(frozen=True)
class Limits:
    """How a worker is started."""

    threads: int  # of BLAS
    memory: int | None  # most bytes of data
    environment: Mapping[str, str]  # beside the parent's


@dataclass
class Worker:
    """A worker process, and this end of the connection to it."""

    process: subprocess.Popen[bytes]
    connection: Connection
    ready: bool = False  # to take a call

    def __post_init__(self) -> None:
        _running[self.process.pid] = self

    @classmethod
    def start(cls, limits: Limits) -> Worker:
        """Start a new interpreter, which inherits nothing but its end of the connection.

        It leads a new session, so a Ctrl-C on the terminal does not reach it, and what its tasks
        start can be ended together with it.
        """
        here, theirs = Pipe()
        args = (theirs.fileno(), os.getpid(), limits.threads, limits.memory)
        with theirs:
            process = subprocess.Popen(  # noqa: S603 (this very program)
                [sys.executable, "-c", BOOT.format(path=list(map(str, sys.path)), args=args)],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **limits.environment},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        return cls(process, here)

    @property
    def alive(self) -> bool:
        """Whether the process is still running."""
        return not self._reap(timeout=0)

    def kill(self) -> None:
        """End the process and all that it started, without waiting for that."""
        if self.process.returncode is None:
            self._kill_group()
            self.process.kill()
        self.connection.close()

    def wait(self, grace: float = GRACE) -> str:
        """Wait `grace` seconds for the end, then kill the process; say how it ended."""
        if not self._reap(grace):
            self.kill()
            self._reap(timeout=None)
        self.connection.close()
        code: int = self.process.returncode
        if code >= 0:
            return f"left with exit status {code}"
        names = {number.value: number.name for number in signal.Signals}
        hint = " (out of memory?)" if code == -signal.SIGKILL else ""
        return f"was ended by {names.get(-code, f'signal {-code}')}{hint}"

    def _reap(self, timeout: float | None) -> bool:
        """Whether the process ends within `timeout` seconds; then end what it left running."""
        if self.process.returncode is not None:
            return True
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        self._kill_group()
        _running.pop(self.process.pid, None)
        return True

    def _kill_group(self) -> None:
        # Only while the process is this one's child or has just been: the system gives the
        # number of a group to no other while the group has members.
        # macOS raises PermissionError for a group of zombies.
        for group in {self.process.pid, *groups_in_session(self.process.pid)}:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)


def groups_in_session(session: int) -> set[int]:
    """The process groups in a session: that of a worker, and those that its tasks made.

    A command leads its own group, which outlives the worker. They are found in /proc, so only on
    Linux; on other systems the result is empty.
    """
    groups = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):  # it has just ended
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[3]) == session:
                groups.add(int(fields[2]))
    return groups


_running: dict[int, Worker] = {}  # by process number, until the end was noticed


def kill_workers() -> None:
    """End every worker of this process and all that they started, without waiting."""
    for worker in list(_running.values()):
        worker.kill()


@dataclass
class Slot:
    """A place for a worker, with at most one task. If the worker ends, another takes its place."""

    name: str
    limits: Limits
    task: Task | None = None
    started: float = 0.0  # when the worker got the task, in seconds since the epoch
    losses: int = 0  # how many workers have died with the task
    worker: Worker | None = None
    _call: bytes | memoryview = field(default=b"", init=False)  # the task, pickled
    _deadline: float = field(default=float("inf"), init=False)  # on the monotonic clock

    @property
    def alive(self) -> bool:
        """Whether there is a worker."""
        return self.worker is not None and self.worker.alive

    @property
    def connection(self) -> Connection:
        """It becomes readable when the worker sends something or ends."""
        assert self.worker is not None
        return self.worker.connection

    @property
    def seconds_left(self) -> float:
        """How long the task may still take; infinite without a timeout or before it has begun."""
        return self._deadline - time.monotonic()

    def take(self, task: Task) -> None:
        """Begin a task, if necessary in a new worker.

        Raises:
            Exception: pickling the task raised it; the slot is still free.
        """
        if not self.alive:  # first, so that it starts up during the pickling
            self._renew()
        self._call = dumps((task.function, task.args))
        self.task, self.losses, self.started = task, 0, time.time()
        assert self.worker is not None
        if self.worker.ready:
            self._hand_over(self.worker)

    def receive(self) -> Attempt | None:
        """How the task ended, once the worker has something to say; see `receive_bytes`."""
        message = self.receive_bytes()
        return None if message is None else load_attempt(message, self.started)

    def receive_bytes(self) -> bytes | None:
        """Read a message of the worker: a pickled Attempt, or None if it only says it is ready.

        Raises:
            WorkerLostError: the worker has ended.
            HpsearchError: the worker says why it cannot work.
        """
        assert self.worker is not None
        try:
            message = self.worker.connection.recv_bytes()
        except (EOFError, OSError):
            raise WorkerLostError(self.wait()) from None
        if self.worker.ready:
            return message
        if message != READY:
            raise HpsearchError(message.decode())
        self.worker.ready = True
        self._hand_over(self.worker)
        return None

    def overdue(self) -> Attempt:
        """End the worker of a task that is past its deadline."""
        assert self.task is not None
        self.kill()
        return self._given_up("timeout", f"Timeout: not finished within {self.task.timeout:g} s")

    def retry_or_give_up(self, loss: WorkerLostError) -> Attempt | None:
        """Begin again a task whose worker has died; or how it ended, if that was the last time."""
        cost = self.losses + 1
        if cost < ATTEMPTS:
            try:
                self.losses += 1
                self._renew()
                return None
            except OSError as error:  # the machine has no room for another process
                loss = WorkerLostError(f"{loss}, and none could start in its place: {error}")
        return self._given_up("died", f"WorkerDied: it cost {cost} workers; the last {loss}")

    def _given_up(self, kind: Kind, error: str) -> Attempt:
        return Attempt(kind, None, error, None, self.started, time.time())

    def release(self) -> None:
        """Make the slot free for another task."""
        self.task, self._call, self._deadline = None, b"", float("inf")

    def dismiss(self, gently: bool) -> None:
        """End the worker without waiting; gently, an idle one may clean up first."""
        if self.worker is None:
            return
        if gently and self.worker.ready and self.task is None:
            self.worker.connection.close()  # which tells it to end
        else:
            self.worker.kill()

    def kill(self) -> None:
        """End the worker, whatever it does, and wait until it has ended."""
        if self.worker is not None:
            self.worker.kill()
            self.wait()

    def wait(self, grace: float = GRACE) -> str:
        """Wait `grace` seconds for the worker to end, then kill it; say how it ended."""
        assert self.worker is not None
        how = self.worker.wait(grace)
        self.worker = None
        return how

    def _renew(self) -> None:
        self.kill()  # and with it what it may have left running
        self._deadline = float("inf")
        self.worker = Worker.start(self.limits)

    def _hand_over(self, worker: Worker) -> None:
        assert self.task is not None
        self.started = time.time()
        if self.task.timeout is not None:
            self._deadline = time.monotonic() + self.task.timeout
        with suppress(OSError):  # it has ended, which the next `receive` finds out
            worker.connection.send_bytes(self._call)
