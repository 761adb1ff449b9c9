"""Every trial as a row of a table that spreadsheets open."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from io import StringIO
from typing import Any, TextIO

from hpsearch.trial import Result

FIRST = ("number", "round", "status", "value", "epochs")
LAST = ("started", "seconds", "error")


def write_csv(results: Iterable[Result], to: TextIO) -> None:
    """Write trials as CSV: a column a metric (metrics.NAME) and a parameter (params.NAME).

    An empty cell is a value that is undefined, or a parameter that is not active; a list
    stands as JSON.
    """
    results = list(results)
    metrics = dict.fromkeys(name for result in results for name in result.metrics)
    params = dict.fromkeys(name for result in results for name in result.params)
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow(
        [*FIRST, *(f"metrics.{m}" for m in metrics), *(f"params.{p}" for p in params), *LAST]
    )
    for result in results:
        writer.writerow(
            [
                *(_cell(getattr(result, name)) for name in FIRST),
                *(_cell(result.metrics.get(name)) for name in metrics),
                *(_cell(result.params.get(name)) for name in params),
                *(_cell(getattr(result, name)) for name in LAST),
            ]
        )


def write_runs_csv(runs: Iterable[tuple[str, Iterable[Result]]], to: TextIO) -> None:
    """Write the trials of several runs as one CSV, whose first column is the run's name."""
    labelled = [(name, result) for name, results in runs for result in results]
    rows = StringIO()
    write_csv((result for _, result in labelled), rows)
    rows.seek(0)
    reader = csv.reader(rows)
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow(["run", *next(reader)])
    for (name, _), row in zip(labelled, reader, strict=True):
        writer.writerow([name, *row])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, bool | list) else str(value)
