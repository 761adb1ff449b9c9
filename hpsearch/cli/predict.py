"""`hpsearch predict`: label new rows with the winner."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import click

from hpsearch.cli.options import OUTPUT, claimed, force_option, runs_dir_option, trust_option, warn
from hpsearch.report.escape import echo, printable


@click.command()
@click.argument("run")
@click.argument("data")
@runs_dir_option
@click.option("--output", "-o", type=OUTPUT, metavar="FILE",
              help="A CSV file to write.  [default: print]")  # fmt: skip
@force_option
@click.option("--probabilities", "-p", is_flag=True, help="A column for each class, too.")
@trust_option
def predict(
    run: str,
    data: str,
    runs_dir: Path,
    output: Path | None,
    force: bool,
    probabilities: bool,
    trust: bool,
) -> None:
    """Label the rows of DATA with RUN's winner, as CSV.

    RUN is a folder, a name, or a model.npz. Each row of the output has the predicted label
    and its probability; rows keep their order.
    """
    from hpsearch.data.encoding import batches, surprises
    from hpsearch.data.open import open_new
    from hpsearch.searching.models import open_model

    to = claimed(output or Path("-"), force)
    model, encoding = open_model(run, runs_dir, trust)
    source, _ = open_new(data, encoding)
    warn(surprises(source, encoding))
    shown = printable if to.is_stdout and sys.stdout.isatty() else str  # a file has them as is
    names = [shown(name) for name in encoding.written]
    with to.text() as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["label", "probability", *(names if probabilities else ())])
        for X in batches(source, encoding):
            for row in model.probabilities(X):
                best = int(row.argmax())
                every = (f"{share:.6g}" for share in row) if probabilities else ()
                writer.writerow([names[best], f"{row[best]:.6g}", *every])
    if not to.is_stdout:
        echo(f"wrote {source.rows:,} labels to {output}", err=True)
