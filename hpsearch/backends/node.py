"""What happens at a worker of a Dask cluster: trials are trained in processes of their own there.

A task of Dask's waits in one of the worker's threads while a slot (see `slot`) trains the trial.
So a trial that holds the interpreter's lock stops no heartbeat, one that dies takes no worker
along, and one that is cancelled or past its deadline really ends.

The run's folder may not be there. Then each piece of training gets a folder of its own, with
what the piece before it left, and what it leaves there goes back with its answer.
"""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from hashlib import sha256
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.backends.attempt import failed
from hpsearch.backends.protocol import Attempt, Folders, Task
from hpsearch.backends.slot import Limits, Slot, WorkerLostError
from hpsearch.backends.threads import thread_variables
from hpsearch.store import SafePath

if TYPE_CHECKING:
    from distributed import Worker

LOOK = 0.25
"""Seconds between two looks at whether a piece is still wanted, while it trains."""

IDLE = 60.0
"""Seconds after which the process of a slot ends that nobody has used."""

FORGOTTEN = 600.0
"""Seconds after which a search is forgotten here that has sent nothing."""

MOST_BYTES = 256 * 2**20
"""Of what one piece of training leaves in its folder, where that travels."""

VERSIONS = """\
import hashlib, importlib.util, os, platform, socket, sys
from importlib import metadata

def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None

spec, digest = importlib.util.find_spec("hpsearch"), hashlib.sha256()
for folder, below, names in os.walk(os.path.dirname(spec.origin)) if spec else ():
    below.sort()
    for name in sorted(names):
        if name.endswith(".py"):
            digest.update(name.encode())
            with open(os.path.join(folder, name), "rb") as file:
                digest.update(file.read())
found = {
    "host": socket.gethostname(),
    "python": ".".join(map(str, sys.version_info[:2])),
    "machine": platform.machine(),
    "hpsearch": version("hpsearch") or ("unknown" if spec else None),
    "code": digest.hexdigest()[:16],
    "numpy": version("numpy"),
    "distributed": version("distributed"),
}
"""
"""Program text that finds `found`: what a worker has. It needs nothing but Python there."""


@dataclass(frozen=True)
class Here:
    """Where a piece trains.

    Attributes:
        folders: those of its own; None where the run's folder is here.
        scratch: a folder for the user's code.
        current: the folder in which the search was begun, where relative paths of the user's
            code lead, if it is here.
    """

    folders: Folders | None
    scratch: Path
    current: str | None


_here: ContextVar[Here | None] = ContextVar("here", default=None)


def here() -> Here | None:
    """Where this piece of training is; None on the machine of who conducts the search."""
    return _here.get()


@dataclass(frozen=True)
class Luggage:
    """What a search tells a worker of itself.

    Attributes:
        search: what tells it apart from others, and from itself in another life.
        folders: where they are for who conducts the search.
        token: a file in the run's folder, by which a worker sees that it is the same folder.
        current: the folder in which the search was begun, None where that is gone.
        threads: of BLAS, in each slot.
        memory: most bytes of data that a trial may have, None for no limit.
    """

    search: str
    folders: Folders
    token: str
    current: str | None
    threads: int
    memory: int | None


@dataclass(frozen=True)
class Site:
    """What a worker says of itself.

    Attributes:
        name: that it was given, or its port.
        slots: how many trials it trains at once.
        gpus: whether each of them takes one of its "GPU" resources.
        shared: whether it sees the run's folder.
        kernels: what its BLAS computes with, on which bits depend.
        scratch: a folder for what it is sent.
    """

    name: str
    slots: int
    gpus: bool
    shared: bool
    kernels: str
    scratch: str


