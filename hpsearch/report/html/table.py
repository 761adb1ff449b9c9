"""Every trial as a row that the page's script sorts, filters and shows a screenful at a time."""

from __future__ import annotations

from typing import Any

from hpsearch.messages import one_line
from hpsearch.report.numbers import number
from hpsearch.report.summary import Summary

MOST_ROWS = 20_000
LONGEST = 300  # characters of a cell; of an error, say


def table(summary: Summary) -> dict[str, Any]:
    """Columns and rows as plain values. A cell is [what sorts it, what it says], or one value."""
    names = [parameter.name for parameter in summary.config.space]
    metric = summary.criterion.name
    failed = any(result.error for result in summary.results)
    columns = ["trial", "round", "status", metric, "epochs", "seconds", *names]
    rows = []
    ordered = sorted(summary.results, key=summary.criterion.order)[:MOST_ROWS]
    for result in ordered:
        row: list[Any] = [
            result.number,
            result.round + 1,
            str(result.status),
            _cell(result.value),
            result.epochs,
            _cell(result.seconds),
            *(_cell(result.params[name]) if name in result.params else None for name in names),
        ]
        if failed:
            row.append(None if result.error is None else one_line(result.error)[:LONGEST])
        rows.append(row)
    return {
        "columns": [one_line(name) for name in columns + ["error"] * failed],
        "rows": rows,
        "best": None if summary.best is None else summary.best.number,
        "maximize": summary.criterion.goal == "maximize",
        "left_out": len(summary.results) - len(rows),
    }


def _cell(value: Any) -> Any:
    """Numbers keep their order and show few digits; all else is text."""
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [value, number(value)]
    if isinstance(value, list):
        return [
            value[0] if value and isinstance(value[0], int | float) else 0,
            number(value)[:LONGEST],
        ]
    return one_line(number(value))[:LONGEST]
