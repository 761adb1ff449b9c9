"""One process of a user's command: begun, watched, and ended with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import BinaryIO

from hpsearch.backends.worker import die_with
from hpsearch.errors import TrainerError
from hpsearch.store import SafePath

MOST = 64 * 2**20
"""Bytes that a command may print on stdout, and on stderr, in one piece of training."""

LOOK = 0.05
"""Seconds between two looks at how much there is."""


def output_of(
    words: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    stdout: SafePath,
    stderr: SafePath,
    most: int = MOST,
) -> str:
    """Run a command to its end and give what it printed; both streams are kept in files.

    The process leads a group of its own, in the session of this one. When it ends, whatever it
    left running in its group is ended, too; and where this process is a worker that is killed,
    the backend ends its whole session.

    Args:
        words: the program and its arguments, handed over as they are.
        folder: to run it in.
        environment: added to this process's.
        stdout: a file to append to.
        stderr: another one.
        most: bytes of either.

    Raises:
        TrainerError: it cannot be started, did not end with status 0, or printed too much.
    """
    with stdout.append() as out, stderr.append() as err:
        begun = out.seek(0, os.SEEK_END), err.seek(0, os.SEEK_END)
        try:
            process = subprocess.Popen(  # noqa: S603 (the user's own command; there is no shell)
                list(words),
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                process_group=0,
                # Where this process is killed outright, the command shall not train on for nobody.
                preexec_fn=partial(die_with, os.getpid()) if sys.platform == "linux" else None,
            )
        except (OSError, ValueError) as error:  # ValueError: a null byte in a value
            reason = error.strerror if isinstance(error, OSError) else error
            raise TrainerError(f"{words[0]}: cannot be run: {reason}") from None
        try:
            _watch(process, [(out.fileno(), begun[0]), (err.fileno(), begun[1])], most)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.returncode:
            raise TrainerError(_ending(process.returncode, _since(err, begun[1])))
        return _since(out, begun[0])


def _watch(process: subprocess.Popen[bytes], files: Sequence[tuple[int, int]], most: int) -> None:
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK)
            return
        for descriptor, begun in files:
            if os.fstat(descriptor).st_size - begun > most:
                os.killpg(process.pid, signal.SIGKILL)
                os.ftruncate(descriptor, begun + most)
                raise TrainerError(f"the command printed more than {most:,} bytes, and was ended")


def _since(file: BinaryIO, begun: int) -> str:
    file.seek(begun)
    return file.read().decode("utf-8", "replace")


def _ending(code: int, errors: str) -> str:
    if code > 0:
        how = f"ended with exit status {code}"
    else:
        names = {number.value: number.name for number in signal.Signals}
        how = f"was ended by {names.get(-code, f'signal {-code}')}"
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    last = "".join(c if c.isprintable() else "?" for c in lines[-1])[:200] if lines else ""
    return f"the command {how}" + (f"; its last words: {last}" if last else "")
