"""What run, resume and refine have in common: do the search, watch it, say what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpsearch.errors import RunError

if TYPE_CHECKING:
    from hpsearch.config import Config
    from hpsearch.data.dataset import Dataset
    from hpsearch.store import RunDirectory


def conduct(
    run: RunDirectory, config: Config, dataset: Dataset | None = None, quiet: bool = False
) -> None:
    """Do a search to its end and print its summary.

    Raises:
        RunError: not one trial gave a finite value.
    """
    from hpsearch.cli.progress import Progress
    from hpsearch.report.summary import summarise
    from hpsearch.report.terminal import show
    from hpsearch.searching.session import conduct as search

    progress = Progress(quiet)
    try:
        search(run, progress, config, dataset)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted; all that finished is on disk. Go on with: hpsearch resume {run.path}"
        ) from None
    finally:
        progress.close()
    summary = summarise(run)
    show(summary)
    if summary.best is None:
        raise RunError(
            f"{run.path}: no trial was completed with a finite {config.metric.name}; "
            "see the counts above and logs/log.txt, then narrow the space, for example "
            "to smaller learning rates"
        )
