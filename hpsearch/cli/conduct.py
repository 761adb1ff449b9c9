"""Watching a search from the terminal: progress, the live page, and the summary at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hpsearch.cli.progress import Progress
from hpsearch.errors import as_argument
from hpsearch.report.escape import echo
from hpsearch.report.live import LiveReport
from hpsearch.report.summary import summarise
from hpsearch.report.terminal import show
from hpsearch.searching.events import Event, Listener, RunOpened, SearchEnded
from hpsearch.searching.interrupts import StoppedByHandError


@contextmanager
def watching(quiet: bool = False) -> Iterator[Listener]:
    """Give what a search is to notify; print its summary when it has ended.

    Its page is kept up to date meanwhile. After Ctrl-C a message says how to go on.
    """
    progress, live = Progress(quiet), LiveReport()
    run, ended = None, False

    def notify(event: Event) -> None:
        nonlocal run, ended
        if isinstance(event, RunOpened):
            run = event.run
            if event.shortage is not None:
                echo(f"! {event.shortage}", err=True)
            if event.unsealed is not None:
                echo(event.unsealed, err=True)
        ended = ended or isinstance(event, SearchEnded)
        progress(event)
        live(event)

    try:
        yield notify
    except KeyboardInterrupt as interrupt:
        if run is None:
            raise
        how = "stopped by hand" if isinstance(interrupt, StoppedByHandError) else "interrupted"
        raise KeyboardInterrupt(
            f"{how}; all that finished is on disk. Go on with: "
            f"hpsearch resume {as_argument(run.path)}"
        ) from None
    finally:
        progress.close()
        live.close()
        if run is not None and live.problem is not None and run.path.is_dir():
            echo(f"{run.report} could not be written: {live.problem}", err=True)
        if run is not None and ended:
            show(summarise(run))
