"""What run, resume and refine have in common: do the search, watch it, say what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpsearch.errors import RunError, as_argument
from hpsearch.report.escape import echo

if TYPE_CHECKING:
    from hpsearch.config import Config
    from hpsearch.data.dataset import Dataset
    from hpsearch.searching.events import Event
    from hpsearch.store import RunDirectory


def conduct(
    run: RunDirectory, config: Config, dataset: Dataset | None = None, quiet: bool = False
) -> None:
    """Do a search to its end and print its summary; its page is kept up to date meanwhile.

    Raises:
        RunError: not one trial gave a finite value.
    """
    from hpsearch.cli.progress import Progress
    from hpsearch.report.advice import without_winner
    from hpsearch.report.live import LiveReport
    from hpsearch.report.summary import summarise
    from hpsearch.report.terminal import show
    from hpsearch.searching.session import conduct as search
    from hpsearch.searching.spec import shortage
    from hpsearch.searching.trust import unsealed

    if run.rules > 1 and (fewer := shortage(config, [line["params"] for line in run.history])):
        echo(f"! {fewer}", err=True)
    if note := unsealed(run):
        echo(note, err=True)
    progress, live = Progress(quiet), LiveReport()

    def tell(event: Event) -> None:
        progress(event)
        live(event)

    try:
        search(run, tell, config, dataset)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "interrupted; all that finished is on disk. Go on with: "
            f"hpsearch resume {as_argument(run.path)}"
        ) from None
    finally:
        progress.close()
        live.close()
        if live.problem is not None and run.path.is_dir():
            echo(f"{run.report} could not be written: {live.problem}", err=True)
    summary = summarise(run)
    show(summary)
    if summary.best is None:
        raise RunError(without_winner(run.path, config, summary.results))
