"""Trials as a table: the columns that CSV, Parquet and pandas share."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from hpsearch.trial import Result

FIRST = ("number", "round", "status", "value", "epochs")
LAST = ("started", "seconds", "error")


def columns(results: Iterable[Result]) -> dict[str, list[Any]]:
    """The trials' values by column, in the order in which every table has its columns.

    A metric is the column `metrics.NAME`, a parameter `params.NAME`. A value that is undefined,
    and a parameter that is not active in a trial, is None.
    """
    results = list(results)
    metrics = dict.fromkeys(name for result in results for name in result.metrics)
    params = dict.fromkeys(name for result in results for name in result.params)
    table = {name: [getattr(result, name) for result in results] for name in (*FIRST, *LAST)}
    table["status"] = [result.status.value for result in results]
    return {
        **{name: table[name] for name in FIRST},
        **{f"metrics.{m}": [result.metrics.get(m) for result in results] for m in metrics},
        **{f"params.{p}": [result.params.get(p) for result in results] for p in params},
        **{name: table[name] for name in LAST},
    }


def write_csv(results: Iterable[Result], to: TextIO) -> None:
    """Write trials as CSV: an empty cell is None, and a list stands as JSON."""
    write_columns(columns(results), to)


def write_runs_csv(runs: Iterable[tuple[str, Iterable[Result]]], to: TextIO) -> None:
    """Write the trials of several runs as one CSV, whose first column is the run's name."""
    labelled = [(name, result) for name, results in runs for result in results]
    names = [name for name, _ in labelled]
    write_columns({"run": names, **columns(result for _, result in labelled)}, to)


def write_columns(table: Mapping[str, Sequence[Any]], to: TextIO) -> None:
    """Write columns by name as CSV, in the same way."""
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(map(_cell, row) for row in zip(*table.values(), strict=True))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, bool | list | dict) else str(value)
