"""The space: parameters on one side, points of the unit cube on the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from jaxtyping import Float

from hpsearch.space.domain import Choosable, Fixed, same
from hpsearch.space.parameter import Parameter, largest_integer
from hpsearch.trial import Params, Value

Point = Float[np.ndarray, " dimensions"]
Points = Float[np.ndarray, "points dimensions"]


@dataclass(frozen=True)
class Coordinate:
    """One axis of the unit cube: a parameter, or one entry of a parameter with `per`."""

    parameter: Parameter
    index: int | None = None

    @property
    def name(self) -> str:
        """As shown to people: ``hidden_units[0]``."""
        name = self.parameter.name
        return name if self.index is None else f"{name}[{self.index}]"


@dataclass(frozen=True)
class Space:
    """Parameters in the order of the configuration.

    `settings` are the trainer's fixed settings, which `per` and `when` may name too. Every
    trial draws all coordinates; its params hold only the active ones.

    >>> from hpsearch.space.domain import Choice, Continuous
    >>> space = Space((
    ...     Parameter("optimizer", Choice(("momentum", "adam"))),
    ...     Parameter("momentum", Continuous(0.8, 1), when={"optimizer": ("momentum",)}),
    ... ))
    >>> space.params(np.array([0.1, 0.5])), space.params(np.array([0.9, 0.5]))
    ({'optimizer': 'momentum', 'momentum': 0.9}, {'optimizer': 'adam'})
    """

    parameters: tuple[Parameter, ...]
    settings: Mapping[str, Choosable] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Parameter:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    @cached_property
    def _by_name(self) -> dict[str, Parameter]:
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """The axes of the unit cube; fixed parameters own none."""
        return tuple(
            Coordinate(parameter, index)
            for parameter in self.parameters
            if not parameter.fixed
            for index in (range(self.most(parameter.per)) if parameter.per else (None,))
        )

    @property
    def dimensions(self) -> int:
        """The number of coordinates."""
        return len(self.coordinates)

    @cached_property
    def columns(self) -> dict[str, list[int]]:
        """The coordinates that each parameter owns, by parameter name."""
        owned: dict[str, list[int]] = {parameter.name: [] for parameter in self.parameters}
        for column, coordinate in enumerate(self.coordinates):
            owned[coordinate.parameter.name].append(column)
        return owned

    def most(self, name: str) -> int:
        """The largest value of an integer parameter or fixed setting; `per` counts up to it."""
        domain = self[name].domain if name in self else Fixed(self.settings[name])
        largest = largest_integer(domain)
        if largest is None:
            raise ValueError(f"{name} is not a non-negative integer")
        return largest

    @cached_property
    def in_order(self) -> tuple[Parameter, ...]:
        """Parameters with those that `per` and `when` name before those that name them."""
        ordered: dict[str, Parameter] = {}

        def place(parameter: Parameter, above: tuple[str, ...] = ()) -> None:
            if parameter.name in above:
                raise ValueError(f"a circle of per and when: {' -> '.join(above)}")
            for name in (*parameter.when, *((parameter.per,) if parameter.per else ())):
                if name in self:
                    place(self[name], (*above, parameter.name))
            ordered[parameter.name] = parameter

        for parameter in self.parameters:
            place(parameter)
        return tuple(ordered.values())

    def active(self, parameter: Parameter, known: Mapping[str, Any]) -> bool:
        """Whether a parameter counts, given the active ones before it."""
        if parameter.per is None and not parameter.when:
            return True
        if parameter.per is not None and not self._has(parameter.per, known):
            return False
        return all(
            self._has(name, known)
            and any(same(known.get(name, self.settings.get(name)), value) for value in values)
            for name, values in parameter.when.items()
        )

    def _has(self, name: str, known: Mapping[str, Any]) -> bool:
        return name in known or name in self.settings

    def length(self, parameter: Parameter, known: Mapping[str, Any]) -> int | None:
        """How many values the trial holds of a parameter; None for one value, not a list."""
        if parameter.per is None:
            return None
        length = known.get(parameter.per, self.settings.get(parameter.per))
        return length if isinstance(length, int) else 0

    def params(self, point: Point) -> dict[str, Value | list[Value]]:
        """The setting at a point of the unit cube: active parameters only, in their order."""
        return self.all_params(point[None, :])[0]

    def all_params(self, points: Points) -> list[dict[str, Value | list[Value]]]:
        """The settings at many points, in much less time than one by one."""
        columns = [
            coordinate.parameter.domain.each(points[:, column])
            for column, coordinate in enumerate(self.coordinates)
        ]
        rows = zip(*columns, strict=True) if columns else [()] * len(points)
        return [self._setting(values) for values in rows]

    def _setting(self, values: Sequence[Any]) -> dict[str, Value | list[Value]]:
        """The setting with these values, one for each coordinate."""
        known: dict[str, Any] = {}
        for parameter in self.in_order:
            if not self.active(parameter, known):
                continue
            name, length = parameter.name, self.length(parameter, known)
            if parameter.fixed:
                value = parameter.domain.at(0.5)
                known[name] = value if length is None else [value] * length
            elif length is None:
                known[name] = values[self.columns[name][0]]
            else:
                known[name] = [values[column] for column in self.columns[name][:length]]
        return {name: known[name] for name in self._by_name if name in known}

    def point(self, params: Params) -> Point:
        """The place of a setting; NaN in the coordinates that are inactive in it.

        A value outside the space lies outside [0, 1]; a choice that is none of ours is NaN.
        """
        point = np.full(self.dimensions, np.nan)
        for name, value in params.items():
            if name in self:
                fraction = self[name].domain.fraction
                values = value if self[name].per and isinstance(value, list) else [value]
                for column, entry in zip(self.columns[name], values, strict=False):
                    point[column] = fraction(entry)
        return point

    def points(self, settings: Sequence[Params]) -> Points:
        """The places of many settings, one a row."""
        points = [self.point(params) for params in settings]
        return np.array(points).reshape(len(points), self.dimensions)

    def snap(self, points: Points) -> Points:
        """The places of the settings at these points: exact for discrete values and choices."""
        columns = [
            coordinate.parameter.domain.snap(points[:, column])
            for column, coordinate in enumerate(self.coordinates)
        ]
        return np.column_stack(columns) if columns else points

    def contains(self, params: Params) -> bool:
        """Whether a setting could be drawn: exactly the active parameters, each in its domain."""
        known: dict[str, Any] = {}
        for parameter in self.in_order:
            if not self.active(parameter, known):
                continue
            if parameter.name not in params:
                return False
            value = params[parameter.name]
            length = self.length(parameter, known)
            if length is not None and (not isinstance(value, list) or len(value) != length):
                return False
            entries = value if length is not None and isinstance(value, list) else [value]
            domain = parameter.domain
            if not all(domain.contains(entry) for entry in entries):
                return False
            known[parameter.name] = value if length is not None else domain.standard(value)
        return set(known) == set(params)

    @cached_property
    def crossed(self) -> int:
        """How many trials one draw stands for: one for each combination of crossed choices."""
        return prod(p.domain.count or 1 for p in self if p.cross)

    def standard(self, params: Params) -> dict[str, Value | list[Value]]:
        """A setting with each value as the space writes it; one that it lacks stays as it is.

        >>> from hpsearch.space.domain import Discrete
        >>> space = Space((Parameter("x", Discrete(0.1, 0.5, 0.1, integer=False)),))
        >>> space.standard({"x": 0.1 * 3})
        {'x': 0.3}
        """
        found: dict[str, Any] = {}
        for name, value in params.items():
            found[name] = value
            if name in self:
                parameter = self[name]
                domain = parameter.domain
                if parameter.per is not None and isinstance(value, list):
                    found[name] = [domain.standard(v) if domain.contains(v) else v for v in value]
                elif domain.contains(value):
                    found[name] = domain.standard(value)
        return found

    def crossings(self, params: Params) -> list[dict[str, Value | list[Value]]]:
        """A draw with every combination of the crossed choices; itself where none is crossed."""
        settings: list[dict[str, Any]] = [dict(params)]
        for parameter in self.parameters:
            if parameter.cross and parameter.name in params:
                settings = [
                    {**setting, parameter.name: value}
                    for setting in settings
                    for value in parameter.domain.as_config()["values"]
                ]
        return settings

    def as_config(self) -> dict[str, dict[str, Any]]:
        """The space as a configuration writes it."""
        return {parameter.name: parameter.as_config() for parameter in self.parameters}
