"""The report's page while a search runs: rewritten now and then, for next to no time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from hpsearch.searching.events import Event, SearchStarted
from hpsearch.store import RunDirectory

EVERY = 5.0  # seconds between two pages, at least
SHARE = 0.02  # of the time gone by may be spent on pages
FIRST = 0.25  # seconds that a page is taken to cost before one was written

Write = Callable[[RunDirectory, float | None], object]


class LiveReport:
    """Rewrites a run's page as its search goes on; call it with each event.

    A page is written only if it fits into SHARE of the time since the search began, judged by
    what the page before it cost: a long report, which costs more, comes less often. A page that
    cannot be written does not end the search; `problem` then says why.
    """

    def __init__(self, write: Write | None = None, clock: Callable[[], float] = time.perf_counter):
        self._write = write or _write
        self._clock = clock
        self._run: RunDirectory | None = None
        self._began = self._last = self._spent = 0.0
        self._cost = FIRST
        self.problem: str | None = None

    def __call__(self, event: Event) -> None:
        """Write a page if there is time for one."""
        now = self._clock()
        if isinstance(event, SearchStarted):
            self._run = event.run
            self._began = self._last = now
        elif self._due(now):
            self._page(refresh=max(EVERY, self._cost / SHARE))

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
        return self._spent + self._cost <= SHARE * (now - self._began)

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


def _write(run: RunDirectory, refresh: float | None) -> None:
    from hpsearch.report.html.write import write_page

    write_page(run, refresh=refresh)
