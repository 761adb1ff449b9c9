"""The backend without processes: each task runs in this one, when its answer is asked for."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Self

from hpsearch.backends.attempt import attempt
from hpsearch.backends.protocol import Answer, Task
from hpsearch.backends.threads import limit_threads

if TYPE_CHECKING:
    from threadpoolctl import threadpool_limits


class Serial:
    """Runs tasks one by one in this process: for debuggers, tests and the smallest searches.

    A process cannot end itself half-way and go on, so a task's timeout is not enforced, a
    task that kills the process kills the search, and `next` waits for its task to the end.
    KeyboardInterrupt passes through. Between enter and exit this process's BLAS is limited
    to `threads`, as a worker's would be.
    """

    jobs = 1

    def __init__(self, threads: int = 1):
        self._threads = threads
        self._queue: deque[Task] = deque()
        self._limit: threadpool_limits | None = None

    @property
    def pending(self) -> int:
        """See `Backend`."""
        return len(self._queue)

    def submit(self, task: Task) -> None:
        """See `Backend`."""
        self._queue.append(task)

    def next(self, timeout: float | None = None) -> Answer:
        """See `Backend`; a task that has begun is waited for, one that has not is not begun."""
        if not self._queue:
            raise LookupError("no task is pending")
        if timeout is not None and timeout <= 0:
            raise TimeoutError("no answer without time to work one out")
        task = self._queue.popleft()
        return attempt(task.function, task.args).answer(task, worker="0")

    def cancel(self) -> None:
        """See `Backend`."""
        self._queue.clear()

    def __enter__(self) -> Self:
        self._limit = limit_threads(self._threads)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cancel()
        if self._limit is not None:
            self._limit.restore_original_limits()
