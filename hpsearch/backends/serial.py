"""The backend without worker processes: a task runs in this one, when `next` is called."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from hpsearch.backends.attempt import attempt
from hpsearch.backends.protocol import Answer, Task
from hpsearch.backends.threads import limit_threads

if TYPE_CHECKING:
    from threadpoolctl import threadpool_limits


class Serial:
    """Runs tasks one by one in this process: for debuggers, tests and the smallest searches.

    The timeout of a task is not enforced, `next` waits until its task has ended, and a task that
    ends the process ends the search. Ctrl-C raises KeyboardInterrupt even if the task catches
    it; a KeyboardInterrupt that a task raises without Ctrl-C is an error of the task. While the
    backend is entered, BLAS is limited to `threads`, as in a worker.
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
        """See `Backend`; with a timeout of 0 or less, no task is begun."""
        if not self._queue:
            raise LookupError("no task is pending")
        if timeout is not None and timeout <= 0:
            raise TimeoutError("no answer without time to work one out")
        task = self._queue.popleft()
        with _listening() as interrupts:
            done = attempt(task.function, task.args, lambda: bool(interrupts))
        if interrupts:
            raise KeyboardInterrupt
        return done.answer(task, worker="0")

    def withdraw(self, key: Hashable) -> bool:
        """See `Backend`."""
        queued = [task for task in self._queue if task.key != key]
        found = len(queued) < len(self._queue)
        self._queue = deque(queued)
        return found

    def cancel(self) -> None:
        """See `Backend`."""
        self._queue.clear()

    def __enter__(self) -> Self:
        self._limit = limit_threads(self._threads)
        return self

    def __exit__(self, *error: object) -> None:
        self.cancel()
        if self._limit is not None:
            self._limit.restore_original_limits()


@contextmanager
def _listening() -> Iterator[list[int]]:
    """Collect the signals whose handlers raise KeyboardInterrupt within a block."""
    heard: list[int] = []
    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # no other one hears a signal
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            handler = None if number is None else signal.getsignal(number)
            if number is not None and callable(handler):  # neither ignored nor the default
                handlers[number] = handler
    wrapped = {number: partial(_hear, heard, handler) for number, handler in handlers.items()}
    for number, hear in wrapped.items():
        signal.signal(number, hear)
    try:
        yield heard
    finally:
        for number, hear in wrapped.items():
            if signal.getsignal(number) is hear:  # else the task wants it otherwise
                signal.signal(number, handlers[number])


def _hear(heard: list[int], handler: Any, number: int, frame: FrameType | None) -> None:
    try:
        handler(number, frame)
    except KeyboardInterrupt:
        heard.append(number)
        raise
