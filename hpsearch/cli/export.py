"""`hpsearch export`: a run for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.cli.options import RUN, force_option, runs_dir_option
from hpsearch.errors import as_argument
from hpsearch.exchange.formats import FORMATS, export_run
from hpsearch.messages import expanded
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
    """Write RUN's trials, or its winner, to TARGET for another tool.

    onnx takes the winner's network, the others take the trials. RUN is a folder or a name, the
    newest if left out; for onnx also a model.npz. TARGET is a file for csv, parquet and onnx, a
    folder for tensorboard, a journal file (study.log) or a URL (sqlite:///study.db) for optuna,
    and a URL (sqlite:///mlflow.db) for mlflow. Nothing is overwritten, save a file of csv,
    parquet or onnx with --force.
    """
    if len(run) > 1:
        raise click.UsageError(f"export takes one RUN and one TARGET, found {len(run) + 1} words")
    a_run = is_run(Path(target)) or is_run(runs_dir / target)
    if not run and (a_run or target.endswith(".npz")):
        raise click.UsageError(
            f"Missing argument 'TARGET': {target} is a {'run' if a_run else 'model'}. Write: "
            f"hpsearch export {as_argument(target)} --to {to} TARGET"
        )
    of_model = bool(run) and run[0].endswith(".npz")
    found = Path(expanded(run[0])) if of_model else find(run[0] if run else None, runs_dir)
    written = export_run(found, to, target, name, force=force)
    if written.target == "-":  # and nothing is to be said of it
        return
    echo(f"wrote {written.what} to {written.target}; {written.see}", err=True)
