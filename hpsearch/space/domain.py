"""What values a parameter can take, and the place of each in [0, 1] on the parameter's scale."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from math import isclose, ulp
from typing import Any, Protocol, runtime_checkable

import numpy as np

from hpsearch.fields import is_number
from hpsearch.shapes import Float, Int
from hpsearch.space.scale import LINEAR, Bell, Floats, Normal, Scale
from hpsearch.trial import Choosable

Fractions = Float[np.ndarray, " points"]


@runtime_checkable  # so that the tests can check types as they run
class Domain(Protocol):
    """The values of one coordinate and their places in the unit interval."""

    def at(self, fraction: float) -> Choosable:
        """The value at a place in [0, 1]."""
        ...

    def each(self, fractions: Fractions) -> list[Any]:
        """The value at each of many places."""
        ...

    def fraction(self, value: Any) -> float:
        """The place of a value in [0, 1]; outside or NaN for a value that cannot be drawn."""
        ...

    def contains(self, value: Any) -> bool:
        """Whether this value can be drawn; floats may differ by the rounding of arithmetic."""
        ...

    def standard(self, value: Any) -> Choosable:
        """A value that the domain contains without its rounding error: what `at` returns."""
        ...

    @property
    def count(self) -> int | None:
        """How many values there are; None for a range of real numbers."""
        ...

    def nth(self, index: int) -> Choosable:
        """The value with this index, from 0; different indices have different values."""
        ...

    def snap(self, fractions: Fractions) -> Fractions:
        """Move places to those of their values: ``fraction(at(u))`` for many u at once."""
        ...

    def as_config(self) -> dict[str, Any]:
        """The domain in the form of a configuration."""
        ...


LARGEST = 2**53  # beyond it floats do not tell whole numbers apart
MOST_VALUES = 10**9  # of a range with a step that is no whole number
ROUNDING = 1e-9  # of a step: 0.1 * 3 is 0.30000000000000004, and means 0.3


class _Range:
    """What `Continuous` and `Discrete` share: a scale, on which places follow a law of drawing."""

    scale: Scale
    normal: Normal | None

    @property
    def _ends(self) -> tuple[float, float]:
        """Where the places 0 and 1 are on the scale."""
        raise NotImplementedError

    @cached_property
    def _bell(self) -> Bell | None:
        return None if self.normal is None else Bell(self.normal, self.scale, self._ends)

    def _coordinate(self, fraction: Floats) -> Any:
        """The coordinates on the scale of places in [0, 1]."""
        if self._bell is not None:
            return _of_each(self._bell.coordinate, fraction)
        start, stop = self._ends
        return start + fraction * (stop - start)

    def _place(self, coordinate: Floats) -> Any:
        """The places in [0, 1] of coordinates on the scale."""
        if self._bell is not None:
            return _of_each(self._bell.share, coordinate)
        start, stop = self._ends
        return (coordinate - start) / (stop - start)

    def _law(self) -> dict[str, Any]:
        return {} if self.normal is None else {"normal": dict(vars(self.normal))}


def _of_each(function: Callable[[float], float], numbers: Floats) -> Floats:
    """A function of one number, or of each of many."""
    if isinstance(numbers, np.ndarray):
        return np.array([function(number) for number in numbers.tolist()])
    return function(numbers)


@dataclass(frozen=True)
class Continuous(_Range):
    """Every number from low to high: equally likely on the scale, or by a normal law."""

    low: float
    high: float
    scale: Scale = LINEAR
    normal: Normal | None = None

    @cached_property
    def _ends(self) -> tuple[float, float]:
        return float(self.scale.warp(self.low)), float(self.scale.warp(self.high))

    def at(self, fraction: float) -> float:
        """The value at a place in [0, 1]; exact at both ends.

        >>> from hpsearch.space.scale import ONE_MINUS_POWER
        >>> round(Continuous(0.9, 0.999, ONE_MINUS_POWER).at(0.5), 9)
        0.99
        """
        if fraction in (0, 1):
            return float((self.low, self.high)[int(fraction)])
        value = float(self.scale.unwarp(self._coordinate(fraction)))
        return min(max(value, self.low), self.high)  # 10**log10(x) can overshoot x by an ulp

    def each(self, fractions: Fractions) -> list[float]:
        """The value at each of many places: one by one, as NumPy's powers have other bits."""
        return [self.at(fraction) for fraction in fractions.tolist()]

    def fraction(self, value: float) -> float:
        """The place of a number; exactly 0 and 1 at the ends."""
        return float(self._place(float(self.scale.warp(value))))

    def contains(self, value: Any) -> bool:
        """Whether a number lies between the ends, both included."""
        return is_number(value) and self.low <= value <= self.high

    def standard(self, value: Any) -> float:
        """The number as a float."""
        return float(value)

    count = None

    def nth(self, index: int) -> float:
        """The value at the place 1/2, 1/4, 3/4, 1/8, ...: van der Corput's sequence."""
        digits = bin(index + 1)[2:]
        return self.at(int(digits[::-1], 2) / 2 ** len(digits))

    def snap(self, fractions: Fractions) -> Fractions:
        """The same places: each has another value."""
        return fractions

    def as_config(self) -> dict[str, Any]:
        """`scale`, `min` and `max`, and `normal` where that is the law."""
        return {**self._law(), "scale": self.scale.name, "min": self.low, "max": self.high}


