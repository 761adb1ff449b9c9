"""A curve over the whole width of a terminal, in a few rows of characters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hpsearch.report.chart import DOTS

Floats = NDArray[np.float64]


def plot(values: Sequence[float] | Floats, width: int, height: int, unicode: bool) -> list[str]:
    """A curve over the whole width: a line of braille dots or of ASCII; in one row, columns.

    Positive values that span more than a factor of ten are drawn on a logarithmic scale. Between
    few epochs the line is straight.

    >>> plot([4, 3, 2, 1], 4, 1, unicode=False), plot([4, 1], 4, 1, unicode=True)
    (['#+-_'], ['█▆▃▁'])
    >>> plot([1, 2, 3], 9, 3, unicode=False)
    ["      _-'", "   _-'   ", "_-'      "]

    Args:
        values: one an epoch; NaN leaves a gap.
        width: columns; where there are more epochs, each is the mean of some.
        height: rows.
        unicode: with block characters and braille, else in ASCII.
    """
    most = 2 * width if unicode and height > 1 else width
    columns = _columns(values, most)
    known = columns[np.isfinite(columns)]
    if not known.size:
        return [""] * height
    if known.min() > 0 and known.max() / 10 > known.min():
        columns, known = np.log(columns), np.log(known)
    low, high = known.min() / 2, known.max() / 2  # halves, whose difference is finite
    levels = _stretched((columns / 2 - low) / ((high - low) or 1.0), most)  # NaN in a gap
    if height > 1:
        return _dotted(levels, height) if unicode else _dashed(levels, height)
    marks = " ▁▂▃▄▅▆▇█" if unicode else " _.-:=+*#"
    steps = np.nan_to_num(np.rint(1 + levels * 7)).astype(int).tolist()
    return ["".join([marks[step] for step in steps])]


def _columns(values: Sequence[float] | Floats, most: int) -> Floats:
    """The values, or where they are more than so many, means of neighbours; NaN for none."""
    found = np.asarray(values, np.float64)
    if len(found) <= most or not most:
        return found[:most]
    starts = np.arange(most) * len(found) // most
    known, size = np.isfinite(found), len(found) / most  # by which no sum becomes infinite
    with np.errstate(invalid="ignore", over="ignore"):
        means: Floats = np.add.reduceat(np.where(known, found, 0) / size, starts)
        means /= np.add.reduceat(known / size, starts)
    return means


def _stretched(levels: Floats, width: int) -> Floats:
    """Fewer values than columns, with straight lines between them; NaN in a gap."""
    if not 1 < len(levels) < width:
        return levels
    places = np.rint(np.linspace(0, width - 1, len(levels)))
    found = np.interp(np.arange(width), places, levels)
    found[places.astype(int)] = levels  # also one between two gaps
    return found


def _line(levels: Floats, rows: int) -> NDArray[np.bool_]:
    """Which points of a grid a line passes, the highest row first."""
    at = np.rint(levels * (rows - 1))
    before = np.concatenate([at[:1], at[:-1]])
    before += np.sign(at - before)  # where the line goes on from, so that it is not torn
    low, high = np.fmin(at, before), np.fmax(at, before)
    row = np.arange(rows)[::-1, None]
    passed: NDArray[np.bool_] = (row >= low) & (row <= high) & np.isfinite(at)
    return passed


def _dotted(levels: Floats, height: int) -> list[str]:
    """A line of braille dots, two columns and four rows of them a character."""
    grid = _line(levels, 4 * height)
    if len(levels) % 2:
        grid = np.hstack([grid, np.zeros((4 * height, 1), bool)])
    cells = grid.reshape(height, 4, -1, 2).transpose(0, 2, 1, 3).reshape(height, -1, 8)
    codes = (cells @ np.ravel(DOTS)).tolist()
    return ["".join([chr(0x2800 + code) if code else " " for code in each]) for each in codes]


def _dashed(levels: Floats, height: int) -> list[str]:
    """A line in ASCII, three rows a character."""
    cells = _line(levels, 3 * height).reshape(height, 3, -1).transpose(0, 2, 1)
    codes = (cells @ np.array([1, 2, 4])).tolist()
    return ["".join([" '-|_|||"[code] for code in each]) for each in codes]
