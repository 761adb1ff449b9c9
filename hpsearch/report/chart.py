"""Lines in a grid of characters: a chart that any terminal can show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

from hpsearch.report.numbers import number
from hpsearch.report.text import Line, heading, unicode_output
from hpsearch.searching.curves import Curve

FEWEST = 3  # epochs that make a learning curve worth a chart
Points = Sequence[tuple[float, float]]
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a Braille cell, row by row


def learning_curve(curve: Curve, metric: str, title: str) -> list[Line | str]:
    """A trial's learning curve below its title; nothing where it has fewer than three epochs."""
    pairs = zip(curve.get("epoch", []), curve.get(metric, []), strict=False)
    points = [(x, y) for x, y in pairs if x is not None and y is not None]
    if len(points) < FEWEST:
        return []
    return [heading(title), *chart({"*": points}, braille=unicode_output())]


def chart(
    lines: Mapping[str, Points],
    width: int = 60,
    height: int = 8,
    braille: bool = False,
    steps: bool = False,
) -> list[str]:
    r"""Rows of text that show lines; the ends of the y axis stand at the left, of x below.

    Args:
        lines: points (x, y) by the character that draws them; the first line lies on top.
        width: of the field, in characters.
        height: likewise.
        braille: draw with the eight dots of Braille characters instead; for one line only.
        steps: a value holds until the next point, instead of a straight line between them.

    >>> print(*chart({"*": [(0, 0.0), (4, 1.0)]}, width=5, height=3), sep="\n")
    1 |   **
      |  *
    0 |**
       0   4
    """
    points = [point for line in lines.values() for point in line]
    if not points:
        return []
    low_x, high_x = _ends([x for x, _ in points])
    low, high = ends = _ends([y for _, y in points])
    if not isfinite(high - low):  # nearly the largest numbers there are: a part of each will do
        lines = {char: [(x, y / 4) for x, y in line] for char, line in lines.items()}
        low, high = low / 4, high / 4
    across, up = (2 * width, 4 * height) if braille else (width, height)
    cells: dict[tuple[int, int], str] = {}
    for char, line in reversed([*lines.items()]):
        before: int | None = None
        for column, y in _traced(sorted(line), low_x, high_x, across, steps):
            share = 0.5 if high == low else (y - low) / (high - low)
            row = round((1 - share) * (up - 1))
            for between in _steep(before, row):
                cells[column, between] = char
            before = row
    rows = [_braille(cells, row, width) if braille else _row(cells, row, width)
            for row in range(height)]  # fmt: skip
    labels = [number(ends[1]), *[""] * (height - 2), number(ends[0])]
    room = max(map(len, labels))
    drawn = [f"{text:>{room}} |{row}".rstrip() for text, row in zip(labels, rows, strict=True)]
    first, last = number(low_x), number(high_x)
    return [*drawn, f"{'':{room}}  {first}{last:>{max(1, width - len(first))}}"]


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def _traced(
    line: Points, low: float, high: float, across: int, steps: bool
) -> Iterator[tuple[int, float]]:
    """A value for each column that a line passes."""
    scale = 0.0 if high == low else (across - 1) / (high - low)
    places = [(round((x - low) * scale), y) for x, y in line]
    for place, (column, y) in enumerate(places):
        yield column, y
        if place + 1 < len(places):
            end, goal = places[place + 1]
            for between in range(column + 1, end):
                share = 0.0 if steps else (between - column) / (end - column)
                yield between, y + share * (goal - y)


def _steep(before: int | None, row: int) -> range:
    """The rows that a line passes on its way to a row, that one included."""
    if before is None or before == row:
        return range(row, row + 1)
    return range(before + 1, row + 1) if before < row else range(row, before)


def _row(cells: Mapping[tuple[int, int], str], row: int, width: int) -> str:
    return "".join(cells.get((column, row), " ") for column in range(width))


def _braille(cells: Mapping[tuple[int, int], str], row: int, width: int) -> str:
    drawn = []
    for column in range(width):
        bits = sum(
            bit
            for down, pair in enumerate(DOTS)
            for right, bit in enumerate(pair)
            if (2 * column + right, 4 * row + down) in cells
        )
        drawn.append(chr(0x2800 + bits) if bits else " ")
    return "".join(drawn)
