"""The winner's learning curve, as a small picture in text."""

from __future__ import annotations

import sys

from rich.text import Text

from hpsearch.report.chart import chart
from hpsearch.report.importance_table import symbols
from hpsearch.report.summary import Summary
from hpsearch.report.text import heading

FEWEST = 3  # epochs that make a curve worth a picture


def curve(summary: Summary) -> list[Text | str]:
    """What to print of it; nothing where it has hardly an epoch."""
    best = summary.best
    known = [each.curve for each in summary.known if best and each.result.number == best.number]
    if best is None or not known:
        return []
    name = summary.criterion.name
    pairs = zip(known[0].get("epoch", []), known[0].get(name, []), strict=False)
    points = [(x, y) for x, y in pairs if x is not None and y is not None]
    if len(points) < FEWEST:
        return []
    plain = symbols(sys.stdout.encoding)[1] == "#"
    return [
        heading(f"{name} of trial {best.number}, epoch by epoch"),
        *chart({"*": points}, braille=not plain),
    ]
