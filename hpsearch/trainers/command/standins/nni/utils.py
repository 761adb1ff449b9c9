"""What scripts commonly import from `nni.utils`: how parameters are merged into arguments."""

from __future__ import annotations

from typing import Any


def merge_parameter(
    base_params: Any,
    override_params: dict[str, Any] | None,
) -> Any:
    """Set parameters in a namespace or a dict of defaults, which must have each of them.

    Raises:
        ValueError: there is no such parameter, or it is of another type.
    """
    if override_params is None:
        return base_params
    is_dict = isinstance(base_params, dict)
    held = base_params if is_dict else vars(base_params)
    for name, value in override_params.items():
        if name not in held:
            raise ValueError(f"Key '{name}' not found in base parameters.")
        kind = type(held[name])
        if held[name] is not None and not isinstance(value, kind):
            if not (kind is float and isinstance(value, int)):
                raise ValueError(
                    f"Expected '{name}' in override parameters to have type {kind}, "
                    f"but found {type(value)}."
                )
            value = float(value)
        held[name] = value
    return base_params
