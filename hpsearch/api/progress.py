"""How a search from Python is going: tqdm's bar, which in Jupyter is a widget."""

from __future__ import annotations

from typing import Any

from hpsearch.report.headline import confirmation_of
from hpsearch.report.numbers import number
from hpsearch.searching.events import (
    ConfirmationStarted,
    Event,
    RoundStarted,
    SearchEnded,
    SearchStarted,
    TrialEnded,
    TrialWentOn,
)


class Bar:
    """Shows events on one bar; call it with each of them."""

    def __init__(self, show: bool = True):
        self._show = show
        self._bar: Any = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
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
                best = f"best {number(event.best.value)} (trial {event.best.number})"
                self._bar.set_postfix_str(best, refresh=False)
            self._bar.update()
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
