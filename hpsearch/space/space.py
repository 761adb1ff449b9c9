"""The space: parameters on one side, points of the unit cube on the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isclose, prod
from typing import Any

import numpy as np

from hpsearch.fields import is_number
from hpsearch.shapes import Float
from hpsearch.space.domain import Choice, Discrete, Domain, Fixed, same
from hpsearch.space.expression import Expression, ExpressionError, InactiveError
from hpsearch.trial import Choosable, Params, Value, is_stored_number

Point = Float[np.ndarray, " dimensions"]
Points = Float[np.ndarray, "points dimensions"]


REMEMBERED = 1024  # places of settings, at most


@dataclass(frozen=True)
class Parameter:
    """One hyperparameter of the space.

    Attributes:
        name: as a configuration writes it.
        domain: the values that it can take.
        per: an integer parameter or fixed setting; a trial then holds a list of so many values.
        when: for each other parameter or fixed setting that is named, the values with which this
            parameter is active.
        cross: whether each draw is trained with every value of this choice.
        guess: the value that the user expects to be best, alone; empty where there is none.
        alternatives: parameters of the same name, of which the one counts whose `when` holds. The
            domain of this one then spans theirs; `when` and `guess` are empty.
    """

    name: str
    domain: Domain
    per: str | None = None
    when: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    cross: bool = False
    guess: tuple[Choosable, ...] = ()
    alternatives: tuple[Parameter, ...] = ()

    @cached_property
    def depends_on(self) -> tuple[str, ...]:
        """The parameters and fixed settings that `when` and `per` name."""
        if self.alternatives:
            return tuple(dict.fromkeys(n for each in self.alternatives for n in each.depends_on))
        return (*self.when, self.per) if self.per else tuple(self.when)

    @property
    def branches(self) -> tuple[Parameter, ...]:
        """The alternatives; where there are none, the parameter itself."""
        return self.alternatives or (self,)

    @property
    def fixed(self) -> bool:
        """Whether every trial has the same value."""
        return isinstance(self.domain, Fixed)

    @property
    def categorical(self) -> bool:
        """Whether the values are listed, so that there is nothing between them."""
        return isinstance(self.domain, Choice)

    @property
    def ordered(self) -> bool:
        """Whether values that are close to each other on the coordinate are alike."""
        return not isinstance(self.domain, Choice) or self.domain.ordered

    def contains(self, value: Any) -> bool:
        """Whether a value can be drawn in some setting."""
        return any(each.domain.contains(value) for each in self.branches)

    def as_config(self) -> dict[str, Any] | list[dict[str, Any]]:
        """The parameter in the form of a configuration: a list where it has alternatives."""
        if self.alternatives:
            return [each.keys() for each in self.alternatives]
        return self.keys()

    def keys(self) -> dict[str, Any]:
        """The keys of one that has no alternatives."""
        config = self.domain.as_config()
        if self.guess:
            config["guess"] = self.guess[0]
        if self.per is not None:
            config["per"] = self.per
        if self.when:
            config["when"] = _when_as_config(self.when)
        return config | {"cross": True} if self.cross else config


@dataclass(frozen=True)
class Derived:
    """A value that is computed from others: no coordinate, nothing to search or to narrow.

    Where one of the names that it is computed from is inactive, it is inactive, too.
    """

    name: str
    expression: Expression
    when: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)

    @cached_property
    def depends_on(self) -> tuple[str, ...]:
        """The names of `when` and of the expression."""
        return (*self.when, *self.expression.names)

    def as_config(self) -> dict[str, Any]:
        """The derived value in the form of a configuration."""
        when = {"when": _when_as_config(self.when)} if self.when else {}
        return {"derive": self.expression.text, **when}


def _when_as_config(when: Mapping[str, tuple[Value, ...]]) -> dict[str, Any]:
    return {name: values[0] if len(values) == 1 else list(values) for name, values in when.items()}


def largest_integer(domain: Domain) -> int | None:
    """The largest value of a domain of integers from 0 on; None for any other domain."""
    if isinstance(domain, Discrete):
        return int(domain.value(domain.count - 1)) if domain.integer and domain.low >= 0 else None
    values = domain.values if isinstance(domain, Choice | Fixed) else ()
    if not values or any(type(value) is not int or value < 0 for value in values):
        return None
    return max(value for value in values if isinstance(value, int))


@dataclass(frozen=True)
class Coordinate:
    """One axis of the unit cube: a parameter, or one entry of a parameter with `per`.

    Each of a parameter's alternatives has axes of its own, and is their parameter here.
    """

    parameter: Parameter
    index: int | None = None

    @property
    def name(self) -> str:
        """The name that users see, such as ``hidden_units[0]``."""
        name = self.parameter.name
        return name if self.index is None else f"{name}[{self.index}]"


@dataclass(frozen=True)
class Space:
    """The parameters of a search, and the unit cube with a coordinate for each of their values.

    Every trial draws all coordinates; its setting holds only the parameters that are active.

    Attributes:
        parameters: in the order of the configuration.
        settings: fixed settings of the trainer, which `per`, `when` and expressions may name, too.
        derived: values that are computed from those of parameters and settings.
        where: constraints; one that names an inactive parameter does not apply.

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
    derived: tuple[Derived, ...] = ()
    where: tuple[Expression, ...] = ()

    def __getitem__(self, name: str) -> Parameter:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def get(self, name: str) -> Parameter | None:
        """The parameter of this name; None where there is none."""
        return self._by_name.get(name)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    @cached_property
    def _by_name(self) -> dict[str, Parameter]:
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What a trial's setting may hold: the parameters, then the derived values."""
        return (*self._by_name, *(each.name for each in self.derived))

    def with_parameters(self, parameters: tuple[Parameter, ...]) -> Space:
        """The same space with other parameters.

        What is derived from one that is gone would be inactive in every setting, and a constraint
        that names one would never apply: they are gone, too.
        """
        names = {*self.settings, *(parameter.name for parameter in parameters)}
        derived: list[Derived] = []
        for each in self.derived_order:
            if names.issuperset(each.depends_on):
                derived.append(each)
                names.add(each.name)
        return replace(
            self,
            parameters=parameters,
            derived=tuple(each for each in self.derived if each in derived),
            where=tuple(each for each in self.where if names.issuperset(each.names)),
        )

    @property
    def constrained(self) -> bool:
        """Whether there may be points whose settings are not `feasible`."""
        return bool(self.where or self.derived)

    @cached_property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """The axes of the unit cube; fixed parameters have none."""
        return tuple(
            Coordinate(branch, index)
            for parameter in self.parameters
            for branch in parameter.branches
            if not branch.fixed
            for index in (range(self.most(branch.per)) if branch.per else (None,))
        )

    @property
    def dimensions(self) -> int:
        """The number of coordinates."""
        return len(self.coordinates)

    @cached_property
    def columns(self) -> dict[str, list[int]]:
        """For each parameter, by name, the positions of its coordinates."""
        found: dict[str, list[int]] = {parameter.name: [] for parameter in self.parameters}
        for column, coordinate in enumerate(self.coordinates):
            found[coordinate.parameter.name].append(column)
        return found

    @cached_property
    def branches(self) -> dict[str, tuple[tuple[Parameter, list[int]], ...]]:
        """For each parameter, by name, its branches with the positions of their coordinates."""
        found: dict[str, tuple[tuple[Parameter, list[int]], ...]] = {}
        for parameter in self.parameters:
            if not parameter.alternatives:
                found[parameter.name] = ((parameter, self.columns[parameter.name]),)
                continue
            left = list(self.columns[parameter.name])
            length = self.most(parameter.per) if parameter.per else 1
            pairs = []
            for branch in parameter.alternatives:
                taken = 0 if branch.fixed else length
                pairs.append((branch, left[:taken]))
                left = left[taken:]
            found[parameter.name] = tuple(pairs)
        return found

    def most(self, name: str) -> int:
        """The longest list of a parameter whose `per` is this parameter or fixed setting.

        Raises:
            ValueError: it can be something else than an integer from 0 on.
        """
        domain = self[name].domain if name in self else Fixed(self.settings[name])
        largest = largest_integer(domain)
        if largest is None:
            raise ValueError(f"{name} is not a non-negative integer")
        return largest

    @cached_property
    def deciding(self) -> frozenset[str]:
        """What decides whether parameters are active, and how long their lists are."""
        return frozenset(name for parameter in self for name in parameter.depends_on)

    @cached_property
    def in_order(self) -> tuple[Parameter, ...]:
        """The parameters, each after those that its `per` and `when` name.

        Raises:
            ValueError: parameters depend on each other in a circle.
        """
        ordered: dict[str, Parameter] = {}

        def place(parameter: Parameter, above: tuple[str, ...] = ()) -> None:
            if parameter.name in above:
                raise ValueError(f"a circle of per and when: {' -> '.join(above)}")
            for name in parameter.depends_on:
                if name in self and name not in ordered:
                    place(self[name], (*above, parameter.name))
            ordered[parameter.name] = parameter

        for parameter in self.parameters:
            place(parameter)
        return tuple(ordered.values())

    def active(self, parameter: Parameter | Derived, chosen: Mapping[str, Any]) -> bool:
        """Whether a parameter is active, given the values of those before it `in_order`."""
        if isinstance(parameter, Parameter) and parameter.alternatives:
            return self.branch(parameter, chosen) is not None
        return self._holds(parameter, chosen)

    def _holds(self, parameter: Parameter | Derived, chosen: Mapping[str, Any]) -> bool:
        """Whether what `when` and `per` name is active, and has a value that `when` allows."""
        for name in parameter.depends_on:
            if name not in chosen and name not in self.settings:
                return False
        for name, values in parameter.when.items():
            value = self._value(name, chosen)
            if not any(same(value, each) for each in values):
                return False
        return True

    def branch(self, parameter: Parameter, chosen: Mapping[str, Any]) -> Parameter | None:
        """The parameter as it counts beside these values: itself, or its alternative that holds.

        None where it is inactive.
        """
        found = self._branch(parameter, chosen)
        return None if found is None else found[0]

    def _branch(
        self, parameter: Parameter, chosen: Mapping[str, Any]
    ) -> tuple[Parameter, list[int]] | None:
        """The same with the positions of its coordinates."""
        for pair in self.branches[parameter.name]:
            if not pair[0].depends_on or self._holds(pair[0], chosen):
                return pair
        return None

    def length(self, parameter: Parameter, chosen: Mapping[str, Any]) -> int | None:
        """How many values a list holds for this parameter; None if it has one value, no list."""
        if parameter.per is None:
            return None
        length = self._value(parameter.per, chosen)
        return length if isinstance(length, int) else 0

    def _value(self, name: str, chosen: Mapping[str, Any]) -> Any:
        return chosen.get(name, self.settings.get(name))

    def params(self, point: Point) -> dict[str, Choosable]:
        """The setting at a point of the unit cube: its active parameters."""
        return self.all_params(point[None, :])[0]

    def all_params(self, points: Points) -> list[dict[str, Choosable]]:
        """The settings at many points; much faster than one by one."""
        columns = [
            coordinate.parameter.domain.each(points[:, column])
            for column, coordinate in enumerate(self.coordinates)
        ]
        rows = zip(*columns, strict=True) if columns else [()] * len(points)
        return [self._setting(values) for values in rows]

    def _setting(self, values: Sequence[Any]) -> dict[str, Choosable]:
        """The setting with these values, one for each coordinate."""
        chosen: dict[str, Any] = {}
        for parameter in self.in_order:
            name = parameter.name
            for pair in self.branches[name]:
                if not pair[0].depends_on or self._holds(pair[0], chosen):
                    break
            else:
                continue
            branch, columns = pair
            length = None if branch.per is None else self.length(branch, chosen)
            if branch.fixed:
                value = branch.domain.nth(0)
                chosen[name] = value if length is None else [value] * length
            elif length is None:
                chosen[name] = values[columns[0]]
            else:
                chosen[name] = [values[column] for column in columns[:length]]
        return self.with_derived({name: chosen[name] for name in self._by_name if name in chosen})

    @cached_property
    def derived_order(self) -> tuple[Derived, ...]:
        """Derived values, each after those that it is computed from.

        Raises:
            ValueError: they depend on each other in a circle.
        """
        waiting = {each.name: each for each in self.derived}
        ordered: list[Derived] = []
        while waiting:
            ready = [each for each in waiting.values() if not waiting.keys() & {*each.depends_on}]
            if not ready:
                raise ValueError(f"a circle of derive: {', '.join(waiting)}")
            ordered += ready
            waiting = {name: each for name, each in waiting.items() if each not in ready}
        return tuple(ordered)

    def derived_of(self, params: Params) -> dict[str, Choosable]:
        """The derived values of a setting, whatever it holds under their names.

        Raises:
            ExpressionError: one has no value, as of 1 / 0.
        """
        if not self.derived:
            return {}
        chosen: dict[str, Any] = dict(params)
        for each in self.derived:
            chosen.pop(each.name, None)
        for each in self.derived_order:
            if self.active(each, chosen):
                try:
                    value = each.expression.value({**self.settings, **chosen})
                except InactiveError:
                    continue
                for entry in value if isinstance(value, list) else [value]:
                    if is_number(entry) and not is_stored_number(entry):
                        raise ExpressionError(f"{each.expression.text}: is too large")
                chosen[each.name] = value
        return {each.name: chosen[each.name] for each in self.derived if each.name in chosen}

    def with_derived(self, params: Params) -> dict[str, Choosable]:
        """A setting with its derived values; without any where one has no value."""
        if not self.derived:
            return dict(params)
        try:
            found = self.derived_of(params)
        except ExpressionError:
            found = {}
        names = {each.name for each in self.derived}
        return {**{name: value for name, value in params.items() if name not in names}, **found}

    def violation(self, params: Params) -> str | None:
        """The first constraint that a setting does not keep, in words; None if it keeps all.

        Values of which a constraint cannot be computed do not keep it.
        """
        text = ""
        try:
            values = {**self.settings, **params, **self.derived_of(params)}
            for constraint in self.where:
                text = constraint.text
                if not constraint.holds(values):
                    return f"does not keep {text!r}"
        except ExpressionError as error:
            return f"does not keep {text!r}: {error}" if text else f"has no value of {error}"
        return None

    def feasible(self, params: Params) -> bool:
        """Whether a draw keeps the constraints, in all the trials that it becomes."""
        trials = [params] if self.crossed == 1 else self.crossings(params)
        return all(self.violation(each) is None for each in trials)

    def point(self, params: Params) -> Point:
        """The place of a setting; NaN in the coordinates that are inactive in it.

        A number that the space does not contain may lie outside [0, 1]; a choice that it does
        not contain is NaN.
        """
        point = np.full(self.dimensions, np.nan)
        for name, value in params.items():
            if name in self:
                branch, columns = self[name], self.columns[name]
                if branch.alternatives:
                    if (found := self._branch(branch, params)) is None:
                        continue
                    branch, columns = found
                fraction = branch.domain.fraction
                values = value if branch.per and isinstance(value, list) else [value]
                for column, entry in zip(columns, values, strict=False):
                    point[column] = fraction(entry)
        return point

    def points(self, settings: Sequence[Params]) -> Points:
        """The places of many settings, one in each row."""
        points = [self._point(params) for params in settings]
        return np.array(points).reshape(len(points), self.dimensions)

    def _point(self, params: Params) -> Point:
        """The place of a setting, remembered: a round looks at most of those that the last did."""
        try:
            known = (*params.items(), *map(type, params.values()))  # 1 and True are two choices
            found = self._remembered.get(known)
        except TypeError:  # lists
            return self.point(params)
        if found is None:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            found = self._remembered[known] = self.point(params)
        return found

    @cached_property
    def _remembered(self) -> dict[tuple[Any, ...], Point]:
        return {}

    def snap(self, points: Points) -> Points:
        """Move points to the places of their settings: a discrete value or choice has one."""
        columns = [
            coordinate.parameter.domain.snap(points[:, column])
            for column, coordinate in enumerate(self.coordinates)
        ]
        return np.column_stack(columns) if columns else points

    def contains(self, params: Params) -> bool:
        """Whether a setting could be drawn: it has the active parameters, each in its domain."""
        chosen: dict[str, Any] = {}
        for parameter in self.in_order:
            branch = self.branch(parameter, chosen)
            if branch is None:
                continue
            if parameter.name not in params:
                return False
            value = params[parameter.name]
            length = self.length(parameter, chosen)
            if length is not None and (not isinstance(value, list) or len(value) != length):
                return False
            entries = value if length is not None and isinstance(value, list) else [value]
            domain = branch.domain
            if not all(domain.contains(entry) for entry in entries):
                return False
            chosen[parameter.name] = value if length is not None else domain.standard(value)
        if not self.constrained:
            return set(chosen) == set(params)
        if self.violation(params) is not None or not self.computes(params):
            return False
        return {*chosen, *self.derived_of(params)} == set(params)

    def computes(self, params: Params) -> bool:
        """Whether the derived values that a setting holds are what its parameters come to."""
        held = [each.name for each in self.derived if each.name in params]
        try:
            found = self.derived_of(params)
        except ExpressionError:
            return not held
        return all(
            name in found
            and (same(found[name], params[name]) or _nearly(found[name], params[name]))
            for name in held
        )

    @cached_property
    def crossed(self) -> int:
        """How many trials a draw becomes: one for each combination of the crossed choices."""
        return prod(p.domain.count or 1 for p in self if p.cross)

    def standard(self, params: Params) -> dict[str, Choosable]:
        """A setting without rounding errors; what the space does not contain stays as it is.

        >>> from hpsearch.space.domain import Discrete
        >>> space = Space((Parameter("x", Discrete(0.1, 0.5, 0.1, integer=False)),))
        >>> space.standard({"x": 0.1 * 3})
        {'x': 0.3}
        """
        found: dict[str, Any] = {}
        for name, value in params.items():
            found[name] = value
            parameter = self.get(name)
            if parameter is not None and parameter.alternatives:
                parameter = self.branch(parameter, params)
            if parameter is not None:
                domain = parameter.domain
                if parameter.per is not None and isinstance(value, list):
                    found[name] = [domain.standard(v) if domain.contains(v) else v for v in value]
                elif domain.contains(value):
                    found[name] = domain.standard(value)
        return self.with_derived(found) if self.derived and self.computes(params) else found

    def crossings(self, params: Params) -> list[dict[str, Choosable]]:
        """The trials that a draw becomes: one for each combination of the crossed choices."""
        settings: list[dict[str, Any]] = [dict(params)]
        for parameter in self.parameters:
            if parameter.cross and parameter.name in params:
                settings = [
                    {**setting, parameter.name: value}
                    for setting in settings
                    for value in parameter.domain.as_config()["values"]
                ]
        return settings if len(settings) == 1 else [*map(self.with_derived, settings)]

    def unordered(self) -> Space:
        """The same space, none of whose choices has an order."""

        def without_order(parameter: Parameter) -> Parameter:
            if not isinstance(parameter.domain, Choice):
                return parameter
            alternatives = tuple(map(without_order, parameter.alternatives))
            domain = replace(parameter.domain, ordered=False)
            return replace(parameter, domain=domain, alternatives=alternatives)

        return replace(self, parameters=tuple(map(without_order, self.parameters)))

    def as_config(self) -> dict[str, Any]:
        """The space in the form of a configuration; its constraints stand beside it."""
        config: dict[str, Any] = {
            parameter.name: parameter.as_config() for parameter in self.parameters
        }
        return config | {each.name: each.as_config() for each in self.derived}


def _nearly(computed: Any, value: Any) -> bool:
    """Whether two numbers differ by no more than another machine's logarithm does."""
    return is_number(computed) and is_number(value) and isclose(computed, value, rel_tol=1e-12)
