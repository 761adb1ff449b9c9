"""A comparison of runs as text: a picture of all, then tables side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from hpsearch.report.chart import chart
from hpsearch.report.comparison import Comparison
from hpsearch.report.escape import cut
from hpsearch.report.numbers import number
from hpsearch.report.text import columns, heading, tell

ABREAST = 4  # runs beside each other
HEIGHT = 12
LONGEST = 18  # characters of a run's name above its column


def show(comparison: Comparison, page: Path | None = None) -> None:
    """Print a comparison, and where its page is."""
    for metric in comparison.metrics:
        lines = {member.sign: member.best_so_far() for member in comparison.of(metric)}
        drawn = chart({sign: line for sign, line in lines.items() if line},
                      height=HEIGHT, steps=True)  # fmt: skip
        if drawn:
            tell(heading(f"Best {metric[0]} so far, trial by trial"), *drawn, "")
    for member in comparison.members:
        story = f", goes on from {member.parent.name}" if member.parent else ""
        tell(f"{member.sign} = {cut(member.name, 60)}{story}")
    for first in range(0, len(comparison.members), ABREAST):
        tell("", _outcomes(comparison, first), "", _winners(comparison, first))
        if comparison.differences:
            tell("", _differences(comparison, first))
    if comparison.cautions:
        tell("", *(Text(f"! {caution}", style="yellow") for caution in comparison.cautions))
    if page is not None:
        tell("", f"see it:       {page}")


def _table(title: str, comparison: Comparison, first: int) -> Table:
    names = (cut(f"{m.sign} {m.name}", LONGEST) for m in comparison.members[first:][:ABREAST])
    return columns(title, *names)


def _fill(table: Table, rows: Sequence[tuple[str, list[str]]], first: int) -> Table:
    for name, cells in rows:
        if any(shown := cells[first:][:ABREAST]):
            table.add_row(name, *shown)
    return table


def _outcomes(comparison: Comparison, first: int) -> Table:
    return _fill(_table("What they came to", comparison, first), comparison.outcomes, first)


def _winners(comparison: Comparison, first: int) -> Table:
    return _fill(_table("The winners", comparison, first), comparison.settings, first)


def _differences(comparison: Comparison, first: int) -> Table:
    rows = [
        (key, ["" if value is None else describe(value) for value in values])
        for key, values in comparison.differences
    ]
    return _fill(_table("What was set otherwise", comparison, first), rows, first)


def describe(value: object) -> str:
    """A setting, or a parameter of the space, in few words.

    >>> describe({"scale": "log", "min": 0.001, "max": 1.0}), describe([1, 2])
    ('0.001 .. 1 (log)', '[1, 2]')
    """
    if not isinstance(value, dict):
        return number(value)
    if "min" in value and "max" in value:
        scale = value.get("scale", "linear")
        told = "" if scale == "linear" else f" ({scale})"
        return f"{number(value['min'])} .. {number(value['max'])}{told}"
    return ", ".join(f"{key}: {number(entry)}" for key, entry in value.items())
