"""The backend of a Dask cluster: the queue is kept here, and each worker gets what it trains now.

A scheduler of Dask's that holds a long queue of long tasks steals them from one worker for
another, lets short ones wait behind long ones, and gives up tasks whose workers died. So it gets
none: a task is handed over when a worker has room for it, pinned to that worker, and what a
worker takes along when it goes away is handed to another.
"""

from __future__ import annotations

import asyncio
import logging
import math
import queue
import secrets
import threading
import time
from collections.abc import Callable, Coroutine, Hashable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from hpsearch.backends.attempt import failed
from hpsearch.backends.cluster import Conversation, Entry, Finished, quiet
from hpsearch.backends.node import Luggage
from hpsearch.backends.protocol import Answer, Attempt, Cluster, Folders, Survey, Task
from hpsearch.backends.worker import current_folder, dumps, load_attempt
from hpsearch.store import SafePath

logger = logging.getLogger(__name__)

FOREVER = threading.TIMEOUT_MAX

PATIENCE = 10.0
"""Seconds that the cluster gets to take note of something."""


Found = Finished | Answer | BaseException | str
"""What the thread that speaks to the cluster says; a text is for people."""


class Dask:
    """Runs tasks in processes of their own on the workers of a Dask cluster.

    Jobs follow the workers: those that join are used at once, and a number of jobs is only a
    bound. A worker that goes away costs the pieces that it was training, which are trained
    again. A trial whose process ends is tried once more, as on this machine; the worker lives
    on. Timeouts are kept at the worker. Where the run's folder is not there, the arrays are sent
    once to each machine, and what a trial leaves in the run's folder comes back with its answer.

    All that talks to the cluster runs in one thread, so that workers get new work while the
    search thinks.
    """

    def __init__(
        self,
        cluster: Cluster,
        jobs: int | None,
        folders: Folders | None = None,
        threads: int = 1,
        memory: int | None = None,
        say: Callable[[str], None] = lambda _: None,
    ):
        """Connect to nothing yet.

        Args:
            cluster: where it is.
            jobs: how many trials may train at once; None for as many as there is room for.
            folders: of the run, which is there; None for temporary ones.
            threads: how many BLAS uses in each trial's process.
            memory: most bytes of data that a trial may have, None for no limit.
            say: is called with what people should know, such as why a worker is not used.
        """
        self._own: TemporaryDirectory[str] | None = None
        if folders is None:
            self._own = TemporaryDirectory(prefix="hpsearch-")
            folders = Folders(Path(self._own.name), Path(self._own.name))
        search = secrets.token_hex(8)
        self._token = SafePath(folders.data.parent) / folders.data.name / f"here-{search}"
        token, current = str(self._token), current_folder()
        luggage = Luggage(search, folders, token, current, threads, memory)
        self._folders = folders
        self._pending = 0
        self._found: queue.SimpleQueue[Found] = queue.SimpleQueue()
        self._say = say
        self._function: tuple[object, bytes, str] | None = None
        self._talk = Conversation(cluster, jobs, luggage, self._found.put)
        self._loop = asyncio.new_event_loop()
        self._connected: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, daemon=True, name="hpsearch-dask")

    @property
    def jobs(self) -> int:
        """How many trials can train at once, now."""
        return max(1, self._talk.slots)

    @property
    def pending(self) -> int:
        """See `Backend`."""
        return self._pending

    def submit(self, task: Task) -> None:
        """See `Backend`."""
        self._pending += 1
        try:
            function, digest = self._pickled(task.function)
            entry = Entry(task, function, bytes(dumps(task.args)), digest)
        except Exception as error:
            now = time.time()
            self._found.put(failed(error, now, now).answer(task, "here"))
            return
        with suppress(RuntimeError):  # the conversation is over, as `next` will say
            self._loop.call_soon_threadsafe(self._talk.accept, entry)

    def next(self, timeout: float | None = None) -> Answer:
        """See `Backend`.

        Raises:
            ClusterLostError: the scheduler is gone, or none of the workers fits.
        """
        if not self._pending:
            raise LookupError("no task is pending")
        until = math.inf if timeout is None else time.monotonic() + timeout
        found: Found = ""
        while isinstance(found, str):
            try:
                found = self._found.get(timeout=min(FOREVER, max(0.0, until - time.monotonic())))
            except queue.Empty:
                raise TimeoutError(f"no answer within {timeout:g} s") from None
            if isinstance(found, str):
                self._say(found)
        if isinstance(found, BaseException):
            self._found.put(found)  # who asks again is told again
            raise found
        self._pending -= 1
        return found if isinstance(found, Answer) else self._answer(found)

    def withdraw(self, key: Hashable) -> bool:
        """See `Backend`."""
        if not self._loop.is_running():
            return False
        asked = asyncio.run_coroutine_threadsafe(self._talk.withdraw(key), self._loop)
        with suppress(TimeoutError):
            asked.result(PATIENCE)
        gone = not asked.cancel() and asked.result()
        self._pending -= gone
        return gone

    def cancel(self) -> None:
        """See `Backend`."""
        if self._thread.is_alive():
            self._wait_for(self._talk.cancel())
        for found in self._arrived():
            if isinstance(found, BaseException):
                self._found.put(found)
                break
            if isinstance(found, str):
                self._say(found)
        self._pending = 0

    def survey(self) -> Survey:
        """Who is there, and what is to be said of them.

        Raises:
            ClusterLostError: none of the workers fits.
        """
        remarks = []
        for found in self._arrived():
            if isinstance(found, BaseException):
                raise found
            if isinstance(found, str):
                remarks.append(found)
        nodes = self._talk.nodes.values()
        workers = sorted(f"{each.host}/{each.site.name}" for each in nodes)
        return Survey(workers, self._talk.slots, remarks)

    def _arrived(self) -> Iterator[Found]:
        """What the other thread has said, as far as it is here."""
        with suppress(queue.Empty):
            while True:
                yield self._found.get_nowait()

    def __enter__(self) -> Self:
        self._token.parent.mkdir(exist_ok=True)
        self._token.write_text(self._talk.luggage.search)
        self._thread.start()
        try:
            self._connected.result()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._over.cancel)
        self._thread.join(PATIENCE)
        with suppress(OSError):
            self._token.remove()
        if self._own is not None:
            self._own.cleanup()

    def _run(self) -> None:
        """Speak to the cluster until the search is over: what the thread does."""
        asyncio.set_event_loop(self._loop)
        # Of its own futures that nobody waits for any more Dask lets asyncio complain on stderr.
        self._loop.set_exception_handler(lambda _, context: logger.debug("%s", context))
        with quiet():
            self._over = self._loop.create_task(self._converse())
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._over)
            left = asyncio.all_tasks(self._loop)  # of Dask's, where the scheduler is gone
            for task in left:
                task.cancel()
            if left:
                self._loop.run_until_complete(asyncio.wait(left, timeout=1))
            self._loop.close()

    async def _converse(self) -> None:
        try:
            async with self._talk.connected():
                self._connected.set_result(None)
                await self._talk.serve()
        except Exception as error:
            if self._connected.done():
                self._found.put(error)
            else:
                self._connected.set_exception(error)

    def _wait_for(self, doing: Coroutine[Any, Any, None]) -> None:
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(doing, self._loop).result(PATIENCE)

    def _pickled(self, function: object) -> tuple[bytes, str]:
        """A function and its digest; that of the task before is mostly the same."""
        if self._function is None or self._function[0] != function:
            pickled = bytes(dumps(function))
            self._function = function, pickled, sha256(pickled).hexdigest()
        return self._function[1:]

    def _answer(self, finished: Finished) -> Answer:
        """An answer in this machine's time, once what the trial left is in the run's folder."""
        entry, at, returned = finished.entry, finished.node, finished.returned
        attempt = returned.attempt
        if not isinstance(attempt, Attempt):
            attempt = load_attempt(attempt, returned.started)
        unpack(SafePath(self._folders.run), returned.files)
        answer = attempt.answer(entry.task, at.called(returned.slot))
        return replace(
            answer,
            start=answer.start + at.ahead,
            end=answer.end + at.ahead,
            losses=tuple(entry.losses),
        )


