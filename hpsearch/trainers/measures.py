"""What a user's trainer says of an epoch, as plain numbers; anything else has a clear message."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from math import isfinite, nan
from numbers import Real
from typing import Any

from hpsearch.errors import TrainerError
from hpsearch.messages import readable
from hpsearch.trainers.protocol import Curve

Measures = dict[str, float]
"""Metrics of one epoch by name; NaN and infinity are still themselves here."""

LONGEST_NAME = 200
"""Characters of a metric's name."""


def measures(told: Any, metric: str, epoch: int | None = None) -> Measures:
    """A number, which is the metric itself, or a mapping of names to numbers that has it.

    Scalars of NumPy and arrays of one number, PyTorch's and TensorFlow's among them, count.
    Another metric than the one that counts may be missing, which None says, too.

    >>> measures(0.5, "accuracy"), measures({"accuracy": 0.5, "loss": 2}, "accuracy")
    ({'accuracy': 0.5}, {'accuracy': 0.5, 'loss': 2.0})

    Args:
        told: what the trainer said.
        metric: what counts.
        epoch: that it speaks of, for a message; None where it is the whole training.

    Raises:
        TrainerError: it is something else, or lacks the metric.
    """
    where = "" if epoch is None else f"epoch {epoch}: "
    if not isinstance(told, Mapping):
        return {
            metric: _number(told, f"{where}the result", f"a number, or a mapping with {metric!r}")
        }
    if metric not in told:
        found = ", ".join(map(repr, told)) or "none"
        raise TrainerError(f"{where}the result must have the metric {metric!r}, found {found}")
    return {
        metric if name == metric else readable(str(name), LONGEST_NAME): _number(
            value, f"{where}the result", f"a number for {name!r}"
        )
        for name, value in told.items()
        if name != "epoch" and (value is not None or name == metric)
    }


def epoch_told(told: Any) -> int | None:
    """The epoch, counted from 1, that a result names itself; None where it names none.

    Raises:
        TrainerError: it is not a whole number of 1 or more.
    """
    if not isinstance(told, Mapping) or "epoch" not in told:
        return None
    number = _number(told["epoch"], "the result", "a whole number for 'epoch'")
    if not number.is_integer() or number < 1:
        raise TrainerError(f"'epoch' must be a whole number of 1 or more, found {number:g}")
    return int(number)


def curve_of(epochs: Mapping[int, Measures], metric: str) -> tuple[Curve, bool]:
    """The learning curve of some epochs, and whether it ended undefined.

    Its lists are of equal lengths: a metric that an epoch lacks is None there. What comes after
    the first epoch with an undefined number is left out.

    >>> curve_of({1: {"loss": 2.0}, 2: {"loss": float("nan")}, 3: {"loss": 1.0}}, "loss")
    ({'epoch': [1, 2], 'loss': [2.0, None]}, True)
    >>> curve_of({1: {"loss": 2.0}, 2: {"loss": 1.0, "auc": 0.5}}, "loss")
    ({'epoch': [1, 2], 'loss': [2.0, 1.0], 'auc': [None, 0.5]}, False)

    Raises:
        TrainerError: an epoch between others is missing.
    """
    numbers = sorted(epochs)
    if gaps := [n for n, after in pairwise(numbers) if after != n + 1]:
        raise TrainerError(
            f"each epoch must report {metric!r}, found none for epoch {gaps[0] + 1}"
        )
    undefined = (n for n in numbers if not all(map(isfinite, epochs[n].values())))
    last = next(undefined, None)
    told = [number for number in numbers if last is None or number <= last]
    curve: Curve = {"epoch": [*told]}
    for name in dict.fromkeys(name for number in told for name in epochs[number]):
        values = (epochs[number].get(name, nan) for number in told)
        curve[name] = [value if isfinite(value) else None for value in values]
    return curve, last is not None


def _number(value: Any, what: str, expected: str) -> float:
    plain = value
    if _is_array_of_one(value):
        try:
            plain = value.item()
        except Exception:  # an array of a foreign library, for which there is no rule
            plain = value
    if isinstance(plain, Real | Decimal) and not isinstance(plain, bool):
        try:
            return float(plain)
        except OverflowError:  # an integer of more than 308 digits
            return float("inf")
    text = repr(plain)
    shown = text if len(text) <= 60 else text[:57] + "..."
    raise TrainerError(f"{what} must be {expected}, found {shown}")


def _is_array_of_one(value: Any) -> bool:
    """Whether this holds one number: an array, or a PyTorch tensor, whose `size` is a method."""
    count = getattr(value, "numel", None)
    if callable(count):
        return bool(count() == 1)
    return not isinstance(value, Real) and bool(getattr(value, "size", 0) == 1)
