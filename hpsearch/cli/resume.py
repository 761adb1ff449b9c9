"""`hpsearch resume`: finish a run that was interrupted."""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.cli.options import (
    backend_option,
    jobs_option,
    quiet_option,
    run_argument,
    runs_dir_option,
)


@click.command()
@run_argument
@runs_dir_option
@jobs_option
@backend_option
@quiet_option
def resume(
    run: str | None, runs_dir: Path, jobs: int | None, backend: str | None, quiet: bool
) -> None:
    """Finish RUN, a folder or a name; the newest if left out.

    What finished before is not trained again, and the result is what it would have been.
    """
    from hpsearch.cli.conduct import conduct
    from hpsearch.config import from_mapping
    from hpsearch.searching.own import settled
    from hpsearch.store import find

    found = find(run, runs_dir)
    info = found.info
    if info["status"] == "finished":
        click.echo(
            f"{found.path} is finished; see it with: hpsearch report {found.path}", err=True
        )
        return
    parallel = {"jobs": jobs, "backend": backend}
    given = {key: value for key, value in parallel.items() if value is not None}
    tree = {**info["config"], "parallel": {**info["config"]["parallel"], **given}}
    conduct(found, settled(from_mapping(tree)), quiet=quiet)
