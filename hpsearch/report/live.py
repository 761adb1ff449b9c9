"""A report while its search runs: a page rewritten now and then, and a terminal that follows.

Both spend only a small share of the time, however long a report takes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, sleep

from hpsearch.report.findings import findings, write_report
from hpsearch.report.numbers import number
from hpsearch.searching.events import Event, SearchStarted, TrialsReported
from hpsearch.store import RunDirectory
from hpsearch.trainers.reporting import Latest

EVERY = 5.0  # seconds between two pages, at least
SHARE = 0.02  # of the time gone by may be spent on pages
BABYSIT_SHARE = 0.005  # likewise while one model trains, which waits meanwhile
FIRST = 0.25  # seconds that a page is taken to cost before one was written
WATCH_EVERY = 2.0  # seconds between two looks of `follow`, at least
WATCH_SHARE = 0.1  # of the time may go into looking

Write = Callable[[RunDirectory, float | None], object]


class LiveReport:
    """Rewrites a run's page as its search goes on; call it with each event.

    A page is written only if it fits into a share of the time since the search began, judged by
    what the page before it cost: a long report, which costs more, comes less often. A page that
    cannot be written does not end the search; `problem` then says why. Where there are no
    events, `begin` and `look` do the same.
    """

    def __init__(
        self,
        write: Write | None = None,
        clock: Callable[[], float] = perf_counter,
        share: float = SHARE,
    ):
        self._write = write or (lambda run, refresh: write_report(run, refresh=refresh))
        self._clock, self._share = clock, share
        self._run: RunDirectory | None = None
        self._began = self._last = self._spent = 0.0
        self._cost = FIRST
        self._running: tuple[Latest, ...] = ()  # as the page shows them
        self.problem: str | None = None

    def __call__(self, event: Event) -> None:
        """Write a page if there is time for one."""
        if isinstance(event, SearchStarted):
            self.begin(event.run)
        elif not isinstance(event, TrialsReported):
            self.look()
        elif event.running != self._running and self.look():
            self._running = event.running

    def begin(self, run: RunDirectory) -> None:
        """Keep the page of this run from now on."""
        self._run = run
        self._began = self._last = self._clock()

    def look(self) -> bool:
        """Write a page if there is time for one; gives whether there was."""
        due = self._due(self._clock())
        if due:
            self._page(refresh=max(EVERY, self._cost / self._share))
        return due

    def close(self) -> Path | None:
        """Write the page of a search that has ended, however it did; None if there is none."""
        if self._run is None:  # it never began: the run may be another process's
            return None
        self.problem = None
        self._page(refresh=None)
        return None if self.problem else self._run.report.path

    def _due(self, now: float) -> bool:
        if self._run is None or self.problem is not None or now - self._last < EVERY:
            return False
        return self._spent + self._cost <= self._share * (now - self._began)

    def _page(self, refresh: float | None) -> None:
        assert self._run is not None
        started = self._clock()
        try:
            self._write(self._run, refresh)
        except Exception as error:  # a picture is never worth a search
            self.problem = f"{type(error).__name__}: {error}"
        self._last = self._clock()
        self._cost = self._last - started
        self._spent += self._cost


def last_values(event: TrialsReported, room: int) -> str:
    """The last values of the trials at work in so many characters; empty if none fits or is known.

    >>> last = {"epoch": 1, "auc": 0.8123}
    >>> two = TrialsReported(tuple(Latest(n, 0, 0, 0, 9, last) for n in (7, 12)), "auc")
    >>> last_values(two, room=20), last_values(two, room=12), last_values(two, room=5)
    ('7: 0.812, 12: 0.812', '7: 0.812, +1', '')
    """
    values = {one.number: one.last.get(event.metric) for one in event.running}
    known = [f"{n}: {number(value, 3)}" for n, value in values.items() if value is not None]
    for shown in range(len(known), 0, -1):
        more = [f"+{len(known) - shown}"] if shown < len(known) else []
        text = ", ".join([*known[:shown], *more])
        if len(text) <= room:
            return text
    return ""


def follow(run: RunDirectory) -> None:
    """Follow a run on the terminal until it has ended.

    A terminal shows the latest state in place of the one before; elsewhere there is a line
    whenever something has changed.
    """
    on_terminal, before, work = sys.stdout.isatty(), None, "search"
    try:
        while True:
            started = perf_counter()
            found = findings(run)
            if found.info.status != "running":
                return
            now, work = found.standing, found.work
            if on_terminal:
                sys.stdout.write("\x1b[H\x1b[2J")  # the cursor at the top of an empty screen
            if on_terminal or now != before:
                found.show_progress(one_line=not on_terminal)
            before = now
            sleep(max(WATCH_EVERY, (perf_counter() - started) / WATCH_SHARE))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped watching; the {work} goes on") from None
