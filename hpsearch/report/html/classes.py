"""How the winner does on each class of the test rows, and which classes it mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hpsearch.report.html.text import escaped, short
from hpsearch.report.numbers import number
from hpsearch.report.summary import Summary

MOST_OPEN = 20  # classes; a longer table is folded
MOST_ROWS = 1000  # classes in the table
MOST_PAIRS = 30  # of classes that are mistaken for each other


def section(summary: Summary) -> str:
    """Precision, recall and F1 of each class, and the pairs most often mistaken."""
    test = summary.test
    if test is None or not test.get("per_class"):
        return ""
    names = [str(name) for name in test.get("classes", summary.info["data"]["classes"])]
    heads = ("class", "rows", "precision", "recall", "F1")
    rates = _table(heads, list(_rates(names, test["per_class"])))
    told = f"{len(names):,} classes"
    if len(names) > MOST_ROWS:
        told += f", the {MOST_ROWS:,} with the lowest F1"
    folded = "" if len(names) > MOST_OPEN else " open"
    pairs = _mistaken(names, test.get("confused", []), whole=test.get("confusion") is not None)
    return (
        "<section class=card id=classes><h2>Class by class</h2>"
        "<p>On the test rows: precision is the share of rows taken for a class that are of it, "
        "recall the share of its rows that were found, F1 their harmonic mean.</p>"
        f"<details{folded}><summary>{told}</summary>{rates}</details>{pairs}</section>"
    )


def _rates(names: Sequence[str], rates: Mapping[str, Any]) -> Iterator[list[str]]:
    order: Sequence[int] = range(len(names))
    if len(names) > MOST_ROWS:
        f1 = rates["f1"]
        order = sorted(order, key=lambda i: (f1[i] is None, f1[i] or 0.0))[:MOST_ROWS]
    for index in order:
        cells = [rates[name][index] for name in ("precision", "recall", "f1")]
        shown = ("–" if cell is None else number(cell) for cell in cells)
        yield [short(names[index], 40), f"{rates['rows'][index]:,}", *shown]


def _mistaken(names: Sequence[str], pairs: Sequence[Sequence[int]], whole: bool) -> str:
    """The pairs most often mistaken; folded where the matrix above shows them, too."""
    if not pairs:
        return ""
    rows = [[short(names[a], 40), short(names[b], 40), f"{n:,}"] for a, b, n in pairs[:MOST_PAIRS]]
    table = _table(("class", "taken for", "rows"), rows)
    opened = "" if whole else " open"
    return f"<details{opened}><summary>Most often mistaken</summary>{table}</details>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose numbers, all but text columns, stand flush right."""
    texts = {"class", "taken for"}
    marks = ["" if head in texts else " class=number" for head in heads]
    head = "".join(
        f"<th scope=col{m}>{escaped(h)}</th>" for h, m in zip(heads, marks, strict=True)
    )
    lines = "".join(
        "<tr>" + "".join(f"<td{m}>{c}</td>" for c, m in zip(row, marks, strict=True)) + "</tr>"
        for row in rows
    )
    return (
        f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
        "</div>"
    )
