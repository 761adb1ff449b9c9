"""A worker process of the local backend: one call at a time, for as long as its parent lives."""

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
from math import ceil
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn

from hpsearch.backends.attempt import attempt, failed
from hpsearch.backends.protocol import Attempt
from hpsearch.backends.threads import limit_threads

READY = b""
"""The first message of a worker that waits for a call. Any other says why it cannot work."""

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>

MEGABYTE = 2**20

ROOM = 40 * MEGABYTE
"""Bytes that a worker needs beside what it takes to start: at its first matrix product OpenBLAS
allocates 32 MB, and ends the process if it cannot."""


def serve(descriptor: int, parent: int, threads: int, memory: int | None) -> None:
    """Answer calls until the parent closes the connection: all that a worker does.

    Args:
        descriptor: of the connection, over which calls come and attempts go, both pickled.
        parent: the process number of the parent.
        threads: how many BLAS uses.
        memory: most bytes of data that this process may have, None for no limit; see
            `limit_memory`.
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
    """Unpickle `(function, args)`, call it, and pickle the `Attempt`.

    A call that cannot be unpickled or a value that cannot be pickled is an error of the attempt.
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
    """Unpickle what `perform` returned; if that fails here, the attempt has failed.

    Args:
        message: what the worker sent.
        started: when the worker got the call, in seconds since the epoch, for such a failure.
    """
    try:
        done: Attempt = pickle.loads(message)  # noqa: S301 (from our own worker)
    except Exception as error:
        return failed(error, started, time.time())
    return done


def dumps(value: object) -> memoryview:
    """Pickle with loky's pickler, which includes the functions and classes of a user's script.

    Plain pickle would only name them, and a worker does not run the script that defines them.
    Code is marshalled, as cloudpickle leaves out the file name that a traceback shows.

    Raises:
        TypeError: the value holds a socket or a pipe, which a worker could not use.
        Exception: whatever else the value raises when it is pickled.
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


def current_folder() -> str | None:
    """The folder that relative paths lead from in this process; None where it is gone."""
    with suppress(OSError):
        return str(Path.cwd())
    return None


def die_with(parent: int) -> None:
    """Make this process end when its parent ends, for whatever reason.

    On Linux the kernel kills it, also within C code; there it is the end of the parent's thread
    that started this process that counts. On other systems a thread checks every second.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def die_before(parent: int) -> None:
    """Let Linux end this process rather than its parent where memory runs out."""
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


def limit_memory(most: int) -> str | None:
    """Limit this process to so many bytes of data; Python raises MemoryError beyond them.

    Only Linux enforces this; elsewhere nothing is limited.

    Returns:
        None, or a message that the limit leaves too little to work with. In that case it is not
        set, so that the message can be sent.
    """
    if sys.platform != "linux":
        return None
    import resource

    taken = _data()
    if most < taken + ROOM:
        return (
            f"parallel.memory: must leave a worker {_shown(ROOM)} beyond the {_shown(taken)} that "
            f"it takes to start, found {_shown(most)} in all; allow at least "
            f"{_shown(taken + ROOM)}, and what your trials need"
        )
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    return None


def _data() -> int:
    """Bytes of data that this process has, as RLIMIT_DATA counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))


def _shown(amount: int) -> str:
    return f"{ceil(amount / MEGABYTE)}M"
