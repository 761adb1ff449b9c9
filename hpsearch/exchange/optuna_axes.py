"""Parameters of ours as Optuna's distributions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.exchange.contents import Contents
from hpsearch.exchange.flat import entry_name, flatten
from hpsearch.exchange.optuna_storage import library
from hpsearch.space import LOG, Choice, Continuous, Discrete, Domain, Fixed, same


@dataclass(frozen=True)
class Axis:
    """A distribution, and whether its choices are JSON texts of the values."""

    distribution: Any
    texts: bool = False

    def value(self, value: Any) -> Any:
        """A value as the distribution has it."""
        return json.dumps(value) if self.texts else value


def axes(contents: Contents) -> dict[str, Axis]:
    """An axis for each name in the flat settings of a run.

    One that settings by hand leave is made wide enough, for all trials alike: Optuna's analyses
    leave out a parameter whose distribution changes.
    """
    seen: dict[str, list[Any]] = {}
    domains: dict[str, Domain] = {}
    for known in contents.trials:
        for name, value in flatten(contents.space, known.result.params).items():
            seen.setdefault(name, []).append(value)
    for parameter in contents.space:
        domains[parameter.name] = parameter.domain
        if parameter.per is not None:
            for i in range(contents.space.most(parameter.per)):
                domains[entry_name(contents.space, parameter.name, i)] = parameter.domain
    return {name: axis(domains.get(name), values) for name, values in seen.items()}


def axis(domain: Domain | None, seen: Sequence[Any]) -> Axis:
    """The distribution that comes nearest to a domain and holds all values seen.

    The scale 1-10^r becomes a plain range, as Optuna has no such scale, and so do steps on a
    scale other than linear.
    """
    if not isinstance(domain, Continuous | Discrete) or not all(map(_is_number, seen)):
        return _choice(_values(domain), seen)
    dists = library().distributions
    low, high = min(domain.low, *seen), max(_last(domain), *seen)
    log = domain.scale is LOG and low > 0
    if isinstance(domain, Continuous):
        return Axis(dists.FloatDistribution(low, high, log=log))
    on_grid = all(domain.index(value) is not None for value in seen)
    if domain.integer and all(type(value) is int for value in seen):
        if log and domain.step == 1:
            return Axis(dists.IntDistribution(low, high, log=True))
        return Axis(dists.IntDistribution(low, high, step=domain.step if on_grid else 1))
    if on_grid and not log:
        return Axis(dists.FloatDistribution(low, high, step=domain.step))
    return Axis(dists.FloatDistribution(low, high, log=log))


def _choice(values: Iterable[Any], seen: Iterable[Any]) -> Axis:
    """A categorical distribution; JSON texts where Optuna could not tell the values apart."""
    choices: list[Any] = []
    for value in (*values, *seen):
        if not any(same(value, known) for known in choices):
            choices.append(value)
    plain = not any(isinstance(value, list) for value in choices)
    texts = not plain or len(set(choices)) < len(choices)  # true and 1 are equal
    names = [json.dumps(value) for value in choices] if texts else choices
    return Axis(library().distributions.CategoricalDistribution(names), texts)


def _values(domain: Domain | None) -> tuple[Any, ...]:
    if isinstance(domain, Choice):
        return domain.values
    return (domain.value,) if isinstance(domain, Fixed) else ()


def _last(domain: Continuous | Discrete) -> float:
    return domain.high if isinstance(domain, Continuous) else domain.value(domain.count - 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def placed(axes: Mapping[str, Axis], flat: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """A flat setting as Optuna has it: the values, and the distribution of each."""
    values = {name: axes[name].value(value) for name, value in flat.items()}
    return values, {name: axes[name].distribution for name in flat}
