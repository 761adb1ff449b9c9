"""The parent's side of one worker process: start it, hand it a task, end it."""

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

from hpsearch.backends.attempt import Attempt
from hpsearch.backends.protocol import Task
from hpsearch.backends.worker import READY, dumps, load_attempt
from hpsearch.errors import HpsearchError

GRACE = 1.0
"""Seconds that a worker gets to leave by itself."""

BOOT = "import sys; sys.path = {path!r}; from hpsearch.backends.worker import serve; serve{args!r}"
"""The program of a worker: import from where the parent does, then serve."""


class WorkerLostError(Exception):
    """A worker is gone; the message says how it ended."""


@dataclass(frozen=True)
class Limits:
    """What a worker is held to: threads of BLAS, bytes of data, and its environment."""

    threads: int
    memory: int | None
    environment: Mapping[str, str]


@dataclass
class Worker:
    """A running worker process and our end of the connection to it."""

    process: subprocess.Popen[bytes]
    connection: Connection
    ready: bool = False  # to take a call

    def __post_init__(self) -> None:
        _running[self.process.pid] = self

    @classmethod
    def start(cls, limits: Limits) -> Worker:
        """Start a clean interpreter that holds nothing of ours but its end of the connection.

        In a session of its own a Ctrl-C on the terminal does not reach it, and whatever a
        user's code starts in it can be ended with it.
        """
        ours, theirs = Pipe()
        args = (theirs.fileno(), os.getpid(), limits.threads, limits.memory)
        with theirs:
            process = subprocess.Popen(  # noqa: S603 (our own program)
                [sys.executable, "-c", BOOT.format(path=list(map(str, sys.path)), args=args)],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **limits.environment},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        return cls(process, ours)

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return not self._reap(timeout=0)

    def kill(self) -> None:
        """End the process and all that it started, at once; do not wait for it."""
        if self.process.returncode is None:
            self._kill_group()
            self.process.kill()
        self.connection.close()

    def bury(self, grace: float = GRACE) -> str:
        """Wait for the end, at most `grace` seconds unaided, and say how the process ended."""
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
        """Whether the process has ended, or does so in time; then end what it left running."""
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
        # Only right after a process of its number was ours: nobody else has it then, as the
        # system does not give the number of a group away while the group has members.
        # PermissionError is what macOS says of a group that is all zombies.
        for group in {self.process.pid, *groups_in_session(self.process.pid)}:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)


def groups_in_session(session: int) -> set[int]:
    """The process groups that a worker's tasks made inside its session, itself included.

    A command leads a group of its own, which outlives the worker. PastTrial on Linux, by /proc;
    elsewhere only the worker's own group can be ended.
    """
    groups = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):  # it has just ended
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[3]) == session:
                groups.add(int(fields[2]))
    return groups


_running: dict[int, Worker] = {}  # every worker that is not known to have ended


def kill_workers() -> None:
    """End every worker of this process and all that they started, and wait for none."""
    for worker in list(_running.values()):
        worker.kill()


@dataclass
class Slot:
    """A place for one worker with at most one task; its name outlasts its workers."""

    name: str
    limits: Limits
    task: Task | None = None
    started: float = 0.0  # seconds since the epoch: when the task was handed over
    losses: int = 0  # workers the task has cost
    worker: Worker | None = None
    _call: bytes | memoryview = field(default=b"", init=False)  # the task, pickled
    _deadline: float = field(default=float("inf"), init=False)  # on the monotonic clock

    @property
    def alive(self) -> bool:
        """Whether there is a worker."""
        return self.worker is not None and self.worker.alive

    @property
    def connection(self) -> Connection:
        """Becomes readable when the worker has something to say or is gone."""
        assert self.worker is not None
        return self.worker.connection

    @property
    def seconds_left(self) -> float:
        """Until the task is past its deadline; infinite without one or before it has begun."""
        return self._deadline - time.monotonic()

    def take(self, task: Task) -> None:
        """Begin a task, if necessary in a new worker.

        Raises:
            Exception: what pickling the task raised; then the slot stays free.
        """
        if not self.alive:  # first, so that it starts up while we pickle
            self._renew()
        self._call = dumps((task.function, task.args))
        self.task, self.losses, self.started = task, 0, time.time()
        assert self.worker is not None
        if self.worker.ready:
            self._hand_over(self.worker)

    def retry(self) -> None:
        """Begin the same task again, in a new worker."""
        self.losses += 1
        self._renew()

    def receive(self) -> Attempt | None:
        """Read what the worker says; None if it was only that it is ready.

        Raises:
            WorkerLostError: it does not say anything any more.
            HpsearchError: it says why no worker can work here.
        """
        assert self.worker is not None
        try:
            message = self.worker.connection.recv_bytes()
        except (EOFError, OSError):
            raise WorkerLostError(self.bury()) from None
        if self.worker.ready:
            return load_attempt(message, self.started)
        if message != READY:
            raise HpsearchError(message.decode())
        self.worker.ready = True
        self._hand_over(self.worker)
        return None

    def release(self) -> None:
        """Be free for another task."""
        self.task, self._call, self._deadline = None, b"", float("inf")

    def dismiss(self, gently: bool) -> None:
        """Send the worker away and do not wait; gently, an idle one may clean up first."""
        if self.worker is None:
            return
        if gently and self.worker.ready and self.task is None:
            self.worker.connection.close()  # it reads that there is nothing more to do
        else:
            self.worker.kill()

    def kill(self) -> None:
        """End the worker, whatever it is doing, and wait until it has ended."""
        if self.worker is not None:
            self.worker.kill()
            self.bury()

    def bury(self, grace: float = GRACE) -> str:
        """Wait for the worker's end, at most `grace` seconds unaided, and say how it ended."""
        assert self.worker is not None
        how = self.worker.bury(grace)
        self.worker = None
        return how

    def _renew(self) -> None:
        self.kill()  # with the worker goes what it may have left running
        self._deadline = float("inf")
        self.worker = Worker.start(self.limits)

    def _hand_over(self, worker: Worker) -> None:
        assert self.task is not None
        self.started = time.time()
        if self.task.timeout is not None:
            self._deadline = time.monotonic() + self.task.timeout
        with suppress(OSError):  # it has died meanwhile, as the next receive will tell
            worker.connection.send_bytes(self._call)
