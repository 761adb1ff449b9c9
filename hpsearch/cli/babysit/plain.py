"""A babysat model in plain lines: off a terminal, where nobody presses keys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from hpsearch.errors import as_argument
from hpsearch.report.escape import echo
from hpsearch.report.numbers import number
from hpsearch.searching.babysit.session import Session
from hpsearch.searching.events import Event, FilesChanged, Remarked, RunOpened
from hpsearch.store.requests import Request

EVERY = 2.0
"""Seconds between two lines, at least; the first epoch and the last one always have one."""


class Plain:
    """What `babysit` and `resume` show off a terminal: a line now and then, and all that is done.

    Args:
        quiet: show only trouble.
    """

    def __init__(self, quiet: bool = False):
        self._quiet = quiet
        self._shown: tuple[int, int] | None = None
        self._begun = self._paused = False
        self._at = float("-inf")

    def notify(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, RunOpened) and event.unsealed is not None:
            tell(event.unsealed)
        if isinstance(event, FilesChanged | Remarked):
            tell(event.message)

    def say(self, text: str) -> None:
        """Say what was done."""
        if not self._quiet:
            tell(text)

    def hear(self, session: Session) -> Sequence[Request]:
        """What was asked by keys: nothing, as nobody presses any."""
        if not self._quiet and not self._begun:
            run = session.record.run.path
            tell(f"{run}: steer it with: hpsearch steer {as_argument(run)}")
        self._begun = True
        return ()

    def show(self, session: Session) -> None:
        """Show the model as it is now."""
        record = session.record
        if record.lines.paused and not self._paused:  # nobody here presses a key
            run = as_argument(record.run.path)
            tell(f"go on with: hpsearch steer {run} --continue")
        self._paused = record.lines.paused
        now = record.number, record.epoch
        early = time.monotonic() - self._at < EVERY and not session.over
        if self._quiet or now == self._shown or not record.epoch or early:
            return
        self._shown, self._at = now, time.monotonic()
        tell(line(session))

    def close(self) -> None:
        """Show nothing more."""


def tell(text: str) -> None:
    """Print to stderr; once nobody is there to read it, the training goes on in silence."""
    with suppress(OSError):
        echo(text, err=True)


def line(session: Session) -> str:
    """One line on the model as it is now."""
    story = session.story
    curve = story.curve(story.number)
    parts = [f"epoch {story.epoch}/{story.epochs}"]
    if story.number:
        parts[0] += f" of branch {story.number}"
    shown = dict.fromkeys(("train_loss", "val_loss", story.criterion.name))
    parts += [f"{name} {number(curve[name][-1])}" for name in shown if curve.get(name)]
    if story.best is not None:
        best = story.best
        parts.append(f"best {number(story.value(best))} (epoch {best.epoch})")
    if session.pace:
        parts.append(f"{number(session.pace)} s an epoch")
    return ", ".join(parts)
