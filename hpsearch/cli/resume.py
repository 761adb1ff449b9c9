"""`hpsearch resume`: finish a run that was interrupted, or extend a finished one."""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.cli.babysit.conduct import tend
from hpsearch.cli.conduct import watching
from hpsearch.cli.options import (
    Whole,
    backend_option,
    jobs_option,
    quiet_option,
    run_argument,
    runs_dir_option,
    scheduler_option,
    trust_option,
)
from hpsearch.report.escape import echo
from hpsearch.report.summary import summarise
from hpsearch.report.terminal import show
from hpsearch.searching.babysit.start import check_length, reopen_model
from hpsearch.searching.babysit.start import go_on as take_up
from hpsearch.searching.launch import resume as go_on
from hpsearch.searching.repair import repair as mend
from hpsearch.searching.resume import on_with
from hpsearch.store import find


@click.command()
@run_argument
@runs_dir_option
@click.option("--trials", "-n", type=Whole(),
              help="Go on to so many trials in all, more than were planned.")  # fmt: skip
@click.option("--epochs", type=Whole(1),
              help="Of a babysat model: train so many epochs in all.")  # fmt: skip
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True,
              help="Change parallel.*, a time limit, or what ends the search.")  # fmt: skip
@click.option("--repair", is_flag=True,
              help="First set aside what is damaged in RUN; it is trained again.")  # fmt: skip
@jobs_option
@backend_option
@scheduler_option
@quiet_option
@trust_option
def resume(
    run: str | None,
    runs_dir: Path,
    trials: int | None,
    epochs: int | None,
    overrides: tuple[str, ...],
    repair: bool,
    jobs: int | None,
    backend: str | None,
    scheduler: str | None,
    quiet: bool,
    trust: bool,
) -> None:
    """Finish RUN, a folder or a name; the newest if left out.

    What finished before is not trained again, and the result is what it would have been.
    """
    found = find(run, runs_dir)
    if repair:
        for line in mend(found) or [f"{found.path}: nothing is damaged"]:
            echo(line, err=True)
    if found.info.babysit is not None:
        if trials is not None:
            raise click.UsageError("--trials goes with a search; a babysat model has --epochs")
        if epochs is not None:
            check_length(found, epochs)
        config = reopen_model(found, overrides, trust=trust, jobs=jobs, backend=backend)
        tend(found, quiet, lambda session: take_up(session, epochs), config)
        return
    if epochs is not None:
        raise click.UsageError("--epochs goes with a babysat model; a search has --trials")
    with watching(quiet) as notify:
        went_on = go_on(
            found,
            overrides,
            trials=trials,
            trust=trust,
            notify=notify,
            jobs=jobs,
            backend=backend,
            scheduler=scheduler,
        )
    if went_on:
        return
    echo(on_with(found), err=True)
    show(summarise(found))
