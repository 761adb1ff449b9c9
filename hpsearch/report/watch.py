"""A run as it goes on, told again and again until it has ended."""

from __future__ import annotations

import sys
import time

from hpsearch.report.summary import Summary, summarise
from hpsearch.report.terminal import brief
from hpsearch.store import RunDirectory

EVERY = 2.0  # seconds between two looks, at least
SHARE = 0.1  # of the time may go into looking


def watch(run: RunDirectory) -> None:
    """Show a run until it is no longer running.

    A terminal shows the latest state in place of the one before; elsewhere there is a line
    whenever something has changed.
    """
    try:
        _watch(run, sys.stdout.isatty())
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped watching; the search goes on") from None


def _watch(run: RunDirectory, on_terminal: bool) -> None:
    before = None
    while True:
        started = time.perf_counter()
        summary = summarise(run)
        if summary.info["status"] != "running":
            return
        if (now := (len(summary.results), summary.best)) != before or on_terminal:
            _show(summary, on_terminal)
        before = now
        time.sleep(max(EVERY, (time.perf_counter() - started) / SHARE))


def _show(summary: Summary, on_terminal: bool) -> None:
    if on_terminal:
        sys.stdout.write("\x1b[H\x1b[2J")  # the cursor at the top of an empty screen
    brief(summary, whole=on_terminal)
