"""Learning curves, joined from pieces and averaged over trainings; and means that stay finite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isclose, isfinite
from statistics import mean, stdev

from hpsearch.trial import Piece

Curve = Mapping[str, Sequence[float | None]]
"""One list for "epoch" and one for each metric, of equal lengths."""

ROUNDING = 1e-14  # of what is compared: sums of some numbers in another order differ by less


def join(pieces: Iterable[Piece]) -> Curve:
    """The learning curve of one training, joined from its pieces in any order.

    The curve of a single piece is returned as it is, not copied. Where a piece lacks a metric,
    the joined curve holds None.

    >>> first = Piece(0, 0, 0, rung=0, epochs=1, value=0.5, curve={"epoch": [1]})
    >>> later = Piece(0, 0, 0, rung=1, epochs=2, value=0.7, curve={"epoch": [2]})
    >>> join([later, first])
    {'epoch': [1, 2]}
    """
    ordered = list(pieces)
    if len(ordered) == 1:
        return ordered[0].curve
    ordered.sort(key=lambda piece: piece.rung)
    return end_to_end(piece.curve for piece in ordered)


def end_to_end(curves: Iterable[Curve]) -> Curve:
    """Learning curves that follow each other, as one; the lists keep equal lengths.

    >>> end_to_end([{"epoch": [1], "loss": [0.5]}, {"epoch": [2], "auc": [0.9]}])
    {'epoch': [1, 2], 'loss': [0.5, None], 'auc': [None, 0.9]}
    """
    parts = [(curve, [None] * len(curve.get("epoch", ()))) for curve in curves]
    return {
        name: [value for curve, nothing in parts for value in curve.get(name, nothing)]
        for name in dict.fromkeys(name for curve, _ in parts for name in curve)
    }


def begins_anew(before: Curve, later: Curve) -> bool:
    """Whether a piece that should go on has what the training began with, to the last digit.

    >>> first = {"epoch": [1, 2], "loss": [0.9, 0.8]}
    >>> begins_anew(first, {"epoch": [3, 4, 5], "loss": [0.9, 0.8, 0.7]})
    True
    >>> begins_anew(first, {"epoch": [3, 4, 5], "loss": [0.8, 0.7, 0.6]})
    False
    """
    both = min(len(before.get("epoch", ())), len(later.get("epoch", ())))
    if both < 2:  # too little to tell
        return False
    pairs = [(before[name][:both], later[name][:both]) for name in later
             if name != "epoch" and name in before]  # fmt: skip
    moves = any(len({*values}) > 1 for values, _ in pairs)
    return moves and all(values == others for values, others in pairs)


def average(curves: Sequence[Curve], metric: str) -> Curve:
    """The mean of several learning curves, epoch by epoch.

    A curve that ended early keeps its last values, as more training would not have changed
    them. For `metric`, which counts, the mean is None where any curve's value is undefined;
    another metric may be missing in some curves, and is averaged over those that have it.

    >>> average([{"epoch": [1, 2], "a": [4.0, 2.0]}, {"epoch": [1], "a": [8.0], "b": [1.0]}], "a")
    {'epoch': [1, 2], 'a': [6.0, 5.0], 'b': [1.0, 1.0]}
    """
    if len(curves) == 1:
        return curves[0]
    epochs = max((len(curve.get("epoch", [])) for curve in curves), default=0)
    longest = max(curves, key=lambda curve: len(curve.get("epoch", [])), default={})
    joined: dict[str, list[float | None]] = {}
    for name in dict.fromkeys(name for curve in (longest, *curves) for name in curve):
        columns = [column for curve in curves if (column := curve.get(name))]
        whole = len(columns) == len(curves) or name != metric
        joined[name] = [
            _mean_at(columns, i, name == metric) if whole else None for i in range(epochs)
        ]
    return joined | {"epoch": list(longest.get("epoch", []))}


def _mean_at(columns: Sequence[Sequence[float | None]], place: int, of_all: bool) -> float | None:
    values = [column[min(place, len(column) - 1)] for column in columns]
    known = [value for value in values if value is not None]
    if not known or (of_all and len(known) < len(values)):
        return None
    return mean_of(known)


def mean_of(values: Sequence[float]) -> float:
    """The mean of finite numbers; it is finite even where their sum would overflow."""
    total = sum(values)
    return total / len(values) if isfinite(total) else mean(values)


def median_of(values: Sequence[float]) -> float:
    """The median of finite numbers; it is finite."""
    ordered, half = sorted(values), len(values) // 2
    return mean_of(ordered[half : half + 1] if len(values) % 2 else ordered[half - 1 : half + 1])


def difference(one: float, other: float) -> float | None:
    """One number less another; None where that is beyond the largest float.

    It is 0 where only rounding tells them apart, as a mean of equal numbers from the number.

    >>> difference(0.5, 0.25), difference(0.1, (0.1 + 0.1 + 0.1) / 3), difference(1e308, -1e308)
    (0.25, 0.0, None)
    """
    found = 0.0 if isclose(one, other, rel_tol=ROUNDING) else one - other
    return found if isfinite(found) else None


def deviation_of(values: Sequence[float]) -> float | None:
    """The standard deviation of two or more numbers (divided by n - 1), each with a finite mean.

    None where it is too large for a float: of -1e308 and 1e308, say.
    """
    try:
        return stdev(values)
    except OverflowError:
        return None