def unpack(run: SafePath, files: Mapping[str, bytes]) -> None:
    """Put what a trial left elsewhere into the run's folder.

    What it printed is added to its log. A folder of checkpoints, or a trial's own, takes the
    place of an older one when it is complete.

    Raises:
        OSError: the disk is full, or the run's folder is gone.
        RunError: something in it stands in the way.
    """
    folders: dict[str, dict[str, bytes]] = {}
    for name, content in files.items():
        parts = name.split("/")
        if parts[0] == "logs":
            (run / "logs").mkdir(exist_ok=True)
            with (run / name).append() as log:
                log.write(content)
        else:  # state/TRAINING/epoch-N/..., trials/TRAINING/...
            depth = 2 if parts[0] == "trials" else 3
            folders.setdefault("/".join(parts[:depth]), {})["/".join(parts[depth:])] = content
    for name, contents in folders.items():
        folder = run / name
        for depth in range(1, len(folder.parts)):
            SafePath(run.root, folder.parts[:depth]).mkdir(exist_ok=True)
        work = folder.parent / f"work-{secrets.token_hex(8)}"
        work.mkdir()
        for inside, content in contents.items():
            *above_it, last = inside.split("/")
            there = work
            for step in above_it:
                there = there / step
                there.mkdir(exist_ok=True)
            (there / last).write_bytes(content)
        folder.remove()
        work.rename(folder.name)