@dataclass
class Post:
    """A search at this worker: its slots, and the folders that they work in."""

    luggage: Luggage
    site: Site
    devices: Sequence[str]
    functions: dict[str, bytes] = field(default_factory=dict)
    data: str | None = None  # where the arrays are that were sent, relative to the scratch folder
    free: list[tuple[Slot, float]] = field(default_factory=list)
    numbers: set[int] = field(default_factory=set)
    lock: threading.Condition = field(default_factory=threading.Condition)
    used: float = field(default_factory=time.monotonic)  # when it last had a piece to train
    closed: bool = False

    @contextmanager
    def slot(self) -> Iterator[Slot]:
        """A slot for one piece; one that is idle and has a running process rather than another."""
        with self.lock:
            self.lock.wait_for(lambda: bool(self.free) or len(self.numbers) < self.site.slots)
            slot = self.free.pop()[0] if self.free else self._new()
        try:
            yield slot
        finally:
            slot.release()
            with self.lock:
                self.used = time.monotonic()
                self.free.append((slot, self.used))
                self.lock.notify()
                if self.closed:
                    slot.kill()

    def _new(self) -> Slot:
        number = min(set(range(self.site.slots)) - self.numbers)
        self.numbers.add(number)
        environment = thread_variables(self.luggage.threads)
        if self.devices:
            environment["CUDA_VISIBLE_DEVICES"] = self.devices[number % len(self.devices)]
        limits = Limits(self.luggage.threads, self.luggage.memory, environment)
        return Slot(str(number), limits)

    def tidy(self) -> bool:
        """End the processes of slots that have been idle for long.

        False if nothing has been trained for so long that the search may have died.
        """
        with self.lock:
            for slot, since in self.free:
                if slot.worker is not None and time.monotonic() - since > IDLE:
                    slot.kill()
            idle = len(self.free) == len(self.numbers)
            return not idle or time.monotonic() - self.used < FORGOTTEN

    def close(self) -> None:
        """End every slot."""
        with self.lock:
            self.closed = True  # one that is at work ends when it is free
            for slot, _ in self.free:
                slot.dismiss(gently=True)
            for slot, _ in self.free:
                if slot.worker is not None:
                    slot.wait()


_posts: dict[tuple[str, str], Post] = {}  # by the search, and the worker's address


def arrive(luggage: Luggage, dask_worker: Worker) -> Site:
    """Prepare this worker for a search; what it says of itself."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    devices = [each for each in visible.split(",") if each.strip()]
    gpus = int(dask_worker.state.total_resources.get("GPU", 0))
    threads = dask_worker.state.nthreads
    if gpus and not devices:
        devices = [str(number) for number in range(gpus)]
    scratch = Path(dask_worker.local_directory).parent / "hpsearch"
    scratch.mkdir(mode=0o700, exist_ok=True)
    if scratch.is_symlink() or scratch.stat().st_uid != os.getuid():
        raise PermissionError(f"{scratch}: must be a folder of this user's alone")
    site = Site(
        name=str(dask_worker.name).rpartition(":")[2],
        slots=min(threads, gpus) if gpus else threads,
        gpus=bool(gpus),
        shared=_sees(luggage),
        kernels=kernels(),
        scratch=str(scratch),
    )
    key = luggage.search, dask_worker.address
    _posts[key] = Post(luggage, site, devices)
    threading.Thread(target=_tidy, args=(key,), daemon=True).start()
    return site


def _sees(luggage: Luggage) -> bool:
    """Whether the run's folder is here, and is the same one."""
    with suppress(OSError):
        return Path(luggage.token).read_text() == luggage.search
    return False


def _tidy(key: tuple[str, str]) -> None:
    while (post := _posts.get(key)) is not None:
        if not post.tidy():  # if it lives, it is told so with its next piece, and comes again
            _forget(key)
        time.sleep(IDLE / 4)


def _forget(key: tuple[str, str]) -> None:
    post = _posts.pop(key, None)
    if post is not None:
        post.close()


def kernels() -> str:
    """What the BLAS of this machine computes with, on which bits may depend."""
    import numpy as np  # noqa: F401 (only a BLAS that is loaded is found)
    from threadpoolctl import threadpool_info

    found = {
        f"{each['internal_api']} {each.get('architecture', '')}".strip()
        for each in threadpool_info()
        if each["user_api"] == "blas"
    }
    return ", ".join(sorted(found)) or "unknown"


def depart(search: str, dask_worker: Worker) -> None:
    """Forget a search, and end its slots."""
    _forget((search, dask_worker.address))


def keep(search: str, digest: str, function: bytes, dask_worker: Worker) -> None:
    """Keep the function of a search, which each of its pieces names by its digest."""
    _posts[search, dask_worker.address].functions[digest] = function


def has(search: str, folder: str, sizes: Mapping[str, int], dask_worker: Worker) -> bool:
    """Whether a folder of arrays is here, which is then the search's."""
    post = _posts[search, dask_worker.address]
    there = Path(post.site.scratch, folder)
    found = all(
        (there / name).is_file() and (there / name).stat().st_size == size
        for name, size in sizes.items()
    )
    if found:
        post.data = folder
        os.utime(there)
    return found


