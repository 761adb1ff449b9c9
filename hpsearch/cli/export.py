"""`hpsearch export`: a run for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.cli.options import RUN, force_option, runs_dir_option
from hpsearch.errors import as_argument
from hpsearch.exchange.formats import FORMATS, export_run
from hpsearch.messages import counted
from hpsearch.report.escape import echo
from hpsearch.store import find, is_run


@click.command()
@click.argument("run", type=RUN, metavar="[RUN]", nargs=-1)
@click.argument("target")
@click.option("--to", type=click.Choice([*FORMATS]), required=True,
              help="Which tool's format to write.")  # fmt: skip
@click.option("--name", help="What Optuna's study or MLflow's experiment is called.  "
              "[default: the run's name]")  # fmt: skip
@force_option
@runs_dir_option
def export(
    run: tuple[str, ...],
    target: str,
    to: str,
    name: str | None,
    force: bool,
    runs_dir: Path,
) -> None:
    """Write the trials of RUN to TARGET, for another tool.

    RUN is a folder or a name, the newest if left out. TARGET is a file for csv and parquet, a
    folder for tensorboard, a journal file (study.log) or a URL (sqlite:///study.db) for optuna,
    and a URL (sqlite:///mlflow.db) for mlflow. Nothing is overwritten, save a file of csv or
    parquet with --force.
    """
    if len(run) > 1:
        raise click.UsageError(f"export takes one RUN and one TARGET, found {len(run) + 1} words")
    if not run and (is_run(Path(target)) or is_run(runs_dir / target)):
        raise click.UsageError(
            f"Missing argument 'TARGET': {target} is a run. Write: "
            f"hpsearch export {as_argument(target)} --to {to} TARGET"
        )
    found = find(run[0] if run else None, runs_dir)
    written = export_run(found, to, target, name, force=force)
    if written.target == "-":  # and nothing is to be said of it
        return
    echo(
        f"wrote {counted(written.trials, 'trial')} of {found.name} to {written.target}; "
        f"see them with: {written.see}",
        err=True,
    )