@dataclass(frozen=True)
class Discrete(_Range):
    """The numbers low, low + step, ... up to high.

    In the warped coordinate each is the middle of a cell: boundaries lie half way between
    neighbours, and an end cell reaches as far out as it reaches in. So integers are equally
    likely on a linear scale, and on a log scale their density falls as 1/value. Under a normal law
    each gets what falls into its cell.
    """

    low: int | float
    high: int | float
    step: int | float = 1
    scale: Scale = LINEAR
    integer: bool = True
    normal: Normal | None = None

    @cached_property
    def count(self) -> int:
        """How many values there are: two or more in a valid domain.

        One that is above `high` by no more than a float rounds counts, too: a narrower range ends
        with a value as `value` gives it.

        >>> Discrete(0.0008959200935335204, 7800.000895920094, 7800.0, integer=False).count
        2
        """
        low, high, step = (Decimal(repr(x)) for x in (self.low, self.high, self.step))
        near = 0 if self.integer else 2 * Decimal(ulp(max(abs(self.low), abs(self.high))))
        return int((high - low + near) / step) + 1

    def value(self, index: int) -> int | float:
        """The value with this index, from 0, in decimal arithmetic: 0.1 + 2 x 0.1 is 0.3.

        >>> Discrete(0.1, 0.5, 0.1, integer=False).value(2)
        0.3
        """
        if self.integer:
            return int(self.low) + index * int(self.step)
        return float(Decimal(repr(self.low)) + index * Decimal(repr(self.step)))

    def index(self, value: Any) -> int | None:
        """The index of a value; None if it is not on the grid.

        >>> Discrete(0.1, 0.5, 0.1, integer=False).index(0.1 * 3)
        2
        """
        outer = self.low - self.step, self.high + self.step
        if not is_number(value) or not outer[0] <= value <= outer[1]:
            return None
        if self.integer:
            index, rest = divmod(value - self.low, self.step)
            return int(index) if rest == 0 and 0 <= index < self.count else None
        index = round((value - self.low) / self.step)
        if not 0 <= index < self.count:
            return None
        near = max(ROUNDING * self.step, 4 * ulp(max(abs(self.low), abs(self.high))))
        return index if abs(self.value(index) - value) <= min(near, self.step / 4) else None

    def nth(self, index: int) -> int | float:
        """The value with this index."""
        return self.value(index)

    def _warp(self, index: Int[np.ndarray, " points"]) -> Fractions:
        return np.asarray(self.scale.warp(self.low + self.step * index.astype(float)))

    @cached_property
    def _ends(self) -> tuple[float, float]:
        """The outer boundaries of the end cells, in the warped coordinate."""
        first, second, before, last = self._warp(np.array([0, 1, self.count - 2, self.count - 1]))
        return float(first - (second - first) / 2), float(last + (last - before) / 2)

    def cells(self, fractions: Fractions) -> Int[np.ndarray, " points"]:
        """The index of the value at each of many places."""
        start, stop = self._ends
        place = self._coordinate(np.asarray(fractions))
        below = np.floor((np.asarray(self.scale.unwarp(place)) - self.low) / self.step)
        below = below.clip(0, self.count - 2).astype(int)
        boundary = (self._warp(below) + self._warp(below + 1)) / 2
        beyond = place >= boundary if stop > start else place <= boundary
        found = below + beyond
        found = np.where(np.asarray(fractions) <= 0, 0, found)  # exact, however many values
        return np.where(np.asarray(fractions) >= 1, self.count - 1, found)

    def at(self, fraction: float) -> int | float:
        """The value whose cell holds this place.

        >>> [Discrete(1, 3).at(u) for u in (0, 0.32, 0.34, 0.66, 0.67, 1)]
        [1, 1, 2, 2, 3, 3]
        """
        return self.value(int(self.cells(np.array([fraction]))[0]))

    def each(self, fractions: Fractions) -> list[int | float]:
        """The value at each of many places."""
        cells = self.cells(fractions).tolist()
        values = {cell: self.value(cell) for cell in set(cells)}
        return [values[cell] for cell in cells]

    def fraction(self, value: float) -> float:
        """The place of a number; of one on the grid, within its cell."""
        return float(self._place(float(self.scale.warp(value))))

    def contains(self, value: Any) -> bool:
        """Whether a number is on the grid, but for the rounding of arithmetic."""
        return self.index(value) is not None

    def standard(self, value: Any) -> int | float:
        """The number without its rounding error."""
        index = self.index(value)
        assert index is not None
        return self.value(index)

    def snap(self, fractions: Fractions) -> Fractions:
        """The places of the values on the grid."""
        return np.asarray(self._place(self._warp(self.cells(fractions))))

    def as_config(self) -> dict[str, Any]:
        """`type: int` or `step`, with `scale`, `min` and `max`, and the law if it is normal."""
        config = {**self._law(), **({"type": "int"} if self.integer else {})}
        config |= {"scale": self.scale.name, "min": self.low, "max": self.high}
        return config if self.integer and self.step == 1 else config | {"step": self.step}