def write(
    search: str, folder: str, name: str, offset: int, chunk: bytes, dask_worker: Worker
) -> None:
    """Write a part of a file into a folder that is not complete yet.

    Args:
        search: that it is for.
        folder: its name when it is complete.
        name: of the file in it.
        offset: where in the file the part begins, in bytes.
        chunk: the part.
        dask_worker: this worker.
    """
    scratch = _posts[search, dask_worker.address].site.scratch
    path = Path(scratch, f"{folder}.{search}", name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("r+b" if offset else "wb") as file:
        file.seek(offset)
        file.write(chunk)


def complete(search: str, folder: str, digests: Mapping[str, str], dask_worker: Worker) -> None:
    """Give a folder its name, now that all of it is here; older ones go.

    Raises:
        OSError: what came is not what was sent.
    """
    scratch = Path(_posts[search, dask_worker.address].site.scratch)
    part = scratch / f"{folder}.{search}"
    for name, digest in digests.items():
        if sha256((part / name).read_bytes()).hexdigest() != digest:
            raise OSError(f"{part / name}: is not what was sent; is the disk full?")
    for other in (*scratch.glob("data-*"), *scratch.glob("code-*")):
        if time.time() - other.stat().st_mtime > 7 * 86400:  # nobody has used it for a week
            shutil.rmtree(other, ignore_errors=True)
    with suppress(OSError):  # another search has brought the same
        part.rename(scratch / folder)
    shutil.rmtree(part, ignore_errors=True)


@dataclass(frozen=True)
class Piece:
    """A task as it travels.

    Attributes:
        search: that it is of.
        function: the digest of what to call.
        args: the arguments, pickled.
        timeout: in seconds, None for no limit.
        files: what it needs of the run's folder, by relative path, where that is not here.
        leaves: the relative paths below which it leaves something that is to go back.
    """

    search: str
    function: str
    args: bytes
    timeout: float | None
    files: Mapping[str, bytes]
    leaves: tuple[str, ...]


@dataclass(frozen=True)
class Returned:
    """How a piece ended: a pickled `Attempt`, or an `Attempt` that no trial has pickled.

    Attributes:
        attempt: how it ended.
        slot: the number of the slot.
        started: when the slot got it, in seconds since the epoch.
        seconds: that it took.
        files: what it left, by relative path.
    """

    attempt: bytes | Attempt
    slot: int
    started: float
    seconds: float
    files: Mapping[str, bytes] = field(default_factory=dict)


class AwayError(Exception):
    """This worker knows nothing of the search: it was restarted."""


def train(key: str, piece: Piece) -> Returned:
    """Train a piece in a slot: the task that Dask sees.

    Raises:
        AwayError: the worker was restarted since the search arrived here.
    """
    from distributed import get_worker

    worker = get_worker()
    post = _posts.get((piece.search, worker.address))
    if post is None or piece.function not in post.functions:
        raise AwayError(piece.search)
    with post.slot() as slot, _working(post, piece) as folders:
        at = Here(folders, Path(post.site.scratch), post.luggage.current)
        call = (perform_at, (at, post.functions[piece.function], piece.args))
        task = Task(key, *call, timeout=piece.timeout)
        attempt, started = _attempted(slot, task, lambda: _unwanted(worker, key))
        returned = Returned(attempt, int(slot.name), started, time.time() - started)
        if folders is None:
            return returned
        try:
            left = gathered(SafePath(folders.run), piece.leaves)
            # A checkpoint never changes once it has its name: those that came here stay there.
            new = {name: file for name, file in left.items() if piece.files.get(name) != file}
            return replace(returned, files=new)
        except OSError as error:
            return replace(returned, attempt=failed(error, started, time.time()))


def perform_at(at: Here, function: bytes, args: bytes) -> Any:
    """Call a pickled function somewhere: what a slot does."""
    if at.current is not None:
        with suppress(OSError):
            os.chdir(at.current)
    token = _here.set(at)
    try:
        return pickle.loads(function)(*pickle.loads(args))  # noqa: S301 (from the search)
    finally:
        _here.reset(token)


@contextmanager
def _working(post: Post, piece: Piece) -> Iterator[Folders | None]:
    """The folders that a piece works in; None where those of the search are here."""
    if post.site.shared:
        yield None
        return
    scratch = Path(post.site.scratch)
    data = scratch / (post.data or "no-data")
    with tempfile.TemporaryDirectory(
        prefix="piece-", dir=scratch, ignore_cleanup_errors=True
    ) as folder:
        run = Path(folder)
        for name in ("logs", "state"):
            (run / name).mkdir()
        _lay_out(run, piece.files)
        yield Folders(run, data)


def _lay_out(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, by their paths in it."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def name_of(content: Mapping[str, Any]) -> str:
    """A name that tells some files from others, by their paths and by what they hold."""
    return sha256(repr(sorted(content.items())).encode()).hexdigest()[:32]


def gathered(run: SafePath, leaves: Sequence[str]) -> dict[str, bytes]:
    """The plain files at or below some paths of a folder, by their paths in it.

    What a training left at its end, "final", is left out where it would be too much.

    Raises:
        OSError: there is more than `MOST_BYTES`.
    """
    names, waiting = list[str](), list(reversed(leaves))
    while waiting:
        name = waiting.pop()
        path = run / name
        if path.is_folder():
            waiting += [f"{name}/{each}" for each in reversed(path.names())]
        elif path.is_file():  # no link, no socket
            names.append(name)
    found: dict[str, bytes] = {}
    total = 0
    for name in sorted(names, key=_is_final):
        found[name] = (run / name).read_bytes()
        total += len(found[name])
        if total > MOST_BYTES and _is_final(name):
            return {name: content for name, content in found.items() if not _is_final(name)}
        if total > MOST_BYTES:
            raise OSError(
                "the checkpoint folder, and the trial's own, must hold at most "
                f"{MOST_BYTES // 2**20} MiB where the run's folder is not shared, found more; put "
                "the runs into a folder that all machines see (--runs-dir)"
            )
    return found


def _is_final(name: str) -> bool:
    """Whether a file is of what a training left at its end: state/TRAINING/final/..."""
    top, *below = name.split("/")
    return top == "state" and below[1:2] == ["final"]


def code_here(home: str, code: Mapping[str, bytes], scratch: Path) -> str:
    """The folder with the user's code at this worker: where it was, or a copy of what was sent.

    Args:
        home: where it was.
        code: the files, by their paths in it.
        scratch: a folder for the copy, which is made once.
    """
    if all(_holds(Path(home, name), content) for name, content in code.items()):
        return home
    copy = scratch / f"code-{name_of(code)}"
    if not copy.is_dir():
        made = Path(tempfile.mkdtemp(prefix="code-", dir=scratch))
        _lay_out(made, code)
        with suppress(OSError):  # another piece was first
            made.rename(copy)
        shutil.rmtree(made, ignore_errors=True)
    os.utime(copy)
    return str(copy)


def _holds(path: Path, content: bytes) -> bool:
    with suppress(OSError):
        return path.read_bytes() == content
    return False


def _attempted(
    slot: Slot, task: Task, unwanted: Callable[[], bool]
) -> tuple[bytes | Attempt, float]:
    """Train a task in a slot, a second time if the slot's process dies; and when it began."""
    try:
        slot.take(task)
        done: bytes | Attempt | None = None
        while done is None:
            heard = wait([slot.connection], max(0.0, min(LOOK, slot.seconds_left)))
            try:
                if heard:
                    done = slot.receive_bytes()
                elif slot.seconds_left <= 0:
                    done = slot.overdue()
                elif not slot.alive:
                    raise WorkerLostError(slot.wait())
                elif unwanted():
                    slot.kill()
                    done = Attempt("died", None, "Cancelled", None, slot.started, time.time())
            except WorkerLostError as loss:
                done = slot.retry_or_give_up(loss)
        return done, slot.started
    except Exception as error:  # the machine has no room for another process, say
        now = time.time()
        return failed(error, now, now), now


def _unwanted(worker: Worker, key: str) -> bool:
    """Whether nobody waits for a task any more: it was cancelled, or the worker closes."""
    from distributed import Status

    known = worker.state.tasks.get(key)
    running = worker.status in (Status.running, Status.paused, Status.closing_gracefully)
    return known is None or known.state not in ("executing", "long-running") or not running
