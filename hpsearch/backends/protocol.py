"""What a backend is: tasks go in, each comes back exactly once as an answer, in any order."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Protocol, Self

Kind = Literal["ok", "error", "died", "timeout"]
"""How a task ended: returned, raised, took its worker with it twice, or ran past its time."""


@dataclass(frozen=True)
class Task:
    """One call, `function(*args)`, known to its sender by `key`.

    `timeout` is in seconds from the moment a worker is handed the task, so importing what the
    function needs counts, starting the worker does not. None means no limit.
    """

    key: Hashable
    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    timeout: float | None = None


@dataclass(frozen=True)
class Answer:
    """What became of one task.

    `error` is one line, `Type: message`, and `traceback` the whole story; both are None for
    "ok". They are text because an exception need not survive the way between two processes.
    `start` and `end` are seconds since the epoch and enclose the call itself where it came to
    an end, else the time its worker held it (of the last attempt).
    """

    key: Hashable
    kind: Kind
    value: Any
    error: str | None
    traceback: str | None
    worker: str
    start: float
    end: float


class Backend(Protocol):
    """A place where tasks run, at most `jobs` at once, started in the order of submission.

    It is a context manager: leaving it ends every worker, gently if all is done and at once
    if an exception passes through. Tasks may be submitted at any time, also while others run.
    A backend belongs to one thread, the one that entered it.
    """

    jobs: int

    @property
    def pending(self) -> int:
        """How many submitted tasks `next` has not answered yet."""
        ...

    def submit(self, task: Task) -> None:
        """Queue one task; a worker that is up and free starts it at once, others in `next`."""
        ...

    def next(self, timeout: float | None = None) -> Answer:
        """Wait for any one answer.

        Args:
            timeout: how many seconds to wait at most; None waits as long as it takes.

        Raises:
            TimeoutError: no answer came within `timeout`. Nothing is lost: ask again.
            LookupError: no task is pending, so that no answer could ever come.
        """
        ...

    def cancel(self) -> None:
        """Forget every pending task; those at work are ended. The backend stays usable."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
