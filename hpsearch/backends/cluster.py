"""What is said to a Dask cluster, in one thread with a loop: who has what, who came, who left."""

from __future__ import annotations

import asyncio
import heapq
import logging
import math
import sys
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.backends import node
from hpsearch.backends.attempt import error_line
from hpsearch.backends.node import Luggage, Piece, Returned, Site
from hpsearch.backends.protocol import Attempt, Cluster, ClusterLostError, Folders, Loss, Task
from hpsearch.errors import HpsearchError
from hpsearch.store import SafePath

if TYPE_CHECKING:
    from distributed import Client, Future

logger = logging.getLogger(__name__)

CONNECT = 15.0
"""Seconds in which a scheduler must answer, at the start and when it was gone."""

LOOK = 1.0
"""Seconds between two looks at which workers there are, should their news have been missed."""

SHORT = 1.0
"""Seconds: only where tasks are shorter than this, one waits at a worker behind another."""

AHEAD = 0.2
"""Seconds of work that wait at a worker where tasks are short.

A trip to it and back takes 0.01 to 0.1 s, and several tasks that are handed over together cost a
scheduler half of what they cost one by one.
"""

MOST_WAITING = 32
"""Tasks that wait at a worker for each that it trains, where they are very short."""

MOST_LOSSES = 20
"""Workers that may go away with one task before that is taken for its doing."""

CHUNK = 8 * 2**20
"""Bytes of data that are sent at a time."""

NEWS = 30.0
"""Seconds between two messages that there is no worker."""


@dataclass
class Entry:
    """A task that has no answer yet, as it travels."""

    task: Task
    function: bytes
    args: bytes
    digest: str  # of the function
    future: Future[Any] | None = None  # where a worker has it
    losses: list[Loss] = field(default_factory=list)
    began: float = math.inf  # when it was next at its worker, in seconds since the epoch


@dataclass
class Node:
    """A worker that trains for this search."""

    address: str
    host: str
    site: Site
    ahead: float  # seconds by which this machine's clock is ahead of its clock
    holds: dict[str, Entry] = field(default_factory=dict)  # what it trains, then what waits
    functions: set[str] = field(default_factory=set)  # digests of those that it was sent
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # so that tasks keep their order

    def called(self, slot: int) -> str:
        """What the timeline calls one of its slots."""
        return f"{self.host}/{self.site.name}" + (f"/{slot}" if self.site.slots > 1 else "")

    def training(self) -> Iterator[Entry]:
        """What it trains now; what it holds besides waits."""
        return islice(self.holds.values(), self.site.slots)

    def waiting(self) -> list[str]:
        """The keys of what waits there behind something that takes long."""
        now = time.time()
        long = all(now - entry.began > SHORT for entry in self.training())
        return list(islice(self.holds, self.site.slots, None)) if long else []


@dataclass(frozen=True)
class Finished:
    """A task's end: what came back, and who trained it."""

    entry: Entry
    node: Node
    returned: Returned


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[str | None, str]:
    """Why a worker cannot train for us, or None; and why its results may differ, or nothing.

    >>> ours = {"python": "3.11", "hpsearch": "1.0", "code": "a", "numpy": "2.0", "machine": "x"}
    >>> differences(ours, {**ours, "hpsearch": None})[0]
    'needs hpsearch 1.0, found none; install it there'
    >>> differences(ours, {**ours, "numpy": "1.9"})
    (None, 'has numpy 1.9 and not 2.0')
    """
    found = theirs["hpsearch"]
    if found != ours["hpsearch"]:
        return f"needs hpsearch {ours['hpsearch']}, found {found or 'none'}; install it there", ""
    if theirs["code"] != ours["code"]:
        return f"needs this very hpsearch {found}, found one with other code; install it anew", ""
    if theirs["python"] != ours["python"]:
        return f"needs Python {ours['python']}, found {theirs['python']}", ""
    differing = [
        f"{name} {theirs[name] or 'none'} and not {ours[name]}"
        for name in ("numpy", "machine")
        if theirs[name] != ours[name]
    ]
    return None, f"has {', '.join(differing)}" if differing else ""


