"""The laws by which other tools draw a parameter, as parameters of hpsearch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hpsearch.errors import ExchangeError
from hpsearch.exchange.moving.draft import Entry, as_number, shown


def uniform(
    low: float,
    high: float,
    where: str,
    log: bool = False,
    whole: bool = False,
    step: float | None = None,
) -> Entry:
    """A range, each value equally likely on its scale.

    Args:
        low: the smallest value.
        high: the largest.
        where: what messages call it.
        log: on the scale of logarithms.
        whole: whole numbers only.
        step: only low, low + step, ... up to high.

    Raises:
        ExchangeError: no value lies in it.
    """
    remarks = []
    if whole:
        low, high = math.ceil(low), math.floor(high)
    if low > high:
        raise ExchangeError(f"{where}: must have a smallest value below its largest, found "
                            f"{shown(low)} and {shown(high)}")  # fmt: skip
    if low == high or (step and low + step > high):
        return Entry({"value": low})
    keys: dict[str, Any] = {}
    if log and low <= 0:
        remarks.append(f"on a logarithmic scale there is no {shown(low)}: it is linear here")
    elif log:
        keys["scale"] = "log"
    whole = whole or (step is not None and _whole(step) and _whole(low))
    if whole:
        keys["type"] = "int"
    keys |= {"min": int(low) if whole else low, "max": math.floor(high) if whole else high}
    if step is not None and not (whole and step == 1):
        keys["step"] = int(step) if whole else step
    return Entry(keys, tuple(remarks))


def quantized(
    low: float, high: float, q: float, where: str, log: bool = False, clipped: bool = False
) -> Entry:
    """A range rounded to the multiples of q.

    Args:
        low: the smallest value before it is rounded.
        high: the largest.
        q: what they are rounded to.
        where: what messages call it.
        log: on the scale of logarithms.
        clipped: after that nothing lies outside of low and high.
    """
    if q <= 0:
        raise ExchangeError(f"{where}: q must be above 0, found {shown(q)}")
    first, last = (_digits(round(end / q) * q) for end in (low, high))
    remarks: tuple[str, ...] = ()
    if clipped and (first < low or last > high):
        first, last = _digits(math.ceil(low / q) * q), _digits(math.floor(high / q) * q)
        remarks = (
            f"multiples of {shown(q)} only; {shown(low)} and {shown(high)} were values, too",
        )
    if log and first <= 0:
        first = q
        remarks += (f"0, which rounding gave at times, is left out; it begins at q, {shown(q)}",)
    return uniform(_tidy(first), _tidy(max(first, last)), where, log, step=_tidy(q)).saying(
        *remarks
    )


def normal(
    mean: float, deviation: float, where: str, log: bool = False, q: float | None = None
) -> Entry:
    """A normal law; with `log`, mean and deviation are those of the natural logarithm.

    Args:
        mean: its centre.
        deviation: two thirds of the values lie so far from it at most.
        where: what messages call it.
        log: a law of the logarithm.
        q: values are rounded to its multiples.
    """
    if deviation < 0:
        raise ExchangeError(f"{where}: sigma must be above 0, found {shown(deviation)}")
    if deviation == 0:
        return Entry({"value": exp(mean) if log else mean})
    centre = exp(mean) if log else mean
    spread = _digits(deviation / math.log(10)) if log else deviation
    keys: dict[str, Any] = {"scale": "log"} if log else {}
    keys["normal"] = {"mean": centre, "deviation": spread}
    remarks = ["a normal law, cut off 4 deviations from its mean"]
    if log:
        remarks.append(f"deviation in powers of ten: {shown(deviation)} / 2.303")
    if q is not None:
        low, high = mean - 4 * deviation, mean + 4 * deviation
        low, high = (exp(low), exp(high)) if log else (low, high)
        grid = quantized(low, high, q, where, log)
        keys |= {key: value for key, value in grid.value.items() if key != "value"}
        if log and centre < keys.get("min", 0):
            return grid.saying("it was a normal law of the logarithm, whose mean lies below q")
    return Entry(keys, tuple(remarks))


def choice(values: Sequence[Any], where: str) -> Entry:
    """One of some values; a single one is a constant.

    Raises:
        ExchangeError: there is none.
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise ExchangeError(f"{where}: must be a list of values, found {shown(values)}")
    remarks = []
    if any(as_number(each) is not each for each in values) and all(
        isinstance(as_number(each), int | float) for each in values
    ):
        values = [as_number(each) for each in values]
        remarks.append("read as numbers, where YAML 1.1 or quotes made texts of them")
    distinct: list[Any] = []
    for each in values:
        if not any(each == other and type(each) is type(other) for other in distinct):
            distinct.append(each)
    if len(distinct) < len(values):
        remarks.append("a value that stood there twice was twice as likely")
    if len(distinct) == 1:
        return Entry({"value": distinct[0]}, tuple(remarks))
    return Entry({"values": distinct}, tuple(remarks))


def constant(value: Any) -> Entry:
    """One value for every trial; a text that YAML 1.1 made of 1e-4 is a number."""
    found = as_number(value) if isinstance(value, str) and "e" in value.lower() else value
    return Entry({"value": found})


def exp(exponent: float, base: float = math.e) -> float:
    """A power, to as many digits as a person would write.

    Raises:
        ExchangeError: it is no finite number.
    """
    if base <= 0:
        raise ExchangeError(f"a base must be above 0, found {shown(base)}")
    try:
        return _digits(float(base) ** exponent)  # of integers it could take for ever
    except OverflowError:
        raise ExchangeError(
            f"{shown(exponent)} is the exponent of a value too large for a number; was the "
            "value itself meant?"
        ) from None


def _digits(value: float) -> float:
    return float(f"{value:.6g}")


def _whole(value: float) -> bool:
    return float(value).is_integer()


def _tidy(value: float) -> float:
    """A whole number as an integer."""
    return int(value) if _whole(value) else value
