"""Numbers and settings as people read them. How a number is written is decided here alone.

- A value (a setting, a bound, a metric) has four significant digits and is written as YAML reads
  it back, so that it can be pasted into a configuration: no separators, no "k" or "M".
- Left of the point no digit is lost: 16394.7 is 16395, not 1.639e+04. A whole number is whole.
- Below 0.0001 and from 1e15 on there is an exponent: 3.162e-5.
- Between 0.9 and 1, where accuracies, momentum and betas lie, digits count from 1 and never
  become 1: 0.98189, 0.99995.
- What is known only roughly, a deviation, a difference, the region of a round, has two digits; the
  ends of an interval have two digits of its width.
- A count of things in a sentence has separators: 16,384 trials.

What programs read, CSV and JSON, has full precision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, isfinite, log10
from typing import Any

DIGITS = 4  # of a value
ROUGH = 2  # of what is known only roughly
UNDEFINED = "undefined"  # a difference of values that is too large for a number, say
SMALL, LARGE = 1e-4, 1e15  # values outside are written with an exponent


def number(value: Any, digits: int = DIGITS) -> str:
    """A value of any type in few characters.

    >>> number(0.00031623), number(0.981893), number(64), number([64, 32]), number(None)
    ('0.0003162', '0.98189', '64', '[64, 32]', 'none')
    >>> number({"lr": 0.1, "units": [64, 32]})
    '{lr: 0.1, units: [64, 32]}'
    >>> [number(value) for value in (15554.32, 1.5, 3.1623e-5, 0.99995, -0.99995, 2e20)]
    ['15554', '1.5', '3.162e-5', '0.99995', '-0.99995', '2e20']
    """
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, float):
        return _float(value, digits)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(number(entry, digits) for entry in value) + "]"
    if isinstance(value, dict):
        entries = (f"{name}: {number(entry, digits)}" for name, entry in value.items())
        return "{" + ", ".join(entries) + "}"
    return str(value)


def _float(value: float, digits: int) -> str:
    size = abs(value)
    if not isfinite(value) or not size:
        return f"{size if not size else value:g}"
    if 0.9 < size < 1:  # what counts is the distance from 1
        return _trimmed(f"{value:.{digits - 1 - floor(log10(1 - size))}f}")
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if SMALL <= float(f"{abs(float(mantissa))}e{exponent}") < LARGE:
        return _trimmed(f"{value:.{max(0, digits - 1 - int(exponent))}f}")
    return f"{_trimmed(mantissa)}e{int(exponent)}"


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def rough(value: float | None) -> str:
    """A deviation or another quantity that is known only roughly, to two digits.

    >>> rough(0.004183), rough(12.34), rough(None)
    ('0.0042', '12', 'undefined')
    """
    return UNDEFINED if value is None else number(float(value), ROUGH)


def signed(value: float | None) -> str:
    """A difference, with its sign.

    >>> signed(0.004183), signed(-0.25), signed(0.0)
    ('+0.0042', '-0.25', '0')
    """
    return f"{'+' if value is not None and value > 0 else ''}{rough(value)}"


def ends(interval: Sequence[float]) -> str:
    """Both ends of an interval, to two digits of its width; only 1 is written as 1.

    >>> ends((0.971873, 0.995727)), ends((0.512312, 0.51249)), ends((0.953, 0.99996))
    ('0.972 to 0.996', '0.51231 to 0.51249', '0.953 to 0.99996')
    """
    width = abs(interval[1] - interval[0])
    return " to ".join(_end(float(end), width) for end in interval)


def _end(value: float, width: float) -> str:
    if not (0 < width < LARGE and abs(value) < LARGE) or (0 < abs(value) < SMALL):
        return number(value, ROUGH)
    text = _trimmed(f"{value:.{max(0, 1 - floor(log10(width)))}f}")
    return number(value, ROUGH) if text in ("1", "-1") else text


def extent(values: Sequence[Any], ranged: bool, digits: int = DIGITS) -> str:
    """A range: '0.0031 .. 0.12', or the choices.

    >>> extent([0.0031, 0.12], True), extent(["adam", "sgd"], False), extent([3, 3], True)
    ('0.0031 .. 0.12', 'adam, sgd', '3')
    """
    if ranged and len(values) == 2:
        low, high = (number(value, digits) for value in values)
        return low if low == high else f"{low} .. {high}"
    return ", ".join(number(value, digits) for value in values)


def condition(when: Mapping[str, Sequence[Any]]) -> str:
    """The values that others must have: 'n_fft=512, optimizer=adam or sgd'."""
    return ", ".join(
        f"{name}={' or '.join(number(value) for value in values)}" for name, values in when.items()
    )


def setting(params: Mapping[str, Any]) -> str:
    """All of a trial's params on one line.

    >>> setting({"learning_rate": 0.0123456, "hidden_units": [8]})
    'learning_rate=0.01235 hidden_units=[8]'
    """
    return " ".join(f"{name}={number(value)}" for name, value in params.items())


def duration(seconds: float) -> str:
    """A time in seconds, minutes or hours.

    >>> duration(3.14), duration(200), duration(9000)
    ('3.1 s', '3 min 20 s', '2 h 30 min')
    """
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"
