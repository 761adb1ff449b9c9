"""`hpsearch predict`: label new rows with the winner."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path

import click

from hpsearch.cli.options import (
    OUTPUT,
    RUN,
    claimed,
    force_option,
    runs_dir_option,
    trust_option,
    warn,
)
from hpsearch.data.encoding import batches, surprises
from hpsearch.data.open import open_fields, open_new
from hpsearch.messages import counted, printable
from hpsearch.report.escape import echo
from hpsearch.searching.models import open_model


@click.command()
@click.argument("run", type=RUN)
@click.argument("data")
@runs_dir_option
@click.option("--output", "-o", type=OUTPUT, metavar="FILE",
              help="A CSV file to write.  [default: print]")  # fmt: skip
@force_option
@click.option("--probabilities", "-p", is_flag=True, help="A column for each class, too.")
@click.option("--keep", "-k", multiple=True, metavar="COLUMN",
              help="A column of DATA to copy, such as an identifier; repeatable.")  # fmt: skip
@trust_option
def predict(
    run: str,
    data: str,
    runs_dir: Path,
    output: Path | None,
    force: bool,
    probabilities: bool,
    keep: tuple[str, ...],
    trust: bool,
) -> None:
    """Label the rows of DATA with RUN's winner, as CSV.

    RUN is a folder, a name, or a model.npz. Each row of the output has the predicted label
    and its probability; rows keep their order.
    """
    to = claimed(output or Path("-"), force)
    model, encoding = open_model(run, runs_dir, trust)
    source, _ = open_new(data, encoding, labels=False)
    keep = tuple(dict.fromkeys(keep))
    kept = iter(open_fields(data, keep)) if keep else repeat([])
    warn(surprises(source, encoding))
    shown = printable if to.is_stdout and sys.stdout.isatty() else str  # a file has them as is
    names = [shown(name) for name in encoding.written]
    with to.text() as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(map(shown, header(keep, encoding.written if probabilities else ())))
        for X in batches(source, encoding):
            for row in model.probabilities(X):
                best = int(row.argmax())
                every = (f"{share:.6g}" for share in row) if probabilities else ()
                beside = map(shown, next(kept))
                writer.writerow([*beside, names[best], f"{row[best]:.6g}", *every])
    if not to.is_stdout:
        echo(f"wrote {counted(source.rows, 'label')} to {output}", err=True)


def header(keep: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Names of the columns: those that are kept, the two of the label, and one for each class.

    Where two would have one name, those of the kept columns stay and the others say more.

    >>> header(["id"], ["no", "yes"])
    ['id', 'label', 'probability', 'no', 'yes']
    >>> header(["label"], ["probability", "x"])
    ['label', 'predicted_label', 'probability', 'probability_probability', 'probability_x']
    """
    names = list(keep)
    for name in ("label", "probability"):
        names.append(_free(name, names, "predicted_"))
    prefix = "" if {*names}.isdisjoint(classes) else "probability_"
    for name in classes:
        names.append(_free(prefix + name, names, "probability_"))
    return names


def _free(name: str, taken: Sequence[str], prefix: str) -> str:
    return name if name not in taken else _free(prefix + name, taken, prefix)
