"""`hpsearch refine`: a new search, narrowed around the best trials of a run."""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.cli.conduct import watching
from hpsearch.cli.options import (
    OUTPUT,
    Whole,
    aside,
    backend_option,
    claimed,
    force_option,
    jobs_option,
    name_option,
    quiet_option,
    run_argument,
    runs_dir_option,
    scheduler_option,
    set_option,
    trust_option,
)
from hpsearch.cli.preview import show_refinement
from hpsearch.errors import as_argument
from hpsearch.report.escape import echo
from hpsearch.searching.launch import launch, prepare_refinement
from hpsearch.store import as_yaml, find


@click.command()
@run_argument
@name_option
@runs_dir_option
@click.option("--top", type=Whole(1),
              help="How many of the best trials set the region.  [default: a tenth]")  # fmt: skip
@click.option("--trials", "-n", type=Whole(), help="How many settings to try.  [default: as RUN]")
@click.option("--widen", is_flag=True, help="Reach past bounds that the best press against.")
@set_option
@jobs_option
@backend_option
@scheduler_option
@quiet_option
@trust_option
@click.option("--dry-run", is_flag=True, help="Show the narrowed space; train nothing.")
@click.option("--write", type=OUTPUT, metavar="FILE",
              help="Write the narrowed configuration to a file; train nothing.")  # fmt: skip
@force_option
def refine(
    run: str | None,
    name: str | None,
    runs_dir: Path,
    top: int | None,
    trials: int | None,
    widen: bool,
    overrides: tuple[str, ...],
    jobs: int | None,
    backend: str | None,
    scheduler: str | None,
    quiet: bool,
    trust: bool,
    dry_run: bool,
    write: Path | None,
    force: bool,
) -> None:
    """Search again, narrowed around the best trials of RUN.

    RUN is a folder or a name, the newest if left out. Its trials inside the new space count as
    history, where the training is the same. Of a babysat model the region is around the setting
    of its best epoch, which is trained first.
    """
    to = claimed(write, force)
    parent = find(run, runs_dir)
    prepared = prepare_refinement(
        parent,
        overrides,
        top=top,
        widen=widen,
        trust=trust,
        look=dry_run or to is not None,
        trials=trials,
        jobs=jobs,
        backend=backend,
        scheduler=scheduler,
    )
    refinement = prepared.refinement
    assert refinement is not None
    with aside(to):
        show_refinement(refinement)
    if to is not None:
        best = ", ".join(str(elite.number) for elite in refinement.elites)
        whose = f"its trials {best}"
        if (point := refinement.setting_of) is not None:
            whose = f"branch {point.trial} at epoch {point.epoch}"
        header = f"# {parent.name}, narrowed around {whose}\n"
        with to.text() as file:
            file.write(header + as_yaml(refinement.config.as_dict()))
        if not to.is_stream:
            echo(f"wrote {write}; search it with: hpsearch run {as_argument(write)}", err=True)
    elif not dry_run:
        with watching(quiet) as notify:
            launch(prepared, runs_dir, name, notify)
