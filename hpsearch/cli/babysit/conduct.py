"""Watching a babysat model from the terminal until it ends, is stopped or interrupted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from hpsearch.cli.babysit.plain import Plain
from hpsearch.config import Config
from hpsearch.data.dataset import Dataset
from hpsearch.errors import as_argument
from hpsearch.report.escape import echo
from hpsearch.report.live import BABYSIT_SHARE, LiveReport
from hpsearch.report.numbers import number
from hpsearch.searching.babysit.session import Session
from hpsearch.searching.babysit.start import at_work
from hpsearch.searching.babysit.story import read
from hpsearch.searching.events import Event
from hpsearch.store import RunDirectory
from hpsearch.store.requests import Request
from hpsearch.trial import Status


class View(Protocol):
    """What shows a model, and hears what is asked by keys."""

    def notify(self, event: Event) -> None:
        """Take in an event."""
        ...

    def say(self, text: str) -> None:
        """Say what was done."""
        ...

    def hear(self, session: Session) -> Sequence[Request]:
        """What was asked by keys since the last time."""
        ...

    def show(self, session: Session) -> None:
        """Show the model as it is now; it is called several times a second."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""
        ...


def view(quiet: bool) -> View:
    """What suits the terminal, or its absence."""
    streams = sys.stdin, sys.stderr
    shows = all(stream is not None and stream.isatty() for stream in streams)
    if quiet or not shows or os.environ.get("TERM", "") in ("", "dumb"):
        return Plain(quiet)
    try:
        from hpsearch.cli.babysit.terminal import Terminal
    except ImportError:  # a system without termios
        return Plain(quiet)
    return Terminal()


def tend(
    run: RunDirectory,
    quiet: bool,
    begin: Callable[[Session], None],
    config: Config | None = None,
    dataset: Dataset | None = None,
) -> None:
    """Train a babysat model to its end, and do what is asked of it; its page shows it meanwhile.

    Args:
        run: of the model.
        quiet: show only trouble.
        begin: is called with the session before anything is trained.
        config: its configuration, perhaps with other `parallel` settings.
        dataset: its data; None to read it.
    """
    shown, live, drawn = view(quiet), LiveReport(share=BABYSIT_SHARE), None
    try:
        with at_work(run, shown.notify, shown.say, config, dataset) as session:
            begin(session)
            live.begin(run)
            while not session.over:
                session.hear(shown.hear(session))
                session.turn()
                shown.show(session)
                if session.standing != drawn and live.look():
                    drawn = session.standing
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "interrupted; all that was trained is on disk. Go on with: "
            f"hpsearch resume {as_argument(run.path)}"
        ) from None
    finally:
        shown.close()
        live.close()
        if live.problem is not None and (run.inside / "run.json").exists():
            echo(f"{run.report} could not be written: {live.problem}", err=True)
    tell_end(run)


def tell_end(run: RunDirectory) -> None:
    """Say what became of a model, on the standard output."""
    story = read(run)
    path = as_argument(run.path)
    if story.best is None:
        echo(f"{run.path}: no epoch has a finite {story.criterion.name}")
        return
    best, name = story.best, story.criterion.name
    of = f" of branch {best.trial}" if len(story.lines.all) > 1 else ""
    value = number(story.value(best))
    echo(f"best {name} {value} after epoch {best.epoch}{of}, kept in {run.best}")
    fate = story.results.get(story.number)
    if story.epoch < story.epochs and fate is not None and fate.status is Status.COMPLETED:
        echo(
            f"it ended by itself after epoch {story.epoch} of {story.epochs}; change what ended "
            f"it with: hpsearch steer {path} --set NAME=VALUE, or go back with --branch EPOCH"
        )
        return
    longer = "" if story.epoch < story.epochs else f" --epochs {2 * story.epochs}"
    echo(f"go on with: hpsearch resume {path}{longer}")