def on_scale(domain: Domain) -> Domain:
    """The same values with places that are even on their scale, whatever the law of drawing."""
    if isinstance(domain, Continuous | Discrete) and domain.normal is not None:
        return replace(domain, normal=None)
    return domain


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal in YAML: 1 is 1.0, but not true.

    >>> same(1, 1.0), same(1, True), same([1, 2], [1, 2])
    (True, False, True)
    """
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def distinct(values: Iterable[Any]) -> list[Any]:
    """Values without those that are the same as an earlier one.

    >>> distinct([1, 1.0, True, 1])
    [1, True]
    """
    found: list[Any] = []
    for value in values:
        if not any(same(value, earlier) for earlier in found):
            found.append(value)
    return found


def _close(a: Any, b: Any) -> bool:
    """Whether two floats are equal but for the rounding of arithmetic."""
    return isinstance(a, float) and isinstance(b, float) and isclose(a, b, rel_tol=1e-12)


def ascending(values: Sequence[Any]) -> bool:
    """Whether values are numbers, each above the one before; true and false are none.

    >>> ascending([16, 32, 64]), ascending([64, 32]), ascending([False, True])
    (True, False, False)
    """
    return all(map(is_number, values)) and all(a < b for a, b in pairwise(values))


class _Values:
    """What `Choice` and `Fixed` share: values that are listed, in cells of equal width."""

    values: tuple[Choosable, ...]

    def index(self, value: Any) -> int | None:
        """The index of a value; None if it is none of them."""
        exact = next((i for i, each in enumerate(self.values) if same(each, value)), None)
        if exact is not None or not isinstance(value, float):
            return exact
        return next((i for i, each in enumerate(self.values) if _close(each, value)), None)

    @property
    def count(self) -> int:
        """How many values there are."""
        return len(self.values)

    def nth(self, index: int) -> Choosable:
        """The value with this index."""
        return self.values[index]

    def standard(self, value: Any) -> Choosable:
        """The value without its rounding error."""
        index = self.index(value)
        assert index is not None
        return self.values[index]

    def at(self, fraction: float) -> Choosable:
        """The value whose cell this place is in."""
        return self.values[min(int(fraction * len(self.values)), len(self.values) - 1)]

    def each(self, fractions: Fractions) -> list[Choosable]:
        """The value at each of many places."""
        return [self.at(fraction) for fraction in fractions.tolist()]

    def fraction(self, value: Any) -> float:
        """The middle of the value's cell; NaN for any other value."""
        index = self.index(value)
        return float("nan") if index is None else (index + 0.5) / len(self.values)

    def contains(self, value: Any) -> bool:
        """Whether this is one of the values."""
        return self.index(value) is not None

    def snap(self, fractions: Fractions) -> Fractions:
        """The middles of the cells."""
        count = len(self.values)
        cells = np.floor(np.asarray(fractions) * count).clip(0, count - 1)
        return np.asarray((cells + 0.5) / count)


@dataclass(frozen=True)
class Choice(_Values):
    """Listed values, equally likely; of `ordered` ones neighbours are alike."""

    values: tuple[Choosable, ...]
    ordered: bool = False

    def as_config(self) -> dict[str, Any]:
        """`values`, and `ordered` where the values do not say it themselves."""
        told = {} if self.ordered == ascending(self.values) else {"ordered": self.ordered}
        return {"values": list(self.values), **told}


@dataclass(frozen=True)
class Fixed(_Values):
    """One value, the same in every trial; it has no coordinate."""

    value: Choosable
    values: tuple[Choosable, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", (self.value,))

    def as_config(self) -> dict[str, Any]:
        """`value`."""
        return {"value": self.value}
