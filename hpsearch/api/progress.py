"""How a search from Python is going: tqdm's bar, which in Jupyter is a widget."""

from __future__ import annotations

import sys
import warnings
from types import TracebackType
from typing import Any, Self

from hpsearch.report.headline import confirmation_of
from hpsearch.report.live import last_values
from hpsearch.report.numbers import number
from hpsearch.searching.events import (
    ConfirmationStarted,
    Event,
    RoundStarted,
    RunOpened,
    SearchEnded,
    SearchStarted,
    TrialAdded,
    TrialEnded,
    TrialsReported,
    TrialWentOn,
)

ROOM = 20  # characters for the last values of running trials


class Bar:
    """Shows events on one bar for as long as it is entered; call it with each of them."""

    def __init__(self, show: bool = True):
        self._show = show
        self._bar: Any = None
        self._best = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, RunOpened) and event.unsealed is not None:
            warnings.warn(event.unsealed, stacklevel=to_the_caller())
        if not self._show:
            return
        if isinstance(event, SearchStarted):
            from tqdm.auto import tqdm

            self._bar = tqdm(total=event.trials, initial=event.done, unit="trial")
        elif self._bar is None:
            return
        elif isinstance(event, RoundStarted):
            self._bar.set_description(f"round {event.round.number + 1}/{event.rounds}")
        elif isinstance(event, TrialEnded):
            if event.best is not None:
                self._best = f"best {number(event.best.value)} (trial {event.best.number})"
            self._bar.set_postfix_str(self._best, refresh=False)
            self._bar.update()
        elif isinstance(event, TrialsReported):
            shown = [text for text in (self._best, last_values(event, ROOM)) if text]
            self._bar.set_postfix_str(", ".join(shown))
        elif isinstance(event, TrialAdded):
            self._bar.total += 1
        elif isinstance(event, TrialWentOn):
            self._bar.update(-1)
        elif isinstance(event, ConfirmationStarted):
            self._bar.set_description("confirming the best")
        elif isinstance(event, SearchEnded):
            if confirmed := confirmation_of(event.run):
                self._bar.set_postfix_str(confirmed)
            self.close()

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def told(text: str) -> None:
    """Warn the code that called hpsearch."""
    warnings.warn(text, stacklevel=to_the_caller())


def to_the_caller() -> int:
    """The `stacklevel` of `warnings.warn` at which the code that called hpsearch stands."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals["__name__"].startswith("hpsearch."):
        frame, level = frame.f_back, level + 1
    return level
