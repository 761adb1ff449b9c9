"""Ctrl-C and other signals: the first ends a search with nothing lost, the second at once."""

from __future__ import annotations

import atexit
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from hpsearch.backends import kill_workers

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
SIGNALS = (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()))


class StoppedByHandError(KeyboardInterrupt):
    """Somebody ended the search from elsewhere, with `hpsearch stop`; it ends as by Ctrl-C."""


at_once: list[Callable[[], object]] = []
"""Is called before a second signal ends this process: what must not be left as it is."""


@dataclass
class _Heard:
    """The signals received since `listening` began; one object, as signals are the process's."""

    signals: int = 0
    shields: int = 0
    raised: bool = False

    def interrupt(self) -> None:
        """Raise the interrupt, once, unless something is shielded from it."""
        if self.signals and not self.shields and not self.raised:
            self.raised = True
            raise KeyboardInterrupt


_heard = _Heard()


@contextmanager
def listening() -> Iterator[None]:
    """Treat SIGINT, SIGTERM and SIGHUP as a request to stop, until the end of the block.

    The first raises KeyboardInterrupt in the main thread; the next ends this process and its
    workers at once, with status 130. A signal that was ignored stays so: that is how `nohup`
    and a script's background jobs ask to be left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what a signal does
        return
    global _heard
    _heard = _Heard()
    before = {each: signal.getsignal(each) for each in SIGNALS}
    taken = [each for each, handler in before.items() if handler is not signal.SIG_IGN]
    for each in taken:
        signal.signal(each, _hear)
    try:
        yield
    finally:
        atexit.unregister(_leave_quietly)
        atexit.register(_leave_quietly)
        for each in taken:
            signal.signal(each, before[each] or signal.SIG_DFL)


@contextmanager
def shielded() -> Iterator[None]:
    """Let the first interrupt wait until the end of the block, which must be short."""
    heard = _heard
    heard.shields += 1
    try:
        yield
    finally:
        heard.shields -= 1
    heard.interrupt()


def _hear(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (as signal calls it)
    _heard.signals += 1
    if _heard.signals > 1:
        kill_workers()
        for last in at_once:
            with suppress(Exception):
                last()
        with suppress(OSError):  # the terminal may be gone
            os.write(2, b"\nhpsearch: ended at once; all that was recorded is on disk\n")
        os._exit(INTERRUPTED)
    _heard.interrupt()


def _leave_quietly() -> None:
    """Restore the default handlers: a signal while Python shuts down needs no message."""
    for each in SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, signal.SIG_DFL)
