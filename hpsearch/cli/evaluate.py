"""`hpsearch evaluate`: how good is the winner?"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from hpsearch.cli.options import run_argument, runs_dir_option, trust_option, warn
from hpsearch.config import from_run
from hpsearch.data.encoding import surprises
from hpsearch.data.open import open_new
from hpsearch.errors import DataError, RunError, as_argument
from hpsearch.report.escape import echo
from hpsearch.report.terminal import show_measurement
from hpsearch.report.text import json_text
from hpsearch.searching.babysit.winner import look_at_test_rows
from hpsearch.searching.criterion import Criterion, criterion_of
from hpsearch.searching.evaluation import labelled, measure
from hpsearch.searching.models import no_model, no_winner, open_model, rows_seen
from hpsearch.store import find
from hpsearch.store.files import plain


@click.command()
@run_argument
@click.argument("data", required=False)
@runs_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@trust_option
def evaluate(
    run: str | None, data: str | None, runs_dir: Path, as_json: bool, trust: bool
) -> None:
    """Say how good RUN's winner is, on test rows or on DATA.

    RUN is a folder, a name, or a model.npz; the newest run if left out. DATA
    has labelled rows that are new. Without it the stored result is shown: the test rows are
    measured once, when a search ends; for a babysat model when this is asked for first.
    """
    measured = (
        _stored(run, runs_dir, trust) if data is None else _measure(run, data, runs_dir, trust)
    )
    if as_json:
        echo(json_text(measured))
    else:
        which = "test" if data is None else "given" if measured["rows_trained_on"] else "new"
        show_measurement(measured, which, _searched(run, runs_dir))
        if "looks" in measured:
            often = "once" if measured["looks"] == 1 else f"{measured['looks']} times"
            echo(f"\nthe test rows of this run were looked at {often}")


def _searched(run: str | None, runs_dir: Path) -> Criterion | None:
    """What the run searched; None of a model file, which does not say."""
    if run is not None and run.endswith(".npz"):
        return None
    found = find(run, runs_dir)
    return criterion_of(from_run(found.info.config, found.path))


def _stored(run: str | None, runs_dir: Path, trust: bool) -> dict[str, object]:
    found = find(run, runs_dir)
    info = found.info
    winner = found.winner(info)
    if winner is None:
        raise no_winner(found, info)
    if winner.test is None and not found.has_model:
        raise no_model(found, info)
    if winner.test is None and info.babysit is not None:
        winner = look_at_test_rows(found, trust)
        from hpsearch.cli.report import renew_page

        renew_page(found)  # which said that the test rows were not looked at
    if winner.test is None:
        raise RunError(
            f"{found.path}: was searched without test rows (data.test: 0); "
            f"name a file with labelled rows: hpsearch evaluate {as_argument(found.path)} DATA"
        )
    stored = {"classes": info.data.classes, **plain(winner.test)}
    if info.babysit is not None:  # which has many winners, one after another
        stored["looks"] = found.info.test_looks
    return stored


def _measure(run: str | None, data: str, runs_dir: Path, trust: bool) -> dict[str, object]:
    model, encoding = open_model(run, runs_dir, trust)
    source, y = open_new(data, encoding)
    if y is None:
        raise DataError(
            f"{data}: evaluating needs the labels of the rows, found none; "
            "to label them use: hpsearch predict"
        )
    warn(surprises(source, encoding))
    a_run = run is None or not run.endswith(".npz")
    seen = rows_seen(find(run, runs_dir), encoding, source, y, data) if a_run else None
    if seen:
        warn(
            [
                f"{data}: the winner was trained on, or chosen by, {seen:,} of these "
                f"{source.rows:,} rows; they are not new, and flatter it"
            ]
        )
    rows = labelled(source, encoding, y, np.arange(source.rows))
    return {
        "classes": list(encoding.classes),
        "data": data,
        "rows_trained_on": seen,
        **measure(model, rows).as_dict("new"),
    }
