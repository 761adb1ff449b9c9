"""A worker process of the local backend: one call at a time, and never longer than its parent."""

from __future__ import annotations

import marshal
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn

from hpsearch.backends.attempt import Attempt, attempt, failed
from hpsearch.backends.memory import limit_memory
from hpsearch.backends.threads import limit_threads

READY = b""
"""The first message of a worker: it has started and waits for a call. Another says why not."""

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def serve(descriptor: int, parent: int, threads: int, memory: int | None) -> None:
    """Answer calls until the parent closes the connection: the worker's whole life.

    Args:
        descriptor: of the connection, which brings calls and takes answers, both pickled.
        parent: the parent's process number.
        threads: of BLAS, for good.
        memory: most bytes of data this process may hold, None for no limit; see `limit_memory`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whether to stop is the parent's decision
    die_with(parent)
    die_before(parent)
    os.set_inheritable(descriptor, False)  # what a user's code starts shall not hold it open
    limit_threads(threads)
    problem = None if memory is None else limit_memory(memory)
    connection = Connection(descriptor)
    try:
        connection.send_bytes(READY if problem is None else problem.encode())
        while problem is None:
            connection.send_bytes(perform(connection.recv_bytes()))
    except (EOFError, OSError):
        return  # the parent closed the connection, or is gone


def perform(call: bytes) -> bytes | memoryview:
    """Attempt a pickled `(function, args)` and pickle the `Attempt`.

    A call that cannot be unpickled here and a value that cannot be pickled are its errors.
    """
    done = attempt(_load_and_call, (call,))
    try:
        return pickle.dumps(done, pickle.HIGHEST_PROTOCOL)
    except BaseException:  # perhaps a class of the user's script: only loky's pickler takes those
        try:
            return dumps(done)
        except BaseException as error:  # whatever a user's __reduce__ raises
            return pickle.dumps(failed(error, done.start, done.end))


def load_attempt(message: bytes, started: float) -> Attempt:
    """Read a worker's answer; a value whose class cannot be made here becomes an error.

    Args:
        message: what the worker sent.
        started: when the worker got the call, for an answer that does not tell.
    """
    try:
        done: Attempt = pickle.loads(message)  # noqa: S301 (from our own worker)
    except Exception as error:
        return failed(error, started, time.time())
    return done


def dumps(value: object) -> memoryview:
    """Pickle with loky's pickler, which copies functions and classes of a user's script.

    Plain pickle would name them, and a worker does not run the script that defines them. Code
    goes as marshal has it, since cloudpickle forgets the file that a traceback is to show.
    A socket or pipe is refused, as plain pickle does: loky's copy of one can be read once only,
    and by no worker of ours.
    """
    from multiprocessing.connection import Connection
    from socket import socket

    from joblib.externals.loky.backend import reduction

    reducers = {CodeType: _reduced, socket: _refused, Connection: _refused}
    pickled: memoryview = reduction.dumps(value, reducers=reducers)
    return pickled


def _refused(value: object) -> NoReturn:
    raise TypeError(f"cannot pickle {type(value).__name__!r} object")


def _reduced(code: CodeType) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
    return marshal.loads, (marshal.dumps(code),)  # one interpreter writes and reads it


def die_with(parent: int) -> None:
    """Make sure that this process ends when its parent does, however that ends.

    On Linux the kernel sees to it, so it holds in C code, too; the death of the parent's
    thread that started this process counts. Elsewhere a thread looks every second.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def die_before(parent: int) -> None:
    """Where memory runs out, let Linux end this process and not the parent, who can go on."""
    with suppress(OSError):
        score = int(Path(f"/proc/{parent}/oom_score_adj").read_text())
        Path("/proc/self/oom_score_adj").write_text(str(min(1000, score + 500)))


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _load_and_call(call: bytes) -> Any:
    function, args = pickle.loads(call)  # noqa: S301 (from our own parent, over a private pipe)
    return function(*args)
