"""The backend of this machine: worker processes with one task at a time each."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable, Sequence
from multiprocessing.connection import wait
from typing import Self

from hpsearch.backends.attempt import failed
from hpsearch.backends.protocol import Attempt, Listening, Task
from hpsearch.backends.slot import GRACE, Limits, Slot, WorkerLostError
from hpsearch.backends.threads import thread_variables

PATIENCE = 1.0
"""Seconds between checks that busy workers are alive. A closed connection shows at once that one
is not, unless a process that its task started keeps the connection open."""


class Local(Listening):
    """Runs tasks in worker processes of this machine.

    Each worker has one pipe and one task, so a death or a missed deadline concerns one task, and
    the parent needs no threads, locks or semaphores. Tasks are pickled with joblib's loky, so
    that functions of the user's script can be sent. Loky's process pool is not used: it feeds
    all workers from one queue, so a worker that dies breaks the pool, loses the tasks of the
    others and does not show which task it was.

    A task whose worker dies is tried once more in a new one. The worker of a task that is past
    its deadline is killed, also within C code. Deadlines are checked during `next`; an answer
    that has arrived by then counts. Workers ignore Ctrl-C and end when their parent does.
    """

    def __init__(
        self,
        jobs: int,
        threads: int = 1,
        memory: int | None = None,
        devices: Sequence[int | str] = (),
    ):
        """Start no worker yet: each starts with its first task.

        Args:
            jobs: how many workers.
            threads: how many BLAS uses in each.
            memory: most bytes of data that a worker may have, None for no limit.
            devices: CUDA devices, one for each worker in turn.
        """
        super().__init__()
        self.jobs = jobs
        self._queue: deque[Task] = deque()
        self._slots: list[Slot] = []
        for number in range(jobs):
            environment = thread_variables(threads)
            if devices:
                environment["CUDA_VISIBLE_DEVICES"] = str(devices[number % len(devices)])
            self._slots.append(Slot(str(number), Limits(threads, memory, environment)))

    @property
    def pending(self) -> int:
        """See `Backend`."""
        return len(self._queue) + len(self._busy()) + len(self._answers)

    def submit(self, task: Task) -> None:
        """See `Backend`."""
        self._queue.append(task)
        self._fill()

    def withdraw(self, key: Hashable) -> bool:
        """See `Backend`."""
        queued = [task for task in self._queue if task.key != key]
        if len(queued) < len(self._queue):
            self._queue = deque(queued)
            return True
        for slot in self._busy():
            if slot.task is not None and slot.task.key == key:
                slot.kill()
                slot.release()
                self._fill()
                return True
        return False

    def cancel(self) -> None:
        """See `Backend`."""
        self._queue.clear()
        self._answers.clear()
        for slot in self._busy():
            slot.kill()
            slot.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._queue.clear()
        self._answers.clear()
        for slot in self._slots:  # all before the first is waited for: they leave together
            slot.dismiss(gently=error[0] is None)
        deadline = time.monotonic() + GRACE
        for slot in self._slots:
            if slot.worker is not None:
                slot.wait(max(0.0, deadline - time.monotonic()))
            slot.release()

    def _busy(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.task is not None]

    def _fill(self) -> None:
        """Give the oldest tasks to free slots, those with a running worker first."""
        free = [slot for slot in self._slots if slot.task is None]
        free.sort(key=lambda slot: not slot.alive)
        while free and self._queue:
            task = self._queue.popleft()
            try:
                free[0].take(task)
            except Exception as error:
                now = time.time()
                self._answers.append(failed(error, now, now).answer(task, free[0].name))
            else:
                del free[0]

    def _listen(self, left: float) -> None:
        """Wait until a worker sends something or dies, for `left` seconds at most."""
        busy = self._busy()
        left = min(left, PATIENCE, *(slot.seconds_left for slot in busy))
        heard = wait([slot.connection for slot in busy], max(0.0, left))
        for slot in busy:
            try:
                self._check(slot, slot.connection in heard)
            except WorkerLostError as loss:
                self._answered(slot, slot.retry_or_give_up(loss))

    def _check(self, slot: Slot, heard: bool) -> None:
        if heard:
            self._answered(slot, slot.receive())
        elif slot.seconds_left <= 0:
            self._answered(slot, slot.overdue())
        elif not slot.alive:
            raise WorkerLostError(slot.wait())

    def _answered(self, slot: Slot, attempt: Attempt | None) -> None:
        """Take the answer to a slot's task, if there is one."""
        if attempt is not None:
            assert slot.task is not None
            self._answers.append(attempt.answer(slot.task, slot.name))
            slot.release()
