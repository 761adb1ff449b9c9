"""What a user's trainer says of an epoch, as plain numbers; anything else has a clear message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from math import isfinite
from numbers import Real
from typing import Any

from hpsearch.errors import TrainerError
from hpsearch.trainers.protocol import Curve

Measures = dict[str, float]
"""Metrics of one epoch by name; NaN and infinity are still themselves here."""


def measures(told: Any, metric: str) -> Measures:
    """A number, which is the metric itself, or a mapping of names to numbers that has it.

    Scalars of NumPy and arrays of one number, PyTorch's and TensorFlow's among them, count.

    >>> measures(0.5, "accuracy"), measures({"accuracy": 0.5, "loss": 2}, "accuracy")
    ({'accuracy': 0.5}, {'accuracy': 0.5, 'loss': 2.0})

    Raises:
        TrainerError: it is something else, or lacks the metric.
    """
    if not isinstance(told, Mapping):
        return {metric: _number(told, f"a number, or a mapping with {metric!r}")}
    if metric not in told:
        found = ", ".join(map(repr, told)) or "none"
        raise TrainerError(f"the result must have the metric {metric!r}, found {found}")
    return {
        str(name): _number(value, f"a number for {name!r}")
        for name, value in told.items()
        if name != "epoch"
    }


def epoch_told(told: Any) -> int | None:
    """The epoch, counted from 1, that a result names itself; None where it names none.

    Raises:
        TrainerError: it is not a whole number of 1 or more.
    """
    if not isinstance(told, Mapping) or "epoch" not in told:
        return None
    number = _number(told["epoch"], "a whole number for 'epoch'")
    if not number.is_integer() or number < 1:
        raise TrainerError(f"'epoch' must be a whole number of 1 or more, found {number:g}")
    return int(number)


def curve_of(epochs: Mapping[int, Measures]) -> tuple[Curve, bool]:
    """The learning curve of some epochs, and whether it ended undefined.

    What comes after the first epoch with an undefined number is left out.

    >>> curve_of({1: {"loss": 2.0}, 2: {"loss": float("nan")}, 3: {"loss": 1.0}})
    ({'epoch': [1, 2], 'loss': [2.0, None]}, True)

    Raises:
        TrainerError: epochs have different metrics, or one is missing between others.
    """
    numbers = sorted(epochs)
    if gaps := [n for n, after in pairwise(numbers) if after != n + 1]:
        raise TrainerError(f"each epoch must report its metrics, found none for {gaps[0] + 1}")
    names = list(epochs[numbers[0]])
    curve: Curve = {"epoch": [], **{name: [] for name in names}}
    for number in numbers:
        row = epochs[number]
        if set(row) != set(names):
            raise TrainerError(
                f"each epoch must report the same metrics, found {_listed(names)} and then, in "
                f"epoch {number}, {_listed(row)}"
            )
        curve["epoch"].append(number)
        for name in names:
            curve[name].append(row[name] if isfinite(row[name]) else None)
        if not all(map(isfinite, row.values())):
            return curve, True
    return curve, False


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _number(value: Any, expected: str) -> float:
    plain = value
    if _is_array_of_one(value):
        try:
            plain = value.item()
        except Exception:  # an array of a foreign library, for which there is no rule
            plain = value
    if isinstance(plain, Real) and not isinstance(plain, bool):
        try:
            return float(plain)
        except OverflowError:  # an integer of more than 308 digits
            return float("inf")
    text = repr(plain)
    shown = text if len(text) <= 60 else text[:57] + "..."
    raise TrainerError(f"the result must be {expected}, found {shown}")


def _is_array_of_one(value: Any) -> bool:
    """Whether this holds one number: an array, or a PyTorch tensor, whose `size` is a method."""
    count = getattr(value, "numel", None)
    if callable(count):
        return bool(count() == 1)
    return not isinstance(value, Real) and bool(getattr(value, "size", 0) == 1)
