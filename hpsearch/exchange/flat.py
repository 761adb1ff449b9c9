"""Settings for tools whose parameters are single values: `units: [8, 4]` is units_0, units_1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hpsearch.space import Choice, Fixed, Parameter, Space
from hpsearch.trial import Params


def entry_name(space: Space, name: str, index: int) -> str:
    """What an entry of a parameter with `per` is called; never what another is called."""
    flat = f"{name}_{index}"
    while flat in space:
        flat += "_"
    return flat


def flatten(space: Space, params: Params) -> dict[str, Any]:
    """A setting with a name of its own for each entry of a parameter with `per`."""
    flat: dict[str, Any] = {}
    for name, value in params.items():
        if name in space and space[name].per is not None and isinstance(value, list):
            flat |= {entry_name(space, name, i): entry for i, entry in enumerate(value)}
        else:
            flat[name] = value
    return flat


def gather(space: Space, flat: Mapping[str, Any]) -> dict[str, Any]:
    """What `flatten` made flat; what is of another shape stays as it is.

    Parameters come in the space's order. A choice may also come as its JSON text, which is how
    tools without lists hold it.
    """
    params = dict(flat)
    for parameter in space:
        name = parameter.name
        if parameter.per is None:
            if name in params and not parameter.domain.contains(params[name]):
                params[name] = _told(parameter, params[name])
            continue
        names = [entry_name(space, name, i) for i in range(space.most(parameter.per))]
        found = [each for each in names if each in params]
        if found and found == names[: len(found)]:
            params[name] = [_told(parameter, params.pop(each)) for each in found]
        elif not found and name not in params and _is_empty(space, parameter, params):
            params[name] = []
    in_order = [parameter.name for parameter in space if parameter.name in params]
    return {name: params[name] for name in (*in_order, *params)}


def _told(parameter: Parameter, value: Any) -> Any:
    """The choice whose JSON text a value is; else the value."""
    domain = parameter.domain
    values = domain.values if isinstance(domain, Choice) else ()
    values = (domain.value,) if isinstance(domain, Fixed) else values
    if domain.contains(value):
        return value
    return next((choice for choice in values if json.dumps(choice) == value), value)


def _is_empty(space: Space, parameter: Parameter, params: Mapping[str, Any]) -> bool:
    """Whether a setting holds an empty list of a parameter: it is active, and `per` is 0."""
    assert parameter.per is not None
    length = params.get(parameter.per, space.settings.get(parameter.per))
    return length == 0 and space.active(parameter, params)
