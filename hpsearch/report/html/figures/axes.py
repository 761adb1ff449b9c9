"""A parameter's scale as an axis: places from 0 to 1, with ticks that say true values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hpsearch.report.html.markup import plot_text
from hpsearch.report.numbers import number
from hpsearch.space import Choice, Continuous, Discrete, Domain, on_scale

MOST_TICKS = 6
WIDE = 36  # characters of all labels: more stand aslant
CLOSE = 0.09  # of the axis: ticks nearer to its ends are left out
MANTISSAS = ((1,), (1, 3), (1, 2, 5))  # of the ticks of a log axis, from sparse to dense


@dataclass(frozen=True)
class Axis:
    """A domain with its ticks: their places on the axis and their labels."""

    domain: Domain
    places: tuple[float, ...]
    labels: tuple[str, ...]

    def place(self, value: Any) -> float:
        """Where a value stands on the axis, from 0 to 1."""
        return round(self.domain.fraction(value), 4)

    def layout(self) -> dict[str, Any]:
        """The axis as a part of plotly's layout."""
        return {
            "range": [-0.04, 1.04],
            "tickvals": list(self.places),
            "ticktext": list(self.labels),
            "zeroline": False,
            "tickangle": 0 if sum(map(len, self.labels)) < WIDE else "auto",
        }


def axis_of(domain: Domain) -> Axis:
    """The axis of a domain: its scale, whatever the law by which values were drawn."""
    domain = on_scale(domain)
    values = list(ticks(domain))
    ends = (domain.fraction(values[0]), domain.fraction(values[-1]))
    if not isinstance(domain, Choice):  # labels that would run into those at the ends
        inside = values[1:-1]
        far = [v for v in inside if all(abs(domain.fraction(v) - end) > CLOSE for end in ends)]
        values = [values[0], *far, *values[-1:]] if len(values) > 1 else values
    places = tuple(round(domain.fraction(value), 4) for value in values)
    return Axis(domain, places, tuple(plot_text(number(value), 14) for value in values))


def ticks(domain: Domain, most: int = MOST_TICKS) -> list[Any]:
    """True values that people like to read, about evenly spread over the domain's scale.

    >>> from hpsearch.space import LOG, ONE_MINUS_POWER
    >>> ticks(Continuous(1e-4, 1, LOG)), ticks(Continuous(0.9, 0.999, ONE_MINUS_POWER))
    ([0.0001, 0.001, 0.01, 0.1, 1.0], [0.9, 0.97, 0.99, 0.997, 0.999])
    """
    if isinstance(domain, Continuous):
        return _round_values(domain.low, domain.high, domain, most)
    if isinstance(domain, Discrete):
        if domain.count <= most:
            return [domain.value(index) for index in range(domain.count)]
        values = _round_values(domain.low, domain.high, domain, most)
        inside = [value for value in values if domain.contains(_whole(value))]
        return sorted({domain.low, *map(_whole, inside), domain.value(domain.count - 1)})
    config = domain.as_config()
    values = config.get("values", [config.get("value")])
    step = math.ceil(len(values) / 24) if isinstance(domain, Choice) else 1
    return list(values[::step])


def _whole(value: float) -> int | float:
    return int(value) if float(value).is_integer() else value


def _round_values(
    low: float, high: float, domain: Continuous | Discrete, most: int
) -> list[float]:
    values: list[float] = []
    if domain.scale.decades and not domain.scale.mirrored:
        values = list(_decades(low, high, most))
    elif domain.scale.decades:
        values = sorted(round(1 - gap, 12) for gap in _decades(1 - high, 1 - low, most))
    return values if len(values) > 1 else _steps(low, high, most)  # for a part of a decade


def _steps(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    steps = max(1, most - 1)
    rough = (high - low) / steps if math.isfinite(high - low) else high / steps - low / steps
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [float(f"{(first + i) * step:.12g}") for i in range(count)]


def _decades(low: float, high: float, most: int) -> Iterator[float]:
    """Powers of ten; where they are few, other values between; where many, some of them."""
    low, high = low * (1 - 1e-9), high * (1 + 1e-9)
    found: list[float] = []
    for mantissas in MANTISSAS:
        powers = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
        values = [float(f"{m}e{power}") for power in powers for m in mantissas]
        inside = [value for value in values if low <= value <= high]
        if found and len(inside) > most:
            break
        found = inside
    yield from found[:: max(1, math.ceil(len(found) / most))]