def own_versions() -> dict[str, Any]:
    """What `node.VERSIONS` finds here."""
    names: dict[str, Any] = {}
    exec(node.VERSIONS, names)  # noqa: S102 (our own text, as workers run it)
    found: dict[str, Any] = names["found"]
    return found


@dataclass
class Conversation:
    """All that goes between a search and a cluster. Everything here runs in one loop.

    Attributes:
        at: the cluster.
        most: trials that may train at once; None for as many as there is room for.
        luggage: what a worker is told of the search.
        tell: takes what is finished, and what people should know as text.
        queue: tasks without a worker, as (-cost, order, entry): the longest first.
        nodes: workers that train for us, by address.
        refused: why others do not, by address.
        met: every address that was spoken to, as long as it is there.
    """

    at: Cluster
    most: int | None
    luggage: Luggage
    tell: Callable[[Finished | str], None]
    queue: list[tuple[float, int, Entry]] = field(default_factory=list)
    nodes: dict[str, Node] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    seconds: float = math.inf  # that a task takes, about

    def __post_init__(self) -> None:
        self._order, self._keys = count(), count()
        self._news = asyncio.Event()
        self._jobs: set[asyncio.Task[Any]] = set()
        self._sending: dict[str, asyncio.Task[Any]] = {}
        self._arrays: asyncio.Future[dict[str, ArrayFile]] | None = None
        self._said: set[str] = set()
        self._silent = time.monotonic()
        self._client: Client

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Speak to the cluster, for a block.

        Raises:
            HpsearchError: nobody answers there, or Dask is not installed.
        """
        self._ours = own_versions()
        async with _client(self.at, self.most) as self._client:
            self._client.subscribe_topic("all", self._heard)
            try:
                self._compare(set(await self._client.ncores()))
                if self._jobs:  # so that the search can say how many train at a time
                    await asyncio.wait([*self._jobs], timeout=CONNECT)
                yield
            finally:
                await self._leave()

    async def serve(self) -> None:
        """Keep an eye on who is there, for as long as the search goes on.

        Raises:
            ClusterLostError: the scheduler is gone, or none of the workers fits.
        """
        last = time.monotonic()
        while True:
            try:
                there = set(await asyncio.wait_for(self._client.ncores(), CONNECT))
            except (OSError, TimeoutError, ValueError, RuntimeError) as error:
                if self._client.status == "closed" or time.monotonic() - last > CONNECT:
                    raise ClusterLostError(
                        f"parallel.scheduler: {self.at}: the Dask scheduler is gone"
                    ) from error
                await asyncio.sleep(LOOK / 4)
                continue
            last = time.monotonic()
            self._compare(there)
            self._take_back()
            self.fill()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), LOOK)
            self._news.clear()

    def _heard(self, event: tuple[float, Any]) -> None:
        """News of the scheduler's: a worker has come, or has gone."""
        _, message = event
        if isinstance(message, dict):
            if message.get("action") == "remove-worker":
                self._gone(str(message.get("worker")))
            self._news.set()

    def _compare(self, there: set[str]) -> None:
        """Welcome who is new, and miss who is gone."""
        for address in self.met - there:
            self._gone(address)
        for address in there - self.met:
            self.met.add(address)
            self._start(self._welcome(address))
        fitting = there - self.refused.keys()
        if there and not fitting:
            reasons = sorted(set(self.refused.values()))
            raise ClusterLostError(f"parallel.scheduler: {self.at}: no worker fits: {reasons[0]}")
        waits = self.queue and not there and time.monotonic() - self._silent > NEWS
        if there or waits:
            self._silent = time.monotonic()
        if waits:
            self.tell(f"{self.at}: no worker is there; waiting for one: dask worker {self.at}")

    def _start(self, job: Awaitable[None]) -> None:
        task = asyncio.ensure_future(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    # Who is there

    async def _welcome(self, address: str) -> None:
        """Look at a worker, and take it in or refuse it."""
        try:
            await self._look_at(address)
        except Exception as error:  # it went away meanwhile, or cannot do what it is asked
            with suppress(OSError, TimeoutError):
                if address in await self._client.ncores():
                    self._refuse(address, f"cannot be used: {error_line(error)}")
                    return
            self.met.discard(address)

    async def _look_at(self, address: str) -> None:
        # A text that Python alone can run: the worker may have another hpsearch, or none.
        program = {"text": node.VERSIONS, "found": {}}
        theirs = await self._ask(address, eval, "exec(text, found) or found['found']", program)
        refused, differing = differences(self._ours, theirs)
        if refused is not None:
            self._refuse(address, refused)
            return
        site: Site = await self._ask(address, node.arrive, self.luggage)
        if not differing and site.kernels != (here := node.kernels()):
            differing = f"computes with {site.kernels}, and this machine with {here}"
        if differing:
            self._say_once(address, f"{differing}; results may differ in their last digits")
        if theirs["distributed"] != self._ours["distributed"]:
            other = f"has Dask {theirs['distributed']} and not {self._ours['distributed']}"
            self._say_once(address, f"{other}; Dask wants the same everywhere")
        asked = time.time()
        told = await self._ask(address, time.time)
        ahead = (asked + time.time()) / 2 - told
        there = Node(address, theirs["host"], site, ahead)
        if not site.shared:
            await self._bring(there)
        if address in self.met:
            self.nodes[address] = there
            self.fill()

    async def _ask(self, address: str, function: Callable[..., Any], *args: Any) -> Any:
        """What a function gives that runs beside a worker's tasks."""
        found = await self._client.run(function, *args, workers=[address])
        return found[address]

    def _refuse(self, address: str, why: str) -> None:
        self.refused[address] = f"worker {address} {why}"
        self._say_once(address, why)
        self._news.set()

    def _say_once(self, address: str, what: str) -> None:
        """Say of a worker what holds for others too: a thousand of them are one message."""
        if what not in self._said:
            self._said.add(what)
            self.tell(f"worker {address} {what}")

    def _gone(self, address: str) -> None:
        """A worker has gone: what it was training goes to another."""
        self.met.discard(address)
        self.refused.pop(address, None)
        lost = self.nodes.pop(address, None)
        if lost is None:
            return
        held, lost.holds = list(lost.holds.values()), {}
        for slot, entry in enumerate(held):
            if slot < lost.site.slots and entry.future is not None:
                self._lose(entry, lost, slot)
            else:
                self._return(entry)
        self._news.set()

    def _lose(self, entry: Entry, at: Node, slot: int = 0) -> None:
        """A worker went away with a task: another gets it, unless it happens again and again."""
        now = time.time()
        loss = Loss(at.called(slot), min(entry.began, now), now)
        entry.losses.append(loss)
        if len(entry.losses) < MOST_LOSSES:
            self._return(entry)
            return
        error = f"WorkerDied: {len(entry.losses)} workers of the cluster went away with it"
        died = Attempt("died", None, error, None, loss.start - at.ahead, now - at.ahead)
        self.tell(Finished(entry, at, Returned(died, slot, loss.start, now - loss.start)))

    async def _bring(self, there: Node) -> None:
        """Send the arrays to a worker, unless they are there: once to each machine."""
        if self._arrays is None:  # read once, however many workers there are
            reading = asyncio.to_thread(arrays_in, self.luggage.folders)
            self._arrays = asyncio.ensure_future(reading)
        arrays = await asyncio.shield(self._arrays)
        if not arrays:
            return
        digests = {name: array.digest for name, array in arrays.items()}
        sizes = {name: array.size for name, array in arrays.items()}
        folder = f"data-{node.name_of(digests)}"
        machine = f"{there.host}:{there.site.scratch}"
        while not await self._ask(there.address, node.has, self.luggage.search, folder, sizes):
            if machine not in self._sending:
                sending = self._send(there.address, folder, arrays, digests)
                self._sending[machine] = asyncio.ensure_future(sending)
            try:
                await asyncio.shield(self._sending[machine])
            finally:
                self._sending.pop(machine, None)

    async def _send(
        self,
        address: str,
        folder: str,
        arrays: Mapping[str, ArrayFile],
        digests: Mapping[str, str],
    ) -> None:
        search = self.luggage.search
        for name, array in arrays.items():
            with array.file.open() as file:
                for offset in range(0, array.size, CHUNK):
                    chunk = file.read(CHUNK)
                    await self._ask(address, node.write, search, folder, name, offset, chunk)
        await self._ask(address, node.complete, search, folder, digests)

    # Who has what

    @property
    def slots(self) -> int:
        """How many trials can train at once."""
        there = sum(each.site.slots for each in self.nodes.values())
        return there if self.most is None else min(there, self.most)

    def _left(self) -> int:
        """How many more may train at once, by the bound alone."""
        if self.most is None:
            return sys.maxsize
        return self.most - sum(
            min(len(each.holds), each.site.slots) for each in self.nodes.values()
        )

    def accept(self, entry: Entry) -> None:
        """Take in a task."""
        self._return(entry)
        self.fill()

    def _return(self, entry: Entry) -> None:
        entry.began, entry.future = math.inf, None
        heapq.heappush(self.queue, (-entry.task.cost, next(self._order), entry))

    def fill(self, among: Iterable[Node] | None = None) -> None:
        """Hand tasks to workers that have room, the longest first, to the idlest worker first.

        Args:
            among: the workers that may have got room; None for all.
        """
        if not self.queue or self._client.status != "running":
            return
        rooms = self._rooms(self.nodes.values() if among is None else among)
        idlest = [(len(self.nodes[a].holds) / self.nodes[a].site.slots, a) for a in rooms]
        heapq.heapify(idlest)
        left = self._left()
        given: dict[str, dict[str, Entry]] = {}
        while self.queue and idlest and left > 0:
            load, address = heapq.heappop(idlest)
            to, entry = self.nodes[address], heapq.heappop(self.queue)[2]
            key = f"{entry.task.name}-{self.luggage.search[:6]}-{next(self._keys)}"
            to.holds[key] = given.setdefault(address, {})[key] = entry
            rooms[address] -= 1
            left -= load < 1
            if rooms[address]:
                heapq.heappush(idlest, (len(to.holds) / to.site.slots, address))
        for address, entries in given.items():
            self._start(self._hand_over(self.nodes[address], entries))

    def _rooms(self, among: Iterable[Node]) -> dict[str, int]:
        """How many tasks each worker may be given; those that get any.

        Where tasks are short, some wait at each worker, so that it need not wait for us; more of
        them come when half are gone, since many at once cost little more than one. Of a queue
        that comes to its end each gets half of its share, so that all end together.

        Reference: Polychronopoulos and Kuck 1987, guided self-scheduling.
        """
        behind = 0
        if self.seconds < SHORT:
            share = math.ceil(len(self.queue) / (2 * max(1, self.slots)))
            some = max(1, math.ceil(AHEAD / max(self.seconds, 1e-6)))
            behind = min(MOST_WAITING, some, share)
        rooms = {}
        for each in among:
            slots, holds = each.site.slots, len(each.holds)
            if holds < slots or 2 * (holds - slots) < behind * slots:
                rooms[each.address] = slots * (1 + behind) - holds
        return rooms

    async def _hand_over(self, to: Node, entries: Mapping[str, Entry]) -> None:
        """Give tasks to a worker, and wait for each of them.

        Args:
            to: the worker.
            entries: the tasks, by the keys that Dask knows them by.
        """
        async with to.turn:
            try:
                await self._teach(to, entries.values())
            except Exception as error:  # it is gone, or was started anew
                logger.debug("%s: %r", to.address, error)
                self._gone(to.address)
                return
            given = {key: entry for key, entry in entries.items() if key in to.holds}
            if not given:  # they were taken back meanwhile
                return
            futures = self._client.map(
                node.train,
                list(given),
                [self._piece(entry, to) for entry in given.values()],
                key=list(given),
                workers=[to.address],
                allow_other_workers=False,
                resources={"GPU": 1} if to.site.gpus else None,
                retries=0,
                pure=False,
            )
            for (key, entry), future in zip(given.items(), futures, strict=True):
                entry.future = future
                self._start(self._wait(to, key, future))
            self._note_beginnings(to)

    async def _teach(self, to: Node, entries: Iterable[Entry]) -> None:
        """Send a worker the functions that it has not been sent: mostly there is one in all."""
        for entry in entries:
            if entry.digest not in to.functions:
                search = self.luggage.search
                await self._ask(to.address, node.keep, search, entry.digest, entry.function)
                to.functions.add(entry.digest)

    def _piece(self, entry: Entry, to: Node) -> Piece:
        files: Mapping[str, bytes] = {}
        if not to.site.shared:
            states = [path for path in entry.task.files if path.startswith("state/")]
            files = node.gathered(SafePath(self.luggage.folders.run), states)
        task, search = entry.task, self.luggage.search
        return Piece(search, entry.digest, entry.args, task.timeout, files, task.files)

    def _note_beginnings(self, at: Node) -> None:
        now = time.time()
        for entry in at.training():
            entry.began = min(entry.began, now)

    async def _wait(self, at: Node, key: str, future: Future[Any]) -> None:
        """Wait for a task's end; it goes back into the queue if its worker lost it."""
        returned: Returned | None = None
        try:
            returned = await future
        except asyncio.CancelledError:
            if not future.cancelled():
                raise  # it is this waiting that was cancelled
        except node.AwayError:
            self._gone(at.address)
            return
        except Exception as error:  # Dask's own: it counts a death of the worker as the task's
            logger.debug("%s: %r", key, error)
        entry = at.holds.pop(key, None)
        if entry is None:  # it was taken back meanwhile
            return
        if returned is None:
            self._lose(entry, at)
            self._news.set()
            return
        if math.isinf(self.seconds):
            self.seconds = returned.seconds
        self.seconds += 0.2 * (returned.seconds - self.seconds)
        self._note_beginnings(at)
        self.tell(Finished(entry, at, returned))
        self.fill([at])

    def _take_back(self) -> None:
        """Take back what waits behind something long, while another worker has nothing to do."""
        if self.queue:
            return
        idle = sum(max(0, each.site.slots - len(each.holds)) for each in self.nodes.values())
        idle = min(idle, self._left())
        for each in self.nodes.values():
            for key in each.waiting()[: max(0, idle)]:
                entry = each.holds.pop(key)
                if entry.future is not None:
                    self._start(self._drop(entry.future))
                self._return(entry)
                idle -= 1

    async def withdraw(self, key: Hashable) -> bool:
        """Drop one task; one that trains ends. False where its answer has come."""
        for place, (_, _, entry) in enumerate(self.queue):
            if entry.task.key == key:
                del self.queue[place]
                heapq.heapify(self.queue)
                return True
        for each in self.nodes.values():
            for name, entry in each.holds.items():
                if entry.task.key == key:
                    del each.holds[name]
                    if entry.future is not None:
                        self._start(self._drop(entry.future))
                    self.fill([each])
                    return True
        return False

    @staticmethod
    async def _drop(future: Future[Any]) -> None:
        with suppress(Exception):
            await future.cancel()

    async def cancel(self) -> None:
        """Drop every task; those that train end."""
        self.queue.clear()
        held = [entry for each in self.nodes.values() for entry in each.holds.values()]
        futures = [entry.future for entry in held if entry.future is not None]
        for each in self.nodes.values():
            each.holds.clear()
        if futures:
            with suppress(OSError, TimeoutError):
                await asyncio.wait_for(self._client.cancel(futures), CONNECT)

    async def _leave(self) -> None:
        """Say goodbye to the workers, who end what still trains."""
        await self.cancel()
        with suppress(Exception):
            self._client.unsubscribe_topic("all")
        for job in [*self._jobs, *self._sending.values()]:
            job.cancel()
        if self.nodes and self._client.status == "running":
            with suppress(Exception):  # it does not matter any more
                leaving = self._client.run(
                    node.depart, self.luggage.search, workers=list(self.nodes), on_error="ignore"
                )
                await asyncio.wait_for(leaving, 2)


@dataclass(frozen=True)
class ArrayFile:
    """A file of prepared arrays: where it is, its bytes, and their digest."""

    file: SafePath
    size: int
    digest: str


def arrays_in(folders: Folders) -> dict[str, ArrayFile]:
    """The prepared arrays of a run, by their paths in its folder of data."""
    top, found = SafePath(folders.data.parent) / folders.data.name, {}
    for fold in top.names():
        for name in (top / fold).names() if (top / fold).is_folder() else ():
            path, digest, size = top / fold / name, sha256(), 0
            with path.open() as file:
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
            found[f"{fold}/{name}"] = ArrayFile(path, size, digest.hexdigest())
    return found


@asynccontextmanager
async def _client(at: Cluster, most: int | None) -> AsyncIterator[Client]:
    """A client of the cluster; where none is named, of one that lives in this process.

    Raises:
        HpsearchError: nobody answers there.
    """
    from distributed import Client, LocalCluster, Security

    from hpsearch import backends

    _check_files(at)
    tls = None
    if at.tls is not None:
        names = {TLS[key]: path for key, path in at.tls.items() if path is not None}
        tls = Security(require_encryption=True, **names)
    if not at.named:
        # One worker: each trial has a process of its own all the same.
        async with (
            LocalCluster(
                n_workers=1,
                threads_per_worker=most or backends.auto_jobs(),
                processes=False,
                memory_limit=0,
                dashboard_address="127.0.0.1:0",
                asynchronous=True,
                silence_logs=False,
            ) as cluster,
            Client(cluster, asynchronous=True, set_as_default=False) as client,
        ):
            yield client
        return
    client = None
    try:
        client = Client(
            at.scheduler,
            scheduler_file=at.scheduler_file,
            security=tls,
            asynchronous=True,
            set_as_default=False,
            timeout=CONNECT,
            name="hpsearch",
        )
        await client
    except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
        with suppress(Exception):
            await client.close()
        raise ClusterLostError(
            f"parallel.scheduler: {at}: a Dask scheduler must answer there within {CONNECT:g} s, "
            f"found none ({error_line(error)}); start one with `dask scheduler`, or mend the "
            "address"
        ) from None
    try:
        yield client
    finally:
        with suppress(Exception):  # the scheduler may be gone
            await asyncio.wait_for(client.close(timeout=2), 5)


TLS = {"ca_file": "tls_ca_file", "cert": "tls_client_cert", "key": "tls_client_key"}
"""What `distributed.Security` calls the keys of `parallel.tls`."""


def _check_files(at: Cluster) -> None:
    """Refuse a cluster whose files are not there.

    Raises:
        HpsearchError: one is missing, or an address asks for certificates and none are named.
    """
    named = {f"tls.{key}": path for key, path in (at.tls or {}).items()}
    for key, path in {"scheduler_file": at.scheduler_file, **named}.items():
        if path is not None and not Path(path).is_file():
            raise HpsearchError(f"parallel.{key}: {path}: no such file")
    if at.scheduler is not None and at.scheduler.startswith("tls://") and at.tls is None:
        raise HpsearchError(
            f"parallel.scheduler: {at}: needs certificates; name them in parallel.tls, or say "
            "tls: true where Dask's own configuration does"
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Dask's log off the terminal: what matters is said in our words."""
    import distributed  # noqa: F401 (which sets the levels of its loggers)

    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
