"""What a backend is: tasks go in, and each comes back exactly once as an answer, in any order."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from hpsearch.errors import HpsearchError

Kind = Literal["ok", "error", "died", "timeout"]
"""How a task ended: it returned, it raised, its worker died twice, or its time was over."""


@dataclass(frozen=True)
class Task:
    """One call, `function(*args)`.

    Attributes:
        key: by which the sender recognises the answer.
        function: what to call.
        args: its arguments.
        timeout: in seconds from the moment that a worker gets the task; None for no limit. So
            importing what the function needs counts, and starting the worker does not.
        cost: how long it takes in comparison to others, with all that may follow from it; where
            several wait, the longest goes first.
        name: what it is called where people see it, as on a cluster's dashboard.
        files: what it reads and writes in the run's folder, as relative paths: its logs below
            "logs/", folders of checkpoints below "state/", and the trial's own below "trials/".
            Where that folder does not travel, the checkpoints go with it, and all comes back.
    """

    key: Hashable
    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    timeout: float | None = None
    cost: float = 0.0
    name: str = "task"
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loss:
    """A worker went away with a task, for no fault of the task's: it begins anew elsewhere.

    `start` and `end` are seconds since the epoch.
    """

    worker: str
    start: float
    end: float


@dataclass(frozen=True)
class Attempt:
    """How a call ended, as plain values.

    Attributes:
        kind: in which way it ended.
        value: what the function returned, if "ok".
        error: `Type: message` on one line; None if "ok". It is text, as not every exception can
            be pickled.
        traceback: the traceback as Python prints it; None if "ok", or if there is none.
        start: when the call began, or its worker got it for the last time, in seconds since the
            epoch.
        end: when the call or its worker ended, likewise.
    """

    kind: Kind
    value: Any
    error: str | None
    traceback: str | None
    start: float
    end: float

    def answer(self, task: Task, worker: str) -> Answer:
        """The answer to the task that was attempted by this worker."""
        return Answer(**vars(self), key=task.key, worker=worker)


@dataclass(frozen=True)
class Answer(Attempt):
    """How a task ended: the last attempt at it, its key, the name of the worker, and losses."""

    key: Hashable
    worker: str
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True)
class Folders:
    """Where a piece of training works: the folder of its run, and that of the prepared arrays."""

    run: Path
    data: Path


@dataclass(frozen=True)
class Cluster:
    """Which cluster: an address, a file that holds it, or neither for one on this machine.

    Attributes:
        scheduler: the scheduler's address.
        scheduler_file: the file into which it has written its address.
        tls: the files of its certificates, by the names of `parallel.tls`; None without TLS.
    """

    scheduler: str | None = None
    scheduler_file: str | None = None
    tls: Mapping[str, str | None] | None = None

    @property
    def named(self) -> bool:
        """Whether it runs already; else one is started on this machine."""
        return self.scheduler is not None or self.scheduler_file is not None

    def __str__(self) -> str:
        return self.scheduler or self.scheduler_file or "this machine"


@dataclass(frozen=True)
class Survey:
    """Who trains in a cluster.

    Attributes:
        workers: as the timeline calls them.
        slots: how many trials they train at once.
        remarks: what is to be said of them, such as why one is not used.
    """

    workers: list[str]
    slots: int
    remarks: list[str]


class ClusterLostError(HpsearchError):
    """No scheduler answers, it went away for good, or none of its workers can be used."""


class Backend(Protocol):
    """Runs tasks, at most `jobs` at once, in the order in which they are submitted.

    It is a context manager: leaving it ends every worker, gently or, if an exception passes
    through, at once. Tasks may be submitted at any time, but only from the thread that entered
    the backend.
    """

    @property
    def jobs(self) -> int:
        """How many tasks may run at once, now."""
        ...

    @property
    def pending(self) -> int:
        """How many of the submitted tasks `next` has not returned an answer of yet."""
        ...

    def submit(self, task: Task) -> None:
        """Queue a task. A free worker starts it at once; else it starts while `next` waits."""
        ...

    def next(self, timeout: float | None = None) -> Answer:
        """Wait for an answer to any task.

        Args:
            timeout: the most seconds to wait; None for no limit.

        Raises:
            TimeoutError: no answer came in time. Nothing is lost: call `next` again.
            LookupError: no task is pending.
        """
        ...

    def withdraw(self, key: Hashable) -> bool:
        """Drop one task, and end it if it runs; False where its answer comes all the same."""
        ...

    def cancel(self) -> None:
        """Drop every pending task, and end those that run. The backend can still be used."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class Listening(ABC):
    """What backends share whose answers come in while `next` waits for them."""

    def __init__(self) -> None:
        self._answers: deque[Answer] = deque()

    @property
    @abstractmethod
    def pending(self) -> int:
        """See `Backend`."""

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

    def withdraw(self, key: Hashable) -> bool:  # noqa: ARG002 (some can)
        """See `Backend`."""
        return False

    @abstractmethod
    def _listen(self, left: float) -> None:
        """Wait until there may be an answer, for `left` seconds at most."""

    @abstractmethod
    def _fill(self) -> None:
        """Give what waits to whoever is free."""
