"""How a search is going, on stderr: a bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import replace
from math import ceil
from typing import Any

from tqdm import tqdm

from hpsearch.messages import counted, printable
from hpsearch.report.escape import echo, lines_printable
from hpsearch.report.headline import confirmation_of
from hpsearch.report.live import last_values
from hpsearch.report.numbers import number, rough
from hpsearch.report.text import WIDTH
from hpsearch.searching.events import (
    ConfirmationStarted,
    Event,
    FilesChanged,
    Remarked,
    RoundStarted,
    SearchEnded,
    SearchStarted,
    TrialAdded,
    TrialEnded,
    TrialsReported,
    TrialWentOn,
)

PATIENCE = 1.0  # seconds of silence while trials are read back
RUNNING = "{desc}|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
"""The bar beside the values of running trials: without percentage and speed, to have room."""
SHORTEST = 3  # characters of its graph then
LINES = 20  # at most so many plain lines, and one at the end, however many trials


class Progress:
    """Shows events; call it with each of them."""

    def __init__(self, quiet: bool = False):
        self._quiet = quiet
        self._closed = False  # the terminal is gone
        self._bar: Any = None
        self._trials = self._done = 0
        self._round = self._best = ""
        self._started = time.monotonic()
        self._before = 0  # trials that were done when the search went on
        self._said = False  # that they are read back
        self._running: TrialsReported | None = None
        self._parent: tuple[str, int] | None = None  # its name, and the first number not its own

    def __call__(self, event: Event) -> None:
        """Show one event; once the terminal is gone, the search goes on in silence.

        With `quiet` no progress is shown; trouble is.
        """
        if self._closed or (self._quiet and not isinstance(event, FilesChanged | Remarked)):
            return
        try:
            self._show(event)
        except OSError:  # the terminal was closed
            self._bar, self._closed = None, True

    def _show(self, event: Event) -> None:
        if isinstance(event, SearchStarted):
            self._begin(event)
        elif isinstance(event, RoundStarted):
            self._round = f"round {event.round.number + 1}/{event.rounds}"
            if self._bar is not None:
                self._bar.set_description(self._round)
            elif self._reads_back(event):
                self._said = True
                echo(f"{self._round}: reading back {self._before} trials from disk", err=True)
        elif isinstance(event, TrialEnded):
            self._ended(event)
        elif isinstance(event, TrialsReported):
            self._show_running(event)
        elif isinstance(event, TrialAdded):
            self._trials += 1
            if self._bar is not None:
                self._bar.total += 1
        elif isinstance(event, TrialWentOn):
            self._done -= 1
            if self._bar is not None:
                self._bar.update(-1)
        elif isinstance(event, ConfirmationStarted):
            self.close()
            best = "the best" if event.settings == 1 else f"the best {event.settings}"
            again = (
                "a new training" if event.trainings == 1 else f"{event.trainings} new trainings"
            )
            echo(f"confirming {best} with {again}", err=True)
        elif isinstance(event, FilesChanged | Remarked):
            if self._bar is None:
                echo(event.message, err=True)
            else:
                self._bar.write(lines_printable(event.message), file=sys.stderr)
        elif isinstance(event, SearchEnded):
            self.close()
            if confirmed := confirmation_of(event.run):
                echo(confirmed, err=True)

    def close(self) -> None:
        """Leave the bar as it is and go to the next line."""
        bar, self._bar = self._bar, None
        if bar is not None:
            with suppress(OSError):
                bar.close()

    def _reads_back(self, event: RoundStarted) -> bool:
        """Whether to say that finished trials are read back from disk: once, if it takes long."""
        on_disk = event.round.progress * self._trials < self._before
        late = time.monotonic() - self._started > PATIENCE
        return on_disk and late and not self._said

    def _begin(self, event: SearchStarted) -> None:
        self._trials, self._done, self._before = event.trials, event.done, event.done
        self._started = time.monotonic()
        info = event.run.info
        if info.parent:
            self._parent = info.parent, info.plan[0].first
        jobs = "1 at a time" if event.jobs == 1 else f"{event.jobs} at a time"
        echo(f"{event.run.path}: {counted(event.trials, 'trial')}, {jobs}", err=True)
        if sys.stderr is not None and sys.stderr.isatty():
            self._bar = tqdm(total=event.trials, initial=event.done, unit="trial")

    def _owner(self, event: TrialEnded) -> str:
        """The parent's name, where the best trial is one of the parent of a refined run."""
        if self._parent is None or event.best is None or event.best.number >= self._parent[1]:
            return ""
        return f" of {printable(self._parent[0])}"

    def _show_running(self, event: TrialsReported) -> None:
        """Show the last values of running trials on the bar; plain lines are no more for them."""
        self._running = event
        if self._bar is not None and self._dress():
            self._bar.refresh()

    def _dress(self) -> bool:
        """Say on the bar what is best and, where there is room, what runs; whether that is new."""
        bar, before = self._bar, (self._bar.bar_format, self._bar.postfix)
        bar.bar_format = RUNNING
        bar.set_postfix_str(self._best, refresh=False)
        values = ""
        if self._running is not None:
            shown = {**bar.format_dict, "bar_format": RUNNING.replace("{bar}", "")}
            room = (shown["ncols"] or WIDTH) - len(tqdm.format_meter(**shown)) - SHORTEST - 2
            values = last_values(self._running, room)
        if not values:
            bar.bar_format = None
        elif self._best:
            values = f"{self._best}, {values}"
        bar.set_postfix_str(values or self._best, refresh=False)
        return before != (bar.bar_format, bar.postfix)

    def _ended(self, event: TrialEnded) -> None:
        self._done += 1
        best = "none yet"
        if event.best is not None:
            best = f"{number(event.best.value)} (trial {event.best.number}{self._owner(event)})"
        if self._bar is not None:
            self._best = f"best {best}"
            if self._running:
                others = [r for r in self._running.running if r.number != event.result.number]
                self._running = replace(self._running, running=tuple(others))
            self._dress()
            self._bar.update()
            return
        step = ceil(self._trials / LINES)
        if self._done % step == 0 or self._done == self._trials:
            speed = (self._done - self._before) / max(1e-9, time.monotonic() - self._started)
            speed_text = rough(speed)
            echo(
                f"{self._round}: {self._done}/{counted(self._trials, 'trial')}, best {best}, "
                f"{speed_text} {'trial' if speed_text == '1' else 'trials'}/s",
                err=True,
            )
